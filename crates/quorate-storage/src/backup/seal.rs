//! The encrypted part of a chunk: an age file of its content.

use core::{fmt, str::FromStr};
use std::io::{Read as _, Write as _};

use age::{DecryptError, Decryptor, Encryptor, x25519};
use quorate_core::{
    DecodeError,
    wire::{Reader, Writer},
};
use zeroize::Zeroizing;

use super::{BackupError, MAX_PART};

/// What age encrypts at one time.
const BLOCK: usize = 64 << 10;
/// The most keys of a key file.
const MAX_KEYS: usize = 64;

/// For whom a backup is encrypted: an age public key of the kind X25519.
#[derive(Clone, PartialEq, Eq)]
pub struct Recipient(x25519::Recipient);

impl FromStr for Recipient {
    type Err = BackupError;

    fn from_str(text: &str) -> Result<Self, BackupError> {
        x25519::Recipient::from_str(text).map(Self).map_err(|_| BackupError::Recipient)
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipient({})", self.0)
    }
}

/// The secret keys that open backups.
pub struct OpeningKeys(Vec<x25519::Identity>);

impl fmt::Debug for OpeningKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OpeningKeys({})", self.0.len())
    }
}

impl OpeningKeys {
    /// Reads a key file as `age-keygen` writes it: a key a line, empty lines and comments after `#`.
    ///
    /// # Errors
    ///
    /// [`BackupError::KeyFile`] if there is no key or something else.
    pub fn parse(text: &str) -> Result<Self, BackupError> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let keys: Vec<_> = lines
            .take(MAX_KEYS.saturating_add(1))
            .map(x25519::Identity::from_str)
            .collect::<Result<_, _>>()
            .map_err(|_| BackupError::KeyFile)?;
        if (1..=MAX_KEYS).contains(&keys.len()) { Ok(Self(keys)) } else { Err(BackupError::KeyFile) }
    }
}

/// Encrypts a chunk's content.
pub(super) fn seal(content: &[u8], recipient: &Recipient) -> Result<Vec<u8>, BackupError> {
    // age takes a failing generator for a reason to panic.
    getrandom::fill(&mut [0; 32]).map_err(|_| BackupError::Randomness)?;
    let recipient: &dyn age::Recipient = &recipient.0;
    // Cannot fail for one recipient of this kind.
    let encryptor = Encryptor::with_recipients(core::iter::once(recipient)).map_err(|_| BackupError::Recipient)?;
    let length = u32::try_from(content.len()).map_err(|_| BackupError::TooLarge { length: content.len(), limit: MAX_PART })?;
    let mut writer = encryptor.wrap_output(Vec::new())?;
    writer.write_all(&length.to_be_bytes())?;
    writer.write_all(content)?;
    // age encrypts from one buffer of 64 KiB and does not wipe it: a last block of nothing but zeros overwrites all of it.
    writer.write_all(&vec![0; zeros(content.len())])?;
    let sealed = writer.finish()?;
    if sealed.len() > MAX_PART { Err(BackupError::TooLarge { length: sealed.len(), limit: MAX_PART }) } else { Ok(sealed) }
}

/// What follows content of that length: up to the end of its last block, and one block more.
const fn zeros(content: usize) -> usize {
    let rest = content.saturating_add(4) % BLOCK;
    (if rest == 0 { 0 } else { BLOCK.saturating_sub(rest) }).saturating_add(BLOCK)
}

/// Decrypts a chunk's content.
pub(super) fn open(sealed: &[u8], keys: &OpeningKeys, recipient: &str) -> Result<Zeroizing<Vec<u8>>, BackupError> {
    let decryptor = Decryptor::new_buffered(sealed).map_err(|_| BackupError::SealedDamaged)?;
    let keys = keys.0.iter().map(|key| -> &dyn age::Identity { key });
    let mut reader = match decryptor.decrypt(keys) {
        Ok(reader) => reader,
        Err(DecryptError::NoMatchingKeys) => return Err(BackupError::WrongKey { recipient: recipient.to_owned() }),
        Err(_) => return Err(BackupError::SealedDamaged),
    };
    // The plaintext is shorter than the file. One buffer from the start: growing it would leave a copy of the secret behind.
    let mut plain = Zeroizing::new(vec![0; sealed.len()]);
    let mut length = 0_usize;
    while let Some(room) = plain.get_mut(length..).filter(|room| !room.is_empty()) {
        match reader.read(room).map_err(|_| BackupError::SealedDamaged)? {
            0 => break,
            read => length = length.saturating_add(read),
        }
    }
    plain.truncate(length);
    let mut input = Reader::new(&plain);
    let content = input.bytes(MAX_PART)?;
    if input.rest().len() != zeros(content.len()) || input.rest().iter().any(|byte| *byte != 0) {
        return Err(DecodeError::NotCanonical.into());
    }
    Ok(Zeroizing::new(content.to_vec()))
}

/// A writer's bytes, which are wiped.
pub(super) fn secret(out: Writer) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(out.into_bytes())
}
