//! The signer: alloy's traits, each answered with a payload.

use std::sync::Arc;

use alloy_consensus::SignableTransaction;
use alloy_dyn_abi::TypedData as AlloyTypedData;
use alloy_network::TxSigner;
use alloy_primitives::{Address, B256, ChainId, Signature};
use alloy_signer::{Error, Result, Signer, UnsupportedSignerOperation};
use async_trait::async_trait;
use quorate::{
    ask::{Ask, AskError, KeyHandle},
    core::{SuiteId, derive::DerivationPath},
    payload::{AddressKind, AnyPayload, Digest, EvmTransaction, Message, ToSign, TypedData},
};

/// An ECDSA key of a wallet as alloy sees a key: an address, and signatures.
///
/// Cheap to clone. Its errors are alloy's: [`Error::Other`] holds an [`AskError`] with the words of the policy or the cosigner that says no,
/// and [`Error::TransactionChainIdMismatch`] a transaction for another chain than the signer was given.
#[derive(Clone, Debug)]
pub struct CosignerSigner {
    key: KeyHandle,
    address: Address,
    chain_id: Option<ChainId>,
    raw_digests: bool,
}

impl CosignerSigner {
    /// Asks a cosigner for a wallet's ECDSA key, by the wallet's name or the key's id.
    ///
    /// # Security
    ///
    /// The cosigner says which key it is: compare the address with what your other cosigners show.
    ///
    /// # Errors
    ///
    /// [`AskError::UnknownKey`] if the wallet has no such key, and what the cosigner says.
    pub async fn find(cosigner: Arc<dyn Ask>, key: &str) -> core::result::Result<Self, AskError> {
        Self::new(KeyHandle::find(cosigner, key, SuiteId::EcdsaSecp256k1).await?)
    }

    /// Makes a signer of a key that was found already.
    ///
    /// # Errors
    ///
    /// [`AskError::Payload`] if it is no ECDSA key over secp256k1.
    pub fn new(key: KeyHandle) -> core::result::Result<Self, AskError> {
        let address = key.usage().address(AddressKind::Ethereum)?;
        // The cosigner's library spells it as alloy's does.
        let address = address.parse().map_err(|_| quorate::core::DecodeError::InvalidValue("address"))?;
        Ok(Self { key, address, chain_id: None, raw_digests: false })
    }

    /// The child at that path instead of the wallet's root key.
    ///
    /// # Errors
    ///
    /// [`AskError::Payload`] if there is no such child.
    pub fn at(self, path: DerivationPath) -> core::result::Result<Self, AskError> {
        let moved = Self::new(self.key.at(path)?)?;
        Ok(Self { chain_id: self.chain_id, raw_digests: self.raw_digests, ..moved })
    }

    /// Has `sign_hash` ask the cosigners to sign a hash that none of them can read, instead of refusing.
    ///
    /// # Security
    ///
    /// A hash may be that of a transaction that empties the wallet. Each cosigner's policy denies it all the same, unless it lists the key
    /// under `allow_raw_digest`.
    #[must_use]
    pub const fn allow_raw_digests(mut self) -> Self {
        self.raw_digests = true;
        self
    }

    /// The key that signs.
    #[must_use]
    pub const fn key(&self) -> &KeyHandle {
        &self.key
    }

    async fn sign(&self, payload: AnyPayload) -> Result<Signature> {
        let signed = self.key.sign(payload).await.map_err(Error::other)?;
        // r ‖ s ‖ recovery id, verified by the payload; the id of an Ethereum signature is a parity.
        let signature = match signed.signatures.as_slice() {
            [signature] => signature.split_last(),
            _ => None,
        };
        match signature {
            Some((parity @ (0 | 1), rs)) if rs.len() == 64 => Ok(Signature::from_bytes_and_parity(rs, *parity == 1)),
            _ => Err(Error::message("the cosigner's answer is not one Ethereum signature")),
        }
    }
}

#[async_trait]
impl Signer for CosignerSigner {
    /// Refuses, unless raw digests are allowed: here and by the policies of the cosigners.
    async fn sign_hash(&self, hash: &B256) -> Result<Signature> {
        if !self.raw_digests {
            return Err(Error::UnsupportedOperation(UnsupportedSignerOperation::SignHash));
        }
        self.sign(AnyPayload::new(Digest::new(hash.0))).await
    }

    async fn sign_message(&self, message: &[u8]) -> Result<Signature> {
        self.sign(AnyPayload::new(Message::new(message).map_err(ask)?)).await
    }

    async fn sign_dynamic_typed_data(&self, document: &AlloyTypedData) -> Result<Signature> {
        let json = serde_json::to_vec(document).map_err(Error::other)?;
        let payload = AnyPayload::new(TypedData::parse(&json).map_err(ask)?);
        // A document whose types order the domain's fields in a way of their own has another hash for alloy.
        let hash = document.eip712_signing_hash().map_err(Error::other)?;
        match self.key.messages(&payload).map_err(Error::other)?.as_slice() {
            [ToSign::Ecdsa { digest, .. }] if *digest == hash.0 => self.sign(payload).await,
            _ => Err(Error::message(
                "the document's hash is another one for alloy than for the cosigners; does it define EIP712Domain?",
            )),
        }
    }

    fn address(&self) -> Address {
        self.address
    }

    fn chain_id(&self) -> Option<ChainId> {
        self.chain_id
    }

    fn set_chain_id(&mut self, chain_id: Option<ChainId>) {
        self.chain_id = chain_id;
    }
}

#[async_trait]
impl TxSigner<Signature> for CosignerSigner {
    fn address(&self) -> Address {
        self.address
    }

    async fn sign_transaction(&self, transaction: &mut dyn SignableTransaction<Signature>) -> Result<Signature> {
        if let Some(signer) = self.chain_id {
            let given = transaction.chain_id().unwrap_or_default();
            if !transaction.set_chain_id_checked(signer) {
                return Err(Error::TransactionChainIdMismatch { signer, tx: given });
            }
        }
        let payload = EvmTransaction::parse(&transaction.encoded_for_signing()).map_err(ask)?;
        self.sign(AnyPayload::new(payload)).await
    }
}

/// A payload that cannot be signed, as alloy's error.
fn ask(error: quorate::payload::PayloadError) -> Error {
    Error::other(AskError::from(error))
}
