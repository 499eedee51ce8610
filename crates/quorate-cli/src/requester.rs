//! Key files of requesters, approvers and credentials: one line, for one user alone.

use std::{
    fs::{File, OpenOptions},
    io::{Read as _, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
};

use quorate::request::Requester;
use zeroize::Zeroizing;

use crate::failure::Failure;

/// What a key file begins with. The secret follows, as 64 hexadecimal digits.
const HEAD: &str = "quorate-requester-1 ";

/// Makes a key pair in a file that is not there yet.
pub(crate) fn create(path: &Path) -> Result<Requester, Failure> {
    let failed = |source| Failure::File { action: "write", path: path.to_owned(), source };
    let requester = Requester::generate().map_err(|_| Failure::Randomness)?;
    let mut digits = Zeroizing::new([0; 64]);
    // 32 bytes have 64 digits.
    let _made = hex::encode_to_slice(requester.to_secret_bytes().as_slice(), digits.as_mut_slice());
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    for part in [HEAD.as_bytes(), digits.as_slice(), b"\n"] {
        file.write_all(part).map_err(failed)?;
    }
    file.sync_all().map_err(failed)?;
    Ok(requester)
}

/// Reads a key file, unless others can.
pub(crate) fn read(path: &Path) -> Result<Requester, Failure> {
    let failed = |source| Failure::File { action: "read", path: path.to_owned(), source };
    let unusable = || Failure::RequesterFile { path: path.to_owned() };
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    let mode = metadata.permissions().mode() & 0o777;
    if metadata.is_file() && mode & 0o077 != 0 {
        return Err(Failure::NotPrivate { path: path.to_owned(), mode });
    }
    // Room for all of it, so that the buffer never moves and leaves a copy behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(256));
    file.take(128).read_to_end(&mut bytes).map_err(failed)?;
    let digits = bytes.strip_prefix(HEAD.as_bytes()).ok_or_else(unusable)?;
    let mut secret = Zeroizing::new([0; 32]);
    hex::decode_to_slice(digits.trim_ascii_end(), secret.as_mut_slice()).map_err(|_| unusable())?;
    Ok(Requester::from_secret_bytes(&secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_file_is_read_back_and_not_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("payroll.key");
        let made = create(&path).unwrap();
        assert_eq!(read(&path).unwrap().key(), made.key());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(matches!(create(&path), Err(Failure::File { action: "write", .. })));
    }

    #[test]
    fn key_file_that_others_can_read_or_that_is_none_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("payroll.key");
        create(&path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(read(&path), Err(Failure::NotPrivate { mode: 0o640, .. })));
        for text in ["", "quorate-requester-1 ", "quorate-requester-1 00", "quorate-requester-2 00", &"x".repeat(500)] {
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
            assert!(matches!(read(&path), Err(Failure::RequesterFile { .. })), "{text}");
        }
    }
}
