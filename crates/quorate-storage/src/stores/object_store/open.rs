//! Opening, giving back, and removing what is left of deleted records.

use core::time::Duration;
use std::sync::Arc;

use tokio::time::Instant;

use super::{
    BucketOptions, BucketStore, Doubts, WITHIN,
    bucket::{Bucket, Condition, Failed, Put},
    lease::Lease,
    object::{self, Content},
};
use crate::store::{Location, StoreError};

/// A record must have been deleted that long before what is left of it is removed, so that no write that knew it is on its way.
const REST: i64 = 3600;

impl BucketStore {
    /// Opens the store, or makes it. Call it within a tokio runtime.
    ///
    /// Where the former instance did not give the store back, this waits one and a half of its leases.
    ///
    /// # Errors
    ///
    /// [`StoreError::InUse`] if another instance has it open, [`StoreError::Corrupted`] if something else is there, and
    /// [`StoreError::Unavailable`] if the service cannot be reached, refuses, or does not honour conditions.
    pub async fn open(options: &BucketOptions) -> Result<Self, StoreError> {
        let location = options.location();
        let wrong = |source| StoreError::Unavailable { location: location.clone(), operation: "set up the connection", source };
        let bucket = options.bucket(object::LONGEST).map_err(wrong)?;
        if options.is_directory() {
            return Err(wrong("records are not kept in a directory by this store; use the embedded one".into()));
        }
        Self::over(bucket, location.clone(), options).await.map_err(|failed| failed.at(&location, "open the store"))
    }

    pub(super) async fn over(bucket: Bucket, location: Location, options: &BucketOptions) -> Result<Self, Failed> {
        let lease = Arc::new(Lease::take(&bucket, options.lease_length()).await?);
        let renewed = Arc::clone(&lease);
        let renewal = tokio::spawn(async move { renewed.renew().await });
        let store = Self { bucket, location, lease, renewal, doubts: Doubts::default(), plain_ends: options.is_azure() };
        probe(&store.bucket).await?;
        Ok(store)
    }

    /// Gives the store back at an orderly stop, so that the next instance does not wait. From now on every call is refused.
    ///
    /// # Errors
    ///
    /// Those of the service, and [`StoreError::Unavailable`] if a change could still land; then the next instance waits.
    pub async fn release(&self) -> Result<(), StoreError> {
        self.lease.release(|| self.doubts.none()).await.map_err(|failed| self.failure("give the store back", failed))
    }

    /// Removes what is left of records that were deleted more than an hour ago, and says of how many; at most of `most`.
    ///
    /// Until then each is an object of 20 bytes, which makes scans longer. Call it after opening, now and then.
    ///
    /// # Errors
    ///
    /// Those of the service. Open the store again then: a removal whose answer was lost may still happen, and this waits for it.
    pub async fn swept(self, most: usize) -> Result<(Self, usize), StoreError> {
        let swept = async { self.sweep_at(most, self.lease.now().await?).await };
        match swept.await {
            Ok(removed) => Ok((self, removed)),
            Err(failed) => Err(self.failure("remove deleted records", failed)),
        }
    }

    /// Removes everything under the prefix, the store itself last. What the service keeps of removed objects, by versioning or soft
    /// deletion, is up to its settings, and stays sealed.
    ///
    /// # Errors
    ///
    /// Those of the service. Open the store again and erase it once more then.
    pub async fn erase(self) -> Result<(), StoreError> {
        let erased = self.erase_all().await;
        // Nothing is given back: the object that says who has the store is gone, or the next instance waits.
        self.renewal.abort();
        erased.map_err(|failed| self.failure("erase the store", failed))
    }

    async fn erase_all(&self) -> Result<(), Failed> {
        let far = || Instant::now() + WITHIN;
        let mut records = self.bucket.list(self.bucket.path("records")?, None);
        while let Some(listed) = records.next(far()).await? {
            let name = self.name_of(&listed)?;
            let ends = self.lease.check(far()).await?;
            let removed = self.bucket.remove(&listed.path, ends).await;
            if removed.is_err() {
                // It may still happen: the next instance waits until it cannot.
                self.doubts.add(&name, &Condition::Absent);
            }
            removed?;
        }
        let ends = self.lease.check(far()).await?;
        self.bucket.remove(&self.bucket.path("probe")?, ends).await?;
        self.renewal.abort();
        self.lease.remove().await
    }

    /// Sweeps as if it were `now`, by the clock of the service.
    pub(super) async fn sweep_at(&self, most: usize, now: i64) -> Result<usize, Failed> {
        if !self.doubts.none() {
            return Err(Failed::Odd("there are changes whose outcome is unknown; read these records first"));
        }
        let far = || Instant::now() + WITHIN;
        let mut objects = self.bucket.list(self.bucket.path("records")?, None);
        let mut removed = 0_usize;
        while removed < most
            && let Some(listed) = objects.next(far()).await?
        {
            let old = now.saturating_sub(listed.modified) >= REST;
            if !old || usize::try_from(listed.size) != Ok(object::DELETED) {
                continue;
            }
            let there = self.bucket.get(&listed.path, far()).await?;
            let deleted = matches!(there.as_ref().map(object::content).transpose()?, Some(Content::Deleted));
            let ends = self.lease.check(far()).await?;
            if deleted {
                let done = self.bucket.remove(&listed.path, ends).await;
                if done.is_err() {
                    // Nobody gives the store back now: the next instance waits until this removal cannot happen any more.
                    self.doubts.add(&self.name_of(&listed)?, &Condition::Absent);
                }
                done?;
                removed = removed.saturating_add(1);
            }
        }
        Ok(removed)
    }
}

/// Tries whether the service honours conditions: one that ignores them loses records, and says nothing.
async fn probe(bucket: &Bucket) -> Result<(), Failed> {
    let path = bucket.path("probe")?;
    let until = Instant::now() + WITHIN + Duration::from_secs(10);
    let stale = match bucket.get(&path, until).await? {
        Some(there) => there.tag,
        None => match bucket.put_if(&path, &Condition::Absent, &object::deleted()?, until).await? {
            Put::Done(tag) => tag,
            Put::Refused(_) => return Err(Failed::TakenOver),
        },
    };
    let stale = Condition::Is(stale);
    let again = bucket.put_if(&path, &Condition::Absent, &object::deleted()?, until).await?;
    let first = bucket.put_if(&path, &stale, &object::deleted()?, until).await?;
    let second = bucket.put_if(&path, &stale, &object::deleted()?, until).await?;
    match (again, first, second) {
        (Put::Refused(Some(_)), Put::Done(_), Put::Refused(Some(_))) => Ok(()),
        _ => Err(Failed::Odd("the service ignores conditions on writes (If-None-Match, If-Match); records would be lost there")),
    }
}
