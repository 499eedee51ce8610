//! The embedded store: one instance, damage that is named, and a vault on a real disk.

use std::{fs, path::Path, sync::Arc};

use quorate_storage::{
    FileEpochKeys, KekError, Passphrase, RecordName, RedbStore, Store, StoreError, Vault, kek::PassphraseParams,
};

use crate::support::{COSIGNER, KEY, Share, block_on, key_ref, passphrase};

fn name(text: &str) -> RecordName {
    RecordName::new(text).unwrap()
}

fn filled(directory: &Path, records: u32) {
    let store = RedbStore::open(directory).unwrap();
    for i in 0..records {
        block_on(store.create(&name(&format!("r/{i}")), &[7; 500])).unwrap();
    }
}

/// Opens and reads everything. What matters is that it returns.
fn read_all(directory: &Path) -> Result<usize, StoreError> {
    let store = RedbStore::open(directory)?;
    let (mut count, mut after) = (0, None);
    loop {
        let page = block_on(store.scan(None, after.as_ref(), 100))?;
        assert!(page.records.iter().all(|record| record.value == [7; 500]), "damage must not read as data");
        count += page.records.len();
        after = page.records.last().map(|record| record.name.clone());
        if !page.more {
            return Ok(count);
        }
    }
}

#[test]
fn second_instance_on_the_same_directory_is_refused_and_told_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let first = RedbStore::open(directory.path()).unwrap();
    let error = RedbStore::open(directory.path()).unwrap_err();
    assert!(matches!(error, StoreError::InUse { .. }));
    let words = error.to_string();
    assert!(words.contains(directory.path().to_str().unwrap()) && words.contains("stop that one first"), "{words}");
    drop(first);
    RedbStore::open(directory.path()).unwrap();
}

#[test]
fn second_process_on_the_same_directory_is_refused() {
    const DIRECTORY: &str = "QUORATE_TEST_LOCKED_DIRECTORY";
    if let Some(directory) = std::env::var_os(DIRECTORY) {
        let refused = matches!(RedbStore::open(Path::new(&directory)), Err(StoreError::InUse { .. }));
        std::process::exit(if refused { 42 } else { 1 });
    }
    let directory = tempfile::tempdir().unwrap();
    let _first = RedbStore::open(directory.path()).unwrap();
    let this = "redb_store::second_process_on_the_same_directory_is_refused";
    let mut second = std::process::Command::new(std::env::current_exe().unwrap());
    let status = second.args(["--exact", this]).env(DIRECTORY, directory.path()).status().unwrap();
    assert_eq!(status.code(), Some(42));
}

#[test]
fn file_that_is_no_store_is_reported_as_damaged() {
    for contents in [&b"not a database, but long enough to be read as one"[..], &[0; 8192], &[0xff; 8192], b"x"] {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("records.redb"), contents).unwrap();
        let error = RedbStore::open(directory.path()).unwrap_err();
        assert!(matches!(error, StoreError::Corrupted { .. }), "{error:?}");
    }
}

#[test]
fn truncated_file_is_reported_and_never_panics() {
    let directory = tempfile::tempdir().unwrap();
    filled(directory.path(), 50);
    let good = fs::read(directory.path().join("records.redb")).unwrap();
    for part in 1..16 {
        fs::write(directory.path().join("records.redb"), &good[..good.len() * part / 16]).unwrap();
        // Unused pages at the end may be cut without harm; then all is there.
        match read_all(directory.path()) {
            Ok(count) => assert_eq!(count, 50, "part {part}"),
            Err(StoreError::Corrupted { .. } | StoreError::Unavailable { .. }) => {}
            Err(error) => panic!("part {part}: {error:?}"),
        }
    }
}

#[test]
fn file_with_altered_pages_is_reported_and_never_read_as_data() {
    let directory = tempfile::tempdir().unwrap();
    filled(directory.path(), 50);
    let file = directory.path().join("records.redb");
    let good = fs::read(&file).unwrap();
    let values: Vec<usize> = (0..good.len() - 500).filter(|at| good[*at..*at + 500] == [7; 500]).collect();
    let places = (0..good.len()).step_by(good.len() / 80).chain((0..512).step_by(16)).chain(values.iter().step_by(40).copied());
    let mut reported = 0;
    for at in places {
        let mut altered = good.clone();
        altered[at..].iter_mut().take(16).for_each(|byte| *byte ^= 0x5a);
        fs::write(&file, &altered).unwrap();
        match read_all(directory.path()) {
            // Pages that no record uses.
            Ok(count) => assert_eq!(count, 50, "byte {at}"),
            Err(StoreError::Corrupted { .. } | StoreError::Unavailable { .. }) => reported += 1,
            Err(error) => panic!("byte {at}: {error:?}"),
        }
    }
    assert!(reported > 20, "only {reported} reported");
}

#[test]
fn vault_on_the_disk_lives_through_restarts() {
    let directory = tempfile::tempdir().unwrap();
    let store = || -> Arc<dyn Store> { Arc::new(RedbStore::open(directory.path()).unwrap()) };
    let epoch_keys = || Arc::new(FileEpochKeys::open(directory.path()).unwrap());
    {
        let store = store();
        let params = PassphraseParams::insecure_fast();
        let kek = Arc::new(block_on(Passphrase::create(&store, passphrase("right"), params)).unwrap());
        let vault = block_on(Vault::create(store, epoch_keys(), kek, COSIGNER)).unwrap();
        block_on(vault.put_pending(&key_ref(KEY, 0), &Share::new(0))).unwrap();
    }
    {
        let store = store();
        let error = block_on(Passphrase::open(&store, passphrase("wrong"))).unwrap_err();
        assert!(matches!(error, KekError::WrongPassphrase { .. }));
        assert_eq!(error.to_string(), format!("wrong passphrase for {}", directory.path().display()));
        let kek = Arc::new(block_on(Passphrase::open(&store, passphrase("right"))).unwrap());
        let vault = block_on(Vault::open(store, epoch_keys(), kek)).unwrap();
        block_on(vault.promote(&key_ref(KEY, 0), &Share::new(0))).unwrap();
        block_on(vault.put_pending(&key_ref(KEY, 1), &Share::new(1))).unwrap();
        block_on(vault.promote(&key_ref(KEY, 1), &Share::new(1))).unwrap();
        assert_eq!(block_on(vault.begin_boot()).unwrap(), 1);
    }
    let store = store();
    let kek = Arc::new(block_on(Passphrase::open(&store, passphrase("right"))).unwrap());
    let vault = block_on(Vault::open(store, epoch_keys(), kek)).unwrap();
    assert_eq!(block_on(vault.load_active::<Share>(&KEY)).unwrap().1, Share::new(1));
    assert_eq!((vault.cosigner(), block_on(vault.begin_boot()).unwrap()), (&COSIGNER, 2));
    let left = fs::read_dir(directory.path().join("epochs").join("4b".repeat(32))).unwrap();
    assert_eq!(left.map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>(), ["1"]);
}
