//! The passphrase: right, wrong, changed, and headers that someone tampered with.

use std::{sync::Arc, time::Instant};

use quorate_storage::{KekError, MemoryStore, Passphrase, RecordName, Store, Vault, VaultError, kek::PassphraseParams};

use crate::support::{COSIGNER, Rig, Share, block_on, passphrase};

const HEADER: &str = "kek/passphrase";

fn set_up(text: &str) -> (Arc<MemoryStore>, Arc<dyn Store>) {
    let store = Arc::new(MemoryStore::default());
    let as_dyn: Arc<dyn Store> = store.clone();
    block_on(Passphrase::create(&as_dyn, passphrase(text), PassphraseParams::insecure_fast())).unwrap();
    (store, as_dyn)
}

#[test]
fn wrong_passphrase_has_its_own_error_that_names_the_store() {
    let (_, store) = set_up("right");
    let error = block_on(Passphrase::open(&store, passphrase("wrong"))).unwrap_err();
    assert!(matches!(error, KekError::WrongPassphrase { .. }));
    assert_eq!(error.to_string(), "wrong passphrase for memory");
    block_on(Passphrase::open(&store, passphrase("right"))).unwrap();
}

#[test]
fn default_parameters_are_64_mib_3_passes_4_lanes_and_work() {
    assert_eq!(PassphraseParams::default(), PassphraseParams::new(64 << 10, 3, 4).unwrap());
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    block_on(Passphrase::create(&store, passphrase("right"), PassphraseParams::default())).unwrap();
    assert!(matches!(block_on(Passphrase::open(&store, passphrase("wrong"))), Err(KekError::WrongPassphrase { .. })));
    block_on(Passphrase::open(&store, passphrase("right"))).unwrap();
}

#[test]
fn passphrase_is_set_once_and_only_in_an_empty_store() {
    let (_, store) = set_up("first");
    let params = PassphraseParams::insecure_fast();
    assert!(matches!(block_on(Passphrase::create(&store, passphrase("second"), params)), Err(KekError::NotEmpty { .. })));
    let empty: Arc<dyn Store> = Arc::new(MemoryStore::default());
    assert!(matches!(block_on(Passphrase::open(&empty, passphrase("x"))), Err(KekError::NoHeader { .. })));
    assert!(matches!(block_on(Passphrase::create(&empty, passphrase(""), params)), Err(KekError::EmptyPassphrase)));
}

#[test]
fn changed_passphrase_opens_old_records_and_the_former_one_does_not() {
    let rig = Rig::new();
    rig.activate(0);
    let store: Arc<dyn Store> = rig.store.clone();
    let params = PassphraseParams::insecure_fast();
    let wrong = block_on(Passphrase::change(&store, passphrase("wrong"), passphrase("new"), params));
    assert!(matches!(wrong, Err(KekError::WrongPassphrase { .. })));
    block_on(Passphrase::change(&store, passphrase("correct horse"), passphrase("new"), params)).unwrap();
    assert!(matches!(block_on(Passphrase::open(&store, passphrase("correct horse"))), Err(KekError::WrongPassphrase { .. })));
    let kek = Arc::new(block_on(Passphrase::open(&store, passphrase("new"))).unwrap());
    let vault = block_on(Vault::open(store, rig.epoch_keys.clone(), kek)).unwrap();
    assert_eq!(block_on(vault.load_active::<Share>(&crate::support::KEY)).unwrap().1, Share::new(0));
}

#[test]
fn damaged_header_is_not_called_a_wrong_passphrase() {
    let (store, as_dyn) = set_up("right");
    let name = RecordName::new(HEADER).unwrap();
    let header = block_on(store.read(&name)).unwrap().unwrap().value;
    for at in 0..header.len() {
        let mut altered = header.clone();
        altered[at] ^= 1;
        store.tamper(&name, altered);
        let opened = block_on(Passphrase::open(&as_dyn, passphrase("right")));
        assert!(matches!(opened, Err(KekError::HeaderDamaged { .. })), "byte {at}");
    }
    for length in 0..header.len() {
        store.tamper(&name, header[..length].to_vec());
        let opened = block_on(Passphrase::open(&as_dyn, passphrase("right")));
        assert!(matches!(opened, Err(KekError::HeaderDamaged { .. })), "{length} bytes");
    }
}

#[test]
fn hostile_header_cannot_exhaust_memory_or_time() {
    for (memory, passes, lanes) in [
        (u32::MAX, 1, 1),
        ((1 << 20) + 1, 1, 1),
        (64, u32::MAX, 1),
        (64, 17, 1),
        (64, 1, u32::MAX),
        (64, 1, 17),
        (0, 1, 1),
        (64, 0, 1),
        (64, 1, 0),
        (7, 1, 1),
        (31, 1, 4),
    ] {
        assert!(matches!(PassphraseParams::new(memory, passes, lanes), Err(KekError::Parameters)));
        let (store, as_dyn) = set_up("right");
        let name = RecordName::new(HEADER).unwrap();
        let mut header = block_on(store.read(&name)).unwrap().unwrap().value;
        for (at, value) in [(1, memory), (5, passes), (9, lanes)] {
            header[at..at + 4].copy_from_slice(&value.to_be_bytes());
        }
        store.tamper(&name, header);
        let start = Instant::now();
        assert!(matches!(block_on(Passphrase::open(&as_dyn, passphrase("right"))), Err(KekError::HeaderDamaged { .. })));
        assert!(start.elapsed().as_millis() < 500);
    }
}

#[test]
fn vault_under_another_key_encryption_key_is_refused() {
    let (rig, other) = (Rig::new(), Rig::new());
    let opened = block_on(Vault::open(rig.store.clone(), rig.epoch_keys.clone(), other.kek));
    assert!(matches!(opened, Err(VaultError::Kek(KekError::Refused))));
    assert_eq!(rig.open().unwrap().cosigner(), &COSIGNER);
}
