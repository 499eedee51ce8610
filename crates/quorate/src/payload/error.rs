//! Why a payload is not signed.

use quorate_core::{InputError, SuiteId};

use super::{
    evm::{EvmError, typed::TypedDataError},
    psbt::PsbtError,
    solana::SolanaError,
};

/// The requester gave something that this key cannot, or must not, sign. Nothing was signed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PayloadError {
    /// A kind of payload that this version does not know.
    #[error("unknown kind of payload; known are message, digest, psbt, evm, typed-data and solana")]
    UnknownKind,
    /// More bytes than any payload may have.
    #[error("the payload is longer than {limit} bytes")]
    TooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// The payload has another encoding, which is the right one.
    #[error("the payload is not in its canonical encoding; send what Payload::encode gives")]
    NotCanonical,
    /// The key's suite does not sign such payloads.
    #[error("a {suite} key does not sign a payload of kind {kind}; use a key of another suite")]
    UnsupportedSuite {
        /// The payload's kind.
        kind: &'static str,
        /// The key's suite.
        suite: SuiteId,
    },
    /// A digest has 32 bytes.
    #[error("a digest has 32 bytes, not {length}")]
    DigestLength {
        /// How many bytes there were.
        length: usize,
    },
    /// 32 bytes under a BIP-340 key can be the signature hash of a transaction.
    #[error(
        "a message of 32 bytes could be the hash of a transaction; send the transaction, or a digest if the key's policy allows it"
    )]
    MessageCouldBeDigest,
    /// The message contains the signing key, as every Solana transaction does that the key signs.
    #[error("the message contains the signing key itself and could be a Solana transaction; send it as a payload of kind solana")]
    MessageCouldBeTransaction,
    /// Not one signature for each message.
    #[error("{given} signatures for {needed} messages")]
    SignatureCount {
        /// How many there were.
        given: usize,
        /// How many it takes.
        needed: usize,
    },
    /// A signature that does not have the form of one, or does not verify.
    #[error("signature {index} is not valid for this payload")]
    InvalidSignature {
        /// Its place among the signatures, from 0.
        index: usize,
    },
    /// Keys of this suite have other addresses.
    #[error("a {suite} key has no {address} address")]
    NoSuchAddress {
        /// The kind of address.
        address: super::AddressKind,
        /// The key's suite.
        suite: SuiteId,
    },
    /// The key has no such child.
    #[error("the key cannot be derived")]
    Derivation(#[from] InputError),
    /// What [`KeyView`](super::KeyView) gave is not a public key of its suite: a fault of this program, not of the payload.
    #[error("internal error: the key view gave bytes that are not a public key of its suite")]
    KeyEncoding,
    /// What is wrong with a PSBT.
    #[error(transparent)]
    Psbt(#[from] PsbtError),
    /// What is wrong with an Ethereum transaction.
    #[error(transparent)]
    Evm(#[from] EvmError),
    /// What is wrong with a document of EIP-712.
    #[error(transparent)]
    TypedData(#[from] TypedDataError),
    /// What is wrong with a Solana message.
    #[error(transparent)]
    Solana(#[from] SolanaError),
    /// A template without the placeholder that it should have.
    #[error("the template does not contain the placeholder key; it was filled before, or is no template")]
    NoPlaceholder,
}
