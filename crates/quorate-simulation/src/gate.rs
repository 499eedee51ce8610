//! What stands between a cosigner and its store, its epoch keys and its wire: it makes them slow, makes them fail, and kills.
//!
//! A gate belongs to one start of a cosigner. After the crash nothing that still runs of this start writes or sends anything.

use core::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Duration,
};
use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use quorate::{
    core::PeerId,
    storage::{
        BoxFuture, EpochKeyId, EpochKeys, Location, MemoryEpochKeys, MemoryStore, Page, RecordName, Store, StoreError, Stored,
        Torn, Version,
    },
    transport::{Wire, WireError, wires::memory::MemoryWire},
};
use tokio::sync::watch;

/// One operation of the store that goes wrong.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    /// Which, from now.
    pub(crate) at: u64,
    pub(crate) torn: Torn,
    /// Whether the process dies in it, or only this operation fails.
    pub(crate) crash: bool,
}

#[derive(Debug)]
struct State {
    random: u64,
    operations: u64,
    fault: Option<(u64, Fault)>,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Gate {
    dead: watch::Sender<bool>,
    state: Mutex<State>,
    /// The longest time in milliseconds that a datagram, or an operation of the store, takes.
    slow: (u64, u64),
    /// Counts the faults that came.
    hits: Arc<AtomicU64>,
    /// Whether the operator consented to any plan since this start: a consent stands for the same plan later.
    consented: AtomicBool,
}

impl Gate {
    pub(crate) fn new(random: u64, slow: (u64, u64), hits: Arc<AtomicU64>) -> Arc<Self> {
        let state = Mutex::new(State { random, operations: 0, fault: None });
        Arc::new(Self { dead: watch::Sender::new(false), state, slow, hits, consented: AtomicBool::new(false) })
    }

    pub(crate) fn plan(&self, fault: Fault) {
        let mut state = self.state();
        state.fault = Some((state.operations + fault.at, fault));
    }

    /// Forgets the fault that has not come yet.
    pub(crate) fn clear(&self) {
        self.state().fault = None;
    }

    pub(crate) fn consent(&self) {
        self.consented.store(true, Ordering::Relaxed);
    }

    pub(crate) fn has_consented(&self) -> bool {
        self.consented.load(Ordering::Relaxed)
    }

    pub(crate) fn kill(&self) {
        self.dead.send_replace(true);
    }

    pub(crate) fn is_dead(&self) -> bool {
        *self.dead.borrow()
    }

    /// Waits for the crash.
    pub(crate) async fn died(&self) {
        // The sender is here, so that the channel is never closed.
        let mut dead = self.dead.subscribe();
        drop(dead.wait_for(|dead| *dead).await);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn pause(&self, longest: u64) {
        let rolled = {
            let mut state = self.state();
            state.random = state.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (state.random ^ (state.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed ^ (mixed >> 31)
        };
        if longest > 0 && rolled & 1 == 0 {
            tokio::time::sleep(Duration::from_millis((rolled >> 1) % (longest + 1))).await;
        }
    }

    async fn operate<T>(
        &self,
        location: &Location,
        operation: &'static str,
        run: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        self.pause(self.slow.1).await;
        match self.next() {
            None => return run.await,
            Some(Torn::After) => drop(run.await?),
            Some(_before) => {}
        }
        let source = Box::new(io::Error::other("the simulation's fault"));
        Err(StoreError::Unavailable { location: location.clone(), operation, source })
    }

    fn next(&self) -> Option<Torn> {
        let mut state = self.state();
        if self.is_dead() {
            return Some(Torn::Before);
        }
        let now = state.operations;
        state.operations += 1;
        let (_, fault) = state.fault.filter(|(at, _)| *at == now)?;
        self.hits.fetch_add(1, Ordering::Relaxed);
        if fault.crash {
            self.dead.send_replace(true);
        }
        Some(fault.torn)
    }
}

/// A store behind a gate.
#[derive(Debug)]
pub(crate) struct GatedStore(pub(crate) Arc<MemoryStore>, pub(crate) Arc<Gate>);

impl Store for GatedStore {
    fn location(&self) -> &Location {
        self.0.location()
    }

    fn create<'a>(&'a self, name: &'a RecordName, value: &'a [u8]) -> BoxFuture<'a, Result<Version, StoreError>> {
        Box::pin(self.1.operate(self.location(), "create a record", self.0.create(name, value)))
    }

    fn read<'a>(&'a self, name: &'a RecordName) -> BoxFuture<'a, Result<Option<Stored>, StoreError>> {
        Box::pin(self.1.operate(self.location(), "read a record", self.0.read(name)))
    }

    fn compare_and_swap<'a>(
        &'a self,
        name: &'a RecordName,
        seen: &'a Version,
        value: &'a [u8],
    ) -> BoxFuture<'a, Result<Version, StoreError>> {
        Box::pin(self.1.operate(self.location(), "replace a record", self.0.compare_and_swap(name, seen, value)))
    }

    fn delete<'a>(&'a self, name: &'a RecordName, seen: &'a Version) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.1.operate(self.location(), "delete a record", self.0.delete(name, seen)))
    }

    fn scan<'a>(
        &'a self,
        under: Option<&'a RecordName>,
        after: Option<&'a RecordName>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, StoreError>> {
        Box::pin(self.1.operate(self.location(), "scan records", self.0.scan(under, after, limit)))
    }
}

/// Epoch keys behind the same gate: an operation on them counts as one of the store.
#[derive(Debug)]
pub(crate) struct GatedKeys(pub(crate) Arc<MemoryEpochKeys>, pub(crate) Arc<Gate>, pub(crate) Location);

impl EpochKeys for GatedKeys {
    fn create<'a>(&'a self, id: &'a EpochKeyId, wrapped: &'a [u8]) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.1.operate(&self.2, "create an epoch key", self.0.create(id, wrapped)))
    }

    fn read<'a>(&'a self, id: &'a EpochKeyId) -> BoxFuture<'a, Result<Option<Vec<u8>>, StoreError>> {
        Box::pin(self.1.operate(&self.2, "read an epoch key", self.0.read(id)))
    }

    fn replace<'a>(&'a self, id: &'a EpochKeyId, wrapped: &'a [u8]) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(self.1.operate(&self.2, "replace an epoch key", self.0.replace(id, wrapped)))
    }

    fn destroy<'a>(&'a self, id: &'a EpochKeyId) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.1.operate(&self.2, "destroy an epoch key", self.0.destroy(id)))
    }

    fn epochs<'a>(&'a self, key_id: &'a [u8; 32]) -> BoxFuture<'a, Result<Vec<u64>, StoreError>> {
        Box::pin(self.1.operate(&self.2, "list epoch keys", self.0.epochs(key_id)))
    }

    fn keys(&self) -> BoxFuture<'_, Result<Vec<[u8; 32]>, StoreError>> {
        Box::pin(self.1.operate(&self.2, "list keys", self.0.keys()))
    }
}

/// A wire behind the same gate. What was sent before the crash still arrives.
pub(crate) struct GatedWire(pub(crate) Arc<MemoryWire>, pub(crate) Arc<Gate>);

impl Wire for GatedWire {
    fn send(&self, to: PeerId, bytes: Vec<u8>) -> BoxFuture<'_, Result<(), WireError>> {
        Box::pin(async move {
            if self.1.is_dead() {
                return Err(WireError::Closed);
            }
            let (wire, gate) = (Arc::clone(&self.0), Arc::clone(&self.1));
            drop(tokio::spawn(async move {
                gate.pause(gate.slow.0).await;
                wire.send(to, bytes).await
            }));
            Ok(())
        })
    }

    fn recv(&self) -> BoxFuture<'_, Result<(PeerId, Vec<u8>), WireError>> {
        Box::pin(async move {
            tokio::select! {
                biased;
                () = self.1.died() => Err(WireError::Closed),
                received = self.0.recv() => received,
            }
        })
    }
}
