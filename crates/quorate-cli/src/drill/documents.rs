//! The transactions of the drill: a Bitcoin and a Solana transfer, of coins that exist nowhere, moved to the drill's own wallet.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bitcoin::Psbt;
use quorate::{
    control::{
        Client,
        api::{KeyInfo, SignRequest},
    },
    payload::{KeyUse, Payload as _, kind, template},
};

use super::trouble::Trouble;
use crate::{independent::Signer, key::PublicKey};

const PSBT_TEMPLATE: &[u8] = include_bytes!("../../../../examples/data/transfer.psbt");
const SOLANA_TEMPLATE: &[u8] = include_bytes!("../../../../examples/data/transfer.solana");

/// A wallet's two keys, as the world sees them, and what is there to sign.
#[derive(Clone, Debug)]
pub(super) struct Wallet {
    pub(super) bip340: KeyInfo,
    pub(super) taproot_address: String,
    pub(super) solana_address: String,
    /// The unsigned PSBT, binary.
    pub(super) psbt: Vec<u8>,
    /// The Solana message.
    pub(super) solana: Vec<u8>,
}

impl Wallet {
    pub(super) fn new(keys: &[KeyInfo]) -> Result<Self, Trouble> {
        let of = |suite: &str| keys.iter().find(|info| info.suite == suite).cloned();
        let (Some(bip340), Some(ed25519)) = (of("bip340"), of("ed25519")) else {
            return Err(Trouble::Broken("key generation did not make the keys that were asked for"));
        };
        let (bitcoin_key, solana_key) = (PublicKey::new(&bip340)?, PublicKey::new(&ed25519)?);
        let (bitcoin_use, solana_use) = (KeyUse::new(&bitcoin_key, &[]), KeyUse::new(&solana_key, &[]));
        Ok(Self {
            taproot_address: bitcoin_use.address()?,
            solana_address: solana_use.address()?,
            psbt: template::psbt(PSBT_TEMPLATE, &bitcoin_use)?.encode(),
            solana: template::solana(SOLANA_TEMPLATE, &solana_use)?.encode(),
            bip340,
        })
    }

    /// Has both transactions signed by exactly these cosigners, and checks them with libraries that are not ours.
    pub(super) fn sign(&self, client: &Client, signers: [&str; 2]) -> Result<(), Trouble> {
        let request = |kind: &str, payload: &[u8]| SignRequest {
            key: self.bip340.wallet.clone(),
            kind: kind.to_owned(),
            payload: BASE64_STANDARD.encode(payload),
            signers: signers.map(str::to_owned).to_vec(),
            ..SignRequest::default()
        };
        let document = |kind, payload: &[u8]| -> Result<Vec<u8>, Trouble> {
            let signed = client.sign(&request(kind, payload))?;
            BASE64_STANDARD.decode(&signed.document).map_err(|_| Trouble::Broken("a signed document is not base64"))
        };
        self.check_psbt(&document(kind::PSBT, &self.psbt)?)?;
        self.check_solana(&document(kind::SOLANA, &self.solana)?)
    }

    /// The same transaction, every input of the wallet's address signed.
    pub(super) fn check_psbt(&self, signed: &[u8]) -> Result<(), Trouble> {
        let read = |bytes| Psbt::deserialize(bytes).map_err(|_| Trouble::Broken("a signed PSBT cannot be read"));
        let (signed_psbt, asked) = (read(signed)?, read(&self.psbt)?);
        if signed_psbt.unsigned_tx != asked.unsigned_tx {
            return Err(Trouble::Broken("another transaction was signed than was asked for"));
        }
        let verified = Signer::of_address(&self.taproot_address)?.verify_psbt(signed)?;
        if verified == asked.inputs.len() { Ok(()) } else { Err(Trouble::Broken("not every input is signed")) }
    }

    /// The same message, signed by the wallet's address.
    pub(super) fn check_solana(&self, transaction: &[u8]) -> Result<(), Trouble> {
        if !transaction.ends_with(&self.solana) {
            return Err(Trouble::Broken("another message was signed than was asked for"));
        }
        Ok(Signer::of_address(&self.solana_address)?.verify_solana(transaction)?)
    }
}
