//! Moving a cosigner's sealed shares from one store to another, so that nothing is left at the old one: `quorate store move`.
//!
//! ```text
//! DIR/moving.toml "copy"     written first; from here on the cosigner does not start
//! records copied             again and again if need be; then both stores are read whole and compared, and the new one is opened
//! DIR/quorate.toml           names the new store
//! DIR/moving.toml "erase"    from here on there is no way back
//! the old store erased
//! DIR/moving.toml removed    the cosigner starts
//! ```
//!
//! Whatever is cut off anywhere is finished by the same call. Both stores are open all the time, so that nobody else uses either. The
//! keys of the epochs stay in the cosigner's directory.

use std::{
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use quorate_core::placement::Exposure;
use quorate_storage::{
    Store, Vault,
    transfer::{self, TransferError, Transferred},
    vault::Shelf,
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{
    KeyService, NodeError,
    stores::{erase_store, open_store},
};
use crate::{
    config::{CONFIG_FILE, Config, ConfigError, StoreConfig},
    cosigner::amend::Amendments,
    share::{AnyKeyShare, IdentityRecord, Stored},
};

/// The file that says that a move was begun.
pub const MOVING_FILE: &str = "moving.toml";

/// What a move did.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MoveReport {
    /// How many records the new store has.
    pub records: u64,
    /// The bytes of their values.
    pub bytes: u64,
    /// Where they were, in words.
    pub from: String,
    /// Where they are.
    pub to: String,
}

/// Why a store was not moved. Nothing is lost: the same call goes on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MoveError {
    /// A part of the cosigner does not stand.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// The cosigner is there already.
    #[error("its sealed shares are there already")]
    Same,
    /// A move to another place was begun.
    #[error("a move to another store was begun, and comes first: {begun}")]
    OtherBegun {
        /// Its store, as a section of the configuration.
        begun: String,
    },
    /// Something is in the new store.
    #[error("{location} holds records already; a store that is moved to must be empty")]
    NotEmpty {
        /// The store, in words.
        location: String,
    },
    /// The configuration does not say that the store is there.
    #[error(
        "[placement] store is {configured}; if the new store is at {moved}, say so there, start the cosigner, have every key agree with \
         `quorate placement amend`, and then move it"
    )]
    Domain {
        /// What the configuration says.
        configured: String,
        /// What the caller says.
        moved: String,
    },
    /// A key's participants do not know of the new place.
    #[error(
        "the participants of key {key} have not agreed to this placement; start the cosigner, run `quorate placement amend {key}`, and then move it"
    )]
    NotAgreed {
        /// The key's id.
        key: String,
    },
    /// A share waits for its certificate.
    #[error("a ceremony of key {key} is not finished; start the cosigner, let it finish, and then move it")]
    Unfinished {
        /// The key's id.
        key: String,
    },
    /// The stores do not hold the same.
    #[error(transparent)]
    Transfer(#[from] TransferError),
}

/// How far a move is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Phase {
    Copy,
    Erase,
}

#[derive(Debug, Serialize, Deserialize)]
struct Journal {
    phase: Phase,
    from: StoreConfig,
    to: StoreConfig,
}

/// Refuses a cosigner whose store is being moved.
pub(crate) fn check_not_moving(directory: &Path) -> Result<(), NodeError> {
    match directory.join(MOVING_FILE).symlink_metadata() {
        Ok(_) => Err(NodeError::Moving { directory: directory.to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(NodeError::File { path: directory.join(MOVING_FILE), source }),
    }
}

/// Moves the sealed shares of the cosigner in `directory`, which must not be running, to the store `to` at the domain `domain`, makes its
/// configuration say so, and destroys the old store. Goes on with a move that was cut off, given the same store.
///
/// The domain must be the one that the configuration's `[placement]` says, and that the participants of every key have agreed to.
///
/// # Errors
///
/// [`MoveError`].
pub async fn move_store(
    directory: &Path,
    to: &StoreConfig,
    domain: &str,
    passphrase: Zeroizing<String>,
) -> Result<MoveReport, MoveError> {
    let config = Config::load(directory).map_err(NodeError::from)?;
    if config.placement.store != domain {
        return Err(MoveError::Domain { configured: config.placement.store, moved: domain.to_owned() });
    }
    let begun = read(directory)?;
    if let Some(journal) = begun.as_ref().filter(|journal| journal.to != *to) {
        return Err(MoveError::OtherBegun { begun: section(&journal.to)? });
    }
    if begun.is_none() && config.store == *to {
        return Err(MoveError::Same);
    }
    let journal = begun.unwrap_or_else(|| Journal { phase: Phase::Copy, from: config.store.clone(), to: to.clone() });
    let target = open_store(directory, &journal.to).await?;
    let row = config.placement.exposure().map_err(NodeError::from)?;
    let moving = Moving { directory, target, config: &config, passphrase, row };
    let done = match journal.phase {
        Phase::Copy => moving.copy(&journal).await?,
        Phase::Erase => moving.counted().await?,
    };
    let from = erase_store(directory, &journal.from).await?;
    remove(directory)?;
    Ok(MoveReport { records: done.records, bytes: done.bytes, from, to: moving.target.location().to_string() })
}

/// A move with its new store open.
struct Moving<'a> {
    directory: &'a Path,
    target: Arc<dyn Store>,
    config: &'a Config,
    passphrase: Zeroizing<String>,
    row: Exposure,
}

impl Moving<'_> {
    /// Copies, compares, and has the configuration name the new store. The old one is closed again.
    async fn copy(&self, journal: &Journal) -> Result<Transferred, MoveError> {
        let source = open_store(self.directory, &journal.from).await?;
        let keys = KeyService::open(self.directory, self.config).await?;
        let vault = self.open_vault(&source, &keys).await?;
        self.check_keys(&vault).await?;
        let cosigner = *vault.cosigner();
        drop(vault);
        if !self.directory.join(MOVING_FILE).exists() {
            if !transfer::is_empty(&*self.target).await.map_err(NodeError::from)? {
                return Err(MoveError::NotEmpty { location: self.target.location().to_string() });
            }
            write(self.directory, journal)?;
        }
        transfer::copy(&*source, &*self.target).await.map_err(NodeError::from)?;
        let done = transfer::compare(&*source, &*self.target).await?;
        // It serves: the passphrase opens it, and it is this cosigner's.
        let vault = self.open_vault(&self.target, &keys).await?;
        vault.load_identity::<IdentityRecord>().await.map_err(NodeError::from)?;
        if *vault.cosigner() != cosigner {
            return Err(MoveError::NotEmpty { location: self.target.location().to_string() });
        }
        configure(self.directory, &journal.to)?;
        write(self.directory, &Journal { phase: Phase::Erase, from: journal.from.clone(), to: journal.to.clone() })?;
        Ok(done)
    }

    async fn open_vault(&self, store: &Arc<dyn Store>, keys: &KeyService) -> Result<Vault, NodeError> {
        let kek = keys.unlock(store, self.passphrase.clone()).await?;
        Ok(Vault::open(Arc::clone(store), keys.epoch_keys(), kek).await?)
    }

    /// Every key's participants have agreed that this cosigner's share is where its configuration says.
    async fn check_keys(&self, vault: &Vault) -> Result<(), MoveError> {
        let mut after = None;
        loop {
            let page = vault.list(after.as_ref(), 256).await.map_err(NodeError::from)?;
            for summary in &page.keys {
                let key = hex::encode(summary.key_id);
                if !summary.pending.is_empty() {
                    return Err(MoveError::Unfinished { key });
                }
                if summary.active.is_none() {
                    continue;
                }
                let share = vault.load_active::<Stored<AnyKeyShare>>(&summary.key_id).await.map_err(NodeError::from)?.1.share;
                let note = vault.note(Shelf::Amendments, &key).await.map_err(NodeError::from)?;
                let known = Amendments::of(note.as_deref(), &share.package_digest());
                let known = known.map_err(|_| NodeError::from(vault.damaged_note(Shelf::Amendments, &key)))?;
                if known.agreed(share.placement()).exposure(share.identifier()) != Some(&self.row) {
                    return Err(MoveError::NotAgreed { key });
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// What the new store has, once the old one is on its way out.
    async fn counted(&self) -> Result<Transferred, MoveError> {
        Ok(transfer::compare(&*self.target, &*self.target).await?)
    }
}

fn section(store: &StoreConfig) -> Result<String, NodeError> {
    // Strings and numbers always have a TOML form.
    toml::to_string(store).map_err(|error| NodeError::File { path: PathBuf::from(CONFIG_FILE), source: io::Error::other(error) })
}

/// Has the configuration name another store. All else in the file stays as it is, comments included.
fn configure(directory: &Path, store: &StoreConfig) -> Result<(), NodeError> {
    let path = directory.join(CONFIG_FILE);
    let failed = |source| NodeError::File { path: path.clone(), source };
    let text = fs::read_to_string(&path).map_err(failed)?;
    let mut document: toml_edit::DocumentMut = text.parse().map_err(|error| failed(io::Error::other(error)))?;
    let section: toml_edit::DocumentMut = section(store)?.parse().map_err(|error| failed(io::Error::other(error)))?;
    document.insert("store", toml_edit::Item::Table(section.as_table().clone()));
    let text = document.to_string();
    let written = Config::parse(&text, &path)?;
    if written.store != *store {
        return Err(failed(io::Error::other(
            "the section [store] cannot be replaced; write it in the usual form, [store], and try again",
        )));
    }
    replace(directory, CONFIG_FILE, &text).map_err(failed)
}

fn read(directory: &Path) -> Result<Option<Journal>, NodeError> {
    let path = directory.join(MOVING_FILE);
    match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(NodeError::File { path, source }),
        Ok(text) => match toml::from_str(&text) {
            Ok(journal) => Ok(Some(journal)),
            Err(error) => Err(ConfigError::Malformed { path, source: Box::new(error) }.into()),
        },
    }
}

fn write(directory: &Path, journal: &Journal) -> Result<(), NodeError> {
    let failed = |source| NodeError::File { path: directory.join(MOVING_FILE), source };
    let text = toml::to_string(journal).map_err(|error| failed(io::Error::other(error)))?;
    replace(directory, MOVING_FILE, &text).map_err(failed)
}

fn remove(directory: &Path) -> Result<(), NodeError> {
    let path = directory.join(MOVING_FILE);
    let removed = fs::remove_file(&path).and_then(|()| fs::File::open(directory)?.sync_all());
    removed.map_err(|source| NodeError::File { path, source })
}

/// Replaces a file at once and durably, readable by this user alone.
pub(super) fn replace(directory: &Path, name: &str, text: &str) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let beside = directory.join(format!(".{name}.new"));
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&beside, directory.join(name))?;
    fs::File::open(directory)?.sync_all()
}
