//! Finished signatures: low s always, with what recovers the key.

use alloc::vec::Vec;
use core::fmt;

use ff::Field;
use group::Group;

use super::suite::{EcdsaSuite, NoncePoint, is_high, scalar_of_digest};
use crate::{
    curve::Curve,
    error::{DecodeError, InputError},
    keys::VerifyingKey,
};

/// An ECDSA signature (r, s) with s ≤ q/2, and the id with which the key can be recovered from it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct EcdsaSignature<C: Curve> {
    pub(crate) r: C::Scalar,
    pub(crate) s: C::Scalar,
    pub(crate) recovery_id: u8,
}

impl<C: Curve> EcdsaSignature<C> {
    /// r, 32 bytes, big-endian.
    #[must_use]
    pub fn r(&self) -> [u8; 32] {
        C::encode_scalar(&self.r)
    }

    /// s, 32 bytes, big-endian; never above q/2.
    #[must_use]
    pub fn s(&self) -> [u8; 32] {
        C::encode_scalar(&self.s)
    }

    /// 0 to 3. Bit 0: the nonce point has an odd y. Bit 1: its x was not below q.
    ///
    /// Ethereum's `v` is 27 + this, its `y_parity` bit 0 of this.
    #[must_use]
    pub const fn recovery_id(&self) -> u8 {
        self.recovery_id
    }

    /// r ‖ s, 64 bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 64] {
        let mut bytes = [0; 64];
        bytes.iter_mut().zip(self.r().into_iter().chain(self.s())).for_each(|(to, from)| *to = from);
        bytes
    }

    /// r ‖ s ‖ recovery id, 65 bytes.
    #[must_use]
    pub fn to_recoverable_bytes(&self) -> [u8; 65] {
        let mut bytes = [self.recovery_id; 65];
        bytes.iter_mut().zip(self.to_bytes()).for_each(|(to, from)| *to = from);
        bytes
    }

    /// The DER encoding of SEC 1: a sequence of two integers, 8 to 72 bytes.
    #[must_use]
    pub fn to_der(&self) -> Vec<u8> {
        let (mut body, mut out) = (Vec::with_capacity(70), Vec::with_capacity(72));
        write_der_integer(&mut body, &self.r());
        write_der_integer(&mut body, &self.s());
        out.push(0x30);
        out.push(u8::try_from(body.len()).unwrap_or(u8::MAX)); // at most 70
        out.extend_from_slice(&body);
        out
    }

    /// Reads r ‖ s ‖ recovery id as [`to_recoverable_bytes`](Self::to_recoverable_bytes) writes it.
    ///
    /// # Errors
    ///
    /// [`DecodeError::InvalidScalar`] if r or s is zero or not below q, [`DecodeError::NotCanonical`] if s is above q/2,
    /// [`DecodeError::InvalidValue`] for a recovery id above 3.
    pub fn from_recoverable_bytes(bytes: &[u8; 65]) -> Result<Self, DecodeError> {
        let [rest @ .., recovery_id] = bytes;
        let (r, s) = rest.split_first_chunk::<32>().ok_or(DecodeError::Truncated)?;
        let s: &[u8; 32] = s.try_into().map_err(|_| DecodeError::Truncated)?;
        let (r, s) = (C::decode_scalar(r)?, C::decode_scalar(s)?);
        if bool::from(r.is_zero() | s.is_zero()) {
            return Err(DecodeError::InvalidScalar);
        }
        if *recovery_id > 3 {
            return Err(DecodeError::InvalidValue("recovery id"));
        }
        if is_high::<C>(&s) { Err(DecodeError::NotCanonical) } else { Ok(Self { r, s, recovery_id: *recovery_id }) }
    }
}

/// Tag, length and the shortest big-endian form that is not negative.
fn write_der_integer(out: &mut Vec<u8>, bytes: &[u8; 32]) {
    let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(31);
    let digits = bytes.get(start..).unwrap_or_default();
    let padded = digits.first().is_some_and(|byte| *byte >= 0x80);
    out.push(0x02);
    out.push(u8::try_from(digits.len() + usize::from(padded)).unwrap_or(u8::MAX)); // at most 33
    out.extend(padded.then_some(0));
    out.extend_from_slice(digits);
}

impl<C: Curve> fmt::Debug for EcdsaSignature<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EcdsaSignature(")?;
        self.to_recoverable_bytes().iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(")")
    }
}

impl<C: EcdsaSuite> VerifyingKey<C> {
    /// Checks a signature on a digest of 32 bytes, its recovery id included.
    ///
    /// # Errors
    ///
    /// [`InputError::InvalidSignature`].
    pub fn verify_digest(&self, digest: &[u8; 32], signature: &EcdsaSignature<C>) -> Result<(), InputError> {
        let inverse: Option<C::Scalar> = signature.s.invert().into();
        let point = inverse.map(|inverse| nonce_point::<C>(&self.0, &scalar_of_digest::<C>(digest), &signature.r, &inverse));
        let found = point.and_then(|point| NoncePoint::<C>::of(&point));
        let expected = NoncePoint { r: signature.r, recovery_id: signature.recovery_id };
        if found == Some(expected) { Ok(()) } else { Err(InputError::InvalidSignature) }
    }
}

/// m/s·B + r/s·Y: the nonce point of a signature that verifies. Public inputs only.
pub(crate) fn nonce_point<C: Curve>(key: &C::Point, m: &C::Scalar, r: &C::Scalar, s_inverse: &C::Scalar) -> C::Point {
    C::multiscalar_mul_vartime(&[*m * s_inverse, *r * s_inverse], &[C::Point::generator(), *key])
}
