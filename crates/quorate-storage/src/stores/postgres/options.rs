//! How the database is reached, and that nobody listens on the way.

use core::{fmt, net::IpAddr, time::Duration};
use std::{path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use tokio_postgres::{
    Config,
    config::{Host, SslMode, TargetSessionAttrs},
};
use tokio_postgres_rustls::MakeRustlsConnect;
use zeroize::Zeroizing;

use crate::store::{Location, StoreError};

type Reason = Box<dyn core::error::Error + Send + Sync>;

/// The server gives up a statement before the client does, so that fewer outcomes are unknown.
const SETTINGS: &str = "-c synchronous_commit=on -c statement_timeout=15s -c lock_timeout=10s \
     -c idle_in_transaction_session_timeout=30s -c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3";
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
const CONNECTIONS: usize = 4;
const MOST_CONNECTIONS: usize = 64;

/// Where a database is, who connects, and which authorities vouch for it. `Debug` shows no password.
#[derive(Clone)]
pub struct PostgresOptions {
    config: Config,
    roots: Option<Vec<CertificateDer<'static>>>,
    client: Option<Arc<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>>,
    connections: usize,
}

impl PostgresOptions {
    /// Reads a URL as `postgres://role@host:5432/database`, or the other notation of libpq, without a password.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] if it is none, names no database, or has a password in it.
    pub fn new(url: &str) -> Result<Self, StoreError> {
        let wrong = |reason: Reason| unusable("read the database's URL", reason);
        let mut config: Config = url.parse().map_err(|error| wrong(Box::<tokio_postgres::Error>::new(error)))?;
        if config.get_password().is_some() {
            return Err(wrong("the password does not belong in the URL, which is logged and listed; give it in a file".into()));
        }
        if config.get_hosts().is_empty() || config.get_dbname().is_none() || config.get_user().is_none() {
            return Err(wrong("it must name a role, a host and a database: postgres://role@host/database".into()));
        }
        config.options(SETTINGS).application_name("quorate").connect_timeout(CONNECT_WITHIN);
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        config.keepalives_idle(Duration::from_secs(10)).tcp_user_timeout(Duration::from_secs(30));
        // Nobody is to be fooled into speaking in the clear.
        if !config.get_hosts().iter().all(is_here) {
            config.ssl_mode(SslMode::Require);
        }
        Ok(Self { config, roots: None, client: None, connections: CONNECTIONS })
    }

    /// The role's password.
    #[must_use]
    pub fn password(mut self, password: &Zeroizing<String>) -> Self {
        self.config.password(password.as_bytes());
        self
    }

    /// The authorities that vouch for the server, as a file of PEM certificates; those of the system if none is given.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] if the file does not serve.
    pub fn roots(mut self, file: &Path) -> Result<Self, StoreError> {
        self.roots = Some(certificates(file)?);
        Ok(self)
    }

    /// The certificate and the key that this client shows, as PEM files.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] if one of them does not serve.
    pub fn client_certificate(mut self, chain: &Path, key: &Path) -> Result<Self, StoreError> {
        let read = PrivateKeyDer::from_pem_file(key);
        let key = read.map_err(|error| unusable("read the client's key", format!("{}: {error}", key.display()).into()))?;
        self.client = Some(Arc::new((certificates(chain)?, key)));
        Ok(self)
    }

    /// How many connections serve calls, 1 to 64, 4 if nothing is said; one more holds the lock.
    #[must_use]
    pub fn pool(mut self, connections: usize) -> Self {
        self.connections = connections.clamp(1, MOST_CONNECTIONS);
        self
    }

    pub(super) const fn connections(&self) -> usize {
        self.connections
    }

    /// The database in words, without what is secret.
    #[must_use]
    pub fn location(&self) -> Location {
        let ports = self.config.get_ports();
        let port = |place: usize| ports.get(place).or(ports.first()).copied().unwrap_or(5432);
        let hosts = self.config.get_hosts().iter().enumerate();
        let hosts: Vec<_> = hosts.map(|(place, host)| format!("{}:{}", name_of(host), port(place))).collect();
        Location::new(&format!("PostgreSQL {}, database {}", hosts.join(" or "), self.config.get_dbname().unwrap_or_default()))
    }

    pub(super) fn connector(&self) -> Result<(Config, MakeRustlsConnect), Reason> {
        let mut roots = RootCertStore::empty();
        match &self.roots {
            Some(given) => given.iter().try_for_each(|root| roots.add(root.clone()))?,
            // Read where they are needed alone: a database on this machine needs none.
            None if self.config.get_ssl_mode() == SslMode::Disable || self.config.get_hosts().iter().all(is_here) => {}
            None => {
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
                if roots.is_empty() {
                    return Err("this system has no certificates of authorities; name a file of them".into());
                }
            }
        }
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let builder = builder.with_root_certificates(roots);
        let tls = match &self.client {
            Some(client) => builder.with_client_auth_cert(client.0.clone(), client.1.clone_key())?,
            None => builder.with_no_client_auth(),
        };
        Ok((self.config.clone(), MakeRustlsConnect::new(tls)))
    }
}

impl fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresOptions").field("location", &self.location()).finish_non_exhaustive()
    }
}

/// Whether nobody else is on the way.
fn is_here(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => name == "localhost" || name.parse().is_ok_and(|address: IpAddr| address.is_loopback()),
    }
}

fn name_of(host: &Host) -> String {
    match host {
        Host::Unix(path) => path.display().to_string(),
        Host::Tcp(name) => name.clone(),
    }
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, StoreError> {
    let wrong = |reason: String| unusable("read certificates", format!("{}: {reason}", file.display()).into());
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let found = read.map_err(|error| wrong(error.to_string()))?;
    if found.is_empty() { Err(wrong("there is none in it".to_owned())) } else { Ok(found) }
}

fn unusable(operation: &'static str, source: Reason) -> StoreError {
    StoreError::Unavailable { location: Location::new("PostgreSQL"), operation, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_elsewhere_is_spoken_to_over_tls_whatever_the_url_says() {
        for url in [
            "postgres://alice@db.example/quorate",
            "postgres://alice@db.example/quorate?sslmode=disable",
            "postgres://alice@db.example/quorate?sslmode=prefer",
            "postgres://alice@127.0.0.1,db.example/quorate?sslmode=disable",
            "host=10.0.0.7 user=alice dbname=quorate sslmode=disable",
        ] {
            assert_eq!(PostgresOptions::new(url).unwrap().config.get_ssl_mode(), SslMode::Require, "{url}");
        }
        let here = PostgresOptions::new("postgres://alice@localhost/quorate?sslmode=disable").unwrap();
        assert_eq!(here.config.get_ssl_mode(), SslMode::Disable);
    }

    #[test]
    fn url_without_a_role_a_host_or_a_database_and_one_with_a_password_are_refused() {
        for url in [
            "",
            "postgres://db.example/quorate",
            "postgres://alice@db.example",
            "user=alice dbname=quorate",
            "postgres://alice:word@db.example/quorate",
            "mysql://alice@db.example/quorate",
        ] {
            let error = PostgresOptions::new(url).unwrap_err();
            assert!(
                matches!(error, StoreError::Unavailable { .. }) && !format!("{error:?}").contains("word@"),
                "{url}: {error:?}"
            );
        }
    }

    #[test]
    fn location_names_hosts_and_database() {
        let options = PostgresOptions::new("postgres://alice@a.example:5433,b.example:5434/quorate").unwrap();
        assert_eq!(options.location().to_string(), "PostgreSQL a.example:5433 or b.example:5434, database quorate");
        let options = PostgresOptions::new("postgres://alice@a.example/quorate").unwrap();
        assert_eq!(options.location().to_string(), "PostgreSQL a.example:5432, database quorate");
    }
}
