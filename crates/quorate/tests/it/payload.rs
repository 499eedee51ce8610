//! What is signed.

pub(crate) mod keys;
mod message;
mod psbt;
mod robust;
mod solana;
pub(crate) mod template;
