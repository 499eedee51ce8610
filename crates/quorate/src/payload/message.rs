//! Bytes that are signed as they are, or by an ECDSA key behind the prefix of EIP-191.

use core::fmt;

use quorate_core::SuiteId;

use super::{
    Description, KeyUse, MAX_PAYLOAD, Payload, PayloadError, Taproot, ToSign, check_count, description, ecdsa, key, kind, schnorr,
};

/// What EIP-191 puts before a message; its length in decimal digits follows.
const PREFIX: &[u8] = b"\x19Ethereum Signed Message:\n";

/// Bytes that are signed as they are, without a hash or a prefix; by an ECDSA key, as `personal_sign` of EIP-191 has it.
///
/// A BIP-340 key signs them with the output key of BIP-86, as it signs everything: the bare internal key signs nothing. An ECDSA key
/// signs Keccak-256 of `"\x19Ethereum Signed Message:\n"`, the length in decimal digits, and the bytes.
///
/// # Security
///
/// A message must not be a transaction in disguise, since policies are more generous with messages. So a BIP-340 key refuses a
/// message of exactly 32 bytes (all that a Taproot signature hash can be, and BIP-340 never takes one length for another), and an
/// Ed25519 key refuses a message that contains its own 32 bytes, as every Solana message contains the keys of its signers. Under an
/// ECDSA key the prefix does it: what is hashed starts with 0x19, which no Ethereum transaction does, and Bitcoin hashes with SHA-256.
///
/// Contracts do take such a signature for one on what the 32 bytes are the hash of: a Safe's transaction, an operation of ERC-4337. So a
/// message of exactly 32 bytes is described with a warning under every key, and [`BuiltinPolicy`](crate::policy::BuiltinPolicy) denies it
/// unless it allows the key raw digests.
///
/// Spec: [EIP-191](https://eips.ethereum.org/EIPS/eip-191), version 0x45.
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

    /// Refuses what could be a transaction.
    fn to_sign(&self, usage: &KeyUse<'_>) -> Result<ToSign, PayloadError> {
        let as_it_is = |taproot| ToSign::schnorr(self.0.clone(), usage.path.to_vec(), taproot);
        match usage.key.suite() {
            SuiteId::Bip340 if self.0.len() == 32 => Err(PayloadError::MessageCouldBeDigest),
            SuiteId::Bip340 => Ok(as_it_is(Taproot::KeyPath { merkle_root: None })),
            SuiteId::Ed25519 => {
                let key = key::ed25519_key(usage.key, usage.path)?;
                if self.0.windows(key.len()).any(|window| window == key) {
                    return Err(PayloadError::MessageCouldBeTransaction);
                }
                Ok(as_it_is(Taproot::None))
            }
            SuiteId::Ristretto255 | SuiteId::Secp256k1 | SuiteId::P256 => Ok(as_it_is(Taproot::None)),
            SuiteId::EcdsaSecp256k1 => Ok(ToSign::ecdsa(self.eip191(), usage.path.to_vec())),
            SuiteId::EcdsaP256 | _ => Err(usage.unsupported(kind::MESSAGE)),
        }
    }

    fn eip191(&self) -> [u8; 32] {
        ecdsa::keccak(&[PREFIX, self.0.len().to_string().as_bytes(), &self.0].concat())
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
        let title = match self.to_sign(usage)? {
            ToSign::Schnorr { .. } => "message",
            ToSign::Ecdsa { .. } => "Ethereum message (EIP-191)",
        };
        let description = description::bytes(title, &self.0);
        Ok(if self.0.len() == 32 {
            description.line("warning", "it can be the hash of a transaction, of a Safe or of ERC-4337, that nobody sees")
        } else {
            description
        })
    }

    fn messages(&self, usage: &KeyUse<'_>) -> Result<Vec<ToSign>, PayloadError> {
        Ok(vec![self.to_sign(usage)?])
    }

    /// The signature itself, after it was verified. Of an ECDSA key it ends with 27 or 28, as Ethereum's wallets have it.
    fn attach(&self, usage: &KeyUse<'_>, signatures: &[Vec<u8>]) -> Result<Vec<u8>, PayloadError> {
        match self.to_sign(usage)? {
            ToSign::Schnorr { .. } => {
                let signature = single(usage, signatures)?;
                schnorr::verify(usage, &self.0, &signature)?;
                Ok(signature)
            }
            ToSign::Ecdsa { digest, .. } => personal(usage, digest, signatures),
        }
    }
}

/// The one signature as `personal_sign` gives it: r ‖ s ‖ v.
pub(super) fn personal(usage: &KeyUse<'_>, digest: [u8; 32], signatures: &[Vec<u8>]) -> Result<Vec<u8>, PayloadError> {
    check_count(1, signatures)?;
    let public = ecdsa::public_key(usage.key, usage.path)?;
    let verified = signatures.first().and_then(|signature| ecdsa::verified(signature, digest, &public));
    let verified = verified.filter(|verified| verified.recovery < 2).ok_or(PayloadError::InvalidSignature { index: 0 })?;
    Ok([&verified.r[..], &verified.s, &[27 + verified.recovery]].concat())
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
