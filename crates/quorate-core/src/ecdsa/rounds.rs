//! The protocols as machines: presignatures ahead (two rounds), a signature with one (one round), a signature without (three).

use alloc::{boxed::Box, sync::Arc, vec::Vec};

use rand_core::TryCryptoRng;

use super::{
    EcdsaSignature, Presignature, Request,
    commit::Commit,
    message::{Lengths, RunMessage},
    multiply::Multiply,
    online::Online,
    run::{self, Pairings, Run},
    suite::EcdsaSuite,
};
use crate::{
    error::{DecodeError, Error},
    identifier::{Identifier, ParticipantSet},
    keys::KeyShare,
    machine::{Arrived, Machine, Next, Outbox, sealed::Rounds},
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
    stage: Stage<C>,
}

enum Stage<C: EcdsaSuite> {
    Commit(Box<Commit<C>>),
    Multiply(Box<Multiply<C>>),
    Online(Box<Online<C>>),
}

/// The round that uses one.
#[expect(missing_debug_implementations, reason = "holds a signature in the making")]
pub struct OnlineRounds<C: EcdsaSuite>(Box<Online<C>>);

/// All three rounds.
#[expect(missing_debug_implementations, reason = "holds nonces")]
pub struct SigningRounds<C: EcdsaSuite> {
    signers: ParticipantSet,
    me: Identifier,
    context: Context,
    request: Request,
    stage: Stage<C>,
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
        let stage = Stage::Commit(Box::new(stage));
        let rounds = PresigningRounds { signers: signers.clone(), me: share.identifier(), batch, stage };
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
        let stage = Stage::Commit(Box::new(stage));
        let rounds = SigningRounds { signers: signers.clone(), me: share.identifier(), context, request: request.clone(), stage };
        Ok(Self::begin(context, rounds, outbox))
    }
}

/// What the first two rounds lead to.
enum Step<C: EcdsaSuite> {
    Round(Stage<C>, Outbox),
    Presignatures(Vec<Presignature<C>>),
    Signature(EcdsaSignature<C>),
}

impl<C: EcdsaSuite> Stage<C> {
    const fn round(&self) -> u8 {
        match self {
            Self::Commit(_) => 1,
            Self::Multiply(_) => 2,
            Self::Online(_) => 3,
        }
    }

    fn advance(self, arrived: &Arrived<RunMessage>) -> Result<Step<C>, Error> {
        match self {
            Self::Commit(commit) => {
                let (next, outbox) = commit.advance(arrived)?;
                Ok(Step::Round(Self::Multiply(Box::new(next)), outbox))
            }
            Self::Multiply(multiply) => multiply.advance(arrived).map(Step::Presignatures),
            Self::Online(online) => online.finish(&arrived.messages).map(Step::Signature),
        }
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
    type Message = RunMessage;

    const PROTOCOL: ProtocolId = ProtocolId::EcdsaPresign;
    const ROUNDS: u8 = 2;

    fn round(&self) -> u8 {
        self.stage.round()
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

    fn parse(&self, round: u8, broadcast: &[u8], private: &[u8]) -> Result<RunMessage, DecodeError> {
        lengths::<C>(round, self.batch).parse(broadcast, private)
    }

    fn advance(self, arrived: Arrived<RunMessage>) -> Result<Next<Self>, Error> {
        match self.stage.advance(&arrived)? {
            Step::Round(stage, outbox) => Ok(Next::Round(Self { stage, ..self }, outbox)),
            Step::Presignatures(presignatures) => Ok(Next::Done(presignatures)),
            Step::Signature(_) => Err(Error::Bug("a signature out of presigning")),
        }
    }
}

impl<C: EcdsaSuite> Rounds for SigningRounds<C> {
    type Output = EcdsaSignature<C>;
    type Held = core::convert::Infallible;
    type Message = RunMessage;

    const PROTOCOL: ProtocolId = ProtocolId::Ecdsa;
    const ROUNDS: u8 = 3;

    fn round(&self) -> u8 {
        self.stage.round()
    }

    fn me(&self) -> Identifier {
        self.me
    }

    fn senders(&self, _round: u8) -> &ParticipantSet {
        &self.signers
    }

    fn size_limit(&self, round: u8) -> usize {
        lengths::<C>(round, 1).total()
    }

    fn parse(&self, round: u8, broadcast: &[u8], private: &[u8]) -> Result<RunMessage, DecodeError> {
        lengths::<C>(round, 1).parse(broadcast, private)
    }

    fn advance(self, arrived: Arrived<RunMessage>) -> Result<Next<Self>, Error> {
        match self.stage.advance(&arrived)? {
            Step::Round(stage, outbox) => Ok(Next::Round(Self { stage, ..self }, outbox)),
            Step::Presignatures(mut presignatures) => {
                let presignature = presignatures.pop().ok_or(Error::Bug("one presignature was made"))?;
                let (online, outbox) = Online::begin(&self.context, presignature, &self.request)?;
                Ok(Next::Round(Self { stage: Stage::Online(Box::new(online)), ..self }, outbox))
            }
            Step::Signature(signature) => Ok(Next::Done(signature)),
        }
    }
}

impl<C: EcdsaSuite> Rounds for OnlineRounds<C> {
    type Output = EcdsaSignature<C>;
    type Held = core::convert::Infallible;
    type Message = RunMessage;

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

    fn parse(&self, _round: u8, broadcast: &[u8], private: &[u8]) -> Result<RunMessage, DecodeError> {
        Lengths::online().parse(broadcast, private)
    }

    fn advance(self, arrived: Arrived<RunMessage>) -> Result<Next<Self>, Error> {
        self.0.finish(&arrived.messages).map(Next::Done)
    }
}
