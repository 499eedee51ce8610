//! `chains`, and what `address --chain` takes.

use clap::{Args, ValueEnum};

#[derive(Args, Debug)]
pub(crate) struct ChainsArgs {
    /// Only chains whose name, family or curve has this in it, for example bitcoin or ed25519 [default: all].
    #[arg(value_name = "TEXT")]
    pub(crate) filter: Option<String>,
}

/// The chain whose address is shown, and what its address takes beside a key.
#[derive(Args, Debug)]
pub(crate) struct ChainArgs {
    /// Show the wallet's address on this chain; `quorate chains` lists the names.
    #[arg(long, value_name = "NAME")]
    pub(crate) chain: Option<String>,
    /// Cardano: the stake key of a base address, 64 hexadecimal digits.
    #[arg(long, value_name = "HEX", requires = "chain", help_heading = "Single chains")]
    pub(crate) stake_key: Option<String>,
    /// TON: the version of the wallet contract; each has another address.
    #[arg(long, value_enum, default_value_t = TonVersion::V4r2, requires = "chain", help_heading = "Single chains")]
    pub(crate) ton_version: TonVersion,
    /// TON: the form of the address from which money for a contract that does not exist comes back.
    #[arg(long, requires = "chain", help_heading = "Single chains")]
    pub(crate) ton_bounceable: bool,
    /// TON: the workchain, 0, or -1 for the masterchain.
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 0,
        allow_negative_numbers = true,
        value_parser = clap::value_parser!(i8).range(-1..=0),
        requires = "chain",
        help_heading = "Single chains"
    )]
    pub(crate) ton_workchain: i8,
    /// TON: the number that keeps several wallets of one key apart [default: the contract's usual one].
    #[arg(long, value_name = "NUMBER", requires = "chain", help_heading = "Single chains")]
    pub(crate) ton_wallet_id: Option<u32>,
    /// Internet Computer: the subaccount, 64 hexadecimal digits [default: zeros].
    #[arg(long, value_name = "HEX", requires = "chain", help_heading = "Single chains")]
    pub(crate) subaccount: Option<String>,
    /// Ethereum and its like: the checksum of EIP-1191, which binds the chain's number, instead of EIP-55's.
    #[arg(long, requires = "chain", help_heading = "Single chains")]
    pub(crate) eip1191: bool,
}

/// A version of TON's wallet contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TonVersion {
    /// Wallet v3, revision 2.
    V3r2,
    /// Wallet v4, revision 2.
    V4r2,
    /// Wallet v5, revision 1 (W5).
    V5r1,
}

impl From<TonVersion> for quorate_chains::TonVersion {
    fn from(version: TonVersion) -> Self {
        match version {
            TonVersion::V3r2 => Self::V3R2,
            TonVersion::V4r2 => Self::V4R2,
            TonVersion::V5r1 => Self::V5R1,
        }
    }
}
