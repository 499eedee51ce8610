//! One instance at a time: the object `instance` says who has the store open, and for how long that is true.
//!
//! An instance rewrites the object every third of its lease, by compare-and-swap, and writes nothing when its last success is older
//! than the lease. Another one that finds the object held watches it for one and a half leases: if it changes, somebody is alive, and
//! if not, nobody writes any more, and it is taken. Before and after each change the object is read, so that also a process that
//! slept through all that finds out; what it can still do is said in the module above.
//!
//! The nonce of each rewriting is remembered, so that a copy of a running machine, which has the same token, is noticed too.

use core::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use object_store::path::Path;
use tokio::time::{Instant, sleep};

use super::{
    bucket::{Bucket, Condition, Failed, Object, Put},
    object::{Instance, Nonce, random},
};

/// The longest lease there is.
pub(super) const LONGEST_LEASE: Duration = Duration::from_secs(300);
const NAME: &str = "instance";
/// How long a look at the object may take.
const WITHIN: Duration = Duration::from_secs(10);
/// How many of our writings may be the one that is read, at most: those that were under way.
const REMEMBERED: usize = 16;

/// The right to write, as long as it lasts.
#[derive(Debug)]
pub(super) struct Lease {
    bucket: Bucket,
    path: Path,
    token: [u8; 16],
    length: Duration,
    state: Mutex<State>,
    taken_over: AtomicBool,
}

#[derive(Debug)]
struct State {
    until: Instant,
    nonces: VecDeque<Nonce>,
}

impl State {
    fn remember(&mut self, nonce: Nonce) {
        self.nonces.push_back(nonce);
        if self.nonces.len() > REMEMBERED {
            self.nonces.pop_front();
        }
    }

    /// Whether it is of this instance. What was seen is forgotten last.
    fn recognise(&mut self, nonce: Nonce) -> bool {
        let known = self.nonces.iter().position(|known| *known == nonce).and_then(|place| self.nonces.remove(place));
        self.nonces.extend(known);
        known.is_some()
    }
}

impl Lease {
    /// Waits until nobody else has the store, and takes it.
    pub(super) async fn take(bucket: &Bucket, length: Duration) -> Result<Self, Failed> {
        let path = bucket.path(NAME)?;
        let found = bucket.get(&path, Instant::now() + WITHIN).await?;
        let condition = match found {
            None => Condition::Absent,
            Some(object) => Condition::Is(abandoned(bucket, &path, object).await?.tag),
        };
        let state = Mutex::new(State { until: Instant::now(), nonces: VecDeque::new() });
        let lease = Self { bucket: bucket.clone(), path, token: random()?, length, state, taken_over: AtomicBool::new(false) };
        if lease.write(&condition).await? { Ok(lease) } else { Err(Failed::TakenOver) }
    }

    /// Writes that the store is held by this instance from now on; `false` if another state was there.
    async fn write(&self, condition: &Condition) -> Result<bool, Failed> {
        let (nonce, bytes) = Instance { token: self.token, held: true, lease: self.length }.object()?;
        let began = Instant::now();
        self.state().remember(nonce);
        match self.bucket.put_if(&self.path, condition, &bytes, began + self.length.min(WITHIN)).await? {
            Put::Refused(_) => Ok(false),
            Put::Done(_) => {
                self.state().until = began + self.length;
                Ok(true)
            }
        }
    }

    /// Rewrites the object until somebody else does.
    pub(super) async fn renew(&self) {
        let pause = self.length / 3;
        loop {
            sleep(pause).await;
            // What fails is tried again; without success the lease ends by itself.
            let renewed = async { self.write(&Condition::Is(self.look(Instant::now() + WITHIN).await?.tag)).await };
            if matches!(renewed.await, Err(Failed::TakenOver)) {
                return;
            }
        }
    }

    /// Whether this instance still has the store, and until when it may write.
    pub(super) async fn check(&self, until: Instant) -> Result<Instant, Failed> {
        self.look(until.min(Instant::now() + WITHIN)).await?;
        let ends = self.state().until;
        if ends > Instant::now() {
            Ok(ends)
        } else {
            Err(Failed::Odd("the right to write ended and could not be renewed in time"))
        }
    }

    /// Reads the object, which must be ours.
    async fn look(&self, until: Instant) -> Result<Object, Failed> {
        if self.taken_over.load(Ordering::SeqCst) {
            return Err(Failed::TakenOver);
        }
        let found = self.bucket.get(&self.path, until).await?;
        let object = found.ok_or(Failed::Odd("the object \"instance\" is gone; somebody removed it, and perhaps more"))?;
        let (nonce, instance) = Instance::read(&object)?;
        if instance.token == self.token && instance.held && self.state().recognise(nonce) {
            return Ok(object);
        }
        self.taken_over.store(true, Ordering::SeqCst);
        Err(Failed::TakenOver)
    }

    /// When the object was last written, in seconds by the clock of the service.
    pub(super) async fn now(&self) -> Result<i64, Failed> {
        Ok(self.look(Instant::now() + WITHIN).await?.modified)
    }

    /// Gives the store back if, once no more writes begin, all are done: so that the next instance does not wait.
    pub(super) async fn release(&self, done: impl FnOnce() -> bool) -> Result<(), Failed> {
        let object = self.look(Instant::now() + WITHIN).await?;
        self.taken_over.store(true, Ordering::SeqCst);
        if !done() {
            return Err(Failed::Odd("a change could still land; the next instance waits until it cannot"));
        }
        let (_, bytes) = Instance { token: self.token, held: false, lease: self.length }.object()?;
        let put = self.bucket.put_if(&self.path, &Condition::Is(object.tag), &bytes, Instant::now() + WITHIN).await?;
        match put {
            Put::Done(_) => Ok(()),
            Put::Refused(_) => Err(Failed::TakenOver),
        }
    }

    /// Removes the object, with which the store ends.
    pub(super) async fn remove(&self) -> Result<(), Failed> {
        let until = Instant::now() + WITHIN;
        self.look(until).await?;
        self.taken_over.store(true, Ordering::SeqCst);
        self.bucket.remove(&self.path, until).await
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits until it is certain that nobody holds the store: the object, if so.
async fn abandoned(bucket: &Bucket, path: &Path, mut object: Object) -> Result<Object, Failed> {
    let (_, instance) = Instance::read(&object)?;
    let mut left = if instance.held { instance.lease.saturating_mul(3) / 2 } else { Duration::ZERO };
    let pause = (instance.lease / 6).max(Duration::from_millis(50));
    while !left.is_zero() {
        sleep(pause.min(left)).await;
        left = left.saturating_sub(pause);
        let again = bucket.get(path, Instant::now() + WITHIN).await?;
        let again = again.ok_or(Failed::Odd("the object \"instance\" vanished; somebody removed it"))?;
        if again.tag != object.tag {
            // Given back while we waited, or in use.
            let (_, now) = Instance::read(&again)?;
            if now.held {
                return Err(Failed::TakenOver);
            }
            left = Duration::ZERO;
        }
        object = again;
    }
    Ok(object)
}
