//! A key that was whole, dealt in shares to its participants over their links.

use alloc::collections::BTreeMap;

use curve25519_dalek::scalar::{Scalar, clamp_integer};
use ff::Field;
use rand_core::TryCryptoRng;
use sha2::{Digest, Sha512};
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

/// The key that a whole secret stands for.
///
/// # Errors
///
/// [`Error::Decode`] if the scalar is not canonical, [`InputError::InvalidSecret`] if it is zero.
pub fn verifying_key<C: Curve>(secret: &Zeroizing<[u8; 32]>) -> Result<VerifyingKey<C>, Error> {
    let scalar = Secret::new(C::decode_scalar(secret)?);
    if scalar.expose().is_zero().into() {
        return Err(InputError::InvalidSecret.into());
    }
    Ok(VerifyingKey(C::mul_generator(scalar.expose())))
}

/// The scalar of a 32-byte Ed25519 seed (RFC 8032, section 5.1.5), as [`Import::start_owner`] takes it.
///
/// Signatures of the shares do not use the other half of the hash, from which a single signer draws its nonces; the public key and the
/// addresses are the seed's.
#[must_use]
pub fn ed25519_scalar(seed: &Zeroizing<[u8; 32]>) -> Zeroizing<[u8; 32]> {
    let hash = Zeroizing::new(<[u8; 64]>::from(Sha512::digest(seed.as_slice())));
    let mut low = Zeroizing::new([0; 32]);
    low.iter_mut().zip(hash.iter()).for_each(|(low, byte)| *low = *byte);
    let scalar = Secret::new(Scalar::from_bytes_mod_order(clamp_integer(*low)));
    Zeroizing::new(scalar.expose().to_bytes())
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
