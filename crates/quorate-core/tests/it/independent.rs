//! Verification by libraries that share no code with this one above the field, and by our own.

use ed25519_dalek::VerifyingKey as Dalek;
#[cfg(feature = "p256")]
use quorate_core::frost::P256;
#[cfg(feature = "ristretto255")]
use quorate_core::frost::Ristretto255;
#[cfg(feature = "secp256k1")]
use quorate_core::frost::Secp256k1;
use quorate_core::{
    frost::{Bip340, Ed25519, FrostSuite, Signature},
    keys::VerifyingKey,
};

/// A suite whose signatures someone else can check.
pub(crate) trait Independent: FrostSuite {
    fn verifies_elsewhere(key: &[u8], message: &[u8], signature: &[u8]) -> bool;
}

impl Independent for Ed25519 {
    fn verifies_elsewhere(key: &[u8], message: &[u8], signature: &[u8]) -> bool {
        let Ok(key) = Dalek::from_bytes(key.try_into().unwrap()) else { return false };
        key.verify_strict(message, &ed25519_dalek::Signature::from_slice(signature).unwrap()).is_ok()
    }
}

impl Independent for Bip340 {
    fn verifies_elsewhere(key: &[u8], message: &[u8], signature: &[u8]) -> bool {
        let key = secp256k1::XOnlyPublicKey::from_byte_array(key[1..].try_into().unwrap()).unwrap();
        secp256k1::schnorr::Signature::from_byte_array(signature.try_into().unwrap()).verify(message, &key).is_ok()
    }
}

#[cfg(feature = "secp256k1")]
impl Independent for Secp256k1 {
    fn verifies_elsewhere(key: &[u8], message: &[u8], signature: &[u8]) -> bool {
        let key = frost_secp256k1::VerifyingKey::deserialize(key).unwrap();
        key.verify(message, &frost_secp256k1::Signature::deserialize(signature).unwrap()).is_ok()
    }
}

#[cfg(feature = "ristretto255")]
impl Independent for Ristretto255 {
    fn verifies_elsewhere(key: &[u8], message: &[u8], signature: &[u8]) -> bool {
        let key = frost_ristretto255::VerifyingKey::deserialize(key).unwrap();
        key.verify(message, &frost_ristretto255::Signature::deserialize(signature).unwrap()).is_ok()
    }
}

#[cfg(feature = "p256")]
impl Independent for P256 {
    fn verifies_elsewhere(key: &[u8], message: &[u8], signature: &[u8]) -> bool {
        let key = frost_p256::VerifyingKey::deserialize(key).unwrap();
        key.verify(message, &frost_p256::Signature::deserialize(signature).unwrap()).is_ok()
    }
}

/// A signature verifies here and elsewhere, and neither accepts it for another message.
pub(crate) fn assert_verifies<C: Independent>(key: &VerifyingKey<C>, message: &[u8], signature: &Signature<C>) {
    let (encoded, bytes) = (key.to_bytes(), signature.to_bytes());
    key.verify(message, signature).unwrap();
    assert!(C::verifies_elsewhere(encoded.as_ref(), message, &bytes));
    let other = [message, b"!"].concat();
    key.verify(&other, signature).unwrap_err();
    assert!(!C::verifies_elsewhere(encoded.as_ref(), &other, &bytes));
    assert_eq!(Signature::<C>::from_bytes(&bytes), Ok(*signature));
}
