//! What can go wrong, one type for each thing that is asked.

use crate::{Curve, Network};

/// A key that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The encoding has another length.
    #[error("a {curve} key has another length than {length} bytes")]
    Length {
        /// The curve that was said.
        curve: Curve,
        /// The bytes' number.
        length: usize,
    },
    /// The bytes encode no point of the curve, or the point at infinity.
    #[error("the bytes are no point of {curve}")]
    NotOnCurve {
        /// The curve that was said.
        curve: Curve,
    },
}

/// A chain of that name is not in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no chain has that name; `chains()` lists the names")]
#[non_exhaustive]
pub struct UnknownChain;

/// A key has no address on a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// The chain's accounts have keys of other curves: a signature of this key would move nothing.
    #[error("accounts of {chain} have no {given} keys")]
    WrongCurve {
        /// The chain's name.
        chain: &'static str,
        /// The key's curve.
        given: Curve,
        /// What the chain takes instead.
        accepted: &'static [Curve],
    },
    /// An uncompressed key where the chain hashes, or spends with, compressed ones alone.
    #[error("{chain} takes the compressed form of a key alone")]
    Uncompressed {
        /// The chain's name.
        chain: &'static str,
    },
    /// The table knows no such network of the chain.
    #[error("the table has no {network} prefix for {chain}")]
    NoNetwork {
        /// The chain's name.
        chain: &'static str,
        /// The network that was asked for.
        network: Network,
    },
    /// The chain's address has a part that no key tells.
    #[error("an address of {chain} needs an option: {option}")]
    MissingOption {
        /// The chain's name.
        chain: &'static str,
        /// Which one.
        option: &'static str,
    },
    /// The tweak of a Taproot key has no result; no key that anybody made has this property.
    #[error("the key has no Taproot output key")]
    NoOutputKey,
}

/// A text is no address of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// Longer than any address is; nothing of it was read.
    #[error("an address has at most {limit} characters")]
    TooLong {
        /// The longest that is read.
        limit: usize,
    },
    /// A character that the chain's alphabet does not have, or an encoding that it does not allow.
    #[error("the address is not spelt as addresses of this chain are")]
    Spelling,
    /// Upper and lower case letters together, where the chain allows one of them.
    #[error("the address mixes upper and lower case")]
    MixedCase,
    /// The checksum is another one: a typing mistake.
    #[error("the address's checksum does not fit")]
    Checksum,
    /// The case of an Ethereum address's letters is a checksum, and does not fit: a typing mistake.
    #[error("the case of the address's letters is a wrong EIP-55 checksum")]
    CaseChecksum,
    /// The address begins as those of some other chain, or of none.
    #[error("the address has the prefix of another chain")]
    Prefix,
    /// An address of this chain, but of another of its networks.
    #[error("an address of the {network}, where another network's is expected")]
    OtherNetwork {
        /// The network that the address is of.
        network: Network,
    },
    /// What the address encodes has another length.
    #[error("the address encodes {length} bytes, which no address of this kind does")]
    Length {
        /// The bytes' number.
        length: usize,
    },
    /// An address of this chain, and of a kind that is not this entry's: another witness version, wallet or protocol.
    #[error("an address of another kind than this entry of the table")]
    OtherKind,
}

/// A signature cannot be written as a chain has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// r or s is zero, or not below the order of the curve.
    #[error("r or s is no scalar of {curve}")]
    Scalar {
        /// The curve that was said.
        curve: Curve,
    },
    /// A recovery id above 3.
    #[error("a recovery id is 0 to 3")]
    RecoveryId,
    /// The chain takes signatures of other kinds.
    #[error("{chain} takes no {given} signatures")]
    WrongScheme {
        /// The chain's name.
        chain: &'static str,
        /// The signature's curve.
        given: Curve,
    },
    /// The chain's signatures are of a scheme of its own; no group key can sign there.
    #[error("{chain} signs with a scheme of its own: addresses of it are for receiving alone")]
    ReceiveOnly {
        /// The chain's name.
        chain: &'static str,
    },
    /// The form has no place for a signature of this scheme.
    #[error("a {given} signature has no such form")]
    WrongForm {
        /// The signature's curve.
        given: Curve,
    },
    /// The form names the recovery id, and the signature came without one; or its r was not below the order, which the form cannot say.
    #[error("this form needs a recovery id of 0 or 1")]
    NoRecoveryId,
    /// Chains of the EOS family refuse about every second signature, by the leading bits of r and s, and there is no other encoding of
    /// this one.
    #[error("the chain refuses an r or s that begins like this: sign again, with the next presignature")]
    NotCanonical,
    /// The form has a part that no signature tells.
    #[error("this form needs an option: {option}")]
    MissingOption {
        /// Which one.
        option: &'static str,
    },
}

/// A message has no hash on a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// The chain takes signatures of other curves.
    #[error("{chain} takes no {given} signatures")]
    WrongCurve {
        /// The chain's name.
        chain: &'static str,
        /// The curve that was said.
        given: Curve,
    },
    /// The chain's signatures are of a scheme of its own; no group key can sign there.
    #[error("{chain} signs with a scheme of its own: addresses of it are for receiving alone")]
    ReceiveOnly {
        /// The chain's name.
        chain: &'static str,
    },
    /// The chain's hash takes something that the bytes do not tell.
    #[error("the message hash of {chain} needs an option: {option}")]
    MissingOption {
        /// The chain's name.
        chain: &'static str,
        /// Which one.
        option: &'static str,
    },
}
