//! The section `[key_service]`: what wraps the keys of sealed records, beside the passphrase.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What opens a cosigner's sealed shares.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum KeyServiceConfig {
    /// The passphrase alone.
    #[default]
    Passphrase,
    /// The passphrase and a key in a PKCS#11 token, both needed; the token keeps the keys of epochs as well.
    Pkcs11(Pkcs11Config),
}

/// A key in a PKCS#11 token, which serves one cosigner. Relative paths begin in the cosigner's directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Pkcs11Config {
    /// The shared library that the token's maker gives.
    pub module: PathBuf,
    /// The token's label.
    pub token: String,
    /// The key's label. It is made with the cosigner if the token has none.
    pub key: String,
    /// The file with the PIN.
    pub pin_file: PathBuf,
}

impl Pkcs11Config {
    /// The key of this label in this token.
    #[must_use]
    pub const fn new(module: PathBuf, token: String, key: String, pin_file: PathBuf) -> Self {
        Self { module, token, key, pin_file }
    }
}
