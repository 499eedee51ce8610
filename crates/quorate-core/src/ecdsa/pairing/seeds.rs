//! The leaves of 32 trees of depth 4: one side holds all of them, the other all but one in each tree.

use crate::secret::Secret;

/// Trees of a pairing's direction: 128 bits of Δ, four to a tree.
pub(crate) const TREES: usize = 32;
/// Leaves of a tree: 2⁴ (`SoftSpokenOT` with k = 4).
pub(crate) const LEAVES: usize = 16;

/// A leaf.
pub(crate) type Seed = [u8; 16];

/// Δ, and all leaves but the one at Δ's nibble in each tree.
pub(crate) struct SenderSeeds {
    /// The nibbles of Δ, one a tree, each below 16. Row 4·tree + level of an extension belongs to bit 3 − level of the nibble.
    pub(crate) delta: Secret<[u8; TREES]>,
    /// `leaves[tree][x]`; zero where x is the tree's nibble of Δ.
    pub(crate) leaves: Secret<[[Seed; LEAVES]; TREES]>,
}

/// All leaves.
pub(crate) struct ReceiverSeeds {
    /// `leaves[tree][x]`.
    pub(crate) leaves: Secret<[[Seed; LEAVES]; TREES]>,
}
