//! Chains of the Cosmos SDK: Bech32 of a hash, and those among them that hash as Ethereum does.

use super::{BASE, SECP256K1};
use crate::{
    SignatureForm,
    chain::{Family, Row},
    message::MessageRule,
    network::Nets,
    payload::Payload,
    text::Text,
};

const fn cosmos(name: &'static str, slip44: u32, path: &'static str, hrp: Nets<&'static str>) -> Row {
    Row {
        name,
        family: Family::Cosmos,
        slip44: Some(slip44),
        path,
        curves: SECP256K1,
        kind: "HASH160, Bech32",
        payload: Payload::Hash160Compressed,
        text: Text::Bech32("", hrp, 20),
        message: MessageRule::Sha256,
        signature: SignatureForm::Compact,
        ..BASE
    }
}

/// A chain with the hub's coin type, as most have.
const fn hub(name: &'static str, hrp: &'static str) -> Row {
    cosmos(name, 118, "m/44'/118'/0'/0/0", Nets::main(hrp))
}

const fn ethermint(name: &'static str, hrp: Nets<&'static str>) -> Row {
    Row {
        kind: "20 bytes of Keccak-256, Bech32",
        payload: Payload::Evm,
        message: MessageRule::Keccak256,
        ..cosmos(name, 60, "m/44'/60'/0'/0/0", hrp)
    }
}

pub(super) const ROWS: &[Row] = &[
    cosmos("cosmos-hub", 118, "m/44'/118'/0'/0/0", Nets::same("cosmos")),
    hub("akash", "akash"),
    cosmos("bnb-beacon-chain", 714, "m/44'/714'/0'/0/0", Nets::two("bnb", "tbnb")),
    cosmos("terra", 330, "m/44'/330'/0'/0/0", Nets::same("terra")),
    cosmos("osmosis", 118, "m/44'/118'/0'/0/0", Nets::same("osmo")),
    hub("celestia", "celestia"),
    hub("sei", "sei"),
    hub("dydx", "dydx"),
    hub("noble", "noble"),
    hub("axelar", "axelar"),
    hub("juno", "juno"),
    hub("stride", "stride"),
    hub("neutron", "neutron"),
    hub("fetch-ai", "fetch"),
    cosmos("kava", 459, "m/44'/459'/0'/0/0", Nets::main("kava")),
    cosmos("band", 494, "m/44'/494'/0'/0/0", Nets::main("band")),
    cosmos("thorchain", 931, "m/44'/931'/0'/0/0", Nets::main("thor")),
    cosmos("cronos-pos", 394, "m/44'/394'/0'/0/0", Nets::two("cro", "tcro")),
    cosmos("secret", 529, "m/44'/529'/0'/0/0", Nets::main("secret")),
    cosmos("agoric", 564, "m/44'/564'/0'/0/0", Nets::main("agoric")),
    cosmos("coreum", 990, "m/44'/990'/0'/0/0", Nets::main("core")),
    ethermint("injective", Nets::main("inj")),
    ethermint("evmos", Nets::main("evmos")),
    ethermint("zetachain", Nets::main("zeta")),
    Row {
        family: Family::Ethereum,
        slip44: Some(1023),
        path: "m/44'/1023'/0'/0/0",
        signature: SignatureForm::Recoverable,
        ..ethermint("harmony", Nets::main("one"))
    },
    Row {
        family: Family::Own,
        slip44: Some(304),
        path: "m/44'/304'/0'/0/0",
        signature: SignatureForm::Recoverable,
        ..ethermint("iotex", Nets::two("io", "it"))
    },
];
