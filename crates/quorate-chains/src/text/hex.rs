//! Addresses in hexadecimal: Ethereum's with the checksum in the case of its letters, and plain ones.

use alloc::{string::String, vec::Vec};

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};

use super::{Decoded, Role};
use crate::{Network, error::ParseError, hash};

/// The case of each letter by EIP-55; with a chain id, by EIP-1191.
pub(super) fn encode_evm(prefix: &str, chain_id: Option<u64>, payload: &[u8]) -> String {
    let digits = HEXLOWER.encode(payload);
    let hashed = match chain_id {
        Some(chain_id) => hash::keccak256(alloc::format!("{chain_id}0x{digits}").as_bytes()),
        None => hash::keccak256(digits.as_bytes()),
    };
    let nibbles = hashed.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let cased = digits.chars().zip(nibbles).map(|(digit, nibble)| if nibble >= 8 { digit.to_ascii_uppercase() } else { digit });
    prefix.chars().chain(cased).collect()
}

/// One case has no checksum; both have to fit. Chains with a prefix of their own take Ethereum's too.
pub(super) fn decode_evm(prefix: &str, chain_id: Option<u64>, wanted: Network, text: &str) -> Result<Decoded, ParseError> {
    let digits = text.strip_prefix(prefix).or_else(|| text.strip_prefix("0x")).ok_or(ParseError::Prefix)?;
    let payload = unhex(digits, 20)?;
    let canonical = encode_evm(prefix, chain_id, &payload);
    let is_mixed =
        digits.bytes().any(|digit| digit.is_ascii_lowercase()) && digits.bytes().any(|digit| digit.is_ascii_uppercase());
    if is_mixed && canonical.strip_prefix(prefix) != Some(digits) {
        return Err(ParseError::CaseChecksum);
    }
    Ok(Decoded { network: wanted, role: Role::Key, payload, text: canonical })
}

pub(super) fn encode(prefix: &str, payload: &[u8]) -> String {
    [prefix, &HEXLOWER.encode(payload)].concat()
}

pub(super) fn decode(prefix: &str, length: usize, wanted: Network, text: &str) -> Result<Decoded, ParseError> {
    let payload = unhex(text.strip_prefix(prefix).ok_or(ParseError::Prefix)?, length)?;
    Ok(Decoded { network: wanted, role: Role::Key, text: encode(prefix, &payload), payload })
}

/// ICON: `hx` is a key's, `cx` a contract's.
pub(super) fn decode_icon(wanted: Network, text: &str) -> Result<Decoded, ParseError> {
    match text.strip_prefix("cx") {
        Some(_) => decode("cx", 20, wanted, text).map(|decoded| Decoded { role: Role::Script, ..decoded }),
        None => decode("hx", 20, wanted, text),
    }
}

/// Sia: 32 bytes and six of their BLAKE2b-256.
pub(super) fn encode_sia(payload: &[u8]) -> String {
    let checksum: [u8; 6] = hash::first(&hash::blake2b_256(payload));
    HEXLOWER.encode(&[payload, &checksum].concat())
}

pub(super) fn decode_sia(wanted: Network, text: &str) -> Result<Decoded, ParseError> {
    let mut payload = unhex(text, 38)?;
    payload.truncate(32);
    let canonical = encode_sia(&payload);
    if !canonical.eq_ignore_ascii_case(text) {
        return Err(ParseError::Checksum);
    }
    Ok(Decoded { network: wanted, role: Role::Key, payload, text: canonical })
}

/// The Internet Computer's ledger: a CRC-32 and 28 bytes of hash. What stands behind the hash cannot be seen.
pub(super) fn encode_account(payload: &[u8]) -> String {
    HEXLOWER.encode(&[&hash::crc32(payload).to_be_bytes(), payload].concat())
}

pub(super) fn decode_account(wanted: Network, text: &str) -> Result<Decoded, ParseError> {
    let payload = unhex(text, 32)?.split_off(4);
    let canonical = encode_account(&payload);
    if !canonical.eq_ignore_ascii_case(text) {
        return Err(ParseError::Checksum);
    }
    Ok(Decoded { network: wanted, role: Role::Key, payload, text: canonical })
}

/// Hedera's alias of a key: shard, realm, and the key as DER.
pub(super) fn decode_hedera(prefixes: &[&[u8]], wanted: Network, text: &str) -> Result<Decoded, ParseError> {
    let digits = text.strip_prefix("0.0.").ok_or(ParseError::Prefix)?;
    if digits.len() < 64 {
        return Err(ParseError::OtherKind); // an account's number
    }
    let payload = HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).map_err(|_| ParseError::Spelling)?;
    let key = prefixes.iter().find_map(|prefix| payload.strip_prefix(*prefix)).ok_or(ParseError::OtherKind)?;
    let is_key = if key.len() == 33 { crate::VerifyingKey::secp256k1(key).is_ok() } else { key.len() == 32 };
    if !is_key {
        return Err(ParseError::Length { length: payload.len() });
    }
    Ok(Decoded { network: wanted, role: Role::Key, text: encode("0.0.", &payload), payload })
}

fn unhex(digits: &str, length: usize) -> Result<Vec<u8>, ParseError> {
    let bytes = HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).map_err(|_| ParseError::Spelling)?;
    if bytes.len() == length { Ok(bytes) } else { Err(ParseError::Length { length: bytes.len() }) }
}
