//! Requests that somebody signed: who wants a signature, and which people approved it.
//!
//! A [`Requester`] is an Ed25519 key of a wallet program or a person. It signs all that a request says, its id and the time at which it
//! expires included; an approver signs the same under another label. The signatures travel with the request, and every cosigner checks
//! them itself, so that nobody can ask in a requester's name, whichever cosigner they hold.
//!
//! ```text
//! content  = Hash("request/content", key id, suite, path, kind, payload, request id, expiry)
//! requester signs  label "request/sign"    ‖ content
//! approver  signs  label "request/approve" ‖ content
//! ```
//!
//! docs/requests.md specifies it, for programs that are not Rust and for keys in hardware.

use core::{fmt, str::FromStr};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use quorate_core::{
    DecodeError, SuiteId,
    derive::DerivationPath,
    domain::{self, Label},
    transcript::Hash,
    wire::{Encoding, Reader, Writer},
};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::error::RequestError;

mod table;
mod work;

pub(crate) use table::{Content, DEFAULT_MAX_REQUESTS, DEFAULT_RETENTION, Finished, Requests, sweep_all};
pub(crate) use work::Work;

/// The most approvals of one request.
pub const MAX_APPROVALS: usize = 32;

/// The public key of a requester, an approver, or a credential that freezes: an Ed25519 key of large order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct RequesterKey([u8; 32]);

impl RequesterKey {
    /// Checks a key.
    ///
    /// # Errors
    ///
    /// [`RequestError::RequesterKey`] if it is no point of Ed25519, has another encoding, or is of small order, so that anybody can
    /// sign for it.
    pub fn new(bytes: [u8; 32]) -> Result<Self, RequestError> {
        match VerifyingKey::from_bytes(&bytes) {
            Ok(key) if !key.is_weak() && key.to_edwards().compress().to_bytes() == bytes => Ok(Self(bytes)),
            _ => Err(RequestError::RequesterKey),
        }
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether this key signed `digest` under `label`.
    pub(crate) fn signed(&self, label: Label, digest: &[u8; 32], signature: &[u8; 64]) -> bool {
        let Ok(key) = VerifyingKey::from_bytes(&self.0) else { return false };
        key.verify_strict(&labelled(label, digest), &Signature::from_bytes(signature)).is_ok()
    }
}

/// What is signed: a label, and a digest behind it.
pub(crate) fn labelled(label: Label, digest: &[u8; 32]) -> Vec<u8> {
    [label.as_bytes(), digest].concat()
}

impl fmt::Display for RequesterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for RequesterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequesterKey({self})")
    }
}

impl FromStr for RequesterKey {
    type Err = RequestError;

    /// Reads 64 hexadecimal digits, or 44 characters of base64.
    fn from_str(text: &str) -> Result<Self, RequestError> {
        let bytes = hex::decode(text).or_else(|_| BASE64_STANDARD.decode(text)).map_err(|_| RequestError::RequesterKey)?;
        Self::new(bytes.try_into().map_err(|_| RequestError::RequesterKey)?)
    }
}

impl TryFrom<String> for RequesterKey {
    type Error = RequestError;

    fn try_from(text: String) -> Result<Self, RequestError> {
        text.parse()
    }
}

impl Encoding for RequesterKey {
    fn write(&self, out: &mut Writer) {
        out.raw(&self.0);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Self::new(input.array()?).map_err(|_| DecodeError::InvalidValue("requester's key"))
    }
}

/// The key pair of a requester, an approver, or a credential that freezes. What it may do is said by the configurations that list it.
///
/// # Security
///
/// Not `Clone`, never printed, wiped when dropped.
pub struct Requester(SigningKey);

impl fmt::Debug for Requester {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requester").field("key", &self.key()).field("secret", &"redacted").finish()
    }
}

impl Requester {
    /// Draws a new key.
    ///
    /// # Errors
    ///
    /// [`getrandom::Error`] if the system's generator fails.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut secret = Zeroizing::new([0; 32]);
        getrandom::fill(secret.as_mut_slice())?;
        Ok(Self::from_secret_bytes(&secret))
    }

    /// Restores the key from the bytes that [`to_secret_bytes`](Self::to_secret_bytes) gave: the seed of RFC 8032.
    #[must_use]
    pub fn from_secret_bytes(bytes: &Zeroizing<[u8; 32]>) -> Self {
        Self(SigningKey::from_bytes(bytes))
    }

    /// Copies the secret key out, for a file of one's own.
    #[must_use]
    pub fn to_secret_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// The public half, which configurations list.
    #[must_use]
    pub fn key(&self) -> RequesterKey {
        RequesterKey(self.0.verifying_key().to_bytes())
    }

    /// Signs a request. It must say when it expires.
    ///
    /// # Errors
    ///
    /// [`RequestError::NoExpiry`].
    pub fn authorize(&self, content: &RequestContent<'_>) -> Result<Authorization, RequestError> {
        let expires = content.expires.ok_or(RequestError::NoExpiry)?;
        let signature = self.sign(domain::REQUEST_SIGN, &content.digest());
        Ok(Authorization { expires, requester: self.key(), signature, approvals: Vec::new() })
    }

    /// Approves a request that somebody else signed.
    ///
    /// # Errors
    ///
    /// [`RequestError::NoExpiry`].
    ///
    /// # Security
    ///
    /// Look at the request first: parse its payload and show [`Payload::describe`](crate::payload::Payload::describe).
    pub fn approve(&self, content: &RequestContent<'_>) -> Result<Approval, RequestError> {
        content.expires.ok_or(RequestError::NoExpiry)?;
        Ok(Approval { key: self.key(), signature: self.sign(domain::REQUEST_APPROVE, &content.digest()) })
    }

    pub(crate) fn sign(&self, label: Label, digest: &[u8; 32]) -> [u8; 64] {
        self.0.sign(&labelled(label, digest)).to_bytes()
    }
}

/// All that a request says.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a field more would be another request")]
pub struct RequestContent<'a> {
    /// Which key is to sign.
    pub key_id: &'a [u8; 32],
    /// Its suite.
    pub suite: SuiteId,
    /// Which child of it.
    pub path: &'a DerivationPath,
    /// The kind of the payload.
    pub kind: &'a str,
    /// The payload, in the one encoding that cosigners take.
    pub payload: &'a [u8],
    /// The request's id.
    pub request_id: &'a [u8; 32],
    /// When the request expires, in seconds of Unix time. A signed request says it.
    pub expires: Option<u64>,
}

impl RequestContent<'_> {
    /// The hash of all of it.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let hash = Hash::new(domain::REQUEST_CONTENT)
            .field(self.key_id)
            .value(&self.suite)
            .value(self.path)
            .field(self.kind.as_bytes())
            .field(self.payload)
            .field(self.request_id);
        match self.expires {
            Some(expires) => hash.number(expires),
            None => hash.absent(),
        }
        .finish()
    }
}

/// A requester's signature on a request, and the approvals that were collected.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "callers put it together from what they kept; cosigners check it")]
pub struct Authorization {
    /// When the request expires, in seconds of Unix time.
    pub expires: u64,
    /// Who signed it.
    pub requester: RequesterKey,
    /// The signature.
    pub signature: [u8; 64],
    /// Who approved it.
    pub approvals: Vec<Approval>,
}

/// A person's approval of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "callers put it together from what they kept; cosigners check it")]
pub struct Approval {
    /// Who approves.
    pub key: RequesterKey,
    /// The signature.
    pub signature: [u8; 64],
}

impl Authorization {
    /// Adds an approval; one that is there already changes nothing.
    pub fn add(&mut self, approval: Approval) {
        if self.approvals.iter().all(|there| there.key != approval.key) {
            self.approvals.push(approval);
        }
    }

    /// Checks all signatures on the content with that digest, and gives the keys of those who approve, each once.
    ///
    /// # Errors
    ///
    /// [`RequestError::RequesterSignature`], [`RequestError::Approval`].
    pub fn verify(&self, digest: &[u8; 32]) -> Result<Vec<RequesterKey>, RequestError> {
        if !self.requester.signed(domain::REQUEST_SIGN, digest, &self.signature) {
            return Err(RequestError::RequesterSignature { key: self.requester });
        }
        let wrong = self.approvals.iter().find(|by| !by.key.signed(domain::REQUEST_APPROVE, digest, &by.signature));
        if let Some(Approval { key, .. }) = wrong {
            return Err(RequestError::Approval { key: *key });
        }
        let mut keys: Vec<_> = self.approvals.iter().map(|approval| approval.key).collect();
        keys.sort_unstable();
        keys.dedup();
        Ok(keys)
    }

    /// Checks that the request has not expired, and does within `longest` seconds.
    pub(crate) fn check_time(&self, now: u64, longest: u64) -> Result<(), RequestError> {
        if self.expires <= now {
            return Err(RequestError::Expired { at: self.expires });
        }
        if self.expires.saturating_sub(now) >= longest {
            return Err(RequestError::ExpiresTooLate { days: longest.div_euclid(24 * 60 * 60) });
        }
        Ok(())
    }
}

impl Encoding for Authorization {
    fn write(&self, out: &mut Writer) {
        out.u64(self.expires);
        self.requester.write(out);
        out.raw(&self.signature);
        out.sequence(&self.approvals);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            expires: input.u64()?,
            requester: RequesterKey::read(input)?,
            signature: input.array()?,
            approvals: input.sequence(MAX_APPROVALS, 96)?,
        })
    }
}

impl Encoding for Approval {
    fn write(&self, out: &mut Writer) {
        self.key.write(out);
        out.raw(&self.signature);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { key: RequesterKey::read(input)?, signature: input.array()? })
    }
}

#[cfg(test)]
mod tests;
