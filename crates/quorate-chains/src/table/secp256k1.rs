//! Chains of their own whose accounts have ECDSA keys, on secp256k1 or P-256.

use super::{BASE, SECP256K1};
use crate::{
    Curve, SignatureForm,
    chain::{Family, Row},
    message::MessageRule,
    network::Nets,
    payload::Payload,
    signature::SignatureText,
    text::{
        Text,
        base58::{Flavour, Versions},
    },
};

const P256: &[Curve] = &[Curve::P256];

const fn own(name: &'static str, slip44: u32, path: &'static str, kind: &'static str) -> Row {
    Row { name, slip44: Some(slip44), path, kind, curves: SECP256K1, ..BASE }
}

/// Base58 with one version on all networks.
const fn base58(version: &'static [u8], length: usize, flavour: Flavour) -> Text {
    Text::Base58(Versions { lead: "", key: Nets::same(version), script: None, length, flavour })
}

const fn graphene(name: &'static str, slip44: u32, path: &'static str, prefix: &'static str) -> Row {
    Row {
        family: Family::Graphene,
        text: Text::PublicKey(prefix),
        signature: SignatureForm::Canonical,
        signature_text: SignatureText::Eos,
        ..own(name, slip44, path, "public key as text; accounts are names")
    }
}

const fn neo(
    name: &'static str,
    slip44: u32,
    path: &'static str,
    version: &'static [u8],
    before: &'static [u8],
    after: &'static [u8],
) -> Row {
    Row {
        curves: P256,
        payload: Payload::NeoScript(before, after),
        text: base58(version, 20, Flavour::Bitcoin),
        ..own(name, slip44, path, "HASH160 of a script, Base58Check")
    }
}

pub(super) const ROWS: &[Row] = &[
    Row {
        payload: Payload::Ripple,
        text: base58(&[0x00], 20, Flavour::Ripple),
        curves: &[Curve::Secp256k1, Curve::Ed25519],
        ..RIPPLE
    },
    graphene("eos", 194, "m/44'/194'/0'/0/0", "EOS"),
    Row { signature_text: SignatureText::Hex, ..graphene("bitshares", 308, "m/44'/308'/0'/0/0", "BTS") },
    graphene("wax", 14001, "m/44'/194'/0'/0/0", "EOS"),
    graphene("fio", 235, "m/44'/235'/0'/0/0", "FIO"),
    Row {
        payload: Payload::Evm,
        text: base58(&[0x41], 20, Flavour::Bitcoin),
        signature: SignatureForm::Recoverable,
        ..own("tron", 195, "m/44'/195'/0'/0/0", "20 bytes of Keccak-256, Base58Check")
    },
    Row {
        payload: Payload::Filecoin,
        text: Text::Filecoin(1),
        message: MessageRule::Filecoin,
        signature: SignatureForm::Recoverable,
        ..own("filecoin", 461, "m/44'/461'/0'/0/0", "f1, base 32")
    },
    Row {
        payload: Payload::FilecoinEvm,
        text: Text::Filecoin(4),
        message: MessageRule::Keccak256,
        signature: SignatureForm::Recoverable,
        chain_id: Some(314),
        ..own("filecoin-evm", 461, "m/44'/60'/0'/0/0", "f410, base 32")
    },
    Row {
        payload: Payload::Nervos,
        text: Text::Nervos,
        message: MessageRule::Ckb,
        signature: SignatureForm::Recoverable,
        ..own("nervos-ckb", 309, "m/44'/309'/0'/0/0", "full address, Bech32m")
    },
    Row { text: avalanche("X-"), ..AVALANCHE },
    Row { name: "avalanche-p", text: avalanche("P-"), ..AVALANCHE },
    Row {
        curves: &[Curve::Secp256k1, Curve::Ed25519, Curve::P256],
        payload: Payload::IcAccount,
        text: Text::IcAccount,
        ..own("internet-computer", 223, "m/44'/223'/0'/0/0", "ledger account, CRC-32 and hash")
    },
    Row {
        curves: &[Curve::Secp256k1, Curve::Ed25519, Curve::P256],
        payload: Payload::IcPrincipal,
        text: Text::IcPrincipal,
        ..own("internet-computer-principal", 223, "m/44'/223'/0'/0/0", "principal, base 32")
    },
    Row {
        payload: Payload::Icon,
        text: Text::Icon,
        message: MessageRule::Sha3,
        signature: SignatureForm::Recoverable,
        signature_text: SignatureText::Base64,
        ..own("icon", 74, "m/44'/74'/0'/0/0", "20 bytes of SHA3-256, hexadecimal")
    },
    Row {
        payload: Payload::Hash160,
        text: Text::C32(Nets::two((22, 20), (26, 21))),
        message: MessageRule::Sha512_256,
        signature: SignatureForm::RecoverableFirst,
        ..own("stacks", 5757, "m/44'/5757'/0'/0/0", "HASH160, c32check")
    },
    Row {
        payload: Payload::Hash160Compressed,
        text: Text::Nuls,
        message: MessageRule::Sha256d,
        signature: SignatureForm::Der,
        ..own("nuls", 8964, "m/44'/8964'/0'/0/0", "HASH160, Base58 with an exclusive or")
    },
    Row {
        payload: Payload::Nebulas,
        text: base58(&[0x19, 0x57], 20, Flavour::Nebulas),
        message: MessageRule::Sha3,
        signature: SignatureForm::Recoverable,
        ..own("nebulas", 2718, "m/44'/2718'/0'/0/0", "RIPEMD-160 of SHA3-256, Base58")
    },
    neo("neo-legacy", 888, "m/44'/888'/0'/0/0", &[0x17], &[0x21], &[0xac]),
    Row {
        message: MessageRule::NeoN3,
        ..neo("neo-n3", 888, "m/44'/888'/0'/0/0", &[0x35], &[0x0c, 0x21], &[0x41, 0x56, 0xe7, 0xb3, 0x27])
    },
    Row { message: MessageRule::Sha256t, ..neo("ontology", 1024, "m/44'/1024'/0'/0/0", &[0x17], &[0x21], &[0xac]) },
];

const RIPPLE: Row = Row {
    message: MessageRule::Ripple,
    signature: SignatureForm::Der,
    ..own("ripple", 144, "m/44'/144'/0'/0/0", "HASH160, Base58Check in its own alphabet")
};

const AVALANCHE: Row = Row {
    payload: Payload::Hash160Compressed,
    signature: SignatureForm::Recoverable,
    ..own("avalanche-x", 9000, "m/44'/9000'/0'/0/0", "chain letter and HASH160, Bech32")
};

const fn avalanche(lead: &'static str) -> Text {
    Text::Bech32(lead, Nets::two("avax", "fuji"), 20)
}
