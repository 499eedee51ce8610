//! A pending share that nobody stores is no oversight that compiles without a word.
#![deny(unused_must_use)]

use quorate_core::{frost::Ed25519, keygen::KeygenRounds, machine::Pending};

fn pending() -> Pending<'static, KeygenRounds<Ed25519>> {
    loop {}
}

fn forget() {
    pending();
}

fn main() {}
