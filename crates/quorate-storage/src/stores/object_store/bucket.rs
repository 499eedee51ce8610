//! Objects under one prefix: read within a bound and a deadline, written under a condition, with the doubt about each answer resolved.
//!
//! `object_store` retries nothing here. A write whose answer was lost may have happened, and the service's own "refused" after a
//! second attempt may speak of the first: so after every answer but "done", the object is read, and compared with what was to be
//! written.

use core::time::Duration;
use std::sync::Arc;

use futures_util::{StreamExt as _, TryFutureExt as _, TryStreamExt as _, stream, stream::BoxStream};
use object_store::{
    Error, GetOptions, ObjectMeta, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, UpdateVersion, path::Path,
};
use tokio::time::{Instant, timeout_at};

use crate::{
    http::{Heard, Tries, listen},
    store::{Location, StoreError},
};

/// How long one request may take.
const ATTEMPT: Duration = Duration::from_secs(8);
const LONGEST_TAG: usize = 112;
const MOST_OF_A_DIRECTORY: usize = 1 << 20;

/// Objects under one prefix of one bucket.
#[derive(Clone, Debug)]
pub(super) struct Bucket {
    pub(super) service: Arc<dyn ObjectStore>,
    /// Empty, or ends in '/'.
    pub(super) prefix: String,
    /// Whether the service compares generations instead of entity tags.
    pub(super) generations: bool,
    /// Whether it lists in ascending order.
    pub(super) ordered: bool,
    /// The most bytes of an object; a larger one is not read.
    pub(super) longest: usize,
}

/// What the service calls one state of one object.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Tag(Box<str>);

impl Tag {
    /// Nothing if it could not be sent back.
    pub(super) fn new(tag: &str) -> Option<Self> {
        let fits = !tag.is_empty() && tag.len() <= LONGEST_TAG && tag.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        fits.then(|| Self(tag.into()))
    }

    pub(super) const fn as_str(&self) -> &str {
        &self.0
    }
}

/// An object as it was read.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) tag: Tag,
    pub(super) bytes: Vec<u8>,
    /// In seconds, by the clock of the service.
    pub(super) modified: i64,
}

/// What must be so for a write to happen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Condition {
    Absent,
    Is(Tag),
}

impl Condition {
    pub(super) fn holds(&self, there: Option<&Object>) -> bool {
        match self {
            Self::Absent => there.is_none(),
            Self::Is(tag) => there.is_some_and(|object| object.tag == *tag),
        }
    }
}

/// What became of a conditional write, for certain.
#[derive(Debug)]
pub(super) enum Put {
    Done(Tag),
    /// Nothing changed; this is there.
    Refused(Option<Object>),
}

/// Why a call failed, before it is told where. Whether a write happened is unknown.
#[derive(Debug)]
pub(super) enum Failed {
    Late,
    Heard(Heard),
    Odd(&'static str),
    /// What is there is not ours.
    Foreign(String),
    /// Another instance has the store.
    TakenOver,
    Disk(Box<Error>),
}

/// One request, sorted.
enum Answer<T> {
    Done(T),
    Absent,
    Refused,
    Failed(Failed),
}

impl Bucket {
    /// Where an object of this name is.
    pub(super) fn path(&self, name: &str) -> Result<Path, Failed> {
        Path::parse(format!("{}{name}", self.prefix)).map_err(|_| Failed::Odd("the name of an object is none"))
    }

    /// Does one request.
    async fn attempt<T>(&self, until: Instant, request: impl Future<Output = Result<T, Error>>) -> Answer<T> {
        let until = until.min(Instant::now() + ATTEMPT);
        let Ok((answer, heard)) = timeout_at(until, listen(request)).await else { return Answer::Failed(Failed::Late) };
        match (answer, heard) {
            (Ok(done), _) => Answer::Done(done),
            (Err(_), Some(heard)) if heard.no_bucket() => Answer::Failed(Failed::Heard(heard)),
            (Err(Error::NotFound { .. }), _) => Answer::Absent,
            (Err(Error::AlreadyExists { .. } | Error::Precondition { .. } | Error::NotModified { .. }), _) => Answer::Refused,
            (Err(Error::InvalidPath { .. }), _) => {
                Answer::Failed(Failed::Foreign("an object has a name that is none".to_owned()))
            }
            (Err(_), Some(heard)) => Answer::Failed(Failed::Heard(heard)),
            (Err(error), None) => Answer::Failed(Failed::Disk(Box::new(error))),
        }
    }

    /// Reads an object, unless it is longer than any of ours.
    pub(super) async fn get(&self, path: &Path, until: Instant) -> Result<Option<Object>, Failed> {
        let mut tries = Tries::new(until);
        loop {
            let failed = match self.attempt(until, self.get_once(path)).await {
                Answer::Done(done) => return done.map(Some),
                Answer::Absent => return Ok(None),
                Answer::Refused => Failed::Odd("the service refuses a read"),
                Answer::Failed(failed) => failed,
            };
            if failed.is_final() || !tries.again().await {
                return Err(failed);
            }
        }
    }

    async fn get_once(&self, path: &Path) -> Result<Result<Object, Failed>, Error> {
        let found = self.service.get_opts(path, GetOptions::default()).await?;
        let size = usize::try_from(found.meta.size).unwrap_or(usize::MAX);
        if size > self.longest {
            return Ok(Err(Failed::Foreign(format!("object {path} of {size} bytes is larger than any of quorate's"))));
        }
        let modified = found.meta.last_modified.timestamp();
        let tag = self.tag(found.meta.e_tag.as_deref(), found.meta.version.as_deref());
        let bytes = Vec::from(found.bytes().await?);
        Ok(match tag {
            _ if bytes.len() != size => Err(Failed::Odd("the service sent less than the object")),
            Some(tag) => Ok(Object { tag, bytes, modified }),
            None => Err(Failed::Odd("the service names no version of an object")),
        })
    }

    fn tag(&self, e_tag: Option<&str>, version: Option<&str>) -> Option<Tag> {
        Tag::new(if self.generations { version? } else { e_tag? })
    }

    /// Writes an object if the condition holds. `bytes` must differ from all that were ever written there by someone else.
    pub(super) async fn put_if(&self, path: &Path, condition: &Condition, bytes: &[u8], until: Instant) -> Result<Put, Failed> {
        let mut tries = Tries::new(until);
        // Why it is not known what became of an attempt, and why another one was not made.
        let (mut doubt, mut delay) = (None, Failed::Odd("the service refuses a change for no reason"));
        loop {
            match self.attempt(until, self.put_once(path, condition, bytes)).await {
                Answer::Done(Some(tag)) => return Ok(Put::Done(tag)),
                Answer::Done(None) => doubt = Some(Failed::Odd("the service names no version of what was written")),
                Answer::Absent | Answer::Refused => {}
                Answer::Failed(failed) if failed.is_final() => return Err(failed),
                Answer::Failed(failed) if failed.did_nothing() => delay = failed,
                Answer::Failed(failed) => doubt = Some(failed),
            }
            let there = self.get(path, until).await?;
            match there {
                Some(there) if there.bytes == bytes => return Ok(Put::Done(there.tag)),
                // It happened and was overwritten, or it did not happen and cannot any more.
                there if !condition.holds(there.as_ref()) => return doubt.map_or(Ok(Put::Refused(there)), Err),
                _ => {}
            }
            if !tries.again().await {
                return Err(doubt.unwrap_or(delay));
            }
        }
    }

    async fn put_once(&self, path: &Path, condition: &Condition, bytes: &[u8]) -> Result<Option<Tag>, Error> {
        let mode = match condition {
            Condition::Absent => PutMode::Create,
            Condition::Is(Tag(tag)) if self.generations => {
                PutMode::Update(UpdateVersion { e_tag: None, version: Some(tag.to_string()) })
            }
            Condition::Is(Tag(tag)) => PutMode::Update(UpdateVersion { e_tag: Some(tag.to_string()), version: None }),
        };
        let done = self.service.put_opts(path, bytes.to_vec().into(), PutOptions::from(mode)).await?;
        Ok(self.tag(done.e_tag.as_deref(), done.version.as_deref()))
    }

    /// Removes an object whatever it says. It may happen later than this returns, if it fails.
    pub(super) async fn remove(&self, path: &Path, until: Instant) -> Result<(), Failed> {
        match self.attempt(until, self.service.delete(path)).await {
            Answer::Done(()) | Answer::Absent => Ok(()),
            Answer::Refused => Err(Failed::Odd("the service refuses to remove an object")),
            Answer::Failed(failed) => Err(failed),
        }
    }

    /// The objects below a path in ascending order, from the first one behind `after`.
    pub(super) fn list(&self, below: Path, after: Option<Path>) -> Listing<'_> {
        Listing { bucket: self, below, after, stream: None }
    }

    fn stream(&self, below: &Path, after: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta, Error>> {
        let found = match after {
            Some(after) => self.service.list_with_offset(Some(below), after),
            None => self.service.list(Some(below)),
        };
        if self.ordered {
            return found.fuse().boxed();
        }
        let all = found.take(MOST_OF_A_DIRECTORY).try_collect::<Vec<_>>().map_ok(|mut all| {
            all.sort_by(|a, b| a.location.cmp(&b.location));
            stream::iter(all.into_iter().map(Ok))
        });
        stream::once(all).try_flatten().fuse().boxed()
    }
}

/// What a listing says of an object.
pub(super) struct Listed {
    pub(super) path: Path,
    pub(super) size: u64,
    /// In seconds, by the clock of the service.
    pub(super) modified: i64,
}

/// Objects one by one; where the service fails, it is asked again from the last one.
pub(super) struct Listing<'a> {
    bucket: &'a Bucket,
    below: Path,
    after: Option<Path>,
    stream: Option<BoxStream<'static, Result<ObjectMeta, Error>>>,
}

impl Listing<'_> {
    pub(super) async fn next(&mut self, until: Instant) -> Result<Option<Listed>, Failed> {
        let mut tries = Tries::new(until);
        loop {
            let stream = self.stream.get_or_insert_with(|| self.bucket.stream(&self.below, self.after.as_ref()));
            let next = async { stream.next().await.transpose() };
            let failed = match self.bucket.attempt(until, next).await {
                Answer::Done(None) => return Ok(None),
                Answer::Done(Some(found)) if self.after.as_ref().is_none_or(|after| *after < found.location) => {
                    self.after = Some(found.location.clone());
                    let modified = found.last_modified.timestamp();
                    return Ok(Some(Listed { path: found.location, size: found.size, modified }));
                }
                Answer::Done(Some(_)) => return Err(Failed::Odd("the service lists objects out of order")),
                Answer::Absent => return Ok(None),
                Answer::Refused => Failed::Odd("the service refuses to list objects"),
                Answer::Failed(failed) => failed,
            };
            self.stream = None;
            if failed.is_final() || !tries.again().await {
                return Err(failed);
            }
        }
    }
}

impl Heard {
    /// The bucket is missing, which is not the same as an object that is.
    fn no_bucket(&self) -> bool {
        matches!(self, Self::Answer { code, .. } if matches!(&**code, "NoSuchBucket" | "ContainerNotFound"))
    }

    /// The service says that it did not begin: something else is under way, or there is too much of it.
    const fn did_nothing(&self) -> bool {
        matches!(self, Self::Answer { status: 409 | 429, .. })
    }

    /// Whether the same request can have another answer in a moment.
    fn may_pass(&self) -> bool {
        match self {
            Self::Answer { status: 200..=299 | 408 | 409 | 425 | 429 | 500.., .. } | Self::Nothing(_) => true,
            Self::Answer { code, .. } => code == "RequestTimeout",
        }
    }
}

impl Failed {
    fn is_final(&self) -> bool {
        match self {
            Self::Late | Self::Odd(_) => false,
            Self::Heard(heard) => !heard.may_pass(),
            Self::Foreign(_) | Self::TakenOver | Self::Disk(_) => true,
        }
    }

    const fn did_nothing(&self) -> bool {
        matches!(self, Self::Heard(heard) if heard.did_nothing())
    }

    /// Tells where it was.
    pub(super) fn at(self, location: &Location, operation: &'static str) -> StoreError {
        let location = location.clone();
        let source: Box<dyn core::error::Error + Send + Sync> = match self {
            Self::TakenOver => return StoreError::InUse { location },
            Self::Foreign(words) => return StoreError::Corrupted { location, source: words.into() },
            Self::Heard(Heard::Answer { status: 507, .. }) => return StoreError::NoSpace { location },
            Self::Heard(Heard::Answer { status: status @ 200..=299, .. }) => {
                format!("the service's answer of status {status} makes no sense").into()
            }
            Self::Heard(heard) => Box::new(heard),
            Self::Late => "the service did not answer in time".into(),
            Self::Odd(words) => words.into(),
            Self::Disk(error) => return on_disk(&location, operation, error),
        };
        StoreError::Unavailable { location, operation, source }
    }
}

/// Sorts an error of the local file system by what is at its bottom.
fn on_disk(location: &Location, operation: &'static str, error: Box<Error>) -> StoreError {
    let mut cause: Option<&(dyn core::error::Error + 'static)> = Some(&*error);
    while let Some(inner) = cause {
        if let Some(io) = inner.downcast_ref::<std::io::Error>() {
            return StoreError::from_io(location, operation, io.kind().into());
        }
        cause = inner.source();
    }
    StoreError::Unavailable { location: location.clone(), operation, source: error }
}
