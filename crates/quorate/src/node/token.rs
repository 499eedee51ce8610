//! A key in a PKCS#11 token, and the keys of epochs beside it, as far as this build has them.

use std::{path::Path, sync::Arc};

use quorate_storage::{EpochKeys, KeyEncryptionKey};

use super::NodeError;
use crate::config::Pkcs11Config;

/// What a token does for a cosigner.
pub(super) struct InToken {
    pub(super) key: Arc<dyn KeyEncryptionKey>,
    pub(super) epoch_keys: Arc<dyn EpochKeys>,
}

/// Finds the key in its token; makes it if there is none and `make` says so.
#[cfg(feature = "pkcs11")]
pub(super) async fn open(directory: &Path, config: &Pkcs11Config, make: bool) -> Result<InToken, NodeError> {
    use quorate_storage::{Pkcs11, Pkcs11EpochKeys, Token, TokenOptions, pkcs11::Pkcs11Error};

    let pin = super::secret_file(&directory.join(&config.pin_file))?;
    let token = Token::open(TokenOptions::new(&directory.join(&config.module), &config.token, pin)).await?;
    let key = match Pkcs11::open(Arc::clone(&token), &config.key).await {
        Err(Pkcs11Error::NoKey { .. }) if make => Pkcs11::create(Arc::clone(&token), &config.key).await?,
        found => found?,
    };
    Ok(InToken { key: Arc::new(key), epoch_keys: Arc::new(Pkcs11EpochKeys::new(token, &config.key)) })
}

#[cfg(not(feature = "pkcs11"))]
#[expect(clippy::unused_async, reason = "the same shape as with the feature")]
pub(super) async fn open(_directory: &Path, _config: &Pkcs11Config, _make: bool) -> Result<InToken, NodeError> {
    Err(NodeError::NoSuchKeyService { section: "pkcs11", feature: "pkcs11" })
}
