//! There is one of it.

use quorate_core::{frost::Ed25519, keys::KeyShare};

fn copy<T: Clone>(value: &T) -> T {
    value.clone()
}

fn twice(value: &KeyShare<Ed25519>) -> KeyShare<Ed25519> {
    copy(value)
}

fn main() {}
