//! Who signs and approves requests, and who freezes keys.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Connection;

#[derive(Args, Debug)]
pub(crate) struct RequesterArgs {
    #[command(subcommand)]
    pub(crate) command: RequesterCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RequesterCommand {
    /// Make a key pair of a wallet program or a person, in a new file that only you can read.
    ///
    /// The file is not encrypted: whoever reads it can ask, approve or freeze in its name, as far as the cosigners' configurations list its
    /// public key, which is printed.
    New {
        /// The file to make.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Print the public key of such a file, as configurations list it.
    Show {
        /// The key file.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

/// Whose request it is.
#[derive(Args, Debug)]
pub(crate) struct Requested {
    /// Sign the request with this key file of `quorate requester new`.
    #[arg(long, value_name = "FILE")]
    pub(crate) requester: Option<PathBuf>,
    /// After how many seconds the signed request expires.
    #[arg(long, value_name = "SECONDS", default_value_t = 3600, requires = "requester")]
    pub(crate) valid_for: u64,
    /// Write the signed request into this file instead of sending it, so that people can approve it first (`quorate approve`), and send it
    /// with `quorate sign request`.
    #[arg(long, value_name = "FILE", requires = "requester")]
    pub(crate) save: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct ApproveArgs {
    /// The request, as `quorate sign ... --save FILE` wrote it. The approval is added to it.
    #[arg(value_name = "REQUEST")]
    pub(crate) file: PathBuf,
    /// Your key file, of `quorate requester new`.
    #[arg(long, value_name = "FILE")]
    pub(crate) with: PathBuf,
    /// Do not ask whether you approve what is shown.
    #[arg(long)]
    pub(crate) yes: bool,
    /// Where the key is described: a file with what `quorate keys --json` printed, instead of a running cosigner.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["dir", "socket"])]
    pub(crate) keys: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Args, Debug)]
pub(crate) struct FreezeArgs {
    #[command(flatten)]
    pub(crate) frozen: Frozen,
    /// Why, for people, in one line: it is shown wherever the key refuses.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    /// Freeze in the name of this credential, a key file that the cosigners list under [freeze], instead of the cosigner's own. The key is
    /// named by its id then.
    #[arg(long, value_name = "FILE")]
    pub(crate) credential: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Args, Debug)]
pub(crate) struct ResumeArgs {
    #[command(flatten)]
    pub(crate) frozen: Frozen,
    /// Only the freeze of this id, as `quorate status` shows it, so that one that came since is not approved unseen; may be repeated.
    #[arg(long, value_name = "ID")]
    pub(crate) only: Vec<String>,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// What is frozen.
#[derive(Args, Debug)]
pub(crate) struct Frozen {
    /// The wallet's name, or a key's id.
    #[arg(value_name = "KEY", required_unless_present = "all")]
    pub(crate) key: Option<String>,
    /// Only the key of this suite.
    #[arg(long, value_name = "SUITE", conflicts_with = "all")]
    pub(crate) suite: Option<String>,
    /// All keys, those included that are made later.
    #[arg(long, conflicts_with = "key")]
    pub(crate) all: bool,
}
