//! Solana transactions: the message that the signers sign, legacy or version 0.
//!
//! What is signed is the message itself, byte for byte, by Ed25519. [`parse`] reads it as strictly as the network does, and
//! [`describe`] tells what it would do, as far as the programs are known here.

use bitcoin::base64::{Engine as _, prelude::BASE64_STANDARD};
use quorate_core::SuiteId;

use super::{Description, KeyUse, Payload, PayloadError, Taproot, ToSign, check_count, key, kind, schnorr};

mod associated;
mod describe;
mod parse;
mod programs;

pub(crate) use associated::{HoldingAccount, bytes as solana_bytes};
pub use describe::{Action, InstructionDetails, SolanaDetails};
use parse::Parsed;
pub use parse::SolanaError;

/// The message of a Solana transaction.
///
/// # Security
///
/// The key must be one of the signers that the message requires; the first of them pays the fee. Accounts that the message takes
/// from an address lookup table are not in the message, so that nobody can tell from it which they are: the description says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SolanaMessage {
    bytes: Vec<u8>,
    parsed: Parsed,
}

impl SolanaMessage {
    /// Reads a message in binary or base64.
    ///
    /// # Errors
    ///
    /// [`SolanaError`] for what the network would not accept either.
    pub fn parse(bytes: &[u8]) -> Result<Self, PayloadError> {
        if bytes.len() > 2 * parse::MAX_MESSAGE {
            return Err(SolanaError::TooLong.into());
        }
        // No message in binary starts with a letter or digit: it would have more signers than fit into a packet.
        let bytes = if bytes.first().is_some_and(u8::is_ascii_graphic) {
            BASE64_STANDARD.decode(bytes.trim_ascii()).map_err(|_| SolanaError::NotBase64)?
        } else {
            bytes.to_vec()
        };
        let parsed = Parsed::new(&bytes)?;
        Ok(Self { bytes, parsed })
    }

    /// The message in base64, as other programs print it.
    #[must_use]
    pub fn to_base64(&self) -> String {
        BASE64_STANDARD.encode(&self.bytes)
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Which of the required signers the key is.
    fn slot(&self, usage: &KeyUse<'_>) -> Result<usize, PayloadError> {
        if usage.key.suite() != SuiteId::Ed25519 {
            return Err(usage.unsupported(kind::SOLANA));
        }
        let key = key::ed25519_key(usage.key, usage.path)?;
        Ok(self.parsed.signers().position(|signer| *signer == key).ok_or(SolanaError::NotASigner)?)
    }
}

impl Payload for SolanaMessage {
    fn kind(&self) -> &'static str {
        kind::SOLANA
    }

    fn encode(&self) -> Vec<u8> {
        self.bytes.clone()
    }

    fn suite(&self) -> Option<SuiteId> {
        Some(SuiteId::Ed25519)
    }

    fn describe(&self, usage: &KeyUse<'_>) -> Result<Description, PayloadError> {
        let slot = self.slot(usage)?;
        Ok(describe::describe(&self.parsed, slot))
    }

    fn messages(&self, usage: &KeyUse<'_>) -> Result<Vec<ToSign>, PayloadError> {
        self.slot(usage)?;
        Ok(vec![ToSign::schnorr(self.bytes.clone(), usage.path.to_vec(), Taproot::None)])
    }

    /// The transaction as the network takes it: the signatures and the message. Signers other than this key, if the message has
    /// any, find 64 zero bytes in their place.
    fn attach(&self, usage: &KeyUse<'_>, signatures: &[Vec<u8>]) -> Result<Vec<u8>, PayloadError> {
        let slot = self.slot(usage)?;
        check_count(1, signatures)?;
        let invalid = || PayloadError::InvalidSignature { index: 0 };
        let signature: [u8; 64] = signatures.first().and_then(|bytes| bytes.as_slice().try_into().ok()).ok_or_else(invalid)?;
        schnorr::verify(usage, &self.bytes, &signature)?;
        let mut transaction = vec![self.parsed.signer_count()];
        for (index, _) in self.parsed.signers().enumerate() {
            transaction.extend(if index == slot { signature } else { [0; 64] });
        }
        transaction.extend(&self.bytes);
        Ok(transaction)
    }
}
