//! Ed25519 as Wycheproof has it, and against `verify_strict` of ed25519-dalek.

use curve25519_dalek::{EdwardsPoint, constants::EIGHT_TORSION};
use ed25519_dalek::{Signer, SigningKey};
use proptest::prelude::*;
use quorate_core::{
    DecodeError,
    curve::Curve,
    frost::{Ed25519, Signature},
    keys::VerifyingKey,
};
use serde_json::Value;
use sha2::{Digest, Sha512};

const VECTORS: &str = include_str!("../../../../vectors/wycheproof/ed25519_test.json");

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

fn accepts(key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let Ok(key) = VerifyingKey::<Ed25519>::from_bytes(key) else { return false };
    Signature::from_bytes(signature).is_ok_and(|signature| key.verify(message, &signature).is_ok())
}

fn dalek_accepts(key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    let signature = ed25519_dalek::Signature::from_bytes(signature);
    ed25519_dalek::VerifyingKey::from_bytes(key).is_ok_and(|key| key.verify_strict(message, &signature).is_ok())
}

/// Nothing is an exception: the file has no case that a strict and a cofactored verifier see differently.
#[test]
fn ed25519_verification_meets_every_vector() {
    let file: Value = serde_json::from_str(VECTORS).unwrap();
    let mut results = [0, 0];
    for group in file["testGroups"].as_array().unwrap() {
        let key = bytes(&group["publicKey"]["pk"]);
        VerifyingKey::<Ed25519>::from_bytes(&key).unwrap();
        for test in group["tests"].as_array().unwrap() {
            let expected = match test["result"].as_str().unwrap() {
                "valid" => true,
                "invalid" => false,
                other => panic!("case {} expects {other}", test["tcId"]),
            };
            let accepted = accepts(&key, &bytes(&test["msg"]), &bytes(&test["sig"]));
            assert_eq!(accepted, expected, "case {}: {}", test["tcId"], test["comment"]);
            results[usize::from(expected)] += 1;
        }
    }
    assert_eq!(results, [63, 88]);
    assert_eq!(file["numberOfTests"], 151);
}

/// The eight points of small order, and encodings of some of them that are not canonical.
const SMALL_ORDER: [&str; 14] = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];

#[test]
fn keys_and_commitments_of_small_order_are_refused() {
    for small in SMALL_ORDER.map(|point| hex::decode(point).unwrap()) {
        VerifyingKey::<Ed25519>::from_bytes(&small).unwrap_err();
        for other in SMALL_ORDER.map(|point| hex::decode(point).unwrap()) {
            // With z = 0 a lenient verifier accepts many of these for any message.
            assert!(!accepts(&small, b"", &[other.as_slice(), &[0; 32]].concat()));
        }
        let honest = SigningKey::from_bytes(&[7; 32]);
        assert!(!accepts(honest.verifying_key().as_bytes(), b"", &[small.as_slice(), &[0; 32]].concat()));
    }
}

/// What tells a cofactorless verifier from a cofactored one: 8·(z·B − R − c·A) vanishes here, z·B − R − c·A does not.
#[test]
fn components_of_small_order_are_refused_in_keys_and_commitments() {
    let (secret, nonce) = (Ed25519::scalar_from_wide(&[3; 64]), Ed25519::scalar_from_wide(&[5; 64]));
    let sign = |torsion_of_key: EdwardsPoint, torsion_of_commitment: EdwardsPoint| {
        let key = Ed25519::encode_point(&(Ed25519::mul_generator(&secret) + torsion_of_key));
        let commitment = Ed25519::encode_point(&(Ed25519::mul_generator(&nonce) + torsion_of_commitment));
        let hash = Sha512::new().chain_update(commitment).chain_update(key).chain_update(b"message").finalize();
        let z = nonce + Ed25519::scalar_from_wide(&hash.into()) * secret;
        let signature: [u8; 64] = [commitment, Ed25519::encode_scalar(&z)].concat().try_into().unwrap();
        (key, signature)
    };
    let (key, signature) = sign(EIGHT_TORSION[0], EIGHT_TORSION[0]);
    assert!(accepts(&key, b"message", &signature) && dalek_accepts(&key, b"message", &signature));
    for torsion in &EIGHT_TORSION[1..] {
        let (key, signature) = sign(EIGHT_TORSION[0], *torsion);
        assert!(!accepts(&key, b"message", &signature) && !dalek_accepts(&key, b"message", &signature));
        for other in EIGHT_TORSION {
            let (key, _) = sign(*torsion, other);
            assert_eq!(VerifyingKey::<Ed25519>::from_bytes(&key), Err(DecodeError::InvalidPoint));
        }
    }
}

/// A change of one place: somewhere in the key, the message or the signature.
fn flip(target: &mut [u8], (place, bit): (prop::sample::Index, u8)) {
    if !target.is_empty() {
        target[place.index(target.len())] ^= 1 << bit;
    }
}

fn mutation() -> impl Strategy<Value = Option<(prop::sample::Index, u8)>> {
    prop::option::weighted(0.4, (any::<prop::sample::Index>(), 0..8u8))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn accepted_signatures_are_accepted_by_dalek_and_honest_ones_by_both(
        seed: [u8; 32],
        mut message in prop::collection::vec(any::<u8>(), 0..80),
        in_key in mutation(),
        in_message in mutation(),
        in_signature in mutation(),
    ) {
        let signing_key = SigningKey::from_bytes(&seed);
        let mut key = signing_key.verifying_key().to_bytes();
        let mut signature = signing_key.sign(&message).to_bytes();
        prop_assert!(accepts(&key, &message, &signature) && dalek_accepts(&key, &message, &signature));
        let honest = (key, message.clone(), signature);
        in_key.into_iter().for_each(|at| flip(&mut key, at));
        in_message.into_iter().for_each(|at| flip(&mut message, at));
        in_signature.into_iter().for_each(|at| flip(&mut signature, at));
        let accepted = accepts(&key, &message, &signature);
        prop_assert!(!accepted || dalek_accepts(&key, &message, &signature));
        prop_assert_eq!(accepted, (key, message, signature) == honest);
    }

    #[test]
    fn random_bytes_are_accepted_by_neither(key: [u8; 32], commitment: [u8; 32], z: [u8; 32], message: [u8; 16]) {
        let signature: [u8; 64] = [commitment, z].concat().try_into().unwrap();
        prop_assert!(!accepts(&key, &message, &signature) && !dalek_accepts(&key, &message, &signature));
    }
}
