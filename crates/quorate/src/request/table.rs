//! What was asked for under which id: remembered durably before the first byte of a share leaves, for a bounded time.
//!
//! The same id with other content is refused. The same id and content is a repetition, which counts against no limit twice; a
//! cosigner that proposed it and has the signatures answers with them, and signs nothing.
//!
//! Entries go after [`Requests::retention`]. A signed request expires sooner than that, so one that was forgotten is refused because it
//! expired; `requests/floor` keeps it so when the clock is set back.

use core::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};
use std::sync::Arc;

use quorate_core::{
    DecodeError, ParticipantSet,
    wire::{Encoding, Reader, Writer},
};
use quorate_storage::vault::{Change, Shelf};

use super::work::Work;
use crate::{
    ceremony::{
        message::RequestId,
        sign::{Charge, MAX_SIGNATURES},
    },
    cosigner::{Shared, describe},
    error::{CosignerError, RequestError},
};

/// How long requests are remembered.
pub(crate) const DEFAULT_RETENTION: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// How many are remembered at most.
pub(crate) const DEFAULT_MAX_REQUESTS: usize = 100_000;
/// How often it is looked for what can be forgotten.
const SWEEP_EVERY: Duration = Duration::from_secs(60 * 60);
const VERSION: u8 = 1;
const MAX_SIGNATURE: usize = 128;
/// The note that says up to which expiry signed requests may have been forgotten.
const FLOOR: &str = "floor";

/// How requests are remembered.
#[derive(Debug)]
pub(crate) struct Requests {
    /// For how many seconds.
    pub(crate) retention: u64,
    max: usize,
    pub(super) count: AtomicUsize,
}

/// What a request's id stands for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Content {
    pub(crate) digest: [u8; 32],
    pub(crate) key_id: [u8; 32],
    /// When a signed request expires.
    pub(crate) expires: Option<u64>,
}

/// The result of a request that this cosigner proposed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finished {
    pub(crate) signers: ParticipantSet,
    pub(crate) signatures: Vec<Vec<u8>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) digest: [u8; 32],
    pub(super) key_id: [u8; 32],
    pub(super) first: u64,
    pub(super) expires: Option<u64>,
    pub(super) finished: Option<Finished>,
    /// Of a request that makes keys or deals them anew.
    pub(super) work: Option<Work>,
}

impl Requests {
    pub(crate) const fn new(retention: Duration, max: usize) -> Self {
        Self { retention: retention.as_secs(), max, count: AtomicUsize::new(0) }
    }
}

impl Shared {
    /// What this cosigner remembers of a request; nothing if it is new to it.
    async fn entry(&self, id: &RequestId, content: &Content) -> Result<Option<Entry>, CosignerError> {
        let Some(note) = self.vault.note(Shelf::Requests, &hex::encode(id)).await? else {
            let floor = self.vault.note(Shelf::Requests, FLOOR).await?;
            return match (floor.as_deref().map(u64::from_bytes).transpose(), content.expires) {
                (Ok(Some(floor)), Some(at)) if at <= floor => Err(RequestError::Expired { at }.into()),
                (Err(error), _) => Err(CosignerError::Protocol(error.into())),
                (Ok(_), _) => Ok(None),
            };
        };
        let entry = Entry::from_bytes(&note).map_err(|error| CosignerError::Protocol(error.into()))?;
        if entry.digest == content.digest { Ok(Some(entry)) } else { Err(RequestError::OtherContent.into()) }
    }

    /// The result of a request that this cosigner proposed before, if it has it.
    pub(crate) async fn finished(&self, id: &RequestId, content: &Content) -> Result<Option<Finished>, CosignerError> {
        Ok(self.entry(id, content).await?.and_then(|entry| entry.finished))
    }

    /// Checks, before others are asked, that a request can be consented to: that its id stands for nothing else, and that the limits of
    /// its key are not used up.
    pub(crate) async fn admit_request(&self, id: &RequestId, content: &Content, charge: &Charge) -> Result<(), CosignerError> {
        if self.entry(id, content).await?.is_some() {
            return Ok(());
        }
        self.has_room()?;
        self.check_limits(&content.key_id, id, charge.limits).await?;
        self.check_budgets(content, &charge.budgets).await
    }

    /// Remembers durably that this cosigner consented to a request, and counts it. Nothing of a share may leave before.
    pub(crate) async fn consent(&self, id: &RequestId, content: &Content, charge: &Charge) -> Result<(), CosignerError> {
        if self.entry(id, content).await?.is_none() {
            self.has_room()?;
            // Counted first: what a crash cuts off here is counted once all the same, since the count knows the id.
            self.count_request(&content.key_id, id, charge.limits).await?;
            self.count_amounts(content, &charge.budgets).await?;
        }
        let Content { digest, key_id, expires } = *content;
        let entry = Entry { digest, key_id, first: self.clock.now(), expires, finished: None, work: None };
        let (mut new, mut other) = (false, false);
        let change = |note: Option<&[u8]>| {
            new = note.is_none();
            other = note.is_some_and(|note| !Entry::from_bytes(note).is_ok_and(|entry| entry.digest == digest));
            if new { Change::Write(entry.to_bytes()) } else { Change::Keep }
        };
        self.vault.change_note(Shelf::Requests, &hex::encode(id), change).await?;
        if new {
            self.requests.count.fetch_add(1, Ordering::Relaxed);
        }
        if other { Err(RequestError::OtherContent.into()) } else { Ok(()) }
    }

    /// Keeps the signatures of a request, so that its repetition signs nothing.
    pub(crate) async fn keep_result(&self, id: &RequestId, content: &Content, finished: &Finished) {
        let change = |note: Option<&[u8]>| match note.map(Entry::from_bytes) {
            Some(Ok(entry)) if entry.digest == content.digest => {
                Change::Write(Entry { finished: Some(finished.clone()), ..entry }.to_bytes())
            }
            _ => Change::Keep,
        };
        if let Err(error) = self.vault.change_note(Shelf::Requests, &hex::encode(id), change).await {
            let reason = describe(&error);
            tracing::warn!(request = hex::encode(id), reason, "the result was not kept; the same request is signed again");
        }
    }

    pub(super) fn has_room(&self) -> Result<(), CosignerError> {
        if self.requests.count.load(Ordering::Relaxed) < self.requests.max {
            return Ok(());
        }
        let reason = format!(
            "it remembers {} requests, as many as it may; raise `max` under [requests] of the cosigner's configuration",
            self.requests.max
        );
        Err(CosignerError::Denied { reason })
    }

    /// Forgets requests that are old enough, and counts the others.
    pub(crate) async fn sweep_requests(&self) -> Result<(), CosignerError> {
        let (mut count, mut after) = (0_usize, None);
        loop {
            let page = self.vault.notes(Shelf::Requests, after.as_deref()).await?;
            let now = self.clock.now();
            let read = |(name, note): &(String, Vec<u8>)| Entry::from_bytes(note).ok().map(|entry| (name.clone(), entry));
            let entries: Vec<_> = page.notes.iter().filter_map(read).collect();
            let is_old = |entry: &Entry| entry.first.saturating_add(self.requests.retention) <= now;
            // First the floor, so that none is forgotten that is not refused from then on.
            let floor = entries.iter().filter(|(_, entry)| is_old(entry)).filter_map(|(_, entry)| entry.expires).max();
            if let Some(floor) = floor {
                self.raise_floor(floor).await?;
            }
            for (name, entry) in &entries {
                let change = |note: Option<&[u8]>| match note.map(Entry::from_bytes) {
                    Some(Ok(entry)) if is_old(&entry) => Change::Delete,
                    // The clock went backwards: its time counts from now.
                    Some(Ok(entry)) if entry.first > now => Change::Write(Entry { first: now, ..entry }.to_bytes()),
                    _ => Change::Keep,
                };
                if is_old(entry) || entry.first > now {
                    self.vault.change_note(Shelf::Requests, name, change).await?;
                }
            }
            count = count.saturating_add(entries.iter().filter(|(_, entry)| !is_old(entry)).count());
            after = page.next;
            if after.is_none() {
                // One that came meanwhile may be missing until the next sweep.
                self.requests.count.store(count, Ordering::Relaxed);
                return Ok(());
            }
        }
    }

    async fn raise_floor(&self, floor: u64) -> Result<(), CosignerError> {
        let change = |note: Option<&[u8]>| match note.map(u64::from_bytes) {
            Some(Ok(there)) if there >= floor => Change::Keep,
            _ => Change::Write(floor.to_bytes()),
        };
        self.vault.change_note(Shelf::Requests, FLOOR, change).await?;
        Ok(())
    }
}

/// Forgets what is old enough, from time to time. Runs until it is aborted.
pub(crate) async fn sweep_all(shared: Arc<Shared>) {
    loop {
        tokio::time::sleep(SWEEP_EVERY).await;
        if let Err(error) = shared.sweep_requests().await {
            tracing::warn!(reason = describe(&error), "old requests are not forgotten yet");
        }
    }
}

impl Encoding for Finished {
    fn write(&self, out: &mut Writer) {
        self.signers.write(out);
        out.length(self.signatures.len());
        self.signatures.iter().for_each(|signature| out.bytes(signature));
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let signers = ParticipantSet::read(input)?;
        let count = input.length(MAX_SIGNATURES)?;
        let signatures = (0..count).map(|_| input.bytes(MAX_SIGNATURE).map(<[u8]>::to_vec)).collect::<Result<_, _>>()?;
        Ok(Self { signers, signatures })
    }
}

impl Encoding for Entry {
    fn write(&self, out: &mut Writer) {
        out.u8(VERSION);
        out.raw(&self.digest);
        out.raw(&self.key_id);
        out.u64(self.first);
        out.option(self.expires.as_ref());
        out.option(self.finished.as_ref());
        out.option(self.work.as_ref());
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let version = input.u8()?;
        if version != VERSION {
            return Err(DecodeError::UnsupportedVersion { found: version });
        }
        Ok(Self {
            digest: input.array()?,
            key_id: input.array()?,
            first: input.u64()?,
            expires: input.option()?,
            finished: input.option()?,
            work: input.option()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use quorate_core::Identifier;

    use super::*;

    #[test]
    fn entry_is_read_back_and_nothing_else() {
        let signers = ParticipantSet::new([1, 3].map(|number| Identifier::new(number).unwrap())).unwrap();
        let finished = Finished { signers, signatures: vec![vec![1; 64], vec![2; 65]] };
        let work = |done| Some(Work { done, what: vec![4; 9] });
        for (expires, finished, work) in
            [(None, None, None), (Some(7), Some(finished), None), (None, None, work(true)), (None, None, work(false))]
        {
            let entry = Entry { digest: [1; 32], key_id: [2; 32], first: 3, expires, finished, work };
            let bytes = entry.to_bytes();
            assert_eq!(Entry::from_bytes(&bytes), Ok(entry));
            for length in 0..bytes.len() {
                assert!(Entry::from_bytes(&bytes[..length]).is_err());
            }
        }
        assert_eq!(Entry::from_bytes(&[2]), Err(DecodeError::UnsupportedVersion { found: 2 }));
    }
}
