//! Epoch keys: one random key per key and epoch, kept where copies of the store do not reach, and destroyed at promotion.
//!
//! A database keeps old pages, logs, snapshots and backups; deleting a record deletes it from none of them. So every share is also
//! sealed under the key of its epoch, which never enters the record store, and forgetting an epoch means destroying 32 bytes in a
//! place that can forget. What is kept here is itself wrapped by the key-encryption key.
//!
//! # What a place can forget
//!
//! [`FileEpochKeys`] overwrites the file, syncs it, unlinks it and syncs the directory. On a plain file system on a magnetic disk
//! that destroys it. It does **not** where something below keeps copies: a snapshot of the volume or of the virtual machine, a
//! copy-on-write or log-structured file system (btrfs, ZFS, APFS), a journal that records data, the spare blocks of a flash drive,
//! and any backup that includes the directory. Keep the directory `epochs` out of backups and snapshots, on a volume of its own
//! with an encryption key of its own where the disk is not yours, or implement [`EpochKeys`] over something that forgets by design, such as a key service
//! whose keys can be destroyed. What was wrapped by a key-encryption key that is destroyed too is gone in any case.

mod file;
mod memory;

use core::fmt;

pub use self::{file::FileEpochKeys, memory::MemoryEpochKeys};
use crate::store::{BoxFuture, RecordName, StoreError};

/// The longest wrapped epoch key in bytes.
pub const MAX_EPOCH_KEY: usize = 1024;

/// Which epoch of which key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EpochKeyId {
    key_id: [u8; 32],
    epoch: u64,
}

impl EpochKeyId {
    /// Names an epoch of a key.
    #[must_use]
    pub const fn new(key_id: [u8; 32], epoch: u64) -> Self {
        Self { key_id, epoch }
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

    /// The same as a name, `epochs/<key id>/<epoch>`.
    ///
    /// # Errors
    ///
    /// None in practice; the name is valid by construction.
    pub fn name(&self) -> Result<RecordName, StoreError> {
        RecordName::new(&format!("epochs/{}/{}", hex(&self.key_id), self.epoch))
    }
}

impl fmt::Debug for EpochKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EpochKeyId({}, epoch {})", hex(&self.key_id), self.epoch)
    }
}

/// A place for epoch keys that can forget them. Values are opaque, and already wrapped.
pub trait EpochKeys: Send + Sync + fmt::Debug {
    /// Stores an epoch key; durable when it returns.
    ///
    /// # Errors
    ///
    /// [`StoreError::AlreadyExists`] if there is one, and those of the place, after which the outcome is unknown.
    fn create<'a>(&'a self, id: &'a EpochKeyId, wrapped: &'a [u8]) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Reads an epoch key, or nothing if there is none.
    ///
    /// # Errors
    ///
    /// Only those of the place.
    fn read<'a>(&'a self, id: &'a EpochKeyId) -> BoxFuture<'a, Result<Option<Vec<u8>>, StoreError>>;

    /// Puts another wrapping of the same epoch key in place of the one that is there, at once and durably, and destroys the former one
    /// as [`destroy`](Self::destroy) does. Says `false`, and does nothing, if there is none. The same call again finishes what a
    /// crash cut short.
    ///
    /// # Errors
    ///
    /// Only those of the place. Either wrapping may then be there; call again.
    fn replace<'a>(&'a self, id: &'a EpochKeyId, wrapped: &'a [u8]) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// Destroys an epoch key for good; durable when it returns. One that is not there is destroyed already.
    ///
    /// # Errors
    ///
    /// Only those of the place. The key may then be destroyed or not; call again.
    fn destroy<'a>(&'a self, id: &'a EpochKeyId) -> BoxFuture<'a, Result<(), StoreError>>;

    /// The epochs of a key that are there, ascending.
    ///
    /// # Errors
    ///
    /// Only those of the place.
    fn epochs<'a>(&'a self, key_id: &'a [u8; 32]) -> BoxFuture<'a, Result<Vec<u64>, StoreError>>;

    /// The keys of which epochs may be there, each once: all that have one, and perhaps some whose last one was destroyed.
    ///
    /// # Errors
    ///
    /// Only those of the place.
    fn keys(&self) -> BoxFuture<'_, Result<Vec<[u8; 32]>, StoreError>>;
}

pub(crate) const fn bounded(wrapped: &[u8]) -> Result<(), StoreError> {
    if wrapped.len() > MAX_EPOCH_KEY { Err(StoreError::ValueTooLarge { length: wrapped.len() }) } else { Ok(()) }
}

/// The key that these 64 digits name, if they do as [`hex`] would.
pub(crate) fn key_id_from_hex(digits: &str) -> Option<[u8; 32]> {
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    let mut key_id = [0; 32];
    if pairs.len() != key_id.len() || !rest.is_empty() || digits.bytes().any(|digit| !matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
    {
        return None;
    }
    for (byte, pair) in key_id.iter_mut().zip(pairs) {
        *byte = u8::from_str_radix(core::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(key_id)
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
