//! A wire inside one process, with faults that a seed repeats and a tap that hears everything.
//!
//! Tests and the drill run whole teams on a [`Hub`]. It drops, repeats and reorders as its [`Faults`] say, cuts and heals connections,
//! lets a test inject what a forger would send, and hands everything that crossed to whoever plays the thief.

use core::{
    fmt,
    task::{Poll, Waker},
};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use quorate_core::PeerId;

use super::faults::Dice;
pub use super::faults::Faults;
use crate::{
    link::MAX_DATAGRAM,
    wire::{BoxFuture, Wire, WireError},
};

/// The most datagrams that wait for one cosigner; more are dropped.
const MAX_QUEUE: usize = 8192;

/// One datagram as the tap saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Crossing {
    /// Who sent it.
    pub from: PeerId,
    /// For whom.
    pub to: PeerId,
    /// What.
    pub bytes: Vec<u8>,
}

struct Late {
    countdown: u64,
    from: PeerId,
    bytes: Vec<u8>,
}

#[derive(Default)]
struct Queue {
    ready: VecDeque<(PeerId, Vec<u8>)>,
    late: Vec<Late>,
    wakers: Vec<Waker>,
    /// Counts the wires that this cosigner had; older ones are closed.
    generation: u64,
}

struct State {
    seed: u64,
    dice: Dice,
    faults: Faults,
    queues: BTreeMap<PeerId, Queue>,
    cut: BTreeSet<(PeerId, PeerId)>,
    tap: Option<Vec<Crossing>>,
}

/// The middle of a wire in memory: all cosigners of one process meet here.
#[derive(Clone)]
pub struct Hub(Arc<Mutex<State>>);

impl Hub {
    /// Makes a hub whose faults `seed` repeats. `Debug` shows the seed: a test should print it.
    #[must_use]
    pub fn new(seed: u64, faults: Faults) -> Self {
        let state = State { seed, dice: Dice::new(seed), faults, queues: BTreeMap::new(), cut: BTreeSet::new(), tap: None };
        Self(Arc::new(Mutex::new(state)))
    }

    /// Connects a cosigner. A second call for the same one closes its former wire and forgets what waited there, as a restart does.
    #[must_use]
    pub fn wire(&self, peer: PeerId) -> MemoryWire {
        let mut state = self.lock();
        let former = state.queues.remove(&peer).unwrap_or_default();
        let generation = former.generation.saturating_add(1);
        state.queues.insert(peer, Queue { generation, ..Queue::default() });
        drop(state);
        former.wakers.into_iter().for_each(Waker::wake);
        MemoryWire { hub: self.clone(), peer, generation }
    }

    /// Changes the faults from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.lock().faults = faults;
    }

    /// Loses everything between two cosigners, both ways, until [`heal`](Self::heal).
    pub fn cut(&self, a: PeerId, b: PeerId) {
        self.lock().cut.extend([(a, b), (b, a)]);
    }

    /// Ends a [`cut`](Self::cut).
    pub fn heal(&self, a: PeerId, b: PeerId) {
        self.lock().cut.retain(|pair| *pair != (a, b) && *pair != (b, a));
    }

    /// Starts to record everything that crosses, before any fault.
    pub fn start_tap(&self) {
        self.lock().tap.get_or_insert_default();
    }

    /// Takes what was recorded so far; nothing if no tap was started.
    #[must_use]
    pub fn take_tap(&self) -> Vec<Crossing> {
        self.lock().tap.as_mut().map(core::mem::take).unwrap_or_default()
    }

    /// Puts a datagram before a cosigner as a forger would, under any hint and without faults.
    pub fn inject(&self, hint: PeerId, to: PeerId, bytes: Vec<u8>) {
        let mut state = self.lock();
        let wakers = state.queues.get_mut(&to).map(|queue| queue.push(hint, bytes));
        drop(state);
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    /// How many datagrams wait for a cosigner.
    #[must_use]
    pub fn waiting(&self, peer: PeerId) -> usize {
        self.lock().queues.get(&peer).map_or(0, |queue| queue.ready.len().saturating_add(queue.late.len()))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("Hub").field("seed", &state.seed).field("faults", &state.faults).finish_non_exhaustive()
    }
}

impl State {
    fn carry(&mut self, from: PeerId, to: PeerId, mut bytes: Vec<u8>) -> Vec<Waker> {
        if let Some(tap) = &mut self.tap {
            tap.push(Crossing { from, to, bytes: bytes.clone() });
        }
        let faults = self.faults;
        let (lost, twice, late) =
            (self.dice.happens(faults.drop), self.dice.happens(faults.duplicate), self.dice.happens(faults.delay));
        let countdown = self.dice.passes();
        self.dice.corrupt(faults.corrupt, &mut bytes);
        let cut = self.cut.contains(&(from, to));
        let Some(queue) = self.queues.get_mut(&to).filter(|_| !cut) else { return Vec::new() };
        let mut wakers = queue.pass_late();
        if twice {
            wakers.extend(queue.push(from, bytes.clone()));
        }
        match (lost, late) {
            (true, _) => {}
            (false, true) if queue.late.len() < MAX_QUEUE => queue.late.push(Late { countdown, from, bytes }),
            (false, _) => wakers.extend(queue.push(from, bytes)),
        }
        wakers
    }
}

impl Queue {
    fn push(&mut self, from: PeerId, bytes: Vec<u8>) -> Vec<Waker> {
        if self.ready.len() < MAX_QUEUE {
            self.ready.push_back((from, bytes));
        }
        core::mem::take(&mut self.wakers)
    }

    /// Another datagram passes those that are late; some have waited long enough.
    fn pass_late(&mut self) -> Vec<Waker> {
        self.late.iter_mut().for_each(|late| late.countdown = late.countdown.saturating_sub(1));
        let (arrived, late): (Vec<_>, Vec<_>) = core::mem::take(&mut self.late).into_iter().partition(|late| late.countdown == 0);
        self.late = late;
        arrived.into_iter().flat_map(|late| self.push(late.from, late.bytes)).collect()
    }
}

/// One cosigner's end of a [`Hub`].
pub struct MemoryWire {
    hub: Hub,
    peer: PeerId,
    generation: u64,
}

impl fmt::Debug for MemoryWire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryWire").field("peer", &self.peer).finish_non_exhaustive()
    }
}

impl Wire for MemoryWire {
    fn send(&self, to: PeerId, bytes: Vec<u8>) -> BoxFuture<'_, Result<(), WireError>> {
        Box::pin(async move {
            if bytes.len() > MAX_DATAGRAM {
                return Err(WireError::TooLong { limit: MAX_DATAGRAM });
            }
            let mut state = self.hub.lock();
            if state.queues.get(&self.peer).is_none_or(|queue| queue.generation != self.generation) {
                return Err(WireError::Closed);
            }
            let wakers = state.carry(self.peer, to, bytes);
            drop(state);
            wakers.into_iter().for_each(Waker::wake);
            Ok(())
        })
    }

    fn recv(&self) -> BoxFuture<'_, Result<(PeerId, Vec<u8>), WireError>> {
        Box::pin(core::future::poll_fn(move |context| {
            let mut state = self.hub.lock();
            let queue = state.queues.get_mut(&self.peer).filter(|queue| queue.generation == self.generation);
            let Some(queue) = queue else { return Poll::Ready(Err(WireError::Closed)) };
            match queue.ready.pop_front() {
                Some(datagram) => Poll::Ready(Ok(datagram)),
                None => {
                    if !queue.wakers.iter().any(|waker| waker.will_wake(context.waker())) {
                        queue.wakers.push(context.waker().clone());
                    }
                    Poll::Pending
                }
            }
        }))
    }
}
