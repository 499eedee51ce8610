//! The transactions of the drill: Bitcoin, Ethereum and Solana transfers, of coins that exist nowhere, moved to the drill's own wallet.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bitcoin::Psbt;
use quorate::{
    control::{
        Client,
        api::{KeyInfo, SignRequest},
    },
    payload::{AddressKind, EvmTransaction, KeyUse, Payload as _, kind, template},
};

use super::trouble::Trouble;
use crate::{failure::Failure, independent::Signer, key::PublicKey};

const PSBT_TEMPLATE: &[u8] = include_bytes!("../../../../examples/data/transfer.psbt");
const WPKH_TEMPLATE: &[u8] = include_bytes!("../../../../examples/data/transfer-p2wpkh.psbt");
const EVM_TRANSACTION: &[u8] = include_bytes!("../../../../examples/data/transfer.evm");
const SOLANA_TEMPLATE: &[u8] = include_bytes!("../../../../examples/data/transfer.solana");

/// What the drill says of the signatures of a pair.
pub(super) const SIGNED: &str =
    "PSBTs (Taproot and P2WPKH, 2 inputs each), Ethereum and Solana transfers; libsecp256k1, alloy and ed25519-dalek accept them";

/// What it says of a thief that has two providers.
pub(super) const TAKEN: &str = "with any two the thief recovers all three keys; the independent libraries accept its forgeries";

/// A wallet's three keys, as the world sees them, and what is there to sign.
#[derive(Clone, Debug)]
pub(super) struct Wallet {
    pub(super) bip340: KeyInfo,
    pub(super) taproot_address: String,
    pub(super) wpkh_address: String,
    pub(super) ethereum_address: String,
    pub(super) solana_address: String,
    /// The unsigned PSBT of Taproot coins, binary.
    pub(super) psbt: Vec<u8>,
    /// The same of P2WPKH coins.
    pub(super) wpkh_psbt: Vec<u8>,
    /// The bytes of the Ethereum transaction that are signed.
    pub(super) evm: Vec<u8>,
    /// The Solana message.
    pub(super) solana: Vec<u8>,
}

impl Wallet {
    pub(super) fn new(keys: &[KeyInfo]) -> Result<Self, Trouble> {
        let of = |suite: &str| keys.iter().find(|info| info.suite == suite).cloned();
        let (Some(bip340), Some(ed25519), Some(ecdsa)) = (of("bip340"), of("ed25519"), of("ecdsa-secp256k1")) else {
            return Err(Trouble::Broken("key generation did not make the keys that were asked for"));
        };
        let (bitcoin_key, solana_key, ecdsa_key) = (public(&bip340)?, public(&ed25519)?, public(&ecdsa)?);
        let (bitcoin_use, solana_use) = (KeyUse::new(&bitcoin_key, &[]), KeyUse::new(&solana_key, &[]));
        let ecdsa_use = KeyUse::new(&ecdsa_key, &[]);
        Ok(Self {
            taproot_address: bitcoin_use.address(AddressKind::Taproot)?,
            wpkh_address: ecdsa_use.address(AddressKind::P2wpkh)?,
            ethereum_address: ecdsa_use.address(AddressKind::Ethereum)?,
            solana_address: solana_use.address(AddressKind::Solana)?,
            psbt: template::psbt(PSBT_TEMPLATE, &bitcoin_use)?.encode(),
            wpkh_psbt: template::psbt(WPKH_TEMPLATE, &ecdsa_use)?.encode(),
            evm: EvmTransaction::parse(EVM_TRANSACTION)?.encode(),
            solana: template::solana(SOLANA_TEMPLATE, &solana_use)?.encode(),
            bip340,
        })
    }

    /// Whether the other one's coins are this one's as well.
    pub(super) fn has_addresses_of(&self, other: &Self) -> bool {
        let of = |wallet: &Self| {
            let Self { taproot_address, wpkh_address, ethereum_address, solana_address, .. } = wallet.clone();
            [taproot_address, wpkh_address, ethereum_address, solana_address]
        };
        of(self) == of(other)
    }

    /// Has all transactions signed by exactly these cosigners, and checks them with libraries that are not ours.
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
        self.check_wpkh(&document(kind::PSBT, &self.wpkh_psbt)?)?;
        self.check_evm(&document(kind::EVM, &self.evm)?)?;
        self.check_solana(&document(kind::SOLANA, &self.solana)?)
    }

    /// The same transaction, every input of the wallet's address signed.
    pub(super) fn check_psbt(&self, signed: &[u8]) -> Result<(), Trouble> {
        check_psbt(&self.psbt, &self.taproot_address, signed)
    }

    /// The same for the P2WPKH coins.
    pub(super) fn check_wpkh(&self, signed: &[u8]) -> Result<(), Trouble> {
        check_psbt(&self.wpkh_psbt, &self.wpkh_address, signed)
    }

    /// The same transaction, from the wallet's address.
    pub(super) fn check_evm(&self, transaction: &[u8]) -> Result<(), Trouble> {
        let signed = Signer::of_address(&self.ethereum_address)?.verify_evm(transaction)?;
        if signed == self.evm { Ok(()) } else { Err(Trouble::Broken("another transaction was signed than was asked for")) }
    }

    /// The same message, signed by the wallet's address.
    pub(super) fn check_solana(&self, transaction: &[u8]) -> Result<(), Trouble> {
        if !transaction.ends_with(&self.solana) {
            return Err(Trouble::Broken("another message was signed than was asked for"));
        }
        Ok(Signer::of_address(&self.solana_address)?.verify_solana(transaction)?)
    }
}

fn public(info: &KeyInfo) -> Result<PublicKey, Failure> {
    Ok(PublicKey::try_from(info)?)
}

fn check_psbt(asked: &[u8], address: &str, signed: &[u8]) -> Result<(), Trouble> {
    let read = |bytes| Psbt::deserialize(bytes).map_err(|_| Trouble::Broken("a signed PSBT cannot be read"));
    let (signed_psbt, asked) = (read(signed)?, read(asked)?);
    if signed_psbt.unsigned_tx != asked.unsigned_tx {
        return Err(Trouble::Broken("another transaction was signed than was asked for"));
    }
    let verified = Signer::of_address(address)?.verify_psbt(signed)?;
    if verified == asked.inputs.len() { Ok(()) } else { Err(Trouble::Broken("not every input is signed")) }
}
