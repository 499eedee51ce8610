//! ECDSA signatures: with presignatures in one round, without in three; the pairings that both need; and what to do when they fail.

use core::time::Duration;
use std::sync::Arc;

use quorate_core::{
    Identifier, ParticipantSet, PeerId, Peers, SessionId,
    ecdsa::{EcdsaSecp256k1, OnlineSigning, Pairings, Presignature, Request, Signing},
    keys::KeyShare,
    machine::{Machine, Protocol},
};

use super::{
    ANSWER_WITHIN, Answers, Shared, answer,
    sign::{self, Agreed, run},
};
use crate::{
    ceremony::{
        message::{Proposal, ProposalBody, RequestId, SignProposal},
        run::{Drive, DriveError, Stop},
        sign::Approved,
    },
    error::{CosignerError, Lack},
    pool::{Line, Reserved},
    share::{AnyKeyShare, Stored},
};

/// How long this cosigner's own sessions may go on after another signer said that its have failed: they may tell more.
const GRACE: Duration = Duration::from_secs(1);

/// What ECDSA signatures are made of, beside the key share; nothing for other suites.
#[derive(Default)]
pub(super) struct Material {
    pub(super) pairings: Pairings,
    /// One for each signature, or none.
    pub(super) presignatures: Vec<Presignature<EcdsaSecp256k1>>,
}

/// The pairings with all other signers; those that are missing are made now.
pub(super) async fn pairings(
    shared: &Arc<Shared>,
    key: &Stored<AnyKeyShare>,
    signers: &ParticipantSet,
) -> Result<Pairings, CosignerError> {
    let mut pairings = Pairings::new();
    for (identifier, peer) in key.peers.iter() {
        if identifier == key.share.identifier() || !signers.contains(identifier) {
            continue;
        }
        if shared.roster.cosigner(peer).is_none() {
            let reason = format!("{peer} is a signer, and not on my roster");
            return Err(CosignerError::Denied { reason });
        }
        pairings.insert(identifier, shared.pairing(peer).await?);
    }
    Ok(pairings)
}

/// The other signers.
pub(super) fn others(key: &Stored<AnyKeyShare>, signers: &ParticipantSet) -> Vec<PeerId> {
    let me = key.share.identifier();
    key.peers.iter().filter(|(other, _)| *other != me && signers.contains(*other)).map(|(_, peer)| peer).collect()
}

pub(super) fn name(shared: &Shared, peers: &Peers, identifier: Identifier) -> String {
    peers.peer(identifier).map_or_else(|| format!("participant {identifier}"), |peer| shared.name_of(peer))
}

/// Has a request signed that this cosigner approved. What was missing, a presignature or a pairing, is done without or made anew, once.
pub(super) async fn sign(
    shared: &Arc<Shared>,
    id: RequestId,
    body: &SignProposal,
    key: &Stored<AnyKeyShare>,
    approved: &Approved,
) -> Result<Vec<Vec<u8>>, CosignerError> {
    let line = shared.own_line(key, &body.signers);
    let mut body = body.clone();
    let (mut use_presignatures, mut paired_again) = (true, false);
    loop {
        let error = match attempt(shared, (id, &body), key, approved, use_presignatures.then_some(&line)).await {
            Ok(signatures) => {
                shared.want_presignatures(line);
                return Ok(signatures);
            }
            Err(error) => error,
        };
        // A session that began counts as signed: what follows is for the same payload.
        match error.lack() {
            Some(Lack::Presignatures) if use_presignatures => use_presignatures = false,
            Some(Lack::Pairing) if !paired_again => paired_again = true,
            _ => return Err(error),
        }
        body.attempt = body.attempt.saturating_add(1);
        let reason = answer::describe(&error);
        tracing::warn!(target: "quorate::audit", request = hex::encode(id), reason, "the same signers are asked once more");
    }
}

async fn attempt(
    shared: &Arc<Shared>,
    (id, body): (RequestId, &SignProposal),
    key: &Stored<AnyKeyShare>,
    approved: &Approved,
    line: Option<&Line>,
) -> Result<Vec<Vec<u8>>, CosignerError> {
    let me = key.share.identifier();
    let others: Vec<_> = key.peers.iter().filter(|(other, _)| *other != me && body.signers.contains(*other)).collect();
    pairings(shared, key, &body.signers).await?;
    let reserved = line.and_then(|line| shared.pool.reserve(line, approved.to_sign.len()));
    let body = SignProposal { presignatures: reserved.as_ref().map(Reserved::ids).unwrap_or_default(), ..body.clone() };
    let proposal = Proposal { request: id, body: ProposalBody::Sign(body.clone()) };
    let consent = sign::consent(shared, &proposal, &body, approved, shared.me).await;
    let asked = answer::ask(shared, &proposal, me, &others, ANSWER_WITHIN.min(shared.deadline)).await;
    let (randoms, mut answers) = match asked {
        // Of no use any more, if one signer does not have them.
        Err(error) if error.lack() == Some(Lack::Presignatures) => {
            drop(reserved.map(Reserved::spend));
            return Err(error);
        }
        asked => asked?,
    };
    // A signer that lacked one has made it anew meanwhile.
    let pairings = pairings(shared, key, &body.signers).await?;
    let material = Material { pairings, presignatures: reserved.map(Reserved::spend).unwrap_or_default() };
    answer::begin_all(shared, &proposal, &others, &randoms)?;
    let agreed = Agreed { proposal: &proposal, body: &body, key, approved, randoms: &randoms, consent };
    unless_refused(shared, run(shared, agreed, material), &mut answers).await
}

/// Waits for this cosigner's own sessions, and not for long once another signer says that its have failed.
pub(super) async fn unless_refused<T>(
    shared: &Shared,
    signing: impl Future<Output = Result<T, CosignerError>>,
    answers: &mut Answers,
) -> Result<T, CosignerError> {
    let mut signing = core::pin::pin!(signing);
    tokio::select! {
        signatures = &mut signing => signatures,
        failed = failure(shared, answers) => tokio::time::timeout(GRACE, signing).await.unwrap_or(Err(failed)),
    }
}

/// Waits for another signer to say that its sessions failed.
async fn failure(shared: &Shared, answers: &mut Answers) -> CosignerError {
    while let Some((from, message)) = answers.next().await {
        if let Some(no) = answer::No::of(from, &message) {
            return no.named(shared);
        }
    }
    core::future::pending().await
}

/// What another signer needs before it accepts a request: pairings, and that the presignatures are there.
pub(super) async fn prepare(
    shared: &Arc<Shared>,
    from: PeerId,
    body: &SignProposal,
    key: &Stored<AnyKeyShare>,
    approved: &Approved,
) -> Result<(), CosignerError> {
    let refuse = |reason: &str| CosignerError::Denied { reason: reason.to_owned() };
    if !body.presignatures.is_empty() {
        if body.presignatures.len() != approved.to_sign.len() {
            return Err(refuse("name one presignature for each signature, or none"));
        }
        if !shared.pool.holds(&line(from, body), &body.presignatures) {
            return Err(lacking(shared));
        }
    }
    pairings(shared, key, &body.signers).await.map(|_| ())
}

/// What a signer uses for a request that all have accepted. The presignatures that it names are gone from here on.
pub(super) async fn take(
    shared: &Arc<Shared>,
    from: PeerId,
    body: &SignProposal,
    key: &Stored<AnyKeyShare>,
) -> Result<Material, CosignerError> {
    if body.presignatures.is_empty() {
        return Ok(Material { pairings: pairings(shared, key, &body.signers).await?, presignatures: Vec::new() });
    }
    let presignatures = shared.pool.take(&line(from, body), &body.presignatures).ok_or_else(|| lacking(shared))?;
    Ok(Material { pairings: Pairings::new(), presignatures })
}

fn line(proposer: PeerId, body: &SignProposal) -> Line {
    Line { proposer, key_id: body.key_id, epoch: body.epoch, signers: body.signers.clone() }
}

fn lacking(shared: &Shared) -> CosignerError {
    CosignerError::Lacking { name: shared.name.clone(), lack: Lack::Presignatures }
}

/// One signature, as r ‖ s ‖ recovery id with low s.
pub(super) async fn one(
    shared: &Arc<Shared>,
    (share, peers): (&Arc<KeyShare<EcdsaSecp256k1>>, &Peers),
    signers: &ParticipantSet,
    request: &Request,
    (pairings, presignature): (&Pairings, Option<Presignature<EcdsaSecp256k1>>),
    id: SessionId,
) -> Result<Vec<u8>, DriveError> {
    let session = shared.session(id, peers);
    let signature = async {
        match presignature {
            Some(presignature) => {
                #[cfg(any(test, feature = "fuzz-api"))]
                shared.once.spent.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(*presignature.id());
                finish(shared, OnlineSigning::start(&session, presignature, request)?, id, peers).await
            }
            None => {
                let machine = Signing::start(&session, share, signers, pairings, request, &mut getrandom::SysRng)?;
                finish(shared, machine, id, peers).await
            }
        }
    };
    let signature = signature.await;
    if let Err(DriveError::Protocol(error)) = &signature {
        shared.conclude(error, peers).await;
    }
    Ok(signature?.to_recoverable_bytes().to_vec())
}

async fn finish<P: Protocol>(
    shared: &Arc<Shared>,
    machine: Machine<P>,
    id: SessionId,
    peers: &Peers,
) -> Result<P::Output, DriveError> {
    let mut drive = Drive::open(machine, &shared.network, id, peers, shared.deadline)?;
    match drive.drive().await? {
        Stop::Done(signature) => Ok(signature),
        Stop::Hold => Err(CosignerError::Bug("a signature holds nothing").into()),
    }
}
