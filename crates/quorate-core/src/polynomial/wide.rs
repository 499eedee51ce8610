//! Scalars times small numbers in plain integers, reduced once in a while.
//!
//! Identifiers have 16 bits, scalars 256. A product of the two by the scalar type costs a full reduction; here it costs eight
//! multiplications of words, and 512 bits hold fifteen such products before a reduction is due. Every operation runs in constant time.

use zeroize::Zeroize;

use crate::curve::Curve;

/// How many factors of 16 bits a scalar can take, with room for the sum of 2¹² such products.
pub(super) const FACTORS: usize = 15;

/// An unsigned integer of 512 bits, least significant word first.
#[derive(Clone, Copy)]
pub(super) struct Wide([u64; 8]);

impl Wide {
    pub(super) const ZERO: Self = Self([0; 8]);
    pub(super) const ONE: Self = Self([1, 0, 0, 0, 0, 0, 0, 0]);

    pub(super) fn of<C: Curve>(scalar: &C::Scalar) -> Self {
        let mut bytes = C::encode_scalar(scalar);
        if !C::SCALARS_ARE_LITTLE_ENDIAN {
            bytes.reverse();
        }
        let mut wide = Self::ZERO;
        wide.0.iter_mut().zip(bytes.as_chunks::<8>().0).for_each(|(word, bytes)| *word = u64::from_le_bytes(*bytes));
        bytes.zeroize();
        wide
    }

    /// The residue mod q.
    pub(super) fn reduce<C: Curve>(&self) -> C::Scalar {
        let mut bytes = [0; 64];
        bytes.as_chunks_mut::<8>().0.iter_mut().zip(&self.0).for_each(|(bytes, word)| *bytes = word.to_le_bytes());
        if !C::SCALARS_ARE_LITTLE_ENDIAN {
            bytes.reverse();
        }
        let scalar = C::scalar_from_wide(&bytes);
        bytes.zeroize();
        scalar
    }

    /// Multiplies in place. What does not fit is the caller's mistake: see [`FACTORS`].
    pub(super) fn multiply(&mut self, factor: u16) {
        let mut carry = 0;
        for word in &mut self.0 {
            (*word, carry) = word.carrying_mul(u64::from(factor), carry);
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        let mut carry = false;
        for (word, other) in self.0.iter_mut().zip(&other.0) {
            (*word, carry) = word.carrying_add(*other, carry);
        }
    }
}

impl Zeroize for Wide {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}
