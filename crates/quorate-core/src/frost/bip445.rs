//! FROST for BIP-340 keys, as the draft BIP-445 has it.
//!
//! It differs from RFC 9591 in three ways: the commitments of all signers are added up before one binding coefficient is applied, so
//! that R costs one multiplication whatever the number of signers; points count as x-only, so nonces and shares enter negated where
//! y is odd; and identifiers count from 0 there and from 1 here.
//!
//! The draft's optional deterministic signing is left out: a threshold signer with deterministic nonces can be led to sign twice with
//! one nonce.
//!
//! Spec: [BIP-445 draft](https://github.com/siv2r/bip-frost-signing), at the commit that vectors/README.md names.

use alloc::vec::Vec;

use group::Group;
use k256::{
    ProjectivePoint, Scalar, U256,
    elliptic_curve::{ops::Reduce, point::AffineCoordinates},
};
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

use super::{Binding, Bip340, Factors, FrostSuite, SigningPackage, Target, TweakedKey};
use crate::{
    curve::Curve,
    derive,
    error::{DecodeError, InputError},
    identifier::Identifier,
    keys::PublicKeyPackage,
};

/// The tagged hash of BIP-340, begun.
fn tagged(tag: &[u8]) -> Sha256 {
    let tag = Sha256::digest(tag);
    Sha256::new().chain_update(tag).chain_update(tag)
}

/// The tagged hash of BIP-340.
fn tagged_hash(tag: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    finish(tagged(tag), parts)
}

fn finish(start: Sha256, parts: &[&[u8]]) -> [u8; 32] {
    parts.iter().fold(start, |hash, part| hash.chain_update(part)).finalize().into()
}

/// `scalar_from_bytes_wrapping`: 32 bytes big-endian, reduced.
fn wrapping(bytes: &[u8; 32]) -> Scalar {
    <Scalar as Reduce<U256>>::reduce(&U256::from_be_slice(bytes))
}

fn x_bytes(point: &ProjectivePoint) -> [u8; 32] {
    point.to_affine().x().into()
}

/// The optional inputs of `NonceGen`.
#[derive(Default)]
struct NonceInputs<'a> {
    share: Option<&'a [u8; 32]>,
    verifying_share: &'a [u8],
    key: &'a [u8],
    message: Option<&'a [u8]>,
    extra: &'a [u8],
}

/// `NonceGen` up to the two secret scalars.
fn nonce_gen(random: &[u8; 32], inputs: &NonceInputs<'_>) -> [Scalar; 2] {
    let mut rand = Zeroizing::new(*random);
    if let Some(share) = inputs.share {
        let aux = Zeroizing::new(tagged_hash(b"BIP0445/aux", &[random]));
        rand.iter_mut().zip(aux.iter().zip(share)).for_each(|(to, (aux, share))| *to = aux ^ share);
    }
    let message_length = inputs.message.map_or(0, |message| u64::try_from(message.len()).unwrap_or(u64::MAX)).to_be_bytes();
    let message: &[&[u8]] = match inputs.message {
        None => &[&[0]],
        Some(message) => &[&[1], &message_length, message],
    };
    let length = |bytes: &[u8]| [u8::try_from(bytes.len()).unwrap_or(u8::MAX)];
    let (share_length, key_length) = (length(inputs.verifying_share), length(inputs.key));
    let extra_length = u32::try_from(inputs.extra.len()).unwrap_or(u32::MAX).to_be_bytes();
    let start = tagged(b"BIP0445/nonce");
    [0u8, 1].map(|index| {
        let mut parts: Vec<&[u8]> = Vec::with_capacity(12);
        parts.extend([rand.as_slice(), &share_length, inputs.verifying_share, &key_length, inputs.key]);
        parts.extend(message);
        let index = [index];
        parts.extend([extra_length.as_slice(), inputs.extra, &index]);
        let mut hash = finish(start.clone(), &parts);
        let nonce = wrapping(&hash);
        hash.zeroize();
        nonce
    })
}

/// `SerializeIds`: identifiers count from 0 there and from 1 here.
fn serialize_ids(signers: impl Iterator<Item = Identifier>) -> Vec<u8> {
    signers.flat_map(|identifier| u32::from(identifier.to_u16()).saturating_sub(1).to_be_bytes()).collect()
}

/// `NonceAgg` of decoded commitments.
fn aggregate_nonces(package: &SigningPackage<Bip340>) -> [ProjectivePoint; 2] {
    package.entries().fold([ProjectivePoint::IDENTITY; 2], |[r_1, r_2], (_, commitments)| {
        [r_1 + commitments.hiding, r_2 + commitments.binding]
    })
}

/// b and R of `GetSessionValues`.
fn bind_aggregate(key: &ProjectivePoint, ids: &[u8], aggregate: &[ProjectivePoint; 2], message: &[u8]) -> Binding<Bip340> {
    // The identity encodes to 33 zeros, as `cbytes_ext` has it.
    let encoded = Bip340::encode_points(aggregate);
    let nonces: Vec<u8> = encoded.iter().flatten().copied().collect();
    let b = wrapping(&tagged_hash(b"BIP0445/noncecoef", &[ids, &nonces, &x_bytes(key), message]));
    let [r_1, r_2] = aggregate;
    let r = *r_1 + Bip340::multiscalar_mul_vartime(&[b], &[*r_2]);
    // An R at infinity is replaced by the generator: the signature then fails, and the search names who cancelled the nonces.
    let r = if r.is_identity().into() { ProjectivePoint::GENERATOR } else { r };
    Binding { factors: Factors::One(b), group_commitment: r }
}

impl FrostSuite for Bip340 {
    const COMMITMENT_BYTES: usize = 32;

    fn nonces(random: &[Zeroizing<[u8; 32]>; 2], share: &Scalar) -> [Scalar; 2] {
        // Both nonces come from one random value; the second makes the hash's optional extra input.
        let share = Zeroizing::new(Self::encode_scalar(share));
        let [first, second] = random;
        nonce_gen(first, &NonceInputs { share: Some(&share), extra: second.as_slice(), ..NonceInputs::default() })
    }

    fn bind(key: &ProjectivePoint, package: &SigningPackage<Self>) -> Binding<Self> {
        bind_aggregate(key, &serialize_ids(package.signers().iter()), &aggregate_nonces(package), package.message())
    }

    fn challenge(group_commitment: &ProjectivePoint, key: &ProjectivePoint, message: &[u8]) -> Scalar {
        wrapping(&tagged_hash(b"BIP0340/challenge", &[&x_bytes(group_commitment), &x_bytes(key), message]))
    }

    fn is_negated(point: &ProjectivePoint) -> bool {
        point.to_affine().y_is_odd().into()
    }

    fn resolve(package: &PublicKeyPackage<Self>, target: &Target) -> Result<TweakedKey<Self>, InputError> {
        let root = package.verifying_key().0;
        let child = derive::derive::<Self>(&root, package.chain_code(), target.path())?;
        let child = TweakedKey { point: child.public, negated: false, offset: child.tweak };
        match target.taproot_output() {
            None => Ok(child),
            Some(taproot) => child.x_only(derive::taproot_tweak(&child.point, taproot.merkle_root.as_ref())?),
        }
    }

    fn write_commitment(point: &ProjectivePoint, out: &mut Vec<u8>) {
        out.extend_from_slice(&x_bytes(point));
    }

    fn read_commitment(bytes: &[u8]) -> Result<ProjectivePoint, DecodeError> {
        let mut compressed = [2; 33];
        let x: &[u8; 32] = bytes.try_into().map_err(|_| DecodeError::InvalidPoint)?;
        compressed.iter_mut().skip(1).zip(x).for_each(|(to, from)| *to = *from);
        Self::decode_point(&compressed)
    }
}

#[cfg(test)]
mod tests;
