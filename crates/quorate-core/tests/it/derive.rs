//! Derivation against published vectors, and against the secret that the library never has.

use group::Group;
use proptest::prelude::*;
use quorate_core::{
    curve::{Bip340, Curve, Ed25519},
    derive::{ChainCode, Derivable, DerivationPath, Parity, derive, taproot_output_key, taproot_tweak},
    error::InputError,
};
use serde_json::Value;

const BIP32: &str = include_str!("../../../../vectors/bip32/bip32-public.json");
const BIP32_PUBLISHED: &str = include_str!("../../../../vectors/bip32/bip-0032.json");
const ED25519_SOFT: &str = include_str!("../../../../vectors/ed25519-soft/bip32-ed25519-soft.json");
const BIP341: &str = include_str!("../../../../vectors/bip341/wallet-test-vectors.json");

fn bytes<const N: usize>(value: &Value) -> [u8; N] {
    hex::decode(value.as_str().unwrap()).unwrap().try_into().unwrap()
}

/// The Merkle root of a BIP-341 case; the file says null where there are no scripts.
fn merkle_root(value: &Value) -> Option<[u8; 32]> {
    assert!(value.is_null() || value.is_string(), "no Merkle root in the file");
    (!value.is_null()).then(|| bytes(value))
}

/// Derives all children of a vector file, and returns how many there were.
fn check_children<C: Derivable>(file: &str) -> usize {
    let file: Value = serde_json::from_str(file).unwrap();
    let mut checked = 0;
    for vector in file["vectors"].as_array().unwrap() {
        let root = C::decode_point(&hex::decode(vector["parent_public_key"].as_str().unwrap()).unwrap()).unwrap();
        let chain_code = ChainCode::new(bytes(&vector["parent_chain_code"]));
        for child in vector["children"].as_array().unwrap() {
            let path = format!("m/{}", child["path"].as_str().unwrap()).parse().unwrap();
            let derived = derive::<C>(&root, &chain_code, &path).unwrap();
            assert_eq!(
                hex::encode(C::encode_point(&derived.public)),
                child["public_key"].as_str().unwrap(),
                "{path} of {root:?}"
            );
            assert_eq!(hex::encode(derived.chain_code.as_bytes()), child["chain_code"].as_str().unwrap(), "{path} of {root:?}");
            assert_eq!(root + C::mul_generator(&derived.tweak), derived.public, "{path} of {root:?}");
            checked += 1;
        }
    }
    checked
}

#[test]
fn bip340_children_meet_the_steps_published_in_bip32() {
    assert_eq!(check_children::<Bip340>(BIP32_PUBLISHED), 6);
}

#[test]
fn bip340_children_meet_the_independent_bip32_vectors() {
    assert_eq!(check_children::<Bip340>(BIP32), 112);
}

#[test]
fn ed25519_children_meet_the_independent_soft_vectors() {
    assert_eq!(check_children::<Ed25519>(ED25519_SOFT), 32);
}

#[test]
fn taproot_output_keys_meet_bip341() {
    let file: Value = serde_json::from_str(BIP341).unwrap();
    let cases = file["scriptPubKey"].as_array().unwrap();
    let mut parities = Vec::new();
    for case in cases {
        let x: [u8; 32] = bytes(&case["given"]["internalPubkey"]);
        let root = merkle_root(&case["intermediary"]["merkleRoot"]);
        // An x-only key says nothing of y, so that both points must give the same.
        for head in [2, 3] {
            let internal = Bip340::decode_point(&[&[head], x.as_slice()].concat()).unwrap();
            let tweak = taproot_tweak(&internal, root.as_ref()).unwrap();
            assert_eq!(Bip340::encode_scalar(&tweak), bytes(&case["intermediary"]["tweak"]));
            let (output, parity) = taproot_output_key(&internal, root.as_ref()).unwrap();
            assert_eq!(output, bytes(&case["intermediary"]["tweakedPubkey"]));
            let script = [&[0x51, 0x20], output.as_slice()].concat();
            assert_eq!(hex::encode(script), case["expected"]["scriptPubKey"].as_str().unwrap());
            for block in case["expected"]["scriptPathControlBlocks"].as_array().into_iter().flatten() {
                let first = hex::decode(block.as_str().unwrap()).unwrap()[0];
                assert_eq!(first & 1, parity.to_u8());
                parities.push(parity);
            }
        }
    }
    assert_eq!(cases.len(), 7);
    assert!(parities.contains(&Parity::Even) && parities.contains(&Parity::Odd));
}

#[test]
fn taproot_tweak_added_to_the_lifted_secret_meets_bip341_key_path_spending() {
    let file: Value = serde_json::from_str(BIP341).unwrap();
    let inputs = file["keyPathSpending"][0]["inputSpending"].as_array().unwrap();
    let mut negated = 0;
    for input in inputs {
        let secret = Bip340::decode_scalar(&bytes(&input["given"]["internalPrivkey"])).unwrap();
        let internal = Bip340::mul_generator(&secret);
        let encoded = Bip340::encode_point(&internal);
        assert_eq!(hex::encode(&encoded[1..]), input["intermediary"]["internalPubkey"].as_str().unwrap());
        let root = merkle_root(&input["given"]["merkleRoot"]);
        let tweak = taproot_tweak(&internal, root.as_ref()).unwrap();
        assert_eq!(Bip340::encode_scalar(&tweak), bytes(&input["intermediary"]["tweak"]));
        let lifted = if encoded[0] == 3 { -secret } else { secret };
        negated += usize::from(encoded[0] == 3);
        let output_secret = lifted + tweak;
        assert_eq!(Bip340::encode_scalar(&output_secret), bytes(&input["intermediary"]["tweakedPrivkey"]));
        let (output, parity) = taproot_output_key(&internal, root.as_ref()).unwrap();
        let expected = Bip340::encode_point(&Bip340::mul_generator(&output_secret));
        assert_eq!([&[2 + parity.to_u8()], output.as_slice()].concat(), expected);
    }
    assert_eq!(inputs.len(), 7);
    assert!(0 < negated && negated < inputs.len());
}

fn hardened_children_are_refused<C: Derivable>() {
    let root = C::Point::generator();
    let chain_code = ChainCode::new([7; 32]);
    assert!(C::child(&root, &chain_code, (1 << 31) - 1).is_ok());
    assert_eq!(C::child(&root, &chain_code, 1 << 31), Err(InputError::HardenedDerivation(0)));
    assert_eq!(C::child(&root, &chain_code, u32::MAX), Err(InputError::HardenedDerivation((1 << 31) - 1)));
}

#[test]
fn child_refuses_hardened_steps_by_name() {
    hardened_children_are_refused::<Bip340>();
    hardened_children_are_refused::<Ed25519>();
}

#[test]
fn identity_has_no_children_and_no_output_key() {
    let chain_code = ChainCode::new([7; 32]);
    let point = <Bip340 as Curve>::Point::identity();
    assert_eq!(Bip340::child(&point, &chain_code, 0), Err(InputError::InvalidTweak));
    assert_eq!(taproot_tweak(&point, None), Err(InputError::InvalidTweak));
    assert_eq!(taproot_output_key(&point, None), Err(InputError::InvalidTweak));
    let point = <Ed25519 as Curve>::Point::identity();
    assert_eq!(Ed25519::child(&point, &chain_code, 0), Err(InputError::InvalidTweak));
}

#[test]
fn root_path_gives_the_root_and_a_zero_tweak() {
    let root = Ed25519::mul_generator(&9u64.into());
    let chain_code = ChainCode::new([7; 32]);
    let derived = derive::<Ed25519>(&root, &chain_code, &DerivationPath::default()).unwrap();
    assert_eq!((derived.public, derived.chain_code), (root, chain_code));
    assert_eq!(derived.tweak, 0u64.into());
}

fn seed() -> impl Strategy<Value = [u8; 64]> {
    prop::collection::vec(any::<u8>(), 64).prop_map(|bytes| bytes.try_into().unwrap())
}

fn steps() -> impl Strategy<Value = Vec<u32>> {
    prop::collection::vec(0..1u32 << 31, 0..6)
}

/// Deriving in public, and adding the tweak to the secret, come to the same; and so do one long path and two short ones.
fn derivation_commutes<C: Derivable>(seed: &[u8; 64], chain_code: ChainCode, upper: &[u32], lower: &[u32]) {
    let secret = C::scalar_from_wide(seed);
    let root = C::mul_generator(&secret);
    let path = |steps: &[u32]| DerivationPath::new(steps.iter().copied()).unwrap();
    let whole = derive::<C>(&root, &chain_code, &path(&[upper, lower].concat())).unwrap();
    assert_eq!(C::mul_generator(&(secret + whole.tweak)), whole.public);

    let first = derive::<C>(&root, &chain_code, &path(upper)).unwrap();
    let second = derive::<C>(&first.public, &first.chain_code, &path(lower)).unwrap();
    assert_eq!((second.public, second.chain_code), (whole.public, whole.chain_code));
    assert_eq!(first.tweak + second.tweak, whole.tweak);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn bip340_public_derivation_commutes_with_the_secret(seed in seed(), code: [u8; 32], upper in steps(), lower in steps()) {
        derivation_commutes::<Bip340>(&seed, ChainCode::new(code), &upper, &lower);
    }

    #[test]
    fn ed25519_public_derivation_commutes_with_the_secret(seed in seed(), code: [u8; 32], upper in steps(), lower in steps()) {
        derivation_commutes::<Ed25519>(&seed, ChainCode::new(code), &upper, &lower);
    }

    #[test]
    fn taproot_output_of_a_derived_key_belongs_to_the_lifted_secret(seed in seed(), code: [u8; 32], steps in steps(), root: Option<[u8; 32]>) {
        let secret = Bip340::scalar_from_wide(&seed);
        let path = DerivationPath::new(steps).unwrap();
        let child = derive::<Bip340>(&Bip340::mul_generator(&secret), &ChainCode::new(code), &path).unwrap();
        let child_secret = secret + child.tweak;
        let odd = Bip340::encode_point(&child.public)[0] == 3;
        let lifted = if odd { -child_secret } else { child_secret };
        let output_secret = lifted + taproot_tweak(&child.public, root.as_ref()).unwrap();
        let (x, parity) = taproot_output_key(&child.public, root.as_ref()).unwrap();
        let expected = [&[2 + parity.to_u8()], x.as_slice()].concat();
        prop_assert_eq!(Bip340::encode_point(&Bip340::mul_generator(&output_secret)).to_vec(), expected);
    }
}
