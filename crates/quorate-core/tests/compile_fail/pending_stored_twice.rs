//! What is stored is stored once, and nothing can be sent in between.

use quorate_core::{frost::Ed25519, keygen::Keygen};

fn store(mut keygen: Keygen<Ed25519>) {
    if let Some(pending) = keygen.pending() {
        let _ = pending.stored();
        let _ = pending.stored();
    }
}

fn send_while_pending(mut keygen: Keygen<Ed25519>) {
    if let Some(pending) = keygen.pending() {
        let _ = keygen.next_outgoing();
        let _ = pending.stored();
    }
}

fn main() {}
