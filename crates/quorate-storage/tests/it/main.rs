//! Integration tests of the storage crate.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::as_conversions,
    clippy::wildcard_enum_match_arm,
    missing_docs,
    reason = "tests"
)]

mod audit;
#[cfg(feature = "backup")]
mod backup;
mod conformance;
mod crash;
mod epoch_files;
mod export;
mod formats;
#[cfg(target_os = "linux")]
mod memory;
#[cfg(target_os = "linux")]
#[path = "../../../quorate-core/tests/it/memory_scan.rs"]
mod memory_scan;
mod model;
mod notes;
mod passphrase;
mod peers;
#[cfg(feature = "redb")]
mod redb_store;
mod rewrap;
mod sealed;
mod secrecy;
mod support;
mod thief;
mod transfer;
mod vault;
mod witness;
