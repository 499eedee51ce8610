//! The section `[store]`: where sealed shares are kept.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::ConfigError;

/// Where a cosigner's sealed shares are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum StoreConfig {
    /// In a file of its directory.
    // With braces: of what has none, serde takes any key.
    Redb {},
    /// In a PostgreSQL database.
    Postgres(PostgresConfig),
    /// Under a prefix of a bucket.
    ObjectStore(BucketConfig),
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

/// A prefix in a bucket of S3, Google Cloud Storage or Azure, which serves one cosigner. Relative paths begin in the cosigner's directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct BucketConfig {
    /// Where it is: `s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix`.
    pub url: String,
    /// The region of an S3 bucket; that of the environment if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Another service that speaks the same protocol.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The storage account of an Azure container; that of the credentials or the environment if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The file with the credentials, as the provider's tools have it; those of the environment or of the machine's role if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_file: Option<PathBuf>,
    /// The file with the certificates of the authorities that vouch for the service; those of the system if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self::Redb {}
    }
}

impl BucketConfig {
    /// The bucket at a URL, without anything else.
    #[must_use]
    pub fn new(url: &str) -> Self {
        Self { url: url.to_owned(), region: None, endpoint: None, account: None, credentials_file: None, ca_file: None }
    }
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
            Self::Postgres(_) | Self::Redb {} | Self::ObjectStore(_) => Ok(()),
        }
    }
}
