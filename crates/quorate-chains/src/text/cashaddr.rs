//! CashAddr of Bitcoin Cash and eCash, and Kaspa's addresses, which have the same checksum.
//!
//! Spec: "Address format for Bitcoin Cash" (CashAddr), section "Checksum"; Kaspa's `crypto/addresses`.

use alloc::{string::String, vec::Vec};

use super::{Decoded, Role, bech32::network, five, one_case};
use crate::{Network, error::ParseError, network::Nets};

const GENERATOR: [u64; 5] = [0x98_f2bc_8e61, 0x79_b76d_99e2, 0xf3_3e5f_b3c4, 0xae_2eab_e2a8, 0x1e_4f43_e470];

fn polymod(groups: impl Iterator<Item = u8>) -> u64 {
    let step = |state: u64, group: u8| {
        let top = state >> 35;
        let shifted = (state & 0x07_ffff_ffff) << 5 ^ u64::from(group);
        let taps = GENERATOR.iter().enumerate().filter(|(bit, _)| top >> bit & 1 == 1);
        taps.fold(shifted, |state, (_, generator)| state ^ generator)
    };
    groups.fold(1, step) ^ 1
}

/// The prefix's low bits, a separator, the groups.
fn state<'a>(prefix: &'a str, groups: &'a [u8]) -> impl Iterator<Item = u8> + 'a {
    prefix.bytes().map(|letter| letter & 31).chain([0]).chain(groups.iter().copied())
}

/// A prefix, a version byte and a payload.
pub(super) fn encode(prefix: &str, version: u8, payload: &[u8]) -> String {
    let mut groups = five::split(&[&[version], payload].concat());
    let checksum = polymod(state(prefix, &groups).chain([0; 8]));
    let checksum: Vec<u8> = checksum.to_be_bytes().into_iter().skip(3).collect();
    groups.extend(five::split(&checksum));
    [prefix, ":", &five::spell(&groups, five::BECH32)].concat()
}

/// The network, the version byte and the payload. The prefix may be missing: the checksum has it.
fn decode(prefixes: &Nets<&'static str>, wanted: Network, text: &str) -> Result<(Network, u8, Vec<u8>), ParseError> {
    let lower = one_case(text)?;
    let (network, prefix, body) = match lower.split_once(':') {
        Some((prefix, body)) => (network(prefixes, wanted, prefix)?, prefix, body),
        None => (wanted, prefixes.of(wanted).ok_or(ParseError::Prefix)?, lower.as_str()),
    };
    let groups = five::read(body, five::BECH32).ok_or(ParseError::Spelling)?;
    if polymod(state(prefix, &groups)) != 0 {
        return Err(ParseError::Checksum);
    }
    let (groups, _) = groups.split_at_checked(groups.len().saturating_sub(8)).ok_or(ParseError::Spelling)?;
    let bytes = five::join(groups).ok_or(ParseError::Spelling)?;
    let (version, payload) = bytes.split_first().ok_or(ParseError::Length { length: 0 })?;
    Ok((network, *version, payload.to_vec()))
}

/// Version 0 is a key's hash, version 8 a script's; the low bits say that it has 20 bytes.
pub(super) fn decode_cash(prefixes: &Nets<&'static str>, wanted: Network, text: &str) -> Result<Decoded, ParseError> {
    let (network, version, payload) = decode(prefixes, wanted, text)?;
    let role = match (version, payload.len()) {
        (0, 20) => Role::Key,
        (0x08, 20) | (0x0b, 32) => Role::Script,
        (_, length @ (20 | 32)) if version & 0x07 != if length == 20 { 0 } else { 3 } => {
            return Err(ParseError::Length { length });
        }
        (_, 20 | 32) => return Err(ParseError::OtherKind),
        (_, length) => return Err(ParseError::Length { length }),
    };
    let prefix = prefixes.of(network).ok_or(ParseError::Prefix)?;
    Ok(Decoded { network, role, text: encode(prefix, version, &payload), payload })
}

/// Version 0 is a Schnorr key, 1 an ECDSA key, 8 a script's hash; the version is part of the payload.
pub(super) fn decode_kaspa(prefixes: &Nets<&'static str>, wanted: Network, text: &str) -> Result<Decoded, ParseError> {
    let (network, version, payload) = decode(prefixes, wanted, text)?;
    let role = match (version, payload.len()) {
        (0, 32) | (1, 33) => Role::Key,
        (8, 32) => Role::Script,
        (0 | 1 | 8, length) => return Err(ParseError::Length { length }),
        _ => return Err(ParseError::OtherKind),
    };
    let prefix = prefixes.of(network).ok_or(ParseError::Prefix)?;
    Ok(Decoded { network, role, text: encode(prefix, version, &payload), payload: [&[version], payload.as_slice()].concat() })
}
