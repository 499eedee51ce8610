//! What can go wrong with a backup, and who must act on it.

use quorate_core::DecodeError;

/// An error of a backup.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// The file cannot be read or written.
    #[error("the backup cannot be read or written")]
    Io(#[source] std::io::Error),
    /// Another file.
    #[error("this is no backup of Quorate")]
    NotABackup,
    /// A later version wrote it.
    #[error("the backup has format version {found}, which this program does not know")]
    UnsupportedVersion {
        /// The version.
        found: u8,
    },
    /// It ends too early.
    #[error("the backup ends too early; it was not written or copied to its end")]
    Truncated,
    /// Its bytes are not what a cosigner writes.
    #[error("the backup is damaged")]
    Damaged(#[from] DecodeError),
    /// Its keys are not those that its beginning names.
    #[error("the backup does not hold the keys that its beginning names; something was added, left out or exchanged")]
    OtherKeys,
    /// Its encrypted part is for another key.
    #[error("the backup is encrypted to {recipient}, and the key that was given is not that one's")]
    WrongKey {
        /// The recipient that the backup names.
        recipient: String,
    },
    /// Its encrypted part does not open.
    #[error("the encrypted part of the backup is damaged")]
    SealedDamaged,
    /// More than fits into a chunk.
    #[error("a part of the backup would have {length} bytes, above the limit of {limit}")]
    TooLarge {
        /// Its length.
        length: usize,
        /// The limit.
        limit: usize,
    },
    /// A recipient that is none.
    #[error("a recipient is an age public key of the kind X25519: age1 and 58 more letters and digits")]
    Recipient,
    /// A key file without a key.
    #[error("the key file holds no age secret key of the kind X25519, a line AGE-SECRET-KEY-1…, or a line that is not one")]
    KeyFile,
    /// The generator of randomness failed. What was written is no backup.
    #[error("the random generator failed")]
    Randomness,
}

impl From<std::io::Error> for BackupError {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::UnexpectedEof { Self::Truncated } else { Self::Io(error) }
    }
}
