//! The commands about placements.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Connection;

/// What `quorate placement explain --help` says.
const EXPLAIN: &str = "\
Say which smallest sets of providers take a key, and what each loss does to signing.

Of a wallet that exists (WALLET, asks a running cosigner), of a placement file (--file), or of the configurations of cosigners that \
could make one (--config, once for each). A placement in which one provider reaches the key is refused with exit code 2.

A placement file:

  min_signers = 2
  [participants.alice]
  operator = \"acme/alice\"
  runtime = \"aws/111122223333/eu-west-1\"
  store = \"aws/111122223333/ebs\"
  key_services = [\"acme/alice\"]
  [participants.bob]
  ...";

#[derive(Args, Debug)]
pub(crate) struct PlacementArgs {
    #[command(subcommand)]
    pub(crate) command: PlacementCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PlacementCommand {
    /// Say which smallest sets of providers take a key, and what each loss does to signing.
    #[command(long_about = EXPLAIN)]
    Explain {
        /// A wallet's name or a key's id, at the running cosigner of --dir or --socket.
        #[arg(value_name = "WALLET", required_unless_present_any = ["file", "configs"], conflicts_with_all = ["file", "configs"])]
        key: Option<String>,
        /// Only the key of this suite.
        #[arg(long, value_name = "SUITE", conflicts_with_all = ["file", "configs"])]
        suite: Option<String>,
        /// A placement file, before any key is made.
        #[arg(long, value_name = "FILE", conflicts_with = "configs")]
        file: Option<PathBuf>,
        /// The quorate.toml of a cosigner, before any key is made. Repeat it for each.
        #[arg(long = "config", value_name = "FILE")]
        configs: Vec<PathBuf>,
        /// How many participants sign, with --config.
        #[arg(long, value_name = "COUNT", default_value_t = 2)]
        min_signers: u16,
        #[command(flatten)]
        connection: Connection,
    },
    /// Have all participants agree that this cosigner's share is where its configuration says now: in another store, under other key services,
    /// with other backups. Do it before anything is moved.
    ///
    /// Change [placement] in quorate.toml, restart the cosigner, run this at it, and move then. All participants must be running. Old places
    /// count until the next reshare or refresh. Another operator, deployer or runtime takes `quorate reshare --moved`.
    Amend {
        /// A wallet's name, or a key's id.
        #[arg(value_name = "WALLET")]
        key: String,
        /// Only the key of this suite.
        #[arg(long, value_name = "SUITE")]
        suite: Option<String>,
        #[command(flatten)]
        connection: Connection,
    },
}
