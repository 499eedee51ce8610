//! TON's addresses: the user-friendly form with its flags, and the raw one.
//!
//! Spec: TON documentation, "Smart contract addresses"; TEP-2.

use alloc::{string::String, vec::Vec};

use data_encoding::{BASE64URL, HEXLOWER_PERMISSIVE};

use super::{Decoded, Role};
use crate::{Network, TonWallet, error::ParseError, hash};

const BOUNCEABLE: u8 = 0x11;
const NON_BOUNCEABLE: u8 = 0x51;
const TEST_ONLY: u8 = 0x80;

/// The payload is the workchain and the account's hash.
pub(super) fn encode(network: Network, wallet: &TonWallet, payload: &[u8]) -> String {
    let tag = if wallet.bounceable { BOUNCEABLE } else { NON_BOUNCEABLE };
    let tag = if network == Network::Mainnet { tag } else { tag | TEST_ONLY };
    spell(tag, payload)
}

fn spell(tag: u8, payload: &[u8]) -> String {
    let body = [&[tag], payload].concat();
    BASE64URL.encode(&[body.as_slice(), &hash::crc16(&body).to_be_bytes()].concat())
}

/// Also base 64 with `+` and `/`, and the raw form `0:…`, which has no checksum and no flags.
///
/// Whether a key or another contract is behind an account, no address tells.
pub(super) fn decode(wanted: Network, wallet: &TonWallet, text: &str) -> Result<Decoded, ParseError> {
    if let Some((workchain, account)) = text.split_once(':') {
        let workchain: i8 = workchain.parse().map_err(|_| ParseError::Spelling)?;
        let account = HEXLOWER_PERMISSIVE.decode(account.as_bytes()).map_err(|_| ParseError::Spelling)?;
        let payload = [workchain.to_be_bytes().as_slice(), &account].concat();
        return finish(wanted, payload, |payload| encode(wanted, wallet, payload));
    }
    let url: String = text.chars().map(|letter| if letter == '+' { '-' } else { letter }).collect();
    let bytes = BASE64URL.decode(url.replace('/', "_").as_bytes()).map_err(|_| ParseError::Spelling)?;
    let (body, checksum) = bytes.split_at_checked(34).ok_or(ParseError::Length { length: bytes.len() })?;
    if checksum != hash::crc16(body).to_be_bytes() {
        return Err(ParseError::Checksum);
    }
    let (tag, payload) = body.split_first().ok_or(ParseError::Spelling)?;
    if ![BOUNCEABLE, NON_BOUNCEABLE].contains(&(tag & !TEST_ONLY)) {
        return Err(ParseError::Prefix);
    }
    if tag & TEST_ONLY != 0 && wanted == Network::Mainnet {
        return Err(ParseError::OtherNetwork { network: Network::Testnet });
    }
    finish(wanted, payload.to_vec(), |payload| spell(*tag, payload))
}

fn finish(network: Network, payload: Vec<u8>, spell: impl Fn(&[u8]) -> String) -> Result<Decoded, ParseError> {
    if payload.len() != 33 {
        return Err(ParseError::Length { length: payload.len() });
    }
    if !matches!(payload.first(), Some(0 | 0xff)) {
        return Err(ParseError::OtherKind); // a workchain that nobody runs
    }
    Ok(Decoded { network, role: Role::Key, text: spell(&payload), payload })
}
