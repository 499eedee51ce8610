//! Files of every format version that was ever written must still open.
//!
//! `tests/data/vault-v1.txt` was written by `write_the_current_format` below, with the passphrase "correct horse": an identity, a
//! named key with an active share of epoch 4 and a pending one of epoch 6, one boot. A file of a past version is never written anew.

use core::fmt::Write;
use std::sync::Arc;

use quorate_core::SuiteId;
use quorate_storage::{EpochKeyId, EpochKeys, MemoryEpochKeys, MemoryStore, Passphrase, RecordName, Store, Vault};

use crate::support::{COSIGNER, KEY, Rig, Share, block_on, key_ref, passphrase};

const V1: &str = include_str!("../data/vault-v1.txt");

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap()).collect()
}

#[test]
fn vault_of_version_1_still_opens() {
    let (records, epochs) = (Arc::new(MemoryStore::default()), Arc::new(MemoryEpochKeys::default()));
    for line in V1.lines() {
        let (name, value) = line.split_once(' ').unwrap();
        match name.strip_prefix("epoch/") {
            Some(epoch) => {
                block_on(epochs.create(&EpochKeyId::new(KEY, epoch.parse().unwrap()), &bytes(value))).unwrap();
            }
            None => records.tamper(&RecordName::new(name).unwrap(), bytes(value)),
        }
    }
    let store: Arc<dyn Store> = records;
    let kek = Arc::new(block_on(Passphrase::open(&store, passphrase("correct horse"))).unwrap());
    let vault = block_on(Vault::open(store, epochs, kek)).unwrap();
    assert_eq!(vault.cosigner(), &COSIGNER);
    assert_eq!(block_on(vault.load_identity::<Share>()).unwrap(), small(0));
    assert_eq!(block_on(vault.key_of_name("treasury")).unwrap(), KEY);
    let (key, share) = block_on(vault.load_active::<Share>(&KEY)).unwrap();
    assert_eq!((key.epoch(), key.participant().to_u16(), key.suite(), share), (4, 3, SuiteId::Bip340, small(4)));
    assert_eq!(block_on(vault.load_pending::<Share>(&KEY, 6)).unwrap().1, small(6));
    assert_eq!(block_on(vault.begin_boot()).unwrap(), 2);
}

fn small(epoch: u64) -> Share {
    Share { epoch, secret: b"a share of the past".to_vec() }
}

/// Prints the current format. Run it once for a new version: `cargo test write_the_current_format -- --ignored --nocapture`.
#[test]
#[ignore = "writes test data for a new format version"]
#[expect(clippy::print_stdout, reason = "its output is the test data")]
fn write_the_current_format() {
    let rig = Rig::new();
    block_on(rig.vault.store_identity(&small(0))).unwrap();
    block_on(rig.vault.put_pending(&key_ref(KEY, 4), &small(4))).unwrap();
    block_on(rig.vault.promote(&key_ref(KEY, 4), &small(4))).unwrap();
    block_on(rig.vault.put_pending(&key_ref(KEY, 6), &small(6))).unwrap();
    block_on(rig.vault.set_name(&KEY, "treasury")).unwrap();
    block_on(rig.vault.begin_boot()).unwrap();
    let mut out = String::new();
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    for record in block_on(rig.store.scan(None, None, 100)).unwrap().records {
        writeln!(out, "{} {}", record.name, hex(&record.value)).unwrap();
    }
    for (id, wrapped) in rig.epoch_keys.dump() {
        writeln!(out, "epoch/{} {}", id.epoch(), hex(&wrapped)).unwrap();
    }
    println!("{out}");
}
