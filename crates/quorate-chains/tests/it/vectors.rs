//! The files of `vectors/chains/`, as they are.

use std::fs;

use quorate_chains::{AddressOptions, Chain, Curve, Network, TonVersion, TonWallet, VerifyingKey};
use serde::{Deserialize, de::DeserializeOwned};

/// A key and its address.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct AddressRow {
    pub(crate) chain: String,
    #[serde(default)]
    pub(crate) slip44: Option<u32>,
    #[serde(default)]
    pub(crate) path: String,
    pub(crate) curve: String,
    #[serde(default)]
    pub(crate) scheme: String,
    #[serde(default)]
    pub(crate) evm_chain_id: Option<u64>,
    pub(crate) public_key_hex: String,
    pub(crate) address: String,
    pub(crate) source: String,
    #[serde(default)]
    pub(crate) extra: Extra,
}

/// What an address takes beside the key.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Extra {
    stake: Option<String>,
    network: Option<String>,
    ton_version: Option<String>,
    ton_wallet_id: Option<u32>,
    ton_bounceable: Option<bool>,
}

/// A published signature.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignatureRow {
    pub(crate) chain: String,
    pub(crate) curve: String,
    pub(crate) public_key_hex: String,
    pub(crate) hash: String,
    pub(crate) preimage_hex: Option<String>,
    pub(crate) digest_hex: String,
    pub(crate) signature_hex: String,
    pub(crate) form: String,
    pub(crate) recid: Option<u8>,
    pub(crate) low_s: Option<bool>,
    pub(crate) source: String,
    pub(crate) verified: bool,
}

fn read<T: DeserializeOwned>(file: &str) -> Vec<T> {
    let path = format!("{}/../../vectors/chains/{file}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

pub(crate) fn addresses() -> Vec<AddressRow> {
    read("addresses.json")
}

/// Rows that were found later.
pub(crate) fn more_addresses() -> Vec<AddressRow> {
    read("more.json")
}

pub(crate) fn signatures() -> Vec<SignatureRow> {
    read("signatures.json")
}

pub(crate) fn curve(name: &str, scheme: &str) -> Curve {
    match name {
        "secp256k1" if scheme.contains("Schnorr") => Curve::Bip340,
        "secp256k1" => Curve::Secp256k1,
        "ed25519" => Curve::Ed25519,
        "p256" => Curve::P256,
        "ristretto255" => Curve::Sr25519,
        _ => panic!("no curve {name}"),
    }
}

impl AddressRow {
    pub(crate) fn chain(&self) -> Chain {
        Chain::named(&self.chain).unwrap_or_else(|_| panic!("the table has no {}", self.chain))
    }

    pub(crate) fn key(&self) -> VerifyingKey {
        VerifyingKey::new(curve(&self.curve, &self.scheme), &hex::decode(&self.public_key_hex).unwrap()).unwrap()
    }

    pub(crate) fn options(&self) -> AddressOptions {
        let network = match self.extra.network.as_deref() {
            None => Network::Mainnet,
            Some("test") => Network::Testnet,
            Some("regtest") => Network::Regtest,
            Some(other) => panic!("no network {other}"),
        };
        let mut options = AddressOptions::on(network);
        options.stake_key = self.extra.stake.as_ref().map(|stake| hex::decode(stake).unwrap().try_into().unwrap());
        let mut ton = TonWallet::new(match self.extra.ton_version.as_deref() {
            None | Some("v4r2") => TonVersion::V4R2,
            Some("v3r2") => TonVersion::V3R2,
            Some("v5r1") => TonVersion::V5R1,
            Some(other) => panic!("no wallet {other}"),
        });
        ton.wallet_id = self.extra.ton_wallet_id;
        ton.bounceable = self.extra.ton_bounceable.unwrap_or_default();
        options.with_ton(ton)
    }
}
