//! FROST against signers, coordinators and networks that break the rules.

use std::{collections::BTreeMap, sync::Arc};

use getrandom::SysRng;
use proptest::prelude::*;
use quorate_core::{
    DecodeError, Error, FaultKind, InputError,
    curve::Curve,
    frost::{
        Bip340, Ed25519, FrostSuite, Signature, SignatureShare, Signing, SigningNonces, SigningPackage, Target, aggregate,
        commit, sign,
    },
    keys::KeyShare,
    wire::Encoding,
};

use super::kit::{Machines, Outcome, Packet, assert_nobody_else_blamed, id, run, session, set, shares, signings};

/// Changes a scalar by a small amount and keeps it canonical, in either byte order: all but one of 2¹²⁸ scalars are.
pub fn flip_last(scalar: &mut [u8]) {
    let middle = scalar.len() - 16;
    scalar[middle] ^= 1;
}

type Nonces<C> = BTreeMap<u16, SigningNonces<C>>;

fn commit_all<C: FrostSuite>(shares: &[Arc<KeyShare<C>>], signers: &[u16]) -> Nonces<C> {
    signers.iter().map(|i| (*i, commit(&shares[usize::from(*i) - 1], &mut SysRng).unwrap())).collect()
}

fn package<C: FrostSuite>(nonces: &Nonces<C>, message: &[u8]) -> SigningPackage<C> {
    let commitments = nonces.iter().map(|(i, nonces)| (id(*i), *nonces.commitments()));
    SigningPackage::new(commitments.collect(), message, Target::default()).unwrap()
}

/// Changes a share by another power of two for each signer: no sum of them vanishes.
fn tampered<C: Curve>(signer: u16, share: &SignatureShare<C>) -> SignatureShare<C> {
    let mut bytes = share.to_scalar_bytes();
    bytes[16 + usize::from(signer / 8)] ^= 1 << (signer % 8);
    SignatureShare::from_scalar_bytes(&bytes).unwrap()
}

fn own_commitments_swapped_missing_or_doubled<C: FrostSuite>() {
    let shares = shares::<C>(2, 3);
    let refused = |change: &dyn Fn(&mut Nonces<C>, &mut Nonces<C>) -> SigningPackage<C>, expected: InputError| {
        let (mut nonces, mut others) = (commit_all(&shares, &[1, 2, 3]), commit_all(&shares, &[1, 2, 3]));
        let package = change(&mut nonces, &mut others);
        assert_eq!(sign(&package, nonces.remove(&1).unwrap(), &shares[0]), Err(Error::Input(expected)));
    };
    let list = |entries: &[(u16, &SigningNonces<C>)]| {
        let commitments = entries.iter().map(|(i, nonces)| (id(*i), *nonces.commitments())).collect();
        SigningPackage::<C>::new(commitments, b"pay", Target::default()).unwrap()
    };
    // Foreign: other commitments under our number; swapped: those of a peer under ours and ours under its number.
    refused(&|nonces, others| list(&[(1, &others[&1]), (2, &nonces[&2])]), InputError::ForeignCommitments);
    refused(&|nonces, _| list(&[(1, &nonces[&2]), (2, &nonces[&1])]), InputError::ForeignCommitments);
    refused(&|nonces, _| list(&[(2, &nonces[&2]), (3, &nonces[&3])]), InputError::NotInSigningSet);
    refused(&|nonces, _| list(&[(1, &nonces[&1]), (2, &nonces[&1])]), InputError::ForeignCommitments);
    refused(&|nonces, _| list(&[(1, &nonces[&1])]), InputError::TooFewSigners { given: 1, needed: 2 });
    refused(&|nonces, _| list(&[(1, &nonces[&1]), (4, &nonces[&2])]), InputError::UnknownParticipant(id(4)));
}

#[test]
fn own_commitments_foreign_swapped_missing_or_doubled_are_refused_before_signing() {
    own_commitments_swapped_missing_or_doubled::<Ed25519>();
    own_commitments_swapped_missing_or_doubled::<Bip340>();
}

#[test]
fn share_of_another_key_does_not_sign_for_this_one() {
    let (ours, theirs) = (shares::<Ed25519>(2, 2), shares::<Ed25519>(2, 2));
    let mut nonces = commit_all(&ours, &[1, 2]);
    let package = package(&nonces, b"pay");
    let mut made = BTreeMap::new();
    for (i, share) in [(1, &ours[0]), (2, &theirs[1])] {
        made.insert(id(i), sign(&package, nonces.remove(&i).unwrap(), share).unwrap());
    }
    let error = aggregate(&package, &made, ours[0].package()).unwrap_err();
    assert!(matches!(error, Error::Fault(fault) if fault.kind == FaultKind::WrongSignatureShare && fault.culprits == [id(2)]));
}

fn wrong_shares_are_named_exactly<C: FrostSuite>(n: u16, wrong_sets: impl Iterator<Item = u32>) {
    let shares = shares::<C>(2, n);
    let signers: Vec<u16> = (1..=n).collect();
    let mut nonces = commit_all(&shares, &signers);
    let package = package(&nonces, b"pay");
    let made: BTreeMap<_, _> = signers
        .iter()
        .map(|i| (id(*i), sign(&package, nonces.remove(i).unwrap(), &shares[usize::from(*i) - 1]).unwrap()))
        .collect();
    let signature = aggregate(&package, &made, shares[0].package()).unwrap();
    shares[0].package().verifying_key().verify(b"pay", &signature).unwrap();
    assert_eq!(Signature::from_bytes(&signature.to_bytes()), Ok(signature), "a signature equals its own bytes read back");
    for mask in wrong_sets {
        let is_wrong = |i: u16| mask >> (i - 1) & 1 == 1;
        let changed = made.iter().map(|(i, share)| (*i, if is_wrong(i.to_u16()) { tampered(i.to_u16(), share) } else { *share }));
        let Err(Error::Fault(fault)) = aggregate(&package, &changed.collect(), shares[0].package()) else {
            panic!("wrong shares gave a signature: {mask:b}");
        };
        let wrong: Vec<_> = signers.iter().filter(|i| is_wrong(**i)).map(|i| id(*i)).collect();
        assert_eq!((fault.kind, fault.culprits), (FaultKind::WrongSignatureShare, wrong));
    }
}

#[test]
fn wrong_signature_shares_of_any_signers_are_named_exactly() {
    wrong_shares_are_named_exactly::<Ed25519>(2, 1..4);
    wrong_shares_are_named_exactly::<Bip340>(2, 1..4);
    wrong_shares_are_named_exactly::<Ed25519>(5, 1..32);
    wrong_shares_are_named_exactly::<Bip340>(5, 1..32);
    wrong_shares_are_named_exactly::<Ed25519>(10, (0..10).map(|k| (1 << (k + 1)) - 1).chain([0x201, 0x155]));
    wrong_shares_are_named_exactly::<Bip340>(10, (0..10).map(|k| (1 << (k + 1)) - 1).chain([0x201, 0x155]));
}

#[test]
fn wrong_shares_that_cancel_out_give_a_signature_that_verifies() {
    // Nothing is lost: the sum is right, and only the sum is returned.
    let shares = shares::<Ed25519>(2, 2);
    let mut nonces = commit_all(&shares, &[1, 2]);
    let package = package(&nonces, b"pay");
    let mut made =
        [1u16, 2].map(|i| sign(&package, nonces.remove(&i).unwrap(), &shares[usize::from(i) - 1]).unwrap().to_scalar_bytes());
    let add = |bytes: &[u8; 32], delta: &dyn Fn(<Ed25519 as Curve>::Scalar) -> <Ed25519 as Curve>::Scalar| {
        SignatureShare::<Ed25519>::from_scalar_bytes(&Ed25519::encode_scalar(&delta(Ed25519::decode_scalar(bytes).unwrap())))
            .unwrap()
    };
    let delta = <Ed25519 as Curve>::Scalar::from(7u64);
    let cancelling = BTreeMap::from([(id(1), add(&made[0], &|z| z + delta)), (id(2), add(&made[1], &|z| z - delta))]);
    let signature = aggregate(&package, &cancelling, shares[0].package()).unwrap();
    shares[0].package().verifying_key().verify(b"pay", &signature).unwrap();
    // One δ more, and both are named.
    made[0] = add(&made[0], &|z| z + delta + delta).to_scalar_bytes();
    let wrong = BTreeMap::from([(id(1), SignatureShare::from_scalar_bytes(&made[0]).unwrap()), (id(2), cancelling[&id(2)])]);
    let error = aggregate(&package, &wrong, shares[0].package()).unwrap_err();
    assert!(matches!(error, Error::Fault(fault) if fault.culprits == [id(1), id(2)]));
}

#[test]
fn aggregate_takes_the_shares_of_exactly_the_signers() {
    let shares = shares::<Ed25519>(2, 3);
    let mut nonces = commit_all(&shares, &[1, 2]);
    let package = package(&nonces, b"pay");
    let one = sign(&package, nonces.remove(&1).unwrap(), &shares[0]).unwrap();
    let two = sign(&package, nonces.remove(&2).unwrap(), &shares[1]).unwrap();
    for wrong in [vec![(1, one)], vec![(1, one), (3, two)], vec![(1, one), (2, two), (3, two)], vec![]] {
        let wrong = wrong.into_iter().map(|(i, share)| (id(i), share)).collect();
        let error = aggregate(&package, &wrong, shares[0].package()).unwrap_err();
        assert_eq!(error, Error::Input(InputError::ParticipantsDiffer("set of signature shares")));
    }
}

#[test]
fn shares_for_one_package_give_nothing_under_another() {
    // Commitments collected for one message, message exchanged afterwards: what Drijvers and others' attack needs.
    let shares = shares::<Ed25519>(2, 2);
    let mut nonces = commit_all(&shares, &[1, 2]);
    let (asked, other) = (package(&nonces, b"pay 1"), package(&nonces, b"pay 1000000"));
    let made = [1u16, 2].map(|i| (id(i), sign(&asked, nonces.remove(&i).unwrap(), &shares[usize::from(i) - 1]).unwrap()));
    assert!(aggregate(&other, &BTreeMap::from(made), shares[0].package()).is_err());
}

fn start<C: FrostSuite>(shares: &[Arc<KeyShare<C>>], i: u16, message: &[u8], target: &Target) -> Signing<C> {
    Signing::start(&session(9, 3), &shares[usize::from(i) - 1], &set(1..=3), message, target, &mut SysRng).unwrap()
}

#[test]
fn another_message_or_target_is_a_different_request_with_a_name() {
    let shares = shares::<Ed25519>(2, 3);
    let child = Target::child("m/0/7".parse().unwrap());
    for (message, target) in [(&b"pay 2"[..], Target::default()), (b"pay", child), (b"", Target::default())] {
        let mut machines: Machines<_> = (1..=3).map(|i| (id(i), start(&shares, i, b"pay", &Target::default()))).collect();
        machines.insert(id(2), start(&shares, 2, message, &target));
        let outcomes = run(machines, |packet| vec![packet]);
        outcomes[&id(1)].assert_fault(FaultKind::DifferentRequest, &[2]);
        outcomes[&id(3)].assert_fault(FaultKind::DifferentRequest, &[2]);
    }
}

#[test]
fn copied_commitments_are_refused_with_the_copier() {
    let shares = shares::<Bip340>(2, 3);
    let mut of_one = None;
    let outcomes = run(signings(&shares, &[1, 2, 3], b"pay"), |packet| {
        if packet.round() == 1 && packet.from == id(1) {
            of_one.get_or_insert_with(|| super::kit::Frame::parse(&packet.bytes).broadcast);
        }
        let copies = packet.round() == 1 && packet.from == id(3);
        vec![if copies { packet.with(|frame| frame.broadcast = of_one.clone().unwrap()) } else { packet }]
    });
    outcomes[&id(1)].assert_fault(FaultKind::CopiedCommitments, &[3]);
    assert!(!outcomes[&id(2)].is_done());
    assert_nobody_else_blamed(&outcomes, id(3));
}

#[test]
fn equivocated_commitments_give_no_signature_and_blame_nobody_honest() {
    let shares = shares::<Ed25519>(2, 3);
    let other = run_first(signings(&shares, &[1, 2, 3], b"pay"));
    let outcomes = run(signings(&shares, &[1, 2, 3], b"pay"), |packet| {
        let lie = (packet.from, packet.to, packet.round()) == (id(1), id(2), 1);
        vec![if lie { packet.with(|frame| frame.broadcast.clone_from(&other)) } else { packet }]
    });
    for honest in [2, 3] {
        outcomes[&id(honest)].assert_fault(FaultKind::Equivocation, &[]);
    }
}

/// #1's first broadcast of another run.
fn run_first<C: FrostSuite>(machines: Machines<quorate_core::frost::SigningRounds<C>>) -> Vec<u8> {
    let mut first = None;
    run(machines, |packet| {
        if packet.from == id(1) {
            first.get_or_insert_with(|| super::kit::Frame::parse(&packet.bytes).broadcast);
        }
        vec![packet]
    });
    first.unwrap()
}

#[test]
fn wrong_share_in_the_machine_names_its_sender_to_every_signer() {
    let shares = shares::<Bip340>(2, 3);
    let outcomes = run(signings(&shares, &[1, 2, 3], b"pay"), |packet| {
        let lie = packet.from == id(2) && packet.round() == 2;
        vec![if lie { packet.with(|frame| flip_last(&mut frame.broadcast)) } else { packet }]
    });
    outcomes[&id(1)].assert_fault(FaultKind::WrongSignatureShare, &[2]);
    outcomes[&id(3)].assert_fault(FaultKind::WrongSignatureShare, &[2]);
}

#[test]
fn identity_small_and_non_canonical_commitments_and_scalars_are_refused_with_a_name() {
    let small_order = {
        let mut bytes = [0xff; 32]; // y = −1: order 2; decodes, and is found with the share
        (bytes[0], bytes[31]) = (0xec, 0x7f);
        bytes
    };
    let identity: [u8; 32] = std::array::from_fn(|i| u8::from(i == 0));
    let above_p: [u8; 32] = std::array::from_fn(|i| if i == 31 { 0x7f } else { 0xff });
    let shares = shares::<Ed25519>(2, 2);
    for (element, kind) in [
        (identity, FaultKind::InvalidElement),
        (above_p, FaultKind::InvalidElement),
        ([0xff; 32], FaultKind::InvalidElement),
        (small_order, FaultKind::WrongSignatureShare),
    ] {
        for at in [32, 64] {
            let outcomes = run(signings(&shares, &[1, 2], b"pay"), |packet| {
                let lie = packet.from == id(1) && packet.round() == 1;
                vec![match () {
                    () if lie => packet.with(|frame| frame.broadcast[at..at + 32].copy_from_slice(&element)),
                    // #1's echo is that of the machine that does not know what it said.
                    () => packet,
                }]
            });
            let fault = outcomes[&id(2)].fault().unwrap();
            assert_eq!(fault.culprits, [id(1)]);
            assert!(fault.kind == kind || fault.kind == FaultKind::Equivocation, "{fault}");
        }
    }
    let outcomes = run(signings(&shares, &[1, 2], b"pay"), |packet| {
        let lie = packet.from == id(1) && packet.round() == 2;
        vec![if lie { packet.with(|frame| frame.broadcast.fill(0xff)) } else { packet }]
    });
    outcomes[&id(2)].assert_fault(FaultKind::InvalidElement, &[1]);
}

#[test]
fn signature_bytes_in_another_form_are_refused() {
    let shares = shares::<Ed25519>(2, 2);
    let signature = run(signings(&shares, &[1, 2], b"pay"), |packet| vec![packet]).into_values().next().unwrap().done();
    let bytes = signature.to_bytes();
    // z + q is the same residue.
    let mut order = (-<Ed25519 as Curve>::Scalar::ONE).to_bytes();
    order[0] += 1;
    let mut carry = 0u16;
    let above: Vec<u8> = bytes[32..]
        .iter()
        .zip(order)
        .map(|(a, b)| {
            let sum = u16::from(*a) + u16::from(b) + carry;
            carry = sum >> 8;
            sum.to_le_bytes()[0]
        })
        .collect();
    assert_eq!(Signature::<Ed25519>::from_bytes(&[&bytes[..32], &above].concat()), Err(DecodeError::InvalidScalar));
    assert!(Signature::<Ed25519>::from_bytes(&bytes[..63]).is_err());
    assert!(Signature::<Ed25519>::from_bytes(&[&bytes[..], &[0]].concat()).is_err());
    let key = shares[0].package().verifying_key();
    for at in 0..64 {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        let accepted = Signature::<Ed25519>::from_bytes(&changed).is_ok_and(|signature| key.verify(b"pay", &signature).is_ok());
        assert!(!accepted, "byte {at} does not matter");
    }
}

#[test]
fn same_inputs_twice_give_different_nonces_and_signatures() {
    let shares = shares::<Ed25519>(2, 2);
    let sign_once = || run(signings(&shares, &[1, 2], b"pay"), |packet| vec![packet]).into_values().next().unwrap().done();
    let (first, second) = (sign_once().to_bytes(), sign_once().to_bytes());
    assert_ne!(first[..32], second[..32]);
}

fn flipped<C: FrostSuite>(shares: &[Arc<KeyShare<C>>], change: &dyn Fn(Packet) -> Packet) -> Result<(), TestCaseError> {
    let outcomes = run(signings(shares, &[1, 2, 3], b"pay"), |packet| vec![change(packet)]);
    for (me, outcome) in &outcomes {
        if let Outcome::Done(signature) = outcome {
            let key = shares[0].package().verifying_key();
            prop_assert_eq!(key.verify(b"pay", signature), Ok(()), "{} returned a signature that does not verify", me);
        }
    }
    assert_nobody_else_blamed(&outcomes, id(1));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn any_byte_of_any_message_in_flight_changed_gives_a_valid_signature_an_error_or_waiting(
        bip340: bool, round in 1u8..=2, to_all: bool, at: prop::sample::Index, mask in 1u8..,
    ) {
        let change = |mut packet: Packet| {
            if packet.from == id(1) && packet.round() == round && (to_all || packet.to == id(2)) {
                let at = at.index(packet.bytes.len());
                packet.bytes[at] ^= mask;
            }
            packet
        };
        match bip340 {
            true => flipped(&shares::<Bip340>(2, 3), &change)?,
            false => flipped(&shares::<Ed25519>(2, 3), &change)?,
        }
    }

    #[test]
    fn any_byte_of_package_or_share_changed_between_coordinator_and_signers_gives_no_bad_signature(
        at: prop::sample::Index, mask in 1u8.., in_share: bool,
    ) {
        let shares = shares::<Bip340>(2, 3);
        let mut nonces = commit_all(&shares, &[1, 3]);
        let honest = package(&nonces, b"pay");
        let mut bytes = if in_share { Vec::new() } else { honest.to_bytes() };
        let mut received = Some(honest.clone());
        if !in_share {
            let at = at.index(bytes.len());
            bytes[at] ^= mask;
            received = SigningPackage::from_bytes(&bytes).ok();
        }
        let Some(received) = received else { return Ok(()) };
        // #1 sees the changed package, #3 the honest one.
        let one = sign(&received, nonces.remove(&1).unwrap(), &shares[0]);
        let three = sign(&honest, nonces.remove(&3).unwrap(), &shares[2]).unwrap();
        let Ok(one) = one else { return Ok(()) };
        let mut encoded = one.to_bytes();
        if in_share {
            let at = at.index(encoded.len());
            encoded[at] ^= mask;
        }
        let Ok(one) = SignatureShare::from_bytes(&encoded) else { return Ok(()) };
        for package in [&honest, &received] {
            let made = BTreeMap::from([(id(1), one), (id(3), three)]);
            if let Ok(signature) = aggregate(package, &made, shares[0].package()) {
                prop_assert_eq!(package.message(), b"pay");
                prop_assert_eq!(shares[0].package().verifying_key().verify(b"pay", &signature), Ok(()));
            }
        }
    }
}
