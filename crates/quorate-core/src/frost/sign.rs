//! The second round: nonces and share in, signature share out.

use zeroize::Zeroize;

use super::{FrostSuite, SigningNonces, SigningPackage, package::SigningValues};
use crate::{
    curve::Curve,
    error::{DecodeError, Error, InputError},
    identifier::Identifier,
    keys::{KeyShare, RecordKind, read_header, write_header},
    polynomial,
    wire::{Encoding, Reader, Writer},
};

/// One signer's part of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignatureShare<C: Curve> {
    pub(crate) z: C::Scalar,
}

impl<C: Curve> SignatureShare<C> {
    /// The scalar as the suite encodes it: what other implementations exchange.
    #[must_use]
    pub fn to_scalar_bytes(&self) -> [u8; 32] {
        C::encode_scalar(&self.z)
    }

    /// A share from an encoded scalar.
    ///
    /// # Errors
    ///
    /// [`DecodeError::InvalidScalar`].
    pub fn from_scalar_bytes(bytes: &[u8; 32]) -> Result<Self, DecodeError> {
        C::decode_scalar(bytes).map(|z| Self { z })
    }
}

impl<C: Curve> Encoding for SignatureShare<C> {
    fn write(&self, out: &mut Writer) {
        write_header(out, RecordKind::SignatureShare, C::SUITE);
        out.raw(&self.to_scalar_bytes());
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        read_header(input, RecordKind::SignatureShare, C::SUITE)?;
        Self::from_scalar_bytes(&input.array()?)
    }
}

/// Spends one pair of nonces to make this participant's signature share.
///
/// The nonces move in and are wiped on the way out, whether the call succeeds or fails: a failed call costs a fresh
/// [`commit`](super::commit) instead of a retry.
///
/// # Errors
///
/// [`InputError::NotInSigningSet`] if the package does not list this participant, [`InputError::ForeignCommitments`] if it lists
/// other commitments under its identifier, or ours under someone else's too, [`InputError::TooFewSigners`], [`InputError::UnknownParticipant`], and what resolving the
/// target says.
///
/// Spec: RFC 9591, [section 5.2](https://www.rfc-editor.org/rfc/rfc9591.html#section-5.2); BIP-445, `Sign`.
#[expect(clippy::needless_pass_by_value, reason = "the nonces are spent")]
pub fn sign<C: FrostSuite>(
    package: &SigningPackage<C>,
    nonces: SigningNonces<C>,
    share: &KeyShare<C>,
) -> Result<SignatureShare<C>, Error> {
    match package.commitments(share.identifier()) {
        None => return Err(InputError::NotInSigningSet.into()),
        Some(listed) if listed != nonces.commitments() => return Err(InputError::ForeignCommitments.into()),
        Some(_) => {}
    }
    let mut others = package.entries().filter(|(signer, _)| *signer != share.identifier());
    if others.any(|(_, commitments)| commitments.overlaps(nonces.commitments())) {
        return Err(InputError::ForeignCommitments.into());
    }
    let values = SigningValues::new(share.package(), package)?;
    share_of(package, &nonces, share.identifier(), share.signing_share().expose(), &values)
}

/// zᵢ = ±(dᵢ + ρᵢ·eᵢ) ± λᵢ·c·sᵢ.
pub(crate) fn share_of<C: FrostSuite>(
    package: &SigningPackage<C>,
    nonces: &SigningNonces<C>,
    me: Identifier,
    signing_share: &C::Scalar,
    values: &SigningValues<C>,
) -> Result<SignatureShare<C>, Error> {
    let position = package.signers().position(me).ok_or(InputError::NotInSigningSet)?;
    let rho = values.binding.factors.at(position).ok_or(Error::Bug("a signer without a binding factor"))?;
    let lambda = polynomial::lagrange_coefficient::<C>(package.signers(), me)?;
    let mut nonce = *nonces.hiding.expose() + rho * nonces.binding.expose();
    // The sign of R is public.
    let z = if values.nonces_negated { -nonce } else { nonce } + values.share_factor(&lambda) * signing_share;
    nonce.zeroize();
    Ok(SignatureShare { z })
}
