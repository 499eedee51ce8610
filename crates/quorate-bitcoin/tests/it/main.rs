//! The signer in place: both kinds of inputs in one PSBT, and what is refused by name.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs, reason = "tests")]

mod signer;
