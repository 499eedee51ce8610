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

use alloc::sync::Arc;

use rand_core::TryCryptoRng;

use crate::{
    curve::Curve,
    dealing::{self, CommitRound, Message, RevealRound, Terms},
    error::{DecodeError, Error, InputError},
    identifier::{Identifier, ParticipantSet},
    keys::{KeyId, KeyShare, PendingShare},
    machine::{Arrived, Machine, Next, sealed::Rounds},
    placement::Placement,
    randomness::Hedged,
    session::{ContextFields, ProtocolId, Session},
};

/// A key generation in progress, for one participant.
pub type Keygen<C> = Machine<KeygenRounds<C>>;

/// The rounds of a key generation.
#[expect(missing_debug_implementations, reason = "secret polynomials")]
pub struct KeygenRounds<C: Curve>(Round<C>);

enum Round<C: Curve> {
    Commit(CommitRound<C>),
    Reveal(RevealRound<C>),
    Confirm(Arc<PendingShare<C>>),
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
        let context = session.context(&ContextFields {
            protocol: ProtocolId::Keygen,
            suite: C::SUITE,
            senders: placement.participants(),
            receivers: placement.participants(),
            threshold: placement.threshold(),
            package: None,
            placement: Some(&placement.digest()),
            key_id: None,
            epoch: 0,
        });
        let hedge_context = [context.as_bytes().as_slice(), &me.to_u16().to_be_bytes()];
        let mut hedged = Hedged::draw(rng, b"keygen", session.identity_secret(), &hedge_context)?;
        let terms = Terms { context, me, placement, key_id: KeyId::of(&context), epoch: 0 };
        let constant = hedged.scalar::<C>();
        let (round, outbox) = CommitRound::start(terms, constant, hedged);
        Ok(Self::begin(context, KeygenRounds(Round::Commit(round)), outbox))
    }
}

impl<C: Curve> KeygenRounds<C> {
    fn min_signers(&self) -> usize {
        match &self.0 {
            Round::Commit(round) => round.terms.min_signers(),
            Round::Reveal(round) => round.terms.min_signers(),
            Round::Confirm(pending) => usize::from(pending.package().threshold().min_signers()),
        }
    }
}

impl<C: Curve> Rounds for KeygenRounds<C> {
    type Output = KeyShare<C>;
    type Held = Arc<PendingShare<C>>;
    type Message = Message;

    const PROTOCOL: ProtocolId = ProtocolId::Keygen;
    const ROUNDS: u8 = 3;

    fn round(&self) -> u8 {
        match &self.0 {
            Round::Commit(_) => 1,
            Round::Reveal(_) => 2,
            Round::Confirm(_) => 3,
        }
    }

    fn me(&self) -> Identifier {
        match &self.0 {
            Round::Commit(round) => round.terms.me,
            Round::Reveal(round) => round.terms.me,
            Round::Confirm(pending) => pending.identifier(),
        }
    }

    fn senders(&self, _round: u8) -> &ParticipantSet {
        match &self.0 {
            Round::Commit(round) => round.terms.participants(),
            Round::Reveal(round) => round.terms.participants(),
            Round::Confirm(pending) => pending.package().participants(),
        }
    }

    fn size_limit(&self, round: u8) -> usize {
        match round {
            1 => 32,
            2 => dealing::reveal_limit::<C>(self.min_signers()),
            _ => dealing::confirm_limit::<C>(),
        }
    }

    fn parse(&self, round: u8, broadcast: &[u8], private: &[u8]) -> Result<Message, DecodeError> {
        Message::parse::<C>(round, broadcast, private, self.min_signers())
    }

    fn advance(self, arrived: Arrived<Message>) -> Result<Next<Self>, Error> {
        match self.0 {
            Round::Commit(round) => {
                let (round, outbox) = round.advance(arrived)?;
                Ok(Next::Round(Self(Round::Reveal(round)), outbox))
            }
            Round::Reveal(round) => {
                let (pending, outbox) = round.advance(arrived)?;
                let pending = Arc::new(pending);
                Ok(Next::Hold(Arc::clone(&pending), Self(Round::Confirm(pending)), outbox))
            }
            Round::Confirm(pending) => dealing::finish(&pending, arrived).map(Next::Done),
        }
    }
}
