//! Cosigners sign PSBTs in place: P2WPKH inputs with a wallet's ECDSA key, and the key path of P2TR inputs with its BIP-340 key.
//!
//! A [`PsbtSigner`] takes the `Psbt` of the [`bitcoin`] crate, which is also that of `bdk_wallet` and of most wallets in Rust. The whole PSBT
//! goes to a cosigner; each one that takes part reads amounts, addresses and change itself, computes the signature hashes itself, and
//! decides by its own policy. What comes back are signatures, which were verified here; the finished inputs are written from them.
//!
//! ```no_run
//! # use std::{path::Path, sync::Arc, time::Duration};
//! use quorate::control::Client;
//! use quorate_bitcoin::PsbtSigner;
//!
//! # async fn sign(mut psbt: bitcoin::Psbt) -> Result<bitcoin::Transaction, Box<dyn std::error::Error>> {
//! let cosigner = Client::new(Path::new("/var/lib/quorate/control.sock"), Duration::from_secs(60));
//! let signer = PsbtSigner::find(Arc::new(cosigner), "treasury").await?;
//! signer.sign(&mut psbt).await?;
//! # Ok(psbt.extract_tx()?) }
//! ```
//!
//! # With `bdk_wallet`
//!
//! A wallet that watches needs descriptors and no key: [`PsbtSigner::xpub`] gives the extended public key of either kind, for
//! `wpkh(XPUB/0/*)` or `tr(XPUB/0/*)` and the same with `1/*` for change. A PSBT that such a wallet builds says which child each input
//! is of, and the signer finds it. `examples/bitcoin_spend.rs` does so, with Bitcoin Core's own consensus code to judge the result.
//!
//! # What is not signed
//!
//! Hardened paths: a group's key cannot walk them, so that the extended public key stands for the account, and has no origin in front of it.
//! Script paths, P2PKH, P2SH, multisignature scripts, and signature hash types other than `ALL` and `DEFAULT`: all refused by name.
//! Inputs of others stay as they are.
#![forbid(unsafe_code)]

mod signer;

pub use signer::PsbtSigner;
