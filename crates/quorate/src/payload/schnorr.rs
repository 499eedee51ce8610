//! Verification of what the Schnorr suites of a cosigner sign as it is.

use quorate_core::{
    SuiteId,
    frost::{Bip340, Ed25519, FrostSuite, Signature},
    keys::VerifyingKey,
};

use super::{KeyUse, PayloadError, key, kind};

/// Verifies the one signature of a payload that is signed as it is: under a BIP-340 key, by the output key of BIP-86.
///
/// # Errors
///
/// [`PayloadError::InvalidSignature`]; [`PayloadError::UnsupportedSuite`] for suites of which no cosigner holds keys.
pub(super) fn verify(usage: &KeyUse<'_>, message: &[u8], signature: &[u8]) -> Result<(), PayloadError> {
    match usage.key.suite() {
        SuiteId::Ed25519 => by::<Ed25519>(&key::ed25519_key(usage.key, usage.path)?, message, signature),
        SuiteId::Bip340 => {
            let output = usage.key.taproot_output_key(usage.path, None)?;
            // BIP-340: the point with the even y.
            by::<Bip340>(&[&[2], output.as_slice()].concat(), message, signature)
        }
        SuiteId::Ristretto255 | SuiteId::Secp256k1 | SuiteId::P256 | SuiteId::EcdsaSecp256k1 | _ => {
            Err(usage.unsupported(kind::MESSAGE))
        }
    }
}

fn by<C: FrostSuite>(key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), PayloadError> {
    let key = VerifyingKey::<C>::from_bytes(key).map_err(|_| PayloadError::KeyEncoding)?;
    let signature = Signature::<C>::from_bytes(signature).map_err(|_| PayloadError::InvalidSignature { index: 0 })?;
    key.verify(message, &signature).map_err(|_| PayloadError::InvalidSignature { index: 0 })
}
