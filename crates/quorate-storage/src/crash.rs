//! Named places at which this repository's crash test kills a real process: docs/crash.md.
//!
//! Without the feature `crash-points`, which no build for users has, a place is nothing at all.

macro_rules! points {
    ($($point:ident = $name:literal;)*) => {
        /// Every place. One that the program comes to and that is not here does not compile.
        #[derive(Clone, Copy, Debug)]
        #[cfg_attr(not(feature = "redb"), allow(dead_code, reason = "the store in a file has a place"))]
        pub(crate) enum Point {
            $($point),*
        }

        /// The names of all places, as `step/moment`.
        #[cfg(feature = "crash-points")]
        pub const CRASH_POINTS: &[&str] = &[$($name),*];

        #[cfg(feature = "crash-points")]
        impl Point {
            const fn name(self) -> &'static str {
                match self {
                    $(Self::$point => $name),*
                }
            }
        }
    };
}

points! {
    KekBeforeHeader = "kek/before-header";
    KekAfterHeader = "kek/after-header";
    VaultBeforeHeader = "vault/before-header";
    VaultAfterHeader = "vault/after-header";
    IdentityBeforeRecord = "identity/before-record";
    IdentityAfterRecord = "identity/after-record";
    BootBeforeRecord = "boot/before-record";
    BootAfterRecord = "boot/after-record";
    NameBeforeIndex = "name/before-index";
    NameAfterIndex = "name/after-index";
    NameAfterRecord = "name/after-record";
    PutPendingBeforeKey = "put-pending/before-key";
    PutPendingBeforeRecord = "put-pending/before-record";
    PutPendingAfterRecord = "put-pending/after-record";
    PromoteBeforeRecord = "promote/before-record";
    PromoteAfterRecord = "promote/after-record";
    PromoteAfterDestroy = "promote/after-destroy";
    RetireBeforeRecord = "retire/before-record";
    RetireAfterRecord = "retire/after-record";
    RetireAfterDestroy = "retire/after-destroy";
    PutBackBeforeKey = "put-back/before-key";
    PutBackBeforeRecord = "put-back/before-record";
    PutBackAfterRecord = "put-back/after-record";
    EpochKeyBeforeFile = "epoch-key/before-file";
    EpochKeyAfterFile = "epoch-key/after-file";
    EpochKeyAfterOverwrite = "epoch-key/after-overwrite";
    EpochKeyAfterRemoval = "epoch-key/after-removal";
    AuditBeforeEntry = "audit/before-entry";
    AuditAfterEntry = "audit/after-entry";
    AuditHeadBeforeWrite = "audit-head/before-write";
    AuditHeadAfterWrite = "audit-head/after-write";
    SeenBeforeWrite = "seen/before-write";
    SeenAfterWrite = "seen/after-write";
    AlarmBeforeWrite = "alarm/before-write";
    AlarmAfterWrite = "alarm/after-write";
    AcceptBeforeWrite = "accept/before-write";
    AcceptAfterWrite = "accept/after-write";
    StandAsideBeforeWrite = "stand-aside/before-write";
    StandAsideAfterWrite = "stand-aside/after-write";
    GiveUpBeforeStart = "give-up/before-start";
    GiveUpAfterStart = "give-up/after-start";
    GiveUpBeforeStanding = "give-up/before-standing";
    GiveUpAfterStanding = "give-up/after-standing";
    RequestsBeforeWrite = "requests/before-write";
    RequestsAfterWrite = "requests/after-write";
    LimitsBeforeWrite = "limits/before-write";
    LimitsAfterWrite = "limits/after-write";
    EpochNotesBeforeWrite = "epoch-notes/before-write";
    EpochNotesAfterWrite = "epoch-notes/after-write";
    FreezesBeforeWrite = "freezes/before-write";
    FreezesAfterWrite = "freezes/after-write";
    AmendmentsBeforeWrite = "amendments/before-write";
    AmendmentsAfterWrite = "amendments/after-write";
    RedbBeforeCommit = "redb/before-commit";
}

/// Kills the process, without a chance to clean up, if it was told to die here.
#[cfg(feature = "crash-points")]
pub(crate) fn point(point: Point) {
    if armed(point) {
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
fn armed(point: Point) -> bool {
    use core::sync::atomic::{AtomicU64, Ordering};
    static TIMES: AtomicU64 = AtomicU64::new(0);

    let Ok(told) = std::env::var("QUORATE_CRASH_AT") else { return false };
    let told = match told.strip_prefix('@') {
        // No file: nothing is armed.
        Some(file) => std::fs::read_to_string(file).unwrap_or_default(),
        None => told,
    };
    let (place, nth) = told.trim().split_once(':').unwrap_or((told.trim(), "1"));
    place == point.name() && nth.parse::<u64>().is_ok_and(|nth| TIMES.fetch_add(1, Ordering::Relaxed).saturating_add(1) == nth)
}

/// Nothing: see the module.
#[cfg(not(feature = "crash-points"))]
pub(crate) const fn point(_point: Point) {}
