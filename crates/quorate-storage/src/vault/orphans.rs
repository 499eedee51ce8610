//! Epoch keys whose key has no record: the store was put back to before it, or an attempt died before it stored anything.
//!
//! They open nothing in this store. They open what a newer copy of it has, so that they are what a store that is put in place again needs,
//! and they are destroyed only when the key has moved on.

use std::collections::BTreeSet;

use quorate_core::SuiteId;

use super::{Vault, VaultError, epoch_file::EpochFile};
use crate::epoch_key::{EpochKeyId, hex};

/// A key without a record of which there are epoch keys that say of which key they are.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Orphan {
    /// The key.
    pub key_id: [u8; 32],
    /// What it is for.
    pub suite: SuiteId,
    /// What [`Record::print`](super::Record::print) said when its share was stored.
    pub print: [u8; 32],
    /// The lowest epoch of which there is a key.
    pub lowest: u64,
}

impl core::fmt::Debug for Orphan {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Orphan")
            .field("key_id", &hex(&self.key_id))
            .field("suite", &self.suite)
            .field("print", &hex(&self.print))
            .field("lowest", &self.lowest)
            .finish()
    }
}

impl Vault {
    /// The keys of which there may be epoch keys.
    ///
    /// # Errors
    ///
    /// Those of the place of the epoch keys.
    pub async fn keys_with_epochs(&self) -> Result<BTreeSet<[u8; 32]>, VaultError> {
        Ok(self.epoch_keys.keys().await?.into_iter().collect())
    }

    /// What there is of one key, if it has no record. Epoch keys that contradict one another, or do not say of which key they are, count as
    /// none.
    ///
    /// # Errors
    ///
    /// [`VaultError::Damaged`] if its record is not what this vault wrote, and those of the store and of the place of the epoch keys.
    pub async fn orphan(&self, key_id: &[u8; 32]) -> Result<Option<Orphan>, VaultError> {
        let epochs = self.epoch_keys.epochs(key_id).await?;
        if epochs.is_empty() || self.read_key(key_id).await?.is_some() {
            return Ok(None);
        }
        let mut found: Option<Orphan> = None;
        for epoch in epochs {
            let id = EpochKeyId::new(*key_id, epoch);
            let Some(file) = self.epoch_keys.read(&id).await? else { continue };
            let Ok(EpochFile { of: Some(of), .. }) = EpochFile::read(&id.name()?, &file) else { continue };
            let this = Orphan { key_id: *key_id, suite: of.suite, print: of.print, lowest: epoch };
            if found.as_ref().is_some_and(|found| (found.suite, found.print) != (this.suite, this.print)) {
                return Ok(None);
            }
            found.get_or_insert(this);
        }
        Ok(found)
    }

    /// Destroys the epoch keys of a key without a record below an epoch, whose complete certificate says that the key has moved on. Gives
    /// whether there were any. Nothing must store a share of the key meanwhile.
    ///
    /// # Errors
    ///
    /// Those of the store and of the place of the epoch keys. It may be called again.
    pub async fn destroy_orphan(&self, key_id: &[u8; 32], below: u64) -> Result<bool, VaultError> {
        if self.read_key(key_id).await?.is_some() {
            return Ok(false);
        }
        let mut any = false;
        for epoch in self.epoch_keys.epochs(key_id).await?.into_iter().filter(|epoch| *epoch < below) {
            self.epoch_keys.destroy(&EpochKeyId::new(*key_id, epoch)).await?;
            any = true;
        }
        Ok(any)
    }
}
