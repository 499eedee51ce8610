//! The key-encryption key itself.

use core::fmt;
use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use quorate_core::Secret;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{
    AwsKmsError, AwsKmsOptions,
    client::{Client, Failed},
    context::entries,
};
use crate::{
    kek::{KekError, KeyEncryptionKey, MAX_WRAPPED, WrappedKey},
    store::BoxFuture,
};

/// More than the longest question: KMS takes at most 8 KiB of context.
const LONGEST_BODY: usize = 16 << 10;
const VERSION: u8 = 1;
const ALGORITHM: &str = "SYMMETRIC_DEFAULT";

/// A symmetric key in AWS KMS. Runs on tokio.
#[derive(Clone)]
pub struct AwsKms {
    client: Arc<Client>,
    key: Arc<str>,
}

impl fmt::Debug for AwsKms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AwsKms({} at {})", self.key, self.client.endpoint)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Asked<'a> {
    key_id: &'a str,
    encryption_algorithm: &'static str,
    encryption_context: &'a BTreeMap<&'static str, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    plaintext: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ciphertext_blob: Option<&'a str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answered<'a> {
    #[serde(borrow)]
    key_id: Cow<'a, str>,
    #[serde(borrow, default)]
    plaintext: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    ciphertext_blob: Option<Cow<'a, str>>,
}

impl AwsKms {
    /// Takes a key that is there. Nothing is asked of the service yet.
    ///
    /// # Errors
    ///
    /// [`AwsKmsError::Options`] if no region is said anywhere, [`AwsKmsError::Setup`].
    pub fn new(options: &AwsKmsOptions) -> Result<Self, AwsKmsError> {
        Ok(Self { client: Arc::new(Client::new(options)?), key: options.key.as_str().into() })
    }

    async fn encrypt(&self, context: &[u8], key: &Secret<[u8; 32]>) -> Result<Vec<u8>, AwsKmsError> {
        let plaintext = Zeroizing::new(STANDARD.encode(key.expose()));
        let body = self.body(context, Some(&plaintext), None)?;
        let answer = self.client.ask("Encrypt", &self.key, &body).await.map_err(|failed| match failed {
            Failed::Denied => AwsKmsError::Denied { key: self.key.to_string() },
            Failed::Ciphertext => AwsKmsError::Odd { what: "it speaks of a ciphertext where none was sent" },
            Failed::Other(error) => error,
        })?;
        let answer = self.read(&answer)?;
        let blob = answer.ciphertext_blob.and_then(|blob| STANDARD.decode(&*blob).ok()).filter(|blob| !blob.is_empty());
        blob.ok_or(AwsKmsError::Odd { what: "it has no ciphertext" })
    }

    /// Nothing if the key does not open this under this context.
    async fn decrypt(&self, context: &[u8], blob: &[u8]) -> Result<Option<Secret<[u8; 32]>>, Failed> {
        let body = self.body(context, None, Some(&STANDARD.encode(blob))).map_err(Failed::Other)?;
        let answer = match self.client.ask("Decrypt", &self.key, &body).await {
            Ok(answer) => answer,
            Err(Failed::Ciphertext) => return Ok(None),
            Err(failed) => return Err(failed),
        };
        let answer = self.read(&answer).map_err(Failed::Other)?;
        let mut opened = Zeroizing::new([0; MAX_WRAPPED]);
        let text = Zeroizing::new(answer.plaintext.unwrap_or_default().into_owned());
        let length = STANDARD.decode_slice(text.as_bytes(), &mut *opened).unwrap_or_default();
        let opened = opened.get(..length).and_then(|opened| opened.as_array::<32>());
        Ok(opened.map(|key| Secret::new(*key)))
    }

    async fn unwrap(&self, context: &[u8], wrapped: &WrappedKey) -> Result<Secret<[u8; 32]>, KekError> {
        let Some((&[VERSION], blob)) = wrapped.as_bytes().split_first_chunk::<1>() else { return Err(KekError::Refused) };
        if blob.is_empty() {
            return Err(KekError::Refused);
        }
        match self.decrypt(context, blob).await {
            Ok(opened) => opened.ok_or(KekError::Refused),
            // "Not allowed" may be said of what another key wrapped. Then this one does what it is asked under the same context.
            Err(Failed::Denied) if self.works(context).await.map_err(unavailable)? => Err(KekError::Refused),
            Err(Failed::Denied | Failed::Ciphertext) => Err(unavailable(AwsKmsError::Denied { key: self.key.to_string() })),
            Err(Failed::Other(error)) => Err(unavailable(error)),
        }
    }

    /// Whether the key wraps and unwraps under a context.
    async fn works(&self, context: &[u8]) -> Result<bool, AwsKmsError> {
        let blob = match self.encrypt(context, &Secret::new([0; 32])).await {
            Ok(blob) => blob,
            Err(AwsKmsError::Denied { .. }) => return Ok(false),
            Err(error) => return Err(error),
        };
        match self.decrypt(context, &blob).await {
            Ok(opened) => Ok(opened.is_some()),
            Err(Failed::Denied | Failed::Ciphertext) => Ok(false),
            Err(Failed::Other(error)) => Err(error),
        }
    }

    fn body(&self, context: &[u8], plaintext: Option<&str>, blob: Option<&str>) -> Result<Zeroizing<String>, AwsKmsError> {
        let asked = Asked {
            key_id: &self.key,
            encryption_algorithm: ALGORITHM,
            encryption_context: &entries(context),
            plaintext,
            ciphertext_blob: blob,
        };
        // Room for the longest, so that no part of it is left behind in memory that was too small.
        let mut text = Zeroizing::new(Vec::with_capacity(LONGEST_BODY));
        serde_json::to_writer(&mut *text, &asked).map_err(|error| AwsKmsError::Setup { source: error.into() })?;
        let text = core::str::from_utf8(&text).map_err(|error| AwsKmsError::Setup { source: error.into() })?;
        Ok(Zeroizing::new(text.to_owned()))
    }

    /// Reads an answer, which must be of this key.
    fn read<'a>(&self, answer: &'a [u8]) -> Result<Answered<'a>, AwsKmsError> {
        let answer: Answered<'a> = serde_json::from_slice(answer).map_err(|_| AwsKmsError::Odd { what: "it does not read" })?;
        let same = if self.key.contains(':') {
            *answer.key_id == *self.key
        } else {
            answer.key_id.rsplit('/').next() == Some(&self.key)
        };
        if same { Ok(answer) } else { Err(AwsKmsError::Odd { what: "another key was used than the one that was named" }) }
    }
}

fn unavailable(error: AwsKmsError) -> KekError {
    KekError::Unavailable { source: Box::new(error) }
}

impl KeyEncryptionKey for AwsKms {
    fn wrap_key<'a>(&'a self, context: &'a [u8], key: &'a Secret<[u8; 32]>) -> BoxFuture<'a, Result<WrappedKey, KekError>> {
        Box::pin(async move {
            let blob = self.encrypt(context, key).await.map_err(unavailable)?;
            WrappedKey::new([&[VERSION][..], &blob].concat()).ok_or(KekError::TooLong)
        })
    }

    fn unwrap_key<'a>(&'a self, context: &'a [u8], wrapped: &'a WrappedKey) -> BoxFuture<'a, Result<Secret<[u8; 32]>, KekError>> {
        Box::pin(self.unwrap(context, wrapped))
    }
}
