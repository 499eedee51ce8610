//! One record, sealed: readable only with the key-encryption key, for a share also the epoch key, and only in its own place.
//!
//! ```text
//! record = version 1, kind, fingerprint of the binding (8), wrapped seed (u16 length), nonce (24), ciphertext, tag (16)
//! data key = H("data-key"; seed)                      the seed: 32 random bytes a record, wrapped by the key-encryption key
//!          = H("epoch-data-key"; seed, epoch key)     for a share: without either of the two there is no key
//! ```
//!
//! The associated data of the encryption, and the context of the wrapped seed, are the record's [`Binding`]: format version, kind, cosigner,
//! name, and for a share its key id, epoch, participant and suite. Bytes that are copied to another place do not open there. The
//! fingerprint is public and only serves to tell a moved record from a damaged one.
//!
//! With a passphrase a record is 124 bytes longer than its secret.

use core::fmt;

use chacha20poly1305::{AeadInOut, KeyInit, XChaCha20Poly1305};
use quorate_core::{
    DecodeError, PeerId, Secret,
    wire::{Encoding, Reader, Writer},
};
use zeroize::Zeroizing;

use crate::{
    domain,
    kek::{Exchange, KekError, KeyEncryptionKey, MAX_WRAPPED, WrappedKey},
    store::RecordName,
    vault::KeyRef,
};

/// The longest secret that is sealed, in bytes.
pub const MAX_SECRET: usize = 512 << 10;

const VERSION: u8 = 1;
const NONCE: usize = 24;
const TAG: usize = 16;

/// What a sealed record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// The cosigner's identity key.
    Identity,
    /// A share that is stored and not yet certified.
    PendingShare,
    /// A certified share.
    ActiveShare,
    /// The key of one epoch.
    EpochKey,
    /// The vault's own key, which authenticates its public records.
    VaultKey,
}

impl Kind {
    pub(crate) const fn to_u8(self) -> u8 {
        match self {
            Self::Identity => 1,
            Self::PendingShare => 2,
            Self::ActiveShare => 3,
            Self::EpochKey => 4,
            Self::VaultKey => 5,
        }
    }
}

/// All that a sealed record is bound to. It opens under exactly this.
#[derive(Clone, Debug)]
pub struct Binding<'a> {
    kind: Kind,
    cosigner: &'a PeerId,
    name: &'a RecordName,
    key: Option<&'a KeyRef>,
}

impl<'a> Binding<'a> {
    /// Binds to a kind, a cosigner, a record's name, and to a key's share if it is one.
    #[must_use]
    pub const fn new(kind: Kind, cosigner: &'a PeerId, name: &'a RecordName, key: Option<&'a KeyRef>) -> Self {
        Self { kind, cosigner, name, key }
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.u8(VERSION);
        out.u8(self.kind.to_u8());
        self.cosigner.write(&mut out);
        out.bytes(self.name.as_str().as_bytes());
        out.option(self.key);
        out.into_bytes()
    }
}

/// Why a sealed record does not open.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealedError {
    /// The bytes are not a sealed record, or one of another format version.
    #[error("not a sealed record")]
    Format(#[from] DecodeError),
    /// The record was sealed for another place: another name, key, epoch, participant, suite, cosigner or kind.
    #[error("the record belongs to another place; it was moved, or the store mixes up its records")]
    Misplaced,
    /// The record was altered, or its epoch key is another one.
    #[error("the record was altered")]
    Altered,
    /// A secret above [`MAX_SECRET`] bytes.
    #[error("a secret of {length} bytes is above the limit of {MAX_SECRET}")]
    TooLong {
        /// Its length.
        length: usize,
    },
    /// The generator of randomness failed. Nothing was written.
    #[error("the random generator failed")]
    Randomness,
    /// The key-encryption key.
    #[error(transparent)]
    Kek(#[from] KekError),
}

/// A sealed record in memory. Public: it says nothing without its keys.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed {
    kind: u8,
    fingerprint: [u8; 8],
    seed: WrappedKey,
    nonce: [u8; NONCE],
    body: Vec<u8>,
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({} bytes)", self.body.len())
    }
}

impl Sealed {
    /// Seals a secret under fresh keys.
    ///
    /// # Errors
    ///
    /// [`SealedError::TooLong`], [`SealedError::Randomness`], and those of the key-encryption key.
    pub async fn seal(
        secret: &[u8],
        binding: &Binding<'_>,
        kek: &dyn KeyEncryptionKey,
        epoch_key: Option<&Secret<[u8; 32]>>,
    ) -> Result<Self, SealedError> {
        if secret.len() > MAX_SECRET {
            return Err(SealedError::TooLong { length: secret.len() });
        }
        let seed = random_key().ok_or(SealedError::Randomness)?;
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(|_| SealedError::Randomness)?;
        let context = binding.to_bytes();
        // One buffer from the start: growing it would leave a copy of the secret behind.
        let mut body = Zeroizing::new(Vec::with_capacity(secret.len().saturating_add(TAG)));
        body.extend_from_slice(secret);
        cipher(&seed, epoch_key)
            .encrypt_in_place((&nonce).into(), &context, &mut *body)
            .map_err(|_| SealedError::TooLong { length: secret.len() })?;
        let seed = kek.wrap_key(&context, &seed).await?;
        let fingerprint = fingerprint(&context);
        Ok(Self { kind: binding.kind.to_u8(), fingerprint, seed, nonce, body: core::mem::take(&mut *body) })
    }

    /// Opens the record in the place that `binding` says.
    ///
    /// # Errors
    ///
    /// [`SealedError::Misplaced`] if it was sealed for another place, [`SealedError::Altered`] if any bit of it or the epoch key
    /// is different, and those of the key-encryption key, which says [`KekError::Refused`] where its part was altered.
    pub async fn open(
        &self,
        binding: &Binding<'_>,
        kek: &dyn KeyEncryptionKey,
        epoch_key: Option<&Secret<[u8; 32]>>,
    ) -> Result<Zeroizing<Vec<u8>>, SealedError> {
        let context = binding.to_bytes();
        if self.kind != binding.kind.to_u8() || self.fingerprint != fingerprint(&context) {
            return Err(SealedError::Misplaced);
        }
        let seed = kek.unwrap_key(&context, &self.seed).await?;
        let mut secret = Zeroizing::new(self.body.clone());
        cipher(&seed, epoch_key)
            .decrypt_in_place((&self.nonce).into(), &context, &mut *secret)
            .map_err(|_| SealedError::Altered)?;
        Ok(secret)
    }
}

impl Sealed {
    /// The same record with its seed wrapped by another key-encryption key; as it is if that one wraps it already. Its data key stays.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub(crate) async fn rewrap(&self, binding: &Binding<'_>, keks: &Exchange<'_>) -> Result<Self, SealedError> {
        let context = binding.to_bytes();
        if self.kind != binding.kind.to_u8() || self.fingerprint != fingerprint(&context) {
            return Err(SealedError::Misplaced);
        }
        Ok(Self { seed: keks.rewrap(&context, &self.seed).await?, ..self.clone() })
    }
}

impl Encoding for Sealed {
    fn write(&self, out: &mut Writer) {
        out.u8(VERSION);
        out.u8(self.kind);
        out.raw(&self.fingerprint);
        write_wrapped(&self.seed, out);
        out.raw(&self.nonce);
        out.raw(&self.body);
    }

    /// Reads all that is left: the body has no length of its own.
    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let version = input.u8()?;
        if version != VERSION {
            return Err(DecodeError::UnsupportedVersion { found: version });
        }
        let (kind, fingerprint) = (input.u8()?, input.array()?);
        let (seed, nonce) = (read_wrapped(input)?, input.array()?);
        let body = input.raw(input.rest().len())?;
        if body.len() < TAG {
            return Err(DecodeError::Truncated);
        }
        if body.len() > MAX_SECRET.saturating_add(TAG) {
            return Err(DecodeError::TooLong { limit: MAX_SECRET });
        }
        Ok(Self { kind, fingerprint, seed, nonce, body: body.to_vec() })
    }
}

/// Appends a wrapped key with its length.
pub(crate) fn write_wrapped(key: &WrappedKey, out: &mut Writer) {
    // At most MAX_WRAPPED by construction.
    out.u16(u16::try_from(key.as_bytes().len()).unwrap_or(u16::MAX));
    out.raw(key.as_bytes());
}

/// Reads what [`write_wrapped`] wrote.
pub(crate) fn read_wrapped(input: &mut Reader<'_>) -> Result<WrappedKey, DecodeError> {
    let length = usize::from(input.u16()?);
    if length > MAX_WRAPPED {
        return Err(DecodeError::TooLong { limit: MAX_WRAPPED });
    }
    WrappedKey::new(input.raw(length)?.to_vec()).ok_or(DecodeError::InvalidValue("wrapped key"))
}

/// 32 random bytes, or nothing if the generator fails.
pub(crate) fn random_key() -> Option<Secret<[u8; 32]>> {
    let mut key = Secret::new([0; 32]);
    getrandom::fill(key.expose_mut()).ok()?;
    Some(key)
}

fn cipher(seed: &Secret<[u8; 32]>, epoch_key: Option<&Secret<[u8; 32]>>) -> XChaCha20Poly1305 {
    let key = match epoch_key {
        Some(epoch_key) => domain::derive(domain::EPOCH_DATA_KEY, seed, &[epoch_key.expose()]),
        None => domain::derive(domain::DATA_KEY, seed, &[]),
    };
    XChaCha20Poly1305::new(key.expose().into())
}

fn fingerprint(context: &[u8]) -> [u8; 8] {
    let digest = domain::digest(domain::FINGERPRINT, &[context]);
    digest.first_chunk().copied().unwrap_or_default()
}
