//! Machines on a table, and somebody who reads and changes what they say to each other.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use getrandom::SysRng;
use quorate_core::{
    Error, Fault, FaultKind, Identifier, ParticipantSet, PeerId, Peers, Placement, Session, SessionId, Threshold,
    curve::Curve,
    danger,
    derive::ChainCode,
    frost::{FrostSuite, Signing, SigningRounds, Target},
    keygen::{Keygen, KeygenRounds},
    keys::KeyShare,
    machine::{Machine, Protocol},
};
use zeroize::Zeroizing;

pub type Machines<P> = BTreeMap<Identifier, Machine<P>>;

pub fn id(number: u16) -> Identifier {
    Identifier::new(number).unwrap()
}

pub fn set(numbers: impl IntoIterator<Item = u16>) -> ParticipantSet {
    ParticipantSet::new(numbers.into_iter().map(id)).unwrap()
}

pub fn placement(t: u16, n: u16) -> Placement {
    danger::unchecked_placement(Threshold::new(t, n).unwrap(), ParticipantSet::first(n).unwrap())
}

pub fn session(number: u8, n: u16) -> Session {
    let peers = (1..=n).map(|i| (id(i), PeerId::new([u8::try_from(i).unwrap(); 32])));
    Session::new(SessionId::new([number; 32]), Peers::new(peers).unwrap())
}

pub fn keygens<C: Curve>(t: u16, n: u16, number: u8) -> Machines<KeygenRounds<C>> {
    let start = |i| Keygen::start(&session(number, n), placement(t, n), id(i), &mut SysRng).unwrap();
    (1..=n).map(|i| (id(i), start(i))).collect()
}

/// Shares of a random key, without the cost of a key generation.
pub fn shares<C: Curve>(t: u16, n: u16) -> Vec<Arc<KeyShare<C>>> {
    let mut secret = Zeroizing::new([0; 32]);
    getrandom::fill(&mut secret[1..31]).unwrap();
    let shares = danger::split::<C>(&secret, ChainCode::new([5; 32]), &placement(t, n), &mut SysRng).unwrap();
    shares.into_iter().map(Arc::new).collect()
}

pub fn signings<C: FrostSuite>(shares: &[Arc<KeyShare<C>>], signers: &[u16], message: &[u8]) -> Machines<SigningRounds<C>> {
    let session = session(9, u16::try_from(shares.len()).unwrap());
    let start = |i: u16| {
        let share = &shares[usize::from(i) - 1];
        Signing::start(&session, share, &set(signers.iter().copied()), message, &Target::default(), &mut SysRng).unwrap()
    };
    signers.iter().map(|i| (id(*i), start(*i))).collect()
}

/// A frame taken apart, by the layout that machine.rs documents.
#[derive(Clone, Debug)]
pub struct Frame {
    pub version: u8,
    pub protocol: u8,
    pub round: u8,
    pub prefix: [u8; 16],
    pub echo: [u8; 32],
    pub broadcast: Vec<u8>,
    pub private: Vec<u8>,
}

impl Frame {
    pub fn parse(bytes: &[u8]) -> Self {
        let length = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        let broadcast_end = 55 + length(51);
        let frame = Self {
            version: bytes[0],
            protocol: bytes[1],
            round: bytes[2],
            prefix: bytes[3..19].try_into().unwrap(),
            echo: bytes[19..51].try_into().unwrap(),
            broadcast: bytes[55..broadcast_end].to_vec(),
            private: bytes[broadcast_end + 4..].to_vec(),
        };
        assert_eq!(length(broadcast_end), frame.private.len());
        frame
    }

    pub fn bytes(&self) -> Vec<u8> {
        let length = |part: &[u8]| u32::try_from(part.len()).unwrap().to_be_bytes();
        let head = [&[self.version, self.protocol, self.round][..], &self.prefix, &self.echo].concat();
        [&head[..], &length(&self.broadcast), &self.broadcast, &length(&self.private), &self.private].concat()
    }
}

#[derive(Clone, Debug)]
pub struct Packet {
    pub from: Identifier,
    pub to: Identifier,
    pub bytes: Vec<u8>,
}

impl Packet {
    pub fn round(&self) -> u8 {
        self.bytes[2]
    }

    /// The same packet with a changed frame.
    pub fn with(&self, change: impl FnOnce(&mut Frame)) -> Self {
        let mut frame = Frame::parse(&self.bytes);
        change(&mut frame);
        Self { bytes: frame.bytes(), ..self.clone() }
    }
}

#[derive(Debug)]
pub enum Outcome<T> {
    Done(T),
    Failed(Error),
    Waiting(Vec<Identifier>),
}

impl<T> Outcome<T> {
    pub fn is_done(&self) -> bool {
        matches!(self, Self::Done(_))
    }

    pub fn done(self) -> T {
        match self {
            Self::Done(output) => output,
            Self::Failed(error) => panic!("failed: {error}"),
            Self::Waiting(missing) => panic!("waits for {missing:?}"),
        }
    }

    pub fn fault(&self) -> Option<&Fault> {
        match self {
            Self::Failed(Error::Fault(fault)) => Some(fault),
            _ => None,
        }
    }

    #[track_caller]
    pub fn assert_fault(&self, kind: FaultKind, culprits: &[u16]) {
        let culprits: Vec<_> = culprits.iter().copied().map(id).collect();
        match self {
            Self::Failed(Error::Fault(fault)) => assert_eq!((fault.kind, &fault.culprits), (kind, &culprits)),
            Self::Failed(error) => panic!("another error: {error}"),
            Self::Done(_) => panic!("{kind:?} was not noticed"),
            Self::Waiting(missing) => panic!("waits for {missing:?}"),
        }
    }
}

pub type Outcomes<T> = BTreeMap<Identifier, Outcome<T>>;

/// Runs all machines to the end. `wire` turns each packet into those that arrive; `held` sees what is to be stored.
pub fn run_storing<P: Protocol>(
    mut machines: Machines<P>,
    mut wire: impl FnMut(Packet) -> Vec<Packet>,
    mut held: impl FnMut(Identifier, &P::Held),
) -> Outcomes<P::Output> {
    let mut errors = BTreeMap::new();
    let mut queue = VecDeque::new();
    loop {
        for (from, machine) in &mut machines {
            if let Some(pending) = machine.pending() {
                held(*from, pending.value().unwrap());
                if let Err(error) = pending.stored() {
                    errors.entry(*from).or_insert(error);
                }
            }
            while let Some(message) = machine.next_outgoing() {
                queue.push_back(Packet { from: *from, to: message.to, bytes: message.bytes.to_vec() });
            }
        }
        let Some(packet) = queue.pop_front() else { break };
        for packet in wire(packet) {
            if let Err(error) = machines.get_mut(&packet.to).unwrap().handle(packet.from, &packet.bytes) {
                errors.entry(packet.to).or_insert(error);
            }
        }
    }
    let outcome = |(me, mut machine): (Identifier, Machine<P>)| match (errors.remove(&me), machine.take_output()) {
        (Some(error), None) => (me, Outcome::Failed(error)),
        (None, Some(output)) => (me, Outcome::Done(output)),
        (None, None) => (me, Outcome::Waiting(machine.missing())),
        (Some(error), Some(_)) => panic!("an output after {error}"),
    };
    machines.into_iter().map(outcome).collect()
}

pub fn run<P: Protocol>(machines: Machines<P>, wire: impl FnMut(Packet) -> Vec<Packet>) -> Outcomes<P::Output> {
    run_storing(machines, wire, |_, _| {})
}

/// Only `culprit` may be blamed, by anyone else.
#[track_caller]
pub fn assert_nobody_else_blamed<T>(outcomes: &Outcomes<T>, culprit: Identifier) {
    for (_, outcome) in outcomes.iter().filter(|(me, _)| **me != culprit) {
        if let Some(fault) = outcome.fault() {
            assert!(fault.culprits.iter().all(|blamed| *blamed == culprit), "{fault}");
        }
    }
}
