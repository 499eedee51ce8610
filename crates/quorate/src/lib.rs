//! What a wallet links: what is signed, and who may have it signed.
#![forbid(unsafe_code)]

pub mod payload;
pub mod policy;
