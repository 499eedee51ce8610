//! Honest runs from key generation to signature, for every suite, and every record there and back.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

#[cfg(feature = "p256")]
use quorate_core::frost::P256;
#[cfg(feature = "ristretto255")]
use quorate_core::frost::Ristretto255;
#[cfg(feature = "secp256k1")]
use quorate_core::frost::Secp256k1;
use quorate_core::{
    Identifier, InputError, ParticipantSet,
    curve::Curve,
    derive::{derive, taproot_output_key},
    frost::{Bip340, Ed25519, FrostSuite, SignatureShare, SigningNonces, SigningPackage, Taproot, Target, aggregate, commit},
};
use rand::{SeedableRng, rngs::StdRng};

use crate::{
    independent::{Independent, assert_verifies},
    keys::{Shares, keygen, sign, subsets},
    network::{id, set},
};

const MESSAGE: &[u8] = b"send 1 coin to nobody";

/// Keys of several shapes; every smallest set signs, and so do all together.
fn every_quorum_signs<C: Independent>() {
    for (min_signers, participants) in [(2, vec![1, 2]), (2, vec![1, 2, 3]), (3, vec![1, 2, 3, 4, 5]), (2, vec![2, 7, 65535])] {
        let seed = u64::from(min_signers) << 32 | u64::from(participants[participants.len() - 1]);
        let shares = keygen::<C>(min_signers, &participants, seed);
        let package = shares[&id(participants[0])].package();
        for (me, share) in &shares {
            assert_eq!((share.identifier(), share.package()), (*me, package));
            assert_eq!(share.verifying_share(), package.verifying_share(*me).unwrap());
            share.certificate().verify(package).unwrap();
        }
        let mut quorums = subsets(&participants, usize::from(min_signers));
        quorums.push(set(&participants));
        for (quorum, seed) in quorums.iter().zip(seed..) {
            let signature = sign(&shares, quorum, MESSAGE, &Target::default(), seed);
            assert_verifies(&package.verifying_key(), MESSAGE, &signature);
        }
    }
}

/// The same with a coordinator that has no share: it only ever sees records.
fn coordinated<C: FrostSuite>(
    shares: &Shares<C>,
    signers: &ParticipantSet,
    target: &Target,
    seed: u64,
) -> (SigningPackage<C>, BTreeMap<Identifier, SignatureShare<C>>) {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut nonces: BTreeMap<Identifier, SigningNonces<C>> =
        signers.iter().map(|me| (me, commit(&shares[&me], &mut rng).unwrap())).collect();
    let commitments = nonces.iter().map(|(me, nonces)| (*me, *nonces.commitments())).collect();
    let package = SigningPackage::new(commitments, MESSAGE, target.clone()).unwrap();
    let signature_shares = signers.iter().map(|me| {
        let nonces = nonces.remove(&me).unwrap();
        (me, quorate_core::frost::sign(&package, nonces, &shares[&me]).unwrap())
    });
    let signature_shares = signature_shares.collect();
    (package, signature_shares)
}

fn coordinator_aggregates<C: Independent>() {
    let shares = keygen::<C>(3, &[1, 4, 9, 60_000], 11);
    let key = shares[&id(4)].package();
    for (seed, signers) in (12..).zip([set(&[1, 9, 60_000]), set(&[1, 4, 9, 60_000])]) {
        let (package, signature_shares) = coordinated(&shares, &signers, &Target::default(), seed);
        let signature = aggregate(&package, &signature_shares, key).unwrap();
        assert_verifies(&key.verifying_key(), MESSAGE, &signature);

        let fewer: BTreeMap<_, _> = signature_shares.iter().skip(1).map(|(id, share)| (*id, *share)).collect();
        let refused = aggregate(&package, &fewer, key);
        assert_eq!(refused, Err(InputError::ParticipantsDiffer("set of signature shares").into()));
    }
}

macro_rules! suites {
    ($($(#[$gate:meta])* $name:ident: $suite:ty;)*) => {$(
        $(#[$gate])*
        mod $name {
            use super::*;

            #[test]
            fn every_quorum_signs_and_the_signature_verifies_elsewhere() {
                every_quorum_signs::<$suite>();
            }

            #[test]
            fn coordinator_without_a_share_aggregates() {
                coordinator_aggregates::<$suite>();
            }
        }
    )*};
}

suites! {
    ed25519: Ed25519;
    bip340: Bip340;
    #[cfg(feature = "ristretto255")]
    ristretto255: Ristretto255;
    #[cfg(feature = "secp256k1")]
    secp256k1: Secp256k1;
    #[cfg(feature = "p256")]
    p256: P256;
}

fn child(path: &str) -> Target {
    Target::child(path.parse().unwrap())
}

#[test]
fn ed25519_children_sign_for_the_derived_key_and_not_for_the_root() {
    let shares = keygen::<Ed25519>(2, &[1, 2, 3], 21);
    let key = shares[&id(1)].package();
    for (seed, path) in (22..).zip(["m/0", "m/7/2147483647", "m/44/0/0/1"]) {
        let derived = derive::<Ed25519>(&key.verifying_key().to_point(), key.chain_code(), &path.parse().unwrap()).unwrap();
        let target = child(path);
        let resolved = Ed25519::resolve(key, &target).unwrap().verifying_key();
        assert_eq!(resolved.to_point(), derived.public);
        let signature = sign(&shares, &set(&[1, 3]), MESSAGE, &target, seed);
        assert_verifies(&resolved, MESSAGE, &signature);
        key.verifying_key().verify(MESSAGE, &signature).unwrap_err();
        let (package, signature_shares) = coordinated(&shares, &set(&[2, 3]), &target, seed);
        assert_verifies(&resolved, MESSAGE, &aggregate(&package, &signature_shares, key).unwrap());
    }
}

/// As many keys as it takes until every combination of signs of y has occurred at the root, at the child and at the output.
#[test]
fn bip340_children_and_taproot_outputs_sign_for_the_key_on_the_chain() {
    let mut signs = BTreeSet::new();
    for seed in 100.. {
        let shares = keygen::<Bip340>(2, &[1, 2, 3], seed);
        for path in ["m", "m/86/0/5"] {
            for output in [None, Some(Taproot::KEY_ONLY), Some(Taproot::with_scripts([0x5c; 32]))] {
                signs.insert(on_chain(&shares, path, output, seed));
            }
        }
        // Where nothing is tweaked there are 2 combinations, with an output or a child 4, with both 8.
        if signs.len() == 2 + 4 + 4 + 8 {
            return;
        }
        assert!(seed < 400, "after 300 keys: {signs:?}");
    }
}

/// Signs for one target, and gives the signs of y on the way to it.
fn on_chain(shares: &Shares<Bip340>, path: &'static str, output: Option<Taproot>, seed: u64) -> (&'static str, bool, [u8; 3]) {
    let key = shares[&id(1)].package();
    let derived = derive::<Bip340>(&key.verifying_key().to_point(), key.chain_code(), &path.parse().unwrap()).unwrap();
    let encoded = Bip340::encode_point(&derived.public);
    let (target, x) = match output {
        None => (child(path), encoded[1..].try_into().unwrap()),
        Some(taproot) => {
            let (x, _) = taproot_output_key(&derived.public, taproot.merkle_root.as_ref()).unwrap();
            (child(path).taproot(taproot), x)
        }
    };
    let signature = sign(shares, &set(&[2, 3]), MESSAGE, &target, seed);
    let resolved = Bip340::resolve(key, &target).unwrap().verifying_key();
    assert_verifies(&resolved, MESSAGE, &signature);
    assert!(Bip340::verifies_elsewhere(&[&[2], x.as_slice()].concat(), MESSAGE, &signature.to_bytes()));
    (path, output.is_some(), [key.verifying_key().to_bytes()[0], encoded[0], resolved.to_bytes()[0]])
}

#[cfg(feature = "secp256k1")]
#[test]
fn suites_without_tweaks_refuse_targets() {
    let shares = keygen::<Secp256k1>(2, &[1, 2], 50);
    let mut rng = StdRng::seed_from_u64(50);
    let (session, both) = (crate::network::session(&set(&[1, 2]), 50), set(&[1, 2]));
    for target in [child("m/0"), Target::default().taproot(Taproot::KEY_ONLY)] {
        let started = quorate_core::frost::Signing::start(&session, &shares[&id(1)], &both, MESSAGE, &target, &mut rng);
        assert_eq!(started.err(), Some(InputError::UnsupportedTweak.into()));
    }
}

#[test]
fn one_share_serves_many_sessions_at_once() {
    let shares = keygen::<Ed25519>(2, &[1, 2], 60);
    let first: Vec<_> = (61..64).map(|seed| sign(&shares, &set(&[1, 2]), MESSAGE, &Target::default(), seed)).collect();
    assert!(first[0] != first[1] && first[1] != first[2]);
    assert!(shares.values().all(|share| Arc::strong_count(share) == 1));
}
