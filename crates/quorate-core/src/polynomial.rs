//! Shamir's secret polynomials, Feldman's commitments to them, and Lagrange's way back.
//!
//! Everything that touches a secret coefficient runs in constant time; what runs on public commitments or identifiers says
//! `vartime` in its name where it could be mistaken.

use alloc::vec::Vec;

use ff::{BatchInvert, Field};
use group::Group;
use zeroize::Zeroize;

use crate::{
    curve::Curve,
    error::InputError,
    identifier::{Identifier, ParticipantSet},
    randomness::Hedged,
    secret::Secret,
};

mod wide;
use wide::Wide;

/// A secret polynomial of degree `coefficients − 1`.
pub(crate) struct Polynomial<C: Curve> {
    coefficients: Secret<Vec<C::Scalar>>,
}

impl<C: Curve> Polynomial<C> {
    /// A polynomial with `constant` at zero and `count − 1` random non-zero further coefficients.
    pub(crate) fn with_constant(constant: C::Scalar, count: u16, hedged: &mut Hedged) -> Self {
        // One allocation of the final size: a growing vector would leave coefficients behind.
        let mut coefficients = Vec::with_capacity(usize::from(count));
        coefficients.push(constant);
        coefficients.extend((1..count).map(|_| hedged.scalar::<C>()));
        Self { coefficients: Secret::new(coefficients) }
    }

    /// f(`identifier`), by Horner's rule; constant in time for a given count.
    pub(crate) fn evaluate(&self, identifier: Identifier) -> C::Scalar {
        let mut sum = Wide::ZERO;
        for block in self.coefficients.expose().rchunks(wide::FACTORS) {
            for coefficient in block.iter().rev() {
                sum.multiply(identifier.to_u16());
                sum.add(&Wide::of::<C>(coefficient));
            }
            sum = Wide::of::<C>(&sum.reduce::<C>());
        }
        let value = sum.reduce::<C>();
        sum.zeroize();
        value
    }

    /// f(0).
    pub(crate) fn constant(&self) -> C::Scalar {
        self.coefficients.expose().first().copied().unwrap_or(C::Scalar::ZERO)
    }

    /// Feldman's commitments `a_k · B`.
    pub(crate) fn commit(&self) -> Vec<C::Point> {
        self.coefficients.expose().iter().map(C::mul_generator).collect()
    }
}

/// Horner's rule over scalars, constant in time for a given count.
pub(crate) fn evaluate<F: Field + From<u64>>(coefficients: &[F], identifier: Identifier) -> F {
    let x = F::from(u64::from(identifier.to_u16()));
    coefficients.iter().rev().fold(F::ZERO, |sum, coefficient| sum * x + coefficient)
}

/// F(`identifier`) in the group, from the commitments. Public inputs only.
pub(crate) fn evaluate_commitments_vartime<P: Group>(commitments: &[P], identifier: Identifier) -> P {
    commitments.iter().rev().fold(P::identity(), |sum, commitment| mul_small_vartime(&sum, identifier.to_u16()) + commitment)
}

/// `factor · point` by double-and-add: an identifier is short.
pub(crate) fn mul_small_vartime<P: Group>(point: &P, factor: u16) -> P {
    if factor == 1 || bool::from(point.is_identity()) {
        return *point;
    }
    let mut result = *point;
    for bit in (0..factor.ilog2()).rev() {
        result = result.double();
        if factor >> bit & 1 == 1 {
            result += point;
        }
    }
    result
}

/// Σᵢ `factorᵢ` · iᵏ for k = 0 … `count` − 1: what weighted sums of verifying shares become as sums over the commitments.
pub(crate) fn power_sums<C: Curve>(factors: &[(Identifier, C::Scalar)], count: usize) -> Vec<C::Scalar> {
    let mut terms: Vec<_> = factors.iter().map(|(id, factor)| (id.to_u16(), Wide::of::<C>(factor))).collect();
    let mut sums = Vec::with_capacity(count);
    for k in 1..=count {
        let mut sum = Wide::ZERO;
        for (id, term) in &mut terms {
            sum.add(term);
            term.multiply(*id);
            if k % wide::FACTORS == 0 {
                *term = Wide::of::<C>(&term.reduce::<C>());
            }
        }
        sums.push(sum.reduce::<C>());
    }
    sums
}

/// The product of small numbers.
fn product<C: Curve>(numbers: impl Iterator<Item = u16>) -> C::Scalar {
    let (mut product, mut block) = (C::Scalar::ONE, Wide::ONE);
    for (count, number) in numbers.enumerate() {
        block.multiply(number);
        if (count + 1) % (2 * wide::FACTORS) == 0 {
            product *= block.reduce::<C>();
            block = Wide::ONE;
        }
    }
    product * block.reduce::<C>()
}

/// Π (0 − i) over the set: what is left of i ↦ iᵗ when t points at zero are interpolated, negated.
pub(crate) fn product_of_negated<C: Curve>(set: impl ExactSizeIterator<Item = Identifier>) -> C::Scalar {
    let odd = set.len() % 2 == 1;
    let product = product::<C>(set.map(Identifier::to_u16));
    if odd { -product } else { product }
}

/// Checks many shares against Feldman commitments at once would need one multi-scalar multiplication; this checks one share:
/// `share · B = Σ identifierᵏ · commitmentₖ`.
pub(crate) fn share_fits<C: Curve>(share: &C::Scalar, commitments: &[C::Point], identifier: Identifier) -> bool {
    C::mul_generator(share) == evaluate_commitments_vartime(commitments, identifier)
}

/// λᵢ(S) for every i in S, in the set's order, at the point zero.
///
/// With one inversion for all of them. Identifiers are public, and so are the coefficients.
pub(crate) fn lagrange_coefficients<C: Curve>(set: &ParticipantSet) -> Vec<C::Scalar> {
    let mut denominators: Vec<C::Scalar> = set.iter().map(|i| lagrange_denominator::<C>(set, i) * scalar::<C>(i)).collect();
    denominators.iter_mut().batch_invert();
    let all = product::<C>(set.iter().map(Identifier::to_u16));
    denominators.into_iter().map(|inverse| inverse * all).collect()
}

/// λᵢ(S) for one i.
pub(crate) fn lagrange_coefficient<C: Curve>(set: &ParticipantSet, identifier: Identifier) -> Result<C::Scalar, InputError> {
    if !set.contains(identifier) {
        return Err(InputError::UnknownParticipant(identifier));
    }
    let top = product::<C>(set.iter().filter(|j| *j != identifier).map(Identifier::to_u16));
    let inverse: Option<C::Scalar> = lagrange_denominator::<C>(set, identifier).invert().into();
    Ok(top * inverse.unwrap_or(C::Scalar::ZERO))
}

/// Π (j − i) over the others; they are distinct, so no factor vanishes.
fn lagrange_denominator<C: Curve>(set: &ParticipantSet, i: Identifier) -> C::Scalar {
    let others = set.iter().filter(|j| *j != i);
    let product = product::<C>(others.clone().map(|j| j.to_u16().abs_diff(i.to_u16())));
    if others.filter(|j| *j < i).count() % 2 == 1 { -product } else { product }
}

fn scalar<C: Curve>(identifier: Identifier) -> C::Scalar {
    C::Scalar::from(u64::from(identifier.to_u16()))
}

/// Adds `term` to `sum`, coefficient by coefficient.
pub(crate) fn add_commitments<P: Group>(sum: &mut [P], term: &[P]) {
    sum.iter_mut().zip(term).for_each(|(sum, term)| *sum += term);
}

impl<C: Curve> Drop for Polynomial<C> {
    fn drop(&mut self) {
        self.coefficients.expose_mut().zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::curve::{Bip340, Ed25519};
    use proptest::prelude::*;

    fn polynomial<C: Curve>(count: u16) -> Polynomial<C> {
        let mut hedged = Hedged::draw(&mut getrandom::SysRng, b"test", None, &[]).unwrap();
        let constant = hedged.scalar::<C>();
        Polynomial::with_constant(constant, count, &mut hedged)
    }

    fn check<C: Curve>(count: u16, numbers: &[u16]) {
        let f = polynomial::<C>(count);
        let commitments = f.commit();
        let set = ParticipantSet::new(numbers.iter().map(|n| Identifier::new(*n).unwrap())).unwrap();
        let lambda = lagrange_coefficients::<C>(&set);
        let mut constant = C::Scalar::ZERO;
        for (i, lambda_i) in set.iter().zip(lambda) {
            assert_eq!(lambda_i, lagrange_coefficient::<C>(&set, i).unwrap());
            assert_eq!(f.evaluate(i), evaluate(f.coefficients.expose(), i));
            assert!(share_fits::<C>(&f.evaluate(i), &commitments, i));
            assert!(!share_fits::<C>(&(f.evaluate(i) + C::Scalar::ONE), &commitments, i));
            constant += lambda_i * f.evaluate(i);
        }
        assert_eq!(constant == f.constant(), set.len() >= usize::from(count));
    }

    /// Blocks of many products, with the largest identifiers and coefficients.
    fn agree<C: Curve>(count: u16, numbers: &[u16]) {
        let set = ParticipantSet::new(numbers.iter().map(|n| Identifier::new(*n).unwrap())).unwrap();
        let one = -C::Scalar::ONE;
        let f = Polynomial::<C> { coefficients: Secret::new(alloc::vec![one; usize::from(count)]) };
        let factors: Vec<_> = set.iter().map(|id| (id, one)).collect();
        let mut expected = factors.clone();
        for sum in power_sums::<C>(&factors, usize::from(count)) {
            assert_eq!(sum, expected.iter().map(|(_, term)| *term).sum::<C::Scalar>());
            expected.iter_mut().for_each(|(id, term)| *term *= scalar::<C>(*id));
        }
        let lambda = lagrange_coefficients::<C>(&set);
        for (i, lambda_i) in set.iter().zip(lambda) {
            assert_eq!(f.evaluate(i), evaluate(f.coefficients.expose(), i));
            let others = || set.iter().filter(move |j| *j != i).map(scalar::<C>);
            let bottom: C::Scalar = others().map(|j| j - scalar::<C>(i)).product();
            assert_eq!(lambda_i * bottom, others().product::<C::Scalar>());
            assert_eq!(lambda_i, lagrange_coefficient::<C>(&set, i).unwrap());
        }
        let negated: C::Scalar = set.iter().map(|id| -scalar::<C>(id)).product();
        assert_eq!(product_of_negated::<C>(set.iter()), negated);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn enough_shares_interpolate_and_fewer_do_not(count in 2u16..6, numbers in prop::collection::btree_set(1u16.., 1..7)) {
            let numbers: Vec<u16> = numbers.into_iter().collect();
            check::<Ed25519>(count, &numbers);
            check::<Bip340>(count, &numbers);
        }

        #[test]
        fn integers_agree_with_scalars(count in 1u16..50, numbers in prop::collection::btree_set(60_000u16.., 1..50)) {
            let numbers: Vec<u16> = numbers.into_iter().collect();
            agree::<Ed25519>(count, &numbers);
            agree::<Bip340>(count, &numbers);
        }

        #[test]
        fn small_multiples_agree_with_scalar_multiplication(factor in 1u16..) {
            let point = Ed25519::mul_generator(&polynomial::<Ed25519>(2).constant());
            let scalar = <Ed25519 as Curve>::Scalar::from(u64::from(factor));
            prop_assert_eq!(mul_small_vartime(&point, factor), point * scalar);
        }
    }
}
