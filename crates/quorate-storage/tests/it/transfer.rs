//! Moving records from one store to another, cut off at every step.

use std::sync::Arc;

use quorate_storage::{
    Faults, MemoryStore, RecordName, Store, StoreError, Torn,
    transfer::{TransferError, clear, compare, copy, is_empty},
};

use crate::support::block_on;

fn name(text: &str) -> RecordName {
    RecordName::new(text).unwrap()
}

/// Enough for two pages.
fn filled() -> MemoryStore {
    let store = MemoryStore::default();
    let records: Vec<_> = (0..300_u32).map(|i| (name(&format!("keys/{i:03}")), i.to_be_bytes().to_vec())).collect();
    block_on(store.create_all(&records)).unwrap();
    store
}

#[test]
fn copy_that_is_cut_off_anywhere_goes_on_and_is_whole() {
    let from = filled();
    for torn in [Torn::Before, Torn::After] {
        for step in (0..40).chain([255, 256, 257, 299, 300, 301]) {
            let faults = Faults::none();
            let to = MemoryStore::new(faults.clone());
            faults.crash_at(step, torn);
            let first = block_on(copy(&from, &to));
            assert_eq!(first.is_err(), faults.crashed(), "step {step}");
            faults.restart();
            let done = block_on(copy(&from, &to)).unwrap();
            assert_eq!((done.records, done.bytes), (300, 1200));
            assert_eq!(block_on(compare(&from, &to)).unwrap(), done, "step {step}");
        }
    }
}

#[test]
fn record_that_differs_is_missing_or_too_many_is_named() {
    let from = filled();
    let differs = |change: &dyn Fn(&MemoryStore)| {
        let to = filled();
        change(&to);
        match block_on(compare(&from, &to)) {
            Err(TransferError::Different { name }) => name.to_string(),
            other => panic!("{other:?}"),
        }
    };
    let version = |store: &MemoryStore, at: &str| block_on(store.read(&name(at))).unwrap().unwrap().version;
    let write =
        |store: &MemoryStore| block_on(store.compare_and_swap(&name("keys/280"), &version(store, "keys/280"), b"x")).map(drop);
    assert_eq!(differs(&|to| write(to).unwrap()), "keys/280");
    assert_eq!(differs(&|to| block_on(to.delete(&name("keys/299"), &version(to, "keys/299"))).unwrap()), "keys/299");
    assert_eq!(differs(&|to| block_on(to.delete(&name("keys/000"), &version(to, "keys/000"))).unwrap()), "keys/000");
    assert_eq!(differs(&|to| drop(block_on(to.create(&name("keys/100/x"), b"")).unwrap())), "keys/100/x");
    assert_eq!(differs(&|to| drop(block_on(to.create(&name("zzz"), b"")).unwrap())), "zzz");

    // What was there of an earlier copy is replaced, and what does not belong there is not hidden.
    let to = filled();
    write(&to).unwrap();
    block_on(copy(&from, &to)).unwrap();
    block_on(compare(&from, &to)).unwrap();
}

#[test]
fn cleared_store_is_empty() {
    let store = filled();
    assert!(!block_on(is_empty(&store)).unwrap());
    block_on(clear(&store)).unwrap();
    assert!(block_on(is_empty(&store)).unwrap());
    block_on(clear(&store)).unwrap();
}

#[cfg(feature = "redb")]
#[test]
fn erased_file_is_gone_and_one_in_use_stays() {
    use quorate_storage::RedbStore;
    let directory = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(RedbStore::open(directory.path()).unwrap());
    block_on(copy(&filled(), &*store)).unwrap();
    assert!(matches!(RedbStore::erase(directory.path()), Err(StoreError::InUse { .. })));
    block_on(compare(&filled(), &*store)).unwrap();
    drop(store);
    RedbStore::erase(directory.path()).unwrap();
    assert!(!directory.path().join("records.redb").exists());
    RedbStore::erase(directory.path()).unwrap();
    assert!(block_on(is_empty(&RedbStore::open(directory.path()).unwrap())).unwrap());
}
