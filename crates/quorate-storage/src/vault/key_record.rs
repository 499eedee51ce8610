//! The one record of a key, and what may happen to it.
//!
//! Active and pending shares of a key live in *one* record, so that each step of a key's life is one compare-and-swap, and a crash
//! leaves the state before it or the state after it. The record outlives its shares: it remembers the key's suite and the highest
//! epoch, so that neither ever goes backwards.
//!
//! ```text
//! record = version 1, suite, highest epoch, name?, active slot?, pending slots (0 to 16, ascending), tag (32)
//! slot   = epoch, participant, sealed share
//! ```

use core::num::NonZeroUsize;

use quorate_core::{
    DecodeError, Identifier, SuiteId,
    wire::{Encoding, Reader, Writer},
};

use super::{KeyRef, VaultInputError, cosigner::KeyName};
use crate::{sealed::Sealed, store::MAX_VALUE};

/// The most pending shares of one key.
pub(crate) const MAX_PENDING: usize = 16;
const VERSION: u8 = 1;
const SMALLEST_SLOT: usize = 14;

/// What the vault holds of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyRecord {
    pub(crate) suite: SuiteId,
    pub(crate) highest: u64,
    pub(crate) name: Option<KeyName>,
    pub(crate) active: Option<Slot>,
    pub(crate) pending: Vec<Slot>,
}

/// One sealed share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) epoch: u64,
    pub(crate) participant: Identifier,
    pub(crate) sealed: Sealed,
}

impl Slot {
    pub(crate) const fn new(key: &KeyRef, sealed: Sealed) -> Self {
        Self { epoch: key.epoch(), participant: key.participant(), sealed }
    }

    pub(crate) const fn key_ref(&self, key_id: &[u8; 32], suite: SuiteId) -> KeyRef {
        KeyRef::new(*key_id, self.epoch, self.participant, suite)
    }

    pub(crate) const fn check(&self, key: &KeyRef) -> Result<(), VaultInputError> {
        if self.participant.to_u16() == key.participant().to_u16() {
            Ok(())
        } else {
            Err(VaultInputError::OtherParticipant { held: self.participant, given: key.participant() })
        }
    }
}

impl KeyRecord {
    pub(crate) const fn new(suite: SuiteId) -> Self {
        Self { suite, highest: 0, name: None, active: None, pending: Vec::new() }
    }

    /// Whether a share of `key` may be added as pending.
    pub(crate) fn check_new(record: Option<&Self>, key: &KeyRef) -> Result<(), VaultInputError> {
        let Some(record) = record else { return Ok(()) };
        record.check_suite(key)?;
        if record.pending(key.epoch()).is_some() {
            return Err(VaultInputError::PendingExists { epoch: key.epoch() });
        }
        if key.epoch() <= record.highest {
            return Err(VaultInputError::EpochNotNew { given: key.epoch(), highest: record.highest });
        }
        if record.pending.len() >= MAX_PENDING {
            return Err(VaultInputError::TooManyPending { limit: MAX_PENDING });
        }
        Ok(())
    }

    /// Adds a pending share. Others stay: an attempt that others may have completed is given up only for a complete higher one.
    pub(crate) fn add_pending(record: Option<Self>, key: &KeyRef, sealed: Sealed) -> Result<Self, VaultInputError> {
        Self::check_new(record.as_ref(), key)?;
        let mut record = record.unwrap_or_else(|| Self::new(key.suite()));
        record.highest = key.epoch();
        record.pending.push(Slot::new(key, sealed));
        Ok(record)
    }

    /// Whether `key` can be promoted; `true` if it is active already.
    pub(crate) fn check_promotion(&self, key: &KeyRef) -> Result<bool, VaultInputError> {
        self.check_suite(key)?;
        if let Some(active) = self.active.as_ref().filter(|active| active.epoch == key.epoch()) {
            return active.check(key).map(|()| true);
        }
        let pending = self.pending(key.epoch()).ok_or(VaultInputError::NoPendingShare { epoch: key.epoch() })?;
        pending.check(key).map(|()| false)
    }

    /// Makes a pending share the active one, and drops every share of a lower epoch.
    pub(crate) fn promote(mut self, key: &KeyRef, sealed: Sealed) -> Result<Self, VaultInputError> {
        if !self.check_promotion(key)? {
            self.active = Some(Slot::new(key, sealed));
            self.pending.retain(|slot| slot.epoch > key.epoch());
        }
        Ok(self)
    }

    /// Drops the share of one epoch.
    pub(crate) fn remove(mut self, key: &KeyRef) -> Result<Self, VaultInputError> {
        self.check_suite(key)?;
        if key.epoch() > self.highest {
            return Err(VaultInputError::NoPendingShare { epoch: key.epoch() });
        }
        self.slots().filter(|slot| slot.epoch == key.epoch()).try_for_each(|slot| slot.check(key))?;
        self.active = self.active.filter(|slot| slot.epoch != key.epoch());
        self.pending.retain(|slot| slot.epoch != key.epoch());
        Ok(self)
    }

    /// Drops all shares up to an epoch, and refuses these epochs from now on.
    pub(crate) fn retire(mut self, through: u64) -> Self {
        self.highest = self.highest.max(through);
        self.active = self.active.filter(|slot| slot.epoch > through);
        self.pending.retain(|slot| slot.epoch > through);
        self
    }

    pub(crate) fn check_suite(&self, key: &KeyRef) -> Result<(), VaultInputError> {
        if self.suite == key.suite() { Ok(()) } else { Err(VaultInputError::OtherSuite { held: self.suite, given: key.suite() }) }
    }

    pub(crate) fn pending(&self, epoch: u64) -> Option<&Slot> {
        self.pending.iter().find(|slot| slot.epoch == epoch)
    }

    pub(crate) fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.active.iter().chain(&self.pending)
    }

    /// Whether the key of this epoch has nothing left to open. Once true it stays true: a dropped epoch never comes back.
    pub(crate) fn is_dead(&self, epoch: u64) -> bool {
        epoch <= self.highest && self.slots().all(|slot| slot.epoch != epoch)
    }
}

impl Encoding for Slot {
    fn write(&self, out: &mut Writer) {
        out.u64(self.epoch);
        self.participant.write(out);
        out.bytes(&self.sealed.to_bytes());
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (epoch, participant) = (input.u64()?, Identifier::read(input)?);
        Ok(Self { epoch, participant, sealed: Sealed::from_bytes(input.bytes(MAX_VALUE)?)? })
    }
}

impl Encoding for KeyRecord {
    fn write(&self, out: &mut Writer) {
        out.u8(VERSION);
        self.suite.write(out);
        out.u64(self.highest);
        out.option(self.name.as_ref());
        out.option(self.active.as_ref());
        out.sequence(&self.pending);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let version = input.u8()?;
        if version != VERSION {
            return Err(DecodeError::UnsupportedVersion { found: version });
        }
        let record = Self {
            suite: SuiteId::read(input)?,
            highest: input.u64()?,
            name: input.option()?,
            active: input.option()?,
            pending: input.sequence(MAX_PENDING, SMALLEST_SLOT)?,
        };
        let epochs: Vec<u64> = record.slots().map(|slot| slot.epoch).collect();
        let ascending = epochs.is_sorted_by(|a, b| a < b) && epochs.last().is_none_or(|last| *last <= record.highest);
        if ascending { Ok(record) } else { Err(DecodeError::NotCanonical) }
    }
}

/// How many times a change is tried again when someone else was faster.
pub(crate) const ATTEMPTS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(7);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn slot(epoch: u64, body: u8) -> Vec<u8> {
        // Version, kind, fingerprint, a wrapped seed of one byte, nonce, an empty body with its tag.
        let sealed = [&[1, 2][..], &[body; 8], &[0, 1, 9], &[body; 24], &[body; 16]].concat();
        let mut out = Writer::default();
        out.u64(epoch);
        out.u16(3);
        out.bytes(&sealed);
        out.into_bytes()
    }

    fn record(highest: u64, active: Option<u64>, pending: &[u64]) -> Vec<u8> {
        let mut out = Writer::default();
        out.u8(1);
        out.u8(2);
        out.u64(highest);
        out.u8(0);
        out.u8(u8::from(active.is_some()));
        active.iter().for_each(|epoch| out.raw(&slot(*epoch, 7)));
        out.length(pending.len());
        pending.iter().for_each(|epoch| out.raw(&slot(*epoch, 8)));
        out.into_bytes()
    }

    #[test]
    fn decoder_refuses_epochs_in_disorder_or_above_the_highest() {
        assert!(KeyRecord::from_bytes(&record(5, Some(1), &[2, 5])).is_ok());
        assert!(KeyRecord::from_bytes(&record(5, None, &[])).is_ok());
        for (highest, active, pending) in
            [(5, Some(2), &[2][..]), (5, Some(3), &[2]), (5, None, &[4, 3]), (4, None, &[5]), (0, Some(1), &[])]
        {
            assert_eq!(KeyRecord::from_bytes(&record(highest, active, pending)), Err(DecodeError::NotCanonical));
        }
        let many: Vec<u64> = (0..17).collect();
        assert_eq!(KeyRecord::from_bytes(&record(20, None, &many)), Err(DecodeError::TooLong { limit: MAX_PENDING }));
    }

    proptest! {
        #[test]
        fn decoder_accepts_only_what_the_encoder_makes(
            highest in 0..9_u64, active in proptest::option::of(0..9_u64), pending in prop::collection::vec(0..9_u64, 0..4),
            at: prop::sample::Index, with: u8,
        ) {
            let mut bytes = record(highest, active, &pending);
            let at = at.index(bytes.len());
            bytes[at] = with;
            if let Ok(record) = KeyRecord::from_bytes(&bytes) {
                prop_assert_eq!(record.to_bytes(), bytes);
            }
        }
    }
}
