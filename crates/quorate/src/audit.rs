//! The audit log of a running cosigner: one task writes it, in the order in which entries are handed over.
//!
//! Most entries are noted and written behind the caller's back. The one that must be durable before a signature share leaves is begun
//! as soon as this cosigner has consented, and waited for where the sessions begin, so that its write costs nothing while the others
//! are still asked. If it fails, nothing is signed.

use core::time::Duration;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, PoisonError},
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use quorate_core::PeerId;
use quorate_storage::{
    Vault,
    audit::{AuditEntry, AuditError, AuditHead, AuditKind, AuditLog},
};
use tokio::sync::{mpsc, oneshot, watch};

use crate::{
    ceremony::message::{Proposal, ProposalBody, RequestId},
    error::CosignerError,
    health::Counts,
};

/// How many entries wait to be written before whoever notes one waits too.
const QUEUE: usize = 256;
/// How many entries are kept while the store does not serve.
const BACKLOG: usize = 1024;
/// How many entries each peer can cause in a [`WINDOW`] by requests that are refused, and by questions. More are counted only.
const CAUSED: u32 = 32;
const WINDOW: Duration = Duration::from_secs(60);

/// What the writer is to do.
enum Order {
    Write(AuditEntry, Option<oneshot::Sender<Result<AuditHead, AuditError>>>),
    /// Write what is left, and the head record; then no more.
    Close(oneshot::Sender<()>),
}

/// The way to the writer.
pub(crate) struct Audit {
    orders: mpsc::Sender<Order>,
    head: watch::Receiver<AuditHead>,
    caused: Mutex<BTreeMap<PeerId, Caused>>,
    counts: Counts,
}

/// What one peer caused lately.
struct Caused {
    since: Instant,
    written: u32,
    left_out: u32,
}

/// An entry on its way to the store.
#[must_use = "an entry is durable when this has been waited for"]
pub(crate) struct Writing(oneshot::Receiver<Result<AuditHead, AuditError>>);

impl Writing {
    /// An entry that is durable when a test says so.
    #[cfg(test)]
    pub(crate) fn held_back() -> (oneshot::Sender<Result<AuditHead, AuditError>>, Self) {
        let (done, written) = oneshot::channel();
        (done, Self(written))
    }

    /// Waits until it is durable.
    pub(crate) async fn durable(self) -> Result<AuditHead, CosignerError> {
        match self.0.await {
            Ok(written) => Ok(written?),
            Err(_closed) => Err(CosignerError::Bug("the audit log was closed")),
        }
    }
}

/// Begins an entry, now.
pub(crate) fn entry(kind: AuditKind) -> AuditEntry {
    AuditEntry::new(kind, now())
}

/// Seconds of Unix time.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

impl Audit {
    /// Opens the log, and starts its writer.
    pub(crate) async fn open(vault: &Vault) -> Result<Self, CosignerError> {
        let log = vault.audit().await?;
        let (head, seen) = watch::channel(log.head());
        let (orders, queue) = mpsc::channel(QUEUE);
        // It ends by itself: when it is closed, or nobody is left who could note anything.
        drop(tokio::spawn(write_all(log, queue, head)));
        Ok(Self { orders, head: seen, caused: Mutex::default(), counts: Counts::default() })
    }

    /// How far the log goes, durably.
    pub(crate) fn head(&self) -> AuditHead {
        *self.head.borrow()
    }

    /// What was handed over so far.
    pub(crate) const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Hands over an entry, to be written soon and behind all that was handed over before.
    pub(crate) async fn note(&self, entry: AuditEntry) {
        self.counts.count(entry.kind);
        self.hand_over(entry).await;
    }

    async fn hand_over(&self, entry: AuditEntry) {
        // A log that is closed takes nothing more: the cosigner has stopped.
        let _closed = self.orders.send(Order::Write(entry, None)).await;
    }

    /// The same for what a peer can cause as often as it likes: a few in a minute are written, and the others counted.
    pub(crate) async fn note_caused(&self, peer: PeerId, entry: AuditEntry) {
        self.counts.count(entry.kind);
        if let Some(left_out) = self.allow(peer) {
            let reason = if left_out == 0 { String::new() } else { format!(" (and {left_out} more that were left out)") };
            let reason = format!("{}{reason}", entry.reason);
            self.hand_over(entry.peer(peer).reason(&reason)).await;
        }
    }

    /// Whether one more entry is written for this peer, and how many were left out before it.
    fn allow(&self, peer: PeerId) -> Option<u32> {
        let mut caused = self.caused.lock().unwrap_or_else(PoisonError::into_inner);
        let caused = caused.entry(peer).or_insert(Caused { since: Instant::now(), written: 0, left_out: 0 });
        if caused.since.elapsed() >= WINDOW {
            (caused.since, caused.written) = (Instant::now(), 0);
        }
        if caused.written >= CAUSED {
            caused.left_out = caused.left_out.saturating_add(1);
            return None;
        }
        caused.written = caused.written.saturating_add(1);
        Some(core::mem::take(&mut caused.left_out))
    }

    /// Hands over an entry, and gives what tells when it is durable.
    pub(crate) async fn begin(&self, entry: AuditEntry) -> Writing {
        self.counts.count(entry.kind);
        let (done, written) = oneshot::channel();
        // A closed log drops the order, and whoever waits for it is told.
        let _closed = self.orders.send(Order::Write(entry, Some(done))).await;
        Writing(written)
    }

    /// Writes an entry; it is durable when this returns.
    pub(crate) async fn write(&self, entry: AuditEntry) -> Result<AuditHead, CosignerError> {
        self.begin(entry).await.durable().await
    }

    /// Writes all that was noted, and a last entry, and takes nothing more.
    pub(crate) async fn close(&self, last: AuditEntry) {
        self.note(last).await;
        let (done, closed) = oneshot::channel();
        let _closed = self.orders.send(Order::Close(done)).await;
        let _closed = closed.await;
    }

    /// A refusal, or a failure after the consent. `from` is the proposer; nothing if that is this cosigner's own wallet.
    pub(crate) async fn refused(
        &self,
        request: RequestId,
        key_id: Option<[u8; 32]>,
        from: Option<PeerId>,
        error: &CosignerError,
    ) {
        let denied = matches!(error, CosignerError::Denied { .. });
        let entry = entry(if denied { AuditKind::Denied } else { AuditKind::Refused });
        let mut entry = entry.request(request).reason(&crate::cosigner::describe(error));
        entry.key_id = key_id;
        match from {
            Some(peer) => self.note_caused(peer, entry).await,
            None => self.note(entry).await,
        }
    }
}

/// The key that a proposal is about, if there is one yet.
pub(crate) fn key_of(proposal: &Proposal) -> Option<[u8; 32]> {
    match &proposal.body {
        ProposalBody::Keygen(_) | ProposalBody::Import(_) => None,
        ProposalBody::Reshare(body) => body.keys.first().map(|key| key.key_id),
        ProposalBody::Sign(body) => Some(body.key_id),
        ProposalBody::Presign(body) => Some(body.key_id),
    }
}

async fn write_all(mut log: AuditLog, mut orders: mpsc::Receiver<Order>, head: watch::Sender<AuditHead>) {
    let mut backlog = VecDeque::new();
    while let Some(order) = orders.recv().await {
        match order {
            Order::Write(entry, Some(done)) => {
                let written = match flush(&mut log, &mut backlog).await {
                    Ok(()) => log.append(&entry).await,
                    Err(error) => Err(error),
                };
                head.send_replace(log.head());
                // Whoever asked may have given up waiting; the entry stands.
                let _gone = done.send(written);
            }
            Order::Write(entry, None) => {
                if backlog.len() >= BACKLOG {
                    tracing::error!(?entry, "the audit log cannot be written for so long that an entry is lost");
                    continue;
                }
                backlog.push_back(entry);
                if let Err(error) = flush(&mut log, &mut backlog).await {
                    let reason = crate::cosigner::describe(&error);
                    tracing::error!(reason, "the audit log cannot be written; nothing is signed until it can");
                }
                head.send_replace(log.head());
            }
            Order::Close(done) => {
                let _failed = flush(&mut log, &mut backlog).await;
                log.save_head().await;
                let _gone = done.send(());
                return;
            }
        }
    }
    let _failed = flush(&mut log, &mut backlog).await;
    log.save_head().await;
}

/// Writes what was noted, in order.
async fn flush(log: &mut AuditLog, backlog: &mut VecDeque<AuditEntry>) -> Result<(), AuditError> {
    while let Some(entry) = backlog.front() {
        log.append(entry).await?;
        backlog.pop_front();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use quorate_storage::{Faults, MemoryEpochKeys, MemoryStore, Passphrase, Store, Torn, kek::PassphraseParams};

    use super::*;
    use crate::node::create_vault;

    async fn vault() -> (Faults, Vault) {
        let faults = Faults::none();
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new(faults.clone()));
        let kek = Passphrase::create(&store, "x".to_owned().into(), PassphraseParams::insecure_fast()).await.unwrap();
        (faults, create_vault(store, Arc::new(MemoryEpochKeys::default()), Arc::new(kek)).await.unwrap())
    }

    fn said(reason: &str) -> AuditEntry {
        entry(AuditKind::Refused).reason(reason)
    }

    #[tokio::test]
    async fn entries_are_written_in_order_and_what_was_noted_comes_before_what_is_waited_for() {
        let (_, vault) = vault().await;
        let audit = Audit::open(&vault).await.unwrap();
        for number in 0..50 {
            audit.note(said(&number.to_string())).await;
        }
        let head = audit.write(said("last")).await.unwrap();
        assert_eq!((head.sequence, audit.head()), (51, head));
        audit.close(entry(AuditKind::Stopped)).await;
        audit.note(said("too late")).await;
        assert!(audit.write(said("too late")).await.is_err());
        let lines = vault.audit_page(0, 256).await.unwrap().lines;
        let reasons: Vec<_> = lines.iter().map(|line| line.entry.reason.clone()).collect();
        assert_eq!(reasons[..50], (0..50).map(|number| number.to_string()).collect::<Vec<_>>());
        assert_eq!((lines.len(), lines[51].entry.kind), (52, AuditKind::Stopped));
        vault.verify_audit(None).await.unwrap();
    }

    #[tokio::test]
    async fn entry_that_cannot_be_written_is_an_error_and_noted_ones_are_written_once_the_store_is_back() {
        let (faults, vault) = vault().await;
        let audit = Audit::open(&vault).await.unwrap();
        faults.crash_at(0, Torn::Before);
        audit.note(said("noted")).await;
        assert!(audit.write(said("waited for")).await.is_err());
        faults.restart();
        audit.write(said("next")).await.unwrap();
        let lines = vault.audit_page(0, 256).await.unwrap().lines;
        let reasons: Vec<_> = lines.iter().map(|line| line.entry.reason.as_str()).collect();
        assert_eq!(reasons, ["noted", "next"]);
    }

    #[tokio::test]
    async fn peer_that_causes_a_flood_is_written_a_few_times_and_counted() {
        let (_, vault) = vault().await;
        let audit = Audit::open(&vault).await.unwrap();
        let (mallory, bob) = (PeerId::new([6; 32]), PeerId::new([7; 32]));
        for _ in 0..1000 {
            audit.note_caused(mallory, said("no")).await;
        }
        audit.note_caused(bob, said("no")).await;
        audit.caused.lock().unwrap().get_mut(&mallory).unwrap().since -= WINDOW;
        audit.note_caused(mallory, said("no")).await;
        audit.write(said("end")).await.unwrap();
        let lines = vault.audit_page(0, 256).await.unwrap().lines;
        assert_eq!(lines.len(), 32 + 1 + 1 + 1);
        assert_eq!(lines[33].entry.reason, "no (and 968 more that were left out)");
        assert_eq!((lines[32].entry.peer, lines[33].entry.peer), (Some(bob), Some(mallory)));
    }
}
