//! Presignatures for later requests: made in the background, a batch at a time, once a key has signed with a set of signers.

use core::time::Duration;
use std::{collections::BTreeSet, sync::Arc};

use quorate_core::{
    PeerId,
    ecdsa::{EcdsaSecp256k1, Presignature, Presigning},
    keys::KeyShare,
};
use quorate_storage::AuditKind;
use tokio::{sync::mpsc, task::JoinSet};

use super::{ANSWER_WITHIN, Answers, Shared, answer, ecdsa, fresh};
use crate::{
    audit,
    ceremony::{
        message::{Message, PresignProposal, Proposal, ProposalBody, Random},
        run::{Drive, DriveError, Stop},
        sign as rules,
    },
    error::CosignerError,
    pool::Line,
    share::{AnyKeyShare, Stored},
};

/// The most presignatures of one ceremony.
const MAX_COUNT: usize = 16;
/// How many batches are made for one peer at one time.
pub(super) const MAX_BATCHES: usize = 2;
/// How many wishes wait; more are forgotten, and made again by the next signature.
pub(super) const MAX_WISHES: usize = 64;
/// How many lines are filled at one time.
const AT_ONCE: usize = 4;

impl Shared {
    /// Asks for presignatures like those that a signature just used, or could have used.
    pub(super) fn want_presignatures(&self, line: Line) {
        if self.pool.depth() > 0 {
            let _full = self.wanted.try_send(line);
        }
    }

    /// What this cosigner's own requests to these signers use.
    pub(super) fn own_line(&self, key: &Stored<AnyKeyShare>, signers: &quorate_core::ParticipantSet) -> Line {
        Line { proposer: self.me, key_id: *key.share.key_id().as_bytes(), epoch: key.share.epoch(), signers: signers.clone() }
    }
}

/// Fills what is wanted. Runs until it is aborted.
pub(super) async fn fill_all(shared: Arc<Shared>, mut wishes: mpsc::Receiver<Line>) {
    let mut tasks = JoinSet::new();
    while let Some(line) = wishes.recv().await {
        while tasks.try_join_next().is_some() {}
        if tasks.len() >= AT_ONCE {
            tasks.join_next().await;
        }
        let shared = Arc::clone(&shared);
        tasks.spawn(async move {
            let Some(_filling) = shared.pool.fill(&line) else { return };
            if let Err(error) = fill(&shared, &line).await {
                let reason = answer::describe(&error);
                tracing::warn!(key = hex::encode(line.key_id), reason, "no presignatures; the next signature asks again");
            }
        });
    }
}

async fn fill(shared: &Arc<Shared>, line: &Line) -> Result<(), CosignerError> {
    shared.refuse_frozen(&line.key_id).await?;
    let key = shared.load(&line.key_id).await?;
    while key.share.epoch() == line.epoch {
        let missing = shared.pool.depth().saturating_sub(shared.pool.count(line)).min(MAX_COUNT);
        let Ok(count @ 1..) = u8::try_from(missing) else { return Ok(()) };
        let body = PresignProposal { key_id: line.key_id, epoch: line.epoch, signers: line.signers.clone(), count };
        propose(shared, &key, line, body).await?;
    }
    Ok(())
}

/// The proposer's side of one batch.
async fn propose(
    shared: &Arc<Shared>,
    key: &Stored<AnyKeyShare>,
    line: &Line,
    body: PresignProposal,
) -> Result<(), CosignerError> {
    let me = key.share.identifier();
    let others: Vec<_> = key.peers.iter().filter(|(other, _)| *other != me && line.signers.contains(*other)).collect();
    let pairings = ecdsa::pairings(shared, key, &line.signers).await?;
    let proposal = Proposal { request: fresh()?, body: ProposalBody::Presign(body.clone()) };
    let within = ANSWER_WITHIN.min(shared.deadline);
    let (randoms, mut answers) = answer::propose(shared, &proposal, me, &others, within).await?;
    let made = run(shared, &proposal, &body, key, (&randoms, &pairings)).await?;
    // What not all signers have is of no use.
    all_have(shared, &mut answers, &others.iter().map(|(_, peer)| *peer).collect()).await?;
    note(shared, &proposal, &body, shared.me).await;
    shared.refuse_frozen(&body.key_id).await?;
    shared.pool.put(line, made);
    Ok(())
}

/// Waits until every other signer has put its part into its pool.
async fn all_have(shared: &Shared, answers: &mut Answers, others: &BTreeSet<PeerId>) -> Result<(), CosignerError> {
    let mut open = others.clone();
    let wait = async {
        while !open.is_empty() {
            let Some((from, message)) = answers.next().await else { break };
            if let Some(no) = answer::No::of(from, &message) {
                return Err(no.named(shared));
            }
            if matches!(message, Message::Done { .. }) {
                open.remove(&from);
            }
        }
        Ok(())
    };
    let ended = tokio::time::timeout(Duration::from_secs(10).min(shared.deadline), wait).await;
    ended.unwrap_or_else(|_| Err(CosignerError::Unavailable { names: open.iter().map(|peer| shared.name_of(*peer)).collect() }))
}

/// The other signers' side.
pub(super) async fn take_part(
    shared: &Arc<Shared>,
    from: PeerId,
    proposal: &Proposal,
    body: &PresignProposal,
) -> Result<(), CosignerError> {
    let refuse = |reason: &str| CosignerError::Denied { reason: reason.to_owned() };
    if shared.pool.depth() == 0 {
        return Err(refuse("this host holds no presignatures"));
    }
    if !(1..=MAX_COUNT).contains(&usize::from(body.count)) {
        return Err(refuse("a batch has between 1 and 16 presignatures"));
    }
    shared.refuse_frozen(&body.key_id).await?;
    let key = super::recover::current(shared, &body.key_id, body.epoch, from).await?;
    rules::check_signers((&body.signers, body.epoch), from, &key).map_err(refuse)?;
    shared.trust_all(ecdsa::others(&key, &body.signers)).await?;
    let permits = shared.batches.get(&from).and_then(|permits| permits.try_acquire().ok());
    let _permit = permits.ok_or_else(|| refuse("enough presignatures are being made for you; wait for them"))?;
    let pairings = ecdsa::pairings(shared, &key, &body.signers).await?;
    let randoms = answer::accept(shared, from, proposal, key.share.identifier(), body.signers.iter()).await?;
    let made = run(shared, proposal, body, &key, (&randoms, &pairings)).await?;
    shared.refuse_frozen(&body.key_id).await?;
    let line = Line { proposer: from, key_id: body.key_id, epoch: body.epoch, signers: body.signers.clone() };
    note(shared, proposal, body, from).await;
    shared.pool.put(&line, made);
    Ok(())
}

async fn note(shared: &Shared, proposal: &Proposal, body: &PresignProposal, proposer: PeerId) {
    let entry = audit::entry(AuditKind::Presigned).key(body.key_id).epoch(body.epoch).request(proposal.request);
    shared.audit.note_caused(proposer, entry.reason(&format!("{} with signers {:?}", body.count, body.signers))).await;
}

async fn run(
    shared: &Arc<Shared>,
    proposal: &Proposal,
    body: &PresignProposal,
    key: &Stored<AnyKeyShare>,
    (randoms, pairings): (&[Random], &quorate_core::ecdsa::Pairings),
) -> Result<Vec<Presignature<EcdsaSecp256k1>>, CosignerError> {
    let AnyKeyShare::EcdsaSecp256k1(share) = &key.share else {
        return Err(CosignerError::Denied { reason: "only ECDSA keys have presignatures".to_owned() });
    };
    let made = tokio::select! {
        biased;
        frozen = shared.until_frozen(&body.key_id) => return Err(frozen),
        made = batch(shared, proposal, body, (share, &key.peers), (randoms, pairings)) => made,
    };
    if let Err(DriveError::Protocol(error)) = &made {
        shared.conclude(error, &key.peers).await;
    }
    made.map_err(|error| error.named(|id| ecdsa::name(shared, &key.peers, id)))
}

async fn batch(
    shared: &Arc<Shared>,
    proposal: &Proposal,
    body: &PresignProposal,
    (share, peers): (&Arc<KeyShare<EcdsaSecp256k1>>, &quorate_core::Peers),
    (randoms, pairings): (&[Random], &quorate_core::ecdsa::Pairings),
) -> Result<Vec<Presignature<EcdsaSecp256k1>>, DriveError> {
    let id = proposal.session_id(randoms, 0);
    let session = shared.session(id, peers);
    let (signers, count) = (&body.signers, usize::from(body.count));
    let machine = Presigning::start(&session, share, signers, pairings, count, &mut getrandom::SysRng)?;
    let mut drive = Drive::open(machine, &shared.network, id, peers, shared.deadline)?;
    match drive.drive().await? {
        Stop::Done(presignatures) => Ok(presignatures),
        Stop::Hold => Err(CosignerError::Bug("presignatures are not stored").into()),
    }
}
