//! The same key on a new polynomial: refresh, repair of a lost share, a changed threshold, membership or placement.
//!
//! At least `min_signers` holders of the current epoch deal their shares, each weighted by its Lagrange coefficient, to the receivers
//! of the new one. The verifying key and the chain code stay what they are; shares of different epochs do not fit together.
//!
//! ```text
//!  refresh       dealers: all or enough holders      receivers: the same as before
//!  repair        dealers: the other holders          receivers: the same as before, the one that lost its share included
//!  eviction      dealers: holders that stay          receivers: those, and perhaps new ones
//!  new t, n      dealers: enough holders             receivers: as the new placement says
//! ```
//!
//! # Security
//!
//! A share of the new epoch exists only with the certificate of all its receivers, as in a key generation. Three things are the
//! caller's, because they outlive a session: the epoch number must be above every number that any participant has seen for the key,
//! also in attempts that failed; a pending share whose confirmation left must be kept until a certificate of its own or a higher
//! epoch is complete; and old shares must be destroyed only then. The sibling crates `quorate-storage` and `quorate` do all three.
//!
//! A participant that is new to the key learns the verifying key from whoever owns the key, and compares; a group that makes up a key
//! can make up its certificate as well.
//!
//! Spec: docs/protocols.md, section 1. The engine is the private module `dealing`, which key generation shares.

use alloc::{collections::BTreeMap, vec::Vec};

use rand_core::TryCryptoRng;
use zeroize::Zeroizing;

pub use crate::dealing::Outcome;
use crate::{
    curve::Curve,
    dealing::{DealingRounds, Known, Purpose, Terms},
    error::{Error, InputError},
    identifier::{Identifier, ParticipantSet},
    keys::{Epoch, KeyShare, PublicKeyPackage},
    machine::Machine,
    placement::Placement,
    polynomial,
    randomness::Hedged,
    session::{Context, ContextFields, ProtocolId, Session},
};

/// A reshare in progress, for one participant.
pub type Reshare<C> = Machine<ReshareRounds<C>>;

/// The rounds of a reshare.
pub type ReshareRounds<C> = DealingRounds<C, Resharing>;

/// A dealing of a key that exists.
#[derive(Debug)]
#[non_exhaustive]
pub struct Resharing;

impl Purpose for Resharing {
    type Output<C: Curve> = Outcome<C>;

    const PROTOCOL: ProtocolId = ProtocolId::Reshare;

    fn output<C: Curve>(outcome: Outcome<C>) -> Result<Outcome<C>, Error> {
        Ok(outcome)
    }
}

/// What a reshare makes of a key. All its participants must be given the same.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NewEpoch {
    /// The holders of the current epoch that deal: at least its `min_signers`.
    pub dealers: ParticipantSet,
    /// Who receives shares, where, and how many will sign.
    pub placement: Placement,
    /// The number of the new epoch.
    pub epoch: Epoch,
}

impl NewEpoch {
    /// Names the dealers, the new placement and the new number.
    #[must_use]
    pub const fn new(dealers: ParticipantSet, placement: Placement, epoch: Epoch) -> Self {
        Self { dealers, placement, epoch }
    }
}

impl<C: Curve> Reshare<C> {
    /// Starts the reshare for a holder that deals. It need not be a receiver: then it leaves the key, and ends with
    /// [`Outcome::Left`].
    ///
    /// # Errors
    ///
    /// [`InputError::UnknownParticipant`] if this participant is not a dealer, [`InputError::ParticipantsDiffer`] if the session's
    /// peers are not exactly the dealers and the receivers, or a dealer holds no share, [`InputError::TooFewSigners`] if the dealers are
    /// fewer than `min_signers`, [`InputError::EpochNotNew`], [`Error::Randomness`] if the generator fails.
    pub fn start_dealer(
        session: &Session,
        share: &KeyShare<C>,
        new: NewEpoch,
        rng: &mut impl TryCryptoRng,
    ) -> Result<Self, Error> {
        let me = share.identifier();
        let terms = terms(session, share.package(), new, me)?;
        let weight = polynomial::lagrange_coefficient::<C>(&terms.dealers, me)?;
        let mut hedged = draw(session, &terms.context, me, rng)?;
        let secret = share.signing_share();
        hedged.bind(Zeroizing::new(C::encode_scalar(secret.expose())).as_slice(), &[]);
        Ok(Self::deal(terms, Some(weight * secret.expose()), hedged))
    }

    /// Starts the reshare for a receiver that does not deal: one that is new to the key, that lost its share, or that is not needed.
    ///
    /// `old` is the package of the current epoch. Who does not hold a share of it must know from the key's owner that it is the key's.
    ///
    /// # Errors
    ///
    /// As [`start_dealer`](Self::start_dealer), and [`InputError::UnknownParticipant`] if `me` is not a receiver, or is a dealer.
    pub fn start_receiver(
        session: &Session,
        old: &PublicKeyPackage<C>,
        new: NewEpoch,
        me: Identifier,
        rng: &mut impl TryCryptoRng,
    ) -> Result<Self, Error> {
        if new.dealers.contains(me) || !new.placement.participants().contains(me) {
            return Err(InputError::UnknownParticipant(me).into());
        }
        let terms = terms(session, old, new, me)?;
        let hedged = draw(session, &terms.context, me, rng)?;
        Ok(Self::deal(terms, None, hedged))
    }
}

fn draw(session: &Session, context: &Context, me: Identifier, rng: &mut impl TryCryptoRng) -> Result<Hedged, Error> {
    let hedge_context = [context.as_bytes().as_slice(), &me.to_u16().to_be_bytes()];
    Hedged::draw(rng, b"reshare", session.identity_secret(), &hedge_context)
}

/// Everyone's own checks.
fn terms<C: Curve>(session: &Session, old: &PublicKeyPackage<C>, new: NewEpoch, me: Identifier) -> Result<Terms, Error> {
    let NewEpoch { dealers, placement, epoch } = new;
    if let Some(stranger) = dealers.iter().find(|id| !old.participants().contains(*id)) {
        return Err(InputError::UnknownParticipant(stranger).into());
    }
    let needed = old.threshold().min_signers();
    if dealers.len() < usize::from(needed) {
        return Err(InputError::TooFewSigners { given: dealers.len(), needed }.into());
    }
    if epoch <= old.epoch() {
        return Err(InputError::EpochNotNew { given: epoch, highest: old.epoch() }.into());
    }
    check_participants(session, &dealers, &placement)?;
    let context = session.context(&ContextFields {
        protocol: ProtocolId::Reshare,
        suite: C::SUITE,
        senders: &dealers,
        receivers: placement.participants(),
        old_threshold: Some(old.threshold()),
        threshold: placement.threshold(),
        package: Some(old.digest()),
        placement: Some(&placement.digest()),
        key_id: Some(old.key_id().as_bytes()),
        epoch,
    });
    let known = Known { constants: weighted_shares(old, &dealers)?, chain_code: *old.chain_code() };
    Ok(Terms { context, me, dealers, placement, key_id: old.key_id(), epoch, known: Some(known) })
}

/// The session is of exactly the dealers and the receivers, and the placement of as many as its threshold says.
pub(crate) fn check_participants(session: &Session, dealers: &ParticipantSet, placement: &Placement) -> Result<(), InputError> {
    let receivers = placement.participants();
    let everyone = ParticipantSet::new(dealers.iter().filter(|id| !receivers.contains(*id)).chain(receivers.iter()))?;
    if session.peers().participants()? != everyone {
        return Err(InputError::ParticipantsDiffer("session"));
    }
    if receivers.len() != usize::from(placement.threshold().max_signers()) {
        return Err(InputError::ParticipantsDiffer("placement"));
    }
    Ok(())
}

/// `λ_i(D)·Y_i` of every dealer, encoded.
fn weighted_shares<C: Curve>(
    old: &PublicKeyPackage<C>,
    dealers: &ParticipantSet,
) -> Result<BTreeMap<Identifier, Vec<u8>>, InputError> {
    let weights = polynomial::lagrange_coefficients::<C>(dealers);
    let mut points = Vec::with_capacity(dealers.len());
    for (dealer, weight) in dealers.iter().zip(weights) {
        points.push(old.verifying_share(dealer)?.0 * weight);
    }
    Ok(dealers.iter().zip(C::encode_points(&points)).map(|(dealer, point)| (dealer, point.as_ref().to_vec())).collect())
}

#[cfg(test)]
mod tests;
