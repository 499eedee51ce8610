//! No byte sequence of a secret appears in any dump, file, log line or error.

use std::sync::Arc;

use quorate_storage::{KeyRef, Passphrase, Record, Store, VaultError};
use zeroize::Zeroizing;

use crate::support::{KEY, Rig, Unfit, block_on, key_ref, passphrase};

/// 64 bytes of which no eight in a row look like anything else.
fn secret() -> Vec<u8> {
    (0..64_u8).map(|i| i.wrapping_mul(167).wrapping_add(91)).collect()
}

struct Marked;

impl Record for Marked {
    type Error = Unfit;

    fn to_secret_bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(secret())
    }

    fn from_secret_bytes(bytes: &[u8], _: Option<&KeyRef>) -> Result<Self, Unfit> {
        if bytes == secret() { Ok(Self) } else { Err(Unfit) }
    }
}

fn leaks(haystack: &[u8]) -> bool {
    let secret = secret();
    let hex = |window: &[u8]| window.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into_bytes();
    let list = |window: &[u8]| format!("{window:?}").trim_matches(['[', ']']).as_bytes().to_vec();
    secret.windows(8).any(|window| {
        [window.to_vec(), hex(window), list(window)].iter().any(|needle| haystack.windows(needle.len()).any(|at| at == needle))
    })
}

#[test]
fn leak_detector_finds_a_leak_in_each_form() {
    assert!(leaks(&[&[1, 2, 3][..], &secret()[5..20]].concat()));
    assert!(leaks(format!("{:?}", secret()).as_bytes()));
    assert!(leaks(format!("{:02x?}", secret()).replace(", ", "").as_bytes()));
    assert!(!leaks(b"nothing"));
}

#[test]
fn secrets_appear_in_no_dump_debug_or_error_of_a_whole_life() {
    let rig = Rig::new();
    let mut printed = String::new();
    let mut note = |words: &dyn core::fmt::Debug| printed.push_str(&format!("{words:?}\n"));
    block_on(rig.vault.store_identity(&Marked)).unwrap();
    for epoch in 0..3 {
        let key = key_ref(KEY, epoch);
        block_on(rig.vault.put_pending(&key, &Marked)).unwrap();
        note(&block_on(rig.vault.put_pending(&key, &Marked)).unwrap_err());
        block_on(rig.vault.promote(&key, &Marked)).unwrap();
        note(&key);
        note(&block_on(rig.vault.summary(&KEY)).unwrap());
    }
    block_on(rig.vault.load_active::<Marked>(&KEY)).unwrap();
    let store: Arc<dyn Store> = rig.store.clone();
    note(&block_on(Passphrase::open(&store, passphrase("wrong horse"))).unwrap_err());
    note(&(&rig.vault, &rig.store, &rig.epoch_keys, &rig.kek, &block_on(rig.store.scan(None, None, 9)).unwrap()));
    let record = quorate_storage::RecordName::new(&crate::support::key_record_name(&KEY)).unwrap();
    rig.store.tamper(&record, vec![1; 200]);
    let damaged: VaultError = block_on(rig.vault.load_active::<Marked>(&KEY)).map(|_| ()).unwrap_err();
    note(&damaged);
    assert!(!leaks(printed.as_bytes()));
    assert!(!printed.contains("horse"), "no passphrase, right or wrong");
    let everything: Vec<u8> = rig.store.dump().into_iter().flat_map(|(_, value)| value).collect();
    assert!(!leaks(&everything));
    let epoch_keys: Vec<u8> = rig.epoch_keys.dump().into_iter().flat_map(|(_, value)| value).collect();
    assert!(!leaks(&epoch_keys));
}

#[cfg(feature = "redb")]
#[test]
fn secrets_appear_in_no_file_on_the_disk() {
    use quorate_storage::{FileEpochKeys, RedbStore, Vault, kek::PassphraseParams};
    let directory = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(RedbStore::open(directory.path()).unwrap());
    let kek = block_on(Passphrase::create(&store, passphrase("correct horse"), PassphraseParams::insecure_fast()));
    let epoch_keys = Arc::new(FileEpochKeys::open(directory.path()).unwrap());
    let vault = block_on(Vault::create(store, epoch_keys, Arc::new(kek.unwrap()), crate::support::COSIGNER)).unwrap();
    block_on(vault.store_identity(&Marked)).unwrap();
    block_on(vault.put_pending(&key_ref(KEY, 0), &Marked)).unwrap();
    block_on(vault.promote(&key_ref(KEY, 0), &Marked)).unwrap();
    let mut files = 0;
    let mut directories = vec![directory.path().to_owned()];
    while let Some(next) = directories.pop() {
        for entry in std::fs::read_dir(next).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                directories.push(entry);
            } else {
                let contents = std::fs::read(&entry).unwrap();
                assert!(!leaks(&contents) && !contents.windows(5).any(|at| at == b"horse"), "{}", entry.display());
                files += 1;
            }
        }
    }
    assert_eq!(files, 4, "two locks, the records, one epoch key");
}
