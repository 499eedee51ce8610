//! Where the victim dies, in what it does, and in which role.

/// What is done when the victim dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    /// It starts.
    Start,
    /// A wallet is made.
    Keygen,
    /// The wallet's shares are renewed.
    Refresh,
    /// A message is signed.
    Sign,
    /// The wallet is frozen.
    Freeze,
    /// A placement is amended, of whoever asks for it.
    Amend,
    /// The victim is evicted.
    Leave,
    /// A key that was whole is dealt.
    Import,
    /// The victim gets its first share of a key that there is.
    Join,
    /// The victim's store goes back in time, and it rejoins.
    Rejoin,
    /// Another one's store goes back in time, and the victim raises the alarm and accepts it again.
    Accept,
    /// A message is signed with a presignature.
    Presign,
    /// A backup is put back into a new directory.
    Restore,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Participant,
    Proposer,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Case {
    pub(super) point: &'static str,
    pub(super) deed: Deed,
    pub(super) role: Role,
    /// Whether it is part of every test run.
    pub(super) always: bool,
}

impl Case {
    /// What is written there.
    pub(super) fn step(&self) -> &'static str {
        step(self.point)
    }
}

/// The first word of a place's name.
pub(super) fn step(point: &'static str) -> &'static str {
    point.split_once('/').map_or(point, |(step, _)| step)
}

const fn case(point: &'static str, deed: Deed, role: Role) -> Case {
    Case { point, deed, role, always: false }
}

const fn always(point: &'static str, deed: Deed, role: Role) -> Case {
    Case { point, deed, role, always: true }
}

use Deed::{Accept, Amend, Freeze, Import, Join, Keygen, Leave, Presign, Refresh, Rejoin, Restore, Sign, Start};
use Role::{Participant, Proposer};

pub(super) const ALL: &[Case] = &[
    case("boot/before-record", Start, Participant),
    always("boot/after-record", Start, Participant),
    case("audit/before-entry", Start, Participant),
    case("audit/after-entry", Start, Participant),
    case("redb/before-commit", Start, Participant),
    always("audit-head/before-write", Start, Participant),
    case("audit-head/after-write", Start, Participant),
    // A key is made.
    case("epoch-notes/before-write", Keygen, Participant),
    case("epoch-notes/after-write", Keygen, Participant),
    case("put-pending/before-key", Keygen, Participant),
    always("epoch-key/before-file", Keygen, Participant),
    case("epoch-key/after-file", Keygen, Participant),
    case("put-pending/before-record", Keygen, Participant),
    case("put-pending/after-record", Keygen, Participant),
    always("name/before-index", Keygen, Participant),
    case("name/after-index", Keygen, Participant),
    case("name/after-record", Keygen, Participant),
    case("promote/before-record", Keygen, Participant),
    case("promote/after-record", Keygen, Participant),
    case("audit/before-entry", Keygen, Participant),
    case("redb/before-commit", Keygen, Participant),
    case("epoch-notes/before-write", Keygen, Proposer),
    case("epoch-notes/after-write", Keygen, Proposer),
    always("put-pending/before-key", Keygen, Proposer),
    case("epoch-key/before-file", Keygen, Proposer),
    case("epoch-key/after-file", Keygen, Proposer),
    case("put-pending/before-record", Keygen, Proposer),
    case("put-pending/after-record", Keygen, Proposer),
    case("name/before-index", Keygen, Proposer),
    case("name/after-index", Keygen, Proposer),
    always("name/after-record", Keygen, Proposer),
    case("promote/before-record", Keygen, Proposer),
    case("promote/after-record", Keygen, Proposer),
    // Its shares are renewed.
    always("epoch-notes/before-write", Refresh, Participant),
    case("epoch-notes/after-write", Refresh, Participant),
    case("put-pending/before-key", Refresh, Participant),
    case("epoch-key/before-file", Refresh, Participant),
    case("epoch-key/after-file", Refresh, Participant),
    case("put-pending/before-record", Refresh, Participant),
    always("put-pending/after-record", Refresh, Participant),
    case("promote/before-record", Refresh, Participant),
    always("promote/after-record", Refresh, Participant),
    always("epoch-key/after-overwrite", Refresh, Participant),
    case("epoch-key/after-removal", Refresh, Participant),
    case("promote/after-destroy", Refresh, Participant),
    case("audit/after-entry", Refresh, Participant),
    case("redb/before-commit", Refresh, Participant),
    case("epoch-notes/before-write", Refresh, Proposer),
    always("epoch-notes/after-write", Refresh, Proposer),
    case("put-pending/before-key", Refresh, Proposer),
    case("put-pending/before-record", Refresh, Proposer),
    case("put-pending/after-record", Refresh, Proposer),
    always("promote/before-record", Refresh, Proposer),
    case("promote/after-record", Refresh, Proposer),
    case("epoch-key/after-overwrite", Refresh, Proposer),
    always("epoch-key/after-removal", Refresh, Proposer),
    case("promote/after-destroy", Refresh, Proposer),
    case("audit/before-entry", Refresh, Proposer),
    // It signs.
    always("requests/before-write", Sign, Participant),
    case("requests/after-write", Sign, Participant),
    always("limits/before-write", Sign, Participant),
    case("limits/after-write", Sign, Participant),
    case("limits/before-write", Sign, Proposer),
    case("limits/after-write", Sign, Proposer),
    case("audit/before-entry", Sign, Participant),
    case("audit/after-entry", Sign, Participant),
    case("redb/before-commit", Sign, Participant),
    case("requests/before-write", Sign, Proposer),
    always("requests/after-write", Sign, Proposer),
    case("audit/before-entry", Sign, Proposer),
    always("audit/after-entry", Sign, Proposer),
    always("redb/before-commit", Sign, Proposer),
    always("seen/before-write", Sign, Participant),
    case("seen/after-write", Sign, Participant),
    case("seen/after-write", Sign, Proposer),
    case("freezes/before-write", Freeze, Participant),
    always("freezes/after-write", Freeze, Participant),
    case("freezes/before-write", Freeze, Proposer),
    case("freezes/after-write", Freeze, Proposer),
    // Somebody's shares have other places.
    always("amendments/before-write", Amend, Participant),
    case("amendments/after-write", Amend, Participant),
    case("amendments/before-write", Amend, Proposer),
    always("amendments/after-write", Amend, Proposer),
    // It is evicted.
    always("retire/before-record", Leave, Participant),
    always("retire/after-record", Leave, Participant),
    case("epoch-key/after-overwrite", Leave, Participant),
    case("epoch-key/after-removal", Leave, Participant),
    case("retire/after-destroy", Leave, Participant),
    // A key that was whole is dealt.
    case("epoch-notes/before-write", Import, Participant),
    case("epoch-notes/after-write", Import, Participant),
    case("put-pending/before-key", Import, Participant),
    case("epoch-key/after-file", Import, Participant),
    case("put-pending/before-record", Import, Participant),
    always("put-pending/after-record", Import, Participant),
    case("name/before-index", Import, Participant),
    case("name/after-index", Import, Participant),
    case("promote/before-record", Import, Participant),
    case("promote/after-record", Import, Participant),
    case("audit/after-entry", Import, Participant),
    case("requests/before-write", Import, Proposer),
    case("requests/after-write", Import, Proposer),
    case("put-pending/before-key", Import, Proposer),
    case("epoch-key/after-file", Import, Proposer),
    case("put-pending/before-record", Import, Proposer),
    case("put-pending/after-record", Import, Proposer),
    case("name/before-index", Import, Proposer),
    case("name/after-index", Import, Proposer),
    case("promote/before-record", Import, Proposer),
    case("promote/after-record", Import, Proposer),
    case("audit/before-entry", Import, Proposer),
    // It gets its first share of a key that there is.
    case("epoch-notes/before-write", Join, Participant),
    case("epoch-notes/after-write", Join, Participant),
    case("put-pending/before-key", Join, Participant),
    case("epoch-key/after-file", Join, Participant),
    case("put-pending/before-record", Join, Participant),
    case("put-pending/after-record", Join, Participant),
    case("name/before-index", Join, Participant),
    case("name/after-index", Join, Participant),
    case("name/after-record", Join, Participant),
    case("promote/before-record", Join, Participant),
    always("promote/after-record", Join, Participant),
    case("promote/after-destroy", Join, Participant),
    case("audit/after-entry", Join, Participant),
    // Its store goes back in time, and it rejoins.
    case("stand-aside/before-write", Rejoin, Participant),
    always("stand-aside/after-write", Rejoin, Participant),
    case("audit/before-entry", Rejoin, Participant),
    case("audit/after-entry", Rejoin, Participant),
    case("give-up/before-start", Rejoin, Participant),
    always("give-up/after-start", Rejoin, Participant),
    case("give-up/before-standing", Rejoin, Participant),
    case("give-up/after-standing", Rejoin, Participant),
    // Another one's does, and it accepts it again.
    case("alarm/before-write", Accept, Participant),
    always("alarm/after-write", Accept, Participant),
    case("audit/before-entry", Accept, Participant),
    case("audit/after-entry", Accept, Participant),
    always("accept/before-write", Accept, Participant),
    case("accept/after-write", Accept, Participant),
    // It holds presignatures.
    always("requests/after-write", Presign, Participant),
    case("limits/after-write", Presign, Participant),
    case("audit/before-entry", Presign, Participant),
    case("audit/after-entry", Presign, Participant),
    case("requests/after-write", Presign, Proposer),
    case("limits/after-write", Presign, Proposer),
    case("audit/after-entry", Presign, Proposer),
    // A backup is put back.
    case("kek/before-header", Restore, Participant),
    always("kek/after-header", Restore, Participant),
    case("vault/before-header", Restore, Participant),
    always("vault/after-header", Restore, Participant),
    always("identity/before-record", Restore, Participant),
    case("identity/after-record", Restore, Participant),
    case("redb/before-commit", Restore, Participant),
    case("put-back/before-key", Restore, Participant),
    case("epoch-key/before-file", Restore, Participant),
    case("epoch-key/after-file", Restore, Participant),
    always("put-back/before-record", Restore, Participant),
    case("put-back/after-record", Restore, Participant),
    case("name/before-index", Restore, Participant),
    case("name/after-index", Restore, Participant),
    case("name/after-record", Restore, Participant),
    case("put-back/before-key:2", Restore, Participant),
    case("epoch-key/after-file:2", Restore, Participant),
    case("put-back/before-record:2", Restore, Participant),
    case("put-back/after-record:2", Restore, Participant),
    case("name/after-record:2", Restore, Participant),
];
