//! A hash that somebody else computed.

use bitcoin::{
    XOnlyPublicKey,
    secp256k1::{self, schnorr},
};
use quorate_core::SuiteId;

use super::{Description, KeyUse, Payload, PayloadError, Taproot, ToSign, check_count, description::hex, ecdsa, key, kind};

/// A hash of 32 bytes, signed by a BIP-340 key with the output key of BIP-86, or by an ECDSA key as it is.
///
/// # Security
///
/// Nobody can tell what it is the hash of: it may be a transaction that empties the wallet. Policies deny it unless they allow it
/// for the key by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Takes the hash.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Takes the hash from bytes of any length.
    ///
    /// # Errors
    ///
    /// [`PayloadError::DigestLength`] unless there are 32.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, PayloadError> {
        bytes.try_into().map(Self).map_err(|_| PayloadError::DigestLength { length: bytes.len() })
    }

    fn to_sign(self, usage: &KeyUse<'_>) -> Result<ToSign, PayloadError> {
        match usage.key.suite() {
            SuiteId::Bip340 => Ok(ToSign::schnorr(self.0.to_vec(), usage.path.to_vec(), Taproot::KeyPath { merkle_root: None })),
            SuiteId::EcdsaSecp256k1 => Ok(ToSign::ecdsa(self.0, usage.path.to_vec())),
            SuiteId::Ed25519 | SuiteId::Ristretto255 | SuiteId::Secp256k1 | SuiteId::P256 | SuiteId::EcdsaP256 | _ => {
                Err(usage.unsupported(kind::DIGEST))
            }
        }
    }
}

impl Payload for Digest {
    fn kind(&self) -> &'static str {
        kind::DIGEST
    }

    fn encode(&self) -> Vec<u8> {
        self.0.to_vec()
    }

    fn describe(&self, usage: &KeyUse<'_>) -> Result<Description, PayloadError> {
        self.to_sign(usage)?;
        Ok(Description::new("raw digest of something unknown")
            .line("digest", &hex(&self.0))
            .line("warning", "it can be the hash of a transaction that spends everything this key holds"))
    }

    fn messages(&self, usage: &KeyUse<'_>) -> Result<Vec<ToSign>, PayloadError> {
        Ok(vec![self.to_sign(usage)?])
    }

    /// The signature itself, after it was verified under the output key, or the ECDSA key.
    fn attach(&self, usage: &KeyUse<'_>, signatures: &[Vec<u8>]) -> Result<Vec<u8>, PayloadError> {
        let to_sign = self.to_sign(usage)?;
        check_count(1, signatures)?;
        let signature = signatures.first().ok_or(PayloadError::InvalidSignature { index: 0 })?;
        let is_valid = match to_sign {
            ToSign::Schnorr { .. } => {
                let output = key::output_key(key::internal_key(usage.key, usage.path)?, None);
                verified(signature, self.0, &output).is_some()
            }
            ToSign::Ecdsa { digest, .. } => {
                ecdsa::verified(signature, digest, &ecdsa::public_key(usage.key, usage.path)?).is_some()
            }
        };
        if is_valid { Ok(signature.clone()) } else { Err(PayloadError::InvalidSignature { index: 0 }) }
    }
}

/// The bytes as a BIP-340 signature, if it is one by the key.
pub(super) fn verified(signature: &[u8], message: [u8; 32], by: &XOnlyPublicKey) -> Option<schnorr::Signature> {
    let signature = schnorr::Signature::from_slice(signature).ok()?;
    let message = secp256k1::Message::from_digest(message);
    key::secp().verify_schnorr(&signature, &message, by).ok().map(|()| signature)
}
