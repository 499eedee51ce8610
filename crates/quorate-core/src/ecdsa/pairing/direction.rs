//! Who extends towards whom: the start of every hash of the base transfers and the trees.

use sha2::Digest;

use crate::{domain::Label, identifier::Identifier, session::Context, transcript::Transcript};

/// One of the two directions of a pairing. What one side sent in one direction is worth nothing in the other.
#[derive(Clone, Copy)]
pub(super) struct Direction {
    pub(super) context: Context,
    /// Who extends as the sender: it knows Δ, and chooses in the base transfers.
    pub(super) sender: Identifier,
    /// Who extends as the receiver: it offers the base transfers, and knows all leaves.
    pub(super) receiver: Identifier,
}

impl Direction {
    pub(super) fn transcript<D: Digest>(&self, label: Label) -> Transcript<D> {
        Transcript::new(label).field(self.context.as_bytes()).identifier(self.sender).identifier(self.receiver)
    }
}
