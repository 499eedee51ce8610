//! Chains whose accounts have Ed25519 keys, some of them others too.

use super::{BASE, ED25519};
use crate::{
    Curve, SignatureForm,
    chain::{Family, Row, Vectors},
    message::MessageRule,
    network::Nets,
    payload::{HEDERA_PREFIXES, Payload},
    signature::SignatureText,
    text::{
        Text,
        base58::{Flavour, Versions},
    },
};

const fn own(name: &'static str, slip44: u32, path: &'static str, kind: &'static str) -> Row {
    Row {
        name,
        slip44: Some(slip44),
        path,
        kind,
        curves: ED25519,
        message: MessageRule::Whole,
        signature: SignatureForm::Eddsa,
        ..BASE
    }
}

const fn substrate(name: &'static str, slip44: u32, path: &'static str, format: u16) -> Row {
    Row {
        family: Family::Substrate,
        curves: &[Curve::Ed25519, Curve::Sr25519, Curve::Secp256k1],
        payload: Payload::Substrate,
        text: Text::Ss58(format),
        message: MessageRule::Substrate,
        signature: SignatureForm::MultiSignature,
        ..own(name, slip44, path, "account, SS58")
    }
}

/// The accounts of schnorrkel keys; Quorate makes none of them, and tells their addresses.
const fn sr25519(name: &'static str, slip44: u32, format: u16) -> Row {
    Row { curves: &[Curve::Sr25519], ..substrate(name, slip44, "", format) }
}

const fn cardano(name: &'static str, kind: &'static str, payload: Payload, text: Text) -> Row {
    Row { payload, text, message: MessageRule::Blake2b, ..own(name, 1815, "m/1852'/1815'/0'/0/0", kind) }
}

const fn bytom(name: &'static str, hrp: Nets<&'static str>) -> Row {
    Row {
        payload: Payload::Ripemd,
        text: Text::Witness(hrp, 0, 20),
        message: MessageRule::Sha3,
        ..own(name, 153, "m/44/153/1/0/1", "RIPEMD-160, Bech32 with version 0")
    }
}

pub(super) const ROWS: &[Row] = &[
    own("solana", 501, "m/44'/501'/0'", "key, Base58"),
    Row {
        text: Text::Hex("", 32),
        message: MessageRule::Sha256,
        ..own("near", 397, "m/44'/397'/0'", "implicit account, hexadecimal")
    },
    Row { text: Text::Stellar, message: MessageRule::Sha256, ..own("stellar", 148, "m/44'/148'/0'", "key, StrKey base 32") },
    Row { text: Text::Algorand, ..own("algorand", 283, "m/44'/283'/0'/0'/0'", "key, base 32") },
    Row {
        curves: &[Curve::Ed25519, Curve::Secp256k1, Curve::P256],
        payload: Payload::Tezos,
        text: Text::Tezos,
        message: MessageRule::Blake2b,
        signature: SignatureForm::Compact,
        signature_text: SignatureText::Tezos,
        ..own("tezos", 1729, "m/44'/1729'/0'/0'", "tz1, tz2 and tz3 by curve, Base58Check")
    },
    Row {
        payload: Payload::Aptos,
        text: Text::Hex("0x", 32),
        ..own("aptos", 637, "m/44'/637'/0'/0'/0'", "authentication key, hexadecimal")
    },
    Row {
        curves: &[Curve::Ed25519, Curve::Secp256k1, Curve::P256],
        payload: Payload::Sui,
        text: Text::Hex("0x", 32),
        message: MessageRule::Blake2b,
        signature: SignatureForm::WithKey,
        signature_text: SignatureText::Base64,
        ..own("sui", 784, "m/44'/784'/0'/0'/0'", "BLAKE2b-256 of scheme and key, hexadecimal")
    },
    Row {
        payload: Payload::Ton,
        text: Text::Ton,
        message: MessageRule::Sha256,
        ..own("ton", 607, "m/44'/607'/0'", "wallet contract v3r2, v4r2 or v5r1, base 64")
    },
    substrate("polkadot", 354, "m/44'/354'/0'/0'/0'", 0),
    substrate("kusama", 434, "m/44'/434'/0'/0'/0'", 2),
    substrate("acala", 787, "m/44'/787'/0'/0'/0'", 10),
    substrate("polymesh", 595, "m/44'/595'/0'/0'/0'", 12),
    sr25519("polkadot-sr25519", 354, 0),
    sr25519("kusama-sr25519", 434, 2),
    Row { curves: &[Curve::Sr25519, Curve::Ed25519, Curve::Secp256k1], slip44: None, ..sr25519("substrate-generic", 0, 42) },
    Row { payload: Payload::Starcoin, text: Text::Hex("0x", 16), ..STARCOIN },
    Row {
        name: "starcoin-receipt",
        kind: "receipt identifier, Bech32",
        payload: Payload::Starcoin,
        text: Text::Receipt,
        ..STARCOIN
    },
    Row { payload: Payload::SiaConditions, ..SIA },
    Row { name: "siacoin-v2", kind: "policy, hexadecimal", payload: Payload::SiaPolicy, ..SIA },
    bytom("bytom", Nets::two("bm", "tm")),
    Row { vectors: Vectors::Constructed, ..bytom("bytom-2.0", Nets::main("bn")) },
    Row {
        payload: Payload::Nem,
        text: Text::Nem(Nets::two(0x68, 0x98)),
        is_receive_only: true, // its Ed25519 hashes with Keccak-512
        ..own("nem", 43, "m/44'/43'/0'/0'/0'", "RIPEMD-160 of Keccak-256, base 32; for receiving alone")
    },
    cardano("cardano-enterprise", "payment key, Bech32", Payload::Cardano, Text::Cardano(6, 28)),
    cardano("cardano-base", "payment and stake key, Bech32", Payload::CardanoBase, Text::Cardano(0, 56)),
    Row { text: Text::Bech32("", Nets::same("erd"), 32), ..own("multiversx", 508, "m/44'/508'/0'/0'/0'", "key, Bech32") },
    Row {
        curves: &[Curve::Ed25519, Curve::Secp256k1],
        payload: Payload::Hedera,
        text: Text::Hedera(HEDERA_PREFIXES),
        message: MessageRule::Hedera,
        signature: SignatureForm::Compact,
        ..own("hedera", 3030, "m/44'/3030'/0'/0'/0", "alias: the key in DER; accounts have numbers")
    },
    Row {
        payload: Payload::Oasis,
        text: Text::Bech32("", Nets::same("oasis"), 21),
        message: MessageRule::Sha512_256,
        ..own("oasis", 474, "m/44'/474'/0'", "20 bytes of SHA-512/256, Bech32")
    },
    Row {
        payload: Payload::Nimiq,
        text: Text::Nimiq,
        ..own("nimiq", 242, "m/44'/242'/0'/0'", "20 bytes of BLAKE2b-256, as an IBAN")
    },
    Row {
        text: Text::Base58(Versions { lead: "ak_", key: Nets::same(&[]), script: None, length: 32, flavour: Flavour::Bitcoin }),
        ..own("aeternity", 457, "m/44'/457'/0'/0'/0'", "key, Base58Check")
    },
    Row { message: MessageRule::Sha3, ..own("iost", 291, "m/44'/291'/0'/0'/0'", "key, Base58; accounts are names") },
    Row {
        payload: Payload::Pactus,
        text: Text::Witness(Nets::two("pc", "tpc"), 3, 20),
        ..own("pactus", 21888, "m/44'/21888'/3'/0'", "RIPEMD-160 of BLAKE2b-256, Bech32m with kind 3")
    },
];

const STARCOIN: Row = own("starcoin", 101_010, "m/44'/101010'/0'/0'/0'", "16 bytes of SHA3-256, hexadecimal");

const SIA: Row = Row {
    text: Text::Sia,
    message: MessageRule::Blake2b,
    ..own("siacoin", 1991, "m/44'/93'/0'/0'/0'", "Merkle root of unlock conditions, hexadecimal")
};
