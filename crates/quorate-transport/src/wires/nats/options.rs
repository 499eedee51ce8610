//! How a NATS server is reached, and that nobody listens on the way.

use core::{fmt, net::IpAddr};
use std::{io, path::Path, path::PathBuf, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem, pem::PemObject as _},
};
use tokio_rustls::TlsConnector;

use super::chunks::{MAX_PAYLOAD, MIN_PAYLOAD};
use crate::nkey::NkeySeed;

const DEFAULT_PORT: u16 = 4222;
/// The subject below which messages go, if nothing is said.
pub const DEFAULT_SUBJECT: &str = "quorate";
const MAX_SUBJECT: usize = 64;

/// Why a NATS wire does not start. The operator has to act.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NatsError {
    /// A server's URL that is none.
    #[error("{url:?} is no NATS server: give nats://host:4222 or tls://host:4222, without a path, a user or a password")]
    Url {
        /// What was given.
        url: String,
    },
    /// No server at all.
    #[error("no NATS server is named")]
    NoServer,
    /// A subject that servers would read otherwise.
    #[error("{subject:?} is no subject: give words of a-z, 0-9 and - with dots between them, 64 characters at most")]
    Subject {
        /// What was given.
        subject: String,
    },
    /// A limit below the least.
    #[error("payloads have at least {MIN_PAYLOAD} bytes")]
    Payload,
    /// A server elsewhere would not know who speaks.
    #[error("a NATS server on another machine must know who speaks: give an nkey seed or a client certificate")]
    Anonymous,
    /// A file that does not serve.
    #[error("cannot use {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: Box<pem::Error>,
    },
    /// No authority is known to vouch for the server.
    #[error("no authority that could vouch for the NATS server is known; name a file of certificates")]
    NoRoots,
    /// Certificate, key and authorities do not fit together.
    #[error("the certificates for the NATS server do not fit together")]
    Tls(#[from] Box<rustls::Error>),
    /// The server cannot be trusted, or speaks in the clear where it must not.
    #[error("{server} does not prove that it is the NATS server that was named")]
    Untrusted {
        /// Its address.
        server: String,
        /// What it did.
        source: io::Error,
    },
    /// The server does not let this cosigner in, or does not let it hear its own messages.
    #[error("{server} refuses this cosigner: {said}; do its users and permissions come from `quorate nats permissions`?")]
    Refused {
        /// Its address.
        server: String,
        /// What it said, as far as it can be printed.
        said: String,
    },
}

/// One server of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Server {
    pub(super) host: String,
    pub(super) port: u16,
    tls: bool,
}

impl Server {
    fn parse(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let tls = match scheme {
            "nats" => false,
            "tls" => true,
            _ => return None,
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        // An IPv6 address has its colons in brackets.
        let (host, port) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, "")) => (host, None),
            Some((host, port)) => (host, Some(port.strip_prefix(':')?)),
            None => rest.split_once(':').map_or((rest, None), |(host, port)| (host, Some(port))),
        };
        let port = port.map_or(Some(DEFAULT_PORT), |port| port.parse().ok())?;
        ServerName::try_from(host).is_ok().then(|| Self { host: host.to_owned(), port, tls })
    }

    /// Whether nobody else is on the way.
    fn is_here(&self) -> bool {
        self.host == "localhost" || self.host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
    }

    /// Whether only TLS will do, whatever the URL or the server says.
    pub(super) fn needs_tls(&self) -> bool {
        self.tls || !self.is_here()
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// Which servers, who speaks, and which authorities vouch for the servers. `Debug` shows no seed.
#[derive(Clone)]
pub struct NatsOptions {
    pub(super) servers: Vec<Server>,
    pub(super) subject: String,
    pub(super) seed: Option<Arc<NkeySeed>>,
    pub(super) max_payload: usize,
    roots: Option<Vec<CertificateDer<'static>>>,
    client: Option<Arc<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>>,
}

impl NatsOptions {
    /// The servers at these URLs, of which one at a time is used: `tls://nats.example:4222`. A server on another machine is spoken to over
    /// TLS whatever its URL says.
    ///
    /// # Errors
    ///
    /// [`NatsError::Url`], [`NatsError::NoServer`].
    pub fn new(urls: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self, NatsError> {
        let parse = |url: &str| Server::parse(url).ok_or_else(|| NatsError::Url { url: shown(url) });
        let servers: Vec<_> = urls.into_iter().map(|url| parse(url.as_ref())).collect::<Result<_, _>>()?;
        if servers.is_empty() {
            return Err(NatsError::NoServer);
        }
        let subject = DEFAULT_SUBJECT.to_owned();
        Ok(Self { servers, subject, seed: None, max_payload: MAX_PAYLOAD, roots: None, client: None })
    }

    /// The subject below which messages go, the same for all cosigners: `quorate` if nothing is said.
    ///
    /// # Errors
    ///
    /// [`NatsError::Subject`].
    pub fn subject(mut self, subject: &str) -> Result<Self, NatsError> {
        check_subject(subject)?;
        subject.clone_into(&mut self.subject);
        Ok(self)
    }

    /// What shows the server who speaks.
    #[must_use]
    pub fn seed(mut self, seed: NkeySeed) -> Self {
        self.seed = Some(Arc::new(seed));
        self
    }

    /// Cuts payloads shorter than the server asks for: where another one on the way takes less.
    ///
    /// # Errors
    ///
    /// [`NatsError::Payload`] below 1024 bytes.
    pub fn max_payload(mut self, bytes: usize) -> Result<Self, NatsError> {
        self.max_payload = bytes;
        if bytes < MIN_PAYLOAD { Err(NatsError::Payload) } else { Ok(self) }
    }

    /// The authorities that vouch for the servers, as a file of PEM certificates; those of the system if none is given.
    ///
    /// # Errors
    ///
    /// [`NatsError::File`].
    pub fn roots(mut self, file: &Path) -> Result<Self, NatsError> {
        self.roots = Some(certificates(file)?);
        Ok(self)
    }

    /// The certificate and the key that this cosigner shows, as PEM files.
    ///
    /// # Errors
    ///
    /// [`NatsError::File`].
    pub fn client_certificate(mut self, chain: &Path, key: &Path) -> Result<Self, NatsError> {
        let read = PrivateKeyDer::from_pem_file(key).map_err(|source| unusable(key, source))?;
        self.client = Some(Arc::new((certificates(chain)?, read)));
        Ok(self)
    }

    /// Checks that all servers can know who speaks, and makes the client's half of TLS.
    pub(super) fn connector(&self) -> Result<Option<TlsConnector>, NatsError> {
        let elsewhere = self.servers.iter().any(|server| !server.is_here());
        if elsewhere && self.seed.is_none() && self.client.is_none() {
            return Err(NatsError::Anonymous);
        }
        let mut roots = RootCertStore::empty();
        match &self.roots {
            Some(given) => given.iter().try_for_each(|root| roots.add(root.clone())).map_err(Box::new)?,
            // Read where they are needed alone: a server on this machine needs none.
            None if !self.servers.iter().any(Server::needs_tls) => return Ok(None),
            None => {
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
                if roots.is_empty() {
                    return Err(NatsError::NoRoots);
                }
            }
        }
        // Named, so that it does not matter how many providers a process has.
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().map_err(Box::new)?.with_root_certificates(roots);
        let tls = match &self.client {
            Some(client) => builder.with_client_auth_cert(client.0.clone(), client.1.clone_key()).map_err(Box::new)?,
            None => builder.with_no_client_auth(),
        };
        Ok(Some(TlsConnector::from(Arc::new(tls))))
    }
}

impl fmt::Debug for NatsOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsOptions").field("servers", &self.servers).field("subject", &self.subject).finish_non_exhaustive()
    }
}

/// Checks a subject below which messages go.
///
/// # Errors
///
/// [`NatsError::Subject`].
pub fn check_subject(subject: &str) -> Result<(), NatsError> {
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    if subject.len() <= MAX_SUBJECT && subject.split('.').all(is_word) {
        return Ok(());
    }
    Err(NatsError::Subject { subject: shown(subject) })
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, NatsError> {
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let found = read.map_err(|source| unusable(file, source))?;
    if found.is_empty() { Err(unusable(file, pem::Error::NoItemsFound)) } else { Ok(found) }
}

fn unusable(path: &Path, source: pem::Error) -> NatsError {
    NatsError::File { path: path.to_owned(), source: Box::new(source) }
}

/// The start of what was given, without what may be a password or a token in it: nothing up to the last `@`, and no query.
fn shown(text: &str) -> String {
    let start = |text: &str| text.chars().take(80).collect::<String>();
    let (rest, query) = text.split_once(['?', '#']).map_or((text, None), |(rest, query)| (rest, Some(query)));
    let cut = if query.is_some() { "…" } else { "" };
    match rest.rsplit_once('@') {
        // Either part may be of a password that has a question mark in it.
        _ if query.is_some_and(|query| query.contains('@')) => "…".to_owned(),
        Some((_, rest)) => format!("…@{}{cut}", start(rest)),
        None => format!("{}{cut}", start(rest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_elsewhere_needs_tls_and_a_name_whatever_its_url_says() {
        for (url, host, port, tls) in [
            ("nats://127.0.0.1", "127.0.0.1", 4222, false),
            ("nats://localhost:5000/", "localhost", 5000, false),
            ("nats://[::1]:5000", "::1", 5000, false),
            ("tls://[::1]", "::1", 4222, true),
            ("tls://localhost", "localhost", 4222, true),
            ("nats://nats.example", "nats.example", 4222, true),
            ("nats://10.0.0.7:4222", "10.0.0.7", 4222, true),
        ] {
            let server = Server::parse(url).unwrap();
            assert_eq!((server.host.as_str(), server.port, server.needs_tls()), (host, port, tls), "{url}");
        }
        let elsewhere = NatsOptions::new(["nats://localhost", "nats://nats.example"]).unwrap();
        assert!(matches!(elsewhere.connector(), Err(NatsError::Anonymous)));
        assert!(NatsOptions::new(["nats://localhost"]).unwrap().connector().unwrap().is_none());
    }

    #[test]
    fn urls_and_subjects_that_are_none_are_refused_and_passwords_not_repeated() {
        for url in [
            "",
            "nats.example",
            "http://nats.example",
            "nats://",
            "nats://a b",
            "nats://host:port",
            "nats://host:70000",
            "nats://host/path",
            "nats://alice:word@host",
            "nats://[::1",
            "nats://::1",
        ] {
            let error = NatsOptions::new([url]).unwrap_err();
            assert!(matches!(error, NatsError::Url { .. }) && !error.to_string().contains("word@"), "{url}: {error}");
        }
        for (url, repeated) in [
            ("nats://u:pa@ss@host", "…@host"),
            ("nats://u:pa/ss@host", "…@host"),
            ("nats://u:pa?ss@host", "…"),
            ("nats://u:pa#ss@host?x", "…"),
            ("nats://host:4222?token=pass", "nats://host:4222…"),
            ("nats://u:pa@ss@host/path?token=pass", "…@host/path…"),
            ("nats://host/?token=pa@ss", "…"),
            ("nats://host/path", "nats://host/path"),
        ] {
            let error = NatsOptions::new([url]).unwrap_err();
            assert!(matches!(&error, NatsError::Url { url } if url == repeated), "{url}: {error}");
        }
        assert!(matches!(NatsOptions::new([""; 0]), Err(NatsError::NoServer)));
        for subject in ["", ".", "a.", "*", "a.>", "A", "a b", "$SYS", &"a".repeat(65)] {
            assert!(matches!(check_subject(subject), Err(NatsError::Subject { .. })), "{subject}");
        }
        check_subject("acme.quorate-1").unwrap();
    }
}
