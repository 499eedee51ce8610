//! TCP: busy ports, oversized lengths, slow and greedy strangers, restarts.

use core::time::Duration;
use std::net::TcpListener;

use quorate_core::PeerId;
use quorate_transport::{
    Identity, Roster, Wire, WireError,
    wires::{TcpLimits, TcpWire},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

use crate::common::{identities, roster_at};

/// Identities with addresses on this machine that were free a moment ago.
pub(crate) fn local_team(count: usize) -> (Vec<Identity>, Roster, Vec<String>) {
    let listeners: Vec<_> = (0..count).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let addresses: Vec<_> = listeners.iter().map(|listener| listener.local_addr().unwrap().to_string()).collect();
    let identities = identities(count, 77);
    let roster = roster_at(&identities, |place| addresses[place].clone());
    (identities, roster, addresses)
}

fn hello(peer: PeerId) -> Vec<u8> {
    [b"QRT1".as_slice(), peer.as_bytes()].concat()
}

async fn wire(place: usize, team: &(Vec<Identity>, Roster, Vec<String>), limits: TcpLimits) -> TcpWire {
    TcpWire::start(team.0[place].peer_id(), &team.2[place], &team.1, limits).await.unwrap()
}

/// Whether the other side closes the connection within two seconds.
async fn closes(stream: &mut TcpStream) -> bool {
    let mut byte = [0; 1];
    matches!(timeout(Duration::from_secs(2), stream.read(&mut byte)).await, Ok(Ok(0) | Err(_)))
}

async fn arrives(from: &TcpWire, to: &TcpWire, peer: PeerId, bytes: &[u8]) -> PeerId {
    for _ in 0..400 {
        from.send(peer, bytes.to_vec()).await.unwrap();
        match timeout(Duration::from_millis(50), to.recv()).await {
            Ok(Ok((hint, got))) if got == bytes => return hint,
            _ => {}
        }
    }
    panic!("nothing arrives");
}

#[tokio::test]
async fn busy_port_is_named_with_what_to_do() {
    let busy = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = busy.local_addr().unwrap().to_string();
    let team = local_team(2);
    let error = TcpWire::start(team.0[0].peer_id(), &address, &team.1, TcpLimits::default()).await.unwrap_err();
    assert!(matches!(&error, WireError::AddressInUse { address: named } if *named == address));
    assert!(error.to_string().contains(&address) && error.to_string().contains("choose another"));
    let error = TcpWire::start(team.0[0].peer_id(), "203.0.113.7:1", &team.1, TcpLimits::default()).await.unwrap_err();
    assert!(matches!(&error, WireError::Listen { address, .. } if address == "203.0.113.7:1"));
}

#[tokio::test]
async fn oversized_and_empty_frames_close_the_connection_and_nothing_else() {
    let team = local_team(2);
    let (a, b) = (wire(0, &team, TcpLimits::default()).await, wire(1, &team, TcpLimits::default()).await);
    for length in [u32::MAX, 61_441, 0] {
        let mut stream = TcpStream::connect(&team.2[0]).await.unwrap();
        stream.write_all(&hello(team.0[1].peer_id())).await.unwrap();
        stream.write_all(&length.to_be_bytes()).await.unwrap();
        stream.write_all(&[7; 100]).await.unwrap();
        assert!(closes(&mut stream).await, "length {length}");
    }
    assert_eq!(arrives(&b, &a, team.0[0].peer_id(), b"honest").await, team.0[1].peer_id());
}

#[tokio::test]
async fn strangers_and_bad_hellos_are_closed() {
    let team = local_team(2);
    let a = wire(0, &team, TcpLimits::default()).await;
    for bytes in [hello(PeerId::new([9; 32])), b"GET / HTTP/1.1\r\nHost: example\r\n\r\n......".to_vec()] {
        let mut stream = TcpStream::connect(&team.2[0]).await.unwrap();
        stream.write_all(&bytes).await.unwrap();
        assert!(closes(&mut stream).await);
    }
    assert_eq!(a.accepted(), 0);
}

#[tokio::test]
async fn slow_hellos_and_frames_time_out() {
    let mut limits = TcpLimits::default();
    (limits.hello_within, limits.frame_within, limits.silent_for) =
        (Duration::from_millis(200), Duration::from_millis(200), Duration::from_secs(1));
    let team = local_team(2);
    let a = wire(0, &team, limits).await;
    let mut silent = TcpStream::connect(&team.2[0]).await.unwrap();
    assert!(closes(&mut silent).await, "no hello");
    let mut slow = TcpStream::connect(&team.2[0]).await.unwrap();
    slow.write_all(&hello(team.0[1].peer_id())).await.unwrap();
    slow.write_all(&[0, 0, 0, 9, 1]).await.unwrap();
    assert!(closes(&mut slow).await, "a frame that does not end");
    let mut idle = TcpStream::connect(&team.2[0]).await.unwrap();
    idle.write_all(&hello(team.0[1].peer_id())).await.unwrap();
    assert!(closes(&mut idle).await, "a connection without frames");
    assert_eq!(a.accepted(), 0);
}

#[tokio::test]
async fn connections_are_bounded_in_total_and_per_peer_and_honest_ones_go_on() {
    let mut limits = TcpLimits::default();
    (limits.connections, limits.connections_per_peer) = (10, 2);
    let team = local_team(3);
    let (a, b) = (wire(0, &team, limits).await, wire(1, &team, TcpLimits::default()).await);
    arrives(&b, &a, team.0[0].peer_id(), b"before").await;
    let mut streams = Vec::new();
    for _ in 0..50 {
        if let Ok(mut stream) = TcpStream::connect(&team.2[0]).await {
            let _closed = stream.write_all(&hello(team.0[2].peer_id())).await;
            streams.push(stream);
        }
    }
    sleep(Duration::from_millis(300)).await;
    assert!(a.accepted() <= 10, "{} connections", a.accepted());
    assert_eq!(arrives(&b, &a, team.0[0].peer_id(), b"after").await, team.0[1].peer_id());
}

#[tokio::test]
async fn peer_that_restarts_is_dialled_again() {
    let team = local_team(2);
    let a = wire(0, &team, TcpLimits::default()).await;
    let b = wire(1, &team, TcpLimits::default()).await;
    arrives(&a, &b, team.0[1].peer_id(), b"one").await;
    drop(b);
    sleep(Duration::from_millis(300)).await;
    let b = wire(1, &team, TcpLimits::default()).await;
    arrives(&a, &b, team.0[1].peer_id(), b"two").await;
    arrives(&b, &a, team.0[0].peer_id(), b"three").await;
}

#[tokio::test]
async fn cosigner_that_cannot_be_dialled_is_answered_over_its_own_connection() {
    let (identities, _, addresses) = local_team(2);
    let hidden = roster_at(&identities, |place| if place == 0 { addresses[0].clone() } else { "127.0.0.1:1".into() });
    let team = (identities, hidden, addresses);
    let (a, b) = (wire(0, &team, TcpLimits::default()).await, wire(1, &team, TcpLimits::default()).await);
    arrives(&b, &a, team.0[0].peer_id(), b"I am here").await;
    assert_eq!(arrives(&a, &b, team.0[1].peer_id(), b"I see you").await, team.0[0].peer_id());
}

#[tokio::test]
async fn dropped_wire_frees_its_port() {
    let team = local_team(2);
    let a = wire(0, &team, TcpLimits::default()).await;
    drop(a);
    for _ in 0..100 {
        if TcpWire::start(team.0[0].peer_id(), &team.2[0], &team.1, TcpLimits::default()).await.is_ok() {
            return;
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("the port stays busy");
}
