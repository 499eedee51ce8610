//! The section `[key_service]`: what wraps the keys of sealed records. All that it names are needed.

use std::{collections::BTreeSet, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::ConfigError;

/// What opens a cosigner's sealed shares: the passphrase, a key in a token, a key in AWS KMS, or several of these, all needed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct KeyServiceConfig {
    /// Whether a passphrase is needed. It is if nothing is said.
    #[serde(default = "yes")]
    pub passphrase: bool,
    /// A key in a PKCS#11 token, which then keeps the keys of epochs as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pkcs11: Option<Pkcs11Config>,
    /// A key in AWS KMS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aws_kms: Option<AwsKmsConfig>,
}

const fn yes() -> bool {
    true
}

impl Default for KeyServiceConfig {
    /// The passphrase alone.
    fn default() -> Self {
        Self { passphrase: true, pkcs11: None, aws_kms: None }
    }
}

impl KeyServiceConfig {
    /// These, all needed.
    ///
    /// # Errors
    ///
    /// [`ConfigError::NoKeyService`] if it is none.
    pub fn new(passphrase: bool, pkcs11: Option<Pkcs11Config>, aws_kms: Option<AwsKmsConfig>) -> Result<Self, ConfigError> {
        let config = Self { passphrase, pkcs11, aws_kms };
        config.check()?;
        Ok(config)
    }

    /// No more domains than are needed here.
    pub(crate) fn check_domains(&self, domains: &[String]) -> Result<(), ConfigError> {
        let domains = domains.iter().collect::<BTreeSet<_>>().len();
        let needed = [self.passphrase, self.pkcs11.is_some(), self.aws_kms.is_some()].into_iter().filter(|is| *is).count();
        if domains <= needed { Ok(()) } else { Err(ConfigError::KeyServiceDomains { domains, needed }) }
    }

    pub(super) const fn check(&self) -> Result<(), ConfigError> {
        let any = self.passphrase || self.pkcs11.is_some() || self.aws_kms.is_some();
        if any { Ok(()) } else { Err(ConfigError::NoKeyService) }
    }
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

/// A symmetric key in AWS KMS. Relative paths begin in the cosigner's directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct AwsKmsConfig {
    /// The key's id or ARN; no alias, which can be moved to another key.
    pub key: String,
    /// Its region; that of the ARN, or else of the environment, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Another endpoint than that of the region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The file with the credentials, as the tools of AWS have it; those of the environment or of the machine's role if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_file: Option<PathBuf>,
    /// The file with the certificates of the authorities that vouch for the service; those of the system if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
}

impl AwsKmsConfig {
    /// The key of this id or ARN, without anything else.
    #[must_use]
    pub const fn new(key: String) -> Self {
        Self { key, region: None, endpoint: None, credentials_file: None, ca_file: None }
    }
}
