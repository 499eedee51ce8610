//! What is signed, as each cosigner itself parses it.
//!
//! A requester sends a whole document — a message, a PSBT, an Ethereum transaction, a Solana message — and never a hash of one. Every cosigner decodes it
//! with [`AnyPayload::decode`], shows or judges [`Payload::describe`], and derives from the same bytes what is signed with
//! [`Payload::messages`]. So nobody signs a transaction that only somebody else has read. The one exception is [`Digest`], which a
//! policy denies unless it allows it for a key by name.
//!
//! One kind of payload never yields the bytes of another: a [`Message`] that could be a Taproot signature hash or a Solana
//! transaction is refused, and under an ECDSA key it is signed behind the prefix of EIP-191 (see [`Message`]).
//!
//! This module signs nothing and derives no key itself: it asks a [`KeyView`].

use core::fmt::Debug;
use std::sync::Arc;

use quorate_core::SuiteId;

mod address;
mod description;
mod digest;
mod ecdsa;
mod effect;
mod error;
mod evm;
mod key;
mod message;
mod psbt;
mod schnorr;
mod solana;
pub mod template;

pub use address::{AddressError, canonical_address};
pub use description::{Description, Details, Line};
pub use digest::Digest;
pub use effect::{Asset, Effect};
pub use error::PayloadError;
pub use evm::{
    CallDetails, EvmDetails, EvmError, EvmTransaction,
    typed::{TypedData, TypedDataDetails, TypedDataError},
};
pub use key::{AddressKind, KeyUse, KeyView, Network, format_path};
pub use message::Message;
pub use psbt::{InputDetails, OutputDetails, Psbt, PsbtDetails, PsbtError, extract_transaction};
pub use solana::{Action, InstructionDetails, SolanaDetails, SolanaError, SolanaMessage};
pub(crate) use solana::{HoldingAccount, solana_bytes};

/// The largest payload that is accepted, in bytes (1 MiB).
pub const MAX_PAYLOAD: usize = 1 << 20;

/// The names under which payloads travel and policies know them.
pub mod kind {
    /// Bytes that are signed as they are; by an ECDSA key, behind the prefix of EIP-191.
    pub const MESSAGE: &str = "message";
    /// A 32-byte hash that somebody else computed.
    pub const DIGEST: &str = "digest";
    /// A partially signed Bitcoin transaction.
    pub const PSBT: &str = "psbt";
    /// An unsigned Ethereum transaction.
    pub const EVM: &str = "evm";
    /// The message of a Solana transaction.
    pub const SOLANA: &str = "solana";
    /// A document of EIP-712, as JSON.
    pub const TYPED_DATA: &str = "typed-data";
}

/// Something that can be signed: for people, for the machine, and as bytes between cosigners.
///
/// An implementation is a value that was already checked as far as that is possible without the key; everything it tells must
/// follow from [`encode`](Self::encode)'s bytes and the key alone, so that all cosigners tell the same.
pub trait Payload: Send + Sync + Debug {
    /// The name of this kind of payload, see [`kind`].
    fn kind(&self) -> &'static str;

    /// The bytes that travel between cosigners; [`AnyPayload::decode`] reads them back, and no other bytes give the same payload.
    fn encode(&self) -> Vec<u8>;

    /// The suite of the keys that sign this, where the payload alone tells it.
    fn suite(&self) -> Option<SuiteId> {
        None
    }

    /// Tells people and policies what a signature would do.
    ///
    /// # Errors
    ///
    /// As [`messages`](Self::messages): what cannot be signed is not described either.
    fn describe(&self, usage: &KeyUse<'_>) -> Result<Description, PayloadError>;

    /// Lists what has to be signed, in the order in which [`attach`](Self::attach) takes the signatures.
    ///
    /// # Errors
    ///
    /// [`PayloadError`] if the key cannot, or must not, sign this.
    fn messages(&self, usage: &KeyUse<'_>) -> Result<Vec<ToSign>, PayloadError>;

    /// Puts the signatures where they belong, and gives the finished document.
    ///
    /// A signature of a Schnorr suite comes as its standard encodes it; one of ECDSA as r ‖ s ‖ recovery id, 65 bytes, with low s.
    ///
    /// # Errors
    ///
    /// [`PayloadError::SignatureCount`] or [`PayloadError::InvalidSignature`] if they are not the signatures of
    /// [`messages`](Self::messages), and what that says.
    fn attach(&self, usage: &KeyUse<'_>, signatures: &[Vec<u8>]) -> Result<Vec<u8>, PayloadError>;
}

/// One signature that a payload needs, and from which scheme.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ToSign {
    /// A signature of a Schnorr suite, which hashes the message itself.
    Schnorr {
        /// The bytes that go to the signature scheme.
        message: Vec<u8>,
        /// The non-hardened steps from the root key to the key that signs.
        path: Vec<u32>,
        /// What is added to that key before it signs.
        taproot: Taproot,
    },
    /// A signature of an ECDSA suite, which signs a hash. The payload computed it, on this machine, from the whole document.
    Ecdsa {
        /// The hash.
        digest: [u8; 32],
        /// The non-hardened steps from the root key to the key that signs.
        path: Vec<u32>,
    },
}

impl ToSign {
    /// Names the bytes, the key and its tweak.
    #[must_use]
    pub const fn schnorr(message: Vec<u8>, path: Vec<u32>, taproot: Taproot) -> Self {
        Self::Schnorr { message, path, taproot }
    }

    /// Names the hash and the key.
    #[must_use]
    pub const fn ecdsa(digest: [u8; 32], path: Vec<u32>) -> Self {
        Self::Ecdsa { digest, path }
    }

    /// The bytes that go to the signature scheme: a message, or for ECDSA a hash.
    #[must_use]
    pub fn message(&self) -> &[u8] {
        match self {
            Self::Schnorr { message, .. } => message,
            Self::Ecdsa { digest, .. } => digest,
        }
    }

    /// The non-hardened steps from the root key to the key that signs.
    #[must_use]
    pub fn path(&self) -> &[u32] {
        match self {
            Self::Schnorr { path, .. } | Self::Ecdsa { path, .. } => path,
        }
    }

    /// What is added to that key before it signs; nothing for ECDSA.
    #[must_use]
    pub const fn taproot(&self) -> Taproot {
        match self {
            Self::Schnorr { taproot, .. } => *taproot,
            Self::Ecdsa { .. } => Taproot::None,
        }
    }
}

/// What is added to a derived key before it signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Taproot {
    /// Nothing: the derived key itself signs.
    None,
    /// The tweak of a Taproot output key, BIP-341. A BIP-340 key signs in no other way.
    KeyPath {
        /// The root of the script tree; none makes the output key of BIP-86, which has no scripts.
        merkle_root: Option<[u8; 32]>,
    },
}

/// A payload of any kind.
#[derive(Clone, Debug)]
pub struct AnyPayload(Arc<dyn Payload>);

impl AnyPayload {
    /// Wraps a payload.
    pub fn new(payload: impl Payload + 'static) -> Self {
        Self(Arc::new(payload))
    }

    /// Reads what another cosigner sent: the kind and the bytes of [`Payload::encode`].
    ///
    /// # Errors
    ///
    /// [`PayloadError::UnknownKind`], [`PayloadError::TooLong`], or what the kind's own decoder says. Bytes that mean the same
    /// payload in another encoding are refused with [`PayloadError::NotCanonical`].
    pub fn decode(kind: &str, bytes: &[u8]) -> Result<Self, PayloadError> {
        if bytes.len() > MAX_PAYLOAD {
            return Err(PayloadError::TooLong { limit: MAX_PAYLOAD });
        }
        let payload = match kind {
            kind::MESSAGE => Self::new(Message::new(bytes)?),
            kind::DIGEST => Self::new(Digest::from_slice(bytes)?),
            kind::PSBT => Self::new(Psbt::parse(bytes)?),
            kind::EVM => Self::new(EvmTransaction::parse(bytes)?),
            kind::SOLANA => Self::new(SolanaMessage::parse(bytes)?),
            kind::TYPED_DATA => Self::new(TypedData::parse(bytes)?),
            _ => return Err(PayloadError::UnknownKind),
        };
        if payload.encode() == bytes { Ok(payload) } else { Err(PayloadError::NotCanonical) }
    }
}

impl Payload for AnyPayload {
    fn kind(&self) -> &'static str {
        self.0.kind()
    }

    fn encode(&self) -> Vec<u8> {
        self.0.encode()
    }

    fn suite(&self) -> Option<SuiteId> {
        self.0.suite()
    }

    fn describe(&self, usage: &KeyUse<'_>) -> Result<Description, PayloadError> {
        self.0.describe(usage)
    }

    fn messages(&self, usage: &KeyUse<'_>) -> Result<Vec<ToSign>, PayloadError> {
        self.0.messages(usage)
    }

    fn attach(&self, usage: &KeyUse<'_>, signatures: &[Vec<u8>]) -> Result<Vec<u8>, PayloadError> {
        self.0.attach(usage, signatures)
    }
}

/// Checks that there is one signature for each message.
fn check_count(needed: usize, signatures: &[Vec<u8>]) -> Result<(), PayloadError> {
    let given = signatures.len();
    if given == needed { Ok(()) } else { Err(PayloadError::SignatureCount { given, needed }) }
}
