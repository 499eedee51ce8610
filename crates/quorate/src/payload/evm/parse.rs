//! Reads the bytes that a sender signs, as strictly as the network does.

use alloy_primitives::{Address, B256, Bytes, TxKind};
use alloy_rlp::{Decodable, Encodable, Header, RlpDecodable, RlpEncodable};

/// The first byte of an EIP-2930 transaction.
pub(super) const ACCESS_LIST: u8 = 1;
/// The first byte of an EIP-1559 transaction.
pub(super) const FEE_MARKET: u8 = 2;
/// The first byte of an EIP-4844 transaction.
pub(super) const BLOB: u8 = 3;
/// EIP-4844: the gas of one blob, 2^17.
const GAS_PER_BLOB: u128 = 131_072;
/// EIP-4844: the first byte of a versioned hash.
const VERSIONED_HASH: u8 = 1;
/// The most blobs that are listed; networks allow fewer.
const MAX_BLOBS: usize = 64;
/// The longest transaction, in bytes: what nodes pass on.
pub(super) const MAX_TRANSACTION: usize = 128 * 1024;
/// The items of signed transactions of EIP-2930, EIP-1559 and EIP-4844.
const SIGNED: [(u8, usize); 3] = [(ACCESS_LIST, 11), (FEE_MARKET, 12), (BLOB, 14)];
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
    #[error("a transaction of type {found} is not signed here; use type 2 (EIP-1559), 1 or 3, or a legacy one with a chain id")]
    UnsupportedType {
        /// The first byte.
        found: u8,
    },
    /// Not the items in RLP.
    #[error("not an unsigned transaction of this type in RLP, at byte {at}")]
    Malformed {
        /// Where the item starts that is not as it should be, or missing; from 0.
        at: usize,
        /// What is wrong with it.
        #[source]
        source: alloy_rlp::Error,
    },
    /// The same transaction has another encoding, which is the right one.
    #[error("the transaction is not in its canonical encoding, or bytes follow it, at byte {at}")]
    NotCanonical {
        /// The first byte that is another one there, from 0.
        at: usize,
    },
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
    /// A blob transaction without blobs, or with more than are shown.
    #[error("a blob transaction names between 1 and {MAX_BLOBS} blobs")]
    Blobs,
    /// A hash that is none of a blob.
    #[error("blob hash {index} has a version that is not known here")]
    BlobHash {
        /// Its place, from 0.
        index: usize,
    },
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
    Legacy { call: LegacyCall },
    AccessList(AccessList),
    FeeMarket(FeeMarket),
    Blob(Blob),
}

/// What all types have, in one form.
#[derive(Clone, Copy, Debug)]
pub(super) struct Common<'a> {
    pub(super) nonce: u64,
    pub(super) max_fee_per_gas: u128,
    pub(super) tip: Option<u128>,
    pub(super) gas_limit: u64,
    pub(super) to: Option<Address>,
    pub(super) value: u128,
    pub(super) data: &'a [u8],
    pub(super) access_list: &'a [AccessListItem],
    pub(super) blobs: &'a [B256],
    pub(super) max_fee_per_blob_gas: u128,
}

impl Fields {
    pub(super) fn common(&self) -> Common<'_> {
        match self {
            Self::Legacy { call } => Common::new((call.nonce, call.gas_price, call.gas_limit), call.to, call.value, &call.data),
            Self::AccessList(fields) => Common {
                access_list: &fields.access_list,
                ..Common::new((fields.nonce, fields.gas_price, fields.gas_limit), fields.to, fields.value, &fields.data)
            },
            Self::FeeMarket(fields) => Common {
                tip: Some(fields.max_priority_fee_per_gas),
                access_list: &fields.access_list,
                ..Common::new((fields.nonce, fields.max_fee_per_gas, fields.gas_limit), fields.to, fields.value, &fields.data)
            },
            Self::Blob(fields) => Common {
                tip: Some(fields.max_priority_fee_per_gas),
                access_list: &fields.access_list,
                blobs: &fields.blob_hashes,
                max_fee_per_blob_gas: fields.max_fee_per_blob_gas,
                ..Common::new(
                    (fields.nonce, fields.max_fee_per_gas, fields.gas_limit),
                    TxKind::Call(fields.to),
                    fields.value,
                    &fields.data,
                )
            },
        }
    }
}

impl<'a> Common<'a> {
    fn new((nonce, max_fee_per_gas, gas_limit): (u64, u128, u64), to: TxKind, value: u128, data: &'a Bytes) -> Self {
        let (access_list, blobs) = (&[][..], &[][..]);
        let to = to.to().copied();
        Self { nonce, max_fee_per_gas, tip: None, gas_limit, to, value, data, access_list, blobs, max_fee_per_blob_gas: 0 }
    }

    /// The most that the gas and the blobs can cost, and that with the value.
    fn amounts(&self) -> Option<(u128, u128)> {
        let blob_gas = u128::try_from(self.blobs.len()).ok()?.checked_mul(GAS_PER_BLOB)?;
        let blobs = blob_gas.checked_mul(self.max_fee_per_blob_gas)?;
        let max_fee = u128::from(self.gas_limit).checked_mul(self.max_fee_per_gas)?.checked_add(blobs)?;
        Some((max_fee, self.value.checked_add(max_fee)?))
    }
}

/// EIP-2930.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub(super) struct AccessList {
    pub(super) chain_id: u64,
    pub(super) nonce: u64,
    pub(super) gas_price: u128,
    pub(super) gas_limit: u64,
    pub(super) to: TxKind,
    pub(super) value: u128,
    pub(super) data: Bytes,
    pub(super) access_list: Vec<AccessListItem>,
}

/// EIP-4844: the body that is signed; the blobs themselves travel beside it. It creates no contract.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub(super) struct Blob {
    pub(super) chain_id: u64,
    pub(super) nonce: u64,
    pub(super) max_priority_fee_per_gas: u128,
    pub(super) max_fee_per_gas: u128,
    pub(super) gas_limit: u64,
    pub(super) to: Address,
    pub(super) value: u128,
    pub(super) data: Bytes,
    pub(super) access_list: Vec<AccessListItem>,
    pub(super) max_fee_per_blob_gas: u128,
    pub(super) blob_hashes: Vec<B256>,
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
        let Some((first, rest)) = bytes.split_first() else {
            return Err(EvmError::Malformed { at: 0, source: alloy_rlp::Error::InputTooShort });
        };
        if let Some((_, signed)) = SIGNED.iter().find(|(kind, _)| kind == first)
            && count(rest) == Some(*signed)
        {
            return Err(EvmError::AlreadySigned);
        }
        match *first {
            ACCESS_LIST => {
                let fields: AccessList = decode(bytes, rest)?;
                Self::checked(fields.chain_id, Fields::AccessList(fields))
            }
            FEE_MARKET => {
                let fields: FeeMarket = decode(bytes, rest)?;
                Self::checked(fields.chain_id, Fields::FeeMarket(fields))
            }
            BLOB => Self::blob(decode(bytes, rest)?),
            // A list in RLP.
            0xc0.. => Self::legacy(bytes),
            found => Err(EvmError::UnsupportedType { found }),
        }
    }

    fn blob(fields: Blob) -> Result<Self, EvmError> {
        if !(1..=MAX_BLOBS).contains(&fields.blob_hashes.len()) {
            return Err(EvmError::Blobs);
        }
        let unknown = |hash: &B256| hash.first() != Some(&VERSIONED_HASH);
        match fields.blob_hashes.iter().position(unknown) {
            Some(index) => Err(EvmError::BlobHash { index }),
            None => Self::checked(fields.chain_id, Fields::Blob(fields)),
        }
    }

    fn legacy(bytes: &[u8]) -> Result<Self, EvmError> {
        if count(bytes) == Some(BEFORE_EIP_155) {
            return Err(EvmError::ChainId);
        }
        let Legacy { nonce, gas_price, gas_limit, to, value, data, chain_id, r, s } = decode(bytes, bytes)?;
        if !r.is_empty() || !s.is_empty() {
            return Err(EvmError::AlreadySigned);
        }
        let call = LegacyCall { nonce, gas_price, gas_limit, to, value, data };
        Self::checked(chain_id, Fields::Legacy { call })
    }

    fn checked(chain_id: u64, fields: Fields) -> Result<Self, EvmError> {
        if chain_id == 0 || chain_id > MAX_CHAIN_ID {
            return Err(EvmError::ChainId);
        }
        let common = fields.common();
        if common.tip.is_some_and(|tip| tip > common.max_fee_per_gas) {
            return Err(EvmError::PriorityFee);
        }
        // EIP-2681.
        if common.nonce == u64::MAX {
            return Err(EvmError::Nonce);
        }
        let (max_fee, spent) = common.amounts().ok_or(EvmError::Amounts)?;
        Ok(Self { fields, chain_id, max_fee, spent })
    }
}

/// Reads the items in `list`, the end of `bytes`, and compares what they encode to with it.
fn decode<T: Decodable + Encodable + Layout>(bytes: &[u8], list: &[u8]) -> Result<T, EvmError> {
    let mut rest = list;
    let before = bytes.len().saturating_sub(list.len());
    let value = T::decode(&mut rest)
        .map_err(|source| EvmError::Malformed { at: before.saturating_add(position(T::ITEMS, list)), source })?;
    if rest.is_empty() && alloy_rlp::encode(&value) == list {
        return Ok(value);
    }
    // The lengths in the lists' headers differ as well: what counts is the first item that does.
    let (mut items, encoded) = (list, payload(&value));
    let header = Header::decode(&mut items).map_or(0, |_| list.len().saturating_sub(items.len()));
    let same = encoded.iter().zip(items).take_while(|(one, other)| one == other).count();
    Err(EvmError::NotCanonical { at: before.saturating_add(header).saturating_add(same) })
}

/// The types of a list's items, for the position of what does not fit.
trait Layout {
    /// Each reads an item, and says whether it is one.
    const ITEMS: &'static [fn(&mut &[u8]) -> bool];
}

fn reads<T: Decodable>(input: &mut &[u8]) -> bool {
    T::decode(input).is_ok()
}

impl Layout for AccessList {
    const ITEMS: &'static [fn(&mut &[u8]) -> bool] = &[
        reads::<u64>,
        reads::<u64>,
        reads::<u128>,
        reads::<u64>,
        reads::<TxKind>,
        reads::<u128>,
        reads::<Bytes>,
        reads::<Vec<AccessListItem>>,
    ];
}

impl Layout for FeeMarket {
    const ITEMS: &'static [fn(&mut &[u8]) -> bool] = &[
        reads::<u64>,
        reads::<u64>,
        reads::<u128>,
        reads::<u128>,
        reads::<u64>,
        reads::<TxKind>,
        reads::<u128>,
        reads::<Bytes>,
        reads::<Vec<AccessListItem>>,
    ];
}

impl Layout for Blob {
    const ITEMS: &'static [fn(&mut &[u8]) -> bool] = &[
        reads::<u64>,
        reads::<u64>,
        reads::<u128>,
        reads::<u128>,
        reads::<u64>,
        reads::<Address>,
        reads::<u128>,
        reads::<Bytes>,
        reads::<Vec<AccessListItem>>,
        reads::<u128>,
        reads::<Vec<B256>>,
    ];
}

impl Layout for Legacy {
    const ITEMS: &'static [fn(&mut &[u8]) -> bool] = &[
        reads::<u64>,
        reads::<u128>,
        reads::<u64>,
        reads::<TxKind>,
        reads::<u128>,
        reads::<Bytes>,
        reads::<u64>,
        reads::<Bytes>,
        reads::<Bytes>,
    ];
}

/// Where a list that does not decode goes wrong: its header, its first item of another type, or the place where one is missing or too many.
fn position(items: &[fn(&mut &[u8]) -> bool], list: &[u8]) -> usize {
    let mut rest = list;
    let Some(header) = Header::decode(&mut rest).ok().filter(|header| header.list) else { return 0 };
    let at = |rest: &[u8]| list.len().saturating_sub(rest.len());
    if rest.len() < header.payload_length {
        return list.len();
    }
    let behind = rest.len().saturating_sub(header.payload_length);
    for reads in items {
        let start = at(rest);
        if rest.len() <= behind || !reads(&mut rest) {
            return start;
        }
    }
    at(rest)
}

/// How many items a list has, if it is one.
fn count(mut bytes: &[u8]) -> Option<usize> {
    let mut items = Header::decode_bytes(&mut bytes, true).ok()?;
    let mut count = 0_usize;
    while !items.is_empty() {
        let header = Header::decode(&mut items).ok()?;
        items = items.get(header.payload_length..)?;
        count = count.saturating_add(1);
    }
    Some(count)
}

/// The items of a list one after another, without the list's header.
pub(super) fn payload(list: &impl Encodable) -> Vec<u8> {
    let encoded = alloy_rlp::encode(list);
    let mut items = encoded.as_slice();
    // What was just encoded has a header.
    Header::decode(&mut items).map(|_| items.to_vec()).unwrap_or_default()
}
