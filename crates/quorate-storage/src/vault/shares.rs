//! A share's way through the vault.

use quorate_core::{Secret, wire::Encoding};
use zeroize::Zeroizing;

use super::{
    KeyRef, Record, Vault, VaultError, VaultInputError,
    epoch_file::{EpochFile, OfKey},
    key_record::{ATTEMPTS, KeyRecord, Slot},
};
use crate::{
    crash::{self, Point},
    domain,
    epoch_key::{EpochKeyId, hex, key_id_from_hex},
    sealed::{Binding, Kind, Sealed, SealedError, random_key},
    store::{MAX_PAGE, RecordName, StoreError, Stored},
};

impl Vault {
    /// Stores a share that is not certified yet. Once it returned, the share survives any crash, and its confirmation may leave.
    ///
    /// The active share and other pending ones stay as they are.
    ///
    /// # Errors
    ///
    /// [`VaultInputError::EpochNotNew`] unless the epoch is above all that this vault has seen of the key,
    /// [`VaultInputError::PendingExists`] if this very share was stored before (load it), [`VaultInputError::OtherSuite`] if the
    /// key belongs to another suite, and those of the store. After an error of the store the share may be stored or not.
    pub async fn put_pending<T: Record>(&self, key: &KeyRef, share: &T) -> Result<(), VaultError> {
        let secret = share.to_secret_bytes();
        let found = self.read_key(key.key_id()).await?;
        KeyRecord::check_new(found.as_ref().map(|(_, record)| record), key)?;
        crash::point(Point::PutPendingBeforeKey);
        let epoch_key = self.new_epoch_key(key, share.print()).await?;
        let sealed = self.seal(&secret, Kind::PendingShare, key, &epoch_key).await?;
        crash::point(Point::PutPendingBeforeRecord);
        self.update(key.key_id(), |record| Ok(KeyRecord::add_pending(record, key, sealed.clone())?)).await?;
        crash::point(Point::PutPendingAfterRecord);
        Ok(())
    }

    /// Makes a pending share the active one, and destroys every lower epoch of the key.
    ///
    /// `share` is the certified form of what is pending. When this returns, the lower epochs' keys are destroyed, durably. It may
    /// be called again after an error or a crash, also when the share is active already: it then finishes the destruction.
    ///
    /// # Errors
    ///
    /// [`VaultInputError::NoPendingShare`] if that epoch is not pending, and those of the store and the key-encryption key.
    pub async fn promote<T: Record>(&self, key: &KeyRef, share: &T) -> Result<(), VaultError> {
        let secret = share.to_secret_bytes();
        let (_, record) = self.known_key(key.key_id()).await?;
        let record = if record.check_promotion(key)? {
            record
        } else {
            let epoch_key = self.epoch_key(key).await?.ok_or(VaultError::EpochKeyMissing { epoch: key.epoch() })?;
            let sealed = self.seal(&secret, Kind::ActiveShare, key, &epoch_key).await?;
            crash::point(Point::PromoteBeforeRecord);
            self.update(key.key_id(), |record| Ok(known(record)?.promote(key, sealed.clone())?)).await?
        };
        crash::point(Point::PromoteAfterRecord);
        self.forget_dead_epochs(key.key_id(), &record).await?;
        crash::point(Point::PromoteAfterDestroy);
        Ok(())
    }

    /// Loads the active share of a key.
    ///
    /// # Errors
    ///
    /// [`VaultInputError::NoActiveShare`], [`VaultInputError::UnknownKey`], [`VaultError::Rejected`] if the share's own check
    /// refuses it, and what says that its record, its epoch key or the key-encryption key is not what it was.
    pub async fn load_active<T: Record>(&self, key_id: &[u8; 32]) -> Result<(KeyRef, T), VaultError> {
        let find = |record: &KeyRecord| record.active.clone().ok_or(VaultInputError::NoActiveShare);
        self.load(key_id, Kind::ActiveShare, find).await
    }

    /// Loads a pending share.
    ///
    /// # Errors
    ///
    /// [`VaultInputError::NoPendingShare`], otherwise as [`load_active`](Self::load_active).
    pub async fn load_pending<T: Record>(&self, key_id: &[u8; 32], epoch: u64) -> Result<(KeyRef, T), VaultError> {
        let find = |record: &KeyRecord| record.pending(epoch).cloned().ok_or(VaultInputError::NoPendingShare { epoch });
        self.load(key_id, Kind::PendingShare, find).await
    }

    /// Gives up a pending share and destroys its epoch key. The epoch's number stays used.
    ///
    /// # Security
    ///
    /// Only for a share whose confirmation never left. Others may complete an epoch that was confirmed, and then need this share:
    /// such a one is given up by [`promote`](Self::promote) or [`retire`](Self::retire) with a complete higher certificate.
    ///
    /// # Errors
    ///
    /// [`VaultInputError::AlreadyActive`] if it is active, and those of the store. It may be called again.
    pub async fn abort_pending(&self, key: &KeyRef) -> Result<(), VaultError> {
        self.remove(key, true).await
    }

    /// Destroys one share, pending or active, and its epoch key. The record stays as a tombstone: neither its suite nor its epochs
    /// can be used again.
    ///
    /// # Errors
    ///
    /// [`VaultInputError::UnknownKey`], and those of the store. It may be called again.
    pub async fn destroy(&self, key: &KeyRef) -> Result<(), VaultError> {
        self.remove(key, false).await
    }

    /// Destroys all shares of a key up to an epoch, whose complete certificate does without this cosigner.
    ///
    /// # Errors
    ///
    /// [`VaultInputError::UnknownKey`], and those of the store. It may be called again.
    pub async fn retire(&self, key_id: &[u8; 32], through: u64) -> Result<(), VaultError> {
        crash::point(Point::RetireBeforeRecord);
        let record = self.update(key_id, |record| Ok(known(record)?.retire(through))).await?;
        crash::point(Point::RetireAfterRecord);
        self.forget_dead_epochs(key_id, &record).await?;
        crash::point(Point::RetireAfterDestroy);
        Ok(())
    }

    /// Whether the key of an epoch is there, without opening anything with it.
    ///
    /// # Errors
    ///
    /// Those of the place of the epoch keys.
    pub async fn has_epoch_key(&self, key_id: &[u8; 32], epoch: u64) -> Result<bool, VaultError> {
        Ok(self.epoch_keys.read(&EpochKeyId::new(*key_id, epoch)).await?.is_some())
    }

    /// Finishes the destruction of what a step made obsolete, where the place of the epoch keys failed in it.
    ///
    /// # Errors
    ///
    /// [`VaultInputError::UnknownKey`], and those of the store. It may be called again.
    pub async fn finish_destruction(&self, key_id: &[u8; 32]) -> Result<(), VaultError> {
        let (_, record) = self.known_key(key_id).await?;
        self.forget_dead_epochs(key_id, &record).await
    }

    async fn remove(&self, key: &KeyRef, only_pending: bool) -> Result<(), VaultError> {
        let removal = |record: Option<KeyRecord>| {
            let record = known(record)?;
            if only_pending && record.active.as_ref().is_some_and(|active| active.epoch == key.epoch()) {
                return Err(VaultInputError::AlreadyActive { epoch: key.epoch() }.into());
            }
            Ok(record.remove(key)?)
        };
        let record = self.update(key.key_id(), removal).await?;
        self.forget_dead_epochs(key.key_id(), &record).await
    }

    async fn load<T: Record>(
        &self,
        key_id: &[u8; 32],
        kind: Kind,
        find: impl Fn(&KeyRecord) -> Result<Slot, VaultInputError> + Send + Sync,
    ) -> Result<(KeyRef, T), VaultError> {
        let mut missing = None;
        loop {
            let (stored, record) = self.known_key(key_id).await?;
            let slot = find(&record)?;
            let key = slot.key_ref(key_id, record.suite);
            if let Some(secret) = self.open_slot(&stored.name, &key, kind, &slot).await? {
                return Ok((key, decode(&stored.name, &key, &secret)?));
            }
            // A promotion may have come between the two reads. The same record twice without its epoch key is a loss.
            if missing.replace(slot.epoch) == Some(slot.epoch) {
                return Err(VaultError::EpochKeyMissing { epoch: slot.epoch });
            }
        }
    }

    /// The secret of a slot; nothing if its epoch key is gone.
    pub(super) async fn open_slot(
        &self,
        name: &RecordName,
        key: &KeyRef,
        kind: Kind,
        slot: &Slot,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, VaultError> {
        let Some(epoch_key) = self.epoch_key(key).await? else { return Ok(None) };
        let binding = Binding::new(kind, &self.cosigner, name, Some(key));
        let opened = slot.sealed.open(&binding, &*self.kek, Some(&epoch_key)).await;
        opened.map(Some).map_err(|source| sealed_error(name, source))
    }

    /// Seals, and opens again what it sealed: a key service that wraps wrongly must not cost the share that this one replaces.
    pub(super) async fn seal(
        &self,
        secret: &[u8],
        kind: Kind,
        key: &KeyRef,
        epoch_key: &Secret<[u8; 32]>,
    ) -> Result<Sealed, VaultError> {
        let name = key_name(key.key_id())?;
        let binding = Binding::new(kind, &self.cosigner, &name, Some(key));
        let error = |source| sealed_error(&name, source);
        let sealed = Sealed::seal(secret, &binding, &*self.kek, Some(epoch_key)).await.map_err(error)?;
        let opened = sealed.open(&binding, &*self.kek, Some(epoch_key)).await.map_err(error)?;
        if domain::equal(&opened, secret) { Ok(sealed) } else { Err(error(SealedError::Altered)) }
    }

    /// Makes the key of a new epoch, or takes the one that is there while no share of the epoch is.
    pub(super) async fn new_epoch_key(&self, key: &KeyRef, print: Option<[u8; 32]>) -> Result<Secret<[u8; 32]>, VaultError> {
        let id = EpochKeyId::new(*key.key_id(), key.epoch());
        let epoch_key = random_key().ok_or(VaultError::Randomness)?;
        let wrapped = self.kek.wrap_key(&self.epoch_context(&id)?, &epoch_key).await?;
        let file = EpochFile { of: print.map(|print| OfKey { suite: key.suite(), print }), wrapped };
        match self.epoch_keys.create(&id, &file.to_bytes()).await {
            Ok(()) => Ok(epoch_key),
            // Left by an attempt that died, or made by another task just now. It has opened nothing else, so both may use it.
            Err(StoreError::AlreadyExists { .. }) => {
                self.epoch_key(key).await?.ok_or(VaultError::EpochKeyMissing { epoch: key.epoch() })
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn epoch_key(&self, key: &KeyRef) -> Result<Option<Secret<[u8; 32]>>, VaultError> {
        let id = EpochKeyId::new(*key.key_id(), key.epoch());
        let Some(file) = self.epoch_keys.read(&id).await? else { return Ok(None) };
        let name = id.name()?;
        let EpochFile { wrapped, .. } = EpochFile::read(&name, &file)?;
        let unwrapped = self.kek.unwrap_key(&self.epoch_context(&id)?, &wrapped).await;
        unwrapped.map(Some).map_err(|error| sealed_error(&name, error.into()))
    }

    pub(super) fn epoch_context(&self, id: &EpochKeyId) -> Result<Vec<u8>, VaultError> {
        Ok(Binding::new(Kind::EpochKey, &self.cosigner, &id.name()?, None).to_bytes())
    }

    /// Finishes the destructions that a crash cut short, of the keys on one page of records behind `after`, and says where the next page begins;
    /// nothing behind the last. Damaged records are left alone: listing shows them. It may run beside everything else that is done with the
    /// vault: an epoch that is dead once stays so.
    ///
    /// # Errors
    ///
    /// Those of the store and of the place of the epoch keys. The same call again goes on.
    pub async fn finish_destructions(&self, after: Option<&RecordName>) -> Result<Option<RecordName>, VaultError> {
        let page = self.store.scan(Some(&RecordName::new("keys")?), after, MAX_PAGE).await?;
        for stored in &page.records {
            if let (Some(key_id), Ok(record)) = (key_id_of(&stored.name), self.authentic::<KeyRecord>(stored)) {
                self.forget_dead_epochs(&key_id, &record).await?;
            }
        }
        Ok(page.records.last().filter(|_| page.more).map(|stored| stored.name.clone()))
    }

    pub(super) async fn forget_dead_epochs(&self, key_id: &[u8; 32], record: &KeyRecord) -> Result<(), VaultError> {
        for epoch in self.epoch_keys.epochs(key_id).await? {
            if record.is_dead(epoch) {
                self.epoch_keys.destroy(&EpochKeyId::new(*key_id, epoch)).await?;
            }
        }
        Ok(())
    }

    pub(super) async fn read_key(&self, key_id: &[u8; 32]) -> Result<Option<(Stored, KeyRecord)>, VaultError> {
        let Some(stored) = self.store.read(&key_name(key_id)?).await? else { return Ok(None) };
        let record = self.authentic(&stored)?;
        Ok(Some((stored, record)))
    }

    pub(super) async fn known_key(&self, key_id: &[u8; 32]) -> Result<(Stored, KeyRecord), VaultError> {
        Ok(self.read_key(key_id).await?.ok_or(VaultInputError::UnknownKey)?)
    }

    /// Changes the record of a key by compare-and-swap, again if someone else was faster, and returns what it is now.
    pub(super) async fn update(
        &self,
        key_id: &[u8; 32],
        change: impl Fn(Option<KeyRecord>) -> Result<KeyRecord, VaultError> + Send + Sync,
    ) -> Result<KeyRecord, VaultError> {
        let name = key_name(key_id)?;
        for _ in 0..ATTEMPTS.get() {
            let found = self.read_key(key_id).await?;
            let record = change(found.as_ref().map(|(_, record)| record.clone()))?;
            let written = match &found {
                Some((_, old)) if *old == record => return Ok(record),
                Some((stored, _)) => {
                    let value = self.authenticate(&name, record.to_bytes());
                    self.store.compare_and_swap(&name, &stored.version, &value).await
                }
                None => self.store.create(&name, &self.authenticate(&name, record.to_bytes())).await,
            };
            match written {
                Ok(_) => return Ok(record),
                Err(StoreError::Conflict { .. } | StoreError::AlreadyExists { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Conflict { name }.into())
    }
}

fn known(record: Option<KeyRecord>) -> Result<KeyRecord, VaultError> {
    Ok(record.ok_or(VaultInputError::UnknownKey)?)
}

/// Decodes a secret, which checks itself.
pub(super) fn decode<T: Record>(name: &RecordName, key: &KeyRef, secret: &[u8]) -> Result<T, VaultError> {
    T::from_secret_bytes(secret, Some(key)).map_err(|error| VaultError::Rejected { name: name.clone(), source: Box::new(error) })
}

fn sealed_error(name: &RecordName, source: SealedError) -> VaultError {
    VaultError::Sealed { name: name.clone(), source }
}

pub(super) fn key_name(key_id: &[u8; 32]) -> Result<RecordName, StoreError> {
    RecordName::new(&format!("keys/{}", hex(key_id)))
}

/// The key that a record's name says, if it is one.
pub(super) fn key_id_of(name: &RecordName) -> Option<[u8; 32]> {
    key_id_from_hex(name.as_str().strip_prefix("keys/")?)
}
