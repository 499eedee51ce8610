//! ECDSA keys over secp256k1 as payloads see them: public keys, addresses, and signatures that are checked before they are used.

use alloy_primitives::{Address, keccak256};
use bitcoin::{
    CompressedPublicKey, WPubkeyHash,
    secp256k1::{
        self, PublicKey,
        ecdsa::{RecoverableSignature, RecoveryId, Signature},
    },
};
use quorate_core::SuiteId;

use super::{KeyView, PayloadError, key};

/// A signature as the ceremony gives it: r ‖ s ‖ recovery id.
pub(super) const SIGNATURE_BYTES: usize = 65;

/// The child's public key.
pub(super) fn public_key(key: &(impl KeyView + ?Sized), path: &[u32]) -> Result<PublicKey, PayloadError> {
    if key.suite() != SuiteId::EcdsaSecp256k1 {
        return Err(PayloadError::UnsupportedSuite { kind: "ecdsa", suite: key.suite() });
    }
    let bytes = key.child_public_key(path)?;
    // The library takes the uncompressed form too.
    let point = PublicKey::from_slice(&bytes).ok().filter(|_| bytes.len() == 33);
    point.ok_or(PayloadError::KeyEncoding)
}

/// The last 20 bytes of Keccak-256 of the two coordinates.
pub(super) fn ethereum_address(public: &PublicKey) -> Address {
    let uncompressed = public.serialize_uncompressed();
    let [_, coordinates @ ..] = &uncompressed;
    Address::from_raw_public_key(coordinates)
}

/// What a P2WPKH output commits to.
pub(super) fn witness_hash(public: &PublicKey) -> WPubkeyHash {
    CompressedPublicKey(*public).wpubkey_hash()
}

pub(super) fn keccak(bytes: &[u8]) -> [u8; 32] {
    keccak256(bytes).0
}

/// A signature that verifies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Verified {
    pub(super) signature: Signature,
    pub(super) r: [u8; 32],
    pub(super) s: [u8; 32],
    /// Bit 0: whether R has an odd y. Bit 1: whether its x was reduced.
    pub(super) recovery: u8,
}

/// Reads r ‖ s ‖ recovery id, if s is low, the signature verifies under the key, and the recovery id leads to the key.
pub(super) fn verified(bytes: &[u8], digest: [u8; 32], public: &PublicKey) -> Option<Verified> {
    let bytes: &[u8; SIGNATURE_BYTES] = bytes.try_into().ok()?;
    let [compact @ .., recovery] = bytes;
    let message = secp256k1::Message::from_digest(digest);
    let recovery_id = RecoveryId::from_i32(i32::from(*recovery)).ok()?;
    let recoverable = RecoverableSignature::from_compact(compact, recovery_id).ok()?;
    // Recovery takes a high s; verification does not.
    let signature = recoverable.to_standard();
    key::secp().verify_ecdsa(&message, &signature, public).ok()?;
    let recovered = key::secp().recover_ecdsa(&message, &recoverable).ok()?;
    let (r, s) = compact.split_first_chunk::<32>()?;
    (recovered == *public).then_some(Verified { signature, r: *r, s: s.try_into().ok()?, recovery: *recovery })
}
