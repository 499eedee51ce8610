//! Reading and checking of the log. It needs no writer, and sees what is durable.

use super::{AuditEntry, AuditError, AuditHead, AuditRecord, HEAD, entry_name};
use crate::{
    domain,
    store::{MAX_PAGE, RecordName, Stored},
    vault::Vault,
};

/// One entry where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditLine {
    /// The head of the log with this entry as its last.
    pub head: AuditHead,
    /// The entry.
    pub entry: AuditEntry,
}

/// Some entries, ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditPage {
    /// The entries.
    pub lines: Vec<AuditLine>,
    /// Whether there may be more behind the last one.
    pub more: bool,
}

/// Follows a log entry by entry.
pub(super) struct Chain {
    pub(super) head: AuditHead,
}

impl Chain {
    fn follow(&mut self, vault: &Vault, stored: &Stored) -> Result<AuditLine, AuditError> {
        let line = line(vault, stored)?;
        let sequence = self.head.sequence.saturating_add(1);
        if line.1.head.sequence != sequence {
            return Err(AuditError::Missing { sequence });
        }
        if line.0 != self.head.digest {
            return Err(AuditError::OtherHistory { sequence });
        }
        self.head = line.1.head;
        Ok(line.1)
    }

    /// Follows the next page; `false` behind the last one.
    pub(super) async fn follow_page(&mut self, vault: &Vault, mut see: impl FnMut(AuditLine)) -> Result<bool, AuditError> {
        let page = vault.store().scan(Some(&folder()?), Some(&entry_name(self.head.sequence)?), MAX_PAGE).await?;
        for stored in &page.records {
            see(self.follow(vault, stored)?);
        }
        Ok(page.more)
    }
}

fn folder() -> Result<RecordName, AuditError> {
    Ok(RecordName::new("audit")?)
}

/// The digest before an entry, and the entry.
fn line(vault: &Vault, stored: &Stored) -> Result<([u8; 32], AuditLine), AuditError> {
    let number = stored.name.last_segment().parse().ok();
    let Some(sequence) = number.filter(|sequence| entry_name(*sequence).is_ok_and(|name| name == stored.name)) else {
        return Err(AuditError::Foreign { name: stored.name.clone() });
    };
    let record: AuditRecord = vault.authentic(stored).map_err(|_| AuditError::Altered { sequence })?;
    let head = AuditHead { sequence, digest: record.digest(sequence) };
    Ok((record.previous, AuditLine { head, entry: record.entry }))
}

impl Vault {
    /// The digest before the first entry.
    fn audit_start(&self) -> AuditHead {
        AuditHead { sequence: 0, digest: domain::digest(domain::AUDIT_START, &[self.cosigner().as_bytes()]) }
    }

    /// What the head record says; the start, if there is none.
    pub(super) async fn audit_head_record(&self) -> Result<AuditHead, AuditError> {
        match self.store().read(&RecordName::new(HEAD)?).await? {
            None => Ok(self.audit_start()),
            Some(stored) => self.authentic(&stored).map_err(|_| AuditError::HeadAltered),
        }
    }

    /// The digest of an entry, which binds all before it; nothing if the log does not go that far. For 0 the digest of the empty log.
    ///
    /// # Errors
    ///
    /// [`AuditError::Altered`], and those of the store.
    pub async fn audit_digest(&self, sequence: u64) -> Result<Option<[u8; 32]>, AuditError> {
        if sequence == 0 {
            return Ok(Some(self.audit_start().digest));
        }
        let Some(stored) = self.store().read(&entry_name(sequence)?).await? else { return Ok(None) };
        Ok(Some(line(self, &stored)?.1.head.digest))
    }

    /// The entries behind `after`, at most `limit` of them and 256. Each is checked for itself, and not what it follows from.
    ///
    /// # Errors
    ///
    /// [`AuditError::Altered`], [`AuditError::Foreign`], and those of the store.
    pub async fn audit_page(&self, after: u64, limit: usize) -> Result<AuditPage, AuditError> {
        let page = self.store().scan(Some(&folder()?), Some(&entry_name(after)?), limit).await?;
        let lines = page.records.iter().map(|stored| Ok(line(self, stored)?.1)).collect::<Result<_, AuditError>>()?;
        Ok(AuditPage { lines, more: page.more })
    }

    /// Reads the whole log and checks every entry; gives the head that it found. The log must go as far as the head record says, and,
    /// if it is given, as far as `head`.
    ///
    /// # Errors
    ///
    /// [`AuditError`], which names the first entry that is not as it was written.
    pub async fn verify_audit(&self, head: Option<AuditHead>) -> Result<AuditHead, AuditError> {
        let known: Vec<_> = [Some(self.audit_head_record().await?), head].into_iter().flatten().collect();
        let mut chain = Chain { head: self.audit_start() };
        let mut other = None;
        let mut see = |line: AuditLine| {
            let differs = known.iter().any(|known| known.sequence == line.head.sequence && known.digest != line.head.digest);
            if differs && other.is_none() {
                other = Some(line.head.sequence);
            }
        };
        while chain.follow_page(self, &mut see).await? {}
        if let Some(sequence) = other {
            return Err(AuditError::OtherHistory { sequence });
        }
        match known.iter().map(|known| known.sequence).max() {
            Some(head) if head > chain.head.sequence => {
                Err(AuditError::Removed { sequence: chain.head.sequence.saturating_add(1), head })
            }
            _ => Ok(chain.head),
        }
    }
}
