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

    /// f(`identifier`).
    pub(crate) fn evaluate(&self, identifier: Identifier) -> C::Scalar {
        evaluate(self.coefficients.expose(), identifier)
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
fn mul_small_vartime<P: Group>(point: &P, factor: u16) -> P {
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

/// The powers 1, x, x², … of an identifier.
pub(crate) fn powers<F: Field + From<u64>>(identifier: Identifier, count: usize) -> impl Iterator<Item = F> {
    let x = F::from(u64::from(identifier.to_u16()));
    core::iter::successors(Some(F::ONE), move |power| Some(*power * x)).take(count)
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
    let scalars: Vec<C::Scalar> = set.iter().map(|i| C::Scalar::from(u64::from(i.to_u16()))).collect();
    let mut denominators: Vec<C::Scalar> = scalars
        .iter()
        .map(|x_i| {
            // Π_{j≠i} (x_j − x_i) · x_i; the identifiers are distinct and not zero, so no factor vanishes.
            scalars.iter().filter(|x_j| *x_j != x_i).fold(*x_i, |product, x_j| product * (*x_j - x_i))
        })
        .collect();
    denominators.iter_mut().batch_invert();
    let all: C::Scalar = scalars.iter().product();
    denominators.into_iter().map(|inverse| inverse * all).collect()
}

/// λᵢ(S) for one i.
pub(crate) fn lagrange_coefficient<C: Curve>(set: &ParticipantSet, identifier: Identifier) -> Result<C::Scalar, InputError> {
    let x_i = C::Scalar::from(u64::from(identifier.to_u16()));
    if !set.contains(identifier) {
        return Err(InputError::UnknownParticipant(identifier));
    }
    let others = set.iter().filter(|j| *j != identifier).map(|j| C::Scalar::from(u64::from(j.to_u16())));
    let (top, bottom) = others.fold((C::Scalar::ONE, C::Scalar::ONE), |(top, bottom), x_j| (top * x_j, bottom * (x_j - x_i)));
    let inverse: Option<C::Scalar> = bottom.invert().into();
    Ok(top * inverse.unwrap_or(C::Scalar::ZERO))
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
            assert!(share_fits::<C>(&f.evaluate(i), &commitments, i));
            assert!(!share_fits::<C>(&(f.evaluate(i) + C::Scalar::ONE), &commitments, i));
            constant += lambda_i * f.evaluate(i);
        }
        assert_eq!(constant == f.constant(), set.len() >= usize::from(count));
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
        fn small_multiples_agree_with_scalar_multiplication(factor in 1u16..) {
            let point = Ed25519::mul_generator(&polynomial::<Ed25519>(2).constant());
            let scalar = <Ed25519 as Curve>::Scalar::from(u64::from(factor));
            prop_assert_eq!(mul_small_vartime(&point, factor), point * scalar);
        }
    }
}
