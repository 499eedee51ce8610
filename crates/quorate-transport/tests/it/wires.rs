//! The conformance suite on every wire of this crate, and what is particular to the memory wire.

use quorate_core::PeerId;
use quorate_transport::{
    Identity, Wire, WireError,
    conformance::{End, Violation, check},
    wire::BoxFuture,
    wires::{Faults, Hub, TcpLimits, TcpWire},
};

use crate::{
    common::{identities, roster, seed},
    tcp::local_team,
};

#[tokio::test]
async fn memory_wire_keeps_the_contract() {
    let ids: Vec<_> = identities(3, 1).iter().map(Identity::peer_id).collect();
    let hub = Hub::new(seed(), Faults::NONE);
    let (a, b) = (hub.wire(ids[0]), hub.wire(ids[1]));
    check(End::new(&a, ids[0]), End::new(&b, ids[1]), ids[2]).await.unwrap();
}

#[tokio::test]
async fn faulty_memory_wire_keeps_the_contract() {
    let ids: Vec<_> = identities(3, 1).iter().map(Identity::peer_id).collect();
    let hub = Hub::new(seed(), Faults::new(200, 200, 200));
    eprintln!("{hub:?}");
    let (a, b) = (hub.wire(ids[0]), hub.wire(ids[1]));
    check(End::new(&a, ids[0]), End::new(&b, ids[1]), ids[2]).await.unwrap();
}

#[tokio::test]
async fn tcp_wire_keeps_the_contract() {
    let (identities, roster, addresses) = local_team(3);
    let ids: Vec<_> = identities.iter().map(Identity::peer_id).collect();
    let a = TcpWire::start(ids[0], &addresses[0], &roster, TcpLimits::default()).await.unwrap();
    let b = TcpWire::start(ids[1], &addresses[1], &roster, TcpLimits::default()).await.unwrap();
    check(End::new(&a, ids[0]), End::new(&b, ids[1]), ids[2]).await.unwrap();
}

/// A wire that breaks one promise, to show that the suite notices.
struct Broken<W> {
    inner: W,
    breaks: Violation,
}

impl<W: Wire> Wire for Broken<W> {
    fn send(&self, to: PeerId, mut bytes: Vec<u8>) -> BoxFuture<'_, Result<(), WireError>> {
        match self.breaks {
            Violation::Changed => bytes.push(0),
            Violation::TooLongTaken => bytes.truncate(1000),
            Violation::SendWaits => return Box::pin(core::future::pending()),
            Violation::NeverArrives { .. } => bytes = vec![0x5a],
            _ => {}
        }
        self.inner.send(to, bytes)
    }

    fn recv(&self) -> BoxFuture<'_, Result<(PeerId, Vec<u8>), WireError>> {
        let wrong = self.breaks == Violation::WrongHint;
        Box::pin(
            async move { self.inner.recv().await.map(|(hint, bytes)| (if wrong { PeerId::new([1; 32]) } else { hint }, bytes)) },
        )
    }
}

#[tokio::test(start_paused = true)]
async fn suite_notices_broken_promises() {
    let ids: Vec<_> = identities(3, 1).iter().map(Identity::peer_id).collect();
    for breaks in [Violation::Changed, Violation::SendWaits, Violation::WrongHint, Violation::NeverArrives { length: 2 }] {
        let hub = Hub::new(1, Faults::NONE);
        let (inner, b) = (hub.wire(ids[0]), hub.wire(ids[1]));
        let a = Broken { inner, breaks };
        let checking = check(End::new(&a, ids[0]), End::new(&b, ids[1]), ids[2]);
        let found = tokio::time::timeout(core::time::Duration::from_secs(300), checking).await;
        let expected = if breaks == Violation::WrongHint { Ok(Err(Violation::WrongHint)) } else { Ok(Err(breaks)) };
        assert_eq!(found.map_err(|_| ()), expected);
    }
}

#[tokio::test]
async fn memory_wire_of_a_restarted_cosigner_closes_the_former_one() {
    let ids: Vec<_> = identities(2, 1).iter().map(Identity::peer_id).collect();
    let hub = Hub::new(1, Faults::NONE);
    let (former, other) = (hub.wire(ids[0]), hub.wire(ids[1]));
    other.send(ids[0], vec![1]).await.unwrap();
    let current = hub.wire(ids[0]);
    assert!(matches!(former.recv().await, Err(WireError::Closed)));
    assert!(matches!(former.send(ids[1], vec![1]).await, Err(WireError::Closed)));
    other.send(ids[0], vec![2]).await.unwrap();
    assert_eq!(current.recv().await.unwrap(), (ids[1], vec![2]));
}

#[tokio::test]
async fn memory_wire_cuts_heals_taps_and_repeats_its_faults_by_seed() {
    let ids: Vec<_> = identities(2, 1).iter().map(Identity::peer_id).collect();
    let run = async |seed| {
        let hub = Hub::new(seed, Faults::new(300, 300, 300));
        hub.start_tap();
        let (a, _b) = (hub.wire(ids[0]), hub.wire(ids[1]));
        hub.cut(ids[0], ids[1]);
        a.send(ids[1], vec![0]).await.unwrap();
        assert_eq!(hub.waiting(ids[1]), 0);
        hub.heal(ids[1], ids[0]);
        for number in 0..200 {
            a.send(ids[1], vec![number]).await.unwrap();
        }
        assert_eq!(hub.take_tap().len(), 201);
        hub.waiting(ids[1])
    };
    assert_eq!(run(7).await, run(7).await);
    assert_eq!(roster(&identities(2, 1)).len(), 2);
}
