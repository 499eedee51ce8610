//! What a suite adds to its curve so that threshold ECDSA can sign with it.

use alloc::vec::Vec;

use group::Group;
use k256::elliptic_curve::ops::LinearCombination;
use spin::Once;

#[cfg(feature = "p256")]
use crate::curve::EcdsaP256;
#[cfg(feature = "tables")]
use crate::curve::comb;
use crate::{
    curve::{Curve, EcdsaSecp256k1, secp256k1},
    derive::{DerivationPath, Derived, derive},
    domain,
    error::InputError,
    keys::PublicKeyPackage,
    transcript::HashToScalar,
};

use super::{
    extension::CHOICES,
    wide::{self, Short, Wide, Words},
};

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
