//! What a cosigner does with messages of others: answer questions, decide on proposals, pass answers to whoever asked.

use std::{collections::BTreeSet, sync::Arc};

use quorate_core::{Identifier, PeerId, wire::Encoding};

use super::{Answers, Shared, fresh};
use crate::{
    ceremony::message::{Message, Proposal, ProposalBody, Random},
    error::CosignerError,
};

/// Runs until the network is shut down.
pub(super) async fn answer_all(shared: Arc<Shared>) {
    while let Some((from, bytes)) = shared.network.next_control().await {
        let Ok(message) = Message::from_bytes(&bytes) else {
            tracing::warn!(target: "quorate::audit", from = %shared.name_of(from), "a malformed message was ignored");
            continue;
        };
        answer(&shared, from, message);
    }
}

fn answer(shared: &Arc<Shared>, from: PeerId, message: Message) {
    match &message {
        Message::Propose(_) | Message::AskAttestation { .. } | Message::AskCertificate { .. } => spawn(shared, from, message),
        Message::AskExposure { question } => {
            let answer = Message::Exposure { question: *question, exposure: shared.exposure.clone() };
            // A peer that cannot be told asks again.
            let _told = shared.tell(from, &answer);
        }
        Message::Accept { proposal: topic, .. }
        | Message::Refuse { proposal: topic, .. }
        | Message::Begin { proposal: topic, .. }
        | Message::Cancel { proposal: topic }
        | Message::Done { proposal: topic }
        | Message::Exposure { question: topic, .. }
        | Message::Attestation { challenge: topic, .. }
        | Message::Certificate { key_id: topic, .. } => shared.route(*topic, from, message),
    }
}

/// Works on what takes longer, bounded in number.
fn spawn(shared: &Arc<Shared>, from: PeerId, message: Message) {
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        let Ok(_permit) = shared.proposals.try_acquire() else {
            return;
        };
        match message {
            Message::Propose(proposal) => take_part(&shared, from, proposal).await,
            Message::AskAttestation { key_id, epoch, challenge } => {
                super::attest::answer(&shared, from, key_id, epoch, challenge).await;
            }
            Message::AskCertificate { key_id, epoch } => super::recover::answer(&shared, from, key_id, epoch).await,
            Message::Accept { .. }
            | Message::Refuse { .. }
            | Message::Begin { .. }
            | Message::Cancel { .. }
            | Message::Done { .. }
            | Message::AskExposure { .. }
            | Message::Exposure { .. }
            | Message::Attestation { .. }
            | Message::Certificate { .. } => {}
        }
    });
}

/// Takes part in what another cosigner proposes, or tells it why not.
async fn take_part(shared: &Arc<Shared>, from: PeerId, proposal: Proposal) {
    let digest = proposal.digest();
    let outcome = match &proposal.body {
        ProposalBody::Keygen(_) => super::keygen::take_part(shared, from, &proposal).await,
        ProposalBody::Sign(_) => super::sign::take_part(shared, from, &proposal).await,
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
            let _told = shared.tell(from, &Message::Refuse { proposal: digest, reason });
        }
    }
}

/// An error with its causes in one line that may travel.
pub(crate) fn describe(error: &dyn core::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    let printable = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut length = 0;
    printable
        .take_while(|c| {
            length += c.len_utf8();
            length <= crate::ceremony::message::MAX_TEXT
        })
        .collect()
}

/// Accepts a proposal and waits until the proposer says that all have.
pub(super) async fn accept(
    shared: &Arc<Shared>,
    from: PeerId,
    proposal: &Proposal,
    me: Identifier,
    participants: impl Iterator<Item = Identifier>,
) -> Result<Vec<Random>, CosignerError> {
    let digest = proposal.digest();
    let mut answers = shared.expect(digest)?;
    let random = fresh()?;
    shared.tell(from, &Message::Accept { proposal: digest, random })?;
    let begin = tokio::time::timeout(shared.deadline, begin(&mut answers, from)).await;
    let silent = || CosignerError::Unavailable { names: vec![shared.name_of(from)] };
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
                Some((from, Message::Done { .. } | Message::Refuse { .. })) => drop(open.remove(&from)),
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
    let digest = proposal.digest();
    let mut answers = shared.expect(digest)?;
    let mut randoms = vec![Random { identifier: me, value: fresh()? }];
    for (_, peer) in others {
        shared.tell(*peer, &Message::Propose(proposal.clone()))?;
    }
    let collected = tokio::time::timeout(within, collect(&mut answers, others, &mut randoms)).await;
    let refused = match collected {
        Ok(Ok(())) => {
            randoms.sort_unstable_by_key(|random| random.identifier);
            for (_, peer) in others {
                shared.tell(*peer, &Message::Begin { proposal: digest, randoms: randoms.clone() })?;
            }
            return Ok((randoms, answers));
        }
        Ok(Err((peer, reason))) => CosignerError::Refused { name: shared.name_of(peer), reason },
        Err(_elapsed) => {
            let silent = others.iter().filter(|(identifier, _)| randoms.iter().all(|random| random.identifier != *identifier));
            CosignerError::Unavailable { names: silent.map(|(_, peer)| shared.name_of(*peer)).collect() }
        }
    };
    for (_, peer) in others {
        let _told = shared.tell(*peer, &Message::Cancel { proposal: digest });
    }
    Err(refused)
}

async fn collect(
    answers: &mut Answers,
    others: &[(Identifier, PeerId)],
    randoms: &mut Vec<Random>,
) -> Result<(), (PeerId, String)> {
    while randoms.len() <= others.len() {
        let Some((from, message)) = answers.next().await else {
            return Ok(());
        };
        let Some((identifier, _)) = others.iter().find(|(_, peer)| *peer == from) else {
            continue;
        };
        if let Message::Refuse { reason, .. } = message {
            return Err((from, reason));
        }
        if let Message::Accept { random, .. } = message
            && randoms.iter().all(|random| random.identifier != *identifier)
        {
            randoms.push(Random { identifier: *identifier, value: random });
        }
    }
    Ok(())
}
