//! Random vector oblivious linear evaluation: Alice has (a₀, a₁), Bob a random b; they end with c and d, cᵢ + dᵢ = aᵢ·b.
//!
//! The multiplication of `DKLs23` (ePrint 2023/765, protocol 5.2) over correlations of [`extension`](super::extension). Bob's b is the
//! inner product of his choice bits with the public gadget g. For each choice Alice masks a₀, a₁ and a random â with the difference of
//! her two pads; Bob, who knows one pad, gets αᵢ + βa. One linear combination of the three columns, fixed by a hash of all masked
//! values, is checked against Alice's statement about it: she used the same a₀ and a₁ for every choice.
//!
//! Everything here runs in constant time in a, b and the pads.

use alloc::vec::Vec;

use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use zeroize::{Zeroize, Zeroizing};

use super::{
    extension::{CHOICES, Receiver, Sender},
    suite::EcdsaSuite,
};
use crate::{
    curve::Curve,
    domain,
    error::Error,
    identifier::Identifier,
    randomness::Hedged,
    secret::Secret,
    transcript::{Hash, HashToScalar},
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

    /// θ₀ and θ₁, from everything that Alice masked.
    fn weights<C: EcdsaSuite>(&self, masked: &[u8]) -> [C::Scalar; 2] {
        let base = HashToScalar::new(domain::ECDSA_THETA).field(self.context).identifier(self.alice).identifier(self.bob);
        let base = base.field(&Hash::new(domain::ECDSA_THETA).field(masked).finish());
        [base.clone().number(0).finish_scalar::<C>(), base.number(1).finish_scalar::<C>()]
    }

    fn statement(&self) -> Hash {
        Hash::new(domain::ECDSA_MU).field(self.context).identifier(self.alice).identifier(self.bob)
    }
}

/// Why Bob does not accept Alice's message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Rejected {
    /// A value that is no canonical scalar.
    Malformed,
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

/// Alice's side: her message, and her shares c₀, c₁ of a₀·b and a₁·b.
pub(crate) fn multiply<C: EcdsaSuite>(
    sender: &Sender,
    subject: &Subject<'_>,
    factors: [&C::Scalar; 2],
    hedged: &mut Hedged,
) -> Result<(Vec<u8>, Shares<C>), Error> {
    let check = Zeroizing::new(hedged.scalar::<C>());
    let added = [factors[0], factors[1], &*check];
    let mut message = Vec::with_capacity(MESSAGE_BYTES);
    let mut pads = Zeroizing::new(Vec::with_capacity(CHOICES));
    let mut sums = Secret::new([C::Scalar::from(0); 2]);
    let gadget = C::gadget();
    sender.pads(subject.index, &subject.pad_key(), |column, zero, one| {
        let (zero, one) = (scalars::<C>(zero), scalars::<C>(one));
        for ((zero, one), added) in zero.iter().zip(one.iter()).zip(added) {
            message.extend_from_slice(&C::encode_scalar(&(*zero - one + added)));
        }
        if let Some(element) = gadget.get(column) {
            sums.expose_mut().iter_mut().zip(zero.iter()).for_each(|(sum, pad)| *sum -= *element * pad);
        }
        pads.push(*zero);
    })?;
    let [first, second] = subject.weights::<C>(&message);
    let eta = *check + first * factors[0] + second * factors[1];
    let mut statement = subject.statement();
    for [pad_0, pad_1, pad_2] in pads.iter() {
        statement.append(Zeroizing::new(C::encode_scalar(&(*pad_2 + first * pad_0 + second * pad_1))).as_slice());
    }
    message.extend_from_slice(&C::encode_scalar(&eta));
    message.extend_from_slice(&statement.finish());
    Ok((message, sums))
}

/// Bob's factor b = Σ gⱼ·βⱼ.
pub(crate) fn factor<C: EcdsaSuite>(receiver: &Receiver, index: usize) -> Result<Secret<C::Scalar>, Error> {
    let choices = receiver.choices(index)?;
    let mut sum = Secret::new(C::Scalar::from(0));
    for (column, element) in C::gadget().iter().enumerate() {
        let term = C::Scalar::conditional_select(&C::Scalar::from(0), element, bit(choices.as_slice(), column));
        *sum.expose_mut() += term;
    }
    Ok(sum)
}

/// Bob's side: checks Alice's message and gives his shares d₀, d₁.
///
/// Whether it is refused may tell Alice about b: call it under the pairing's guard, or hand the outcome to the guard before anyone
/// can see it.
pub(crate) fn accept<C: EcdsaSuite>(receiver: &Receiver, subject: &Subject<'_>, message: &[u8]) -> Result<Shares<C>, Rejected> {
    let (masked, proof) = message.split_at_checked(CHOICES * 3 * 32).ok_or(Rejected::Malformed)?;
    let (eta, mu) = proof.split_first_chunk::<32>().ok_or(Rejected::Malformed)?;
    let eta = C::decode_scalar(eta).map_err(|_| Rejected::Malformed)?;
    let columns = masked_values::<C>(masked)?;
    let [first, second] = subject.weights::<C>(masked);
    let choices = receiver.choices(subject.index)?;
    let (zero, gadget) = (C::Scalar::from(0), C::gadget());
    let mut sums = Secret::new([zero; 2]);
    let mut statement = subject.statement();
    receiver.pads(subject.index, &subject.pad_key(), |column, pad| {
        let chosen = bit(choices.as_slice(), column);
        let mut values = scalars::<C>(pad);
        if let (Some(masked), Some(element)) = (columns.get(column), gadget.get(column)) {
            values
                .iter_mut()
                .zip(masked)
                .for_each(|(value, masked)| *value += C::Scalar::conditional_select(&zero, masked, chosen));
            sums.expose_mut().iter_mut().zip(values.iter()).for_each(|(sum, value)| *sum += *element * value);
        }
        let [value_0, value_1, value_2] = *values;
        let combined = value_2 + first * value_0 + second * value_1 - C::Scalar::conditional_select(&zero, &eta, chosen);
        statement.append(Zeroizing::new(C::encode_scalar(&combined)).as_slice());
    })?;
    if bool::from(statement.finish().as_slice().ct_eq(mu)) { Ok(sums) } else { Err(Rejected::Wrong) }
}

/// Three scalars of 48 bytes each: the bias is below 2⁻¹²⁸.
fn scalars<C: EcdsaSuite>(pad: &[u8; 144]) -> Zeroizing<[C::Scalar; 3]> {
    let mut scalars = Zeroizing::new([C::Scalar::from(0); 3]);
    let mut wide = [0; 64];
    for (scalar, bytes) in scalars.iter_mut().zip(pad.as_chunks::<48>().0) {
        wide.iter_mut().skip(16).zip(bytes).for_each(|(to, from)| *to = *from);
        *scalar = C::scalar_from_wide(&wide);
    }
    wide.zeroize();
    scalars
}

fn masked_values<C: EcdsaSuite>(bytes: &[u8]) -> Result<Vec<[C::Scalar; 3]>, Rejected> {
    let decode = |bytes: &[[u8; 32]; 3]| -> Result<[C::Scalar; 3], Rejected> {
        let mut values = [C::Scalar::from(0); 3];
        for (value, bytes) in values.iter_mut().zip(bytes) {
            *value = C::decode_scalar(bytes).map_err(|_| Rejected::Malformed)?;
        }
        Ok(values)
    };
    bytes.as_chunks::<32>().0.as_chunks::<3>().0.iter().map(decode).collect()
}

/// Bit `column`, the least significant bit of the first byte being the first.
fn bit(choices: &[u8], column: usize) -> Choice {
    choices.get(column / 8).map_or(Choice::from(0), |byte| Choice::from(byte >> (column % 8) & 1))
}
