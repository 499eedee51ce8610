//! A store in a bucket of S3, Google Cloud Storage or Azure: one prefix for one cosigner.
//!
//! ```text
//! <prefix>/instance         who has the store open
//! <prefix>/probe            where it is tried whether the service does what it is asked
//! <prefix>/records/<name>   a record, or that it was deleted
//! ```
//!
//! Runs on tokio. Every change is a write under a condition (`If-None-Match`, `If-Match`, `ifGenerationMatch`), and each object says a
//! nonce that no other write has, so that the entity tag of a value never returns. Opening tries whether the service honours
//! conditions; one that ignores them is refused. No service takes a condition on removing an object through `object_store`, so that a
//! deleted record becomes an object that says so, until [`BucketStore::swept`] removes it.
//!
//! # One cosigner, one instance
//!
//! A second cosigner under one prefix finds the first one's records and is refused by its vault. Two prefixes of one bucket are one
//! provider all the same: the placement has to say so. And one process has the store open at a time: it holds a lease, 15 seconds if
//! nothing else is said, which it renews. Opening waits until a lease that nobody renews has run out, and is refused with
//! [`StoreError::InUse`] if somebody does. After an orderly stop, [`BucketStore::release`], it waits for nothing.
//!
//! # What holds when an instance was cut off
//!
//! Such a service checks a condition on the object that is written, and on no other. So unlike in a database, the right to write cannot
//! be checked in the same step as the write. What holds:
//!
//! - Each record is linear whatever happens: a write that lands late finds its condition broken as soon as anybody changed the record.
//! - An instance sends nothing once its lease ended, by its own clock, and the next one begins half a lease later.
//! - Before each change it reads who has the store, and after it again. Who lost it is told [`StoreError::InUse`] and never that the
//!   change was made, so that nothing is said to a peer that rests on it.
//! - What is left: a process that is stopped, its clock with it, between that read and the sending, for longer than one and a half
//!   leases; or a service that applies a request that long after it was sent. Then one change can land after another instance took over, of a
//!   record that this one has not changed. Its peers refuse a cosigner of which two instances run (docs/witness.md).
//!
//! A change whose outcome stays unknown could still land. So before this instance uses that record again it makes the condition of the
//! lost write false for ever, by rewriting the record as it is; its version changes with that.
//!
//! # What may not be here
//!
//! Epoch keys. A bucket with versioning or soft deletion keeps every value that a record ever had, and so may its replicas and the
//! provider's own copies; old sealed shares stay sealed only since their epoch keys were never there and are gone. No
//! [`EpochKeys`](crate::EpochKeys) is made over a bucket, and none must be. Nor are records kept in a local directory by this module:
//! that is what `RedbStore` is for.
//!
//! # What it asks of the service
//!
//! Strong consistency and conditional writes: S3, Google Cloud Storage and Azure block blobs have both. A flat name space, so no
//! hierarchical one at Azure, and no directory bucket of S3, which does not list in order. The role needs to read, write and list
//! below the prefix; to remove only for [`BucketStore::swept`].

use core::{
    fmt,
    ops::Bound,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures_util::future::{join, join_all};
use object_store::path::Path;
use tokio::{
    task::JoinHandle,
    time::{Instant, timeout_at},
};

use self::{
    bucket::{Bucket, Condition, Failed, Listed, Listing, Object, Put},
    lease::Lease,
    object::Content,
};
use crate::store::{
    BoxFuture, Location, MAX_PAGE, PAGE_BYTES, Page, RecordName, Store, StoreError, Stored, Version, check_value, scan_range,
};

mod bucket;
mod lease;
mod object;
mod open;
mod options;
#[cfg(test)]
mod tests;
mod write_once;

#[cfg(feature = "aws-kms")]
pub(crate) use self::options::AwsIdentity;
pub use self::{options::BucketOptions, write_once::WriteOnce};

/// How long one call may take.
const WITHIN: Duration = Duration::from_secs(20);
/// How long a page of a scan may take.
const SCAN_WITHIN: Duration = Duration::from_secs(60);
/// How many objects of a page are read at a time.
const TOGETHER: usize = 8;
/// How often a call starts again because somebody was faster.
const TRIES: usize = 8;

/// A [`Store`] in a bucket.
pub struct BucketStore {
    bucket: Bucket,
    location: Location,
    lease: Arc<Lease>,
    renewal: JoinHandle<()>,
    doubts: Doubts,
    /// Whether a name may not end a segment in a dot.
    plain_ends: bool,
}

/// What may still land: how many writes are on their way, and the conditions of those that were given up, by the names of their records.
#[derive(Default)]
struct Doubts {
    on_their_way: AtomicUsize,
    given_up: Mutex<BTreeMap<RecordName, Vec<Condition>>>,
}

impl Doubts {
    fn of(&self, name: &RecordName) -> Option<Vec<Condition>> {
        self.map().get(name).cloned()
    }

    fn names(&self) -> Vec<RecordName> {
        self.map().keys().cloned().collect()
    }

    /// Whether nothing can land any more.
    fn none(&self) -> bool {
        self.on_their_way.load(Ordering::SeqCst) == 0 && self.map().is_empty()
    }

    fn add(&self, name: &RecordName, condition: &Condition) {
        let mut map = self.map();
        let known = map.entry(name.clone()).or_default();
        if !known.contains(condition) {
            known.push(condition.clone());
        }
    }

    fn clear(&self, name: &RecordName, false_for_ever: &[Condition]) {
        let mut map = self.map();
        if let Some(known) = map.get_mut(name) {
            known.retain(|condition| !false_for_ever.contains(condition));
            if known.is_empty() {
                map.remove(name);
            }
        }
    }

    fn map(&self) -> MutexGuard<'_, BTreeMap<RecordName, Vec<Condition>>> {
        self.given_up.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A write on its way: in doubt, unless it is known what became of it, also if nobody waits for it any more.
struct OnItsWay<'a> {
    doubts: &'a Doubts,
    name: &'a RecordName,
    condition: Option<&'a Condition>,
}

impl<'a> OnItsWay<'a> {
    fn new(doubts: &'a Doubts, name: &'a RecordName) -> Self {
        doubts.on_their_way.fetch_add(1, Ordering::SeqCst);
        Self { doubts, name, condition: None }
    }
}

impl Drop for OnItsWay<'_> {
    fn drop(&mut self) {
        if let Some(condition) = self.condition {
            self.doubts.add(self.name, condition);
        }
        self.doubts.on_their_way.fetch_sub(1, Ordering::SeqCst);
    }
}

impl BucketStore {
    fn path(&self, name: &RecordName) -> Result<Path, Failed> {
        self.bucket.path(&format!("records/{name}"))
    }

    /// What a name must be beyond what every store asks.
    fn check_name(&self, name: &RecordName) -> Result<(), StoreError> {
        let bad = self.plain_ends && name.as_str().split('/').any(|segment| segment.ends_with('.'));
        if bad { Err(StoreError::InvalidName) } else { Ok(()) }
    }

    fn failure(&self, operation: &'static str, failed: Failed) -> StoreError {
        failed.at(&self.location, operation)
    }

    /// Reads an object and, at the same time, whether this instance still has the store.
    async fn look(&self, name: &RecordName, until: Instant) -> Result<Option<Object>, Failed> {
        let path = self.path(name)?;
        let (found, mine) = join(self.bucket.get(&path, until), self.lease.check(until)).await;
        mine?;
        found
    }

    /// Writes an object if the condition holds and this instance has the store.
    async fn write(&self, name: &RecordName, condition: &Condition, bytes: &[u8], until: Instant) -> Result<Put, Failed> {
        let path = self.path(name)?;
        // Counted first: who gives the store back sees it, or it sees that the store was given back.
        let mut write = OnItsWay::new(&self.doubts, name);
        let ends = self.lease.check(until).await?.min(until);
        write.condition = Some(condition);
        // Nothing is sent once the lease ended.
        let put = timeout_at(ends, self.bucket.put_if(&path, condition, bytes, ends)).await.map_err(|_| Failed::Late)??;
        write.condition = None;
        self.lease.check(until).await?;
        Ok(put)
    }

    /// Makes sure that no earlier write of this record, whose answer was lost, can still land.
    async fn settle(&self, name: &RecordName, until: Instant) -> Result<(), Failed> {
        for _ in 0..TRIES {
            let Some(doubts) = self.doubts.of(name) else { return Ok(()) };
            let there = self.look(name, until).await?;
            let Some(open) = doubts.iter().find(|condition| condition.holds(there.as_ref())) else {
                // No tag returns, and nothing is absent again.
                self.doubts.clear(name, &doubts);
                continue;
            };
            drop(self.write(name, open, &object::again(there.as_ref())?, until).await?);
        }
        Err(Failed::Odd("a record changes all the time"))
    }

    async fn create_record(&self, name: &RecordName, value: &[u8]) -> Result<Option<Version>, Failed> {
        let until = Instant::now() + WITHIN;
        self.settle(name, until).await?;
        let (nonce, bytes) = object::value(value)?;
        let mut condition = Condition::Absent;
        for _ in 0..TRIES {
            let there = match self.write(name, &condition, &bytes, until).await? {
                Put::Done(tag) => return object::version(&nonce, &tag).map(Some),
                Put::Refused(there) => there,
            };
            condition = match there.as_ref().map(object::content).transpose()? {
                None => Condition::Absent,
                Some(Content::Value(..)) => return Ok(None),
                Some(Content::Deleted) => there.map_or(Condition::Absent, |object| Condition::Is(object.tag)),
            };
        }
        Err(Failed::Odd("a record changes all the time"))
    }

    /// Replaces an object that has a version; nothing if it has another one.
    async fn replace(&self, name: &RecordName, seen: &Version, bytes: &[u8]) -> Result<Option<Put>, Failed> {
        let until = Instant::now() + WITHIN;
        self.settle(name, until).await?;
        let Some(tag) = object::tag(seen) else { return Ok(None) };
        let put = self.write(name, &Condition::Is(tag), bytes, until).await?;
        Ok(Some(put).filter(|put| matches!(put, Put::Done(_))))
    }

    async fn page(&self, under: Option<&RecordName>, after: Option<&RecordName>, limit: usize) -> Result<Page, Failed> {
        let until = Instant::now() + SCAN_WITHIN;
        for name in self.doubts.names() {
            self.settle(&name, until).await?;
        }
        self.lease.check(until).await?;
        let below = match under {
            Some(under) => self.path(under)?,
            None => self.bucket.path("records")?,
        };
        let after = match scan_range(under, after) {
            None => return Ok(Page::default()),
            Some((Bound::Excluded(after), _)) => Some(self.bucket.path(&format!("records/{after}"))?),
            Some((Bound::Included(_) | Bound::Unbounded, _)) => None,
        };
        let mut names = self.bucket.list(below, after);
        let (mut page, mut bytes) = (Page::default(), 0_usize);
        loop {
            let room = if bytes >= PAGE_BYTES { 0 } else { limit.saturating_sub(page.records.len()) };
            let next = self.names(&mut names, room.clamp(1, TOGETHER), until).await?;
            page.more = room == 0 && !next.is_empty();
            if room == 0 || next.is_empty() {
                return Ok(page);
            }
            for record in join_all(next.iter().map(|name| self.record(name, until))).await {
                if bytes >= PAGE_BYTES {
                    page.more = true;
                    return Ok(page);
                }
                // It may have been deleted since it was listed.
                let Some(record) = record? else { continue };
                bytes = bytes.saturating_add(record.value.len());
                page.records.push(record);
            }
        }
    }

    async fn record(&self, name: &RecordName, until: Instant) -> Result<Option<Stored>, Failed> {
        let found = self.bucket.get(&self.path(name)?, until).await?;
        found.map_or(Ok(None), |object| object::record(name, &object))
    }

    /// The next names of records that are there.
    async fn names(&self, listing: &mut Listing<'_>, most: usize, until: Instant) -> Result<Vec<RecordName>, Failed> {
        let mut names = Vec::new();
        while names.len() < most
            && let Some(listed) = listing.next(until).await?
        {
            if listed.size > u64::try_from(object::DELETED).unwrap_or(u64::MAX) {
                names.push(self.name_of(&listed)?);
            }
        }
        Ok(names)
    }

    fn name_of(&self, listed: &Listed) -> Result<RecordName, Failed> {
        let path = listed.path.as_ref();
        let name = path.strip_prefix(&*self.bucket.prefix).and_then(|name| name.strip_prefix("records/"));
        let name = name.and_then(|name| RecordName::new(name).ok());
        let longest = u64::try_from(object::LONGEST).unwrap_or(u64::MAX);
        let foreign = || Failed::Foreign(format!("object {path:.512?} is none of quorate's; remove it"));
        name.filter(|_| listed.size <= longest).ok_or_else(foreign)
    }
}

impl Drop for BucketStore {
    fn drop(&mut self) {
        self.renewal.abort();
        // The next instance need not wait, unless a write of this one could still land.
        if let Ok(runtime) = tokio::runtime::Handle::try_current()
            && self.doubts.none()
        {
            let lease = Arc::clone(&self.lease);
            drop(runtime.spawn(async move {
                let _the_lease_runs_out = lease.release(|| true).await;
            }));
        }
    }
}

impl fmt::Debug for BucketStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BucketStore").field("location", &self.location).finish_non_exhaustive()
    }
}

impl Store for BucketStore {
    fn location(&self) -> &Location {
        &self.location
    }

    fn create<'a>(&'a self, name: &'a RecordName, value: &'a [u8]) -> BoxFuture<'a, Result<Version, StoreError>> {
        Box::pin(async move {
            check_value(value)?;
            self.check_name(name)?;
            let created = self.create_record(name, value).await;
            let created = created.map_err(|failed| self.failure("create a record", failed))?;
            created.ok_or_else(|| StoreError::AlreadyExists { name: name.clone() })
        })
    }

    fn read<'a>(&'a self, name: &'a RecordName) -> BoxFuture<'a, Result<Option<Stored>, StoreError>> {
        Box::pin(async move {
            self.check_name(name)?;
            let until = Instant::now() + WITHIN;
            let read = async {
                self.settle(name, until).await?;
                let found = self.look(name, until).await?;
                found.map_or(Ok(None), |object| object::record(name, &object))
            };
            read.await.map_err(|failed| self.failure("read a record", failed))
        })
    }

    fn compare_and_swap<'a>(
        &'a self,
        name: &'a RecordName,
        seen: &'a Version,
        value: &'a [u8],
    ) -> BoxFuture<'a, Result<Version, StoreError>> {
        Box::pin(async move {
            check_value(value)?;
            self.check_name(name)?;
            let swap = async {
                let (nonce, bytes) = object::value(value)?;
                match self.replace(name, seen, &bytes).await? {
                    Some(Put::Done(tag)) => object::version(&nonce, &tag).map(Some),
                    Some(Put::Refused(_)) | None => Ok(None),
                }
            };
            let swapped = swap.await.map_err(|failed| self.failure("replace a record", failed))?;
            swapped.ok_or_else(|| StoreError::Conflict { name: name.clone() })
        })
    }

    fn delete<'a>(&'a self, name: &'a RecordName, seen: &'a Version) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            self.check_name(name)?;
            let delete = async { self.replace(name, seen, &object::deleted()?).await };
            let deleted = delete.await.map_err(|failed| self.failure("delete a record", failed))?;
            deleted.map(drop).ok_or_else(|| StoreError::Conflict { name: name.clone() })
        })
    }

    fn scan<'a>(
        &'a self,
        under: Option<&'a RecordName>,
        after: Option<&'a RecordName>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, StoreError>> {
        Box::pin(async move {
            let page = self.page(under, after, limit.clamp(1, MAX_PAGE)).await;
            page.map_err(|failed| self.failure("scan records", failed))
        })
    }

    fn close(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.release())
    }
}
