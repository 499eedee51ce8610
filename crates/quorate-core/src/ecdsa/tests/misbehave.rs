//! Every field of every message of a signature, changed in every way: found, blamed on the right one, and never a wrong signature.
//!
//! The fields of a pairing's messages are in `pairing/tests/misbehave`.

use super::{kit::*, *};
use crate::{
    curve::Curve,
    ecdsa::{extension, message::ANSWER_BYTES, vole},
    error::FaultKind::*,
    randomness::Hedged,
};

/// Where a field lies: round, part, name, first byte, length.
struct Field(u8, Part, &'static str, usize, usize);

/// What becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    /// Its last bit is another.
    Flip,
    /// The same x, the other y.
    Negate,
    Zero,
    /// A random value of its kind.
    Random,
    /// What the receiver sends in the same place; broadcasts have what the first honest signer sends.
    Reflect,
    /// The group's order, as a scalar.
    Order,
    /// The largest number of 256 bits.
    Max,
    /// A point of another.
    Point,
    /// Zeros.
    Identity,
    /// An x that no point has, or an x and a y that no point has.
    OffCurve,
}
use Change::*;
use Part::*;

const EXTENSION: usize = 32;
const CORRECTIONS: usize = EXTENSION + 32;
const HASHED_CHOICES: usize = CORRECTIONS + 31 * 80;
const PRODUCT: usize = vole::MESSAGE_BYTES;
const MASKED: usize = 416 * 96;
const PSI: usize = PRODUCT;
const GAMMA: usize = ANSWER_BYTES;

const BYTES: &[Change] = &[Flip, Zero, Random, Reflect];
const UNLIKE: &[Change] = &[Flip, Zero, Random];
const NO_SCALAR: &[Change] = &[Order, Max];
const POINTS: &[Change] = &[Negate, Point, Reflect];
const NO_POINT: &[Change] = &[Identity, OffCurve];

/// Field, changes, and what all honest signers make of them.
const TABLE: &[(Field, &[Change], Verdict)] = &[
    (Field(1, Broadcast, "commitment", 0, 32), BYTES, exclude(WrongOpening)),
    // The receiver's is the same.
    (Field(1, Private, "pairing id", 0, 32), UNLIKE, retry(DifferentPairing)),
    (Field(1, Private, "nonce of the extension", EXTENSION, 32), BYTES, drop_pairing(WrongExtension)),
    (Field(1, Private, "first correction", CORRECTIONS, 80), BYTES, drop_pairing(WrongExtension)),
    (Field(1, Private, "correction of unused columns", CORRECTIONS + 52, 12), UNLIKE, drop_pairing(WrongExtension)),
    (Field(1, Private, "correction of the mask", CORRECTIONS + 64, 16), BYTES, drop_pairing(WrongExtension)),
    (Field(1, Private, "middle correction", CORRECTIONS + 15 * 80, 80), BYTES, drop_pairing(WrongExtension)),
    (Field(1, Private, "last correction", CORRECTIONS + 30 * 80, 80), BYTES, drop_pairing(WrongExtension)),
    (Field(1, Private, "all corrections", CORRECTIONS, 31 * 80), BYTES, drop_pairing(WrongExtension)),
    (Field(1, Private, "hash of the choices", HASHED_CHOICES, 16), BYTES, drop_pairing(WrongExtension)),
    (Field(1, Private, "hash of the rows", HASHED_CHOICES + 16, 32), BYTES, drop_pairing(WrongExtension)),
    (Field(1, Private, "whole extension", EXTENSION, HASHED_CHOICES + 16), BYTES, drop_pairing(WrongExtension)),
    (Field(2, Broadcast, "salt", 0, 32), BYTES, exclude(WrongOpening)),
    (Field(2, Broadcast, "R", 32, 64), POINTS, exclude(WrongOpening)),
    (Field(2, Broadcast, "R", 32, 64), NO_POINT, exclude(InvalidElement)),
    (Field(2, Broadcast, "R", 32, 64), &[Flip, Random], exclude(InvalidElement)),
    (Field(2, Broadcast, "pk", 96, 64), POINTS, exclude(WrongNonceProduct)),
    (Field(2, Broadcast, "pk", 96, 64), NO_POINT, exclude(InvalidElement)),
    (Field(2, Private, "first masked r", 0, 32), BYTES, drop_pairing(WrongMultiplication)),
    (Field(2, Private, "first masked sk", 32, 32), BYTES, drop_pairing(WrongMultiplication)),
    (Field(2, Private, "first masked check", 64, 32), BYTES, drop_pairing(WrongMultiplication)),
    (Field(2, Private, "middle masked r", 208 * 96, 32), BYTES, drop_pairing(WrongMultiplication)),
    (Field(2, Private, "middle masked sk", 208 * 96 + 32, 32), BYTES, drop_pairing(WrongMultiplication)),
    (Field(2, Private, "last masked r", MASKED - 96, 32), BYTES, drop_pairing(WrongMultiplication)),
    (Field(2, Private, "last masked sk", MASKED - 64, 32), BYTES, drop_pairing(WrongMultiplication)),
    (Field(2, Private, "last masked check", MASKED - 32, 32), BYTES, drop_pairing(WrongMultiplication)),
    (Field(2, Private, "masked value", 208 * 96 + 64, 32), NO_SCALAR, exclude(InvalidElement)),
    (Field(2, Private, "last masked value", MASKED - 32, 32), NO_SCALAR, exclude(InvalidElement)),
    (Field(2, Private, "eta", MASKED, 32), BYTES, drop_pairing(WrongMultiplication)),
    (Field(2, Private, "eta", MASKED, 32), NO_SCALAR, exclude(InvalidElement)),
    (Field(2, Private, "mu", MASKED + 32, 32), BYTES, drop_pairing(WrongMultiplication)),
    (Field(2, Private, "whole multiplication", 0, PRODUCT), &[Zero, Reflect], drop_pairing(WrongMultiplication)),
    (Field(2, Private, "Gamma", GAMMA, 33), POINTS, exclude(WrongNonceProduct)),
    (Field(2, Private, "Gamma", GAMMA, 33), NO_POINT, exclude(InvalidElement)),
    (Field(2, Private, "psi", PSI, 32), BYTES, in_a_sum(WrongSignature)),
    (Field(2, Private, "psi", PSI, 32), NO_SCALAR, exclude(InvalidElement)),
    (Field(3, Broadcast, "w", 0, 32), BYTES, in_a_sum(WrongSignature)),
    (Field(3, Broadcast, "w", 0, 32), NO_SCALAR, exclude(InvalidElement)),
    (Field(3, Broadcast, "u", 32, 32), BYTES, in_a_sum(WrongSignature)),
    (Field(3, Broadcast, "u", 32, 32), NO_SCALAR, exclude(InvalidElement)),
    // The receiver's is the same.
    (Field(3, Broadcast, "tag", 64, 32), UNLIKE, differs(DifferentRequest)),
];

impl Change {
    /// The value in place of `old`. `own` is what stands there in the receiver's message.
    fn apply(self, old: &[u8], own: &[u8]) -> Vec<u8> {
        let mut new = old.to_vec();
        match self {
            Flip => *new.last_mut().unwrap() ^= 1,
            Negate if old.len() == 64 => {
                let point = EcdsaSecp256k1::decode_coordinates(old).unwrap();
                new = EcdsaSecp256k1::encode_coordinates(&[-point]).concat();
            }
            Negate => new[0] ^= 1,
            Zero | Identity => new.fill(0),
            // Random scalars are canonical: the group's order begins with 32 ones.
            Random => SysRng.try_fill_bytes(&mut new).unwrap(),
            Reflect => new.copy_from_slice(own),
            Max => new.fill(0xff),
            Order => {
                new.copy_from_slice(&EcdsaSecp256k1::encode_scalar(&-k256::Scalar::ONE));
                new[31] += 1;
            }
            Point => {
                let scalar = EcdsaSecp256k1::scalar_from_wide(&[random::<32>(), random()].concat().try_into().unwrap());
                let point = EcdsaSecp256k1::mul_generator(&scalar);
                match old.len() {
                    64 => new = EcdsaSecp256k1::encode_coordinates(&[point]).concat(),
                    _ => new.copy_from_slice(&EcdsaSecp256k1::encode_point(&point)),
                }
            }
            // No point of secp256k1 has x = 5.
            OffCurve if old.len() == 64 => new[63] ^= 1,
            OffCurve => new.copy_from_slice(&[&[2][..], &[0; 31], &[5]].concat()),
        }
        new
    }
}

/// Changes a field of everything that the culprit sends in a round, the same way for all receivers of a broadcast.
fn change(field: &Field, how: Change, culprit: Identifier, letters: &mut [Letter]) {
    let Field(_, part, name, at, length) = *field;
    let before = letters.to_vec();
    let mut broadcast = None;
    for letter in letters.iter_mut().filter(|letter| letter.from == culprit) {
        let (from, to) = (letter.from, letter.to);
        let mut answers = before.iter().filter(|other| other.to == from && (other.from == to || part == Broadcast));
        let mut own = answers.next().unwrap().clone();
        let place = &mut letter.part(part)[at..at + length];
        let new = match (&broadcast, part) {
            (Some(same), Broadcast) => Vec::clone(same),
            _ => how.apply(place, &own.part(part)[at..at + length]),
        };
        assert_ne!(place, new, "{name}: {how:?} changes nothing");
        place.copy_from_slice(&new);
        broadcast = Some(new);
    }
}

fn every_field(min: u16, max: u16, signers: &[u16], culprit: u16) {
    let mut network = Network::<EcdsaSecp256k1>::new(min, max);
    for (field, changes, verdict) in TABLE {
        for how in *changes {
            let what = alloc::format!("{} of round {}, {how:?}", field.2, field.0);
            let machines = network.signing(signers, &Request::new(random()));
            let outcomes = run_against(machines, &[culprit], |round, letters| {
                if round == field.0 {
                    change(field, *how, id(culprit), letters);
                }
            });
            assert_eq!(outcomes.len(), signers.len() - 1);
            verdict.assert_by_all(&outcomes, &network, culprit, &what);
            if verdict.responses[0] == crate::error::Response::DropPairing {
                network.pair_again();
            }
        }
    }
    // What did not end a pairing left it usable.
    let request = Request::new(random());
    for (_, signature) in run(network.signing(signers, &request), |_, _, _| {}) {
        network.key().verify_digest(request.digest(), &signature.unwrap()).unwrap();
    }
}

#[test]
fn every_changed_field_is_found_and_blamed_right_by_the_other_of_two() {
    every_field(2, 2, &[1, 2], 1);
}

#[test]
fn every_changed_field_is_found_and_blamed_right_by_the_other_of_two_in_three() {
    every_field(2, 3, &[1, 3], 3);
}

#[test]
fn every_changed_field_is_found_and_blamed_right_by_both_others_of_three_in_five() {
    every_field(3, 5, &[2, 3, 5], 3);
}

#[test]
fn two_signers_whose_products_are_wrong_are_both_named_and_nobody_else() {
    let network = Network::<EcdsaSecp256k1>::new(4, 5);
    for batch in [1, 3] {
        let outcomes = run_against(network.presigning(&[1, 2, 3, 5], batch), &[2, 3], |round, letters| {
            for letter in letters.iter_mut().filter(|letter| round == 2 && [id(2), id(3)].contains(&letter.from)) {
                let gamma = letter.private.len() - 33;
                let point = EcdsaSecp256k1::encode_point(&EcdsaSecp256k1::mul_generator(
                    &Hedged::fixed(random()).scalar::<EcdsaSecp256k1>(),
                ));
                letter.private[gamma..].copy_from_slice(point.as_ref());
            }
        });
        assert_eq!(outcomes.len(), 2);
        for (me, outcome) in &outcomes {
            let Some(Err(Error::Fault(fault))) = outcome else { panic!("{me} has no fault") };
            assert_eq!((fault.kind, &fault.culprits[..]), (WrongNonceProduct, &[id(2), id(3)][..]), "{me}");
        }
        assert_nobody_honest_blamed(&outcomes, &network);
    }
}

/// Exchanges two places of the same length.
fn swap(bytes: &mut [u8], [one, two]: [usize; 2], length: usize) {
    let (head, tail) = bytes.split_at_mut(two);
    head[one..one + length].swap_with_slice(&mut tail[..length]);
}

#[test]
fn values_swapped_between_presignatures_are_found() {
    let stride = ANSWER_BYTES;
    // Round, part, the two places, length.
    let table = [
        ("R", 2, Broadcast, [32, 160], 64, exclude(WrongOpening)),
        ("pk", 2, Broadcast, [96, 224], 64, exclude(WrongNonceProduct)),
        ("whole multiplication", 2, Private, [0, stride], PRODUCT, drop_pairing(WrongMultiplication)),
        ("masked values", 2, Private, [0, stride], MASKED, drop_pairing(WrongMultiplication)),
        ("first masked r", 2, Private, [0, stride], 32, drop_pairing(WrongMultiplication)),
        ("eta", 2, Private, [MASKED, stride + MASKED], 32, drop_pairing(WrongMultiplication)),
        ("mu", 2, Private, [MASKED + 32, stride + MASKED + 32], 32, drop_pairing(WrongMultiplication)),
        ("whole answer", 2, Private, [0, stride], stride, drop_pairing(WrongMultiplication)),
        ("corrections", 1, Private, [CORRECTIONS, CORRECTIONS + 52], 52, drop_pairing(WrongExtension)),
    ];
    assert_eq!(extension::message_bytes(2), 32 + 31 * 8 * 16 + 16 + 32);
    for (min, max, signers, culprit) in [(2, 2, &[1, 2][..], 2), (3, 5, &[1, 4, 5], 1)] {
        for (name, when, part, places, length, verdict) in &table {
            let network = Network::<EcdsaSecp256k1>::new(min, max);
            let outcomes = run_against(network.presigning(signers, 2), &[culprit], |round, letters| {
                for letter in letters.iter_mut().filter(|letter| (letter.from, round) == (id(culprit), *when)) {
                    swap(letter.part(*part), *places, *length);
                }
            });
            verdict.assert_by_all(&outcomes, &network, culprit, name);
        }
    }
}

#[test]
fn psi_swapped_between_presignatures_gives_no_signature() {
    let stride = ANSWER_BYTES;
    for (min, max, signers, culprit) in [(2, 2, &[1, 2][..], 2), (3, 5, &[1, 4, 5], 1)] {
        let network = Network::<EcdsaSecp256k1>::new(min, max);
        let outputs = run(network.presigning(signers, 2), |from, round, message| {
            if (from, round) == (id(culprit), 2) {
                let mut letter = Letter::open(from, message);
                swap(&mut letter.private, [PSI, stride + PSI], 32);
                message.bytes = Zeroizing::new(letter.bytes());
            }
        });
        let mut presignatures: BTreeMap<_, _> = outputs.into_iter().map(|(id, output)| (id, output.unwrap())).collect();
        for _ in 0..2 {
            let (session, request) = (session(), Request::new(random()));
            let start = |all: &mut Vec<_>| OnlineSigning::start(&session, all.pop().unwrap(), &request).unwrap();
            let machines = presignatures.iter_mut().map(|(id, all)| (*id, start(all))).collect();
            let outcomes = run_against(machines, &[culprit], |_, _| {});
            in_a_sum(WrongSignature).assert_by_all(&outcomes, &network, culprit, "psi");
        }
    }
}

#[test]
fn values_swapped_between_receivers_are_found() {
    // Whole, but for the last: the private part of one receiver goes to the other.
    let table = [
        ("extension with its pairing", 1, 0, HASHED_CHOICES + 48, retry(DifferentPairing)),
        ("extension", 1, EXTENSION, HASHED_CHOICES + 16, drop_pairing(WrongExtension)),
        ("multiplication", 2, 0, PRODUCT, drop_pairing(WrongMultiplication)),
        ("Gamma", 2, GAMMA, 33, exclude(WrongNonceProduct)),
        ("psi", 2, PSI, 32, in_a_sum(WrongSignature)),
    ];
    for (name, when, at, length, verdict) in table {
        let network = Network::<EcdsaSecp256k1>::new(3, 3);
        let outcomes = run_against(network.signing(&[1, 2, 3], &Request::new(random())), &[2], |round, letters| {
            let mut own = letters.iter_mut().filter(|letter| (letter.from, round) == (id(2), when));
            if let (Some(one), Some(two)) = (own.next(), own.next()) {
                one.private[at..at + length].swap_with_slice(&mut two.private[at..at + length]);
            }
        });
        verdict.assert_by_all(&outcomes, &network, 2, name);
    }
}

/// A signer whose share of zero does not fit the others': all its messages are consistent, but the public shares do not add up.
#[test]
fn wrong_signing_share_shows_in_the_sum_of_public_shares() {
    for (min, max, signers, culprit) in [(2, 2, &[1, 2][..], 1), (3, 5, &[2, 3, 5], 5)] {
        let network = Network::<EcdsaSecp256k1>::new(min, max);
        let (session, request) = (session(), Request::new(random()));
        let set = ParticipantSet::new(signers.iter().map(|number| id(*number))).unwrap();
        let mut machines = network.signing_in(&session, signers, &request);
        let bent = network.pairings[&id(culprit)].iter().map(|(peer, pairing)| {
            let mut bent = network::twin(pairing);
            *bent.zero_key.expose_mut() = random();
            (*peer, Arc::new(bent))
        });
        let share = &network.shares[&id(culprit)];
        let bent = Signing::start(&session, share, &set, &bent.collect(), &request, &mut SysRng).unwrap();
        machines.insert(id(culprit), bent);
        let outcomes = run_against(machines, &[culprit], |_, _| {});
        in_a_sum(WrongPublicShares).assert_by_all(&outcomes, &network, culprit, "share of zero");
    }
}

#[test]
fn message_of_another_length_is_ignored_and_its_sender_is_missing() {
    let network = Network::<EcdsaSecp256k1>::new(3, 3);
    for (when, part, longer) in [
        (1, Broadcast, false),
        (1, Private, false),
        (2, Broadcast, false),
        (2, Private, true),
        (3, Broadcast, false),
        (3, Private, true),
    ] {
        let mut machines = network.signing(&[1, 2, 3], &Request::new(random()));
        loop {
            let letters = collect(&mut machines);
            if letters.is_empty() {
                break;
            }
            for mut letter in letters {
                if (letter.from, letter.round()) == (id(2), when) {
                    let part = letter.part(part);
                    part.resize(if longer { part.len() + 1 } else { part.len() - 1 }, 7);
                }
                machines.get_mut(&letter.to).unwrap().handle(letter.from, &letter.bytes()).unwrap();
            }
        }
        for me in [1, 3] {
            assert_eq!((machines[&id(me)].round(), machines[&id(me)].missing()), (Some(when), alloc::vec![id(2)]));
        }
    }
}
