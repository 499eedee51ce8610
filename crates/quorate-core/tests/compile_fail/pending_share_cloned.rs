//! There is one of it.

use quorate_core::{frost::Ed25519, keys::PendingShare};

fn copy<T: Clone>(value: &T) -> T {
    value.clone()
}

fn twice(value: &PendingShare<Ed25519>) -> PendingShare<Ed25519> {
    copy(value)
}

fn main() {}
