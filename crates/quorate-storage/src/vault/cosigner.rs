//! What a cosigner is beside its keys: its identity, how often it started, and what its keys are called.

use core::str;

use quorate_core::{
    DecodeError,
    wire::{Encoding, Reader, Writer},
};

use super::{Record, Vault, VaultError, VaultInputError};
use crate::{
    crash::{self, Point},
    sealed::{Binding, Kind, Sealed},
    store::{RecordName, StoreError},
};

const MAX_KEY_NAME: usize = 64;

/// A key's name: one segment of a record name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyName(Box<str>);

impl KeyName {
    fn new(name: &str) -> Result<Self, VaultInputError> {
        let valid = name.len() <= MAX_KEY_NAME && !name.contains('/') && RecordName::new(name).is_ok();
        if valid { Ok(Self(name.into())) } else { Err(VaultInputError::InvalidName) }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    fn record(&self) -> Result<RecordName, StoreError> {
        RecordName::new(&format!("names/{}", self.0))
    }
}

impl Encoding for KeyName {
    fn write(&self, out: &mut Writer) {
        out.bytes(self.0.as_bytes());
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let invalid = DecodeError::InvalidValue("key name");
        let name = str::from_utf8(input.bytes(MAX_KEY_NAME)?).map_err(|_| invalid)?;
        Self::new(name).map_err(|_| invalid)
    }
}

impl Vault {
    /// Stores the cosigner's identity key, once and for all.
    ///
    /// # Errors
    ///
    /// [`VaultInputError::IdentityExists`] if there is one, and those of the store and the key-encryption key.
    pub async fn store_identity<T: Record>(&self, identity: &T) -> Result<(), VaultError> {
        let secret = identity.to_secret_bytes();
        let name = identity_name()?;
        let binding = Binding::new(Kind::Identity, self.cosigner(), &name, None);
        let sealed = Sealed::seal(&secret, &binding, &*self.kek, None).await;
        let sealed = sealed.map_err(|source| VaultError::Sealed { name: name.clone(), source })?;
        crash::point(Point::IdentityBeforeRecord);
        let created = self.store.create(&name, &sealed.to_bytes()).await;
        crash::point(Point::IdentityAfterRecord);
        match created {
            Ok(_) => Ok(()),
            Err(StoreError::AlreadyExists { .. }) => Err(VaultInputError::IdentityExists.into()),
            Err(error) => Err(error.into()),
        }
    }

    /// Loads the cosigner's identity key.
    ///
    /// # Errors
    ///
    /// [`VaultInputError::NoIdentity`], [`VaultError::Sealed`], [`VaultError::Rejected`], and those of the store.
    pub async fn load_identity<T: Record>(&self) -> Result<T, VaultError> {
        let name = identity_name()?;
        let stored = self.store.read(&name).await?.ok_or(VaultInputError::NoIdentity)?;
        let failed = |source| VaultError::Sealed { name: name.clone(), source };
        let sealed = Sealed::from_bytes(&stored.value).map_err(|error| failed(error.into()))?;
        let binding = Binding::new(Kind::Identity, self.cosigner(), &name, None);
        let secret = sealed.open(&binding, &*self.kek, None).await.map_err(failed)?;
        T::from_secret_bytes(&secret, None).map_err(|error| VaultError::Rejected { name, source: Box::new(error) })
    }

    /// Counts a start of the cosigner and returns its number, from 1. No two starts get the same one.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] if another instance starts at the same moment, and those of the store; a number may then be lost.
    pub async fn begin_boot(&self) -> Result<u64, VaultError> {
        let name = RecordName::new("boot")?;
        let Some(stored) = self.store.read(&name).await? else {
            crash::point(Point::BootBeforeRecord);
            self.store.create(&name, &self.authenticate(&name, 1_u64.to_bytes())).await?;
            crash::point(Point::BootAfterRecord);
            return Ok(1);
        };
        let last: u64 = self.authentic(&stored)?;
        // 2^64 starts do not happen; a number that cannot grow is damage.
        let boot = last.checked_add(1).ok_or_else(|| VaultError::Damaged { name: name.clone() })?;
        let value = self.authenticate(&name, boot.to_bytes());
        crash::point(Point::BootBeforeRecord);
        self.store.compare_and_swap(&name, &stored.version, &value).await?;
        crash::point(Point::BootAfterRecord);
        Ok(boot)
    }

    /// Names a key. The name is public; the key's former name is free again.
    ///
    /// # Errors
    ///
    /// [`VaultInputError::NameTaken`], [`VaultInputError::InvalidName`], [`VaultInputError::UnknownKey`], and those of the store;
    /// it may be called again.
    pub async fn set_name(&self, key_id: &[u8; 32], name: &str) -> Result<(), VaultError> {
        let name = KeyName::new(name)?;
        let (_, before) = self.known_key(key_id).await?;
        crash::point(Point::NameBeforeIndex);
        self.claim_name(key_id, &name).await?;
        crash::point(Point::NameAfterIndex);
        self.update(key_id, |record| {
            let record = record.ok_or(VaultInputError::UnknownKey)?;
            Ok(super::key_record::KeyRecord { name: Some(name.clone()), ..record })
        })
        .await?;
        crash::point(Point::NameAfterRecord);
        if let Some(former) = before.name.filter(|former| *former != name) {
            let former = former.record()?;
            if let Some(stored) = self.store.read(&former).await?
                && self.authentic::<[u8; 32]>(&stored)? == *key_id
            {
                self.store.delete(&former, &stored.version).await?;
            }
        }
        Ok(())
    }

    /// The key of a name.
    ///
    /// # Errors
    ///
    /// [`VaultInputError::UnknownKey`] if no key has it, and those of the store.
    pub async fn key_of_name(&self, name: &str) -> Result<[u8; 32], VaultError> {
        let name = KeyName::new(name)?;
        let stored = self.store.read(&name.record()?).await?.ok_or(VaultInputError::UnknownKey)?;
        let key_id = self.authentic(&stored)?;
        if self.has_name(&key_id, &name).await? { Ok(key_id) } else { Err(VaultInputError::UnknownKey.into()) }
    }

    /// Points a name to a key, unless it is another key's. One that a crash left behind belongs to nobody.
    async fn claim_name(&self, key_id: &[u8; 32], name: &KeyName) -> Result<(), VaultError> {
        let index = name.record()?;
        let value = self.authenticate(&index, key_id.to_vec());
        let Some(stored) = self.store.read(&index).await? else {
            return match self.store.create(&index, &value).await {
                Ok(_) => Ok(()),
                Err(StoreError::AlreadyExists { .. }) => Err(VaultInputError::NameTaken.into()),
                Err(error) => Err(error.into()),
            };
        };
        let holder: [u8; 32] = self.authentic(&stored)?;
        if holder == *key_id {
            return Ok(());
        }
        if self.has_name(&holder, name).await? {
            return Err(VaultInputError::NameTaken.into());
        }
        self.store.compare_and_swap(&index, &stored.version, &value).await?;
        Ok(())
    }

    async fn has_name(&self, key_id: &[u8; 32], name: &KeyName) -> Result<bool, VaultError> {
        Ok(self.read_key(key_id).await?.is_some_and(|(_, record)| record.name.as_ref() == Some(name)))
    }
}

pub(super) fn identity_name() -> Result<RecordName, StoreError> {
    RecordName::new("identity")
}
