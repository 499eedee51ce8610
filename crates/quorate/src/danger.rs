//! What takes shares out of their vaults. Nothing else does; one grep for `danger::` audits a program.

use std::path::Path;

use zeroize::Zeroizing;

use crate::node::NodeError;
pub use crate::share::AnyKeyShare;

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
