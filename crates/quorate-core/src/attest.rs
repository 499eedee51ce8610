//! Proof that a participant still holds its share: without a quorum, and without signing anything.
//!
//! ```text
//! verifier                     participant j
//! fresh 32-byte challenge ──▶  Schnorr signature by the share, bound to key, epoch, verifier and challenge
//!                         ◀──  attestation
//! ```
//!
//! The challenge hash has a label of its own, so an attestation can never be a signature on a transaction, and it names its
//! verifier, so it cannot be passed on to another one.

use rand_core::TryCryptoRng;
use zeroize::Zeroizing;

use crate::{
    curve::Curve,
    domain,
    error::{DecodeError, Error, Fault, FaultKind},
    identifier::{Identifier, PeerId},
    keys::{KeyShare, PendingShare, PublicKeyPackage, RecordKind, VerifyingShare, read_header, write_header},
    randomness::Hedged,
    schnorr::Proof,
    secret::Secret,
    transcript::HashToScalar,
    wire::{Encoding, Reader, Writer},
};

/// A participant's statement that it holds its share of a key, made for one verifier and one challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attestation<C: Curve> {
    proof: Proof<C>,
}

/// Evidence that a participant held its share when the challenge was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attested {
    /// Who.
    pub identifier: Identifier,
}

/// `Hq("attest"; R, Y_j, j, P, epoch, verifier, challenge)`.
fn challenge_hash<C: Curve>(
    r: &C::PointBytes,
    share: &VerifyingShare<C>,
    identifier: Identifier,
    package: &PublicKeyPackage<C>,
    (verifier, challenge): (PeerId, &[u8; 32]),
) -> C::Scalar {
    HashToScalar::new(domain::ATTEST)
        .field(r.as_ref())
        .field(share.to_bytes().as_ref())
        .identifier(identifier)
        .field(package.digest())
        .number(package.epoch())
        .field(verifier.as_bytes())
        .field(challenge)
        .finish_scalar::<C>()
}

/// Answers a verifier's challenge.
///
/// # Errors
///
/// [`Error::Randomness`].
pub fn attest<C: Curve>(
    share: &KeyShare<C>,
    verifier: PeerId,
    challenge: &[u8; 32],
    rng: &mut impl TryCryptoRng,
) -> Result<Attestation<C>, Error> {
    prove(share.signing_share(), share.identifier(), share.package(), (verifier, challenge), rng)
}

/// As [`attest`], with a share that not everyone confirmed yet. It proves possession of the share, and nothing of the others'.
///
/// # Errors
///
/// [`Error::Randomness`].
pub fn attest_pending<C: Curve>(
    share: &PendingShare<C>,
    verifier: PeerId,
    challenge: &[u8; 32],
    rng: &mut impl TryCryptoRng,
) -> Result<Attestation<C>, Error> {
    prove(share.signing_share(), share.identifier(), share.package(), (verifier, challenge), rng)
}

fn prove<C: Curve>(
    secret: &Secret<C::Scalar>,
    identifier: Identifier,
    package: &PublicKeyPackage<C>,
    (verifier, challenge): (PeerId, &[u8; 32]),
    rng: &mut impl TryCryptoRng,
) -> Result<Attestation<C>, Error> {
    let encoded = Zeroizing::new(C::encode_scalar(secret.expose()));
    let context: [&[u8]; 3] = [package.digest(), verifier.as_bytes(), challenge];
    let mut hedged = Hedged::draw(rng, b"attest", Some(encoded.as_slice()), &context)?;
    let public = VerifyingShare(C::mul_generator(secret.expose()));
    let proof =
        Proof::new(secret.expose(), &mut hedged, |r| challenge_hash(r, &public, identifier, package, (verifier, challenge)));
    Ok(Attestation { proof })
}

impl<C: Curve> Attestation<C> {
    /// Checks the answer of participant `identifier` to the challenge that `verifier`, which is the caller, made.
    ///
    /// # Errors
    ///
    /// [`FaultKind::WrongAttestation`] that names the participant; [`Error::Input`] if the key has no such participant.
    pub fn verify(
        &self,
        package: &PublicKeyPackage<C>,
        identifier: Identifier,
        verifier: PeerId,
        challenge: &[u8; 32],
    ) -> Result<Attested, Error> {
        let share = package.verifying_share(identifier)?;
        let r = C::encode_point(&self.proof.commitment);
        let expected = challenge_hash(&r, &share, identifier, package, (verifier, challenge));
        if self.proof.verify_vartime(&share.0, &expected) {
            Ok(Attested { identifier })
        } else {
            Err(Fault::by(FaultKind::WrongAttestation, identifier).into())
        }
    }
}

impl<C: Curve> Encoding for Attestation<C> {
    fn write(&self, out: &mut Writer) {
        write_header(out, RecordKind::Attestation, C::SUITE);
        self.proof.write(out);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        read_header(input, RecordKind::Attestation, C::SUITE)?;
        Proof::read(input).map(|proof| Self { proof })
    }
}
