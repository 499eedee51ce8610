//! Signing with a whole secret, by libraries that are not ours: what a thief does with a key.

use bitcoin::{
    Psbt, TxOut, Witness,
    hashes::Hash as _,
    key::TapTweak as _,
    secp256k1::{Keypair, Message, Secp256k1},
    sighash::{Prevouts, SighashCache, TapSighashType},
    taproot,
};
use curve25519_dalek::Scalar;
use ed25519_dalek::{
    VerifyingKey,
    hazmat::{ExpandedSecretKey, raw_sign},
};
use quorate::core::frost::{Bip340, Ed25519, FrostSuite};
use sha2::Sha512;

use super::documents::Wallet;

/// A suite whose wallet the thief wants to empty.
pub(super) trait Forge: FrostSuite {
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
