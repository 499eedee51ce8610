//! Epoch keys as files: created at once, private, destroyed for good.

use std::{fs, path::PathBuf};

use quorate_storage::{EpochKeyId, EpochKeys, FileEpochKeys, StoreError, epoch_key::MAX_EPOCH_KEY};

use crate::support::block_on;

const ID: EpochKeyId = EpochKeyId::new([0xab; 32], 7);

fn set_up() -> (tempfile::TempDir, FileEpochKeys, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let keys = FileEpochKeys::open(directory.path()).unwrap();
    let file = directory.path().join("epochs").join("ab".repeat(32)).join("7");
    (directory, keys, file)
}

#[test]
fn epoch_key_is_created_once_read_and_destroyed() {
    let (directory, keys, file) = set_up();
    assert_eq!(block_on(keys.read(&ID)).unwrap(), None);
    block_on(keys.create(&ID, b"wrapped")).unwrap();
    assert!(matches!(block_on(keys.create(&ID, b"other")), Err(StoreError::AlreadyExists { .. })));
    block_on(keys.create(&EpochKeyId::new([0xab; 32], 12), b"twelve")).unwrap();
    block_on(keys.create(&EpochKeyId::new([0xac; 32], 1), b"one")).unwrap();
    drop(keys);
    let keys = FileEpochKeys::open(directory.path()).unwrap();
    assert_eq!(block_on(keys.read(&ID)).unwrap().unwrap(), b"wrapped");
    assert_eq!(block_on(keys.epochs(ID.key_id())).unwrap(), [7, 12]);
    block_on(keys.destroy(&ID)).unwrap();
    assert!(!file.exists());
    assert_eq!(block_on(keys.read(&ID)).unwrap(), None);
    assert_eq!(block_on(keys.epochs(ID.key_id())).unwrap(), [12]);
    block_on(keys.destroy(&ID)).unwrap();
    block_on(keys.destroy(&EpochKeyId::new([1; 32], 0))).unwrap();
}

#[test]
fn destroyed_file_is_overwritten_before_it_is_unlinked() {
    let (directory, keys, file) = set_up();
    block_on(keys.create(&ID, b"wrapped epoch key")).unwrap();
    // A second name of the same file shows what happened to its contents.
    let witness = directory.path().join("witness");
    fs::hard_link(&file, &witness).unwrap();
    block_on(keys.destroy(&ID)).unwrap();
    assert_eq!(fs::read(&witness).unwrap(), [0; 17]);
}

#[test]
fn file_that_a_crash_left_on_its_way_is_no_epoch_and_in_nobodys_way() {
    let (_directory, keys, file) = set_up();
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file.with_file_name(".7.new"), b"half a ke").unwrap();
    assert_eq!(block_on(keys.epochs(ID.key_id())).unwrap(), [] as [u64; 0]);
    assert_eq!(block_on(keys.read(&ID)).unwrap(), None);
    block_on(keys.create(&ID, b"whole")).unwrap();
    assert_eq!(block_on(keys.read(&ID)).unwrap().unwrap(), b"whole");
    assert!(!file.with_file_name(".7.new").exists());
}

#[test]
fn oversized_epoch_key_is_refused_both_ways() {
    let (_directory, keys, file) = set_up();
    let long = vec![0; MAX_EPOCH_KEY + 1];
    assert!(matches!(block_on(keys.create(&ID, &long)), Err(StoreError::ValueTooLarge { .. })));
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, &long).unwrap();
    assert!(matches!(block_on(keys.read(&ID)), Err(StoreError::Corrupted { .. })));
}

#[test]
fn second_instance_on_the_same_epoch_keys_is_refused() {
    let (directory, keys, _) = set_up();
    assert!(matches!(FileEpochKeys::open(directory.path()), Err(StoreError::InUse { .. })));
    drop(keys);
    FileEpochKeys::open(directory.path()).unwrap();
}

#[cfg(unix)]
#[test]
fn epoch_keys_are_private_to_their_user() {
    use std::os::unix::fs::PermissionsExt;
    let (_directory, keys, file) = set_up();
    block_on(keys.create(&ID, b"wrapped")).unwrap();
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&file), 0o600);
    assert_eq!(mode(file.parent().unwrap()), 0o700);
}
