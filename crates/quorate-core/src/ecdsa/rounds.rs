//! The protocols as machines: presignatures ahead (two rounds), a signature with one (one round), a signature without (three).

use alloc::{boxed::Box, sync::Arc, vec::Vec};

use rand_core::TryCryptoRng;

use super::{
    EcdsaSignature, Presignature, Request,
    commit::Commit,
    message::Lengths,
    multiply::Multiply,
    online::Online,
    run::{self, Pairings, Run},
    suite::EcdsaSuite,
};
use crate::{
    error::{DecodeError, Error},
    identifier::{Identifier, ParticipantSet},
    keys::KeyShare,
    machine::{Arrived, Machine, Next, Parts, sealed::Rounds},
    session::{Context, ProtocolId, Session},
};

/// Presignatures in the making, for one signer: two rounds.
pub type Presigning<C> = Machine<PresigningRounds<C>>;
/// A signature with a presignature, for one signer: one round.
pub type OnlineSigning<C> = Machine<OnlineRounds<C>>;
/// A signature without a presignature, for one signer: three rounds.
pub type Signing<C> = Machine<SigningRounds<C>>;

/// The rounds that make presignatures.
#[expect(missing_debug_implementations, reason = "holds nonces")]
pub struct PresigningRounds<C: EcdsaSuite> {
    signers: ParticipantSet,
    me: Identifier,
    batch: usize,
    stage: Making<C>,
}

enum Making<C: EcdsaSuite> {
    Commit(Box<Commit<C>>),
    Multiply(Box<Multiply<C>>),
}

/// The round that uses one.
#[expect(missing_debug_implementations, reason = "holds a signature in the making")]
pub struct OnlineRounds<C: EcdsaSuite>(Box<Online<C>>);

/// All three rounds: those that make one presignature, and the one that uses it.
#[expect(missing_debug_implementations, reason = "holds nonces")]
pub struct SigningRounds<C: EcdsaSuite> {
    context: Context,
    request: Request,
    stage: Stage<C>,
}

enum Stage<C: EcdsaSuite> {
    Presigning(PresigningRounds<C>),
    Online(OnlineRounds<C>),
}

impl<C: EcdsaSuite> Presigning<C> {
    /// Starts this participant's part of `batch` presignatures by `signers`.
    ///
    /// `pairings` holds this cosigner's pairings with the other signers; further ones do no harm.
    ///
    /// # Errors
    ///
    /// [`TooFewSigners`](crate::InputError::TooFewSigners), [`UnknownParticipant`](crate::InputError::UnknownParticipant),
    /// [`NotInSigningSet`](crate::InputError::NotInSigningSet) if this participant is not among the signers,
    /// [`ParticipantsDiffer`](crate::InputError::ParticipantsDiffer) if the session lacks a signer's peer,
    /// [`BatchSize`](crate::InputError::BatchSize), [`NoPairing`](crate::InputError::NoPairing) if there is none with one of the signers,
    /// or it is gone, and [`Error::Randomness`].
    pub fn start(
        session: &Session,
        share: &Arc<KeyShare<C>>,
        signers: &ParticipantSet,
        pairings: &Pairings,
        batch: usize,
        rng: &mut impl TryCryptoRng,
    ) -> Result<Self, Error> {
        let run = Run::new(session, ProtocolId::EcdsaPresign, share, signers, pairings, batch)?;
        let context = run.context;
        let (stage, outbox) = Commit::begin(run, None, session.identity_secret(), rng)?;
        let rounds = PresigningRounds::new(signers, share, batch, stage);
        Ok(Self::begin(context, rounds, outbox))
    }
}

impl<C: EcdsaSuite> OnlineSigning<C> {
    /// Spends a presignature on `request`. Use a session that was opened for this request, with fresh randomness of every signer.
    ///
    /// The presignature is gone, whether this succeeds or fails.
    ///
    /// # Errors
    ///
    /// [`NoPairing`](crate::InputError::NoPairing) if a pairing that made it is gone,
    /// [`ParticipantsDiffer`](crate::InputError::ParticipantsDiffer) if the session is with other cosigners, and what the derivation says.
    ///
    /// # Security
    ///
    /// When the message leaves, the request counts as signed, whatever comes back.
    pub fn start(session: &Session, presignature: Presignature<C>, request: &Request) -> Result<Self, Error> {
        presignature.bonds.check_session(session, presignature.share.identifier())?;
        let context = run::context(session, ProtocolId::EcdsaOnline, &presignature.share, &presignature.signers);
        let (online, outbox) = Online::begin(&context, presignature, request)?;
        Ok(Self::begin(context, OnlineRounds(Box::new(online)), outbox))
    }
}

impl<C: EcdsaSuite> Signing<C> {
    /// Starts this participant's part of one signature by `signers` on `request`.
    ///
    /// # Errors
    ///
    /// As [`Presigning::start`], and what the derivation says.
    pub fn start(
        session: &Session,
        share: &Arc<KeyShare<C>>,
        signers: &ParticipantSet,
        pairings: &Pairings,
        request: &Request,
        rng: &mut impl TryCryptoRng,
    ) -> Result<Self, Error> {
        C::child_key(share.package(), request.path())?;
        let run = Run::new(session, ProtocolId::Ecdsa, share, signers, pairings, 1)?;
        let context = run.context;
        let (stage, outbox) = Commit::begin(run, Some(request), session.identity_secret(), rng)?;
        let stage = Stage::Presigning(PresigningRounds::new(signers, share, 1, stage));
        let rounds = SigningRounds { context, request: request.clone(), stage };
        Ok(Self::begin(context, rounds, outbox))
    }
}

impl<C: EcdsaSuite> PresigningRounds<C> {
    fn new(signers: &ParticipantSet, share: &KeyShare<C>, batch: usize, first: Commit<C>) -> Self {
        Self { signers: signers.clone(), me: share.identifier(), batch, stage: Making::Commit(Box::new(first)) }
    }
}

fn lengths<C: EcdsaSuite>(round: u8, batch: usize) -> Lengths {
    match round {
        1 => Lengths::commit(batch),
        2 => Lengths::multiply::<C>(batch),
        _ => Lengths::online(),
    }
}

impl<C: EcdsaSuite> Rounds for PresigningRounds<C> {
    type Output = Vec<Presignature<C>>;
    type Held = core::convert::Infallible;
    type Message = Parts;

    const PROTOCOL: ProtocolId = ProtocolId::EcdsaPresign;
    const ROUNDS: u8 = 2;

    fn round(&self) -> u8 {
        match self.stage {
            Making::Commit(_) => 1,
            Making::Multiply(_) => 2,
        }
    }

    fn me(&self) -> Identifier {
        self.me
    }

    fn senders(&self, _round: u8) -> &ParticipantSet {
        &self.signers
    }

    fn size_limit(&self, round: u8) -> usize {
        lengths::<C>(round, self.batch).total()
    }

    fn parse(&self, round: u8, parts: Parts) -> Result<Parts, DecodeError> {
        lengths::<C>(round, self.batch).parse(parts)
    }

    fn advance(self, arrived: Arrived<Parts>) -> Result<Next<Self>, Error> {
        match self.stage {
            Making::Commit(commit) => {
                let (next, outbox) = commit.advance(&arrived)?;
                Ok(Next::Round(Self { stage: Making::Multiply(Box::new(next.without_senders())), ..self }, outbox))
            }
            Making::Multiply(multiply) => multiply.advance(arrived).map(Next::Done),
        }
    }
}

impl<C: EcdsaSuite> Rounds for SigningRounds<C> {
    type Output = EcdsaSignature<C>;
    type Held = core::convert::Infallible;
    type Message = Parts;

    const PROTOCOL: ProtocolId = ProtocolId::Ecdsa;
    const ROUNDS: u8 = 3;

    fn round(&self) -> u8 {
        match &self.stage {
            Stage::Presigning(rounds) => rounds.round(),
            Stage::Online(_) => Self::ROUNDS,
        }
    }

    fn me(&self) -> Identifier {
        match &self.stage {
            Stage::Presigning(rounds) => rounds.me(),
            Stage::Online(rounds) => rounds.me(),
        }
    }

    fn senders(&self, round: u8) -> &ParticipantSet {
        match &self.stage {
            Stage::Presigning(rounds) => rounds.senders(round),
            Stage::Online(rounds) => rounds.senders(round),
        }
    }

    fn size_limit(&self, round: u8) -> usize {
        lengths::<C>(round, 1).total()
    }

    fn parse(&self, round: u8, parts: Parts) -> Result<Parts, DecodeError> {
        lengths::<C>(round, 1).parse(parts)
    }

    fn advance(self, arrived: Arrived<Parts>) -> Result<Next<Self>, Error> {
        let rounds = match self.stage {
            Stage::Online(rounds) => return rounds.0.finish(&arrived.messages).map(Next::Done),
            Stage::Presigning(rounds) => rounds,
        };
        match rounds.advance(arrived)? {
            Next::Round(rounds, outbox) => Ok(Next::Round(Self { stage: Stage::Presigning(rounds), ..self }, outbox)),
            Next::Hold(held, ..) => match held {},
            Next::Done(mut presignatures) => {
                let presignature = presignatures.pop().ok_or(Error::Bug("one presignature was made"))?;
                let (online, outbox) = Online::begin(&self.context, presignature, &self.request)?;
                Ok(Next::Round(Self { stage: Stage::Online(OnlineRounds(Box::new(online))), ..self }, outbox))
            }
        }
    }
}

impl<C: EcdsaSuite> Rounds for OnlineRounds<C> {
    type Output = EcdsaSignature<C>;
    type Held = core::convert::Infallible;
    type Message = Parts;

    const PROTOCOL: ProtocolId = ProtocolId::EcdsaOnline;
    const ROUNDS: u8 = 1;

    fn round(&self) -> u8 {
        1
    }

    fn me(&self) -> Identifier {
        self.0.me
    }

    fn senders(&self, _round: u8) -> &ParticipantSet {
        &self.0.signers
    }

    fn size_limit(&self, _round: u8) -> usize {
        Lengths::online().total()
    }

    fn parse(&self, _round: u8, parts: Parts) -> Result<Parts, DecodeError> {
        Lengths::online().parse(parts)
    }

    fn advance(self, arrived: Arrived<Parts>) -> Result<Next<Self>, Error> {
        self.0.finish(&arrived.messages).map(Next::Done)
    }
}
