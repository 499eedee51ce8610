//! A store in memory, for tests and drills: it fails when told to, and shows a thief everything.

use core::ops::Bound;
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{
    faults::Faults,
    store::{BoxFuture, Location, Page, RecordName, Store, StoreError, Stored, Version, check_value, scan_range},
};

/// A store in memory. "Durable" is what outlives [`Faults::restart`]; nothing outlives the process.
#[derive(Debug)]
pub struct MemoryStore {
    state: Mutex<State>,
    faults: Faults,
    location: Location,
}

#[derive(Default)]
struct State {
    records: BTreeMap<String, Stored>,
    writes: u64,
    history: Option<Vec<(RecordName, Vec<u8>)>>,
}

impl core::fmt::Debug for State {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} records", self.records.len())
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new(Faults::none())
    }
}

impl MemoryStore {
    /// An empty store with a plan of faults.
    #[must_use]
    pub fn new(faults: Faults) -> Self {
        Self { state: Mutex::default(), faults, location: Location::new("memory") }
    }

    /// The same, which also keeps every value that it ever held, as the pages, logs and snapshots of a real database do.
    #[must_use]
    pub fn recording(faults: Faults) -> Self {
        let store = Self::new(faults);
        store.lock().history = Some(Vec::new());
        store
    }

    /// Everything that a thief of this store gets: all records and, if it was [`recording`](Self::recording), all it ever held.
    #[must_use]
    pub fn dump(&self) -> Vec<(RecordName, Vec<u8>)> {
        let state = self.lock();
        match &state.history {
            Some(history) => history.clone(),
            None => state.records.values().map(|record| (record.name.clone(), record.value.clone())).collect(),
        }
    }

    /// Puts bytes under a name past every rule, as whoever runs the database can.
    pub fn tamper(&self, name: &RecordName, value: Vec<u8>) {
        self.lock().put(name, value);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn operate<T>(
        &self,
        operation: &'static str,
        run: impl FnOnce(&mut State) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.faults.operate(&self.location, operation, || run(&mut self.lock()))
    }
}

impl State {
    fn put(&mut self, name: &RecordName, value: Vec<u8>) -> Version {
        self.writes = self.writes.saturating_add(1);
        let version = Version::from_number(self.writes);
        if let Some(history) = &mut self.history {
            history.push((name.clone(), value.clone()));
        }
        self.records.insert(name.as_str().to_owned(), Stored::new(name.clone(), version.clone(), value));
        version
    }

    fn expect(&self, name: &RecordName, seen: &Version) -> Result<(), StoreError> {
        let same = self.records.get(name.as_str()).is_some_and(|record| record.version == *seen);
        if same { Ok(()) } else { Err(StoreError::Conflict { name: name.clone() }) }
    }
}

impl Store for MemoryStore {
    fn location(&self) -> &Location {
        &self.location
    }

    fn create<'a>(&'a self, name: &'a RecordName, value: &'a [u8]) -> BoxFuture<'a, Result<Version, StoreError>> {
        Box::pin(async move {
            check_value(value)?;
            self.operate("create a record", |state| {
                if state.records.contains_key(name.as_str()) {
                    return Err(StoreError::AlreadyExists { name: name.clone() });
                }
                Ok(state.put(name, value.to_vec()))
            })
        })
    }

    fn read<'a>(&'a self, name: &'a RecordName) -> BoxFuture<'a, Result<Option<Stored>, StoreError>> {
        Box::pin(async move { self.operate("read a record", |state| Ok(state.records.get(name.as_str()).cloned())) })
    }

    fn compare_and_swap<'a>(
        &'a self,
        name: &'a RecordName,
        seen: &'a Version,
        value: &'a [u8],
    ) -> BoxFuture<'a, Result<Version, StoreError>> {
        Box::pin(async move {
            check_value(value)?;
            self.operate("replace a record", |state| {
                state.expect(name, seen)?;
                Ok(state.put(name, value.to_vec()))
            })
        })
    }

    fn delete<'a>(&'a self, name: &'a RecordName, seen: &'a Version) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            self.operate("delete a record", |state| {
                state.expect(name, seen)?;
                state.records.remove(name.as_str());
                Ok(())
            })
        })
    }

    fn scan<'a>(
        &'a self,
        under: Option<&'a RecordName>,
        after: Option<&'a RecordName>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, StoreError>> {
        Box::pin(async move {
            self.operate("scan records", |state| {
                let Some((start, end)) = scan_range(under, after) else { return Ok(Page::default()) };
                let range: (Bound<String>, Bound<String>) = (start, end);
                Page::fill(limit, state.records.range(range).map(|(_, record)| Ok(record.clone())))
            })
        })
    }
}
