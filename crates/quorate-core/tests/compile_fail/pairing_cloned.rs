//! It lives once: a copy would have a guard of its own, and a second chance to fail.

use quorate_core::ecdsa::Pairing;

fn copy<T: Clone>(value: &T) -> T {
    value.clone()
}

fn twice(value: &Pairing) -> Pairing {
    copy(value)
}

fn main() {}
