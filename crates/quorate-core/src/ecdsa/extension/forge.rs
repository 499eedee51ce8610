//! A receiver that cheats, for tests of what holds it back.

use super::*;

/// A message whose choices are not the same in all trees: consistent if, and only if, the nibble of Δ in `tree` is `guess`.
///
/// One bit of x is another in this tree than in all others. The rows of the tree are then off by Δ times that bit, and R hashes them as
/// they are if its guess is right.
pub(in crate::ecdsa) fn guess(seeds: &ReceiverSeeds, subject: &Subject<'_>, nonce: [u8; 32], tree: usize, guess: u8) -> Vec<u8> {
    let blocks = blocks(subject.batch);
    let (receiver, honest) = choose(seeds, subject, nonce);
    let mut corrections = honest[NONCE_BYTES..honest.len() - BLOCK_BYTES - DIGEST_BYTES].to_vec();
    for (number, correction) in (1..).zip(corrections.chunks_exact_mut(blocks * BLOCK_BYTES)) {
        // The first tree has no correction: it stays behind if all others move.
        correction[0] ^= u8::from(number == tree || tree == 0);
    }
    let challenge = subject.challenge(&nonce, &corrections);
    let mut error = vec![[0; BLOCK_BYTES]; blocks];
    error[0][0] = 1;
    let error = rows::hash_one(&challenge, &error);
    let mut hashed_rows = rows::hash_all(&challenge, &receiver.rows);
    for (level, row) in hashed_rows[4 * tree..4 * tree + 4].iter_mut().enumerate() {
        if guess >> (3 - level) & 1 == 1 {
            *row = xor(row, &error);
        }
    }
    let mut hashed_choices = rows::hash_one(&challenge, &receiver.choices);
    if tree == 0 {
        hashed_choices = xor(&hashed_choices, &error);
    }
    [&nonce[..], &corrections, &hashed_choices, &rows::digest(&challenge, &hashed_rows)].concat()
}
