//! Why a document of EIP-712 is not signed.

/// What is wrong with a document of EIP-712. The program that made it must change it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TypedDataError {
    /// More bytes than are read.
    #[error("the document is longer than {limit} bytes")]
    TooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// Not JSON, or JSON that can be read in two ways; the source says where.
    #[error("the document is not JSON without ambiguities")]
    Json(#[source] Box<serde_json::Error>),
    /// Not the four parts of a document.
    #[error("the document has exactly types, primaryType, domain and message; {found:?} is missing, or is too many")]
    Parts {
        /// Which is wrong.
        found: String,
    },
    /// A type, or the name of one or of a field, that does not stand.
    #[error("{at} is no type or name of EIP-712: {found:?}")]
    Type {
        /// Where.
        at: String,
        /// What stands there.
        found: String,
    },
    /// A type that contains itself.
    #[error("the type {name} contains itself; such types are not signed")]
    Recursive {
        /// The type.
        name: String,
    },
    /// A type that nothing uses.
    #[error("the type {name} is used nowhere in what is signed; leave it out")]
    Unused {
        /// The type.
        name: String,
    },
    /// The domain is not as EIP-712 has it.
    #[error("EIP712Domain has fields of name, version, chainId, verifyingContract and salt, in this order and of their types")]
    Domain,
    /// A number of a chain that is none.
    #[error("the domain's chainId is no number of a chain")]
    ChainId,
    /// A field that the type does not have.
    #[error("{at} is not a field of its type")]
    UnknownField {
        /// Where.
        at: String,
    },
    /// A field without a value.
    #[error("{at} has no value")]
    MissingField {
        /// Where.
        at: String,
    },
    /// A value that its type does not have.
    #[error("{at} is not a value of the type {kind}")]
    Value {
        /// Where.
        at: String,
        /// The type.
        kind: String,
    },
    /// An address with a wrong checksum.
    #[error("{at} does not stand")]
    Address {
        /// Where.
        at: String,
        /// Why not.
        source: super::super::super::AddressError,
    },
    /// More types, fields, levels or values than people could look at.
    #[error("the document has more than {limit} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
}
