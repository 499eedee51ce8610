//! A key-encryption key that lives in a token.

use std::sync::Arc;

use cryptoki::{
    error::RvError,
    mechanism::{Mechanism, aead::GcmParams},
    object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle},
    session::Session,
};
use quorate_core::Secret;
use zeroize::Zeroizing;

use super::{Pkcs11Error, Token};
use crate::{
    kek::{KekError, KeyEncryptionKey, WrappedKey},
    store::BoxFuture,
};

const VERSION: u8 = 1;
const NONCE: usize = 12;
const TAG: usize = 16;
const TAG_BITS: u64 = 128;
const KEY_BYTES: u64 = 32;

/// An AES-256 key in a token, by its label. A wrapped key is `version 1, nonce (12), key (32), tag (16)`.
#[derive(Clone, Debug)]
pub struct Pkcs11 {
    token: Arc<Token>,
    label: Arc<str>,
}

impl Pkcs11 {
    /// Makes a key in the token: sensitive, not extractable, for encryption and decryption alone.
    ///
    /// # Errors
    ///
    /// [`Pkcs11Error::KeyExists`] if the token has a secret key of that label, and those of the token.
    pub async fn create(token: Arc<Token>, label: &str) -> Result<Self, Pkcs11Error> {
        let name = label.to_owned();
        let make = move |session: &Session| {
            if !session.find_objects(&named(&name))?.is_empty() {
                return Err(Pkcs11Error::KeyExists { label: name.clone() });
            }
            let flags = [
                Attribute::Token(true),
                Attribute::Private(true),
                Attribute::Sensitive(true),
                Attribute::Extractable(false),
                Attribute::Encrypt(true),
                Attribute::Decrypt(true),
                Attribute::ValueLen(KEY_BYTES.into()),
            ];
            let template = [&named(&name)[..], &flags].concat();
            session.generate_key(&Mechanism::AesKeyGen, &template)?;
            Ok(())
        };
        token.run(make).await?;
        Self::open(token, label).await
    }

    /// Finds a key in the token, and makes sure that it cannot leave it.
    ///
    /// # Errors
    ///
    /// [`Pkcs11Error::NoKey`], [`Pkcs11Error::SeveralKeys`], [`Pkcs11Error::WeakKey`], and those of the token.
    pub async fn open(token: Arc<Token>, label: &str) -> Result<Self, Pkcs11Error> {
        let name = label.to_owned();
        let look = move |session: &Session| {
            let key = find(session, &name)?;
            let asked = [AttributeType::Sensitive, AttributeType::Extractable];
            let found = session.get_attributes(key, &asked)?;
            let stays = found.contains(&Attribute::Sensitive(true)) && found.contains(&Attribute::Extractable(false));
            if stays { Ok(()) } else { Err(Pkcs11Error::WeakKey { label: name.clone() }) }
        };
        token.run(look).await?;
        Ok(Self { token, label: label.into() })
    }

    async fn wrap(&self, context: &[u8], key: &Secret<[u8; 32]>) -> Result<WrappedKey, KekError> {
        let (label, context, key) = (Arc::clone(&self.label), context.to_vec(), Zeroizing::new(*key.expose()));
        let wrapped = self.token.run(move |session| encrypt(session, &label, &context, &key)).await.map_err(unavailable)?;
        WrappedKey::new(wrapped).ok_or(KekError::TooLong)
    }

    async fn unwrap(&self, context: &[u8], wrapped: &WrappedKey) -> Result<Secret<[u8; 32]>, KekError> {
        let (label, context, wrapped) = (Arc::clone(&self.label), context.to_vec(), wrapped.as_bytes().to_vec());
        let opened = self.token.run(move |session| decrypt(session, &label, &context, &wrapped)).await;
        opened.map_err(unavailable)?.ok_or(KekError::Refused)
    }
}

fn named(label: &str) -> [Attribute; 3] {
    [Attribute::Class(ObjectClass::SECRET_KEY), Attribute::KeyType(KeyType::AES), Attribute::Label(label.as_bytes().to_vec())]
}

fn find(session: &Session, label: &str) -> Result<ObjectHandle, Pkcs11Error> {
    match *session.find_objects(&named(label))?.as_slice() {
        [key] => Ok(key),
        [] => Err(Pkcs11Error::NoKey { label: label.to_owned() }),
        _ => Err(Pkcs11Error::SeveralKeys { label: label.to_owned() }),
    }
}

fn encrypt(session: &Session, label: &str, context: &[u8], key: &[u8; 32]) -> Result<Vec<u8>, Pkcs11Error> {
    let handle = find(session, label)?;
    let mut nonce = [0; NONCE];
    getrandom::fill(&mut nonce).map_err(|_| Pkcs11Error::Randomness)?;
    let mut given = nonce;
    let mechanism = Mechanism::AesGcm(GcmParams::new(&mut given, context, TAG_BITS.into())?);
    let sealed = session.encrypt(&mechanism, handle, key)?;
    // A module that took a nonce of its own would have made something that nobody opens; the vault tries it before it is used.
    Ok([&[VERSION][..], &nonce, &sealed].concat())
}

/// Nothing if it was altered, is of another context, or was wrapped by another key.
fn decrypt(session: &Session, label: &str, context: &[u8], wrapped: &[u8]) -> Result<Option<Secret<[u8; 32]>>, Pkcs11Error> {
    let error = match open(session, label, context, wrapped) {
        Ok(opened) => return Ok(opened),
        Err(error) => error,
    };
    match error.rv() {
        Some(RvError::EncryptedDataInvalid | RvError::EncryptedDataLenRange) => Ok(None),
        // Some say no more than this of a wrong tag. Then the token must still work on what it wraps itself.
        Some(RvError::GeneralError | RvError::FunctionFailed) => works(session, label).map(|()| None),
        _ => Err(error),
    }
}

/// Nothing if it has another form; what the token says of the rest.
fn open(session: &Session, label: &str, context: &[u8], wrapped: &[u8]) -> Result<Option<Secret<[u8; 32]>>, Pkcs11Error> {
    let handle = find(session, label)?;
    let Some((&[VERSION], rest)) = wrapped.split_first_chunk::<1>() else { return Ok(None) };
    let Some((nonce, sealed)) = rest.split_first_chunk::<NONCE>() else { return Ok(None) };
    if sealed.len() != 32_usize.saturating_add(TAG) {
        return Ok(None);
    }
    let mut nonce = *nonce;
    let mechanism = Mechanism::AesGcm(GcmParams::new(&mut nonce, context, TAG_BITS.into())?);
    let opened = session.decrypt(&mechanism, handle, sealed).map(Zeroizing::new)?;
    Ok(opened.as_array::<32>().map(|key| Secret::new(*key)))
}

/// Tries whether the key still wraps and unwraps.
fn works(session: &Session, label: &str) -> Result<(), Pkcs11Error> {
    let wrapped = encrypt(session, label, b"probe", &[0; 32])?;
    open(session, label, b"probe", &wrapped).map(drop)
}

fn unavailable(error: Pkcs11Error) -> KekError {
    KekError::Unavailable { source: Box::new(error) }
}

impl KeyEncryptionKey for Pkcs11 {
    fn wrap_key<'a>(&'a self, context: &'a [u8], key: &'a Secret<[u8; 32]>) -> BoxFuture<'a, Result<WrappedKey, KekError>> {
        Box::pin(self.wrap(context, key))
    }

    fn unwrap_key<'a>(&'a self, context: &'a [u8], wrapped: &'a WrappedKey) -> BoxFuture<'a, Result<Secret<[u8; 32]>, KekError>> {
        Box::pin(self.unwrap(context, wrapped))
    }
}
