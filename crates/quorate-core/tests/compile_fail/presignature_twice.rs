//! A presignature is spent by the first signature that is begun with it, whether that succeeds or fails.

use quorate_core::{
    Error, Session,
    ecdsa::{EcdsaSecp256k1, OnlineSigning, Presignature, Request},
};

fn twice(
    session: &Session,
    presignature: Presignature<EcdsaSecp256k1>,
    one: &Request,
    two: &Request,
) -> Result<[OnlineSigning<EcdsaSecp256k1>; 2], Error> {
    Ok([OnlineSigning::start(session, presignature, one)?, OnlineSigning::start(session, presignature, two)?])
}

fn main() {}
