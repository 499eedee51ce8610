//! What can put a whole key in one place. Nothing outside this module may, so that one search for `danger::` audits it.

mod import;
mod split;

pub use import::{Import, ImportRounds, ImportedKey, Importing, ed25519_scalar, verifying_key};
#[cfg(test)]
pub(crate) use split::deal;
pub use split::{combine, split};

use crate::{identifier::ParticipantSet, placement::Placement, threshold::Threshold};

/// Makes a placement that declares nothing and was checked by nobody, for development on a single machine.
///
/// Everything that shows it says UNCHECKED, and neither its bytes nor its digest are ever those of a checked placement, so a key that was
/// made under it can never pass for a separated one. It decodes like any other, because the records of development keys must load; what
/// admits keys for use must ask [`Placement::is_unchecked`]. Not even the number of participants is compared with the threshold.
///
/// # Security
///
/// Whoever owns the one machine owns the key.
#[must_use]
pub const fn unchecked_placement(threshold: Threshold, participants: ParticipantSet) -> Placement {
    Placement::unchecked(threshold, participants)
}
