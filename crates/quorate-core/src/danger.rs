//! What can put a whole key in one place. Nothing outside this module can; one grep for `danger::` audits a program.

mod split;

use crate::{identifier::ParticipantSet, placement::Placement, threshold::Threshold};
pub(crate) use split::deal;
pub use split::{combine, split};

/// x
#[must_use]
pub fn unchecked_placement(threshold: Threshold, participants: ParticipantSet) -> Placement {
    Placement::unchecked(threshold, participants)
}
