//! Different things to different signers: everybody honest ends without a result, and without the blame.

use super::{kit::*, *};
use crate::{
    ecdsa::{
        commit::{Commit, Opening},
        message::Lengths,
        multiply::Multiply,
        run::Run,
    },
    error::{Fault, FaultKind, Response},
    machine::{Arrived, Outbox, Parts},
    session::ProtocolId,
};

type K = EcdsaSecp256k1;

#[track_caller]
fn assert_fault<T>(outcome: Option<&Result<T, Error>>, kind: FaultKind, culprits: &[u16], response: Response) {
    let Some(Err(Error::Fault(fault))) = outcome else { panic!("no fault: {:?}", outcome.map(Result::is_ok)) };
    assert_eq!((fault.kind, fault.response()), (kind, response));
    assert_eq!(fault.culprits, culprits.iter().copied().map(id).collect::<Vec<_>>());
}

/// Every pairing of everybody honest is alive.
#[track_caller]
fn assert_all_live(network: &Network<K>, honest: &[u16]) {
    for me in honest {
        assert!(network.pairings[&id(*me)].values().all(|pairing| pairing.is_live()));
    }
}

#[test]
fn commitments_that_differ_between_receivers_name_nobody_and_end_no_pairing() {
    for (count, culprit) in [(3, 1), (3, 2), (3, 3), (4, 2)] {
        let network = Network::<K>::new(count, count);
        let signers: Vec<_> = (1..=count).collect();
        let outcomes = run_against(network.signing(&signers, &Request::new(random())), &[culprit], |round, letters| {
            for letter in letters.iter_mut().filter(|letter| letter.from == id(culprit) && round == 1) {
                // One of them hears the truth.
                if letter.to.to_u16() != culprit % count + 1 {
                    letter.broadcast[0] ^= letter.to.to_u16() as u8;
                }
            }
        });
        assert_nobody_honest_blamed(&outcomes, &network);
        for outcome in outcomes.values() {
            assert_fault(outcome.as_ref(), FaultKind::Equivocation, &[], Response::Retry);
        }
        assert_all_live(&network, &signers.iter().copied().filter(|me| *me != culprit).collect::<Vec<_>>());
    }
}

#[test]
fn false_echo_names_the_peer_only_if_there_is_no_other() {
    for (signers, named) in [(&[1, 2][..], &[2][..]), (&[1, 2, 3], &[])] {
        for when in [2, 3] {
            let network = Network::<K>::new(signers.len() as u16, 3);
            let outcomes = run_against(network.signing(signers, &Request::new(random())), &[2], |round, letters| {
                letters
                    .iter_mut()
                    .filter(|letter| letter.from == id(2) && round == when)
                    .for_each(|letter| letter.set_echo(&[7; 32]));
            });
            let response = if named.is_empty() { Response::Retry } else { Response::Exclude };
            for outcome in outcomes.values() {
                assert_fault(outcome.as_ref(), FaultKind::Equivocation, named, response);
            }
            assert_nobody_honest_blamed(&outcomes, &network);
            assert_all_live(&network, &[1]);
        }
    }
}

#[test]
fn openings_that_differ_between_receivers_are_found_by_whoever_got_the_wrong_one() {
    // Salt; pk in the place of R; R in the place of pk, so that the multiplication does not fit it.
    type Change = fn(&mut [u8]);
    let changes: [(Change, FaultKind); 3] = [
        (|opening| opening[0] ^= 1, FaultKind::WrongOpening),
        (|opening| opening.copy_within(96.., 32), FaultKind::WrongOpening),
        (|opening| opening.copy_within(32..96, 96), FaultKind::WrongNonceProduct),
    ];
    for (change, kind) in changes {
        let network = Network::<K>::new(3, 3);
        let outcomes = run_against(network.signing(&[1, 2, 3], &Request::new(random())), &[2], |round, letters| {
            for letter in letters.iter_mut().filter(|letter| (letter.from, letter.to, round) == (id(2), id(1), 2)) {
                change(&mut letter.broadcast);
            }
        });
        assert_fault(outcomes[&id(1)].as_ref(), kind, &[2], Response::Exclude);
        // The other one, who heard the truth, waits for the first.
        assert!(outcomes[&id(3)].is_none());
        assert_nobody_honest_blamed(&outcomes, &network);
        assert_all_live(&network, &[1, 3]);
    }
}

/// One who does not follow the protocol: it answers some signers as if its signing share were another one.
struct Colluder {
    me: Identifier,
    commit: Commit<K>,
}

impl Colluder {
    fn begin(network: &Network<K>, session: &Session, signers: &ParticipantSet, me: u16) -> (Self, Outbox) {
        let me = id(me);
        let (share, pairings) = (&network.shares[&me], &network.pairings[&me]);
        let run = Run::new(session, ProtocolId::EcdsaPresign, share, signers, pairings, 1).unwrap();
        let (commit, outbox) = Commit::begin(run, None, None, &mut SysRng).unwrap();
        (Self { me, commit }, outbox)
    }

    /// Its second messages: the first as they should be, the second with `shift` added to its share.
    fn answers(self, arrived: &Arrived<Parts>, shift: &k256::Scalar) -> [Outbox; 2] {
        let (mut multiply, honest) = self.commit.advance(arrived).unwrap();
        let salt = *honest.broadcast.first_chunk().unwrap();
        let opening = Opening { salt, points: honest.broadcast[32..96].to_vec() };
        *multiply.inputs[0].sk.expose_mut() += shift;
        let (_, bent) = Multiply::begin(multiply, &opening).unwrap();
        [honest, bent]
    }
}

/// Two of four tell one honest signer other public shares than the other one. All checks pass, and the sum is right for both: only
/// what everybody saw is not the same.
#[test]
fn public_shares_that_two_colluders_bend_for_one_signer_show_as_a_different_request() {
    let network = Network::<K>::new(4, 4);
    let (session, signers) = (session(), ParticipantSet::first(4).unwrap());
    let mut machines = network.presigning_in(&session, &[1, 2, 3, 4], 1);
    let mut honest: BTreeMap<_, _> = [1, 2].map(|me| (id(me), machines.remove(&id(me)).unwrap())).into();
    let (mut colluders, mut outboxes): (Vec<_>, BTreeMap<_, _>) = (Vec::new(), BTreeMap::new());
    for me in [3, 4] {
        let (colluder, outbox) = Colluder::begin(&network, &session, &signers, me);
        outboxes.insert(colluder.me, outbox);
        colluders.push(colluder);
    }
    // Round 1 is honest.
    let letters = collect(&mut honest);
    let frame = letters[0].clone();
    let send = |from: Identifier, to: Identifier, outbox: &Outbox, frame: &Letter| {
        let private = outbox.private[&to][outbox.room..].to_vec();
        Letter { from, to, broadcast: outbox.broadcast.clone(), private, ..frame.clone() }
    };
    let mut arrived: BTreeMap<Identifier, BTreeMap<Identifier, Parts>> = BTreeMap::new();
    let parse = |lengths: Lengths, letter: &Letter| lengths.parse(Parts::new(&letter.broadcast, &letter.private)).unwrap();
    let from_colluders = outboxes
        .iter()
        .flat_map(|(from, outbox)| outbox.receivers.iter().map(|to| send(*from, *to, outbox, &frame)).collect::<Vec<_>>());
    for letter in letters.iter().cloned().chain(from_colluders) {
        match honest.get_mut(&letter.to) {
            Some(machine) => drop(machine.handle(letter.from, &letter.bytes()).unwrap()),
            None => {
                arrived.entry(letter.to).or_default().insert(letter.from, parse(Lengths::commit(1), &letter));
            }
        }
    }
    // Round 2: signer 1 hears of a share that is larger by one, and of one that is smaller.
    let frame = collect(&mut honest).into_iter().inspect(|letter| assert_eq!(letter.round(), 2)).collect::<Vec<_>>();
    let echo = frame[0].echo().try_into().unwrap();
    for (colluder, shift) in colluders.into_iter().zip([k256::Scalar::ONE, -k256::Scalar::ONE]) {
        let me = colluder.me;
        let messages = arrived.remove(&me).unwrap();
        let [straight, bent] = colluder.answers(&Arrived { messages, echo }, &shift);
        for (to, outbox) in [(id(1), &bent), (id(2), &straight)] {
            honest.get_mut(&to).unwrap().handle(me, &send(me, to, outbox, &frame[0]).bytes()).unwrap();
        }
    }
    for letter in frame.iter().filter(|letter| letter.to.to_u16() < 3) {
        honest.get_mut(&letter.to).unwrap().handle(letter.from, &letter.bytes()).unwrap();
    }
    let presignatures: BTreeMap<_, _> =
        honest.iter_mut().map(|(me, machine)| (*me, machine.take_output().expect("all checks pass").pop().unwrap())).collect();
    let [one, two] = [1, 2].map(|me| *presignatures[&id(me)].id());
    assert_ne!(one, two);
    neither_combines_with_the_other(presignatures);
    assert_all_live(&network, &[1, 2]);
}

/// Two signers of four use presignatures on which they do not agree, and the other two say to each what it wants to hear.
fn neither_combines_with_the_other(mut presignatures: BTreeMap<Identifier, Presignature<K>>) {
    let (session, request) = (session(), Request::new(random()));
    let mut machines: BTreeMap<_, _> = [1, 2]
        .map(|me| (id(me), OnlineSigning::start(&session, presignatures.remove(&id(me)).unwrap(), &request).unwrap()))
        .into();
    let letters = collect(&mut machines);
    for (me, other) in [(1, 2), (2, 1)] {
        let theirs = letters.iter().find(|letter| letter.from == id(other)).unwrap();
        let own = letters.iter().find(|letter| letter.from == id(me)).unwrap();
        let mut outcome = Ok(());
        for from in [3, 4] {
            outcome = machines.get_mut(&id(me)).unwrap().handle(id(from), &own.bytes()).map(drop);
            outcome.as_ref().unwrap();
        }
        outcome = machines.get_mut(&id(me)).unwrap().handle(id(other), &theirs.bytes()).map(drop).and(outcome);
        assert_eq!(outcome, Err(Fault::new(FaultKind::DifferentRequest, Vec::new()).into()));
    }
}
