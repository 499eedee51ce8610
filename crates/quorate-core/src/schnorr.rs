//! Schnorr proofs that are internal to this library, and their batch verification.
//!
//! Their challenges are labelled hashes that no signature suite uses, so a proof can never be a signature on a transaction.

use alloc::vec::Vec;

use ff::{Field, PrimeField};
use group::Group;
use sha2::{Digest, Sha512};

use crate::{
    curve::Curve,
    domain,
    error::DecodeError,
    randomness::Hedged,
    transcript::HashToScalar,
    wire::{Encoding, Reader, Writer},
};

/// A proof (R, z) with z·B = R + c·X. The challenge c is its user's business.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Proof<C: Curve> {
    pub(crate) commitment: C::Point,
    pub(crate) response: C::Scalar,
}

impl<C: Curve> Proof<C> {
    /// Proves knowledge of `secret`. `challenge` sees the encoded R.
    pub(crate) fn new(secret: &C::Scalar, hedged: &mut Hedged, challenge: impl FnOnce(&C::PointBytes) -> C::Scalar) -> Self {
        let mut nonce = hedged.scalar::<C>();
        let commitment = C::mul_generator(&nonce);
        let response = nonce + challenge(&C::encode_point(&commitment)) * secret;
        zeroize::Zeroize::zeroize(&mut nonce);
        Self { commitment, response }
    }

    /// Checks one proof for the statement `public`.
    pub(crate) fn verify_vartime(&self, public: &C::Point, challenge: &C::Scalar) -> bool {
        let scalars = [-self.response, C::Scalar::ONE, *challenge];
        let points = [C::Point::generator(), self.commitment, *public];
        C::multiscalar_mul_vartime(&scalars, &points).is_identity().into()
    }
}

impl<C: Curve> Encoding for Proof<C> {
    fn write(&self, out: &mut Writer) {
        out.raw(C::encode_point(&self.commitment).as_ref());
        out.raw(&C::encode_scalar(&self.response));
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let commitment = C::decode_point(input.raw(C::POINT_BYTES)?)?;
        let response = C::decode_scalar(&input.array()?)?;
        Ok(Self { commitment, response })
    }
}

/// Coefficients for a batch verification: hashes of everything that is verified, so that nobody chose its proof after them.
///
/// 128 bits each, and 1 mod 8: a component of small order keeps its weight, so that no choice of proof makes it vanish alone. The first
/// is 1.
pub(crate) fn batch_coefficients<C: Curve>(fields: impl Iterator<Item = impl AsRef<[u8]>>, count: usize) -> Vec<C::Scalar> {
    let mut seed = HashToScalar::new(domain::BATCH);
    fields.for_each(|field| seed.append(field.as_ref()));
    let seed = seed.finish_wide();
    let mut coefficients = Vec::with_capacity(count);
    coefficients.push(C::Scalar::ONE);
    let mut block: u64 = 0;
    while coefficients.len() < count {
        let bytes: [u8; 64] = Sha512::new().chain_update(seed).chain_update(block.to_be_bytes()).finalize().into();
        block = block.wrapping_add(1);
        for chunk in bytes.as_chunks::<16>().0 {
            coefficients.push(C::Scalar::from_u128(u128::from_be_bytes(*chunk) & !7 | 1));
        }
    }
    coefficients.truncate(count);
    coefficients
}
