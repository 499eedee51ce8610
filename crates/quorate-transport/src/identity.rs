//! The long-term key that a cosigner is known by.
//!
//! An [`Identity`] is an X25519 key pair; its public half is the [`PeerId`] that rosters list and that links prove. The secret half
//! leaves this crate only towards the vault that seals it.

use core::fmt;

use curve25519_dalek::{montgomery::MontgomeryPoint, traits::IsIdentity};
use quorate_core::{PeerId, Secret};
use rand_core::TryCryptoRng;
use zeroize::Zeroizing;

/// The prime 2²⁵⁵ − 19 in little-endian bytes: canonical public keys lie below it.
const FIELD_PRIME: [u8; 32] = {
    let mut bytes = [0xff; 32];
    bytes[0] = 0xed;
    bytes[31] = 0x7f;
    bytes
};

/// What can be wrong with an identity key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// The generator of randomness failed; no key was made. Try again when it works.
    #[error("the random generator failed, no identity was made")]
    Randomness,
    /// A public key with a second encoding, or of small order: anybody could speak in its name.
    #[error("the identity key is not a canonical X25519 public key of large order; ask its owner for the right one")]
    WeakKey,
}

/// A cosigner's long-term key pair.
///
/// # Security
///
/// Not `Clone`, never printed, zeroed when dropped. Whoever has the secret bytes can speak in this cosigner's name.
pub struct Identity {
    secret: Secret<[u8; 32]>,
    peer_id: PeerId,
}

impl Identity {
    /// Draws a new key.
    ///
    /// # Errors
    ///
    /// [`IdentityError::Randomness`] if the generator fails.
    pub fn generate(rng: &mut impl TryCryptoRng) -> Result<Self, IdentityError> {
        let mut secret = Zeroizing::new([0; 32]);
        rng.try_fill_bytes(secret.as_mut_slice()).map_err(|_| IdentityError::Randomness)?;
        Ok(Self::from_secret_bytes(&secret))
    }

    /// Restores the key from the bytes that [`to_secret_bytes`](Self::to_secret_bytes) gave.
    #[must_use]
    pub fn from_secret_bytes(bytes: &Zeroizing<[u8; 32]>) -> Self {
        let public = MontgomeryPoint::mul_base_clamped(**bytes);
        Self { secret: Secret::new(**bytes), peer_id: PeerId::new(public.to_bytes()) }
    }

    /// Copies the secret key out, for sealed storage.
    ///
    /// # Security
    ///
    /// The bytes are the whole identity. Seal them at once; let the copy drop.
    #[must_use]
    pub fn to_secret_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(*self.secret.expose())
    }

    /// The public half, which rosters list.
    #[must_use]
    pub const fn peer_id(&self) -> PeerId {
        self.peer_id
    }

    /// The secret that this identity shares with `peer` alone.
    pub(crate) fn shared_secret(&self, peer: PeerId) -> Result<Zeroizing<[u8; 32]>, IdentityError> {
        agree_as(self.peer_id.as_bytes(), self.secret.expose(), peer.as_bytes()).ok_or(IdentityError::WeakKey)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("peer_id", &self.peer_id).field("secret", &"redacted").finish()
    }
}

/// [`agree`] for whoever knows its public key, too.
#[cfg(not(quorate_memo))]
pub(crate) fn agree_as(_own: &[u8; 32], secret: &[u8; 32], public: &[u8; 32]) -> Option<Zeroizing<[u8; 32]>> {
    agree(secret, public)
}

/// The same in the simulation, where both ends are in one process and come to the same secret.
#[cfg(quorate_memo)]
pub(crate) fn agree_as(own: &[u8; 32], secret: &[u8; 32], public: &[u8; 32]) -> Option<Zeroizing<[u8; 32]>> {
    let mut pair = [*own, *public];
    pair.sort_unstable();
    quorate_core::memo::remember(pair.as_flattened(), Clone::clone, || agree(secret, public).ok_or(())).ok()
}

/// X25519, or nothing where the result would be zero whatever the secret is.
pub(crate) fn agree(secret: &[u8; 32], public: &[u8; 32]) -> Option<Zeroizing<[u8; 32]>> {
    let shared = MontgomeryPoint(*public).mul_clamped(*secret);
    let degenerate = shared.is_identity();
    let shared = Zeroizing::new(shared.to_bytes());
    (!degenerate).then_some(shared)
}

/// Checks that a public key has one encoding only and is not of small order.
pub(crate) fn check_public(peer: PeerId) -> Result<(), IdentityError> {
    let canonical = peer.as_bytes().iter().rev().lt(FIELD_PRIME.iter().rev());
    // Any secret shows a point of small order: clamping makes every scalar a multiple of the cofactor.
    if canonical && agree(&[1; 32], peer.as_bytes()).is_some() { Ok(()) } else { Err(IdentityError::WeakKey) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(byte: u8) -> Identity {
        Identity::from_secret_bytes(&Zeroizing::new([byte; 32]))
    }

    #[test]
    fn identity_survives_its_secret_bytes() {
        let original = identity(7);
        let restored = Identity::from_secret_bytes(&original.to_secret_bytes());
        assert_eq!(original.peer_id(), restored.peer_id());
        assert_ne!(original.peer_id(), identity(8).peer_id());
    }

    #[test]
    fn identity_debug_shows_no_secret() {
        let secret: String = [0xabu8; 32].iter().map(|byte| format!("{byte:02x}")).collect();
        let shown = format!("{:?}", identity(0xab));
        assert!(shown.contains("redacted") && !shown.contains(secret.get(..8).unwrap()) && !shown.contains("171"));
    }

    #[test]
    fn identity_refuses_public_keys_of_small_order_and_second_encodings() {
        let mut one = [0; 32];
        one[0] = 1;
        let mut above_prime = identity(3).peer_id().as_bytes().to_owned();
        above_prime[31] |= 0x80;
        for bytes in [[0; 32], one, FIELD_PRIME, [0xff; 32], above_prime] {
            assert_eq!(check_public(PeerId::new(bytes)), Err(IdentityError::WeakKey), "{bytes:?}");
        }
        assert_eq!(check_public(identity(3).peer_id()), Ok(()));
        assert!(identity(3).shared_secret(PeerId::new([0; 32])).is_err());
    }

    #[test]
    fn two_identities_agree_on_one_secret() {
        let (a, b, c) = (identity(1), identity(2), identity(3));
        assert_eq!(a.shared_secret(b.peer_id()), b.shared_secret(a.peer_id()));
        assert_ne!(a.shared_secret(b.peer_id()), a.shared_secret(c.peer_id()));
    }
}
