//! The `quorate` program, as its users run it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs, reason = "tests")]

mod backup;
#[cfg(feature = "crash-points")]
mod crash;
mod drill;
mod help;
mod import;
mod node;
mod people;
mod placement;
mod rejoin;
mod reshare;
mod roster;
mod support;
mod usage;
mod wallet;
