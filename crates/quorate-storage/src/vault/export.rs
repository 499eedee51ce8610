//! The whole state of one key, taken out for a backup and put back from one.
//!
//! What is taken out are decoded records, which checked themselves and wipe themselves. What is put back gets new epoch keys: those
//! of the vault it came from are never copied. One change of one record puts a key back, so that a crash leaves it there or not
//! there, and the same call again finishes what was cut short.

use quorate_core::{SuiteId, wire::Encoding};
use zeroize::Zeroizing;

use super::{
    KeyRef, Record, Vault, VaultError, VaultInputError,
    key_record::{KeyRecord, MAX_PENDING, Slot},
    shares::{decode, key_name},
};
use crate::{
    crash::{self, Point},
    domain,
    sealed::Kind,
    store::RecordName,
};

/// All that a vault holds of one key: `A` is the record of an active share, `P` that of a pending one.
#[derive(Debug)]
#[non_exhaustive]
pub struct KeyExport<A, P> {
    /// The key.
    pub key_id: [u8; 32],
    /// What it is for.
    pub suite: SuiteId,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// The highest epoch that the vault has seen; not below those of the shares.
    pub highest_epoch: u64,
    /// The certified share.
    pub active: Option<(KeyRef, A)>,
    /// The shares that are not certified, by ascending epoch, all above the active one's.
    pub pending: Vec<(KeyRef, P)>,
}

impl<A, P> KeyExport<A, P> {
    /// A key without shares.
    #[must_use]
    pub const fn new(key_id: [u8; 32], suite: SuiteId, highest_epoch: u64) -> Self {
        Self { key_id, suite, name: None, highest_epoch, active: None, pending: Vec::new() }
    }
}

/// What putting a key back did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Imported {
    /// Its shares were stored.
    Stored,
    /// All of it was there already.
    Present,
}

/// One share on its way back.
struct Piece {
    key: KeyRef,
    kind: Kind,
    print: Option<[u8; 32]>,
    secret: Zeroizing<Vec<u8>>,
}

impl Vault {
    /// Takes out all shares of a key. Each has passed its own check.
    ///
    /// # Errors
    ///
    /// [`VaultInputError::UnknownKey`], otherwise as [`load_active`](Self::load_active): one share that does not open fails the whole.
    pub async fn export_key<A: Record, P: Record>(&self, key_id: &[u8; 32]) -> Result<KeyExport<A, P>, VaultError> {
        let mut missing = None;
        loop {
            let (stored, record) = self.known_key(key_id).await?;
            let mut export = KeyExport::new(*key_id, record.suite, record.highest);
            export.name = record.name.as_ref().map(|name| name.as_str().to_owned());
            let mut gone = None;
            for slot in record.slots() {
                let key = slot.key_ref(key_id, record.suite);
                let active = record.active.as_ref() == Some(slot);
                let kind = if active { Kind::ActiveShare } else { Kind::PendingShare };
                match self.open_slot(&stored.name, &key, kind, slot).await? {
                    Some(secret) if active => export.active = Some((key, decode(&stored.name, &key, &secret)?)),
                    Some(secret) => export.pending.push((key, decode(&stored.name, &key, &secret)?)),
                    None => gone = Some(slot.epoch),
                }
            }
            match gone {
                None => return Ok(export),
                // As in loading a share: the key of an epoch may have been destroyed between the two reads, but only once.
                Some(epoch) if missing.replace(epoch) == Some(epoch) => return Err(VaultError::EpochKeyMissing { epoch }),
                Some(_) => {}
            }
        }
    }

    /// Puts a key back, under new epoch keys, into a vault that does not know the key, holds the same shares of it, or is behind.
    /// Nothing that the vault has gone beyond comes back. Its name is not taken: see [`set_name`](Self::set_name).
    ///
    /// It may be called again after an error or a crash.
    ///
    /// # Errors
    ///
    /// [`VaultInputError::EpochNotNew`] for a share of an epoch that this vault has seen and does not hold,
    /// [`VaultInputError::OtherShare`] if it holds another one of that epoch, [`VaultInputError::OtherSuite`],
    /// [`VaultInputError::OtherParticipant`], [`VaultInputError::EpochsInDisorder`], and those of the store and the key-encryption key.
    pub async fn import_key<A: Record, P: Record>(&self, export: &KeyExport<A, P>) -> Result<Imported, VaultError> {
        let name = key_name(&export.key_id)?;
        let found = self.read_key(&export.key_id).await?;
        let known = found.as_ref().map(|(_, record)| record);
        let mut record = known.cloned().unwrap_or_else(|| KeyRecord::new(export.suite));
        for piece in pieces(export) {
            record.check_suite(&piece.key)?;
            let slot = record.slots().find(|slot| slot.epoch == piece.key.epoch()).cloned();
            if let Some(slot) = &slot {
                if self.is_held(&name, &record, slot, &piece).await? {
                    continue;
                }
            } else if let Some(known) = known.filter(|known| piece.key.epoch() <= known.highest) {
                return Err(VaultInputError::EpochNotNew { given: piece.key.epoch(), highest: known.highest }.into());
            }
            crash::point(Point::PutBackBeforeKey);
            let epoch_key = self.new_epoch_key(&piece.key, piece.print).await?;
            let sealed = self.seal(&piece.secret, piece.kind, &piece.key, &epoch_key).await?;
            record = put(record, piece.kind, Slot::new(&piece.key, sealed))?;
        }
        record.highest = record.highest.max(export.highest_epoch);
        // A record that its own decoder refuses must not replace anything.
        KeyRecord::from_bytes(&record.to_bytes()).map_err(|_| VaultInputError::EpochsInDisorder)?;
        if known == Some(&record) {
            self.forget_dead_epochs(&export.key_id, &record).await?;
            return Ok(Imported::Present);
        }
        let value = self.authenticate(&name, record.to_bytes());
        crash::point(Point::PutBackBeforeRecord);
        match &found {
            Some((stored, _)) => self.store.compare_and_swap(&name, &stored.version, &value).await?,
            None => self.store.create(&name, &value).await?,
        };
        crash::point(Point::PutBackAfterRecord);
        self.forget_dead_epochs(&export.key_id, &record).await?;
        Ok(Imported::Stored)
    }

    /// Whether the vault has this share, or its certified form. A pending share whose certified form comes back is not it.
    async fn is_held(&self, name: &RecordName, record: &KeyRecord, slot: &Slot, piece: &Piece) -> Result<bool, VaultError> {
        slot.check(&piece.key)?;
        let held = if record.active.as_ref() == Some(slot) { Kind::ActiveShare } else { Kind::PendingShare };
        if held != piece.kind {
            return Ok(held == Kind::ActiveShare);
        }
        let epoch = slot.epoch;
        let secret = self.open_slot(name, &piece.key, held, slot).await?.ok_or(VaultError::EpochKeyMissing { epoch })?;
        if domain::equal(&secret, &piece.secret) { Ok(true) } else { Err(VaultInputError::OtherShare { epoch }.into()) }
    }
}

/// The active share first, then the pending ones.
fn pieces<A: Record, P: Record>(export: &KeyExport<A, P>) -> Vec<Piece> {
    let named = |key: &KeyRef| KeyRef::new(export.key_id, key.epoch(), key.participant(), export.suite);
    let active = export.active.iter().map(|(key, share)| piece(named(key), Kind::ActiveShare, share));
    let pending = export.pending.iter().map(|(key, share)| piece(named(key), Kind::PendingShare, share));
    active.chain(pending).collect()
}

fn piece<T: Record>(key: KeyRef, kind: Kind, share: &T) -> Piece {
    Piece { key, kind, print: share.print(), secret: share.to_secret_bytes() }
}

/// Adds a share to a record that does not hold it. An active one does away with all below it.
fn put(mut record: KeyRecord, kind: Kind, slot: Slot) -> Result<KeyRecord, VaultInputError> {
    record.highest = record.highest.max(slot.epoch);
    if kind == Kind::ActiveShare {
        record.pending.retain(|pending| pending.epoch > slot.epoch);
        record.active = Some(slot);
    } else if record.pending.len() < MAX_PENDING {
        record.pending.push(slot);
    } else {
        return Err(VaultInputError::TooManyPending { limit: MAX_PENDING });
    }
    Ok(record)
}
