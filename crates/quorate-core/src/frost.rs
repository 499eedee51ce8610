//! FROST: two rounds, any `min_signers` participants, one ordinary Schnorr signature.
//!
//! RFC 9591 for [`Ed25519`] and, behind features, `Ristretto255`, `Secp256k1` and `P256`; BIP-445 (draft) for [`Bip340`]. There are
//! two ways to run it, over the same code:
//!
//! - every signer sends to every signer: [`Signing`], a machine of two rounds;
//! - a coordinator that holds no share and is not trusted collects what [`commit`] and [`sign`] give, and calls [`aggregate`].
//!
//! ```text
//! signer i                                   everyone, or the coordinator
//! 1 commit   Dᵢ, Eᵢ                   ──▶    lists them: the signing package
//! 2 sign     zᵢ = dᵢ + ρᵢ·eᵢ + λᵢ·c·sᵢ ──▶   z = Σ zᵢ, verified once; only if that fails, share by share
//! ```
//!
//! The binding factors ρ commit to the key, the message and all commitments, so that a signer cannot be led to sign one message with
//! commitments collected for another (Drijvers and others, 2018). Child keys and Taproot outputs enter as additive tweaks that each
//! signer derives for itself.

use alloc::{sync::Arc, vec::Vec};
use core::fmt;

use rand_core::TryCryptoRng;
use zeroize::Zeroizing;

use crate::{
    curve::Curve,
    error::{DecodeError, Error, InputError},
    keys::{KeyShare, PublicKeyPackage, RecordKind, read_header, write_header},
    randomness::Hedged,
    secret::Secret,
    wire::{Encoding, Reader, Writer},
};

mod aggregate;
mod bip445;
#[cfg(test)]
mod misbehave_tests;
mod package;
mod rfc9591;
mod rounds;
mod sign;
mod signature;
mod target;

#[cfg(feature = "p256")]
pub use crate::curve::P256;
#[cfg(feature = "ristretto255")]
pub use crate::curve::Ristretto255;
#[cfg(feature = "secp256k1")]
pub use crate::curve::Secp256k1;
pub use crate::curve::{Bip340, Ed25519};
pub use aggregate::aggregate;
pub use package::SigningPackage;
pub use rounds::{Signing, SigningRounds};
pub use sign::{SignatureShare, sign};
pub use signature::Signature;
pub use target::{Taproot, Target, TweakedKey};

/// The longest message that a signing package carries, in bytes.
pub const MAX_MESSAGE: usize = 1 << 20;

/// What a suite adds to its curve so that FROST can sign with it.
pub trait FrostSuite: Curve {
    /// The hiding and the binding nonce from 32 random bytes each and the signing share.
    #[doc(hidden)]
    fn nonces(random: &[Zeroizing<[u8; 32]>; 2], share: &Self::Scalar) -> [Self::Scalar; 2];

    /// The binding factors and the group commitment R.
    #[doc(hidden)]
    fn bind(key: &Self::Point, package: &SigningPackage<Self>) -> Binding<Self>;

    /// The challenge of the suite's signatures.
    #[doc(hidden)]
    fn challenge(group_commitment: &Self::Point, key: &Self::Point, message: &[u8]) -> Self::Scalar;

    /// Whether signatures take −P where a point P appears: BIP-340 points with odd y.
    #[doc(hidden)]
    fn is_negated(point: &Self::Point) -> bool;

    /// The key that a target names, from the group's key.
    ///
    /// # Errors
    ///
    /// [`InputError::UnsupportedTweak`] if the suite cannot derive it.
    fn resolve(package: &PublicKeyPackage<Self>, target: &Target) -> Result<TweakedKey<Self>, InputError>;

    /// Length of an encoded group commitment in a signature.
    #[doc(hidden)]
    const COMMITMENT_BYTES: usize;

    /// Appends the group commitment as signatures encode it.
    #[doc(hidden)]
    fn write_commitment(point: &Self::Point, out: &mut Vec<u8>);

    /// Reads the group commitment of a signature.
    #[doc(hidden)]
    fn read_commitment(bytes: &[u8]) -> Result<Self::Point, DecodeError>;
}

/// ρ and R.
#[doc(hidden)]
pub struct Binding<C: Curve> {
    /// One factor for each signer in the package's order, or one for all (BIP-445).
    pub(crate) factors: Factors<C>,
    /// The group commitment, before any negation.
    pub(crate) group_commitment: C::Point,
}

impl<C: Curve> fmt::Debug for Binding<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Binding")
    }
}

pub(crate) enum Factors<C: Curve> {
    Each(Vec<C::Scalar>),
    One(C::Scalar),
}

impl<C: Curve> Factors<C> {
    pub(crate) fn at(&self, position: usize) -> Option<C::Scalar> {
        match self {
            Self::Each(factors) => factors.get(position).copied(),
            Self::One(factor) => Some(*factor),
        }
    }
}

/// A pair of one-time secrets. [`sign`] takes it away, whether it succeeds or fails.
///
/// # Security
///
/// A signature share is one linear equation in the two nonces and the signing share. A pair that is used three times gives the
/// signing share away, so this type has no `Clone`, no serialisation and no accessor: it cannot be stored, and a process that
/// restarts commits afresh. Hosts with live memory snapshots must not hold commitments made ahead.
pub struct SigningNonces<C: Curve> {
    pub(crate) hiding: Secret<C::Scalar>,
    pub(crate) binding: Secret<C::Scalar>,
    pub(crate) commitments: SigningCommitments<C>,
}

impl<C: Curve> SigningNonces<C> {
    /// The public commitments to these nonces.
    #[must_use]
    pub const fn commitments(&self) -> &SigningCommitments<C> {
        &self.commitments
    }
}

impl<C: Curve> fmt::Debug for SigningNonces<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningNonces(redacted)")
    }
}

/// Commitments to a pair of nonces; what a signer sends in the first round.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SigningCommitments<C: Curve> {
    pub(crate) hiding: C::Point,
    pub(crate) binding: C::Point,
    pub(crate) hiding_bytes: C::PointBytes,
    pub(crate) binding_bytes: C::PointBytes,
}

impl<C: Curve> fmt::Debug for SigningCommitments<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SigningCommitments").field(&self.hiding_bytes).field(&self.binding_bytes).finish()
    }
}

impl<C: Curve> SigningCommitments<C> {
    /// The two points as the suite encodes them: hiding, binding.
    #[must_use]
    pub const fn to_points_bytes(&self) -> (C::PointBytes, C::PointBytes) {
        (self.hiding_bytes, self.binding_bytes)
    }

    /// Commitments from two encoded points: for signers of another implementation.
    ///
    /// # Errors
    ///
    /// [`DecodeError::InvalidPoint`] if one is not canonical, or the identity.
    pub fn from_points_bytes(hiding: &[u8], binding: &[u8]) -> Result<Self, DecodeError> {
        let (hiding, binding) = (C::decode_point(hiding)?, C::decode_point(binding)?);
        // Decoding is strict, so encoding again gives the bytes that came in.
        Ok(Self { hiding, binding, hiding_bytes: C::encode_point(&hiding), binding_bytes: C::encode_point(&binding) })
    }

    /// Whether they share a point. Honest commitments of two signers never do.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        [self.hiding_bytes, self.binding_bytes].iter().any(|point| [other.hiding_bytes, other.binding_bytes].contains(point))
    }

    pub(crate) fn read_body(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Self::from_points_bytes(input.raw(C::POINT_BYTES)?, input.raw(C::POINT_BYTES)?)
    }

    pub(crate) fn write_body(&self, out: &mut Writer) {
        out.raw(self.hiding_bytes.as_ref());
        out.raw(self.binding_bytes.as_ref());
    }
}

impl<C: Curve> Encoding for SigningCommitments<C> {
    fn write(&self, out: &mut Writer) {
        write_header(out, RecordKind::SigningCommitments, C::SUITE);
        self.write_body(out);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        read_header(input, RecordKind::SigningCommitments, C::SUITE)?;
        Self::read_body(input)
    }
}

/// Makes a pair of nonces and the commitments to send.
///
/// # Errors
///
/// [`Error::Randomness`] if the generator fails; nothing was made then.
///
/// Spec: RFC 9591, [section 5.1](https://www.rfc-editor.org/rfc/rfc9591.html#section-5.1); BIP-445, `NonceGen`.
pub fn commit<C: FrostSuite>(share: &KeyShare<C>, rng: &mut impl TryCryptoRng) -> Result<SigningNonces<C>, Error> {
    commit_for(share, &[], rng)
}

/// As [`commit`], hedged also with what the nonces are for, where that is known: a process that restarts with a generator that is
/// stuck counts from zero again, and must not come to the same nonces for another request.
pub(crate) fn commit_for<C: FrostSuite>(
    share: &KeyShare<C>,
    purpose: &[&[u8]],
    rng: &mut impl TryCryptoRng,
) -> Result<SigningNonces<C>, Error> {
    commit_many(share, 1, purpose, rng)?.pop().ok_or(Error::Bug("one pair was asked for"))
}

/// Makes many pairs of nonces ahead of time, with one field inversion for all their encodings.
///
/// # Errors
///
/// As [`commit`].
pub fn commit_ahead<C: FrostSuite>(
    share: &KeyShare<C>,
    count: usize,
    rng: &mut impl TryCryptoRng,
) -> Result<Vec<SigningNonces<C>>, Error> {
    commit_many(share, count, &[], rng)
}

fn commit_many<C: FrostSuite>(
    share: &KeyShare<C>,
    count: usize,
    purpose: &[&[u8]],
    rng: &mut impl TryCryptoRng,
) -> Result<Vec<SigningNonces<C>>, Error> {
    let share = share.signing_share();
    let encoded = Zeroizing::new(C::encode_scalar(share.expose()));
    let mut hedged = Hedged::draw(rng, b"frost/commit", Some(encoded.as_slice()), purpose)?;
    let random = (0..count).map(|_| [Zeroizing::new(hedged.bytes()), Zeroizing::new(hedged.bytes())]);
    Ok(commit_with(share, random))
}

pub(crate) fn commit_with<C: FrostSuite>(
    share: &Secret<C::Scalar>,
    random: impl Iterator<Item = [Zeroizing<[u8; 32]>; 2]>,
) -> Vec<SigningNonces<C>> {
    let mut secrets = Vec::new();
    let mut points = Vec::new();
    for random in random {
        let [hiding, binding] = C::nonces(&random, share.expose()).map(Secret::new);
        points.extend([C::mul_generator(hiding.expose()), C::mul_generator(binding.expose())]);
        secrets.push((hiding, binding));
    }
    let encoded = C::encode_points(&points);
    let pairs = points.as_chunks::<2>().0.iter().zip(encoded.as_chunks::<2>().0);
    secrets
        .into_iter()
        .zip(pairs)
        .map(|((hiding, binding), (points, bytes))| SigningNonces {
            hiding,
            binding,
            commitments: SigningCommitments {
                hiding: points[0],
                binding: points[1],
                hiding_bytes: bytes[0],
                binding_bytes: bytes[1],
            },
        })
        .collect()
}

/// A key share as the signing machine holds it.
pub(crate) type SharedKeyShare<C> = Arc<KeyShare<C>>;
