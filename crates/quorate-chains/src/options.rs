//! What an address, a signature or a message hash takes beside the key or the bytes.

use crate::{Curve, Network, VerifyingKey, signature::SignatureForm};

/// What an address takes beside a key. The default is the main network and what wallets do if nobody asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AddressOptions {
    /// The network.
    pub network: Network,
    /// Cardano: the stake key of a base address.
    pub stake_key: Option<[u8; 32]>,
    /// TON: which wallet contract, and how its address is written.
    pub ton: TonWallet,
    /// Internet Computer: the subaccount of an account identifier; the default account has zeros.
    pub subaccount: [u8; 32],
    /// EVM chains: the checksum of EIP-1191, which binds the chain id, instead of EIP-55's. Rootstock's wallets know it.
    pub eip1191: bool,
}

impl AddressOptions {
    /// The defaults, on that network.
    #[must_use]
    pub fn on(network: Network) -> Self {
        Self { network, ..Self::default() }
    }

    /// With a Cardano stake key.
    #[must_use]
    pub const fn with_stake_key(mut self, key: [u8; 32]) -> Self {
        self.stake_key = Some(key);
        self
    }

    /// With that TON wallet.
    #[must_use]
    pub const fn with_ton(mut self, ton: TonWallet) -> Self {
        self.ton = ton;
        self
    }
}

/// A TON wallet contract of one key: the address is a hash of its code and first data, so that each version has another address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TonWallet {
    /// The contract.
    pub version: TonVersion,
    /// Whether money for a contract that does not exist comes back. Wallets show the other form, as a new wallet does not exist yet.
    pub bounceable: bool,
    /// 0, or −1 for the masterchain.
    pub workchain: i8,
    /// What keeps several wallets of one key apart [default: the contract's usual one].
    pub wallet_id: Option<u32>,
}

impl TonWallet {
    /// The usual wallet of that version.
    #[must_use]
    pub fn new(version: TonVersion) -> Self {
        Self { version, ..Self::default() }
    }
}

/// A version of TON's wallet contract.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TonVersion {
    /// Wallet v3, revision 2.
    V3R2,
    /// Wallet v4, revision 2.
    #[default]
    V4R2,
    /// Wallet v5, revision 1 ("W5").
    V5R1,
}

/// What a signature's encoding or a message's hash takes beside its bytes. The default is the chain's usual form of a transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SigningOptions {
    /// The curve of the key, on chains that know several [default: the chain's first one].
    pub curve: Option<Curve>,
    /// Another form than the chain's usual one.
    pub form: Option<SignatureForm>,
    /// The sighash type, on chains whose signatures end with one [default: the chain's "all"].
    pub sighash: Option<u8>,
    /// EVM chains: another chain id than the table's, for a fork or a test network.
    pub chain_id: Option<u64>,
    /// The key, where signatures carry it (Sui) or a part of it (Stellar).
    pub key: Option<VerifyingKey>,
    /// Zcash and its forks: which rules the transaction is of.
    pub zcash: Option<ZcashRules>,
    /// The network, where it is part of what is hashed (NEO N3).
    pub network: Network,
}

impl SigningOptions {
    /// With another form.
    #[must_use]
    pub const fn with_form(mut self, form: SignatureForm) -> Self {
        self.form = Some(form);
        self
    }

    /// With the key that signed.
    #[must_use]
    pub const fn with_key(mut self, key: VerifyingKey) -> Self {
        self.key = Some(key);
        self
    }

    /// With the curve that signs.
    #[must_use]
    pub const fn with_curve(mut self, curve: Curve) -> Self {
        self.curve = Some(curve);
        self
    }

    /// With another sighash type.
    #[must_use]
    pub const fn with_sighash(mut self, sighash: u8) -> Self {
        self.sighash = Some(sighash);
        self
    }

    /// With the rules of a Zcash transaction.
    #[must_use]
    pub const fn with_zcash(mut self, rules: ZcashRules) -> Self {
        self.zcash = Some(rules);
        self
    }
}

/// Which rules a transaction of Zcash or one of its forks is of; both are part of its hash's personalisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ZcashRules {
    /// Version 4, ZIP-243.
    V4 {
        /// The consensus branch.
        branch_id: u32,
    },
    /// Version 5, ZIP-244: the bytes are the digests of the transaction's parts.
    V5 {
        /// The consensus branch.
        branch_id: u32,
    },
}
