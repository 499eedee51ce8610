//! A call of KMS: a signed POST of JSON, tried again where that can help.

use core::{fmt, time::Duration};

use http_body_util::BodyExt as _;
use hyper::{Method, Request, header};
use object_store::{
    ClientOptions,
    aws::{AwsAuthorizer, AwsCredential, AwsCredentialProvider},
    client::{HttpClient, HttpConnector as _, HttpRequest},
};
use tokio::time::{Instant, timeout_at};
use zeroize::Zeroizing;

use super::{AwsKmsError, AwsKmsOptions};
use crate::http::{Connector, Heard, Reason, Tries, endpoint, listen};

/// How long a call may take, with all its attempts.
const WITHIN: Duration = Duration::from_secs(15);
/// How long one attempt may take.
const ATTEMPT: Duration = Duration::from_secs(5);
const LONGEST_ANSWER: usize = 64 << 10;

/// Where KMS is, and who asks.
pub(super) struct Client {
    http: HttpClient,
    identity: AwsCredentialProvider,
    pub(super) endpoint: String,
    region: String,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({})", self.endpoint)
    }
}

/// Why a call was not answered as it should be.
#[derive(Debug)]
pub(super) enum Failed {
    /// The key does not open this, or says that it may not be asked to; which of the two is told apart by the caller.
    Ciphertext,
    Denied,
    Other(AwsKmsError),
}

/// What one attempt came to, before the wire is asked why.
enum Attempt {
    Answer(Zeroizing<Vec<u8>>),
    NoCredentials,
    NoAnswer,
    Refused,
}

impl Client {
    pub(super) fn new(options: &AwsKmsOptions) -> Result<Self, AwsKmsError> {
        let region = options.region_or_ambient()?;
        let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        let of_region = || endpoint(&format!("https://kms.{region}.{domain}")).map_err(|what| AwsKmsError::Options { what });
        let endpoint = options.endpoint.clone().map_or_else(of_region, Ok)?;
        let failed = |source: Reason| AwsKmsError::Setup { source };
        let connector = Connector::new(options.roots.as_deref(), Some(&endpoint), LONGEST_ANSWER).map_err(failed)?;
        let http = connector.connect(&ClientOptions::default()).map_err(|error| failed(error.into()))?;
        // Who gives credentials has a certificate of the system's authorities, whatever KMS has, or is on the link itself.
        let givers = Connector::new(None, None, LONGEST_ANSWER).unwrap_or(connector);
        let identity = options.identity.provider(&region, givers).map_err(failed)?;
        Ok(Self { http, identity, endpoint, region })
    }

    /// Asks for an operation on `key`, and gives the JSON of the answer.
    pub(super) async fn ask(&self, operation: &str, key: &str, body: &str) -> Result<Zeroizing<Vec<u8>>, Failed> {
        let until = Instant::now() + WITHIN;
        let mut tries = Tries::new(until);
        loop {
            let attempt = timeout_at(until.min(Instant::now() + ATTEMPT), listen(self.attempt(operation, body))).await;
            let (failed, may_pass) = match attempt {
                Ok((Ok(Attempt::Answer(answer)), _)) => return Ok(answer),
                Ok((Ok(attempt), heard)) => self.sort(&attempt, heard, key),
                Ok((Err(error), _)) => (Failed::Other(error), false),
                Err(_) => (self.unreachable("it did not answer in time".into()), true),
            };
            if !may_pass || !tries.again().await {
                return Err(failed);
            }
        }
    }

    async fn attempt(&self, operation: &str, body: &str) -> Result<Attempt, AwsKmsError> {
        let Ok(credential) = self.identity.get_credential().await else { return Ok(Attempt::NoCredentials) };
        let request = self.signed(operation, body, &credential)?;
        let Ok(response) = self.http.execute(request).await else { return Ok(Attempt::NoAnswer) };
        if !response.status().is_success() {
            return Ok(Attempt::Refused);
        }
        let Ok(body) = response.into_body().collect().await else { return Ok(Attempt::NoAnswer) };
        Ok(Attempt::Answer(Zeroizing::new(body.to_bytes().to_vec())))
    }

    fn signed(&self, operation: &str, body: &str, credential: &AwsCredential) -> Result<HttpRequest, AwsKmsError> {
        // They become headers, and whoever signs takes that for granted.
        let printable = |text: &str| text.bytes().all(|byte| matches!(byte, b'!'..=b'~'));
        if !printable(&credential.key_id) || !credential.token.as_deref().is_none_or(printable) {
            return Err(AwsKmsError::NoCredentials { source: "they have characters that no credentials have".into() });
        }
        let setup = |source: Reason| AwsKmsError::Setup { source };
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("{}/", self.endpoint))
            .header(header::CONTENT_TYPE, "application/x-amz-json-1.1")
            .header("x-amz-target", format!("TrentService.{operation}"))
            .body(body.to_owned().into());
        let mut request: HttpRequest = request.map_err(|error| setup(error.into()))?;
        let authorizer = AwsAuthorizer::new(credential, "kms", &self.region);
        authorizer.try_authorize(&mut request, None).map_err(|error| setup(error.into()))?;
        Ok(request)
    }

    /// What an attempt without an answer comes to, and whether another one can have another end.
    fn sort(&self, attempt: &Attempt, heard: Option<Heard>, key: &str) -> (Failed, bool) {
        match (attempt, heard) {
            (Attempt::NoCredentials, heard) => {
                let passes = !matches!(heard, Some(Heard::Answer { status: ..500, .. }));
                let source: Reason = match heard {
                    Some(heard) => Box::new(heard),
                    None => "the file of the web identity or of the pod's token cannot be read".into(),
                };
                (Failed::Other(AwsKmsError::NoCredentials { source }), passes)
            }
            (_, Some(Heard::Answer { status, code })) => sorted(status, code, key),
            (_, Some(heard @ Heard::Nothing(_))) => (self.unreachable(Box::new(heard)), true),
            (_, None) => (self.unreachable("it did not answer".into()), true),
        }
    }

    fn unreachable(&self, source: Reason) -> Failed {
        Failed::Other(AwsKmsError::Unreachable { endpoint: self.endpoint.clone(), source })
    }
}

/// Sorts what the service says by who must act.
fn sorted(status: u16, code: String, key: &str) -> (Failed, bool) {
    let key = || key.to_owned();
    let other = |error, may_pass| (Failed::Other(error), may_pass);
    match &*code {
        "InvalidCiphertextException" | "IncorrectKeyException" => (Failed::Ciphertext, false),
        "AccessDeniedException" | "AccessDenied" => (Failed::Denied, false),
        "DisabledException" => other(AwsKmsError::Disabled { key: key() }, false),
        "KMSInvalidStateException" => other(AwsKmsError::State { key: key() }, false),
        "NotFoundException" => other(AwsKmsError::NoKey { key: key() }, false),
        "InvalidKeyUsageException" => other(AwsKmsError::Usage { key: key() }, false),
        "ThrottlingException" | "Throttling" | "RequestLimitExceeded" | "LimitExceededException" => {
            other(AwsKmsError::Throttled, true)
        }
        "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "IncompleteSignatureException"
        | "IncompleteSignature"
        | "MissingAuthenticationTokenException"
        | "MissingAuthenticationToken"
        | "ExpiredTokenException"
        | "RequestExpired"
        | "NotAuthorized" => other(AwsKmsError::Credentials { code }, false),
        _ if status == 429 => other(AwsKmsError::Throttled, true),
        _ => other(AwsKmsError::Answered { status, code }, status >= 500),
    }
}
