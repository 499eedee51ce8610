//! The vault of one cosigner: its identity, and its shares by key and epoch, from pending to active to destroyed.
//!
//! ```text
//!                     put_pending(e)              promote(e)                      promote(f), f > e; retire; destroy
//!   nothing ───────────────────────────▶ pending ────────────▶ active ─────────────────────────────────────▶ destroyed
//!   (an epoch above all seen before)        │                                                                    ▲
//!                                           └──────────────── abort_pending(e), promote(f) ──────────────────────┘
//! ```
//!
//! All of a key's state is in one record that changes by compare-and-swap, so that after a crash at any point the share is
//! readable as pending or as active, never as neither. What a step makes obsolete is destroyed behind it: its epoch key. A step
//! returns only when that destruction is durable; one that a crash cut short is finished by the next step on the key, and by
//! [`Vault::finish_destructions`], which [`Vault::open`] calls.
//!
//! The `quorate` crate calls this. It does not know what a share is, and never hands out bytes that were not checked: see [`Record`].

mod cosigner;
mod epoch_file;
mod error;
mod export;
#[cfg(feature = "fuzz-api")]
#[doc(hidden)]
pub mod fuzz_api;
mod key_record;
mod listing;
mod notes;
mod orphans;
mod peers;
mod rewrap;
mod shares;
mod witness;

use core::fmt;
use std::sync::Arc;

use quorate_core::{
    DecodeError, Identifier, PeerId, Secret, SuiteId,
    wire::{Encoding, Reader, Writer},
};
use zeroize::Zeroizing;

#[cfg(feature = "backup")]
pub(crate) use self::key_record::MAX_PENDING;
pub use self::{
    error::{VaultError, VaultInputError},
    export::{Imported, KeyExport},
    listing::{KeyPage, KeyState, KeySummary, SlotInfo},
    notes::{Change, NotePage, Shelf},
    orphans::Orphan,
    peers::PeerFaults,
    witness::{Alarm, Evidence, Lapse, Stamp, Standing, Verdict, Witnessed},
};
use crate::{
    crash::{self, Point},
    domain,
    epoch_key::{EpochKeys, hex},
    kek::KeyEncryptionKey,
    sealed::{Binding, Kind, random_key, read_wrapped, write_wrapped},
    store::{RecordName, Store, StoreError, Stored},
};

const VERSION: u8 = 1;
const TAG: usize = 32;

/// Which share: the key, the epoch, whose it is, and what it is for. All of it is bound into the sealed record.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyRef {
    key_id: [u8; 32],
    epoch: u64,
    participant: Identifier,
    suite: SuiteId,
}

impl KeyRef {
    /// Names a share.
    #[must_use]
    pub const fn new(key_id: [u8; 32], epoch: u64, participant: Identifier, suite: SuiteId) -> Self {
        Self { key_id, epoch, participant, suite }
    }

    /// The key.
    #[must_use]
    pub const fn key_id(&self) -> &[u8; 32] {
        &self.key_id
    }

    /// The epoch.
    #[must_use]
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Whose share it is.
    #[must_use]
    pub const fn participant(&self) -> Identifier {
        self.participant
    }

    /// What the key is for.
    #[must_use]
    pub const fn suite(&self) -> SuiteId {
        self.suite
    }
}

impl fmt::Debug for KeyRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyRef({}, epoch {}, participant {}, {})", hex(&self.key_id), self.epoch, self.participant, self.suite)
    }
}

impl Encoding for KeyRef {
    fn write(&self, out: &mut Writer) {
        out.raw(&self.key_id);
        out.u64(self.epoch);
        self.participant.write(out);
        self.suite.write(out);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self::new(input.array()?, input.u64()?, Identifier::read(input)?, SuiteId::read(input)?))
    }
}

/// A secret that a vault keeps. Its decoder is the only way out, so that no unchecked share leaves.
pub trait Record: Sized {
    /// What the check can say. It must not repeat secret bytes.
    type Error: core::error::Error + Send + Sync + 'static;

    /// The bytes to seal.
    fn to_secret_bytes(&self) -> Zeroizing<Vec<u8>>;

    /// For a share, something public that stays the same of its key through all epochs and that no other key has. It is kept beside the
    /// epoch key, so that what is left of a key is known again where the store was put back to before it.
    fn print(&self) -> Option<[u8; 32]> {
        None
    }

    /// Decodes and checks: for a share, that it fits its verifying share, and that it is the share of `key`. An identity has no `key`.
    ///
    /// # Errors
    ///
    /// Whatever the record finds wrong.
    fn from_secret_bytes(bytes: &[u8], key: Option<&KeyRef>) -> Result<Self, Self::Error>;
}

/// The vault of one cosigner. Clones share everything.
#[derive(Clone)]
pub struct Vault {
    store: Arc<dyn Store>,
    epoch_keys: Arc<dyn EpochKeys>,
    kek: Arc<dyn KeyEncryptionKey>,
    cosigner: PeerId,
    key: Arc<Secret<[u8; 32]>>,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Vault({:?} at {})", self.cosigner, self.store.location())
    }
}

impl Vault {
    /// Makes the vault of a cosigner in a store that has none.
    ///
    /// # Errors
    ///
    /// [`VaultInputError::VaultExists`] if there is one, [`VaultError::HeaderMissing`] if there are records of a vault that lost
    /// its header, and those of the store and the key-encryption key.
    pub async fn create(
        store: Arc<dyn Store>,
        epoch_keys: Arc<dyn EpochKeys>,
        kek: Arc<dyn KeyEncryptionKey>,
        cosigner: PeerId,
    ) -> Result<Self, VaultError> {
        let location = || store.location().clone();
        let name = header_name()?;
        if store.read(&name).await?.is_some() {
            return Err(VaultInputError::VaultExists { location: location() }.into());
        }
        // Only the header of a passphrase may be there.
        let found = store.scan(None, None, 8).await?;
        if found.records.iter().any(|record| !record.name.as_str().starts_with("kek/")) {
            return Err(VaultError::HeaderMissing { location: location() });
        }
        let key = random_key().ok_or(VaultError::Randomness)?;
        let context = Binding::new(Kind::VaultKey, &cosigner, &name, None).to_bytes();
        let mut header = Writer::default();
        header.u8(VERSION);
        cosigner.write(&mut header);
        write_wrapped(&kek.wrap_key(&context, &key).await?, &mut header);
        crash::point(Point::VaultBeforeHeader);
        let created = store.create(&name, header.as_bytes()).await;
        crash::point(Point::VaultAfterHeader);
        match created {
            Ok(_) => Ok(Self { store, epoch_keys, kek, cosigner, key: Arc::new(key) }),
            Err(StoreError::AlreadyExists { .. }) => Err(VaultInputError::VaultExists { location: location() }.into()),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens the vault of a store, and finishes destructions that a crash cut short.
    ///
    /// # Errors
    ///
    /// Those of [`open_at_once`](Self::open_at_once) and of [`finish_destructions`](Self::finish_destructions).
    pub async fn open(
        store: Arc<dyn Store>,
        epoch_keys: Arc<dyn EpochKeys>,
        kek: Arc<dyn KeyEncryptionKey>,
    ) -> Result<Self, VaultError> {
        let vault = Self::open_at_once(store, epoch_keys, kek).await?;
        let mut after = vault.finish_destructions(None).await?;
        while after.is_some() {
            after = vault.finish_destructions(after.as_ref()).await?;
        }
        Ok(vault)
    }

    /// Opens the vault of a store in the same time however many keys it has. Call [`finish_destructions`](Self::finish_destructions)
    /// page by page behind it: until then keys of former epochs may be there that a crash kept from being destroyed.
    ///
    /// # Errors
    ///
    /// [`VaultInputError::NoVault`] if there is none, [`crate::KekError::Refused`] under another key-encryption key, and those of
    /// the store.
    pub async fn open_at_once(
        store: Arc<dyn Store>,
        epoch_keys: Arc<dyn EpochKeys>,
        kek: Arc<dyn KeyEncryptionKey>,
    ) -> Result<Self, VaultError> {
        let name = header_name()?;
        let Some(header) = store.read(&name).await? else {
            return Err(VaultInputError::NoVault { location: store.location().clone() }.into());
        };
        let (cosigner, wrapped) = read_header(&header.value).map_err(|_| VaultError::Damaged { name: name.clone() })?;
        let context = Binding::new(Kind::VaultKey, &cosigner, &name, None).to_bytes();
        let key = Arc::new(kek.unwrap_key(&context, &wrapped).await?);
        Ok(Self { store, epoch_keys, kek, cosigner, key })
    }

    /// Whose vault it is.
    #[must_use]
    pub const fn cosigner(&self) -> &PeerId {
        &self.cosigner
    }

    pub(crate) fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// Puts the vault's tag behind a public record.
    pub(crate) fn authenticate(&self, name: &RecordName, mut body: Vec<u8>) -> Vec<u8> {
        let tag = self.tag(name, &body);
        body.extend_from_slice(&tag);
        body
    }

    /// Checks the tag of a public record and decodes it.
    pub(crate) fn authentic<T: Encoding>(&self, stored: &Stored) -> Result<T, VaultError> {
        let damaged = || VaultError::Damaged { name: stored.name.clone() };
        let (body, tag) = stored.value.split_last_chunk::<TAG>().ok_or_else(damaged)?;
        if !domain::equal(tag, &self.tag(&stored.name, body)) {
            return Err(damaged());
        }
        T::from_bytes(body).map_err(|_| damaged())
    }

    fn tag(&self, name: &RecordName, body: &[u8]) -> [u8; TAG] {
        domain::tag(domain::PUBLIC_RECORD, &self.key, &[self.cosigner.as_bytes(), name.as_str().as_bytes(), body])
    }
}

fn header_name() -> Result<RecordName, StoreError> {
    RecordName::new("vault")
}

fn read_header(bytes: &[u8]) -> Result<(PeerId, crate::WrappedKey), DecodeError> {
    let mut input = Reader::new(bytes);
    let version = input.u8()?;
    if version != VERSION {
        return Err(DecodeError::UnsupportedVersion { found: version });
    }
    let header = (PeerId::read(&mut input)?, read_wrapped(&mut input)?);
    input.finish()?;
    Ok(header)
}
