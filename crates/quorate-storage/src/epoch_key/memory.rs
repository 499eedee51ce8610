//! Epoch keys in memory, for tests and drills.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{EpochKeyId, EpochKeys, bounded};
use crate::{
    faults::Faults,
    store::{BoxFuture, Location, StoreError},
};

/// Epoch keys in memory. They fail when told to, and show a thief everything that is not destroyed.
#[derive(Debug)]
pub struct MemoryEpochKeys {
    keys: Mutex<BTreeMap<EpochKeyId, Vec<u8>>>,
    faults: Faults,
    location: Location,
}

impl Default for MemoryEpochKeys {
    fn default() -> Self {
        Self::new(Faults::none())
    }
}

impl MemoryEpochKeys {
    /// An empty place with a plan of faults.
    #[must_use]
    pub fn new(faults: Faults) -> Self {
        Self { keys: Mutex::default(), faults, location: Location::new("memory") }
    }

    /// Everything that a thief gets who comes now.
    #[must_use]
    pub fn dump(&self) -> Vec<(EpochKeyId, Vec<u8>)> {
        self.lock().iter().map(|(id, wrapped)| (*id, wrapped.clone())).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<EpochKeyId, Vec<u8>>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn operate<T>(
        &self,
        operation: &'static str,
        run: impl FnOnce(&mut BTreeMap<EpochKeyId, Vec<u8>>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.faults.operate(&self.location, operation, || run(&mut self.lock()))
    }
}

impl EpochKeys for MemoryEpochKeys {
    fn create<'a>(&'a self, id: &'a EpochKeyId, wrapped: &'a [u8]) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            bounded(wrapped)?;
            self.operate("create an epoch key", |keys| {
                if keys.contains_key(id) {
                    return Err(StoreError::AlreadyExists { name: id.name()? });
                }
                keys.insert(*id, wrapped.to_vec());
                Ok(())
            })
        })
    }

    fn read<'a>(&'a self, id: &'a EpochKeyId) -> BoxFuture<'a, Result<Option<Vec<u8>>, StoreError>> {
        Box::pin(async move { self.operate("read an epoch key", |keys| Ok(keys.get(id).cloned())) })
    }

    fn replace<'a>(&'a self, id: &'a EpochKeyId, wrapped: &'a [u8]) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move {
            bounded(wrapped)?;
            self.operate("replace an epoch key", |keys| {
                let Some(found) = keys.get_mut(id) else { return Ok(false) };
                *found = wrapped.to_vec();
                Ok(true)
            })
        })
    }

    fn destroy<'a>(&'a self, id: &'a EpochKeyId) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            self.operate("destroy an epoch key", |keys| {
                keys.remove(id);
                Ok(())
            })
        })
    }

    fn epochs<'a>(&'a self, key_id: &'a [u8; 32]) -> BoxFuture<'a, Result<Vec<u64>, StoreError>> {
        Box::pin(async move {
            self.operate("list epoch keys", |keys| {
                let of_key = EpochKeyId::new(*key_id, 0)..=EpochKeyId::new(*key_id, u64::MAX);
                Ok(keys.range(of_key).map(|(id, _)| id.epoch()).collect())
            })
        })
    }

    fn keys(&self) -> BoxFuture<'_, Result<Vec<[u8; 32]>, StoreError>> {
        Box::pin(async move {
            self.operate("list keys", |keys| {
                let mut listed: Vec<_> = keys.keys().map(|id| *id.key_id()).collect();
                listed.dedup();
                Ok(listed)
            })
        })
    }
}
