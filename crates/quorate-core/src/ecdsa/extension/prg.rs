//! Leaves to rows: every leaf is stretched, and the trees are folded block by block.
//!
//! Block i of leaf x of a tree is π(π(leaf) ⊕ (tree, x, i)) ⊕ π(leaf), where π is AES-128 under a key of the session: TMMO (ePrint
//! 2019/074) instead of a key schedule for each leaf. Why it is a pseudorandom generator, π being an ideal cipher: the leaves do not
//! depend on π, each is uniform, and S lacks one in each tree. Those 32 are put in at W = 32·(B + 1) points, B blocks to a row, which
//! nobody knows: unless two of these points meet, or one of q queries to π or its inverse meets one, every block looks random. Hence
//! an advantage of at most W·(q + W) / 2^128: per query 2^−120 at N = 1 and 2^−115 at N = 64, and 2^−112 and 2^−102 besides.
//! That factor W is all of the multi-target loss: another run or another pairing has another π, so that no query, and no table made
//! beforehand, serves against two of them.

use aes::{Aes128Enc, cipher::KeyInit};

use super::{
    ROWS,
    block::{Block, Blocks, encrypt, xor},
};
use crate::ecdsa::pairing::{LEAVES, ReceiverSeeds, SenderSeeds, TREES};

/// The expansion of all leaves, block after block. Place 32·x + tree holds leaf x of a tree.
pub(super) struct Expansion {
    cipher: Aes128Enc,
    /// π(leaf) ⊕ (tree, x, 0).
    inputs: Blocks,
    /// What the terms π(leaf) add up to in each row and in each tree's sum, the same in every block.
    rows: Blocks,
    sums: Blocks,
    /// The block in work.
    work: Blocks,
    index: u32,
}

impl Expansion {
    /// R's: each leaf at its own place.
    pub(super) fn of_all(key: &Block, seeds: &ReceiverSeeds) -> Self {
        Self::new(key, gather(seeds.leaves.expose()), &[0; TREES])
    }

    /// S's: leaf x at place x ⊕ Δ, so that the missing one is at place 0, which no row adds up. `delta_rows` is Δ, a mask for each row.
    pub(super) fn of_all_but_one(key: &Block, seeds: &SenderSeeds, delta_rows: &[Block]) -> Self {
        let mut leaves = gather(seeds.leaves.expose());
        for level in 0..4 {
            let half = (LEAVES * TREES / 2) >> level;
            for pair in leaves.chunks_exact_mut(2 * half) {
                let (low, high) = pair.split_at_mut(half);
                let masks = delta_rows.iter().skip(level).step_by(4);
                for (low, high) in low.chunks_exact_mut(TREES).zip(high.chunks_exact_mut(TREES)) {
                    low.iter_mut().zip(high).zip(masks.clone()).for_each(|((low, high), mask)| swap_if(low, high, mask));
                }
            }
        }
        Self::new(key, leaves, seeds.delta.expose())
    }

    /// `moved` is what was added to the number of each tree's leaves.
    fn new(key: &Block, mut leaves: Blocks, moved: &[u8; TREES]) -> Self {
        let cipher = Aes128Enc::new(&(*key).into());
        encrypt(&cipher, &mut leaves);
        let mut inputs = Blocks::new(LEAVES * TREES);
        for ((inputs, terms), place) in inputs.chunks_exact_mut(TREES).zip(leaves.chunks_exact(TREES)).zip(0u8..) {
            for (((input, term), moved), tree) in inputs.iter_mut().zip(terms).zip(moved).zip(0u32..) {
                *input = xor(term, &tweak(tree, place ^ moved));
            }
        }
        let (mut rows, mut sums) = (Blocks::new(ROWS), Blocks::new(TREES));
        sums.copy_from_slice(fold(&mut leaves, &mut rows));
        Self { cipher, inputs, rows, sums, work: leaves, index: 0 }
    }

    /// Writes the next block of the 128 rows, and gives the next block of each tree's sum (R's only: S's lacks a leaf).
    pub(super) fn next(&mut self, rows: &mut [Block]) -> &[Block] {
        let index = u128::from(self.index);
        self.index = self.index.wrapping_add(1);
        for (work, input) in self.work.iter_mut().zip(self.inputs.iter()) {
            *work = (u128::from_le_bytes(*input) ^ index).to_le_bytes();
        }
        encrypt(&self.cipher, &mut self.work);
        let sums = fold(&mut self.work, rows);
        add(rows, &self.rows);
        add(sums, &self.sums);
        sums
    }
}

/// (tree, x, 0): the block's number comes into the lowest 32 bits.
fn tweak(tree: u32, leaf: u8) -> Block {
    (u128::from(tree) << 40 | u128::from(leaf) << 32).to_le_bytes()
}

fn gather(trees: &[[Block; LEAVES]; TREES]) -> Blocks {
    let mut places = Blocks::new(LEAVES * TREES);
    for (tree, leaves) in trees.iter().enumerate() {
        places.iter_mut().skip(tree).step_by(TREES).zip(leaves).for_each(|(place, leaf)| *place = *leaf);
    }
    places
}

fn swap_if(a: &mut Block, b: &mut Block, mask: &Block) {
    let both = u128::from_le_bytes(*mask) & (u128::from_le_bytes(*a) ^ u128::from_le_bytes(*b));
    *a = xor(a, &both.to_le_bytes());
    *b = xor(b, &both.to_le_bytes());
}

fn add(to: &mut [Block], terms: &[Block]) {
    to.iter_mut().zip(terms).for_each(|(to, term)| *to = xor(to, term));
}

/// Row 4·tree + level becomes the sum of the tree's blocks whose place has bit 3 − level; what remains is the sum of all.
fn fold<'a>(places: &'a mut [Block], rows: &mut [Block]) -> &'a mut [Block] {
    let mut rest = places;
    for level in 0..4 {
        let (low, high) = rest.split_at_mut(rest.len() / 2);
        add(low, high);
        let sums = fold_all(high);
        rows.iter_mut().skip(level).step_by(4).zip(sums).for_each(|(row, sum)| *row = *sum);
        rest = low;
    }
    rest
}

/// The sums of each tree's blocks.
fn fold_all(mut places: &mut [Block]) -> &[Block] {
    while places.len() > TREES {
        let (low, high) = places.split_at_mut(places.len() / 2);
        add(low, high);
        places = low;
    }
    places
}
