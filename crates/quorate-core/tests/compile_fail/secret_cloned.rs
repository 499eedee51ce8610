//! There is one of it.

use quorate_core::Secret;

fn copy<T: Clone>(value: &T) -> T {
    value.clone()
}

fn twice(value: &Secret<[u8; 32]>) -> Secret<[u8; 32]> {
    copy(value)
}

fn main() {}
