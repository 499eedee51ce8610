//! The public part of a backup: its beginning, and what it says of each key.

use core::str;

use quorate_core::{
    DecodeError, Identifier, PeerId, SuiteId,
    placement::DomainPath,
    wire::{Encoding, Reader, Writer},
};

use super::MAX_CHUNK_KEYS;
use crate::{
    domain,
    sealed::MAX_SECRET,
    vault::{KeyRef, MAX_PENDING},
};

/// The longest recipient in bytes.
const MAX_RECIPIENT: usize = 128;
/// The fewest bytes of an entry: key id, suite, highest epoch, no active slot, no pending ones.
const SMALLEST_ENTRY: usize = 46;
const SMALLEST_SLOT: usize = 18;

/// The beginning of a backup: who made it, when, and for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the format says what is in it; a change is a new version")]
pub struct Preamble {
    /// Random, so that no two backups have the same.
    pub id: [u8; 32],
    /// Whose backup it is, as its maker says.
    pub cosigner: PeerId,
    /// When it was made, in seconds of Unix time, as its maker's clock said.
    pub made: u64,
    /// The failure domain that it was made for.
    pub location: DomainPath,
    /// The failure domain of the recipient's key.
    pub key: DomainPath,
    /// The recipient.
    pub recipient: String,
    /// Whether the cosigner's identity key is in the encrypted part.
    pub with_identity: bool,
    /// How many keys there are.
    pub keys: u32,
    /// The digest of their ids: see [`keys_digest`](super::keys_digest).
    pub keys_digest: [u8; 32],
}

impl Preamble {
    /// What every statement binds.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        domain::digest(domain::BACKUP_PREAMBLE, &[&self.to_bytes()])
    }
}

impl Encoding for Preamble {
    fn write(&self, out: &mut Writer) {
        out.raw(&self.id);
        self.cosigner.write(out);
        out.u64(self.made);
        self.location.write(out);
        self.key.write(out);
        out.bytes(self.recipient.as_bytes());
        out.u8(u8::from(self.with_identity));
        out.u32(self.keys);
        out.raw(&self.keys_digest);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (id, cosigner, made) = (input.array()?, PeerId::read(input)?, input.u64()?);
        let (location, key) = (DomainPath::read(input)?, DomainPath::read(input)?);
        let recipient = input.bytes(MAX_RECIPIENT)?;
        let printable = recipient.iter().all(u8::is_ascii_graphic);
        let text = str::from_utf8(recipient).ok().filter(|text| printable && !text.is_empty());
        let recipient = text.ok_or(DecodeError::InvalidValue("recipient"))?.to_owned();
        let with_identity = match input.u8()? {
            0 => false,
            1 => true,
            _ => return Err(DecodeError::NotCanonical),
        };
        // A backup of nothing would have nobody to vouch for it.
        let keys = Some(input.u32()?).filter(|keys| *keys > 0).ok_or(DecodeError::InvalidValue("number of keys"))?;
        let keys_digest = input.array()?;
        Ok(Self { id, cosigner, made, location, key, recipient, with_identity, keys, keys_digest })
    }
}

/// What a backup says in clear of one share. The records are those of `quorate_core`, not checked here.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the format says what is in it; a change is a new version")]
pub struct PublicSlot {
    /// The epoch.
    pub epoch: u64,
    /// Whose share it is.
    pub participant: Identifier,
    /// The record of the key's public package.
    pub package: Vec<u8>,
    /// The record of its certificate; empty for a share that has none yet.
    pub certificate: Vec<u8>,
}

impl Encoding for PublicSlot {
    fn write(&self, out: &mut Writer) {
        out.u64(self.epoch);
        self.participant.write(out);
        out.bytes(&self.package);
        out.bytes(&self.certificate);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            epoch: input.u64()?,
            participant: Identifier::read(input)?,
            package: input.bytes(MAX_SECRET)?.to_vec(),
            certificate: input.bytes(MAX_SECRET)?.to_vec(),
        })
    }
}

/// What a backup says in clear of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the format says what is in it; a change is a new version")]
pub struct Entry {
    /// The key.
    pub key_id: [u8; 32],
    /// What it is for.
    pub suite: SuiteId,
    /// The highest epoch that the vault had seen.
    pub highest_epoch: u64,
    /// The certified share.
    pub active: Option<PublicSlot>,
    /// The record of the approved amendment that declares the backup, where the placement of the certified share's package does not; empty
    /// otherwise. It stands behind all entries of a chunk, and not with [`Encoding`].
    pub amendment: Vec<u8>,
    /// The shares that were not certified, by ascending epoch.
    pub pending: Vec<PublicSlot>,
}

impl Entry {
    /// All shares, the active one first: the order of the proofs and of the encrypted records.
    pub fn slots(&self) -> impl Iterator<Item = &PublicSlot> {
        self.active.iter().chain(&self.pending)
    }

    /// The name of one of its shares.
    #[must_use]
    pub const fn key_ref(&self, slot: &PublicSlot) -> KeyRef {
        KeyRef::new(self.key_id, slot.epoch, slot.participant, self.suite)
    }
}

impl Encoding for Entry {
    fn write(&self, out: &mut Writer) {
        out.raw(&self.key_id);
        self.suite.write(out);
        out.u64(self.highest_epoch);
        out.option(self.active.as_ref());
        out.sequence(&self.pending);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let entry = Self {
            key_id: input.array()?,
            suite: SuiteId::read(input)?,
            highest_epoch: input.u64()?,
            active: input.option()?,
            amendment: Vec::new(),
            pending: input.sequence(MAX_PENDING, SMALLEST_SLOT)?,
        };
        let epochs: Vec<u64> = entry.slots().map(|slot| slot.epoch).collect();
        let ascending = epochs.is_sorted_by(|a, b| a < b) && epochs.last().is_some_and(|last| *last <= entry.highest_epoch);
        let certified = entry.active.iter().all(|slot| !slot.certificate.is_empty());
        let uncertified = entry.pending.iter().all(|slot| slot.certificate.is_empty());
        if ascending && certified && uncertified { Ok(entry) } else { Err(DecodeError::NotCanonical) }
    }
}

/// The public part of a chunk.
pub(super) fn write_entries(entries: &[Entry]) -> Vec<u8> {
    let mut out = Writer::default();
    out.sequence(entries);
    entries.iter().for_each(|entry| out.bytes(&entry.amendment));
    out.into_bytes()
}

/// Reads what [`write_entries`] wrote: at least one key, by ascending id. Version 1 knew of no amendments.
pub(super) fn read_entries(bytes: &[u8], version: u8) -> Result<Vec<Entry>, DecodeError> {
    let mut input = Reader::new(bytes);
    let mut entries: Vec<Entry> = input.sequence(MAX_CHUNK_KEYS, SMALLEST_ENTRY)?;
    if version > 1 {
        for entry in &mut entries {
            entry.amendment = input.bytes(MAX_SECRET)?.to_vec();
        }
    }
    input.finish()?;
    let ascending = entries.is_sorted_by(|a, b| a.key_id < b.key_id);
    if ascending && !entries.is_empty() { Ok(entries) } else { Err(DecodeError::NotCanonical) }
}
