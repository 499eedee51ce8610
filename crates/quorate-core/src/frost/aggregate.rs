//! Shares in, one verified signature out; on failure, the names of those whose shares are wrong.

use alloc::{collections::BTreeMap, vec, vec::Vec};

use ff::Field;
use group::Group;

use super::{FrostSuite, Signature, SignatureShare, SigningPackage, package::SigningValues, signature};
use crate::{
    curve::Curve,
    error::{Error, Fault, FaultKind, InputError},
    identifier::{Identifier, ParticipantSet},
    keys::PublicKeyPackage,
    polynomial,
    schnorr::batch_coefficients,
};

/// Adds the signature shares up and verifies the result once; no signature that does not verify is ever returned.
///
/// # Errors
///
/// [`FaultKind::WrongSignatureShare`] with the names of all who sent a wrong share; [`InputError::ParticipantsDiffer`] if the shares
/// are not exactly those of the package's signers; what [`sign`](super::sign) says of the package.
///
/// Spec: RFC 9591, [section 5.3](https://www.rfc-editor.org/rfc/rfc9591.html#section-5.3); BIP-445, `PartialSigAgg`.
pub fn aggregate<C: FrostSuite>(
    package: &SigningPackage<C>,
    shares: &BTreeMap<Identifier, SignatureShare<C>>,
    key: &PublicKeyPackage<C>,
) -> Result<Signature<C>, Error> {
    check_senders(package.signers(), shares)?;
    let values = SigningValues::new(key, package)?;
    let signature = sum(&values, shares.values());
    if signature::fits(&values.key.point, &values.challenge, &signature) {
        return Ok(signature);
    }
    Err(Fault::new(FaultKind::WrongSignatureShare, Search::new(package, shares, key.commitments(), &values)?.culprits()).into())
}

/// One share from every signer, and from nobody else.
pub(super) fn check_senders<C: Curve>(
    signers: &ParticipantSet,
    shares: &BTreeMap<Identifier, SignatureShare<C>>,
) -> Result<(), InputError> {
    let complete = signers.iter().eq(shares.keys().copied());
    if complete { Ok(()) } else { Err(InputError::ParticipantsDiffer("set of signature shares")) }
}

pub(crate) fn sum<'a, C: FrostSuite>(
    values: &SigningValues<C>,
    shares: impl Iterator<Item = &'a SignatureShare<C>>,
) -> Signature<C> {
    let z = shares.fold(values.tweak_term(), |z, share| z + share.z);
    // In the form that decoding gives, so that a signature equals its own bytes read back.
    let r = values.binding.group_commitment;
    Signature { group_commitment: if values.nonces_negated { -r } else { r }, z }
}

/// What one signer's share must satisfy: z·B = ±(D + ρ·E) + f·Y, with f = ±c·λ.
pub(super) struct Claim<'a, C: FrostSuite> {
    signer: Identifier,
    z: C::Scalar,
    rho: C::Scalar,
    factor: C::Scalar,
    commitments: &'a super::SigningCommitments<C>,
    /// Whether weights can be trusted with it: a part of small order can vanish under a weight, and hide the claim.
    is_prime_order: bool,
}

/// Looks for wrong shares by halving: one random linear combination a half.
pub(super) struct Search<'a, C: FrostSuite> {
    pub(super) claims: Vec<Claim<'a, C>>,
    pub(super) weights: Vec<C::Scalar>,
    nonces_negated: bool,
    key_commitments: &'a [C::Point],
}

impl<'a, C: FrostSuite> Search<'a, C> {
    pub(super) fn new(
        package: &'a SigningPackage<C>,
        shares: &BTreeMap<Identifier, SignatureShare<C>>,
        key_commitments: &'a [C::Point],
        values: &SigningValues<C>,
    ) -> Result<Self, Error> {
        let lambdas = polynomial::lagrange_coefficients::<C>(package.signers());
        let mut claims = Vec::with_capacity(shares.len());
        for (position, (((signer, commitments), share), lambda)) in
            package.entries().zip(shares.values()).zip(lambdas).enumerate()
        {
            let rho = values.binding.factors.at(position).ok_or(Error::Bug("a signer without a binding factor"))?;
            let is_prime_order = C::is_prime_order(&commitments.hiding) && C::is_prime_order(&commitments.binding);
            claims.push(Claim { signer, z: share.z, rho, factor: values.share_factor(&lambda), commitments, is_prime_order });
        }
        let challenge = C::encode_scalar(&values.challenge);
        let encoded: Vec<_> = claims.iter().map(|claim| C::encode_scalar(&claim.z)).collect();
        let fields = core::iter::once(challenge.as_slice()).chain(encoded.iter().map(<[u8; 32]>::as_slice));
        let weights = batch_coefficients::<C>(fields, claims.len());
        Ok(Self { claims, weights, nonces_negated: values.nonces_negated, key_commitments })
    }

    pub(super) fn culprits(&self) -> Vec<Identifier> {
        let mut found = Vec::new();
        self.halve(&self.claims, &self.weights, &mut found);
        found
    }

    fn halve(&self, claims: &[Claim<'a, C>], weights: &[C::Scalar], found: &mut Vec<Identifier>) {
        match claims {
            [] => {}
            [claim] if self.holds_alone(claim) => {}
            [claim] => found.push(claim.signer),
            [..] if claims.len() > 2 && self.hold_together(claims, weights) => {}
            [..] => {
                let (left, right) = claims.split_at(claims.len() / 2);
                let (left_weights, right_weights) = weights.split_at(claims.len() / 2);
                self.halve(left, left_weights, found);
                self.halve(right, right_weights, found);
            }
        }
    }

    fn holds_alone(&self, claim: &Claim<'a, C>) -> bool {
        let public = polynomial::evaluate_commitments_vartime(self.key_commitments, claim.signer);
        let nonce_sign = if self.nonces_negated { -C::Scalar::ONE } else { C::Scalar::ONE };
        let scalars = [nonce_sign * claim.rho, claim.factor, -claim.z];
        let points = [claim.commitments.binding, public, C::Point::generator()];
        let hiding = if self.nonces_negated { -claim.commitments.hiding } else { claim.commitments.hiding };
        (C::multiscalar_mul_vartime(&scalars, &points) + hiding).is_identity().into()
    }

    /// Σ a·(±(D + ρ·E) + f·Y − z·B) = 0, the sum over the Y as one over the key's commitments.
    pub(super) fn hold_together(&self, claims: &[Claim<'a, C>], weights: &[C::Scalar]) -> bool {
        if claims.iter().any(|claim| !claim.is_prime_order) {
            return false;
        }
        let commitments = self.key_commitments;
        let mut on_commitments = vec![C::Scalar::ZERO; commitments.len()];
        let mut on_generator = C::Scalar::ZERO;
        let mut scalars = Vec::with_capacity(claims.len() * 2 + commitments.len() + 1);
        let mut points = Vec::with_capacity(scalars.capacity());
        for (claim, weight) in claims.iter().zip(weights) {
            let signed = if self.nonces_negated { -*weight } else { *weight };
            scalars.extend([signed, signed * claim.rho]);
            points.extend([claim.commitments.hiding, claim.commitments.binding]);
            on_generator -= *weight * claim.z;
            let term = *weight * claim.factor;
            let powers = polynomial::powers::<C::Scalar>(claim.signer, commitments.len());
            on_commitments.iter_mut().zip(powers).for_each(|(sum, power)| *sum += term * power);
        }
        scalars.extend(on_commitments);
        points.extend_from_slice(commitments);
        scalars.push(on_generator);
        points.push(C::Point::generator());
        C::multiscalar_mul_vartime(&scalars, &points).is_identity().into()
    }
}
