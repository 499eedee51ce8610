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
        let done = match input.u8()? {
            0 => false,
            1 => true,
            _ => return Err(DecodeError::InvalidValue("flag")),
        };
        Ok(Self { done, what: input.bytes(MAX_WHAT)?.to_vec() })
    }
}

impl Shared {
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
            known = note.map(Entry::from_bytes);
            if known.is_none() { Change::Write(entry.to_bytes()) } else { Change::Keep }
        };
        self.vault.change_note(Shelf::Requests, &name, change).await?;
        match known.transpose().map_err(|error| CosignerError::Protocol(error.into()))? {
            None => {
                self.requests.count.fetch_add(1, Ordering::Relaxed);
                Ok(None)
            }
            Some(Entry { digest: known, work: Some(work), .. }) if known == digest => Ok(Some(work)),
            Some(_) => Err(RequestError::OtherContent.into()),
        }
    }

    /// Remembers what a request amounted to.
    pub(crate) async fn finish_work(&self, id: &RequestId, what: Vec<u8>) {
        let change = |note: Option<&[u8]>| match note.map(Entry::from_bytes) {
            Some(Ok(entry)) if entry.work.is_some() => {
                Change::Write(Entry { work: Some(Work { done: true, what: what.clone() }), ..entry }.to_bytes())
            }
            _ => Change::Keep,
        };
        if let Err(error) = self.vault.change_note(Shelf::Requests, &hex::encode(id), change).await {
            // It is found out again from the keys themselves.
            let reason = describe(&error);
            tracing::warn!(request = hex::encode(id), reason, "what a request amounted to was not kept");
        }
    }
}
