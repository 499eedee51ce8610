//! Key shares at rest: sealed before they are stored, changed by compare-and-swap only, and forgotten epoch by epoch.
//!
//! ```text
//!            Vault            key shares by (key, epoch): pending -> active -> destroyed, never backwards
//!              |
//!            sealed           one data key a record, bound to the record's whole identity
//!           /  |   \
//!       Store  |   KeyEncryptionKey      who runs the database  |  who runs the key service or knows the passphrase
//!          EpochKeys                     what a copy of the database does not contain, and promotion destroys
//! ```
//!
//! A share can be read by whoever has all three of: the record, the key-encryption key, and the epoch key. Promotion of a new epoch
//! destroys the epoch key of the old one, so that every old page, log, snapshot and backup of the store stays sealed, even for a
//! thief who also has the key-encryption key.
//!
//! The crate knows no protocol: shares are opaque bytes that a [`Record`] encodes, and checks when it decodes them. It knows no
//! network and no executor either: [`Store`], [`EpochKeys`] and [`KeyEncryptionKey`] are object-safe traits with boxed futures, and
//! the implementations here finish on the first poll.
//!
//! # What it does not do
//!
//! A store that is put back to an older state as a whole is not noticed here: only peers remember what was. Refusing it takes the
//! witness of the peers.
#![forbid(unsafe_code)]

pub mod conformance;
mod directory;
mod domain;
pub mod epoch_key;
pub mod faults;
pub mod kek;
pub mod sealed;
pub mod store;
pub mod stores;
pub mod vault;

pub use epoch_key::{EpochKeyId, EpochKeys, FileEpochKeys, MemoryEpochKeys};
pub use faults::{Faults, Torn};
pub use kek::{KekError, KeyEncryptionKey, Passphrase, WrappedKey};
pub use sealed::{Binding, Kind, SealedError};
pub use store::{BoxFuture, Location, Page, RecordName, Store, StoreError, Stored, Version};
pub use stores::MemoryStore;
#[cfg(feature = "redb")]
pub use stores::RedbStore;
pub use vault::{KeyPage, KeyRef, KeyState, KeySummary, Record, SlotInfo, Vault, VaultError};
