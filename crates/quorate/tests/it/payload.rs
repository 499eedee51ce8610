//! What is signed.

pub(crate) mod keys;
mod message;
mod psbt;
mod robust;
pub(crate) mod solana;
pub(crate) mod template;
