//! Attacks on FROST that need its insides: forged commitments, binding factors, nonces in logs.

use alloc::{collections::BTreeMap, format, vec::Vec};

use curve25519_dalek::constants::EIGHT_TORSION;
use getrandom::SysRng;
use group::Group;

use super::{package::SigningValues, *};
use crate::{
    danger,
    derive::ChainCode,
    error::{Fault, FaultKind},
    identifier::{Identifier, ParticipantSet},
    threshold::Threshold,
};

fn id(number: u16) -> Identifier {
    Identifier::new(number).unwrap()
}

fn shares<C: Curve>(t: u16, n: u16) -> Vec<KeyShare<C>> {
    let placement = danger::unchecked_placement(Threshold::new(t, n).unwrap(), ParticipantSet::first(n).unwrap());
    let mut secret = Zeroizing::new([0; 32]);
    getrandom::fill(&mut secret[1..31]).unwrap();
    danger::split(&secret, ChainCode::new([5; 32]), &placement, &mut SysRng).unwrap()
}

type Commitments<C> = BTreeMap<Identifier, SigningCommitments<C>>;

fn commit_all<C: FrostSuite>(shares: &[KeyShare<C>]) -> (BTreeMap<Identifier, SigningNonces<C>>, Commitments<C>) {
    let nonces: BTreeMap<_, _> = shares.iter().map(|share| (share.identifier(), commit(share, &mut SysRng).unwrap())).collect();
    let commitments = nonces.iter().map(|(i, nonces)| (*i, *nonces.commitments())).collect();
    (nonces, commitments)
}

/// Signs with everyone; those in `mixed` add a point of small order to their commitments, and their shares fit nevertheless.
fn sign_with_mixed_order(torsion: &curve25519_dalek::EdwardsPoint, mixed: &[u16], binding: bool) -> Result<(), Error> {
    let shares = shares::<Ed25519>(2, 5);
    let (mut nonces, _) = commit_all(&shares);
    for (i, nonces) in nonces.iter_mut().filter(|(i, _)| mixed.contains(&i.to_u16())) {
        let own = *nonces.commitments();
        let point = if binding { own.binding } else { own.hiding } + torsion;
        let bytes = Ed25519::encode_point(&point);
        let (hiding, binding) = if binding { (own.hiding_bytes, bytes) } else { (bytes, own.binding_bytes) };
        nonces.commitments = SigningCommitments::from_points_bytes(&hiding, &binding).unwrap_or_else(|_| panic!("{i}"));
    }
    let commitments = nonces.iter().map(|(i, nonces)| (*i, *nonces.commitments())).collect();
    let package = SigningPackage::new(commitments, b"pay", Target::default())?;
    let mut made = BTreeMap::new();
    for share in &shares {
        made.insert(share.identifier(), sign(&package, nonces.remove(&share.identifier()).unwrap(), share)?);
    }
    let signature = aggregate(&package, &made, shares[0].package())?;
    shares[0].package().verifying_key().verify(b"pay", &signature)?;
    Ok(())
}

#[test]
fn mixed_order_commitments_are_always_named_and_never_hidden_by_a_weight() {
    for torsion in EIGHT_TORSION.iter().skip(1) {
        for signer in [1, 3, 5] {
            for _ in 0..4 {
                let Err(Error::Fault(fault)) = sign_with_mixed_order(torsion, &[signer], false) else {
                    panic!("a signature over a mixed-order R");
                };
                assert_eq!(fault, Fault::by(FaultKind::WrongSignatureShare, id(signer)));
                // ρ may happen to be a multiple of the order: then nothing is wrong.
                match sign_with_mixed_order(torsion, &[signer], true) {
                    Ok(()) => {}
                    Err(error) => assert_eq!(error, Fault::by(FaultKind::WrongSignatureShare, id(signer)).into()),
                }
            }
        }
    }
    // Two that do not cancel are both named.
    let torsion = &EIGHT_TORSION[1];
    let Err(Error::Fault(fault)) = sign_with_mixed_order(torsion, &[2, 5], false) else { panic!("not noticed") };
    assert_eq!(fault.culprits, [id(2), id(5)]);
}

fn factors<C: FrostSuite>(package: &SigningPackage<C>, key: &PublicKeyPackage<C>) -> Vec<C::Scalar> {
    let values = SigningValues::new(key, package).unwrap();
    (0..package.signers().len()).map(|i| values.binding.factors.at(i).unwrap()).collect()
}

fn binding_factors_bind_everything<C: FrostSuite>() {
    let key = shares::<C>(2, 4);
    let (_, mut honest) = commit_all(&key);
    let (_, fresh) = commit_all(&key);
    honest.remove(&id(4));
    let package = |commitments: &Commitments<C>, message: &[u8], target: Target| {
        SigningPackage::new(commitments.clone(), message, target).unwrap()
    };
    let base = factors(&package(&honest, b"pay", Target::default()), key[0].package());

    let mut others = Vec::new();
    for signer in 1..=3 {
        for replace_hiding in [true, false] {
            let mut changed = honest.clone();
            let (own, new) = (honest[&id(signer)], fresh[&id(signer)]);
            let (hiding, binding) =
                if replace_hiding { (new.hiding_bytes, own.binding_bytes) } else { (own.hiding_bytes, new.binding_bytes) };
            changed.insert(id(signer), SigningCommitments::from_points_bytes(hiding.as_ref(), binding.as_ref()).unwrap());
            others.push(factors(&package(&changed, b"pay", Target::default()), key[0].package()));
        }
    }
    let mut more = honest.clone();
    more.insert(id(4), fresh[&id(4)]);
    let mut fewer = honest.clone();
    fewer.remove(&id(3));
    let mut renumbered = fewer.clone();
    renumbered.insert(id(4), honest[&id(3)]);
    others.extend([&more, &fewer, &renumbered].map(|set| factors(&package(set, b"pay", Target::default()), key[0].package())));
    others.push(factors(&package(&honest, b"pay2", Target::default()), key[0].package()));
    others.push(factors(&package(&honest, b"", Target::default()), key[0].package()));
    others.push(factors(&package(&honest, b"pay", Target::child("m/1".parse().unwrap())), key[0].package()));
    others.push(factors(&package(&honest, b"pay", Target::default()), shares::<C>(2, 4)[0].package()));
    for (case, factors) in others.iter().enumerate() {
        assert!(base.iter().zip(factors).all(|(a, b)| a != b), "case {case} does not change every binding factor");
    }
}

#[test]
fn binding_factors_change_with_every_commitment_signer_set_message_target_and_key() {
    binding_factors_bind_everything::<Ed25519>();
    binding_factors_bind_everything::<Bip340>();
}

fn failed_call_spends_the_nonces<C: FrostSuite>() {
    let key = shares::<C>(2, 2);
    let (mut nonces, commitments) = commit_all(&key);
    let own = nonces.remove(&id(1)).unwrap();
    // The whole text, so that no form of a nonce can be in it.
    assert_eq!(format!("{own:?} {own:#?}"), "SigningNonces(redacted) SigningNonces(redacted)");
    let alone = BTreeMap::from([(id(1), commitments[&id(1)])]);
    let package = SigningPackage::new(alone, b"pay", Target::default()).unwrap();
    // `own` moves in and cannot be tried again: the compiler sees to that (tests/compile_fail).
    assert!(sign(&package, own, &key[0]).is_err());
}

#[test]
fn nonces_show_nothing_and_are_spent_by_a_failed_call() {
    failed_call_spends_the_nonces::<Ed25519>();
    failed_call_spends_the_nonces::<Bip340>();
}

#[test]
fn commitments_that_add_up_to_nothing_give_no_signature() {
    // #2 cancels the honest hiding nonces, as a rushing signer can try; the binding part is what stops it.
    let key = shares::<Bip340>(2, 3);
    let (nonces, mut commitments) = commit_all(&key);
    let sum = |points: [<Bip340 as Curve>::Point; 2]| Bip340::encode_point(&-(points[0] + points[1]));
    let (one, three) = (commitments[&id(1)], commitments[&id(3)]);
    let hiding = sum([one.hiding, three.hiding]);
    let binding = sum([one.binding, three.binding]);
    commitments.insert(id(2), SigningCommitments::from_points_bytes(&hiding, &binding).unwrap());
    let package = SigningPackage::new(commitments, b"pay", Target::default()).unwrap();
    let values = SigningValues::new(key[0].package(), &package).unwrap();
    assert!(!bool::from(values.binding.group_commitment.is_identity()));
    let made = nonces.into_iter().map(|(i, nonces)| {
        let share = &key[usize::from(i.to_u16()) - 1];
        let made = if i == id(2) { SignatureShare { z: 0u64.into() } } else { sign(&package, nonces, share).unwrap() };
        (i, made)
    });
    let Err(Error::Fault(fault)) = aggregate(&package, &made.collect(), key[0].package()) else {
        panic!("a signature without nonces");
    };
    assert_eq!(fault, Fault::by(FaultKind::WrongSignatureShare, id(2)));
}
