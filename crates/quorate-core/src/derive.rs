//! Child keys of a key that is never whole: public steps along a path, and the one additive tweak that leads to the child.
//!
//! Protocols, section 4; docs/derivation.md gives the formulas. A step takes a public key and a chain code and gives a public key,
//! a chain code and a public *tweak*: child = parent + tweak · B. Signing adds the sum of all tweaks to the signature, so that the
//! shares stay those of the root key; nothing here sees a share, and the share of a child is no output of this crate. Hardened
//! steps hash the private key, which is nowhere, and are refused by name.
//!
//! BIP-32 for [`Bip340`](crate::curve::Bip340), BIP32-Ed25519 (V2) for [`Ed25519`](crate::curve::Ed25519), and the BIP-341 tweak that
//! turns an internal key into a Taproot output key. Extended keys as text (`xpub…`) belong to the floors above.

use core::{array, fmt};

use ff::Field;
use group::Group;
use hmac::{Hmac, KeyInit, Mac, digest::consts::U32};
use sha2::Sha512;

use crate::{
    curve::Curve,
    error::{DecodeError, InputError},
    wire::{Encoding, Reader, Writer},
};

mod bip32;
mod ed25519;
mod path;
mod taproot;

pub use path::{DerivationPath, MAX_STEPS};
pub use taproot::{Parity, taproot_output_key, taproot_tweak};

/// The 32 bytes beside a public key that its children are derived with.
///
/// # Security
///
/// Not a secret of the key: with it and the public key one can list all children, and link them, but sign nothing. Hence `Debug`
/// does not show it. But chain code, public key and the *private* key of one child together give the private key of the root,
/// and of all children: a child's private key is worth as much as the root's and must not be made either.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChainCode([u8; 32]);

impl ChainCode {
    /// Wraps the 32 bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for ChainCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChainCode(…)")
    }
}

impl Encoding for ChainCode {
    fn write(&self, out: &mut Writer) {
        out.raw(&self.0);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.array().map(Self)
    }
}

/// A key derived from another one, and the way to it. All of it is public.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Derived<C: Curve> {
    /// What was added to the key that the derivation started from: `public` = start + `tweak` · B. The sum, if there were many steps.
    pub tweak: C::Scalar,
    /// The derived public key.
    pub public: C::Point,
    /// Its chain code.
    pub chain_code: ChainCode,
}

/// What a single step gives: `tweak` leads from the parent.
pub type Child<C> = Derived<C>;

/// A curve whose keys have children.
pub trait Derivable: Curve {
    /// Derives one child.
    ///
    /// `parent` is in the prime-order subgroup, as every verifying key is; on Ed25519 this is not checked again here.
    ///
    /// # Errors
    ///
    /// [`InputError::HardenedDerivation`] if `index` is 2³¹ or more, [`InputError::InvalidTweak`] if there is no such child: with
    /// odds of about 2⁻¹²⁷, or because `parent` is the identity.
    fn child(parent: &Self::Point, chain_code: &ChainCode, index: u32) -> Result<Child<Self>, InputError>;
}

/// Derives the key at `path` below `root`. At `m` that is `root` itself, with a tweak of zero.
///
/// # Errors
///
/// [`InputError::InvalidTweak`] if one of the steps has no child; see [`Derivable::child`].
///
/// # Examples
///
/// ```
/// use quorate_core::{curve::{Bip340, Curve}, derive::{ChainCode, DerivationPath, derive}};
///
/// let root = Bip340::mul_generator(&7u64.into()); // in earnest: the verifying key of a key generation, with its chain code
/// let path: DerivationPath = "m/0/7".parse()?;
/// let address = derive::<Bip340>(&root, &ChainCode::new([1; 32]), &path)?;
/// assert_eq!(address.public, root + Bip340::mul_generator(&address.tweak));
/// # Ok::<(), quorate_core::InputError>(())
/// ```
pub fn derive<C: Derivable>(root: &C::Point, chain_code: &ChainCode, path: &DerivationPath) -> Result<Derived<C>, InputError> {
    let start = Derived { tweak: C::Scalar::ZERO, public: *root, chain_code: *chain_code };
    path.iter().try_fold(start, |parent, index| {
        let child = C::child(&parent.public, &parent.chain_code, index)?;
        Ok(Derived { tweak: parent.tweak + child.tweak, ..child })
    })
}

/// `key` + `tweak` · B, where neither `key` nor the result is the identity.
fn add_tweak<C: Curve>(key: &C::Point, tweak: &C::Scalar) -> Result<C::Point, InputError> {
    let tweaked = *key + C::mul_generator(tweak);
    if bool::from(key.is_identity() | tweaked.is_identity()) { Err(InputError::InvalidTweak) } else { Ok(tweaked) }
}

/// Both halves of HMAC-SHA512 under the chain code.
fn hmac(chain_code: &ChainCode, message: &[&[u8]]) -> ([u8; 32], [u8; 32]) {
    // HMAC itself pads a short key with zeros to one block. A key of a whole block has a constructor that cannot fail.
    let key: [u8; 128] = zero_padded(&chain_code.0);
    let mac = message.iter().fold(Hmac::<Sha512>::new(&key.into()), |mac, part| mac.chain_update(part));
    let (left, right) = mac.finalize().into_bytes().split::<U32>();
    (left.into(), right.into())
}

/// The first `N` bytes of `bytes` followed by infinitely many zeros.
fn zero_padded<const N: usize>(bytes: &[u8]) -> [u8; N] {
    array::from_fn(|i| bytes.get(i).copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::curve::{Bip340, Ed25519};
    use std::format;

    fn tweak_is_refused_at_the_identity<C: Curve>() {
        let five = C::Scalar::from(5);
        let key = C::mul_generator(&five);
        assert_eq!(add_tweak::<C>(&key, &-five), Err(InputError::InvalidTweak));
        assert_eq!(add_tweak::<C>(&C::Point::identity(), &five), Err(InputError::InvalidTweak));
        assert_eq!(add_tweak::<C>(&key, &C::Scalar::ZERO), Ok(key));
    }

    #[test]
    fn tweak_is_refused_when_it_leads_to_or_from_the_identity() {
        tweak_is_refused_at_the_identity::<Bip340>();
        tweak_is_refused_at_the_identity::<Ed25519>();
    }

    #[test]
    fn hmac_meets_rfc_4231_test_case_with_a_short_key() {
        // Test case 2: key "Jefe", which HMAC pads with zeros just like any other short key.
        let (left, right) = hmac(&ChainCode(zero_padded(b"Jefe")), &[b"what do ya ", b"want for nothing?"]);
        assert_eq!(hex::encode(left), "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554");
        assert_eq!(hex::encode(right), "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737");
    }

    #[test]
    fn chain_code_debug_shows_no_byte() {
        assert_eq!(format!("{:?}", ChainCode([0xab; 32])), "ChainCode(…)");
    }
}
