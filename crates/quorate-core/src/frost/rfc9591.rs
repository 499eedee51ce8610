//! The RFC 9591 suites: what differs between them is five hashes.
//!
//! Spec: RFC 9591, sections [4.4](https://www.rfc-editor.org/rfc/rfc9591.html#section-4.4) to
//! [4.6](https://www.rfc-editor.org/rfc/rfc9591.html#section-4.6) and [6](https://www.rfc-editor.org/rfc/rfc9591.html#section-6).

use alloc::vec::Vec;

#[cfg(any(feature = "p256", feature = "secp256k1"))]
use sha2::Sha256;
use sha2::{Digest, Sha512};
use zeroize::Zeroizing;

#[cfg(feature = "p256")]
use super::P256;
#[cfg(feature = "ristretto255")]
use super::Ristretto255;
#[cfg(feature = "secp256k1")]
use super::Secp256k1;
use super::{Binding, Ed25519, Factors, FrostSuite, SigningPackage, Target, TweakedKey};
use crate::{
    curve::Curve,
    derive,
    error::{DecodeError, InputError},
    identifier::Identifier,
    keys::PublicKeyPackage,
};

/// The hashes H1 to H5 of section 6.
pub(crate) trait Rfc9591: Curve {
    /// H1 ("rho"), H2 ("chal") and H3 ("nonce"): to a scalar.
    fn hash_to_scalar(tag: Tag, parts: &[&[u8]]) -> Self::Scalar;
    /// H4 ("msg") and H5 ("com"), appended to `out`.
    fn hash(tag: Tag, parts: &[&[u8]], out: &mut Vec<u8>);
    /// What a target resolves to.
    fn tweak(package: &PublicKeyPackage<Self>, target: &Target) -> Result<TweakedKey<Self>, InputError>
    where
        Self: FrostSuite,
    {
        match (target.path().is_root(), target.taproot_output()) {
            (true, None) => Ok(TweakedKey::root(package.verifying_key().0)),
            _ => Err(InputError::UnsupportedTweak),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tag {
    Rho,
    Chal,
    Nonce,
    Msg,
    Com,
}

impl Tag {
    const fn as_bytes(self) -> &'static [u8] {
        match self {
            Self::Rho => b"rho",
            Self::Chal => b"chal",
            Self::Nonce => b"nonce",
            Self::Msg => b"msg",
            Self::Com => b"com",
        }
    }
}

fn sha512(prefix: &[&[u8]], parts: &[&[u8]]) -> [u8; 64] {
    let hash = prefix.iter().chain(parts).fold(Sha512::new(), |hash, part| hash.chain_update(part));
    hash.finalize().into()
}

const ED25519: &[u8] = b"FROST-ED25519-SHA512-v1";

impl Rfc9591 for Ed25519 {
    fn hash_to_scalar(tag: Tag, parts: &[&[u8]]) -> Self::Scalar {
        // H2 has no prefix: it is the challenge of RFC 8032.
        let prefix: &[&[u8]] = if tag == Tag::Chal { &[] } else { &[ED25519, tag.as_bytes()] };
        Self::scalar_from_wide(&sha512(prefix, parts))
    }

    fn hash(tag: Tag, parts: &[&[u8]], out: &mut Vec<u8>) {
        out.extend_from_slice(&sha512(&[ED25519, tag.as_bytes()], parts));
    }

    fn tweak(package: &PublicKeyPackage<Self>, target: &Target) -> Result<TweakedKey<Self>, InputError> {
        if target.taproot_output().is_some() {
            return Err(InputError::UnsupportedTweak);
        }
        let root = package.verifying_key().0;
        let child = derive::derive::<Self>(&root, package.chain_code(), target.path())?;
        Ok(TweakedKey { point: child.public, negated: false, offset: child.tweak })
    }
}

#[cfg(feature = "ristretto255")]
impl Rfc9591 for Ristretto255 {
    fn hash_to_scalar(tag: Tag, parts: &[&[u8]]) -> Self::Scalar {
        Self::scalar_from_wide(&sha512(&[b"FROST-RISTRETTO255-SHA512-v1", tag.as_bytes()], parts))
    }

    fn hash(tag: Tag, parts: &[&[u8]], out: &mut Vec<u8>) {
        out.extend_from_slice(&sha512(&[b"FROST-RISTRETTO255-SHA512-v1", tag.as_bytes()], parts));
    }
}

#[cfg(feature = "secp256k1")]
impl Rfc9591 for Secp256k1 {
    fn hash_to_scalar(tag: Tag, parts: &[&[u8]]) -> Self::Scalar {
        xmd::hash_to_scalar::<Self>(b"FROST-secp256k1-SHA256-v1", tag.as_bytes(), parts)
    }

    fn hash(tag: Tag, parts: &[&[u8]], out: &mut Vec<u8>) {
        xmd::hash(b"FROST-secp256k1-SHA256-v1", tag.as_bytes(), parts, out);
    }
}

#[cfg(feature = "p256")]
impl Rfc9591 for P256 {
    fn hash_to_scalar(tag: Tag, parts: &[&[u8]]) -> Self::Scalar {
        xmd::hash_to_scalar::<Self>(b"FROST-P256-SHA256-v1", tag.as_bytes(), parts)
    }

    fn hash(tag: Tag, parts: &[&[u8]], out: &mut Vec<u8>) {
        xmd::hash(b"FROST-P256-SHA256-v1", tag.as_bytes(), parts, out);
    }
}

#[cfg(any(feature = "p256", feature = "secp256k1"))]
mod xmd {
    //! `hash_to_field` of RFC 9380 with `expand_message_xmd`, SHA-256, L = 48.

    use super::{Curve, Digest, Sha256, Vec};

    pub(super) fn hash(context: &[u8], tag: &[u8], parts: &[&[u8]], out: &mut Vec<u8>) {
        let start = Sha256::new().chain_update(context).chain_update(tag);
        out.extend_from_slice(&parts.iter().fold(start, |hash, part| hash.chain_update(part)).finalize());
    }

    pub(super) fn hash_to_scalar<C: Curve>(context: &[u8], tag: &[u8], parts: &[&[u8]]) -> C::Scalar {
        // RFC 9380, section 5.3.1: Z_pad is one block, l_i_b_str the length 48, DST' ends with its own length.
        let length = [u8::try_from(context.len() + tag.len()).unwrap_or(u8::MAX)];
        let dst = |hash: Sha256| hash.chain_update(context).chain_update(tag).chain_update(length);
        let start = Sha256::new().chain_update([0; 64]);
        let b_0 = parts.iter().fold(start, |hash, part| hash.chain_update(part));
        let b_0: [u8; 32] = dst(b_0.chain_update([0, 48, 0])).finalize().into();
        let b_1: [u8; 32] = dst(Sha256::new().chain_update(b_0).chain_update([1])).finalize().into();
        let mixed: Vec<u8> = b_0.iter().zip(b_1).map(|(a, b)| a ^ b).collect();
        let b_2: [u8; 32] = dst(Sha256::new().chain_update(mixed).chain_update([2])).finalize().into();
        // 48 bytes big-endian, right-aligned in the 64 that the wide reduction takes.
        let mut wide = [0; 64];
        let uniform = b_1.iter().chain(b_2.iter().take(16));
        wide.iter_mut().skip(16).zip(uniform).for_each(|(to, from)| *to = *from);
        C::scalar_from_wide(&wide)
    }
}

impl<C: Rfc9591> FrostSuite for C {
    const COMMITMENT_BYTES: usize = C::POINT_BYTES;

    fn nonces(random: &[Zeroizing<[u8; 32]>; 2], share: &C::Scalar) -> [C::Scalar; 2] {
        let share = Zeroizing::new(C::encode_scalar(share));
        random.each_ref().map(|random| C::hash_to_scalar(Tag::Nonce, &[random.as_slice(), share.as_slice()]))
    }

    fn bind(key: &C::Point, package: &SigningPackage<C>) -> Binding<C> {
        let prefix = binding_prefix::<C>(key, package);
        let factors: Vec<_> =
            package.signers().iter().map(|id| C::hash_to_scalar(Tag::Rho, &[&prefix, &encode_identifier::<C>(id)])).collect();
        let bindings: Vec<_> = package.entries().map(|(_, commitments)| commitments.binding).collect();
        let hidings: C::Point = package.entries().map(|(_, commitments)| commitments.hiding).sum();
        let group_commitment = hidings + C::multiscalar_mul_vartime(&factors, &bindings);
        Binding { factors: Factors::Each(factors), group_commitment }
    }

    fn challenge(group_commitment: &C::Point, key: &C::Point, message: &[u8]) -> C::Scalar {
        match C::encode_points(&[*group_commitment, *key]).as_slice() {
            [r, key] => C::hash_to_scalar(Tag::Chal, &[r.as_ref(), key.as_ref(), message]),
            _ => C::hash_to_scalar(Tag::Chal, &[message]),
        }
    }

    fn is_negated(_: &C::Point) -> bool {
        false
    }

    fn resolve(package: &PublicKeyPackage<C>, target: &Target) -> Result<TweakedKey<C>, InputError> {
        C::tweak(package, target)
    }

    fn write_commitment(point: &C::Point, out: &mut Vec<u8>) {
        out.extend_from_slice(C::encode_point(point).as_ref());
    }

    fn read_commitment(bytes: &[u8]) -> Result<C::Point, DecodeError> {
        C::decode_point(bytes)
    }
}

fn encode_identifier<C: Curve>(identifier: Identifier) -> [u8; 32] {
    C::encode_scalar(&C::Scalar::from(u64::from(identifier.to_u16())))
}

/// Section 4.4: the key, H4 of the message, H5 of the encoded commitment list.
fn binding_prefix<C: Rfc9591>(key: &C::Point, package: &SigningPackage<C>) -> Vec<u8> {
    let mut list = Vec::with_capacity(package.signers().len() * (32 + 2 * C::POINT_BYTES));
    for (identifier, commitments) in package.entries() {
        list.extend_from_slice(&encode_identifier::<C>(identifier));
        list.extend_from_slice(commitments.hiding_bytes.as_ref());
        list.extend_from_slice(commitments.binding_bytes.as_ref());
    }
    let mut prefix = C::encode_point(key).as_ref().to_vec();
    C::hash(Tag::Msg, &[package.message()], &mut prefix);
    C::hash(Tag::Com, &[&list], &mut prefix);
    prefix
}

#[cfg(test)]
mod tests;
