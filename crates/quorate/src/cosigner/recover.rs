//! Completes key generations that were cut off between this cosigner's confirmation and the others': a peer that has the certificate
//! hands it over.

use core::time::Duration;
use std::{collections::VecDeque, sync::Arc};

use quorate_core::PeerId;
use quorate_storage::{AuditKind, KeyRef, KeySummary, VaultError, vault::VaultInputError};
use tokio::{sync::mpsc, task::JoinSet};

use super::{Shared, keygen::activate};
use crate::{
    audit,
    ceremony::message::Message,
    error::CosignerError,
    share::{AnyPendingShare, Stored},
};

/// Pauses between two attempts: from the first, doubling, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How long peers have to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// How many shares are asked for at one time.
const AT_ONCE: usize = 32;

/// Asks for the certificates of shares that are pending at the start, and of those that `incomplete` names later.
pub(super) async fn complete_pending(shared: Arc<Shared>, mut incomplete: mpsc::UnboundedReceiver<KeyRef>) {
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
                open.push_front(key);
                pause = FIRST_PAUSE;
            }
        }
        open = rest;
        let wait = if open.is_empty() { Duration::MAX } else { pause };
        match tokio::time::timeout(wait, incomplete.recv()).await {
            Ok(Some(key)) => {
                open.push_front(key);
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
    }
}

fn pending_of(summary: &KeySummary) -> Vec<KeyRef> {
    let names = summary.pending.iter();
    names.map(|slot| KeyRef::new(summary.key_id, slot.epoch, slot.participant, summary.suite)).collect()
}

/// Whether the share is pending no longer.
async fn complete(shared: &Arc<Shared>, key: &KeyRef) -> Result<bool, CosignerError> {
    let pending = match shared.vault.load_pending::<Stored<AnyPendingShare>>(key.key_id(), key.epoch()).await {
        Ok((_, pending)) => pending,
        // Its own ceremony completed it in the meantime, or a higher epoch did away with it.
        Err(VaultError::Input(VaultInputError::NoPendingShare { .. })) => return Ok(true),
        Err(error) => return Err(error.into()),
    };
    let mut answers = shared.expect(shared.me, *key.key_id(), pending.peers.iter().map(|(_, peer)| peer))?;
    for (_, peer) in pending.peers.iter().filter(|(_, peer)| *peer != shared.me) {
        // A peer that is off the roster cannot be asked.
        let _told = shared.tell(peer, &Message::AskCertificate { key_id: *key.key_id(), epoch: key.epoch() });
    }
    let certificate = async {
        while let Some((_, message)) = answers.next().await {
            if let Message::Certificate { record, epoch, .. } = message
                && epoch == key.epoch()
                // The certificate proves itself; who hands it over does not matter.
                && let Ok(share) = pending.share.complete(&record)
            {
                return Some(share);
            }
        }
        None
    };
    let Ok(Some(share)) = tokio::time::timeout(ANSWER_WITHIN, certificate).await else {
        return Ok(false);
    };
    activate(shared, &Stored { wallet: pending.wallet, peers: pending.peers, share }).await?;
    let entry = audit::entry(AuditKind::CertificateCompleted).key(*key.key_id()).epoch(key.epoch());
    shared.audit.note(entry).await;
    Ok(true)
}

/// Hands over a certificate, which is public, to a participant of the key.
pub(super) async fn answer(shared: &Arc<Shared>, from: PeerId, key_id: [u8; 32], epoch: u64) {
    if let Ok(key) = shared.load(&key_id).await
        && key.share.epoch() == epoch
        && key.peers.identifier(from).is_some()
    {
        let record = key.share.certificate_record();
        let _told = shared.tell(from, &Message::Certificate { key_id, epoch, record });
    }
}
