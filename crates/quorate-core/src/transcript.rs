//! Length-framed, labelled hashing.
//!
//! Every hash of this crate that no outside standard prescribes goes through a [`Transcript`]: the label first, then fields, each
//! framed by one byte (absent, present, a list's head) and its length. Two different lists of fields never feed the hash the same bytes.

use sha2::{Digest, Sha256, Sha512};
use zeroize::Zeroizing;

use crate::{curve::Curve, domain::Label, identifier::Identifier, wire::Encoding};

/// SHA-256 over labelled, framed fields; 32 bytes out. `H` in docs/protocols.
pub type Hash = Transcript<Sha256>;

/// SHA-512 over the same framing; reduced to a scalar by [`Transcript::finish_scalar`]. `Hq` in docs/protocols.
pub type HashToScalar = Transcript<Sha512>;

/// A hash in progress.
#[derive(Clone)]
pub struct Transcript<D>(D);

impl<D> core::fmt::Debug for Transcript<D> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Transcript")
    }
}

const ABSENT: u8 = 0;
const PRESENT: u8 = 1;
const LIST: u8 = 2;

impl<D: Digest> Transcript<D> {
    /// Starts with a label.
    #[must_use]
    pub fn new(label: Label) -> Self {
        Self(D::new()).field(label.as_bytes())
    }

    /// Appends one field.
    #[must_use]
    pub fn field(mut self, bytes: &[u8]) -> Self {
        self.append(bytes);
        self
    }

    /// Appends one field in place, for loops.
    pub fn append(&mut self, bytes: &[u8]) {
        self.frame(PRESENT, bytes.len());
        self.0.update(bytes);
    }

    /// Appends a field that is not there, which is different from an empty one.
    #[must_use]
    pub fn absent(mut self) -> Self {
        self.0.update([ABSENT]);
        self
    }

    /// Appends a field that may not be there.
    #[must_use]
    pub fn optional(self, bytes: Option<&[u8]>) -> Self {
        match bytes {
            Some(bytes) => self.field(bytes),
            None => self.absent(),
        }
    }

    /// Appends the head of a list; its items follow as fields.
    #[must_use]
    pub fn list(mut self, count: usize) -> Self {
        self.frame(LIST, count);
        self
    }

    /// Appends an encoded value.
    #[must_use]
    pub fn value(self, value: &impl Encoding) -> Self {
        self.field(&value.to_bytes())
    }

    /// Appends a participant's number.
    #[must_use]
    pub fn identifier(self, identifier: Identifier) -> Self {
        self.field(&identifier.to_u16().to_be_bytes())
    }

    /// Appends a number.
    #[must_use]
    pub fn number(self, number: u64) -> Self {
        self.field(&number.to_be_bytes())
    }

    fn frame(&mut self, kind: u8, length: usize) {
        self.0.update([kind]);
        // A length above u32::MAX cannot occur: every field is bounded far below by its caller.
        self.0.update(u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
    }
}

impl Transcript<Sha256> {
    /// The 32 bytes of the hash.
    #[must_use]
    pub fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

impl Transcript<Sha512> {
    /// The 64 bytes of the hash.
    #[must_use]
    pub fn finish_wide(self) -> [u8; 64] {
        self.0.finalize().into()
    }

    /// The hash as a scalar: 64 bytes reduced, so that the bias is below 2⁻²⁵⁰.
    #[must_use]
    pub fn finish_scalar<C: Curve>(self) -> C::Scalar {
        C::scalar_from_wide(&Zeroizing::new(self.finish_wide()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn hash(fields: &[Option<Vec<u8>>]) -> [u8; 32] {
        fields.iter().fold(Hash::new(domain::SESSION), |hash, field| hash.optional(field.as_deref())).finish()
    }

    proptest! {
        #[test]
        fn different_field_lists_never_collide(a: Vec<Option<Vec<u8>>>, b: Vec<Option<Vec<u8>>>) {
            prop_assert_eq!(a == b, hash(&a) == hash(&b));
        }

        #[test]
        fn moving_a_field_boundary_changes_the_hash(bytes in prop::collection::vec(any::<u8>(), 1..64), cut in 0usize..64, other in 0usize..64) {
            let (cut, other) = (cut % bytes.len(), other % bytes.len());
            prop_assume!(cut != other);
            let split = |at: usize| hash(&[Some(bytes[..at].to_vec()), Some(bytes[at..].to_vec())]);
            prop_assert_ne!(split(cut), split(other));
        }
    }

    #[test]
    fn absent_empty_and_list_head_differ() {
        let base = || Hash::new(domain::SESSION);
        let all = [base().absent().finish(), base().field(&[]).finish(), base().list(0).finish(), base().finish()];
        for (i, a) in all.iter().enumerate() {
            assert!(all[i + 1..].iter().all(|b| a != b));
        }
    }
}
