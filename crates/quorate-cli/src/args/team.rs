//! The commands with which a team is set up.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{KeyServiceArgs, NatsArgs, PassphraseArgs, StoreAtArgs};

#[derive(Args, Debug)]
pub(crate) struct InitArgs {
    /// The directory to make; it must not hold a cosigner yet.
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// The cosigner's name, for people: 1 to 32 of a-z, 0-9 and -.
    #[arg(long, value_name = "NAME")]
    pub(crate) name: String,
    /// Where it listens for other cosigners, unless --nats says that servers carry its messages.
    #[arg(long, value_name = "HOST:PORT", required_unless_present = "nats", conflicts_with = "nats")]
    pub(crate) listen: Option<String>,
    /// Where the others reach it, if that is not where it listens (behind NAT, or with --listen 0.0.0.0:7001).
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) address: Option<String>,
    /// Who operates it. Domains are paths, the provider first: acme/alice.
    #[arg(long, value_name = "DOMAIN", help_heading = "Placement: who could reach its shares")]
    pub(crate) operator: String,
    /// Where it runs: aws/111122223333/eu-west-1.
    #[arg(long, value_name = "DOMAIN", help_heading = "Placement: who could reach its shares")]
    pub(crate) runtime: String,
    /// Where its store is: aws/111122223333/ebs.
    #[arg(long, value_name = "DOMAIN", help_heading = "Placement: who could reach its shares")]
    pub(crate) store: String,
    /// What opens the store, for example whoever keeps the passphrase: acme/alice. Repeat it if all of several are needed.
    #[arg(long = "key-service", value_name = "DOMAIN", required = true, help_heading = "Placement: who could reach its shares")]
    pub(crate) key_services: Vec<String>,
    /// Who can install software on it, if not the operator.
    #[arg(long, value_name = "DOMAIN", help_heading = "Placement: who could reach its shares")]
    pub(crate) deployer: Option<String>,
    /// What relays its messages, if anything does. It counts for availability only: links are encrypted end to end.
    #[arg(long, value_name = "DOMAIN", help_heading = "Placement: who could reach its shares")]
    pub(crate) relay: Option<String>,
    /// What it signs without limits: message, psbt, evm, typed-data, solana. Repeat it for several; without it, it signs nothing until its [policy] says so.
    ///
    /// Whoever controls one cosigner can ask the others, so allow what the keys are for, and set limits in quorate.toml.
    #[arg(long = "allow", value_name = "KIND", value_parser = ["message", "psbt", "evm", "typed-data", "solana"], help_heading = "Policy")]
    pub(crate) allow: Vec<String>,
    #[command(flatten)]
    pub(crate) nats: NatsArgs,
    #[command(flatten)]
    pub(crate) at: StoreAtArgs,
    #[command(flatten)]
    pub(crate) opens: KeyServiceArgs,
    #[command(flatten)]
    pub(crate) passphrase: PassphraseArgs,
}

#[derive(Args, Debug)]
pub(crate) struct NodeArgs {
    /// The cosigner's directory.
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: PathBuf,
    #[command(flatten)]
    pub(crate) passphrase: PassphraseArgs,
    /// Stop when standard input is closed, for supervisors that may die without saying so.
    #[arg(long)]
    pub(crate) stop_with_stdin: bool,
}

#[derive(Args, Debug)]
pub(crate) struct RosterArgs {
    #[command(subcommand)]
    pub(crate) command: RosterCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RosterCommand {
    /// Add entries to DIR/roster.toml; the file is made if there is none.
    ///
    /// Entries are the files `roster-entry.toml` that `quorate init` made at every cosigner, the own one among them; whole rosters are
    /// taken as well. An entry that is there already changes nothing. A name, identity or address that occurs twice is refused, and then
    /// nothing is written.
    Add {
        /// The cosigner's directory.
        #[arg(long, value_name = "DIR")]
        dir: PathBuf,
        /// Roster entries of other cosigners.
        #[arg(value_name = "FILE", required = true)]
        entries: Vec<PathBuf>,
    },
    /// Take cosigners off DIR/roster.toml, for example one that was evicted. Start the cosigner again afterwards.
    ///
    /// This cosigner then has no link with them and hears nothing of them. Take off whoever still holds a share only if you mean to be without it.
    Remove {
        /// The cosigner's directory.
        #[arg(long, value_name = "DIR")]
        dir: PathBuf,
        /// Their names.
        #[arg(value_name = "NAME", required = true)]
        names: Vec<String>,
    },
    /// Show the roster and its digest, which all operators should compare by telephone.
    Show {
        /// The cosigner's directory.
        #[arg(long, value_name = "DIR")]
        dir: PathBuf,
    },
    /// Check the roster: that it is well formed, and that this cosigner is in it under its own name and identity.
    Check {
        /// The cosigner's directory.
        #[arg(long, value_name = "DIR")]
        dir: PathBuf,
        /// Check that the roster has the digest that another operator told you.
        #[arg(long, value_name = "HEX")]
        digest: Option<String>,
    },
}
