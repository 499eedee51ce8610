//! Whole networks: over memory with faults, over TCP, through restarts and shutdowns.

use core::time::Duration;
use std::sync::Arc;

use quorate_core::PeerId;
use quorate_transport::{
    Identity, Network, NetworkError, Roster, SendError,
    session::MAX_MESSAGE,
    wires::{Faults, Hub, TcpLimits, TcpWire},
};
use tokio::time::timeout;

use crate::{
    common::{copy, identities, message, roster, seed, session},
    tcp::local_team,
};

const LONG: Duration = Duration::from_secs(120);

struct Team {
    networks: Vec<Arc<Network>>,
    ids: Vec<PeerId>,
    identities: Vec<Identity>,
    roster: Roster,
    hub: Hub,
}

fn team(count: usize, faults: Faults) -> Team {
    let seed = seed();
    let (identities, hub) = (identities(count, seed), Hub::new(seed, faults));
    let roster = roster(&identities);
    let ids: Vec<_> = identities.iter().map(Identity::peer_id).collect();
    let start =
        |identity: &Identity| Arc::new(Network::start(copy(identity), &roster, Arc::new(hub.wire(identity.peer_id()))).unwrap());
    let networks = identities.iter().map(start).collect();
    Team { networks, ids, identities, roster, hub }
}

async fn exchange(networks: &[Arc<Network>], length: usize) {
    let ids: Vec<_> = networks.iter().map(|network| network.peer_id()).collect();
    let tasks = networks.iter().map(|network| {
        let (network, ids) = (Arc::clone(network), ids.clone());
        tokio::spawn(async move {
            let mut incoming = network.open(session(1), LONG).unwrap();
            let others: Vec<_> = ids.iter().filter(|id| **id != network.peer_id()).copied().collect();
            for to in &others {
                network.send(session(1), *to, message(length, u64::from(network.peer_id().as_bytes()[0]))).unwrap();
            }
            for _ in &others {
                let (from, bytes) = incoming.recv().await.expect("the session ended early");
                assert!(*bytes == message(length, u64::from(from.as_bytes()[0])));
            }
            // Closing does not take back what was sent: the others still get it.
            drop(incoming);
            network
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        timeout(LONG, task).await.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_networks_exchange_largest_messages_over_a_faulty_wire() {
    exchange(&team(2, Faults::new(200, 100, 100)).networks, MAX_MESSAGE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_networks_exchange_largest_messages_over_a_faulty_wire() {
    exchange(&team(3, Faults::new(200, 100, 100)).networks, MAX_MESSAGE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_networks_exchange_messages_over_tcp() {
    let (identities, roster, addresses) = local_team(3);
    let mut networks = Vec::new();
    for (identity, address) in identities.iter().zip(&addresses) {
        let wire = TcpWire::start(identity.peer_id(), address, &roster, TcpLimits::default()).await.unwrap();
        networks.push(Arc::new(Network::start(copy(identity), &roster, Arc::new(wire)).unwrap()));
    }
    exchange(&networks, MAX_MESSAGE).await;
}

#[tokio::test]
async fn network_reconnects_over_tcp_after_a_peer_restarts() {
    let (identities, roster, addresses) = local_team(2);
    let start = async |place: usize| {
        let identity: &Identity = &identities[place];
        let wire = TcpWire::start(identity.peer_id(), &addresses[place], &roster, TcpLimits::default()).await.unwrap();
        Network::start(copy(identity), &roster, Arc::new(wire)).unwrap()
    };
    let (a, b) = (start(0).await, start(1).await);
    assert!(timeout(LONG, a.connected(b.peer_id())).await.unwrap());
    b.shutdown().await;
    assert!(matches!(b.request(a.peer_id(), vec![1]), Err(NetworkError::Closed)));
    drop(b);
    tokio::time::sleep(Duration::from_millis(200)).await;
    let b = start(1).await;
    b.request(a.peer_id(), b"I am back".to_vec()).unwrap();
    let (from, bytes) = timeout(LONG, a.next_control()).await.unwrap().unwrap();
    assert_eq!((from, bytes.as_slice()), (b.peer_id(), b"I am back".as_slice()));
    a.request(b.peer_id(), b"welcome".to_vec()).unwrap();
    assert_eq!(timeout(LONG, b.next_control()).await.unwrap().unwrap().1.as_slice(), b"welcome");
}

#[tokio::test]
async fn control_messages_arrive_and_two_waiters_both_get_one() {
    let team = team(2, Faults::NONE);
    for number in 0..2 {
        team.networks[0].request(team.ids[1], vec![number]).unwrap();
    }
    let (one, two) = (team.networks[1].next_control(), team.networks[1].next_control());
    let (one, two) = timeout(LONG, async { tokio::join!(one, two) }).await.unwrap();
    let mut got = [one.unwrap().1.to_vec(), two.unwrap().1.to_vec()];
    got.sort();
    assert_eq!(got, [vec![0], vec![1]]);
}

#[tokio::test]
async fn session_ends_at_its_deadline_and_cannot_be_opened_again() {
    let team = team(2, Faults::NONE);
    let mut incoming = team.networks[0].open(session(1), Duration::from_millis(100)).unwrap();
    assert!(matches!(team.networks[0].open(session(1), LONG), Err(NetworkError::Send(SendError::SessionReused))));
    assert!(timeout(Duration::from_secs(5), incoming.recv()).await.unwrap().is_none());
    drop(incoming);
    assert!(matches!(team.networks[0].open(session(1), LONG), Err(NetworkError::Send(SendError::SessionReused))));
}

#[tokio::test]
async fn shutdown_wakes_everyone_who_waits() {
    let team = team(2, Faults::NONE);
    let mut incoming = team.networks[0].open(session(1), LONG).unwrap();
    let network = Arc::clone(&team.networks[0]);
    let control = tokio::spawn(async move { network.next_control().await.is_none() });
    let waiting = tokio::spawn(async move { incoming.recv().await.is_none() });
    tokio::time::sleep(Duration::from_millis(50)).await;
    timeout(Duration::from_secs(5), team.networks[0].shutdown()).await.unwrap();
    assert!(timeout(Duration::from_secs(5), control).await.unwrap().unwrap());
    assert!(timeout(Duration::from_secs(5), waiting).await.unwrap().unwrap());
    assert!(!team.networks[0].connected(team.ids[1]).await);
}

#[tokio::test]
async fn forged_datagrams_on_the_wire_are_counted_and_harmless() {
    let team = team(3, Faults::NONE);
    team.hub.start_tap();
    exchange(&team.networks, 100_000).await;
    for crossing in team.hub.take_tap() {
        let mut flipped = crossing.bytes.clone();
        let place = flipped.len() / 2;
        flipped[place] ^= 1;
        team.hub.inject(crossing.from, crossing.to, flipped);
        team.hub.inject(team.ids[0], team.ids[1], crossing.bytes);
        tokio::task::yield_now().await;
    }
    team.networks[2].request(team.ids[1], b"honest".to_vec()).unwrap();
    let (from, bytes) = timeout(LONG, team.networks[1].next_control()).await.unwrap().unwrap();
    assert_eq!((from, bytes.as_slice()), (team.ids[2], b"honest".as_slice()));
    let counters = team.networks[1].counters();
    assert!(counters.forged > 0 && counters.other_link > 0, "{counters:?}");
}

#[tokio::test]
async fn restarted_network_takes_part_again() {
    let mut team = team(2, Faults::new(100, 100, 100));
    assert!(timeout(LONG, team.networks[0].connected(team.ids[1])).await.unwrap());
    let wire = Arc::new(team.hub.wire(team.ids[1]));
    team.networks[1] = Arc::new(Network::start(copy(&team.identities[1]), &team.roster, wire).unwrap());
    exchange(&team.networks, 10_000).await;
}

#[tokio::test]
async fn network_refuses_a_roster_without_itself() {
    let all = identities(3, 5);
    let others = roster(&all[1..]);
    let hub = Hub::new(1, Faults::NONE);
    let wire = Arc::new(hub.wire(all[0].peer_id()));
    assert!(matches!(Network::start(copy(&all[0]), &others, wire), Err(NetworkError::Link(_))));
}
