//! Named places at which this repository's crash test kills a real process: docs/crash.md.
//!
//! Without the feature `crash-points`, which no build for users has, a place is nothing at all.

/// Every place, as `step/moment`.
#[cfg(feature = "crash-points")]
pub const CRASH_POINTS: [&str; 29] = [
    "boot/before-record",
    "boot/after-record",
    "name/before-index",
    "name/after-index",
    "name/after-record",
    "put-pending/before-key",
    "put-pending/before-record",
    "put-pending/after-record",
    "promote/before-record",
    "promote/after-record",
    "promote/after-destroy",
    "retire/before-record",
    "retire/after-record",
    "retire/after-destroy",
    "epoch-key/before-file",
    "epoch-key/after-file",
    "epoch-key/after-overwrite",
    "epoch-key/after-removal",
    "audit/before-entry",
    "audit/after-entry",
    "requests/before-write",
    "requests/after-write",
    "epoch-notes/before-write",
    "epoch-notes/after-write",
    "freezes/before-write",
    "freezes/after-write",
    "amendments/before-write",
    "amendments/after-write",
    "redb/before-commit",
];

/// Kills the process, without a chance to clean up, if it was told to die here.
#[cfg(feature = "crash-points")]
pub(crate) fn point(step: &str, moment: &str) {
    if armed(step, moment) {
        // No drop, no unwinding, no other thread that goes on. It does not fail for a process's own id.
        let _killed = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        loop {
            std::thread::park();
        }
    }
}

/// The nth time that the process comes to the place which `QUORATE_CRASH_AT` names: `step/moment[:nth]`, or `@FILE` for a file that
/// says so, and that may change while the process runs.
#[cfg(feature = "crash-points")]
fn armed(step: &str, moment: &str) -> bool {
    use core::sync::atomic::{AtomicU64, Ordering};
    static TIMES: AtomicU64 = AtomicU64::new(0);

    let Ok(told) = std::env::var("QUORATE_CRASH_AT") else { return false };
    let told = match told.strip_prefix('@') {
        // No file: nothing is armed.
        Some(file) => std::fs::read_to_string(file).unwrap_or_default(),
        None => told,
    };
    let (place, nth) = told.trim().split_once(':').unwrap_or((told.trim(), "1"));
    place.split_once('/') == Some((step, moment))
        && nth.parse::<u64>().is_ok_and(|nth| TIMES.fetch_add(1, Ordering::Relaxed).saturating_add(1) == nth)
}

/// Nothing: see the module.
#[cfg(not(feature = "crash-points"))]
pub(crate) const fn point(_step: &str, _moment: &str) {}
