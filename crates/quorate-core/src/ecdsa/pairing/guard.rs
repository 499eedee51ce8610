//! One check at a time, and none after the first that fails.

use core::sync::atomic::{AtomicBool, Ordering};

use super::lock;

/// The state that all sessions of one pairing share.
#[derive(Default)]
pub(crate) struct Guard {
    one_at_a_time: lock::Mutex<()>,
    dead: AtomicBool,
}

/// Why a check gave nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused<E> {
    /// The pairing was gone before; nothing was checked.
    Dead,
    /// The check failed, and the pairing is gone now.
    Failed(E),
}

/// Ends the pairing unless the check comes to its end, and passes. One that panics has failed.
struct Verdict<'a> {
    guard: &'a Guard,
    passed: bool,
}

impl Drop for Verdict<'_> {
    fn drop(&mut self) {
        if !self.passed {
            self.guard.close();
        }
    }
}

impl Guard {
    pub(crate) fn is_live(&self) -> bool {
        !self.dead.load(Ordering::SeqCst)
    }

    pub(crate) fn close(&self) {
        self.dead.store(true, Ordering::SeqCst);
    }

    /// Runs a check whose outcome may tell the peer something about our secrets. It runs alone, and if it fails the pairing is dead
    /// before the next one begins: of all the sessions in flight, one learns that its guess was wrong and the others learn nothing.
    pub(crate) fn check<T, E>(&self, check: impl FnOnce() -> Result<T, E>) -> Result<T, Refused<E>> {
        // A check that panicked has marked the pairing dead; the lock itself protects nothing that could be half changed.
        let _alone = lock::lock(&self.one_at_a_time);
        if !self.is_live() {
            return Err(Refused::Dead);
        }
        let mut verdict = Verdict { guard: self, passed: false };
        let result = check();
        verdict.passed = result.is_ok();
        drop(verdict);
        result.map_err(Refused::Failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{sync::atomic::AtomicUsize, thread};

    #[test]
    fn no_check_runs_after_one_that_failed() {
        let guard = Guard::default();
        assert_eq!(guard.check(|| Ok::<_, ()>(1)), Ok(1));
        assert!(guard.is_live());
        assert_eq!(guard.check(|| Err::<(), _>("wrong")), Err(Refused::Failed("wrong")));
        assert!(!guard.is_live());
        assert_eq!(guard.check(|| Ok::<_, &str>(())), Err(Refused::Dead));
    }

    #[test]
    fn one_of_many_threads_sees_its_check_fail() {
        let (guard, failures) = (Guard::default(), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..64 {
                scope.spawn(|| {
                    if guard.check(|| Err::<(), _>(())) == Err(Refused::Failed(())) {
                        failures.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert_eq!(failures.into_inner(), 1);
    }

    #[test]
    fn check_that_panics_ends_the_pairing() {
        let guard = Guard::default();
        let panicked =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| guard.check(|| -> Result<(), ()> { panic!("a bug") })));
        assert!(panicked.is_err() && !guard.is_live());
        assert_eq!(guard.check(|| Ok::<_, ()>(())), Err(Refused::Dead));
    }

    #[test]
    fn pairing_closed_during_a_check_stays_closed() {
        let guard = Guard::default();
        assert_eq!(
            guard.check(|| {
                guard.close();
                Ok::<_, ()>(())
            }),
            Ok(())
        );
        assert!(!guard.is_live());
    }
}
