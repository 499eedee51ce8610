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
//!
//! A real team is several [`Cosigner`]s at several providers. Each one is a [`node`] with a directory of its own, which a wallet speaks
//! to through its [`control`] API, or a [`Cosigner`] inside the wallet's own process:
//!
//! ```no_run
//! # use quorate::{Cosigner, SignRequest, payload::{AnyPayload, Psbt}};
//! # async fn spend(cosigner: Cosigner, psbt: &[u8]) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
//! let payload = AnyPayload::new(Psbt::parse(psbt)?);
//! let signed = cosigner.sign(SignRequest::new("treasury", payload).path("m/0/7".parse()?)).await?;
//! # Ok(signed.document) }
//! ```
//!
//! [`ask`] is the one way to ask either, on which signers for other libraries are built (`quorate-alloy`, `quorate-bitcoin`,
//! `quorate-solana`).
//!
//! Every cosigner reads the whole request itself ([`payload`]) and asks its own [`policy`] before it takes part.
//!
//! No external audit yet.
#![forbid(unsafe_code)]

pub mod ask;
mod audit;
pub mod backup;
mod ceremony;
mod clock;
pub mod config;
pub mod control;
mod cosigner;
pub mod danger;
pub mod dev;
mod error;
pub mod freeze;
#[cfg(feature = "fuzz-api")]
#[doc(hidden)]
pub mod fuzz_api;
mod health;
pub mod node;
mod pairing;
pub mod payload;
pub mod policy;
mod pool;
pub mod refresh;
pub mod request;
mod share;
mod witness;

pub use clock::{Clock, utc};
pub use cosigner::{
    AmendedKey, Attested, Cosigner, CosignerBuilder, KeygenRequest, PlannedChange, ReshareRequest, Reshared, ResharedKey,
    SignRequest, Signed, WalletKey,
};
pub use error::{CosignerError, Lack, RequestError};
pub use health::{Health, PeerHealth};
pub use quorate_core as core;
pub use quorate_storage as storage;
pub use quorate_transport as transport;
pub use share::AnyKeyShare;
pub use witness::{AcceptedRejoin, LostShare, Rejoined};
