//! Keys and signatures of quorate-core go through unchanged.

use quorate_chains::{AddressOptions, Chain, Curve, EcdsaSignature, VerifyingKey, address};
use quorate_core::{
    ecdsa::{EcdsaP256, EcdsaSecp256k1, EcdsaSignature as CoreEcdsa},
    frost::{Bip340, Ed25519},
    keys::VerifyingKey as CoreKey,
};

use crate::roundtrip::key;

#[test]
fn keys_of_core_are_the_keys_of_their_bytes() {
    let expected = [Curve::Secp256k1, Curve::P256, Curve::Ed25519].map(|curve| key(curve, [0x2b; 32]));
    let converted = [
        VerifyingKey::from(CoreKey::<EcdsaSecp256k1>::from_bytes(expected[0].as_bytes()).unwrap()),
        VerifyingKey::from(CoreKey::<EcdsaP256>::from_bytes(expected[1].as_bytes()).unwrap()),
        VerifyingKey::from(CoreKey::<Ed25519>::from_bytes(expected[2].as_bytes()).unwrap()),
    ];
    assert_eq!(converted, expected);
    let bip340 = VerifyingKey::from(CoreKey::<Bip340>::from_bytes(expected[0].as_bytes()).unwrap());
    assert_eq!(bip340, VerifyingKey::bip340(expected[0].as_bytes()).unwrap());
    let taproot = Chain::named("bitcoin-p2tr").unwrap();
    assert!(address(taproot, &bip340, &AddressOptions::default()).is_ok());
    assert!(address(taproot, &converted[0], &AddressOptions::default()).is_err());
}

#[test]
fn ecdsa_signatures_of_core_keep_their_numbers_and_recovery_id() {
    let mut bytes = [0x11; 65];
    bytes[64] = 1;
    let signature = CoreEcdsa::<EcdsaSecp256k1>::from_recoverable_bytes(&bytes).unwrap();
    let converted = EcdsaSignature::from(signature);
    assert_eq!((converted.to_bytes(), converted.recovery_id()), (signature.to_bytes(), Some(1)));
    assert_eq!(converted.to_der(), signature.to_der());
    let signature = CoreEcdsa::<EcdsaP256>::from_recoverable_bytes(&bytes).unwrap();
    assert_eq!(EcdsaSignature::from(signature).curve(), Curve::P256);
}
