//! BIP32-Ed25519 soft derivation, in the form that Cardano calls V2.
//!
//! The paper adds integers, because an Ed25519 private key there is clamped and must stay in its range. A threshold key is a scalar mod
//! q and has no range to leave, so that only the tweak mod q matters here; public keys and chain codes are the paper's, bit by bit.
//!
//! Spec: Khovratovich and Law, "BIP32-Ed25519: Hierarchical Deterministic Keys over a Non-linear Keyspace", public derivation of
//! soft children; indices are little-endian.

use super::{ChainCode, Child, Derivable, Derived, add_tweak, hmac, path::non_hardened, zero_padded};
use crate::{
    curve::{Curve, Ed25519},
    error::InputError,
};

/// First byte of the message whose HMAC is Z, for a soft step.
const SOFT_KEY: u8 = 2;
/// First byte of the message whose HMAC holds the chain code, for a soft step.
const SOFT_CHAIN_CODE: u8 = 3;

impl Derivable for Ed25519 {
    fn child(parent: &Self::Point, chain_code: &ChainCode, index: u32) -> Result<Child<Self>, InputError> {
        let index = non_hardened(index)?.to_le_bytes();
        let parent_bytes = Self::encode_point(parent);
        let (z_left, _) = hmac(chain_code, &[&[SOFT_KEY], &parent_bytes, &index]);
        let (_, next_chain_code) = hmac(chain_code, &[&[SOFT_CHAIN_CODE], &parent_bytes, &index]);
        let tweak = tweak(&z_left);
        Ok(Derived { tweak, public: add_tweak::<Self>(parent, &tweak)?, chain_code: ChainCode::new(next_chain_code) })
    }
}

/// Eight times the first 28 bytes of Z, little-endian. The product is below 2²²⁷, so that nothing is reduced.
fn tweak(z_left: &[u8; 32]) -> <Ed25519 as Curve>::Scalar {
    // Z_L, and 4 bytes that the paper leaves out.
    let [z_l @ .., _, _, _, _] = z_left;
    <Ed25519 as Curve>::Scalar::from_bytes_mod_order(zero_padded(z_l)) * <Ed25519 as Curve>::Scalar::from(8u64)
}
