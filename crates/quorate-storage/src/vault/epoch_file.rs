//! What is kept of an epoch key: of which key it is, and the key itself, wrapped.
//!
//! The store can be put back to before a key, and the place of the epoch keys cannot. What is left there then says by itself of which key it
//! is, so that a cosigner can believe a certificate of a key that its store knows nothing of. It is not authenticated: whoever can alter it
//! can as well destroy it.

use quorate_core::{
    SuiteId,
    wire::{Encoding as _, Reader, Writer},
};

use super::VaultError;
use crate::{
    kek::WrappedKey,
    sealed::{read_wrapped, write_wrapped},
    store::RecordName,
};

/// Epoch keys of version 1 do not say of which key they are.
const WITHOUT_PRINT: u8 = 1;
const VERSION: u8 = 2;

/// The content of an epoch key's file or object.
#[derive(Debug)]
pub(super) struct EpochFile {
    pub(super) of: Option<OfKey>,
    pub(super) wrapped: WrappedKey,
}

/// Of which key it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OfKey {
    pub(super) suite: SuiteId,
    pub(super) print: [u8; 32],
}

impl EpochFile {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut file = Writer::default();
        match &self.of {
            None => file.u8(WITHOUT_PRINT),
            Some(of) => {
                file.u8(VERSION);
                of.suite.write(&mut file);
                file.raw(&of.print);
            }
        }
        write_wrapped(&self.wrapped, &mut file);
        file.into_bytes()
    }

    pub(super) fn read(name: &RecordName, bytes: &[u8]) -> Result<Self, VaultError> {
        let read = || {
            let mut input = Reader::new(bytes);
            let of = match input.u8().ok()? {
                WITHOUT_PRINT => None,
                VERSION => Some(OfKey { suite: SuiteId::read(&mut input).ok()?, print: input.array().ok()? }),
                _ => return None,
            };
            let wrapped = read_wrapped(&mut input).ok()?;
            input.finish().ok()?;
            Some(Self { of, wrapped })
        };
        read().ok_or_else(|| VaultError::Damaged { name: name.clone() })
    }
}
