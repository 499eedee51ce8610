//! What a reshare amounts to: who destroyed what it had, and whether the rest is harmless.

use core::time::Duration;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use quorate_core::{Identifier, PeerId, Peers, Threshold};

use super::{Reshared, ResharedKey, ask_which};
use crate::{
    ceremony::message::{KeyEpochs, Message, ReshareKey, ReshareProposal},
    cosigner::{
        ANSWER_WITHIN, Answers, Shared, answer,
        epochs::{Former, HolderSet},
        recover,
    },
    error::CosignerError,
};

/// How long to wait for this cosigner's own sessions when another one's have failed.
const GRACE: Duration = Duration::from_secs(2);
/// The pauses, in milliseconds, before those who did not take part are asked whether they destroyed what they had: it takes them a few
/// writes.
const PAUSES: [u64; 5] = [0, 50, 150, 400, 1000];

/// Waits for this cosigner's own sessions, and not for long once another one says that its have failed. Keeps what else is heard.
pub(super) async fn listening<T>(
    shared: &Shared,
    sessions: impl Future<Output = Result<T, CosignerError>>,
    answers: &mut Answers,
    heard: &mut Vec<(PeerId, Message)>,
) -> Result<T, CosignerError> {
    let mut sessions = core::pin::pin!(sessions);
    loop {
        let (from, message) = tokio::select! {
            ended = &mut sessions => return ended,
            Some(answer) = answers.next() => answer,
        };
        if let Some(no) = answer::No::of(from, &message) {
            let failed = no.named(shared);
            return tokio::time::timeout(GRACE, sessions).await.unwrap_or(Err(failed));
        }
        heard.push((from, message));
    }
}

/// Waits until the others have committed, and gives what each that did says of former holders.
pub(super) async fn words(
    shared: &Arc<Shared>,
    (heard, answers): (Vec<(PeerId, Message)>, &mut Answers),
    others: &[(Identifier, PeerId)],
) -> BTreeMap<PeerId, Former> {
    let mut open: BTreeSet<_> = others.iter().map(|(_, peer)| *peer).collect();
    let (mut words, mut heard) = (BTreeMap::new(), heard.into_iter());
    let wait = async {
        while !open.is_empty() {
            let next = match heard.next() {
                Some(heard) => Some(heard),
                None => answers.next().await,
            };
            let Some((from, message)) = next else { return };
            if let Message::Destroyed { former, .. } = message {
                open.remove(&from);
                words.insert(from, former.map(|former| former.into_iter().collect()));
            } else if matches!(message, Message::Refuse { .. } | Message::Lacks { .. }) {
                open.remove(&from);
            }
        }
    };
    let _all = tokio::time::timeout(shared.deadline, wait).await;
    words
}

/// How many of those whose word counts may have lied, and shares of all that was before could not sign all the same; nothing if they
/// can: docs/epochs.md, "Effective".
fn margin(words: &BTreeMap<PeerId, Former>, trusted: &BTreeSet<PeerId>, base: Option<HolderSet>) -> Option<usize> {
    let mut sets: BTreeSet<_> = base.into_iter().collect();
    for (_, former) in words.iter().filter(|(peer, _)| trusted.contains(peer)) {
        sets.extend(former.clone()?);
    }
    sets.iter().map(|set| set.margin(trusted)).min().flatten()
}

/// What the words amount to for the proposer, who heard former holders, too.
pub(super) async fn outcome(
    shared: &Shared,
    keys: Vec<ResharedKey>,
    body: &ReshareProposal,
    (old, threshold): (&Peers, Threshold),
    words: BTreeMap<PeerId, Former>,
) -> Reshared {
    let receivers = body.receivers();
    let receives = |peer: PeerId| receivers.as_ref().is_some_and(|new| new.identifier(peer).is_some());
    let trusted: BTreeSet<_> = words.keys().copied().filter(|peer| old.identifier(*peer).is_none() || receives(*peer)).collect();
    let margin = margin(&words, &trusted, Some(HolderSet::new(old, threshold.min_signers())));
    if margin.is_some() {
        note_effective(shared, body).await;
    }
    let (gone, left): (Vec<_>, Vec<_>) = old.iter().map(|(_, peer)| peer).partition(|peer| words.contains_key(peer));
    let names = |peers: Vec<PeerId>| peers.into_iter().map(|peer| shared.name_of(peer)).collect();
    Reshared { keys, destroyed: names(gone), outstanding: names(left), effective: margin.is_some(), margin: margin.unwrap_or(0) }
}

/// What another participant makes of the words, for when it next proposes: it counts new holders only, and has heard nobody else.
pub(super) async fn judge(shared: &Shared, body: &ReshareProposal, words: &BTreeMap<PeerId, Former>) {
    let Some(receivers) = body.receivers() else { return };
    let trusted: BTreeSet<_> = words.keys().copied().filter(|peer| receivers.identifier(*peer).is_some()).collect();
    // The holders of the base are among the sets that its holders name.
    if words.values().any(|former| former.as_ref().is_some_and(|former| !former.is_empty()))
        && margin(words, &trusted, None).is_some()
    {
        note_effective(shared, body).await;
    }
}

async fn note_effective(shared: &Shared, body: &ReshareProposal) {
    let Some(receivers) = body.receivers() else { return };
    let holders = HolderSet::new(&receivers, body.placement.threshold().min_signers());
    for key in &body.keys {
        if let Err(error) = shared.note_effective(&key.key_id, key.new_epoch, &holders).await {
            // Later ones are then asked for more than they need.
            let reason = answer::describe(&error);
            tracing::warn!(key = hex::encode(key.key_id), reason, "that an epoch is effective could not be written down");
        }
    }
}

/// Tells those who may have a former share and did not say that it is gone which epoch the keys have now, so that they destroy what they
/// have; and asks whether they did, and what they joined.
pub(super) async fn absent(shared: &Arc<Shared>, body: &ReshareProposal, old: &Peers, words: &mut BTreeMap<PeerId, Former>) {
    let of_sets = words.values().flatten().flatten().flat_map(HolderSet::holders);
    let all: BTreeSet<_> = old.iter().map(|(_, peer)| peer).chain(of_sets).collect();
    let absent: BTreeSet<_> =
        all.into_iter().filter(|peer| !words.contains_key(peer) && shared.network.is_connected(*peer)).collect();
    for key in &body.keys {
        let Ok(stored) = shared.load(&key.key_id).await else { continue };
        for peer in &absent {
            // One that cannot be told learns it when it next takes part in anything.
            let _told = shared.tell(*peer, &recover::new_epoch(&stored));
        }
    }
    let ids: Vec<_> = body.keys.iter().map(|key| key.key_id).collect();
    let (mut open, mut silent) = (absent, BTreeSet::new());
    for pause in PAUSES {
        if open.is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(pause)).await;
        let Ok(epochs) = ask_which(shared, (ids.clone(), true), &open, ANSWER_WITHIN / 5).await else { return };
        open.retain(|peer| epochs.contains_key(peer) || silent.insert(*peer));
        for (peer, epochs) in epochs.into_iter().filter(|(peer, _)| *peer != shared.me) {
            let is_past = |(key, theirs): (&ReshareKey, &KeyEpochs)| {
                theirs.highest >= Some(key.new_epoch) && theirs.lowest.is_none_or(|lowest| lowest >= key.new_epoch)
            };
            if body.keys.iter().zip(&epochs).all(is_past) {
                open.remove(&peer);
                let former = epochs.into_iter().map(|epochs| epochs.former);
                words.insert(peer, former.collect::<Option<Vec<_>>>().map(|sets| sets.into_iter().flatten().collect()));
            } else if epochs.iter().all(|epochs| epochs.highest.is_none()) {
                // It never had anything, and will not have.
                open.remove(&peer);
            }
        }
    }
}
