//! What a cosigner remembers beside its shares: requests, limits, freezes. Small public records, authenticated like the peers'.
//!
//! The vault does not know what a note says. It promises that a note is one that this vault wrote under this name, and that a change
//! is durable when the call returns.

use quorate_core::{
    DecodeError,
    wire::{Encoding, Reader, Writer},
};

use super::{Vault, VaultError};
use crate::{
    crash::{self, Point},
    store::{MAX_PAGE, MAX_VALUE, RecordName, StoreError, Stored},
};

/// How often a change is tried against other changes of the same note.
const TRIES: usize = 16;

/// What a note is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Shelf {
    /// What was asked for under a request's id.
    Requests,
    /// How much of a key's limits is used up.
    Limits,
    /// Who froze what.
    Freezes,
    /// Which epochs of a key were promised, who may hold shares of them, and by which certificate a share was given up.
    Epochs,
    /// Where shares of a key's epoch rest that were elsewhere when it began.
    Amendments,
}

impl Shelf {
    /// The first segment of its records' names.
    const fn prefix(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Limits => "limits",
            Self::Freezes => "freezes",
            Self::Epochs => "epoch-notes",
            Self::Amendments => "amendments",
        }
    }

    /// Where the crash test kills before and after one of its records is written.
    const fn points(self) -> (Point, Point) {
        match self {
            Self::Requests => (Point::RequestsBeforeWrite, Point::RequestsAfterWrite),
            Self::Limits => (Point::LimitsBeforeWrite, Point::LimitsAfterWrite),
            Self::Freezes => (Point::FreezesBeforeWrite, Point::FreezesAfterWrite),
            Self::Epochs => (Point::EpochNotesBeforeWrite, Point::EpochNotesAfterWrite),
            Self::Amendments => (Point::AmendmentsBeforeWrite, Point::AmendmentsAfterWrite),
        }
    }

    fn record(self, name: &str) -> Result<RecordName, StoreError> {
        RecordName::new(self.prefix())?.join(name)
    }
}

/// What becomes of a note.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is nothing else that can become of it")]
pub enum Change {
    /// It stays as it is.
    Keep,
    /// It says this from now on.
    Write(Vec<u8>),
    /// There is none any more.
    Delete,
}

/// One page of a shelf.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NotePage {
    /// Names and contents, by ascending name.
    pub notes: Vec<(String, Vec<u8>)>,
    /// The names of those that this vault did not write, or not there.
    pub damaged: Vec<String>,
    /// The name behind which the next page starts; nothing if this is the last.
    pub next: Option<String>,
}

/// The bytes of a note as a record has them.
struct Body(Vec<u8>);

impl Encoding for Body {
    fn write(&self, out: &mut Writer) {
        out.raw(&self.0);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let length = input.rest().len();
        Ok(Self(input.raw(length)?.to_vec()))
    }
}

impl Vault {
    /// Reads a note, if there is one.
    ///
    /// # Errors
    ///
    /// [`VaultError::Damaged`] if this vault did not write it, and those of the store.
    pub async fn note(&self, shelf: Shelf, name: &str) -> Result<Option<Vec<u8>>, VaultError> {
        Ok(self.read_note(&shelf.record(name)?).await?.map(|(_, note)| note))
    }

    /// What is to be said of a note that this vault wrote, and that says what it cannot say.
    #[must_use]
    pub fn damaged_note(&self, shelf: Shelf, name: &str) -> VaultError {
        match shelf.record(name) {
            Ok(name) => VaultError::Damaged { name },
            Err(error) => error.into(),
        }
    }

    /// Changes a note from what it says now, durably, and gives what it says then. When it changes in between, `change` is asked again.
    ///
    /// # Errors
    ///
    /// [`VaultError::Damaged`] if this vault did not write what is there, and those of the store; the change may or may not have
    /// happened then.
    pub async fn change_note(
        &self,
        shelf: Shelf,
        name: &str,
        mut change: impl FnMut(Option<&[u8]>) -> Change + Send,
    ) -> Result<Option<Vec<u8>>, VaultError> {
        let record = shelf.record(name)?;
        for _ in 0..TRIES {
            let (stored, note) = self.read_note(&record).await?.unzip();
            let changed = match change(note.as_deref()) {
                Change::Keep => return Ok(note),
                Change::Delete => None,
                Change::Write(note) => Some(note),
            };
            crash::point(shelf.points().0);
            let written = match (&stored, &changed) {
                (None, None) => Ok(()),
                (None, Some(note)) => self.store.create(&record, &self.note_value(&record, note)?).await.map(drop),
                (Some(stored), None) => self.store.delete(&record, &stored.version).await,
                (Some(stored), Some(note)) => {
                    let value = self.note_value(&record, note)?;
                    self.store.compare_and_swap(&record, &stored.version, &value).await.map(drop)
                }
            };
            crash::point(shelf.points().1);
            match written {
                Err(StoreError::AlreadyExists { .. } | StoreError::Conflict { .. }) => {}
                written => return written.map(|()| changed).map_err(VaultError::from),
            }
        }
        Err(StoreError::Conflict { name: record }.into())
    }

    /// Lists a shelf behind `after`. Damaged notes do not hide the others.
    ///
    /// # Errors
    ///
    /// Those of the store.
    pub async fn notes(&self, shelf: Shelf, after: Option<&str>) -> Result<NotePage, VaultError> {
        let under = RecordName::new(shelf.prefix())?;
        let after = after.map(|name| shelf.record(name)).transpose()?;
        let found = self.store.scan(Some(&under), after.as_ref(), MAX_PAGE).await?;
        let mut page = NotePage::default();
        for stored in &found.records {
            let name = stored.name.last_segment().to_owned();
            match self.authentic::<Body>(stored) {
                Ok(Body(note)) => page.notes.push((name, note)),
                Err(_) => page.damaged.push(name),
            }
        }
        page.next = found.records.last().filter(|_| found.more).map(|stored| stored.name.last_segment().to_owned());
        Ok(page)
    }

    async fn read_note(&self, record: &RecordName) -> Result<Option<(Stored, Vec<u8>)>, VaultError> {
        let Some(stored) = self.store.read(record).await? else { return Ok(None) };
        let Body(note) = self.authentic(&stored)?;
        Ok(Some((stored, note)))
    }

    /// Refuses before the store does what is too long with its tag.
    fn note_value(&self, record: &RecordName, note: &[u8]) -> Result<Vec<u8>, StoreError> {
        let value = self.authenticate(record, note.to_vec());
        if value.len() > MAX_VALUE { Err(StoreError::ValueTooLarge { length: value.len() }) } else { Ok(value) }
    }
}
