//! How the service is spoken to: over TLS by rustls and ring, without redirects, and with no more read than was agreed.
//!
//! `object_store` tells its callers what a server said in an error as the server said it, which may hold a session token and has no
//! bound. So what was heard is noted here, and an error names its status and its code alone.

use core::{cell::RefCell, net::IpAddr, time::Duration};
use std::sync::Arc;

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
use rustls::ClientConfig;

const CONNECT_WITHIN: Duration = Duration::from_secs(5);
const IDLE_FOR: Duration = Duration::from_secs(30);
const LONGEST_COMPLAINT: usize = 64 << 10;
const LONGEST_CODE: usize = 64;

tokio::task_local! {
    static HEARD: RefCell<Option<Heard>>;
}

/// What came back over the wire last.
#[derive(Debug, thiserror::Error)]
pub(super) enum Heard {
    #[error("the service answered with status {status} {code}")]
    Answer { status: u16, code: String },
    #[error("{0}")]
    Nothing(String),
}

/// Does work, and tells what was heard last while it was done.
pub(super) async fn listen<T>(work: impl Future<Output = T>) -> (T, Option<Heard>) {
    HEARD.scope(RefCell::new(None), async { (work.await, HEARD.with(RefCell::take)) }).await
}

pub(super) fn note(heard: Heard) {
    // Outside of `listen` there is nobody to tell.
    let _outside = HEARD.try_with(|place| place.replace(Some(heard)));
}

/// Whether a host is this machine, so that nobody listens on the way.
pub(super) fn is_here(host: &str) -> bool {
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

/// Makes the clients that `object_store` uses.
#[derive(Clone, Debug)]
pub(super) struct Connector {
    pub(super) tls: Arc<ClientConfig>,
    /// The most bytes of an answer.
    pub(super) most: usize,
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
    let code = named.or_else(inside).unwrap_or_default();
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
    fn code_of_an_error_is_its_name_and_no_more() {
        let headers = HeaderMap::new();
        let body = "<Error><Code>SignatureDoesNotMatch</Code><StringToSign>x-amz-security-token:SECRET</StringToSign></Error>";
        assert_eq!(code(&headers, body), "SignatureDoesNotMatch");
        assert_eq!(code(&headers, "<Code>a b<c>\u{7}</Code>"), "abc");
        assert_eq!(code(&headers, &format!("<Code>{}</Code>", "x".repeat(1000))).len(), LONGEST_CODE);
        assert_eq!(code(&headers, "no xml"), "");
    }
}
