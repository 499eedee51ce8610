//! A fresh key: everyone deals a random constant term, and the sum of them all is the key that nobody knows.
//!
//! ```no_run
//! # use quorate_core::{*, keygen::Keygen, curve::Ed25519};
//! # fn network_send(_: Identifier, _: &[u8]) {} fn network_receive() -> (Identifier, Vec<u8>) { unimplemented!() }
//! # fn store(_: &[u8]) {}
//! # fn run(session: Session, placement: Placement, me: Identifier) -> Result<(), Error> {
//! let mut keygen = Keygen::<Ed25519>::start(&session, placement, me, &mut getrandom::SysRng)?;
//! let key_share = loop {
//!     if let Some(pending) = keygen.pending() {
//!         store(&pending.value()?.to_secret_bytes()); // durable, before the confirmation leaves
//!         pending.stored()?;
//!     }
//!     while let Some(message) = keygen.next_outgoing() {
//!         network_send(message.to, &message.bytes);
//!     }
//!     if let Some(key_share) = keygen.take_output() {
//!         break key_share;
//!     }
//!     let (from, bytes) = network_receive();
//!     keygen.handle(from, &bytes)?;
//! };
//! # Ok(()) }
//! ```
//!
//! Spec: docs/protocols.md, section 1. The engine is the private module `dealing`.

use rand_core::TryCryptoRng;

use crate::{
    curve::Curve,
    dealing::{DealingRounds, Outcome, Purpose, Terms},
    error::{Error, InputError},
    identifier::Identifier,
    keys::{KeyId, KeyShare},
    machine::Machine,
    placement::Placement,
    randomness::Hedged,
    session::{ContextFields, ProtocolId, Session},
};

/// A key generation in progress, for one participant.
pub type Keygen<C> = Machine<KeygenRounds<C>>;

/// The rounds of a key generation.
pub type KeygenRounds<C> = DealingRounds<C, Fresh>;

/// A dealing for a fresh key.
#[derive(Debug)]
#[non_exhaustive]
pub struct Fresh;

impl Purpose for Fresh {
    type Output<C: Curve> = KeyShare<C>;

    const PROTOCOL: ProtocolId = ProtocolId::Keygen;

    fn output<C: Curve>(outcome: Outcome<C>) -> Result<KeyShare<C>, Error> {
        match outcome {
            Outcome::Holds(share) => Ok(share),
            Outcome::Left(_) => Err(Error::Bug("a key generation without a share")),
        }
    }
}

impl<C: Curve> Keygen<C> {
    /// Starts the key generation of participant `me` for a key with this placement.
    ///
    /// The placement decides who takes part and how many sign; it was checked when it was built, and its digest becomes part of the
    /// key. Look at your own row of it before you call this: a placement checks what is declared, not what is true.
    ///
    /// # Errors
    ///
    /// [`InputError::UnknownParticipant`] if `me` is not in the placement, [`InputError::ParticipantsDiffer`] if the session's peers
    /// are not exactly the placement's participants, [`Error::Randomness`] if the generator fails.
    pub fn start(session: &Session, placement: Placement, me: Identifier, rng: &mut impl TryCryptoRng) -> Result<Self, Error> {
        if !placement.participants().contains(me) {
            return Err(InputError::UnknownParticipant(me).into());
        }
        if session.peers().participants()? != *placement.participants() {
            return Err(InputError::ParticipantsDiffer("session").into());
        }
        // Every checked placement has as many rows as its threshold says; an unchecked one may not.
        if placement.participants().len() != usize::from(placement.threshold().max_signers()) {
            return Err(InputError::ParticipantsDiffer("placement").into());
        }
        let dealers = placement.participants().clone();
        let context = session.context(&ContextFields {
            protocol: ProtocolId::Keygen,
            suite: C::SUITE,
            senders: &dealers,
            receivers: &dealers,
            old_threshold: None,
            threshold: placement.threshold(),
            package: None,
            placement: Some(&placement.digest()),
            key_id: None,
            epoch: 0,
        });
        let hedge_context = [context.as_bytes().as_slice(), &me.to_u16().to_be_bytes()];
        let mut hedged = Hedged::draw(rng, b"keygen", session.identity_secret(), &hedge_context)?;
        let constant = hedged.scalar::<C>();
        let terms = Terms { context, me, dealers, placement, key_id: KeyId::of(&context), epoch: 0, known: None };
        Ok(Self::deal(terms, Some(constant), hedged))
    }
}
