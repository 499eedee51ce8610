//! The section `[wire]`: what carries datagrams to the other cosigners.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::ClientCertificate;

/// What carries datagrams to the other cosigners. All of them use the same.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum WireConfig {
    /// Connections between each two, at the addresses of the roster.
    #[default]
    Tcp,
    /// A NATS server, or a cluster of them.
    Nats(NatsConfig),
}

/// NATS servers, of which one at a time is used. Relative paths begin in the cosigner's directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct NatsConfig {
    /// Where they are: `tls://nats.example:4222`.
    pub servers: Vec<String>,
    /// The subject below which messages go, the same for all cosigners; `quorate` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The file with the nkey seed by which a server knows this cosigner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed_file: Option<PathBuf>,
    /// The file with the certificates of the authorities that vouch for the servers; those of the system if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// The certificate and the key that this cosigner shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<ClientCertificate>,
    /// The longest payload in bytes, where a server on the way takes less than the one that this cosigner is connected to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_payload: Option<usize>,
}

impl NatsConfig {
    /// The servers at these URLs, without anything else.
    #[must_use]
    pub const fn new(servers: Vec<String>) -> Self {
        Self { servers, subject: None, seed_file: None, ca_file: None, client_certificate: None, max_payload: None }
    }
}

impl WireConfig {
    /// Whether the cosigner listens by itself.
    pub(super) const fn listens(&self) -> bool {
        matches!(self, Self::Tcp)
    }
}
