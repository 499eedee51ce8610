//! Signing with a whole secret, by libraries that are not ours: what a thief does with a key.

use alloy_consensus::{SignableTransaction as _, TxEip1559, transaction::RlpEcdsaDecodableTx as _};
use alloy_eips::Encodable2718 as _;
use bitcoin::{
    Psbt, TxOut, Witness,
    hashes::Hash as _,
    key::TapTweak as _,
    secp256k1::{Keypair, Message, Secp256k1, SecretKey},
    sighash::{Prevouts, SighashCache, TapSighashType},
    taproot,
};
use curve25519_dalek::Scalar;
use ed25519_dalek::{
    VerifyingKey,
    hazmat::{ExpandedSecretKey, raw_sign},
};
use quorate::core::{
    curve::Curve,
    ecdsa::EcdsaSecp256k1,
    frost::{Bip340, Ed25519},
};
use sha2::Sha512;

use super::documents::Wallet;

/// A suite whose wallet the thief wants to empty.
pub(super) trait Forge: Curve {
    /// Signs the wallet's transaction with what the thief takes for the key, and asks the independent library whether it is accepted
    /// under the wallet's address.
    fn is_accepted(wallet: &Wallet, secret: &[u8; 32]) -> bool;
}

impl Forge for Bip340 {
    fn is_accepted(wallet: &Wallet, secret: &[u8; 32]) -> bool {
        psbt(&wallet.psbt, secret).is_some_and(|forged| wallet.check_psbt(&forged).is_ok())
    }
}

impl Forge for Ed25519 {
    fn is_accepted(wallet: &Wallet, secret: &[u8; 32]) -> bool {
        solana(wallet, secret).is_some_and(|forged| wallet.check_solana(&forged).is_ok())
    }
}

impl Forge for EcdsaSecp256k1 {
    fn is_accepted(wallet: &Wallet, secret: &[u8; 32]) -> bool {
        evm(&wallet.evm, secret).is_some_and(|forged| wallet.check_evm(&forged).is_ok())
    }
}

/// Signs an EIP-1559 transaction.
fn evm(unsigned: &[u8], secret: &[u8; 32]) -> Option<Vec<u8>> {
    let (2, mut items) = unsigned.split_first()? else { return None };
    let transaction = TxEip1559::rlp_decode(&mut items).ok()?;
    let digest = Message::from_digest(transaction.signature_hash().0);
    let key = SecretKey::from_slice(secret).ok()?;
    let (recovery, compact) = Secp256k1::new().sign_ecdsa_recoverable(&digest, &key).serialize_compact();
    let signature = alloy_primitives::Signature::from_bytes_and_parity(&compact, recovery.to_i32() & 1 == 1);
    Some(transaction.into_signed(signature).encoded_2718())
}

/// Signs every input with the BIP-86 output key of an internal secret key.
fn psbt(unsigned: &[u8], secret: &[u8; 32]) -> Option<Vec<u8>> {
    let secp = Secp256k1::new();
    let key = Keypair::from_seckey_slice(&secp, secret).ok()?.tap_tweak(&secp, None).to_keypair();
    let mut psbt = Psbt::deserialize(unsigned).ok()?;
    let prevouts: Vec<TxOut> = psbt.inputs.iter().map(|input| input.witness_utxo.clone()).collect::<Option<_>>()?;
    let mut cache = SighashCache::new(&psbt.unsigned_tx);
    for (index, input) in psbt.inputs.iter_mut().enumerate() {
        let sighash_type = TapSighashType::Default;
        let sighash = cache.taproot_key_spend_signature_hash(index, &Prevouts::All(&prevouts), sighash_type).ok()?;
        let signature = secp.sign_schnorr_no_aux_rand(&Message::from_digest(sighash.to_byte_array()), &key);
        input.final_script_witness = Some(Witness::p2tr_key_spend(&taproot::Signature { signature, sighash_type }));
    }
    Some(psbt.serialize())
}

/// Signs the message in the name of the wallet's address.
fn solana(wallet: &Wallet, secret: &[u8; 32]) -> Option<Vec<u8>> {
    let address: [u8; 32] = bs58::decode(&wallet.solana_address).into_vec().ok()?.try_into().ok()?;
    let scalar = Option::from(Scalar::from_canonical_bytes(*secret))?;
    // The prefix only has to be unpredictable to others, and nobody else sees a signature of this drill.
    let key = ExpandedSecretKey { scalar, hash_prefix: *secret };
    let signature = raw_sign::<Sha512>(&key, &wallet.solana, &VerifyingKey::from_bytes(&address).ok()?);
    Some([&[1][..], &signature.to_bytes(), &wallet.solana].concat())
}
