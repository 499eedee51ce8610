//! Endpoints over a simulated network: delivery, once, through storms, restarts, replays and forgeries.

use core::time::Duration;
use std::collections::BTreeSet;

use quorate_core::PeerId;
use quorate_transport::{Channel, Event, Limits, SendError, session::MAX_MESSAGE};
use zeroize::Zeroizing;

use crate::common::{CALM, FOREVER, STORM, Sim, Weather, channel, message, seed, session};

const MINUTE: Duration = Duration::from_secs(60);

fn exchange(count: usize, length: usize, weather: Weather) {
    let seed = seed();
    let mut sim = Sim::new(count, seed, weather, Limits::default());
    sim.tapping = false;
    (0..count).for_each(|place| sim.node(place).open(session(1), FOREVER).unwrap());
    for (from, to) in (0..count).flat_map(|from| (0..count).map(move |to| (from, to))).filter(|(from, to)| from != to) {
        sim.send(from, to, channel(1), message(length, (from * 10 + to) as u64));
    }
    let mut got = BTreeSet::new();
    let expected = count * (count - 1);
    sim.run_until(10 * MINUTE, |sim| {
        for to in 0..count {
            while let Some((from, bytes)) = sim.take(to, channel(1)) {
                let from = sim.ids.iter().position(|id| *id == from).unwrap();
                assert!(bytes == message(length, (from * 10 + to) as u64), "changed on the way");
                assert!(got.insert((from, to)), "delivered twice");
            }
        }
        got.len() == expected
    });
    sim.weather = CALM;
    sim.run_for(MINUTE);
    assert!((0..count).all(|to| sim.take(to, channel(1)).is_none()), "delivered twice");
    assert!((0..count).all(|place| sim.node(place).usage().outgoing_messages == 0), "an acknowledgement was lost for good");
}

#[test]
fn two_endpoints_exchange_largest_messages_through_a_storm() {
    exchange(2, MAX_MESSAGE, STORM);
}

#[test]
fn three_endpoints_exchange_messages_through_a_storm() {
    exchange(3, 1_000_000, STORM);
}

#[test]
fn five_endpoints_exchange_empty_messages_through_a_storm() {
    exchange(5, 0, STORM);
}

#[test]
fn many_small_messages_arrive_once_each() {
    let mut sim = Sim::new(2, seed(), STORM, Limits::default());
    sim.node(1).open(session(1), FOREVER).unwrap();
    for number in 0..900u64 {
        sim.send(0, 1, channel(1), number.to_be_bytes().to_vec());
    }
    let mut got = BTreeSet::new();
    sim.run_until(10 * MINUTE, |sim| {
        while let Some((_, bytes)) = sim.take(1, channel(1)) {
            assert!(got.insert(bytes), "delivered twice");
        }
        got.len() == 900
    });
}

#[test]
fn message_for_a_session_not_open_yet_waits_for_it() {
    let mut sim = Sim::new(2, seed(), CALM, Limits::default());
    sim.send(0, 1, channel(1), b"early".to_vec());
    sim.connect();
    sim.run_for(Duration::from_secs(1));
    assert!(sim.take(1, channel(1)).is_none());
    sim.node(1).open(session(1), FOREVER).unwrap();
    assert_eq!(sim.take(1, channel(1)), Some((sim.ids[0], b"early".to_vec())));
    assert_eq!(sim.node(1).usage().incoming_messages, 0);
}

#[test]
fn early_message_expires_and_a_closed_session_takes_nothing() {
    let mut sim = Sim::new(2, seed(), CALM, Limits::default());
    sim.connect();
    sim.send(0, 1, channel(1), b"early".to_vec());
    sim.run_for(5 * MINUTE);
    sim.node(1).open(session(1), FOREVER).unwrap();
    assert!(sim.take(1, channel(1)).is_none());
    assert_eq!(sim.node(1).counters().evicted, 1);
    sim.node(1).close(session(1));
    sim.send(0, 1, channel(1), b"late".to_vec());
    sim.run_for(MINUTE);
    assert_eq!(sim.node(1).open(session(1), FOREVER), Err(SendError::SessionReused));
    assert_eq!((sim.node(1).counters().stale, sim.node(1).usage().incoming_messages), (1, 0));
    assert_eq!(sim.node(0).usage().outgoing_messages, 0, "the sender is told to stop");
}

#[test]
fn session_closes_at_its_deadline() {
    let mut sim = Sim::new(2, seed(), CALM, Limits::default());
    sim.node(0).open(session(1), Duration::from_secs(30)).unwrap();
    sim.run_for(MINUTE);
    let expired = (sim.ids[0], Event::Expired { session: session(1) });
    assert!(sim.events.contains(&expired) && !sim.node(0).is_open(session(1)));
}

#[test]
fn undelivered_message_is_reported_at_its_deadline() {
    let mut sim = Sim::new(2, seed(), Weather { lose: 1000, ..CALM }, Limits::default());
    let (to, now) = (sim.ids[1], sim.now);
    let number = sim.node(0).send(Channel::Control, to, Zeroizing::new(vec![1]), Duration::from_secs(30), now).unwrap();
    sim.run_for(MINUTE);
    let undelivered = (sim.ids[0], Event::Undelivered { peer: to, channel: Channel::Control, number });
    assert!(sim.events.contains(&undelivered));
    assert_eq!(sim.node(0).usage().outgoing_bytes, 0);
}

#[test]
fn full_outbox_refuses_and_recovers() {
    let mut sim = Sim::new(2, seed(), CALM, Limits::default());
    let (to, now) = (sim.ids[1], sim.now);
    let push = |sim: &mut Sim| sim.node(0).send(channel(1), to, Zeroizing::new(vec![0; MAX_MESSAGE]), FOREVER, now);
    for _ in 0..4 {
        push(&mut sim).unwrap();
    }
    assert_eq!(push(&mut sim), Err(SendError::Backpressure { peer: to }));
    sim.node(1).open(session(1), FOREVER).unwrap();
    sim.run_until(10 * MINUTE, |sim| {
        while sim.take(1, channel(1)).is_some() {}
        sim.node(0).usage().outgoing_messages == 0
    });
    assert!(push(&mut sim).is_ok());
    let too_long = Zeroizing::new(vec![0; MAX_MESSAGE + 1]);
    assert!(matches!(sim.node(0).send(channel(1), to, too_long, FOREVER, now), Err(SendError::TooLong { .. })));
    let stranger = PeerId::new([9; 32]);
    assert!(matches!(
        sim.node(0).send(channel(1), stranger, Zeroizing::new(vec![]), FOREVER, now),
        Err(SendError::UnknownPeer { .. })
    ));
}

#[test]
fn reader_that_does_not_read_holds_up_its_sender_and_loses_nothing() {
    let mut limits = Limits::default();
    limits.inbox_messages = 10;
    let mut sim = Sim::new(2, seed(), CALM, limits);
    sim.node(1).open(session(1), FOREVER).unwrap();
    sim.connect();
    for number in 0..50u8 {
        sim.send(0, 1, channel(1), vec![number]);
    }
    sim.run_for(MINUTE);
    assert!(sim.node(1).usage().incoming_messages <= 10, "{:?}", sim.node(1).usage());
    let mut got = BTreeSet::new();
    sim.run_until(10 * MINUTE, |sim| {
        got.extend(sim.take(1, channel(1)));
        got.len() == 50
    });
}

#[test]
fn restarted_peer_is_heard_and_told_again() {
    for restarted in [0, 1] {
        let mut sim = Sim::new(2, seed(), STORM, Limits::default());
        sim.connect();
        let other = 1 - restarted;
        sim.send(other, restarted, channel(1), message(2_000_000, 1));
        sim.run_for(Duration::from_millis(200));
        sim.restart(restarted);
        sim.node(restarted).open(session(1), FOREVER).unwrap();
        sim.node(other).open(session(2), FOREVER).unwrap();
        sim.send(restarted, other, channel(2), b"I am back".to_vec());
        let mut got = (None, None);
        sim.run_until(5 * MINUTE, |sim| {
            got.0 = got.0.take().or(sim.take(restarted, channel(1)));
            got.1 = got.1.take().or(sim.take(other, channel(2)));
            got.0.is_some() && got.1.is_some()
        });
        assert!(got.0.unwrap().1 == message(2_000_000, 1));
        let (me, peer) = (sim.ids[other], sim.ids[restarted]);
        assert!(sim.events.contains(&(me, Event::Connected { peer, restarted: true })));
    }
}

#[test]
fn silence_disconnects_and_speech_reconnects() {
    let mut sim = Sim::new(2, seed(), CALM, Limits::default());
    sim.connect();
    sim.weather.lose = 1000;
    sim.run_for(MINUTE);
    let (a, b) = (sim.ids[0], sim.ids[1]);
    assert!(!sim.node(0).is_connected(b) && !sim.node(1).is_connected(a));
    assert_eq!((sim.node(0).link(b), sim.node(1).link(a)), (None, None));
    assert!(sim.events.contains(&(a, Event::Disconnected { peer: b })));
    sim.weather.lose = 0;
    sim.connect();
    assert!(!sim.events.iter().any(|(_, event)| matches!(event, Event::Connected { restarted: true, .. })));
}

#[test]
fn link_is_another_one_after_silence_and_after_a_restart_and_the_same_under_new_keys() {
    let mut limits = Limits::default();
    limits.rekey_after = Duration::from_secs(2);
    let mut sim = Sim::new(2, seed(), CALM, limits);
    sim.connect();
    let (a, b) = (sim.ids[0], sim.ids[1]);
    sim.run_for(MINUTE);
    assert_eq!((sim.node(0).link(b), sim.node(1).link(a)), (Some(1), Some(1)));
    // It is back before it is missed.
    sim.restart(0);
    sim.run_until(MINUTE, |sim| sim.node(1).link(a) == Some(2));
    sim.connect();
    assert_eq!(sim.node(0).link(b), Some(1));
    assert!(!sim.events.iter().any(|(_, event)| matches!(event, Event::Disconnected { .. })));
    sim.weather.lose = 1000;
    sim.run_for(MINUTE);
    sim.weather.lose = 0;
    sim.connect();
    assert_eq!((sim.node(0).link(b), sim.node(1).link(a)), (Some(2), Some(3)));
}

#[test]
fn link_is_renewed_without_losing_or_repeating_a_message() {
    let mut limits = Limits::default();
    limits.rekey_after = Duration::from_secs(2);
    let mut sim = Sim::new(2, seed(), STORM, limits);
    sim.node(1).open(session(1), FOREVER).unwrap();
    let mut got = BTreeSet::new();
    for number in 0..300u64 {
        sim.send(0, 1, channel(1), number.to_be_bytes().to_vec());
        sim.run_for(Duration::from_millis(100));
    }
    sim.run_until(MINUTE, |sim| {
        while let Some((_, bytes)) = sim.take(1, channel(1)) {
            assert!(got.insert(bytes));
        }
        got.len() == 300
    });
    let links: BTreeSet<_> =
        sim.tap.iter().filter(|(_, _, bytes)| bytes[1] == 3).map(|(_, _, bytes)| bytes[2..10].to_vec()).collect();
    assert!(links.len() > 5, "only {} links in 30 seconds", links.len());
}

#[test]
fn replay_of_everything_delivers_nothing_and_tears_nothing_down() {
    let mut sim = Sim::new(2, seed(), CALM, Limits::default());
    sim.connect();
    sim.restart(0);
    sim.run_for(Duration::from_secs(5));
    sim.connect();
    (0..2).for_each(|place| sim.node(place).open(session(1), FOREVER).unwrap());
    for number in 0..20u8 {
        sim.send(0, 1, channel(1), vec![number]);
        sim.send(1, 0, channel(1), vec![number]);
    }
    sim.run_for(Duration::from_secs(10));
    for place in 0..2 {
        assert_eq!(core::iter::from_fn(|| sim.take(place, channel(1))).count(), 20);
    }
    let (recorded, before) = (sim.tap.clone(), sim.events.len());
    assert!(recorded.iter().any(|(_, _, bytes)| bytes[1] == 1), "a first handshake message is among them");
    for round in 0..3 {
        for (from, to, bytes) in &recorded {
            sim.inject(*from, *to, bytes);
        }
        sim.run_for(Duration::from_secs(1));
        let (a, b) = (sim.ids[0], sim.ids[1]);
        assert!(sim.node(0).is_connected(b) && sim.node(1).is_connected(a), "round {round}");
    }
    assert!((0..2).all(|place| sim.take(place, channel(1)).is_none()), "a replay was delivered");
    assert_eq!(sim.events.len(), before, "a replay changed something: {:?}", &sim.events[before..]);
    sim.send(0, 1, channel(1), b"still here".to_vec());
    sim.run_until(MINUTE, |sim| sim.take(1, channel(1)).is_some());
}

#[test]
fn replayed_first_message_never_displaces_the_live_link() {
    let mut sim = Sim::new(2, seed(), CALM, Limits::default());
    sim.connect();
    let first = sim.tap.iter().find(|(_, _, bytes)| bytes[1] == 1).unwrap().clone();
    // A restart gives the responder no memory of this message: it will answer it, and must not believe it.
    sim.restart(1);
    sim.run_for(Duration::from_secs(5));
    sim.connect();
    let answers = |sim: &Sim| sim.tap.iter().filter(|(_, _, bytes)| bytes[1] == 2).count();
    let (before, events) = (answers(&sim), sim.events.len());
    sim.inject(first.0, first.1, &first.2);
    sim.run_for(MINUTE);
    assert_eq!(answers(&sim), before + 1, "the replay was answered");
    assert_eq!(sim.events.len(), events);
    sim.node(1).open(session(1), FOREVER).unwrap();
    sim.send(0, 1, channel(1), b"x".to_vec());
    sim.run_until(Duration::from_secs(1), |sim| sim.take(1, channel(1)).is_some());
}

#[test]
fn frames_of_a_third_party_under_a_forged_hint_are_dropped_and_counted() {
    let mut sim = Sim::new(3, seed(), CALM, Limits::default());
    sim.connect();
    (0..3).for_each(|place| sim.node(place).open(session(1), FOREVER).unwrap());
    sim.send(2, 1, channel(1), b"from the third".to_vec());
    sim.run_for(Duration::from_secs(1));
    assert_eq!(sim.take(1, channel(1)), Some((sim.ids[2], b"from the third".to_vec())));
    let (first, second, third) = (sim.ids[0], sim.ids[1], sim.ids[2]);
    let theirs: Vec<_> = sim.tap.iter().filter(|(from, to, _)| (*from, *to) == (third, second)).cloned().collect();
    let before = sim.node(1).counters();
    for (_, _, bytes) in &theirs {
        sim.inject(first, second, bytes);
        sim.inject(PeerId::new([7; 32]), second, bytes);
    }
    let after = sim.node(1).counters();
    assert_eq!(after.foreign - before.foreign, theirs.len() as u64);
    assert_eq!(after.other_link + after.forged - before.other_link - before.forged, theirs.len() as u64);
    assert!(sim.take(1, channel(1)).is_none());
}

#[test]
fn every_flipped_byte_of_every_datagram_is_dropped_and_the_rest_arrives() {
    let mut sim = Sim::new(2, seed(), CALM, Limits::default());
    sim.connect();
    sim.node(1).open(session(1), FOREVER).unwrap();
    sim.send(0, 1, channel(1), b"pay 1 to bob".to_vec());
    sim.run_for(Duration::from_secs(1));
    assert!(sim.take(1, channel(1)).is_some());
    let recorded = sim.tap.clone();
    for (from, to, bytes) in recorded.iter().filter(|(_, _, bytes)| bytes.len() < 300) {
        for place in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[place] ^= 1 << (place % 8);
            sim.inject(*from, *to, &flipped);
            sim.inject(*from, *to, &bytes[..place]);
        }
    }
    assert!(sim.take(1, channel(1)).is_none());
    let (a, b) = (sim.ids[0], sim.ids[1]);
    assert!(sim.node(0).is_connected(b) && sim.node(1).is_connected(a));
    sim.send(0, 1, channel(1), b"pay 2 to bob".to_vec());
    sim.run_until(MINUTE, |sim| sim.take(1, channel(1)).is_some());
}

#[test]
fn wire_sees_no_plaintext() {
    let mut sim = Sim::new(2, seed(), CALM, Limits::default());
    sim.node(1).open(session(0x61), FOREVER).unwrap();
    let secret = b"a private share of a key, in full";
    sim.send(0, 1, channel(0x61), secret.repeat(5000));
    sim.send(0, 1, Channel::Control, secret.to_vec());
    sim.run_until(MINUTE, |sim| sim.take(1, channel(0x61)).is_some());
    let seen: usize = sim.tap.iter().map(|(_, _, bytes)| bytes.len()).sum();
    assert!(seen > secret.len() * 5000, "the tap saw everything");
    for needle in [secret.get(3..11).unwrap(), &[0x61; 8]] {
        assert!(!sim.tap.iter().any(|(_, _, bytes)| bytes.windows(8).any(|window| window == needle)));
    }
}

#[test]
fn same_seed_gives_the_same_run() {
    let run = || {
        let mut sim = Sim::new(2, 42, STORM, Limits::default());
        sim.node(1).open(session(1), FOREVER).unwrap();
        sim.send(0, 1, channel(1), message(300_000, 1));
        sim.run_until(MINUTE, |sim| sim.take(1, channel(1)).is_some());
        (sim.now, sim.tap)
    };
    assert!(run() == run());
}
