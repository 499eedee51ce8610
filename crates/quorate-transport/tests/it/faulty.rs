//! Any wire under faults that a seed repeats, and sessions that bring every message all the same.

use std::sync::Arc;

use quorate_core::PeerId;
use quorate_transport::{
    Identity, Roster, Wire, WireError,
    conformance::{End, Faulty, Violation, check, check_sessions},
    wire::BoxFuture,
    wires::{Faults, Hub, TcpLimits, TcpWire},
};

use crate::{
    common::{copy, identities, roster, seed},
    tcp::local_team,
};

/// A quarter is lost, and much of the rest comes twice, late or altered.
pub(crate) const BAD: Faults = Faults::new(250, 150, 250).corrupting(50);

/// Wraps the wires of a team and runs sessions over them.
pub(crate) async fn survive<W: Wire + 'static>(identities: &[Identity], roster: &Roster, wires: Vec<W>) -> Result<(), Violation> {
    let cosigners = identities.iter().zip(wires).map(|(identity, wire)| {
        let wire = Faulty::new(wire, seed(), BAD);
        (copy(identity), Arc::new(wire) as Arc<dyn Wire>)
    });
    check_sessions(cosigners.collect(), roster).await
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_survive_a_faulty_memory_wire() {
    let (identities, hub) = (identities(3, 1), Hub::new(1, Faults::NONE));
    let wires = identities.iter().map(|identity| hub.wire(identity.peer_id())).collect();
    survive(&identities, &roster(&identities), wires).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_survive_a_faulty_tcp_wire() {
    let (identities, roster, addresses) = local_team(3);
    let mut wires = Vec::new();
    for (identity, address) in identities.iter().zip(&addresses) {
        wires.push(TcpWire::start(identity.peer_id(), address, &roster, TcpLimits::default()).await.unwrap());
    }
    survive(&identities, &roster, wires).await.unwrap();
}

#[tokio::test]
async fn faulty_wire_keeps_the_contract() {
    let ids: Vec<_> = identities(3, 1).iter().map(Identity::peer_id).collect();
    let hub = Hub::new(1, Faults::NONE);
    let [a, b] = [ids[0], ids[1]].map(|id| Faulty::new(hub.wire(id), seed(), Faults::new(200, 200, 200)));
    check(End::new(&a, ids[0]), End::new(&b, ids[1]), ids[2]).await.unwrap();
}

#[tokio::test]
async fn faults_are_those_of_the_seed() {
    let ids: Vec<_> = identities(2, 1).iter().map(Identity::peer_id).collect();
    let run = async |seed| {
        let hub = Hub::new(1, Faults::NONE);
        hub.start_tap();
        let faulty = Faulty::new(hub.wire(ids[0]), seed, BAD);
        for number in 0..200_u8 {
            faulty.send(ids[1], vec![number; 20]).await.unwrap();
        }
        hub.take_tap().into_iter().map(|crossing| crossing.bytes).collect::<Vec<_>>()
    };
    let (once, again, other) = (run(7).await, run(7).await, run(8).await);
    assert_eq!(once, again);
    assert_ne!(once, other);
    // All four kinds occur.
    let sent = |number: u8| once.iter().filter(|bytes| **bytes == vec![number; 20]).count();
    assert!((0..200).any(|number| sent(number) == 0) && (0..200).any(|number| sent(number) == 2));
    assert!(once.iter().any(|bytes| bytes.iter().any(|byte| *byte != bytes[0])));
    assert!(once.windows(2).any(|pair| pair[0][0] > pair[1][0]));
}

/// A wire that says that all is from one peer, or that brings nothing.
struct Lying<W>(W, Option<PeerId>);

impl<W: Wire> Wire for Lying<W> {
    fn send(&self, to: PeerId, bytes: Vec<u8>) -> BoxFuture<'_, Result<(), WireError>> {
        self.0.send(to, bytes)
    }

    fn recv(&self) -> BoxFuture<'_, Result<(PeerId, Vec<u8>), WireError>> {
        let Some(hint) = self.1 else { return Box::pin(core::future::pending()) };
        Box::pin(async move { self.0.recv().await.map(|(_, bytes)| (hint, bytes)) })
    }
}

#[tokio::test(start_paused = true)]
async fn session_suite_notices_a_wire_that_brings_nothing() {
    let identities = identities(2, 1);
    for hint in [None, Some(PeerId::new([1; 32]))] {
        let hub = Hub::new(1, Faults::NONE);
        let wire = |identity: &Identity| Arc::new(Lying(hub.wire(identity.peer_id()), hint)) as Arc<dyn Wire>;
        let cosigners = identities.iter().map(|identity| (copy(identity), wire(identity))).collect();
        let found = check_sessions(cosigners, &roster(&identities)).await;
        assert!(matches!(found, Err(Violation::SessionStalls { length: 1 })), "{found:?}");
    }
}
