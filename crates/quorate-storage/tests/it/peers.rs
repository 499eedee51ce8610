//! Faults of peers: counted durably, by each cosigner for itself.

use quorate_core::PeerId;
use quorate_storage::{PeerFaults, RecordName, Torn, VaultError};

use crate::support::{Rig, block_on};

const PEER: PeerId = PeerId::new([0xb0; 32]);
const OTHER: PeerId = PeerId::new([0xc1; 32]);

fn name(peer: &PeerId) -> String {
    format!("peers/{}", peer.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

#[test]
fn faults_are_counted_for_each_peer_and_outlive_a_restart() {
    let mut rig = Rig::new();
    assert_eq!(block_on(rig.vault.faults(&PEER, 1)).unwrap(), PeerFaults::default());
    block_on(rig.vault.add_fault(&PEER, 1000)).unwrap();
    assert_eq!(block_on(rig.vault.add_fault(&PEER, 1010)).unwrap().count, 2);
    rig.restart();
    let faults = block_on(rig.vault.faults(&PEER, 1010)).unwrap();
    assert_eq!((faults.count, faults.last, faults.wait(1010).as_secs()), (2, 1010, 120));
    assert_eq!(block_on(rig.vault.faults(&OTHER, 1010)).unwrap().count, 0);
    block_on(rig.vault.forgive_faults(&PEER)).unwrap();
    block_on(rig.vault.forgive_faults(&PEER)).unwrap();
    assert_eq!(block_on(rig.vault.faults(&PEER, 1010)).unwrap(), PeerFaults::default());
}

#[test]
fn clock_that_went_backwards_costs_one_wait_and_no_more() {
    let rig = Rig::new();
    block_on(rig.vault.add_fault(&PEER, 1_000_000)).unwrap();
    assert_eq!(block_on(rig.vault.faults(&PEER, 500)).unwrap().wait(500).as_secs(), 60);
    assert_eq!(block_on(rig.vault.faults(&PEER, 550)).unwrap().wait(550).as_secs(), 10);
    assert_eq!(block_on(rig.vault.faults(&PEER, 560)).unwrap().wait(560).as_secs(), 0);
}

#[test]
fn fault_whose_record_failed_is_counted_once_the_store_is_back() {
    let mut rig = Rig::new();
    block_on(rig.vault.add_fault(&PEER, 1000)).unwrap();
    for operation in 0..2 {
        rig.faults.crash_at(operation, Torn::Before);
        assert!(block_on(rig.vault.add_fault(&PEER, 1001)).is_err());
        rig.restart();
        assert_eq!(block_on(rig.vault.faults(&PEER, 1001)).unwrap().count, 1);
    }
    assert_eq!(block_on(rig.vault.add_fault(&PEER, 1001)).unwrap().count, 2);
}

#[test]
fn altered_or_moved_record_is_damaged_and_can_be_forgiven() {
    let rig = Rig::new();
    block_on(rig.vault.add_fault(&PEER, 1000)).unwrap();
    let record = rig.record(&name(&PEER)).unwrap();
    rig.store.tamper(&RecordName::new(&name(&OTHER)).unwrap(), record.clone());
    assert!(matches!(block_on(rig.vault.faults(&OTHER, 1000)), Err(VaultError::Damaged { .. })));
    let mut less = record;
    less[3] = 0;
    rig.store.tamper(&RecordName::new(&name(&PEER)).unwrap(), less);
    assert!(matches!(block_on(rig.vault.add_fault(&PEER, 1000)), Err(VaultError::Damaged { .. })));
    block_on(rig.vault.forgive_faults(&PEER)).unwrap();
    assert_eq!(block_on(rig.vault.faults(&PEER, 1000)).unwrap().count, 0);
}
