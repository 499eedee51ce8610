//! Threshold ECDSA after Doerner, Kondi, Lee and shelat, "Threshold ECDSA in Three Rounds" (ePrint 2023/765).

mod extension;
mod pairing;

#[cfg(feature = "p256")]
pub use crate::curve::EcdsaP256;
pub use crate::curve::EcdsaSecp256k1;
pub use pairing::{Boot, Pair, Pairing, PairingRounds};

/// The most presignatures that one run makes.
pub const MAX_BATCH: usize = 64;
