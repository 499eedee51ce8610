//! Reads a backup, chunk by chunk, with bounds on everything.

use core::str;
use std::io::Read;

use quorate_core::{
    DecodeError,
    wire::{Encoding, Reader},
};
use zeroize::Zeroizing;

use super::{
    BackupError, Entry, MAGIC, MAX_PART, OpeningKeys, Preamble, VERSION,
    format::read_entries,
    seal::open,
    write::{keys_digest, statement},
};
use crate::{domain, sealed::MAX_SECRET};

const MAX_PREAMBLE: usize = 1024;
const MAX_PROOF: usize = 256;
const MAX_NAME: usize = 64;

/// Reads a backup. It is whole, and has the keys that it says, when [`next_chunk`](Self::next_chunk) has answered with nothing.
#[derive(Debug)]
pub struct BackupReader<R> {
    input: R,
    version: u8,
    preamble: Preamble,
    digest: [u8; 32],
    chunks: u64,
    keys: u32,
    keys_digest: [u8; 32],
    last: Option<[u8; 32]>,
}

impl<R: Read> BackupReader<R> {
    /// Reads the beginning.
    ///
    /// # Errors
    ///
    /// [`BackupError::NotABackup`], [`BackupError::UnsupportedVersion`], [`BackupError::Truncated`], [`BackupError::Damaged`].
    pub fn new(mut input: R) -> Result<Self, BackupError> {
        let mut head = [0; 16];
        input.read_exact(&mut head)?;
        let (magic, version) = head.split_at(MAGIC.len());
        if magic != MAGIC {
            return Err(BackupError::NotABackup);
        }
        let version = version.first().copied().unwrap_or_default();
        if !(1..=VERSION).contains(&version) {
            return Err(BackupError::UnsupportedVersion { found: version });
        }
        let preamble = Preamble::from_bytes(&part(&mut input, MAX_PREAMBLE)?)?;
        let digest = preamble.digest();
        Ok(Self { input, version, preamble, digest, chunks: 0, keys: 0, keys_digest: keys_digest([]), last: None })
    }

    /// The beginning. Nothing vouches for it but the proofs of the chunks.
    #[must_use]
    pub const fn preamble(&self) -> &Preamble {
        &self.preamble
    }

    /// Reads the next chunk; nothing behind the last.
    ///
    /// # Errors
    ///
    /// [`BackupError::Truncated`], [`BackupError::Damaged`], [`BackupError::OtherKeys`] if there are other keys than the preamble says,
    /// [`BackupError::Io`].
    pub fn next_chunk(&mut self) -> Result<Option<ReadChunk>, BackupError> {
        if self.keys >= self.preamble.keys {
            return self.end().map(|()| None);
        }
        let public = part(&mut self.input, MAX_PART)?;
        let entries = read_entries(&public, self.version)?;
        let sealed = part(&mut self.input, MAX_PART)?;
        let shares = entries.iter().flat_map(Entry::slots).count();
        let proofs = (0..shares).map(|_| part(&mut self.input, MAX_PROOF)).collect::<Result<_, _>>()?;
        let statement = statement(&self.digest, self.chunks, &public, &sealed);
        let first = self.chunks == 0;
        for entry in &entries {
            if self.last.is_some_and(|last| last >= entry.key_id) {
                return Err(DecodeError::NotCanonical.into());
            }
            self.last = Some(entry.key_id);
            self.keys_digest = domain::digest(domain::BACKUP_KEYS, &[&self.keys_digest, &entry.key_id]);
            self.keys = self.keys.saturating_add(1);
        }
        self.chunks = self.chunks.saturating_add(1);
        let (with_identity, recipient) = (first && self.preamble.with_identity, self.preamble.recipient.clone());
        Ok(Some(ReadChunk { entries, sealed, proofs, statement, with_identity, recipient }))
    }

    fn end(&mut self) -> Result<(), BackupError> {
        if self.keys != self.preamble.keys || self.keys_digest != self.preamble.keys_digest {
            return Err(BackupError::OtherKeys);
        }
        match self.input.read(&mut [0])? {
            0 => Ok(()),
            _ => Err(DecodeError::TrailingBytes.into()),
        }
    }
}

/// A length of at most `limit`, and that many bytes. They are read as they come, not made room for because a length says so.
fn part(input: &mut impl Read, limit: usize) -> Result<Vec<u8>, BackupError> {
    let mut length = [0; 4];
    input.read_exact(&mut length)?;
    let length = Reader::new(&length).length(limit)?;
    let mut bytes = Vec::new();
    let room = u64::try_from(length).unwrap_or(u64::MAX);
    let read = input.by_ref().take(room).read_to_end(&mut bytes).map_err(BackupError::Io)?;
    if read == length { Ok(bytes) } else { Err(BackupError::Truncated) }
}

/// A chunk that was read, and not checked but for its form.
#[derive(Clone, Debug)]
pub struct ReadChunk {
    entries: Vec<Entry>,
    sealed: Vec<u8>,
    proofs: Vec<Vec<u8>>,
    statement: [u8; 32],
    with_identity: bool,
    recipient: String,
}

impl ReadChunk {
    /// What it says of its keys.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The proofs of its shares: of all shares of the first key, then of the second.
    #[must_use]
    pub fn proofs(&self) -> &[Vec<u8>] {
        &self.proofs
    }

    /// What each of its shares must have signed: a digest of the preamble, the chunk's place, its public part, and the digest of its
    /// encrypted part.
    #[must_use]
    pub const fn statement(&self) -> &[u8; 32] {
        &self.statement
    }

    /// Decrypts its shares. Their records are not checked.
    ///
    /// # Errors
    ///
    /// [`BackupError::WrongKey`], [`BackupError::SealedDamaged`], [`BackupError::Damaged`].
    pub fn open(&self, keys: &OpeningKeys) -> Result<OpenedChunk, BackupError> {
        let content = open(&self.sealed, keys, &self.recipient)?;
        let mut input = Reader::new(&content);
        let identity = input.option::<[u8; 32]>()?.map(Zeroizing::new);
        if identity.is_some() != self.with_identity {
            return Err(DecodeError::NotCanonical.into());
        }
        let read = |entry: &Entry| -> Result<OpenedKey, DecodeError> {
            let name = str::from_utf8(input.bytes(MAX_NAME)?).map_err(|_| DecodeError::InvalidValue("key name"))?.to_owned();
            let records = entry.slots().map(|_| Ok(Zeroizing::new(input.bytes(MAX_SECRET)?.to_vec())));
            Ok(OpenedKey { name, records: records.collect::<Result<_, DecodeError>>()? })
        };
        let keys = self.entries.iter().map(read).collect::<Result<_, _>>()?;
        input.finish()?;
        Ok(OpenedChunk { identity, keys })
    }
}

/// The encrypted part of a chunk, decrypted.
#[non_exhaustive]
pub struct OpenedChunk {
    /// The cosigner's identity key.
    pub identity: Option<Zeroizing<[u8; 32]>>,
    /// The keys, in the order of [`ReadChunk::entries`].
    pub keys: Vec<OpenedKey>,
}

/// A key's shares, decrypted.
#[non_exhaustive]
pub struct OpenedKey {
    /// Its name; empty if it has none.
    pub name: String,
    /// The records of its shares, in the order of [`Entry::slots`].
    pub records: Vec<Zeroizing<Vec<u8>>>,
}

impl core::fmt::Debug for OpenedChunk {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "OpenedChunk({} keys)", self.keys.len())
    }
}

impl core::fmt::Debug for OpenedKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "OpenedKey({} shares)", self.records.len())
    }
}
