//! Two key-encryption keys, of which both are needed.
//!
//! ```text
//! wrapped = left wrapped by a (u16 length), right wrapped by b (u16 length), nonce (24), key, tag (16)
//! under H("both"; left, right)        left, right: 32 random bytes each
//! ```
//!
//! Neither of the two sees a key, nor half of one, and neither can turn one into another that opens something.

use std::sync::Arc;

use quorate_core::{
    DecodeError, Secret,
    wire::{Reader, Writer},
};

use super::{
    KekError, KeyEncryptionKey, WrappedKey,
    passphrase::{open_key, seal_key},
};
use crate::{
    domain,
    sealed::{random_key, read_wrapped, write_wrapped},
    store::BoxFuture,
};

/// Two key-encryption keys, such as a token of the operator and a cloud's key service: whoever lacks one opens nothing.
///
/// The wrapped keys of both together may have at most 436 bytes. Switching off either freezes what is wrapped.
#[derive(Debug)]
pub struct Both {
    a: Arc<dyn KeyEncryptionKey>,
    b: Arc<dyn KeyEncryptionKey>,
}

impl Both {
    /// Needs `a` and `b` from now on. Their order belongs to what is wrapped.
    #[must_use]
    pub fn new(a: Arc<dyn KeyEncryptionKey>, b: Arc<dyn KeyEncryptionKey>) -> Self {
        Self { a, b }
    }

    async fn wrap(&self, context: &[u8], key: &Secret<[u8; 32]>) -> Result<WrappedKey, KekError> {
        let left = random_key().ok_or(KekError::Randomness)?;
        let right = random_key().ok_or(KekError::Randomness)?;
        let mut out = Writer::default();
        write_wrapped(&self.a.wrap_key(context, &left).await?, &mut out);
        write_wrapped(&self.b.wrap_key(context, &right).await?, &mut out);
        out.raw(&seal_key(&both(&left, &right), context, key)?);
        WrappedKey::new(out.into_bytes()).ok_or(KekError::TooLong)
    }

    async fn unwrap(&self, context: &[u8], wrapped: &WrappedKey) -> Result<Secret<[u8; 32]>, KekError> {
        let (left, right, sealed) = split(wrapped.as_bytes()).map_err(|_| KekError::Refused)?;
        let left = self.a.unwrap_key(context, &left).await?;
        let right = self.b.unwrap_key(context, &right).await?;
        open_key(&both(&left, &right), context, sealed).ok_or(KekError::Refused)
    }
}

fn both(left: &Secret<[u8; 32]>, right: &Secret<[u8; 32]>) -> Secret<[u8; 32]> {
    domain::derive(domain::BOTH_WRAP, left, &[right.expose()])
}

fn split(bytes: &[u8]) -> Result<(WrappedKey, WrappedKey, &[u8]), DecodeError> {
    let mut input = Reader::new(bytes);
    let (left, right) = (read_wrapped(&mut input)?, read_wrapped(&mut input)?);
    let rest = input.rest();
    Ok((left, right, rest))
}

impl KeyEncryptionKey for Both {
    fn wrap_key<'a>(&'a self, context: &'a [u8], key: &'a Secret<[u8; 32]>) -> BoxFuture<'a, Result<WrappedKey, KekError>> {
        Box::pin(self.wrap(context, key))
    }

    fn unwrap_key<'a>(&'a self, context: &'a [u8], wrapped: &'a WrappedKey) -> BoxFuture<'a, Result<Secret<[u8; 32]>, KekError>> {
        Box::pin(self.unwrap(context, wrapped))
    }
}
