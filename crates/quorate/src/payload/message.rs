//! Bytes that are signed as they are.

use core::fmt;

use quorate_core::SuiteId;

use super::{
    Description, KeyUse, MAX_PAYLOAD, Payload, PayloadError, Taproot, ToSign, check_count, description, key, kind, schnorr,
};

/// Bytes that are signed as they are, without a hash or a prefix.
///
/// A BIP-340 key signs them with the output key of BIP-86, as it signs everything: the bare internal key signs nothing.
///
/// # Security
///
/// A message must not be a transaction in disguise, since policies are more generous with messages. So a BIP-340 key refuses a
/// message of exactly 32 bytes (all that a Taproot signature hash can be, and BIP-340 never takes one length for another), and an
/// Ed25519 key refuses a message that contains its own 32 bytes, as every Solana message contains the keys of its signers.
#[derive(Clone, PartialEq, Eq)]
pub struct Message(Vec<u8>);

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Message({} bytes)", self.0.len())
    }
}

impl Message {
    /// Takes the bytes.
    ///
    /// # Errors
    ///
    /// [`PayloadError::TooLong`] above [`MAX_PAYLOAD`].
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, PayloadError> {
        let bytes = bytes.into();
        if bytes.len() > MAX_PAYLOAD {
            return Err(PayloadError::TooLong { limit: MAX_PAYLOAD });
        }
        Ok(Self(bytes))
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Refuses what could be a transaction, and gives the tweak.
    fn check(&self, usage: &KeyUse<'_>) -> Result<Taproot, PayloadError> {
        match usage.key.suite() {
            SuiteId::Bip340 if self.0.len() == 32 => Err(PayloadError::MessageCouldBeDigest),
            SuiteId::Bip340 => Ok(Taproot::KeyPath { merkle_root: None }),
            SuiteId::Ed25519 => {
                let key = key::ed25519_key(usage.key, usage.path)?;
                if self.0.windows(key.len()).any(|window| window == key) {
                    return Err(PayloadError::MessageCouldBeTransaction);
                }
                Ok(Taproot::None)
            }
            SuiteId::Ristretto255 | SuiteId::Secp256k1 | SuiteId::P256 => Ok(Taproot::None),
            SuiteId::EcdsaSecp256k1 | _ => Err(usage.unsupported(kind::MESSAGE)),
        }
    }
}

impl Payload for Message {
    fn kind(&self) -> &'static str {
        kind::MESSAGE
    }

    fn encode(&self) -> Vec<u8> {
        self.0.clone()
    }

    fn describe(&self, usage: &KeyUse<'_>) -> Result<Description, PayloadError> {
        self.check(usage)?;
        Ok(description::bytes("message", &self.0))
    }

    fn messages(&self, usage: &KeyUse<'_>) -> Result<Vec<ToSign>, PayloadError> {
        let taproot = self.check(usage)?;
        Ok(vec![ToSign::new(self.0.clone(), usage.path.to_vec(), taproot)])
    }

    /// The signature itself, after it was verified.
    fn attach(&self, usage: &KeyUse<'_>, signatures: &[Vec<u8>]) -> Result<Vec<u8>, PayloadError> {
        self.check(usage)?;
        let signature = single(usage, signatures)?;
        schnorr::verify(usage, &self.0, &signature)?;
        Ok(signature)
    }
}

/// The one signature, which has the length of its suite.
pub(super) fn single(usage: &KeyUse<'_>, signatures: &[Vec<u8>]) -> Result<Vec<u8>, PayloadError> {
    check_count(1, signatures)?;
    // RFC 9591 §6.4, §6.5: a compressed point and a scalar.
    let length = if matches!(usage.key.suite(), SuiteId::Secp256k1 | SuiteId::P256) { 65 } else { 64 };
    match signatures {
        [signature] if signature.len() == length => Ok(signature.clone()),
        _ => Err(PayloadError::InvalidSignature { index: 0 }),
    }
}
