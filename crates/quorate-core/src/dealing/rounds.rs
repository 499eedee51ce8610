//! The rounds of a dealing as the machine drives them, whatever the dealing is for.

use alloc::sync::Arc;
use core::marker::PhantomData;

use super::{Checked, CommitRound, Leaving, Message, RevealRound, Terms, finish, message};
use crate::{
    curve::Curve,
    error::{DecodeError, Error},
    identifier::{Identifier, ParticipantSet},
    keys::{CertifiedPackage, KeyShare, PendingShare},
    machine::{Arrived, Machine, Next, Outbox, Parts, sealed::Rounds},
    randomness::Hedged,
    session::ProtocolId,
};

/// What a dealing is for. Implemented inside this crate only.
pub trait Purpose {
    /// What its participants end with.
    type Output<C: Curve>;

    #[doc(hidden)]
    const PROTOCOL: ProtocolId;

    #[doc(hidden)]
    fn output<C: Curve>(outcome: Outcome<C>) -> Result<Self::Output<C>, Error>;
}

/// What a participant ends with.
#[derive(Debug)]
#[non_exhaustive]
pub enum Outcome<C: Curve> {
    /// It holds a share of the new epoch.
    Holds(KeyShare<C>),
    /// It dealt, and holds no share of the new epoch: its old one is to be destroyed.
    Left(CertifiedPackage<C>),
}

/// The rounds of a dealing.
#[expect(missing_debug_implementations, reason = "secret polynomials")]
pub struct DealingRounds<C: Curve, P> {
    round: Round<C>,
    dealers: ParticipantSet,
    purpose: PhantomData<P>,
}

enum Round<C: Curve> {
    Commit(CommitRound<C>),
    Reveal(RevealRound<C>),
    Confirm(Arc<PendingShare<C>>),
    Leave(Leaving<C>),
}

impl<C: Curve, P: Purpose> Machine<DealingRounds<C, P>> {
    /// Deals `constant`, or takes part without dealing.
    pub(crate) fn deal(terms: Terms, constant: Option<C::Scalar>, hedged: Hedged) -> Self {
        let (context, dealers) = (terms.context, terms.dealers.clone());
        let (round, outbox) = CommitRound::start(terms, constant, hedged);
        Self::begin(context, DealingRounds { round: Round::Commit(round), dealers, purpose: PhantomData }, outbox)
    }
}

impl<C: Curve, P> DealingRounds<C, P> {
    fn receivers(&self) -> &ParticipantSet {
        match &self.round {
            Round::Commit(round) => round.terms.receivers(),
            Round::Reveal(round) => round.terms.receivers(),
            Round::Confirm(pending) => pending.package().participants(),
            Round::Leave(leaving) => leaving.package.participants(),
        }
    }

    fn min_signers(&self) -> usize {
        match &self.round {
            Round::Commit(round) => round.terms.min_signers(),
            Round::Reveal(round) => round.terms.min_signers(),
            Round::Confirm(pending) => usize::from(pending.package().threshold().min_signers()),
            Round::Leave(leaving) => usize::from(leaving.package.threshold().min_signers()),
        }
    }
}

impl<C: Curve, P: Purpose> Rounds for DealingRounds<C, P> {
    type Output = P::Output<C>;
    type Held = Arc<PendingShare<C>>;
    type Message = Message;

    const PROTOCOL: ProtocolId = P::PROTOCOL;
    const ROUNDS: u8 = 3;

    fn round(&self) -> u8 {
        match &self.round {
            Round::Commit(_) => 1,
            Round::Reveal(_) => 2,
            Round::Confirm(_) | Round::Leave(_) => 3,
        }
    }

    fn me(&self) -> Identifier {
        match &self.round {
            Round::Commit(round) => round.terms.me,
            Round::Reveal(round) => round.terms.me,
            Round::Confirm(pending) => pending.identifier(),
            Round::Leave(leaving) => leaving.me,
        }
    }

    fn senders(&self, round: u8) -> &ParticipantSet {
        if round < 3 { &self.dealers } else { self.receivers() }
    }

    fn size_limit(&self, round: u8) -> usize {
        match round {
            1 => 32,
            2 => message::reveal_limit::<C>(self.min_signers()),
            _ => message::confirm_limit::<C>(),
        }
    }

    fn parse(&self, round: u8, parts: Parts) -> Result<Message, DecodeError> {
        let receives = self.receivers().contains(self.me());
        Message::parse::<C>(round, (parts.broadcast(), parts.private()), self.min_signers(), receives)
    }

    fn advance(self, arrived: Arrived<Message>) -> Result<Next<Self>, Error> {
        let Self { round, dealers, purpose } = self;
        let then = |round| Self { round, dealers, purpose };
        match round {
            Round::Commit(round) => {
                let (round, outbox) = round.advance(arrived)?;
                Ok(Next::Round(then(Round::Reveal(round)), outbox))
            }
            Round::Reveal(round) => match round.advance(arrived)? {
                Checked::Share(pending, outbox) => {
                    let pending = Arc::new(pending);
                    Ok(Next::Hold(Arc::clone(&pending), then(Round::Confirm(pending)), outbox))
                }
                Checked::Leaving(leaving) => Ok(Next::Round(then(Round::Leave(leaving)), Outbox::default())),
            },
            Round::Confirm(pending) => finish(&pending, arrived).map(Outcome::Holds).and_then(P::output).map(Next::Done),
            Round::Leave(leaving) => leaving.finish(arrived).map(Outcome::Left).and_then(P::output).map(Next::Done),
        }
    }
}
