//! Addresses, signature encodings and message hashes of some 140 chains, from a group's verifying key.
//!
//! A wallet that holds its keys in Quorate has, for each chain, three questions: what is my address, what exactly do I sign, and how is the
//! signature written. [`address`], [`message_hash`] and [`encode_signature`] answer them from one table: a [`Chain`] is a row of data, and
//! [`chains`] lists them all. [`Address::parse`] reads the other side's address and refuses a typing mistake, another chain's and another
//! network's by name.
//!
//! ```
//! use quorate_chains::{AddressOptions, Chain, ParseError, Address};
//!
//! let chain = Chain::named("ethereum")?;
//! let parsed = Address::parse(chain, "0x9d8A62f656a8d1615C1294fd71e9CFb3E4855A4F", &AddressOptions::default())?;
//! assert_eq!(parsed.payload().len(), 20);
//! let mistyped = Address::parse(chain, "0x9d8A62f656a8d1615C1294fd71e9CFb3E4855A4f", &AddressOptions::default());
//! assert_eq!(mistyped, Err(ParseError::CaseChecksum));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What is not here: no network, no transaction is built or read, no key is made. Nothing in this crate is secret. A group key cannot walk a
//! hardened path; [`AccountPath`] says what that means for a wallet's paths. Which chains are out, and why, is in `docs/chains.md`.
//!
//! The crate is `no_std` and needs an allocator. It depends on encoders, hashes and two curves, for decompressing points and Taproot's
//! tweak; the feature `core` adds conversions from the types of `quorate-core`.
#![forbid(unsafe_code)]
#![cfg_attr(not(any(feature = "std", test)), no_std)]

extern crate alloc;

mod address;
mod chain;
#[cfg(feature = "core")]
mod core_types;
mod error;
mod hash;
mod key;
mod message;
mod network;
mod options;
mod path;
mod payload;
mod signature;
mod table;
mod taproot;
mod text;

pub use address::{Address, address};
pub use chain::{Chain, Family, Vectors, chains};
pub use error::{AddressError, KeyError, MessageError, ParseError, SignatureError, UnknownChain};
pub use key::{Curve, VerifyingKey};
pub use message::{Message, message_hash};
pub use network::Network;
pub use options::{AddressOptions, SigningOptions, TonVersion, TonWallet, ZcashRules};
pub use path::{AccountPath, PathError};
pub use signature::{EcdsaSignature, EncodedSignature, Signature, SignatureForm, encode_signature};
pub use text::Role;
