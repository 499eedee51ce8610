//! What two cosigners share so that they can multiply: oblivious-transfer state, for all their keys.
//!
//! A pairing lives in memory only and is bound to one boot of each side. It has no `Clone` and no encoding; sessions share it in an
//! `Arc`. All sessions on one pairing share its guard: the first check that fails ends the pairing for every one of them, because a
//! peer that may fail checks in many sessions at once would learn Δ bit by bit.
//!
//! It is made in both directions at once. Each side is S in one, where it extends as the sender and has a Δ, and R in the other:
//!
//! ```text
//! round  each side sends, in the private part (bytes)                      and then, from what the peer sent
//! 1      as R: A (32); a seed for shares of zero (32)               64     as S: draws Δ, chooses by it in 128 transfers
//! 2      as S: R_0 (32) and R_1 (32) of 128 transfers             8192     as R: both keys of each transfer, 32 trees of 16 leaves
//! 3      as R: for each of 32 trees                               5120     as S: 15 leaves of each tree, checked
//!              3 levels × 2 corrections (16 each), in all 96
//!              the sum of the witnesses (32), their hash (32)
//! ```
//!
//! Nothing is broadcast. All hashes bind the context (version, session id, both sides' identifiers, identities and boots) and the
//! direction, so that a message that is sent back to where it came from is worth nothing. The id of the pairing binds all messages.
//! Where a peer breaks the rules in a way that shows only on one value of a bit of Δ, it is found out with a probability of one half, and
//! that Δ is gone; so a peer that fails must wait.
//!
//! The base transfers are in `base_ot`, the trees in `tree`, the rounds in `rounds`. What is done with the leaves is not here.
//!
//! Spec: docs/protocols.md, section 3.1; Masny and Rindal, ePrint 2019/706; Roy, `SoftSpokenOT`, ePrint 2022/192, figures 13 and 14.

use alloc::sync::Arc;

use crate::{
    error::DecodeError,
    identifier::PeerId,
    secret::Secret,
    wire::{Encoding, Reader, Writer},
};

mod base_ot;
mod direction;
mod guard;
mod lock;
mod room;
mod rounds;
mod seeds;
mod tree;

#[cfg(test)]
mod tests;

pub(crate) use guard::{Guard, Refused};
pub(crate) use room::Room;
pub use rounds::{Pair, PairingRounds};
pub(crate) use seeds::{LEAVES, ReceiverSeeds, SenderSeeds, TREES};

/// One start of a cosigner: a counter that only grows, and random bytes in case that it did not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Boot {
    /// How often the cosigner has started.
    pub counter: u64,
    /// Drawn at this start.
    pub random: [u8; 16],
}

impl Boot {
    /// Names one start.
    #[must_use]
    pub const fn new(counter: u64, random: [u8; 16]) -> Self {
        Self { counter, random }
    }
}

impl Encoding for Boot {
    fn write(&self, out: &mut Writer) {
        out.u64(self.counter);
        out.raw(&self.random);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { counter: input.u64()?, random: input.array()? })
    }
}

/// What two cosigners share so that they can multiply. Put it in an `Arc`; it cannot be copied or stored.
pub struct Pairing {
    pub(crate) id: [u8; 32],
    /// This side and the other one.
    pub(crate) peers: [PeerId; 2],
    pub(crate) boots: [Boot; 2],
    /// Where this side multiplies as Alice: it extends as the sender.
    pub(crate) sender: SenderSeeds,
    /// Where this side multiplies as Bob: it extends as the receiver.
    pub(crate) receiver: ReceiverSeeds,
    /// The key from which both derive the same shares of zero.
    pub(crate) zero_key: Secret<[u8; 32]>,
    /// Shared with what was made with the pairing: that must not keep Δ alive.
    pub(crate) guard: Arc<Guard>,
    /// For the next answer.
    pub(crate) room: Room,
}

impl core::fmt::Debug for Pairing {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Pairing").field("peer", &self.peer()).field("live", &self.is_live()).finish_non_exhaustive()
    }
}

impl Pairing {
    /// The hash of all messages that made it: the same on both sides.
    #[must_use]
    pub const fn id(&self) -> &[u8; 32] {
        &self.id
    }

    /// The other cosigner.
    #[must_use]
    pub const fn peer(&self) -> PeerId {
        let [_, peer] = self.peers;
        peer
    }

    /// This side's boot and the other's.
    #[must_use]
    pub const fn boots(&self) -> &[Boot; 2] {
        &self.boots
    }

    /// Whether no check on it has failed yet, and nobody closed it.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.guard.is_live()
    }

    /// Ends the pairing: sessions and presignatures that use it fail from now on. For restarts of the peer, refreshes and age.
    pub fn close(&self) {
        self.guard.close();
    }
}
