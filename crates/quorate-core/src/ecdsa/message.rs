//! The messages of a run, taken apart by length; what is inside is decoded where a wrong value is a fault with a name.

use super::{extension, suite::COORDINATES, vole};
use crate::{curve::Curve, error::DecodeError, machine::Parts};

/// How long the two parts of a message are. Every round's messages have one length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lengths {
    pub(crate) broadcast: usize,
    pub(crate) private: usize,
}

impl Lengths {
    /// A commitment and what is to be signed; the pairing's id and an extension on it.
    pub(crate) const fn commit(batch: usize) -> Self {
        Self { broadcast: 64, private: 32 + extension::message_bytes(batch) }
    }

    /// Salt, and for each presignature Rᵢ and pkᵢ; for each presignature what [`ANSWER_BYTES`] counts, and Γ.
    pub(crate) const fn multiply<C: Curve>(batch: usize) -> Self {
        Self { broadcast: 32 + batch * 2 * COORDINATES, private: batch * ANSWER_BYTES + C::POINT_BYTES }
    }

    /// w, u′, and the hash of what they are for.
    pub(crate) const fn online() -> Self {
        Self { broadcast: 96, private: 0 }
    }

    pub(crate) const fn total(self) -> usize {
        self.broadcast + self.private
    }

    /// The parts, which stay in their frame, if they have these lengths.
    pub(crate) fn parse(self, parts: Parts) -> Result<Parts, DecodeError> {
        for (given, expected) in [(parts.broadcast().len(), self.broadcast), (parts.private().len(), self.private)] {
            match given.cmp(&expected) {
                core::cmp::Ordering::Less => return Err(DecodeError::Truncated),
                core::cmp::Ordering::Greater => return Err(DecodeError::TrailingBytes),
                core::cmp::Ordering::Equal => {}
            }
        }
        Ok(parts)
    }
}

/// The private part of the second round for one presignature: a multiplication, ψ.
pub(crate) const ANSWER_BYTES: usize = vole::MESSAGE_BYTES + 32;
