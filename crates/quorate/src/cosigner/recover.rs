//! Catching up with a key: shares that are pending become active, and shares of former epochs are destroyed, when a certificate shows
//! up.
//!
//! A ceremony that was cut off between this cosigner's confirmation and the others' leaves a pending share. Whoever has the certificate
//! hands it over; and if nobody has it, because all were cut off, everyone's confirmations are put together again. A cosigner that was
//! not there when its key moved on learns of it from whomever it meets next.

use core::time::Duration;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use quorate_core::{PeerId, SuiteId};
use quorate_storage::{AuditKind, KeyRef, KeySummary, VaultError, vault::VaultInputError};
use tokio::{sync::mpsc, task::JoinSet};

use super::{Shared, epochs::HolderSet, keygen::activate};
use crate::{
    audit,
    ceremony::message::{KeyEpochs, Message},
    error::{CosignerError, Lack},
    share::{AnyCertified, AnyKeyShare, AnyPendingShare, Stored},
};

/// Pauses between two attempts: from the first, doubling, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How long peers have to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// How often to look for peers that were not asked yet.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(2);
/// The most bytes of holders in one answer.
const MAX_FORMER: usize = 1 << 20;
/// When to look again where the store did not say whether a certificate is of a key that this cosigner knows.
const SECOND_LOOK: Duration = Duration::from_millis(500);
/// How many shares are asked for at one time.
const AT_ONCE: usize = 32;

/// Asks for the certificates of shares that are pending at the start, and of those that `incomplete` names later.
pub(super) async fn complete_pending(shared: Arc<Shared>, mut incomplete: mpsc::UnboundedReceiver<KeyRef>) {
    let next = |open: &mut VecDeque<KeyRef>, key: KeyRef| {
        if !open.contains(&key) {
            open.push_front(key);
        }
    };
    let mut open = match pending(&shared).await {
        Ok(open) => open,
        Err(error) => {
            let reason = super::answer::describe(&error);
            tracing::error!(reason, "the vault cannot be listed; pending shares stay pending until the next start");
            VecDeque::new()
        }
    };
    let mut pause = FIRST_PAUSE;
    loop {
        let mut rest = VecDeque::new();
        while !open.is_empty() {
            let some = open.drain(..open.len().min(AT_ONCE)).collect();
            rest.extend(complete_some(&shared, some).await);
            // The newest first, so that old ones that nobody can complete are no hindrance.
            while let Ok(key) = incomplete.try_recv() {
                next(&mut open, key);
                pause = FIRST_PAUSE;
            }
        }
        open = rest;
        let wait = if open.is_empty() { Duration::MAX } else { pause };
        match tokio::time::timeout(wait, incomplete.recv()).await {
            Ok(Some(key)) => {
                next(&mut open, key);
                pause = FIRST_PAUSE;
            }
            Ok(None) => return,
            Err(_elapsed) => pause = (pause * 2).min(LONGEST_PAUSE),
        }
    }
}

/// Asks for several certificates side by side, and gives the shares that are still pending.
async fn complete_some(shared: &Arc<Shared>, keys: Vec<KeyRef>) -> Vec<KeyRef> {
    let mut tasks = JoinSet::new();
    for key in keys {
        let shared = Arc::clone(shared);
        tasks.spawn(async move { (key, complete(&shared, &key).await) });
    }
    let mut rest = Vec::new();
    while let Some(finished) = tasks.join_next().await {
        match finished {
            Ok((_, Ok(true))) => {}
            Ok((key, Ok(false))) => rest.push(key),
            Ok((key, Err(error))) => {
                let reason = super::answer::describe(&error);
                tracing::warn!(key = hex::encode(key.key_id()), reason, "a pending share was not completed");
                rest.push(key);
            }
            Err(_panicked) => tracing::error!("the completion of a share panicked; it is tried again at the next start"),
        }
    }
    rest
}

async fn pending(shared: &Shared) -> Result<VecDeque<KeyRef>, CosignerError> {
    let mut found = VecDeque::new();
    let mut after = None;
    loop {
        let page = shared.vault.list(after.as_ref(), 256).await?;
        found.extend(page.keys.iter().flat_map(pending_of));
        after = page.next;
        if after.is_none() {
            return Ok(found);
        }
        // A store may never wait, and others want to run.
        tokio::task::yield_now().await;
    }
}

fn pending_of(summary: &KeySummary) -> Vec<KeyRef> {
    let names = summary.pending.iter();
    names.map(|slot| KeyRef::new(summary.key_id, slot.epoch, slot.participant, summary.suite)).collect()
}

/// Whether the share is pending no longer.
pub(super) async fn complete(shared: &Arc<Shared>, key: &KeyRef) -> Result<bool, CosignerError> {
    let pending = match shared.vault.load_pending::<Stored<AnyPendingShare>>(key.key_id(), key.epoch()).await {
        Ok((_, pending)) => pending,
        // Its own ceremony completed it in the meantime, or a higher epoch did away with it, or the store was put back to before the key.
        // What failed may have been the last step.
        Err(VaultError::Input(VaultInputError::NoPendingShare { .. } | VaultInputError::UnknownKey)) => {
            return finish(shared, key).await;
        }
        Err(error) => return Err(error.into()),
    };
    let (mut confirmations, mut share) = (BTreeMap::new(), None);
    // Not only who received a share: a dealer that left, or any of the former holders, may be the one that has the certificate.
    let others = others(shared);
    let mut answers = ask(shared, key.key_id(), key.epoch(), &others)?;
    let everyone = pending.share.placement().participants().len();
    let certificate = async {
        while let Some((from, message)) = answers.next().await {
            // The certificate proves itself; who hands it over does not matter.
            if let Message::Certificate { record, .. } = message {
                match pending.share.complete(&record) {
                    Ok(complete) => share = Some(complete),
                    Err(_other_epoch) => learn(shared, key.suite(), &record).await?,
                }
            } else if let Message::Confirmation { record, .. } = message {
                confirmations.extend(pending.peers.identifier(from).map(|identifier| (identifier, record)));
                if confirmations.len() + 1 == everyone {
                    share = pending.share.complete_with(&confirmations).ok();
                }
            }
            if share.is_some() {
                break;
            }
        }
        Ok::<_, CosignerError>(())
    };
    if let Ok(ended) = tokio::time::timeout(ANSWER_WITHIN, certificate).await {
        ended?;
    }
    let Some(share) = share else { return Ok(false) };
    shared.renew_pairings();
    activate(shared, &Stored { wallet: pending.wallet, peers: pending.peers, since: shared.clock.now(), share }).await?;
    let entry = audit::entry(AuditKind::CertificateCompleted).key(*key.key_id()).epoch(key.epoch());
    shared.audit.note(entry).await;
    Ok(true)
}

/// Finishes the destruction of what was before an epoch. Gives whether this cosigner has come as far.
async fn finish(shared: &Arc<Shared>, key: &KeyRef) -> Result<bool, CosignerError> {
    shared.finish_destruction(key.key_id()).await?;
    if !shared.holds_below(key.key_id(), key.epoch()).await? {
        return Ok(true);
    }
    // The certificate by which it is given up came, and was not stored.
    let others = others(shared);
    let mut answers = ask(shared, key.key_id(), key.epoch(), &others)?;
    let certificate = async {
        while let Some((_, message)) = answers.next().await {
            if let Message::Certificate { record, .. } = message {
                learn(shared, key.suite(), &record).await?;
                if !shared.holds_below(key.key_id(), key.epoch()).await? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    };
    tokio::time::timeout(ANSWER_WITHIN, certificate).await.unwrap_or(Ok(false))
}

pub(super) fn others(shared: &Shared) -> Vec<PeerId> {
    shared.roster.iter().map(|entry| entry.identity).filter(|peer| *peer != shared.me).collect()
}

/// Asks for a certificate of this epoch or a later one. Peers that cannot be asked are left out.
fn ask(shared: &Arc<Shared>, key_id: &[u8; 32], epoch: u64, peers: &[PeerId]) -> Result<super::Answers, CosignerError> {
    let question = super::fresh()?;
    let answers = shared.expect(shared.me, question, peers.iter().copied())?;
    for peer in peers.iter().copied() {
        // A peer that is off the roster cannot be asked.
        let _told = shared.tell(peer, &Message::AskCertificate { question, key_id: *key_id, epoch });
    }
    Ok(answers)
}

/// Gives this cosigner's share of a key in the epoch that `peer` names, after catching up if need be.
///
/// # Errors
///
/// [`CosignerError::Lacking`] if the key has a later epoch here; the peer is told which.
pub(super) async fn current(
    shared: &Arc<Shared>,
    key_id: &[u8; 32],
    epoch: u64,
    peer: PeerId,
) -> Result<Stored<AnyKeyShare>, CosignerError> {
    let mut key = shared.load(key_id).await?;
    if key.share.epoch() < epoch {
        catch_up(shared, key_id, key.share.suite(), epoch, peer).await?;
        key = shared.load(key_id).await?;
    }
    if key.share.epoch() > epoch {
        let _told = shared.tell(peer, &new_epoch(&key));
        return Err(CosignerError::Lacking { name: shared.name.clone(), lack: Lack::Epoch });
    }
    if key.share.epoch() < epoch {
        let reason = "my share is of a former epoch, and nobody has given me the certificate of this one; `quorate repair` makes me a new one";
        return Err(CosignerError::Denied { reason: reason.to_owned() });
    }
    Ok(key)
}

/// Asks a peer for the certificate of this epoch or a later one, and does what it says. Gives whether it had one.
pub(super) async fn catch_up(
    shared: &Arc<Shared>,
    key_id: &[u8; 32],
    suite: SuiteId,
    epoch: u64,
    peer: PeerId,
) -> Result<bool, CosignerError> {
    let mut answers = ask(shared, key_id, epoch, &[peer])?;
    match tokio::time::timeout(ANSWER_WITHIN, answers.next()).await {
        Ok(Some((_, Message::Certificate { record, .. }))) => learn(shared, suite, &record).await.map(|()| true),
        _ => Ok(false),
    }
}

/// Says which epoch a key has here.
pub(super) fn new_epoch(key: &Stored<AnyKeyShare>) -> Message {
    Message::NewEpoch { suite: key.share.suite(), record: key.share.certified_record() }
}

/// Does what a certificate says, if it is one of a later epoch of a key that this cosigner holds: the pending share becomes active, or
/// the old one is destroyed. Of a key of which there are epoch keys alone, these are destroyed.
///
/// Anyone may hand it over. It proves that all holders of that epoch have shares of this key, which nobody can who does not know
/// enough shares of it.
pub(super) async fn learn(shared: &Arc<Shared>, suite: SuiteId, record: &[u8]) -> Result<(), CosignerError> {
    let Ok(certified) = AnyCertified::from_record(suite, record) else { return Ok(()) };
    // Whoever handed it over may not come again; but that it is of a key that is known here is not clear yet, and it is kept for a moment only.
    let (print, orphan) = match known_print(shared, &certified).await {
        Ok(found) => found,
        Err(_) => {
            tokio::time::sleep(SECOND_LOOK).await;
            known_print(shared, &certified).await?
        }
    };
    // A key that this cosigner has nothing to do with, or something that calls itself by its name.
    if print != Some(certified.key_print()) {
        return Ok(());
    }
    let done = if orphan { shared.retire_orphan(&certified).await } else { learn_from(shared, &certified, record).await };
    done.inspect_err(|_| shared.try_again(&certified))
}

/// What stays the same of a key that has the name of a certified one here, and whether there are epoch keys alone of it.
async fn known_print(shared: &Shared, certified: &AnyCertified) -> Result<(Option<[u8; 32]>, bool), CosignerError> {
    let key_id = certified.key_id();
    match shared.print_of(key_id.as_bytes()).await? {
        Some(print) => Ok((Some(print), false)),
        None => Ok((shared.vault.orphan(key_id.as_bytes()).await?.map(|orphan| orphan.print), true)),
    }
}

async fn learn_from(shared: &Arc<Shared>, certified: &AnyCertified, record: &[u8]) -> Result<(), CosignerError> {
    let (key_id, epoch) = (*certified.key_id().as_bytes(), certified.epoch());
    if shared.is_past(certified).await? {
        // A crash may have come before the end.
        return shared.finish_retirement(&key_id).await;
    }
    shared.renew_pairings();
    // A share that does not open now is there all the same: nothing is given up for want of an answer of the store or a key service.
    let pending = match shared.vault.load_pending::<Stored<AnyPendingShare>>(&key_id, epoch).await {
        Ok((_, pending)) => Some(pending),
        Err(VaultError::Input(VaultInputError::NoPendingShare { .. } | VaultInputError::UnknownKey)) => None,
        Err(error) => return Err(error.into()),
    };
    if let Some(pending) = pending
        && let Ok(share) = pending.share.complete(record)
    {
        return activate(shared, &Stored { wallet: pending.wallet, peers: pending.peers, since: shared.clock.now(), share })
            .await;
    }
    let mine = shared.vault.summary(&key_id).await.ok().and_then(|summary| summary.active).map(|slot| slot.participant);
    shared.retire(certified, record).await?;
    let key = certified.key_id();
    if mine.is_some_and(|me| certified.placement().participants().contains(me)) {
        tracing::error!(target: "quorate::audit", %key, epoch, "the share of this epoch is not here; `quorate repair` makes a new one");
    } else {
        tracing::warn!(target: "quorate::audit", %key, epoch, "the key has moved to other cosigners; what was held of it is destroyed");
    }
    Ok(())
}

/// Asks everyone, once it is there, whether keys have moved on while this cosigner was away.
pub(super) async fn catch_up_with_all(shared: Arc<Shared>) {
    let mut open = others(&shared);
    while !open.is_empty() {
        for peer in core::mem::take(&mut open) {
            if !shared.network.is_connected(peer) || catch_up_with(&shared, peer).await.is_err() {
                open.push(peer);
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// A key, and the epoch that this cosigner is at.
pub(super) type Known = ([u8; 32], SuiteId, u64);

async fn catch_up_with(shared: &Arc<Shared>, peer: PeerId) -> Result<(), CosignerError> {
    let mut after = None;
    loop {
        let page = shared.vault.list(after.as_ref(), 256).await?;
        let known = page.keys.iter().filter_map(|key| Some((key.key_id, key.suite, key.active?.epoch)));
        catch_up_keys(shared, peer, &known.collect::<Vec<_>>()).await?;
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}

/// Asks a peer where it is with some keys, and catches up with those that are further there.
pub(super) async fn catch_up_keys(shared: &Arc<Shared>, peer: PeerId, known: &[Known]) -> Result<(), CosignerError> {
    if known.is_empty() {
        return Ok(());
    }
    let unavailable = || CosignerError::Unavailable { names: vec![shared.name_of(peer)] };
    let question = super::fresh()?;
    let mut answers = shared.expect(shared.me, question, [peer])?;
    let keys = known.iter().map(|(key_id, ..)| *key_id).collect();
    shared.tell(peer, &Message::AskEpochs { question, former: false, keys })?;
    let answer = tokio::time::timeout(ANSWER_WITHIN, answers.next()).await;
    let Ok(Some((_, Message::Epochs { epochs, .. }))) = answer else { return Err(unavailable()) };
    for (key_id, suite, mine) in known {
        let theirs = epochs.iter().find(|theirs| theirs.key_id == *key_id).and_then(|theirs| theirs.active);
        if let Some(later) = theirs.filter(|later| later > mine)
            && !catch_up(shared, key_id, *suite, later, peer).await?
        {
            // Whoever names an epoch and has no certificate of it is not waited for with every key; others are asked first.
            return Err(unavailable());
        }
    }
    Ok(())
}

/// Hands over what is public about a key: the certificate of this epoch or a later one, or at least this cosigner's confirmation.
pub(super) async fn answer(shared: &Arc<Shared>, from: PeerId, question: [u8; 32], key_id: [u8; 32], epoch: u64) {
    if let Some(record) = shared.certificate_from(&key_id, epoch).await {
        let _told = shared.tell(from, &Message::Certificate { question, record });
        return;
    }
    // It is durable, and may have left before.
    if let Ok((_, pending)) = shared.vault.load_pending::<Stored<AnyPendingShare>>(&key_id, epoch).await
        && pending.peers.identifier(from).is_some()
    {
        let _told = shared.tell(from, &Message::Confirmation { question, record: pending.share.confirmation() });
    }
}

/// Says what this cosigner knows of the epochs of keys.
pub(super) async fn answer_epochs(shared: &Arc<Shared>, from: PeerId, question: [u8; 32], (keys, former): (&[[u8; 32]], bool)) {
    let mut epochs = Vec::with_capacity(keys.len());
    let mut room = MAX_FORMER;
    for key_id in keys {
        if let Err(error) = shared.seen(key_id).await {
            // That a store does not answer is no word on what is in it.
            let reason = super::answer::describe(&error);
            return tracing::warn!(
                key = hex::encode(key_id),
                reason,
                "what is known of a key cannot be read; the question stays open"
            );
        }
        if former && let Err(error) = shared.finish_destruction(key_id).await {
            // It is asked what is destroyed, and by what is left of it a share could come back from an old copy of the store.
            let reason = super::answer::describe(&error);
            return tracing::warn!(key = hex::encode(key_id), reason, "a destruction is not finished; the question stays open");
        }
        let mut known = epochs_of(shared, key_id).await;
        if former {
            let sets = shared.former(key_id).await.ok().flatten();
            let size = sets.iter().flatten().map(HolderSet::size).sum();
            // What does not fit counts as too many.
            if let Some(left) = room.checked_sub(size) {
                room = left;
                known.former = sets.map(|sets| sets.into_iter().collect());
            }
        }
        epochs.push(known);
    }
    let _told = shared.tell(from, &Message::Epochs { question, epochs });
}

pub(super) async fn epochs_of(shared: &Shared, key_id: &[u8; 32]) -> KeyEpochs {
    let summary = shared.vault.summary(key_id).await.ok();
    let active = summary.as_ref().and_then(|summary| summary.active.map(|slot| slot.epoch));
    let slots = summary.iter().flat_map(|summary| summary.active.iter().chain(&summary.pending));
    let lowest = slots.map(|slot| slot.epoch).min();
    // A record that was put back names a share whose key was destroyed: there is no share, and a refresh makes a new one. Where the
    // place of the keys does not answer, the record stands.
    let there = match active {
        Some(epoch) => shared.vault.has_epoch_key(key_id, epoch).await.unwrap_or(true),
        None => false,
    };
    let active = active.filter(|_| there);
    KeyEpochs { key_id: *key_id, active, highest: shared.seen(key_id).await.ok().flatten(), lowest, former: None }
}
