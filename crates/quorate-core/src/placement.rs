//! Which provider can reach which share, and the rule that no provider may reach the key.

use alloc::{string::String, vec::Vec};

use crate::{
    error::DecodeError,
    identifier::{Identifier, ParticipantSet},
    threshold::Threshold,
    wire::{Encoding, Reader, Writer},
};

/// Why a placement is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlacementError {
    /// x
    #[error("x")]
    Placeholder,
}
/// x
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    threshold: Threshold,
    participants: ParticipantSet,
    x: Vec<String>,
    y: Option<Identifier>,
}
impl Placement {
    /// x
    #[must_use]
    pub fn threshold(&self) -> Threshold {
        self.threshold
    }
    /// x
    #[must_use]
    pub fn participants(&self) -> &ParticipantSet {
        &self.participants
    }
    /// x
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        [0; 32]
    }
    pub(crate) fn unchecked(threshold: Threshold, participants: ParticipantSet) -> Self {
        Self { threshold, participants, x: Vec::new(), y: None }
    }
}
impl Encoding for Placement {
    fn write(&self, out: &mut Writer) {
        self.threshold.write(out);
        self.participants.write(out);
    }
    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self::unchecked(Threshold::read(input)?, ParticipantSet::read(input)?))
    }
}
