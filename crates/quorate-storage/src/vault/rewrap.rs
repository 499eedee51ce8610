//! Wrapping everything of a vault under another key-encryption key.
//!
//! Only wrapped keys change: the seeds of sealed records, the epoch keys and the vault's own key. No share is opened, and no data key
//! is another afterwards. So a copy of the store from before still opens with the former key-encryption key, for as long as its epoch
//! keys exist: placement counts both until the next reshare has destroyed them. The identity and the vault's own key have no epoch key:
//! an old copy of these, which a store can keep in free pages, logs or versions, opens with the former key-encryption key for ever.
//!
//! An epoch key whose key has no record, left by an attempt that died before it stored anything or since the store was put back to before
//! the key, is not found, and stays under the former key. It opens nothing that is in this store.
//!
//! The header is last. Until it is written the vault opens with the former key and the same call goes on; from then on it opens with
//! the new one and nothing of it needs the former.

use std::sync::Arc;

use quorate_core::{
    Secret,
    wire::{Encoding, Writer},
};

use super::{
    KeyRef, VERSION, Vault, VaultError, VaultInputError,
    cosigner::identity_name,
    epoch_file::EpochFile,
    header_name,
    key_record::{KeyRecord, Slot},
    read_header,
    shares::key_id_of,
};
use crate::{
    domain,
    epoch_key::EpochKeyId,
    kek::{Exchange, KekError, KeyEncryptionKey},
    sealed::{Binding, Kind, Sealed, SealedError, write_wrapped},
    store::{MAX_PAGE, RecordName, Stored},
};

impl Vault {
    /// Has another key-encryption key wrap and unwrap something that opens nothing, as this cosigner's. Writes nothing.
    ///
    /// Before [`rewrap`](Self::rewrap): one that does not serve is found out while there is nothing to undo. It is asked under the binding
    /// of the vault's own key, since a key service may be allowed to this cosigner alone.
    ///
    /// # Errors
    ///
    /// What the key-encryption key says; [`KekError::Refused`] if it unwraps something else than it wrapped.
    pub async fn try_key(&self, kek: &dyn KeyEncryptionKey) -> Result<(), VaultError> {
        let context = Binding::new(Kind::VaultKey, &self.cosigner, &header_name()?, None).to_bytes();
        let mut probe = [0; 32];
        getrandom::fill(&mut probe).map_err(|_| VaultError::Randomness)?;
        let probe = Secret::new(probe);
        let wrapped = kek.wrap_key(&context, &probe).await?;
        let again = kek.unwrap_key(&context, &wrapped).await?;
        if domain::equal(again.expose(), probe.expose()) { Ok(()) } else { Err(KekError::Refused.into()) }
    }

    /// Wraps everything under another key-encryption key, and gives the vault that uses it.
    ///
    /// Nothing else may use the vault meanwhile: a share that is stored under the former key while this runs is found by nobody. After
    /// an error or a crash, open the vault with the former key and call this again; if that one is refused then this had finished.
    ///
    /// # Errors
    ///
    /// [`VaultError::Damaged`] for a record that is not what this vault wrote (restore it first, since nothing will open it later),
    /// [`VaultError::EpochKeyMissing`], what either key-encryption key says, and those of the store.
    pub async fn rewrap(self, to: Arc<dyn KeyEncryptionKey>) -> Result<Self, VaultError> {
        let keks = Exchange { from: &*self.kek, to: &*to };
        self.rewrap_identity(&keks).await?;
        let (keys, mut after) = (RecordName::new("keys")?, None);
        loop {
            let page = self.store.scan(Some(&keys), after.as_ref(), MAX_PAGE).await?;
            for stored in &page.records {
                let key_id = key_id_of(&stored.name).ok_or_else(|| VaultError::Damaged { name: stored.name.clone() })?;
                self.rewrap_key(&key_id, stored, &keks).await?;
            }
            after = page.records.last().map(|stored| stored.name.clone());
            if !page.more {
                break;
            }
        }
        self.rewrap_header(&keks).await?;
        Ok(Self { kek: to, ..self })
    }

    async fn rewrap_identity(&self, keks: &Exchange<'_>) -> Result<(), VaultError> {
        let name = identity_name()?;
        let Some(stored) = self.store.read(&name).await? else { return Ok(()) };
        let sealed = Sealed::from_bytes(&stored.value).map_err(|error| failed(&name, error.into()))?;
        let binding = Binding::new(Kind::Identity, &self.cosigner, &name, None);
        let anew = sealed.rewrap(&binding, keks).await.map_err(|source| failed(&name, source))?;
        self.exchange(&stored, anew.to_bytes()).await
    }

    /// The epoch keys of a key first: a record whose seeds are new says that all of the key is.
    async fn rewrap_key(&self, key_id: &[u8; 32], stored: &Stored, keks: &Exchange<'_>) -> Result<(), VaultError> {
        let record: KeyRecord = self.authentic(stored)?;
        self.forget_dead_epochs(key_id, &record).await?;
        for epoch in self.epoch_keys.epochs(key_id).await? {
            self.rewrap_epoch(&EpochKeyId::new(*key_id, epoch), keks).await?;
        }
        let mut anew = record.clone();
        let kinds = anew.active.iter_mut().map(|slot| (Kind::ActiveShare, slot));
        for (kind, slot) in kinds.chain(anew.pending.iter_mut().map(|slot| (Kind::PendingShare, slot))) {
            let key = slot.key_ref(key_id, record.suite);
            slot.sealed = self.rewrap_slot(&stored.name, &key, kind, slot, keks).await?;
        }
        self.exchange(stored, self.authenticate(&stored.name, anew.to_bytes())).await
    }

    async fn rewrap_slot(
        &self,
        name: &RecordName,
        key: &KeyRef,
        kind: Kind,
        slot: &Slot,
        keks: &Exchange<'_>,
    ) -> Result<Sealed, VaultError> {
        let binding = Binding::new(kind, &self.cosigner, name, Some(key));
        slot.sealed.rewrap(&binding, keks).await.map_err(|source| failed(name, source))
    }

    async fn rewrap_epoch(&self, id: &EpochKeyId, keks: &Exchange<'_>) -> Result<(), VaultError> {
        let name = id.name()?;
        let missing = VaultError::EpochKeyMissing { epoch: id.epoch() };
        let Some(file) = self.epoch_keys.read(id).await? else { return Err(missing) };
        let EpochFile { of, wrapped } = EpochFile::read(&name, &file)?;
        let wrapped = keks.rewrap(&self.epoch_context(id)?, &wrapped).await.map_err(|error| failed(&name, error.into()))?;
        // Also where it is the same: that finishes what a crash cut short.
        if self.epoch_keys.replace(id, &EpochFile { of, wrapped }.to_bytes()).await? { Ok(()) } else { Err(missing) }
    }

    async fn rewrap_header(&self, keks: &Exchange<'_>) -> Result<(), VaultError> {
        let name = header_name()?;
        let none = || VaultInputError::NoVault { location: self.store.location().clone() };
        let stored = self.store.read(&name).await?.ok_or_else(none)?;
        let (cosigner, wrapped) = read_header(&stored.value).map_err(|_| VaultError::Damaged { name: name.clone() })?;
        let context = Binding::new(Kind::VaultKey, &self.cosigner, &name, None).to_bytes();
        let mut header = Writer::default();
        header.u8(VERSION);
        cosigner.write(&mut header);
        write_wrapped(&keks.rewrap(&context, &wrapped).await?, &mut header);
        self.exchange(&stored, header.into_bytes()).await
    }

    async fn exchange(&self, stored: &Stored, value: Vec<u8>) -> Result<(), VaultError> {
        if stored.value != value {
            self.store.compare_and_swap(&stored.name, &stored.version, &value).await?;
        }
        Ok(())
    }
}

fn failed(name: &RecordName, source: SealedError) -> VaultError {
    VaultError::Sealed { name: name.clone(), source }
}
