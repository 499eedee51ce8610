//! What is signed.

mod bundles;
pub(crate) mod calls;
pub(crate) mod evm;
pub(crate) mod keys;
mod message;
mod psbt;
mod robust;
pub(crate) mod solana;
mod tapscript;
pub(crate) mod template;
pub(crate) mod typed;
mod wpkh;
