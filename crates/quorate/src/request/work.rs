//! Requests to make keys, or to deal them anew: what became of them is remembered under their ids, so that whoever asks again after a
//! crash learns it, and does not get a second key.

use core::sync::atomic::Ordering;

use quorate_core::{
    DecodeError,
    wire::{Encoding, Reader, Writer},
};
use quorate_storage::vault::{Change, Shelf};

use super::table::Entry;
use crate::{
    ceremony::message::RequestId,
    cosigner::{Shared, describe},
    error::{CosignerError, RequestError},
};

/// The most bytes that are remembered of a request's beginning or end.
const MAX_WHAT: usize = 512 << 10;
/// How many keys of a request are remembered.
const MAX_KEYS: usize = 256;

/// How far such a request came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Work {
    /// Whether it came to its end.
    pub(crate) done: bool,
    /// From what it began, or what it amounted to.
    pub(crate) what: Vec<u8>,
}

impl Encoding for Work {
    fn write(&self, out: &mut Writer) {
        out.u8(u8::from(self.done));
        out.bytes(&self.what);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let done = input.flag()?;
        Ok(Self { done, what: input.bytes(MAX_WHAT)?.to_vec() })
    }
}

impl Work {
    /// The keys that a request has shares of, which may be waiting for their certificates, or may have come to nothing.
    pub(crate) fn keys(&self) -> impl Iterator<Item = [u8; 32]> {
        self.what.as_chunks().0.iter().copied()
    }
}

impl Shared {
    /// How far a request came; nothing if it is new.
    ///
    /// # Errors
    ///
    /// [`RequestError::OtherContent`] if the id stands for something else.
    pub(crate) async fn work(&self, id: &RequestId, digest: [u8; 32]) -> Result<Option<Work>, CosignerError> {
        match self.vault.note(Shelf::Requests, &hex::encode(id)).await? {
            None => Ok(None),
            Some(note) => work_of(&note, digest).map(Some),
        }
    }

    /// Remembers durably that a request begins, and from what; gives how far it came if it is a repetition.
    ///
    /// # Errors
    ///
    /// [`RequestError::OtherContent`] if the id stands for something else.
    pub(crate) async fn begin_work(
        &self,
        id: &RequestId,
        digest: [u8; 32],
        from: Vec<u8>,
    ) -> Result<Option<Work>, CosignerError> {
        let name = hex::encode(id);
        if self.vault.note(Shelf::Requests, &name).await?.is_none() {
            self.has_room()?;
        }
        let work = Some(Work { done: false, what: from });
        let entry = Entry { digest, key_id: [0; 32], first: self.clock.now(), expires: None, finished: None, work };
        let mut known = None;
        let change = |note: Option<&[u8]>| {
            known = note.map(|note| work_of(note, digest));
            if known.is_none() { Change::Write(entry.to_bytes()) } else { Change::Keep }
        };
        self.vault.change_note(Shelf::Requests, &name, change).await?;
        if known.is_none() {
            self.requests.count.fetch_add(1, Ordering::Relaxed);
        }
        known.transpose()
    }

    /// Remembers durably of which key a request is about to hold a share.
    pub(crate) async fn note_key(&self, id: &RequestId, key_id: &[u8; 32]) -> Result<(), CosignerError> {
        let add = |work: &mut Work| {
            // Of so many attempts, the first came to nothing.
            let kept = work.what.len().min(MAX_KEYS.saturating_sub(1).saturating_mul(key_id.len()));
            work.what.drain(..work.what.len().saturating_sub(kept));
            work.what.extend(key_id);
        };
        self.change_work(id, add).await
    }

    /// Remembers what a request amounted to.
    pub(crate) async fn finish_work(&self, id: &RequestId, what: Vec<u8>) {
        if let Err(error) = self.change_work(id, |work| *work = Work { done: true, what: what.clone() }).await {
            // It is found out again from the keys themselves.
            let reason = describe(&error);
            tracing::warn!(request = hex::encode(id), reason, "what a request amounted to was not kept");
        }
    }

    async fn change_work(&self, id: &RequestId, change: impl Fn(&mut Work) + Send + Sync) -> Result<(), CosignerError> {
        let change = |note: Option<&[u8]>| match note.map(Entry::from_bytes) {
            Some(Ok(Entry { work: Some(mut work), digest, key_id, first, expires, finished })) => {
                change(&mut work);
                Change::Write(Entry { work: Some(work), digest, key_id, first, expires, finished }.to_bytes())
            }
            _ => Change::Keep,
        };
        self.vault.change_note(Shelf::Requests, &hex::encode(id), change).await?;
        Ok(())
    }
}

/// How far the request came that a note is about, if it is the one with this digest.
fn work_of(note: &[u8], digest: [u8; 32]) -> Result<Work, CosignerError> {
    match Entry::from_bytes(note).map_err(|error| CosignerError::Protocol(error.into()))? {
        Entry { digest: known, work: Some(work), .. } if known == digest => Ok(work),
        _ => Err(RequestError::OtherContent.into()),
    }
}
