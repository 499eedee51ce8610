//! A pair of nonces signs once.

use quorate_core::{
    Error,
    frost::{Ed25519, SignatureShare, SigningNonces, SigningPackage, sign},
    keys::KeyShare,
};

fn twice(
    one: &SigningPackage<Ed25519>,
    two: &SigningPackage<Ed25519>,
    nonces: SigningNonces<Ed25519>,
    share: &KeyShare<Ed25519>,
) -> Result<[SignatureShare<Ed25519>; 2], Error> {
    Ok([sign(one, nonces, share)?, sign(two, nonces, share)?])
}

fn main() {}
