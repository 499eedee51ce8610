//! A real NATS server as the wire: its limits, its users, its deaths, its TLS, and its operator as the attacker.

mod attack;
mod permissions;
mod tls;

use core::time::Duration;
use std::sync::Arc;

use quorate_services::Nats;
use quorate_transport::{
    Identity, Network, RelayState, Roster, Wire,
    conformance::{End, check, check_sessions},
    session::MAX_MESSAGE,
    wires::{NatsError, NatsOptions, NatsWire},
};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use crate::{
    common::{copy, identities, message, roster},
    faulty::survive,
};

pub(crate) const LONG: Duration = Duration::from_secs(60);

pub(crate) fn options(server: &Nats) -> NatsOptions {
    NatsOptions::new([server.url()]).unwrap()
}

pub(crate) async fn wires(identities: &[Identity], roster: &Roster, server: &Nats) -> Vec<NatsWire> {
    let mut wires = Vec::new();
    for identity in identities {
        wires.push(NatsWire::start(identity.peer_id(), roster, options(server)).await.unwrap());
    }
    wires
}

pub(crate) async fn until(what: &str, mut reached: impl FnMut() -> bool) {
    let reaching = timeout(LONG, async {
        while !reached() {
            sleep(Duration::from_millis(10)).await;
        }
    });
    assert!(reaching.await.is_ok(), "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nats_wire_keeps_the_contract_whatever_the_server_takes() {
    for max_payload in ["", "max_payload: 65536", "max_payload: 4096", "max_payload: 1024"] {
        let server = Nats::start_with(max_payload);
        let identities = identities(3, 1);
        let (roster, ids) = (roster(&identities), identities.iter().map(Identity::peer_id).collect::<Vec<_>>());
        let wires = wires(&identities[..2], &roster, &server).await;
        check(End::new(&wires[0], ids[0]), End::new(&wires[1], ids[1]), ids[2]).await.unwrap();
        let counters = wires[1].counters();
        assert_eq!(
            (counters.connections, counters.malformed, counters.foreign, counters.complaints),
            (1, 0, 0, 0),
            "{counters:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn peer_that_is_not_listened_to_crowds_out_itself_alone() {
    let server = Nats::start();
    let identities = identities(3, 33);
    let (roster, ids) = (roster(&identities), identities.iter().map(Identity::peer_id).collect::<Vec<_>>());
    let wires = wires(&identities, &roster, &server).await;
    let mut sent = 0;
    while wires[0].counters().crowded == 0 {
        wires[1].send(ids[0], b"again".to_vec()).await.unwrap();
        sent += 1;
        assert!(sent < 100_000, "there is no bound");
        sleep(Duration::from_micros(200)).await;
    }
    wires[2].send(ids[0], b"once".to_vec()).await.unwrap();
    let mut waiting = 0;
    while timeout(LONG, wires[0].recv()).await.unwrap().unwrap() == (ids[1], b"again".to_vec()) {
        waiting += 1;
    }
    assert_eq!(waiting, 64);
    // What was taken makes room.
    wires[1].send(ids[0], b"more".to_vec()).await.unwrap();
    let more = async { while wires[0].recv().await.unwrap() != (ids[1], b"more".to_vec()) {} };
    timeout(LONG, more).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_survive_a_faulty_nats_wire() {
    let server = Nats::start_with("max_payload: 4096");
    let identities = identities(3, 2);
    let roster = roster(&identities);
    let wires = wires(&identities, &roster, &server).await;
    survive(&identities, &roster, wires).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn networks_go_on_when_the_server_died_and_came_back_with_another_limit() {
    let server = Nats::start();
    let identities = identities(2, 3);
    let roster = roster(&identities);
    let wires: Vec<_> = wires(&identities, &roster, &server).await.into_iter().map(Arc::new).collect();
    let start =
        |place: usize| Network::start(copy(&identities[place]), &roster, Arc::clone(&wires[place]) as Arc<dyn Wire>).unwrap();
    let (a, b) = (start(0), start(1));
    assert!(timeout(LONG, a.connected(b.peer_id())).await.unwrap());
    for (round, settings) in ["max_payload: 2048", "max_payload: 100000"].into_iter().enumerate() {
        server.kill();
        until("it is noticed", || !wires[0].is_connected() && !wires[1].is_connected()).await;
        // What is said meanwhile arrives later, as sessions send it again; the wire keeps none of it.
        let sent = message(MAX_MESSAGE, round as u64);
        a.request(b.peer_id(), sent.clone()).unwrap();
        let before = wires[0].counters();
        until("it is dropped", || wires[0].counters().unsent > before.unsent).await;
        server.configure(settings);
        server.go_on();
        let (from, bytes) = timeout(LONG, b.next_control()).await.unwrap().unwrap();
        assert!(from == a.peer_id() && *bytes == sent);
        assert_eq!(wires[0].counters().connections, round as u64 + 2);
        assert!(wires[0].trouble().is_some());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wire_starts_before_its_server_and_uses_the_one_that_is_there() {
    let (server, dead) = (Nats::start(), Nats::start());
    dead.kill();
    server.kill();
    let identities = identities(2, 4);
    let roster = roster(&identities);
    let mut cosigners = Vec::new();
    for identity in &identities {
        let options = NatsOptions::new([dead.url(), server.url()]).unwrap();
        let wire = NatsWire::start(identity.peer_id(), &roster, options).await.unwrap();
        assert!(!wire.is_connected());
        cosigners.push((copy(identity), Arc::new(wire) as Arc<dyn Wire>));
    }
    server.go_on();
    check_sessions(cosigners, &roster).await.unwrap();
}

async fn state(states: &mut watch::Receiver<RelayState>, what: &str, is_so: impl Fn(&RelayState) -> bool) -> RelayState {
    let reached = timeout(LONG, states.wait_for(is_so)).await;
    reached.unwrap_or_else(|_| panic!("never {what}")).unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn loss_and_return_of_the_server_are_told_with_their_reasons() {
    let server = Nats::start();
    let identities = identities(2, 6);
    let wire = wires(&identities[..1], &roster(&identities), &server).await.remove(0);
    let mut states = wire.states();
    let address = format!("127.0.0.1:{}", server.port());
    let because = |state: &RelayState, words: &str| state.trouble.as_ref().is_some_and(|trouble| trouble.contains(words));
    let connected = state(&mut states, "connected", |state| state.server.is_some()).await;
    assert_eq!((connected.server.as_ref(), connected.connections, &connected.trouble), (Some(&address), 1, &None));
    server.kill();
    let lost = state(&mut states, "lost", |state| state.server.is_none()).await;
    assert!(because(&lost, &address), "{lost:?}");
    // Why it does not come back, once it was tried.
    state(&mut states, "away", |state| because(state, &format!("{address}: Connection refused"))).await;
    server.configure("authorization { user: \"a\", password: \"b\" }");
    server.go_on();
    state(&mut states, "shut out", |state| because(state, "refuses this cosigner")).await;
    server.kill();
    server.configure("");
    server.go_on();
    let back = state(&mut states, "back", |state| state.server.is_some()).await;
    assert_eq!(back.connections, 2);
    drop(wire);
    assert!(timeout(LONG, states.wait_for(|_| false)).await.unwrap().is_err(), "it ends with the wire");
}

#[tokio::test]
async fn server_that_takes_too_little_is_refused() {
    let server = Nats::start_with("max_payload: 1023");
    let identities = identities(2, 5);
    let started = NatsWire::start(identities[0].peer_id(), &roster(&identities), options(&server)).await;
    assert!(matches!(&started, Err(NatsError::Refused { said, .. }) if said.contains("1023")), "{started:?}");
}
