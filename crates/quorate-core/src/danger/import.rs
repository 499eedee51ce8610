//! A key that was whole, dealt in shares to its participants over their links.

use alloc::collections::BTreeMap;

use ff::Field;
use rand_core::TryCryptoRng;
use zeroize::Zeroizing;

use crate::{
    curve::Curve,
    dealing::{DealingRounds, Known, Outcome, Purpose, Terms},
    derive::ChainCode,
    domain,
    error::{Error, InputError},
    identifier::{Identifier, ParticipantSet},
    keys::{KeyId, VerifyingKey},
    machine::Machine,
    placement::Placement,
    randomness::Hedged,
    reshare::check_participants,
    secret::Secret,
    session::{ContextFields, ProtocolId, Session},
    transcript::Hash,
};

/// An import in progress, for one participant.
pub type Import<C> = Machine<ImportRounds<C>>;

/// The rounds of an import.
pub type ImportRounds<C> = DealingRounds<C, Importing>;

/// A dealing of a key that was whole.
#[derive(Debug)]
#[non_exhaustive]
pub struct Importing;

impl Purpose for Importing {
    type Output<C: Curve> = Outcome<C>;

    const PROTOCOL: ProtocolId = ProtocolId::Import;

    fn output<C: Curve>(outcome: Outcome<C>) -> Result<Outcome<C>, Error> {
        Ok(outcome)
    }
}

/// What is imported, by whom, and where its shares go. All participants must be given the same; the owner of the key says what it is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ImportedKey<C: Curve> {
    /// The number of the one that has the whole key; it may be a receiver too, and need not.
    pub owner: Identifier,
    /// The key.
    pub verifying_key: VerifyingKey<C>,
    /// The key's chain code, so that its children stay the same.
    pub chain_code: ChainCode,
    /// Who receives shares, where, and how many will sign.
    pub placement: Placement,
}

impl<C: Curve> ImportedKey<C> {
    /// Says what is imported, by whom, and where its shares go.
    #[must_use]
    pub const fn new(owner: Identifier, verifying_key: VerifyingKey<C>, chain_code: ChainCode, placement: Placement) -> Self {
        Self { owner, verifying_key, chain_code, placement }
    }
}

impl<C: Curve> Import<C> {
    /// Starts the import for the owner of the whole key. `secret` is the scalar in the suite's standard encoding.
    ///
    /// # Security
    ///
    /// The key was whole and is whole in this call. After an import it is as safe as the least safe place that it ever was in: prefer
    /// a new key, and a transfer to it.
    ///
    /// # Errors
    ///
    /// [`Error::Decode`] if the scalar is not canonical, [`InputError::InvalidSecret`] if it is not the key's,
    /// [`InputError::ParticipantsDiffer`] if the session's peers are not exactly the owner and the receivers, [`Error::Randomness`].
    pub fn start_owner(
        session: &Session,
        secret: &Zeroizing<[u8; 32]>,
        key: ImportedKey<C>,
        rng: &mut impl TryCryptoRng,
    ) -> Result<Self, Error> {
        let constant = Secret::new(C::decode_scalar(secret)?);
        if constant.expose().is_zero().into() || C::mul_generator(constant.expose()) != key.verifying_key.to_point() {
            return Err(InputError::InvalidSecret.into());
        }
        let me = key.owner;
        start(session, key, me, Some(&constant), rng)
    }

    /// Starts the import for a receiver, which has the verifying key from the key's owner.
    ///
    /// # Errors
    ///
    /// [`InputError::UnknownParticipant`] if `me` is not a receiver, or is the owner; otherwise as
    /// [`start_owner`](Self::start_owner).
    pub fn start_receiver(
        session: &Session,
        key: ImportedKey<C>,
        me: Identifier,
        rng: &mut impl TryCryptoRng,
    ) -> Result<Self, Error> {
        if me == key.owner || !key.placement.participants().contains(me) {
            return Err(InputError::UnknownParticipant(me).into());
        }
        start(session, key, me, None, rng)
    }
}

fn start<C: Curve>(
    session: &Session,
    key: ImportedKey<C>,
    me: Identifier,
    constant: Option<&Secret<C::Scalar>>,
    rng: &mut impl TryCryptoRng,
) -> Result<Import<C>, Error> {
    let ImportedKey { owner, verifying_key, chain_code, placement } = key;
    let dealers = ParticipantSet::new([owner])?;
    check_participants(session, &dealers, &placement)?;
    let key_bytes = verifying_key.to_bytes();
    let imported = Hash::new(domain::IMPORT).field(key_bytes.as_ref()).field(chain_code.as_bytes()).finish();
    let context = session.context(&ContextFields {
        protocol: ProtocolId::Import,
        suite: C::SUITE,
        senders: &dealers,
        receivers: placement.participants(),
        old_threshold: None,
        threshold: placement.threshold(),
        package: Some(&imported),
        placement: Some(&placement.digest()),
        key_id: None,
        epoch: 0,
    });
    let hedge_context = [context.as_bytes().as_slice(), &me.to_u16().to_be_bytes()];
    let mut hedged = Hedged::draw(rng, b"import", session.identity_secret(), &hedge_context)?;
    if let Some(constant) = constant {
        hedged.bind(Zeroizing::new(C::encode_scalar(constant.expose())).as_slice(), &[]);
    }
    let known = Known { constants: BTreeMap::from([(owner, key_bytes.as_ref().to_vec())]), chain_code };
    let terms = Terms { context, me, dealers, placement, key_id: KeyId::of(&context), epoch: 0, known: Some(known) };
    Ok(Import::deal(terms, constant.map(|constant| *constant.expose()), hedged))
}
