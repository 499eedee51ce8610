//! Faults for tests: the nth operation fails, or the process dies at it, or errors come by a seeded die.
//!
//! One [`Faults`] is shared by the memory store and the memory epoch keys, so that "operation 7" counts over both, and a crash
//! stops both.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::store::{Location, StoreError};

/// Whether the operation that a fault hits took effect before the caller saw the error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Torn {
    /// It did not happen.
    Before,
    /// It happened, and only the answer was lost.
    After,
}

/// A plan of faults, and the count of operations so far. Clones share one plan.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Mutex<Plan>>);

#[derive(Debug, Default)]
struct Plan {
    operations: u64,
    fail: Option<(u64, Torn)>,
    crash: Option<(u64, Torn)>,
    die: Option<(u64, u64)>,
    crashed: bool,
}

impl Faults {
    /// No faults.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// The operation of that number, from 0 and from now, fails.
    pub fn fail_at(&self, operation: u64, torn: Torn) {
        let mut plan = self.plan();
        plan.fail = Some((plan.operations.saturating_add(operation), torn));
    }

    /// The process dies in the operation of that number, from 0 and from now: it and all later ones fail, until [`restart`](Self::restart).
    pub fn crash_at(&self, operation: u64, torn: Torn) {
        let mut plan = self.plan();
        plan.crash = Some((plan.operations.saturating_add(operation), torn));
    }

    /// About one operation in `one_in` fails, half of them after they took effect; the same seed gives the same faults.
    pub fn roll(&self, seed: u64, one_in: u64) {
        self.plan().die = Some((seed, one_in.max(1)));
    }

    /// Ends all faults, as a restart of the process does. What is durable stays.
    pub fn restart(&self) {
        let mut plan = self.plan();
        *plan = Plan { operations: plan.operations, ..Plan::default() };
    }

    /// How many operations there were.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.plan().operations
    }

    /// Whether the planned crash happened.
    #[must_use]
    pub fn crashed(&self) -> bool {
        self.plan().crashed
    }

    /// Does an operation, or fails as planned: before it is done, or after.
    pub(crate) fn operate<T>(
        &self,
        location: &Location,
        operation: &'static str,
        run: impl FnOnce() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        match self.next() {
            None => return run(),
            Some(Torn::Before) => {}
            Some(Torn::After) => drop(run()?),
        }
        let source = Box::new(io::Error::other("injected fault"));
        Err(StoreError::Unavailable { location: location.clone(), operation, source })
    }

    /// What goes wrong with the next operation.
    fn next(&self) -> Option<Torn> {
        let mut plan = self.plan();
        let now = plan.operations;
        plan.operations = now.saturating_add(1);
        if plan.crashed {
            return Some(Torn::Before);
        }
        let hit = |planned: Option<(u64, Torn)>| planned.filter(|(at, _)| *at == now).map(|(_, torn)| torn);
        let crash = hit(plan.crash);
        plan.crashed = crash.is_some();
        crash.or(hit(plan.fail)).or_else(|| plan.cast())
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Plan {
    fn cast(&mut self) -> Option<Torn> {
        let (state, one_in) = self.die?;
        // SplitMix64.
        let state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let mixed = mixed ^ (mixed >> 31);
        self.die = Some((state, one_in));
        (mixed >> 1).is_multiple_of(one_in).then_some(if mixed & 1 == 0 { Torn::Before } else { Torn::After })
    }
}
