//! Backups: made by a running cosigner, checked by anybody, put back into a directory.
//!
//! ```text
//! running cosigner ── make ──▶ file at another provider ── verify ──▶ who made it when, and that it held each share
//!                                        │
//!                                        └── restore, with the recipient's key ──▶ a directory, whose node then rejoins
//! ```
//!
//! A backup is one more way to a share: the placement of every key in it must declare where the backup is and who holds the
//! recipient's key, and the rule that no domain reaches `min_signers` shares counts it. So a backup that is not declared is not made.
//!
//! The format is that of [`quorate_storage::backup`]. What a proof is: an attestation by the share, with the chunk's statement in the
//! place of the verifier. Nobody can have a digest as its identity's public key, so that no proof to a peer is one for a backup.
//!
//! # What a backup without the recipient's key proves
//!
//! That the public part is whole and unchanged, that every certified key has the confirmation of all its participants, that whoever
//! made the file held each share when it was made, and that its placement declares this backup. **Not** that the encrypted part holds
//! these shares, nor when it was made, nor which cosigner made it: a share signs what its holder says.

mod check;
mod make;
mod restore;

use quorate_core::{
    Identifier, Placement, PlacementError,
    placement::{Backup, DomainPath, Exposure},
};
pub use quorate_storage::backup::{BackupError, OpeningKeys, Preamble, Recipient};

pub(crate) use self::check::check_chunk;
pub use self::{
    check::{BackupReport, CheckError, KeyProblem, KeyReport, verify},
    make::{BackupMade, BackupRequest, LeftOut},
    restore::{RestoreError, RestoreReport, restore_into, restore_node},
};

/// A place for backups, and for whom they are encrypted there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupTarget {
    location: DomainPath,
    key: DomainPath,
    recipient: Recipient,
}

impl BackupTarget {
    /// Names a place, the domain that holds the recipient's secret key, and the recipient.
    #[must_use]
    pub const fn new(location: DomainPath, key: DomainPath, recipient: Recipient) -> Self {
        Self { location, key, recipient }
    }

    /// Where the backup is.
    #[must_use]
    pub const fn location(&self) -> &DomainPath {
        &self.location
    }

    /// Who holds the recipient's key.
    #[must_use]
    pub const fn key(&self) -> &DomainPath {
        &self.key
    }

    /// The recipient.
    #[must_use]
    pub const fn recipient(&self) -> &Recipient {
        &self.recipient
    }

    /// Whether a row declares exactly this backup.
    #[must_use]
    pub fn is_declared(&self, row: &Exposure) -> bool {
        declares(row, &self.location, &self.key)
    }

    /// What the rule says of a placement with this backup in the row of `participant`.
    fn added_to(&self, placement: &Placement, participant: Identifier) -> Result<Placement, PlacementError> {
        let backup = Backup::new(self.location.clone()).with_key(self.key.clone());
        let mut builder = Placement::builder(placement.threshold()).counting(placement.counting().unwrap_or_default());
        for (identifier, row) in placement.rows() {
            let row = if identifier == participant { row.clone().with_backup(backup.clone()) } else { row.clone() };
            builder = builder.participant(identifier, row);
        }
        placement.waivers().iter().cloned().fold(builder, quorate_core::placement::PlacementBuilder::waive).build()
    }
}

fn declares(row: &Exposure, location: &DomainPath, key: &DomainPath) -> bool {
    row.backups().iter().any(|backup| backup.location() == location && row.backup_key(backup) == key)
}
