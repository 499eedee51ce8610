//! The life of a key's epochs, as `docs/epochs.md` writes it down, in every order of events.
//!
//! The state of each cosigner's record is moved by the vault's own code. `EPOCHS_MODEL=wide` adds the larger scenarios.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::wildcard_enum_match_arm,
    clippy::print_stdout,
    missing_docs,
    reason = "tests"
)]

mod limits;
mod model;
mod mutations;
mod properties;
mod protocol;
mod scenario;
mod set;
mod state;
