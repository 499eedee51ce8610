//! Reads the bytes that a sender signs, as strictly as the network does.

use alloy_primitives::{Address, B256, Bytes, TxKind};
use alloy_rlp::{Decodable, Encodable, Header, RlpDecodable, RlpEncodable};

/// The first byte of an EIP-1559 transaction.
pub(super) const FEE_MARKET: u8 = 2;
/// The longest transaction, in bytes: what nodes pass on.
pub(super) const MAX_TRANSACTION: usize = 128 * 1024;
/// The items of a signed EIP-1559 transaction.
const SIGNED_FEE_MARKET: usize = 12;
/// The items of a legacy transaction without a chain id.
const BEFORE_EIP_155: usize = 6;
/// EIP-2294: so that `2 · chain_id + 36` has its place.
const MAX_CHAIN_ID: u64 = (u64::MAX - 36) / 2;

/// What is wrong with an Ethereum transaction. The wallet that made it must change it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EvmError {
    /// Neither binary nor hexadecimal digits.
    #[error("neither a binary transaction nor hexadecimal digits")]
    NotHex,
    /// More bytes than nodes pass on.
    #[error("the transaction is longer than {MAX_TRANSACTION} bytes")]
    TooLong,
    /// A type of transaction that is not signed here.
    #[error("a transaction of type {found} is not signed here; use EIP-1559 (type 2) or a legacy one with a chain id")]
    UnsupportedType {
        /// The first byte.
        found: u8,
    },
    /// Not the items in RLP.
    #[error("not an unsigned transaction of this type in RLP")]
    Malformed(#[source] alloy_rlp::Error),
    /// The same transaction has another encoding, which is the right one.
    #[error("the transaction is not in its canonical encoding, or bytes follow it")]
    NotCanonical,
    /// A legacy transaction that would be valid on every chain, or a chain id that is none.
    #[error("the transaction names no chain; add its chain id (EIP-155)")]
    ChainId,
    /// The signature's place is taken.
    #[error("the transaction is signed already, or the items after its chain id are not zero")]
    AlreadySigned,
    /// Amounts that no chain has.
    #[error("the value and the fee together exceed all amounts that there are")]
    Amounts,
    /// A tip above the whole fee.
    #[error("the priority fee is above the maximal fee")]
    PriorityFee,
    /// No account can ever send this.
    #[error("the nonce is too large")]
    Nonce,
}

/// A transaction, read and checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parsed {
    pub(super) fields: Fields,
    pub(super) chain_id: u64,
    /// The most that the gas can cost.
    pub(super) max_fee: u128,
    /// The value and the most that the gas can cost.
    pub(super) spent: u128,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fields {
    FeeMarket(FeeMarket),
    Legacy { call: LegacyCall },
}

/// EIP-1559. Values have at most 128 bits: there is no chain with more to give.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub(super) struct FeeMarket {
    pub(super) chain_id: u64,
    pub(super) nonce: u64,
    pub(super) max_priority_fee_per_gas: u128,
    pub(super) max_fee_per_gas: u128,
    pub(super) gas_limit: u64,
    pub(super) to: TxKind,
    pub(super) value: u128,
    pub(super) data: Bytes,
    pub(super) access_list: Vec<AccessListItem>,
}

/// EIP-2930.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub(super) struct AccessListItem {
    pub(super) address: Address,
    pub(super) storage_keys: Vec<B256>,
}

/// The six items with which signed and unsigned legacy transactions start.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable)]
pub(super) struct LegacyCall {
    pub(super) nonce: u64,
    pub(super) gas_price: u128,
    pub(super) gas_limit: u64,
    pub(super) to: TxKind,
    pub(super) value: u128,
    pub(super) data: Bytes,
}

/// EIP-155.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
struct Legacy {
    nonce: u64,
    gas_price: u128,
    gas_limit: u64,
    to: TxKind,
    value: u128,
    data: Bytes,
    chain_id: u64,
    r: Bytes,
    s: Bytes,
}

impl Parsed {
    /// Reads exactly one transaction.
    pub(super) fn new(bytes: &[u8]) -> Result<Self, EvmError> {
        if bytes.len() > MAX_TRANSACTION {
            return Err(EvmError::TooLong);
        }
        match bytes.split_first() {
            Some((&FEE_MARKET, rest)) if count(rest)? == SIGNED_FEE_MARKET => Err(EvmError::AlreadySigned),
            Some((&FEE_MARKET, rest)) => Self::fee_market(decode(rest)?),
            // A list in RLP.
            Some((0xc0.., _)) => Self::legacy(bytes),
            Some((found, _)) => Err(EvmError::UnsupportedType { found: *found }),
            None => Err(EvmError::Malformed(alloy_rlp::Error::InputTooShort)),
        }
    }

    fn fee_market(fields: FeeMarket) -> Result<Self, EvmError> {
        if fields.max_priority_fee_per_gas > fields.max_fee_per_gas {
            return Err(EvmError::PriorityFee);
        }
        let (chain_id, amounts) = (fields.chain_id, (fields.gas_limit, fields.max_fee_per_gas, fields.value));
        Self::checked(chain_id, fields.nonce, amounts, Fields::FeeMarket(fields))
    }

    fn legacy(bytes: &[u8]) -> Result<Self, EvmError> {
        if count(bytes)? == BEFORE_EIP_155 {
            return Err(EvmError::ChainId);
        }
        let Legacy { nonce, gas_price, gas_limit, to, value, data, chain_id, r, s } = decode(bytes)?;
        if !r.is_empty() || !s.is_empty() {
            return Err(EvmError::AlreadySigned);
        }
        let call = LegacyCall { nonce, gas_price, gas_limit, to, value, data };
        Self::checked(chain_id, nonce, (gas_limit, gas_price, value), Fields::Legacy { call })
    }

    fn checked(chain_id: u64, nonce: u64, amounts: (u64, u128, u128), fields: Fields) -> Result<Self, EvmError> {
        if chain_id == 0 || chain_id > MAX_CHAIN_ID {
            return Err(EvmError::ChainId);
        }
        // EIP-2681.
        if nonce == u64::MAX {
            return Err(EvmError::Nonce);
        }
        let (gas_limit, price, value) = amounts;
        let max_fee = u128::from(gas_limit).checked_mul(price).ok_or(EvmError::Amounts)?;
        let spent = value.checked_add(max_fee).ok_or(EvmError::Amounts)?;
        Ok(Self { fields, chain_id, max_fee, spent })
    }
}

/// Reads the items, and compares what they encode to with the bytes.
fn decode<T: Decodable + Encodable>(bytes: &[u8]) -> Result<T, EvmError> {
    let mut rest = bytes;
    let value = T::decode(&mut rest).map_err(EvmError::Malformed)?;
    if rest.is_empty() && alloy_rlp::encode(&value) == bytes { Ok(value) } else { Err(EvmError::NotCanonical) }
}

/// How many items a list has.
fn count(mut bytes: &[u8]) -> Result<usize, EvmError> {
    let mut items = Header::decode_bytes(&mut bytes, true).map_err(EvmError::Malformed)?;
    let mut count = 0_usize;
    while !items.is_empty() {
        let header = Header::decode(&mut items).map_err(EvmError::Malformed)?;
        items = items.get(header.payload_length..).ok_or(EvmError::Malformed(alloy_rlp::Error::InputTooShort))?;
        count = count.saturating_add(1);
    }
    Ok(count)
}

/// The items of a list one after another, without the list's header.
pub(super) fn payload(list: &impl Encodable) -> Vec<u8> {
    let encoded = alloy_rlp::encode(list);
    let mut items = encoded.as_slice();
    // What was just encoded has a header.
    Header::decode(&mut items).map(|_| items.to_vec()).unwrap_or_default()
}
