//! `SoftHSM2`, a PKCS#11 token in software.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::program::find;

/// Where distributions put the module.
const MODULES: [&str; 4] = [
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/lib/pkcs11/libsofthsm2.so",
    "/opt/homebrew/lib/softhsm/libsofthsm2.so",
];

/// What makes tokens.
pub(crate) const UTIL: &str = "softhsm2-util";

/// Says that a process is the one that [`SoftHsm::serve`] started.
const SERVED: &str = "QUORATE_TOKEN_TEST";

/// A directory of tokens. A process that uses them has its [`configuration`](Self::configuration) in `SOFTHSM2_CONF`.
#[derive(Debug)]
pub struct SoftHsm {
    directory: PathBuf,
    /// Removed with it, unless the directory is somebody else's.
    _temporary: Option<TempDir>,
}

impl SoftHsm {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let hsm = Self::make_in(temporary.path());
        Self { _temporary: Some(temporary), ..hsm }
    }

    /// An empty one in a directory that is there.
    #[must_use]
    pub fn make_in(directory: &Path) -> Self {
        let tokens = directory.join("tokens");
        std::fs::create_dir(&tokens).unwrap();
        let text = format!("directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n", tokens.display());
        let hsm = Self::open(directory);
        std::fs::write(hsm.configuration(), text).unwrap();
        hsm
    }

    /// The one that was made in a directory.
    #[must_use]
    pub fn open(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), _temporary: None }
    }

    /// Runs a test, by its whole name, in a process of its own that has a token: which tokens there are is read from the environment
    /// when a module starts. What that process starts has the token as well.
    pub fn serve(test: &str, label: &str, pin: &str, body: impl FnOnce()) {
        if std::env::var_os(SERVED).is_some() {
            return body();
        }
        let hsm = Self::new();
        hsm.token(label, pin);
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", test, "--nocapture"]);
        let output = command.env("SOFTHSM2_CONF", hsm.configuration()).env(SERVED, "1").output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("1 passed"), "{text}{}", String::from_utf8_lossy(&output.stderr));
    }

    /// The file that `SOFTHSM2_CONF` has to name.
    #[must_use]
    pub fn configuration(&self) -> PathBuf {
        self.directory.join("softhsm2.conf")
    }

    /// Where the objects are; a thief of the machine that has the token gets them.
    #[must_use]
    pub fn tokens(&self) -> PathBuf {
        self.directory.join("tokens")
    }

    /// Makes a token.
    pub fn token(&self, label: &str, pin: &str) {
        let mut command = std::process::Command::new(find(UTIL, []));
        command.args(["--init-token", "--free", "--label", label, "--pin", pin, "--so-pin", "12345678"]);
        let output = command.env("SOFTHSM2_CONF", self.configuration()).output().unwrap();
        assert!(output.status.success(), "softhsm2-util: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// The shared library that programs load.
    #[must_use]
    pub fn module() -> &'static Path {
        find_module().expect("there is no libsofthsm2.so: run scripts/services")
    }
}

/// The shared library, if it is there.
pub(crate) fn find_module() -> Option<&'static Path> {
    MODULES.iter().map(Path::new).find(|path| path.is_file())
}

impl Default for SoftHsm {
    fn default() -> Self {
        Self::new()
    }
}
