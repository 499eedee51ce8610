//! Consents that came to nothing: they must not fill the audit log.
//!
//! The entry that says what this cosigner consents to is begun as soon as it consents, so that its write costs nothing while the others
//! are still asked. A proposer that then calls the request off has caused a durable entry for nothing. After a few of these within a
//! minute, the entries for its requests wait until they begin: that costs a write's time, and refuses nothing.

use core::time::Duration;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, PoisonError},
    time::Instant,
};

use quorate_core::PeerId;
use quorate_storage::audit::AuditEntry;

use super::Shared;
use crate::{audit::Writing, error::CosignerError};

/// How many entries each other cosigner may cause in a [`WINDOW`] for requests that never begin.
pub(super) const CALLED_OFF: usize = 32;
const WINDOW: Duration = Duration::from_secs(60);

/// When which cosigner's requests came to nothing.
#[derive(Debug, Default)]
pub(crate) struct Consents {
    called_off: Mutex<BTreeMap<PeerId, VecDeque<Instant>>>,
}

impl Consents {
    /// Whether an entry for this cosigner's request may be written before the request begins.
    fn is_trusted(&self, proposer: PeerId) -> bool {
        let mut called_off = self.called_off.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(times) = called_off.get_mut(&proposer) else { return true };
        times.retain(|time| time.elapsed() < WINDOW);
        times.len() < CALLED_OFF
    }

    fn count(&self, proposer: PeerId) {
        let mut called_off = self.called_off.lock().unwrap_or_else(PoisonError::into_inner);
        let times = called_off.entry(proposer).or_default();
        times.push_back(Instant::now());
        if times.len() > CALLED_OFF {
            times.pop_front();
        }
    }
}

/// That this cosigner consents to a request, with the entry of the audit log that must be durable before anything is signed.
///
/// Dropped before it was [made durable](Self::durable), it counts as one that came to nothing.
pub(super) struct Consent<'a> {
    shared: &'a Shared,
    pub(super) proposer: PeerId,
    entry: Option<Entry>,
}

enum Entry {
    /// On its way to the log.
    Begun(Writing),
    /// To be written when the request begins.
    Kept(AuditEntry),
}

impl<'a> Consent<'a> {
    /// Consents to a request of this cosigner.
    pub(super) async fn to(shared: &'a Shared, proposer: PeerId, entry: AuditEntry) -> Self {
        let now = proposer == shared.me || shared.consents.is_trusted(proposer);
        let entry = if now { Entry::Begun(shared.audit.begin(entry).await) } else { Entry::Kept(entry) };
        Self { shared, proposer, entry: Some(entry) }
    }

    #[cfg(test)]
    pub(super) const fn written_by(shared: &'a Shared, proposer: PeerId, writing: Writing) -> Self {
        Self { shared, proposer, entry: Some(Entry::Begun(writing)) }
    }

    /// Waits until the entry is durable: the request begins.
    pub(super) async fn durable(mut self) -> Result<(), CosignerError> {
        let writing = match self.entry.take() {
            Some(Entry::Begun(writing)) => writing,
            Some(Entry::Kept(entry)) => self.shared.audit.begin(entry).await,
            None => return Err(CosignerError::Bug("a consent that was used")),
        };
        writing.durable().await.map(drop)
    }
}

impl Drop for Consent<'_> {
    fn drop(&mut self) {
        if self.entry.is_some() {
            self.shared.consents.count(self.proposer);
        }
    }
}
