//! Requests as files: what `quorate sign --save` writes, people approve, and `quorate sign request` sends.

use std::path::Path;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use quorate::{
    RequestError,
    control::api::{Authorization as ApiAuthorization, SignRequest},
    core::{SuiteId, derive::DerivationPath},
    request::{Authorization, RequestContent},
};

use crate::{commands::read_file, failure::Failure};

/// What is signed of a request.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) key_id: [u8; 32],
    suite: SuiteId,
    path: DerivationPath,
    kind: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) request_id: [u8; 32],
    expires: Option<u64>,
}

impl Parts {
    /// Reads a request that names its key, suite and id.
    pub(crate) fn of(request: &SignRequest) -> Result<Self, Failure> {
        let bytes = |text: Option<&str>, what| {
            let bytes = text.and_then(|text| hex::decode(text).ok()).and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
            bytes.ok_or(Failure::Hex { what, digits: "64 hexadecimal digits" })
        };
        let suite = request.suite.as_deref().and_then(SuiteId::from_name);
        Ok(Self {
            key_id: bytes(Some(&request.key), "the key's id")?,
            suite: suite
                .ok_or(Failure::Request(RequestError::UnknownSuite { name: request.suite.clone().unwrap_or_default() }))?,
            path: request.path.as_deref().unwrap_or("m").parse()?,
            kind: request.kind.clone(),
            payload: BASE64_STANDARD.decode(&request.payload).map_err(|_| Failure::Request(RequestError::PayloadEncoding))?,
            request_id: bytes(request.request_id.as_deref(), "the request's id")?,
            expires: request.authorization.as_ref().map(|authorization| authorization.expires),
        })
    }

    /// The same, to expire then.
    pub(crate) fn expires(mut self, expires: u64) -> Self {
        self.expires = Some(expires);
        self
    }

    pub(crate) fn content<T>(&self, then: impl FnOnce(&RequestContent<'_>) -> T) -> T {
        then(&RequestContent {
            key_id: &self.key_id,
            suite: self.suite,
            path: &self.path,
            kind: &self.kind,
            payload: &self.payload,
            request_id: &self.request_id,
            expires: self.expires,
        })
    }

    /// Checks the signatures that a request has.
    pub(crate) fn authorization(&self, authorization: &ApiAuthorization) -> Result<(), Failure> {
        let authorization = Authorization::try_from(authorization)?;
        authorization.verify(&self.content(|content| content.digest()))?;
        Ok(())
    }
}

/// Reads a request's file.
pub(crate) fn read_request(path: &Path) -> Result<SignRequest, Failure> {
    serde_json::from_slice(&read_file(path)?).map_err(|_| Failure::RequestFile { path: path.to_owned() })
}

/// A request as its file has it.
pub(crate) fn to_json(request: &SignRequest) -> String {
    // Strings and numbers always have a JSON form.
    serde_json::to_string_pretty(request).unwrap_or_default()
}
