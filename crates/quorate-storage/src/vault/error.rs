//! What can go wrong in a vault, and who must act on it: the caller, the store, the key service, or a restore.

use quorate_core::{Identifier, SuiteId};

use crate::{
    audit::AuditError,
    kek::KekError,
    sealed::SealedError,
    store::{Location, RecordName, StoreError},
};

/// An error of the vault.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VaultError {
    /// The caller asked for what the vault refuses.
    #[error(transparent)]
    Input(#[from] VaultInputError),
    /// The store, or the place of the epoch keys.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The key-encryption key.
    #[error(transparent)]
    Kek(#[from] KekError),
    /// The audit log.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// A sealed part of a record does not open.
    #[error("the sealed part of record {name} does not open")]
    Sealed {
        /// The record.
        name: RecordName,
        /// Why not.
        source: SealedError,
    },
    /// A record was altered or moved by someone who does not have the vault's key, or is of an unknown version.
    #[error("record {name} is damaged; restore it from a backup, or have the peers repair this share")]
    Damaged {
        /// The record.
        name: RecordName,
    },
    /// The record of a share is there, and its epoch key is not.
    #[error(
        "the key of epoch {epoch} is gone from the directory `epochs`; if it was not destroyed on purpose, have the peers repair this share"
    )]
    EpochKeyMissing {
        /// The epoch.
        epoch: u64,
    },
    /// The bytes of a record opened, and their own check refused them.
    #[error("the contents of record {name} fail their check")]
    Rejected {
        /// The record.
        name: RecordName,
        /// What the check said.
        source: Box<dyn core::error::Error + Send + Sync>,
    },
    /// The store holds records and no vault header.
    #[error("{location} holds records but no vault header; restore the record `vault` from a backup")]
    HeaderMissing {
        /// The store.
        location: Location,
    },
    /// The generator of randomness failed. Nothing was written.
    #[error("the random generator failed")]
    Randomness,
}

/// What the vault refuses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VaultInputError {
    /// There is no vault in this store yet.
    #[error("{location} holds no vault yet; create one first")]
    NoVault {
        /// The store.
        location: Location,
    },
    /// There is a vault in this store already.
    #[error("{location} holds a vault already; open it instead")]
    VaultExists {
        /// The store.
        location: Location,
    },
    /// The vault has no record of this key.
    #[error("the vault does not know this key")]
    UnknownKey,
    /// The vault has no active share of this key.
    #[error("the vault holds no active share of this key")]
    NoActiveShare,
    /// The vault has no pending share of this epoch.
    #[error("the vault holds no pending share of epoch {epoch}")]
    NoPendingShare {
        /// The epoch.
        epoch: u64,
    },
    /// The pending share is there already; load it instead.
    #[error("a pending share of epoch {epoch} is stored already; load it and go on from there")]
    PendingExists {
        /// The epoch.
        epoch: u64,
    },
    /// An epoch at or below one that this vault has seen.
    #[error("epoch {given} is not above epoch {highest}, which this vault has seen; a new attempt takes a higher number")]
    EpochNotNew {
        /// The epoch that was asked for.
        given: u64,
        /// The highest one seen.
        highest: u64,
    },
    /// Another suite than the key's. A scalar belongs to one suite for life.
    #[error("the key is of suite {held} for life, not {given}")]
    OtherSuite {
        /// The key's suite.
        held: SuiteId,
        /// The one that was asked for.
        given: SuiteId,
    },
    /// Another participant than the one whose share is stored.
    #[error("the share of this epoch is participant {held}'s, not {given}'s")]
    OtherParticipant {
        /// The one whose share is stored.
        held: Identifier,
        /// The one that was asked for.
        given: Identifier,
    },
    /// The share is active. It is destroyed by a higher epoch, or by `destroy`.
    #[error("the share of epoch {epoch} is active; it cannot be aborted any more")]
    AlreadyActive {
        /// The epoch.
        epoch: u64,
    },
    /// Too many attempts are open.
    #[error("{limit} attempts are open for this key; complete one, which ends those below it")]
    TooManyPending {
        /// The limit.
        limit: usize,
    },
    /// The vault holds another share of the epoch than the one to be put back.
    #[error("the vault holds another share of epoch {epoch} than this one; a cosigner has one share of an epoch")]
    OtherShare {
        /// The epoch.
        epoch: u64,
    },
    /// The epochs of what is to be put back do not ascend, or are above the highest.
    #[error("the epochs of the shares to put back are in disorder")]
    EpochsInDisorder,
    /// The identity is written once.
    #[error("this cosigner has its identity already")]
    IdentityExists,
    /// There is no identity yet.
    #[error("this cosigner has no identity yet")]
    NoIdentity,
    /// A name that is not one.
    #[error("a key's name is 1 to 64 characters of a-z 0-9 - _ . and does not start with a dot")]
    InvalidName,
    /// Another key has the name.
    #[error("another key has this name")]
    NameTaken,
}
