//! Base58 with a version in front and a checksum behind, in four flavours; and without either.

use alloc::{string::String, vec::Vec};

use super::{Decoded, Role};
use crate::{Network, VerifyingKey, error::ParseError, hash, network::Nets};

/// Alphabet and checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flavour {
    /// SHA-256 twice.
    Bitcoin,
    /// SHA-256 twice, in the alphabet of the XRP Ledger.
    Ripple,
    /// BLAKE-256 twice.
    Decred,
    /// SHA3-256.
    Nebulas,
}

impl Flavour {
    const fn alphabet(self) -> &'static bs58::Alphabet {
        match self {
            Self::Ripple => bs58::Alphabet::RIPPLE,
            Self::Bitcoin | Self::Decred | Self::Nebulas => bs58::Alphabet::BITCOIN,
        }
    }

    fn checksum(self, bytes: &[u8]) -> [u8; 4] {
        hash::first(&match self {
            Self::Bitcoin | Self::Ripple => hash::sha256d(bytes),
            Self::Decred => hash::blake256(&hash::blake256(bytes)),
            Self::Nebulas => hash::sha3_256(bytes),
        })
    }
}

/// Versions of a chain's addresses, and what follows them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Versions {
    /// Letters in front of everything.
    pub(crate) lead: &'static str,
    /// The version of a key's address.
    pub(crate) key: Nets<&'static [u8]>,
    /// That of a script's.
    pub(crate) script: Option<Nets<&'static [u8]>>,
    /// Bytes after the version.
    pub(crate) length: usize,
    pub(crate) flavour: Flavour,
}

impl Versions {
    pub(super) fn encode(&self, network: Network, payload: &[u8]) -> Option<String> {
        let bytes = [self.key.of(network)?, payload].concat();
        Some([self.lead, &encode_checked(&bytes, self.flavour)].concat())
    }

    pub(super) fn decode(&self, wanted: Network, text: &str) -> Result<Decoded, ParseError> {
        let bytes = decode_checked(text.strip_prefix(self.lead).ok_or(ParseError::Prefix)?, self.flavour)?;
        let after = |version: &'static [u8]| bytes.strip_prefix(version).filter(|rest| rest.len() == self.length);
        let as_key = self.key.find(wanted, |version| after(version).is_some());
        let as_script = self.script.and_then(|script| script.find(wanted, |version| after(version).is_some()));
        let (network, role) = match (as_key, as_script) {
            (Some(network), script) if network == wanted || script != Some(wanted) => (network, Role::Key),
            (_, Some(network)) => (network, Role::Script),
            (_, None) if bytes.len() < self.length => return Err(ParseError::Length { length: bytes.len() }),
            (_, None) => return Err(ParseError::Prefix),
        };
        if network != wanted {
            return Err(ParseError::OtherNetwork { network });
        }
        let payload = bytes.split_at_checked(bytes.len() - self.length).ok_or(ParseError::Length { length: bytes.len() })?.1;
        Ok(Decoded { network, role, payload: payload.to_vec(), text: text.into() })
    }
}

/// Bytes and four bytes of checksum.
pub(crate) fn encode_checked(bytes: &[u8], flavour: Flavour) -> String {
    let bytes = [bytes, &flavour.checksum(bytes)].concat();
    bs58::encode(bytes).with_alphabet(flavour.alphabet()).into_string()
}

pub(super) fn decode_checked(text: &str, flavour: Flavour) -> Result<Vec<u8>, ParseError> {
    let mut bytes = decode(text, flavour.alphabet())?;
    let length = bytes.len().checked_sub(4).ok_or(ParseError::Length { length: bytes.len() })?;
    let checksum = bytes.split_off(length);
    if checksum == flavour.checksum(&bytes) { Ok(bytes) } else { Err(ParseError::Checksum) }
}

fn decode(text: &str, alphabet: &bs58::Alphabet) -> Result<Vec<u8>, ParseError> {
    bs58::decode(text).with_alphabet(alphabet).into_vec().map_err(|_| ParseError::Spelling)
}

/// Bytes and nothing else.
pub(crate) fn encode_plain(bytes: &[u8]) -> String {
    bs58::encode(bytes).into_string()
}

pub(super) fn decode_plain(text: &str) -> Result<Vec<u8>, ParseError> {
    decode(text, bs58::Alphabet::BITCOIN)
}

/// A key of the EOS family as text: letters, the key, four bytes of RIPEMD-160.
pub(super) fn encode_key(prefix: &str, key: &[u8]) -> String {
    let checksum: [u8; 4] = hash::first(&hash::ripemd160(key));
    [prefix, &encode_plain(&[key, &checksum].concat())].concat()
}

/// Also the newer spelling `PUB_K1_…` of EOS keys, whose checksum has the curve's name in it.
pub(super) fn decode_key(prefix: &str, wanted: Network, text: &str) -> Result<Decoded, ParseError> {
    let modern = text.strip_prefix("PUB_K1_").filter(|_| prefix == "EOS");
    let (body, suffix): (&str, &[u8]) = match (modern, text.strip_prefix(prefix)) {
        (Some(body), _) => (body, b"K1"),
        (None, Some(body)) => (body, b""),
        (None, None) => return Err(ParseError::Prefix),
    };
    let bytes = decode_plain(body)?;
    let (key, checksum) = bytes.split_at_checked(33).ok_or(ParseError::Length { length: bytes.len() })?;
    if checksum.len() != 4 {
        return Err(ParseError::Length { length: bytes.len() });
    }
    let expected: [u8; 4] = hash::first(&hash::ripemd160(&[key, suffix].concat()));
    if checksum != expected {
        return Err(ParseError::Checksum);
    }
    let key = VerifyingKey::secp256k1(key).map_err(|_| ParseError::Spelling)?;
    Ok(Decoded { network: wanted, role: Role::Key, payload: key.as_bytes().to_vec(), text: encode_key(prefix, key.as_bytes()) })
}

/// How Tezos marks an address: what it begins with tells curve and kind.
const TEZOS_KEYS: [&[u8; 3]; 3] = [&[0x06, 0xa1, 0x9f], &[0x06, 0xa1, 0xa1], &[0x06, 0xa1, 0xa4]];
const TEZOS_CONTRACT: &[u8; 3] = &[0x02, 0x5a, 0x79];

/// tz1, tz2, tz3, and the contracts' KT1.
pub(super) fn decode_tezos(wanted: Network, text: &str) -> Result<Decoded, ParseError> {
    let payload = decode_checked(text, Flavour::Bitcoin)?;
    let role = match payload.first_chunk() {
        Some(prefix) if TEZOS_KEYS.contains(&prefix) => Role::Key,
        Some(prefix) if prefix == TEZOS_CONTRACT => Role::Script,
        _ => return Err(ParseError::Prefix),
    };
    if payload.len() != 23 {
        return Err(ParseError::Length { length: payload.len() });
    }
    Ok(Decoded { network: wanted, role, payload, text: text.into() })
}
