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

use std::{path::Path, sync::Arc};

use quorate_core::placement::Exposure;
use quorate_storage::{
    Store, Vault,
    transfer::{self, TransferError, Transferred},
    vault::Shelf,
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{
    KeyService, NodeError, REWRAPPING_FILE, journal,
    stores::{close_store, erase_store, open_store},
};
use crate::{
    config::{Config, StoreConfig},
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

/// Why a store was not moved, or no other key service took over. Nothing is lost: the same call goes on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MoveError {
    /// A part of the cosigner does not stand.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// The cosigner is there already.
    #[error("its sealed shares are there already")]
    Same,
    /// The key services serve already.
    #[error("these key services wrap its shares already")]
    SameKeyServices,
    /// A move to another place was begun.
    #[error("another move was begun, and comes first: to {begun}")]
    OtherBegun {
        /// Where to, as a section of the configuration.
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
    /// The configuration does not say that these key services open the shares.
    #[error(
        "[placement] key_services is {configured:?}; if what opens the shares from now on is {moved:?}, say so there, start the cosigner, have \
         every key agree with `quorate placement amend`, and then move it"
    )]
    KeyServiceDomains {
        /// What the configuration says.
        configured: Vec<String>,
        /// What the caller says.
        moved: Vec<String>,
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
    if journal::is_there(directory, REWRAPPING_FILE)? {
        return Err(NodeError::Rewrapping { directory: directory.to_owned() }.into());
    }
    let begun: Option<Journal> = journal::read(directory, MOVING_FILE)?;
    if let Some(journal) = begun.as_ref().filter(|journal| journal.to != *to) {
        return Err(MoveError::OtherBegun { begun: journal::section(&journal.to)? });
    }
    if begun.is_none() && config.store == *to {
        return Err(MoveError::Same);
    }
    let journal = begun.unwrap_or_else(|| Journal { phase: Phase::Copy, from: config.store.clone(), to: to.clone() });
    let target = open_store(directory, &journal.to).await?;
    let row = config.placement.exposure().map_err(NodeError::from)?;
    let moving = Moving { directory, target, config: &config, passphrase, row };
    let done = moving.go_on(&journal).await;
    close_store(moving.target).await;
    done
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
    /// Does what is left of the move.
    async fn go_on(&self, journal: &Journal) -> Result<MoveReport, MoveError> {
        let done = match journal.phase {
            Phase::Copy => {
                let source = open_store(self.directory, &journal.from).await?;
                let done = self.copy(journal, &source).await;
                close_store(source).await;
                done?
            }
            // What the new store has, once the old one is on its way out.
            Phase::Erase => transfer::compare(&*self.target, &*self.target).await?,
        };
        let from = erase_store(self.directory, &journal.from).await?;
        journal::remove(self.directory, MOVING_FILE)?;
        Ok(MoveReport { records: done.records, bytes: done.bytes, from, to: self.target.location().to_string() })
    }

    /// Copies, compares, and has the configuration name the new store.
    async fn copy(&self, journal: &Journal, source: &Arc<dyn Store>) -> Result<Transferred, MoveError> {
        let keys = KeyService::open(self.directory, &self.config.key_service).await?;
        let vault = self.open_vault(source, &keys).await?;
        check_keys(&vault, &self.row).await?;
        let cosigner = *vault.cosigner();
        drop(vault);
        if !journal::is_there(self.directory, MOVING_FILE)? {
            if !transfer::is_empty(&*self.target).await.map_err(NodeError::from)? {
                return Err(MoveError::NotEmpty { location: self.target.location().to_string() });
            }
            journal::write(self.directory, MOVING_FILE, journal)?;
        }
        transfer::copy(&**source, &*self.target).await.map_err(NodeError::from)?;
        let done = transfer::compare(&**source, &*self.target).await?;
        // It serves: the passphrase opens it, and it is this cosigner's.
        let vault = self.open_vault(&self.target, &keys).await?;
        vault.load_identity::<IdentityRecord>().await.map_err(NodeError::from)?;
        if *vault.cosigner() != cosigner {
            return Err(MoveError::NotEmpty { location: self.target.location().to_string() });
        }
        journal::configure(self.directory, "store", &journal.to, |config| config.store == journal.to)?;
        let erase = Journal { phase: Phase::Erase, from: journal.from.clone(), to: journal.to.clone() };
        journal::write(self.directory, MOVING_FILE, &erase)?;
        Ok(done)
    }

    async fn open_vault(&self, store: &Arc<dyn Store>, keys: &KeyService) -> Result<Vault, NodeError> {
        let kek = keys.unlock(store, self.passphrase.clone()).await?;
        Ok(Vault::open(Arc::clone(store), keys.epoch_keys(), kek).await?)
    }
}

/// Every key's participants have agreed that this cosigner's share is where its configuration says, and no ceremony is under way.
pub(super) async fn check_keys(vault: &Vault, row: &Exposure) -> Result<(), MoveError> {
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
            if known.agreed(share.placement()).exposure(share.identifier()) != Some(row) {
                return Err(MoveError::NotAgreed { key });
            }
        }
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}
