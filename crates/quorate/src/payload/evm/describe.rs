//! An Ethereum transaction in words and numbers.

use alloy_primitives::{Address, U256};

use super::{
    super::{
        Description, Details,
        effect::{Asset, Effect, spends},
    },
    call::{Budget, Call, CallDetails, Place, approvals_together},
    parse::{Common, Fields, Parsed},
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
    /// The hashes of the blobs that the transaction pays for, in hexadecimal digits.
    pub blobs: Vec<String>,
    /// What the data asks the recipient to do; nothing if there is none, or no recipient.
    pub call: Option<CallDetails>,
}

impl EvmDetails {
    /// Whether the details tell all that the transaction does: it has a recipient, and data that is decoded here, or none. A recipient
    /// that is a contract still does what it likes with the value.
    #[must_use]
    pub fn is_decoded(&self) -> bool {
        self.to.is_some() && self.call.as_ref().is_none_or(CallDetails::is_decoded)
    }
}

/// Describes the transaction to its sender.
pub(super) fn describe(transaction: &Parsed, from: &Address) -> Description {
    let common = transaction.fields.common();
    let mut effects = Vec::new();
    let details = details(transaction, &common, from, &mut effects);
    let to = details.to.clone().unwrap_or_else(|| "nobody: it creates a contract".to_owned());
    let (version, chain_id) = (version(&transaction.fields), details.chain_id);
    let title = format!("Ethereum transaction ({version}) on chain {chain_id}: {} to {to}", ether(details.value));
    let mut description = Description::new(&title)
        .line("chain", &chain(chain_id))
        .line("from", &format!("{} (this key)", details.from))
        .line("to", &to)
        .line("value", &format!("{} = {} wei", ether(details.value), details.value))
        .line("fee", &format!("at most {}", ether(details.max_fee)))
        .line("gas limit", &details.gas_limit.to_string())
        .line("max fee per gas", &format!("{} wei", details.max_fee_per_gas));
    if let Some(tip) = details.max_priority_fee_per_gas {
        description = description.line("max priority fee per gas", &format!("{tip} wei"));
    }
    description = description.line("nonce", &details.nonce.to_string()).line("data", &data(&details));
    for (label, value) in details.call.iter().flat_map(|call| call.lines("")) {
        description = description.line(&label, &value);
    }
    if let (accounts @ 1.., keys) = details.access_list {
        description = description.line("access list", &format!("{accounts} accounts, {keys} storage keys"));
    }
    for (index, hash) in details.blobs.iter().enumerate() {
        description = description.line(&format!("blob {index}"), hash);
    }
    approvals_together(&mut effects);
    let spends = spends(&effects, Some((Asset::ether(chain_id), details.max_fee)));
    description.details(Details::Evm(details)).effects(effects, spends)
}

const fn version(fields: &Fields) -> &'static str {
    match fields {
        Fields::Legacy { .. } => "legacy",
        Fields::AccessList(_) => "EIP-2930",
        Fields::FeeMarket(_) => "EIP-1559",
        Fields::Blob(_) => "EIP-4844",
    }
}

fn details(transaction: &Parsed, common: &Common<'_>, from: &Address, effects: &mut Vec<Effect>) -> EvmDetails {
    let value = U256::from(common.value);
    let call = common.to.map(|to| Call { to, value, data: common.data, is_delegate: false });
    let budget = Budget::default();
    let call = call.map(|call| call.read(Place::new(Some(transaction.chain_id), &budget), effects));
    if call.is_none() {
        if common.value != 0 {
            let (asset, to) = (Asset::ether(transaction.chain_id), from.create(common.nonce).to_checksum(None));
            effects.push(Effect::Transfer { asset, to, amount: common.value });
        }
        effects.push(Effect::Undecoded { what: "the transaction creates a contract".to_owned() });
    }
    let keys = common.access_list.iter().map(|item| item.storage_keys.len()).sum();
    EvmDetails {
        chain_id: transaction.chain_id,
        from: from.to_checksum(None),
        to: common.to.map(|to| to.to_checksum(None)),
        value: common.value,
        max_fee_per_gas: common.max_fee_per_gas,
        max_priority_fee_per_gas: common.tip,
        gas_limit: common.gas_limit,
        max_fee: transaction.max_fee,
        spent: transaction.spent,
        nonce: common.nonce,
        data_bytes: common.data.len(),
        selector: common.data.get(..SELECTOR).filter(|_| common.to.is_some()).map(hex::encode),
        access_list: (common.access_list.len(), keys),
        blobs: common.blobs.iter().map(|hash| format!("0x{}", hex::encode(hash))).collect(),
        call: call.filter(|_| !common.data.is_empty()),
    }
}

pub(super) fn chain(id: u64) -> String {
    match id {
        1 => "1 (Ethereum)".to_owned(),
        11_155_111 => "11155111 (Sepolia, a test network)".to_owned(),
        other => other.to_string(),
    }
}

fn data(details: &EvmDetails) -> String {
    match (&details.selector, details.data_bytes) {
        (_, 0) => "none".to_owned(),
        (Some(selector), bytes) => format!("{bytes} bytes, selector {selector}"),
        (None, bytes) => format!("{bytes} bytes that are not decoded here, so that nobody can tell what they do"),
    }
}

fn ether(wei: u128) -> String {
    format!("{}.{:018} ether", wei / WEI_PER_ETHER, wei % WEI_PER_ETHER)
}
