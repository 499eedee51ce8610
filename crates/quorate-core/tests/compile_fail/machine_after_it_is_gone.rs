//! A machine is one: it moves, and what moved is gone.

use quorate_core::{frost::Ed25519, keygen::Keygen};

fn run(_: Keygen<Ed25519>) {}

fn twice(keygen: Keygen<Ed25519>) {
    run(keygen);
    run(keygen);
}

fn main() {}
