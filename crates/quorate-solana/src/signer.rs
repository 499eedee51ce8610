//! The signer that does not block.

use std::sync::Arc;

use quorate::{
    ask::{Ask, AskError, KeyHandle},
    core::{DecodeError, SuiteId, derive::DerivationPath},
    payload::{AnyPayload, Message, PayloadError, SolanaMessage},
};
use solana_pubkey::Pubkey;
use solana_signature::Signature;

use crate::{BlockingSigner, RuntimeError};

/// An Ed25519 key of a wallet as Solana's programs see a key: an address, and signatures. Cheap to clone.
#[derive(Clone, Debug)]
pub struct CosignerSigner {
    key: KeyHandle,
    pubkey: Pubkey,
}

impl CosignerSigner {
    /// Asks a cosigner for a wallet's Ed25519 key, by the wallet's name or the key's id.
    ///
    /// # Security
    ///
    /// The cosigner says which key it is: compare the address with what your other cosigners show.
    ///
    /// # Errors
    ///
    /// [`AskError::UnknownKey`] if the wallet has no such key, and what the cosigner says.
    pub async fn find(cosigner: Arc<dyn Ask>, key: &str) -> Result<Self, AskError> {
        Self::new(KeyHandle::find(cosigner, key, SuiteId::Ed25519).await?)
    }

    /// Makes a signer of a key that was found already.
    ///
    /// # Errors
    ///
    /// [`AskError::Payload`] if it is no Ed25519 key.
    pub fn new(key: KeyHandle) -> Result<Self, AskError> {
        // Refuses keys of other suites by name; the address is the key itself.
        key.usage().address(quorate::payload::AddressKind::Solana)?;
        let bytes: [u8; 32] = key.public_key()?.try_into().map_err(|_| PayloadError::KeyEncoding)?;
        Ok(Self { key, pubkey: Pubkey::new_from_array(bytes) })
    }

    /// The child at that path instead of the wallet's root key.
    ///
    /// # Errors
    ///
    /// [`AskError::Payload`] if there is no such child.
    pub fn at(self, path: DerivationPath) -> Result<Self, AskError> {
        Self::new(self.key.at(path)?)
    }

    /// The address.
    #[must_use]
    pub const fn pubkey(&self) -> Pubkey {
        self.pubkey
    }

    /// The key that signs.
    #[must_use]
    pub const fn key(&self) -> &KeyHandle {
        &self.key
    }

    /// Has the cosigners sign what a transaction's signers sign: the serialized message, legacy or of version 0. Other bytes are asked for as
    /// a plain message.
    ///
    /// # Errors
    ///
    /// [`AskError::Payload`] if the message does not name the key among its signers, or if bytes that are no transaction could be one;
    /// and the words of the policy or the cosigner that says no.
    pub async fn sign(&self, message: &[u8]) -> Result<Signature, AskError> {
        let payload = match SolanaMessage::parse(message) {
            // Bytes in base64 would be another message than the one that was given.
            Ok(parsed) if quorate::payload::Payload::encode(&parsed) == message => AnyPayload::new(parsed),
            _ => AnyPayload::new(Message::new(message)?),
        };
        let signed = self.key.sign(payload).await?;
        let signature = signed.signatures.first().and_then(|bytes| <[u8; 64]>::try_from(bytes.as_slice()).ok());
        Ok(signature.map(Signature::from).ok_or(DecodeError::InvalidValue("signature"))?)
    }

    /// Solana's own signer, which blocks the thread that calls it.
    ///
    /// It has to be made inside the runtime of tokio on which the cosigner, if it is in this process, was started. The runtime must have
    /// several threads: one of one thread could not go on while that thread waits.
    ///
    /// # Errors
    ///
    /// [`RuntimeError`] outside of such a runtime.
    pub fn blocking(self) -> Result<BlockingSigner, RuntimeError> {
        BlockingSigner::new(self)
    }
}
