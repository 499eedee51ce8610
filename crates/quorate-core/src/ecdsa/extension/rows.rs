//! The linear hash of rows: POLYVAL of RFC 8452 under χ, mask block last.
//!
//! `Σ block_i · (χ·x^−128)^(m−i)` for i < m: linear in the row, so that the hash of v ⊕ Δ·x is v̂ ⊕ Δ·x̂; two rows that differ have one
//! hash for at most m − 1 of the 2^128 − 1 possible χ; and since the mask block is multiplied by χ ≠ 0 alone, it hides x̂ perfectly.

use polyval::{
    Polyval,
    universal_hash::{UniversalHash, common::array::Array},
};

use super::{ROWS, block::Block, block::Blocks};
use crate::{domain, transcript::Hash};

/// The hash of blocks that lie one behind the other.
pub(super) fn hash_one(challenge: &Block, blocks: &[Block]) -> Block {
    let mut hash = Polyval::new(&(*challenge).into());
    hash.update(Array::cast_slice_from_core(blocks));
    hash.finalize().into()
}

/// The hashes of all 128 rows, whose blocks lie 128 apart.
pub(super) fn hash_all(challenge: &Block, rows: &[Block]) -> Blocks {
    let mut line = Blocks::new(rows.len() / ROWS);
    let mut hashes = Blocks::new(ROWS);
    let keyed = Polyval::new(&(*challenge).into());
    for (row, hash) in hashes.iter_mut().enumerate() {
        line.iter_mut().zip(rows.iter().skip(row).step_by(ROWS)).for_each(|(to, from)| *to = *from);
        let mut polyval = keyed.clone();
        polyval.update(Array::cast_slice_from_core(&line));
        *hash = polyval.finalize().into();
    }
    hashes
}

/// What R sends of the rows' hashes.
pub(super) fn digest(challenge: &Block, hashes: &[Block]) -> [u8; 32] {
    Hash::new(domain::EXTENSION_ROWS).field(challenge).field(hashes.as_flattened()).finish()
}
