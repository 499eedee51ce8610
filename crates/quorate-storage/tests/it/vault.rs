//! What a vault does and refuses, step by step.

use std::sync::Arc;

use quorate_core::{PeerId, SuiteId};
use quorate_storage::{
    EpochKeyId, EpochKeys as _, KeyRef, KeyState, MemoryEpochKeys, MemoryStore, RecordName, StoreError, Vault, VaultError,
    vault::VaultInputError,
};

use crate::support::{COSIGNER, KEY, Rig, Share, block_on, key_record_name, key_ref, participant};

fn input(error: VaultError) -> VaultInputError {
    match error {
        VaultError::Input(error) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn destructions_that_a_crash_cut_short_are_finished_behind_an_opening_at_once() {
    let rig = Rig::new();
    rig.activate(0);
    let (dead, wrapped) = rig.epoch_keys.dump().remove(0);
    rig.activate(1);
    block_on(rig.epoch_keys.create(&dead, &wrapped)).unwrap();
    let vault = block_on(Vault::open_at_once(rig.store.clone(), rig.epoch_keys.clone(), rig.kek.clone())).unwrap();
    assert_eq!(rig.epochs(), [0, 1]);
    assert_eq!(block_on(vault.finish_destructions(None)).unwrap(), None);
    assert_eq!(rig.epochs(), [1]);
    block_on(rig.epoch_keys.create(&dead, &wrapped)).unwrap();
    drop(rig.open().unwrap());
    assert_eq!(rig.epochs(), [1]);
}

#[test]
fn epoch_keys_without_a_record_say_of_which_key_they_are_and_go_below_an_epoch() {
    let rig = Rig::new();
    rig.activate(3);
    rig.put(5);
    rig.put(7);
    let other = [0x5b; 32];
    block_on(rig.vault.put_pending(&key_ref(other, 0), &Share::new(0))).unwrap();
    assert_eq!(block_on(rig.vault.keys_with_epochs()).unwrap(), [KEY, other].into());
    assert_eq!(block_on(rig.vault.orphan(&KEY)).unwrap(), None);
    assert!(!block_on(rig.vault.destroy_orphan(&KEY, [0xa5; 32], u64::MAX)).unwrap());
    assert_eq!(rig.epochs(), [3, 5, 7, 0]);
    rig.forget(&KEY);
    let orphan = block_on(rig.vault.orphan(&KEY)).unwrap().unwrap();
    assert_eq!((orphan.key_id, orphan.suite, orphan.print, orphan.lowest), (KEY, SuiteId::Bip340, [0xa5; 32], 3));
    assert!(!block_on(rig.vault.destroy_orphan(&KEY, [9; 32], 7)).unwrap());
    assert!(block_on(rig.vault.destroy_orphan(&KEY, [0xa5; 32], 7)).unwrap());
    assert_eq!(rig.epochs(), [7, 0]);
    assert!(!block_on(rig.vault.destroy_orphan(&KEY, [0xa5; 32], 7)).unwrap());
    assert_eq!(block_on(rig.vault.orphan(&KEY)).unwrap().unwrap().lowest, 7);
}

#[test]
fn epoch_keys_of_version_1_open_and_are_nobodys_without_a_record() {
    let rig = Rig::new();
    rig.activate(0);
    let (id, wrapped) = rig.epoch_keys.dump().remove(0);
    assert_eq!(wrapped[0], 2);
    // Version 1 has neither suite nor print.
    let first = [&[1][..], &wrapped[34..]].concat();
    assert!(block_on(rig.epoch_keys.replace(&id, &first)).unwrap());
    assert_eq!(rig.active().unwrap(), Share::new(0));
    rig.forget(&KEY);
    assert_eq!(block_on(rig.vault.orphan(&KEY)).unwrap(), None);
    // Two that contradict one another are nobody's either.
    block_on(rig.epoch_keys.replace(&id, &wrapped)).unwrap();
    assert!(block_on(rig.vault.orphan(&KEY)).unwrap().is_some());
    let mut another = wrapped;
    another[3] ^= 1;
    block_on(rig.epoch_keys.create(&EpochKeyId::new(KEY, 1), &another)).unwrap();
    block_on(rig.epoch_keys.create(&EpochKeyId::new(KEY, 2), &first)).unwrap();
    assert_eq!(block_on(rig.vault.orphan(&KEY)).unwrap(), None);
    // Only what says that it is of this key goes with it.
    assert!(block_on(rig.vault.destroy_orphan(&KEY, [0xa5; 32], 9)).unwrap());
    assert_eq!(rig.epochs(), [1, 2]);
}

#[test]
fn share_goes_from_pending_to_active_to_destroyed() {
    let rig = Rig::new();
    rig.put(0);
    assert_eq!(rig.pending(0).unwrap(), Share::new(0));
    assert_eq!(input(rig.active().unwrap_err()), VaultInputError::NoActiveShare);
    block_on(rig.vault.promote(&key_ref(KEY, 0), &Share::new(0))).unwrap();
    assert_eq!(rig.active().unwrap(), Share::new(0));
    assert_eq!(input(rig.pending(0).unwrap_err()), VaultInputError::NoPendingShare { epoch: 0 });
    block_on(rig.vault.destroy(&key_ref(KEY, 0))).unwrap();
    assert_eq!(input(rig.active().unwrap_err()), VaultInputError::NoActiveShare);
    assert_eq!(rig.epochs(), [] as [u64; 0]);
    assert_eq!(block_on(rig.vault.summary(&KEY)).unwrap().state(), KeyState::Destroyed);
}

#[test]
fn promotion_destroys_every_lower_epoch_and_no_higher_one() {
    let rig = Rig::new();
    rig.activate(0);
    [2, 5, 9].into_iter().for_each(|epoch| rig.put(epoch));
    assert_eq!(rig.active().unwrap(), Share::new(0), "pending shares leave the active one alone");
    block_on(rig.vault.promote(&key_ref(KEY, 5), &Share::new(5))).unwrap();
    assert_eq!(rig.epochs(), [5, 9]);
    assert_eq!(rig.active().unwrap(), Share::new(5));
    assert_eq!(rig.pending(9).unwrap(), Share::new(9));
    let late = block_on(rig.vault.promote(&key_ref(KEY, 2), &Share::new(2))).unwrap_err();
    assert_eq!(input(late), VaultInputError::NoPendingShare { epoch: 2 });
}

#[test]
fn promotion_can_be_repeated() {
    let rig = Rig::new();
    rig.activate(1);
    block_on(rig.vault.promote(&key_ref(KEY, 1), &Share::new(1))).unwrap();
    assert_eq!(rig.active().unwrap(), Share::new(1));
}

#[test]
fn vault_refuses_to_go_backwards() {
    let rig = Rig::new();
    rig.activate(4);
    let put = |epoch| input(block_on(rig.vault.put_pending(&key_ref(KEY, epoch), &Share::new(epoch))).unwrap_err());
    assert_eq!(put(4), VaultInputError::EpochNotNew { given: 4, highest: 4 });
    assert_eq!(put(3), VaultInputError::EpochNotNew { given: 3, highest: 4 });
    rig.put(6);
    assert_eq!(put(6), VaultInputError::PendingExists { epoch: 6 });
    assert_eq!(put(5), VaultInputError::EpochNotNew { given: 5, highest: 6 });
    block_on(rig.vault.abort_pending(&key_ref(KEY, 6))).unwrap();
    assert_eq!(put(6), VaultInputError::EpochNotNew { given: 6, highest: 6 });
    block_on(rig.vault.retire(&KEY, 10)).unwrap();
    assert_eq!(put(10), VaultInputError::EpochNotNew { given: 10, highest: 10 });
    assert_eq!(rig.epochs(), [] as [u64; 0]);
    rig.activate(11);
    assert_eq!(rig.active().unwrap(), Share::new(11), "a participant that was evicted can be taken back");
}

#[test]
fn retire_keeps_what_is_above_its_epoch() {
    let rig = Rig::new();
    rig.activate(1);
    rig.put(2);
    rig.put(7);
    block_on(rig.vault.retire(&KEY, 5)).unwrap();
    assert_eq!(rig.epochs(), [7]);
    assert_eq!(rig.pending(7).unwrap(), Share::new(7));
}

#[test]
fn key_belongs_to_one_suite_for_life() {
    let rig = Rig::new();
    rig.activate(0);
    block_on(rig.vault.destroy(&key_ref(KEY, 0))).unwrap();
    let other = KeyRef::new(KEY, 1, participant(3), SuiteId::Secp256k1);
    let refused = VaultInputError::OtherSuite { held: SuiteId::Bip340, given: SuiteId::Secp256k1 };
    assert_eq!(input(block_on(rig.vault.put_pending(&other, &Share::new(1))).unwrap_err()), refused);
    assert_eq!(input(block_on(rig.vault.promote(&other, &Share::new(1))).unwrap_err()), refused);
    assert_eq!(input(block_on(rig.vault.destroy(&other)).unwrap_err()), refused);
}

#[test]
fn share_of_one_participant_is_not_promoted_or_destroyed_as_anothers() {
    let rig = Rig::new();
    rig.put(0);
    let other = KeyRef::new(KEY, 0, participant(4), SuiteId::Bip340);
    let refused = VaultInputError::OtherParticipant { held: participant(3), given: participant(4) };
    assert_eq!(input(block_on(rig.vault.promote(&other, &Share::new(0))).unwrap_err()), refused);
    assert_eq!(input(block_on(rig.vault.destroy(&other)).unwrap_err()), refused);
    assert_eq!(rig.pending(0).unwrap(), Share::new(0));
}

#[test]
fn active_share_is_not_aborted_and_unknown_key_is_named() {
    let rig = Rig::new();
    rig.activate(0);
    let abort = |key: &KeyRef| input(block_on(rig.vault.abort_pending(key)).unwrap_err());
    assert_eq!(abort(&key_ref(KEY, 0)), VaultInputError::AlreadyActive { epoch: 0 });
    assert_eq!(abort(&key_ref([9; 32], 0)), VaultInputError::UnknownKey);
    assert_eq!(rig.active().unwrap(), Share::new(0));
}

#[test]
fn open_attempts_are_bounded() {
    let rig = Rig::new();
    (0..16).for_each(|epoch| rig.put(epoch));
    let refused = block_on(rig.vault.put_pending(&key_ref(KEY, 16), &Share::new(16))).unwrap_err();
    assert_eq!(input(refused), VaultInputError::TooManyPending { limit: 16 });
    assert_eq!(rig.epochs().len(), 16, "a refused share leaves no epoch key");
}

#[test]
fn share_that_fails_its_own_check_does_not_leave() {
    let rig = Rig::new();
    block_on(rig.vault.put_pending(&key_ref(KEY, 1), &Share::new(2))).unwrap();
    assert!(matches!(rig.pending(1), Err(VaultError::Rejected { .. })));
}

#[test]
fn record_of_a_share_of_700_bytes_stays_under_a_kibibyte() {
    let rig = Rig::new();
    rig.activate(0);
    let record = rig.record(&key_record_name(&KEY)).unwrap();
    // 124 of the seal, 62 of the record around it.
    assert_eq!(record.len(), 700 + 124 + 62);
    assert!(record.len() < 1024);
}

#[test]
fn record_of_a_key_refuses_each_flipped_bit_truncation_and_extension() {
    let rig = Rig::new();
    rig.activate(0);
    rig.put(1);
    let name = RecordName::new(&key_record_name(&KEY)).unwrap();
    let good = rig.record(name.as_str()).unwrap();
    let refused = |value: Vec<u8>| {
        rig.store.tamper(&name, value);
        let page = block_on(rig.vault.list(None, 10)).unwrap();
        matches!(rig.active(), Err(VaultError::Damaged { .. })) && page.keys.is_empty() && page.damaged == [name.clone()]
    };
    for at in 0..good.len() {
        let mut altered = good.clone();
        altered[at] ^= 1 << (at % 8);
        assert!(refused(altered), "byte {at}");
        assert!(refused(good[..at].to_vec()), "{at} bytes");
    }
    assert!(refused([&good[..], &[0]].concat()));
    rig.store.tamper(&name, good);
    assert_eq!(rig.active().unwrap(), Share::new(0));
}

#[test]
fn record_of_one_key_or_cosigner_is_refused_under_another() {
    let (rig, other) = (Rig::new(), Rig::of(PeerId::new([0xd0; 32])));
    rig.activate(0);
    let record = rig.record(&key_record_name(&KEY)).unwrap();
    let elsewhere = [0x4c; 32];
    rig.store.tamper(&RecordName::new(&key_record_name(&elsewhere)).unwrap(), record.clone());
    let moved = block_on(rig.vault.load_active::<Share>(&elsewhere));
    assert!(matches!(moved, Err(VaultError::Damaged { .. })));
    other.store.tamper(&RecordName::new(&key_record_name(&KEY)).unwrap(), record);
    assert!(matches!(other.active(), Err(VaultError::Damaged { .. })));
}

#[test]
fn lost_epoch_key_is_told_apart_from_a_damaged_record() {
    let rig = Rig::new();
    rig.activate(0);
    let vault = block_on(Vault::open(rig.store.clone(), Arc::new(MemoryEpochKeys::default()), rig.kek.clone())).unwrap();
    assert!(matches!(block_on(vault.load_active::<Share>(&KEY)), Err(VaultError::EpochKeyMissing { epoch: 0 })));
}

#[test]
fn identity_is_written_once_and_bound_to_the_cosigner() {
    let rig = Rig::new();
    assert!(matches!(block_on(rig.vault.load_identity::<Share>()), Err(VaultError::Input(VaultInputError::NoIdentity))));
    block_on(rig.vault.store_identity(&Share::new(1))).unwrap();
    let twice = block_on(rig.vault.store_identity(&Share::new(2))).unwrap_err();
    assert_eq!(input(twice), VaultInputError::IdentityExists);
    assert_eq!(block_on(rig.vault.load_identity::<Share>()).unwrap(), Share::new(1));
    let name = RecordName::new("identity").unwrap();
    let other = Rig::of(PeerId::new([0xd0; 32]));
    other.store.tamper(&name, rig.record("identity").unwrap());
    assert!(matches!(block_on(other.vault.load_identity::<Share>()), Err(VaultError::Sealed { .. })));
}

#[test]
fn vault_is_made_once_and_never_over_the_remains_of_another() {
    let rig = Rig::new();
    let create = |store: Arc<MemoryStore>| block_on(Vault::create(store, rig.epoch_keys.clone(), rig.kek.clone(), COSIGNER));
    assert!(matches!(create(rig.store.clone()), Err(VaultError::Input(VaultInputError::VaultExists { .. }))));
    let headless = Arc::new(MemoryStore::default());
    headless.tamper(&RecordName::new("keys/00").unwrap(), vec![1]);
    assert!(matches!(create(headless.clone()), Err(VaultError::HeaderMissing { .. })));
    let opened = block_on(Vault::open(headless, rig.epoch_keys.clone(), rig.kek.clone()));
    assert!(matches!(opened, Err(VaultError::Input(VaultInputError::NoVault { .. }))));
}

#[test]
fn vault_header_refuses_each_flipped_bit() {
    let rig = Rig::new();
    let (name, good) = (RecordName::new("vault").unwrap(), rig.record("vault").unwrap());
    for at in 0..good.len() {
        let mut altered = good.clone();
        altered[at] ^= 0x10;
        rig.store.tamper(&name, altered);
        assert!(rig.open().is_err(), "byte {at}");
    }
    rig.store.tamper(&name, good);
    assert_eq!(rig.open().unwrap().cosigner(), &COSIGNER);
}

#[test]
fn boots_count_up_and_a_race_has_one_winner() {
    let mut rig = Rig::new();
    assert_eq!(block_on(rig.vault.begin_boot()).unwrap(), 1);
    rig.restart();
    assert_eq!(block_on(rig.vault.begin_boot()).unwrap(), 2);
    rig.faults.fail_at(1, quorate_storage::Torn::After);
    assert!(block_on(rig.vault.begin_boot()).is_err(), "the answer was lost");
    assert_eq!(block_on(rig.vault.begin_boot()).unwrap(), 4, "no number is given twice");
}

#[test]
fn names_are_unique_and_move() {
    let rig = Rig::new();
    let other = [0x4c; 32];
    rig.activate(0);
    block_on(rig.vault.put_pending(&key_ref(other, 0), &Share::new(0))).unwrap();
    let set = |key: &[u8; 32], name| block_on(rig.vault.set_name(key, name));
    let find = |name| block_on(rig.vault.key_of_name(name));
    set(&KEY, "treasury").unwrap();
    assert_eq!(find("treasury").unwrap(), KEY);
    assert_eq!(input(set(&other, "treasury").unwrap_err()), VaultInputError::NameTaken);
    set(&KEY, "cold").unwrap();
    assert_eq!(input(find("treasury").unwrap_err()), VaultInputError::UnknownKey);
    set(&other, "treasury").unwrap();
    assert_eq!((find("cold").unwrap(), find("treasury").unwrap()), (KEY, other));
    const LONG: &str = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
    for bad in ["", "a/b", "Upper", ".x", LONG] {
        assert_eq!(input(set(&KEY, bad).unwrap_err()), VaultInputError::InvalidName);
    }
    assert_eq!(input(set(&[1; 32], "x").unwrap_err()), VaultInputError::UnknownKey);
    assert_eq!(rig.active().unwrap(), Share::new(0), "a name leaves the share alone");
}

#[test]
fn naming_survives_a_crash_at_every_operation() {
    for torn in [quorate_storage::Torn::Before, quorate_storage::Torn::After] {
        for at in 0.. {
            let mut rig = Rig::new();
            let other = [0x4c; 32];
            rig.activate(0);
            block_on(rig.vault.put_pending(&key_ref(other, 0), &Share::new(0))).unwrap();
            block_on(rig.vault.set_name(&KEY, "old")).unwrap();
            rig.faults.crash_at(at, torn);
            let done = block_on(rig.vault.set_name(&KEY, "new"));
            if !rig.faults.crashed() {
                done.unwrap();
                break;
            }
            rig.restart();
            // Whatever remained: the name can be set, and the other key can take the one that is free.
            block_on(rig.vault.set_name(&KEY, "new")).unwrap();
            block_on(rig.vault.set_name(&other, "old")).unwrap();
            assert_eq!(block_on(rig.vault.key_of_name("new")).unwrap(), KEY, "operation {at}");
            assert_eq!(block_on(rig.vault.key_of_name("old")).unwrap(), other, "operation {at}");
        }
    }
}

#[test]
fn list_pages_through_all_keys_with_one_read_a_page() {
    let rig = Rig::new();
    let key = |i: u8| [i; 32];
    for i in 0..25 {
        block_on(rig.vault.put_pending(&key_ref(key(i), 0), &Share::new(0))).unwrap();
    }
    block_on(rig.vault.promote(&key_ref(key(7), 0), &Share::new(0))).unwrap();
    rig.store.tamper(&RecordName::new(&key_record_name(&key(9))).unwrap(), vec![1, 2, 3]);
    let before = rig.faults.operations();
    let (mut keys, mut damaged, mut after, mut pages) = (Vec::new(), Vec::new(), None, 0);
    loop {
        let page = block_on(rig.vault.list(after.as_ref(), 10)).unwrap();
        keys.extend(page.keys);
        damaged.extend(page.damaged);
        pages += 1;
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!((keys.len(), damaged.len(), pages), (24, 1, 3), "one damaged record does not hide the others");
    assert_eq!(rig.faults.operations() - before, 3);
    assert_eq!(keys.iter().filter(|key| key.state() == KeyState::Active).count(), 1);
    assert_eq!((keys[7].key_id, keys[7].active.unwrap().epoch, keys[7].suite), (key(7), 0, SuiteId::Bip340));
}

#[test]
fn record_that_is_no_keys_does_not_hide_the_keys_behind_it() {
    let rig = Rig::new();
    for i in [1, 9] {
        block_on(rig.vault.put_pending(&key_ref([i; 32], 0), &Share::new(0))).unwrap();
    }
    rig.store.tamper(&RecordName::new("keys/05-planted").unwrap(), vec![0; 64]);
    let (mut keys, mut damaged, mut after) = (0, 0, None);
    for _ in 0..4 {
        let page = block_on(rig.vault.list(after.as_ref(), 1)).unwrap();
        keys += page.keys.len();
        damaged += page.damaged.len();
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!((keys, damaged), (2, 1));
}

#[test]
fn share_that_does_not_fit_is_refused_and_nothing_is_lost() {
    let rig = Rig::new();
    rig.activate(0);
    let large = |epoch| Share { epoch, secret: vec![1; quorate_storage::sealed::MAX_SECRET - 8] };
    let refused = block_on(rig.vault.put_pending(&key_ref(KEY, 1), &large(1)));
    assert!(refused.is_ok(), "one fits beside a small one");
    let refused = block_on(rig.vault.put_pending(&key_ref(KEY, 2), &large(2)));
    assert!(matches!(refused, Err(VaultError::Store(StoreError::ValueTooLarge { .. }))));
    assert_eq!(rig.active().unwrap(), Share::new(0));
    assert_eq!(rig.pending(1).unwrap(), large(1));
}

#[test]
fn futures_of_a_vault_can_be_sent_between_threads() {
    fn is_send<T: Send>(_: T) {}
    let rig = Rig::new();
    is_send(rig.vault.put_pending(&key_ref(KEY, 0), &Share::new(0)));
    is_send(rig.vault.promote(&key_ref(KEY, 0), &Share::new(0)));
    is_send(rig.vault.load_active::<Share>(&KEY));
    is_send(rig.vault.set_name(&KEY, "x"));
    is_send(rig.open());
}

/// A key service that answers, and wraps another key than it was given.
#[derive(Debug)]
struct Forgetful(Arc<quorate_storage::Passphrase>, core::sync::atomic::AtomicBool);

impl quorate_storage::KeyEncryptionKey for Forgetful {
    fn wrap_key<'a>(
        &'a self,
        context: &'a [u8],
        key: &'a quorate_core::Secret<[u8; 32]>,
    ) -> quorate_storage::BoxFuture<'a, Result<quorate_storage::WrappedKey, quorate_storage::KekError>> {
        Box::pin(async move {
            let wrong = quorate_core::Secret::new([0; 32]);
            let broken = self.1.load(core::sync::atomic::Ordering::SeqCst);
            self.0.wrap_key(context, if broken { &wrong } else { key }).await
        })
    }

    fn unwrap_key<'a>(
        &'a self,
        context: &'a [u8],
        wrapped: &'a quorate_storage::WrappedKey,
    ) -> quorate_storage::BoxFuture<'a, Result<quorate_core::Secret<[u8; 32]>, quorate_storage::KekError>> {
        self.0.unwrap_key(context, wrapped)
    }
}

#[test]
fn key_service_that_wraps_wrongly_costs_no_share() {
    let rig = Rig::new();
    rig.activate(0);
    rig.put(1);
    let kek = Arc::new(Forgetful(rig.kek.clone(), core::sync::atomic::AtomicBool::new(true)));
    let vault = block_on(Vault::open(rig.store.clone(), rig.epoch_keys.clone(), kek)).unwrap();
    let promoted = block_on(vault.promote(&key_ref(KEY, 1), &Share::new(1)));
    assert!(matches!(promoted, Err(VaultError::Sealed { .. })));
    assert!(matches!(block_on(vault.put_pending(&key_ref(KEY, 2), &Share::new(2))), Err(VaultError::Sealed { .. })));
    assert_eq!((rig.active().unwrap(), rig.pending(1).unwrap()), (Share::new(0), Share::new(1)));
}

#[test]
fn opening_an_older_store_destroys_no_epoch_key_of_a_newer_one() {
    let mut rig = Rig::new();
    rig.activate(0);
    let name = RecordName::new(&key_record_name(&KEY)).unwrap();
    let old = rig.record(name.as_str()).unwrap();
    rig.put(1);
    let new = rig.record(name.as_str()).unwrap();
    rig.store.tamper(&name, old);
    rig.restart();
    assert_eq!(rig.epochs(), [0, 1], "the older record knows nothing of epoch 1");
    rig.store.tamper(&name, new);
    assert_eq!(rig.pending(1).unwrap(), Share::new(1));
}

#[test]
fn one_of_many_threads_stores_the_share_of_an_epoch() {
    for _ in 0..20 {
        let rig = Rig::new();
        let done: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8_u8)
                .map(|i| {
                    let vault = rig.vault.clone();
                    scope.spawn(move || {
                        let share = Share { epoch: 0, secret: vec![i; 40] };
                        (i, block_on(vault.put_pending(&key_ref(KEY, 0), &share)))
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let winners: Vec<u8> = done.iter().filter(|(_, done)| done.is_ok()).map(|(i, _)| *i).collect();
        assert_eq!(winners.len(), 1);
        assert_eq!(rig.pending(0).unwrap().secret, [winners[0]; 40], "the winner's share, and it opens");
        for (_, lost) in done.into_iter().filter(|(_, done)| done.is_err()) {
            assert_eq!(input(lost.unwrap_err()), VaultInputError::PendingExists { epoch: 0 });
        }
    }
}

#[test]
fn share_loads_while_another_thread_promotes_over_it() {
    let rig = Rig::new();
    rig.activate(0);
    std::thread::scope(|scope| {
        let vault = rig.vault.clone();
        let reader = scope.spawn(move || {
            let mut last = 0;
            while last < 60 {
                let (key, share) = block_on(vault.load_active::<Share>(&KEY)).expect("some epoch is always active");
                assert!(share.epoch == key.epoch() && share.epoch >= last);
                last = share.epoch;
            }
        });
        (1..=60).for_each(|epoch| rig.activate(epoch));
        reader.join().unwrap();
    });
}
