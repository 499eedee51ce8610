//! Teams of cosigners, and a simulated network with virtual time whose every fault a seed repeats.

use core::time::Duration;
use std::collections::BTreeMap;

use quorate_core::{PeerId, SessionId};
use quorate_transport::{Channel, Cosigner, Endpoint, Event, Identity, Limits, Roster};
use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};
use zeroize::Zeroizing;

/// A seed from the environment (`QUORATE_TEST_SEED`), or a fresh one; printed, so that a failure can be replayed.
pub(crate) fn seed() -> u64 {
    let seed = std::env::var("QUORATE_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random);
    eprintln!("QUORATE_TEST_SEED={seed}");
    seed
}

/// Identities in ascending order: the first one initiates links with all others.
pub(crate) fn identities(count: usize, seed: u64) -> Vec<Identity> {
    let mut rng = StdRng::seed_from_u64(seed ^ 0x1d);
    let mut identities: Vec<_> = (0..count).map(|_| Identity::generate(&mut rng).unwrap()).collect();
    identities.sort_by_key(Identity::peer_id);
    identities
}

pub(crate) fn roster(identities: &[Identity]) -> Roster {
    roster_at(identities, |place| format!("127.0.0.1:{}", 7001 + place))
}

pub(crate) fn roster_at(identities: &[Identity], address: impl Fn(usize) -> String) -> Roster {
    let entries = identities.iter().enumerate();
    Roster::new(entries.map(|(place, identity)| Cosigner::new(format!("c{place}"), identity.peer_id(), address(place)))).unwrap()
}

pub(crate) fn copy(identity: &Identity) -> Identity {
    Identity::from_secret_bytes(&identity.to_secret_bytes())
}

pub(crate) fn session(byte: u8) -> SessionId {
    SessionId::new([byte; 32])
}

pub(crate) fn channel(byte: u8) -> Channel {
    Channel::Session(session(byte))
}

pub(crate) fn message(length: usize, seed: u64) -> Vec<u8> {
    let mut bytes = vec![0; length];
    StdRng::seed_from_u64(seed).fill_bytes(&mut bytes);
    bytes
}

pub(crate) const FOREVER: Duration = Duration::from_secs(1_000_000);

/// Rates in thousandths, and the longest delay.
#[derive(Clone, Copy)]
pub(crate) struct Weather {
    pub(crate) lose: u32,
    pub(crate) repeat: u32,
    pub(crate) delay: Duration,
}

pub(crate) const CALM: Weather = Weather { lose: 0, repeat: 0, delay: Duration::from_millis(1) };
pub(crate) const STORM: Weather = Weather { lose: 200, repeat: 200, delay: Duration::from_millis(80) };

type Datagram = (PeerId, PeerId, Vec<u8>);

pub(crate) struct Sim {
    pub(crate) nodes: BTreeMap<PeerId, Endpoint<StdRng>>,
    pub(crate) ids: Vec<PeerId>,
    pub(crate) now: Duration,
    pub(crate) weather: Weather,
    pub(crate) events: Vec<(PeerId, Event)>,
    /// Everything that was ever put on the wire.
    pub(crate) tap: Vec<Datagram>,
    pub(crate) tapping: bool,
    identities: Vec<Identity>,
    roster: Roster,
    limits: Limits,
    air: BTreeMap<(Duration, u64), Datagram>,
    sequence: u64,
    rng: StdRng,
}

impl Sim {
    pub(crate) fn new(count: usize, seed: u64, weather: Weather, limits: Limits) -> Self {
        let identities = identities(count, seed);
        let roster = roster(&identities);
        let mut sim = Self {
            nodes: BTreeMap::new(),
            ids: identities.iter().map(Identity::peer_id).collect(),
            now: Duration::ZERO,
            weather,
            events: Vec::new(),
            tap: Vec::new(),
            tapping: true,
            identities,
            roster,
            limits,
            air: BTreeMap::new(),
            sequence: 0,
            rng: StdRng::seed_from_u64(seed),
        };
        (0..count).for_each(|place| sim.restart(place));
        sim
    }

    /// Starts a cosigner anew: what it held in memory is gone.
    pub(crate) fn restart(&mut self, place: usize) {
        let rng = StdRng::seed_from_u64(self.rng.next_u64());
        let endpoint = Endpoint::new(copy(&self.identities[place]), &self.roster, self.limits.clone(), rng).unwrap();
        self.nodes.insert(self.ids[place], endpoint);
    }

    pub(crate) fn node(&mut self, place: usize) -> &mut Endpoint<StdRng> {
        self.nodes.get_mut(&self.ids[place]).unwrap()
    }

    pub(crate) fn send(&mut self, from: usize, to: usize, channel: Channel, bytes: Vec<u8>) -> u64 {
        let (to, now) = (self.ids[to], self.now);
        let number = self.node(from).send(channel, to, Zeroizing::new(bytes), now + Duration::from_secs(600), now).unwrap();
        self.collect();
        number
    }

    pub(crate) fn inject(&mut self, hint: PeerId, to: PeerId, bytes: &[u8]) {
        let now = self.now;
        self.nodes.get_mut(&to).unwrap().receive(hint, bytes, now);
        self.collect();
    }

    fn collect(&mut self) {
        let (ids, now) = (self.ids.clone(), self.now);
        for from in ids {
            let node = self.nodes.get_mut(&from).unwrap();
            let events: Vec<_> = core::iter::from_fn(|| node.next_event()).map(|event| (from, event)).collect();
            let out: Vec<_> = core::iter::from_fn(|| node.next_datagram()).collect();
            self.events.extend(events);
            for (to, bytes) in out {
                if self.tapping {
                    self.tap.push((from, to, bytes.clone()));
                }
                let copies = 1 + usize::from(self.rng.random_range(0..1000) < self.weather.repeat);
                for _ in 0..copies {
                    let lost = self.rng.random_range(0..1000) < self.weather.lose;
                    let delay = self.rng.random_range(0..=self.weather.delay.as_micros() as u64);
                    if !lost {
                        self.sequence += 1;
                        self.air.insert((now + Duration::from_micros(delay), self.sequence), (from, to, bytes.clone()));
                    }
                }
            }
        }
    }

    /// Lets time pass until `done`, or panics after `patience` of virtual time.
    pub(crate) fn run_until(&mut self, patience: Duration, mut done: impl FnMut(&mut Self) -> bool) {
        let end = self.now + patience;
        self.collect();
        while !done(self) {
            assert!(self.now < end, "not done after {patience:?} of virtual time");
            self.tick();
        }
    }

    pub(crate) fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        self.run_until(time + Duration::from_secs(70), |sim| sim.now >= end);
    }

    fn tick(&mut self) {
        let wakeup = self.nodes.values().map(Endpoint::next_wakeup).min().unwrap();
        let arrival = self.air.first_key_value().map_or(Duration::MAX, |((at, _), _)| *at);
        let next = wakeup.min(arrival).max(self.now);
        assert!(next < self.now + Duration::from_secs(60), "everybody sleeps");
        self.now = next;
        if arrival <= next {
            let (_, (from, to, bytes)) = self.air.pop_first().unwrap();
            self.nodes.get_mut(&to).unwrap().receive(from, &bytes, next);
        } else {
            let before: Vec<_> = self.nodes.values().map(Endpoint::next_wakeup).collect();
            self.nodes.values_mut().for_each(|node| node.poll(next));
            let after: Vec<_> = self.nodes.values().map(Endpoint::next_wakeup).collect();
            assert!(after.iter().all(|wakeup| *wakeup > next), "a poll left work undone: {before:?} {after:?} at {next:?}");
        }
        self.collect();
    }

    /// Waits until every pair has a link.
    pub(crate) fn connect(&mut self) {
        self.run_until(Duration::from_secs(60), |sim| {
            let ids = sim.ids.clone();
            sim.nodes.iter().all(|(me, node)| ids.iter().all(|peer| peer == me || node.is_connected(*peer)))
        });
    }

    pub(crate) fn take(&mut self, place: usize, channel: Channel) -> Option<(PeerId, Vec<u8>)> {
        self.node(place).next_message(channel).map(|(from, bytes)| (from, bytes.to_vec()))
    }

    pub(crate) fn air_len(&self) -> usize {
        self.air.len()
    }
}
