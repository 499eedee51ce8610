//! Bech32 and Bech32m (BIP-173, BIP-350), with and without a witness version.

use alloc::{string::String, vec::Vec};

use bech32::{
    Bech32, Bech32m, Fe32, Hrp,
    primitives::{decode::UncheckedHrpstring, iter::Fe32IterExt as _},
};

use super::{Decoded, Role, five, one_case};
use crate::{Network, error::ParseError, network::Nets};

/// Which of the two checksums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variant {
    Bech32,
    Bech32m,
}

/// A human-readable part, groups of five bits, a checksum.
pub(super) fn encode(hrp: &str, groups: &[u8], variant: Variant) -> Option<String> {
    let hrp = Hrp::parse(hrp).ok()?;
    let groups: Vec<Fe32> = groups.iter().map(|group| Fe32::try_from(*group)).collect::<Result<_, _>>().ok()?;
    let groups = groups.into_iter();
    Some(match variant {
        Variant::Bech32 => groups.with_checksum::<Bech32>(&hrp).chars().collect(),
        Variant::Bech32m => groups.with_checksum::<Bech32m>(&hrp).chars().collect(),
    })
}

/// The human-readable part in lower case, the groups, and which checksum it was.
pub(super) fn decode(text: &str) -> Result<(String, Vec<u8>, Variant), ParseError> {
    let lower = one_case(text)?;
    let unchecked = UncheckedHrpstring::new(&lower).map_err(|_| ParseError::Spelling)?;
    let hrp = unchecked.hrp().to_lowercase();
    let (checked, variant) = if unchecked.has_valid_checksum::<Bech32>() {
        (unchecked.remove_checksum::<Bech32>(), Variant::Bech32)
    } else if unchecked.has_valid_checksum::<Bech32m>() {
        (unchecked.remove_checksum::<Bech32m>(), Variant::Bech32m)
    } else {
        return Err(ParseError::Checksum);
    };
    let groups = five::read(&ascii(checked.data_part_ascii_no_checksum()), five::BECH32).ok_or(ParseError::Spelling)?;
    Ok((hrp, groups, variant))
}

fn ascii(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

/// Which network has that human-readable part.
pub(super) fn network(hrps: &Nets<&'static str>, wanted: Network, found: &str) -> Result<Network, ParseError> {
    let network = hrps.find(wanted, |hrp| hrp == found).ok_or(ParseError::Prefix)?;
    if network == wanted { Ok(network) } else { Err(ParseError::OtherNetwork { network }) }
}

/// A witness program: version and program.
pub(super) fn encode_witness(hrp: &str, version: u8, program: &[u8]) -> Option<String> {
    let mut groups = Vec::from([version]);
    groups.extend(five::split(program));
    encode(hrp, &groups, witness_variant(version))
}

/// A witness program of that version. Programs of 32 bytes and version 0 are scripts'.
pub(super) fn decode_witness(
    hrps: &Nets<&'static str>,
    wanted: Network,
    version: u8,
    length: usize,
    text: &str,
) -> Result<Decoded, ParseError> {
    let (hrp, groups, variant) = decode(text)?;
    let network = network(hrps, wanted, &hrp)?;
    let (found, program) = groups.split_first().ok_or(ParseError::Spelling)?;
    if variant != witness_variant(*found) {
        return Err(ParseError::Checksum);
    }
    if *found != version {
        return Err(ParseError::OtherKind);
    }
    let payload = five::join(program).ok_or(ParseError::Spelling)?;
    let role = match payload.len() {
        found if found == length => Role::Key,
        32 if version == 0 => Role::Script,
        length => return Err(ParseError::Length { length }),
    };
    Ok(Decoded { network, role, payload, text: text.to_ascii_lowercase() })
}

const fn witness_variant(version: u8) -> Variant {
    if version == 0 { Variant::Bech32 } else { Variant::Bech32m }
}
