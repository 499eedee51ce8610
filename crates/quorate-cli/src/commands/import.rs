//! `quorate import`: a key that exists whole, in shares.

use std::{fs::File, io::Read, os::unix::fs::PermissionsExt as _, path::Path};

use quorate::control::api::ImportRequest;
use zeroize::Zeroizing;

use super::{client, keys, reshare::wanted_consent};
use crate::{args::ImportArgs, failure::Failure, output::Output};

/// What is said when it is done: the command cannot do it.
const THEN: &str = "Sign something with every pair first. Then destroy the secret file and every other copy of the key: as long as one is left, \
                    whoever finds it has the key.";

pub(super) fn run(args: ImportArgs, output: Output) -> Result<(), Failure> {
    let client = client(&args.connection)?;
    let secret = read(&args.secret_file)?;
    let request = ImportRequest {
        wallet: args.wallet,
        suite: args.suite,
        secret: secret.as_str().to_owned(),
        seed: args.seed,
        public_key: args.public_key,
        chain_code: args.chain_code,
        min_signers: args.min_signers,
        participants: args.participants,
        request_id: args.request_id,
    };
    let spinner = output.spinner("dealing the key to the other cosigners");
    let made = client.import(&request).map_err(|error| match wanted_consent(&error) {
        Some((name, plan)) => Failure::Consent { name, plan },
        None => error.into(),
    })?;
    drop(spinner);
    let listing = keys::listing(core::slice::from_ref(&made))?;
    output.answer(&made, &format!("{listing}\n{THEN}\n"))
}

/// Reads the digits, unless others can.
fn read(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let failed = |source| Failure::File { action: "read", path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    let mode = metadata.permissions().mode() & 0o777;
    if metadata.is_file() && mode & 0o077 != 0 {
        return Err(Failure::KeyFileNotPrivate { path: path.to_owned(), mode });
    }
    // Room for all of it, so that the buffer never moves and leaves a copy behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(256));
    file.take(128).read_to_end(&mut bytes).map_err(failed)?;
    let digits = core::str::from_utf8(bytes.trim_ascii_end()).ok();
    let digits = digits.filter(|digits| digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    digits.map(|digits| Zeroizing::new(digits.to_owned())).ok_or_else(|| Failure::SecretFile { path: path.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_file_that_others_can_read_or_that_has_something_else_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("old.key");
        std::fs::write(&path, format!("{}\n", "0a".repeat(32))).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(read(&path), Err(Failure::KeyFileNotPrivate { mode: 0o640, .. })));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(*read(&path).unwrap(), "0a".repeat(32));
        for text in ["", "0a", &"0g".repeat(32), &"0a".repeat(33)] {
            std::fs::write(&path, text).unwrap();
            assert!(matches!(read(&path), Err(Failure::SecretFile { .. })), "{text}");
        }
    }
}
