//! Cosigners as a signer of [alloy](https://alloy.rs): what wallets and programs for Ethereum already know.
//!
//! A [`CosignerSigner`] is an alloy [`Signer`](alloy_signer::Signer) and [`TxSigner`](alloy_network::TxSigner), so that
//! [`EthereumWallet`](alloy_network::EthereumWallet), providers and contract calls take it as they take a key. What is different is what
//! travels: alloy's other signers are given hashes, and sign whatever they are the hash of. This one hands the **whole transaction, message
//! or document** to a cosigner, and each cosigner that takes part decodes it, describes it, and decides by its own policy.
//!
//! | alloy asks for | what travels | finished by |
//! |---|---|---|
//! | `sign_transaction` | the bytes that the sender signs: legacy with a chain id, EIP-2930, EIP-1559, EIP-4844 | each cosigner hashes them |
//! | `sign_message` | the bytes, behind EIP-191's prefix | each cosigner hashes them |
//! | `sign_dynamic_typed_data` | the document of EIP-712, as JSON | each cosigner computes both hashes |
//! | `sign_typed_data` | **refused**: alloy gives a hash and no document; use [`TypedData::from_struct`](alloy_dyn_abi::TypedData::from_struct) | – |
//! | `sign_hash` | **refused**, unless [`allow_raw_digests`](CosignerSigner::allow_raw_digests) and the policies of the cosigners allow it | – |
//!
//! ```no_run
//! # use std::{path::Path, sync::Arc, time::Duration};
//! use alloy_network::EthereumWallet;
//! use alloy_signer::Signer as _;
//! use quorate::control::Client;
//! use quorate_alloy::CosignerSigner;
//!
//! # async fn wallet() -> Result<EthereumWallet, Box<dyn std::error::Error>> {
//! let cosigner = Client::new(Path::new("/var/lib/quorate/control.sock"), Duration::from_secs(60));
//! let signer = CosignerSigner::find(Arc::new(cosigner), "treasury").await?.at("m/0/7".parse()?)?.with_chain_id(Some(1));
//! # Ok(EthereumWallet::from(signer)) }
//! ```
//!
//! The cosigner can also be one in the same process: anything that implements [`Ask`](quorate::ask::Ask). Every signature was verified
//! against the key, on this machine, before it is returned. `examples/alloy_transfer.rs` has a transfer signed by three cosigners, and
//! executed by an EVM.
#![forbid(unsafe_code)]

mod signer;

pub use signer::CosignerSigner;
