//! Message hashes: what of a transaction's bytes is signed.

use alloc::vec::Vec;

use crate::{Chain, Curve, SigningOptions, ZcashRules, error::MessageError, hash};

/// What a signer signs.
///
/// ECDSA and BIP-340 sign a digest of 32 bytes. Ed25519 signs messages of any length, and hashes them itself; some chains give it a
/// digest nevertheless.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Message {
    /// A digest of the bytes.
    Digest([u8; 32]),
    /// The bytes as they are.
    Whole(Vec<u8>),
}

impl Message {
    /// What is signed.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Digest(digest) => digest,
            Self::Whole(bytes) => bytes,
        }
    }
}

/// How a chain hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MessageRule {
    Whole,
    Sha256,
    Sha256d,
    Keccak256,
    Sha3,
    /// First half of SHA-512 for ECDSA alone.
    Ripple,
    Sha512_256,
    Blake2b,
    Blake256,
    TapSighash,
    /// ZIP-243 and ZIP-244.
    Zcash,
    /// The CID of a message is hashed, and has a hash in it.
    Filecoin,
    Ckb,
    /// BLAKE2b-256 with a key of its own.
    Kaspa,
    /// SHA-256 of the network's number and a SHA-256.
    NeoN3,
    /// SHA-256 of SHA-256 twice.
    Sha256t,
    /// BLAKE2b-256 of what is longer than 256 bytes; always for ECDSA.
    Substrate,
    /// Keccak-256 for ECDSA alone.
    Hedera,
}

impl MessageRule {
    pub(crate) const fn describe(self) -> &'static str {
        match self {
            Self::Whole => "the bytes themselves",
            Self::Sha256 => "SHA-256",
            Self::Sha256d => "SHA-256 twice",
            Self::Keccak256 => "Keccak-256",
            Self::Sha3 => "SHA3-256",
            Self::Ripple => "first half of SHA-512; the bytes for Ed25519",
            Self::Sha512_256 => "SHA-512/256",
            Self::Blake2b => "BLAKE2b-256",
            Self::Blake256 => "BLAKE-256",
            Self::TapSighash => "tagged hash TapSighash",
            Self::Zcash => "BLAKE2b-256, personalised by branch",
            Self::Filecoin => "BLAKE2b-256 of the CID",
            Self::Ckb => "BLAKE2b-256, personalised",
            Self::Kaspa => "BLAKE2b-256, keyed",
            Self::NeoN3 => "SHA-256 of network and SHA-256",
            Self::Sha256t => "SHA-256 of SHA-256 twice",
            Self::Substrate => "the bytes, or BLAKE2b-256 if long",
            Self::Hedera => "the bytes; Keccak-256 for ECDSA",
        }
    }
}

/// The message that a signature on a chain signs, of the bytes that the chain hashes.
///
/// The bytes are the whole preimage that the chain's specification names: BIP-143's for Bitcoin, the RLP with its type byte for Ethereum,
/// the `SignDoc` for Cosmos, with whatever prefix the chain puts before a transaction (`STX\0`, `TX`, a chain id, an intent). They are built
/// elsewhere; here they are only hashed.
///
/// # Errors
///
/// [`MessageError`] if the chain has no signatures of that curve, or the hash needs an option.
pub fn message_hash(chain: Chain, bytes: &[u8], options: &SigningOptions) -> Result<Message, MessageError> {
    let row = chain.0;
    if row.is_receive_only {
        return Err(MessageError::ReceiveOnly { chain: row.name });
    }
    let curve = options.curve.or(row.curves.first().copied()).unwrap_or(Curve::Secp256k1);
    if !row.curves.contains(&curve) {
        return Err(MessageError::WrongCurve { chain: row.name, given: curve });
    }
    let missing = |option| MessageError::MissingOption { chain: row.name, option };
    let whole = || Ok(Message::Whole(bytes.to_vec()));
    Ok(Message::Digest(match row.message {
        MessageRule::Whole => return whole(),
        MessageRule::Sha256 => hash::sha256(bytes),
        MessageRule::Sha256d => hash::sha256d(bytes),
        MessageRule::Keccak256 => hash::keccak256(bytes),
        MessageRule::Sha3 => hash::sha3_256(bytes),
        MessageRule::Ripple if curve == Curve::Ed25519 => return whole(),
        MessageRule::Ripple => hash::sha512_half(bytes),
        MessageRule::Sha512_256 => hash::sha512_256(bytes),
        MessageRule::Blake2b => hash::blake2b_256(bytes),
        MessageRule::Blake256 => hash::blake256(bytes),
        MessageRule::TapSighash => hash::tagged("TapSighash", &[bytes]),
        MessageRule::Zcash => zcash(options.zcash, bytes).ok_or_else(|| missing("zcash"))?,
        MessageRule::Filecoin => {
            let cid = [[0x01, 0x71, 0xa0, 0xe4, 0x02, 0x20].as_slice(), &hash::blake2b_256(bytes)].concat();
            hash::blake2b_256(&cid)
        }
        MessageRule::Ckb => hash::ckb(bytes),
        MessageRule::Kaspa => kaspa(curve, bytes),
        MessageRule::NeoN3 => hash::sha256(&[neo_network(options), hash::sha256(bytes).as_slice()].concat()),
        MessageRule::Sha256t => hash::sha256(&hash::sha256d(bytes)),
        MessageRule::Substrate if curve != Curve::Secp256k1 && bytes.len() <= 256 => return whole(),
        MessageRule::Substrate => hash::blake2b_256(bytes),
        MessageRule::Hedera if curve == Curve::Secp256k1 => hash::keccak256(bytes),
        MessageRule::Hedera => return whole(),
    }))
}

/// The hash that Schnorr keys sign; ECDSA keys sign another one of it.
fn kaspa(curve: Curve, bytes: &[u8]) -> [u8; 32] {
    let hashed = hash::blake2b_256_with(Some(b"TransactionSigningHash"), &[], bytes).unwrap_or_default(); // the key has 22 bytes
    match curve {
        Curve::Secp256k1 => hash::sha256(&[hash::sha256(b"TransactionSigningHashECDSA"), hashed].concat()),
        Curve::Bip340 | Curve::Ed25519 | Curve::P256 | Curve::Sr25519 => hashed,
    }
}

/// The rules' name and the branch are the personalisation.
fn zcash(rules: Option<ZcashRules>, bytes: &[u8]) -> Option<[u8; 32]> {
    let (name, branch_id) = match rules? {
        ZcashRules::V4 { branch_id } => (b"ZcashSigHash", branch_id),
        ZcashRules::V5 { branch_id } => (b"ZcashTxHash_", branch_id),
    };
    hash::blake2b_256_with(None, &[name.as_slice(), &branch_id.to_le_bytes()].concat(), bytes)
}

/// NEO's number of a network, little endian.
const fn neo_network(options: &SigningOptions) -> &'static [u8] {
    match options.network {
        crate::Network::Mainnet => &[0x4e, 0x45, 0x4f, 0x33],
        crate::Network::Testnet | crate::Network::Regtest => &[0x4e, 0x33, 0x54, 0x35],
    }
}
