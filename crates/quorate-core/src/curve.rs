//! The one interface between the protocols and the curves.
//!
//! A type that implements [`Curve`] is a *suite's* curve: [`Bip340`] and `Secp256k1` share a group, but they
//! are different types here, so that a key of one can never be used as a key of the other.

use alloc::vec::Vec;
use core::fmt::Debug;

use ff::{FromUniformBytes, PrimeField};
use group::Group;
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use crate::{error::DecodeError, suite::SuiteId};

mod buckets;
#[cfg(feature = "tables")]
pub(crate) mod comb;
mod curve25519;
pub(crate) mod secp256k1;
mod weierstrass;

pub use curve25519::Ed25519;
#[cfg(feature = "ristretto255")]
pub use curve25519::Ristretto255;
pub use weierstrass::Bip340;
#[cfg(feature = "p256")]
pub use weierstrass::EcdsaP256;
pub use weierstrass::EcdsaSecp256k1;
#[cfg(feature = "p256")]
pub use weierstrass::P256;
#[cfg(feature = "secp256k1")]
pub use weierstrass::Secp256k1;

pub(crate) mod sealed {
    /// Only this crate adds curves: each one is a promise about canonical encodings and subgroups.
    pub trait Sealed {}
}

/// A group of prime order q with standard encodings, in the role that one suite gives it.
pub trait Curve: sealed::Sealed + Copy + Debug + Default + Eq + Ord + Send + Sync + 'static {
    /// Integers mod q.
    type Scalar: PrimeField + FromUniformBytes<64> + Zeroize + ConstantTimeEq + From<u64>;
    /// Group elements. On Ed25519 a decoded one may have a component of small order; see [`is_prime_order`](Self::is_prime_order).
    type Point: Group<Scalar = Self::Scalar> + Zeroize;
    /// The standard encoding of a point: 32 or 33 bytes.
    type PointBytes: AsRef<[u8]> + Copy + Eq + Ord + Debug + Send + Sync + 'static;

    /// The suite's number.
    const SUITE: SuiteId;
    /// Length of an encoded point in bytes.
    const POINT_BYTES: usize;
    /// Whether scalars are encoded, and 64 bytes reduced, least significant byte first.
    const SCALARS_ARE_LITTLE_ENDIAN: bool;

    /// `scalar · B`, in constant time.
    fn mul_generator(scalar: &Self::Scalar) -> Self::Point;

    /// Σ `scalarsᵢ · pointsᵢ`, for public inputs only. The slices have the same length; extra items are ignored.
    fn multiscalar_mul_vartime(scalars: &[Self::Scalar], points: &[Self::Point]) -> Self::Point;

    /// Encodes many points with one field inversion.
    fn encode_points(points: &[Self::Point]) -> Vec<Self::PointBytes>;

    /// Encodes one point.
    fn encode_point(point: &Self::Point) -> Self::PointBytes;

    /// Decodes a point: canonical, on the curve, and not the identity.
    ///
    /// # Errors
    ///
    /// [`DecodeError::InvalidPoint`].
    fn decode_point(bytes: &[u8]) -> Result<Self::Point, DecodeError>;

    /// Whether a decoded point is in the prime-order subgroup. Always true where the cofactor is one.
    fn is_prime_order(point: &Self::Point) -> bool;

    /// Encodes a scalar as its standard does: little-endian on curve25519, big-endian elsewhere.
    fn encode_scalar(scalar: &Self::Scalar) -> [u8; 32];

    /// Decodes a scalar below q.
    ///
    /// # Errors
    ///
    /// [`DecodeError::InvalidScalar`].
    fn decode_scalar(bytes: &[u8; 32]) -> Result<Self::Scalar, DecodeError>;

    /// Reduces 64 uniform bytes.
    fn scalar_from_wide(bytes: &[u8; 64]) -> Self::Scalar {
        Self::Scalar::from_uniform_bytes(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ff::Field;

    /// 64 bytes whose value is `low + high · 2²⁵⁶`, in the suite's byte order.
    fn wide<C: Curve>(low: &[u8; 32], high: &[u8; 32]) -> [u8; 64] {
        // `encode_scalar` shows the order: the one that gives 1 a first byte of 1 is little-endian.
        let little_endian = C::encode_scalar(&C::Scalar::ONE)[0] == 1;
        let (first, second) = if little_endian { (low, high) } else { (high, low) };
        [*first, *second].concat().try_into().unwrap()
    }

    fn reduces_extremes_without_bias<C: Curve>() {
        let two_to_256 = C::Scalar::from(2).pow([256]);
        let minus_one = C::encode_scalar(&-C::Scalar::ONE);
        let mut order = minus_one;
        let last = if C::encode_scalar(&C::Scalar::ONE)[0] == 1 { 0 } else { 31 };
        order[last] += 1; // no order here ends in 0xff, so nothing carries
        let (zero, ones) = ([0; 32], [0xff; 32]);
        assert_eq!(C::scalar_from_wide(&[0; 64]), C::Scalar::ZERO);
        assert_eq!(C::scalar_from_wide(&[0xff; 64]), two_to_256.square() - C::Scalar::ONE);
        assert_eq!(C::scalar_from_wide(&wide::<C>(&order, &zero)), C::Scalar::ZERO);
        assert_eq!(C::scalar_from_wide(&wide::<C>(&zero, &order)), C::Scalar::ZERO);
        assert_eq!(C::scalar_from_wide(&wide::<C>(&minus_one, &zero)), -C::Scalar::ONE);
        assert_eq!(C::scalar_from_wide(&wide::<C>(&ones, &zero)), two_to_256 - C::Scalar::ONE);
        assert_eq!(C::scalar_from_wide(&wide::<C>(&zero, &ones)), (two_to_256 - C::Scalar::ONE) * two_to_256);
    }

    #[test]
    fn wide_reduction_is_exact_on_extreme_inputs() {
        reduces_extremes_without_bias::<Ed25519>();
        reduces_extremes_without_bias::<Bip340>();
        #[cfg(feature = "ristretto255")]
        reduces_extremes_without_bias::<Ristretto255>();
        #[cfg(feature = "secp256k1")]
        reduces_extremes_without_bias::<Secp256k1>();
        reduces_extremes_without_bias::<EcdsaSecp256k1>();
        #[cfg(feature = "p256")]
        reduces_extremes_without_bias::<P256>();
    }
}
