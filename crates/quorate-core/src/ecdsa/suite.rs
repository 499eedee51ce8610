//! What a suite adds to its curve so that threshold ECDSA can sign with it.

use alloc::vec::Vec;

use group::Group;
use k256::elliptic_curve::{BatchNormalize, ops::LinearCombination, point::AffineCoordinates};
use spin::Once;

#[cfg(feature = "p256")]
use crate::curve::EcdsaP256;
#[cfg(feature = "tables")]
use crate::curve::comb;
use crate::{
    curve::{Curve, EcdsaSecp256k1, secp256k1},
    derive::{DerivationPath, Derived, derive},
    domain,
    error::{DecodeError, InputError},
    keys::PublicKeyPackage,
    transcript::HashToScalar,
};

use super::{
    extension::CHOICES,
    wide::{self, Short, Wide, Words},
};

/// A point as its two coordinates.
pub(crate) type Coordinates = [u8; COORDINATES];
/// The length of [`Coordinates`].
pub(crate) const COORDINATES: usize = 64;

/// A curve with which threshold ECDSA signs.
pub trait EcdsaSuite: Curve {
    /// The public vector g whose inner product with choice bits is a multiplication's factor.
    #[doc(hidden)]
    fn gadget() -> &'static [Words];

    /// 2²⁵⁶ − q.
    #[doc(hidden)]
    const COMPLEMENT: [u64; 4];

    /// The residue mod q, in constant time.
    #[doc(hidden)]
    fn reduce(wide: &Wide<11>) -> Words {
        wide::reduce::<Self>(wide)
    }

    /// As [`reduce`](Self::reduce), for numbers below 2⁵⁷⁰.
    #[doc(hidden)]
    fn reduce_medium(medium: &Wide<9>) -> Words {
        let mut wide = Wide::ZERO;
        wide.add(&medium.0);
        Self::reduce(&wide)
    }

    /// As [`reduce`](Self::reduce), for numbers below 2⁴⁴⁷.
    #[doc(hidden)]
    fn reduce_short(short: &Short) -> Words {
        let mut wide = Wide::ZERO;
        wide.add(short);
        Self::reduce(&wide)
    }

    /// Σ `scalarᵢ · pointᵢ`, in constant time for a given number of terms.
    #[doc(hidden)]
    fn multiscalar_mul(terms: &[(Self::Point, Self::Scalar)]) -> Self::Point;

    /// The coordinates of each point, with one inversion. Those of the identity do not decode.
    #[doc(hidden)]
    fn encode_coordinates(points: &[Self::Point]) -> Vec<[u8; 64]>;

    /// The point on the curve with these coordinates, both below the prime. Unlike a compressed point, it takes no root.
    ///
    /// # Errors
    ///
    /// [`DecodeError::InvalidPoint`].
    #[doc(hidden)]
    fn decode_coordinates(bytes: &[u8]) -> Result<Self::Point, DecodeError>;

    /// `scalar · B` for a scalar that may be known.
    #[doc(hidden)]
    fn mul_generator_vartime(scalar: &Self::Scalar) -> Self::Point {
        Self::mul_generator(scalar)
    }

    /// A scalar for each 16 bytes, different for different ones, by which points are multiplied quickly.
    #[doc(hidden)]
    fn weight(bytes: [u8; 16]) -> Self::Scalar {
        let [low, high] = wide::halves(u128::from_be_bytes(bytes));
        wide::scalar::<Self>(&[low, high, 0, 0])
    }

    /// The key at `path` below the group's key.
    ///
    /// # Errors
    ///
    /// [`InputError::InvalidTweak`] if one of the steps has no child, [`InputError::UnsupportedTweak`] if the suite has no derivation.
    fn child_key(package: &PublicKeyPackage<Self>, path: &DerivationPath) -> Result<Derived<Self>, InputError>;
}

impl EcdsaSuite for EcdsaSecp256k1 {
    const COMPLEMENT: [u64; 4] = [0x402d_a173_2fc9_bebf, 0x4551_2319_50b7_5fc4, 1, 0];

    fn reduce(wide: &Wide<11>) -> Words {
        let [low, high, ..] = Self::COMPLEMENT;
        wide::reduce_by_folding(wide, [low, high])
    }

    fn reduce_medium(medium: &Wide<9>) -> Words {
        let [low, high, ..] = Self::COMPLEMENT;
        wide::reduce_medium_by_folding(medium, [low, high])
    }

    fn reduce_short(short: &Short) -> Words {
        let [low, high, ..] = Self::COMPLEMENT;
        wide::reduce_short_by_folding(short, [low, high])
    }

    fn multiscalar_mul(terms: &[(Self::Point, Self::Scalar)]) -> Self::Point {
        k256::ProjectivePoint::lincomb(terms)
    }

    fn encode_coordinates(points: &[Self::Point]) -> Vec<Coordinates> {
        k256::ProjectivePoint::batch_normalize(points).iter().map(coordinates).collect()
    }

    fn decode_coordinates(bytes: &[u8]) -> Result<Self::Point, DecodeError> {
        point::<k256::AffinePoint>(bytes).map(Into::into).ok_or(DecodeError::InvalidPoint)
    }

    #[cfg(feature = "tables")]
    fn mul_generator_vartime(scalar: &Self::Scalar) -> Self::Point {
        comb::mul_generator_vartime(scalar)
    }

    fn weight(bytes: [u8; 16]) -> Self::Scalar {
        secp256k1::short_scalar(bytes)
    }

    fn gadget() -> &'static [Words] {
        static GADGET: Once<Vec<Words>> = Once::new();
        GADGET.call_once(gadget::<Self>)
    }

    fn child_key(package: &PublicKeyPackage<Self>, path: &DerivationPath) -> Result<Derived<Self>, InputError> {
        derive::<Self>(&package.verifying_key().to_point(), package.chain_code(), path)
    }
}

#[cfg(feature = "p256")]
impl EcdsaSuite for EcdsaP256 {
    const COMPLEMENT: [u64; 4] = [0x0c46_353d_039c_daaf, 0x4319_0552_58e8_617b, 0, 0xffff_ffff];

    fn multiscalar_mul(terms: &[(Self::Point, Self::Scalar)]) -> Self::Point {
        p256::ProjectivePoint::lincomb(terms)
    }

    fn encode_coordinates(points: &[Self::Point]) -> Vec<Coordinates> {
        p256::ProjectivePoint::batch_normalize(points).iter().map(coordinates).collect()
    }

    fn decode_coordinates(bytes: &[u8]) -> Result<Self::Point, DecodeError> {
        point::<p256::AffinePoint>(bytes).map(Into::into).ok_or(DecodeError::InvalidPoint)
    }

    fn gadget() -> &'static [Words] {
        static GADGET: Once<Vec<Words>> = Once::new();
        GADGET.call_once(gadget::<Self>)
    }

    fn child_key(package: &PublicKeyPackage<Self>, path: &DerivationPath) -> Result<Derived<Self>, InputError> {
        if path.iter().next().is_some() {
            return Err(InputError::UnsupportedTweak);
        }
        let public = package.verifying_key().to_point();
        Ok(Derived { tweak: Self::Scalar::from(0u64), public, chain_code: *package.chain_code() })
    }
}

fn coordinates<A: AffineCoordinates>(point: &A) -> Coordinates {
    let mut bytes = [0; COORDINATES];
    let (x, y) = (point.x(), point.y());
    bytes.iter_mut().zip(x.as_ref().iter().chain(y.as_ref())).for_each(|(to, from)| *to = *from);
    bytes
}

fn point<A: AffineCoordinates<FieldRepr: From<[u8; 32]>>>(bytes: &[u8]) -> Option<A> {
    let (x, y) = bytes.split_first_chunk::<32>()?;
    let y: &[u8; 32] = y.try_into().ok()?;
    A::from_coordinates(&(*x).into(), &(*y).into()).into()
}

/// `g_j = Hq("ecdsa/gadget"; suite, j)`: nobody chose it, and all pairs use the same.
fn gadget<C: Curve>() -> Vec<Words> {
    let element = |j: usize| HashToScalar::new(domain::ECDSA_GADGET).value(&C::SUITE).number(j.try_into().unwrap_or(u64::MAX));
    (0..CHOICES).map(|j| wide::of::<C>(&element(j).finish_scalar::<C>())).collect()
}

/// A nonce point as signatures have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoncePoint<C: Curve> {
    /// The x coordinate mod q; not zero.
    pub(crate) r: C::Scalar,
    /// Bit 0: y is odd. Bit 1: x was not below q.
    pub(crate) recovery_id: u8,
}

impl<C: Curve> NoncePoint<C> {
    /// `None` for the identity, and for an x that is zero mod q.
    pub(crate) fn of(point: &C::Point) -> Option<Self> {
        let encoded = C::encode_point(point);
        let (head, x) = encoded.as_ref().split_first_chunk::<1>()?;
        let x: &[u8; 32] = x.try_into().ok()?;
        let r = scalar_of_digest::<C>(x);
        let usable = !bool::from(point.is_identity()) && r != C::Scalar::from(0);
        let reduced = C::decode_scalar(x).is_err();
        usable.then_some(Self { r, recovery_id: u8::from(head == &[3]) | u8::from(reduced) << 1 })
    }
}

/// A digest of 32 bytes as ECDSA takes it: big-endian, mod q.
pub(crate) fn scalar_of_digest<C: Curve>(digest: &[u8; 32]) -> C::Scalar {
    let mut wide = [0; 64];
    wide.iter_mut().skip(32).zip(digest).for_each(|(to, from)| *to = *from);
    C::scalar_from_wide(&wide)
}

/// Whether a scalar is above q/2. Public scalars only.
pub(crate) fn is_high<C: Curve>(scalar: &C::Scalar) -> bool {
    // Big-endian encodings order as their numbers do.
    C::encode_scalar(scalar) > C::encode_scalar(&-*scalar)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::curve::EcdsaSecp256k1 as K;

    fn only_points_of_the_curve_decode<C: EcdsaSuite>() {
        let points = [C::mul_generator(&C::Scalar::from(7)), C::mul_generator(&-C::Scalar::from(9))];
        let encoded = C::encode_coordinates(&points);
        for (point, bytes) in points.iter().zip(&encoded) {
            assert_eq!(C::encode_point(point).as_ref()[1..], bytes[..32]);
            assert_eq!(C::decode_coordinates(bytes), Ok(*point));
            assert_eq!(C::encode_coordinates(&[*point]), [*bytes]);
        }
        let [first, second] = [encoded[0], encoded[1]];
        let mut wrong =
            alloc::vec![first[..63].to_vec(), [&first[..], &[0]].concat(), Vec::new(), [&first[..32], &second[32..]].concat()];
        for at in 0..64 {
            let mut bent = first.to_vec();
            bent[at] ^= 1;
            wrong.push(bent);
        }
        wrong.push(alloc::vec![0xff; 64]);
        wrong.push(C::encode_coordinates(&[C::Point::identity()]).concat());
        for bytes in wrong {
            assert_eq!(C::decode_coordinates(&bytes), Err(DecodeError::InvalidPoint), "{bytes:x?}");
        }
    }

    #[test]
    fn coordinates_decode_to_points_of_the_curve_and_nothing_else() {
        only_points_of_the_curve_decode::<K>();
        #[cfg(feature = "p256")]
        only_points_of_the_curve_decode::<EcdsaP256>();
    }

    /// The same point once more: x = 1 has one, so that x + p fits into 32 bytes.
    #[test]
    fn coordinates_above_the_prime_do_not_decode() {
        let mut one = [0; 33];
        (one[0], one[32]) = (2, 1);
        let mut bytes = K::encode_coordinates(&[K::decode_point(&one).unwrap()])[0];
        assert!(K::decode_coordinates(&bytes).is_ok());
        // p + 1.
        bytes[..32].fill(0xff);
        bytes[27] = 0xfe;
        bytes[30..32].copy_from_slice(&[0xfc, 0x30]);
        assert!(K::decode_coordinates(&bytes).is_err());
    }
}
