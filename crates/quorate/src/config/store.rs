//! The section `[store]`: where sealed shares are kept.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::ConfigError;

/// Where a cosigner's sealed shares are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum StoreConfig {
    /// In a file of its directory.
    #[default]
    Redb,
    /// In a PostgreSQL database.
    Postgres(PostgresConfig),
}

/// A PostgreSQL database, which serves one cosigner. Relative paths begin in the cosigner's directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct PostgresConfig {
    /// Where it is, with the role and the database, without a password.
    pub url: String,
    /// The file with the role's password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_file: Option<PathBuf>,
    /// The file with the certificates of the authorities that vouch for the server; those of the system if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// The certificate and the key that this cosigner shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<ClientCertificate>,
    /// How many connections serve it, 1 to 64.
    #[serde(default = "default_connections")]
    pub connections: usize,
}

/// What shows who a client is. PEM files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ClientCertificate {
    /// The certificate, and those between it and the authority.
    pub chain: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

const fn default_connections() -> usize {
    4
}

impl PostgresConfig {
    /// The database at a URL, without anything else.
    #[must_use]
    pub fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            password_file: None,
            ca_file: None,
            client_certificate: None,
            connections: default_connections(),
        }
    }
}

impl StoreConfig {
    /// Checks the numbers.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        match self {
            Self::Postgres(PostgresConfig { connections: 0 | 65.., .. }) => {
                Err(ConfigError::Number { section: "store", field: "connections", limit: "between 1 and 64" })
            }
            Self::Postgres(_) | Self::Redb => Ok(()),
        }
    }
}
