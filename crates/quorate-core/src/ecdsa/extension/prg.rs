//! Leaves to rows: every leaf is stretched, and the trees are folded block by block.
//!
//! Block i of leaf x of a tree is π(π(leaf) ⊕ (tree, x, i)) ⊕ π(leaf), where π is AES-128 under a key of the session: TMMO (ePrint
//! 2019/074) instead of a key schedule for each leaf. Why it is a pseudorandom generator, π being an ideal cipher: the key is a hash
//! of R's nonce, of the pairing and of the session, so that the leaves do not depend on this π; each is uniform, and S lacks one in
//! each tree. Whoever asks neither π at a missing leaf nor at π(leaf) ⊕ tweak of one sees values of a random function, but for
//! repeats of a permutation's outputs that cannot come: with B blocks in a row and q queries the two are told apart with at most
//! (32·q·(B + 1) + (32·B)²) / 2^128, which is 2^−120 per query and 2^−114 at N = 1, and 2^−115 and 2^−102 at N = 64. Tweaks never repeat
//! under one key, and a table that is made for one session is of no use in another; AES in counter mode under the leaf would lack both.

use aes::{Aes128Enc, cipher::KeyInit};
use subtle::{Choice, ConditionallySelectable};

use super::block::{Block, Blocks, encrypt, xor};
use crate::ecdsa::pairing::{ReceiverSeeds, SenderSeeds};

use crate::ecdsa::pairing::{LEAVES, TREES};

/// The expansion of all leaves, block after block. Slot 32·x + tree holds leaf x of a tree.
pub(super) struct Expansion {
    cipher: Aes128Enc,
    /// π(leaf).
    masks: Blocks,
    /// π(leaf) ⊕ (tree, x, 0).
    inputs: Blocks,
    /// The block in work.
    work: Blocks,
    index: u32,
}

impl Expansion {
    /// R's: each leaf at its own place.
    pub(super) fn of_all(key: &Block, seeds: &ReceiverSeeds) -> Self {
        let mut leaves = Blocks::new(LEAVES * TREES);
        gather(&mut leaves, seeds.leaves.expose());
        Self::new(key, leaves, &[0; TREES])
    }

    /// S's: leaf x at place x ⊕ Δ, so that the missing one is at place 0, which no row adds up.
    pub(super) fn of_all_but_one(key: &Block, seeds: &SenderSeeds) -> Self {
        let mut leaves = Blocks::new(LEAVES * TREES);
        gather(&mut leaves, seeds.leaves.expose());
        for bit in 0..4u8 {
            for pair in leaves.chunks_exact_mut((2 * TREES) << bit) {
                let (low, high) = pair.split_at_mut(TREES << bit);
                for ((low, high), nibble) in low.iter_mut().zip(high).zip(seeds.delta.expose().iter().cycle()) {
                    swap_if(low, high, Choice::from((nibble >> bit) & 1));
                }
            }
        }
        Self::new(key, leaves, seeds.delta.expose())
    }

    fn new(key: &Block, mut masks: Blocks, moved: &[u8; TREES]) -> Self {
        let cipher = Aes128Enc::new(&(*key).into());
        encrypt(&cipher, &mut masks);
        let mut inputs = Blocks::new(LEAVES * TREES);
        let masks_of_place = masks.as_chunks::<TREES>().0.iter();
        for ((inputs, masks), place) in inputs.as_chunks_mut::<TREES>().0.iter_mut().zip(masks_of_place).zip(0u8..) {
            for (((input, mask), moved), tree) in inputs.iter_mut().zip(masks).zip(moved).zip(0u32..) {
                *input = xor(mask, &tweak(tree, place ^ moved));
            }
        }
        Self { cipher, masks, inputs, work: Blocks::new(LEAVES * TREES), index: 0 }
    }

    /// Writes the next block of the 128 rows, and gives the next block of each tree's sum (R's only: S's lacks a leaf).
    pub(super) fn next(&mut self, rows: &mut [Block]) -> &[Block] {
        let index = u128::from(self.index);
        self.index = self.index.wrapping_add(1);
        for (work, input) in self.work.iter_mut().zip(self.inputs.iter()) {
            *work = (u128::from_le_bytes(*input) ^ index).to_le_bytes();
        }
        encrypt(&self.cipher, &mut self.work);
        for (work, mask) in self.work.iter_mut().zip(self.masks.iter()) {
            *work = xor(work, mask);
        }
        fold(&mut self.work, rows)
    }
}

/// (tree, x, 0): the block's number comes into the lowest 32 bits.
fn tweak(tree: u32, leaf: u8) -> Block {
    (u128::from(tree) << 40 | u128::from(leaf) << 32).to_le_bytes()
}

fn gather(places: &mut Blocks, trees: &[[Block; LEAVES]; TREES]) {
    for (tree, leaves) in trees.iter().enumerate() {
        places.iter_mut().skip(tree).step_by(TREES).zip(leaves).for_each(|(place, leaf)| *place = *leaf);
    }
}

fn swap_if(a: &mut Block, b: &mut Block, swap: Choice) {
    let (mut x, mut y) = (u128::from_le_bytes(*a), u128::from_le_bytes(*b));
    u128::conditional_swap(&mut x, &mut y, swap);
    (*a, *b) = (x.to_le_bytes(), y.to_le_bytes());
}

/// Row 4·tree + level becomes the sum of the tree's blocks whose place has bit 3 − level; what remains is the sum of all.
fn fold<'a>(work: &'a mut [Block], rows: &mut [Block]) -> &'a [Block] {
    let mut rest = work;
    for level in 0..4 {
        let (low, high) = rest.split_at_mut(rest.len() / 2);
        let mut sums = [[0; 16]; TREES];
        for places in high.as_chunks::<TREES>().0 {
            sums.iter_mut().zip(places).for_each(|(sum, block)| *sum = xor(sum, block));
        }
        rows.iter_mut().skip(level).step_by(4).zip(sums).for_each(|(row, sum)| *row = sum);
        low.iter_mut().zip(high).for_each(|(low, high)| *low = xor(low, high));
        rest = low;
    }
    rest
}
