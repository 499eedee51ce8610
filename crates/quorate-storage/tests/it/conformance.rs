//! Both stores pass the suite, and the suite catches stores that break the contract.

use std::sync::Arc;

use quorate_storage::{
    BoxFuture, Faults, Location, MemoryStore, Page, RecordName, Store, StoreError, Stored, Version, conformance,
};

use crate::support::block_on;

#[test]
fn memory_store_conforms() {
    block_on(conformance::run(|| Arc::new(MemoryStore::default()))).unwrap();
}

#[test]
fn memory_store_keeps_what_returned_over_a_crash() {
    let faults = Faults::none();
    let crash = |store: Arc<dyn Store>| {
        faults.crash_at(0, quorate_storage::Torn::Before);
        assert!(block_on(store.scan(None, None, 1)).is_err(), "the process is dead");
        faults.restart();
        store
    };
    block_on(conformance::run_reopen(|| Arc::new(MemoryStore::new(faults.clone())), crash)).unwrap();
}

#[cfg(feature = "redb")]
#[test]
fn redb_store_conforms() {
    let directories = core::cell::RefCell::new(Vec::new());
    let fresh = || -> Arc<dyn Store> {
        let directory = tempfile::tempdir().unwrap();
        let store = Arc::new(quorate_storage::RedbStore::open(directory.path()).unwrap());
        directories.borrow_mut().push(directory);
        store
    };
    block_on(conformance::run(fresh)).unwrap();
}

#[cfg(feature = "redb")]
#[test]
fn redb_store_keeps_what_returned_over_a_crash() {
    let directories = core::cell::RefCell::new(Vec::new());
    let open = |directory: tempfile::TempDir| -> Arc<dyn Store> {
        let store = Arc::new(quorate_storage::RedbStore::open(directory.path()).unwrap());
        directories.borrow_mut().push(directory);
        store
    };
    // A copy of the file of a running store is what a power cut leaves of it.
    let crash = |store: Arc<dyn Store>| {
        let copy = tempfile::tempdir().unwrap();
        let running = directories.borrow().last().unwrap().path().join("records.redb");
        std::fs::copy(running, copy.path().join("records.redb")).unwrap();
        drop(store);
        open(copy)
    };
    block_on(conformance::run_reopen(|| open(tempfile::tempdir().unwrap()), crash)).unwrap();
}

/// A memory store that breaks the contract in one way.
#[derive(Debug)]
struct Broken {
    inner: MemoryStore,
    how: How,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    CreateOverwrites,
    SwapIgnoresVersion,
    DeleteIgnoresVersion,
    ScanIgnoresPrefix,
    ScanForgetsMore,
    ForgetsOnCrash,
}

impl Broken {
    async fn current(&self, name: &RecordName) -> Option<Version> {
        self.inner.read(name).await.unwrap().map(|stored| stored.version)
    }
}

impl Store for Broken {
    fn location(&self) -> &Location {
        self.inner.location()
    }

    fn create<'a>(&'a self, name: &'a RecordName, value: &'a [u8]) -> BoxFuture<'a, Result<Version, StoreError>> {
        Box::pin(async move {
            match self.current(name).await {
                Some(seen) if self.how == How::CreateOverwrites => self.inner.compare_and_swap(name, &seen, value).await,
                _ => self.inner.create(name, value).await,
            }
        })
    }

    fn read<'a>(&'a self, name: &'a RecordName) -> BoxFuture<'a, Result<Option<Stored>, StoreError>> {
        self.inner.read(name)
    }

    fn compare_and_swap<'a>(
        &'a self,
        name: &'a RecordName,
        seen: &'a Version,
        value: &'a [u8],
    ) -> BoxFuture<'a, Result<Version, StoreError>> {
        Box::pin(async move {
            let current = self.current(name).await.filter(|_| self.how == How::SwapIgnoresVersion);
            self.inner.compare_and_swap(name, current.as_ref().unwrap_or(seen), value).await
        })
    }

    fn delete<'a>(&'a self, name: &'a RecordName, seen: &'a Version) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let current = self.current(name).await.filter(|_| self.how == How::DeleteIgnoresVersion);
            self.inner.delete(name, current.as_ref().unwrap_or(seen)).await
        })
    }

    fn scan<'a>(
        &'a self,
        under: Option<&'a RecordName>,
        after: Option<&'a RecordName>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, StoreError>> {
        Box::pin(async move {
            let under = under.filter(|_| self.how != How::ScanIgnoresPrefix);
            let mut page = self.inner.scan(under, after, limit).await?;
            page.more &= self.how != How::ScanForgetsMore;
            Ok(page)
        })
    }
}

#[test]
fn suite_fails_each_broken_store() {
    let broken = |how| -> Arc<dyn Store> { Arc::new(Broken { inner: MemoryStore::default(), how }) };
    for (how, check) in [
        (How::CreateOverwrites, "create refuses a name that exists"),
        (How::SwapIgnoresVersion, "a swap with an old version is refused"),
        (How::DeleteIgnoresVersion, "a delete with an old version is refused"),
        (How::ScanIgnoresPrefix, "a scan has exactly the records below its prefix"),
        (How::ScanForgetsMore, "pages together have every record once, in order"),
    ] {
        assert_eq!(block_on(conformance::run(|| broken(how))).unwrap_err().check, check, "{how:?}");
    }
    let forget = |_: Arc<dyn Store>| broken(How::ForgetsOnCrash);
    let failure = block_on(conformance::run_reopen(|| broken(How::ForgetsOnCrash), forget)).unwrap_err();
    assert_eq!(failure.check, "a version outlives a crash");
}

#[test]
fn passphrase_and_two_of_them_pass_the_suite_of_key_encryption_keys() {
    let rig = crate::support::Rig::new();
    block_on(conformance::run_key_encryption_key(&*rig.kek)).unwrap();
    let both = quorate_storage::Both::new(rig.kek.clone(), crate::support::Rig::new().kek);
    block_on(conformance::run_key_encryption_key(&both)).unwrap();
}

#[test]
fn places_of_epoch_keys_pass_their_suite() {
    block_on(conformance::run_epoch_keys(&quorate_storage::MemoryEpochKeys::default())).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let files = quorate_storage::FileEpochKeys::open(directory.path()).unwrap();
    block_on(conformance::run_epoch_keys(&files)).unwrap();
}
