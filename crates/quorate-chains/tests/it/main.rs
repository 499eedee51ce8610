//! Every published vector, round trips of everything that decodes, and refusals by name.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "tests"
)]

mod addresses;
#[cfg(feature = "core")]
mod core_types;
mod documents;
mod forms;
mod messages;
mod refusals;
mod roundtrip;
mod signatures;
mod vectors;
