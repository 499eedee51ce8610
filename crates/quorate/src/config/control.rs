//! The sections `[control]` and `[metrics]`: where programs on other machines ask.

use std::path::PathBuf;

use serde::Deserialize;

/// Where metrics and probes are served, over plain HTTP. They name peers and counts, and whoever can reach the port can read them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct MetricsConfig {
    /// Host and port.
    pub listen: String,
}

/// The control API over TCP. PEM files; relative paths begin in the cosigner's directory.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ControlConfig {
    /// Where it listens, host and port.
    pub listen: String,
    /// The certificate that it shows, and those between it and the authority.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// The certificates of the authorities that vouch for requesters. Whoever has a certificate of theirs may ask.
    pub client_ca_file: PathBuf,
    /// The authorities' lists of certificates that count no more. They are read at the start.
    #[serde(default)]
    pub client_crl_file: Option<PathBuf>,
}
