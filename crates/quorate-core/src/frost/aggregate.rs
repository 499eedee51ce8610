//! Shares in, one verified signature out; on failure, the names of those whose shares are wrong.

use alloc::{collections::BTreeMap, vec::Vec};

use ff::Field;
use group::Group;

use super::{Factors, FrostSuite, Signature, SignatureShare, SigningPackage, package::SigningValues, signature};
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
}

/// Looks for wrong shares: for a single one first, then by halving, with one random linear combination a half.
pub(super) struct Search<'a, C: FrostSuite> {
    pub(super) claims: Vec<Claim<'a, C>>,
    pub(super) weights: Vec<C::Scalar>,
    nonces_negated: bool,
    key_commitments: &'a [C::Point],
    group_commitment: C::Point,
    /// ρ, where all signers have the same (BIP-445).
    common_factor: Option<C::Scalar>,
    /// ±c.
    challenge: C::Scalar,
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
            claims.push(Claim { signer, z: share.z, rho, factor: values.share_factor(&lambda), commitments });
        }
        let challenge = C::encode_scalar(&values.challenge);
        let encoded: Vec<_> = claims.iter().map(|claim| C::encode_scalar(&claim.z)).collect();
        let fields = core::iter::once(challenge.as_slice()).chain(encoded.iter().map(<[u8; 32]>::as_slice));
        let weights = batch_coefficients::<C>(fields, claims.len());
        Ok(Self {
            claims,
            weights,
            nonces_negated: values.nonces_negated,
            key_commitments,
            group_commitment: values.binding.group_commitment,
            common_factor: match &values.binding.factors {
                Factors::Each(_) => None,
                Factors::One(factor) => Some(*factor),
            },
            challenge: values.share_factor(&C::Scalar::ONE),
        })
    }

    pub(super) fn culprits(&self) -> Vec<Identifier> {
        // Below that, checking each alone costs less.
        if self.claims.len() <= 3 {
            return self.wrong_alone();
        }
        let (sum, weighted) = self.defects();
        let mut found = Vec::new();
        let explained = match self.only_culprit(&sum, &weighted) {
            Some((culprit, defect)) => {
                found.push(culprit);
                defect
            }
            None => {
                self.halve(&self.claims, &self.weights, &mut found);
                let named = self.claims.iter().filter(|claim| found.contains(&claim.signer));
                named.map(|claim| self.defect(claim)).sum()
            }
        };
        // On Ed25519 a part of small order in a signer's commitments can vanish under a weight, and hide its claim. Sums without weights
        // are exact: unless those who were found explain the whole failure, everyone is checked alone.
        if sum == explained { found } else { self.wrong_alone() }
    }

    fn wrong_alone(&self) -> Vec<Identifier> {
        self.claims.iter().filter(|claim| !self.holds_alone(claim)).map(|claim| claim.signer).collect()
    }

    /// The culprit, if it is the only one, and what is wrong with its claim.
    ///
    /// With δᵢ for what is wrong with i's claim, zero where nothing is: if k is alone, Σ i·δᵢ = k·Σ δᵢ, and that gives k away. Then
    /// everyone else's claims are checked together and k's alone, so that nobody is named for where the sums happen to point.
    fn only_culprit(&self, sum: &C::Point, weighted: &C::Point) -> Option<(Identifier, C::Point)> {
        let (mut multiple, mut reached) = (C::Point::identity(), 0);
        let position = self.claims.iter().position(|claim| {
            let number = claim.signer.to_u16();
            multiple += polynomial::mul_small_vartime(sum, number.saturating_sub(reached));
            reached = number;
            multiple == *weighted
        })?;
        let suspect = self.claims.get(position)?;
        let mut others = self.weights.clone();
        *others.get_mut(position)? = C::Scalar::ZERO;
        let defect = self.defect(suspect);
        let alone = !bool::from(defect.is_identity()) && self.hold_together(&self.claims, &others);
        alone.then_some((suspect.signer, defect))
    }

    /// Σ δᵢ and Σ i·δᵢ, with δᵢ = Dᵢ + ρᵢ·Eᵢ ± (fᵢ·Yᵢ − zᵢ·B).
    ///
    /// Σ fᵢ·Yᵢ = ±c·Y. And Σ λᵢ·i·Yᵢ interpolates x·F(x) at zero, which has degree t: zero from more than t points, and from t
    /// points all that is there is what the leading coefficient misses, −A_{t−1}·Π(0 − i).
    fn defects(&self) -> (C::Point, C::Point) {
        let commitments = self.key_commitments;
        let (mut z, mut weighted_z) = (C::Scalar::ZERO, C::Scalar::ZERO);
        let numbers: Vec<_> = self.claims.iter().map(|claim| C::Scalar::from(u64::from(claim.signer.to_u16()))).collect();
        for (claim, number) in self.claims.iter().zip(&numbers) {
            z += claim.z;
            weighted_z += *number * claim.z;
        }
        let (mut scalars, mut points) = self.weighted_nonces(&self.claims, &numbers);
        if let Some(leading) = commitments.last().filter(|_| self.claims.len() == commitments.len()) {
            let signers = self.claims.iter().map(|claim| claim.signer);
            scalars.push(self.negate(-self.challenge * polynomial::product_of_negated::<C>(signers)));
            points.push(*leading);
        }
        scalars.push(self.negate(-weighted_z));
        points.push(C::Point::generator());
        let group_key = commitments.first().copied().unwrap_or_else(C::Point::identity);
        let on_key = [-z, self.challenge].map(|scalar| self.negate(scalar));
        let sum = C::multiscalar_mul_vartime(&on_key, &[C::Point::generator(), group_key]);
        (sum + self.group_commitment, C::multiscalar_mul_vartime(&scalars, &points))
    }

    /// Every equation is taken with the sign that lets the nonces enter as they are: their weights are short and should stay so.
    fn negate(&self, scalar: C::Scalar) -> C::Scalar {
        if self.nonces_negated { -scalar } else { scalar }
    }

    /// The scalars and points of Σ a·(D + ρ·E). With one ρ for all it is Σ a·D + ρ·Σ a·E, and short weights stay short.
    fn weighted_nonces(&self, claims: &[Claim<'a, C>], weights: &[C::Scalar]) -> (Vec<C::Scalar>, Vec<C::Point>) {
        let hidings: Vec<_> = claims.iter().map(|claim| claim.commitments.hiding).collect();
        let bindings: Vec<_> = claims.iter().map(|claim| claim.commitments.binding).collect();
        if let Some(factor) = self.common_factor {
            let sums = [hidings, bindings].map(|points| C::multiscalar_mul_vartime(weights, &points));
            return ([C::Scalar::ONE, factor].to_vec(), sums.to_vec());
        }
        let on_bindings = claims.iter().zip(weights).map(|(claim, weight)| *weight * claim.rho);
        (weights.iter().copied().chain(on_bindings).collect(), [hidings, bindings].concat())
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
        self.defect(claim).is_identity().into()
    }

    /// δ = D + ρ·E ± (f·Y − z·B).
    fn defect(&self, claim: &Claim<'a, C>) -> C::Point {
        let public = polynomial::evaluate_commitments_vartime(self.key_commitments, claim.signer);
        let scalars = [claim.rho, self.negate(claim.factor), self.negate(-claim.z)];
        let points = [claim.commitments.binding, public, C::Point::generator()];
        C::multiscalar_mul_vartime(&scalars, &points) + claim.commitments.hiding
    }

    /// Σ a·(D + ρ·E ± (f·Y − z·B)) = 0, the sum over the Y as one over the key's commitments.
    pub(super) fn hold_together(&self, claims: &[Claim<'a, C>], weights: &[C::Scalar]) -> bool {
        let commitments = self.key_commitments;
        let mut on_shares = Vec::with_capacity(claims.len());
        let mut on_generator = C::Scalar::ZERO;
        let (mut scalars, mut points) = self.weighted_nonces(claims, weights);
        for (claim, weight) in claims.iter().zip(weights) {
            on_generator -= self.negate(*weight * claim.z);
            on_shares.push((claim.signer, self.negate(*weight * claim.factor)));
        }
        scalars.extend(polynomial::power_sums::<C>(&on_shares, commitments.len()));
        points.extend_from_slice(commitments);
        scalars.push(on_generator);
        points.push(C::Point::generator());
        C::multiscalar_mul_vartime(&scalars, &points).is_identity().into()
    }
}
