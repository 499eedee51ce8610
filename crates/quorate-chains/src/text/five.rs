//! Groups of five bits, which six of the text codecs spell with six alphabets.

use alloc::{string::String, vec::Vec};

/// Bech32 and CashAddr.
pub(super) const BECH32: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
/// RFC 4648 in lower case.
pub(super) const RFC4648: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
/// Nimiq: without I, O, W and Z.
pub(super) const NIMIQ: &[u8; 32] = b"0123456789ABCDEFGHJKLMNPQRSTUVXY";
/// Crockford's, as Stacks has it.
pub(super) const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Bytes as groups of five bits, the last one filled with zeros.
pub(super) fn split(bytes: &[u8]) -> Vec<u8> {
    let mut groups = Vec::with_capacity(bytes.len() * 8 / 5 + 1);
    let (mut held, mut bits) = (0_u16, 0);
    for byte in bytes {
        held = (held << 8 | u16::from(*byte)) & 0x0fff;
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            groups.push(low_bits(held >> bits));
        }
    }
    if bits > 0 {
        groups.push(low_bits(held << (5 - bits)));
    }
    groups
}

/// Groups as bytes; nothing if what fills the last group is not zero, or is a whole group.
pub(super) fn join(groups: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(groups.len() * 5 / 8);
    let (mut held, mut bits) = (0_u16, 0);
    for group in groups {
        held = (held << 5 | u16::from(*group & 31)) & 0x0fff;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            let [_, byte] = (held >> bits).to_be_bytes();
            bytes.push(byte);
        }
    }
    (bits < 5 && held & ((1 << bits) - 1) == 0).then_some(bytes)
}

/// Groups in an alphabet.
pub(super) fn spell(groups: &[u8], alphabet: &[u8; 32]) -> String {
    groups.iter().filter_map(|group| alphabet.get(usize::from(*group))).map(|letter| char::from(*letter)).collect()
}

/// The groups of a text; nothing if it has a letter of another alphabet.
pub(super) fn read(text: &str, alphabet: &[u8; 32]) -> Option<Vec<u8>> {
    let place = |letter| u8::try_from(alphabet.iter().position(|known| *known == letter)?).ok();
    text.bytes().map(place).collect()
}

fn low_bits(value: u16) -> u8 {
    let [_, low] = value.to_be_bytes();
    low & 31
}

#[cfg(test)]
mod tests {
    use super::{BECH32, join, read, spell, split};

    #[test]
    fn groups_of_any_bytes_join_again() {
        let bytes: Vec<u8> = (0..=255).rev().collect();
        for length in 0..=bytes.len() {
            let groups = split(&bytes[..length]);
            assert_eq!(join(&groups).as_deref(), Some(&bytes[..length]));
            assert_eq!(read(&spell(&groups, BECH32), BECH32), Some(groups));
        }
    }

    #[test]
    fn join_refuses_what_is_not_zeros_at_the_end() {
        assert_eq!(join(&[0, 4]), Some(alloc::vec![1]));
        assert_eq!(join(&[0, 5]), None);
        assert_eq!(join(&[0, 4, 0]), None);
    }
}
