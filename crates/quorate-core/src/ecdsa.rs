//! Threshold ECDSA after Doerner, Kondi, Lee and shelat, "Threshold ECDSA in Three Rounds" (ePrint 2023/765).

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
