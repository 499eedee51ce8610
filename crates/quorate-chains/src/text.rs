//! Text codecs: how the bytes of an address are spelt, and which networks' prefixes and checksums they have.
//!
//! A codec knows no key; what the bytes are is in [`crate::payload`]. Decoding refuses by name, reads at most [`LIMIT`] characters, and
//! gives the canonical spelling back.

use alloc::{string::String, vec::Vec};

use crate::{AddressOptions, Network, chain::Row, error::ParseError, network::Nets};

mod accounts;
mod base32;
pub(crate) mod base58;
mod bech32;
mod cashaddr;
pub(crate) mod filecoin;
mod five;
mod hex;
mod ton;

pub(crate) use accounts::C32Versions;
pub(crate) use bech32::Variant;

/// No address is longer.
pub(crate) const LIMIT: usize = 256;

/// Who can spend from an address, as far as the address tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Role {
    /// One key.
    Key,
    /// A script, a contract or a committee: not the holder of one key of this entry's kind.
    Script,
}

/// A text that was read.
#[derive(Debug)]
pub(crate) struct Decoded {
    pub(crate) network: Network,
    pub(crate) role: Role,
    pub(crate) payload: Vec<u8>,
    /// The canonical spelling.
    pub(crate) text: String,
}

/// How a chain spells its addresses.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Text {
    Base58(base58::Versions),
    Tezos,
    PlainBase58,
    /// The letters in front of a public key.
    PublicKey(&'static str),
    /// Human-readable parts, version, length of the program.
    Witness(Nets<&'static str>, u8, usize),
    /// Letters in front, human-readable parts, length.
    Bech32(&'static str, Nets<&'static str>, usize),
    Cash(Nets<&'static str>),
    Kaspa(Nets<&'static str>),
    /// The prefix.
    Evm(&'static str),
    /// Prefix and length.
    Hex(&'static str, usize),
    Icon,
    Sia,
    IcAccount,
    IcPrincipal,
    /// What stands before keys in DER.
    Hedera(&'static [&'static [u8]]),
    Stellar,
    Algorand,
    Nem(Nets<u8>),
    /// The protocol of this entry's addresses.
    Filecoin(u8),
    Ton,
    /// The network's number.
    Ss58(u16),
    C32(C32Versions),
    Nuls,
    Nimiq,
    /// Kind and length.
    Cardano(u8, usize),
    Nervos,
    Receipt,
}

impl Text {
    /// The address of a key; nothing if the network has none.
    pub(crate) fn encode(&self, row: &Row, options: &AddressOptions, payload: &[u8]) -> Option<String> {
        let network = options.network;
        match self {
            Self::Base58(versions) => versions.encode(network, payload),
            Self::Tezos => Some(base58::encode_checked(payload, base58::Flavour::Bitcoin)),
            Self::PlainBase58 => Some(base58::encode_plain(payload)),
            Self::PublicKey(prefix) => Some(base58::encode_key(prefix, payload)),
            Self::Witness(hrps, version, _) => bech32::encode_witness(hrps.of(network)?, *version, payload),
            Self::Bech32(lead, hrps, _) => {
                Some([lead, bech32::encode(hrps.of(network)?, &five::split(payload), Variant::Bech32)?.as_str()].concat())
            }
            Self::Cash(prefixes) => Some(cashaddr::encode(prefixes.of(network)?, 0, payload)),
            Self::Kaspa(prefixes) => {
                let (version, key) = payload.split_first()?;
                Some(cashaddr::encode(prefixes.of(network)?, *version, key))
            }
            Self::Evm(prefix) => Some(hex::encode_evm(prefix, checksum_chain(row, options), payload)),
            Self::Hex(prefix, _) => Some(hex::encode(prefix, payload)),
            Self::Icon => Some(hex::encode("hx", payload)),
            Self::Sia => Some(hex::encode_sia(payload)),
            Self::IcAccount => Some(hex::encode_account(payload)),
            Self::IcPrincipal => Some(base32::encode_principal(payload)),
            Self::Hedera(_) => Some(hex::encode("0.0.", payload)),
            Self::Stellar => Some(base32::encode_stellar(payload)),
            Self::Algorand => Some(base32::encode_algorand(payload)),
            Self::Nem(versions) => Some(base32::encode_nem(versions.of(network)?, payload)),
            Self::Filecoin(_) => filecoin::encode(network, payload),
            Self::Ton => Some(ton::encode(network, &options.ton, payload)),
            Self::Ss58(format) => Some(accounts::encode_ss58(*format, payload)),
            Self::C32(versions) => Some(accounts::encode_c32(versions.of(network)?.0, payload)),
            Self::Nuls => accounts::encode_nuls(network, payload),
            Self::Nimiq => Some(accounts::encode_nimiq(payload)),
            Self::Cardano(kind, _) => accounts::encode_cardano(network, *kind, payload),
            Self::Nervos => accounts::encode_nervos(network, payload),
            Self::Receipt => accounts::encode_receipt(payload),
        }
    }

    /// Reads an address.
    pub(crate) fn decode(&self, row: &Row, options: &AddressOptions, text: &str) -> Result<Decoded, ParseError> {
        if text.len() > LIMIT {
            return Err(ParseError::TooLong { limit: LIMIT });
        }
        if !text.is_ascii() {
            return Err(ParseError::Spelling);
        }
        let network = options.network;
        match self {
            Self::Base58(versions) => versions.decode(network, text),
            Self::Tezos => base58::decode_tezos(network, text),
            Self::PlainBase58 => whole(network, text, base58::decode_plain(text)?),
            Self::PublicKey(prefix) => base58::decode_key(prefix, network, text),
            Self::Witness(hrps, version, length) => bech32::decode_witness(hrps, network, *version, *length, text),
            Self::Bech32(lead, hrps, length) => decode_bech32(lead, hrps, *length, network, text),
            Self::Cash(prefixes) => cashaddr::decode_cash(prefixes, network, text),
            Self::Kaspa(prefixes) => cashaddr::decode_kaspa(prefixes, network, text),
            Self::Evm(prefix) => hex::decode_evm(prefix, checksum_chain(row, options), network, text),
            Self::Hex(prefix, length) => hex::decode(prefix, *length, network, text),
            Self::Icon => hex::decode_icon(network, text),
            Self::Sia => hex::decode_sia(network, text),
            Self::IcAccount => hex::decode_account(network, text),
            Self::IcPrincipal => base32::decode_principal(network, text),
            Self::Hedera(prefixes) => hex::decode_hedera(prefixes, network, text),
            Self::Stellar => base32::decode_stellar(network, text),
            Self::Algorand => base32::decode_algorand(network, text),
            Self::Nem(versions) => base32::decode_nem(versions, network, text),
            Self::Filecoin(protocol) => filecoin::decode(*protocol, network, text),
            Self::Ton => ton::decode(network, &options.ton, text),
            Self::Ss58(format) => accounts::decode_ss58(*format, network, text),
            Self::C32(versions) => accounts::decode_c32(versions, network, text),
            Self::Nuls => accounts::decode_nuls(network, text),
            Self::Nimiq => accounts::decode_nimiq(network, text),
            Self::Cardano(kind, length) => accounts::decode_cardano(*kind, *length, network, text),
            Self::Nervos => accounts::decode_nervos(network, text),
            Self::Receipt => accounts::decode_receipt(network, text),
        }
    }
}

/// The chain id that an EVM address's checksum binds, if any.
fn checksum_chain(row: &Row, options: &AddressOptions) -> Option<u64> {
    row.chain_id.filter(|_| options.eip1191)
}

/// 32 bytes are a key.
fn whole(network: Network, text: &str, payload: Vec<u8>) -> Result<Decoded, ParseError> {
    match payload.len() {
        32 => Ok(Decoded { network, role: Role::Key, payload, text: text.into() }),
        length => Err(ParseError::Length { length }),
    }
}

/// 32 bytes where keys' hashes have 20 are a module's or a contract's, by Cosmos' ADR-28.
fn decode_bech32(
    lead: &str,
    hrps: &Nets<&'static str>,
    length: usize,
    wanted: Network,
    text: &str,
) -> Result<Decoded, ParseError> {
    let (hrp, groups, variant) = bech32::decode(text.strip_prefix(lead).ok_or(ParseError::Prefix)?)?;
    let network = bech32::network(hrps, wanted, &hrp)?;
    if variant != Variant::Bech32 {
        return Err(ParseError::Checksum);
    }
    let payload = five::join(&groups).ok_or(ParseError::Spelling)?;
    let role = match payload.len() {
        found if found == length => Role::Key,
        32 if length == 20 && lead.is_empty() => Role::Script,
        length => return Err(ParseError::Length { length }),
    };
    let spelt = bech32::encode(&hrp, &groups, variant).ok_or(ParseError::Spelling)?;
    Ok(Decoded { network, role, payload, text: [lead, &spelt].concat() })
}

/// The text in lower case, if it was in one case.
fn one_case(text: &str) -> Result<String, ParseError> {
    let has = |is: fn(&u8) -> bool| text.bytes().any(|letter| is(&letter));
    if has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase) {
        return Err(ParseError::MixedCase);
    }
    Ok(text.to_ascii_lowercase())
}
