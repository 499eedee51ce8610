//! Where passphrases come from: a prompt, a private file, or an open file descriptor. Never arguments or the environment.

use std::{
    fs::File,
    io::{IsTerminal as _, Read as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use crate::args::PassphraseArgs;

/// The longest passphrase, in bytes.
const MAX_PASSPHRASE: u64 = 1024;

/// Why there is no passphrase.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PassphraseError {
    /// The file or descriptor cannot be read.
    #[error("cannot read the passphrase from {}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    /// Others could have read it.
    #[error("others can read the passphrase file {} (mode {mode:03o}); run chmod 600, or hand it over with --passphrase-fd", path.display())]
    NotPrivate { path: PathBuf, mode: u32 },
    /// Nothing, something without end, or not text.
    #[error("the passphrase must be a line of 1 to {MAX_PASSPHRASE} bytes of UTF-8 text")]
    Unusable,
    /// Typed differently the second time.
    #[error("the two passphrases differ; start again")]
    Differ,
    /// Nobody to ask.
    #[error("there is no terminal to ask for the passphrase; use --passphrase-file or --passphrase-fd")]
    NoTerminal,
}

/// Reads the passphrase; a new one is asked for twice.
pub(crate) fn read(args: &PassphraseArgs, new: bool) -> Result<Zeroizing<String>, PassphraseError> {
    match (&args.passphrase_file, args.passphrase_fd) {
        (Some(path), _) => from_file(path, true),
        (None, Some(number)) => from_file(Path::new(&format!("/dev/fd/{number}")), false),
        (None, None) => ask(new),
    }
}

fn ask(new: bool) -> Result<Zeroizing<String>, PassphraseError> {
    if !std::io::stdin().is_terminal() {
        return Err(PassphraseError::NoTerminal);
    }
    let prompt = |text: &str| rpassword::prompt_password(text).map(Zeroizing::new).map_err(|_| PassphraseError::NoTerminal);
    let passphrase = prompt(if new { "New passphrase (there is no way to recover it): " } else { "Passphrase: " })?;
    if new && *prompt("The same again: ")? != *passphrase {
        return Err(PassphraseError::Differ);
    }
    if passphrase.is_empty() { Err(PassphraseError::Unusable) } else { Ok(passphrase) }
}

fn from_file(path: &Path, private: bool) -> Result<Zeroizing<String>, PassphraseError> {
    let unreadable = |source| PassphraseError::Unreadable { path: path.to_owned(), source };
    let file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    let mode = metadata.permissions().mode() & 0o777;
    if private && metadata.is_file() && mode & 0o077 != 0 {
        return Err(PassphraseError::NotPrivate { path: path.to_owned(), mode });
    }
    // Room for a whole passphrase and its line end, so that the buffer never moves and leaves a copy behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(2048));
    file.take(MAX_PASSPHRASE + 2).read_to_end(&mut bytes).map_err(unreadable)?;
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let text = core::str::from_utf8(line).map_err(|_| PassphraseError::Unusable)?;
    let fits = u64::try_from(text.len()).is_ok_and(|length| (1..=MAX_PASSPHRASE).contains(&length));
    if fits { Ok(Zeroizing::new(text.to_owned())) } else { Err(PassphraseError::Unusable) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(content: &[u8], mode: u32) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(mode)).unwrap();
        file
    }

    #[test]
    fn passphrase_is_the_first_line_without_its_end() {
        for content in [&b"correct horse"[..], b"correct horse\n", b"correct horse\r\nsecond line\n"] {
            assert_eq!(*from_file(file(content, 0o600).path(), true).unwrap(), "correct horse");
        }
    }

    #[test]
    fn passphrase_that_is_empty_endless_or_binary_is_refused() {
        for content in [&b""[..], b"\n", b"\xff\n", &[b'x'; 1025], &[b'x'; 5000]] {
            assert!(matches!(from_file(file(content, 0o600).path(), true), Err(PassphraseError::Unusable)), "{content:?}");
        }
        assert!(from_file(file(&[b'x'; 1024], 0o600).path(), true).is_ok());
    }

    #[test]
    fn passphrase_file_that_others_can_read_is_refused() {
        for mode in [0o640, 0o604, 0o644, 0o610] {
            assert!(matches!(from_file(file(b"x", mode).path(), true), Err(PassphraseError::NotPrivate { .. })), "{mode:o}");
        }
        assert!(from_file(file(b"x", 0o400).path(), true).is_ok());
    }
}
