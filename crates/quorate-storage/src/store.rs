//! The contract of a record store: small records under validated names, changed by compare-and-swap, durable when a call returns.
//!
//! A store is blind. It sees names, versions, sizes and times, never a secret: everything above it is sealed first. It is also
//! trusted with nothing but availability, since records are bound to their names and authenticated by the vault.
//!
//! # The contract
//!
//! 1. **Durable.** When `create`, `compare_and_swap` or `delete` returns `Ok`, the change survives a crash of the process, of the
//!    machine, and a loss of power.
//! 2. **Atomic.** A change of one record happens as a whole or not at all. There are no changes of several records at once, and
//!    nothing here needs one; [`create_all`](Store::create_all) is only faster.
//! 3. **Linear.** Calls on one record take effect one after another, each between its start and its return, also across processes
//!    where the store can be shared.
//! 4. **Known refusals.** [`StoreError::AlreadyExists`], [`StoreError::Conflict`] and [`StoreError::ValueTooLarge`] promise that
//!    nothing changed. After every other error of a writing call the outcome is unknown: it happened, or it did not, and the
//!    caller reads to find out.
//! 5. **Versions identify values.** Two different values of one name never have the same [`Version`], not even after a delete and
//!    a new create, so that a caller that compares versions compares values.
//!
//! [`crate::conformance`] checks all of it that can be checked from outside.
//!
//! # Decision: versions, not previous bytes
//!
//! Compare-and-swap compares an opaque token. A counter, a PostgreSQL sequence and an object store's `ETag` all are one; the exact
//! previous bytes would have to travel to the database with each change.

use core::{fmt, ops::Bound, pin::Pin};
use std::{io, sync::Arc};

/// The longest value of a record, in bytes: 1 MiB.
pub const MAX_VALUE: usize = 1 << 20;
/// The most records of one page of a scan.
pub const MAX_PAGE: usize = 256;
/// A page ends after the record with which its values reach this many bytes: 4 MiB.
pub const PAGE_BYTES: usize = 4 << 20;

const MAX_NAME: usize = 200;
const MAX_SEGMENTS: usize = 8;
const MAX_VERSION: usize = 128;

/// A boxed future, so that the traits of this crate can be used as objects.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A durable map from names to small values. The module says what an implementation owes.
pub trait Store: Send + Sync + fmt::Debug {
    /// Where the records are, in words that an operator recognises. It appears in errors.
    fn location(&self) -> &Location;

    /// Creates a record.
    ///
    /// # Errors
    ///
    /// [`StoreError::AlreadyExists`] if there is one of that name.
    fn create<'a>(&'a self, name: &'a RecordName, value: &'a [u8]) -> BoxFuture<'a, Result<Version, StoreError>>;

    /// Creates many records, sooner than one by one where the store can. They are not created at once: after any error, also after
    /// [`StoreError::AlreadyExists`], each of them is there or not.
    ///
    /// # Errors
    ///
    /// As [`create`](Self::create). Two of one name are an error.
    fn create_all<'a>(&'a self, records: &'a [(RecordName, Vec<u8>)]) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            for (name, value) in records {
                self.create(name, value).await?;
            }
            Ok(())
        })
    }

    /// Reads a record, or nothing if there is none.
    ///
    /// # Errors
    ///
    /// Only those of the store itself.
    fn read<'a>(&'a self, name: &'a RecordName) -> BoxFuture<'a, Result<Option<Stored>, StoreError>>;

    /// Replaces a record if it still has the version that the caller saw.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] if it has another one, or is gone.
    fn compare_and_swap<'a>(
        &'a self,
        name: &'a RecordName,
        seen: &'a Version,
        value: &'a [u8],
    ) -> BoxFuture<'a, Result<Version, StoreError>>;

    /// Deletes a record if it still has the version that the caller saw.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] if it has another one, or is gone.
    fn delete<'a>(&'a self, name: &'a RecordName, seen: &'a Version) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Reads records in ascending order of their names: those below `under` (all for `None`), from the first one behind `after`.
    ///
    /// A page holds at most `limit` records, clamped to 1..=[`MAX_PAGE`], and ends early at [`PAGE_BYTES`], though never without
    /// one record if there is one. Records that change between two pages may or may not be seen; all others are seen exactly once.
    ///
    /// # Errors
    ///
    /// Only those of the store itself.
    fn scan<'a>(
        &'a self,
        under: Option<&'a RecordName>,
        after: Option<&'a RecordName>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, StoreError>>;

    /// Ends the use of the store in good order, so that whoever opens it next need not wait. Nothing may be asked of it afterwards. What
    /// was lost without it is time, never a record; most stores need it for nothing.
    ///
    /// # Errors
    ///
    /// Only those of the store itself; it can be opened again all the same.
    fn close(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(core::future::ready(Ok(())))
    }
}

/// The name of a record: one to eight segments of `a-z 0-9 - _ .`, joined by `/`, at most 200 bytes, none starting with a dot.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordName(Arc<str>);

impl RecordName {
    /// Checks a name.
    ///
    /// # Errors
    ///
    /// [`StoreError::InvalidName`] if it breaks a rule above.
    pub fn new(name: &str) -> Result<Self, StoreError> {
        let letter = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.');
        let segment = |part: &str| !part.is_empty() && !part.starts_with('.') && part.bytes().all(letter);
        let valid = name.len() <= MAX_NAME && name.split('/').count() <= MAX_SEGMENTS && name.split('/').all(segment);
        if valid { Ok(Self(Arc::from(name))) } else { Err(StoreError::InvalidName) }
    }

    /// The name of a record below this one.
    ///
    /// # Errors
    ///
    /// [`StoreError::InvalidName`] if the result breaks a rule above.
    pub fn join(&self, rest: &str) -> Result<Self, StoreError> {
        Self::new(&format!("{}/{rest}", self.0))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last segment.
    #[must_use]
    pub fn last_segment(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }
}

impl fmt::Display for RecordName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RecordName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecordName({})", self.0)
    }
}

/// A token that identifies one value of one record. Opaque: only its store knows what it means.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Version(Box<[u8]>);

impl Version {
    /// Wraps a store's token of at most 128 bytes; `None` if it is longer.
    #[must_use]
    pub fn from_bytes(token: &[u8]) -> Option<Self> {
        (token.len() <= MAX_VERSION).then(|| Self(token.into()))
    }

    /// Wraps a counter.
    #[must_use]
    pub fn from_number(number: u64) -> Self {
        Self(Box::from(number.to_be_bytes()))
    }

    /// The token.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A record as it was read. `Debug` shows the size of the value only.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stored {
    /// Its name.
    pub name: RecordName,
    /// The version to give back when it is changed.
    pub version: Version,
    /// The value.
    pub value: Vec<u8>,
}

impl Stored {
    /// Puts together what a store read.
    #[must_use]
    pub const fn new(name: RecordName, version: Version, value: Vec<u8>) -> Self {
        Self { name, version, value }
    }
}

impl fmt::Debug for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stored({}, {} bytes)", self.name, self.value.len())
    }
}

/// One page of a scan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page {
    /// The records, ascending.
    pub records: Vec<Stored>,
    /// Whether there may be more behind the last one.
    pub more: bool,
}

impl Page {
    /// Fills a page from records in ascending order, by the rules of [`Store::scan`].
    ///
    /// # Errors
    ///
    /// The first error of `records`.
    pub fn fill(limit: usize, records: impl Iterator<Item = Result<Stored, StoreError>>) -> Result<Self, StoreError> {
        let limit = limit.clamp(1, MAX_PAGE);
        let mut page = Self::default();
        let mut bytes = 0_usize;
        for record in records {
            if page.records.len() >= limit || bytes >= PAGE_BYTES {
                page.more = true;
                break;
            }
            let record = record?;
            bytes = bytes.saturating_add(record.value.len());
            page.records.push(record);
        }
        Ok(page)
    }
}

/// Where records are kept, for people.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Location(Arc<str>);

impl Location {
    /// Names a location.
    #[must_use]
    pub fn new(words: &str) -> Self {
        Self(Arc::from(words))
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Location({})", self.0)
    }
}

/// What can go wrong in a store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A name that is not one.
    #[error("a record name is 1 to 8 segments of a-z 0-9 - _ . joined by '/', at most 200 bytes")]
    InvalidName,
    /// A value above [`MAX_VALUE`]. Nothing changed.
    #[error("a value of {length} bytes is above the limit of {MAX_VALUE}")]
    ValueTooLarge {
        /// Its length.
        length: usize,
    },
    /// The record to be created is there. Nothing changed.
    #[error("record {name} exists already")]
    AlreadyExists {
        /// Its name.
        name: RecordName,
    },
    /// The record changed or vanished since the caller read it. Nothing changed; read again.
    #[error("record {name} was changed by someone else since it was read; read it again")]
    Conflict {
        /// Its name.
        name: RecordName,
    },
    /// Another process, or another part of this one, has the directory open.
    #[error("{location} is in use by another running instance; stop that one first, two copies of one cosigner must never run")]
    InUse {
        /// The directory.
        location: Location,
    },
    /// The disk is full. The outcome of the call is unknown.
    #[error("no space left at {location}; free some and restart the cosigner")]
    NoSpace {
        /// The store.
        location: Location,
    },
    /// The store's own data is damaged.
    #[error("the data at {location} is damaged; restore it from a backup, or have the peers repair this share")]
    Corrupted {
        /// The store.
        location: Location,
        /// What the engine said.
        source: Box<dyn core::error::Error + Send + Sync>,
    },
    /// The store does not answer, or not well. The outcome of the call is unknown.
    #[error("cannot {operation} at {location}")]
    Unavailable {
        /// The store.
        location: Location,
        /// What was tried.
        operation: &'static str,
        /// What the system said.
        source: Box<dyn core::error::Error + Send + Sync>,
    },
}

impl StoreError {
    /// Sorts an I/O error into its kind.
    #[must_use]
    pub fn from_io(location: &Location, operation: &'static str, error: io::Error) -> Self {
        let kind = error.kind();
        let location = location.clone();
        if matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge) {
            Self::NoSpace { location }
        } else if matches!(kind, io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) {
            Self::Corrupted { location, source: Box::new(error) }
        } else {
            Self::Unavailable { location, operation, source: Box::new(error) }
        }
    }
}

pub(crate) fn check_value(value: &[u8]) -> Result<(), StoreError> {
    if value.len() > MAX_VALUE { Err(StoreError::ValueTooLarge { length: value.len() }) } else { Ok(()) }
}

/// The range of names below `under` and behind `after`; nothing if it is empty.
pub(crate) fn scan_range(under: Option<&RecordName>, after: Option<&RecordName>) -> Option<(Bound<String>, Bound<String>)> {
    // '0' follows '/' in ASCII: "a/" <= x < "a0" are exactly the names below "a".
    let first = under.map(|name| format!("{name}/"));
    let end = under.map(|name| format!("{name}0"));
    let after = after.map(|name| name.as_str().to_owned());
    if let (Some(after), Some(end)) = (&after, &end)
        && after >= end
    {
        return None;
    }
    let start = match (first, after) {
        (Some(first), Some(after)) if after < first => Bound::Included(first),
        (_, Some(after)) => Bound::Excluded(after),
        (Some(first), None) => Bound::Included(first),
        (None, None) => Bound::Unbounded,
    };
    Some((start, end.map_or(Bound::Unbounded, Bound::Excluded)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record_name_refuses_what_is_not_a_plain_path() {
        for bad in ["", "/", "a/", "/a", "a//b", "A", "a b", "..", "a/../b", ".hidden", "ä", "1/2/3/4/5/6/7/8/9", "a\0"] {
            assert!(RecordName::new(bad).is_err(), "{bad:?}");
        }
        assert!(RecordName::new(&"a".repeat(201)).is_err());
        assert!(RecordName::new("keys/00ff.x_y-z").is_ok());
    }

    #[test]
    fn page_ends_at_its_byte_limit_and_never_empty() {
        let record =
            |i: u8| Ok(Stored::new(RecordName::new(&format!("r{i}")).unwrap(), Version::from_number(0), vec![0; PAGE_BYTES]));
        let page = Page::fill(10, (0..3).map(record)).unwrap();
        assert_eq!((page.records.len(), page.more), (1, true));
    }

    #[test]
    fn scan_range_behind_its_prefix_is_empty() {
        let (a, b) = (RecordName::new("a").unwrap(), RecordName::new("b").unwrap());
        assert!(scan_range(Some(&a), Some(&b)).is_none());
        assert!(scan_range(Some(&b), Some(&a)).is_some());
    }
}
