//! Everything of a signature that does not depend on the message: made ahead, used once.

use alloc::sync::Arc;

use super::{run::Bonds, suite::EcdsaSuite};
use crate::{curve::Curve, identifier::ParticipantSet, keys::KeyShare, secret::Secret};

/// One signer's part of a presignature. [`OnlineSigning::start`](super::OnlineSigning::start) takes it away, whether it succeeds or
/// fails.
///
/// # Security
///
/// Two signatures with one presignature give the key away, so this type has no `Clone`, no serialisation and no accessor to its
/// secrets: it cannot be stored, and a process that restarts makes new ones. Hosts whose live memory is copied (snapshots, migration by
/// cloning) must not hold any, nor a pairing or a session of threshold ECDSA: a copy of one that is run on as well gives the share away.
/// It is tied to the pairings that made it, and useless once one of them is gone.
pub struct Presignature<C: Curve> {
    pub(crate) id: [u8; 32],
    /// R.
    pub(crate) nonce_point: C::Point,
    pub(crate) nonce_bytes: C::PointBytes,
    pub(crate) phi: Secret<C::Scalar>,
    pub(crate) u: Secret<C::Scalar>,
    pub(crate) v: Secret<C::Scalar>,
    pub(crate) share: Arc<KeyShare<C>>,
    pub(crate) signers: ParticipantSet,
    pub(crate) bonds: Bonds,
}

impl<C: EcdsaSuite> Presignature<C> {
    /// The hash of everything that its signers said when they made it; the same for all of them.
    #[must_use]
    pub const fn id(&self) -> &[u8; 32] {
        &self.id
    }

    /// Who made it, and must sign with it.
    #[must_use]
    pub const fn signers(&self) -> &ParticipantSet {
        &self.signers
    }

    /// The key that it is for.
    #[must_use]
    pub const fn share(&self) -> &Arc<KeyShare<C>> {
        &self.share
    }

    /// Whether all pairings that made it are still there. If not, drop it.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.bonds.all_live().is_ok()
    }
}

impl<C: Curve> core::fmt::Debug for Presignature<C> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Presignature(")?;
        self.id.iter().take(8).try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str("…, redacted)")
    }
}
