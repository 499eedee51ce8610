//! The official vectors of RFC 9591, byte for byte.

use super::super::{SigningCommitments, SigningNonces, SigningPackage, aggregate, commit_with, package::SigningValues, sign};
use super::*;
use crate::{
    danger, identifier::ParticipantSet, keys::KeyId, placement::Placement, randomness::Hedged, secret::Secret,
    threshold::Threshold,
};
use alloc::{collections::BTreeMap, format, string::String};
use serde_json::Value;
use std::fs;

mod import;

fn hex32(value: &Value) -> [u8; 32] {
    hex::decode(value.as_str().unwrap()).unwrap().try_into().unwrap()
}

fn hex_bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

fn identifier(value: &Value) -> Identifier {
    Identifier::new(u16::try_from(value.as_u64().unwrap()).unwrap()).unwrap()
}

fn number(value: &Value) -> u16 {
    value.as_str().unwrap().parse().unwrap()
}

fn check<C: Rfc9591 + FrostSuite>(file: &str) {
    let path = format!("{}/../../vectors/rfc9591/{file}", env!("CARGO_MANIFEST_DIR"));
    let vector: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let inputs = &vector["inputs"];
    let message = hex_bytes(&inputs["message"]);

    let threshold = Threshold::new(number(&vector["config"]["MIN_PARTICIPANTS"]), number(&vector["config"]["MAX_PARTICIPANTS"]));
    let threshold = threshold.unwrap();
    let placement = danger::unchecked_placement(threshold, ParticipantSet::first(threshold.max_signers()).unwrap());
    let shares = deal::<C>(inputs, &placement);
    assert_eq!(shares[0].package().verifying_key().to_bytes().as_ref(), hex_bytes(&inputs["group_public_key"]));
    for (share, expected) in shares.iter().zip(inputs["participant_shares"].as_array().unwrap()) {
        assert_eq!(C::encode_scalar(share.signing_share().expose()), hex32(&expected["participant_share"]));
    }
    let share_of = |id: Identifier| shares.iter().find(|share| share.identifier() == id).unwrap();

    let mut nonces: BTreeMap<Identifier, SigningNonces<C>> = BTreeMap::new();
    let round_one = vector["round_one_outputs"]["outputs"].as_array().unwrap();
    for output in round_one {
        let id = identifier(&output["identifier"]);
        let random = ["hiding_nonce_randomness", "binding_nonce_randomness"].map(|name| Zeroizing::new(hex32(&output[name])));
        let made = commit_with::<C>(share_of(id).signing_share(), [random].into_iter()).pop().unwrap();
        assert_eq!(C::encode_scalar(made.hiding.expose()), hex32(&output["hiding_nonce"]));
        assert_eq!(C::encode_scalar(made.binding.expose()), hex32(&output["binding_nonce"]));
        assert_eq!(made.commitments().hiding_bytes.as_ref(), hex_bytes(&output["hiding_nonce_commitment"]));
        assert_eq!(made.commitments().binding_bytes.as_ref(), hex_bytes(&output["binding_nonce_commitment"]));
        nonces.insert(id, made);
    }
    let commitments: BTreeMap<_, SigningCommitments<C>> =
        nonces.iter().map(|(id, nonces)| (*id, *nonces.commitments())).collect();
    let package = SigningPackage::new(commitments, &message, Target::default()).unwrap();
    let values = SigningValues::new(shares[0].package(), &package).unwrap();
    for (position, output) in round_one.iter().enumerate() {
        let prefix = binding_prefix::<C>(&values.key.point, &package);
        let input = [prefix, encode_identifier::<C>(identifier(&output["identifier"])).to_vec()].concat();
        assert_eq!(input, hex_bytes(&output["binding_factor_input"]));
        assert_eq!(C::encode_scalar(&values.binding.factors.at(position).unwrap()), hex32(&output["binding_factor"]));
    }

    let mut signature_shares = BTreeMap::new();
    for output in vector["round_two_outputs"]["outputs"].as_array().unwrap() {
        let id = identifier(&output["identifier"]);
        let share = sign(&package, nonces.remove(&id).unwrap(), share_of(id)).unwrap();
        assert_eq!(share.to_scalar_bytes(), hex32(&output["sig_share"]));
        signature_shares.insert(id, share);
    }
    let signature = aggregate(&package, &signature_shares, shares[0].package()).unwrap();
    let expected: String = vector["final_output"]["sig"].as_str().unwrap().into();
    assert_eq!(hex::encode(signature.to_bytes()), expected);
    shares[0].package().verifying_key().verify(&message, &signature).unwrap();
}

fn deal<C: Curve>(inputs: &Value, placement: &Placement) -> Vec<crate::keys::KeyShare<C>> {
    let mut coefficients = Vec::from([C::decode_scalar(&hex32(&inputs["group_secret_key"])).unwrap()]);
    let more = inputs["share_polynomial_coefficients"].as_array().unwrap();
    coefficients.extend(more.iter().map(|value| C::decode_scalar(&hex32(value)).unwrap()));
    let mut hedged = Hedged::draw(&mut getrandom::SysRng, b"test", None, &[]).unwrap();
    let chain_code = derive::ChainCode::new([0; 32]);
    danger::deal(&Secret::new(coefficients), KeyId::new([1; 32]), chain_code, placement, &mut hedged).unwrap()
}

#[test]
fn ed25519_matches_the_rfc() {
    check::<Ed25519>("frost-ed25519-sha512.json");
}

#[cfg(feature = "ristretto255")]
#[test]
fn ristretto255_matches_the_rfc() {
    check::<Ristretto255>("frost-ristretto255-sha512.json");
}

#[cfg(feature = "secp256k1")]
#[test]
fn secp256k1_matches_the_rfc() {
    check::<Secp256k1>("frost-secp256k1-sha256.json");
}

#[cfg(feature = "p256")]
#[test]
fn p256_matches_the_rfc() {
    check::<P256>("frost-p256-sha256.json");
}
