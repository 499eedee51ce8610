//! The audit log: durable, in order, and nothing in it can be changed without being found.

use quorate_core::PeerId;
use quorate_storage::{
    AuditEntry, AuditError, AuditHead, AuditKind, AuditLog, RecordName, Store, StoreError, Torn, audit::HEAD_EVERY,
};

use crate::support::{COSIGNER, Rig, block_on};

fn entry(number: u64) -> AuditEntry {
    AuditEntry::new(AuditKind::Signed, number).key([number as u8; 32]).epoch(1).peer(PeerId::new([2; 32])).reason("a signature")
}

fn open(rig: &Rig) -> Result<AuditLog, AuditError> {
    block_on(rig.vault.audit())
}

fn append(log: &mut AuditLog, numbers: core::ops::RangeInclusive<u64>) {
    for number in numbers {
        assert_eq!(block_on(log.append(&entry(number))).unwrap().sequence, number);
    }
}

fn name(sequence: u64) -> RecordName {
    RecordName::new(&format!("audit/{sequence:020}")).unwrap()
}

fn remove(rig: &Rig, name: &RecordName) {
    let stored = block_on(rig.store.read(name)).unwrap().unwrap();
    block_on(rig.store.delete(name, &stored.version)).unwrap();
}

/// A log of 70 entries: the head record is at 64.
fn written() -> (Rig, AuditLog) {
    let rig = Rig::new();
    let mut log = open(&rig).unwrap();
    append(&mut log, 1..=70);
    (rig, log)
}

#[test]
fn entries_are_numbered_chained_and_read_back_after_a_restart() {
    let (mut rig, log) = written();
    let head = log.head();
    assert_eq!((head.sequence, block_on(log.verify()).unwrap()), (70, head));
    rig.restart();
    let mut log = open(&rig).unwrap();
    assert_eq!(log.head(), head);
    append(&mut log, 71..=71);
    assert_eq!(block_on(rig.vault.audit_digest(70)).unwrap(), Some(head.digest));
    assert_eq!(block_on(rig.vault.audit_digest(72)).unwrap(), None);
    let page = block_on(rig.vault.audit_page(68, 2)).unwrap();
    assert!(page.more);
    assert_eq!(page.lines.iter().map(|line| line.head.sequence).collect::<Vec<_>>(), [69, 70]);
    assert_eq!((&page.lines[1].entry, page.lines[1].head), (&entry(70), head));
    let last = block_on(rig.vault.audit_page(70, 500)).unwrap();
    assert!(!last.more && last.lines.len() == 1);
    assert_eq!(block_on(rig.vault.audit_page(0, 500)).unwrap().lines.len(), 71);
}

#[test]
fn empty_log_has_a_head_of_its_own_cosigner() {
    let (rig, other) = (Rig::new(), Rig::of(PeerId::new([9; 32])));
    assert_ne!(COSIGNER, PeerId::new([9; 32]));
    let (head, others) = (open(&rig).unwrap().head(), open(&other).unwrap().head());
    assert_eq!((head.sequence, others.sequence), (0, 0));
    assert_ne!(head.digest, others.digest);
    assert_eq!(block_on(rig.vault.audit_digest(0)).unwrap(), Some(head.digest));
    assert_eq!(block_on(rig.vault.verify_audit(None)).unwrap(), head);
}

#[test]
fn altered_entry_is_found_and_named() {
    let (rig, log) = written();
    let mut value = rig.record(name(40).as_str()).unwrap();
    let last = value.len() - 40;
    value[last] ^= 1;
    rig.store.tamper(&name(40), value);
    assert!(matches!(block_on(log.verify()), Err(AuditError::Altered { sequence: 40 })));
    assert!(matches!(block_on(rig.vault.audit_digest(40)), Err(AuditError::Altered { sequence: 40 })));
    assert!(matches!(block_on(rig.vault.audit_page(38, 5)), Err(AuditError::Altered { sequence: 40 })));
}

#[test]
fn removed_entry_is_found_and_named() {
    let (rig, log) = written();
    remove(&rig, &name(40));
    assert!(matches!(block_on(log.verify()), Err(AuditError::Missing { sequence: 40 })));
    remove(&rig, &name(1));
    assert!(matches!(block_on(log.verify()), Err(AuditError::Missing { sequence: 1 })));
}

#[test]
fn swapped_entries_are_found() {
    let (rig, log) = written();
    let (a, b) = (rig.record(name(40).as_str()).unwrap(), rig.record(name(41).as_str()).unwrap());
    rig.store.tamper(&name(40), b);
    rig.store.tamper(&name(41), a);
    assert!(matches!(block_on(log.verify()), Err(AuditError::Altered { sequence: 40 })));
}

#[test]
fn removed_end_is_found_by_the_running_log_and_down_to_the_head_record_by_the_next_start() {
    let (rig, log) = written();
    remove(&rig, &name(70));
    assert!(matches!(block_on(log.verify()), Err(AuditError::Removed { sequence: 70, head: 70 })));
    // Above the head record only witnesses remember.
    assert_eq!(open(&rig).unwrap().head().sequence, 69);
    let (rig, _) = written();
    (64..=70).for_each(|sequence| remove(&rig, &name(sequence)));
    assert!(matches!(open(&rig), Err(AuditError::Removed { sequence: 64, head: 64 })));
    assert!(matches!(block_on(rig.vault.verify_audit(None)), Err(AuditError::Removed { sequence: 64, head: 64 })));
}

#[test]
fn entries_of_another_history_of_the_same_vault_are_found() {
    let rig = Rig::new();
    let mut log = open(&rig).unwrap();
    append(&mut log, 1..=10);
    let kept: Vec<_> = (8..=10).map(|sequence| rig.record(name(sequence).as_str()).unwrap()).collect();
    (8..=10).for_each(|sequence| remove(&rig, &name(sequence)));
    let mut log = open(&rig).unwrap();
    block_on(log.append(&AuditEntry::new(AuditKind::Denied, 5))).unwrap();
    rig.store.tamper(&name(9), kept[1].clone());
    assert!(matches!(open(&rig), Err(AuditError::OtherHistory { sequence: 9 })));
    // All of the other history: the log that runs remembers its own.
    rig.store.tamper(&name(8), kept[0].clone());
    assert!(matches!(block_on(log.verify()), Err(AuditError::OtherHistory { sequence: 8 })));
}

#[test]
fn foreign_record_and_altered_head_record_are_found() {
    let (rig, log) = written();
    for bad in ["audit/x", "audit/7", "audit/00000000000000000007/x"] {
        rig.store.tamper(&RecordName::new(bad).unwrap(), vec![1]);
        assert!(matches!(block_on(log.verify()), Err(AuditError::Foreign { .. } | AuditError::Missing { .. })), "{bad}");
        remove(&rig, &RecordName::new(bad).unwrap());
    }
    assert!(block_on(log.verify()).is_ok());
    rig.store.tamper(&RecordName::new("audit-head").unwrap(), vec![0; 72]);
    assert!(matches!(open(&rig), Err(AuditError::HeadAltered)));
    assert!(matches!(block_on(log.verify()), Err(AuditError::HeadAltered)));
}

#[test]
fn second_writer_is_told_and_writes_nothing_from_then_on() {
    let (rig, mut first) = written();
    let mut second = open(&rig).unwrap();
    append(&mut second, 71..=71);
    for _ in 0..3 {
        assert!(matches!(block_on(first.append(&entry(71))), Err(AuditError::TwoWriters { sequence: 71 })));
    }
    append(&mut second, 72..=73);
    assert_eq!(block_on(second.verify()).unwrap().sequence, 73);
}

#[test]
fn crash_at_every_operation_leaves_a_log_that_opens_and_verifies() {
    for before in [0, 5, HEAD_EVERY - 1, HEAD_EVERY] {
        for torn in [Torn::Before, Torn::After] {
            for at in 0.. {
                let mut rig = Rig::new();
                append(&mut open(&rig).unwrap(), 1..=before);
                rig.faults.crash_at(at, torn);
                let done = open(&rig).and_then(|mut log| block_on(log.append(&entry(before + 1))));
                let crashed = rig.faults.crashed();
                rig.restart();
                let mut log = open(&rig).unwrap();
                let sequence = log.head().sequence;
                assert!(sequence == before + 1 || (crashed && done.is_err() && sequence == before), "{before} {at} {torn:?}");
                assert_eq!(block_on(log.append(&entry(9))).unwrap().sequence, sequence + 1);
                assert_eq!(block_on(log.verify()).unwrap().sequence, sequence + 1);
                if !crashed {
                    assert!(at >= 3, "the crash must reach reads and writes");
                    break;
                }
            }
        }
    }
}

#[test]
fn entry_with_an_unknown_outcome_is_there_once_or_not_at_all() {
    for torn in [Torn::Before, Torn::After] {
        let rig = Rig::new();
        let mut log = open(&rig).unwrap();
        append(&mut log, 1..=3);
        rig.faults.fail_at(0, torn);
        assert!(matches!(block_on(log.append(&entry(4))), Err(AuditError::Store(StoreError::Unavailable { .. }))));
        assert_eq!(log.head().sequence, 3, "not durable for certain");
        let next = block_on(log.append(&entry(5))).unwrap();
        assert_eq!(next.sequence, if torn == Torn::After { 5 } else { 4 });
        assert_eq!(block_on(log.verify()).unwrap(), next);
    }
}

#[test]
fn log_survives_a_life_of_random_faults() {
    for seed in 0..50 {
        let mut rig = Rig::new();
        let mut log = open(&rig).unwrap();
        let mut durable = AuditHead::new(0, [0; 32]);
        for round in 0..3_u64 {
            rig.faults.roll(seed ^ (round << 8), 5);
            for number in 0..40 {
                if let Ok(head) = block_on(log.append(&entry(number))) {
                    assert!(head.sequence > durable.sequence);
                    durable = head;
                }
            }
            rig.restart();
            log = open(&rig).unwrap();
            assert!(log.head().sequence >= durable.sequence, "seed {seed}");
            assert_eq!(block_on(rig.vault.audit_digest(durable.sequence)).unwrap(), Some(durable.digest), "seed {seed}");
            assert_eq!(block_on(log.verify()).unwrap(), log.head());
        }
        assert!(durable.sequence > 60);
    }
}
