//! Cosigners as a signer of Solana's clients.
//!
//! Solana's [`Signer`](solana_signer::Signer) is given the bytes of a message and returns a signature, and it blocks. A
//! [`CosignerSigner`] has the **whole message** read by the cosigners: each decodes its instructions, describes them, and decides by its
//! own policy. [`CosignerSigner::blocking`] makes Solana's signer of it, for `Transaction::try_sign` and the clients; in asynchronous
//! programs, [`CosignerSigner::sign`] waits without holding a thread.
//!
//! ```no_run
//! # use std::{path::Path, sync::Arc, time::Duration};
//! use quorate::control::Client;
//! use quorate_solana::CosignerSigner;
//! use solana_signer::Signer as _;
//!
//! # async fn signer() -> Result<(), Box<dyn std::error::Error>> {
//! let cosigner = Client::new(Path::new("/var/lib/quorate/control.sock"), Duration::from_secs(60));
//! let signer = CosignerSigner::find(Arc::new(cosigner), "treasury").await?.at("m/0/7".parse()?)?;
//! println!("{}", signer.pubkey());
//! let for_clients = signer.blocking()?; // transaction.try_sign(&[&for_clients], blockhash)
//! # Ok(()) }
//! ```
//!
//! Bytes that are a message of a transaction are asked for as one, and refused if the key is not among the signers that it names. All
//! others are asked for as a plain message, which no cosigner signs if it contains the key, as every transaction of the key does.
//! Every signature was verified against the key, on this machine, before it is returned. `examples/solana_transfer.rs` has a transfer
//! signed by three cosigners, whose signatures the transaction itself verifies.
#![forbid(unsafe_code)]

mod blocking;
mod signer;

pub use blocking::{BlockingSigner, RuntimeError};
pub use signer::CosignerSigner;
