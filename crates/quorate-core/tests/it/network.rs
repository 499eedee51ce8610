//! Cosigners in one memory: machines, and wires that deliver in a random but reproducible order.

use std::collections::BTreeMap;

use quorate_core::{
    Error, Identifier, ParticipantSet, PeerId, Peers, Session, SessionId, Threshold,
    machine::{Handled, Machine, Protocol},
};
use rand::{RngExt, SeedableRng, rngs::StdRng};

/// A message between two machines.
#[derive(Clone, Debug)]
pub(crate) struct Wire {
    pub(crate) from: Identifier,
    pub(crate) to: Identifier,
    pub(crate) bytes: Vec<u8>,
}

/// Machines by participant, and what is under way between them.
pub(crate) struct Network<P: Protocol> {
    pub(crate) machines: BTreeMap<Identifier, Machine<P>>,
    pub(crate) wires: Vec<Wire>,
    /// The error that each dead machine died of.
    pub(crate) errors: BTreeMap<Identifier, Error>,
    pub(crate) rng: StdRng,
}

impl<P: Protocol> Network<P> {
    /// The same seed delivers in the same order.
    pub(crate) fn new(machines: impl IntoIterator<Item = (Identifier, Machine<P>)>, seed: u64) -> Self {
        let machines = machines.into_iter().collect();
        Self { machines, wires: Vec::new(), errors: BTreeMap::new(), rng: StdRng::seed_from_u64(seed) }
    }

    /// Stores what is pending and puts everything that machines want to send on the wires.
    pub(crate) fn collect(&mut self) {
        self.collect_storing(&mut |_| {});
    }

    fn collect_storing(&mut self, store: &mut impl FnMut(&mut Machine<P>)) {
        for (from, machine) in &mut self.machines {
            if machine.pending().is_some() {
                store(machine);
            }
            if let Some(pending) = machine.pending()
                && let Err(error) = pending.stored()
            {
                self.errors.insert(*from, error);
            }
            while let Some(message) = machine.next_outgoing() {
                self.wires.push(Wire { from: *from, to: message.to, bytes: message.bytes.to_vec() });
            }
        }
    }

    /// Takes any message off the wires.
    pub(crate) fn pick(&mut self) -> Option<Wire> {
        (!self.wires.is_empty()).then(|| self.wires.swap_remove(self.rng.random_range(..self.wires.len())))
    }

    /// Hands a message over. A receiver that is not there, or dead, does not mind.
    pub(crate) fn deliver(&mut self, wire: &Wire) -> Option<Handled> {
        match self.machines.get_mut(&wire.to)?.handle(wire.from, &wire.bytes) {
            Ok(handled) => Some(handled),
            Err(error) => {
                self.errors.entry(wire.to).or_insert(error);
                None
            }
        }
    }

    /// Delivers until nothing is under way; `tamper` sees every message once and gives what arrives instead.
    pub(crate) fn run_with(&mut self, mut tamper: impl FnMut(Wire) -> Vec<Wire>) {
        self.collect();
        while let Some(wire) = self.pick() {
            for wire in tamper(wire) {
                self.deliver(&wire);
            }
            self.collect();
        }
    }

    /// Runs among honest machines and shows each one to `store` while it holds something to be stored.
    pub(crate) fn run_storing(&mut self, mut store: impl FnMut(&mut Machine<P>)) {
        self.collect_storing(&mut store);
        while let Some(wire) = self.pick() {
            self.deliver(&wire);
            self.collect_storing(&mut store);
        }
    }

    /// Runs among honest machines; every one of them must end with a result.
    pub(crate) fn run(mut self) -> BTreeMap<Identifier, P::Output> {
        self.run_with(|wire| vec![wire]);
        assert!(self.errors.is_empty(), "{:?}", self.errors);
        self.machines.into_iter().map(|(id, mut machine)| (id, machine.take_output().expect("a result"))).collect()
    }
}

pub(crate) fn id(number: u16) -> Identifier {
    Identifier::new(number).unwrap()
}

pub(crate) fn set(numbers: &[u16]) -> ParticipantSet {
    ParticipantSet::new(numbers.iter().copied().map(id)).unwrap()
}

pub(crate) fn threshold(min_signers: u16, participants: &ParticipantSet) -> Threshold {
    Threshold::new(min_signers, u16::try_from(participants.len()).unwrap()).unwrap()
}

/// A peer whose public key tells its identifier.
pub(crate) fn peer(id: Identifier) -> PeerId {
    let mut key = [0x5a; 32];
    key[..2].copy_from_slice(&id.to_u16().to_be_bytes());
    PeerId::new(key)
}

/// A session of these participants; the seed is its id.
pub(crate) fn session(participants: &ParticipantSet, seed: u64) -> Session {
    let peers = Peers::new(participants.iter().map(|id| (id, peer(id)))).unwrap();
    let mut session_id = [0; 32];
    session_id[..8].copy_from_slice(&seed.to_be_bytes());
    Session::new(SessionId::new(session_id), peers)
}
