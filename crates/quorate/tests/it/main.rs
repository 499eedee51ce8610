//! Integration tests.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::wildcard_enum_match_arm,
    clippy::print_stdout,
    clippy::std_instead_of_core,
    missing_docs,
    reason = "tests"
)]

mod ask;
mod backup;
mod budgets;
mod cosigner;
mod deploy;
mod ecdsa;
mod freeze;
#[cfg(feature = "nats")]
mod nats;
mod node;
mod payload;
mod policy;
mod policy_content;
mod requests;
mod secrets;
mod team;
