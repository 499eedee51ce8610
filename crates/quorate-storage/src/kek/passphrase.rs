//! A key-encryption key from a passphrase, by Argon2id.
//!
//! The passphrase does not wrap records itself. It opens a random root key that the header record `kek/passphrase` holds, so that
//! a change of the passphrase rewrites one record:
//!
//! ```text
//! header = version, 64 MiB / t / p, salt, nonce, root key sealed under H(Argon2id(passphrase, salt)), checksum of all of it
//! ```
//!
//! The checksum, which needs no key, tells a damaged header from a wrong passphrase. The header's parameters are bounded before
//! they are used, so that whoever writes to the store cannot make the cosigner allocate without limit.
//!
//! A passphrase is taken byte for byte, without Unicode normalisation.
//!
//! # Security
//!
//! A thief of the store can try passphrases at his own speed. 64 MiB and three passes make a guess cost about a tenth of a second of one
//! core; six random words are out of reach, a name with a year is not. Whoever has an *old* header and the *old* passphrase has the
//! root key still: a change of passphrase helps against a passphrase that leaks later, not against one that leaked together with the
//! store.

use std::sync::Arc;

use argon2::{Algorithm, Argon2, Block, Params};
use chacha20poly1305::{AeadInOut, KeyInit, XChaCha20Poly1305};
use quorate_core::{
    DecodeError, Secret,
    wire::{Encoding, Reader, Writer},
};
use zeroize::{Zeroize, Zeroizing};

use super::{KekError, KeyEncryptionKey, WrappedKey};
use crate::{
    crash::{self, Point},
    domain,
    store::{BoxFuture, RecordName, Store, StoreError, Stored},
};

const HEADER: &str = "kek/passphrase";
const VERSION: u8 = 1;
const NONCE: usize = 24;
const TAG: usize = 16;
const SEALED: usize = NONCE + 32 + TAG;

/// How much work a guess of the passphrase costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PassphraseParams {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl Default for PassphraseParams {
    /// 64 MiB, 3 passes, 4 lanes: the second recommendation of RFC 9106, section 4.
    fn default() -> Self {
        Self { memory_kib: 64 << 10, passes: 3, lanes: 4 }
    }
}

impl PassphraseParams {
    /// Other parameters.
    ///
    /// # Errors
    ///
    /// [`KekError::Parameters`] outside of 8 KiB per lane to 1 GiB of memory, 1 to 16 passes, 1 to 16 lanes.
    pub const fn new(memory_kib: u32, passes: u32, lanes: u32) -> Result<Self, KekError> {
        let lanes_fit = lanes >= 1 && lanes <= 16;
        if lanes_fit && passes >= 1 && passes <= 16 && memory_kib >= 8 * lanes && memory_kib <= 1 << 20 {
            Ok(Self { memory_kib, passes, lanes })
        } else {
            Err(KekError::Parameters)
        }
    }

    /// A guess costs nothing: for tests, and for nothing else.
    #[doc(hidden)]
    #[must_use]
    pub const fn insecure_fast() -> Self {
        Self { memory_kib: 8, passes: 1, lanes: 1 }
    }
}

/// A [`KeyEncryptionKey`] that a passphrase opens.
#[derive(Debug)]
pub struct Passphrase {
    wrap: Secret<[u8; 32]>,
}

struct Header {
    params: PassphraseParams,
    salt: [u8; 16],
    sealed_root: [u8; SEALED],
}

impl Passphrase {
    /// Sets the passphrase of a store that is still empty.
    ///
    /// # Errors
    ///
    /// [`KekError::NotEmpty`] if the store holds any record, [`KekError::EmptyPassphrase`], and those of the store.
    pub async fn create(
        store: &Arc<dyn Store>,
        passphrase: Zeroizing<String>,
        params: PassphraseParams,
    ) -> Result<Self, KekError> {
        if !store.scan(None, None, 1).await?.records.is_empty() {
            return Err(KekError::NotEmpty { location: store.location().clone() });
        }
        Self::add(store, passphrase, params).await
    }

    /// Sets the passphrase of a store that something else opens, before [`Vault::rewrap`](crate::Vault::rewrap) needs it as well.
    ///
    /// # Errors
    ///
    /// [`KekError::NotEmpty`] if the store has a passphrase, [`KekError::EmptyPassphrase`], and those of the store.
    pub async fn add(store: &Arc<dyn Store>, passphrase: Zeroizing<String>, params: PassphraseParams) -> Result<Self, KekError> {
        let mut root = Secret::new([0; 32]);
        getrandom::fill(root.expose_mut()).map_err(|_| KekError::Randomness)?;
        let header = Header::seal(&root, &passphrase, params)?;
        crash::point(Point::KekBeforeHeader);
        let created = store.create(&header_name()?, &header.to_bytes()).await;
        crash::point(Point::KekAfterHeader);
        match created {
            Ok(_) => Ok(Self::from_root(&root)),
            Err(StoreError::AlreadyExists { .. }) => Err(KekError::NotEmpty { location: store.location().clone() }),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens the store's root key.
    ///
    /// # Errors
    ///
    /// [`KekError::WrongPassphrase`], [`KekError::NoHeader`] if none was set, [`KekError::HeaderDamaged`], and those of the store.
    pub async fn open(store: &Arc<dyn Store>, passphrase: Zeroizing<String>) -> Result<Self, KekError> {
        let (_, root) = open_root(store, &passphrase).await?;
        Ok(Self::from_root(&root))
    }

    /// Replaces the passphrase. Records stay as they are.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open) for the current passphrase and as [`create`](Self::create) for the new one.
    pub async fn change(
        store: &Arc<dyn Store>,
        current: Zeroizing<String>,
        new: Zeroizing<String>,
        params: PassphraseParams,
    ) -> Result<Self, KekError> {
        let (stored, root) = open_root(store, &current).await?;
        let header = Header::seal(&root, &new, params)?;
        store.compare_and_swap(&stored.name, &stored.version, &header.to_bytes()).await?;
        Ok(Self::from_root(&root))
    }

    /// Removes the passphrase of a store that nothing needs any more, once [`Vault::rewrap`](crate::Vault::rewrap) is done.
    /// Whatever it still opens is lost.
    ///
    /// # Errors
    ///
    /// Those of the store.
    pub async fn remove(store: &Arc<dyn Store>) -> Result<(), KekError> {
        if let Some(stored) = store.read(&header_name()?).await? {
            store.delete(&stored.name, &stored.version).await?;
        }
        Ok(())
    }

    fn from_root(root: &Secret<[u8; 32]>) -> Self {
        Self { wrap: domain::derive(domain::PASSPHRASE_WRAP, root, &[]) }
    }
}

async fn open_root(store: &Arc<dyn Store>, passphrase: &str) -> Result<(Stored, Secret<[u8; 32]>), KekError> {
    let location = || store.location().clone();
    let stored = store.read(&header_name()?).await?.ok_or_else(|| KekError::NoHeader { location: location() })?;
    let header = Header::from_bytes(&stored.value).map_err(|_| KekError::HeaderDamaged { location: location() })?;
    let key = header.stretch(passphrase)?;
    let root =
        open_key(&key, &header.clear(), &header.sealed_root).ok_or_else(|| KekError::WrongPassphrase { location: location() })?;
    Ok((stored, root))
}

fn header_name() -> Result<RecordName, KekError> {
    Ok(RecordName::new(HEADER)?)
}

impl Header {
    fn seal(root: &Secret<[u8; 32]>, passphrase: &str, params: PassphraseParams) -> Result<Self, KekError> {
        if passphrase.is_empty() {
            return Err(KekError::EmptyPassphrase);
        }
        let mut salt = [0; 16];
        getrandom::fill(&mut salt).map_err(|_| KekError::Randomness)?;
        let mut header = Self { params, salt, sealed_root: [0; SEALED] };
        let key = header.stretch(passphrase)?;
        let sealed = seal_key(&key, &header.clear(), root)?;
        header.sealed_root = sealed.try_into().map_err(|_| KekError::Refused)?;
        Ok(header)
    }

    fn stretch(&self, passphrase: &str) -> Result<Secret<[u8; 32]>, KekError> {
        let PassphraseParams { memory_kib, passes, lanes } = self.params;
        let params = Params::new(memory_kib, passes, lanes, Some(32)).map_err(|_| KekError::Parameters)?;
        // Our own memory instead of argon2's: it is wiped afterwards, and running out of it is an error.
        let mut memory = Zeroizing::new(Vec::new());
        memory.try_reserve_exact(params.block_count()).map_err(|_| KekError::OutOfMemory)?;
        memory.resize(params.block_count(), Block::new());
        let mut stretched = Secret::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, argon2::Version::V0x13, params)
            .hash_password_into_with_memory(passphrase.as_bytes(), &self.salt, stretched.expose_mut(), memory.as_mut_slice())
            .map_err(|_| KekError::Parameters)?;
        Ok(domain::derive(domain::PASSPHRASE_ROOT, &stretched, &[]))
    }

    /// All before the sealed root key: what its seal is bound to.
    fn clear(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.u8(VERSION);
        out.u32(self.params.memory_kib);
        out.u32(self.params.passes);
        out.u32(self.params.lanes);
        out.raw(&self.salt);
        out.into_bytes()
    }
}

impl Encoding for Header {
    fn write(&self, out: &mut Writer) {
        let clear = self.clear();
        out.raw(&clear);
        out.raw(&self.sealed_root);
        out.raw(&domain::digest(domain::PASSPHRASE_HEADER, &[&clear, &self.sealed_root]));
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let version = input.u8()?;
        if version != VERSION {
            return Err(DecodeError::UnsupportedVersion { found: version });
        }
        let params = PassphraseParams::new(input.u32()?, input.u32()?, input.u32()?);
        let params = params.map_err(|_| DecodeError::InvalidValue("passphrase parameters"))?;
        let header = Self { params, salt: input.array()?, sealed_root: input.array()? };
        let checksum = domain::digest(domain::PASSPHRASE_HEADER, &[&header.clear(), &header.sealed_root]);
        if input.array()? == checksum { Ok(header) } else { Err(DecodeError::InvalidValue("checksum")) }
    }
}

/// For the fuzz targets: decodes a header and encodes it again.
#[cfg(feature = "fuzz-api")]
pub(crate) fn reencode_passphrase_header(bytes: &[u8]) -> Option<Vec<u8>> {
    Header::from_bytes(bytes).ok().map(|header| header.to_bytes())
}

impl KeyEncryptionKey for Passphrase {
    fn wrap_key<'a>(&'a self, context: &'a [u8], key: &'a Secret<[u8; 32]>) -> BoxFuture<'a, Result<WrappedKey, KekError>> {
        Box::pin(async move { WrappedKey::new(seal_key(&self.wrap, context, key)?).ok_or(KekError::Refused) })
    }

    fn unwrap_key<'a>(&'a self, context: &'a [u8], wrapped: &'a WrappedKey) -> BoxFuture<'a, Result<Secret<[u8; 32]>, KekError>> {
        Box::pin(async move { open_key(&self.wrap, context, wrapped.as_bytes()).ok_or(KekError::Refused) })
    }
}

/// Nonce, sealed key, tag.
pub(super) fn seal_key(under: &Secret<[u8; 32]>, context: &[u8], key: &Secret<[u8; 32]>) -> Result<Vec<u8>, KekError> {
    let mut nonce = [0; NONCE];
    getrandom::fill(&mut nonce).map_err(|_| KekError::Randomness)?;
    let mut sealed = Zeroizing::new(*key.expose());
    let cipher = XChaCha20Poly1305::new(under.expose().into());
    let tag =
        cipher.encrypt_inout_detached((&nonce).into(), context, sealed.as_mut_slice().into()).map_err(|_| KekError::Refused)?;
    Ok([nonce.as_slice(), sealed.as_slice(), tag.as_slice()].concat())
}

pub(super) fn open_key(under: &Secret<[u8; 32]>, context: &[u8], sealed: &[u8]) -> Option<Secret<[u8; 32]>> {
    let (nonce, rest) = sealed.split_first_chunk::<NONCE>()?;
    let (body, tag) = rest.split_first_chunk::<32>()?;
    let tag: &[u8; TAG] = tag.try_into().ok()?;
    let mut key = Secret::new(*body);
    let cipher = XChaCha20Poly1305::new(under.expose().into());
    match cipher.decrypt_inout_detached(nonce.into(), context, key.expose_mut().as_mut_slice().into(), tag.into()) {
        Ok(()) => Some(key),
        Err(_) => {
            key.expose_mut().zeroize();
            None
        }
    }
}
