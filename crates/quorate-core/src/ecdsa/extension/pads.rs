//! Columns to pads: F(j, x), nine blocks of TMMO (ePrint 2019/074), tweaked by column and block.
//!
//! F(j, x)_b = π(π(x) ⊕ (j, b)) ⊕ π(x), where π is AES-128 under a key that binds fresh values of both sides: tweakable, and correlation
//! robust for the circular inputs `q_j ⊕ Δ`. j counts through the whole batch, so that no tweak comes twice under one key.

use aes::{Aes128Enc, cipher::KeyInit};

use super::{
    PAD_BYTES,
    block::{Block, Blocks, encrypt, xor},
};

const PAD_BLOCKS: usize = 9;
/// Inputs that are hashed at once; as many as the widest processors take.
const LANES: usize = 64;

/// Hashes each column, the first of which has the number `first`, with each of the offsets added.
pub(super) fn hash<const WAYS: usize>(
    key: &Block,
    first: usize,
    columns: &[Block],
    offsets: &[u128; WAYS],
    mut each: impl FnMut(usize, &[[u8; PAD_BYTES]; WAYS]),
) {
    let cipher = Aes128Enc::new(&(*key).into());
    let mut inputs = Blocks::new(LANES);
    let mut outputs = Blocks::new(LANES * PAD_BLOCKS);
    for (chunk, columns) in columns.chunks(LANES / WAYS).enumerate() {
        let position = chunk * (LANES / WAYS);
        for (inputs, column) in inputs.as_chunks_mut::<WAYS>().0.iter_mut().zip(columns) {
            let column = u128::from_le_bytes(*column);
            inputs.iter_mut().zip(offsets).for_each(|(input, offset)| *input = (column ^ offset).to_le_bytes());
        }
        stretch::<WAYS>(&cipher, first + position, &mut inputs, &mut outputs);
        let (pads, _) = outputs.as_flattened().as_chunks::<PAD_BYTES>();
        let (pads, _) = pads.as_chunks::<WAYS>();
        pads.iter().zip(position..).take(columns.len()).for_each(|(pads, column)| each(column, pads));
    }
}

/// Nine blocks of each input; the tweak moves on after `WAYS` of them.
fn stretch<const WAYS: usize>(cipher: &Aes128Enc, first: usize, inputs: &mut [Block], outputs: &mut [Block]) {
    encrypt(cipher, inputs);
    let (pads, _) = outputs.as_chunks_mut::<PAD_BLOCKS>();
    let tweaks = u128::try_from(first).unwrap_or(u128::MAX)..;
    let inputs_of_column = inputs.as_chunks::<WAYS>().0.iter();
    for ((pads, masks), tweak) in pads.as_chunks_mut::<WAYS>().0.iter_mut().zip(inputs_of_column).zip(tweaks) {
        for (pad, mask) in pads.iter_mut().zip(masks) {
            let tweaked = u128::from_le_bytes(*mask) ^ tweak;
            pad.iter_mut().zip(0u128..).for_each(|(block, number)| *block = (tweaked ^ number << 64).to_le_bytes());
        }
    }
    encrypt(cipher, outputs);
    for (pad, mask) in outputs.as_chunks_mut::<PAD_BLOCKS>().0.iter_mut().zip(inputs.iter()) {
        pad.iter_mut().for_each(|block| *block = xor(block, mask));
    }
}
