//! BIP-32 public derivation of non-hardened children, on the 33-byte compressed key.
//!
//! Spec: BIP-32, [public parent key → public child key](https://github.com/bitcoin/bips/blob/master/bip-0032.mediawiki#public-parent-key--public-child-key).

use super::{ChainCode, Child, Derivable, Derived, add_tweak, hmac, path::non_hardened};
use crate::{
    curve::{Bip340, Curve, EcdsaSecp256k1},
    error::InputError,
};

impl Derivable for Bip340 {
    fn child(parent: &Self::Point, chain_code: &ChainCode, index: u32) -> Result<Child<Self>, InputError> {
        step(parent, chain_code, index)
    }
}

impl Derivable for EcdsaSecp256k1 {
    fn child(parent: &Self::Point, chain_code: &ChainCode, index: u32) -> Result<Child<Self>, InputError> {
        step(parent, chain_code, index)
    }
}

fn step<C: Curve>(parent: &C::Point, chain_code: &ChainCode, index: u32) -> Result<Child<C>, InputError> {
    let index = non_hardened(index)?;
    // I = HMAC-SHA512(c_par, ser_P(K_par) ‖ ser_32(i))
    let (left, right) = hmac(chain_code, &[C::encode_point(parent).as_ref(), &index.to_be_bytes()]);
    let tweak = C::decode_scalar(&left).map_err(|_| InputError::InvalidTweak)?;
    Ok(Derived { tweak, public: add_tweak::<C>(parent, &tweak)?, chain_code: ChainCode::new(right) })
}

/// A hash as a scalar: not reduced, but refused at or above n.
pub(super) fn tweak(bytes: &[u8; 32]) -> Result<<Bip340 as Curve>::Scalar, InputError> {
    Bip340::decode_scalar(bytes).map_err(|_| InputError::InvalidTweak)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tweak_at_the_order_and_above_is_refused_and_not_reduced() {
        let mut order = Bip340::encode_scalar(&-<Bip340 as Curve>::Scalar::ONE);
        assert!(tweak(&order).is_ok());
        order[31] += 1;
        assert_eq!(tweak(&order), Err(InputError::InvalidTweak));
        assert_eq!(tweak(&[0xff; 32]), Err(InputError::InvalidTweak));
    }
}
