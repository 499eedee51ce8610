//! Epoch keys whose key has no record: the store was put back to before it, or an attempt died before it stored anything.
//!
//! They open nothing in this store. They open what a newer copy of it has, so that they are what a store that is put in place again needs,
//! and they are destroyed only when the key has moved on.

use std::collections::BTreeSet;

use quorate_core::SuiteId;

use super::{
    Vault, VaultError,
    epoch_file::{EpochFile, OfKey},
};
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
        let orphans = self.orphan_epochs(key_id).await?;
        let Some((lowest, OfKey { suite, print })) = orphans.first().copied() else { return Ok(None) };
        let contradicted = orphans.iter().any(|(_, of)| *of != OfKey { suite, print });
        Ok((!contradicted).then_some(Orphan { key_id: *key_id, suite, print, lowest }))
    }

    /// Destroys the epoch keys of a key without a record that say that they are of this key, below an epoch whose complete certificate says
    /// that it has moved on. Gives whether there were any. Nothing must store a share of the key meanwhile.
    ///
    /// # Errors
    ///
    /// As [`orphan`](Self::orphan). It may be called again.
    pub async fn destroy_orphan(&self, key_id: &[u8; 32], print: [u8; 32], below: u64) -> Result<bool, VaultError> {
        let mut any = false;
        for (epoch, of) in self.orphan_epochs(key_id).await? {
            if epoch < below && of.print == print {
                self.epoch_keys.destroy(&EpochKeyId::new(*key_id, epoch)).await?;
                any = true;
            }
        }
        Ok(any)
    }

    /// The epochs that say of which key they are, ascending; none if the key has a record.
    async fn orphan_epochs(&self, key_id: &[u8; 32]) -> Result<Vec<(u64, OfKey)>, VaultError> {
        let epochs = self.epoch_keys.epochs(key_id).await?;
        let mut orphans = Vec::new();
        if epochs.is_empty() || self.read_key(key_id).await?.is_some() {
            return Ok(orphans);
        }
        for epoch in epochs {
            let id = EpochKeyId::new(*key_id, epoch);
            let Some(file) = self.epoch_keys.read(&id).await? else { continue };
            if let Ok(EpochFile { of: Some(of), .. }) = EpochFile::read(&id.name()?, &file) {
                orphans.push((epoch, of));
            }
        }
        Ok(orphans)
    }
}
