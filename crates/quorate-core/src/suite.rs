//! Signature suites: what a key is for. A scalar belongs to one suite for life.

use core::fmt;

use crate::{
    error::DecodeError,
    wire::{Encoding, Reader, Writer},
};

/// A suite's number on the wire and in records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum SuiteId {
    /// FROST(Ed25519, SHA-512), RFC 9591; signatures of RFC 8032.
    Ed25519 = 1,
    /// FROST for BIP-340 keys, BIP-445; signatures of BIP-340.
    Bip340 = 2,
    /// FROST(ristretto255, SHA-512), RFC 9591.
    Ristretto255 = 3,
    /// FROST(secp256k1, SHA-256), RFC 9591.
    Secp256k1 = 4,
    /// FROST(P-256, SHA-256), RFC 9591.
    P256 = 5,
    /// Threshold ECDSA over secp256k1: Bitcoin, Ethereum and most other chains.
    EcdsaSecp256k1 = 6,
    /// Threshold ECDSA over P-256: passkeys, Sui, NEO.
    EcdsaP256 = 7,
}

impl SuiteId {
    /// Every suite that has a number.
    pub const ALL: [Self; 7] =
        [Self::Ed25519, Self::Bip340, Self::Ristretto255, Self::Secp256k1, Self::P256, Self::EcdsaSecp256k1, Self::EcdsaP256];

    /// The number on the wire.
    #[must_use]
    pub const fn to_u8(self) -> u8 {
        match self {
            Self::Ed25519 => 1,
            Self::Bip340 => 2,
            Self::Ristretto255 => 3,
            Self::Secp256k1 => 4,
            Self::P256 => 5,
            Self::EcdsaSecp256k1 => 6,
            Self::EcdsaP256 => 7,
        }
    }

    /// The name in command lines and listings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ed25519 => "ed25519",
            Self::Bip340 => "bip340",
            Self::Ristretto255 => "ristretto255",
            Self::Secp256k1 => "frost-secp256k1",
            Self::P256 => "frost-p256",
            Self::EcdsaSecp256k1 => "ecdsa-secp256k1",
            Self::EcdsaP256 => "ecdsa-p256",
        }
    }

    /// The suite of that [`name`](Self::name).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|suite| suite.name() == name)
    }
}

impl fmt::Display for SuiteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Encoding for SuiteId {
    fn write(&self, out: &mut Writer) {
        out.u8(self.to_u8());
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let number = input.u8()?;
        Self::ALL.into_iter().find(|suite| suite.to_u8() == number).ok_or(DecodeError::InvalidValue("suite"))
    }
}
