//! How many of how many: t of n, with 2 ≤ t ≤ n.

use crate::{
    error::{DecodeError, InputError},
    identifier::MAX_PARTICIPANTS,
    wire::{Encoding, Reader, Writer},
};

/// `min_signers` of `max_signers` participants can sign; fewer learn nothing.
///
/// A threshold of one is refused: a share that signs alone is a key in one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Threshold {
    min_signers: u16,
    max_signers: u16,
}

impl Threshold {
    /// Makes a threshold.
    ///
    /// # Errors
    ///
    /// [`InputError::Threshold`] unless 2 ≤ `min_signers` ≤ `max_signers` ≤ [`MAX_PARTICIPANTS`].
    pub fn new(min_signers: u16, max_signers: u16) -> Result<Self, InputError> {
        let fits = 2 <= min_signers && min_signers <= max_signers && usize::from(max_signers) <= MAX_PARTICIPANTS;
        if fits { Ok(Self { min_signers, max_signers }) } else { Err(InputError::Threshold { min_signers, max_signers }) }
    }

    /// How many shares sign, t.
    #[must_use]
    pub const fn min_signers(self) -> u16 {
        self.min_signers
    }

    /// How many shares there are, n.
    #[must_use]
    pub const fn max_signers(self) -> u16 {
        self.max_signers
    }
}

impl core::fmt::Display for Threshold {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}-of-{}", self.min_signers, self.max_signers)
    }
}

impl Encoding for Threshold {
    fn write(&self, out: &mut Writer) {
        out.u16(self.min_signers);
        out.u16(self.max_signers);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Self::new(input.u16()?, input.u16()?).map_err(|_| DecodeError::InvalidValue("threshold"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threshold_refuses_one_and_more_than_all() {
        for (min, max) in [(0, 3), (1, 3), (4, 3), (2, 5000)] {
            assert!(Threshold::new(min, max).is_err(), "{min} of {max}");
        }
        assert!(Threshold::from_bytes(&[0, 1, 0, 3]).is_err());
        assert!(Threshold::new(2, 2).is_ok());
    }
}
