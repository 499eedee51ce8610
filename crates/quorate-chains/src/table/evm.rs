//! Ethereum and chains with its accounts. Test networks have the same addresses; only the chain id in a transaction differs.

use super::{BASE, SECP256K1};
use crate::{
    SignatureForm,
    chain::{Family, Row},
    message::MessageRule,
    payload::Payload,
    text::Text,
};

/// A chain whose wallets use Ethereum's own path.
const fn evm(name: &'static str, chain_id: u64) -> Row {
    Row {
        name,
        family: Family::Ethereum,
        slip44: Some(60),
        path: "m/44'/60'/0'/0/0",
        curves: SECP256K1,
        kind: "20 bytes of Keccak-256, EIP-55",
        payload: Payload::Evm,
        text: Text::Evm("0x"),
        message: MessageRule::Keccak256,
        signature: SignatureForm::Recoverable,
        chain_id: Some(chain_id),
        ..BASE
    }
}

const fn own_path(name: &'static str, chain_id: u64, slip44: u32, path: &'static str) -> Row {
    Row { slip44: Some(slip44), path, ..evm(name, chain_id) }
}

pub(super) const ROWS: &[Row] = &[
    evm("ethereum", 1),
    own_path("ethereum-classic", 61, 61, "m/44'/61'/0'/0/0"),
    evm("bnb-smart-chain", 56),
    evm("polygon", 137),
    evm("mixin-virtual-machine", 73927),
    Row { text: Text::Evm("xdc"), ..own_path("xdc", 50, 550, "m/44'/550'/0'/0/0") },
    evm("arbitrum", 42161),
    evm("optimism", 10),
    evm("base", 8453),
    evm("avalanche-c", 43114),
    evm("hyperevm", 999),
    evm("fantom", 250),
    evm("sonic", 146),
    evm("gnosis", 100),
    evm("celo", 42220),
    evm("cronos-evm", 25),
    evm("zksync-era", 324),
    evm("linea", 59144),
    evm("scroll", 534_352),
    evm("mantle", 5000),
    evm("blast", 81457),
    evm("opbnb", 204),
    evm("moonbeam", 1284),
    evm("aurora", 1_313_161_554),
    evm("kaia", 8217),
    evm("conflux-espace", 1030),
    evm("sei-evm", 1329),
    evm("monad", 143),
    own_path("rootstock", 30, 137, "m/44'/137'/0'/0/0"),
    Row { text: Text::Evm("ronin:"), ..evm("ronin", 2020) },
    Row { message: MessageRule::Blake2b, chain_id: None, ..own_path("vechain", 0, 818, "m/44'/818'/0'/0/0") },
    own_path("theta", 361, 500, "m/44'/500'/0'/0/0"),
    own_path("greenfield", 1017, 5600, "m/44'/60'/0'/0/0"),
];
