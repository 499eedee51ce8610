//! A key that is taken out of one vault and put back into another.

use quorate_core::SuiteId;
use quorate_storage::{Imported, KeyExport, KeyRef, Torn, VaultError, vault::VaultInputError};

use crate::support::{KEY, Rig, Share, block_on, key_ref, participant};

type Export = KeyExport<Share, Share>;

fn export(rig: &Rig) -> Export {
    block_on(rig.vault.export_key(&KEY)).unwrap()
}

fn import(rig: &Rig, export: &Export) -> Result<Imported, VaultError> {
    block_on(rig.vault.import_key(export))
}

/// Active at 4, pending at 6 and 8, and 9 was given up.
fn full() -> Rig {
    let rig = Rig::new();
    rig.activate(4);
    [6, 8, 9].into_iter().for_each(|epoch| rig.put(epoch));
    block_on(rig.vault.abort_pending(&key_ref(KEY, 9))).unwrap();
    rig
}

fn refusal(result: Result<Imported, VaultError>) -> VaultInputError {
    match result {
        Err(VaultError::Input(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn holds_everything(rig: &Rig) {
    assert_eq!(rig.active().unwrap(), Share::new(4));
    assert_eq!((rig.pending(6).unwrap(), rig.pending(8).unwrap()), (Share::new(6), Share::new(8)));
    let summary = block_on(rig.vault.summary(&KEY)).unwrap();
    assert_eq!((summary.highest_epoch, rig.epochs()), (9, vec![4, 6, 8]));
}

#[test]
fn import_puts_back_what_export_took_out_under_new_epoch_keys() {
    let (old, new) = (full(), Rig::new());
    let taken = export(&old);
    assert_eq!((taken.highest_epoch, taken.pending.len(), taken.suite), (9, 2, SuiteId::Bip340));
    assert_eq!(import(&new, &taken).unwrap(), Imported::Stored);
    holds_everything(&new);
    let keys = |rig: &Rig| rig.epoch_keys.dump().into_iter().map(|(_, key)| key).collect::<Vec<_>>();
    assert!(keys(&new).iter().all(|key| !keys(&old).contains(key)));
    // The number of an attempt that was given up stays used.
    let again = block_on(new.vault.put_pending(&key_ref(KEY, 9), &Share::new(9)));
    assert!(matches!(again, Err(VaultError::Input(VaultInputError::EpochNotNew { given: 9, highest: 9 }))));
    block_on(new.vault.promote(&key_ref(KEY, 6), &Share::new(6))).unwrap();
    assert_eq!(new.epochs(), [6, 8]);
}

#[test]
fn import_of_what_is_there_changes_nothing_and_another_share_of_an_epoch_is_refused() {
    let rig = full();
    let before = rig.store.dump().len();
    assert_eq!(import(&rig, &export(&rig)).unwrap(), Imported::Present);
    assert_eq!(rig.store.dump().len(), before);
    let mut other = export(&rig);
    other.active.as_mut().unwrap().1.secret[7] ^= 1;
    assert_eq!(refusal(import(&rig, &other)), VaultInputError::OtherShare { epoch: 4 });
    let mut other = export(&rig);
    other.pending[1].1.secret[7] ^= 1;
    assert_eq!(refusal(import(&rig, &other)), VaultInputError::OtherShare { epoch: 8 });
    let mut other = export(&rig);
    other.active.as_mut().unwrap().0 = KeyRef::new(KEY, 4, participant(2), SuiteId::Bip340);
    assert!(matches!(refusal(import(&rig, &other)), VaultInputError::OtherParticipant { .. }));
    let mut other = export(&rig);
    other.suite = SuiteId::Ed25519;
    assert!(matches!(refusal(import(&rig, &other)), VaultInputError::OtherSuite { .. }));
    holds_everything(&rig);
}

#[test]
fn import_never_brings_back_an_epoch_that_the_vault_has_gone_beyond() {
    let rig = full();
    let old = export(&rig);
    block_on(rig.vault.promote(&key_ref(KEY, 8), &Share::new(8))).unwrap();
    assert_eq!(refusal(import(&rig, &old)), VaultInputError::EpochNotNew { given: 4, highest: 9 });
    assert_eq!((rig.active().unwrap(), rig.epochs()), (Share::new(8), vec![8]));
    block_on(rig.vault.destroy(&key_ref(KEY, 8))).unwrap();
    assert_eq!(refusal(import(&rig, &old)), VaultInputError::EpochNotNew { given: 4, highest: 9 });
    assert!(rig.epochs().is_empty(), "a tombstone stays one");
}

#[test]
fn import_into_a_vault_that_is_behind_brings_it_forward() {
    let (ahead, behind) = (full(), Rig::new());
    block_on(ahead.vault.promote(&key_ref(KEY, 6), &Share::new(6))).unwrap();
    behind.activate(3);
    behind.put(6);
    assert_eq!(import(&behind, &export(&ahead)).unwrap(), Imported::Stored);
    assert_eq!((behind.active().unwrap(), behind.pending(8).unwrap()), (Share::new(6), Share::new(8)));
    assert_eq!(behind.epochs(), [6, 8], "the epochs below are destroyed");
    // A backup from before the certificate has nothing for a vault that has it.
    let mut before = export(&full());
    before.active = None;
    before.pending.truncate(1);
    assert_eq!(import(&behind, &before).unwrap(), Imported::Present);
}

#[test]
fn import_refuses_epochs_in_disorder_before_anything_is_replaced() {
    let new = Rig::new();
    let mut wrong = export(&full());
    wrong.pending.reverse();
    assert_eq!(refusal(import(&new, &wrong)), VaultInputError::EpochsInDisorder);
    assert!(matches!(block_on(new.vault.summary(&KEY)), Err(VaultError::Input(VaultInputError::UnknownKey))));
}

#[test]
fn import_survives_a_crash_at_every_operation_and_can_be_done_again() {
    let taken = export(&full());
    for behind in [false, true] {
        let mut operations = 0;
        for torn in [Torn::Before, Torn::After] {
            for at in 0.. {
                let mut rig = Rig::new();
                if behind {
                    rig.activate(3);
                }
                rig.faults.crash_at(at, torn);
                let done = import(&rig, &taken);
                if !rig.faults.crashed() {
                    assert_eq!(done.unwrap(), Imported::Stored);
                    operations = at;
                    break;
                }
                assert!(done.is_err());
                rig.restart();
                if behind && let Ok(share) = rig.active() {
                    assert!(share == Share::new(3) || share == Share::new(4), "operation {at} {torn:?}");
                }
                import(&rig, &taken).unwrap();
                holds_everything(&rig);
            }
        }
        assert!(operations >= 6, "the crash must reach reads and writes of both places");
    }
}

#[test]
fn export_of_a_key_that_lost_an_epoch_key_says_so() {
    let rig = full();
    let id = quorate_storage::EpochKeyId::new(KEY, 6);
    block_on(quorate_storage::EpochKeys::destroy(&*rig.epoch_keys, &id)).unwrap();
    let lost = block_on(rig.vault.export_key::<Share, Share>(&KEY));
    assert!(matches!(lost, Err(VaultError::EpochKeyMissing { epoch: 6 })), "{lost:?}");
}
