//! Finished signatures, and their verification.

use alloc::vec::Vec;
use core::fmt;

use group::Group;

use super::FrostSuite;
use crate::{
    curve::Curve,
    error::{DecodeError, InputError},
    keys::VerifyingKey,
};

/// A Schnorr signature (R, z) as the suite's standard encodes it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature<C: Curve> {
    /// R as the signature's bytes decode to it: for BIP-340 the point with the even y.
    pub(crate) group_commitment: C::Point,
    pub(crate) z: C::Scalar,
}

impl<C: FrostSuite> Signature<C> {
    /// The signature's bytes: 64 for Ed25519, BIP-340 and ristretto255, 65 for the RFC 9591 suites on secp256k1 and P-256.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(C::COMMITMENT_BYTES + 32);
        C::write_commitment(&self.group_commitment, &mut bytes);
        bytes.extend_from_slice(&C::encode_scalar(&self.z));
        bytes
    }

    /// Decodes a signature; every non-canonical form is refused.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] if the bytes are not a canonical point and scalar.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (commitment, z) = bytes.split_at_checked(C::COMMITMENT_BYTES).ok_or(DecodeError::Truncated)?;
        let z = <&[u8; 32]>::try_from(z)
            .map_err(|_| if z.len() < 32 { DecodeError::Truncated } else { DecodeError::TrailingBytes })?;
        Ok(Self { group_commitment: C::read_commitment(commitment)?, z: C::decode_scalar(z)? })
    }
}

impl<C: FrostSuite> fmt::Debug for Signature<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signature(")?;
        self.to_bytes().iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(")")
    }
}

impl<C: FrostSuite> VerifyingKey<C> {
    /// Checks a signature: z·B = R + c·Y in the whole group, without a cofactor. For [`Bip340`](super::Bip340) the key counts as
    /// x-only.
    ///
    /// # Errors
    ///
    /// [`InputError::InvalidSignature`].
    pub fn verify(&self, message: &[u8], signature: &Signature<C>) -> Result<(), InputError> {
        let challenge = C::challenge(&signature.group_commitment, &self.0, message);
        if fits(&self.0, &challenge, signature) { Ok(()) } else { Err(InputError::InvalidSignature) }
    }
}

/// R + c·(±Q) − z·B = 0.
pub(crate) fn fits<C: FrostSuite>(key: &C::Point, challenge: &C::Scalar, signature: &Signature<C>) -> bool {
    let challenge = if C::is_negated(key) { -*challenge } else { *challenge };
    let scalars = [challenge, -signature.z];
    let difference = C::multiscalar_mul_vartime(&scalars, &[*key, C::Point::generator()]) + signature.group_commitment;
    difference.is_identity().into()
}
