//! What opens a node's store, and where the keys of its epochs are.
//!
//! All key services that the configuration names are needed, in one order whatever the file says: the passphrase, the token, KMS.

use std::{path::Path, sync::Arc};

use quorate_storage::{
    Both, EpochKeys, FileEpochKeys, KekError, KeyEncryptionKey, MemoryStore, Passphrase, Store, Vault, kek::PassphraseParams,
};
use zeroize::Zeroizing;

use super::{NodeError, kms, make_private, token};
use crate::config::{KeyServiceConfig, STORE_DIRECTORY};

/// How a node's keys are wrapped, for any store that it has.
pub(crate) struct KeyService {
    passphrase: bool,
    services: Vec<Arc<dyn KeyEncryptionKey>>,
    epoch_keys: Arc<dyn EpochKeys>,
    in_token: bool,
}

impl KeyService {
    /// Finds the key services of a configuration.
    pub(crate) async fn open(directory: &Path, config: &KeyServiceConfig) -> Result<Self, NodeError> {
        Self::build(directory, config, false, None).await
    }

    /// The same for a cosigner that is being made: a key that a token lacks is made.
    pub(crate) async fn create(directory: &Path, config: &KeyServiceConfig) -> Result<Self, NodeError> {
        Self::build(directory, config, true, None).await
    }

    /// The same for a cosigner that these serve until now.
    pub(super) async fn beside(&self, directory: &Path, config: &KeyServiceConfig) -> Result<Self, NodeError> {
        // Whoever has the files open is the only one.
        let files = (!self.in_token).then(|| self.epoch_keys());
        Self::build(directory, config, true, files).await
    }

    async fn build(
        directory: &Path,
        config: &KeyServiceConfig,
        make: bool,
        files: Option<Arc<dyn EpochKeys>>,
    ) -> Result<Self, NodeError> {
        let place = directory.join(STORE_DIRECTORY);
        // There, also where nothing is kept in it: a directory without it is no cosigner's.
        make_private(&place)?;
        let mut services = Vec::new();
        let mut in_token = None;
        if let Some(config) = &config.pkcs11 {
            let token = token::open(directory, config, make).await?;
            services.push(token.key);
            in_token = Some(token.epoch_keys);
        }
        if let Some(config) = &config.aws_kms {
            services.push(kms::open(directory, config)?);
        }
        let (epoch_keys, in_token) = match (in_token, files) {
            (Some(epoch_keys), _) => (epoch_keys, true),
            (None, Some(files)) => (files, false),
            (None, None) => {
                let files: Arc<dyn EpochKeys> = Arc::new(FileEpochKeys::open(&place)?);
                (files, false)
            }
        };
        Ok(Self { passphrase: config.passphrase, services, epoch_keys, in_token })
    }

    pub(crate) fn epoch_keys(&self) -> Arc<dyn EpochKeys> {
        Arc::clone(&self.epoch_keys)
    }

    /// Whether the keys of epochs are in a token, and not in files.
    pub(super) const fn in_token(&self) -> bool {
        self.in_token
    }

    /// The key-encryption key of a store. The passphrase is not looked at where none is needed.
    pub(crate) async fn unlock(
        &self,
        store: &Arc<dyn Store>,
        passphrase: Zeroizing<String>,
    ) -> Result<Arc<dyn KeyEncryptionKey>, KekError> {
        let passphrase = if self.passphrase { Some(Passphrase::open(store, passphrase).await?) } else { None };
        self.all(passphrase)
    }

    /// The key-encryption key of a store that is empty.
    pub(crate) async fn lock(
        &self,
        store: &Arc<dyn Store>,
        passphrase: Zeroizing<String>,
    ) -> Result<Arc<dyn KeyEncryptionKey>, KekError> {
        let params = PassphraseParams::default();
        let passphrase = if self.passphrase { Some(Passphrase::create(store, passphrase, params).await?) } else { None };
        self.all(passphrase)
    }

    /// The key-encryption key of a store that another one opens until now.
    pub(super) async fn take_over(
        &self,
        store: &Arc<dyn Store>,
        passphrase: Zeroizing<String>,
    ) -> Result<Arc<dyn KeyEncryptionKey>, KekError> {
        match self.unlock(store, passphrase.clone()).await {
            Err(KekError::NoHeader { .. }) => {
                self.all(Some(Passphrase::add(store, passphrase, PassphraseParams::default()).await?))
            }
            opened => opened,
        }
    }

    /// Has all that is needed together wrap and unwrap something that opens nothing, for the cosigner of this vault. Writes nothing.
    pub(super) async fn try_with(
        &self,
        vault: &Vault,
        store: &Arc<dyn Store>,
        passphrase: Zeroizing<String>,
    ) -> Result<(), NodeError> {
        let kek = match self.unlock(store, passphrase.clone()).await {
            // The store gets its header later; until then one that is kept nowhere does.
            Err(KekError::NoHeader { .. }) => {
                let nowhere: Arc<dyn Store> = Arc::new(MemoryStore::default());
                self.lock(&nowhere, passphrase).await?
            }
            opened => opened?,
        };
        Ok(vault.try_key(&*kek).await?)
    }

    fn all(&self, passphrase: Option<Passphrase>) -> Result<Arc<dyn KeyEncryptionKey>, KekError> {
        let passphrase = passphrase.map(|passphrase| -> Arc<dyn KeyEncryptionKey> { Arc::new(passphrase) });
        let all = passphrase.into_iter().chain(self.services.iter().map(Arc::clone));
        let both = |after, before| -> Arc<dyn KeyEncryptionKey> { Arc::new(Both::new(before, after)) };
        // A configuration names at least one.
        all.rev().reduce(both).ok_or(KekError::Refused)
    }
}
