//! One key-encryption key in place of another.

use core::fmt;

use super::{KekError, KeyEncryptionKey, WrappedKey};
use crate::domain;

/// What wraps until now, and what wraps from now on.
pub(crate) struct Exchange<'a> {
    pub(crate) from: &'a dyn KeyEncryptionKey,
    pub(crate) to: &'a dyn KeyEncryptionKey,
}

impl fmt::Debug for Exchange<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Exchange({:?} for {:?})", self.to, self.from)
    }
}

impl Exchange<'_> {
    /// Wraps a key anew, and makes sure that it unwraps before the caller gives up the former wrapping. One that was wrapped anew
    /// already stays as it is.
    pub(crate) async fn rewrap(&self, context: &[u8], wrapped: &WrappedKey) -> Result<WrappedKey, KekError> {
        match self.to.unwrap_key(context, wrapped).await {
            Ok(_) => return Ok(wrapped.clone()),
            Err(KekError::Refused) => {}
            Err(error) => return Err(error),
        }
        let key = self.from.unwrap_key(context, wrapped).await?;
        let anew = self.to.wrap_key(context, &key).await?;
        let again = self.to.unwrap_key(context, &anew).await?;
        if domain::equal(again.expose(), key.expose()) { Ok(anew) } else { Err(KekError::Refused) }
    }
}
