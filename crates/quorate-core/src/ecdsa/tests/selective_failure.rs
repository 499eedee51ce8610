//! An extension's receiver that guesses Δ nibble by nibble, and the guard that lets it fail once.
//!
//! Why a wrong guess is seen and a right one is not: `extension/tests/attacks`.

use std::{sync::Barrier, thread};

use super::{kit::*, *};
use crate::{
    ecdsa::{extension, run::Run},
    error::{Fault, FaultKind, Response},
    session::ProtocolId,
};

const VICTIM: u16 = 1;
const ATTACKER: u16 = 2;
const IN_FLIGHT: usize = 300;

/// What the attacker sees of one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    /// The victim goes on: the guess was right.
    Passed,
    /// It was wrong.
    Failed,
    /// The pairing is gone, and this tells nothing about the guess.
    Nothing,
}

/// One session that the victim has begun, and waits for the attacker's first message.
struct InFlight {
    victim: Presigning<EcdsaSecp256k1>,
    /// What the extension binds.
    context: [u8; 32],
    /// A frame of this session.
    letter: Letter,
}

impl InFlight {
    fn begin(network: &Network<EcdsaSecp256k1>, pairings: &Pairings) -> Self {
        let (session, signers) = (session(), ParticipantSet::first(2).unwrap());
        let share = &network.shares[&id(VICTIM)];
        let mut victim = Presigning::start(&session, share, &signers, pairings, 1, &mut SysRng).unwrap();
        let run = Run::new(&session, ProtocolId::EcdsaPresign, share, &signers, pairings, 1).unwrap();
        let letter = Letter::open(id(ATTACKER), &victim.next_outgoing().unwrap());
        Self { victim, context: *run.context.as_bytes(), letter }
    }

    fn guess(mut self, pairing: &Pairing, tree: usize, nibble: u8) -> Seen {
        let subject = extension::Subject {
            context: &self.context,
            pairing: pairing.id(),
            sender: id(VICTIM),
            receiver: id(ATTACKER),
            batch: 1,
        };
        let forged = extension::forge::guess(&pairing.receiver, &subject, random(), tree, nibble);
        self.letter.private = [pairing.id().as_slice(), &forged].concat();
        match self.victim.handle(id(ATTACKER), &self.letter.bytes()) {
            Ok(_) => {
                assert!(self.victim.next_outgoing().is_some());
                Seen::Passed
            }
            Err(error) => {
                assert!(self.victim.next_outgoing().is_none() && self.victim.take_output().is_none());
                if error == InputError::NoPairing(id(ATTACKER)).into() {
                    return Seen::Nothing;
                }
                let fault = Fault::by(FaultKind::WrongExtension, id(ATTACKER));
                assert_eq!(fault.response(), Response::DropPairing);
                assert_eq!(error, fault.into());
                Seen::Failed
            }
        }
    }
}

/// The attack: one guess a session, each after what was seen of the last. Gives the nibbles that are known in the end, and all that
/// was seen.
fn attack(sessions: Vec<InFlight>, pairing: &Pairing) -> (Vec<Option<u8>>, Vec<Seen>) {
    let (mut known, mut seen) = (Vec::new(), Vec::new());
    let mut sessions = sessions.into_iter();
    for tree in 0..TREES {
        let (mut nibble, mut failed) = (None, 0);
        for guess in 0..15 {
            let Some(session) = sessions.next() else { break };
            seen.push(session.guess(pairing, tree, guess));
            match seen.last().unwrap() {
                Seen::Passed => {
                    nibble = Some(guess);
                    break;
                }
                Seen::Failed => failed += 1,
                Seen::Nothing => {}
            }
        }
        // What is left when all others failed.
        known.push(nibble.or((failed == 15).then_some(15)));
    }
    (known, seen)
}

fn delta(network: &Network<EcdsaSecp256k1>) -> [u8; TREES] {
    *network.pairings[&id(VICTIM)][&id(ATTACKER)].sender.delta.expose()
}

/// A network in whose Δ the attack finds all nibbles with the sessions that it has.
fn network() -> Network<EcdsaSecp256k1> {
    loop {
        let network = Network::new(2, 2);
        let needed: usize = delta(&network).iter().map(|nibble| usize::from(nibble + 1).min(15)).sum();
        // And in which it fails before long.
        if needed <= IN_FLIGHT && delta(&network)[..4].iter().any(|nibble| *nibble > 0) {
            return network;
        }
    }
}

#[test]
fn selective_failure_in_300_sessions_is_seen_once_and_delta_stays_unknown() {
    let network = network();
    let (victim, attacker) = (&network.pairings[&id(VICTIM)], &network.pairings[&id(ATTACKER)][&id(VICTIM)]);
    let presignature = run(network.presigning(&[1, 2], 1), |_, _, _| {}).remove(&id(VICTIM)).unwrap().unwrap().pop().unwrap();
    let sessions: Vec<_> = (0..IN_FLIGHT).map(|_| InFlight::begin(&network, victim)).collect();
    assert!(presignature.is_live());
    let (known, seen) = attack(sessions, attacker);

    let first = seen.iter().position(|seen| *seen == Seen::Failed).unwrap();
    assert!(seen[..first].iter().all(|seen| *seen == Seen::Passed));
    assert!(seen[first + 1..].iter().all(|seen| *seen == Seen::Nothing) && seen.len() > 200);
    let known = known.iter().flatten().count();
    assert!(known == first && known < 4, "{known} nibbles are known");

    // Everything else on this pairing is gone with it.
    assert!(!victim[&id(ATTACKER)].is_live() && !presignature.is_live());
    let gone = OnlineSigning::start(&session(), presignature, &Request::new(random())).err();
    assert_eq!(gone, Some(InputError::NoPairing(id(ATTACKER)).into()));
    let (session, signers) = (session(), ParticipantSet::first(2).unwrap());
    let gone = Presigning::start(&session, &network.shares[&id(VICTIM)], &signers, victim, 1, &mut SysRng).err();
    assert_eq!(gone, Some(InputError::NoPairing(id(ATTACKER)).into()));
}

/// The control: with a guard for each session, which drops the pairing for that session alone, the same attack finds all of Δ.
#[test]
fn selective_failure_in_300_sessions_finds_delta_where_each_session_has_its_own_guard() {
    let network = network();
    let (victim, attacker) = (&network.pairings[&id(VICTIM)], &network.pairings[&id(ATTACKER)][&id(VICTIM)]);
    let unguarded = || Pairings::from([(id(ATTACKER), Arc::new(network::twin(&victim[&id(ATTACKER)])))]);
    let sessions = (0..IN_FLIGHT).map(|_| InFlight::begin(&network, &unguarded())).collect();
    let (known, seen) = attack(sessions, attacker);
    assert!(!seen.contains(&Seen::Nothing));
    assert_eq!(known, delta(&network).map(Some));
}

#[test]
fn selective_failure_from_many_threads_at_once_is_seen_once() {
    let network = Network::new(2, 2);
    let (victim, attacker) = (&network.pairings[&id(VICTIM)], &network.pairings[&id(ATTACKER)][&id(VICTIM)]);
    let sessions: Vec<_> = (0..64).map(|_| InFlight::begin(&network, victim)).collect();
    let delta = delta(&network);
    let barrier = Barrier::new(sessions.len());
    let seen: Vec<_> = thread::scope(|scope| {
        let spawn = |(number, session): (usize, InFlight)| {
            let barrier = &barrier;
            scope.spawn(move || {
                let tree = number % TREES;
                barrier.wait();
                session.guess(attacker, tree, delta[tree] ^ 1 << (number % 4))
            })
        };
        let threads: Vec<_> = sessions.into_iter().enumerate().map(spawn).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let count = |wanted| seen.iter().filter(|seen| **seen == wanted).count();
    assert_eq!((count(Seen::Passed), count(Seen::Failed), count(Seen::Nothing)), (0, 1, 63));
}

/// The same guard stands before the multiplications: of all sessions that got that far one fails, and the others end.
#[test]
fn wrong_multiplication_ends_all_sessions_in_flight() {
    let network = Network::<EcdsaSecp256k1>::new(2, 2);
    let mut second_rounds = Vec::new();
    for number in 0..20 {
        let mut machines = network.presigning(&[1, 2], 2);
        for letter in collect(&mut machines) {
            machines.get_mut(&letter.to).unwrap().handle(letter.from, &letter.bytes()).unwrap();
        }
        let mut letters = collect(&mut machines).into_iter();
        let mut letter = letters.find(|letter| letter.from == id(ATTACKER)).unwrap();
        if number < 18 {
            letter.private[500] ^= 1;
        }
        if number % 2 == 1 {
            // Behind a wrong value one that is no scalar: its refusal must not say that the wrong one passed.
            let at = letter.private.len() / 2;
            letter.private[at..at + 32].fill(0xff);
        }
        second_rounds.push((machines.remove(&id(VICTIM)).unwrap(), letter));
    }
    for (number, (mut victim, letter)) in second_rounds.into_iter().enumerate() {
        let expected: Error = match number {
            0 => Fault::by(FaultKind::WrongMultiplication, id(ATTACKER)).into(),
            // Seen without any secret.
            _ if number % 2 == 1 => Fault::by(FaultKind::InvalidElement, id(ATTACKER)).into(),
            _ => InputError::NoPairing(id(ATTACKER)).into(),
        };
        assert_eq!(victim.handle(id(ATTACKER), &letter.bytes()), Err(expected), "{number}");
        assert!(victim.next_outgoing().is_none() && victim.take_output().is_none());
    }
}
