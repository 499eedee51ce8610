//! Which key of a key's family signs: the root, a child, or a Taproot output of either.

use ff::Field;
use group::Group;

use super::FrostSuite;
use crate::{
    curve::Curve,
    derive::DerivationPath,
    error::{DecodeError, InputError},
    keys::VerifyingKey,
    wire::{Encoding, Reader, Writer},
};

/// Which key signs: a child of the group's key, and for BIP-340 the Taproot output that it is the internal key of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// The child's path; `m` is the group's key itself.
    path: DerivationPath,
    taproot: Option<Taproot>,
}

/// A Taproot output whose internal key is ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Taproot {
    /// The root of the script tree; `None` commits to an unspendable script path, as BIP-86 has it.
    pub merkle_root: Option<[u8; 32]>,
}

impl Taproot {
    /// The output without scripts of BIP-86.
    pub const KEY_ONLY: Self = Self { merkle_root: None };

    /// The output that also commits to a script tree.
    #[must_use]
    pub const fn with_scripts(merkle_root: [u8; 32]) -> Self {
        Self { merkle_root: Some(merkle_root) }
    }
}

impl Target {
    /// The child at `path`.
    #[must_use]
    pub const fn child(path: DerivationPath) -> Self {
        Self { path, taproot: None }
    }

    /// The Taproot output whose internal key this target is.
    #[must_use]
    pub fn taproot(mut self, taproot: Taproot) -> Self {
        self.taproot = Some(taproot);
        self
    }

    /// The path.
    #[must_use]
    pub const fn path(&self) -> &DerivationPath {
        &self.path
    }

    /// The Taproot output, if the target is one.
    #[must_use]
    pub const fn taproot_output(&self) -> Option<&Taproot> {
        self.taproot.as_ref()
    }
}

impl Encoding for Target {
    fn write(&self, out: &mut Writer) {
        self.path.write(out);
        match &self.taproot {
            None => out.u8(0),
            Some(Taproot { merkle_root: None }) => out.u8(1),
            Some(Taproot { merkle_root: Some(root) }) => {
                out.u8(2);
                out.raw(root);
            }
        }
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let path = DerivationPath::read(input)?;
        let taproot = match input.u8()? {
            0 => None,
            1 => Some(Taproot::KEY_ONLY),
            2 => Some(Taproot::with_scripts(input.array()?)),
            _ => return Err(DecodeError::NotCanonical),
        };
        Ok(Self { path, taproot })
    }
}

/// A key Q = ±Y + offset·B, with what a signer must know to sign for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TweakedKey<C: Curve> {
    pub(crate) point: C::Point,
    /// Whether the group's secret enters negated; `gacc` in BIP-445.
    pub(crate) negated: bool,
    /// What is added to the (possibly negated) secret; `tacc` in BIP-445.
    pub(crate) offset: C::Scalar,
}

impl<C: FrostSuite> TweakedKey<C> {
    /// The group's key itself.
    pub(crate) const fn root(point: C::Point) -> Self {
        Self { point, negated: false, offset: C::Scalar::ZERO }
    }

    /// Q + tweak·B.
    pub(crate) fn plain(self, tweak: C::Scalar) -> Result<Self, InputError> {
        let point = self.point + C::mul_generator(&tweak);
        if point.is_identity().into() {
            return Err(InputError::InvalidTweak);
        }
        Ok(Self { point, offset: self.offset + tweak, ..self })
    }

    /// ±Q + tweak·B, with the sign that gives ±Q an even y.
    pub(crate) fn x_only(self, tweak: C::Scalar) -> Result<Self, InputError> {
        let lifted = if C::is_negated(&self.point) {
            Self { point: -self.point, negated: !self.negated, offset: -self.offset }
        } else {
            self
        };
        lifted.plain(tweak)
    }

    /// The public key that verifies.
    #[must_use]
    pub const fn verifying_key(&self) -> VerifyingKey<C> {
        VerifyingKey(self.point)
    }
}
