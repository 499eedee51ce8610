//! What a wallet links: cosigners that make keys which are never whole, and sign with them.
//!
//! ```
//! use quorate::core::frost::Bip340;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let team = quorate::dev::local_team(2, 3)?; // one process, no separation: says so
//! let key = team.keygen::<Bip340>()?;
//! let signature = key.sign(b"hello")?;
//! key.verifying_key().verify(b"hello", &signature)?;
//! # Ok(()) }
//! ```
#![forbid(unsafe_code)]

pub mod config;
pub mod control;
pub mod dev;
pub mod payload;
pub mod policy;

pub use quorate_core as core;
