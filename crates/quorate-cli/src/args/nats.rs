//! Cosigners whose messages NATS servers carry, and what the servers have to be told.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use quorate::{
    config::{NatsConfig, WireConfig},
    node::NKEY_FILE,
};

/// A wire that does not listen.
#[derive(Args, Debug, Default)]
pub(crate) struct NatsArgs {
    /// The NATS server that carries its messages, and can do nothing else with them. Repeat it for each server of a cluster.
    #[arg(long, value_name = "tls://HOST:PORT", help_heading = "Wire")]
    pub(crate) nats: Vec<String>,
    /// The subject below which messages go, the same for all cosigners [default: quorate].
    #[arg(long, value_name = "SUBJECT", requires = "nats", help_heading = "Wire")]
    pub(crate) nats_subject: Option<String>,
    /// The file with the nkey seed by which the server knows this cosigner [default: a new one, nats.seed in its directory].
    #[arg(long, value_name = "FILE", requires = "nats", help_heading = "Wire")]
    pub(crate) nats_seed_file: Option<PathBuf>,
    /// The file with the certificates of the authorities that vouch for the server; those of the system if absent.
    #[arg(long, value_name = "FILE", requires = "nats", help_heading = "Wire")]
    pub(crate) nats_ca_file: Option<PathBuf>,
}

impl NatsArgs {
    /// The section of the configuration that says this.
    pub(crate) fn wire(&self) -> Option<WireConfig> {
        if self.nats.is_empty() {
            return None;
        }
        let path = |file: &PathBuf| std::path::absolute(file).unwrap_or_else(|_| file.clone());
        let mut config = NatsConfig::new(self.nats.clone());
        config.subject.clone_from(&self.nats_subject);
        config.seed_file = Some(self.nats_seed_file.as_ref().map_or_else(|| PathBuf::from(NKEY_FILE), path));
        config.ca_file = self.nats_ca_file.as_ref().map(path);
        Some(WireConfig::Nats(config))
    }
}

#[derive(Args, Debug)]
pub(crate) struct NatsCommandArgs {
    #[command(subcommand)]
    pub(crate) command: NatsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum NatsCommand {
    /// Show the public nkey of a seed file, for the roster; the seed is made if there is none.
    Key {
        /// The file.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Print the users of a NATS server's configuration, from the roster: each cosigner by its nkey, who can speak in its own name alone and
    /// hear nothing but what is for it.
    ///
    /// Links are encrypted and authenticated end to end and need none of it. It keeps one cosigner from flooding others in a third one's
    /// name, and from learning who talks to whom.
    Permissions {
        /// A cosigner's directory, whose roster.toml lists all nkeys.
        #[arg(long, value_name = "DIR")]
        dir: PathBuf,
        /// Put the users into an account of their own, on a server that serves others as well.
        #[arg(long, value_name = "NAME")]
        account: Option<String>,
    },
}
