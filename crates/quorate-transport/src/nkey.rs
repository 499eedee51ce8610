//! Nkeys: how NATS servers know their users. An Ed25519 key in base 32, and a signature on a nonce.
//!
//! A roster lists the public halves, so that `quorate nats permissions` can tell a server who may say what. They name a cosigner to the
//! server alone; to other cosigners it proves itself by its link, whatever the server says.
//!
//! Spec: [the reference implementation](https://github.com/nats-io/nkeys), version 0.4: prefix, 32 bytes, CRC-16/XMODEM, base 32 without padding.

use core::fmt;

use ed25519_dalek::{Signer as _, SigningKey};
use rand_core::TryCryptoRng;
use zeroize::Zeroizing;

/// `U`, a user.
const USER: u8 = 20 << 3;
/// `SU`, the seed of a user: 18 << 3 with the upper bits of the other, and its lower bits.
const USER_SEED: [u8; 2] = [(18 << 3) | (USER >> 5), (USER & 31) << 3];
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const BASE64_URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// What can be wrong with an nkey.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NkeyError {
    /// Not the public key of a user.
    #[error("that is no public nkey of a user: 56 letters and digits that start with U")]
    Public,
    /// Not the seed of a user.
    #[error("that is no nkey seed of a user: 58 letters and digits that start with SU")]
    Seed,
    /// The generator of randomness failed; no key was made. Try again when it works.
    #[error("the random generator failed, no nkey was made")]
    Randomness,
}

/// Checks the public half of a user's nkey, as rosters list it.
///
/// # Errors
///
/// [`NkeyError::Public`].
pub fn check_public(text: &str) -> Result<(), NkeyError> {
    let bytes = decode(text).ok_or(NkeyError::Public)?;
    let prefix = bytes.first() == Some(&USER) && bytes.len() == 33;
    if prefix { Ok(()) } else { Err(NkeyError::Public) }
}

/// The secret half of a user's nkey. Wiped when dropped, and never printed.
pub struct NkeySeed(SigningKey);

impl NkeySeed {
    /// Draws a new one.
    ///
    /// # Errors
    ///
    /// [`NkeyError::Randomness`].
    pub fn generate(rng: &mut impl TryCryptoRng) -> Result<Self, NkeyError> {
        let mut seed = Zeroizing::new([0; 32]);
        rng.try_fill_bytes(seed.as_mut_slice()).map_err(|_| NkeyError::Randomness)?;
        Ok(Self(SigningKey::from_bytes(&seed)))
    }

    /// Reads a seed, `SU…`.
    ///
    /// # Errors
    ///
    /// [`NkeyError::Seed`]; the message never has the seed in it.
    pub fn from_text(text: &str) -> Result<Self, NkeyError> {
        let bytes = decode(text.trim()).ok_or(NkeyError::Seed)?;
        let seed = bytes.strip_prefix(&USER_SEED).and_then(|seed| <&[u8; 32]>::try_from(seed).ok());
        Ok(Self(SigningKey::from_bytes(seed.ok_or(NkeyError::Seed)?)))
    }

    /// Writes the seed, for a file that only its owner reads.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        encode(&[USER_SEED.as_slice(), self.0.as_bytes()])
    }

    /// The public half, `U…`.
    #[must_use]
    pub fn public(&self) -> String {
        encode(&[&[USER], self.0.verifying_key().as_bytes()]).as_str().to_owned()
    }

    /// Answers the nonce of a server: the signature as its protocol wants it.
    #[must_use]
    pub fn answer(&self, nonce: &str) -> String {
        spell(&self.0.sign(nonce.as_bytes()).to_bytes(), 6, BASE64_URL)
    }
}

impl fmt::Debug for NkeySeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NkeySeed").field("public", &self.public()).finish_non_exhaustive()
    }
}

fn encode(parts: &[&[u8]]) -> Zeroizing<String> {
    // Large enough from the start: what grows leaves a copy behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(64));
    parts.iter().for_each(|part| bytes.extend_from_slice(part));
    let check = crc16(&bytes).to_le_bytes();
    bytes.extend(check);
    Zeroizing::new(spell(&bytes, 5, BASE32))
}

/// Checks and takes off the checksum.
fn decode(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(64));
    let (mut held, mut bits) = (Zeroizing::new(0_u32), 0_u32);
    // A seed has 58 letters: whatever is longer is none.
    for letter in text.bytes().take(64) {
        let digit = BASE32.iter().position(|known| *known == letter)?;
        *held = (*held << 5) | u32::try_from(digit).ok()?;
        bits = bits.saturating_add(5);
        if bits >= 8 {
            bits = bits.saturating_sub(8);
            bytes.push(u8::try_from((*held >> bits) & 0xff).ok()?);
            *held &= (1 << bits) - 1;
        }
    }
    let (content, check) = bytes.split_last_chunk::<2>()?;
    // Each key is written in one way: no letter too many, and no bits left.
    let whole = *held == 0 && text.len() == bytes.len().saturating_mul(8).div_ceil(5);
    (whole && crc16(content).to_le_bytes() == *check).then(|| Zeroizing::new(content.to_vec()))
}

/// Writes bytes with so many bits to a letter, without padding.
fn spell(bytes: &[u8], width: u32, alphabet: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().saturating_mul(2));
    let (mut held, mut bits) = (Zeroizing::new(0_u32), 0_u32);
    let mut letter = |value: u32| {
        let letter = usize::try_from(value).ok().and_then(|place| alphabet.get(place)).copied();
        text.push(char::from(letter.unwrap_or(b'=')));
    };
    for byte in bytes {
        *held = (*held << 8) | u32::from(*byte);
        bits = bits.saturating_add(8);
        while bits >= width {
            bits = bits.saturating_sub(width);
            letter(*held >> bits);
            *held &= (1 << bits) - 1;
        }
    }
    if bits > 0 {
        letter(*held << width.saturating_sub(bits));
    }
    text
}

/// CRC-16/XMODEM.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc: u16, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| if crc >> 15 == 1 { (crc << 1) ^ 0x1021 } else { crc << 1 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the documentation of the reference implementation's clients.
    const SEED: &str = "SUANQDPB2RUOE4ETUA26CNX7FUKE5ZZKFCQIIW63OX225F2CO7UEXTM7ZY";
    const PUBLIC: &str = "UAMMBNV2EYR65NYZZ7IAK5SIR5ODNTTERJOBOF4KJLMWI45YOXOSWULM";

    #[test]
    fn seed_of_the_reference_implementation_has_its_public_key() {
        assert_eq!(crc16(b"123456789"), 0x31c3);
        let seed = NkeySeed::from_text(SEED).unwrap();
        assert_eq!((seed.to_text().as_str(), seed.public().as_str()), (SEED, PUBLIC));
        check_public(PUBLIC).unwrap();
        assert_eq!(NkeySeed::from_text(&format!("{SEED}\n")).unwrap().public(), PUBLIC);
        assert!(!format!("{seed:?}").contains("NQDPB2"));
    }

    #[test]
    fn altered_and_foreign_keys_are_refused() {
        for place in 0..SEED.len() {
            let mut altered = SEED.as_bytes().to_vec();
            altered[place] = if altered[place] == b'A' { b'B' } else { b'A' };
            assert!(NkeySeed::from_text(core::str::from_utf8(&altered).unwrap()).is_err(), "{place}");
        }
        for text in ["", "SU", PUBLIC, SEED.get(..57).unwrap(), &format!("{SEED}A"), &SEED.to_lowercase(), "ü", &"A".repeat(1000)]
        {
            assert_eq!(NkeySeed::from_text(text).err(), Some(NkeyError::Seed), "{text}");
        }
        for text in
            ["", "U", SEED, PUBLIC.get(..55).unwrap(), &format!("{PUBLIC}A"), &PUBLIC.to_lowercase(), &PUBLIC.replace('M', "N")]
        {
            assert_eq!(check_public(text), Err(NkeyError::Public), "{text}");
        }
    }

    #[test]
    fn letters_are_those_of_rfc_4648() {
        assert_eq!(spell(b"foobar", 5, BASE32), "MZXW6YTBOI");
        assert_eq!(spell(b"fooba", 6, BASE64_URL), "Zm9vYmE");
        assert_eq!(spell(&[0xfb, 0xff], 6, BASE64_URL), "-_8");
    }
}
