//! The pairings of this cosigner with others: in memory only, one for each peer, for all keys.
//!
//! ```text
//! lower identity                               higher identity
//!   hello(boot)                   ◀──▶           hello(boot)           at every new link
//!                                 ◀──            ask(boot, accepted)   if it is the one that needs it
//!   offer(boot, random)           ──▶
//!                                 ◀──            accept(boot, random, number)
//!   ◀──── the three rounds, in a session whose id binds identities, boots and both fresh values ────▶
//! ```
//!
//! A pairing is made when a link comes up, by the lower identity, and when it is needed and missing. A cosigner that keeps no
//! presignatures pairs on need alone. It ends when a peer's boot changes, when a check on it fails, when the two sides find
//! that they use different ones, when it is too old, and when [`Pairings::drop_all`] is called; presignatures that were made with it
//! end with it. At most one attempt with a peer runs at a time, and at most one begins in a second.
//!
//! The lower side has the pairing when its last message has gone out, and the higher side when it has come in. Meanwhile the higher one
//! does not ask: a question says that the last pairing that it accepted is gone, and ends it. An attempt ends at once when the peer turns
//! out to be of another boot, and a new one is made.
//!
//! # Refreshed keys
//!
//! A session for a key above epoch 0 must not use a pairing that is older than that share: one who held this memory before a refresh
//! and a peer's after it would still know the peer's Δ. A share is activated by this program, and a pairing does not outlive it. So it
//! is enough that whoever activates a share of a new epoch calls [`Pairings::drop_all`] first, once for each batch: no older pairing is
//! left then, and attempts that had begun come to nothing.

use core::time::Duration;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use quorate_core::{
    PeerId,
    ecdsa::{Boot, Pairing},
};
use tokio::{sync::Notify, time::Instant};

use crate::error::CosignerError;

mod establish;
mod faults;
mod links;
pub(crate) mod message;

pub(crate) use links::watch;

/// The pairings with all other cosigners of the roster.
pub(crate) struct Pairings {
    pub(crate) boot: Boot,
    max_age: Duration,
    peers: BTreeMap<PeerId, Peer>,
}

/// What is between this cosigner and another one.
#[derive(Default)]
struct Peer {
    state: Mutex<State>,
    /// Wakes those who wait for what another task does.
    changed: Notify,
    /// One attempt of this side at a time, and what is known of the last one.
    attempt: tokio::sync::Mutex<Last>,
    /// One look at, or change of, the durable count of faults at a time.
    ledger: tokio::sync::Mutex<()>,
}

/// What is known of attempts that are over.
#[derive(Default)]
struct Last {
    /// When the last one began.
    began: Option<Instant>,
    /// When the last one began that failed. One that nobody waits for any more did not.
    failed: Option<Instant>,
}

#[derive(Default)]
struct State {
    /// The peer's boot, as it told it last.
    boot: Option<Boot>,
    held: Option<Held>,
    /// Counts how often all pairings were dropped: attempts that had begun come to nothing.
    generation: u64,
    /// How many of the peer's offers were accepted.
    accepted: u64,
    /// When the last one was.
    answered: Option<Instant>,
    /// The answer to an offer that is in progress; this ends it, where a new one replaces it.
    answering: Option<Arc<Notify>>,
    /// Why the last answer to an offer came to nothing, for whoever asked for the offer.
    failed: Option<CosignerError>,
    /// Whether a question of the peer is being worked on.
    asked: bool,
    /// Faults of the peer that are not in the vault yet.
    unsaved: u32,
}

struct Held {
    pairing: Arc<Pairing>,
    since: Instant,
    made: SystemTime,
    /// Which of the offers that the higher one accepted it came from.
    number: u64,
}

impl Held {
    /// By either clock: one may stand still while the machine sleeps, and the other may be set back.
    fn is_older_than(&self, age: Duration) -> bool {
        self.since.elapsed() >= age || self.made.elapsed().unwrap_or(Duration::MAX) >= age
    }
}

impl State {
    fn close(&mut self) {
        if let Some(held) = self.held.take() {
            held.pairing.close();
        }
    }

    /// The pairing, if it can be used; one that cannot be is gone afterwards.
    fn usable(&mut self, max_age: Duration) -> Option<Arc<Pairing>> {
        if self.held.as_ref().is_some_and(|held| !held.pairing.is_live() || held.is_older_than(max_age)) {
            self.close();
        }
        self.held.as_ref().map(|held| Arc::clone(&held.pairing))
    }
}

impl Peer {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until something is so.
    async fn until<T>(&self, mut found: impl FnMut(&mut State) -> Option<T>) -> T {
        loop {
            let mut changed = core::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            let found = found(&mut self.state());
            if let Some(found) = found {
                return found;
            }
            changed.await;
        }
    }

    /// Waits until what is made now would not be installed: the peer is of another boot, or pairings were dropped.
    async fn outdated(&self) {
        let mut before = None;
        let mut outdated = |state: &mut State| {
            let (generation, boot) = *before.get_or_insert((state.generation, state.boot));
            state.generation != generation || boot.is_some_and(|boot| state.boot != Some(boot))
        };
        self.until(|state| outdated(state).then_some(())).await;
    }

    /// Puts a new pairing into the place of the old one, unless the peer has restarted, or pairings were dropped, since it was begun.
    fn install(&self, pairing: Pairing, generation: u64, number: u64) -> Option<Arc<Pairing>> {
        let pairing = Arc::new(pairing);
        let mut state = self.state();
        let [_, boot] = pairing.boots();
        if state.generation != generation || state.boot != Some(*boot) {
            pairing.close();
            return None;
        }
        state.close();
        let held = Held { pairing: Arc::clone(&pairing), since: Instant::now(), made: SystemTime::now(), number };
        state.held = Some(held);
        drop(state);
        self.changed.notify_waiters();
        Some(pairing)
    }
}

impl Pairings {
    pub(crate) fn new(boot: Boot, max_age: Duration, peers: impl Iterator<Item = PeerId>) -> Self {
        Self { boot, max_age, peers: peers.map(|peer| (peer, Peer::default())).collect() }
    }

    fn peer(&self, peer: PeerId) -> Result<&Peer, CosignerError> {
        self.peers.get(&peer).ok_or(CosignerError::Bug("a pairing with a stranger"))
    }

    /// The pairing with a peer, if there is one that can be used.
    #[cfg(test)]
    pub(crate) fn held(&self, peer: PeerId) -> Option<Arc<Pairing>> {
        self.peers.get(&peer).and_then(|entry| entry.state().usable(self.max_age))
    }

    /// The boot that a peer told last.
    #[cfg(test)]
    pub(crate) fn boot_of(&self, peer: PeerId) -> Option<Boot> {
        self.peers.get(&peer).and_then(|entry| entry.state().boot)
    }

    /// Whether there is one.
    fn has(&self, peer: PeerId) -> bool {
        self.peers.get(&peer).is_some_and(|entry| entry.state().usable(self.max_age).is_some())
    }

    /// Ends the pairing with one peer.
    pub(crate) fn drop_one(&self, peer: PeerId) {
        if let Some(entry) = self.peers.get(&peer) {
            entry.state().close();
        }
    }

    /// Ends all pairings, and all attempts that have begun.
    pub(crate) fn drop_all(&self) {
        for entry in self.peers.values() {
            let mut state = entry.state();
            state.generation = state.generation.wrapping_add(1);
            state.close();
            drop(state);
            entry.changed.notify_waiters();
        }
    }

    /// Ends what is too old, also if nobody uses it: its secrets are wiped then.
    fn expire(&self) {
        self.peers.values().for_each(|entry| drop(entry.state().usable(self.max_age)));
    }

    /// Takes note of a peer's boot. A new one ends the pairing of the one before, and is told.
    fn learn(&self, peer: PeerId, boot: Boot) -> bool {
        let Some(entry) = self.peers.get(&peer) else { return false };
        let mut state = entry.state();
        let changed = state.boot != Some(boot);
        if changed {
            state.boot = Some(boot);
            state.close();
            drop(state);
            entry.changed.notify_waiters();
        }
        changed
    }
}
