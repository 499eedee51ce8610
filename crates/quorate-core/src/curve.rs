//! The one interface between the protocols and the curves.
//!
//! A type that implements [`Curve`] is a *suite's* curve: [`Bip340`](crate::frost::Bip340) and `Secp256k1` share a group, but they
//! are different types here, so that a key of one can never be used as a key of the other.

use alloc::vec::Vec;
use core::fmt::Debug;

use ff::{FromUniformBytes, PrimeField};
use group::Group;
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use crate::{error::DecodeError, suite::SuiteId};

mod buckets;
mod curve25519;
mod weierstrass;

pub use curve25519::Ed25519;
#[cfg(feature = "ristretto255")]
pub use curve25519::Ristretto255;
pub use weierstrass::Bip340;
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
