//! What every key-encryption key and every place of epoch keys must pass.

use quorate_core::Secret;

use super::{Checked, Failure, ensure, said};
use crate::{
    epoch_key::{EpochKeyId, EpochKeys, MAX_EPOCH_KEY},
    kek::{KekError, KeyEncryptionKey, MAX_WRAPPED, WrappedKey},
    store::StoreError,
};

/// Runs all checks of a [`KeyEncryptionKey`]. It wraps some hundred keys.
///
/// # Errors
///
/// The first [`Failure`].
pub async fn run_key_encryption_key(kek: &dyn KeyEncryptionKey) -> Checked<KekError> {
    let key = Secret::new(core::array::from_fn(|at| u8::try_from(at).unwrap_or(0)));
    for context in [&b""[..], b"c", &[0xff; 512]] {
        let wrapped = wrap(kek, context, &key).await?;
        let opened = said("what was wrapped unwraps", kek.unwrap_key(context, &wrapped).await)?;
        ensure(opened.expose() == key.expose(), "what was wrapped unwraps to what it was")?;
        for other in [&b"d"[..], b"c\0", &[0xff; 511]] {
            refuses(kek, other, wrapped.as_bytes(), "another context is refused").await?;
        }
    }
    let (one, two) = (wrap(kek, b"c", &key).await?, wrap(kek, b"c", &key).await?);
    ensure(one != two, "no two wrapped keys are the same, not even of one key")?;
    ensure(
        !one.as_bytes().windows(8).any(|part| key.expose().windows(8).any(|of| of == part)),
        "a wrapped key does not show the key",
    )?;
    let wrapped = one.as_bytes();
    for at in 0..wrapped.len() {
        let mut altered = wrapped.to_vec();
        altered.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1);
        refuses(kek, b"c", &altered, "a key with an altered bit is refused").await?;
    }
    for length in 1..wrapped.len() {
        refuses(kek, b"c", wrapped.get(..length).unwrap_or_default(), "a key that was cut short is refused").await?;
    }
    refuses(kek, b"c", &[wrapped, &[0]].concat(), "a key with a byte more is refused").await?;
    refuses(kek, b"c", &[0; MAX_WRAPPED], "what is no wrapped key is refused").await
}

async fn wrap(kek: &dyn KeyEncryptionKey, context: &[u8], key: &Secret<[u8; 32]>) -> Result<WrappedKey, Failure<KekError>> {
    said("a key can be wrapped, under 0 to 512 bytes of context", kek.wrap_key(context, key).await)
}

async fn refuses(kek: &dyn KeyEncryptionKey, context: &[u8], wrapped: &[u8], check: &'static str) -> Checked<KekError> {
    let Some(wrapped) = WrappedKey::new(wrapped.to_vec()) else { return Ok(()) };
    match kek.unwrap_key(context, &wrapped).await {
        Err(KekError::Refused) => Ok(()),
        Err(source) => Err(Failure { check, source: Some(source) }),
        Ok(_) => Err(Failure { check, source: None }),
    }
}

/// Runs all checks of a place of epoch keys, which is empty.
///
/// # Errors
///
/// The first [`Failure`].
pub async fn run_epoch_keys(keys: &dyn EpochKeys) -> Checked {
    let (first, other) = (EpochKeyId::new([1; 32], 7), EpochKeyId::new([2; 32], 7));
    are(keys, &first, None, "an absent epoch key reads as nothing").await?;
    epochs_are(keys, &first, &[]).await?;
    said("what is absent can be destroyed", keys.destroy(&first).await)?;
    ensure(!said("what is absent is not replaced", keys.replace(&first, b"x").await)?, "what is absent is not replaced")?;
    are(keys, &first, None, "what is absent is not replaced").await?;
    said("an epoch key can be created", keys.create(&first, b"one").await)?;
    let twice = keys.create(&first, b"two").await;
    ensure(matches!(twice, Err(StoreError::AlreadyExists { .. })), "create refuses an epoch that exists")?;
    are(keys, &first, Some(b"one"), "a refused create changes nothing").await?;
    are(keys, &other, None, "the same epoch of another key is another one").await?;
    for epoch in [u64::MAX, 70, 0] {
        said("any epoch can be created", keys.create(&EpochKeyId::new([1; 32], epoch), &[9; MAX_EPOCH_KEY]).await)?;
    }
    are(keys, &EpochKeyId::new([1; 32], 70), Some(&[9; MAX_EPOCH_KEY]), "1024 bytes read as they were written").await?;
    let long = keys.create(&other, &[0; MAX_EPOCH_KEY + 1]).await;
    ensure(matches!(long, Err(StoreError::ValueTooLarge { .. })), "more than 1024 bytes are refused")?;
    epochs_are(keys, &first, &[0, 7, 70, u64::MAX]).await?;
    epochs_are(keys, &other, &[]).await?;
    for value in [&b"a longer one than before"[..], b"s", b"s"] {
        ensure(said("an epoch key can be replaced", keys.replace(&first, value).await)?, "what is there is replaced")?;
        are(keys, &first, Some(value), "what was replaced reads as the new one").await?;
    }
    said("an epoch key can be destroyed", keys.destroy(&first).await)?;
    are(keys, &first, None, "a destroyed epoch key reads as nothing").await?;
    epochs_are(keys, &first, &[0, 70, u64::MAX]).await?;
    said("an epoch key of another key can be created", keys.create(&other, b"one").await)?;
    let mut listed = said("the keys are listed", keys.keys().await)?;
    listed.sort_unstable();
    ensure(listed == [[1; 32], [2; 32]], "the keys of which there are epochs are listed, each once")?;
    said("an epoch key can be destroyed", keys.destroy(&other).await)
}

async fn are(keys: &dyn EpochKeys, id: &EpochKeyId, value: Option<&[u8]>, check: &'static str) -> Checked {
    ensure(said(check, keys.read(id).await)?.as_deref() == value, check)
}

async fn epochs_are(keys: &dyn EpochKeys, of: &EpochKeyId, epochs: &[u64]) -> Checked {
    let check = "the epochs of a key are listed, ascending, and no others";
    ensure(said(check, keys.epochs(of.key_id()).await)? == epochs, check)
}
