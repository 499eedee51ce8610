//! Whether a signer multiplied what it committed to.

use alloc::vec::Vec;

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

/// How many points are multiplied at once: their tables take memory.
const AT_ONCE: usize = 64;

/// Whether all claims hold: checks one sum of them, with weights that no signer could know. A wrong one passes with 2⁻¹²⁷.
///
/// Two weights of 128 bits for each claim would do. Here all claims share the one between their two equations, and the first claim's
/// other weight is 1: Σ vₖ·(χₖ·(Rₖ + w·pkₖ) − Γᵘₖ − w·Γᵛₖ − (dᵘₖ + w·dᵛₖ)·B) = 0. That is one constant-time multiplication for each
/// claim, not two.
///
/// Constant-time in χ and d; the points and the weights may be known.
pub(crate) fn hold<C: EcdsaSuite>(claims: &[Claim<'_, C>], hedged: &mut Hedged) -> bool {
    // One allocation of the final size: the factors of the terms are secret.
    let mut terms = Zeroizing::new(Vec::with_capacity(claims.len()));
    let mut sum = Zeroizing::new(C::Scalar::from(0));
    let between = weight::<C>(hedged);
    let mut weights = Vec::with_capacity(claims.len());
    for claim in claims {
        let weight = if weights.is_empty() { C::Scalar::from(1) } else { weight::<C>(hedged) };
        let [nonce_point, pk] = claim.points;
        let [d_u, d_v] = claim.d;
        let point = nonce_point + C::multiscalar_mul_vartime(&[between], &[pk]);
        terms.push((point, weight * claim.chi));
        *sum += weight * (*d_u + between * d_v);
        weights.push(weight);
    }
    let [gamma_u, gamma_v] = [0, 1].map(|which| {
        let gammas: Vec<_> = claims.iter().filter_map(|claim| claim.gammas.get(which).copied()).collect();
        let parts = weights.chunks(AT_ONCE).zip(gammas.chunks(AT_ONCE));
        parts.map(|(weights, gammas)| C::multiscalar_mul_vartime(weights, gammas)).sum::<C::Point>()
    });
    let right = gamma_u + C::multiscalar_mul_vartime(&[between], &[gamma_v]) + C::mul_generator(&sum);
    C::multiscalar_mul(&terms) == right
}

fn weight<C: EcdsaSuite>(hedged: &mut Hedged) -> C::Scalar {
    C::weight(hedged.bytes().first_chunk().copied().unwrap_or_default())
}
