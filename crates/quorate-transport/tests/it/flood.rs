//! Floods: memory stays bounded, and honest sessions still finish.

use core::time::Duration;

use quorate_core::PeerId;
use quorate_transport::{Limits, session::MAX_MESSAGE};
use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};
use zeroize::Zeroizing;

use crate::common::{CALM, FOREVER, Sim, channel, message, seed, session};

const FLOOD: usize = 1_000_000;

#[test]
fn flood_of_garbage_keeps_memory_bounded_and_the_session_finishes() {
    let seed = seed();
    let mut rng = StdRng::seed_from_u64(seed);
    let mut sim = Sim::new(3, seed, CALM, Limits::default());
    sim.connect();
    (0..2).for_each(|place| sim.node(place).open(session(1), FOREVER).unwrap());
    sim.send(0, 1, channel(1), message(MAX_MESSAGE, 1));
    let samples: Vec<_> = sim.tap.iter().take(50).map(|(_, _, bytes)| bytes[..bytes.len().min(200)].to_vec()).collect();
    sim.tapping = false;
    let (hints, to) = ([sim.ids[0], sim.ids[2], PeerId::new([9; 32])], sim.ids[1]);
    let mut got = None;
    for number in 0..FLOOD {
        let hint = hints[rng.random_range(0..3)];
        let mut garbage = samples[rng.random_range(0..samples.len())].clone();
        match number % 4 {
            0 => rng.fill_bytes(&mut garbage),
            1 => garbage = vec![1, rng.random_range(0..4)],
            2 => garbage.truncate(rng.random_range(0..garbage.len())),
            _ => {
                let place = rng.random_range(0..garbage.len());
                garbage[place] ^= rng.random_range(1..=255);
            }
        }
        let now = sim.now;
        sim.nodes.get_mut(&to).unwrap().receive(hint, &garbage, now);
        if number % 1000 == 0 {
            sim.run_for(Duration::from_millis(1));
            got = got.or(sim.take(1, channel(1)));
            let usage = sim.node(1).usage();
            assert!(usage.queued < 200 && usage.incoming_bytes <= 8 * MAX_MESSAGE && usage.incoming_messages < 10, "{usage:?}");
            assert!(sim.air_len() < 1000);
        }
    }
    sim.run_until(Duration::from_secs(60), |sim| {
        got = got.take().or(sim.take(1, channel(1)));
        got.is_some()
    });
    assert!(got.unwrap().1 == message(MAX_MESSAGE, 1));
    let counters = sim.node(1).counters();
    assert!(counters.malformed > 0 && counters.foreign > 0 && counters.forged > 0 && counters.other_link > 0, "{counters:?}");
}

#[test]
fn flood_of_early_messages_evicts_the_oldest_and_honest_sessions_finish() {
    let mut limits = Limits::default();
    limits.send_messages = 2000;
    let mut sim = Sim::new(3, seed(), CALM, limits.clone());
    sim.tapping = false;
    sim.connect();
    sim.node(1).open(session(1), FOREVER).unwrap();
    let (to, mut numbers) = (sim.ids[1], 0u64);
    let mut got = None;
    sim.send(0, 1, channel(1), message(500_000, 1));
    while numbers < 20_000 {
        let mut id = [0xee; 32];
        id[..8].copy_from_slice(&numbers.to_be_bytes());
        let early = quorate_transport::Channel::Session(quorate_core::SessionId::new(id));
        let now = sim.now;
        match sim.node(2).send(early, to, Zeroizing::new(vec![7; 100 + (numbers % 50_000) as usize]), FOREVER, now) {
            Ok(_) => numbers += 1,
            Err(_) => sim.run_for(Duration::from_millis(5)),
        }
        got = got.or(sim.take(1, channel(1)));
        let usage = sim.node(1).usage();
        let (bytes, messages) =
            (limits.early_bytes + limits.reassembly_bytes, limits.early_messages + limits.reassembly_messages);
        assert!(usage.incoming_bytes <= bytes + MAX_MESSAGE && usage.incoming_messages <= messages, "{usage:?}");
    }
    sim.run_until(Duration::from_secs(60), |sim| {
        got = got.take().or(sim.take(1, channel(1)));
        got.is_some()
    });
    assert!(sim.node(1).counters().evicted > 10_000);
}

#[test]
fn flood_of_duplicates_delivers_once() {
    let mut sim = Sim::new(2, seed(), CALM, Limits::default());
    sim.connect();
    sim.node(1).open(session(1), FOREVER).unwrap();
    sim.send(0, 1, channel(1), b"once".to_vec());
    let (from, to, bytes) = sim.tap.last().unwrap().clone();
    sim.run_for(Duration::from_millis(100));
    let now = sim.now;
    for _ in 0..FLOOD {
        sim.nodes.get_mut(&to).unwrap().receive(from, &bytes, now);
    }
    assert!(sim.take(1, channel(1)).is_some() && sim.take(1, channel(1)).is_none());
    let (usage, counters) = (sim.node(1).usage(), sim.node(1).counters());
    assert_eq!((usage.incoming_messages, counters.replayed), (0, FLOOD as u64));
    assert!(usage.queued < 10);
}

#[test]
fn peer_cannot_begin_more_messages_than_there_is_room_for() {
    let mut limits = Limits::default();
    limits.send_bytes = 64 * MAX_MESSAGE;
    limits.in_flight = 1000;
    let mut sim = Sim::new(2, seed(), CALM, limits.clone());
    sim.tapping = false;
    sim.connect();
    sim.node(1).open(session(1), FOREVER).unwrap();
    for number in 0..20u64 {
        sim.send(0, 1, channel(1), message(MAX_MESSAGE, number));
    }
    let mut got = 0;
    sim.run_until(Duration::from_secs(600), |sim| {
        assert!(sim.node(1).usage().incoming_bytes <= limits.reassembly_bytes + limits.inbox_bytes);
        while sim.take(1, channel(1)).is_some() {
            got += 1;
        }
        got == 20
    });
    assert!(sim.node(1).counters().refused > 0, "the bound was reached");
}
