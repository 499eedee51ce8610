//! A crash at every operation of every step: the share is readable as pending or as active, never as neither.

use quorate_storage::{Torn, VaultError, vault::VaultInputError};

use crate::support::{KEY, Rig, Share, block_on, key_ref};

/// Crashes `step` at each operation, before and after it took effect, starts again, and hands over to `check`.
/// Returns how many operations the step has.
fn at_every_crash(prepare: impl Fn(&Rig), step: impl Fn(&Rig) -> Result<(), VaultError>, check: impl Fn(&Rig, u64, Torn)) -> u64 {
    let mut operations = 0;
    for torn in [Torn::Before, Torn::After] {
        for at in 0.. {
            let mut rig = Rig::new();
            prepare(&rig);
            rig.faults.crash_at(at, torn);
            let done = step(&rig);
            if !rig.faults.crashed() {
                done.unwrap();
                operations = at;
                break;
            }
            assert!(done.is_err(), "a step that died says so");
            rig.restart();
            check(&rig, at, torn);
        }
    }
    operations
}

fn put(rig: &Rig, epoch: u64) -> Result<(), VaultError> {
    block_on(rig.vault.put_pending(&key_ref(KEY, epoch), &Share::new(epoch)))
}

fn promote(rig: &Rig, epoch: u64) -> Result<(), VaultError> {
    block_on(rig.vault.promote(&key_ref(KEY, epoch), &Share::new(epoch)))
}

#[test]
fn put_pending_of_a_new_key_survives_a_crash_at_every_operation() {
    let operations = at_every_crash(
        |_| (),
        |rig| put(rig, 0),
        |rig, at, torn| {
            // It can be done again, or was done.
            match put(rig, 0) {
                Ok(()) | Err(VaultError::Input(VaultInputError::PendingExists { epoch: 0 })) => {}
                Err(error) => panic!("operation {at} {torn:?}: {error:?}"),
            }
            assert_eq!(rig.pending(0).unwrap(), Share::new(0));
            promote(rig, 0).unwrap();
            assert_eq!(rig.active().unwrap(), Share::new(0));
        },
    );
    assert!(operations >= 4, "the crash must reach reads and writes of both places");
}

#[test]
fn put_pending_beside_an_active_share_survives_a_crash_at_every_operation() {
    at_every_crash(
        |rig| rig.activate(0),
        |rig| put(rig, 1),
        |rig, at, torn| {
            assert_eq!(rig.active().unwrap(), Share::new(0), "operation {at} {torn:?}");
            match put(rig, 1) {
                Ok(()) | Err(VaultError::Input(VaultInputError::PendingExists { epoch: 1 })) => {}
                Err(error) => panic!("operation {at} {torn:?}: {error:?}"),
            }
            assert_eq!(rig.pending(1).unwrap(), Share::new(1));
            assert_eq!(rig.epochs(), [0, 1]);
        },
    );
}

#[test]
fn promote_survives_a_crash_at_every_operation() {
    let prepare = |rig: &Rig| {
        rig.activate(0);
        [1, 2, 3].into_iter().for_each(|epoch| rig.put(epoch));
    };
    let operations = at_every_crash(
        prepare,
        |rig| promote(rig, 2),
        |rig, at, torn| {
            match rig.active().unwrap().epoch {
                0 => assert_eq!(rig.pending(2).unwrap(), Share::new(2), "operation {at} {torn:?}"),
                2 => assert_eq!(rig.epochs(), [2, 3], "the start finished the destruction: operation {at} {torn:?}"),
                other => panic!("epoch {other}"),
            }
            assert_eq!(rig.pending(3).unwrap(), Share::new(3));
            promote(rig, 2).unwrap();
            assert_eq!((rig.active().unwrap(), rig.epochs()), (Share::new(2), vec![2, 3]), "operation {at} {torn:?}");
        },
    );
    assert!(operations >= 7);
}

#[test]
fn destroy_retire_and_abort_survive_a_crash_at_every_operation() {
    let prepare = |rig: &Rig| {
        rig.activate(0);
        rig.put(1);
    };
    let destroy = |rig: &Rig| block_on(rig.vault.destroy(&key_ref(KEY, 0)));
    let retire = |rig: &Rig| block_on(rig.vault.retire(&KEY, 0));
    let abort = |rig: &Rig| block_on(rig.vault.abort_pending(&key_ref(KEY, 1)));
    for step in [&destroy as &dyn Fn(&Rig) -> Result<(), VaultError>, &retire] {
        at_every_crash(prepare, step, |rig, at, torn| {
            match rig.active() {
                Ok(share) => assert_eq!(share, Share::new(0), "untouched: operation {at} {torn:?}"),
                Err(VaultError::Input(VaultInputError::NoActiveShare)) => assert_eq!(rig.epochs(), [1]),
                Err(error) => panic!("operation {at} {torn:?}: {error:?}"),
            }
            step(rig).unwrap();
            assert_eq!((rig.pending(1).unwrap(), rig.epochs()), (Share::new(1), vec![1]));
        });
    }
    at_every_crash(prepare, abort, |rig, at, torn| {
        assert_eq!(rig.active().unwrap(), Share::new(0), "operation {at} {torn:?}");
        abort(rig).unwrap();
        assert_eq!(rig.epochs(), [0]);
    });
}

#[test]
fn key_survives_a_life_of_random_faults() {
    for seed in 0..150 {
        let mut rig = Rig::new();
        rig.activate(0);
        rig.faults.roll(seed, 4);
        for epoch in 1..=5 {
            for _ in 0..200 {
                let stored = match put(&rig, epoch) {
                    Ok(()) | Err(VaultError::Input(VaultInputError::PendingExists { .. })) => true,
                    Err(VaultError::Input(VaultInputError::EpochNotNew { highest, .. })) => highest == epoch,
                    Err(_) => false,
                };
                if stored && promote(&rig, epoch).is_ok() {
                    break;
                }
            }
            rig.restart();
            assert_eq!((rig.active().unwrap(), rig.epochs()), (Share::new(epoch), vec![epoch]), "seed {seed}");
            rig.faults.roll(seed ^ epoch << 8, 4);
        }
    }
}
