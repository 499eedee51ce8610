//! Puts the keys of a backup back: into the store of the cosigner that made it, or into a new directory if its identity key is there.
//!
//! ```text
//! check the whole file ──▶ open the store, or make one with the backup's identity ──▶ key by key: import, name
//! ```
//!
//! Every step can be done again: a restore that was cut short is finished by the same restore.

use std::{
    fs::File,
    io::{BufReader, Read},
    path::Path,
    sync::Arc,
};

use quorate_core::PeerId;
use quorate_storage::{
    EpochKeys, Imported, KeyEncryptionKey, Store, Vault, VaultError,
    backup::{BackupError, BackupReader, OpeningKeys, Preamble},
    kek::KekError,
    vault::VaultInputError,
};
use zeroize::Zeroizing;

use super::{BackupReport, CheckError, check_chunk, verify};
use crate::{
    config::{CONFIG_FILE, Config, STORE_DIRECTORY},
    node::{KeyService, NodeError, check_not_moving, close_store, make_private, open_store, write_new},
    share::IdentityRecord,
};

/// Why a backup was not restored. What is in the store by then can stay there: the same restore goes on from it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// The backup does not stand. Nothing was changed.
    #[error(transparent)]
    Check(#[from] CheckError),
    /// The directory.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// The store is another cosigner's.
    #[error(
        "the store is that of the cosigner {found}, and the backup is one of {wanted}; its shares are of no use to another identity. Restore \
         into the cosigner's own directory, or let the others repair its shares for the new identity"
    )]
    OtherCosigner {
        /// Whose store it is.
        found: PeerId,
        /// Whose backup.
        wanted: PeerId,
    },
    /// Neither the directory nor the backup has the identity key.
    #[error(
        "there is no store of the cosigner here, and the backup was made without its identity key; restore one that was made with it first, \
         or make a new cosigner and let the others repair its shares"
    )]
    NoIdentity,
    /// A new directory needs a configuration.
    #[error("a new directory needs the cosigner's configuration; name its quorate.toml with --config")]
    NoConfig,
    /// A share does not fit into the store.
    #[error("the key {key} cannot be put back")]
    Key {
        /// The key's id.
        key: String,
        /// Why.
        source: VaultError,
    },
    /// The vault.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

impl From<BackupError> for RestoreError {
    fn from(error: BackupError) -> Self {
        Self::Check(error.into())
    }
}

/// What a restore did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RestoreReport {
    /// What the backup is.
    pub backup: BackupReport,
    /// How many keys were put back.
    pub stored: usize,
    /// How many were there already.
    pub present: usize,
    /// Keys whose name another key has here. They are found by their ids.
    pub unnamed: Vec<String>,
}

/// Restores the backup in `file` into a cosigner's directory. The cosigner must not be running there.
///
/// `passphrase` is not looked at if the configuration needs none. A directory without a store gets one, under it, if the backup has the identity key; `config` is then its configuration.
///
/// # Errors
///
/// [`RestoreError`]. Nothing is written unless the whole backup stands.
pub async fn restore_node(
    directory: &Path,
    file: &Path,
    keys: &OpeningKeys,
    passphrase: Zeroizing<String>,
    config: Option<&str>,
) -> Result<RestoreReport, RestoreError> {
    let open = || File::open(file).map(BufReader::new).map_err(BackupError::Io);
    let backup = verify(open()?, Some(keys), |_| {})?;
    let place = directory.join(STORE_DIRECTORY);
    let path = directory.join(CONFIG_FILE);
    let settings =
        if path.exists() { Config::load(directory) } else { Config::parse(config.ok_or(RestoreError::NoConfig)?, &path) };
    let settings = settings.map_err(NodeError::from)?;
    if !place.is_dir() && !backup.preamble.with_identity {
        return Err(RestoreError::NoIdentity);
    }
    make_private(directory)?;
    check_not_moving(directory)?;
    let store = open_store(directory, &settings.store).await?;
    let restored = async {
        // Once more: from here on nobody else has the store, and a move may have begun before.
        check_not_moving(directory)?;
        let service = KeyService::create(directory, &settings.key_service).await?;
        let kek = match service.unlock(&store, passphrase.clone()).await {
            Err(KekError::NoHeader { .. }) => service.lock(&store, passphrase).await,
            opened => opened,
        };
        let kek = kek.map_err(NodeError::from)?;
        restore_into(Arc::clone(&store), service.epoch_keys(), kek, keys, backup, open()?).await
    };
    let restored = restored.await;
    close_store(store).await;
    let report = restored?;
    if let Some(config) = config.filter(|_| !path.exists()) {
        // Last of all: a directory with a configuration is complete.
        write_new(directory, CONFIG_FILE, config).map_err(|source| NodeError::File { path, source })?;
    }
    Ok(report)
}

/// Restores a backup that [`verify`] found to stand into the vault of a store, which is made if the store has none.
///
/// # Errors
///
/// [`RestoreError`]. It may be called again after an error or a crash.
pub async fn restore_into(
    store: Arc<dyn Store>,
    epoch_keys: Arc<dyn EpochKeys>,
    kek: Arc<dyn KeyEncryptionKey>,
    keys: &OpeningKeys,
    backup: BackupReport,
    input: impl Read,
) -> Result<RestoreReport, RestoreError> {
    let mut reader = BackupReader::new(input)?;
    let preamble = reader.preamble().clone();
    let mut vault = None;
    let mut report = RestoreReport { backup, stored: 0, present: 0, unnamed: Vec::new() };
    while let Some(chunk) = reader.next_chunk()? {
        // Checked once more: the file may be another one by now.
        let checked = check_chunk(&preamble, &chunk, Some(keys))?;
        let vault = match &vault {
            Some(vault) => vault,
            None => {
                let opened =
                    open_vault(&preamble, checked.identity, Arc::clone(&store), Arc::clone(&epoch_keys), Arc::clone(&kek));
                vault.insert(opened.await?)
            }
        };
        for export in checked.keys.into_iter().filter_map(|key| key.export) {
            let key = hex::encode(export.key_id);
            let failed = |source| RestoreError::Key { key: key.clone(), source };
            match vault.import_key(&export).await.map_err(failed)? {
                Imported::Present => report.present = report.present.saturating_add(1),
                Imported::Stored | _ => report.stored = report.stored.saturating_add(1),
            }
            let Some(name) = &export.name else { continue };
            match vault.set_name(&export.key_id, name).await {
                Err(VaultError::Input(VaultInputError::NameTaken)) => report.unnamed.push(key),
                named => named.map_err(failed)?,
            }
        }
    }
    Ok(report)
}

/// The vault of the cosigner that made the backup.
async fn open_vault(
    preamble: &Preamble,
    identity: Option<IdentityRecord>,
    store: Arc<dyn Store>,
    epoch_keys: Arc<dyn EpochKeys>,
    kek: Arc<dyn KeyEncryptionKey>,
) -> Result<Vault, RestoreError> {
    let opened = Vault::open(Arc::clone(&store), Arc::clone(&epoch_keys), Arc::clone(&kek)).await;
    let vault = match (opened, &identity) {
        (Err(VaultError::Input(VaultInputError::NoVault { .. })), None) => return Err(RestoreError::NoIdentity),
        (Err(VaultError::Input(VaultInputError::NoVault { .. })), Some(_)) => {
            Vault::create(store, epoch_keys, kek, preamble.cosigner).await?
        }
        (opened, _) => opened?,
    };
    if *vault.cosigner() != preamble.cosigner {
        return Err(RestoreError::OtherCosigner { found: *vault.cosigner(), wanted: preamble.cosigner });
    }
    match (vault.load_identity::<IdentityRecord>().await, identity) {
        (Err(VaultError::Input(VaultInputError::NoIdentity)), Some(identity)) => vault.store_identity(&identity).await?,
        (Err(VaultError::Input(VaultInputError::NoIdentity)), None) => return Err(RestoreError::NoIdentity),
        (loaded, _) => drop(loaded?),
    }
    Ok(vault)
}
