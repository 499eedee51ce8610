//! The `quorate` program, as its users run it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs, reason = "tests")]

mod backup;
mod chains;
#[cfg(feature = "crash-points")]
mod crash;
#[cfg(feature = "postgres")]
mod database;
mod drill;
mod help;
mod import;
#[cfg(feature = "metrics")]
mod metrics;
#[cfg(feature = "nats")]
mod nats;
mod network;
mod node;
mod people;
mod placement;
#[cfg(all(feature = "aws-kms", feature = "pkcs11", feature = "postgres"))]
mod providers;
mod rejoin;
#[cfg(feature = "remote")]
mod remote;
mod reshare;
mod roster;
mod runbooks;
mod support;
#[cfg(feature = "pkcs11")]
mod token;
mod unit;
mod usage;
mod wallet;
