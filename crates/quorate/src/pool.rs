//! Presignatures that wait for their requests: in memory only, each for one signature.
//!
//! They are kept by who proposed them, the key, its epoch and the signers. Those that a cosigner proposed are for the requests that it
//! proposes, so that two requesters never want the same one. The proposer names them in its request; every signer takes them out when
//! all have agreed to it, and they are gone then, however the signature ends. What a pairing made ends with the pairing.
//!
//! There is no way to store them: a snapshot of a machine that holds some, and is run twice, gives the key away. Hosts that are
//! snapshotted or cloned while they run must hold none: [`CosignerBuilder::presignatures`](crate::CosignerBuilder::presignatures).

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use quorate_core::{
    ParticipantSet, PeerId,
    ecdsa::{EcdsaSecp256k1, Presignature},
};

/// The most presignatures that are held for one proposer.
pub(crate) const MAX_OF_ONE: usize = 1024;
/// The most that are held in all.
pub(crate) const MAX_OF_ALL: usize = 4096;

/// What presignatures are for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Line {
    pub(crate) proposer: PeerId,
    pub(crate) key_id: [u8; 32],
    pub(crate) epoch: u64,
    pub(crate) signers: ParticipantSet,
}

/// What a pool holds.
pub(crate) trait Item {
    fn id(&self) -> &[u8; 32];
    fn is_live(&self) -> bool;
}

impl Item for Presignature<EcdsaSecp256k1> {
    fn id(&self) -> &[u8; 32] {
        Self::id(self)
    }

    fn is_live(&self) -> bool {
        Self::is_live(self)
    }
}

pub(crate) struct Pool<T: Item = Presignature<EcdsaSecp256k1>> {
    depth: usize,
    held: Mutex<Held<T>>,
}

struct Held<T> {
    lines: BTreeMap<Line, VecDeque<(u64, T)>>,
    /// Numbers what comes, so that the oldest can be told.
    next: u64,
    filling: BTreeSet<Line>,
    /// Counts how often keys were dropped: what was chosen before does not come back.
    drops: u64,
}

/// Presignatures that were chosen for a proposal. Unless they are spent, they go back.
pub(crate) struct Reserved<'a, T: Item> {
    pool: &'a Pool<T>,
    line: Line,
    items: Vec<(u64, T)>,
    drops: u64,
}

/// A line while it is being filled.
pub(crate) struct Filling<'a, T: Item> {
    pool: &'a Pool<T>,
    line: Line,
}

impl<T: Item> Pool<T> {
    /// An empty pool that holds at most `depth` for each line of its own cosigner; with zero, none for anybody.
    pub(crate) fn new(depth: usize) -> Self {
        let held = Held { lines: BTreeMap::new(), next: 0, filling: BTreeSet::new(), drops: 0 };
        Self { depth: depth.min(MAX_OF_ONE), held: Mutex::new(held) }
    }

    pub(crate) const fn depth(&self) -> usize {
        self.depth
    }

    /// How many there are for a line.
    pub(crate) fn count(&self, line: &Line) -> usize {
        self.held().lines.get(line).map_or(0, VecDeque::len)
    }

    /// How many there are in all.
    pub(crate) fn total(&self) -> usize {
        self.held().lines.values().map(VecDeque::len).fold(0, usize::saturating_add)
    }

    /// Adds presignatures. Where there are too many then, the oldest go.
    pub(crate) fn put(&self, line: &Line, items: Vec<T>) {
        if self.depth == 0 {
            return;
        }
        let mut held = self.held();
        for item in items {
            let number = held.next;
            held.next = number.wrapping_add(1);
            held.lines.entry(line.clone()).or_default().push_back((number, item));
        }
        held.shrink(MAX_OF_ONE, |other| other.proposer == line.proposer);
        held.shrink(MAX_OF_ALL, |_| true);
    }

    /// Chooses the oldest `count` of a line for a proposal; nothing if there are not as many.
    pub(crate) fn reserve(&self, line: &Line, count: usize) -> Option<Reserved<'_, T>> {
        let mut held = self.held();
        held.retain_live();
        let queue = held.lines.get_mut(line).filter(|queue| count > 0 && queue.len() >= count)?;
        let items = queue.drain(..count).collect();
        Some(Reserved { pool: self, line: line.clone(), items, drops: held.drops })
    }

    /// Whether all of these are there, and different.
    pub(crate) fn holds(&self, line: &Line, ids: &[[u8; 32]]) -> bool {
        let held = self.held();
        let there: BTreeSet<_> =
            held.lines.get(line).into_iter().flatten().filter(|(_, item)| item.is_live()).map(|(_, item)| item.id()).collect();
        let wanted: BTreeSet<_> = ids.iter().collect();
        wanted.len() == ids.len() && wanted.is_subset(&there)
    }

    /// Takes these out, in this order: all or none.
    pub(crate) fn take(&self, line: &Line, ids: &[[u8; 32]]) -> Option<Vec<T>> {
        let mut held = self.held();
        held.retain_live();
        let queue = held.lines.get_mut(line)?;
        let all = ids.iter().all(|id| queue.iter().any(|(_, item)| item.id() == id));
        if !all || ids.iter().collect::<BTreeSet<_>>().len() != ids.len() {
            return None;
        }
        let (wanted, rest): (VecDeque<_>, VecDeque<_>) = queue.drain(..).partition(|(_, item)| ids.contains(item.id()));
        *queue = rest;
        let mut wanted: Vec<T> = wanted.into_iter().map(|(_, item)| item).collect();
        wanted.sort_by_key(|item| ids.iter().position(|id| id == item.id()));
        Some(wanted)
    }

    /// Drops what is of no use any more.
    pub(crate) fn retain_live(&self) {
        self.held().retain_live();
    }

    /// Drops what is held for these keys.
    pub(crate) fn drop_keys(&self, dropped: impl Fn(&[u8; 32]) -> bool) {
        let mut held = self.held();
        held.lines.retain(|line, _| !dropped(&line.key_id));
        held.drops = held.drops.wrapping_add(1);
    }

    /// Marks a line as being filled; nothing if it is already.
    pub(crate) fn fill(&self, line: &Line) -> Option<Filling<'_, T>> {
        let first = self.held().filling.insert(line.clone());
        first.then(|| Filling { pool: self, line: line.clone() })
    }

    fn held(&self) -> MutexGuard<'_, Held<T>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Item> Held<T> {
    fn retain_live(&mut self) {
        self.lines.values_mut().for_each(|queue| queue.retain(|(_, item)| item.is_live()));
        self.lines.retain(|_, queue| !queue.is_empty());
    }

    /// Drops the oldest of some lines until there are at most `limit`.
    fn shrink(&mut self, limit: usize, of: impl Fn(&Line) -> bool) {
        let mut count: usize = self.lines.iter().filter(|(line, _)| of(line)).map(|(_, queue)| queue.len()).sum();
        while count > limit {
            let lines = self.lines.iter_mut().filter(|(line, queue)| of(line) && !queue.is_empty());
            let oldest = lines.min_by_key(|(_, queue)| queue.front().map_or(u64::MAX, |(number, _)| *number));
            let Some((_, queue)) = oldest else { return };
            queue.pop_front();
            count -= 1;
        }
        self.lines.retain(|_, queue| !queue.is_empty());
    }
}

impl<T: Item> Reserved<'_, T> {
    pub(crate) fn ids(&self) -> Vec<[u8; 32]> {
        self.items.iter().map(|(_, item)| *item.id()).collect()
    }

    /// Takes them for good.
    pub(crate) fn spend(mut self) -> Vec<T> {
        core::mem::take(&mut self.items).into_iter().map(|(_, item)| item).collect()
    }
}

impl<T: Item> Drop for Reserved<'_, T> {
    fn drop(&mut self) {
        if self.items.is_empty() {
            return;
        }
        let mut held = self.pool.held();
        if held.drops != self.drops {
            return;
        }
        let queue = held.lines.entry(self.line.clone()).or_default();
        queue.extend(self.items.drain(..));
        queue.make_contiguous().sort_by_key(|(number, _)| *number);
        held.shrink(MAX_OF_ONE, |other| other.proposer == self.line.proposer);
        held.shrink(MAX_OF_ALL, |_| true);
    }
}

impl<T: Item> Drop for Filling<'_, T> {
    fn drop(&mut self) {
        self.pool.held().filling.remove(&self.line);
    }
}

#[cfg(test)]
mod tests;
