//! Writes a backup, chunk by chunk.

use std::io::Write;

use quorate_core::wire::{Encoding, Writer};
use zeroize::Zeroizing;

use super::{
    BackupError, CHUNK_BYTES, Entry, MAGIC, MAX_CHUNK_KEYS, MAX_PART, Preamble, Recipient, VERSION,
    format::write_entries,
    seal::{seal, secret},
};
use crate::domain;

/// The digest of which keys a backup has, from their ids in ascending order.
#[must_use]
pub fn keys_digest<'a>(ids: impl IntoIterator<Item = &'a [u8; 32]>) -> [u8; 32] {
    // A chain, so that a reader checks it as it goes.
    ids.into_iter().fold([0; 32], |digest, id| domain::digest(domain::BACKUP_KEYS, &[&digest, id]))
}

/// What the shares of a chunk sign.
pub(super) fn statement(preamble: &[u8; 32], index: u64, public: &[u8], sealed: &[u8]) -> [u8; 32] {
    let sealed = domain::digest(domain::BACKUP_SEALED, &[sealed]);
    domain::digest(domain::BACKUP_STATEMENT, &[preamble, &index.to_be_bytes(), public, &sealed])
}

/// Keys on their way into a chunk. Holds secrets, and wipes them.
pub struct ChunkContent {
    entries: Vec<Entry>,
    content: Writer,
}

impl core::fmt::Debug for ChunkContent {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "ChunkContent({} keys)", self.entries.len())
    }
}

impl ChunkContent {
    /// A chunk without keys; the first one of a backup may hold the identity key.
    #[must_use]
    pub fn new(identity: Option<&[u8; 32]>) -> Self {
        let mut content = Writer::default();
        content.option(identity);
        Self { entries: Vec::new(), content }
    }

    /// Adds a key: its name, empty if it has none, and the records of its shares, the active one first.
    pub fn push(&mut self, entry: Entry, name: &str, records: &[Zeroizing<Vec<u8>>]) {
        self.entries.push(entry);
        self.content.bytes(name.as_bytes());
        records.iter().for_each(|record| self.content.bytes(record));
    }

    /// Whether no key should be added any more.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.entries.len() >= MAX_CHUNK_KEYS || self.content.as_bytes().len() >= CHUNK_BYTES
    }

    /// Whether there are no keys in it.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl Drop for ChunkContent {
    fn drop(&mut self) {
        drop(secret(core::mem::take(&mut self.content)));
    }
}

/// A chunk that was encrypted, and waits for the proofs of its shares.
#[derive(Clone, Debug)]
pub struct SealedChunk {
    public: Vec<u8>,
    sealed: Vec<u8>,
    statement: [u8; 32],
}

impl SealedChunk {
    /// What each share of the chunk must sign.
    #[must_use]
    pub const fn statement(&self) -> &[u8; 32] {
        &self.statement
    }
}

/// Writes a backup.
#[derive(Debug)]
pub struct BackupWriter<W> {
    out: W,
    preamble: [u8; 32],
    recipient: Recipient,
    chunks: u64,
}

impl<W: Write> BackupWriter<W> {
    /// Writes the beginning. The recipient must be the preamble's.
    ///
    /// # Errors
    ///
    /// [`BackupError::Io`].
    pub fn new(mut out: W, preamble: &Preamble, recipient: Recipient) -> Result<Self, BackupError> {
        let mut head = Writer::default();
        head.raw(MAGIC);
        head.u8(VERSION);
        head.bytes(&preamble.to_bytes());
        out.write_all(head.as_bytes())?;
        Ok(Self { out, preamble: preamble.digest(), recipient, chunks: 0 })
    }

    /// Encrypts the next chunk. Nothing is written.
    ///
    /// # Errors
    ///
    /// [`BackupError::TooLarge`], [`BackupError::Randomness`].
    pub fn seal(&self, chunk: &ChunkContent) -> Result<SealedChunk, BackupError> {
        let public = write_entries(&chunk.entries);
        if public.len() > MAX_PART {
            return Err(BackupError::TooLarge { length: public.len(), limit: MAX_PART });
        }
        let sealed = seal(chunk.content.as_bytes(), &self.recipient)?;
        let statement = statement(&self.preamble, self.chunks, &public, &sealed);
        Ok(SealedChunk { public, sealed, statement })
    }

    /// Writes a chunk with the proofs of its shares, in the order of [`Entry::slots`].
    ///
    /// # Errors
    ///
    /// [`BackupError::Io`].
    pub fn write(&mut self, chunk: &SealedChunk, proofs: &[Vec<u8>]) -> Result<(), BackupError> {
        let mut out = Writer::default();
        out.bytes(&chunk.public);
        out.bytes(&chunk.sealed);
        proofs.iter().for_each(|proof| out.bytes(proof));
        self.out.write_all(out.as_bytes())?;
        self.chunks = self.chunks.saturating_add(1);
        Ok(())
    }

    /// Gives back what was written to. The caller makes it durable.
    #[must_use]
    pub fn finish(self) -> W {
        self.out
    }
}
