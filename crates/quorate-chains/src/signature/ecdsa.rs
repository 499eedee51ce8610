//! ECDSA signatures as numbers: low s, canonical r, DER.

use alloc::vec::Vec;
use core::fmt;

use crate::{Curve, error::SignatureError};

/// The orders of secp256k1 and P-256.
const SECP256K1: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, 0xba, 0xae, 0xdc, 0xe6, 0xaf,
    0x48, 0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41,
];
const P256: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7,
    0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// An ECDSA signature (r, s), and the id that recovers the key if it is known.
///
/// Nothing here says that it verifies.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct EcdsaSignature {
    curve: Curve,
    r: [u8; 32],
    s: [u8; 32],
    recovery_id: Option<u8>,
}

impl EcdsaSignature {
    /// A signature over secp256k1.
    ///
    /// The recovery id is 0 to 3: bit 0 says that the nonce point has an odd y, bit 1 that its x was not below the order.
    ///
    /// # Errors
    ///
    /// [`SignatureError::Scalar`] and [`SignatureError::RecoveryId`].
    pub fn secp256k1(r: [u8; 32], s: [u8; 32], recovery_id: Option<u8>) -> Result<Self, SignatureError> {
        Self::new(Curve::Secp256k1, r, s, recovery_id)
    }

    /// A signature over P-256.
    ///
    /// # Errors
    ///
    /// As [`EcdsaSignature::secp256k1`].
    pub fn p256(r: [u8; 32], s: [u8; 32], recovery_id: Option<u8>) -> Result<Self, SignatureError> {
        Self::new(Curve::P256, r, s, recovery_id)
    }

    fn new(curve: Curve, r: [u8; 32], s: [u8; 32], recovery_id: Option<u8>) -> Result<Self, SignatureError> {
        let order = order(curve);
        // Equal lengths, so that bytes compare as numbers.
        if [r, s].iter().any(|scalar| *scalar == [0; 32] || *scalar >= order) {
            return Err(SignatureError::Scalar { curve });
        }
        if recovery_id.is_some_and(|id| id > 3) {
            return Err(SignatureError::RecoveryId);
        }
        Ok(Self { curve, r, s, recovery_id })
    }

    /// What quorate-core checked.
    #[cfg(feature = "core")]
    pub(crate) const fn checked(curve: Curve, r: [u8; 32], s: [u8; 32], recovery_id: u8) -> Self {
        Self { curve, r, s, recovery_id: Some(recovery_id) }
    }

    /// The curve.
    #[must_use]
    pub const fn curve(&self) -> Curve {
        self.curve
    }

    /// r, big endian.
    #[must_use]
    pub const fn r(&self) -> &[u8; 32] {
        &self.r
    }

    /// s, big endian.
    #[must_use]
    pub const fn s(&self) -> &[u8; 32] {
        &self.s
    }

    /// The recovery id, if it is known.
    #[must_use]
    pub const fn recovery_id(&self) -> Option<u8> {
        self.recovery_id
    }

    /// r ‖ s.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 64] {
        let mut bytes = [0; 64];
        bytes.iter_mut().zip(self.r.iter().chain(&self.s)).for_each(|(to, from)| *to = *from);
        bytes
    }

    /// The one of s and −s that is not above half the order. If it is the other one, the nonce point's y has the other sign, and the
    /// recovery id's bit 0 flips.
    #[must_use]
    pub fn into_low_s(self) -> Self {
        let negative = subtract(&order(self.curve), &self.s);
        if self.s <= negative { self } else { Self { s: negative, recovery_id: self.recovery_id.map(|id| id ^ 1), ..self } }
    }

    /// Whether neither number begins with a set bit, or with a zero byte that its next bit does not need: what EOS and BitShares ask for.
    pub(super) fn is_canonical(&self) -> bool {
        let short = |bytes: &[u8; 32]| match bytes {
            [0, second, ..] => *second & 0x80 != 0,
            [first, ..] => *first & 0x80 == 0,
        };
        short(&self.r) && short(&self.s)
    }

    /// DER: a sequence of two integers, 8 to 72 bytes.
    #[must_use]
    pub fn to_der(&self) -> Vec<u8> {
        let body = [der_integer(&self.r), der_integer(&self.s)].concat();
        let length = u8::try_from(body.len()).unwrap_or(u8::MAX); // at most 70
        [&[0x30, length], body.as_slice()].concat()
    }
}

/// Tag, length and the shortest form that is not negative.
fn der_integer(bytes: &[u8; 32]) -> Vec<u8> {
    let digits: Vec<u8> = bytes.iter().copied().skip_while(|byte| *byte == 0).collect();
    let padding = digits.first().filter(|first| **first >= 0x80).map(|_| 0);
    let length = u8::try_from(digits.len() + usize::from(padding.is_some())).unwrap_or(u8::MAX); // at most 33
    [0x02, length].into_iter().chain(padding).chain(digits).collect()
}

fn order(curve: Curve) -> [u8; 32] {
    if curve == Curve::P256 { P256 } else { SECP256K1 }
}

/// a − b, for b not above a.
fn subtract(a: &[u8; 32], b: &[u8; 32]) -> [u8; 32] {
    let (mut out, mut borrow) = ([0; 32], false);
    for (out, (a, b)) in out.iter_mut().zip(a.iter().zip(b)).rev() {
        let (without, first) = a.overflowing_sub(*b);
        let (difference, second) = without.overflowing_sub(u8::from(borrow));
        (*out, borrow) = (difference, first || second);
    }
    out
}

impl fmt::Debug for EcdsaSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EcdsaSignature({}, ", self.curve)?;
        self.to_bytes().iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        write!(f, ", {:?})", self.recovery_id)
    }
}
