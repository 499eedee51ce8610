//! One participant's row: every failure domain from which its share could be taken, or lost.

use alloc::{collections::BTreeSet, vec, vec::Vec};

use super::{
    Counting, PlacementError,
    path::{DomainPath, is_within},
};

/// The most key services that can wrap one share together.
pub const MAX_KEY_SERVICES: usize = 8;
/// The most backups of one share.
pub const MAX_BACKUPS: usize = 8;

/// Where a share is at rest: a store, and the key services that are *all* needed to unwrap what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Storage {
    store: DomainPath,
    key_services: Vec<DomainPath>,
}

impl Storage {
    /// Names the store and the key services. Order and repeats of key services mean nothing.
    ///
    /// A passphrase that an operator types at start is a key service too: name the operator.
    ///
    /// # Errors
    ///
    /// [`PlacementError::NoKeyService`] without a key service: the store alone would hold the share in the clear.
    /// [`PlacementError::TooMany`] above [`MAX_KEY_SERVICES`].
    pub fn new(store: DomainPath, key_services: impl IntoIterator<Item = DomainPath>) -> Result<Self, PlacementError> {
        let key_services: BTreeSet<_> = key_services.into_iter().take(MAX_KEY_SERVICES + 1).collect();
        match key_services.len() {
            0 => Err(PlacementError::NoKeyService),
            1..=MAX_KEY_SERVICES => Ok(Self { store, key_services: key_services.into_iter().collect() }),
            _ => Err(PlacementError::TooMany { what: "key services of one share", limit: MAX_KEY_SERVICES }),
        }
    }

    /// The store.
    #[must_use]
    pub const fn store(&self) -> &DomainPath {
        &self.store
    }

    /// The key services, ascending; never empty.
    #[must_use]
    pub fn key_services(&self) -> &[DomainPath] {
        &self.key_services
    }
}

/// A copy of a share elsewhere, encrypted to a key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Backup {
    location: DomainPath,
    key: Option<DomainPath>,
}

impl Backup {
    /// Names where the backup is. Its key is held by the share's operator unless [`with_key`](Self::with_key) says otherwise.
    #[must_use]
    pub const fn new(location: DomainPath) -> Self {
        Self { location, key: None }
    }

    /// Names who holds the key that opens the backup.
    #[must_use]
    pub fn with_key(mut self, key: DomainPath) -> Self {
        self.key = Some(key);
        self
    }

    /// Where the backup is.
    #[must_use]
    pub const fn location(&self) -> &DomainPath {
        &self.location
    }

    /// Who holds its key, if it is not the share's operator.
    #[must_use]
    pub const fn key(&self) -> Option<&DomainPath> {
        self.key.as_ref()
    }
}

/// One participant's row of a placement: who could take its share, and who could make it unavailable.
///
/// The row is a declaration. Nothing here can tell whether it is true; each participant approves its own before a key is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exposure {
    operator: DomainPath,
    runtime: DomainPath,
    storage: Storage,
    deployer: Option<DomainPath>,
    backups: Vec<Backup>,
    relay: Option<DomainPath>,
}

impl Exposure {
    /// Names what every share has: who runs its cosigner, where the cosigner runs, and where the share rests.
    #[must_use]
    pub const fn new(operator: DomainPath, runtime: DomainPath, storage: Storage) -> Self {
        Self { operator, runtime, storage, deployer: None, backups: Vec::new(), relay: None }
    }

    /// Names who puts software onto the cosigner, where that is not the operator: whoever does so can read the share.
    #[must_use]
    pub fn with_deployer(mut self, deployer: DomainPath) -> Self {
        self.deployer = (deployer != self.operator).then_some(deployer);
        self
    }

    /// Adds a backup. Order and repeats mean nothing.
    #[must_use]
    pub fn with_backup(mut self, mut backup: Backup) -> Self {
        if backup.key.as_ref() == Some(&self.operator) {
            backup.key = None;
        }
        if let Err(place) = self.backups.binary_search(&backup) {
            self.backups.insert(place, backup);
        }
        self
    }

    /// Names the message relay. It carries only what is encrypted end to end, so it counts for availability alone.
    #[must_use]
    pub fn with_relay(mut self, relay: DomainPath) -> Self {
        self.relay = Some(relay);
        self
    }

    /// Who runs the cosigner.
    #[must_use]
    pub const fn operator(&self) -> &DomainPath {
        &self.operator
    }

    /// Where the cosigner runs.
    #[must_use]
    pub const fn runtime(&self) -> &DomainPath {
        &self.runtime
    }

    /// Where the share rests.
    #[must_use]
    pub const fn storage(&self) -> &Storage {
        &self.storage
    }

    /// Who puts software onto the cosigner; the operator unless said otherwise.
    #[must_use]
    pub fn deployer(&self) -> &DomainPath {
        self.deployer.as_ref().unwrap_or(&self.operator)
    }

    /// The backups, ascending.
    #[must_use]
    pub fn backups(&self) -> &[Backup] {
        &self.backups
    }

    /// Who holds the key of a backup of this share.
    #[must_use]
    pub fn backup_key<'a>(&'a self, backup: &'a Backup) -> &'a DomainPath {
        backup.key.as_ref().unwrap_or(&self.operator)
    }

    /// The message relay, if one was named.
    #[must_use]
    pub const fn relay(&self) -> Option<&DomainPath> {
        self.relay.as_ref()
    }

    /// Whether the share falls to whoever holds all of `breached`: a path is held with any ancestor of it.
    #[must_use]
    pub fn falls_to(&self, breached: &[DomainPath], counting: Counting) -> bool {
        let held = |path: &str| breached.iter().any(|domain| is_within(path, domain.as_str()));
        self.clauses(counting).iter().any(|clause| clause.iter().all(|path| held(path)))
    }

    pub(super) const fn explicit_deployer(&self) -> Option<&DomainPath> {
        self.deployer.as_ref()
    }

    /// The ways to take the share: each clause is a list of paths that must *all* be held.
    pub(super) fn clauses(&self, counting: Counting) -> Vec<Vec<&str>> {
        let mut clauses = vec![vec![self.operator.as_str()], vec![self.deployer().as_str()], vec![self.runtime.as_str()]];
        let at_rest = core::iter::once(&self.storage.store).chain(&self.storage.key_services).map(DomainPath::as_str);
        match counting {
            Counting::Strict => clauses.extend(at_rest.map(|path| vec![path])),
            Counting::Joint => clauses.push(at_rest.collect()),
        }
        clauses.extend(self.backups.iter().map(|backup| vec![backup.location.as_str(), self.backup_key(backup).as_str()]));
        clauses
    }

    /// The paths of which each must be up for the share to sign; the relay is not among them.
    pub(super) fn needed_to_sign(&self) -> impl Iterator<Item = &str> {
        [&self.operator, &self.runtime, &self.storage.store].into_iter().chain(&self.storage.key_services).map(DomainPath::as_str)
    }

    /// Every path of the row as it is encoded: defaults are left out.
    pub(super) fn paths(&self) -> impl Iterator<Item = &DomainPath> {
        let backups = self.backups.iter().flat_map(|backup| core::iter::once(&backup.location).chain(&backup.key));
        let storage = core::iter::once(&self.storage.store).chain(&self.storage.key_services);
        [&self.operator, &self.runtime].into_iter().chain(storage).chain(&self.deployer).chain(backups).chain(&self.relay)
    }
}
