//! A whole key into shares, and shares into a whole key.

use alloc::{collections::BTreeMap, vec::Vec};

use ff::Field;
use rand_core::TryCryptoRng;
use zeroize::Zeroizing;

use crate::{
    curve::Curve,
    derive::ChainCode,
    error::{Error, InputError},
    identifier::ParticipantSet,
    keys::{Certificate, KeyId, KeyShare, PublicKeyPackage, confirm},
    placement::Placement,
    polynomial,
    randomness::Hedged,
    secret::Secret,
};

/// Splits a whole secret scalar into one share a participant.
///
/// # Security
///
/// Whoever calls this holds the whole key. It is meant for tests, and for keys that are whole already; a key that should never be
/// whole comes from [`keygen`](crate::keygen). The certificate of such a key says that the shares work, and nothing about who made
/// them.
///
/// `secret` is the scalar in the suite's standard encoding; for Ed25519 that is the scalar itself, not the seed of RFC 8032.
///
/// # Errors
///
/// [`Error::Decode`] if the scalar is not canonical, [`InputError::InvalidSecret`] if it is zero, [`Error::Randomness`].
pub fn split<C: Curve>(
    secret: &Zeroizing<[u8; 32]>,
    chain_code: ChainCode,
    placement: &Placement,
    rng: &mut impl TryCryptoRng,
) -> Result<Vec<KeyShare<C>>, Error> {
    let constant = Secret::new(C::decode_scalar(secret)?);
    if constant.expose().is_zero().into() {
        return Err(InputError::InvalidSecret.into());
    }
    let mut hedged = Hedged::draw(rng, b"danger/split", Some(secret.as_slice()), &[&placement.digest()])?;
    let count = placement.threshold().min_signers();
    let mut coefficients = Vec::with_capacity(usize::from(count));
    coefficients.push(*constant.expose());
    coefficients.extend((1..count).map(|_| hedged.scalar::<C>()));
    deal(&Secret::new(coefficients), KeyId::new(hedged.bytes()), chain_code, placement, &mut hedged)
}

/// The shares of a known polynomial, with a certificate made by all of them.
pub(crate) fn deal<C: Curve>(
    coefficients: &Secret<Vec<C::Scalar>>,
    key_id: KeyId,
    chain_code: ChainCode,
    placement: &Placement,
    hedged: &mut Hedged,
) -> Result<Vec<KeyShare<C>>, Error> {
    let commitments = coefficients.expose().iter().map(C::mul_generator).collect();
    let package = PublicKeyPackage::<C>::new(key_id, 0, placement.clone(), commitments, chain_code)?;
    let transcript = hedged.bytes();
    let mut shares = Vec::with_capacity(placement.participants().len());
    let mut confirmations = BTreeMap::new();
    for identifier in placement.participants().iter() {
        let share = Secret::new(polynomial::evaluate(coefficients.expose(), identifier));
        confirmations.insert(identifier, confirm(&package, &transcript, identifier, &share, hedged));
        shares.push((identifier, share));
    }
    let certificate = Certificate::new(transcript, confirmations);
    shares.into_iter().map(|(identifier, share)| KeyShare::new(identifier, share, package.clone(), certificate.clone())).collect()
}

/// Puts a whole key together from `min_signers` shares. This is the export of a key, and what a thief with enough shares does.
///
/// # Security
///
/// The result is the whole key, in one memory. After this call the key is only as safe as that memory.
///
/// # Errors
///
/// [`InputError::TooFewSigners`], [`InputError::DuplicateIdentifier`], [`InputError::OtherKey`] if the shares are not all of one key
/// and epoch, and [`InputError::InvalidSecret`] if they do not give the key (which checked shares always do).
pub fn combine<C: Curve>(shares: &[&KeyShare<C>]) -> Result<Zeroizing<[u8; 32]>, Error> {
    let [first, rest @ ..] = shares else {
        return Err(InputError::SetSize.into());
    };
    if rest.iter().any(|share| share.package().digest() != first.package().digest()) {
        return Err(InputError::OtherKey("share").into());
    }
    let set = ParticipantSet::new(shares.iter().map(|share| share.identifier()))?;
    let needed = first.package().threshold().min_signers();
    if set.len() < usize::from(needed) {
        return Err(InputError::TooFewSigners { given: set.len(), needed }.into());
    }
    let mut secret = Secret::new(C::Scalar::ZERO);
    for share in shares {
        let lambda = polynomial::lagrange_coefficient::<C>(&set, share.identifier())?;
        *secret.expose_mut() += lambda * share.signing_share().expose();
    }
    if C::mul_generator(secret.expose()) != first.package().verifying_key().to_point() {
        return Err(InputError::InvalidSecret.into());
    }
    Ok(Zeroizing::new(C::encode_scalar(secret.expose())))
}
