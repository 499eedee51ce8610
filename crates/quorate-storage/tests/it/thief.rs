//! The thief who gets everything that a store ever held, and the key-encryption key, but comes after an epoch key was destroyed.

use std::sync::Arc;

use quorate_storage::{EpochKeyId, EpochKeys, KekError, MemoryEpochKeys, MemoryStore, SealedError, Vault, VaultError};

use crate::support::{KEY, Rig, Share, block_on, key_record_name, key_ref};

type EpochDump = Vec<(EpochKeyId, Vec<u8>)>;

/// Opens every old version of the key's record with the keys of `epoch_keys`, and returns the epochs of the shares that came out.
fn steal(rig: &Rig, epoch_keys: &EpochDump) -> Vec<u64> {
    let stolen = |error: VaultError| match error {
        VaultError::Input(_) | VaultError::EpochKeyMissing { .. } => {}
        VaultError::Sealed { source: SealedError::Kek(KekError::Refused) | SealedError::Altered, .. } => {}
        other => panic!("the thief's own tools fail: {other:?}"),
    };
    let mut found = Vec::new();
    for (name, value) in rig.store.dump().into_iter().filter(|(name, _)| name.as_str() == key_record_name(&KEY)) {
        let store = Arc::new(MemoryStore::default());
        store.tamper(&quorate_storage::RecordName::new("vault").unwrap(), rig.record("vault").unwrap());
        let keys = Arc::new(MemoryEpochKeys::default());
        let vault = block_on(Vault::open(store.clone(), keys.clone(), rig.kek.clone())).unwrap();
        store.tamper(&name, value);
        for (id, wrapped) in epoch_keys {
            block_on(keys.create(id, wrapped)).unwrap();
        }
        match block_on(vault.load_active::<Share>(&KEY)) {
            Ok((_, share)) => found.push(share.epoch),
            Err(error) => stolen(error),
        }
        for epoch in 0..4 {
            match block_on(vault.load_pending::<Share>(&KEY, epoch)) {
                Ok((_, share)) => found.push(share.epoch),
                Err(error) => stolen(error),
            }
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

#[test]
fn old_epoch_stays_sealed_for_a_thief_with_every_old_record_and_the_key_encryption_key() {
    let rig = Rig::new();
    rig.activate(0);
    rig.put(1);
    let early = rig.epoch_keys.dump();
    rig.put(2);
    block_on(rig.vault.promote(&key_ref(KEY, 2), &Share::new(2))).unwrap();
    let late = rig.epoch_keys.dump();
    assert_eq!(steal(&rig, &late), [2], "only the epoch that is alive");
    // Positive control: with the destroyed keys the same thief has it all, or this test proves nothing.
    assert_eq!(steal(&rig, &early), [0, 1]);
}

#[test]
fn key_of_one_epoch_does_not_open_another() {
    let rig = Rig::new();
    rig.activate(0);
    rig.activate(1);
    // The living key under the dead epoch's name.
    let renamed: EpochDump =
        rig.epoch_keys.dump().into_iter().map(|(id, wrapped)| (EpochKeyId::new(*id.key_id(), 0), wrapped)).collect();
    assert_eq!(steal(&rig, &renamed), [] as [u64; 0]);
    assert_eq!(steal(&rig, &rig.epoch_keys.dump()), [1]);
}

#[test]
fn destroyed_key_stays_sealed_for_a_thief_with_every_old_record() {
    let rig = Rig::new();
    rig.activate(0);
    block_on(rig.vault.destroy(&key_ref(KEY, 0))).unwrap();
    assert_eq!(rig.epoch_keys.dump(), []);
    assert_eq!(steal(&rig, &Vec::new()), [] as [u64; 0]);
}
