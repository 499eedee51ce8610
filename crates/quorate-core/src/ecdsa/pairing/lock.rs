//! Locks, with an operating system and without. Nothing that they protect here can be half changed by one who panics.

#[cfg(feature = "std")]
extern crate std;

#[cfg(not(feature = "std"))]
pub(super) use spin::{Mutex, MutexGuard};
#[cfg(feature = "std")]
pub(super) use std::sync::{Mutex, MutexGuard};

#[cfg(feature = "std")]
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Without an operating system there is nothing to sleep on.
#[cfg(not(feature = "std"))]
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock()
}
