//! There is one of it.

use quorate_core::{frost::Ed25519, frost::SigningNonces};

fn copy<T: Clone>(value: &T) -> T {
    value.clone()
}

fn twice(value: &SigningNonces<Ed25519>) -> SigningNonces<Ed25519> {
    copy(value)
}

fn main() {}
