//! The audit log, as JSON.

use serde::{Deserialize, Serialize};

/// Asks for entries of the audit log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "callers build it, with ..Default::default()")]
pub struct AuditRequest {
    /// Only entries behind this number.
    #[serde(default)]
    pub after: u64,
    /// How many at most; 100 if absent, 256 at most.
    #[serde(default)]
    pub limit: Option<u16>,
}

/// Some entries of the audit log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AuditEntries {
    /// The entries, ascending.
    pub entries: Vec<AuditEntryInfo>,
    /// Whether there may be more.
    pub more: bool,
}

/// One entry of the audit log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AuditEntryInfo {
    /// Its number, from 1.
    pub sequence: u64,
    /// The digest of it and all before it.
    pub digest: String,
    /// When, in seconds of Unix time.
    pub at: u64,
    /// What, by name: `consented`, `denied`, `signed`, …
    pub kind: String,
    /// The stable number of what.
    pub kind_number: u16,
    /// The key.
    pub key_id: Option<String>,
    /// The epoch.
    pub epoch: Option<u64>,
    /// The request.
    pub request_id: Option<String>,
    /// The other cosigner, by its name in the roster; its identity key if it is not there.
    pub peer: Option<String>,
    /// In words.
    pub reason: String,
}

/// How far a log goes that was checked from its beginning.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AuditVerified {
    /// The number of its last entry.
    pub sequence: u64,
    /// The digest of all its entries.
    pub digest: String,
}
