//! Addresses in RFC 4648's base 32: Stellar's, Algorand's, NEM's, Filecoin's and the Internet Computer's principals.

use alloc::{string::String, vec::Vec};

use data_encoding::BASE32_NOPAD;

use super::{Decoded, Role, five};
use crate::{Network, error::ParseError, hash, network::Nets};

/// Account `G…` and contract `C…` of Stellar's SEP-23.
const ACCOUNT: u8 = 6 << 3;
const CONTRACT: u8 = 2 << 3;

pub(super) fn encode_stellar(payload: &[u8]) -> String {
    strkey(ACCOUNT, payload)
}

fn strkey(version: u8, payload: &[u8]) -> String {
    let body = [&[version], payload].concat();
    BASE32_NOPAD.encode(&[body.as_slice(), &hash::crc16(&body).to_le_bytes()].concat())
}

pub(super) fn decode_stellar(wanted: Network, text: &str) -> Result<Decoded, ParseError> {
    let bytes = decode(text)?;
    let (body, checksum) = bytes.split_at_checked(bytes.len().saturating_sub(2)).ok_or(ParseError::Spelling)?;
    if checksum != hash::crc16(body).to_le_bytes() {
        return Err(ParseError::Checksum);
    }
    let role = match body.first() {
        Some(&ACCOUNT) => Role::Key,
        Some(&CONTRACT) => Role::Script,
        _ => return Err(ParseError::OtherKind),
    };
    let payload = body.get(1..).filter(|payload| payload.len() == 32).ok_or(ParseError::Length { length: bytes.len() })?;
    Ok(Decoded { network: wanted, role, payload: payload.to_vec(), text: text.into() })
}

/// The key, and the last four bytes of its SHA-512/256.
pub(super) fn encode_algorand(payload: &[u8]) -> String {
    let checksum: [u8; 4] = hash::last(&hash::sha512_256(payload));
    BASE32_NOPAD.encode(&[payload, &checksum].concat())
}

pub(super) fn decode_algorand(wanted: Network, text: &str) -> Result<Decoded, ParseError> {
    let mut payload = decode(text)?;
    if payload.len() != 36 {
        return Err(ParseError::Length { length: payload.len() });
    }
    payload.truncate(32);
    if encode_algorand(&payload) != text {
        return Err(ParseError::Checksum);
    }
    Ok(Decoded { network: wanted, role: Role::Key, payload, text: text.into() })
}

/// A version, a hash, and four bytes of its Keccak-256.
pub(super) fn encode_nem(version: u8, payload: &[u8]) -> String {
    let body = [&[version], payload].concat();
    let checksum: [u8; 4] = hash::first(&hash::keccak256(&body));
    BASE32_NOPAD.encode(&[body.as_slice(), &checksum].concat())
}

pub(super) fn decode_nem(versions: &Nets<u8>, wanted: Network, text: &str) -> Result<Decoded, ParseError> {
    let bytes = decode(&text.replace('-', ""))?;
    let (version, rest) = bytes.split_first().ok_or(ParseError::Spelling)?;
    if rest.len() != 24 {
        return Err(ParseError::Length { length: bytes.len() });
    }
    let payload: Vec<u8> = rest.iter().take(20).copied().collect();
    let canonical = encode_nem(*version, &payload);
    if BASE32_NOPAD.encode(&bytes) != canonical {
        return Err(ParseError::Checksum);
    }
    let network = versions.find(wanted, |known| known == *version).ok_or(ParseError::Prefix)?;
    if network != wanted {
        return Err(ParseError::OtherNetwork { network });
    }
    Ok(Decoded { network, role: Role::Key, payload, text: canonical })
}

fn decode(text: &str) -> Result<Vec<u8>, ParseError> {
    BASE32_NOPAD.decode(text.as_bytes()).map_err(|_| ParseError::Spelling)
}

/// A principal: CRC-32 and bytes, five letters at a time.
pub(super) fn encode_principal(payload: &[u8]) -> String {
    let bytes = [&hash::crc32(payload).to_be_bytes(), payload].concat();
    let letters = five::spell(&five::split(&bytes), five::RFC4648);
    let mut text = String::with_capacity(letters.len() * 6 / 5);
    for (i, letter) in letters.chars().enumerate() {
        if i > 0 && i % 5 == 0 {
            text.push('-');
        }
        text.push(letter);
    }
    text
}

/// A principal that ends with 2 is a key's.
pub(super) fn decode_principal(wanted: Network, text: &str) -> Result<Decoded, ParseError> {
    let groups = five::read(&text.replace('-', ""), five::RFC4648).ok_or(ParseError::Spelling)?;
    let bytes = five::join(&groups).ok_or(ParseError::Spelling)?;
    let payload = bytes.get(4..).ok_or(ParseError::Length { length: bytes.len() })?;
    if payload.len() > 29 {
        return Err(ParseError::Length { length: payload.len() });
    }
    let canonical = encode_principal(payload);
    match (canonical == text, canonical.replace('-', "") == text.replace('-', "")) {
        (true, _) => {}
        (false, true) => return Err(ParseError::Spelling),
        (false, false) => return Err(ParseError::Checksum),
    }
    let role = if payload.len() == 29 && payload.last() == Some(&2) { Role::Key } else { Role::Script };
    Ok(Decoded { network: wanted, role, payload: payload.to_vec(), text: canonical })
}
