//! Threshold signatures whose key is never whole.
//!
//! This crate is the mathematics of Quorate: which provider can reach which share ([`placement`]), distributed key generation
//! ([`keygen`]), FROST signatures ([`frost`]), threshold ECDSA ([`ecdsa`]), proof that a share is still held ([`attest`]) and derivation of child keys ([`mod@derive`]).
//! It is `no_std`, has no `unsafe`, no I/O, no clock and no async: every protocol is a [`machine`] that takes messages in and gives
//! messages out, so that a phone, a browser tab, an enclave and a server drive it alike.
//!
//! ```text
//!  placement ──▶ keygen ──▶ KeyShare ──▶ sign ──▶ signature, verified before it leaves
//!  (checked)     commit      share         commit
//!                reveal      package       share
//!                confirm     certificate
//!                  │                        ▲
//!                  └─ pending share, stored ┘ before the confirmation leaves
//! ```
//!
//! # Example
//!
//! A coordinator that holds no share collects two signature shares. (The shares come from [`danger::split`] here, to be short; see
//! the example `two_of_three` for a key that is never whole.)
//!
//! ```
//! use std::collections::BTreeMap;
//! use quorate_core::{ParticipantSet, Threshold, danger, derive::ChainCode};
//! use quorate_core::frost::{self, Bip340, SigningPackage, Target};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let placement = danger::unchecked_placement(Threshold::new(2, 3)?, ParticipantSet::first(3)?);
//! let secret = zeroize::Zeroizing::new([7; 32]);
//! let rng = &mut getrandom::SysRng;
//! let shares = danger::split::<Bip340>(&secret, ChainCode::new([0; 32]), &placement, rng)?;
//!
//! let mut nonces = BTreeMap::new();
//! for share in &shares[..2] {
//!     nonces.insert(share.identifier(), frost::commit(share, rng)?);
//! }
//! let commitments = nonces.iter().map(|(id, nonces)| (*id, *nonces.commitments())).collect();
//! let package = SigningPackage::new(commitments, b"hello", Target::default())?;
//!
//! let mut signature_shares = BTreeMap::new();
//! for share in &shares[..2] {
//!     let nonces = nonces.remove(&share.identifier()).ok_or("no nonces")?; // they move: once only
//!     signature_shares.insert(share.identifier(), frost::sign(&package, nonces, share)?);
//! }
//! let public = shares[0].package();
//! let signature = frost::aggregate(&package, &signature_shares, public)?;
//! public.verifying_key().verify(b"hello", &signature)?;
//! # Ok(()) }
//! ```
//!
//! # What this crate does not do
//!
//! It encrypts nothing and authenticates nobody: the private part of a message must travel over an end-to-end encrypted link, and the
//! sender that [`machine::Machine::handle`] is given must come from that link. It stores nothing: a pending share must be durable
//! before [`machine::Pending::stored`] is called. The sibling crates `quorate-transport`, `quorate-storage` and `quorate` do both.
//!
//! No external audit yet.
//!
//! # Features
//!
//! `tables` (default): precomputed tables, faster, needs `std`. `ristretto255`, `secp256k1`, `p256`: more RFC 9591 suites, and `p256` threshold ECDSA over that curve.
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::as_conversions, clippy::std_instead_of_core, reason = "tests"))]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod amend;
pub mod attest;
pub mod curve;
pub mod danger;
mod dealing;
pub mod derive;
pub mod domain;
pub mod ecdsa;
pub mod error;
pub mod frost;
pub mod identifier;
pub mod keygen;
pub mod keys;
pub mod machine;
#[cfg(test)]
#[cfg(target_os = "linux")]
#[path = "../tests/it/memory_scan.rs"]
mod memory_scan;
#[cfg(test)]
#[cfg(target_os = "linux")]
mod memory_tests;
pub mod placement;
mod polynomial;
mod randomness;
pub mod reshare;
mod schnorr;
pub mod secret;
pub mod session;
#[cfg(test)]
#[path = "../tests/it/stuck.rs"]
mod stuck;
pub mod suite;
pub mod threshold;
pub mod transcript;
pub mod wire;

pub use error::{DecodeError, Error, Fault, FaultKind, InputError};
pub use identifier::{Identifier, ParticipantSet, PeerId};
pub use placement::{Placement, PlacementError};
pub use secret::Secret;
pub use session::{Peers, Session, SessionId};
pub use suite::SuiteId;
pub use threshold::Threshold;
