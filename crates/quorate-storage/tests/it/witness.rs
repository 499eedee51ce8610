//! What is remembered of peers and of oneself: durable, never less, and no crash loses an alarm.

use quorate_core::{PeerId, ecdsa::Boot};
use quorate_storage::{
    AuditHead, RecordName, Torn, VaultError,
    vault::{Alarm, Evidence, Lapse, Stamp},
};

use crate::support::{Rig, block_on};

const PEER: PeerId = PeerId::new([0xb0; 32]);
const OTHER: PeerId = PeerId::new([0xc1; 32]);

fn stamp(rig: &Rig, boot: u64, sequence: u64) -> Stamp {
    rig.vault.stamp(Boot::new(boot, [1; 16]), AuditHead::new(sequence, [2; 32]))
}

#[test]
fn stamp_is_its_makers_and_nobody_elses() {
    let (mut rig, other) = (Rig::new(), Rig::new());
    let mine = stamp(&rig, 1, 2);
    assert!(rig.vault.made(&mine) && !other.vault.made(&mine));
    assert!(!rig.vault.made(&stamp(&other, 1, 2)));
    let farther = |change: fn(&mut Stamp)| {
        let mut changed = mine;
        change(&mut changed);
        changed
    };
    assert!(!rig.vault.made(&farther(|stamp| stamp.boot.counter = 2)));
    assert!(!rig.vault.made(&farther(|stamp| stamp.boot.random = [9; 16])));
    assert!(!rig.vault.made(&farther(|stamp| stamp.head.sequence = 3)));
    assert!(!rig.vault.made(&farther(|stamp| stamp.head.digest = [9; 32])));
    rig.restart();
    assert!(rig.vault.made(&mine), "also after a restart");
}

#[test]
fn memory_of_a_peer_only_grows_and_outlives_a_restart() {
    let mut rig = Rig::new();
    assert_eq!(block_on(rig.vault.witnessed(&PEER)).unwrap().seen, None);
    for (boot, sequence, kept) in [(1, 5, (1, 5)), (1, 4, (1, 5)), (1, 6, (1, 6)), (0, 9, (1, 6)), (2, 6, (2, 6))] {
        block_on(rig.vault.remember(&PEER, stamp(&rig, boot, sequence))).unwrap();
        rig.restart();
        let seen = block_on(rig.vault.witnessed(&PEER)).unwrap().seen.unwrap();
        assert_eq!((seen.boot.counter, seen.head.sequence), kept);
    }
    assert_eq!(block_on(rig.vault.witnessed(&OTHER)).unwrap().seen, None);
}

#[test]
fn alarm_stays_until_the_peer_is_accepted_again() {
    let mut rig = Rig::new();
    let (seen, shown) = (stamp(&rig, 5, 50), stamp(&rig, 4, 40));
    block_on(rig.vault.remember(&PEER, seen)).unwrap();
    let alarm = Alarm::new(1000, Lapse::OlderStart, shown);
    block_on(rig.vault.raise_alarm(&PEER, alarm)).unwrap();
    block_on(rig.vault.raise_alarm(&PEER, Alarm::new(2000, Lapse::OtherLog, seen))).unwrap();
    block_on(rig.vault.remember(&PEER, stamp(&rig, 9, 90))).unwrap();
    rig.restart();
    let witnessed = block_on(rig.vault.witnessed(&PEER)).unwrap();
    assert_eq!((witnessed.alarm, witnessed.seen), (Some(alarm), Some(seen)), "the first alarm, and what was seen before it");
    block_on(rig.vault.accept_again(&PEER, shown)).unwrap();
    rig.restart();
    let witnessed = block_on(rig.vault.witnessed(&PEER)).unwrap();
    assert_eq!((witnessed.alarm, witnessed.seen), (None, Some(shown)));
}

#[test]
fn crash_while_an_alarm_is_raised_leaves_the_alarm_or_what_raises_it_again() {
    for torn in [Torn::Before, Torn::After] {
        for at in 0..3 {
            let mut rig = Rig::new();
            let (seen, shown) = (stamp(&rig, 5, 50), stamp(&rig, 4, 40));
            block_on(rig.vault.remember(&PEER, seen)).unwrap();
            rig.faults.crash_at(at, torn);
            let raised = block_on(rig.vault.raise_alarm(&PEER, Alarm::new(1, Lapse::OlderStart, shown)));
            assert_eq!(raised.is_ok(), at == 2, "it reads and writes once each");
            rig.restart();
            let witnessed = block_on(rig.vault.witnessed(&PEER)).unwrap();
            assert_eq!(witnessed.seen, Some(seen), "the older state never takes the place of the newer");
            assert!(witnessed.alarm.is_some() || raised.is_err());
        }
    }
}

#[test]
fn whoever_stands_aside_does_so_until_it_gives_up_the_history_and_its_next_start_is_above_it() {
    let mut rig = Rig::new();
    assert_eq!(block_on(rig.vault.begin_boot()).unwrap(), 1);
    let evidence = Evidence::new(1000, PEER, stamp(&rig, 7, 70));
    block_on(rig.vault.stand_aside(evidence)).unwrap();
    block_on(rig.vault.stand_aside(Evidence::new(2000, OTHER, stamp(&rig, 8, 80)))).unwrap();
    rig.restart();
    let standing = block_on(rig.vault.standing()).unwrap();
    assert_eq!((standing.behind, standing.given_up), (Some(evidence), 0));
    for torn in [Torn::Before, Torn::After] {
        for at in 0..4 {
            rig.faults.crash_at(at, torn);
            let given = block_on(rig.vault.give_up(8));
            rig.restart();
            let standing = block_on(rig.vault.standing()).unwrap();
            assert!(given.is_err() || standing.behind.is_none());
        }
    }
    let standing = block_on(rig.vault.give_up(8)).unwrap();
    assert_eq!((standing.behind, standing.given_up), (None, 8));
    assert_eq!(block_on(rig.vault.give_up(3)).unwrap().given_up, 8);
    assert_eq!(block_on(rig.vault.begin_boot()).unwrap(), 9);
}

#[test]
fn altered_or_moved_memory_is_damaged() {
    let rig = Rig::new();
    block_on(rig.vault.remember(&PEER, stamp(&rig, 5, 50))).unwrap();
    let hex = |peer: &PeerId| peer.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let record = rig.record(&format!("witness/{}", hex(&PEER))).unwrap();
    rig.store.tamper(&RecordName::new(&format!("witness/{}", hex(&OTHER))).unwrap(), record.clone());
    assert!(matches!(block_on(rig.vault.witnessed(&OTHER)), Err(VaultError::Damaged { .. })));
    let mut less = record;
    less[9] ^= 1;
    rig.store.tamper(&RecordName::new(&format!("witness/{}", hex(&PEER))).unwrap(), less);
    assert!(matches!(block_on(rig.vault.witnessed(&PEER)), Err(VaultError::Damaged { .. })));
}
