//! One participant that breaks the rules: what it says is changed on its way, and to everybody else it looks consistent.

use super::*;
use crate::error::{Fault, FaultKind, Response};

/// A frame before its broadcast part: version, protocol, round, context, echo.
const HEAD: usize = 3 + 16 + 32;

/// A message taken apart.
#[derive(Clone)]
pub(super) struct Letter {
    pub(super) from: Identifier,
    pub(super) to: Identifier,
    pub(super) head: Vec<u8>,
    pub(super) broadcast: Vec<u8>,
    pub(super) private: Vec<u8>,
}

impl Letter {
    pub(super) fn open(from: Identifier, message: &OutgoingMessage) -> Self {
        let (head, rest) = message.bytes.split_at(HEAD);
        let part = |bytes: &[u8]| {
            let (length, rest) = bytes.split_first_chunk().unwrap();
            let (part, rest) = rest.split_at(u32::from_be_bytes(*length) as usize);
            (part.to_vec(), rest.to_vec())
        };
        let (broadcast, rest) = part(rest);
        let (private, rest) = part(&rest);
        assert!(rest.is_empty());
        Self { from, to: message.to, head: head.to_vec(), broadcast, private }
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let length = |part: &[u8]| u32::try_from(part.len()).unwrap().to_be_bytes();
        let [broadcast, private] = [&self.broadcast, &self.private];
        [&self.head[..], &length(broadcast), broadcast, &length(private), private].concat()
    }

    pub(super) fn round(&self) -> u8 {
        self.head[2]
    }

    pub(super) fn echo(&self) -> &[u8] {
        &self.head[HEAD - 32..]
    }

    pub(super) fn set_echo(&mut self, echo: &[u8]) {
        self.head[HEAD - 32..].copy_from_slice(echo);
    }

    pub(super) fn part(&mut self, part: Part) -> &mut Vec<u8> {
        match part {
            Part::Broadcast => &mut self.broadcast,
            Part::Private => &mut self.private,
        }
    }
}

/// A part of a message.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Broadcast,
    Private,
}

/// Everything that machines have to say now.
pub(super) fn collect<P: Protocol>(machines: &mut BTreeMap<Identifier, Machine<P>>) -> Vec<Letter> {
    let mut letters = Vec::new();
    for (from, machine) in machines {
        while let Some(message) = machine.next_outgoing() {
            letters.push(Letter::open(*from, &message));
        }
    }
    letters
}

/// How each honest participant ended. `None` if it still waits.
pub(super) type Outcomes<T> = BTreeMap<Identifier, Option<Result<T, Error>>>;

/// Runs all machines, round by round. `tamper` gets all letters of a round, and may change those of the culprits; these then echo to
/// each receiver what it wants to hear.
pub(super) fn run_against<P: Protocol>(
    mut machines: BTreeMap<Identifier, Machine<P>>,
    culprits: &[u16],
    mut tamper: impl FnMut(u8, &mut Vec<Letter>),
) -> Outcomes<P::Output> {
    let is_culprit = |id: Identifier| culprits.contains(&id.to_u16());
    let mut errors = BTreeMap::new();
    loop {
        let mut letters = collect(&mut machines);
        let Some(round) = letters.first().map(Letter::round) else { break };
        assert!(letters.iter().all(|letter| letter.round() == round));
        let echoes: BTreeMap<_, _> = letters.iter().map(|letter| (letter.from, letter.echo().to_vec())).collect();
        for letter in letters.iter_mut().filter(|letter| is_culprit(letter.from)) {
            if let Some(echo) = echoes.get(&letter.to) {
                letter.set_echo(echo);
            }
        }
        tamper(round, &mut letters);
        for letter in letters {
            if let Err(error) = machines.get_mut(&letter.to).unwrap().handle(letter.from, &letter.bytes()) {
                errors.entry(letter.to).or_insert(error);
            }
        }
    }
    let outcome = |(id, mut machine): (Identifier, Machine<P>)| {
        let error = errors.remove(&id).map(Err);
        (id, error.or_else(|| machine.take_output().map(Ok)))
    };
    machines.into_iter().filter(|(id, _)| !is_culprit(*id)).map(outcome).collect()
}

/// What honest participants must make of something wrong.
#[derive(Clone, Copy, Debug)]
pub(super) struct Verdict {
    pub(super) kind: FaultKind,
    /// Whether the culprit is named even if there are others who may have done it.
    pub(super) always_named: bool,
    /// When it is named, and when it is not.
    pub(super) responses: [Response; 2],
}

/// Named always, pairing kept.
pub(super) const fn exclude(kind: FaultKind) -> Verdict {
    Verdict { kind, always_named: true, responses: [Response::Exclude; 2] }
}

/// Named always, pairing gone.
pub(super) const fn drop_pairing(kind: FaultKind) -> Verdict {
    Verdict { kind, always_named: true, responses: [Response::DropPairing; 2] }
}

/// Named always, but perhaps somebody else's fault.
pub(super) const fn retry(kind: FaultKind) -> Verdict {
    Verdict { kind, always_named: true, responses: [Response::Retry; 2] }
}

/// Seen in a sum alone: named only where nobody else can have done it.
pub(super) const fn in_a_sum(kind: FaultKind) -> Verdict {
    Verdict { kind, always_named: false, responses: [Response::Exclude, Response::Retry] }
}

/// Somebody is at work on something else; who of them is right, nobody knows.
pub(super) const fn differs(kind: FaultKind) -> Verdict {
    Verdict { kind, always_named: false, responses: [Response::Retry; 2] }
}

impl Verdict {
    /// Every honest participant has come to this verdict, and to the right conclusion about its pairings.
    #[track_caller]
    pub(super) fn assert_by_all<C: EcdsaSuite, T>(&self, outcomes: &Outcomes<T>, network: &Network<C>, culprit: u16, what: &str) {
        let named = self.always_named || outcomes.len() == 1;
        for (me, outcome) in outcomes {
            let fault = match outcome {
                Some(Err(Error::Fault(fault))) => fault,
                Some(Err(error)) => panic!("{what}: {me} has {error}"),
                Some(Ok(_)) => panic!("{what}: {me} has a result"),
                None => panic!("{what}: {me} waits"),
            };
            let culprits = if named { alloc::vec![id(culprit)] } else { Vec::new() };
            assert_eq!(*fault, Fault { kind: self.kind, culprits }, "{what}: {me}");
            assert_eq!(fault.response(), self.responses[usize::from(!named)], "{what}: {me}");
            for (peer, pairing) in &network.pairings[me] {
                let dies = fault.response() == Response::DropPairing && *peer == id(culprit);
                assert_eq!(pairing.is_live(), !dies, "{what}: the pairing of {me} with {peer}");
            }
        }
    }
}

/// Nobody but the culprits is named, and nobody honest has lost a pairing with somebody honest.
#[track_caller]
pub(super) fn assert_nobody_honest_blamed<C: EcdsaSuite, T>(outcomes: &Outcomes<T>, network: &Network<C>) {
    for (me, outcome) in outcomes {
        if let Some(Err(Error::Fault(fault))) = outcome {
            assert!(fault.culprits.iter().all(|named| !outcomes.contains_key(named)), "{me}: {fault}");
        }
        for peer in outcomes.keys().filter(|peer| *peer != me) {
            assert!(network.pairings[me][peer].is_live(), "the pairing of {me} with {peer}");
        }
    }
}
