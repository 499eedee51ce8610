//! A PKCS#11 token: a hardware security module, a smart card, or a program that stands in for one.
//!
//! A [`Token`] is one logged-in session, used by a thread of its own: modules may block, and a module that hangs then holds up what
//! waits for it and nothing else. Two things live in a token:
//!
//! - [`Pkcs11`], a key-encryption key: an AES-256 key that was made in the token and cannot leave it. It wraps by AES-GCM with a random
//!   nonce of 12 bytes; the context is the associated data.
//! - [`Pkcs11EpochKeys`], the keys of epochs as private data objects. Destroying one removes the object from the token.
//!
//! Whoever has the PIN and can reach the token can use the key, and nobody can copy it. Removing the token, locking it or taking
//! `CKA_DECRYPT` away freezes what is wrapped. What a token forgets is the maker's word: `SoftHSM`, for one, keeps objects in files, which it
//! unlinks without overwriting; and a backup of a token brings destroyed objects back.
//!
//! # Limits
//!
//! A nonce is random, so that one key should wrap fewer than 2^32 times. The module has to take a nonce of the caller (`CKM_AES_GCM`);
//! some in FIPS mode insist on their own. One cosigner uses one label: the objects of two with the same label would be mixed up, and each
//! would find the other's sealed records unreadable.

mod epoch_keys;
mod key;
mod session;

pub use self::{
    epoch_keys::Pkcs11EpochKeys,
    key::Pkcs11,
    session::{Pkcs11Error, Token, TokenOptions},
};
