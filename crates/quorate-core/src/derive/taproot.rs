//! The BIP-341 tweak, from an internal key to a Taproot output key.
//!
//! Spec: BIP-341, [constructing and spending Taproot outputs](https://github.com/bitcoin/bips/blob/master/bip-0341.mediawiki#constructing-and-spending-taproot-outputs).

use group::Group;
use sha2::{Digest, Sha256};

use super::{add_tweak, bip32};
use crate::{
    curve::{Bip340, Curve},
    error::InputError,
};

type Point = <Bip340 as Curve>::Point;
type Scalar = <Bip340 as Curve>::Scalar;

/// Whether the y coordinate that an x-only key leaves out is even or odd.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a number is even or odd")]
pub enum Parity {
    /// y is even, as an x-only key is read.
    Even,
    /// y is odd.
    Odd,
}

impl Parity {
    /// The lowest bit of a control block's first byte.
    #[must_use]
    pub const fn to_u8(self) -> u8 {
        match self {
            Self::Even => 0,
            Self::Odd => 1,
        }
    }
}

/// The tweak that turns `internal` into an output key.
///
/// With `None` the output commits to no script and can be spent by signature only, which anyone who knows `internal` can check: BIP-86.
/// With a Merkle root it can also be spent by the scripts below that root.
///
/// # Security
///
/// Whoever chooses the root chooses who else can spend. A root that others propose must be known, script by script, before a
/// cosigner pays to the output.
///
/// The tweak is to be added to the *lifted* key: `internal` if its y is even, its negative if not. A signer negates the
/// (derived) secret first in that case, which is BIP-445's x-only tweak.
///
/// # Errors
///
/// [`InputError::InvalidTweak`] if the hash is not below the group order, with odds of about 2⁻¹²⁸, or if `internal` is the identity.
pub fn taproot_tweak(internal: &Point, merkle_root: Option<&[u8; 32]>) -> Result<Scalar, InputError> {
    tweak_of(x_only(internal)?.0, merkle_root)
}

/// The output key of `internal`: what the address shows, and the parity that a control block needs.
///
/// # Errors
///
/// As [`taproot_tweak`], and [`InputError::InvalidTweak`] if the output key would be the identity.
pub fn taproot_output_key(internal: &Point, merkle_root: Option<&[u8; 32]>) -> Result<([u8; 32], Parity), InputError> {
    let (x, parity) = x_only(internal)?;
    let lifted = match parity {
        Parity::Even => *internal,
        Parity::Odd => -*internal,
    };
    x_only(&add_tweak::<Bip340>(&lifted, &tweak_of(x, merkle_root)?)?)
}

/// `hash_TapTweak(x ‖ root)`, or `hash_TapTweak(x)` without scripts.
fn tweak_of(x: [u8; 32], merkle_root: Option<&[u8; 32]>) -> Result<Scalar, InputError> {
    let tag = Sha256::digest(b"TapTweak");
    let hash = Sha256::new().chain_update(tag).chain_update(tag).chain_update(x);
    let hash = merkle_root.iter().fold(hash, |hash, root| hash.chain_update(root));
    bip32::tweak(&hash.finalize().into())
}

fn x_only(point: &Point) -> Result<([u8; 32], Parity), InputError> {
    if bool::from(point.is_identity()) {
        return Err(InputError::InvalidTweak);
    }
    let [head, x @ ..] = Bip340::encode_point(point);
    Ok((x, if head == 3 { Parity::Odd } else { Parity::Even }))
}
