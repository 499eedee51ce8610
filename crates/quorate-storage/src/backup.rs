//! Backups of a cosigner's shares, encrypted to an age recipient at another provider, and checked without decrypting them.
//!
//! ```text
//! backup   = magic "quorate-backup\n", version 1, bytes(preamble), chunks until the preamble's number of keys is reached
//! preamble = id (32), PeerId, u64 Unix time, location, key domain, bytes(recipient), u8 with identity, u32 keys, digest of their ids (32)
//! chunk    = bytes(public), bytes(sealed), a proof for each share of the chunk: bytes(attestation)
//! public   = seq(entry):   key id (32), suite, u64 highest epoch, option(active slot), seq(pending slots)
//!   slot   = u64 epoch, u16 participant, bytes(public key package), bytes(certificate; empty if pending)
//! sealed   = age file of:  bytes(content), zeros
//! content  = option(bytes(identity key); first chunk only), for each entry: bytes(name), bytes(record) for each of its shares
//! ```
//!
//! The public part is in clear. Every share of a chunk signs the chunk's [statement](ReadChunk::statement), which binds the preamble,
//! the chunk's place, its public part and the digest of its encrypted part: whoever changes one bit needs these shares. The preamble
//! binds which keys there are, so that nothing can be left out either. The proofs are made and checked by the `quorate` crate; this
//! one does not know what a share is.
//!
//! # What is not proved without the recipient's key
//!
//! That the encrypted part holds the shares: its maker could have encrypted anything. With the key every share is checked.
//!
//! # What is not in a backup
//!
//! Epoch keys, key-encryption keys, nonces, presignatures, pairings, the count of starts and the faults of peers. The identity key only if asked for.
//!
//! # Security
//!
//! age does not wipe the buffer of 64 KiB that it encrypts from, so the content is followed by zeros that overwrite it.

mod error;
mod format;
mod read;
mod seal;
mod write;

pub use self::{
    error::BackupError,
    format::{Entry, Preamble, PublicSlot},
    read::{BackupReader, OpenedChunk, OpenedKey, ReadChunk},
    seal::{OpeningKeys, Recipient},
    write::{BackupWriter, ChunkContent, SealedChunk, keys_digest},
};

/// The most keys of one chunk.
pub const MAX_CHUNK_KEYS: usize = 256;
/// A chunk ends with the key with which its content reaches this many bytes.
pub const CHUNK_BYTES: usize = 1 << 20;
/// The most bytes of a chunk's public part, and of its encrypted part: a full chunk and one more key.
pub const MAX_PART: usize = 4 << 20;

const MAGIC: &[u8; 15] = b"quorate-backup\n";
const VERSION: u8 = 2;
