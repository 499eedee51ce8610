//! Codecs of one ecosystem each: SS58, Stacks, NULS, Nimiq, Cardano, Nervos, Starcoin's receipts.

use alloc::{
    string::{String, ToString as _},
    vec::Vec,
};

use super::{
    Decoded, Role, base58,
    bech32::{self, Variant},
    five,
};
use crate::{Network, error::ParseError, hash, network::Nets, payload::NERVOS_LOCK};

/// SS58: a number of the network in one byte or two, 32 bytes, and two bytes of BLAKE2b-512.
///
/// Spec: polkadot-sdk documentation, "Account address format (SS58)".
pub(super) fn encode_ss58(format: u16, payload: &[u8]) -> String {
    let [high, low] = format.to_be_bytes();
    let body = if format < 64 {
        [&[low], payload].concat()
    } else {
        let (first, second) = (low >> 2 | 0x40, high | (low & 3) << 6);
        [&[first & 0x3f | 0x40, second], payload].concat()
    };
    let checksum: [u8; 2] = hash::first(&hash::blake2b_512(&[b"SS58PRE", &body]));
    base58::encode_plain(&[body.as_slice(), &checksum].concat())
}

pub(super) fn decode_ss58(format: u16, wanted: Network, text: &str) -> Result<Decoded, ParseError> {
    let bytes = base58::decode_plain(text)?;
    let start = if bytes.first().is_some_and(|first| *first & 0x40 != 0) { 2 } else { 1 };
    let payload = bytes.get(start..).and_then(|rest| rest.split_at_checked(32));
    let (payload, _) = payload.filter(|(_, rest)| rest.len() == 2).ok_or(ParseError::Length { length: bytes.len() })?;
    let (body, checksum) = bytes.split_at_checked(start + 32).ok_or(ParseError::Length { length: bytes.len() })?;
    if !hash::blake2b_512(&[b"SS58PRE", body]).starts_with(checksum) {
        return Err(ParseError::Checksum);
    }
    if encode_ss58(format, payload) != text {
        return Err(ParseError::Prefix);
    }
    Ok(Decoded { network: wanted, role: Role::Key, payload: payload.to_vec(), text: text.into() })
}

/// Versions of a key's and a script's address.
pub(crate) type C32Versions = Nets<(u8, u8)>;

/// c32check: `S`, the version, then hash and checksum as one number in Crockford's base 32.
///
/// Spec: SIP-005, "Account addresses"; c32check.
pub(super) fn encode_c32(version: u8, payload: &[u8]) -> String {
    let checksum: [u8; 4] = hash::first(&hash::sha256d(&[&[version], payload].concat()));
    let bytes = [payload, &checksum].concat();
    // A number has its zeros in front, where groups of five bits have them behind: so the bits are aligned to the end.
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let mut padded = Vec::from([0; 5]);
    padded.truncate((5 - bytes.len() % 5) % 5);
    padded.extend_from_slice(&bytes);
    let digits: Vec<u8> = five::split(&padded).into_iter().skip_while(|digit| *digit == 0).collect();
    let digits = [&[version], alloc::vec![0; zeros].as_slice(), &digits].concat();
    ["S", &five::spell(&digits, five::CROCKFORD)].concat()
}

pub(super) fn decode_c32(versions: &C32Versions, wanted: Network, text: &str) -> Result<Decoded, ParseError> {
    let digits = five::read(text.strip_prefix('S').ok_or(ParseError::Prefix)?, five::CROCKFORD).ok_or(ParseError::Spelling)?;
    let (version, digits) = digits.split_first().ok_or(ParseError::Spelling)?;
    let zeros = digits.iter().take_while(|digit| **digit == 0).count();
    let significant = digits.get(zeros..).unwrap_or_default();
    // 24 bytes are 39 digits in 25 bytes, 40 digits.
    let mut aligned = alloc::vec![0; 40_usize.checked_sub(significant.len()).ok_or(ParseError::Length { length: digits.len() })?];
    aligned.extend_from_slice(significant);
    let bytes = five::join(&aligned).ok_or(ParseError::Spelling)?;
    let payload = bytes.get(1..21).ok_or(ParseError::Spelling)?;
    let canonical = encode_c32(*version, payload);
    match (canonical == text, canonical.len() == text.len()) {
        (true, _) => {}
        (false, true) => return Err(ParseError::Checksum),
        (false, false) => return Err(ParseError::Length { length: digits.len() }),
    }
    let network = versions.find(wanted, |(key, script)| key == *version || script == *version).ok_or(ParseError::Prefix)?;
    if network != wanted {
        return Err(ParseError::OtherNetwork { network });
    }
    let is_key = versions.of(network).is_some_and(|(key, _)| key == *version);
    Ok(Decoded { network, role: if is_key { Role::Key } else { Role::Script }, payload: payload.to_vec(), text: canonical })
}

/// NULS: the chain's number, a kind, a hash, and the exclusive or of all. The letter before it is the prefix's length.
const NULS: [(Network, &str, u8); 2] = [(Network::Mainnet, "NULSd", 1), (Network::Testnet, "tNULSe", 2)];

pub(super) fn encode_nuls(network: Network, payload: &[u8]) -> Option<String> {
    let (_, prefix, chain) = NULS.iter().find(|(known, _, _)| *known == network)?;
    Some(spell_nuls(prefix, *chain, 1, payload))
}

fn spell_nuls(prefix: &str, chain: u8, kind: u8, payload: &[u8]) -> String {
    let body = [&[chain, 0, kind], payload].concat();
    let check = body.iter().fold(0, |check, byte| check ^ byte);
    [prefix, &base58::encode_plain(&[body.as_slice(), &[check]].concat())].concat()
}

pub(super) fn decode_nuls(wanted: Network, text: &str) -> Result<Decoded, ParseError> {
    let found = NULS.iter().find_map(|(network, prefix, chain)| Some((*network, *prefix, *chain, text.strip_prefix(prefix)?)));
    let (network, prefix, chain, body) = found.ok_or(ParseError::Prefix)?;
    if network != wanted {
        return Err(ParseError::OtherNetwork { network });
    }
    let bytes = base58::decode_plain(body)?;
    let [found, 0, kind, payload @ .., _] = bytes.as_slice() else { return Err(ParseError::Length { length: bytes.len() }) };
    if payload.len() != 20 {
        return Err(ParseError::Length { length: bytes.len() });
    }
    if *found != chain {
        return Err(ParseError::Prefix);
    }
    if spell_nuls(prefix, chain, *kind, payload) != text {
        return Err(ParseError::Checksum);
    }
    let role = match kind {
        1 => Role::Key,
        2 | 3 => Role::Script,
        _ => return Err(ParseError::OtherKind),
    };
    Ok(Decoded { network, role, payload: payload.to_vec(), text: text.into() })
}

/// Nimiq: `NQ`, two check digits as in an IBAN, 32 letters, in groups of four.
pub(super) fn encode_nimiq(payload: &[u8]) -> String {
    let letters = five::spell(&five::split(payload), five::NIMIQ);
    let text = alloc::format!("NQ{:02}{letters}", 98 - iban_remainder(&[&letters, "NQ00"].concat()));
    let mut spaced = String::with_capacity(44);
    for (i, letter) in text.chars().enumerate() {
        if i > 0 && i % 4 == 0 {
            spaced.push(' ');
        }
        spaced.push(letter);
    }
    spaced
}

/// The number that the letters are, A being 10, modulo 97.
fn iban_remainder(text: &str) -> u32 {
    let step = |rest: u32, value: u32| if value < 10 { rest * 10 + value } else { rest * 100 + value } % 97;
    text.chars().filter_map(|letter| letter.to_digit(36)).fold(0, step)
}

pub(super) fn decode_nimiq(wanted: Network, text: &str) -> Result<Decoded, ParseError> {
    let packed = text.replace(' ', "");
    let letters = packed.strip_prefix("NQ").ok_or(ParseError::Prefix)?;
    let letters = letters.split_at_checked(2).ok_or(ParseError::Spelling)?.1;
    let payload = five::read(letters, five::NIMIQ).and_then(|groups| five::join(&groups)).ok_or(ParseError::Spelling)?;
    if payload.len() != 20 {
        return Err(ParseError::Length { length: payload.len() });
    }
    let canonical = encode_nimiq(&payload);
    if canonical.replace(' ', "") != packed {
        return Err(ParseError::Checksum);
    }
    Ok(Decoded { network: wanted, role: Role::Key, payload, text: canonical })
}

/// Cardano's header has the kind and the network; the human-readable part has the network too.
const CARDANO: Nets<(&str, u8)> = Nets::two(("addr", 1), ("addr_test", 0));

/// Kind 0 is a payment key and a stake key, kind 6 a payment key alone. Spec: CIP-19.
pub(super) fn encode_cardano(network: Network, kind: u8, payload: &[u8]) -> Option<String> {
    let (hrp, id) = CARDANO.of(network)?;
    bech32::encode(hrp, &five::split(&[&[kind << 4 | id], payload].concat()), Variant::Bech32)
}

pub(super) fn decode_cardano(kind: u8, length: usize, wanted: Network, text: &str) -> Result<Decoded, ParseError> {
    let (hrp, groups, variant) = bech32::decode(text)?;
    let network = CARDANO.find(wanted, |(known, _)| known == hrp).ok_or(ParseError::Prefix)?;
    if network != wanted {
        return Err(ParseError::OtherNetwork { network });
    }
    if variant != Variant::Bech32 {
        return Err(ParseError::Checksum);
    }
    let bytes = five::join(&groups).ok_or(ParseError::Spelling)?;
    let (header, payload) = bytes.split_first().ok_or(ParseError::Length { length: 0 })?;
    let id = CARDANO.of(network).map(|(_, id)| id);
    if id != Some(header & 15) {
        return Err(ParseError::OtherNetwork { network: Network::Testnet });
    }
    // Kinds differ from a key's by bits: 1 for a script that spends, 2 for one that stakes.
    let role = match (header >> 4, kind) {
        (found, kind) if found == kind => Role::Key,
        (1..=3, 0) | (7, 6) => Role::Script,
        _ => return Err(ParseError::OtherKind),
    };
    if payload.len() != length {
        return Err(ParseError::Length { length: payload.len() });
    }
    Ok(Decoded { network, role, payload: payload.to_vec(), text: text.to_ascii_lowercase() })
}

const CKB: Nets<&str> = Nets::two("ckb", "ckt");

/// Nervos' full address: 0, the hash of a lock's code, its kind, its arguments. Spec: RFC 21 of Nervos.
pub(super) fn encode_nervos(network: Network, payload: &[u8]) -> Option<String> {
    bech32::encode(CKB.of(network)?, &five::split(payload), Variant::Bech32m)
}

pub(super) fn decode_nervos(wanted: Network, text: &str) -> Result<Decoded, ParseError> {
    let (hrp, groups, variant) = bech32::decode(text)?;
    let network = bech32::network(&CKB, wanted, &hrp)?;
    let payload = five::join(&groups).ok_or(ParseError::Spelling)?;
    if payload.first() != Some(&0) {
        return Err(ParseError::OtherKind); // the deprecated forms, in Bech32
    }
    if variant != Variant::Bech32m {
        return Err(ParseError::Checksum);
    }
    let kind = payload.get(33).ok_or(ParseError::Length { length: payload.len() })?;
    if !matches!(kind, 0 | 1 | 2 | 4) {
        return Err(ParseError::OtherKind);
    }
    let is_key = payload.starts_with(&NERVOS_LOCK);
    match (is_key, payload.len()) {
        (true, length) if length != 54 => Err(ParseError::Length { length }),
        (false, length) if length > 128 => Err(ParseError::Length { length }),
        _ => {
            let role = if is_key { Role::Key } else { Role::Script };
            Ok(Decoded { network, role, payload, text: text.to_ascii_lowercase() })
        }
    }
}

const STC: Nets<&str> = Nets::same("stc");

/// Starcoin's receipt identifier, version 1. Spec: SIP-21.
pub(super) fn encode_receipt(payload: &[u8]) -> Option<String> {
    let mut groups = Vec::from([1]);
    groups.extend(five::split(payload));
    bech32::encode("stc", &groups, Variant::Bech32)
}

/// An authentication key may follow the account.
pub(super) fn decode_receipt(wanted: Network, text: &str) -> Result<Decoded, ParseError> {
    let (hrp, groups, variant) = bech32::decode(text)?;
    let network = bech32::network(&STC, wanted, &hrp)?;
    if variant != Variant::Bech32 {
        return Err(ParseError::Checksum);
    }
    let Some((1, account)) = groups.split_first() else { return Err(ParseError::OtherKind) };
    let payload = five::join(account).ok_or(ParseError::Spelling)?;
    if !matches!(payload.len(), 16 | 48) {
        return Err(ParseError::Length { length: payload.len() });
    }
    Ok(Decoded { network, role: Role::Key, payload, text: text.to_ascii_lowercase().to_string() })
}
