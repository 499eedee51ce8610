//! Whether a signer multiplied what it committed to.

use super::{suite::EcdsaSuite, vole};
use crate::{curve::Curve, error::DecodeError, randomness::Hedged, secret::Secret, wire::Reader};
use ff::PrimeField;

/// A signer's private answer for one presignature.
pub(crate) struct Answer<'a, C: Curve> {
    /// The multiplication's message.
    pub(crate) product: vole::Message<'a>,
    /// Γᵘ and Γᵛ.
    gammas: [C::Point; 2],
    pub(crate) psi: Secret<C::Scalar>,
}

impl<'a, C: EcdsaSuite> Answer<'a, C> {
    pub(crate) fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut input = Reader::new(bytes);
        let product = vole::Message::decode::<C>(input.raw(vole::MESSAGE_BYTES)?)?;
        let gammas = [C::decode_point(input.raw(C::POINT_BYTES)?)?, C::decode_point(input.raw(C::POINT_BYTES)?)?];
        let psi = Secret::new(C::decode_scalar(&input.array()?)?);
        input.finish()?;
        Ok(Self { product, gammas, psi })
    }
}

/// χ·Rⱼ − Γᵘ = dᵘ·B and χ·pkⱼ − Γᵛ = dᵛ·B, both at once with a weight that the signer could not know: 2⁻¹²⁸.
///
/// Constant-time in χ and d; the points and the weight may be known.
pub(crate) fn fits<C: Curve>(
    answer: &Answer<'_, C>,
    chi: &C::Scalar,
    points: &[C::Point; 2],
    d: &[C::Scalar; 2],
    hedged: &mut Hedged,
) -> bool {
    let weight =
        hedged.bytes().first_chunk().map_or(C::Scalar::from(1), |bytes| C::Scalar::from_u128(u128::from_be_bytes(*bytes)));
    let [d_u, d_v] = d;
    let [multiplied, gamma] = [points, &answer.gammas].map(|[u, v]| *u + C::multiscalar_mul_vartime(&[weight], &[*v]));
    multiplied * chi == gamma + C::mul_generator(&(*d_u + weight * d_v))
}
