//! Threshold ECDSA: three rounds, or one with a presignature; any `min_signers` participants, one ordinary ECDSA signature.
//!
//! After Doerner, Kondi, Lee and shelat, "Threshold ECDSA in Three Rounds" (ePrint 2023/765), with the oblivious transfers of
//! `SoftSpokenOT` (ePrint 2022/192). Malicious security against all signers but one. docs/ecdsa.md has every message, what each value is
//! bound to and the argument; docs/deviations.md where the code differs from a paper.
//!
//! ```text
//!  two cosigners, for all their keys    a batch, ahead of the messages       a signature
//!  Pairing::start ──▶ Pairing     ──▶   Presigning ──▶ Presignature    ──▶   OnlineSigning ──▶ EcdsaSignature
//!  three rounds                         two rounds                           one round         verified, low s
//!                                 ──▶   Signing: both together, three rounds             ──▶
//! ```
//!
//! The state of the oblivious transfers belongs to a pair of cosigners and one boot of each, and not to a key: a key share stays a few
//! hundred bytes. A [`Pairing`] and a [`Presignature`] live in memory only; neither can be copied or stored. The first check on a
//! pairing that fails ends it for all sessions at once, because the peer has learned something about it.
//!
//! # Example
//!
//! `examples/ecdsa_presign.rs` is a whole run on one page. What a signer does with a pairing that it has:
//!
//! ```
//! # use quorate_core::{Error, ParticipantSet, Session, keys::KeyShare, machine::OutgoingMessage, Identifier};
//! use quorate_core::ecdsa::{EcdsaSecp256k1, EcdsaSignature, Pairings, Request, Signing};
//! # use std::sync::Arc;
//!
//! fn sign(
//!     session: &Session, share: &Arc<KeyShare<EcdsaSecp256k1>>, signers: &ParticipantSet, pairings: &Pairings, digest: [u8; 32],
//!     mut send: impl FnMut(OutgoingMessage), mut receive: impl FnMut() -> (Identifier, Vec<u8>),
//! ) -> Result<EcdsaSignature<EcdsaSecp256k1>, Error> {
//!     let request = Request::new(digest).at("m/0/7".parse()?);
//!     let mut signing = Signing::start(session, share, signers, pairings, &request, &mut getrandom::SysRng)?;
//!     loop {
//!         while let Some(message) = signing.next_outgoing() { send(message) }
//!         if let Some(signature) = signing.take_output() { return Ok(signature) }
//!         let (from, bytes) = receive();
//!         signing.handle(from, &bytes)?;
//!     }
//! }
//! ```

mod check;
mod commit;
mod extension;
mod message;
mod multiply;
mod online;
mod pairing;
mod presignature;
mod rounds;
mod run;
mod signature;
mod suite;
mod vole;
mod wide;

#[cfg(feature = "p256")]
pub use crate::curve::EcdsaP256;
pub use crate::curve::EcdsaSecp256k1;
pub use online::Request;
pub use pairing::{Boot, Pair, Pairing, PairingRounds};
pub use presignature::Presignature;
pub use rounds::{OnlineRounds, OnlineSigning, Presigning, PresigningRounds, Signing, SigningRounds};
pub use run::Pairings;
pub use signature::EcdsaSignature;
pub use suite::EcdsaSuite;

/// The most presignatures that one run makes.
pub const MAX_BATCH: usize = 64;

#[cfg(test)]
mod tests;
