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

const fn case(point: &'static str, deed: Deed, role: Role) -> Case {
    Case { point, deed, role, always: false }
}

const fn always(point: &'static str, deed: Deed, role: Role) -> Case {
    Case { point, deed, role, always: true }
}

use Deed::{Amend, Freeze, Keygen, Leave, Refresh, Sign, Start};
use Role::{Participant, Proposer};

pub(super) const ALL: [Case; 83] = [
    always("boot/before-record", Start, Participant),
    always("boot/after-record", Start, Participant),
    case("audit/before-entry", Start, Participant),
    case("audit/after-entry", Start, Participant),
    case("redb/before-commit", Start, Participant),
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
    always("name/after-index", Keygen, Proposer),
    always("name/after-record", Keygen, Proposer),
    case("promote/before-record", Keygen, Proposer),
    case("promote/after-record", Keygen, Proposer),
    // Its shares are renewed.
    always("epoch-notes/before-write", Refresh, Participant),
    case("epoch-notes/after-write", Refresh, Participant),
    case("put-pending/before-key", Refresh, Participant),
    case("epoch-key/before-file", Refresh, Participant),
    always("epoch-key/after-file", Refresh, Participant),
    always("put-pending/before-record", Refresh, Participant),
    always("put-pending/after-record", Refresh, Participant),
    case("promote/before-record", Refresh, Participant),
    always("promote/after-record", Refresh, Participant),
    always("epoch-key/after-overwrite", Refresh, Participant),
    case("epoch-key/after-removal", Refresh, Participant),
    always("promote/after-destroy", Refresh, Participant),
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
    always("limits/after-write", Sign, Proposer),
    always("audit/before-entry", Sign, Participant),
    case("audit/after-entry", Sign, Participant),
    case("redb/before-commit", Sign, Participant),
    case("requests/before-write", Sign, Proposer),
    always("requests/after-write", Sign, Proposer),
    case("audit/before-entry", Sign, Proposer),
    always("audit/after-entry", Sign, Proposer),
    always("redb/before-commit", Sign, Proposer),
    case("freezes/before-write", Freeze, Participant),
    always("freezes/after-write", Freeze, Participant),
    always("freezes/before-write", Freeze, Proposer),
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
    always("retire/after-destroy", Leave, Participant),
];
