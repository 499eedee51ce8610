//! Paths of non-hardened steps.

use alloc::vec::Vec;
use core::{fmt, str::FromStr};

use crate::{
    error::{DecodeError, InputError},
    wire::{Encoding, Reader, Writer},
};

/// The most steps that a path can have: as deep as BIP-32 can count.
pub const MAX_STEPS: usize = 255;

/// The first hardened index, 2³¹.
const HARDENED: u32 = 1 << 31;

/// The way from a key to one of its descendants: up to [`MAX_STEPS`] non-hardened steps, written `m/0/7`. The default is `m`, the
/// key itself.
///
/// A path has one spelling: no leading zeros, no spaces, no empty steps, always from `m`.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DerivationPath(Vec<u32>);

impl DerivationPath {
    /// Makes a path from its steps.
    ///
    /// # Errors
    ///
    /// [`InputError::DerivationPath`] if there are too many, [`InputError::HardenedDerivation`] if one is 2³¹ or more.
    pub fn new(steps: impl IntoIterator<Item = u32>) -> Result<Self, InputError> {
        let steps: Vec<_> = steps.into_iter().take(MAX_STEPS + 1).map(non_hardened).collect::<Result<_, _>>()?;
        if steps.len() <= MAX_STEPS { Ok(Self(steps)) } else { Err(InputError::DerivationPath) }
    }

    /// Whether the path is `m`, the key itself.
    #[must_use]
    pub const fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The steps from the key downwards, each below 2³¹.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = u32> + ExactSizeIterator + '_ {
        self.0.iter().copied()
    }
}

/// The index of a step that needs no private key.
pub(super) fn non_hardened(index: u32) -> Result<u32, InputError> {
    match index.checked_sub(HARDENED) {
        None => Ok(index),
        Some(index) => Err(InputError::HardenedDerivation(index)),
    }
}

impl FromStr for DerivationPath {
    type Err = InputError;

    /// Reads `m`, `m/0/7`.
    ///
    /// # Errors
    ///
    /// [`InputError::HardenedDerivation`] for a step marked with `'`, `h` or `H`, or of 2³¹ or more; [`InputError::DerivationPath`] for
    /// everything else that is not such a path. The first fault from the left decides.
    fn from_str(text: &str) -> Result<Self, InputError> {
        let mut parts = text.split('/');
        if parts.next() != Some("m") {
            return Err(InputError::DerivationPath);
        }
        let steps: Vec<_> = parts.take(MAX_STEPS + 1).map(parse_step).collect::<Result<_, _>>()?;
        Self::new(steps)
    }
}

fn parse_step(text: &str) -> Result<u32, InputError> {
    let unmarked = text.strip_suffix(['\'', 'h', 'H']);
    let digits = unmarked.unwrap_or(text);
    let canonical = digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    let number = digits.parse().ok().filter(|_| canonical).ok_or(InputError::DerivationPath)?;
    match (non_hardened(number), unmarked) {
        (index, None) => index,
        (Ok(index), Some(_)) => Err(InputError::HardenedDerivation(index)),
        // 2147483648' is hardened twice, and so not a step at all.
        (Err(_), Some(_)) => Err(InputError::DerivationPath),
    }
}

impl fmt::Display for DerivationPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("m")?;
        self.iter().try_for_each(|step| write!(f, "/{step}"))
    }
}

impl fmt::Debug for DerivationPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Encoding for DerivationPath {
    fn write(&self, out: &mut Writer) {
        out.sequence(&self.0);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let steps: Vec<u32> = input.sequence(MAX_STEPS, 4)?;
        Self::new(steps).map_err(|_| DecodeError::InvalidValue("derivation path: a step is hardened"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::string::{String, ToString};

    fn parse(text: &str) -> Result<DerivationPath, InputError> {
        text.parse()
    }

    #[test]
    fn parse_reads_the_root_and_steps() {
        assert_eq!(parse("m"), Ok(DerivationPath::default()));
        assert_eq!(parse("m/0/7"), DerivationPath::new([0, 7]));
        assert_eq!(parse("m/2147483647").unwrap().iter().collect::<Vec<_>>(), [HARDENED - 1]);
    }

    #[test]
    fn parse_refuses_hardened_steps_by_name() {
        for text in ["m/0/7'", "m/0/7h", "m/7H/0", "m/2147483655", "m/0/7'/x"] {
            assert_eq!(parse(text), Err(InputError::HardenedDerivation(7)), "{text}");
        }
        assert_eq!(parse("m/4294967295"), Err(InputError::HardenedDerivation(HARDENED - 1)));
        assert_eq!(DerivationPath::new([0, HARDENED + 7]), Err(InputError::HardenedDerivation(7)));
        assert!(InputError::HardenedDerivation(7).to_string().contains("hardened derivation step 7'"));
    }

    #[test]
    fn parse_refuses_what_is_not_a_path() {
        let odd = [
            "",
            "/",
            "M",
            "M/0",
            "m/",
            "/0",
            "0",
            "0/7",
            "m//0",
            "m/0/",
            "m0",
            " m",
            "m ",
            "m/ 0",
            "m/+1",
            "m/-1",
            "m/00",
            "m/01",
            "m/0x1",
            "m/a",
            "m/'",
            "m/h",
            "m/0''",
            "m/0'h",
            "m/01'",
            "m/4294967296",
            "m/2147483648'",
            "m/99999999999999999999",
            "m/0\u{2019}",
            "m/\u{0661}",
            "m\\0",
            "m/0\n",
            "m/0\0",
        ];
        for text in odd {
            assert_eq!(parse(text), Err(InputError::DerivationPath), "{text:?}");
        }
    }

    #[test]
    fn path_holds_255_steps_and_no_more() {
        let deep = String::from("m") + &"/1".repeat(MAX_STEPS);
        assert_eq!(parse(&deep).unwrap().iter().len(), MAX_STEPS);
        assert_eq!(parse(&(deep + "/1")), Err(InputError::DerivationPath));
        assert_eq!(DerivationPath::new(core::iter::repeat(0)), Err(InputError::DerivationPath));
    }

    #[test]
    fn decoding_refuses_hardened_steps_and_long_paths() {
        assert!(DerivationPath::from_bytes(&[0, 0, 0, 1, 0x7f, 0xff, 0xff, 0xff]).is_ok());
        let hardened = DerivationPath::from_bytes(&[0, 0, 0, 1, 0x80, 0, 0, 0]);
        assert!(matches!(hardened, Err(DecodeError::InvalidValue(_))));
        let mut long = alloc::vec![0; 4 + 4 * 256];
        long[2] = 1;
        assert_eq!(DerivationPath::from_bytes(&long), Err(DecodeError::TooLong { limit: MAX_STEPS }));
        assert_eq!(DerivationPath::from_bytes(&[0, 0, 0, 1, 0, 0, 0]), Err(DecodeError::Truncated));
        assert_eq!(DerivationPath::from_bytes(&[0, 0, 0, 0, 0]), Err(DecodeError::TrailingBytes));
    }

    proptest! {
        #[test]
        fn parse_never_panics_and_accepts_only_the_one_spelling(text: String) {
            if let Ok(path) = parse(&text) {
                prop_assert_eq!(path.to_string(), text);
            }
        }

        #[test]
        fn parse_of_near_paths_accepts_only_the_one_spelling(text in "[mM]?(/[0-9+ ]{0,11}['hH]{0,2}){0,4}/?") {
            match parse(&text) {
                Ok(path) => prop_assert_eq!(path.to_string(), text),
                Err(InputError::HardenedDerivation(index)) => prop_assert!(index < HARDENED),
                Err(error) => prop_assert_eq!(error, InputError::DerivationPath),
            }
        }

        #[test]
        fn parse_undoes_display_and_decoding_undoes_encoding(steps in prop::collection::vec(0..HARDENED, 0..=MAX_STEPS)) {
            let path = DerivationPath::new(steps.iter().copied()).unwrap();
            prop_assert_eq!(path.iter().collect::<Vec<_>>(), steps);
            prop_assert_eq!(parse(&path.to_string()), Ok(path.clone()));
            prop_assert_eq!(DerivationPath::from_bytes(&path.to_bytes()), Ok(path));
        }

        #[test]
        fn decoding_accepts_only_what_encoding_makes(bytes: Vec<u8>) {
            if let Ok(path) = DerivationPath::from_bytes(&bytes) {
                prop_assert_eq!(path.to_bytes(), bytes);
            }
        }
    }
}
