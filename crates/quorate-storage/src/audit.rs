//! The audit log of one cosigner: what it decided and did, each entry bound to all before it, durable before the next step.
//!
//! ```text
//! audit/00000000000000000001   previous = start   entry   tag          digest 1 = H(start, 1, entry)
//! audit/00000000000000000002   previous = digest 1   entry   tag       digest 2 = H(digest 1, 2, entry)
//! ...
//! audit-head                   sequence, digest, tag: where the log was some entries ago at least
//! ```
//!
//! An entry is created and never overwritten. Its tag is by the vault's key, over its name too, so that nobody without that key
//! alters, invents or moves one; its `previous` binds everything before it, so that none is exchanged for one of another history.
//! The head record says how far the log went at least: entries that are missing below it were removed. What lies above it, at most
//! [`HEAD_EVERY`] entries, can be cut off together with an older head record by whoever writes to the store; only someone who saw
//! a later head notices that, a running cosigner itself or its [witnesses](crate::vault::Stamp).
//!
//! Nothing of it is secret, and nothing secret may be put in.
//!
//! # One writer
//!
//! [`Vault::audit`] gives the log, which moves into whoever writes: a second writer finds the record of its next entry there, and is
//! told so by [`AuditError::TwoWriters`]. An entry whose write failed with an unknown outcome is looked for before the next one.

mod entry;
mod read;

use quorate_core::{
    DecodeError,
    wire::{Encoding, Reader, Writer},
};

use self::read::Chain;
pub use self::{
    entry::{AuditEntry, AuditKind, MAX_REASON},
    read::{AuditLine, AuditPage},
};
use crate::{
    crash::{self, Point},
    domain,
    epoch_key::hex,
    store::{RecordName, StoreError},
    vault::Vault,
};

/// After how many entries the head record is written again.
pub const HEAD_EVERY: u64 = 32;
const VERSION: u8 = 1;
const HEAD: &str = "audit-head";

/// How far a log goes: the number of its last entry, and the digest of all of them.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct AuditHead {
    /// The number of the last entry, from 1; 0 if there is none.
    pub sequence: u64,
    /// The digest of the last entry, which binds all before it.
    pub digest: [u8; 32],
}

impl AuditHead {
    /// Names a head.
    #[must_use]
    pub const fn new(sequence: u64, digest: [u8; 32]) -> Self {
        Self { sequence, digest }
    }
}

impl core::fmt::Debug for AuditHead {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "AuditHead({}, {})", self.sequence, hex(&self.digest))
    }
}

impl Encoding for AuditHead {
    fn write(&self, out: &mut Writer) {
        out.u64(self.sequence);
        out.raw(&self.digest);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { sequence: input.u64()?, digest: input.array()? })
    }
}

/// What can be wrong with an audit log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// The store does not serve. Whether an entry was written is unknown; the log finds out before the next one.
    #[error("the audit log cannot be read or written")]
    Store(#[from] StoreError),
    /// An entry is gone from the middle.
    #[error("entry {sequence} of the audit log is missing, and later ones are there; someone removed it")]
    Missing {
        /// Its number.
        sequence: u64,
    },
    /// The end of the log is gone.
    #[error(
        "the audit log ends before entry {sequence}, and had {head} entries; someone removed its end, or put back an older copy"
    )]
    Removed {
        /// The first entry that is missing.
        sequence: u64,
        /// How many there were at least.
        head: u64,
    },
    /// An entry was changed, or put in another's place.
    #[error("entry {sequence} of the audit log was altered or moved")]
    Altered {
        /// Its number.
        sequence: u64,
    },
    /// An entry that this vault wrote, and not after the one before it.
    #[error("entry {sequence} of the audit log does not follow from the one before; it is of another history of this vault")]
    OtherHistory {
        /// Its number.
        sequence: u64,
    },
    /// A record among the entries that is none.
    #[error("record {name} is no entry of the audit log; someone put it there")]
    Foreign {
        /// The record.
        name: RecordName,
    },
    /// The head record was changed.
    #[error("the head record of the audit log was altered")]
    HeadAltered,
    /// Another writer was faster.
    #[error(
        "another running instance wrote entry {sequence} of this audit log; stop one of the two, two copies of one cosigner must never run"
    )]
    TwoWriters {
        /// The entry's number.
        sequence: u64,
    },
}

/// The body of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AuditRecord {
    previous: [u8; 32],
    entry: AuditEntry,
}

impl AuditRecord {
    /// The digest of this entry and all before it.
    fn digest(&self, sequence: u64) -> [u8; 32] {
        domain::digest(domain::AUDIT_ENTRY, &[&self.previous, &sequence.to_be_bytes(), &self.entry.to_bytes()])
    }
}

impl Encoding for AuditRecord {
    fn write(&self, out: &mut Writer) {
        out.u8(VERSION);
        out.raw(&self.previous);
        self.entry.write(out);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let version = input.u8()?;
        if version != VERSION {
            return Err(DecodeError::UnsupportedVersion { found: version });
        }
        Ok(Self { previous: input.array()?, entry: AuditEntry::read(input)? })
    }
}

fn entry_name(sequence: u64) -> Result<RecordName, StoreError> {
    RecordName::new(&format!("audit/{sequence:020}"))
}

/// The writer of a cosigner's audit log.
#[derive(Debug)]
pub struct AuditLog {
    vault: Vault,
    head: AuditHead,
    /// An entry of which nobody knows whether it was written.
    unsure: Option<(Vec<u8>, AuditHead)>,
    /// The entry that another writer wrote.
    taken: Option<u64>,
}

impl Vault {
    /// Opens the audit log, finds its end and checks that: what was written since the head record.
    ///
    /// # Errors
    ///
    /// [`AuditError`] if the end of the log is not as it was written, or the store does not serve.
    pub async fn audit(&self) -> Result<AuditLog, AuditError> {
        let known = self.audit_head_record().await?;
        let mut chain = Chain { head: known };
        match self.audit_digest(known.sequence).await? {
            None => return Err(AuditError::Removed { sequence: known.sequence, head: known.sequence }),
            Some(digest) if digest != known.digest => return Err(AuditError::OtherHistory { sequence: known.sequence }),
            Some(_) => {}
        }
        while chain.follow_page(self, |_| ()).await? {}
        let log = AuditLog { vault: self.clone(), head: chain.head, unsure: None, taken: None };
        if log.head.sequence > known.sequence {
            log.save_head().await;
        }
        Ok(log)
    }
}

impl AuditLog {
    /// How far the log goes: all that is durable for certain.
    #[must_use]
    pub const fn head(&self) -> AuditHead {
        self.head
    }

    /// Writes an entry. It is durable when this returns.
    ///
    /// # Errors
    ///
    /// [`AuditError::TwoWriters`] from the moment on that another instance wrote to the log, and [`AuditError::Store`]: the entry may
    /// be there or not then, and the log may be written to again.
    pub async fn append(&mut self, entry: &AuditEntry) -> Result<AuditHead, AuditError> {
        self.settle().await?;
        let sequence = self.head.sequence.saturating_add(1);
        let record = AuditRecord { previous: self.head.digest, entry: entry.clone() };
        let head = AuditHead { sequence, digest: record.digest(sequence) };
        let name = entry_name(sequence)?;
        let value = self.vault.authenticate(&name, record.to_bytes());
        // Before the write, so that a caller who no longer waits leaves the log in a state that it can go on from.
        let (value, _) = self.unsure.insert((value, head));
        crash::point(Point::AuditBeforeEntry);
        match self.vault.store().create(&name, value).await {
            Ok(_) => crash::point(Point::AuditAfterEntry),
            Err(StoreError::AlreadyExists { .. }) => {
                self.unsure = None;
                self.taken = Some(sequence);
                return Err(AuditError::TwoWriters { sequence });
            }
            Err(error) => return Err(error.into()),
        }
        self.unsure = None;
        self.head = head;
        if sequence.is_multiple_of(HEAD_EVERY) {
            self.save_head().await;
        }
        Ok(head)
    }

    /// Finds out whether an entry was written whose write failed.
    async fn settle(&mut self) -> Result<(), AuditError> {
        if let Some(sequence) = self.taken {
            return Err(AuditError::TwoWriters { sequence });
        }
        let Some((value, head)) = &self.unsure else { return Ok(()) };
        match self.vault.store().read(&entry_name(head.sequence)?).await? {
            Some(stored) if stored.value == *value => self.head = *head,
            Some(_) => {
                let sequence = head.sequence;
                self.taken = Some(sequence);
                return Err(AuditError::TwoWriters { sequence });
            }
            None => {}
        }
        self.unsure = None;
        Ok(())
    }

    /// Writes the head record, for whoever stops. Nothing depends on it but how soon a removed end is noticed, and how long the next
    /// start looks for the end.
    pub async fn save_head(&self) {
        let saved = async {
            let name = RecordName::new(HEAD)?;
            let value = self.vault.authenticate(&name, self.head.to_bytes());
            let before = self.vault.store().read(&name).await?;
            crash::point(Point::AuditHeadBeforeWrite);
            let written = match before {
                None => self.vault.store().create(&name, &value).await,
                Some(stored) => self.vault.store().compare_and_swap(&name, &stored.version, &value).await,
            };
            crash::point(Point::AuditHeadAfterWrite);
            written
        };
        // It is written again with a later entry.
        drop::<Result<_, StoreError>>(saved.await);
    }

    /// Reads the whole log and checks every entry; gives the head that it found.
    ///
    /// # Errors
    ///
    /// [`AuditError`], which names the first entry that is not as it was written.
    pub async fn verify(&self) -> Result<AuditHead, AuditError> {
        self.vault.verify_audit(Some(self.head)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record of version 1, byte for byte.
    #[test]
    fn record_and_digest_of_version_1_stay_what_they_are() {
        let entry = AuditEntry::new(AuditKind::Consented, 0x0102_0304_0506)
            .key([0x4b; 32])
            .epoch(3)
            .request([0x52; 32])
            .peer(quorate_core::PeerId::new([0x50; 32]))
            .reason("message of 5 bytes");
        let record = AuditRecord { previous: [0x0f; 32], entry };
        let bytes = record.to_bytes();
        let expected = [
            "01".to_owned(),
            "0f".repeat(32),
            "0000010203040506".to_owned(),
            "000a".to_owned(),
            format!("01{}", "4b".repeat(32)),
            "010000000000000003".to_owned(),
            format!("01{}", "52".repeat(32)),
            format!("01{}", "50".repeat(32)),
            "00000012".to_owned(),
            "6d657373616765206f662035206279746573".to_owned(),
        ];
        assert_eq!(hex(&bytes), expected.concat());
        assert_eq!(AuditRecord::from_bytes(&bytes), Ok(record.clone()));
        assert_eq!(hex(&record.digest(7)), "93ff1efffb565618d5af2a56b9f9d8a9498784a1e1c9e231e2e0ee4f7836d611");
    }

    #[test]
    fn digest_depends_on_every_part() {
        let record = |previous: u8, reason: &str| AuditRecord {
            previous: [previous; 32],
            entry: AuditEntry::new(AuditKind::Started, 1).reason(reason),
        };
        let digests = [record(1, "a").digest(1), record(2, "a").digest(1), record(1, "b").digest(1), record(1, "a").digest(2)];
        for (index, digest) in digests.iter().enumerate() {
            assert!(!digests[index + 1..].contains(digest));
        }
    }
}
