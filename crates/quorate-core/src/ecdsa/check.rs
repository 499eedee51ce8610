//! Whether a signer multiplied what it committed to.

use alloc::vec::Vec;

use zeroize::Zeroizing;

use super::{
    message::ANSWER_BYTES,
    suite::EcdsaSuite,
    vole::{self, Theta},
};
use crate::{
    curve::Curve, domain, error::DecodeError, identifier::Identifier, randomness::Hedged, secret::Secret, transcript::Hash,
    wire::Reader,
};

/// A signer's private message.
pub(crate) struct Answers<'a, C: Curve> {
    /// For each presignature.
    pub(crate) each: Vec<Answer<'a, C>>,
    pub(crate) gamma: C::Point,
}

/// A signer's private answer for one presignature.
pub(crate) struct Answer<'a, C: Curve> {
    /// The multiplication's message.
    pub(crate) product: vole::Message<'a>,
    pub(crate) psi: Secret<C::Scalar>,
}

impl<'a, C: EcdsaSuite> Answers<'a, C> {
    pub(crate) fn decode(bytes: &'a [u8], batch: usize) -> Result<Self, DecodeError> {
        let mut input = Reader::new(bytes);
        let each = input.raw(batch.saturating_mul(ANSWER_BYTES))?;
        let gamma = C::decode_point(input.raw(C::POINT_BYTES)?)?;
        input.finish()?;
        Ok(Self { each: each.chunks_exact(ANSWER_BYTES).map(Answer::decode).collect::<Result<_, _>>()?, gamma })
    }
}

impl<'a, C: EcdsaSuite> Answer<'a, C> {
    fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut input = Reader::new(bytes);
        let product = vole::Message::decode::<C>(input.raw(vole::MESSAGE_BYTES)?)?;
        let psi = Secret::new(C::decode_scalar(&input.array()?)?);
        input.finish()?;
        Ok(Self { product, psi })
    }
}

/// w, the weight between what a signer multiplied for its nonces and for its signing shares. Neither those factors, which all θ bind, nor the
/// points in the `broadcast` can be chosen after it.
pub(crate) fn between<'a, C: EcdsaSuite>(
    context: &[u8; 32],
    [alice, bob]: [Identifier; 2],
    thetas: impl ExactSizeIterator<Item = &'a Theta>,
    broadcast: &[u8],
) -> C::Scalar {
    let hash = Hash::new(domain::ECDSA_BETWEEN).field(context).identifier(alice).identifier(bob).field(broadcast);
    let hash = hash.list(thetas.len());
    let hash = thetas.fold(hash, |hash, Theta(theta)| hash.field(theta)).finish();
    let weight = C::weight(hash.first_chunk().copied().unwrap_or_default());
    // Under zero nobody's signing share would be looked at.
    if weight == C::Scalar::from(0) { C::Scalar::from(1) } else { weight }
}

/// One signer's claim: Σ χ·(Rⱼ + w·pkⱼ) − Γ = Σ (dᵘ + w·dᵛ)·B, the sums going over the presignatures.
pub(crate) struct Claim<'a, C: Curve> {
    pub(crate) between: C::Scalar,
    pub(crate) gamma: C::Point,
    pub(crate) parts: Vec<Part<'a, C>>,
}

/// What a claim says of one presignature.
#[derive(Clone, Copy)]
pub(crate) struct Part<'a, C: Curve> {
    /// Rⱼ and pkⱼ.
    pub(crate) points: [C::Point; 2],
    pub(crate) chi: &'a C::Scalar,
    pub(crate) d: &'a [C::Scalar; 2],
}

/// How many points are multiplied at once: their tables take memory.
const AT_ONCE: usize = 64;

/// Whether all claims hold: checks one sum of them.
///
/// Within a claim the χ are the weights: they are secrets of ours that are as good as uniform for the signer who claims, so that both sides
/// of a claim about other factors than Rⱼ and pkⱼ cannot be foretold. Two signers together know how their χ differ, from our ψ. So each
/// claim has a weight of its own that no signer could know; wrong ones pass with 2⁻¹²⁸ besides. The weights also keep χ itself out of the
/// tables of the multiplication, which nobody wipes.
///
/// Constant-time in χ and d; the points and the weights may be known.
pub(crate) fn hold<C: EcdsaSuite>(claims: &[Claim<'_, C>], hedged: &mut Hedged) -> bool {
    // One allocation of the final size: the factors of the terms are secret.
    let mut terms = Zeroizing::new(Vec::with_capacity(claims.iter().map(|claim| claim.parts.len()).sum()));
    let mut sum = Zeroizing::new(C::Scalar::from(0));
    let (mut weights, mut gammas) = (Zeroizing::new(Vec::with_capacity(claims.len())), Vec::with_capacity(claims.len()));
    for Claim { between, gamma, parts } in claims {
        let weight = weight::<C>(hedged);
        for Part { points: [nonce_point, pk], chi, d: [d_u, d_v] } in parts {
            let point = *nonce_point + C::multiscalar_mul_vartime(&[*between], &[*pk]);
            terms.push((point, weight * *chi));
            *sum += weight * (*d_u + *between * d_v);
        }
        weights.push(weight);
        gammas.push(*gamma);
    }
    let parts = weights.chunks(AT_ONCE).zip(gammas.chunks(AT_ONCE));
    let gamma: C::Point = parts.map(|(weights, gammas)| C::multiscalar_mul_vartime(weights, gammas)).sum();
    C::multiscalar_mul(&terms) == gamma + C::mul_generator(&sum)
}

fn weight<C: EcdsaSuite>(hedged: &mut Hedged) -> C::Scalar {
    C::weight(hedged.bytes().first_chunk().copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        curve::EcdsaSecp256k1 as K,
        ecdsa::tests::{id, random},
    };
    use k256::{ProjectivePoint, Scalar};

    const ZERO: Scalar = Scalar::ZERO;

    /// What we know of a signer's three presignatures.
    struct Said {
        points: Vec<[ProjectivePoint; 2]>,
        chis: Vec<Scalar>,
        d: Vec<[Scalar; 2]>,
        between: Scalar,
        gamma: ProjectivePoint,
    }

    impl Said {
        /// In the first of them the points are those of what the signer multiplied and `errors`.
        fn new(chis: &[Scalar; 3], between: Scalar, errors: [Scalar; 2]) -> Self {
            let mut hedged = Hedged::fixed(random());
            let mut two = || [hedged.scalar::<K>(), hedged.scalar::<K>()];
            let mut said =
                Self { points: Vec::new(), chis: chis.to_vec(), d: Vec::new(), between, gamma: ProjectivePoint::IDENTITY };
            for (index, chi) in chis.iter().enumerate() {
                let (factors, c) = (two(), two());
                let errors = if index == 0 { errors } else { [ZERO; 2] };
                said.points.push([0, 1].map(|i| K::mul_generator(&(factors[i] + errors[i]))));
                said.d.push([0, 1].map(|i| factors[i] * chi - c[i]));
                said.gamma += K::mul_generator(&(c[0] + between * c[1]));
            }
            said
        }

        fn claim(&self) -> Claim<'_, K> {
            let parts =
                self.points.iter().zip(&self.chis).zip(&self.d).map(|((points, chi), d)| Part { points: *points, chi, d });
            Claim { between: self.between, gamma: self.gamma, parts: parts.collect() }
        }

        /// By how much the two sides differ.
        fn difference(&self) -> ProjectivePoint {
            let sides = |Part { points: [r, pk], chi, d }: &Part<'_, K>| {
                (*r + *pk * self.between) * *chi - K::mul_generator(&(d[0] + self.between * d[1]))
            };
            self.claim().parts.iter().map(sides).sum::<ProjectivePoint>() - self.gamma
        }
    }

    fn scalars() -> [Scalar; 3] {
        let mut hedged = Hedged::fixed(random());
        [(); 3].map(|()| hedged.scalar::<K>())
    }

    fn all_hold(said: &[&Said]) -> bool {
        let claims: Vec<_> = said.iter().map(|said| said.claim()).collect();
        hold(&claims, &mut Hedged::fixed(random()))
    }

    #[test]
    fn claims_hold_about_what_was_multiplied_and_nothing_else() {
        let [w, error, _] = scalars();
        let right = [(); 3].map(|()| Said::new(&scalars(), w, [ZERO; 2]));
        assert!(all_hold(&[&right[0]]) && all_hold(&[&right[0], &right[1], &right[2]]));
        for errors in [[error, ZERO], [ZERO, error], [error, error]] {
            let wrong = Said::new(&scalars(), w, errors);
            assert!(!all_hold(&[&wrong]) && !all_hold(&[&right[0], &wrong]) && !all_hold(&[&wrong, &right[0]]));
        }
    }

    /// Why w must be a hash of both.
    #[test]
    fn errors_that_cancel_under_one_w_pass_under_no_other() {
        let [w, other, error] = scalars();
        let errors = [-w * error, error];
        assert!(all_hold(&[&Said::new(&scalars(), w, errors)]));
        assert!(!all_hold(&[&Said::new(&scalars(), other, errors)]));
    }

    /// Two signers know by how much our factors for them differ.
    #[test]
    fn opposite_errors_of_two_signers_are_found() {
        let ([w, error, _], chis) = (scalars(), [scalars(), scalars()]);
        let one = Said::new(&chis[0], w, [error, ZERO]);
        let mut two = Said::new(&chis[1], w, [-error, ZERO]);
        two.gamma += K::mul_generator(&((chis[0][0] - chis[1][0]) * error));
        assert_eq!(one.difference() + two.difference(), ProjectivePoint::IDENTITY);
        assert!(!all_hold(&[&one, &two]) && !all_hold(&[&two, &one]));
    }

    #[test]
    fn weight_binds_everything_that_was_said_and_who_said_it() {
        let thetas = [Theta([1; 32]), Theta([2; 32])];
        let weight = |context: u8, [alice, bob]: [u16; 2], thetas: &[Theta], broadcast: &[u8]| {
            between::<K>(&[context; 32], [id(alice), id(bob)], thetas.iter(), broadcast)
        };
        let all = [
            weight(0, [1, 2], &thetas, b"said"),
            weight(1, [1, 2], &thetas, b"said"),
            weight(0, [2, 1], &thetas, b"said"),
            weight(0, [1, 3], &thetas, b"said"),
            weight(0, [1, 2], &[thetas[1], thetas[0]], b"said"),
            weight(0, [1, 2], &thetas[..1], b"said"),
            weight(0, [1, 2], &thetas, b"sayd"),
        ];
        for (index, one) in all.iter().enumerate() {
            assert!(all[..index].iter().all(|other| other != one), "{index}");
        }
    }
}
