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
//! # Example
//!
//! ```
//! use std::{convert::Infallible, sync::Arc};
//! use quorate_core::{Identifier, PeerId, SuiteId};
//! use quorate_storage::{KeyRef, MemoryEpochKeys, MemoryStore, Passphrase, Record, Store, Vault, kek::PassphraseParams};
//! use zeroize::Zeroizing;
//!
//! struct Share(Vec<u8>); // a real one checks itself when it is decoded
//! impl Record for Share {
//!     type Error = Infallible;
//!     fn to_secret_bytes(&self) -> Zeroizing<Vec<u8>> {
//!         self.0.clone().into()
//!     }
//!     fn from_secret_bytes(bytes: &[u8], _: Option<&KeyRef>) -> Result<Self, Infallible> {
//!         Ok(Self(bytes.to_vec()))
//!     }
//! }
//!
//! # fn block_on<T>(future: impl Future<Output = T>) -> T {
//! #     let mut future = std::pin::pin!(future);
//! #     loop {
//! #         let mut context = std::task::Context::from_waker(std::task::Waker::noop());
//! #         if let std::task::Poll::Ready(value) = future.as_mut().poll(&mut context) { return value; }
//! #     }
//! # }
//! # fn main() -> Result<(), Box<dyn std::error::Error>> { block_on(async {
//! let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
//! let passphrase = "correct horse battery staple".to_owned().into();
//! let kek = Arc::new(Passphrase::create(&store, passphrase, PassphraseParams::default()).await?);
//! let vault = Vault::create(store, Arc::new(MemoryEpochKeys::default()), kek, PeerId::new([1; 32])).await?;
//!
//! let key = KeyRef::new([7; 32], 0, Identifier::new(1)?, SuiteId::Ed25519);
//! vault.put_pending(&key, &Share(vec![42])).await?; // durable, before the confirmation leaves
//! vault.promote(&key, &Share(vec![42])).await?; // when everyone has confirmed
//! let (_, share) = vault.load_active::<Share>(key.key_id()).await?;
//! assert_eq!(share.0, [42]);
//! # Ok(()) }) }
//! ```
//!
//! # What it does not do
//!
//! A store that is put back to an older state as a whole is not noticed here: only peers remember what was. What they remember is
//! kept here ([`vault::Witnessed`]); asking them, and refusing, is the caller's part.
#![forbid(unsafe_code)]

pub mod audit;
#[cfg(feature = "aws-kms")]
pub mod aws_kms;
#[cfg(feature = "backup")]
pub mod backup;
pub mod conformance;
mod crash;
mod directory;
mod domain;
pub mod epoch_key;
pub mod faults;
#[cfg(feature = "object-store")]
mod http;
pub mod kek;
#[cfg(feature = "pkcs11")]
pub mod pkcs11;
pub mod sealed;
pub mod store;
pub mod stores;
pub mod transfer;
pub mod vault;

pub use audit::{AuditEntry, AuditError, AuditHead, AuditKind, AuditLog};
#[cfg(feature = "aws-kms")]
pub use aws_kms::{AwsKms, AwsKmsOptions};
#[cfg(feature = "crash-points")]
pub use crash::CRASH_POINTS;
pub use epoch_key::{EpochKeyId, EpochKeys, FileEpochKeys, MemoryEpochKeys};
pub use faults::{Faults, Torn};
pub use kek::{Both, KekError, KeyEncryptionKey, Passphrase, WrappedKey};
#[cfg(feature = "pkcs11")]
pub use pkcs11::{Pkcs11, Pkcs11EpochKeys, Token, TokenOptions};
pub use sealed::{Binding, Kind, SealedError};
pub use store::{BoxFuture, Location, Page, RecordName, Store, StoreError, Stored, Version};
pub use stores::MemoryStore;
#[cfg(feature = "redb")]
pub use stores::RedbStore;
#[cfg(feature = "object-store")]
pub use stores::{BucketStore, WriteOnce, object_store::BucketOptions};
#[cfg(feature = "postgres")]
pub use stores::{PostgresStore, postgres::PostgresOptions};
pub use vault::{Imported, KeyExport, KeyPage, KeyRef, KeyState, KeySummary, PeerFaults, Record, SlotInfo, Vault, VaultError};
