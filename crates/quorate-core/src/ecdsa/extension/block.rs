//! Buffers of 16-byte blocks that are wiped.

use alloc::{vec, vec::Vec};
use core::ops::{Deref, DerefMut};

use aes::{
    Aes128Enc,
    cipher::{Array, BlockCipherEncrypt},
};
use zeroize::Zeroize;

/// 128 bits, the lowest of byte 0 first.
pub(super) type Block = [u8; 16];

/// Blocks whose number never changes, wiped as one piece.
pub(super) struct Blocks(Vec<Block>);

impl Blocks {
    pub(super) fn new(count: usize) -> Self {
        Self(vec![[0; 16]; count])
    }
}

impl Deref for Blocks {
    type Target = [Block];

    fn deref(&self) -> &[Block] {
        &self.0
    }
}

impl DerefMut for Blocks {
    fn deref_mut(&mut self) -> &mut [Block] {
        &mut self.0
    }
}

impl Drop for Blocks {
    fn drop(&mut self) {
        self.0.as_flattened_mut().zeroize();
    }
}

pub(super) fn xor(a: &Block, b: &Block) -> Block {
    (u128::from_le_bytes(*a) ^ u128::from_le_bytes(*b)).to_le_bytes()
}

/// All blocks at once, so that the pipeline of the processor stays full.
pub(super) fn encrypt(cipher: &Aes128Enc, blocks: &mut [Block]) {
    cipher.encrypt_blocks(Array::cast_slice_from_core_mut(blocks));
}
