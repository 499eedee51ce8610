//! Speaks to a running cosigner through its control socket.

use core::time::Duration;
use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
};

use serde::{Serialize, de::DeserializeOwned};

use super::api::{
    ApiError, AttestRequest, AttestResult, BackupRequest, BackupResult, ForgiveRequest, FreezeInfo, FreezeRequest, ImportRequest,
    KeyInfo, KeygenRequest, ResumeRequest, SignRequest, Signed, SignedFreeze, Status,
};

/// The largest answer that is read.
const MAX_ANSWER: u64 = 64 << 20;

/// A client of one cosigner. It opens a connection for every call, and blocks.
#[derive(Clone, Debug)]
pub struct Client {
    place: Place,
    timeout: Duration,
}

/// Where the cosigner is.
#[derive(Clone, Debug)]
enum Place {
    Socket(PathBuf),
    #[cfg(feature = "remote")]
    Remote(super::remote::Dialer),
}

impl core::fmt::Display for Place {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Socket(socket) => socket.display().fmt(f),
            #[cfg(feature = "remote")]
            Self::Remote(dialer) => dialer.address().fmt(f),
        }
    }
}

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// No cosigner listens there.
    #[error("no cosigner is running at {place} ({source}); start it with `quorate node`")]
    NotRunning {
        /// Its socket, or its address.
        place: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The connection broke, or took too long.
    #[error("the cosigner at {place} did not answer")]
    NoAnswer {
        /// Its socket, or its address.
        place: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The answer is not one of this API.
    #[error("the cosigner's answer cannot be read; do its version and this program's agree?")]
    Malformed,
    /// The cosigner says no.
    #[error("{}", .0.message)]
    Refused(ApiError),
}

impl Client {
    /// A client of the cosigner whose control socket is at `socket`. `timeout` bounds every call.
    #[must_use]
    pub fn new(socket: &Path, timeout: Duration) -> Self {
        Self { place: Place::Socket(socket.to_owned()), timeout }
    }

    /// A client of the cosigner whose control API listens at `address`, host and port, on another machine. It may ask what a requester
    /// may; the rest is answered as what does not exist. `timeout` bounds every call.
    ///
    /// # Errors
    ///
    /// [`RemoteError`](super::RemoteError) if a file or the address does not serve. Nothing is connected yet.
    #[cfg(feature = "remote")]
    pub fn remote(address: &str, tls: &super::ClientTls, timeout: Duration) -> Result<Self, super::RemoteError> {
        Ok(Self { place: Place::Remote(super::remote::Dialer::new(address, tls)?), timeout })
    }

    /// What the cosigner says of itself.
    ///
    /// # Errors
    ///
    /// As [`keygen`](Self::keygen).
    pub fn status(&self) -> Result<Status, ClientError> {
        self.call("GET", "/v1/status", &())
    }

    /// The keys it holds shares of.
    ///
    /// # Errors
    ///
    /// As [`keygen`](Self::keygen).
    pub fn keys(&self) -> Result<Vec<KeyInfo>, ClientError> {
        self.call("GET", "/v1/keys", &())
    }

    /// Makes a wallet.
    ///
    /// # Errors
    ///
    /// [`ClientError::NotRunning`] and [`ClientError::NoAnswer`] if the cosigner cannot be reached, [`ClientError::Refused`] with the
    /// cosigner's own words.
    pub fn keygen(&self, request: &KeygenRequest) -> Result<Vec<KeyInfo>, ClientError> {
        self.call("POST", "/v1/keygen", request)
    }

    /// Has a key that was whole dealt to its participants.
    ///
    /// # Errors
    ///
    /// As [`keygen`](Self::keygen).
    pub fn import(&self, request: &ImportRequest) -> Result<KeyInfo, ClientError> {
        self.call("POST", "/v1/import", request)
    }

    /// Has a payload signed.
    ///
    /// # Errors
    ///
    /// As [`keygen`](Self::keygen).
    pub fn sign(&self, request: &SignRequest) -> Result<Signed, ClientError> {
        self.call("POST", "/v1/sign", request)
    }

    /// Asks all participants for proof that they hold their shares.
    ///
    /// # Errors
    ///
    /// As [`keygen`](Self::keygen).
    pub fn attest(&self, request: &AttestRequest) -> Result<Vec<AttestResult>, ClientError> {
        self.call("POST", "/v1/attest", request)
    }

    /// Has the cosigner forget that another one broke the protocol of pairings, so that the next one need not wait.
    ///
    /// # Errors
    ///
    /// As [`keygen`](Self::keygen).
    pub fn forgive(&self, request: &ForgiveRequest) -> Result<(), ClientError> {
        self.call("POST", "/v1/forgive", request).map(|_: serde_json::Value| ())
    }

    /// Has the cosigner write a backup of all its keys.
    ///
    /// # Errors
    ///
    /// As [`keygen`](Self::keygen).
    pub fn backup(&self, request: &BackupRequest) -> Result<BackupResult, ClientError> {
        self.call("POST", "/v1/backup", request)
    }

    /// Freezes a key, or all.
    ///
    /// # Errors
    ///
    /// As [`keygen`](Self::keygen).
    pub fn freeze(&self, request: &FreezeRequest) -> Result<Vec<FreezeInfo>, ClientError> {
        self.call("POST", "/v1/freeze", request)
    }

    /// Hands over a freeze that a credential signed.
    ///
    /// # Errors
    ///
    /// As [`keygen`](Self::keygen).
    pub fn freeze_signed(&self, freeze: &SignedFreeze) -> Result<FreezeInfo, ClientError> {
        self.call("POST", "/v1/freeze-signed", freeze)
    }

    /// Says, in the name of the cosigner's operator, that freezes should end.
    ///
    /// # Errors
    ///
    /// As [`keygen`](Self::keygen).
    pub fn resume(&self, request: &ResumeRequest) -> Result<Vec<FreezeInfo>, ClientError> {
        self.call("POST", "/v1/resume", request)
    }

    /// Asks the cosigner to stop.
    ///
    /// # Errors
    ///
    /// As [`keygen`](Self::keygen).
    pub fn shutdown(&self) -> Result<(), ClientError> {
        self.call("POST", "/v1/shutdown", &()).map(|_: serde_json::Value| ())
    }

    pub(super) fn call<T: DeserializeOwned>(&self, method: &str, path: &str, body: &impl Serialize) -> Result<T, ClientError> {
        let body = if method == "GET" { Vec::new() } else { serde_json::to_vec(body).map_err(|_| ClientError::Malformed)? };
        let answer = self.exchange(method, path, &body)?;
        let (status, body) = split_answer(&answer).ok_or(ClientError::Malformed)?;
        if status == 200 {
            serde_json::from_slice(body).map_err(|_| ClientError::Malformed)
        } else {
            Err(ClientError::Refused(serde_json::from_slice(body).map_err(|_| ClientError::Malformed)?))
        }
    }

    /// One request on one connection, HTTP/1.0 style: the answer ends with the connection.
    fn exchange(&self, method: &str, path: &str, body: &[u8]) -> Result<Vec<u8>, ClientError> {
        let not_running = |source| ClientError::NotRunning { place: self.place.to_string(), source };
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: cosigner\r\nconnection: close\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n",
            body.len()
        );
        // In one piece: a server that does not read the body may have answered, and closed, before a second one.
        let request = [head.as_bytes(), body].concat();
        let answer = match &self.place {
            Place::Socket(socket) => {
                let stream = UnixStream::connect(socket).map_err(not_running)?;
                let limited = stream.set_read_timeout(Some(self.timeout)).and(stream.set_write_timeout(Some(self.timeout)));
                limited.and_then(|()| talk(stream, &request))
            }
            #[cfg(feature = "remote")]
            Place::Remote(dialer) => talk(dialer.connect(self.timeout).map_err(not_running)?, &request),
        };
        answer.map_err(|source| ClientError::NoAnswer { place: self.place.to_string(), source })
    }
}

fn talk(mut stream: impl Read + Write, request: &[u8]) -> std::io::Result<Vec<u8>> {
    stream.write_all(request)?;
    stream.flush()?;
    let mut answer = Vec::new();
    stream.take(MAX_ANSWER).read_to_end(&mut answer)?;
    Ok(answer)
}

/// The status and the body of an answer.
fn split_answer(answer: &[u8]) -> Option<(u16, &[u8])> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut head = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(length) = head.parse(answer).ok()? else {
        return None;
    };
    let body = answer.get(length..)?;
    let is = |name: &str| head.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
    let declared: usize = core::str::from_utf8(is("content-length")?.value).ok()?.parse().ok()?;
    // An answer that was cut short must not pass for a whole one.
    (declared == body.len()).then_some((head.code?, body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_or_chunked_answer_is_not_taken_for_a_whole_one() {
        let whole = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
        assert_eq!(split_answer(whole), Some((200, &b"{}"[..])));
        assert_eq!(split_answer(&whole[..whole.len() - 1]), None);
        assert_eq!(split_answer(b"HTTP/1.1 200 OK\r\n\r\n{}"), None);
        assert_eq!(split_answer(b"garbage"), None);
        assert_eq!(split_answer(b""), None);
    }
}
