//! What opens a node's store, and where the keys of its epochs are.

use std::{path::Path, sync::Arc};

use quorate_storage::{EpochKeys, FileEpochKeys, KekError, KeyEncryptionKey, Passphrase, Store, kek::PassphraseParams};
use zeroize::Zeroizing;

use super::{NodeError, make_private, token::Service};
use crate::config::{Config, STORE_DIRECTORY};

/// How a node's keys are wrapped, for any store that it has.
pub(crate) struct KeyService {
    service: Option<Service>,
    epoch_keys: Arc<dyn EpochKeys>,
}

impl KeyService {
    /// Finds the key service of a configuration.
    pub(crate) async fn open(directory: &Path, config: &Config) -> Result<Self, NodeError> {
        Self::with(directory, Service::open(directory, &config.key_service).await?)
    }

    /// The same for a cosigner that is being made.
    pub(crate) async fn create(directory: &Path, config: &Config) -> Result<Self, NodeError> {
        Self::with(directory, Service::create(directory, &config.key_service).await?)
    }

    fn with(directory: &Path, service: Option<Service>) -> Result<Self, NodeError> {
        let epoch_keys: Arc<dyn EpochKeys> = match &service {
            Some(service) => {
                // There, also where nothing is kept in it: a directory without it is no cosigner's.
                make_private(&directory.join(STORE_DIRECTORY))?;
                service.epoch_keys()
            }
            None => Arc::new(FileEpochKeys::open(&directory.join(STORE_DIRECTORY))?),
        };
        Ok(Self { service, epoch_keys })
    }

    pub(crate) fn epoch_keys(&self) -> Arc<dyn EpochKeys> {
        Arc::clone(&self.epoch_keys)
    }

    /// The key-encryption key of a store.
    pub(crate) async fn unlock(
        &self,
        store: &Arc<dyn Store>,
        passphrase: Zeroizing<String>,
    ) -> Result<Arc<dyn KeyEncryptionKey>, KekError> {
        Ok(self.beside(Passphrase::open(store, passphrase).await?))
    }

    /// The key-encryption key of a store that is empty.
    pub(crate) async fn lock(
        &self,
        store: &Arc<dyn Store>,
        passphrase: Zeroizing<String>,
    ) -> Result<Arc<dyn KeyEncryptionKey>, KekError> {
        Ok(self.beside(Passphrase::create(store, passphrase, PassphraseParams::default()).await?))
    }

    fn beside(&self, passphrase: Passphrase) -> Arc<dyn KeyEncryptionKey> {
        let passphrase = Arc::new(passphrase);
        match &self.service {
            Some(service) => service.beside(passphrase),
            None => passphrase,
        }
    }
}
