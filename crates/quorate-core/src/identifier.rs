//! Who takes part: a participant's number in one key, sorted sets of them, and the public key that names a cosigner.

use alloc::vec::Vec;
use core::{fmt, num::NonZeroU16};

use crate::{
    error::{DecodeError, InputError},
    wire::{Encoding, Reader, Writer},
};

/// The most participants that one key can have.
pub const MAX_PARTICIPANTS: usize = 4096;

/// A participant's number in one key: 1 to 65,535, never zero, never used again within the key.
///
/// Zero is where the secret lies on the polynomial, so a zero identifier would *be* the key; no constructor and no decoder makes one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identifier(NonZeroU16);

impl Identifier {
    /// Makes an identifier from its number.
    ///
    /// # Errors
    ///
    /// [`InputError::ZeroIdentifier`] for zero.
    pub const fn new(number: u16) -> Result<Self, InputError> {
        match NonZeroU16::new(number) {
            Some(number) => Ok(Self(number)),
            None => Err(InputError::ZeroIdentifier),
        }
    }

    /// The number itself.
    #[must_use]
    pub const fn to_u16(self) -> u16 {
        self.0.get()
    }
}

impl TryFrom<u16> for Identifier {
    type Error = InputError;
    fn try_from(number: u16) -> Result<Self, InputError> {
        Self::new(number)
    }
}

impl fmt::Display for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Debug for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

impl Encoding for Identifier {
    fn write(&self, out: &mut Writer) {
        out.u16(self.to_u16());
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Self::new(input.u16()?).map_err(|_| DecodeError::InvalidValue("identifier is zero"))
    }
}

/// A set of participants: sorted, without repeats, neither empty nor larger than [`MAX_PARTICIPANTS`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ParticipantSet(Vec<Identifier>);

impl ParticipantSet {
    /// Makes a set from identifiers in any order.
    ///
    /// # Errors
    ///
    /// [`InputError::DuplicateIdentifier`] if one is there twice, [`InputError::SetSize`] if there are none or too many.
    pub fn new(identifiers: impl IntoIterator<Item = Identifier>) -> Result<Self, InputError> {
        let mut set: Vec<_> = identifiers.into_iter().take(MAX_PARTICIPANTS + 1).collect();
        if set.is_empty() || set.len() > MAX_PARTICIPANTS {
            return Err(InputError::SetSize);
        }
        set.sort_unstable();
        match set.array_windows().find(|[a, b]| a == b) {
            Some([twice, _]) => Err(InputError::DuplicateIdentifier(*twice)),
            None => Ok(Self(set)),
        }
    }

    /// The set {1, …, `count`}.
    ///
    /// # Errors
    ///
    /// [`InputError::SetSize`] if `count` is zero or above [`MAX_PARTICIPANTS`].
    pub fn first(count: u16) -> Result<Self, InputError> {
        Self::new((1..=count).filter_map(|number| Identifier::new(number).ok()))
    }

    /// How many participants there are.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a set is never empty")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether `identifier` is in the set.
    #[must_use]
    pub fn contains(&self, identifier: Identifier) -> bool {
        self.position(identifier).is_some()
    }

    /// The place of `identifier` in ascending order, from 0.
    #[must_use]
    pub fn position(&self, identifier: Identifier) -> Option<usize> {
        self.0.binary_search(&identifier).ok()
    }

    /// The identifiers in ascending order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Identifier> + ExactSizeIterator + Clone + '_ {
        self.0.iter().copied()
    }

    /// The identifiers in ascending order.
    #[must_use]
    pub fn as_slice(&self) -> &[Identifier] {
        &self.0
    }

    /// Whether every member is also a member of `other`.
    #[must_use]
    pub fn is_subset(&self, other: &Self) -> bool {
        self.iter().all(|identifier| other.contains(identifier))
    }
}

impl fmt::Debug for ParticipantSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(&self.0).finish()
    }
}

impl Encoding for ParticipantSet {
    fn write(&self, out: &mut Writer) {
        out.sequence(&self.0);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let identifiers: Vec<Identifier> = input.sequence(MAX_PARTICIPANTS, 2)?;
        if !identifiers.is_sorted() {
            return Err(DecodeError::NotCanonical);
        }
        Self::new(identifiers).map_err(|_| DecodeError::InvalidValue("participant set"))
    }
}

/// The long-term public key that names a cosigner: 32 bytes, X25519. The transport crate authenticates links with it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId([u8; 32]);

impl PeerId {
    /// Wraps the 32 bytes of a public key.
    #[must_use]
    pub const fn new(public_key: [u8; 32]) -> Self {
        Self(public_key)
    }

    /// The 32 bytes of the public key.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PeerId(")?;
        self.0.iter().take(4).try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str("…)")
    }
}

impl Encoding for PeerId {
    fn write(&self, out: &mut Writer) {
        out.raw(&self.0);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.array().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifier_refuses_zero_everywhere() {
        assert_eq!(Identifier::new(0), Err(InputError::ZeroIdentifier));
        assert!(Identifier::from_bytes(&[0, 0]).is_err());
        assert!(ParticipantSet::from_bytes(&[0, 0, 0, 1, 0, 0]).is_err());
    }

    #[test]
    fn set_refuses_duplicates_and_disorder() {
        let three = Identifier::new(3).unwrap();
        assert_eq!(ParticipantSet::new([three, three]), Err(InputError::DuplicateIdentifier(three)));
        assert!(ParticipantSet::from_bytes(&[0, 0, 0, 2, 0, 3, 0, 3]).is_err());
        assert_eq!(ParticipantSet::from_bytes(&[0, 0, 0, 2, 0, 3, 0, 1]), Err(DecodeError::NotCanonical));
        assert!(ParticipantSet::new([]).is_err());
    }

    #[test]
    fn set_length_is_bounded_before_allocation() {
        assert!(matches!(ParticipantSet::from_bytes(&[0xff; 8]), Err(DecodeError::TooLong { .. })));
    }
}
