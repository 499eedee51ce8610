//! The control API over TCP, for requesters on other machines: TLS in both directions, and only what a requester may ask.
//!
//! A client shows a certificate of an authority that the cosigner's operator named; without one, nothing is answered. With one it can ask
//! for the status and the keys, for signatures within the policies, for attestations, and hand over freezes that credentials signed.
//! What an operator says (consents, freezes in its own name, resumption, backups, rejoining, keys) is said on the machine itself.
//!
//! A connection is for one request, so that nobody holds one for nothing: its head must come within ten seconds, all of it within the
//! time of a long ceremony, and there are at most [`MAX_CONNECTIONS`] at a time.

use core::time::Duration;
use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, ServerName, pem::PemObject},
    server::WebPkiClientVerifier,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

use super::server::remote_routes;
use crate::{config::ControlConfig, cosigner::Cosigner};

/// How many connections there are at a time; more are closed at once.
pub const MAX_CONNECTIONS: usize = 128;

const HANDSHAKE: Duration = Duration::from_secs(10);
const HEAD: Duration = Duration::from_secs(10);
/// The longest ceremony, an hour, and some.
const WHOLE: Duration = Duration::from_secs(3700);
const CLOSE_WITHIN: Duration = Duration::from_secs(2);

/// Why the control API does not listen. The operator has to act.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RemoteError {
    /// A file does not serve.
    #[error("cannot use {}: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Certificate, key and authorities do not fit together.
    #[error("the certificate, key and authorities under [control] do not fit together: {problem}")]
    Tls {
        /// Why not.
        problem: String,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address} for requesters; it must be an address of this machine that no other program uses")]
    Listen {
        /// The address.
        address: String,
        /// What the system says.
        source: io::Error,
    },
}

/// The server's half of TLS, with files of `directory`.
pub(crate) fn tls(directory: &Path, config: &ControlConfig) -> Result<ServerConfig, RemoteError> {
    let provider = Arc::new(ring::default_provider());
    let fit = |error: rustls::Error| RemoteError::Tls { problem: error.to_string() };
    let authorities = directory.join(&config.client_ca_file);
    let mut roots = RootCertStore::empty();
    for authority in certificates(&authorities)? {
        roots.add(authority).map_err(|error| unusable(&authorities, &error))?;
    }
    let mut verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    if let Some(file) = &config.client_crl_file {
        let path = directory.join(file);
        let lists = CertificateRevocationListDer::pem_file_iter(&path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        verifier = verifier.with_crls(lists.map_err(|error| unusable(&path, &error))?);
    }
    let verifier = verifier.build().map_err(|error| RemoteError::Tls { problem: error.to_string() })?;
    let (chain, key) = (directory.join(&config.certificate), directory.join(&config.key));
    let chain = certificates(&chain)?;
    let key = PrivateKeyDer::from_pem_file(&key).map_err(|error| unusable(&key, &error))?;
    let builder =
        ServerConfig::builder_with_provider(provider).with_protocol_versions(&[&rustls::version::TLS13]).map_err(fit)?;
    let mut tls = builder.with_client_cert_verifier(verifier).with_single_cert(chain, key).map_err(fit)?;
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(tls)
}

/// The certificates of a PEM file, at least one.
pub(crate) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, RemoteError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let found = read.map_err(|error| unusable(path, &error))?;
    if found.is_empty() { Err(unusable(path, &"there is no certificate in it")) } else { Ok(found) }
}

pub(crate) fn unusable(path: &Path, problem: &impl core::fmt::Display) -> RemoteError {
    RemoteError::File { path: path.to_owned(), problem: problem.to_string() }
}

/// A control API that listens on TCP. Dropping it ends what was asked through it.
#[derive(Debug)]
pub(crate) struct RemoteServer {
    address: String,
    closing: watch::Sender<bool>,
}

impl RemoteServer {
    /// Listens.
    pub(crate) async fn start(cosigner: Arc<Cosigner>, address: &str, tls: ServerConfig) -> Result<Self, RemoteError> {
        let failed = |source| RemoteError::Listen { address: address.to_owned(), source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?.to_string();
        let closing = watch::Sender::new(false);
        let serving = Serving {
            router: remote_routes(cosigner),
            acceptor: TlsAcceptor::from(Arc::new(tls)),
            permits: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
            closing: closing.subscribe(),
        };
        drop(tokio::spawn(serving.listen(listener)));
        Ok(Self { address, closing })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Takes no more requests, and waits until no connection is left, for a moment at most.
    pub(crate) async fn close(&self) {
        self.closing.send_replace(true);
        let _closed = timeout(CLOSE_WITHIN, self.closing.closed()).await;
    }
}

impl Drop for RemoteServer {
    fn drop(&mut self) {
        self.closing.send_replace(true);
    }
}

#[derive(Clone)]
struct Serving {
    router: Router,
    acceptor: TlsAcceptor,
    permits: Arc<Semaphore>,
    closing: watch::Receiver<bool>,
}

impl Serving {
    async fn listen(mut self, listener: TcpListener) {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = self.closing.wait_for(|closing| *closing) => return,
            };
            match accepted {
                Ok((stream, from)) => {
                    // With none left the connection is closed: who waits for one would wait for the slowest client.
                    let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() else { continue };
                    let serving = self.clone();
                    drop(tokio::spawn(async move {
                        serving.serve(stream, from).await;
                        drop(permit);
                    }));
                }
                // Too many open files, or a client that was gone at once.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    async fn serve(mut self, stream: TcpStream, from: core::net::SocketAddr) {
        let Ok(Ok(stream)) = timeout(HANDSHAKE, self.acceptor.accept(stream)).await else {
            tracing::debug!(%from, "no TLS connection: it shows no certificate that counts");
            return;
        };
        let mut http = http1::Builder::new();
        http.keep_alive(false).timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(64 << 10);
        let connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(self.router));
        tokio::pin!(connection);
        tokio::select! {
            // Whether the client heard the answer is its matter.
            _ended = timeout(WHOLE, &mut connection) => {}
            _ = self.closing.wait_for(|closing| *closing) => {}
        }
    }
}

/// What a requester on another machine shows, and whom it believes. PEM files.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct ClientTls {
    /// The certificates of the authorities that vouch for the cosigner.
    pub ca_file: PathBuf,
    /// The certificate that the client shows, and those between it and the authority.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

/// Makes connections to one cosigner.
#[derive(Clone)]
pub(super) struct Dialer {
    address: String,
    name: ServerName<'static>,
    tls: Arc<ClientConfig>,
}

impl core::fmt::Debug for Dialer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Dialer").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Dialer {
    pub(super) fn new(address: &str, files: &ClientTls) -> Result<Self, RemoteError> {
        let fit = |error: rustls::Error| RemoteError::Tls { problem: error.to_string() };
        let mut roots = RootCertStore::empty();
        for authority in certificates(&files.ca_file)? {
            roots.add(authority).map_err(|error| unusable(&files.ca_file, &error))?;
        }
        let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| unusable(&files.key, &error))?;
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_protocol_versions(&[&rustls::version::TLS13]).map_err(fit)?.with_root_certificates(roots);
        let tls = builder.with_client_auth_cert(certificates(&files.certificate)?, key).map_err(fit)?;
        let (host, _) = address.rsplit_once(':').unwrap_or((address, ""));
        let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned());
        let name = name.map_err(|error| RemoteError::Tls { problem: format!("{address}: {error}") })?;
        Ok(Self { address: address.to_owned(), name, tls: Arc::new(tls) })
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    pub(super) fn connect(&self, within: Duration) -> io::Result<StreamOwned<ClientConnection, std::net::TcpStream>> {
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for place in std::net::ToSocketAddrs::to_socket_addrs(&self.address)? {
            match std::net::TcpStream::connect_timeout(&place, within.min(HANDSHAKE)) {
                Ok(stream) => {
                    stream.set_read_timeout(Some(within))?;
                    stream.set_write_timeout(Some(within))?;
                    let connection = ClientConnection::new(Arc::clone(&self.tls), self.name.clone());
                    return Ok(StreamOwned::new(connection.map_err(io::Error::other)?, stream));
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}
