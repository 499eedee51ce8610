//! What takes shares out of their vaults. Nothing else does; one grep for `danger::` audits a program.

use std::{io::Read, path::Path};

use quorate_storage::backup::{BackupReader, OpeningKeys};
use zeroize::Zeroizing;

use crate::{
    backup::{CheckError, check_chunk},
    node::NodeError,
};
pub use crate::{
    cosigner::import::{ImportRequest, WholeKey},
    share::AnyKeyShare,
};

/// Opens all active shares of a cosigner's directory, as its owner may for an export, and as a thief would who has a copy of the
/// directory and the passphrase. The cosigner must not be running there. Nothing is exported while one of its keys is frozen; that keeps
/// honest programs, and no thief.
///
/// # Security
///
/// The shares of `min_signers` directories in one memory are the whole key; see [`quorate_core::danger::combine`].
///
/// # Errors
///
/// What the store, the key-encryption key and the vault say.
pub async fn read_shares(directory: &Path, passphrase: Zeroizing<String>) -> Result<Vec<AnyKeyShare>, NodeError> {
    crate::node::read_shares(directory, passphrase).await
}

/// Opens all certified shares of a backup, after every check that [`backup::verify`](crate::backup::verify) makes.
///
/// For the day on which fewer than `min_signers` cosigners are left, and their backups are all that is.
///
/// # Security
///
/// The shares of `min_signers` backups of one epoch in one memory are the whole key; see [`quorate_core::danger::combine`].
///
/// # Errors
///
/// [`CheckError`].
pub fn open_backup(input: impl Read, keys: &OpeningKeys) -> Result<Vec<AnyKeyShare>, CheckError> {
    let mut reader = BackupReader::new(input)?;
    let preamble = reader.preamble().clone();
    let mut shares = Vec::new();
    while let Some(chunk) = reader.next_chunk()? {
        let checked = check_chunk(&preamble, &chunk, Some(keys))?;
        let exports = checked.keys.into_iter().filter_map(|key| key.export);
        shares.extend(exports.filter_map(|export| export.active).map(|(_, stored)| stored.share));
    }
    Ok(shares)
}
