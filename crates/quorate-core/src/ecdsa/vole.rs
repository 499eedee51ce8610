//! Random vector oblivious linear evaluation: Alice has (a₀, a₁), Bob a random b; they end with c and d, cᵢ + dᵢ = aᵢ·b.
//!
//! The multiplication of `DKLs23` (ePrint 2023/765, protocol 5.2) over correlations of [`extension`](super::extension). Bob's b is the
//! inner product of his choice bits with the public gadget g. For each choice Alice masks a₀, a₁ and a random â with the difference of
//! her two pads; Bob, who knows one pad, gets αᵢ + βa. One linear combination of the three columns, fixed by a hash of all masked
//! values, is checked against Alice's statement about it: she used the same a₀ and a₁ for every choice.
//!
//! Everything here runs in constant time in a, b and the pads.

use alloc::vec::Vec;

use core::hint::black_box;

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

use super::{
    extension::{CHOICES, Receiver, Sender},
    suite::EcdsaSuite,
    wide::{self, PadWords, Wide, Words},
};
use crate::{
    curve::Curve,
    domain,
    error::{DecodeError, Error},
    identifier::Identifier,
    randomness::Hedged,
    secret::Secret,
    transcript::Hash,
};

/// Bytes of Alice's message: three masked values for each choice, η, μ.
pub(crate) const MESSAGE_BYTES: usize = CHOICES * 3 * 32 + 32 + 32;

/// What both sides bind into one multiplication.
#[derive(Clone, Copy)]
pub(crate) struct Subject<'a> {
    /// ctx′: the session, all commitments, both first messages, the pairing and the index in the batch.
    pub(crate) context: &'a [u8; 32],
    pub(crate) alice: Identifier,
    pub(crate) bob: Identifier,
    /// Which multiplication of the extension.
    pub(crate) index: usize,
}

impl Subject<'_> {
    fn pad_key(&self) -> [u8; 16] {
        let hash = Hash::new(domain::EXTENSION_TMMO).field(self.context).identifier(self.alice).identifier(self.bob).finish();
        hash.first_chunk().copied().unwrap_or_default()
    }

    /// θ, from everything that Alice masked.
    fn theta(&self, masked: &[u8]) -> Theta {
        let hash = Hash::new(domain::ECDSA_THETA).field(self.context).identifier(self.alice).identifier(self.bob);
        Theta(hash.field(masked).finish())
    }
}

/// A hash of everything that Alice masked: her factors are fixed before it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Theta(pub(crate) [u8; 32]);

impl Theta {
    /// θ₀ and θ₁, 128 bits each.
    fn weights(&self) -> [[u64; 2]; 2] {
        let (halves, _) = self.0.as_chunks();
        [halves.first(), halves.last()].map(|half| wide::halves(half.map_or(0, |half| u128::from_be_bytes(*half))))
    }
}

/// What μ hashes: one number for each column, together 13 KB, wiped as one piece.
struct Statement(Vec<u8>);

impl Drop for Statement {
    fn drop(&mut self) {
        self.0.as_mut_slice().zeroize();
    }
}

impl Statement {
    fn new() -> Self {
        // One allocation of the final size.
        Self(Vec::with_capacity(CHOICES * 32))
    }

    fn push(&mut self, number: Words) {
        self.0.extend_from_slice(&wide::to_bytes(&number));
    }

    /// μ.
    fn finish(&self, subject: &Subject<'_>) -> [u8; 32] {
        let hash = Hash::new(domain::ECDSA_MU).field(subject.context).identifier(subject.alice).identifier(subject.bob);
        hash.field(&self.0).finish()
    }
}

/// Alice's message as Bob decodes it, before anything secret looks at it.
pub(crate) struct Message<'a> {
    masked: &'a [u8],
    columns: &'a [[[u8; 32]; 3]],
    eta: Words,
    mu: &'a [u8; 32],
}

impl<'a> Message<'a> {
    /// Decodes a message. That a value is no canonical scalar says nothing about Bob's secrets, and is found out without them.
    pub(crate) fn decode<C: EcdsaSuite>(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let (masked, proof) = bytes.split_at_checked(CHOICES * 3 * 32).ok_or(DecodeError::Truncated)?;
        let (eta, mu) = proof.split_first_chunk::<32>().ok_or(DecodeError::Truncated)?;
        let eta = wide::canonical(eta, &C::COMPLEMENT).ok_or(DecodeError::InvalidScalar)?;
        let mu = mu.try_into().map_err(|_| DecodeError::Truncated)?;
        let (numbers, _) = masked.as_chunks::<32>();
        if !numbers.iter().all(|number| wide::canonical(number, &C::COMPLEMENT).is_some()) {
            return Err(DecodeError::InvalidScalar);
        }
        Ok(Self { masked, columns: numbers.as_chunks().0, eta, mu })
    }
}

/// Why Bob does not accept Alice's message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Rejected {
    /// The check fails.
    Wrong,
    /// Not Alice's doing.
    Error(Error),
}

impl From<Error> for Rejected {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// Shares of two products.
pub(crate) type Shares<C> = Secret<[<C as Curve>::Scalar; 2]>;

/// Alice's side: appends her message, and gives her shares c₀, c₁ of a₀·b and a₁·b, and θ.
pub(crate) fn multiply<C: EcdsaSuite>(
    sender: &Sender,
    subject: &Subject<'_>,
    factors: [&C::Scalar; 2],
    hedged: &mut Hedged,
    message: &mut Vec<u8>,
) -> Result<(Shares<C>, Theta), Error> {
    let check = Zeroizing::new(hedged.scalar::<C>());
    let added = Zeroizing::new([factors[0], factors[1], &*check].map(wide::of::<C>));
    let order_shifted = wide::order_shifted(&C::COMPLEMENT);
    let start = message.len();
    let mut pads = Pads(Vec::with_capacity(CHOICES));
    let mut both = Zeroizing::new([[[0; 6]; 3]; 2]);
    let mut sums = Zeroizing::new([Wide::<11>::ZERO; 2]);
    let mut gadget = C::gadget().iter();
    sender.pads(subject.index, &subject.pad_key(), |_, zero, one| {
        let [zero_words, one_words] = &mut *both;
        let (zero, one) = (words(zero, zero_words), words(one, one_words));
        for ((zero, one), added) in zero.iter().zip(one.iter()).zip(added.iter()) {
            message.extend_from_slice(&wide::to_bytes(&C::reduce_short(&wide::masked(zero, one, added, &order_shifted))));
        }
        if let Some(element) = gadget.next() {
            sums.iter_mut().zip(zero.iter()).for_each(|(sum, pad)| sum.add_product(element, pad));
        }
        pads.0.push(*zero);
    })?;
    if pads.0.len() != CHOICES || gadget.next().is_some() {
        return Err(Error::Bug("a multiplication of another length"));
    }
    let theta = subject.theta(message.get(start..).unwrap_or_default());
    let weights = theta.weights();
    let [first, second] = weights.map(|[low, high]| wide::scalar::<C>(&[low, high, 0, 0]));
    let eta = *check + first * factors[0] + second * factors[1];
    let mut statement = Statement::new();
    let mut combined = Zeroizing::new(Wide::<9>::ZERO);
    for [pad_0, pad_1, pad_2] in &pads.0 {
        *combined = Wide::ZERO;
        combined.add(pad_2);
        combined.add_product(&weights[0], pad_0);
        combined.add_product(&weights[1], pad_1);
        statement.push(C::reduce_medium(&combined));
    }
    message.extend_from_slice(&C::encode_scalar(&eta));
    message.extend_from_slice(&statement.finish(subject));
    // c = −Σ gⱼ·α0ⱼ.
    Ok((Secret::new(sums.each_ref().map(|sum| -wide::scalar::<C>(&C::reduce(sum)))), theta))
}

/// Bob's factor b = Σ gⱼ·βⱼ.
pub(crate) fn factor<C: EcdsaSuite>(receiver: &Receiver, index: usize) -> Result<Secret<C::Scalar>, Error> {
    let choices = receiver.choices(index)?;
    let mut sum = Zeroizing::new(Wide::<11>::ZERO);
    for (column, element) in C::gadget().iter().enumerate() {
        let chosen = chosen(choices.as_slice(), column);
        sum.add(&element.map(|word| word & chosen));
    }
    Ok(Secret::new(wide::scalar::<C>(&C::reduce(&sum))))
}

/// Bob's side: checks Alice's message and gives his shares d₀, d₁, and θ.
///
/// Whether it is refused may tell Alice about b: call it under the pairing's guard, or hand the outcome to the guard before anyone
/// can see it.
pub(crate) fn accept<C: EcdsaSuite>(
    receiver: &Receiver,
    subject: &Subject<'_>,
    message: &Message<'_>,
) -> Result<(Shares<C>, Theta), Rejected> {
    let Message { masked, columns, eta, mu } = message;
    let theta = subject.theta(masked);
    let weights = theta.weights();
    let choices = receiver.choices(subject.index)?;
    // q − η, to be added where η is to be subtracted.
    let minus_eta = wide::of::<C>(&-wide::scalar::<C>(eta));
    let mut sums = Zeroizing::new([Wide::<11>::ZERO; 2]);
    let mut statement = Statement::new();
    let mut terms = columns.iter().zip(C::gadget());
    let mut done = 0usize;
    // Wiped once, not for every column.
    let mut pad_words = Zeroizing::new([[0; 6]; 3]);
    let mut values = Zeroizing::new([[0; 7]; 3]);
    let mut combined = Zeroizing::new(Wide::<9>::ZERO);
    receiver.pads(subject.index, &subject.pad_key(), |column, pad| {
        let chosen = chosen(choices.as_slice(), column);
        let Some((masked, element)) = terms.next() else { return };
        done = done.saturating_add(1);
        let pads = words(pad, &mut pad_words);
        for ((value, pad), masked) in values.iter_mut().zip(pads.iter()).zip(masked) {
            *value = wide::add_chosen(pad, &wide::words(masked), chosen);
        }
        sums.iter_mut().zip(values.iter()).for_each(|(sum, value)| sum.add_product(element, value));
        *combined = Wide::ZERO;
        let [value_0, value_1, value_2] = &*values;
        combined.add(value_2);
        combined.add_product(&weights[0], value_0);
        combined.add_product(&weights[1], value_1);
        combined.add(&minus_eta.map(|word| word & chosen));
        statement.push(C::reduce_medium(&combined));
    })?;
    if done != CHOICES {
        return Err(Error::Bug("a multiplication of another length").into());
    }
    if !bool::from(statement.finish(subject).ct_eq(*mu)) {
        return Err(Rejected::Wrong);
    }
    Ok((Secret::new(sums.each_ref().map(|sum| wide::scalar::<C>(&C::reduce(sum)))), theta))
}

/// Three integers of 48 bytes each: mod q their bias is below 2⁻¹²⁸.
fn words<'a>(pad: &[u8; 144], words: &'a mut [PadWords; 3]) -> &'a [PadWords; 3] {
    words.iter_mut().zip(pad.as_chunks().0).for_each(|(words, bytes)| *words = wide::pad_words(bytes));
    words
}

/// Pads of one multiplication, wiped as one piece.
struct Pads(Vec<[PadWords; 3]>);

impl Drop for Pads {
    fn drop(&mut self) {
        self.0.as_flattened_mut().as_flattened_mut().zeroize();
    }
}

/// All ones if the choice of a column is 1, else zero. The least significant bit of the first byte is the first column's.
fn chosen(choices: &[u8], column: usize) -> u64 {
    let bit = choices.get(column / 8).map_or(0, |byte| byte >> (column % 8) & 1);
    // Opaque to the compiler, which could make a branch of it.
    black_box(u64::from(bit).wrapping_neg())
}
