//! `policy`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::Connection;

#[derive(Args, Debug)]
pub(crate) struct PolicyArgs {
    #[command(subcommand)]
    pub(crate) command: PolicyCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Show what a document is, and what the policy in a cosigner's configuration says to it and by which rule. Nothing is signed, and
    /// nothing is counted; what was counted before is not looked at.
    Test(Box<PolicyTestArgs>),
}

/// A kind of payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PayloadKind {
    /// Bytes.
    Message,
    /// A hash of 32 bytes.
    Digest,
    /// A Bitcoin transaction.
    Psbt,
    /// An Ethereum transaction.
    Evm,
    /// A document of EIP-712.
    TypedData,
    /// A Solana message.
    Solana,
}

#[derive(Args, Debug)]
pub(crate) struct PolicyTestArgs {
    /// The document, as `quorate sign` reads it; - is standard input.
    #[arg(long, value_name = "FILE")]
    pub(crate) payload: PathBuf,
    /// What kind of document it is.
    #[arg(long, value_enum)]
    pub(crate) kind: PayloadKind,
    /// The wallet's name, or a key's id.
    #[arg(long, value_name = "WALLET")]
    pub(crate) key: String,
    /// The key's suite, if the wallet has several and the document does not tell.
    #[arg(long, value_name = "SUITE")]
    pub(crate) suite: Option<String>,
    /// The child key's path, for example m/0/7.
    #[arg(long, value_name = "PATH", default_value = "m")]
    pub(crate) path: String,
    /// Suppose that this requester signed the request, by the name under [policy.requesters].
    #[arg(long, value_name = "NAME")]
    pub(crate) requester: Option<String>,
    /// Suppose that this person approved it, by the name under [policy.approvals]; repeat it.
    #[arg(long, value_name = "NAME", requires = "requester")]
    pub(crate) approved_by: Vec<String>,
    /// Suppose that it is then, in seconds of Unix time [default: now].
    #[arg(long, value_name = "SECONDS")]
    pub(crate) at: Option<u64>,
    /// Where the key is described: a file with what `quorate keys --json` printed, instead of a running cosigner.
    #[arg(long, value_name = "FILE")]
    pub(crate) keys: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) connection: Connection,
}
