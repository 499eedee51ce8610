//! Moving all records of one store into another: copying, comparing, and clearing.
//!
//! Records are sealed, bound to their names and to the cosigner, and not to the store, so that a copy serves as well as the original.
//! That is why there must be one: whoever moves a store keeps both open, so that no cosigner runs on either, compares before the new
//! one is used, and destroys the old one. The epoch keys are no records, and stay where they are.

use crate::store::{MAX_PAGE, Page, RecordName, Store, StoreError, Stored};

/// What was copied or compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transferred {
    /// How many records.
    pub records: u64,
    /// The bytes of their values.
    pub bytes: u64,
}

/// Why two stores do not hold the same.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransferError {
    /// One of the stores.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A record differs, or only one of the stores has it: something else writes to one of them.
    #[error("record {name} is not the same in both stores; make sure that nothing else uses either, and begin again")]
    Different {
        /// The record.
        name: RecordName,
    },
}

/// Copies every record of `from` into `to`. What is there already is left or replaced, so that a copy that was cut off goes on.
///
/// # Errors
///
/// [`StoreError`] of either store. Call it again.
pub async fn copy(from: &dyn Store, to: &dyn Store) -> Result<Transferred, StoreError> {
    let mut done = Transferred::default();
    let mut pages = Pages::of(from);
    while let Some(page) = pages.next().await? {
        done.add(&page);
        let records: Vec<_> = page.records.into_iter().map(|record| (record.name, record.value)).collect();
        match to.create_all(&records).await {
            Ok(()) => {}
            Err(StoreError::AlreadyExists { .. }) => {
                for (name, value) in &records {
                    set(to, name, value).await?;
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// Has a record hold this value, whatever it held.
async fn set(store: &dyn Store, name: &RecordName, value: &[u8]) -> Result<(), StoreError> {
    match store.read(name).await? {
        Some(found) if found.value == value => Ok(()),
        Some(found) => store.compare_and_swap(name, &found.version, value).await.map(drop),
        None => store.create(name, value).await.map(drop),
    }
}

/// Reads both stores whole, and makes sure that they have the same records.
///
/// # Errors
///
/// [`TransferError::Different`] with the first record that is not the same; errors of the stores.
pub async fn compare(from: &dyn Store, to: &dyn Store) -> Result<Transferred, TransferError> {
    let mut done = Transferred::default();
    let (mut left, mut right) = (Records::of(from), Records::of(to));
    loop {
        match (left.next().await?, right.next().await?) {
            (None, None) => return Ok(done),
            (Some(a), Some(b)) if (&a.name, &a.value) == (&b.name, &b.value) => done.count(&a),
            (Some(a), Some(b)) => return Err(TransferError::Different { name: a.name.min(b.name) }),
            (Some(only), None) | (None, Some(only)) => return Err(TransferError::Different { name: only.name }),
        }
    }
}

/// Deletes every record.
///
/// # Errors
///
/// Those of the store. Call it again.
pub async fn clear(store: &dyn Store) -> Result<(), StoreError> {
    loop {
        let page = store.scan(None, None, MAX_PAGE).await?;
        if page.records.is_empty() {
            return Ok(());
        }
        for record in page.records {
            store.delete(&record.name, &record.version).await?;
        }
    }
}

/// Whether a store has no record.
///
/// # Errors
///
/// Those of the store.
pub async fn is_empty(store: &dyn Store) -> Result<bool, StoreError> {
    Ok(store.scan(None, None, 1).await?.records.is_empty())
}

impl Transferred {
    fn count(&mut self, record: &Stored) {
        self.records = self.records.saturating_add(1);
        self.bytes = self.bytes.saturating_add(u64::try_from(record.value.len()).unwrap_or(u64::MAX));
    }

    fn add(&mut self, page: &Page) {
        page.records.iter().for_each(|record| self.count(record));
    }
}

/// The pages of a whole store.
struct Pages<'a> {
    store: &'a dyn Store,
    after: Option<RecordName>,
    more: bool,
}

impl<'a> Pages<'a> {
    fn of(store: &'a dyn Store) -> Self {
        Self { store, after: None, more: true }
    }

    async fn next(&mut self) -> Result<Option<Page>, StoreError> {
        if !self.more {
            return Ok(None);
        }
        let page = self.store.scan(None, self.after.as_ref(), MAX_PAGE).await?;
        self.after = page.records.last().map(|record| record.name.clone()).or_else(|| self.after.take());
        self.more = page.more && !page.records.is_empty();
        Ok(Some(page))
    }
}

/// The records of a whole store, in order.
struct Records<'a> {
    pages: Pages<'a>,
    page: std::vec::IntoIter<Stored>,
}

impl<'a> Records<'a> {
    fn of(store: &'a dyn Store) -> Self {
        Self { pages: Pages::of(store), page: Vec::new().into_iter() }
    }

    async fn next(&mut self) -> Result<Option<Stored>, StoreError> {
        loop {
            if let Some(record) = self.page.next() {
                return Ok(Some(record));
            }
            match self.pages.next().await? {
                Some(page) => self.page = page.records.into_iter(),
                None => return Ok(None),
            }
        }
    }
}
