//! A presignature signs once: a copy would sign twice, and two signatures with one nonce give the key away.

use quorate_core::ecdsa::{EcdsaSecp256k1, Presignature};

fn copy<T: Clone>(value: &T) -> T {
    value.clone()
}

fn twice(value: &Presignature<EcdsaSecp256k1>) -> Presignature<EcdsaSecp256k1> {
    copy(value)
}

fn main() {}
