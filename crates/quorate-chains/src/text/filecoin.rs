//! Filecoin's addresses: a protocol, and in most of them a checksum.
//!
//! Spec: Filecoin specification, "Address"; FIP-0048 for delegated addresses.

use alloc::{
    string::{String, ToString as _},
    vec::Vec,
};

use super::{Decoded, Role, five};
use crate::{Network, error::ParseError, hash};

const LETTERS: [(Network, &str); 2] = [(Network::Mainnet, "f"), (Network::Testnet, "t")];

/// The payload begins with the protocol; a delegated one goes on with the number of the actor that manages it.
pub(super) fn encode(network: Network, payload: &[u8]) -> Option<String> {
    let letter = LETTERS.iter().find(|(known, _)| *known == network)?.1;
    let (protocol, rest) = payload.split_first()?;
    let checked = |rest: &[u8]| five::spell(&five::split(&[rest, &hash::blake2b_32(payload)].concat()), five::RFC4648);
    let body = match protocol {
        0 => read_number(rest).filter(|(_, rest)| rest.is_empty())?.0.to_string(),
        4 => {
            let (actor, rest) = read_number(rest)?;
            [&actor.to_string(), "f", &checked(rest)].concat()
        }
        _ => checked(rest),
    };
    Some([letter, &protocol.to_string(), &body].concat())
}

pub(super) fn decode(key_protocol: u8, wanted: Network, text: &str) -> Result<Decoded, ParseError> {
    let mut letters = text.chars();
    let letter = letters.next().ok_or(ParseError::Spelling)?;
    let network = LETTERS.iter().find(|(_, known)| known.starts_with(letter)).ok_or(ParseError::Prefix)?.0;
    if network != wanted {
        return Err(ParseError::OtherNetwork { network });
    }
    let protocol = letters.next().and_then(|digit| digit.to_digit(10)).and_then(|digit| u8::try_from(digit).ok());
    let protocol = protocol.filter(|protocol| *protocol <= 4).ok_or(ParseError::OtherKind)?;
    let payload = body(protocol, letters.as_str())?;
    if encode(network, &payload).as_deref() != Some(text) {
        return Err(if protocol == 0 { ParseError::Spelling } else { ParseError::Checksum });
    }
    let role = if protocol == key_protocol { Role::Key } else { Role::Script };
    Ok(Decoded { network, role, payload, text: text.into() })
}

/// What the text says, without a look at the checksum.
fn body(protocol: u8, text: &str) -> Result<Vec<u8>, ParseError> {
    let mut payload = Vec::from([protocol]);
    let (text, lengths) = match protocol {
        0 => {
            write_number(text.parse().map_err(|_| ParseError::Spelling)?, &mut payload);
            return Ok(payload);
        }
        4 => {
            let (actor, text) = text.split_once('f').ok_or(ParseError::Spelling)?;
            write_number(actor.parse().map_err(|_| ParseError::Spelling)?, &mut payload);
            (text, 1..=54)
        }
        3 => (text, 48..=48),
        _ => (text, 20..=20),
    };
    let bytes = five::read(text, five::RFC4648).and_then(|groups| five::join(&groups)).ok_or(ParseError::Spelling)?;
    let rest = bytes.split_at_checked(bytes.len().saturating_sub(4)).map(|(rest, _)| rest).unwrap_or_default();
    if !lengths.contains(&rest.len()) {
        return Err(ParseError::Length { length: rest.len() });
    }
    payload.extend_from_slice(rest);
    Ok(payload)
}

/// LEB128.
pub(crate) fn write_number(mut number: u64, out: &mut Vec<u8>) {
    loop {
        let [low, ..] = (number & 0x7f).to_le_bytes();
        number >>= 7;
        out.push(if number == 0 { low } else { low | 0x80 });
        if number == 0 {
            return;
        }
    }
}

/// The number and what follows it.
fn read_number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let end = bytes.iter().take(10).position(|byte| *byte < 0x80)?;
    let (digits, rest) = bytes.split_at_checked(end + 1)?;
    let number = digits.iter().rev().try_fold(0_u64, |number, byte| {
        let shifted = number.checked_mul(128)?;
        Some(shifted | u64::from(byte & 0x7f))
    })?;
    Some((number, rest))
}
