//! Verification by libraries that are not ours: libsecp256k1 and the `bitcoin` crate, alloy, and ed25519-dalek.

use alloy_consensus::{TxEnvelope, transaction::SignerRecoverable as _};
use alloy_eips::Decodable2718 as _;
use alloy_primitives::{Address as Account, B256, Signature as Recoverable};
use bitcoin::{
    Address, CompressedPublicKey, Psbt, ScriptBuf, Transaction, TxOut, Witness, XOnlyPublicKey,
    address::NetworkUnchecked,
    ecdsa,
    hashes::Hash as _,
    secp256k1::{Message, Secp256k1, schnorr},
    sighash::{EcdsaSighashType, Prevouts, SighashCache},
    taproot,
};
use ed25519_dalek::VerifyingKey;
use quorate::core::frost::{self, Bip340};

use crate::failure::Failure;

/// A signature that does not verify, or a document without it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Invalid {
    /// It does not verify under the signer's key.
    #[error("the signature is not valid for this signer")]
    Signature,
    /// The document cannot be read.
    #[error("not a signed {what}")]
    Document { what: &'static str },
    /// Nothing in the document concerns the signer.
    #[error("the {what} has nothing for this signer to sign")]
    NotConcerned { what: &'static str },
    /// An input of the signer without a signature.
    #[error("input {input} has no final signature")]
    Unsigned { input: usize },
    /// An input of the signer whose signature is false.
    #[error("the signature of input {input} is not valid")]
    Input { input: usize },
}

/// Whose signature is checked: what stands in an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Signer {
    /// The output key of a Taproot address.
    Taproot(XOnlyPublicKey),
    /// The output script of a P2WPKH address.
    Wpkh(ScriptBuf),
    /// An Ethereum address.
    Ethereum(Account),
    /// A Solana address.
    Ed25519(VerifyingKey),
}

impl Signer {
    /// Reads a Taproot or P2WPKH address of any network, an Ethereum address, or a Solana address.
    pub(crate) fn of_address(text: &str) -> Result<Self, Failure> {
        let unknown = || Failure::Address { address: text.to_owned() };
        if let Ok(address) = text.parse::<Address<NetworkUnchecked>>() {
            let script = address.assume_checked().script_pubkey();
            return match output_key(&script) {
                Some(key) => Ok(Self::Taproot(key)),
                None if script.is_p2wpkh() => Ok(Self::Wpkh(script)),
                None => Err(unknown()),
            };
        }
        if let Some(digits) = text.strip_prefix("0x") {
            // Without capitals, or without anything else, there is no checksum (EIP-55).
            let plain = !digits.contains(char::is_lowercase) || !digits.contains(char::is_uppercase);
            let account = text.parse::<Account>().map_err(|_| unknown())?;
            return if plain || account.to_checksum(None) == text { Ok(Self::Ethereum(account)) } else { Err(unknown()) };
        }
        let bytes = bs58::decode(text).into_vec().ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok()).ok_or_else(unknown)?;
        VerifyingKey::from_bytes(&bytes).map(Self::Ed25519).map_err(|_| unknown())
    }

    /// Checks a signature on bytes; of an Ethereum address, as `personal_sign` makes it.
    pub(crate) fn verify_message(&self, message: &[u8], signature: &[u8]) -> Result<(), Invalid> {
        match self {
            Self::Ed25519(key) => {
                let signature = ed25519_dalek::Signature::from_slice(signature).map_err(|_| Invalid::Signature)?;
                key.verify_strict(message, &signature).map_err(|_| Invalid::Signature)
            }
            Self::Ethereum(account) => {
                let signer = low(signature)?.recover_address_from_msg(message);
                if signer.is_ok_and(|signer| signer == *account) { Ok(()) } else { Err(Invalid::Signature) }
            }
            Self::Wpkh(_) => Err(Invalid::NotConcerned { what: "message" }),
            Self::Taproot(key) => match <[u8; 32]>::try_from(message) {
                Ok(digest) => verify_schnorr(key, digest, signature),
                // libsecp256k1's binding takes 32 bytes only; BIP-340 takes any length.
                Err(_) => verify_long(key, message, signature),
            },
        }
    }

    /// Checks a signature on a hash of 32 bytes.
    pub(crate) fn verify_digest(&self, digest: &[u8], signature: &[u8]) -> Result<(), Invalid> {
        let Self::Ethereum(account) = self else { return self.verify_message(digest, signature) };
        let digest = B256::try_from(digest).map_err(|_| Invalid::Signature)?;
        let signer = low(signature)?.recover_address_from_prehash(&digest);
        if signer.is_ok_and(|signer| signer == *account) { Ok(()) } else { Err(Invalid::Signature) }
    }

    /// Checks the signature on an Ethereum transaction, as it goes to the network, and gives what was signed.
    pub(crate) fn verify_evm(&self, transaction: &[u8]) -> Result<Vec<u8>, Invalid> {
        let Self::Ethereum(account) = self else { return Err(Invalid::NotConcerned { what: "Ethereum transaction" }) };
        let mut rest = transaction;
        let read = TxEnvelope::decode_2718(&mut rest).ok().filter(|_| rest.is_empty());
        let read = read.ok_or(Invalid::Document { what: "Ethereum transaction" })?;
        // Refuses a high s, as the network does.
        let signer = read.recover_signer().map_err(|_| Invalid::Signature)?;
        if signer == *account { Ok(signed_bytes(&read)) } else { Err(Invalid::Signature) }
    }

    /// Checks the signature on a Solana transaction.
    pub(crate) fn verify_solana(&self, transaction: &[u8]) -> Result<(), Invalid> {
        let Self::Ed25519(key) = self else { return Err(Invalid::NotConcerned { what: "Solana transaction" }) };
        let malformed = || Invalid::Document { what: "Solana transaction" };
        let (count, rest) = transaction.split_first().ok_or_else(malformed)?;
        let (signatures, message) = rest.split_at_checked(usize::from(*count).saturating_mul(64)).ok_or_else(malformed)?;
        let needed = message.iter().find(|byte| **byte & 0x80 == 0).ok_or_else(malformed)?;
        if needed != count {
            return Err(malformed());
        }
        // A legacy message starts with three counts, one of version 0 with a byte more; then the number of accounts, and they.
        let versioned = message.first().is_some_and(|first| first & 0x80 != 0);
        let accounts = message.get(if versioned { 5 } else { 4 }..).ok_or_else(malformed)?;
        let place = accounts.chunks_exact(32).take(usize::from(*count)).position(|account| account == key.as_bytes());
        let place = place.ok_or(Invalid::NotConcerned { what: "Solana transaction" })?;
        let signature = signatures.chunks_exact(64).nth(place).ok_or_else(malformed)?;
        self.verify_message(message, signature)
    }

    /// Checks every input of a signed PSBT that spends coins of the signer, and says how many there are.
    pub(crate) fn verify_psbt(&self, psbt: &[u8]) -> Result<usize, Invalid> {
        let psbt = Psbt::deserialize(psbt).map_err(|_| Invalid::Document { what: "PSBT" })?;
        let prevouts: Option<Vec<&TxOut>> = psbt.inputs.iter().map(|input| input.witness_utxo.as_ref()).collect();
        let prevouts = prevouts.ok_or(Invalid::Document { what: "PSBT" })?;
        let mut cache = SighashCache::new(&psbt.unsigned_tx);
        let mut verified = 0;
        for (index, (prevout, input)) in prevouts.iter().zip(&psbt.inputs).enumerate() {
            let witness = input.final_script_witness.as_ref();
            match self {
                Self::Taproot(key) if output_key(&prevout.script_pubkey) == Some(*key) => {
                    let witness = witness.and_then(key_spend).ok_or(Invalid::Unsigned { input: index })?;
                    verify_taproot(&mut cache, index, &prevouts, key, &witness).ok_or(Invalid::Input { input: index })?;
                }
                Self::Wpkh(script) if prevout.script_pubkey == *script => {
                    let witness = witness.and_then(wpkh_spend).ok_or(Invalid::Unsigned { input: index })?;
                    verify_wpkh(&mut cache, index, prevout, &witness).ok_or(Invalid::Input { input: index })?;
                }
                Self::Taproot(_) | Self::Wpkh(_) | Self::Ethereum(_) | Self::Ed25519(_) => continue,
            }
            verified += 1;
        }
        if verified == 0 { Err(Invalid::NotConcerned { what: "PSBT" }) } else { Ok(verified) }
    }
}

/// A signature with low s and the parity that recovers its key.
fn low(signature: &[u8]) -> Result<Recoverable, Invalid> {
    let signature = Recoverable::from_raw(signature).map_err(|_| Invalid::Signature)?;
    if signature.normalize_s().is_none() { Ok(signature) } else { Err(Invalid::Signature) }
}

/// What the sender of a transaction signed: nothing for the types that are not signed here.
fn signed_bytes(transaction: &TxEnvelope) -> Vec<u8> {
    use alloy_consensus::SignableTransaction as _;
    match transaction {
        TxEnvelope::Legacy(signed) => signed.tx().encoded_for_signing(),
        TxEnvelope::Eip1559(signed) => signed.tx().encoded_for_signing(),
        TxEnvelope::Eip2930(signed) => signed.tx().encoded_for_signing(),
        TxEnvelope::Eip4844(signed) => signed.tx().encoded_for_signing(),
        TxEnvelope::Eip7702(_) => Vec::new(),
    }
}

fn verify_taproot(
    cache: &mut SighashCache<&Transaction>,
    index: usize,
    prevouts: &[&TxOut],
    key: &XOnlyPublicKey,
    signature: &taproot::Signature,
) -> Option<()> {
    let sighash = cache.taproot_key_spend_signature_hash(index, &Prevouts::All(prevouts), signature.sighash_type).ok()?;
    verify_schnorr(key, sighash.to_byte_array(), &signature.signature.serialize()).ok()
}

fn verify_wpkh(
    cache: &mut SighashCache<&Transaction>,
    index: usize,
    prevout: &TxOut,
    (signature, public): &(ecdsa::Signature, CompressedPublicKey),
) -> Option<()> {
    let pays = ScriptBuf::new_p2wpkh(&public.wpubkey_hash()) == prevout.script_pubkey;
    let kind = Some(signature.sighash_type).filter(|kind| pays && *kind == EcdsaSighashType::All)?;
    let sighash = cache.p2wpkh_signature_hash(index, &prevout.script_pubkey, prevout.value, kind).ok()?;
    let message = Message::from_digest(sighash.to_byte_array());
    Secp256k1::verification_only().verify_ecdsa(&message, &signature.signature, &public.0).ok()
}

/// The signature and the key of a P2WPKH witness.
fn wpkh_spend(witness: &Witness) -> Option<(ecdsa::Signature, CompressedPublicKey)> {
    let (signature, public) = (witness.nth(0)?, witness.nth(1).filter(|key| witness.len() == 2 && key.len() == 33)?);
    Some((ecdsa::Signature::from_slice(signature).ok()?, CompressedPublicKey::from_slice(public).ok()?))
}

/// The one signature of a key-path witness.
fn key_spend(witness: &Witness) -> Option<taproot::Signature> {
    let only = witness.nth(0).filter(|_| witness.len() == 1)?;
    taproot::Signature::from_slice(only).ok()
}

/// The key in a Taproot output's script.
pub(crate) fn output_key(script: &ScriptBuf) -> Option<XOnlyPublicKey> {
    // OP_1 and a push of 32 bytes.
    script.is_p2tr().then(|| script.as_bytes().get(2..)).flatten().and_then(|key| XOnlyPublicKey::from_slice(key).ok())
}

/// BIP-340 by libsecp256k1.
fn verify_schnorr(key: &XOnlyPublicKey, digest: [u8; 32], signature: &[u8]) -> Result<(), Invalid> {
    let signature = schnorr::Signature::from_slice(signature).map_err(|_| Invalid::Signature)?;
    Secp256k1::verification_only().verify_schnorr(&signature, &Message::from_digest(digest), key).map_err(|_| Invalid::Signature)
}

/// BIP-340 of a message that is not of 32 bytes, by this project's own code.
fn verify_long(key: &XOnlyPublicKey, message: &[u8], signature: &[u8]) -> Result<(), Invalid> {
    let mut even = vec![2];
    even.extend(key.serialize());
    let key = quorate::core::keys::VerifyingKey::<Bip340>::from_bytes(&even).map_err(|_| Invalid::Signature)?;
    let signature = frost::Signature::<Bip340>::from_bytes(signature).map_err(|_| Invalid::Signature)?;
    key.verify(message, &signature).map_err(|_| Invalid::Signature)
}
