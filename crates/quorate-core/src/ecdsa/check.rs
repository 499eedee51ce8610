//! Whether a signer multiplied what it committed to.

use alloc::vec::Vec;

use ff::PrimeField;
use zeroize::Zeroizing;

use super::{suite::EcdsaSuite, vole};
use crate::{curve::Curve, error::DecodeError, randomness::Hedged, secret::Secret, wire::Reader};

/// A signer's private answer for one presignature.
pub(crate) struct Answer<'a, C: Curve> {
    /// The multiplication's message.
    pub(crate) product: vole::Message<'a>,
    /// Γᵘ and Γᵛ.
    pub(crate) gammas: [C::Point; 2],
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

/// One signer's claim about one presignature: χ·Rⱼ − Γᵘ = dᵘ·B and χ·pkⱼ − Γᵛ = dᵛ·B.
#[derive(Clone, Copy)]
pub(crate) struct Claim<'a, C: Curve> {
    pub(crate) gammas: [C::Point; 2],
    /// Rⱼ and pkⱼ.
    pub(crate) points: [C::Point; 2],
    pub(crate) chi: &'a C::Scalar,
    pub(crate) d: &'a [C::Scalar; 2],
}

/// Whether all claims hold: checks one sum of them, with weights that no signer could know. A wrong one passes with 2⁻¹²⁸.
///
/// Constant-time in χ and d; the points and the weights may be known.
pub(crate) fn hold<C: EcdsaSuite>(claims: &[Claim<'_, C>], hedged: &mut Hedged) -> bool {
    // One allocation of the final size: the factors of the terms are secret.
    let mut terms = Zeroizing::new(Vec::with_capacity(2 * claims.len()));
    let (mut weights, mut gammas) = (Vec::with_capacity(2 * claims.len()), Vec::with_capacity(2 * claims.len()));
    let mut sum = Zeroizing::new(C::Scalar::from(0));
    for claim in claims {
        for (((point, gamma), d), bytes) in claim.points.into_iter().zip(claim.gammas).zip(claim.d).zip(halves(hedged)) {
            // None is 1: the multiplication's own working memory must not hold χ itself.
            let weight = C::Scalar::from_u128(u128::from_be_bytes(bytes));
            terms.push((point, weight * claim.chi));
            *sum += weight * d;
            weights.push(weight);
            gammas.push(gamma);
        }
    }
    let right = C::multiscalar_mul_vartime(&weights, &gammas) + C::mul_generator(&sum);
    C::multiscalar_mul(&terms) == right
}

fn halves(hedged: &mut Hedged) -> [[u8; 16]; 2] {
    let bytes = hedged.bytes();
    let (halves, _) = bytes.as_chunks();
    [halves.first().copied().unwrap_or_default(), halves.last().copied().unwrap_or_default()]
}
