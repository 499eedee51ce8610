//! BIP-341's output key of a key that is spent by itself.

use k256::{
    AffinePoint, ProjectivePoint, Scalar,
    elliptic_curve::{point::DecompressPoint as _, sec1::ToSec1Point as _, subtle::Choice},
};

use crate::hash::tagged;

/// The point with that x and an even y.
pub(crate) fn lift_x(x: &[u8; 32]) -> Option<AffinePoint> {
    AffinePoint::decompress(&(*x).into(), Choice::from(0)).into()
}

/// `Q = P + H_TapTweak(P)·G`, x alone; nothing if the tweak is not below the order or Q is the identity.
///
/// Spec: BIP-341, "Constructing and spending Taproot outputs"; no script tree, as BIP-86 has it.
pub(crate) fn output_key(internal: &[u8; 32]) -> Option<[u8; 32]> {
    let tweak = tagged("TapTweak", &[internal]);
    let scalar = <Scalar as k256::elliptic_curve::PrimeField>::from_repr(tweak.into());
    let scalar: Option<Scalar> = scalar.into();
    let point = ProjectivePoint::from(lift_x(internal)?) + ProjectivePoint::GENERATOR * scalar?;
    let encoded = point.to_affine().to_sec1_point(true);
    encoded.as_bytes().get(1..)?.try_into().ok()
}
