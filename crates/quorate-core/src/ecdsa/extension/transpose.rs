//! Rows to columns, by recursion on blocks of bits.

use super::{
    ROWS,
    block::{Block, Blocks},
};

/// The columns of whole blocks of 128 rows.
pub(super) fn columns(rows: &[Block]) -> Blocks {
    let mut columns = Blocks::new(rows.len());
    for (from, to) in rows.as_chunks::<ROWS>().0.iter().zip(columns.as_chunks_mut::<ROWS>().0) {
        transpose(from, to);
    }
    columns
}

/// Bit c of row r becomes bit r of column c.
fn transpose(rows: &[Block; ROWS], columns: &mut [Block; ROWS]) {
    let mut bits = rows.map(u128::from_le_bytes);
    let mut mask = u128::MAX;
    let mut width = 64;
    while width > 0 {
        mask ^= mask << width;
        for pair in bits.chunks_exact_mut(2 * width) {
            let (top, bottom) = pair.split_at_mut(width);
            for (a, b) in top.iter_mut().zip(bottom) {
                let swapped = (*a >> width ^ *b) & mask;
                *a ^= swapped << width;
                *b ^= swapped;
            }
        }
        width /= 2;
    }
    columns.iter_mut().zip(bits).for_each(|(column, bits)| *column = bits.to_le_bytes());
}
