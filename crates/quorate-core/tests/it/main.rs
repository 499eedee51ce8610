//! The integration tests of quorate-core, in one binary.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    missing_docs,
    reason = "tests"
)]

mod bip340;
mod derive;
mod ecdsa;
mod independent;
mod interop;
mod keys;
mod misbehave;
mod network;
mod placement;
mod placement_oracle;
mod records;
mod reshare;
mod roundtrip;
mod snapshots;
mod stuck;
mod wycheproof;
mod wycheproof_ecdsa;
