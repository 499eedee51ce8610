//! What the fuzz targets of this repository call: decoders of records that nobody else can reach. No part of the public interface.

use quorate_core::wire::{Encoding, Writer};

mod epochs;

pub use self::epochs::{Epochs, Step};
use super::{TAG, VERSION, cosigner::KeyName, key_record::KeyRecord, read_header};
use crate::{kek::reencode_passphrase_header, sealed::write_wrapped};

/// A decoder that is crate-private.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Hidden {
    /// A key's record without its tag.
    KeyRecord,
    /// A key's name.
    KeyName,
    /// The header of a vault.
    VaultHeader,
    /// The header of a passphrase.
    PassphraseHeader,
}

impl Hidden {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::KeyRecord, Self::KeyName, Self::VaultHeader, Self::PassphraseHeader];

    /// The length of the tag behind a key's record in a store.
    pub const TAG: usize = TAG;

    /// Decodes, and encodes again what was decoded.
    #[must_use]
    pub fn reencode(self, bytes: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::KeyRecord => KeyRecord::from_bytes(bytes).ok().map(|record| record.to_bytes()),
            Self::KeyName => KeyName::from_bytes(bytes).ok().map(|name| name.to_bytes()),
            Self::VaultHeader => read_header(bytes).ok().map(|(cosigner, wrapped)| {
                let mut out = Writer::default();
                out.u8(VERSION);
                cosigner.write(&mut out);
                write_wrapped(&wrapped, &mut out);
                out.into_bytes()
            }),
            Self::PassphraseHeader => reencode_passphrase_header(bytes),
        }
    }
}
