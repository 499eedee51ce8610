//! Conversions from the keys and signatures of `quorate-core`, which were checked there.

use quorate_core::{
    ecdsa::{EcdsaP256, EcdsaSecp256k1, EcdsaSignature as CoreEcdsa},
    frost::{Bip340, Ed25519, FrostSuite, Signature as CoreSignature},
    keys::VerifyingKey as CoreKey,
};

use crate::{Curve, EcdsaSignature, Signature, VerifyingKey};

impl From<CoreKey<EcdsaSecp256k1>> for VerifyingKey {
    fn from(key: CoreKey<EcdsaSecp256k1>) -> Self {
        Self::of_secp256k1(&key.to_point().to_affine(), true)
    }
}

impl From<CoreKey<EcdsaP256>> for VerifyingKey {
    fn from(key: CoreKey<EcdsaP256>) -> Self {
        Self::of_p256(&key.to_point().to_affine())
    }
}

impl From<CoreKey<Bip340>> for VerifyingKey {
    fn from(key: CoreKey<Bip340>) -> Self {
        Self::of_bip340(&key.to_point().to_affine())
    }
}

impl From<CoreKey<Ed25519>> for VerifyingKey {
    fn from(key: CoreKey<Ed25519>) -> Self {
        Self::of_ed25519(key.to_bytes())
    }
}

impl From<CoreEcdsa<EcdsaSecp256k1>> for EcdsaSignature {
    fn from(signature: CoreEcdsa<EcdsaSecp256k1>) -> Self {
        Self::checked(Curve::Secp256k1, signature.r(), signature.s(), signature.recovery_id())
    }
}

impl From<CoreEcdsa<EcdsaP256>> for EcdsaSignature {
    fn from(signature: CoreEcdsa<EcdsaP256>) -> Self {
        Self::checked(Curve::P256, signature.r(), signature.s(), signature.recovery_id())
    }
}

impl From<CoreSignature<Bip340>> for Signature {
    fn from(signature: CoreSignature<Bip340>) -> Self {
        Self::Bip340(bytes_of(&signature))
    }
}

impl From<CoreSignature<Ed25519>> for Signature {
    fn from(signature: CoreSignature<Ed25519>) -> Self {
        Self::Ed25519(bytes_of(&signature))
    }
}

/// 64 bytes, in both suites.
fn bytes_of<C: FrostSuite>(signature: &CoreSignature<C>) -> [u8; 64] {
    let mut bytes = [0; 64];
    bytes.iter_mut().zip(signature.to_bytes()).for_each(|(to, from)| *to = from);
    bytes
}
