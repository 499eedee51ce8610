//! Key-encryption keys: whoever holds one is asked to wrap and unwrap 32-byte keys, and never sees a share.
//!
//! A passphrase is one ([`Passphrase`]), an AES key in a PKCS#11 token another (feature `pkcs11`), a key in AWS KMS a third (feature
//! `aws-kms`), and two of any kind can be needed together ([`Both`]). The context of a wrap says what the key is for; an implementation must refuse to unwrap under any other
//! context, as a key service does with its encryption context.

mod both;
mod exchange;
mod passphrase;

use core::fmt;

use quorate_core::Secret;

pub(crate) use self::exchange::Exchange;
#[cfg(feature = "fuzz-api")]
pub(crate) use self::passphrase::reencode_passphrase_header;
pub use self::{
    both::Both,
    passphrase::{Passphrase, PassphraseParams},
};
use crate::store::{BoxFuture, Location, StoreError};

/// The longest wrapped key in bytes. Key services answer with up to some 250.
pub const MAX_WRAPPED: usize = 512;

/// Wraps and unwraps 32-byte keys.
pub trait KeyEncryptionKey: Send + Sync + fmt::Debug {
    /// Wraps a key, bound to a context of at most 512 public bytes.
    ///
    /// # Errors
    ///
    /// [`KekError`] if the key service does not answer or the generator of randomness fails.
    fn wrap_key<'a>(&'a self, context: &'a [u8], key: &'a Secret<[u8; 32]>) -> BoxFuture<'a, Result<WrappedKey, KekError>>;

    /// Unwraps a key that was wrapped under the same context.
    ///
    /// # Errors
    ///
    /// [`KekError::Refused`] if it was not, or was altered; [`KekError::Unavailable`] if the key service does not answer.
    fn unwrap_key<'a>(&'a self, context: &'a [u8], wrapped: &'a WrappedKey) -> BoxFuture<'a, Result<Secret<[u8; 32]>, KekError>>;
}

/// A key that only its key-encryption key opens; public.
#[derive(Clone, PartialEq, Eq)]
pub struct WrappedKey(Vec<u8>);

impl WrappedKey {
    /// Takes 1 to [`MAX_WRAPPED`] bytes; `None` for any other number.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Option<Self> {
        (1..=MAX_WRAPPED).contains(&bytes.len()).then_some(Self(bytes))
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for WrappedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WrappedKey({} bytes)", self.0.len())
    }
}

/// What can go wrong with a key-encryption key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KekError {
    /// The passphrase is not the one that this store was made with.
    #[error("wrong passphrase for {location}")]
    WrongPassphrase {
        /// The store.
        location: Location,
    },
    /// A passphrase without a character.
    #[error("the passphrase is empty")]
    EmptyPassphrase,
    /// The wrapped key was altered, belongs to another record, or was wrapped by another key-encryption key.
    #[error("the key-encryption key does not open this: it was altered, moved, or wrapped by another key")]
    Refused,
    /// What two key-encryption keys wrap together is too long.
    #[error("the wrapped key is above {MAX_WRAPPED} bytes; a pair of key services must not answer with more than 436 together")]
    TooLong,
    /// The store has no passphrase yet.
    #[error("{location} has no passphrase header; it was never set up, or its header was lost")]
    NoHeader {
        /// The store.
        location: Location,
    },
    /// The store is not empty, so that a new passphrase would lock out what it holds.
    #[error("{location} is in use already; open it with its passphrase, or choose an empty one")]
    NotEmpty {
        /// The store.
        location: Location,
    },
    /// The passphrase header is damaged. It is not the passphrase that is wrong.
    #[error("the passphrase header at {location} is damaged; restore the record kek/passphrase from a backup")]
    HeaderDamaged {
        /// The store.
        location: Location,
    },
    /// Argon2 parameters outside of the range that this program is willing to compute.
    #[error("the passphrase parameters are outside of 8 KiB..=1 GiB of memory, 1..=16 passes, 1..=16 lanes")]
    Parameters,
    /// There is not enough memory to compute the key from the passphrase.
    #[error("not enough memory to compute the key from the passphrase")]
    OutOfMemory,
    /// The generator of randomness failed. Nothing was written.
    #[error("the random generator failed")]
    Randomness,
    /// The key service does not answer, or refuses us.
    #[error("the key service cannot be used")]
    Unavailable {
        /// What it said.
        source: Box<dyn core::error::Error + Send + Sync>,
    },
    /// The store of the header.
    #[error(transparent)]
    Store(#[from] StoreError),
}
