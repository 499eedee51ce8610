//! The record of a key as a value, for the model of its epochs: real transitions, without stores and secrets.

use quorate_core::{Identifier, SuiteId, wire::Encoding};

use super::super::{KeyRef, VaultInputError, key_record::KeyRecord};
use crate::{sealed::Sealed, vault::key_record::Slot};

/// What a record says of a key's epochs. The shares themselves are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Epochs {
    /// Whose record it is.
    pub participant: Identifier,
    /// The highest epoch seen; nothing without a record.
    pub highest: Option<u64>,
    /// The certified share.
    pub active: Option<u64>,
    /// The shares that are not certified, ascending.
    pub pending: Vec<u64>,
}

/// One change of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// What `Vault::put_pending` writes.
    PutPending(u64),
    /// What `Vault::promote` writes.
    Promote(u64),
    /// What `Vault::abort_pending` and `Vault::destroy` write.
    Remove(u64),
    /// What `Vault::retire` writes.
    Retire(u64),
}

impl Epochs {
    /// A record with these epochs.
    #[must_use]
    pub const fn new(participant: Identifier, highest: Option<u64>, active: Option<u64>, pending: Vec<u64>) -> Self {
        Self { participant, highest, active, pending }
    }

    /// What the vault makes of the record.
    ///
    /// # Errors
    ///
    /// What the vault refuses.
    pub fn step(&self, step: Step) -> Result<Self, VaultInputError> {
        let record = self.record();
        let record = match step {
            Step::PutPending(epoch) => KeyRecord::add_pending(record, &self.key(epoch), sealed()?)?,
            Step::Promote(epoch) => record.ok_or(VaultInputError::UnknownKey)?.promote(&self.key(epoch), sealed()?)?,
            Step::Remove(epoch) => record.ok_or(VaultInputError::UnknownKey)?.remove(&self.key(epoch))?,
            Step::Retire(through) => record.ok_or(VaultInputError::UnknownKey)?.retire(through),
        };
        let pending = record.pending.iter().map(|slot| slot.epoch).collect();
        let active = record.active.map(|slot| slot.epoch);
        Ok(Self { participant: self.participant, highest: Some(record.highest), active, pending })
    }

    /// Whether the vault destroys the key of this epoch.
    #[must_use]
    pub fn is_dead(&self, epoch: u64) -> bool {
        self.record().is_some_and(|record| record.is_dead(epoch))
    }

    fn record(&self) -> Option<KeyRecord> {
        let sealed = sealed().ok()?;
        let slot = |epoch: &u64| Slot::new(&self.key(*epoch), sealed.clone());
        Some(KeyRecord {
            highest: self.highest?,
            active: self.active.as_ref().map(slot),
            pending: self.pending.iter().map(slot).collect(),
            ..KeyRecord::new(SuiteId::Ed25519)
        })
    }

    const fn key(&self, epoch: u64) -> KeyRef {
        KeyRef::new([0; 32], epoch, self.participant, SuiteId::Ed25519)
    }
}

/// An empty body, well formed.
fn sealed() -> Result<Sealed, VaultInputError> {
    let bytes = [&[1, 2][..], &[0; 8], &[0, 1, 0], &[0; 24], &[0; 16]].concat();
    Sealed::from_bytes(&bytes).map_err(|_| VaultInputError::UnknownKey)
}
