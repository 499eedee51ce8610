//! The operator of the server as the attacker: forge, replay, redirect, listen; and a server that is none.

use core::time::Duration;
use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    sync::Arc,
};

use quorate_services::{Nats, NatsOperator};
use quorate_transport::{
    Identity, Network, Wire,
    wires::{NatsOptions, NatsWire},
};
use tokio::time::timeout;

use super::{LONG, until, wires};
use crate::common::{copy, identities, roster};

/// Sends a message and waits until it has arrived.
async fn delivers(from: &Network, to: &Network, text: &[u8]) {
    from.request(to.peer_id(), text.to_vec()).unwrap();
    let (sender, bytes) = timeout(LONG, to.next_control()).await.unwrap().unwrap();
    assert_eq!((sender, bytes.as_slice()), (from.peer_id(), text));
}

#[tokio::test(flavor = "multi_thread")]
async fn operator_of_the_server_hears_nothing_and_can_forge_replay_and_redirect_nothing() {
    const SECRET: &[u8] = b"a secret that crosses the wire, between alice and bob alone";
    let server = Nats::start_with("max_payload: 4096");
    let mut operator = NatsOperator::new(&server, None);
    let identities = identities(3, 21);
    let roster = roster(&identities);
    let wires: Vec<_> = wires(&identities, &roster, &server).await.into_iter().map(Arc::new).collect();
    let start =
        |place: usize| Network::start(copy(&identities[place]), &roster, Arc::clone(&wires[place]) as Arc<dyn Wire>).unwrap();
    let [alice, bob, carol] = [0, 1, 2].map(start);
    for (one, other) in [(&alice, &bob), (&alice, &carol), (&bob, &carol)] {
        assert!(timeout(LONG, one.connected(other.peer_id())).await.unwrap());
    }
    delivers(&alice, &bob, SECRET).await;

    // Eavesdrop: everything crossed here, and nothing of it can be read.
    let heard = operator.heard();
    assert!(heard.len() > 8, "{}", heard.len());
    let raw: Vec<u8> = heard.iter().flat_map(|message| message.payload.clone()).collect();
    assert!(!raw.windows(16).any(|window| SECRET.windows(16).any(|secret| secret == window)));

    // Replay all of it, to whom it was for and to everybody else, in the name of whoever said it and of everybody else.
    let subject = |to: &Network, from: &Network| format!("quorate.{}.{}", to.peer_id(), from.peer_id());
    for message in &heard {
        operator.publish(&message.subject, &message.payload);
        for (to, from) in [(&carol, &alice), (&carol, &bob), (&bob, &carol), (&alice, &carol)] {
            operator.publish(&subject(to, from), &message.payload);
        }
        // Forge: one bit of each.
        let mut forged = message.payload.clone();
        let place = forged.len() * 2 / 3;
        forged[place] ^= 4;
        operator.publish(&message.subject, &forged);
    }
    for nonsense in [b"".as_slice(), b"\x01", &[0xff; 4000], &[1; 11]] {
        operator.publish(&subject(&bob, &alice), nonsense);
    }
    operator.publish(&format!("quorate.{}.nobody", bob.peer_id()), b"hello");
    until("all came", || wires[1].counters().malformed >= 4 && wires[1].counters().foreign >= 1).await;

    // Nothing of it became a message, and the links go on.
    delivers(&alice, &bob, b"one").await;
    delivers(&bob, &carol, b"two").await;
    delivers(&carol, &alice, b"three").await;
    for network in [&alice, &bob, &carol] {
        let waiting = timeout(Duration::from_millis(200), network.next_control()).await;
        assert!(waiting.is_err(), "a message that nobody sent");
        let counters = network.counters();
        assert!(counters.replayed + counters.forged + counters.other_link + counters.malformed > 0, "{counters:?}");
    }
}

/// Answers every connection with these bytes, again and again, as long as somebody reads.
pub(super) fn false_server(answer: Vec<u8>, endless: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("nats://{}", listener.local_addr().unwrap());
    drop(std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let answer = answer.clone();
            drop(std::thread::spawn(move || {
                // It ends when the client has enough, at the latest after a gibibyte.
                for _ in 0..1024 {
                    if stream.write_all(&answer).is_err() || !endless {
                        break;
                    }
                }
                drop(stream.read(&mut [0; 1000]));
                drop(stream.read(&mut [0; 1000]));
            }));
        }
    }));
    url
}

#[tokio::test(flavor = "multi_thread")]
async fn server_that_misbehaves_is_left_and_the_next_one_used() {
    const HELLO: &str = "INFO {\"max_payload\":1048576}\r\nPONG\r\n";
    let server = Nats::start();
    let identities = identities(2, 22);
    let roster = roster(&identities);
    let ids: Vec<_> = identities.iter().map(Identity::peer_id).collect();
    let inbox = format!("quorate.{}.{}", ids[0], ids[1]);
    let filler = "x".repeat(1 << 20);
    let cases = [
        (b"-ERR\r\n".to_vec(), false),
        (b"INFO {}\r\n-ERR\r\n".to_vec(), false),
        (filler.clone().into_bytes(), true),
        (format!("INFO {{\"nonce\":\"{filler}").into_bytes(), true),
        (format!("{HELLO}MSG {inbox} 1 18446744073709551615\r\n{filler}").into_bytes(), false),
        (format!("{HELLO}MSG {inbox} 1 4294967295\r\n{filler}").into_bytes(), false),
        (format!("{HELLO}{filler}").into_bytes(), true),
        (format!("{HELLO}INFO {{\"max_payload\":1}}\r\n").into_bytes(), false),
    ];
    for (answer, endless) in cases {
        let what = String::from_utf8_lossy(&answer[..answer.len().min(60)]).into_owned();
        let options = NatsOptions::new([false_server(answer, endless), server.url()]).unwrap();
        let wire = NatsWire::start(ids[0], &roster, options).await.unwrap();
        let peer = NatsWire::start(ids[1], &roster, super::options(&server)).await.unwrap();
        let arrives = async {
            loop {
                peer.send(ids[0], b"hello".to_vec()).await.unwrap();
                if let Ok(received) = timeout(Duration::from_millis(50), wire.recv()).await {
                    return received.unwrap();
                }
            }
        };
        assert_eq!(timeout(LONG, arrives).await.expect(&what), (ids[1], b"hello".to_vec()), "{what}");
    }
}
