//! Other key services for a cosigner's sealed shares, so that no record of the store opens with the former ones: `quorate key-service move`.
//!
//! ```text
//! new key services tried        nothing of the cosigner's is written yet; a key that a token should have is made
//! DIR/rewrapping.toml "wrap"    from here on the cosigner does not start
//! everything wrapped anew       where it is, each wrapped key tried before the former wrapping is given up (Vault::rewrap)
//! epoch keys copied             if they go into a token, or out of it; read back and compared; the vault is opened with all that is new
//! DIR/quorate.toml              names the new key services
//! DIR/rewrapping.toml "leave"   from here on there is no way back
//! former epoch keys destroyed   where they were copied from; the passphrase's header removed if there is no passphrase any more
//! DIR/rewrapping.toml removed   the cosigner starts
//! ```
//!
//! Whatever is cut off anywhere is finished by the same call, as long as the former key services answer. The store is open all the
//! time, so that nobody else uses it. Copies of the store *and* of the epoch keys from before still open with the former key services: the
//! placement counts both until the next reshare.
//!
//! What a store keeps of records that were replaced (free pages, dead rows and logs, versions of objects) is such a copy. Shares in it are
//! safe: their epoch keys were overwritten, or destroyed in the token. The identity and the vault's own key have no epoch key, and open
//! with the former key services until the store has moved to a fresh one.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use quorate_core::placement::Exposure;
use quorate_storage::{EpochKeyId, EpochKeys, KekError, Passphrase, Store, StoreError, Vault, VaultError};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{
    KeyService, MOVING_FILE, MoveError, NodeError, journal,
    moving::check_keys,
    stores::{close_store, open_store},
};
use crate::{
    config::{Config, KeyServiceConfig},
    share::IdentityRecord,
};

/// The file that says that other key services are taking over.
pub const REWRAPPING_FILE: &str = "rewrapping.toml";

/// What a move to other key services did.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct KeyServiceReport {
    /// How many keys have records in the store, those without a share included.
    pub keys: usize,
    /// How many epoch keys went to another place.
    pub epoch_keys: usize,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Phase {
    Wrap,
    Leave,
}

#[derive(Debug, Serialize, Deserialize)]
struct Journal {
    phase: Phase,
    from: KeyServiceConfig,
    to: KeyServiceConfig,
}

/// Has the key services `to`, at the domains `domains`, open the sealed shares of the cosigner in `directory`, which must not be running,
/// and makes its configuration say so. Goes on with what was cut off, given the same key services.
///
/// The domains must be those that the configuration's `[placement]` says, and that the participants of every key have agreed to.
/// `passphrase` is that of the former and of the new ones, as far as they need it.
///
/// # Errors
///
/// [`MoveError`].
pub async fn move_key_service(
    directory: &Path,
    to: &KeyServiceConfig,
    domains: &[String],
    passphrase: Zeroizing<String>,
) -> Result<KeyServiceReport, MoveError> {
    let config = Config::load(directory).map_err(NodeError::from)?;
    let configured = &config.placement.key_services;
    if domains.iter().collect::<BTreeSet<_>>() != configured.iter().collect() {
        return Err(MoveError::KeyServiceDomains { configured: configured.clone(), moved: domains.to_vec() });
    }
    if journal::is_there(directory, MOVING_FILE)? {
        return Err(NodeError::Moving { directory: directory.to_owned() }.into());
    }
    let begun: Option<Journal> = journal::read(directory, REWRAPPING_FILE)?;
    if let Some(journal) = begun.as_ref().filter(|journal| journal.to != *to) {
        return Err(MoveError::OtherBegun { begun: journal::section(&journal.to)? });
    }
    if begun.is_none() && config.key_service == *to {
        return Err(MoveError::SameKeyServices);
    }
    if begun.is_none() {
        to.check_domains(domains).map_err(NodeError::from)?;
    }
    let is_begun = begun.is_some();
    let journal = begun.unwrap_or_else(|| Journal { phase: Phase::Wrap, from: config.key_service.clone(), to: to.clone() });
    let row = config.placement.exposure().map_err(NodeError::from)?;
    let store = open_store(directory, &config.store).await?;
    let rewrapping = Rewrapping { directory, store, passphrase, row, is_begun };
    let done = rewrapping.go_on(&journal).await;
    close_store(rewrapping.store).await;
    done
}

/// A change of key services with the store open.
struct Rewrapping<'a> {
    directory: &'a Path,
    store: Arc<dyn Store>,
    passphrase: Zeroizing<String>,
    row: Exposure,
    /// Whether it is said already that it was begun.
    is_begun: bool,
}

impl Rewrapping<'_> {
    /// Does what is left.
    async fn go_on(&self, journal: &Journal) -> Result<KeyServiceReport, MoveError> {
        let from = KeyService::open(self.directory, &journal.from).await?;
        let to = if self.is_begun { from.beside(self.directory, &journal.to).await? } else { self.begin(journal, &from).await? };
        let moves = !self.same_place(&from, &to).await?;
        let vault = match journal.phase {
            Phase::Wrap => self.wrap(journal, &from, &to, moves).await?,
            Phase::Leave => self.open(&to, to.epoch_keys()).await.map_err(NodeError::from)?,
        };
        let keys = keys_of(&vault).await?;
        let mut epoch_keys = 0_usize;
        if moves {
            epoch_keys = leave(&keys, &*from.epoch_keys()).await?;
        }
        if !journal.to.passphrase {
            Passphrase::remove(&self.store).await.map_err(NodeError::from)?;
        }
        journal::remove(self.directory, REWRAPPING_FILE)?;
        Ok(KeyServiceReport { keys: keys.len(), epoch_keys })
    }

    /// Makes sure that all of it can be done, and says that it was begun.
    async fn begin(&self, journal: &Journal, from: &KeyService) -> Result<KeyService, MoveError> {
        let vault = self.open(from, from.epoch_keys()).await.map_err(NodeError::from)?;
        check_keys(&vault, &self.row).await?;
        let to = from.beside(self.directory, &journal.to).await?;
        // One that is named wrongly is found out while there is a way back.
        to.try_with(&vault, &self.store, self.passphrase.clone()).await?;
        journal::write(self.directory, REWRAPPING_FILE, journal)?;
        Ok(to)
    }

    /// Wraps everything anew, brings the epoch keys where they belong, and has the configuration name the new key services.
    async fn wrap(&self, journal: &Journal, from: &KeyService, to: &KeyService, moves: bool) -> Result<Vault, MoveError> {
        let mut vault = match self.done_before(from, to).await.map_err(NodeError::from)? {
            Some(vault) => vault,
            None => self.rewrapped(from, to).await?,
        };
        if moves {
            bring(&keys_of(&vault).await?, &*from.epoch_keys(), &*to.epoch_keys()).await?;
            drop(vault);
            vault = self.open(to, to.epoch_keys()).await.map_err(NodeError::from)?;
        }
        // It serves.
        vault.load_identity::<IdentityRecord>().await.map_err(NodeError::from)?;
        check_keys(&vault, &self.row).await?;
        journal::configure(self.directory, "key_service", &journal.to, |config| config.key_service == journal.to)?;
        let leave = Journal { phase: Phase::Leave, from: journal.from.clone(), to: journal.to.clone() };
        journal::write(self.directory, REWRAPPING_FILE, &leave)?;
        Ok(vault)
    }

    /// The vault under the new key services, if all was wrapped anew before it was cut off.
    async fn done_before(&self, from: &KeyService, to: &KeyService) -> Result<Option<Vault>, VaultError> {
        if !self.is_begun {
            return Ok(None);
        }
        match self.open(to, from.epoch_keys()).await {
            Ok(vault) => Ok(Some(vault)),
            // What does not answer does not say that it is not done either.
            Err(error @ (VaultError::Store(_) | VaultError::Kek(KekError::Unavailable { .. } | KekError::Store(_)))) => {
                Err(error)
            }
            Err(_) => Ok(None),
        }
    }

    /// Wraps everything anew, where it is.
    async fn rewrapped(&self, from: &KeyService, to: &KeyService) -> Result<Vault, NodeError> {
        let vault = self.open(from, from.epoch_keys()).await?;
        let kek = to.take_over(&self.store, self.passphrase.clone()).await?;
        Ok(vault.rewrap(kek).await?)
    }

    async fn open(&self, keys: &KeyService, epoch_keys: Arc<dyn EpochKeys>) -> Result<Vault, VaultError> {
        let kek = keys.unlock(&self.store, self.passphrase.clone()).await?;
        Vault::open(Arc::clone(&self.store), epoch_keys, kek).await
    }

    /// Whether what is written at one place is read at the other: then nothing is copied, and above all nothing destroyed. Names do
    /// not say it: one token can be reached by two modules.
    async fn same_place(&self, from: &KeyService, to: &KeyService) -> Result<bool, NodeError> {
        if !from.in_token() && !to.in_token() {
            return Ok(true);
        }
        let mut probe = [0; 32];
        getrandom::fill(&mut probe).map_err(|_| KekError::Randomness)?;
        let id = EpochKeyId::new(probe, 0);
        from.epoch_keys().create(&id, b"probe").await?;
        let seen = to.epoch_keys().read(&id).await;
        from.epoch_keys().destroy(&id).await?;
        Ok(seen?.is_some())
    }
}

/// All keys that have records.
async fn keys_of(vault: &Vault) -> Result<Vec<[u8; 32]>, NodeError> {
    let (mut keys, mut after) = (Vec::new(), None);
    loop {
        let page = vault.list(after.as_ref(), 256).await?;
        keys.extend(page.keys.iter().map(|summary| summary.key_id));
        after = page.next;
        if after.is_none() {
            return Ok(keys);
        }
    }
}

/// Copies the epoch keys of these keys, and nothing else is there afterwards.
async fn bring(keys: &[[u8; 32]], from: &dyn EpochKeys, to: &dyn EpochKeys) -> Result<(), NodeError> {
    for key in keys {
        let epochs = from.epochs(key).await?;
        for epoch in to.epochs(key).await? {
            if !epochs.contains(&epoch) {
                to.destroy(&EpochKeyId::new(*key, epoch)).await?;
            }
        }
        for epoch in epochs {
            let id = EpochKeyId::new(*key, epoch);
            let missing = || NodeError::from(VaultError::EpochKeyMissing { epoch });
            let wrapped = from.read(&id).await?.ok_or_else(missing)?;
            match to.create(&id, &wrapped).await {
                Err(StoreError::AlreadyExists { .. }) => drop(to.replace(&id, &wrapped).await?),
                created => created?,
            }
            if to.read(&id).await?.as_ref() != Some(&wrapped) {
                return Err(missing());
            }
        }
    }
    Ok(())
}

/// Destroys the epoch keys of these keys at a place that they have left, and says how many.
async fn leave(keys: &[[u8; 32]], place: &dyn EpochKeys) -> Result<usize, NodeError> {
    let mut destroyed = 0_usize;
    for key in keys {
        for epoch in place.epochs(key).await? {
            place.destroy(&EpochKeyId::new(*key, epoch)).await?;
            destroyed = destroyed.saturating_add(1);
        }
    }
    Ok(destroyed)
}
