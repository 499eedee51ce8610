//! A hash that somebody else computed.

use bitcoin::{
    XOnlyPublicKey,
    secp256k1::{self, schnorr},
};
use quorate_core::SuiteId;

use super::{Description, KeyUse, Payload, PayloadError, Taproot, ToSign, check_count, description::hex, key, kind};

/// A hash of 32 bytes, signed by a BIP-340 key with the output key of BIP-86.
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

    fn check(usage: &KeyUse<'_>) -> Result<(), PayloadError> {
        if usage.key.suite() == SuiteId::Bip340 { Ok(()) } else { Err(usage.unsupported(kind::DIGEST)) }
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
        Self::check(usage)?;
        Ok(Description::new("raw digest of something unknown")
            .line("digest", &hex(&self.0))
            .line("warning", "it can be the hash of a transaction that spends everything this key holds"))
    }

    fn messages(&self, usage: &KeyUse<'_>) -> Result<Vec<ToSign>, PayloadError> {
        Self::check(usage)?;
        Ok(vec![ToSign::new(self.encode(), usage.path.to_vec(), Taproot::KeyPath { merkle_root: None })])
    }

    /// The signature itself, after it was verified under the output key.
    fn attach(&self, usage: &KeyUse<'_>, signatures: &[Vec<u8>]) -> Result<Vec<u8>, PayloadError> {
        Self::check(usage)?;
        check_count(1, signatures)?;
        let output = key::output_key(key::internal_key(usage.key, usage.path)?, None);
        signatures
            .first()
            .filter(|bytes| verified(bytes, self.0, &output).is_some())
            .cloned()
            .ok_or(PayloadError::InvalidSignature { index: 0 })
    }
}

/// The bytes as a BIP-340 signature, if it is one by the key.
pub(super) fn verified(signature: &[u8], message: [u8; 32], by: &XOnlyPublicKey) -> Option<schnorr::Signature> {
    let signature = schnorr::Signature::from_slice(signature).ok()?;
    let message = secp256k1::Message::from_digest(message);
    key::secp().verify_schnorr(&signature, &message, by).ok().map(|()| signature)
}
