//! Edwards25519 for Ed25519, and ristretto255, both from `curve25519-dalek`.

use alloc::vec::Vec;

use curve25519_dalek::{
    EdwardsPoint, Scalar,
    edwards::CompressedEdwardsY,
    traits::{IsIdentity, VartimeMultiscalarMul},
};
#[cfg(feature = "ristretto255")]
use curve25519_dalek::{RistrettoPoint, ristretto::CompressedRistretto};

use super::{Curve, sealed::Sealed};
use crate::{error::DecodeError, suite::SuiteId};

/// FROST(Ed25519, SHA-512) of RFC 9591, whose signatures are those of RFC 8032.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Ed25519;

/// FROST(ristretto255, SHA-512) of RFC 9591.
#[cfg(feature = "ristretto255")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Ristretto255;

impl Sealed for Ed25519 {}
#[cfg(feature = "ristretto255")]
impl Sealed for Ristretto255 {}

fn decode_scalar(bytes: &[u8; 32]) -> Result<Scalar, DecodeError> {
    Option::from(Scalar::from_canonical_bytes(*bytes)).ok_or(DecodeError::InvalidScalar)
}

impl Curve for Ed25519 {
    type Scalar = Scalar;
    type Point = EdwardsPoint;
    type PointBytes = [u8; 32];

    const SUITE: SuiteId = SuiteId::Ed25519;
    const POINT_BYTES: usize = 32;
    const SCALARS_ARE_LITTLE_ENDIAN: bool = true;

    fn mul_generator(scalar: &Scalar) -> EdwardsPoint {
        EdwardsPoint::mul_base(scalar)
    }

    fn multiscalar_mul_vartime(scalars: &[Scalar], points: &[EdwardsPoint]) -> EdwardsPoint {
        EdwardsPoint::vartime_multiscalar_mul(scalars.iter().take(points.len()), points.iter().take(scalars.len()))
    }

    fn encode_points(points: &[EdwardsPoint]) -> Vec<[u8; 32]> {
        EdwardsPoint::compress_batch_alloc(points).iter().map(CompressedEdwardsY::to_bytes).collect()
    }

    fn encode_point(point: &EdwardsPoint) -> [u8; 32] {
        point.compress().to_bytes()
    }

    fn decode_point(bytes: &[u8]) -> Result<EdwardsPoint, DecodeError> {
        #[cfg(quorate_memo)]
        return crate::memo::remember(bytes, Clone::clone, || decode_edwards(bytes));
        #[cfg(not(quorate_memo))]
        decode_edwards(bytes)
    }

    fn is_prime_order(point: &EdwardsPoint) -> bool {
        point.is_torsion_free()
    }

    fn encode_scalar(scalar: &Scalar) -> [u8; 32] {
        scalar.to_bytes()
    }

    fn decode_scalar(bytes: &[u8; 32]) -> Result<Scalar, DecodeError> {
        decode_scalar(bytes)
    }
}

fn decode_edwards(bytes: &[u8]) -> Result<EdwardsPoint, DecodeError> {
    let compressed = CompressedEdwardsY::from_slice(bytes).map_err(|_| DecodeError::InvalidPoint)?;
    // Decompression reduces y mod p and lets a negative zero pass; only the canonical encoding is accepted.
    let y_is_canonical = is_below_p(compressed.as_bytes());
    let point = compressed.decompress().ok_or(DecodeError::InvalidPoint)?;
    let negative_zero = compressed.as_bytes()[31] >> 7 == 1 && x_is_zero(compressed.as_bytes());
    if y_is_canonical && !negative_zero && !point.is_identity() { Ok(point) } else { Err(DecodeError::InvalidPoint) }
}

/// Whether the low 255 bits, little-endian, are below p = 2²⁵⁵ − 19.
fn is_below_p(bytes: &[u8; 32]) -> bool {
    let [first, middle @ .., last] = bytes;
    !(last & 0x7f == 0x7f && middle.iter().all(|byte| *byte == 0xff) && *first >= 0xed)
}

/// Whether the point with this canonical y has x = 0, which is so for y = 1 and y = −1 only.
fn x_is_zero(bytes: &[u8; 32]) -> bool {
    let [first, middle @ .., last] = bytes;
    let last = last & 0x7f;
    let one = *first == 1 && last == 0 && middle.iter().all(|byte| *byte == 0);
    let minus_one = *first == 0xec && last == 0x7f && middle.iter().all(|byte| *byte == 0xff);
    one || minus_one
}

#[cfg(feature = "ristretto255")]
impl Curve for Ristretto255 {
    type Scalar = Scalar;
    type Point = RistrettoPoint;
    type PointBytes = [u8; 32];

    const SUITE: SuiteId = SuiteId::Ristretto255;
    const POINT_BYTES: usize = 32;
    const SCALARS_ARE_LITTLE_ENDIAN: bool = true;

    fn mul_generator(scalar: &Scalar) -> RistrettoPoint {
        RistrettoPoint::mul_base(scalar)
    }

    fn multiscalar_mul_vartime(scalars: &[Scalar], points: &[RistrettoPoint]) -> RistrettoPoint {
        RistrettoPoint::vartime_multiscalar_mul(scalars.iter().take(points.len()), points.iter().take(scalars.len()))
    }

    fn encode_points(points: &[RistrettoPoint]) -> Vec<[u8; 32]> {
        points.iter().map(Self::encode_point).collect()
    }

    fn encode_point(point: &RistrettoPoint) -> [u8; 32] {
        point.compress().to_bytes()
    }

    fn decode_point(bytes: &[u8]) -> Result<RistrettoPoint, DecodeError> {
        let compressed = CompressedRistretto::from_slice(bytes).map_err(|_| DecodeError::InvalidPoint)?;
        let point = compressed.decompress().ok_or(DecodeError::InvalidPoint)?;
        if point.is_identity() { Err(DecodeError::InvalidPoint) } else { Ok(point) }
    }

    fn is_prime_order(_: &RistrettoPoint) -> bool {
        true
    }

    fn encode_scalar(scalar: &Scalar) -> [u8; 32] {
        scalar.to_bytes()
    }

    fn decode_scalar(bytes: &[u8; 32]) -> Result<Scalar, DecodeError> {
        decode_scalar(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use curve25519_dalek::constants::EIGHT_TORSION;

    #[test]
    fn ed25519_refuses_non_canonical_points_and_the_identity() {
        let p_plus = |extra: u8| {
            let mut bytes = [0xff; 32];
            bytes[0] = 0xed + extra;
            bytes[31] = 0x7f;
            bytes
        };
        for bytes in [p_plus(0), p_plus(1), p_plus(3), p_plus(18)] {
            assert_eq!(Ed25519::decode_point(&bytes), Err(DecodeError::InvalidPoint));
        }
        let mut identity = [0; 32];
        identity[0] = 1;
        assert!(Ed25519::decode_point(&identity).is_err());
        identity[31] = 0x80; // (0, 1) with a negative sign
        assert!(Ed25519::decode_point(&identity).is_err());
        let mut order_two = p_plus(0);
        order_two[0] = 0xec;
        assert!(Ed25519::decode_point(&order_two).is_ok());
        order_two[31] |= 0x80;
        assert!(Ed25519::decode_point(&order_two).is_err());
        assert!(Ed25519::decode_point(&[0; 31]).is_err());
    }

    #[test]
    fn ed25519_decoding_is_the_inverse_of_encoding_on_all_torsion_points() {
        for point in EIGHT_TORSION.iter().skip(1) {
            let bytes = Ed25519::encode_point(point);
            assert_eq!(Ed25519::decode_point(&bytes), Ok(*point));
            assert!(!Ed25519::is_prime_order(point));
        }
    }

    #[test]
    fn scalars_at_and_above_the_order_are_refused() {
        let order = Scalar::ZERO - Scalar::ONE;
        let mut bytes = order.to_bytes();
        assert!(Ed25519::decode_scalar(&bytes).is_ok());
        bytes[0] += 1;
        assert_eq!(Ed25519::decode_scalar(&bytes), Err(DecodeError::InvalidScalar));
        assert!(Ed25519::decode_scalar(&[0xff; 32]).is_err());
    }
}
