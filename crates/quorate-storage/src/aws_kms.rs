//! A key-encryption key in AWS KMS, which another administrator than that of the store should have.
//!
//! ```text
//! wrap:    Encrypt { KeyId, Plaintext: 32 bytes, EncryptionContext }        -> CiphertextBlob
//! unwrap:  Decrypt { KeyId, CiphertextBlob, the same EncryptionContext }    -> Plaintext
//! wrapped key = version 1, CiphertextBlob
//! ```
//!
//! The key never leaves KMS. KMS sees what it wraps: seeds and epoch keys, never a share, and whoever has KMS alone opens nothing without
//! the store. With a second key service beside it ([`Both`](crate::Both)) it sees halves. What each wrapped key is for is in its
//! encryption context: whole, and in words (cosigner, record, key, epoch, participant), which policies of the key can ask for and
//! `CloudTrail` writes down. An alias is not taken for a key: whoever may move it could have new shares wrapped by another key.
//!
//! Disabling the key, or taking `kms:Decrypt` away, freezes every share that it wraps, until that is undone. Nothing is lost by it.
//!
//! # Why not the SDK
//!
//! Two calls are needed, each a signed POST of JSON. `aws-sdk-kms` with `aws-config` brings 27 crates that nothing else here uses, some of
//! them large, before any HTTPS client. `object_store`, which buckets use, has the signature (version 4) and the credentials of all of AWS as public
//! parts, tested by many; this module adds the two calls over the same HTTP client, and no dependency but JSON. What the SDK has beyond
//! that is listed here, so that nobody looks for it:
//!
//! - Credentials are a key of the environment or of a file, a web identity (IRSA), ECS and EKS pod credentials, or the instance's
//!   role by IMDS v2. There are no profiles but `default`, no SSO, no `credential_process`, no assumed roles but by web identity.
//! - No endpoint is discovered: it is `kms.REGION.amazonaws.com` (`.com.cn` in China) unless one is given, as for FIPS or a VPC.
//! - Signature version 4 alone, not 4a; KMS does not ask for it.
//!
//! # Bounds
//!
//! A call ends within 15 seconds: up to 5 attempts of 5 seconds, behind growing pauses, and only where another one can help (throttled,
//! not reachable, an error of the service). Both calls can be repeated. An answer is read up to 64 KiB, and errors repeat nothing of it but
//! the service's name for them. Plaintext is wiped in what this module holds; what the HTTP and TLS libraries buffer is not.

mod client;
mod context;
mod key;
mod options;

pub use self::{key::AwsKms, options::AwsKmsOptions};

/// Why AWS KMS does not do what it is asked. Each says who can change that.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AwsKmsError {
    /// Something in the options that does not serve.
    #[error("the options for AWS KMS do not serve: {what}")]
    Options {
        /// What is wrong.
        what: &'static str,
    },
    /// A file that does not serve.
    #[error("cannot use {}", path.display())]
    File {
        /// The file.
        path: std::path::PathBuf,
        /// Why not.
        source: Box<dyn core::error::Error + Send + Sync>,
    },
    /// The connection cannot be set up.
    #[error("cannot set up the connection to AWS KMS")]
    Setup {
        /// Why.
        source: Box<dyn core::error::Error + Send + Sync>,
    },
    /// There are no credentials to sign with.
    #[error(
        "there are no credentials for AWS KMS: name a file of them, set them in the environment, or give this machine a role"
    )]
    NoCredentials {
        /// What the last place that was asked for them said.
        source: Box<dyn core::error::Error + Send + Sync>,
    },
    /// The service does not know who asks.
    #[error("AWS KMS does not accept the credentials ({code}); renew them, and check this machine's clock")]
    Credentials {
        /// The service's name for it.
        code: String,
    },
    /// Whoever asks may not use the key.
    #[error("AWS KMS denies this cosigner the key {key}; its administrator must allow it kms:Encrypt and kms:Decrypt")]
    Denied {
        /// The key.
        key: String,
    },
    /// The key is disabled.
    #[error("the key {key} of AWS KMS is disabled, and what it wraps is frozen until its administrator enables it")]
    Disabled {
        /// The key.
        key: String,
    },
    /// The key is waiting for its deletion, or for its material.
    #[error("the key {key} of AWS KMS is not usable: its administrator must cancel its deletion, or import its material again")]
    State {
        /// The key.
        key: String,
    },
    /// There is no such key.
    #[error("AWS KMS has no key {key} in this account and region; correct the key or the region")]
    NoKey {
        /// The key.
        key: String,
    },
    /// The key is for something else.
    #[error("the key {key} of AWS KMS does not encrypt; it must be symmetric (SYMMETRIC_DEFAULT), for encryption and decryption")]
    Usage {
        /// The key.
        key: String,
    },
    /// Too many calls, again and again.
    #[error("AWS KMS takes no more calls for now; ask for a higher quota if this lasts")]
    Throttled,
    /// Nothing was heard.
    #[error("AWS KMS cannot be reached at {endpoint}")]
    Unreachable {
        /// Where.
        endpoint: String,
        /// What happened instead.
        source: Box<dyn core::error::Error + Send + Sync>,
    },
    /// Another answer, which does not say that it was done.
    #[error("AWS KMS answered with status {status} {code}")]
    Answered {
        /// The status.
        status: u16,
        /// The service's name for it.
        code: String,
    },
    /// An answer that cannot be.
    #[error("AWS KMS gave an answer that makes no sense: {what}")]
    Odd {
        /// What is wrong with it.
        what: &'static str,
    },
}
