//! Moves a template's coins to this wallet's address, so that a demonstration has something to spend.
//!
//! A fresh wallet has a fresh key, and no file can hold a transaction that spends its coins. The templates in `examples/data` spend
//! coins of a placeholder key instead, of which nobody has the private part. What is made of them can be signed and checked, and
//! no network would take it: the coins exist nowhere.

use bitcoin::{
    ScriptBuf, XOnlyPublicKey,
    key::TweakedPublicKey,
    secp256k1::{Parity, PublicKey},
};
use quorate_core::SuiteId;

use super::{KeyUse, PayloadError, Psbt, SolanaMessage, ecdsa, key};

/// The key in PSBT templates: the point `H` of BIP-341, of which nobody can know the private key. In Taproot templates it is the
/// internal key; in P2WPKH templates it is the key with even y.
pub const PLACEHOLDER_INTERNAL_KEY: [u8; 32] = [
    0x50, 0x92, 0x9b, 0x74, 0xc1, 0xa0, 0x49, 0x54, 0xb7, 0x8b, 0x4b, 0x60, 0x35, 0xe9, 0x7a, 0x5e, 0x07, 0x8a, 0x5a, 0x0f, 0x28,
    0xec, 0x96, 0xd5, 0x47, 0xbf, 0xee, 0x9a, 0xce, 0x80, 0x3a, 0xc0,
];

/// The address in Solana templates.
pub const PLACEHOLDER_ADDRESS: [u8; 32] = *b"quorate-template-placeholder-key";

/// Replaces the placeholder key of a PSBT template, wherever it stands, by the key at the path; all else stays.
///
/// A BIP-340 key fills templates with Taproot inputs, an ECDSA key those with P2WPKH inputs. The latter bring the transactions that they
/// spend from, so that these change too, and with them the outpoints that name them.
///
/// # Errors
///
/// [`PayloadError::NoPlaceholder`] if it stands nowhere, and what [`Psbt::parse`] and the key view say.
pub fn psbt(template: &[u8], usage: &KeyUse<'_>) -> Result<Psbt, PayloadError> {
    let mut psbt = Psbt::parse(template)?.inner().clone();
    let placeholder = XOnlyPublicKey::from_slice(&PLACEHOLDER_INTERNAL_KEY).map_err(|_| PayloadError::KeyEncoding)?;
    if usage.key.suite() == SuiteId::EcdsaSecp256k1 {
        return p2wpkh(psbt, placeholder, usage);
    }
    let internal = key::internal_key(usage.key, usage.path)?;
    let (old, new) = (bip86(placeholder), bip86(internal));
    let mut found = false;
    let mut move_script = |script: &mut ScriptBuf| {
        if *script == old {
            script.clone_from(&new);
            found = true;
        }
    };
    for input in &mut psbt.inputs {
        input.witness_utxo.iter_mut().for_each(|utxo| move_script(&mut utxo.script_pubkey));
        replace(&mut input.tap_internal_key, placeholder, internal);
    }
    psbt.unsigned_tx.output.iter_mut().for_each(|output| move_script(&mut output.script_pubkey));
    for output in &mut psbt.outputs {
        replace(&mut output.tap_internal_key, placeholder, internal);
    }
    if found { Psbt::parse(&psbt.serialize()) } else { Err(PayloadError::NoPlaceholder) }
}

/// Replaces the placeholder address of a Solana template by the key at the path; all else stays.
///
/// # Errors
///
/// [`PayloadError::NoPlaceholder`] if it is not an account of the message, and what [`SolanaMessage::parse`] and the key view say.
pub fn solana(template: &[u8], usage: &KeyUse<'_>) -> Result<SolanaMessage, PayloadError> {
    let message = SolanaMessage::parse(template)?;
    let key = key::ed25519_key(usage.key, usage.path)?;
    let mut bytes = message.as_bytes().to_vec();
    let start = bytes.windows(32).position(|window| window == PLACEHOLDER_ADDRESS).ok_or(PayloadError::NoPlaceholder)?;
    bytes.iter_mut().skip(start).zip(key).for_each(|(old, new)| *old = new);
    SolanaMessage::parse(&bytes)
}

fn p2wpkh(mut psbt: bitcoin::Psbt, placeholder: XOnlyPublicKey, usage: &KeyUse<'_>) -> Result<Psbt, PayloadError> {
    let pays = |public: PublicKey| ScriptBuf::new_p2wpkh(&ecdsa::witness_hash(&public));
    let old = pays(placeholder.public_key(Parity::Even));
    let new = pays(ecdsa::public_key(usage.key, usage.path)?);
    let mut found = false;
    let mut move_script = |script: &mut ScriptBuf| {
        if *script == old {
            script.clone_from(&new);
            found = true;
        }
    };
    for (spent, input) in psbt.unsigned_tx.input.iter_mut().zip(&mut psbt.inputs) {
        input.witness_utxo.iter_mut().for_each(|utxo| move_script(&mut utxo.script_pubkey));
        if let Some(previous) = &mut input.non_witness_utxo {
            previous.output.iter_mut().for_each(|output| move_script(&mut output.script_pubkey));
            spent.previous_output.txid = previous.compute_txid();
        }
    }
    psbt.unsigned_tx.output.iter_mut().for_each(|output| move_script(&mut output.script_pubkey));
    if found { Psbt::parse(&psbt.serialize()) } else { Err(PayloadError::NoPlaceholder) }
}

fn bip86(internal: XOnlyPublicKey) -> ScriptBuf {
    ScriptBuf::new_p2tr_tweaked(TweakedPublicKey::dangerous_assume_tweaked(key::output_key(internal, None)))
}

fn replace(slot: &mut Option<XOnlyPublicKey>, old: XOnlyPublicKey, new: XOnlyPublicKey) {
    if *slot == Some(old) {
        *slot = Some(new);
    }
}
