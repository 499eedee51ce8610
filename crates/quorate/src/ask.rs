//! Whom a wallet's program asks for signatures: a [`Cosigner`](crate::Cosigner) in its own process, or one that runs beside it and answers
//! over its control API.
//!
//! The crates that make signers of cosigners (`quorate-alloy`, `quorate-bitcoin`, `quorate-solana`) are built on [`KeyHandle`] alone, so
//! that each works with both. What is asked for is always a whole payload: [`Ask`] has no way to have a hash signed that the cosigners could not
//! read, other than the payload that is one ([`Digest`](crate::payload::Digest)), which their policies deny.
//!
//! What comes back is believed only after it was verified here. [`KeyHandle::sign`] takes nothing but signatures from the cosigner, and makes
//! the finished document itself, from the payload that it asked for.

mod places;
mod public_key;

use core::time::Duration;
use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use quorate_core::{DecodeError, SuiteId, derive::DerivationPath};
use quorate_storage::BoxFuture;

use crate::{
    SignRequest,
    control::ClientError,
    cosigner::{describe_whole, fresh},
    error::CosignerError,
    payload::{AnyPayload, KeyUse, KeyView as _, Network, Payload as _, PayloadError, ToSign},
    request::{RequestContent, Requester},
};

pub use public_key::PublicKey;

/// A cosigner that can be asked, wherever it runs.
///
/// [`Cosigner`](crate::Cosigner), [`Client`](crate::control::Client), and `Arc`s of what implements it do. The futures of a cosigner have
/// to be polled on the runtime of tokio that it was started on; those of a client wait in a thread of their own, on any runtime.
pub trait Ask: Send + Sync {
    /// The public parts of all keys that the cosigner holds shares of.
    ///
    /// # Errors
    ///
    /// [`AskError`], as the cosigner says it.
    fn keys(&self) -> BoxFuture<'_, Result<Vec<PublicKey>, AskError>>;

    /// Has a payload signed, and gives the signatures in its order: 64 bytes each, 65 of ECDSA keys (r ‖ s ‖ recovery id).
    ///
    /// # Errors
    ///
    /// [`AskError`], with the words of the policy or the cosigner that says no.
    fn sign(&self, request: SignRequest) -> BoxFuture<'_, Result<Vec<Vec<u8>>, AskError>>;
}

impl<T: Ask + ?Sized> Ask for Arc<T> {
    fn keys(&self) -> BoxFuture<'_, Result<Vec<PublicKey>, AskError>> {
        (**self).keys()
    }

    fn sign(&self, request: SignRequest) -> BoxFuture<'_, Result<Vec<Vec<u8>>, AskError>> {
        (**self).sign(request)
    }
}

/// Why a wallet's program got no signature.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// No key of that suite under that name.
    #[error("the cosigner knows no {suite} key of {key:?}; `quorate keys` lists what it knows")]
    UnknownKey {
        /// The wallet's name, or the key's id.
        key: String,
        /// The suite.
        suite: SuiteId,
    },
    /// The key cannot, or must not, sign this, or the answer is no signature of it. No cosigner was asked, or the signature did not verify.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// The cosigner in this process, its policy, or another cosigner says no.
    #[error(transparent)]
    Cosigner(#[from] CosignerError),
    /// The cosigner at the other end of the control API cannot be reached, or says no.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// What a cosigner tells of a key does not decode.
    #[error("what the cosigner tells of the key cannot be read; do its version and this program's agree?")]
    KeyInfo(#[from] DecodeError),
    /// The system gives no thread to wait in.
    #[error("cannot start a thread to wait for the cosigner in")]
    Thread,
}

impl AskError {
    /// What happened with all its causes, in one line: for errors of other libraries, which keep a text.
    #[must_use]
    pub fn message(&self) -> String {
        describe_whole(self)
    }
}

/// A key of a wallet at a path, and the cosigner that has its payloads signed.
///
/// # Examples
///
/// ```no_run
/// # use std::{path::Path, sync::Arc, time::Duration};
/// # use quorate::{ask::KeyHandle, control::Client, core::SuiteId, payload::{AddressKind, AnyPayload, Message}};
/// # async fn ask() -> Result<(), Box<dyn std::error::Error>> {
/// let cosigner = Client::new(Path::new("/var/lib/quorate/control.sock"), Duration::from_secs(60));
/// let key = KeyHandle::find(Arc::new(cosigner), "treasury", SuiteId::Ed25519).await?.at("m/0/7".parse()?)?;
/// println!("{}", key.usage().address(AddressKind::Solana)?);
/// let signed = key.sign(AnyPayload::new(Message::new("hello")?)).await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct KeyHandle {
    cosigner: Arc<dyn Ask>,
    key: PublicKey,
    path: DerivationPath,
    steps: Vec<u32>,
    network: Network,
    signers: Vec<String>,
    requester: Option<(Arc<Requester>, Duration)>,
}

/// Signatures that were verified, and the document that they finish.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finished {
    /// The signatures, in the payload's order: 64 bytes each, 65 of ECDSA keys (r ‖ s ‖ recovery id).
    pub signatures: Vec<Vec<u8>>,
    /// A signed PSBT, an Ethereum or Solana transaction, or the signature itself, as [`Payload::attach`](crate::payload::Payload::attach)
    /// gives it.
    pub document: Vec<u8>,
}

impl core::fmt::Debug for KeyHandle {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("KeyHandle").field("key", &self.key).field("usage", &self.usage()).finish_non_exhaustive()
    }
}

impl KeyHandle {
    /// Asks the cosigner for a key: by its wallet's name and its suite, or by its id. It stands for that key from then on, whatever becomes
    /// of the name.
    ///
    /// # Security
    ///
    /// The cosigner says which public key it is. Compare an address with what your other cosigners show before you have money sent there.
    ///
    /// # Errors
    ///
    /// [`AskError::UnknownKey`], and what the cosigner says.
    pub async fn find(cosigner: Arc<dyn Ask>, key: &str, suite: SuiteId) -> Result<Self, AskError> {
        let is_meant = |found: &PublicKey| found.suite() == suite && (found.wallet() == key || found.key_id() == key);
        let found = cosigner.keys().await?.into_iter().find(is_meant);
        let found = found.ok_or_else(|| AskError::UnknownKey { key: key.to_owned(), suite })?;
        let (path, steps, signers) = (DerivationPath::default(), Vec::new(), Vec::new());
        Ok(Self { cosigner, key: found, path, steps, network: Network::default(), signers, requester: None })
    }

    /// The child at that path instead of the root key.
    ///
    /// # Errors
    ///
    /// [`PayloadError::Derivation`] if there is no such child.
    pub fn at(mut self, path: DerivationPath) -> Result<Self, AskError> {
        self.steps = path.iter().collect();
        self.key.child_public_key(&self.steps)?;
        self.path = path;
        Ok(self)
    }

    /// Shows addresses of another network than Bitcoin's main network.
    #[must_use]
    pub const fn on(mut self, network: Network) -> Self {
        self.network = network;
        self
    }

    /// Names the signers; the cosigner that is asked is always one. Without it, whoever is reachable signs.
    #[must_use]
    pub fn signers(mut self, names: impl IntoIterator<Item = String>) -> Self {
        self.signers = names.into_iter().collect();
        self
    }

    /// Signs every request in the name of a requester, for cosigners whose policies want to know who asks. Each may be carried out for so
    /// long from when it is made.
    #[must_use]
    pub fn requester(mut self, requester: Arc<Requester>, valid_for: Duration) -> Self {
        self.requester = Some((requester, valid_for));
        self
    }

    /// The root key.
    #[must_use]
    pub const fn key(&self) -> &PublicKey {
        &self.key
    }

    /// The key at the path, as payloads see it.
    #[must_use]
    pub fn usage(&self) -> KeyUse<'_> {
        KeyUse::new(&self.key, &self.steps).on(self.network)
    }

    /// The public key at the path, in its suite's encoding.
    ///
    /// # Errors
    ///
    /// [`PayloadError::Derivation`].
    pub fn public_key(&self) -> Result<Vec<u8>, AskError> {
        Ok(self.key.child_public_key(&self.steps)?)
    }

    /// What would be signed of a payload, without asking anybody.
    ///
    /// # Errors
    ///
    /// [`AskError::Payload`] if the key cannot, or must not, sign it.
    pub fn messages(&self, payload: &AnyPayload) -> Result<Vec<ToSign>, AskError> {
        Ok(payload.messages(&self.usage())?)
    }

    /// Has a payload signed by the cosigners, each of which reads it and asks its policy.
    ///
    /// # Errors
    ///
    /// [`AskError::Payload`] before anybody was asked if the key cannot sign it, and afterwards if what came back are not its signatures;
    /// [`AskError::Cosigner`] and [`AskError::Client`] with the words of whoever says no.
    pub async fn sign(&self, payload: AnyPayload) -> Result<Finished, AskError> {
        self.messages(&payload)?;
        let signatures = self.cosigner.sign(self.request(&payload)?).await?;
        let document = payload.attach(&self.usage(), &signatures)?;
        Ok(Finished { signatures, document })
    }

    /// A request with an id of its own, signed if there is a requester.
    fn request(&self, payload: &AnyPayload) -> Result<SignRequest, AskError> {
        let request_id = fresh()?;
        let request = SignRequest::new(self.key.key_id(), payload.clone())
            .suite(self.key.suite())
            .path(self.path.clone())
            .signers(self.signers.iter().cloned())
            .request_id(request_id);
        let Some((requester, valid_for)) = &self.requester else { return Ok(request) };
        let mut key_id = [0; 32];
        hex::decode_to_slice(self.key.key_id(), &mut key_id).map_err(|_| DecodeError::InvalidValue("key id"))?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        let content = RequestContent {
            key_id: &key_id,
            suite: self.key.suite(),
            path: &self.path,
            kind: payload.kind(),
            payload: &payload.encode(),
            request_id: &request_id,
            expires: Some(now.saturating_add(valid_for.as_secs())),
        };
        Ok(request.authorization(requester.authorize(&content).map_err(CosignerError::from)?))
    }
}
