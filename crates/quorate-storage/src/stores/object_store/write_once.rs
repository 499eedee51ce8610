//! Objects that are written once: backups at another provider, and how far the audit log was at a time.
//!
//! An object has the bytes that it was given and nothing beside them, so that it can be read by any tool. Nothing here overwrites or
//! removes one. Who has the bucket can: let the bucket forbid it (S3 Object Lock, a locked retention policy of Google, an immutable
//! container of Azure), and give this role the right to write and to read, not to remove.
//!
//! An anchor is an [`AuditHead`](crate::AuditHead) under a name of its time: whoever later shows a log that is shorter, or another
//! one, is contradicted by what he cannot change. That holds as far as the bucket is not in the hands of whoever has the log.

use core::{fmt, ops::Bound, time::Duration};

use tokio::time::Instant;

use super::{
    BucketOptions,
    bucket::{Bucket, Condition, Failed, Put},
};
use crate::store::{Location, MAX_PAGE, RecordName, StoreError, scan_range};

const WITHIN: Duration = Duration::from_secs(120);

/// Objects in a bucket or a directory, each of which is written once.
#[derive(Clone)]
pub struct WriteOnce {
    bucket: Bucket,
    location: Location,
}

impl WriteOnce {
    /// The longest object, in bytes: 64 MiB.
    pub const LONGEST: usize = 64 << 20;

    /// Names the place. Nothing is asked of it yet.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] if the options do not serve.
    pub fn new(options: &BucketOptions) -> Result<Self, StoreError> {
        let location = options.location();
        let wrong = |source| StoreError::Unavailable { location: location.clone(), operation: "set up the connection", source };
        Ok(Self { bucket: options.bucket(Self::LONGEST).map_err(wrong)?, location })
    }

    /// Where the objects are, for people.
    #[must_use]
    pub const fn location(&self) -> &Location {
        &self.location
    }

    /// Writes an object, durably. Writing the same bytes again does nothing, so that a call that failed can be made again.
    ///
    /// # Errors
    ///
    /// [`StoreError::AlreadyExists`] if there is one of that name with other bytes, and those of the place; the object may or may not
    /// be there then.
    pub async fn put_new(&self, name: &RecordName, bytes: &[u8]) -> Result<(), StoreError> {
        let put = async {
            if bytes.len() > Self::LONGEST {
                return Err(Failed::Odd("it is above 64 MiB"));
            }
            self.bucket.put_if(&self.bucket.path(name.as_str())?, &Condition::Absent, bytes, Instant::now() + WITHIN).await
        };
        match put.await.map_err(|failed| failed.at(&self.location, "write an object"))? {
            Put::Done(_) => Ok(()),
            Put::Refused(_) => Err(StoreError::AlreadyExists { name: name.clone() }),
        }
    }

    /// Reads an object, or nothing if there is none.
    ///
    /// # Errors
    ///
    /// Those of the place, and [`StoreError::Corrupted`] if it is above [`LONGEST`](Self::LONGEST).
    pub async fn get(&self, name: &RecordName) -> Result<Option<Vec<u8>>, StoreError> {
        let get = async { self.bucket.get(&self.bucket.path(name.as_str())?, Instant::now() + WITHIN).await };
        let found = get.await.map_err(|failed| failed.at(&self.location, "read an object"))?;
        Ok(found.map(|object| object.bytes))
    }

    /// Names objects in ascending order, below `under` and behind `after`: at most `limit` of them, clamped to 1..=[`MAX_PAGE`]. Fewer
    /// mean that there are no more. What has a name that none of ours can have is left out.
    ///
    /// # Errors
    ///
    /// Those of the place.
    pub async fn list(
        &self,
        under: Option<&RecordName>,
        after: Option<&RecordName>,
        limit: usize,
    ) -> Result<Vec<RecordName>, StoreError> {
        let names = self.names(under, after, limit.clamp(1, MAX_PAGE)).await;
        names.map_err(|failed| failed.at(&self.location, "list objects"))
    }

    async fn names(
        &self,
        under: Option<&RecordName>,
        after: Option<&RecordName>,
        limit: usize,
    ) -> Result<Vec<RecordName>, Failed> {
        let until = Instant::now() + WITHIN;
        let below = under.map_or_else(
            || self.bucket.prefix.trim_end_matches('/').to_owned(),
            |under| format!("{}{under}", self.bucket.prefix),
        );
        let below = object_store::path::Path::parse(below).map_err(|_| Failed::Odd("the name of an object is none"))?;
        let after = match scan_range(under, after) {
            None => return Ok(Vec::new()),
            Some((Bound::Excluded(after), _)) => Some(self.bucket.path(&after)?),
            Some((Bound::Included(_) | Bound::Unbounded, _)) => None,
        };
        let mut objects = self.bucket.list(below, after);
        let mut names = Vec::new();
        while names.len() < limit
            && let Some(listed) = objects.next(until).await?
        {
            let name = listed.path.as_ref().strip_prefix(&*self.bucket.prefix).map(RecordName::new);
            names.extend(name.and_then(Result::ok));
        }
        Ok(names)
    }
}

impl fmt::Debug for WriteOnce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteOnce").field("location", &self.location).finish_non_exhaustive()
    }
}
