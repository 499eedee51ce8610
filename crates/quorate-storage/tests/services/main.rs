//! What needs real services, which the tests start by themselves. A binary of its own: starting a program copies the open files of this
//! process for a moment, and with them the locks on directories that other tests let go of and take again.
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

#[cfg(feature = "object-store")]
mod bucket;
#[cfg(feature = "object-store")]
mod bucket_fake;
#[cfg(feature = "object-store")]
mod bucket_server;
#[cfg(any(feature = "object-store", feature = "postgres"))]
mod certificates;
#[cfg(feature = "aws-kms")]
mod kms;
#[cfg(feature = "pkcs11")]
mod pkcs11;
#[cfg(feature = "postgres")]
mod postgres;
#[allow(dead_code, reason = "the other binary uses the rest")]
#[path = "../it/support.rs"]
mod support;
#[cfg(feature = "object-store")]
mod write_once;
