//! An Ethereum transaction in words and numbers.

use alloy_primitives::{Address, Bytes, TxKind};

use super::{
    super::{Description, Details},
    parse::{Fields, Parsed},
};

const WEI_PER_ETHER: u128 = 1_000_000_000_000_000_000;
/// The bytes with which Solidity's calls name a function.
const SELECTOR: usize = 4;

/// An Ethereum transaction in numbers. Amounts are in wei (10⁻¹⁸ ether).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EvmDetails {
    /// The chain on which it is valid; 1 is Ethereum's main network.
    pub chain_id: u64,
    /// The sender: the key's address.
    pub from: String,
    /// The account that it goes to, or nothing if it creates a contract.
    pub to: Option<String>,
    /// What the recipient gets.
    pub value: u128,
    /// The most that a unit of gas can cost; the gas price of a legacy transaction.
    pub max_fee_per_gas: u128,
    /// The most of it that goes to the block's maker; nothing in a legacy transaction.
    pub max_priority_fee_per_gas: Option<u128>,
    /// The most gas that it can use.
    pub gas_limit: u64,
    /// The most that the fee can be.
    pub max_fee: u128,
    /// The most ether that this key loses: the value and the highest fee. What a call does to tokens is not in it.
    pub spent: u128,
    /// How many transactions the sender sent before.
    pub nonce: u64,
    /// How many bytes of data go to the recipient, or make the contract.
    pub data_bytes: usize,
    /// The first four of them, in hexadecimal digits: the function that is called, if the recipient is a contract.
    pub selector: Option<String>,
    /// How many accounts and storage keys the access list names. It changes the price and nothing else.
    pub access_list: (usize, usize),
}

impl EvmDetails {
    /// Whether the details tell all that the transaction does: it has a recipient and no data. A recipient that is a contract still
    /// does what it likes with the value.
    #[must_use]
    pub const fn is_decoded(&self) -> bool {
        self.to.is_some() && self.data_bytes == 0
    }
}

/// Describes the transaction to its sender.
pub(super) fn describe(transaction: &Parsed, from: &Address) -> Description {
    let details = details(transaction, from);
    let version = if details.max_priority_fee_per_gas.is_some() { "EIP-1559" } else { "legacy" };
    let to = details.to.clone().unwrap_or_else(|| "nobody: it creates a contract".to_owned());
    let title = format!("Ethereum transaction ({version}) on chain {}: {} to {to}", details.chain_id, ether(details.value));
    let description = Description::new(&title)
        .line("chain", &chain(details.chain_id))
        .line("from", &format!("{} (this key)", details.from))
        .line("to", &to)
        .line("value", &format!("{} = {} wei", ether(details.value), details.value))
        .line("fee", &format!("at most {}", ether(details.max_fee)))
        .line("gas limit", &details.gas_limit.to_string())
        .line("max fee per gas", &format!("{} wei", details.max_fee_per_gas));
    let description = match details.max_priority_fee_per_gas {
        Some(tip) => description.line("max priority fee per gas", &format!("{tip} wei")),
        None => description,
    };
    let description = description.line("nonce", &details.nonce.to_string()).line("data", &data(&details));
    let description = match details.access_list {
        (0, _) => description,
        (accounts, keys) => description.line("access list", &format!("{accounts} accounts, {keys} storage keys")),
    };
    description.details(Details::Evm(details))
}

fn details(transaction: &Parsed, from: &Address) -> EvmDetails {
    let common = |to: &TxKind, value, data: &Bytes| EvmDetails {
        chain_id: transaction.chain_id,
        from: from.to_checksum(None),
        to: to.to().map(|to| to.to_checksum(None)),
        value,
        max_fee_per_gas: 0,
        max_priority_fee_per_gas: None,
        gas_limit: 0,
        max_fee: transaction.max_fee,
        spent: transaction.spent,
        nonce: 0,
        data_bytes: data.len(),
        selector: data.get(..SELECTOR).filter(|_| to.is_call()).map(hex::encode),
        access_list: (0, 0),
    };
    match &transaction.fields {
        Fields::FeeMarket(fields) => EvmDetails {
            max_fee_per_gas: fields.max_fee_per_gas,
            max_priority_fee_per_gas: Some(fields.max_priority_fee_per_gas),
            gas_limit: fields.gas_limit,
            nonce: fields.nonce,
            access_list: (fields.access_list.len(), fields.access_list.iter().map(|item| item.storage_keys.len()).sum()),
            ..common(&fields.to, fields.value, &fields.data)
        },
        Fields::Legacy { call } => EvmDetails {
            max_fee_per_gas: call.gas_price,
            gas_limit: call.gas_limit,
            nonce: call.nonce,
            ..common(&call.to, call.value, &call.data)
        },
    }
}

fn chain(id: u64) -> String {
    match id {
        1 => "1 (Ethereum)".to_owned(),
        11_155_111 => "11155111 (Sepolia, a test network)".to_owned(),
        other => other.to_string(),
    }
}

fn data(details: &EvmDetails) -> String {
    match (&details.selector, details.data_bytes) {
        (_, 0) => "none".to_owned(),
        (Some(selector), bytes) => {
            format!("{bytes} bytes, selector {selector}; not decoded here, so that nobody can tell what the call does")
        }
        (None, bytes) => format!("{bytes} bytes that are not decoded here, so that nobody can tell what they do"),
    }
}

fn ether(wei: u128) -> String {
    format!("{}.{:018} ether", wei / WEI_PER_ETHER, wei % WEI_PER_ETHER)
}
