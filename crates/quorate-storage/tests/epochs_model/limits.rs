//! What the record does at its limits: the facts behind two findings in `docs/epochs.md`.

use quorate_core::Identifier;
use quorate_storage::vault::{
    VaultInputError,
    fuzz_api::{Epochs, Step},
};

fn holder() -> Epochs {
    Epochs::new(Identifier::new(1).unwrap(), Some(0), Some(0), Vec::new())
}

#[test]
fn sixteen_withheld_confirmations_keep_out_the_eviction_of_who_withholds() {
    let full = (1..=16).fold(holder(), |record, epoch| record.step(Step::PutPending(epoch)).unwrap());
    assert_eq!(full.step(Step::PutPending(17)), Err(VaultInputError::TooManyPending { limit: 16 }));
    // Any of them that is completed makes room, and the old share is there all the time.
    assert_eq!(full.active, Some(0));
    assert!(full.step(Step::Promote(9)).unwrap().step(Step::PutPending(17)).is_ok());
}

#[test]
fn highest_number_there_is_leaves_no_room_for_another_attempt() {
    let last = holder().step(Step::PutPending(u64::MAX)).unwrap();
    assert_eq!(last.step(Step::PutPending(u64::MAX)), Err(VaultInputError::PendingExists { epoch: u64::MAX }));
    let aborted = last.step(Step::Remove(u64::MAX)).unwrap();
    let refused = VaultInputError::EpochNotNew { given: u64::MAX, highest: u64::MAX };
    assert_eq!(aborted.step(Step::PutPending(u64::MAX)), Err(refused));
}

#[test]
fn retirement_through_a_number_destroys_what_has_that_number() {
    let held = holder().step(Step::PutPending(5)).unwrap();
    let active = held.step(Step::Promote(5)).unwrap();
    for record in [held, active] {
        let retired = record.step(Step::Retire(5)).unwrap();
        assert_eq!((retired.active, retired.pending, retired.highest), (None, Vec::new(), Some(5)));
    }
}

#[test]
fn record_that_does_not_exist_cannot_be_retired() {
    let nothing = Epochs::new(Identifier::new(4).unwrap(), None, None, Vec::new());
    assert_eq!(nothing.step(Step::Retire(2)), Err(VaultInputError::UnknownKey));
    // So a number below that certificate is not refused later.
    assert!(nothing.step(Step::PutPending(1)).is_ok());
}
