//! Why a step of the drill did not go as it must.

use std::path::PathBuf;

use quorate::{control::ClientError, core::Error, node::NodeError, payload::PayloadError, storage::StoreError};

use crate::{failure::Failure, independent::Invalid};

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error("{}", .0.message())]
    Command(#[from] Failure),
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    Node(#[from] NodeError),
    #[error(transparent)]
    Core(#[from] Error),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Payload(#[from] PayloadError),
    #[error(transparent)]
    Invalid(#[from] Invalid),
    #[error("cannot {what} {}", path.display())]
    File { what: &'static str, path: PathBuf, source: std::io::Error },
    #[error("cannot {what}")]
    System { what: &'static str, source: std::io::Error },
    /// A cosigner that stopped by itself, with the end of its log.
    #[error("the cosigner {name} stopped by itself: {log}")]
    Stopped { name: &'static str, log: String },
    /// A cosigner that did not get ready.
    #[error("the cosigner {name} was not ready after {seconds} seconds")]
    NotReady { name: &'static str, seconds: u64 },
    /// Something that must hold does not.
    #[error("{0}")]
    Broken(&'static str),
    /// The thief got something.
    #[error("THE THIEF SUCCEEDED: {what} of the {suite} key")]
    Stolen { what: String, suite: &'static str },
    /// The thief found something.
    #[error("THE THIEF FOUND {0}")]
    Found(String),
    /// More bytes than the search is made for.
    #[error("there are {windows} places to search, more than {limit}; the search was not made")]
    TooMuch { windows: usize, limit: usize },
    /// The thief that should succeed did not.
    #[error("THE POSITIVE CONTROL FAILED, so that the drill proves nothing: {0}")]
    Control(&'static str),
}

impl Trouble {
    /// With all causes, in one line.
    pub(super) fn message(&self) -> String {
        let mut message = self.to_string();
        let mut source = core::error::Error::source(self);
        while let Some(cause) = source {
            message = format!("{message}: {cause}");
            source = cause.source();
        }
        message
    }
}
