//! Integration tests of quorate-transport.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::string_slice,
    clippy::print_stderr,
    clippy::wildcard_enum_match_arm,
    missing_docs,
    reason = "tests"
)]

mod common;
#[cfg(feature = "tcp")]
mod faulty;
mod flood;
mod links;
#[cfg(feature = "nats")]
mod nats;
#[cfg(feature = "tcp")]
mod network;
mod rosters;
mod sessions;
mod snapshots;
#[cfg(feature = "tcp")]
mod tcp;
#[cfg(feature = "tcp")]
mod wires;
