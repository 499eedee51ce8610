//! secp256k1 and P-256, from the RustCrypto crates, in SEC 1 compressed form.

use alloc::vec::Vec;

use ff::PrimeField;
#[cfg(feature = "p256")]
use group::Group;
use k256::elliptic_curve::{
    BatchNormalize,
    sec1::{FromSec1Point, ToSec1Point},
};

#[cfg(feature = "p256")]
use k256::elliptic_curve::ops::LinearCombination;

use super::{Curve, buckets, sealed::Sealed, secp256k1};
use crate::{error::DecodeError, suite::SuiteId};

/// FROST for BIP-340 keys, as BIP-445 (draft) has it. Keys of this suite are *internal* Taproot keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Bip340;

/// FROST(secp256k1, SHA-256) of RFC 9591. Not compatible with Bitcoin: for that use [`Bip340`].
#[cfg(feature = "secp256k1")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Secp256k1;

/// FROST(P-256, SHA-256) of RFC 9591.
#[cfg(feature = "p256")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct P256;

/// Threshold ECDSA over secp256k1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct EcdsaSecp256k1;

/// Threshold ECDSA over P-256.
#[cfg(feature = "p256")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct EcdsaP256;

macro_rules! weierstrass {
    ($suite:ident, $krate:ident, $multiples:ident) => {
        impl Sealed for $suite {}

        impl Curve for $suite {
            type Scalar = $krate::Scalar;
            type Point = $krate::ProjectivePoint;
            type PointBytes = [u8; 33];

            const SUITE: SuiteId = SuiteId::$suite;
            const POINT_BYTES: usize = 33;
            const SCALARS_ARE_LITTLE_ENDIAN: bool = false;

            fn mul_generator(scalar: &Self::Scalar) -> Self::Point {
                $multiples::mul_generator(scalar)
            }

            fn multiscalar_mul_vartime(scalars: &[Self::Scalar], points: &[Self::Point]) -> Self::Point {
                if buckets::pay::<Self>(scalars) {
                    return buckets::multiscalar_mul_vartime::<Self>(scalars, points);
                }
                $multiples::multiscalar_mul_vartime(scalars, points)
            }

            fn encode_points(points: &[Self::Point]) -> Vec<[u8; 33]> {
                // Two, as in FROST's commitments, go without lists in between.
                if let [first, second] = points {
                    return Self::Point::batch_normalize(&[*first, *second]).iter().map(encode_affine).collect();
                }
                Self::Point::batch_normalize(points).iter().map(encode_affine).collect()
            }

            fn encode_point(point: &Self::Point) -> [u8; 33] {
                encode_affine(&point.to_affine())
            }

            fn decode_point(bytes: &[u8]) -> Result<Self::Point, DecodeError> {
                // SEC 1 knows five forms; only the compressed one is canonical here.
                let compressed = bytes.len() == 33 && matches!(bytes.first(), Some(2 | 3));
                let point = $krate::Sec1Point::from_bytes(bytes).ok().filter(|_| compressed);
                let affine = point.and_then(|point| Option::from($krate::AffinePoint::from_sec1_point(&point)));
                affine.map(|affine: $krate::AffinePoint| affine.into()).ok_or(DecodeError::InvalidPoint)
            }

            fn is_prime_order(_: &Self::Point) -> bool {
                true
            }

            fn encode_scalar(scalar: &Self::Scalar) -> [u8; 32] {
                scalar.to_repr().into()
            }

            fn decode_scalar(bytes: &[u8; 32]) -> Result<Self::Scalar, DecodeError> {
                Option::from(Self::Scalar::from_repr((*bytes).into())).ok_or(DecodeError::InvalidScalar)
            }
        }
    };
}

/// The 33 bytes of a point; 33 zeros for the identity, which no decoder accepts.
fn encode_affine<A, C>(affine: &A) -> [u8; 33]
where
    A: ToSec1Point<C>,
    C: k256::elliptic_curve::Curve,
    k256::elliptic_curve::FieldBytesSize<C>: k256::elliptic_curve::sec1::ModulusSize,
{
    let mut bytes = [0; 33];
    let point = affine.to_sec1_point(true);
    if let Some(target) = bytes.get_mut(..point.as_bytes().len()).filter(|target| target.len() == 33) {
        target.copy_from_slice(point.as_bytes());
    }
    bytes
}

/// As the crate does it.
#[cfg(feature = "p256")]
mod crate_p256 {
    use super::{Group, LinearCombination, Vec};
    use p256::{ProjectivePoint, Scalar};

    pub(super) fn mul_generator(scalar: &Scalar) -> ProjectivePoint {
        <ProjectivePoint as Group>::mul_by_generator(scalar)
    }

    pub(super) fn multiscalar_mul_vartime(scalars: &[Scalar], points: &[ProjectivePoint]) -> ProjectivePoint {
        let terms: Vec<_> = points.iter().copied().zip(scalars.iter().copied()).collect();
        ProjectivePoint::lincomb_vartime(terms.as_slice())
    }
}

weierstrass!(Bip340, k256, secp256k1);
#[cfg(feature = "secp256k1")]
weierstrass!(Secp256k1, k256, secp256k1);
#[cfg(feature = "p256")]
weierstrass!(P256, p256, crate_p256);
weierstrass!(EcdsaSecp256k1, k256, secp256k1);
#[cfg(feature = "p256")]
weierstrass!(EcdsaP256, p256, crate_p256);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_compressed_form_decodes() {
        let point = Bip340::mul_generator(&k256::Scalar::from(7u64));
        let bytes = Bip340::encode_point(&point);
        assert_eq!(Bip340::decode_point(&bytes), Ok(point));
        assert_eq!(Bip340::encode_points(&[point, point])[1], bytes);
        let uncompressed = point.to_affine().to_sec1_point(false);
        assert!(Bip340::decode_point(uncompressed.as_bytes()).is_err());
        assert!(Bip340::decode_point(&[0; 33]).is_err());
        assert!(Bip340::decode_point(&[0]).is_err());
        let mut compact = bytes;
        compact[0] = 5;
        assert!(Bip340::decode_point(&compact).is_err());
        let mut x_above_p = [0xff; 33];
        x_above_p[0] = 2;
        assert!(Bip340::decode_point(&x_above_p).is_err());
    }

    #[test]
    fn identity_encodes_to_zeros_and_does_not_decode() {
        assert_eq!(Bip340::encode_point(&k256::ProjectivePoint::IDENTITY), [0; 33]);
        assert_eq!(Bip340::encode_points(&[k256::ProjectivePoint::IDENTITY]), [[0; 33]]);
    }

    #[test]
    fn scalars_at_and_above_the_order_are_refused() {
        assert!(Bip340::decode_scalar(&[0xff; 32]).is_err());
        let mut order = Bip340::encode_scalar(&-k256::Scalar::ONE);
        assert!(Bip340::decode_scalar(&order).is_ok());
        order[31] += 1;
        assert!(Bip340::decode_scalar(&order).is_err());
    }
}
