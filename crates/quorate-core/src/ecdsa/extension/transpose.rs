//! Rows to columns, by recursion on blocks of bits.

use super::{
    ROWS,
    block::{Block, Blocks},
};

/// The columns of whole blocks of 128 rows: bit c of row r becomes bit r of column c.
pub(super) fn columns(rows: &[Block]) -> Blocks {
    let mut columns = Blocks::new(rows.len());
    columns.copy_from_slice(rows);
    columns.as_chunks_mut().0.iter_mut().for_each(transpose);
    columns
}

/// Swaps two of four quarters, and then does the same within each quarter, down to single bits.
fn transpose(square: &mut [Block; ROWS]) {
    let (top, bottom) = square.split_at_mut(ROWS / 2);
    for (a, b) in top.iter_mut().zip(bottom) {
        let ([a_low, a_high], [b_low, b_high]) = (halves(a), halves(b));
        (*a, *b) = (join([a_low, b_low]), join([a_high, b_high]));
    }
    within::<32>(square, 0x0000_0000_ffff_ffff);
    within::<16>(square, 0x0000_ffff_0000_ffff);
    within::<8>(square, 0x00ff_00ff_00ff_00ff);
    within::<4>(square, 0x0f0f_0f0f_0f0f_0f0f);
    within::<2>(square, 0x3333_3333_3333_3333);
    within::<1>(square, 0x5555_5555_5555_5555);
}

/// Swaps the upper right with the lower left part of every square of 2·`WIDTH` bits. `low` has the lower bits of each pair of parts.
fn within<const WIDTH: usize>(square: &mut [Block; ROWS], low: u64) {
    for pair in square.chunks_exact_mut(2 * WIDTH) {
        let (top, bottom) = pair.split_at_mut(WIDTH);
        for (a, b) in top.iter_mut().zip(bottom) {
            let ([a_low, a_high], [b_low, b_high]) = (halves(a), halves(b));
            let swapped = [(a_low >> WIDTH ^ b_low) & low, (a_high >> WIDTH ^ b_high) & low];
            let [swap_low, swap_high] = swapped;
            *a = join([a_low ^ swap_low << WIDTH, a_high ^ swap_high << WIDTH]);
            *b = join([b_low ^ swap_low, b_high ^ swap_high]);
        }
    }
}

/// Two words, because a processor shifts no wider ones at once.
fn halves(block: &Block) -> [u64; 2] {
    let bits = u128::from_le_bytes(*block);
    [bits, bits >> 64].map(|bits| u64::try_from(bits & u128::from(u64::MAX)).unwrap_or_default())
}

fn join([low, high]: [u64; 2]) -> Block {
    (u128::from(low) | u128::from(high) << 64).to_le_bytes()
}
