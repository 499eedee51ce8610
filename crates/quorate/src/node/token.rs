//! Key services beside the passphrase, as far as this build has them.

#[cfg(feature = "pkcs11")]
pub(super) use built::Service;
#[cfg(not(feature = "pkcs11"))]
pub(super) use left_out::Service;

#[cfg(feature = "pkcs11")]
mod built {
    use std::{path::Path, sync::Arc};

    use quorate_storage::{Both, EpochKeys, KeyEncryptionKey, Pkcs11, Pkcs11EpochKeys, Token, TokenOptions, pkcs11::Pkcs11Error};

    use crate::{
        config::{KeyServiceConfig, Pkcs11Config},
        node::{NodeError, secret_file},
    };

    /// A key in a token, and the epoch keys beside it.
    pub(in crate::node) struct Service {
        key: Arc<Pkcs11>,
        epoch_keys: Arc<Pkcs11EpochKeys>,
    }

    impl Service {
        pub(in crate::node) async fn open(directory: &Path, config: &KeyServiceConfig) -> Result<Option<Self>, NodeError> {
            let KeyServiceConfig::Pkcs11(config) = config else { return Ok(None) };
            let token = token(directory, config).await?;
            let key = Pkcs11::open(Arc::clone(&token), &config.key).await?;
            Ok(Some(Self::new(key, token, config)))
        }

        /// Makes the key if the token has none.
        pub(in crate::node) async fn create(directory: &Path, config: &KeyServiceConfig) -> Result<Option<Self>, NodeError> {
            let KeyServiceConfig::Pkcs11(config) = config else { return Ok(None) };
            let token = token(directory, config).await?;
            let key = match Pkcs11::open(Arc::clone(&token), &config.key).await {
                Err(Pkcs11Error::NoKey { .. }) => Pkcs11::create(Arc::clone(&token), &config.key).await?,
                found => found?,
            };
            Ok(Some(Self::new(key, token, config)))
        }

        fn new(key: Pkcs11, token: Arc<Token>, config: &Pkcs11Config) -> Self {
            Self { key: Arc::new(key), epoch_keys: Arc::new(Pkcs11EpochKeys::new(token, &config.key)) }
        }

        pub(in crate::node) fn epoch_keys(&self) -> Arc<dyn EpochKeys> {
            Arc::<Pkcs11EpochKeys>::clone(&self.epoch_keys)
        }

        /// Both are needed.
        pub(in crate::node) fn beside(&self, passphrase: Arc<dyn KeyEncryptionKey>) -> Arc<dyn KeyEncryptionKey> {
            Arc::new(Both::new(passphrase, Arc::<Pkcs11>::clone(&self.key)))
        }
    }

    async fn token(directory: &Path, config: &Pkcs11Config) -> Result<Arc<Token>, NodeError> {
        let pin = secret_file(&directory.join(&config.pin_file))?;
        Ok(Token::open(TokenOptions::new(&directory.join(&config.module), &config.token, pin)).await?)
    }
}

#[cfg(not(feature = "pkcs11"))]
mod left_out {
    use std::{path::Path, sync::Arc};

    use quorate_storage::{EpochKeys, KeyEncryptionKey};

    use crate::{config::KeyServiceConfig, node::NodeError};

    /// There is none.
    pub(in crate::node) enum Service {}

    impl Service {
        #[expect(clippy::unused_async, reason = "the same shape as with the feature")]
        pub(in crate::node) async fn open(_directory: &Path, config: &KeyServiceConfig) -> Result<Option<Self>, NodeError> {
            match config {
                KeyServiceConfig::Passphrase => Ok(None),
                KeyServiceConfig::Pkcs11(_) => Err(NodeError::NoSuchKeyService { kind: "pkcs11" }),
            }
        }

        pub(in crate::node) async fn create(directory: &Path, config: &KeyServiceConfig) -> Result<Option<Self>, NodeError> {
            Self::open(directory, config).await
        }

        pub(in crate::node) fn epoch_keys(&self) -> Arc<dyn EpochKeys> {
            match *self {}
        }

        pub(in crate::node) fn beside(&self, _passphrase: Arc<dyn KeyEncryptionKey>) -> Arc<dyn KeyEncryptionKey> {
            match *self {}
        }
    }
}
