//! FROST without a coordinator: every signer sends to every signer, and each one ends with the signature.

use alloc::{collections::BTreeMap, sync::Arc, vec::Vec};

use rand_core::TryCryptoRng;

use super::{
    FrostSuite, MAX_MESSAGE, SharedKeyShare, Signature, SignatureShare, SigningCommitments, SigningNonces, SigningPackage,
    Target, aggregate, commit_for, package::check_signers, sign,
};
use crate::{
    curve::Curve,
    domain,
    error::{DecodeError, Error, Fault, FaultKind, InputError},
    identifier::{Identifier, ParticipantSet},
    keys::KeyShare,
    machine::{Arrived, Machine, Next, Outbox, Parts, sealed::Rounds},
    session::{Context, ContextFields, ProtocolId, Session},
    transcript::Hash,
    wire::{Reader, Writer},
};

/// A signature in progress, for one signer.
pub type Signing<C> = Machine<SigningRounds<C>>;

/// The rounds of a signature.
#[expect(missing_debug_implementations, reason = "holds nonces")]
pub struct SigningRounds<C: Curve> {
    share: SharedKeyShare<C>,
    signers: ParticipantSet,
    round: Round<C>,
}

enum Round<C: Curve> {
    Commit { nonces: SigningNonces<C>, message: Vec<u8>, target: Target, request: [u8; 32] },
    Sign { package: SigningPackage<C>, own: SignatureShare<C> },
}

impl<C: FrostSuite> Signing<C> {
    /// Starts this participant's part of one signature on `message` by `signers`.
    ///
    /// # Errors
    ///
    /// [`InputError::TooFewSigners`], [`InputError::UnknownParticipant`], [`InputError::NotInSigningSet`] if this participant is not
    /// among the signers, [`InputError::ParticipantsDiffer`] if the session lacks a signer's peer, [`InputError::MessageTooLong`],
    /// what resolving the target says, and [`Error::Randomness`].
    pub fn start(
        session: &Session,
        share: &Arc<KeyShare<C>>,
        signers: &ParticipantSet,
        message: &[u8],
        target: &Target,
        rng: &mut impl TryCryptoRng,
    ) -> Result<Self, Error> {
        check_request(session, share, signers, message)?;
        let package = share.package();
        C::resolve(package, target)?;
        let context = session.context(&ContextFields {
            protocol: ProtocolId::Frost,
            suite: C::SUITE,
            senders: signers,
            receivers: signers,
            old_threshold: None,
            threshold: package.threshold(),
            package: Some(package.digest()),
            placement: Some(&package.placement().digest()),
            key_id: Some(package.key_id().as_bytes()),
            epoch: package.epoch(),
        });
        let request = request_digest(&context, message, target);
        let nonces = commit_for(share, &[context.as_bytes(), &request], rng)?;
        let mut out = Writer::default();
        out.raw(&request);
        nonces.commitments().write_body(&mut out);
        let me = share.identifier();
        let outbox = Outbox { broadcast: out.into_bytes(), receivers: others(signers, me), ..Outbox::default() };
        let round = Round::Commit { nonces, message: message.to_vec(), target: target.clone(), request };
        let rounds = SigningRounds { share: Arc::clone(share), signers: signers.clone(), round };
        Ok(Self::begin(context, rounds, outbox))
    }
}

fn check_request<C: Curve>(
    session: &Session,
    share: &KeyShare<C>,
    signers: &ParticipantSet,
    message: &[u8],
) -> Result<(), InputError> {
    check_signers(signers, share.package().threshold().min_signers(), share.package().participants())?;
    if !signers.contains(share.identifier()) {
        return Err(InputError::NotInSigningSet);
    }
    if signers.iter().any(|id| session.peers().peer(id).is_none()) {
        return Err(InputError::ParticipantsDiffer("session"));
    }
    if message.len() > MAX_MESSAGE {
        return Err(InputError::MessageTooLong { limit: MAX_MESSAGE });
    }
    Ok(())
}

fn others(signers: &ParticipantSet, me: Identifier) -> Vec<Identifier> {
    signers.iter().filter(|id| *id != me).collect()
}

fn request_digest(context: &Context, message: &[u8], target: &Target) -> [u8; 32] {
    Hash::new(domain::FROST_REQUEST).field(context.as_bytes()).field(message).value(target).finish()
}

/// A message of either round, group elements still encoded.
#[doc(hidden)]
#[derive(Debug)]
pub enum SigningMessage {
    /// Digest of the request, then the two commitments.
    Commit([u8; 32], Vec<u8>),
    /// The share.
    Share([u8; 32]),
}

impl<C: FrostSuite> SigningRounds<C> {
    fn second_round(self, arrived: Arrived<SigningMessage>) -> Result<Next<Self>, Error> {
        let Self { share, signers, round } = self;
        let Round::Commit { nonces, message, target, request } = round else {
            return Err(Error::Bug("commitments in the wrong round"));
        };
        let mut commitments = BTreeMap::from([(share.identifier(), *nonces.commitments())]);
        for (from, received) in arrived.messages {
            let SigningMessage::Commit(theirs, points) = received else {
                return Err(Error::Bug("a message of another round"));
            };
            if theirs != request {
                return Err(Fault::by(FaultKind::DifferentRequest, from).into());
            }
            let decoded = SigningCommitments::<C>::read_body(&mut Reader::new(&points));
            let decoded = decoded.map_err(|_| Fault::by(FaultKind::InvalidElement, from))?;
            if decoded.overlaps(nonces.commitments()) {
                return Err(Fault::by(FaultKind::CopiedCommitments, from).into());
            }
            commitments.insert(from, decoded);
        }
        let package = SigningPackage::new(commitments, &message, target)?;
        let own = sign(&package, nonces, &share)?;
        let receivers = others(&signers, share.identifier());
        let outbox = Outbox { broadcast: own.to_scalar_bytes().to_vec(), receivers, ..Outbox::default() };
        Ok(Next::Round(Self { share, signers, round: Round::Sign { package, own } }, outbox))
    }

    fn finish(self, arrived: Arrived<SigningMessage>) -> Result<Next<Self>, Error> {
        let Round::Sign { package, own } = self.round else {
            return Err(Error::Bug("signature shares in the wrong round"));
        };
        let mut shares = BTreeMap::from([(self.share.identifier(), own)]);
        for (from, received) in arrived.messages {
            let SigningMessage::Share(bytes) = received else {
                return Err(Error::Bug("a message of another round"));
            };
            let decoded = SignatureShare::<C>::from_scalar_bytes(&bytes);
            shares.insert(from, decoded.map_err(|_| Fault::by(FaultKind::InvalidElement, from))?);
        }
        aggregate(&package, &shares, self.share.package()).map(Next::Done)
    }
}

impl<C: FrostSuite> Rounds for SigningRounds<C> {
    type Output = Signature<C>;
    type Held = core::convert::Infallible;
    type Message = SigningMessage;

    const PROTOCOL: ProtocolId = ProtocolId::Frost;
    const ROUNDS: u8 = 2;

    fn round(&self) -> u8 {
        match self.round {
            Round::Commit { .. } => 1,
            Round::Sign { .. } => 2,
        }
    }

    fn me(&self) -> Identifier {
        self.share.identifier()
    }

    fn senders(&self, _round: u8) -> &ParticipantSet {
        &self.signers
    }

    fn size_limit(&self, round: u8) -> usize {
        if round == 1 { 32 + 2 * C::POINT_BYTES } else { 32 }
    }

    fn parse(&self, round: u8, parts: Parts) -> Result<SigningMessage, DecodeError> {
        if !parts.private().is_empty() {
            return Err(DecodeError::TrailingBytes);
        }
        let mut input = Reader::new(parts.broadcast());
        let head = input.array()?;
        let message = if round == 1 {
            SigningMessage::Commit(head, input.raw(2 * C::POINT_BYTES)?.to_vec())
        } else {
            SigningMessage::Share(head)
        };
        input.finish()?;
        Ok(message)
    }

    fn advance(self, arrived: Arrived<SigningMessage>) -> Result<Next<Self>, Error> {
        match self.round {
            Round::Commit { .. } => self.second_round(arrived),
            Round::Sign { .. } => self.finish(arrived),
        }
    }
}
