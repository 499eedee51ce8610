//! The arguments of a call in the encoding of Solidity's contracts, read strictly.
//!
//! The encoding lets one call be written in many ways, and contracts differ in which they take: upper bytes that are not zero, offsets
//! that overlap or go back, bytes behind. So only the one encoding that compilers make is read: each part behind the one before, padded
//! with zeros, and nothing behind the last. Whatever else is there is not decoded.
//!
//! Spec: <https://docs.soliditylang.org/en/latest/abi-spec.html>.

use alloy_primitives::{Address, U256};

const WORD: usize = 32;

/// A type of an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Address,
    Bool,
    /// An unsigned number of so many bits.
    Uint(usize),
    Bytes32,
    Bytes,
    /// `bytes[]`.
    BytesList,
}

/// An argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Address(Address),
    Bool(bool),
    Uint(U256),
    Bytes32([u8; WORD]),
    Bytes(Vec<u8>),
    BytesList(Vec<Vec<u8>>),
}

/// Why arguments are not decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum AbiError {
    #[error("its arguments are cut off")]
    Short,
    #[error("bytes follow its arguments")]
    Trailing,
    #[error("an argument has bits that its type does not have")]
    Dirty,
    #[error("the parts of its arguments overlap or are out of their order")]
    Offset,
}

impl Kind {
    /// The type of that name, if it is known here.
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "address" => Some(Self::Address),
            "bool" => Some(Self::Bool),
            "uint256" => Some(Self::Uint(256)),
            "uint8" => Some(Self::Uint(8)),
            "uint48" => Some(Self::Uint(48)),
            "uint160" => Some(Self::Uint(160)),
            "bytes32" => Some(Self::Bytes32),
            "bytes" => Some(Self::Bytes),
            "bytes[]" => Some(Self::BytesList),
            _ => None,
        }
    }

    /// Whether a value stands behind the others, and its place in a word.
    const fn is_dynamic(self) -> bool {
        matches!(self, Self::Bytes | Self::BytesList)
    }

    /// A word as a value of this type; what is dynamic is not in one.
    fn of_word(self, word: [u8; WORD]) -> Result<Value, AbiError> {
        let number = U256::from_be_bytes(word);
        match self {
            Self::Address => {
                let [upper @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = &word;
                if upper.iter().any(|byte| *byte != 0) {
                    return Err(AbiError::Dirty);
                }
                Ok(Value::Address(Address::from_word(word.into())))
            }
            Self::Bool if number > U256::from(1) => Err(AbiError::Dirty),
            Self::Bool => Ok(Value::Bool(!number.is_zero())),
            Self::Uint(bits) if number.bit_len() > bits => Err(AbiError::Dirty),
            Self::Uint(_) => Ok(Value::Uint(number)),
            Self::Bytes32 => Ok(Value::Bytes32(word)),
            Self::Bytes | Self::BytesList => Err(AbiError::Offset),
        }
    }
}

/// Reads arguments of these types, and nothing else.
pub(super) fn decode(kinds: &[Kind], data: &[u8]) -> Result<Vec<Value>, AbiError> {
    let head = kinds.len().saturating_mul(WORD);
    let (mut heads, mut tails) = data.split_at_checked(head).ok_or(AbiError::Short)?;
    let mut values = Vec::with_capacity(kinds.len());
    for kind in kinds {
        let word = take_word(&mut heads)?;
        if !kind.is_dynamic() {
            values.push(kind.of_word(word)?);
            continue;
        }
        check_offset(word, data, tails)?;
        let is_list = *kind == Kind::BytesList;
        values.push(if is_list { Value::BytesList(take_list(&mut tails)?) } else { Value::Bytes(take_bytes(&mut tails)?) });
    }
    if tails.is_empty() { Ok(values) } else { Err(AbiError::Trailing) }
}

/// An offset from the start of `data` has to name the next part that nobody read yet.
fn check_offset(word: [u8; WORD], data: &[u8], unread: &[u8]) -> Result<(), AbiError> {
    let expected = data.len().saturating_sub(unread.len());
    if U256::from_be_bytes(word) == U256::from(expected) { Ok(()) } else { Err(AbiError::Offset) }
}

/// A count, so many offsets from behind the count, and the parts.
fn take_list(input: &mut &[u8]) -> Result<Vec<Vec<u8>>, AbiError> {
    let count = usize::try_from(U256::from_be_bytes(take_word(input)?)).map_err(|_| AbiError::Short)?;
    let heads = count.checked_mul(WORD).ok_or(AbiError::Short)?;
    let start = *input;
    let (mut heads, mut tails) = start.split_at_checked(heads).ok_or(AbiError::Short)?;
    let mut values = Vec::with_capacity(count);
    for _ in 0..count {
        check_offset(take_word(&mut heads)?, start, tails)?;
        values.push(take_bytes(&mut tails)?);
    }
    *input = tails;
    Ok(values)
}

fn take_word(input: &mut &[u8]) -> Result<[u8; WORD], AbiError> {
    let (word, rest) = input.split_first_chunk::<WORD>().ok_or(AbiError::Short)?;
    *input = rest;
    Ok(*word)
}

fn take_bytes(input: &mut &[u8]) -> Result<Vec<u8>, AbiError> {
    let length = usize::try_from(U256::from_be_bytes(take_word(input)?)).map_err(|_| AbiError::Short)?;
    let padded = length.checked_next_multiple_of(WORD).ok_or(AbiError::Short)?;
    let (bytes, rest) = input.split_at_checked(padded).ok_or(AbiError::Short)?;
    let (value, padding) = bytes.split_at_checked(length).ok_or(AbiError::Short)?;
    if padding.iter().any(|byte| *byte != 0) {
        return Err(AbiError::Dirty);
    }
    *input = rest;
    Ok(value.to_vec())
}
