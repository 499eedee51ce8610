//! Many oblivious transfers from the seeds of a pairing: `SoftSpokenOT` with k = 4 (ePrint 2022/192), one message, one check.
//!
//! ```text
//!  receiver R (Bob), all 16 leaves of 32 trees             sender S (Alice), Δ and 15 of 16 leaves
//!  choose: rows v, choices x            ── nonce ‖ corrections ‖ x̂ ‖ H(v̂) ──▶   check: rows w = v ⊕ Δ·x, ŵ = v̂ ⊕ Δ·x̂
//!  γ_j = F(j, t_j)                                          α0_j = F(j, q_j), α1_j = F(j, q_j ⊕ Δ)
//! ```
//!
//! A row has one bit for each column, and a column one bit for each of 128 rows: `t_j` and `q_j` are columns of v and w,
//! `q_j = t_j ⊕ x_j·Δ`, and R knows of the two pads of column j just the one that its choice names. Bits count as in POLYVAL, the lowest
//! bit of byte 0 first, everywhere: column j of a row is bit j mod 8 of byte j / 8, and row r of a column likewise. Row 4·tree + level
//! belongs to bit 3 − level of the tree's nibble of Δ.
//!
//! Columns come in blocks of 128. A batch of N multiplications takes ⌈416·N/128⌉ blocks of choices and one more, last and alone, that
//! masks x̂; the columns that fill the last block of choices are random and unused.
//!
//! [`check`] runs under the guard of the pairing. It does no more than decide: transposing and hashing wait until it has passed.
//!
//! Spec: docs/protocols, section 3.2.

use alloc::{vec, vec::Vec};

use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use zeroize::Zeroizing;

use super::{
    MAX_BATCH,
    pairing::{ReceiverSeeds, SenderSeeds},
};
use crate::{
    domain::{self, Label},
    error::Error,
    identifier::Identifier,
    secret::Secret,
    transcript::Hash,
};

mod block;
#[cfg(test)]
pub(super) mod forge;
mod pads;
mod prg;
mod rows;
#[cfg(test)]
mod tests;
mod transpose;

use block::{Block, Blocks, xor};
use prg::Expansion;

/// Columns of one multiplication: `κ + 2·λ_s`.
pub(crate) const CHOICES: usize = 416;
/// The choices of one multiplication, eight to a byte.
pub(crate) const CHOICE_BYTES: usize = CHOICES / 8;
/// A pad: three scalars of 48 bytes.
pub(crate) const PAD_BYTES: usize = 144;

/// Bits of Δ.
const ROWS: usize = 128;
const NONCE_BYTES: usize = 32;
const DIGEST_BYTES: usize = 32;
const BLOCK_BYTES: usize = 16;
/// Trees that are corrected to the choices of the first one.
const CORRECTED: usize = 31;

/// What both sides know of one extension, and bind into it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    /// The session's ctx.
    pub(crate) context: &'a [u8; 32],
    /// The pairing's id.
    pub(crate) pairing: &'a [u8; 32],
    /// S, who holds Δ.
    pub(crate) sender: Identifier,
    /// R, who chooses.
    pub(crate) receiver: Identifier,
    /// How many multiplications, 1 to [`MAX_BATCH`].
    pub(crate) batch: usize,
}

impl Subject<'_> {
    fn hash(&self, label: Label, nonce: &[u8]) -> Hash {
        let batch = u64::try_from(self.batch).unwrap_or(u64::MAX);
        let hash = Hash::new(label).field(self.context).field(self.pairing);
        hash.identifier(self.receiver).identifier(self.sender).field(nonce).number(batch)
    }

    fn prg_key(&self, nonce: &[u8]) -> Block {
        first_half(&self.hash(domain::EXTENSION_PRG, nonce).finish())
    }

    /// χ, which is not known to anyone before the corrections are fixed.
    fn challenge(&self, nonce: &[u8], corrections: &[u8]) -> Block {
        first_half(&self.hash(domain::EXTENSION_CHECK, nonce).field(corrections).finish())
    }
}

/// Why a message is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It has not the length that the batch asks for.
    Malformed,
    /// Its rows are not those of the corrections.
    WrongProof,
}

/// Blocks of choices, and the one that masks.
const fn blocks(batch: usize) -> usize {
    (batch * CHOICES).div_ceil(ROWS) + 1
}

/// The length of R's message: nonce ‖ 31 corrections ‖ x̂ ‖ H(v̂).
pub(crate) const fn message_bytes(batch: usize) -> usize {
    NONCE_BYTES + CORRECTED * blocks(batch) * BLOCK_BYTES + BLOCK_BYTES + DIGEST_BYTES
}

/// R's choices and columns, until its pads are made.
pub(crate) struct Receiver {
    choices: Blocks,
    rows: Blocks,
}

/// S's columns after the check, until its pads are made.
pub(crate) struct Sender {
    /// 0 and Δ: what the two pads of a column add to it.
    offsets: Secret<[u128; 2]>,
    rows: Blocks,
}

/// Makes R's message. `nonce` must be fresh; the choices follow from it and the seeds.
pub(crate) fn choose(seeds: &ReceiverSeeds, subject: &Subject<'_>, nonce: [u8; NONCE_BYTES]) -> (Receiver, Vec<u8>) {
    let blocks = blocks(subject.batch);
    let mut choices = Blocks::new(blocks);
    let mut rows = Blocks::new(blocks * ROWS);
    let mut corrections = vec![[0; BLOCK_BYTES]; blocks * CORRECTED];

    let mut expansion = Expansion::of_all(&subject.prg_key(&nonce), seeds);
    for (index, (rows, choice)) in rows.chunks_exact_mut(ROWS).zip(choices.iter_mut()).enumerate() {
        let mut sums = expansion.next(rows).iter();
        *choice = sums.next().copied().unwrap_or_default();
        for (correction, sum) in corrections.iter_mut().skip(index).step_by(blocks).zip(sums) {
            *correction = xor(sum, choice);
        }
    }

    let corrections = corrections.as_flattened();
    let challenge = subject.challenge(&nonce, corrections);
    let hashed_choices = rows::hash_one(&challenge, &choices);
    let hashed_rows = rows::hash_all(&challenge, &rows);
    let digest = rows::digest(&challenge, &hashed_rows);
    let message = [&nonce, corrections, &hashed_choices, &digest].concat();
    (Receiver { choices, rows }, message)
}

/// Checks R's message in constant time. Call it under the pairing's guard, and let nothing leave that depends on Δ unless it passes.
///
/// # Errors
///
/// [`Refusal::WrongProof`] may be R's attempt to guess a part of Δ; the pairing must not be used again.
pub(crate) fn check(seeds: &SenderSeeds, subject: &Subject<'_>, message: &[u8]) -> Result<Sender, Refusal> {
    if !(1..=MAX_BATCH).contains(&subject.batch) || message.len() != message_bytes(subject.batch) {
        return Err(Refusal::Malformed);
    }
    let message = Message::split(message).ok_or(Refusal::Malformed)?;
    let challenge = subject.challenge(message.nonce, message.corrections);
    decide(seeds, subject, &message, &challenge)
}

/// R's message, in its parts.
struct Message<'a> {
    nonce: &'a [u8],
    corrections: &'a [u8],
    hashed_choices: &'a Block,
    digest: &'a [u8; DIGEST_BYTES],
}

impl<'a> Message<'a> {
    fn split(bytes: &'a [u8]) -> Option<Self> {
        let (nonce, rest) = bytes.split_at_checked(NONCE_BYTES)?;
        let (rest, digest) = rest.split_last_chunk()?;
        let (corrections, hashed_choices) = rest.split_last_chunk()?;
        Some(Self { nonce, corrections, hashed_choices, digest })
    }
}

fn decide(seeds: &SenderSeeds, subject: &Subject<'_>, message: &Message<'_>, challenge: &Block) -> Result<Sender, Refusal> {
    let blocks = blocks(subject.batch);
    let (corrections, _) = message.corrections.as_chunks::<BLOCK_BYTES>();
    let mut rows = Blocks::new(blocks * ROWS);
    let masks = row_masks(seeds);
    let mut expansion = Expansion::of_all_but_one(&subject.prg_key(message.nonce), seeds, &masks);
    for (index, rows) in rows.chunks_exact_mut(ROWS).enumerate() {
        expansion.next(rows);
        // The first tree's rows need no correction: its sum is x.
        let corrected = rows.as_chunks_mut::<4>().0.iter_mut().zip(masks.as_chunks::<4>().0).skip(1);
        for ((rows, masks), correction) in corrected.zip(corrections.iter().skip(index).step_by(blocks)) {
            rows.iter_mut().zip(masks).for_each(|(row, mask)| *row = add_masked(row, mask, correction));
        }
    }

    let mut hashed_rows = rows::hash_all(challenge, &rows);
    hashed_rows.iter_mut().zip(masks.iter()).for_each(|(row, mask)| *row = add_masked(row, mask, message.hashed_choices));
    // χ = 0 would let any x̂ pass; it comes up once in 2^128 runs.
    let right = rows::digest(challenge, &hashed_rows).ct_eq(message.digest) & !challenge.ct_eq(&[0; BLOCK_BYTES]);
    if bool::from(right) { Ok(Sender { offsets: offsets(&masks), rows }) } else { Err(Refusal::WrongProof) }
}

impl Receiver {
    /// β of one multiplication: bit j mod 8 of byte j / 8 is the choice of column j.
    pub(crate) fn choices(&self, multiplication: usize) -> Result<Zeroizing<[u8; CHOICE_BYTES]>, Error> {
        let first = multiplication.checked_mul(CHOICE_BYTES).ok_or(NO_SUCH_MULTIPLICATION)?;
        let bytes = self.choices.as_flattened();
        let data = bytes.get(..bytes.len().saturating_sub(BLOCK_BYTES)).ok_or(NO_SUCH_MULTIPLICATION)?;
        let choices = data.get(first..).and_then(<[u8]>::first_chunk).ok_or(NO_SUCH_MULTIPLICATION)?;
        Ok(Zeroizing::new(*choices))
    }

    /// Hands out `γ_j = F(j, t_j)` for the columns of one multiplication, in order. `key` must bind fresh values of both sides.
    pub(crate) fn pads(
        &self,
        multiplication: usize,
        key: &Block,
        mut each: impl FnMut(usize, &[u8; PAD_BYTES]),
    ) -> Result<(), Error> {
        hash_columns(&self.rows, multiplication, key, &[0], |column, [pad]| each(column, pad))
    }
}

impl Sender {
    /// Hands out `α0_j = F(j, q_j)` and `α1_j = F(j, q_j ⊕ Δ)` for the columns of one multiplication, in order. `key` is R's.
    pub(crate) fn pads(
        &self,
        multiplication: usize,
        key: &Block,
        mut each: impl FnMut(usize, &[u8; PAD_BYTES], &[u8; PAD_BYTES]),
    ) -> Result<(), Error> {
        hash_columns(&self.rows, multiplication, key, self.offsets.expose(), |column, [zero, one]| each(column, zero, one))
    }
}

const NO_SUCH_MULTIPLICATION: Error = Error::Bug("a multiplication beyond the batch");

/// Hashes the columns of one multiplication, which are 416 of four blocks' 512, since 3¼ blocks make one.
fn hash_columns<const WAYS: usize>(
    rows: &[Block],
    multiplication: usize,
    key: &Block,
    offsets: &[u128; WAYS],
    each: impl FnMut(usize, &[[u8; PAD_BYTES]; WAYS]),
) -> Result<(), Error> {
    let first = multiplication.checked_mul(CHOICES).ok_or(NO_SUCH_MULTIPLICATION)?;
    let data = rows.get(..rows.len().saturating_sub(ROWS)).ok_or(NO_SUCH_MULTIPLICATION)?;
    let four = data.get(first / ROWS * ROWS..).and_then(|rows| rows.get(..4 * ROWS)).ok_or(NO_SUCH_MULTIPLICATION)?;
    let columns = transpose::columns(four);
    let columns = columns.get(first % ROWS..).and_then(|columns| columns.get(..CHOICES)).ok_or(NO_SUCH_MULTIPLICATION)?;
    pads::hash(key, first, columns, offsets, each);
    Ok(())
}

/// For each row all ones if its bit of Δ is set, else zeros.
fn row_masks(seeds: &SenderSeeds) -> Blocks {
    let mut masks = Blocks::new(ROWS);
    for (masks, nibble) in masks.as_chunks_mut::<4>().0.iter_mut().zip(seeds.delta.expose()) {
        for (mask, bit) in masks.iter_mut().zip([3, 2, 1, 0]) {
            *mask = u128::conditional_select(&0, &u128::MAX, Choice::from((nibble >> bit) & 1)).to_le_bytes();
        }
    }
    masks
}

/// 0, and Δ as a column.
fn offsets(masks: &[Block]) -> Secret<[u128; 2]> {
    let mut offsets = Secret::new([0; 2]);
    let [_, delta] = offsets.expose_mut();
    masks.iter().enumerate().for_each(|(row, mask)| *delta |= u128::from_le_bytes(*mask) & (1 << row));
    offsets
}

fn add_masked(row: &Block, mask: &Block, term: &Block) -> Block {
    (u128::from_le_bytes(*row) ^ u128::from_le_bytes(*mask) & u128::from_le_bytes(*term)).to_le_bytes()
}

fn first_half(digest: &[u8; 32]) -> Block {
    let (halves, _) = digest.as_chunks();
    halves.first().copied().unwrap_or_default()
}
