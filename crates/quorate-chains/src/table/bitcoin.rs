//! Bitcoin and what came from it.
//!
//! Versions and human-readable parts: each project's `chainparams`, SLIP-173.

use super::{BASE, SECP256K1};
use crate::{
    Curve, SignatureForm,
    chain::{Family, Row, Vectors},
    message::MessageRule,
    network::Nets,
    payload::Payload,
    text::{
        Text,
        base58::{Flavour, Versions},
    },
};

type Bytes = &'static [u8];

/// `SIGHASH_ALL`, alone and with the bit of the chains that forked for larger blocks.
const ALL: SignatureForm = SignatureForm::DerSighash(0x01);
const ALL_FORKID: SignatureForm = SignatureForm::DerSighash(0x41);

const COIN: Row = Row {
    family: Family::Bitcoin,
    curves: SECP256K1,
    payload: Payload::Hash160,
    message: MessageRule::Sha256d,
    signature: ALL,
    ..BASE
};

const fn p2pkh(name: &'static str, slip44: u32, path: &'static str, key: Nets<Bytes>, script: Nets<Bytes>) -> Row {
    let versions = Versions { lead: "", key, script: Some(script), length: 20, flavour: Flavour::Bitcoin };
    Row { name, slip44: Some(slip44), path, kind: "P2PKH, Base58Check", text: Text::Base58(versions), ..COIN }
}

const fn p2wpkh(name: &'static str, slip44: u32, path: &'static str, hrp: Nets<&'static str>) -> Row {
    let text = Text::Witness(hrp, 0, 20);
    Row { name, slip44: Some(slip44), path, kind: "P2WPKH, Bech32", payload: Payload::Hash160Compressed, text, ..COIN }
}

const fn cash(name: &'static str, slip44: u32, path: &'static str, prefix: Nets<&'static str>) -> Row {
    let text = Text::Cash(prefix);
    Row { name, slip44: Some(slip44), path, kind: "P2PKH, CashAddr", text, signature: ALL_FORKID, ..COIN }
}

/// Bitcoin's own versions on test networks, which most others kept.
const BTC_KEY: Nets<Bytes> = Nets::three(&[0x00], &[0x6f], &[0x6f]);
const BTC_SCRIPT: Nets<Bytes> = Nets::three(&[0x05], &[0xc4], &[0xc4]);
const BTC_HRP: Nets<&str> = Nets::three("bc", "tb", "bcrt");
/// Zcash's, which its forks kept.
const ZEC_KEY: Nets<Bytes> = Nets::three(&[0x1c, 0xb8], &[0x1d, 0x25], &[0x1d, 0x25]);
const ZEC_SCRIPT: Nets<Bytes> = Nets::three(&[0x1c, 0xbd], &[0x1c, 0xba], &[0x1c, 0xba]);

const fn one(version: Bytes) -> Nets<Bytes> {
    Nets::main(version)
}

const fn two(main: Bytes, test: Bytes) -> Nets<Bytes> {
    Nets::two(main, test)
}

pub(super) const ROWS: &[Row] = &[
    p2wpkh("bitcoin", 0, "m/84'/0'/0'/0/0", BTC_HRP),
    p2pkh("bitcoin-p2pkh", 0, "m/44'/0'/0'/0/0", BTC_KEY, BTC_SCRIPT),
    Row {
        kind: "P2SH of P2WPKH, Base58Check",
        payload: Payload::NestedWitness,
        text: Text::Base58(Versions { lead: "", key: BTC_SCRIPT, script: None, length: 20, flavour: Flavour::Bitcoin }),
        ..p2pkh("bitcoin-p2sh-p2wpkh", 0, "m/49'/0'/0'/0/0", BTC_SCRIPT, BTC_SCRIPT)
    },
    Row {
        curves: &[Curve::Bip340],
        kind: "P2TR, key path, Bech32m",
        payload: Payload::Taproot,
        text: Text::Witness(BTC_HRP, 1, 32),
        message: MessageRule::TapSighash,
        signature: SignatureForm::Bip340,
        ..p2wpkh("bitcoin-p2tr", 0, "m/86'/0'/0'/0/0", BTC_HRP)
    },
    cash("bitcoin-cash", 145, "m/44'/145'/0'/0/0", Nets::three("bitcoincash", "bchtest", "bchreg")),
    Row { signature: ALL_FORKID, ..p2pkh("bitcoin-sv", 236, "m/44'/236'/0'/0/0", BTC_KEY, BTC_SCRIPT) },
    p2wpkh("litecoin", 2, "m/84'/2'/0'/0/0", Nets::three("ltc", "tltc", "rltc")),
    p2pkh("litecoin-p2pkh", 2, "m/44'/2'/0'/0/0", two(&[0x30], &[0x6f]), two(&[0x32], &[0x3a])),
    p2pkh("dogecoin", 3, "m/44'/3'/0'/0/0", two(&[0x1e], &[0x71]), two(&[0x16], &[0xc4])),
    p2pkh("dash", 5, "m/44'/5'/0'/0/0", two(&[0x4c], &[0x8c]), two(&[0x10], &[0x13])),
    Row {
        kind: "P2PKH, Base58Check, two bytes of version",
        message: MessageRule::Zcash,
        ..p2pkh("zcash-transparent", 133, "m/44'/133'/0'/0/0", ZEC_KEY, ZEC_SCRIPT)
    },
    Row {
        kind: "P2PKH, Base58Check, two bytes of version",
        ..p2pkh("horizen", 121, "m/44'/121'/0'/0/0", two(&[0x20, 0x89], &[0x20, 0x98]), two(&[0x20, 0x96], &[0x20, 0x92]))
    },
    Row {
        kind: "P2PKH, Base58 with BLAKE-256",
        payload: Payload::Decred,
        text: Text::Base58(Versions {
            lead: "",
            key: two(&[0x07, 0x3f], &[0x0f, 0x21]),
            script: Some(two(&[0x07, 0x1a], &[0x0e, 0xfc])),
            length: 20,
            flavour: Flavour::Decred,
        }),
        message: MessageRule::Blake256,
        ..p2pkh("decred", 42, "m/44'/42'/0'/0/0", one(&[0x07, 0x3f]), one(&[0x07, 0x1a]))
    },
    p2pkh("ravencoin", 175, "m/44'/175'/0'/0/0", two(&[0x3c], &[0x6f]), two(&[0x7a], &[0xc4])),
    p2pkh("namecoin", 7, "m/44'/7'/0'/0/0", two(&[0x34], &[0x6f]), two(&[0x0d], &[0xc4])),
    Row {
        vectors: Vectors::Constructed,
        ..p2pkh("massgrid", 89, "m/44'/89'/0'/0/0", two(&[0x32], &[0x6f]), two(&[0x26], &[0xc4]))
    },
    Row {
        kind: "witness version 0 of BLAKE2b-160, Bech32",
        payload: Payload::Handshake,
        message: MessageRule::Blake2b,
        signature: SignatureForm::CompactSighash(0x01),
        ..p2wpkh("handshake", 5353, "m/44'/5353'/0'/0/0", Nets::three("hs", "ts", "rs"))
    },
    p2pkh("firo", 136, "m/44'/136'/0'/0/0", two(&[0x52], &[0x41]), two(&[0x07], &[0xb2])),
    Row { message: MessageRule::Zcash, ..p2pkh("komodo", 141, "m/44'/141'/0'/0/0", one(&[0x3c]), one(&[0x55])) },
    p2pkh("qtum", 2301, "m/44'/2301'/0'/0/0", two(&[0x3a], &[0x78]), two(&[0x32], &[0x6e])),
    p2pkh("pivx", 119, "m/44'/119'/0'/0/0", two(&[0x1e], &[0x8b]), two(&[0x0d], &[0x13])),
    p2pkh("monacoin", 22, "m/44'/22'/0'/0/0", two(&[0x32], &[0x6f]), two(&[0x37], &[0x75])),
    Row {
        kind: "P2PKH, Base58Check, two bytes of version",
        message: MessageRule::Zcash,
        ..p2pkh("flux", 19167, "m/44'/19167'/0'/0/0", one(&[0x1c, 0xb8]), one(&[0x1c, 0xbd]))
    },
    p2wpkh("digibyte", 20, "m/84'/20'/0'/0/0", Nets::three("dgb", "dgbt", "dgbrt")),
    p2wpkh("syscoin", 57, "m/84'/57'/0'/0/0", Nets::two("sys", "tsys")),
    p2wpkh("viacoin", 14, "m/84'/14'/0'/0/0", Nets::two("via", "tvia")),
    Row { signature: ALL_FORKID, ..p2wpkh("bitcoin-gold", 156, "m/84'/156'/0'/0/0", Nets::two("btg", "tbtg")) },
    Row { message: MessageRule::Sha256, ..p2wpkh("groestlcoin", 17, "m/84'/17'/0'/0/0", Nets::three("grs", "tgrs", "grsrt")) },
    cash("ecash", 899, "m/44'/899'/0'/0/0", Nets::three("ecash", "ectest", "ecregtest")),
    p2pkh("bitcoin-diamond", 999, "m/44'/999'/0'/0/0", one(&[0x00]), one(&[0x05])),
    p2pkh("verge", 77, "m/44'/77'/0'/0/0", one(&[0x1e]), one(&[0x21])),
    p2pkh("neblio", 146, "m/44'/146'/0'/0/0", one(&[0x35]), one(&[0x70])),
    Row {
        curves: &[Curve::Bip340, Curve::Secp256k1],
        kind: "key, in CashAddr's manner",
        payload: Payload::Kaspa,
        text: Text::Kaspa(Nets::two("kaspa", "kaspatest")),
        message: MessageRule::Kaspa,
        signature: SignatureForm::Bip340Sighash(0x01),
        ..cash("kaspa", 111_111, "m/44'/111111'/0'/0/0", Nets::two("kaspa", "kaspatest"))
    },
];
