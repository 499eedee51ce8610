//! What a receiver checks of a dealing: the sum first, dealer by dealer only to name a culprit.
//!
//! Nothing here is summed across keys, and all inputs but the shares are public.

use alloc::{collections::BTreeMap, vec, vec::Vec};

use ff::Field;
use group::Group;
use zeroize::Zeroizing;

use super::{Reveal, Terms, element, proof_challenge};
use crate::{
    curve::Curve,
    error::{Error, Fault, FaultKind},
    identifier::Identifier,
    polynomial,
    schnorr::{Proof, batch_coefficients},
    secret::Secret,
    wire::Encoding,
};

type Reveals = BTreeMap<Identifier, Reveal>;
type SumAndConstants<C> = (Vec<<C as Curve>::Point>, Vec<<C as Curve>::Point>);

fn culprits(kind: FaultKind, culprits: Vec<Identifier>) -> Result<(), Error> {
    if culprits.is_empty() { Ok(()) } else { Err(Fault::new(kind, culprits).into()) }
}

/// Every reveal opens its commitment.
pub(super) fn openings(terms: &Terms, commits: &BTreeMap<Identifier, [u8; 32]>, reveals: &Reveals) -> Result<(), Error> {
    let wrong = reveals.iter().filter(|(from, reveal)| commits.get(from) != Some(&reveal.commitment(&terms.context, **from)));
    culprits(FaultKind::WrongOpening, wrong.map(|(from, _)| *from).collect())
}

/// Every polynomial has exactly t coefficients.
pub(super) fn degrees<C: Curve>(terms: &Terms, reveals: &Reveals) -> Result<(), Error> {
    let honest = terms.min_signers().saturating_mul(C::POINT_BYTES);
    let wrong = reveals.iter().filter(|(_, reveal)| reveal.coefficients.len() != honest);
    culprits(FaultKind::WrongDegree, wrong.map(|(from, _)| *from).collect())
}

/// Every dealer deals what it has to: in a reshare, its own share of the key, weighted.
pub(super) fn constants<C: Curve>(terms: &Terms, reveals: &Reveals) -> Result<(), Error> {
    let Some(known) = &terms.known else { return Ok(()) };
    let fits = |from: &Identifier, reveal: &Reveal| {
        known.constants.get(from).is_some_and(|constant| reveal.coefficients.get(..C::POINT_BYTES) == Some(constant.as_slice()))
    };
    let wrong = reveals.iter().filter(|(from, reveal)| !fits(from, reveal));
    culprits(FaultKind::WrongConstant, wrong.map(|(from, _)| *from).collect())
}

fn decode<C: Curve>(from: Identifier, reveal: &Reveal) -> Result<Vec<C::Point>, Error> {
    element(from, reveal.coefficients.chunks_exact(C::POINT_BYTES).map(C::decode_point).collect())
}

/// Adds all commitments coefficient by coefficient and keeps the constant terms. One dealer is in memory at a time.
pub(super) fn decode_and_sum<C: Curve>(terms: &Terms, reveals: &Reveals) -> Result<SumAndConstants<C>, Error> {
    let mut sum = vec![C::Point::identity(); terms.min_signers()];
    let mut constants = Vec::with_capacity(reveals.len());
    for (from, reveal) in reveals {
        let coefficients = decode::<C>(*from, reveal)?;
        polynomial::add_commitments(&mut sum, &coefficients);
        constants.extend(coefficients.first());
    }
    Ok((sum, constants))
}

/// Every dealer knows its constant term: all proofs in one multi-scalar multiplication.
pub(super) fn proofs<C: Curve>(terms: &Terms, reveals: &Reveals, constants: &[C::Point]) -> Result<(), Error> {
    let mut statements = Vec::with_capacity(reveals.len());
    for ((from, reveal), constant) in reveals.iter().zip(constants) {
        let proof = element(*from, Proof::<C>::from_bytes(&reveal.proof))?;
        let (r, _) = reveal.proof.split_at_checked(C::POINT_BYTES).ok_or(Error::Bug("a parsed proof is short"))?;
        let challenge = proof_challenge::<C>(&terms.context, *from, &reveal.coefficients, r);
        statements.push((*from, proof, challenge, *constant));
    }
    let seed = [terms.context.as_bytes().as_slice()].into_iter();
    let fields = seed.chain(reveals.values().flat_map(|reveal| [reveal.coefficients.as_slice(), reveal.proof.as_slice()]));
    let weights = batch_coefficients::<C>(fields, statements.len());

    let mut scalars = vec![C::Scalar::ZERO];
    let mut points = vec![C::Point::generator()];
    let mut on_generator = C::Scalar::ZERO;
    for ((_, proof, challenge, constant), weight) in statements.iter().zip(weights) {
        on_generator -= weight * proof.response;
        scalars.extend([weight, weight * challenge]);
        points.extend([proof.commitment, *constant]);
    }
    if let Some(first) = scalars.first_mut() {
        *first = on_generator;
    }
    if bool::from(C::multiscalar_mul_vartime(&scalars, &points).is_identity()) {
        return Ok(());
    }
    // A point of mixed order can pass alone and fail in the sum, because products of scalars are reduced mod q: who sent one is named.
    let wrong = statements.iter().filter(|(_, proof, challenge, constant)| {
        let mixed = !C::is_prime_order(constant) || !C::is_prime_order(&proof.commitment);
        mixed || !proof.verify_vartime(constant, challenge)
    });
    Err(Fault::new(FaultKind::WrongProof, wrong.map(|(from, ..)| *from).collect()).into())
}

/// Every summed coefficient is in the prime-order subgroup.
///
/// An order-8 part hidden in two coefficients passes the share check at some identifiers, so the shares alone do not show it.
pub(super) fn subgroup<C: Curve>(terms: &Terms, reveals: &Reveals, sum: &[C::Point]) -> Result<(), Error> {
    if sum.iter().all(C::is_prime_order) {
        return Ok(());
    }
    let mut wrong = Vec::new();
    for (from, reveal) in reveals.iter().filter(|(from, _)| **from != terms.me) {
        if !decode::<C>(*from, reveal)?.iter().all(C::is_prime_order) {
            wrong.push(*from);
        }
    }
    Err(Fault::new(FaultKind::SmallOrderComponent, wrong).into())
}

/// The sum of the private shares fits the sum of the commitments; the sum is this participant's share of the key.
pub(super) fn shares<C: Curve>(
    terms: &Terms,
    reveals: &Reveals,
    sum: &[C::Point],
    own: Option<&Secret<C::Scalar>>,
    shares: &BTreeMap<Identifier, Zeroizing<[u8; 32]>>,
) -> Result<Secret<C::Scalar>, Error> {
    let mut total = Secret::new(own.map_or(C::Scalar::ZERO, |own| *own.expose()));
    for (from, bytes) in shares {
        let share = Secret::new(element(*from, C::decode_scalar(bytes))?);
        *total.expose_mut() += share.expose();
    }
    if polynomial::share_fits::<C>(total.expose(), sum, terms.me) {
        return Ok(total);
    }
    let mut wrong = Vec::new();
    for (from, bytes) in shares {
        let share = Secret::new(element(*from, C::decode_scalar(bytes))?);
        let reveal = reveals.get(from).ok_or(Error::Bug("a share without a reveal"))?;
        if !polynomial::share_fits::<C>(share.expose(), &decode::<C>(*from, reveal)?, terms.me) {
            wrong.push(*from);
        }
    }
    Err(Fault::new(FaultKind::WrongShare, wrong).into())
}
