//! How a provider's service is spoken to: over TLS by rustls and ring, without redirects, and with no more read than was agreed. Buckets
//! and the key service of AWS use it.
//!
//! `object_store` tells its callers what a server said in an error as the server said it, which may hold a session token and has no
//! bound. So what was heard is noted here, and an error names its status and its code alone.

use core::{cell::RefCell, net::IpAddr, time::Duration};
use std::{path::Path, sync::Arc};

use async_trait::async_trait;
use http_body_util::{BodyExt as _, Limited};
use hyper::{Uri, body::Incoming, header::HeaderMap};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use object_store::client::{
    HttpClient, HttpConnector as Connect, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody, HttpResponse, HttpResponseBody,
    HttpService,
};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use tokio::time::{Instant, sleep};

pub(crate) type Reason = Box<dyn core::error::Error + Send + Sync>;

const CONNECT_WITHIN: Duration = Duration::from_secs(5);
const IDLE_FOR: Duration = Duration::from_secs(30);
const LONGEST_COMPLAINT: usize = 64 << 10;
const LONGEST_CODE: usize = 64;
const TRIES: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(100);

tokio::task_local! {
    static HEARD: RefCell<Option<Heard>>;
}

/// What came back over the wire last.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Heard {
    #[error("the service answered with status {status} {code}")]
    Answer { status: u16, code: String },
    #[error("{0}")]
    Nothing(String),
}

/// Does work, and tells what was heard last while it was done.
pub(crate) async fn listen<T>(work: impl Future<Output = T>) -> (T, Option<Heard>) {
    HEARD.scope(RefCell::new(None), async { (work.await, HEARD.with(RefCell::take)) }).await
}

pub(crate) fn note(heard: Heard) {
    // Outside of `listen` there is nobody to tell.
    let _outside = HEARD.try_with(|place| place.replace(Some(heard)));
}

/// Whether a host is this machine, so that nobody listens on the way.
pub(crate) fn is_here(host: &str) -> bool {
    host == "localhost" || address(host).is_some_and(|address| address.is_loopback())
}

fn address(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// The services on the link itself that give a machine its role's credentials; they have no TLS.
fn gives_credentials(host: &str) -> bool {
    let here = |text: &str| address(text) == address(host);
    matches!(host, "metadata.google.internal" | "metadata")
        || matches!(address(host), Some(IpAddr::V4(address)) if address.is_link_local())
        || here("fd00:ec2::254")
        || here("fd00:ec2::23")
}

/// Another service that speaks the same protocol, as `https://minio.example:9000`. In the clear on this machine alone.
pub(crate) fn endpoint(url: &str) -> Result<String, &'static str> {
    let uri: Uri = url.parse().map_err(|_| "it must be as https://host:port")?;
    let host = uri.host().ok_or("it names no host")?;
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) || uri.query().is_some() {
        return Err("credentials do not belong in a URL, which is logged and listed; give them in a file");
    }
    match uri.scheme_str() {
        Some("https") => {}
        Some("http") if is_here(host) => {}
        _ => return Err("it must be https://, or http:// on this machine alone"),
    }
    // Whoever signs requests reads them so, and takes for granted that it can.
    url::Url::parse(url).map_err(|_| "its host or its port cannot be")?;
    Ok(url.trim_end_matches('/').to_owned())
}

/// The authorities of a file of PEM certificates.
pub(crate) fn read_roots(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let found = read.map_err(|error| error.to_string())?;
    if found.is_empty() { Err("there is none in it".to_owned()) } else { Ok(found) }
}

/// Whether there is another attempt, and when.
pub(crate) struct Tries {
    left: u32,
    pause: Duration,
    until: Instant,
}

impl Tries {
    pub(crate) const fn new(until: Instant) -> Self {
        Self { left: TRIES - 1, pause: FIRST_PAUSE, until }
    }

    /// Waits before the next attempt; `false` if there is none.
    pub(crate) async fn again(&mut self) -> bool {
        let jitter = getrandom::u32().unwrap_or_default() % 100;
        let pause = self.pause.saturating_add(Duration::from_millis(jitter.into()));
        if self.left == 0 || self.until.saturating_duration_since(Instant::now()) <= pause {
            return false;
        }
        self.left = self.left.saturating_sub(1);
        self.pause = self.pause.saturating_mul(2);
        sleep(pause).await;
        true
    }
}

/// Makes the clients that `object_store` uses.
#[derive(Clone, Debug)]
pub(crate) struct Connector {
    tls: Arc<ClientConfig>,
    /// The most bytes of an answer.
    most: usize,
}

impl Connector {
    /// Trusts these authorities, or those of the system, unless nothing is asked but in the clear at `endpoint`.
    pub(crate) fn new(roots: Option<&[CertificateDer<'static>]>, endpoint: Option<&str>, most: usize) -> Result<Self, Reason> {
        let mut trusted = RootCertStore::empty();
        match roots {
            Some(given) => given.iter().try_for_each(|root| trusted.add(root.clone()))?,
            // Read where they are needed alone.
            None if endpoint.is_some_and(|endpoint| endpoint.starts_with("http://")) => {}
            None => {
                trusted.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
                if trusted.is_empty() {
                    return Err("this system has no certificates of authorities; name a file of them".into());
                }
            }
        }
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let tls = builder.with_root_certificates(trusted).with_no_client_auth();
        Ok(Self { tls: Arc::new(tls), most })
    }
}

impl Connect for Connector {
    fn connect(&self, _: &object_store::ClientOptions) -> object_store::Result<HttpClient> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_WITHIN));
        let tls = HttpsConnectorBuilder::new().with_tls_config(ClientConfig::clone(&self.tls)).https_or_http().enable_http1();
        let client = Client::builder(TokioExecutor::new()).pool_idle_timeout(IDLE_FOR).build(tls.wrap_connector(tcp));
        Ok(HttpClient::new(Service { client, most: self.most }))
    }
}

#[derive(Debug)]
struct Service {
    client: Client<HttpsConnector<HttpConnector>, HttpRequestBody>,
    most: usize,
}

#[async_trait]
impl HttpService for Service {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        if !may_be_asked(request.uri()) {
            return Err(unheard("the address is neither https nor this machine".to_owned()));
        }
        let answer = self.client.request(request).await.map_err(|error| unheard(words(&error)))?;
        let (head, body) = answer.into_parts();
        let status = head.status.as_u16();
        if head.status.is_success() {
            note(Heard::Answer { status, code: String::new() });
            let body = Limited::new(body, self.most).map_err(|error| unheard(words(&*error)));
            return Ok(HttpResponse::from_parts(head, HttpResponseBody::new(body)));
        }
        let complaint = complaint(body).await;
        note(Heard::Answer { status, code: code(&head.headers, &complaint) });
        Ok(HttpResponse::from_parts(head, HttpResponseBody::from(complaint)))
    }
}

fn may_be_asked(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default();
    uri.scheme_str() == Some("https") || is_here(host) || gives_credentials(host)
}

/// The start of what the service says of an error; nothing if it says too much.
async fn complaint(body: Incoming) -> String {
    let read = Limited::new(body, LONGEST_COMPLAINT).collect().await;
    read.map(|all| String::from_utf8_lossy(&all.to_bytes()).into_owned()).unwrap_or_default()
}

/// The name that the service has for an error, and nothing else of what it says.
fn code(headers: &HeaderMap, complaint: &str) -> String {
    let named = headers.get("x-ms-error-code").and_then(|code| code.to_str().ok());
    let inside = || complaint.split_once("<Code>")?.1.split_once("</Code>").map(|(code, _)| code);
    // JSON, as `"__type": "namespace#Name"`.
    let typed = || complaint.split_once("\"__type\"")?.1.split('"').nth(1)?.rsplit('#').next();
    let code = named.or_else(inside).or_else(typed).unwrap_or_default();
    code.chars().filter(char::is_ascii_alphanumeric).take(LONGEST_CODE).collect()
}

/// An error with its causes, which are of this machine and name no secret.
fn words(error: &(dyn core::error::Error + 'static)) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        words = format!("{words}: {inner}");
        cause = inner.source();
    }
    words
}

fn unheard(words: String) -> HttpError {
    note(Heard::Nothing(words.clone()));
    HttpError::new(HttpErrorKind::Unknown, Heard::Nothing(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_and_its_credentials_are_asked_in_the_clear() {
        for (uri, asked) in [
            ("https://bucket.example/x", true),
            ("http://127.0.0.1:9000/x", true),
            ("http://[::1]:9000/x", true),
            ("http://localhost/x", true),
            ("http://169.254.169.254/latest", true),
            ("http://[fd00:ec2::254]/latest", true),
            ("http://metadata.google.internal/x", true),
            ("http://bucket.example/x", false),
            ("http://10.0.0.1/x", false),
            ("http://127.0.0.1.example/x", false),
        ] {
            assert_eq!(may_be_asked(&uri.parse().unwrap()), asked, "{uri}");
        }
    }

    #[test]
    fn endpoint_that_nobody_could_sign_for_is_refused() {
        assert_eq!(endpoint("https://kms.example:9000/"), Ok("https://kms.example:9000".to_owned()));
        for url in [
            "https://kms.example:99999",
            "https://10.0.0.256",
            "https://xn--zz-.example",
            "https://1.2.3.4.5",
            "http://[::1]:70000",
        ] {
            assert!(endpoint(url).is_err(), "{url}");
        }
    }

    #[test]
    fn code_of_an_error_is_its_name_and_no_more() {
        let headers = HeaderMap::new();
        let body = "<Error><Code>SignatureDoesNotMatch</Code><StringToSign>x-amz-security-token:SECRET</StringToSign></Error>";
        assert_eq!(code(&headers, body), "SignatureDoesNotMatch");
        assert_eq!(code(&headers, "<Code>a b<c>\u{7}</Code>"), "abc");
        assert_eq!(code(&headers, &format!("<Code>{}</Code>", "x".repeat(1000))).len(), LONGEST_CODE);
        assert_eq!(code(&headers, "no xml"), "");
        assert_eq!(code(&headers, r#"{"__type":"com.amazonaws.kms#DisabledException","message":"SECRET"}"#), "DisabledException");
        assert_eq!(code(&headers, r#"{"message":"SECRET","__type" : "NotFoundException"}"#), "NotFoundException");
        assert_eq!(code(&headers, r#"{"__type":1}"#), "");
    }
}
