//! The same key on a new polynomial, among honest machines and against participants that break the rules.

use std::{collections::BTreeMap, sync::Arc};

use quorate_core::{
    Error, FaultKind, Identifier, InputError, ParticipantSet,
    curve::Curve,
    danger::{self, Import, ImportedKey},
    derive::ChainCode,
    ecdsa::EcdsaSecp256k1,
    error::Response,
    frost::{Bip340, Ed25519, Target},
    keys::{CertifiedPackage, KeyShare, PendingShare, PublicKeyPackage},
    machine::Machine,
    reshare::{NewEpoch, Outcome, Reshare, ReshareRounds},
    wire::Encoding,
};
use rand::{SeedableRng, rngs::StdRng};
use zeroize::Zeroizing;

use crate::{
    keys::{Shares, keygen, sign, subsets},
    network::{Network, Wire, id, session, set, threshold},
};

fn new_epoch(dealers: &[u16], min_signers: u16, receivers: &[u16], epoch: u64) -> NewEpoch {
    let receivers = set(receivers);
    NewEpoch::new(set(dealers), danger::unchecked_placement(threshold(min_signers, &receivers), receivers), epoch)
}

fn everyone(new: &NewEpoch) -> ParticipantSet {
    let all: std::collections::BTreeSet<_> = new.dealers.iter().chain(new.placement.participants().iter()).collect();
    ParticipantSet::new(all).unwrap()
}

/// A machine for everyone who takes part.
fn start<C: Curve>(shares: &Shares<C>, new: &NewEpoch, seed: u64) -> BTreeMap<Identifier, Machine<ReshareRounds<C>>> {
    let everyone = everyone(new);
    let (session, mut rng) = (session(&everyone, seed), StdRng::seed_from_u64(seed));
    let package = shares.values().next().unwrap().package();
    let mut one = |me| match shares.get(&me).filter(|_| new.dealers.contains(me)) {
        Some(share) => Reshare::start_dealer(&session, share, new.clone(), &mut rng).unwrap(),
        None => Reshare::start_receiver(&session, package, new.clone(), me, &mut rng).unwrap(),
    };
    everyone.iter().map(|me| (me, one(me))).collect()
}

fn split<C: Curve>(outcomes: BTreeMap<Identifier, Outcome<C>>) -> (Shares<C>, BTreeMap<Identifier, CertifiedPackage<C>>) {
    let (mut shares, mut left) = (Shares::new(), BTreeMap::new());
    for (me, outcome) in outcomes {
        match outcome {
            Outcome::Holds(share) => drop(shares.insert(me, Arc::new(share))),
            Outcome::Left(package) => drop(left.insert(me, package)),
            _ => panic!("another outcome"),
        }
    }
    (shares, left)
}

fn reshare<C: Curve>(shares: &Shares<C>, new: &NewEpoch, seed: u64) -> (Shares<C>, BTreeMap<Identifier, CertifiedPackage<C>>) {
    split(Network::new(start(shares, new, seed), seed).run())
}

/// Checks that it is the same key in another epoch, held by the receivers alone, and gives the package.
fn assert_same_key<C: Curve>(old: &Shares<C>, new: &Shares<C>, terms: &NewEpoch) -> PublicKeyPackage<C> {
    let (before, after) = (old.values().next().unwrap().package(), new.values().next().unwrap().package());
    assert_eq!((before.key_id(), before.verifying_key()), (after.key_id(), after.verifying_key()));
    assert_eq!(before.chain_code(), after.chain_code());
    assert_eq!((after.epoch(), after.placement()), (terms.epoch, &terms.placement));
    assert!(new.keys().copied().eq(terms.placement.participants().iter()));
    assert!(new.values().all(|share| share.package() == after));
    assert_ne!(before.digest(), after.digest());
    after.clone()
}

/// Dealers, new threshold, receivers: of a key whose shares 2 of 1, 2, 3 hold.
const CHANGES: [(&[u16], u16, &[u16]); 9] = [
    (&[1, 2, 3], 2, &[1, 2, 3]),
    (&[1, 3], 2, &[1, 2, 3]),
    (&[2, 3], 2, &[2, 3, 4]),
    (&[1, 2, 3], 2, &[2, 3, 4]),
    (&[1, 2, 3], 3, &[1, 2, 3, 4, 5]),
    (&[1, 2], 2, &[1, 2]),
    (&[1, 2, 3], 3, &[4, 5, 6]),
    (&[2, 3], 5, &[1, 2, 3, 7, 9]),
    (&[1, 2, 3], 2, &[3, 4000]),
];

fn every_change<C: Curve>() {
    let old = keygen::<C>(2, &[1, 2, 3], 1);
    let secret = danger::combine(&[&old[&id(1)], &old[&id(2)]]).unwrap();
    for (seed, (dealers, t, receivers)) in CHANGES.into_iter().enumerate() {
        let terms = new_epoch(dealers, t, receivers, 5);
        let (new, left) = reshare(&old, &terms, seed as u64);
        let package = assert_same_key(&old, &new, &terms);
        assert!(left.keys().copied().eq(set(dealers).iter().filter(|id| !receivers.contains(&id.to_u16()))));
        for certified in left.values() {
            assert_eq!(certified.package(), &package);
            certified.verify_follows(old[&id(1)].package()).unwrap();
            assert_eq!(&CertifiedPackage::from_bytes(&certified.to_bytes()).unwrap(), certified);
        }
        for signers in subsets(receivers, usize::from(t)) {
            let shares: Vec<_> = signers.iter().map(|id| &*new[&id]).collect();
            assert_eq!(*danger::combine(&shares).unwrap(), *secret);
        }
        let mixed = danger::combine(&[&*old[&id(1)], new.values().next_back().unwrap()]);
        assert_eq!(mixed.unwrap_err(), InputError::OtherKey("share").into());
    }
}

#[test]
fn reshare_keeps_the_key_through_refresh_repair_eviction_and_changed_thresholds() {
    every_change::<Ed25519>();
    every_change::<Bip340>();
    every_change::<EcdsaSecp256k1>();
}

#[test]
fn shares_of_a_new_epoch_sign_and_reshare_again() {
    let mut shares = keygen::<Bip340>(2, &[1, 2, 3], 2);
    let key = shares[&id(1)].package().verifying_key();
    for epoch in 1..6 {
        let base = u16::try_from(epoch).unwrap();
        let holders: Vec<_> = shares.keys().map(|id| id.to_u16()).collect();
        let receivers = [base + 1, base + 2, base + 3];
        shares = reshare(&shares, &new_epoch(&holders[1..], 2, &receivers, epoch), epoch).0;
        let target = Target::default();
        let signature = sign(&shares, &set(&receivers[..2]), b"again", &target, epoch);
        key.verify(b"again", &signature).unwrap();
    }
    assert_eq!(shares.values().next().unwrap().package().verifying_key(), key);
}

fn flip(bytes: &mut [u8], from_end: usize) {
    let at = bytes.len() - from_end;
    bytes[at] ^= 1;
}

/// Runs a refresh of 2 of 3 in which `change` sees each message; gives the errors, and who got a result.
fn refresh_with(change: impl FnMut(Wire) -> Vec<Wire>) -> (BTreeMap<Identifier, Error>, usize) {
    let old = keygen::<Ed25519>(2, &[1, 2, 3], 3);
    let mut network = Network::new(start(&old, &new_epoch(&[1, 2, 3], 2, &[1, 2, 3], 1), 3), 3);
    network.run_with(change);
    let done = network.machines.values_mut().filter_map(Machine::take_output).count();
    (network.errors, done)
}

#[test]
fn wrong_private_share_names_its_dealer_and_gives_nobody_a_new_share() {
    let (errors, done) = refresh_with(|mut wire| {
        if (wire.from, wire.to, wire.bytes[2]) == (id(2), id(3), 2) {
            flip(&mut wire.bytes, 1);
        }
        vec![wire]
    });
    let Error::Fault(fault) = &errors[&id(3)] else { panic!("{errors:?}") };
    assert!(matches!(fault.kind, FaultKind::WrongShare | FaultKind::InvalidElement), "{fault}");
    assert_eq!((fault.culprits.as_slice(), fault.response()), (&[id(2)][..], Response::Exclude));
    assert_eq!(done, 0);
}

#[test]
fn each_confirmation_dropped_leaves_one_waiting_that_completes_with_a_peers_certificate() {
    let old = keygen::<Ed25519>(2, &[1, 2, 3], 4);
    for (from, to) in [(1, 2), (2, 1), (1, 3), (3, 2)] {
        let mut pending = BTreeMap::new();
        let mut network = Network::new(start(&old, &new_epoch(&[1, 2], 2, &[1, 2, 3], 1), 4), 4);
        network.collect();
        while let Some(wire) = network.pick() {
            if (wire.from, wire.to, wire.bytes[2]) != (id(from), id(to), 3) {
                network.deliver(&wire);
            }
            for (me, machine) in &mut network.machines {
                if let Some(held) = machine.pending() {
                    pending.insert(*me, held.value().unwrap().to_secret_bytes());
                }
            }
            network.collect();
        }
        assert!(network.errors.is_empty());
        let mut machines = network.machines;
        assert_eq!(machines[&id(to)].missing(), [id(from)]);
        let Some(Outcome::Holds(other)) = machines.get_mut(&id(from)).unwrap().take_output() else { panic!("no share") };
        let stuck = PendingShare::<Ed25519>::from_secret_bytes(&pending[&id(to)]).unwrap();
        let completed = stuck.complete(other.certificate().clone()).unwrap();
        assert_eq!(completed.package(), other.package());
    }
}

/// Dealers 1 and 2, receivers 1 and 3: the echo of 1 is another than 3 knows because 2 lied, not because 1 did.
#[test]
fn dealer_that_tells_two_receivers_different_things_is_found_out_and_nobody_honest_is_named() {
    let old = keygen::<Ed25519>(2, &[1, 2, 3], 5);
    let mut network = Network::new(start(&old, &new_epoch(&[1, 2], 2, &[1, 3], 1), 5), 5);
    network.run_with(|mut wire| {
        if (wire.from, wire.to, wire.bytes[2]) == (id(2), id(3), 1) {
            flip(&mut wire.bytes, 4 + 1);
        }
        vec![wire]
    });
    assert_eq!(network.machines.values_mut().filter_map(Machine::take_output).count(), 0);
    let Error::Fault(fault) = &network.errors[&id(3)] else { panic!("{:?}", network.errors) };
    // Whichever of the two messages of round 2 came first: 1's tells that somebody lied, 2's own that it was 2.
    assert!(!fault.culprits.contains(&id(1)), "{fault}");
    assert!(matches!(fault.kind, FaultKind::Equivocation | FaultKind::WrongOpening));
}

#[test]
fn start_refuses_terms_that_do_not_fit() {
    let old = keygen::<Ed25519>(2, &[1, 2, 3], 6);
    let share = &old[&id(1)];
    let mut rng = StdRng::seed_from_u64(1);
    let mut dealer = |participants: &[u16], new: NewEpoch| {
        let session = session(&set(participants), 1);
        Reshare::start_dealer(&session, share, new, &mut rng).err().unwrap()
    };
    let input = |error: InputError| Error::from(error);
    let (three, pair) = ([1, 2, 3], [1, 2]);
    let cases = [
        (dealer(&three, new_epoch(&[1], 2, &three, 1)), input(InputError::TooFewSigners { given: 1, needed: 2 })),
        (dealer(&three, new_epoch(&[1, 4], 2, &three, 1)), input(InputError::UnknownParticipant(id(4)))),
        (dealer(&three, new_epoch(&[2, 3], 2, &three, 1)), input(InputError::UnknownParticipant(id(1)))),
        (dealer(&pair, new_epoch(&pair, 2, &three, 1)), input(InputError::ParticipantsDiffer("session"))),
        (dealer(&three, new_epoch(&pair, 2, &pair, 1)), input(InputError::ParticipantsDiffer("session"))),
        (dealer(&three, new_epoch(&pair, 2, &three, 0)), input(InputError::EpochNotNew { given: 0, highest: 0 })),
    ];
    for (index, (given, expected)) in cases.into_iter().enumerate() {
        assert_eq!(given, expected, "case {index}");
    }
    let unequal = danger::unchecked_placement(threshold(2, &set(&[1, 2, 3, 4])), set(&three));
    let given = dealer(&three, NewEpoch::new(set(&pair), unequal, 1));
    assert_eq!(given, input(InputError::ParticipantsDiffer("placement")));
    for (me, new) in [(1, new_epoch(&pair, 2, &three, 1)), (4, new_epoch(&pair, 2, &three, 1))] {
        let session = session(&set(&three), 1);
        let given = Reshare::start_receiver(&session, share.package(), new, id(me), &mut rng).err();
        assert_eq!(given, Some(input(InputError::UnknownParticipant(id(me)))));
    }
}

/// Two participants that do not mean the same do not come together.
#[test]
fn messages_of_other_terms_are_foreign() {
    let old = keygen::<Ed25519>(2, &[1, 2, 3], 7);
    let next = reshare(&old, &new_epoch(&[1, 2, 3], 2, &[1, 2, 3], 1), 7).0;
    let base = new_epoch(&[1, 2, 3], 2, &[1, 2, 3], 9);
    for other in [
        start(&old, &new_epoch(&[1, 2, 3], 2, &[1, 2, 3], 8), 7),
        start(&old, &new_epoch(&[1, 2, 3], 3, &[1, 2, 3], 9), 7),
        start(&old, &base, 8),
        start(&next, &base, 7),
    ] {
        let mut machines = start(&old, &base, 7);
        machines.extend(other.into_iter().filter(|(me, _)| *me == id(2)));
        let mut network = Network::new(machines, 7);
        network.run_with(|wire| vec![wire]);
        assert!(network.errors.is_empty());
        assert_eq!(network.machines[&id(1)].missing(), [id(2)]);
    }
}

fn import_machines<C: Curve>(
    secret: &Zeroizing<[u8; 32]>,
    owner: u16,
    receivers: &[u16],
) -> BTreeMap<Identifier, Machine<danger::ImportRounds<C>>> {
    let receivers = set(receivers);
    let placement = danger::unchecked_placement(threshold(2, &receivers), receivers.clone());
    let verifying_key = danger::split::<C>(secret, ChainCode::new([3; 32]), &placement, &mut StdRng::seed_from_u64(0)).unwrap()
        [0]
    .package()
    .verifying_key();
    let key = ImportedKey::new(id(owner), verifying_key, ChainCode::new([3; 32]), placement);
    let all: std::collections::BTreeSet<_> = receivers.iter().chain([id(owner)]).collect();
    let (session, mut rng) = (session(&ParticipantSet::new(all.iter().copied()).unwrap(), 1), StdRng::seed_from_u64(1));
    let mut one = |me| {
        if me == id(owner) {
            Import::start_owner(&session, secret, key.clone(), &mut rng).unwrap()
        } else {
            Import::start_receiver(&session, key.clone(), me, &mut rng).unwrap()
        }
    };
    all.into_iter().map(|me| (me, one(me))).collect()
}

fn import<C: Curve>() {
    let mut secret = Zeroizing::new([0; 32]);
    secret[3..20].copy_from_slice(b"a whole key befor");
    for (owner, receivers) in [(1, [1, 2, 3]), (9, [1, 2, 3])] {
        for seed in 0..8 {
            let (shares, left) = split(Network::new(import_machines::<C>(&secret, owner, &receivers), seed).run());
            assert_eq!((shares.len(), left.len()), (3, usize::from(owner == 9)));
            for signers in subsets(&receivers, 2) {
                let pair: Vec<&KeyShare<C>> = signers.iter().map(|id| &*shares[&id]).collect();
                assert_eq!(*danger::combine(&pair).unwrap(), *secret);
            }
            let package = shares[&id(1)].package();
            assert_eq!((package.epoch(), package.chain_code()), (0, &ChainCode::new([3; 32])));
        }
    }
}

#[test]
fn import_deals_a_whole_key_whether_its_owner_stays_or_leaves() {
    import::<Ed25519>();
    import::<EcdsaSecp256k1>();
}

#[test]
fn import_of_another_secret_than_the_keys_is_refused() {
    let receivers = set(&[1, 2, 3]);
    let placement = danger::unchecked_placement(threshold(2, &receivers), receivers.clone());
    let shares = keygen::<Ed25519>(2, &[1, 2, 3], 8);
    let package = shares[&id(1)].package();
    let key = ImportedKey::new(id(1), package.verifying_key(), *package.chain_code(), placement);
    let start = |secret: [u8; 32]| {
        let session = session(&receivers, 1);
        Import::start_owner(&session, &Zeroizing::new(secret), key.clone(), &mut StdRng::seed_from_u64(1)).err().unwrap()
    };
    assert_eq!(start([1; 32]), InputError::InvalidSecret.into());
    assert_eq!(start([0; 32]), InputError::InvalidSecret.into());
    assert!(matches!(start([255; 32]), Error::Decode(_)));
}

#[test]
fn certificate_of_an_earlier_epoch_or_another_key_is_none_to_follow() {
    let old = keygen::<Ed25519>(2, &[1, 2, 3], 9);
    let stranger = keygen::<Ed25519>(2, &[1, 2, 3], 10);
    let (_, left) = reshare(&old, &new_epoch(&[1, 2], 2, &[2, 3], 3), 9);
    let certified = &left[&id(1)];
    assert_eq!(certified.verify_follows(certified.package()), Err(InputError::EpochNotNew { given: 3, highest: 3 }));
    assert_eq!(certified.verify_follows(stranger[&id(1)].package()), Err(InputError::OtherKey("certificate")));
    let mut bytes = certified.to_bytes();
    flip(&mut bytes, 1);
    assert!(CertifiedPackage::<Ed25519>::from_bytes(&bytes).is_err());
}
