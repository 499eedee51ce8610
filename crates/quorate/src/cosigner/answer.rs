//! What a cosigner does with messages of others: answer questions, decide on proposals, pass answers to whoever asked.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use quorate_core::{Identifier, PeerId, wire::Encoding};
use tokio::{sync::Semaphore, task::JoinSet};

use super::{ANSWER_WITHIN, Answers, Shared, fresh};
use crate::{
    audit,
    ceremony::message::{Message, Proposal, ProposalBody, Random},
    error::{CosignerError, Lack},
    pairing::message::PairMessage,
};

/// How many requests of one peer are worked on at one time.
const MAX_WORK: usize = 64;
/// How many of its messages about pairings, apart from those: requests wait for pairings.
const MAX_PAIRING_WORK: usize = 4;

/// How many of its questions how far this cosigner is.
const MAX_WITNESS_WORK: usize = 4;

/// How many of its freezes, and approvals of their end: these must not wait for its requests either.
const MAX_FREEZE_WORK: usize = 16;

/// The work for others. Dropping it ends all of it.
struct Work {
    tasks: JoinSet<()>,
    permits: BTreeMap<PeerId, Arc<Semaphore>>,
    pairing: BTreeMap<PeerId, Arc<Semaphore>>,
    /// For how far this cosigner is: what all its requests wait for must not wait for them.
    witness: BTreeMap<PeerId, Arc<Semaphore>>,
    /// For freezes: a peer that asks for much must be stopped all the same.
    freezes: BTreeMap<PeerId, Arc<Semaphore>>,
}

/// Runs until the network is shut down, or it is aborted; the work that it began ends with it.
pub(super) async fn answer_all(shared: Arc<Shared>) {
    let permits = |count| shared.roster.iter().map(|entry| (entry.identity, Arc::new(Semaphore::new(count)))).collect();
    let mut work = Work {
        tasks: JoinSet::new(),
        permits: permits(MAX_WORK),
        pairing: permits(MAX_PAIRING_WORK),
        witness: permits(MAX_WITNESS_WORK),
        freezes: permits(MAX_FREEZE_WORK),
    };
    while let Some((from, bytes)) = shared.network.next_control().await {
        let Ok(message) = Message::from_bytes(&bytes) else {
            tracing::warn!(target: "quorate::audit", from = %shared.name_of(from), "a malformed message was ignored");
            continue;
        };
        while work.tasks.try_join_next().is_some() {}
        answer(&shared, &mut work, from, message);
    }
}

fn answer(shared: &Arc<Shared>, work: &mut Work, from: PeerId, message: Message) {
    match &message {
        Message::Propose(_)
        | Message::AskAttestation { .. }
        | Message::AskCertificate { .. }
        | Message::AskEpochs { .. }
        | Message::AskWitness { .. }
        | Message::AskApproval { .. }
        | Message::Amended { .. }
        | Message::Freeze(_)
        | Message::NewEpoch { .. } => work.begin(shared, from, message),
        Message::Pair(PairMessage::Hello { boot }) => shared.learn_boot(from, *boot),
        Message::Pair(PairMessage::Offer { boot, .. } | PairMessage::Ask { boot, .. }) => {
            shared.learn_boot(from, *boot);
            work.begin(shared, from, message);
        }
        Message::AskExposure { question } => {
            let answer = Message::Exposure { question: *question, exposure: shared.exposure.clone() };
            // A peer that cannot be told asks again.
            let _told = shared.tell(from, &answer);
        }
        Message::Accept { proposal: topic, .. }
        | Message::Refuse { proposal: topic, .. }
        | Message::Lacks { proposal: topic, .. }
        | Message::Pair(PairMessage::Accept { offer: topic, .. })
        | Message::Done { proposal: topic }
        | Message::Exposure { question: topic, .. }
        | Message::Witness { question: topic, .. }
        | Message::Attestation { challenge: topic, .. }
        | Message::Certificate { question: topic, .. }
        | Message::Confirmation { question: topic, .. }
        | Message::Approval { question: topic, .. }
        | Message::Epochs { question: topic, .. } => shared.route((shared.me, *topic), from, message),
        Message::Begin { proposal: topic, .. } | Message::Cancel { proposal: topic } => {
            shared.route((from, *topic), from, message)
        }
        Message::Destroyed { proposer, proposal, .. } => shared.route((*proposer, *proposal), from, message),
    }
}

impl Work {
    /// Works on what takes longer, bounded in number for each peer, so that a peer can only crowd out itself.
    fn begin(&mut self, shared: &Arc<Shared>, from: PeerId, message: Message) {
        let permits = if matches!(message, Message::Pair(_)) { &self.pairing } else { &self.permits };
        let permits = if matches!(message, Message::AskWitness { .. }) { &self.witness } else { permits };
        let permits = if matches!(message, Message::Freeze(_)) { &self.freezes } else { permits };
        let permit = permits.get(&from).and_then(|permits| Arc::clone(permits).try_acquire_owned().ok());
        let Some(permit) = permit else {
            let topic = if let Message::Propose(proposal) = &message { Some(proposal.digest()) } else { None };
            let topic = if let Message::Pair(message) = &message { message.topic() } else { topic };
            if let Some(proposal) = topic {
                let reason = "too many of your requests are being worked on; wait for them".to_owned();
                let _told = shared.tell(from, &Message::Refuse { proposal, reason });
            }
            return;
        };
        let proposal = if let Message::Propose(proposal) = &message { Some((from, proposal.digest())) } else { None };
        proposal.iter().for_each(|asked| shared.look_at(*asked));
        let shared = Arc::clone(shared);
        self.tasks.spawn(async move {
            let _permit = permit;
            work_on(&shared, from, message).await;
            proposal.iter().for_each(|asked| shared.look_away(asked));
        });
    }
}

async fn work_on(shared: &Arc<Shared>, from: PeerId, message: Message) {
    match message {
        Message::Propose(proposal) => take_part(shared, from, proposal).await,
        Message::AskAttestation { key_id, epoch, challenge } => {
            super::attest::answer(shared, from, key_id, epoch, challenge).await;
        }
        Message::AskCertificate { question, key_id, epoch } => {
            super::recover::answer(shared, from, question, key_id, epoch).await;
        }
        Message::AskEpochs { question, former, keys } => {
            super::recover::answer_epochs(shared, from, question, (&keys, former)).await;
        }
        Message::NewEpoch { suite, record } => {
            if let Err(error) = super::recover::learn(shared, suite, &record).await {
                let reason = describe(&error);
                tracing::error!(from = %shared.name_of(from), reason, "a new epoch could not be taken over");
            }
        }
        Message::AskApproval { question, key_id, amendment, known } => {
            super::amend::answer(shared, from, (question, key_id), amendment, known).await;
        }
        Message::Amended { key_id, record } => super::amend::hear(shared, from, &key_id, record).await,
        Message::AskWitness { question, seen } => shared.show_witness(from, question, seen).await,
        Message::Freeze(message) => shared.hear_freeze(from, message).await,
        Message::Pair(PairMessage::Offer { random, .. }) => shared.answer_offer(from, random).await,
        Message::Pair(PairMessage::Ask { topic, accepted, .. }) => shared.asked_to_pair(from, topic, accepted).await,
        Message::Accept { .. }
        | Message::Refuse { .. }
        | Message::Lacks { .. }
        | Message::Pair(PairMessage::Hello { .. } | PairMessage::Accept { .. })
        | Message::Begin { .. }
        | Message::Cancel { .. }
        | Message::Done { .. }
        | Message::Destroyed { .. }
        | Message::AskExposure { .. }
        | Message::Exposure { .. }
        | Message::Attestation { .. }
        | Message::Certificate { .. }
        | Message::Confirmation { .. }
        | Message::Epochs { .. }
        | Message::Approval { .. }
        | Message::Witness { .. } => {}
    }
}

/// Takes part in what another cosigner proposes, or tells it why not.
async fn take_part(shared: &Arc<Shared>, from: PeerId, proposal: Proposal) {
    let digest = proposal.digest();
    let outcome = match (shared.trust(from).await, &proposal.body) {
        (Err(error), _) => Err(error),
        (Ok(()), ProposalBody::Keygen(_)) => super::keygen::take_part(shared, from, &proposal).await,
        (Ok(()), ProposalBody::Import(body)) => super::import::take_part(shared, from, &proposal, body).await,
        (Ok(()), ProposalBody::Sign(_)) => super::sign::take_part(shared, from, &proposal).await,
        (Ok(()), ProposalBody::Presign(body)) => super::presign::take_part(shared, from, &proposal, body).await,
        (Ok(()), ProposalBody::Reshare(body)) => super::reshare::take_part(shared, from, &proposal, body).await,
    };
    let request = hex::encode(proposal.request);
    match outcome {
        Ok(()) => {
            tracing::info!(target: "quorate::audit", request, proposer = %shared.name_of(from), "took part");
            let _told = shared.tell(from, &Message::Done { proposal: digest });
        }
        Err(error) => {
            let reason = describe(&error);
            tracing::warn!(target: "quorate::audit", request, proposer = %shared.name_of(from), reason, "refused or failed");
            shared.audit.refused(proposal.request, audit::key_of(&proposal), Some(from), &error).await;
            if let Some(lack) = error.lack() {
                let _told = shared.tell(from, &Message::Lacks { proposal: digest, lack });
                return;
            }
            // What is wrong with the vault, and where it is, is the operator's concern and not the proposer's.
            let reason = if matches!(error, CosignerError::Vault(_)) { error.to_string() } else { reason };
            let _told = shared.tell(from, &Message::Refuse { proposal: digest, reason });
        }
    }
}

/// An error with its causes in one line that may travel.
pub(crate) fn describe(error: &dyn core::error::Error) -> String {
    let mut length = 0;
    describe_whole(error)
        .chars()
        .take_while(|c| {
            length += c.len_utf8();
            length <= crate::ceremony::message::MAX_TEXT
        })
        .collect()
}

/// An error with all its causes in one line, however long.
pub(crate) fn describe_whole(error: &dyn core::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Accepts a proposal and waits until the proposer says that all have.
pub(super) async fn accept(
    shared: &Arc<Shared>,
    from: PeerId,
    proposal: &Proposal,
    me: Identifier,
    participants: impl Iterator<Item = Identifier>,
) -> Result<Vec<Random>, CosignerError> {
    let mut answers = shared.expect(from, proposal.digest(), [from])?;
    accept_heard(shared, &mut answers, (from, proposal), me, participants).await
}

/// The same with the proposer's messages from before, so that a proposal that is called off while it is looked at is not waited for.
pub(super) async fn accept_heard(
    shared: &Arc<Shared>,
    answers: &mut Answers,
    (from, proposal): (PeerId, &Proposal),
    me: Identifier,
    participants: impl Iterator<Item = Identifier>,
) -> Result<Vec<Random>, CosignerError> {
    let silent = || CosignerError::Unavailable { names: vec![shared.name_of(from)] };
    if shared.was_cancelled(from, proposal.digest()) {
        return Err(silent());
    }
    let random = fresh()?;
    shared.tell(from, &Message::Accept { proposal: proposal.digest(), random })?;
    // Longer than the proposer waits for the slowest consent, or this cosigner would seem to be the one that failed.
    let within = shared.deadline.saturating_add(ANSWER_WITHIN);
    let begin = tokio::time::timeout(within, begin(answers, from)).await;
    let randoms = begin.map_err(|_| silent())?.ok_or_else(silent)?;
    let mine = randoms.iter().find(|random| random.identifier == me).map(|random| random.value);
    if mine != Some(random) || !randoms.iter().map(|random| random.identifier).eq(participants) {
        return Err(CosignerError::Refused { name: shared.name_of(from), reason: "it began with other values".to_owned() });
    }
    Ok(randoms)
}

/// The begin of the proposer itself; nothing if it cancels.
async fn begin(answers: &mut Answers, proposer: PeerId) -> Option<Vec<Random>> {
    loop {
        let (from, message) = answers.next().await?;
        if from != proposer {
            continue;
        }
        if let Message::Begin { randoms, .. } = message {
            return Some(randoms);
        }
        if let Message::Cancel { .. } = message {
            return None;
        }
    }
}

/// Waits until all others have committed their results, so that a requester finds the new key wherever it asks next.
///
/// Whoever takes longer is named in the log and nothing else: its result is durable as pending, and completes itself.
pub(super) async fn all_done(shared: &Shared, answers: &mut Answers, others: &[(Identifier, PeerId)]) {
    let mut open: BTreeSet<PeerId> = others.iter().map(|(_, peer)| *peer).collect();
    let wait = async {
        while !open.is_empty() {
            match answers.next().await {
                Some((from, Message::Done { .. } | Message::Refuse { .. } | Message::Lacks { .. })) => drop(open.remove(&from)),
                Some(_) => {}
                None => return,
            }
        }
    };
    if tokio::time::timeout(shared.deadline, wait).await.is_err() {
        let names: Vec<_> = open.iter().map(|peer| shared.name_of(*peer)).collect();
        tracing::warn!(target: "quorate::audit", ?names, "not heard of the end of the ceremony");
    }
}

/// Proposes to all `others` and waits for their consent; then tells all to begin. `me` is this cosigner's own number.
///
/// The answers that may still come are returned too.
pub(super) async fn propose(
    shared: &Arc<Shared>,
    proposal: &Proposal,
    me: Identifier,
    others: &[(Identifier, PeerId)],
    within: core::time::Duration,
) -> Result<(Vec<Random>, Answers), CosignerError> {
    let (randoms, answers) = ask(shared, proposal, me, others, within).await?;
    begin_all(shared, proposal, others, &randoms)?;
    Ok((randoms, answers))
}

/// Tells all to begin.
pub(super) fn begin_all(
    shared: &Shared,
    proposal: &Proposal,
    others: &[(Identifier, PeerId)],
    randoms: &[Random],
) -> Result<(), CosignerError> {
    let digest = proposal.digest();
    tell_all(shared, others, &Message::Begin { proposal: digest, randoms: randoms.to_vec() }).inspect_err(|_| {
        let _told = tell_all(shared, others, &Message::Cancel { proposal: digest });
    })
}

/// Proposes to all `others` and waits for their consent.
pub(super) async fn ask(
    shared: &Arc<Shared>,
    proposal: &Proposal,
    me: Identifier,
    others: &[(Identifier, PeerId)],
    within: core::time::Duration,
) -> Result<(Vec<Random>, Answers), CosignerError> {
    shared.trust_all(others.iter().map(|(_, peer)| *peer).collect()).await?;
    let digest = proposal.digest();
    let mut answers = shared.expect(shared.me, digest, others.iter().map(|(_, peer)| *peer))?;
    let mut randoms = vec![Random { identifier: me, value: fresh()? }];
    let asked = async {
        tell_all(shared, others, &Message::Propose(proposal.clone()))?;
        match tokio::time::timeout(within, collect(&mut answers, others, &mut randoms)).await {
            Ok(Ok(())) => randoms.sort_unstable_by_key(|random| random.identifier),
            Ok(Err(refused)) => return Err(refused.named(shared)),
            Err(_elapsed) => {
                let answered = |identifier| randoms.iter().any(|random| random.identifier == identifier);
                let silent = others.iter().filter(|(identifier, _)| !answered(*identifier));
                return Err(CosignerError::Unavailable { names: silent.map(|(_, peer)| shared.name_of(*peer)).collect() });
            }
        }
        Ok(())
    };
    if let Err(refused) = asked.await {
        // Nobody is left waiting for a begin that does not come.
        let _told = tell_all(shared, others, &Message::Cancel { proposal: digest });
        return Err(refused);
    }
    Ok((randoms, answers))
}

/// Tells all `others`, also if some cannot be told.
pub(super) fn tell_all(shared: &Shared, others: &[(Identifier, PeerId)], message: &Message) -> Result<(), CosignerError> {
    let untold = others.iter().filter(|(_, peer)| shared.tell(*peer, message).is_err());
    let names: Vec<_> = untold.map(|(_, peer)| shared.name_of(*peer)).collect();
    if names.is_empty() { Ok(()) } else { Err(CosignerError::Unavailable { names }) }
}

/// Another cosigner's no.
pub(super) enum No {
    Refused(PeerId, String),
    Lacks(PeerId, Lack),
}

impl No {
    pub(super) fn of(from: PeerId, message: &Message) -> Option<Self> {
        if let Message::Refuse { reason, .. } = message {
            return Some(Self::Refused(from, reason.clone()));
        }
        if let Message::Lacks { lack, .. } = message { Some(Self::Lacks(from, *lack)) } else { None }
    }

    pub(super) fn named(self, shared: &Shared) -> CosignerError {
        match self {
            Self::Refused(peer, reason) => CosignerError::Refused { name: shared.name_of(peer), reason },
            Self::Lacks(peer, lack) => CosignerError::Lacking { name: shared.name_of(peer), lack },
        }
    }
}

async fn collect(answers: &mut Answers, others: &[(Identifier, PeerId)], randoms: &mut Vec<Random>) -> Result<(), No> {
    while randoms.len() <= others.len() {
        let Some((from, message)) = answers.next().await else {
            return Ok(());
        };
        let Some((identifier, _)) = others.iter().find(|(_, peer)| *peer == from) else {
            continue;
        };
        if let Some(no) = No::of(from, &message) {
            return Err(no);
        }
        if let Message::Accept { random, .. } = message
            && randoms.iter().all(|random| random.identifier != *identifier)
        {
            randoms.push(Random { identifier: *identifier, value: random });
        }
    }
    Ok(())
}
