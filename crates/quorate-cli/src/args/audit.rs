//! `quorate audit`.

use clap::{Args, Subcommand};

use super::Connection;

#[derive(Args, Debug)]
pub(crate) struct AuditArgs {
    #[command(subcommand)]
    pub(crate) command: AuditCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// List entries: when, what, and about whom and which request.
    Show(ShowArgs),
    /// Check every entry of the log, from the first to the last.
    ///
    /// Finds entries that were altered, removed, moved, or exchanged for those of an older copy, and names the first. An end that was cut off
    /// is found as far as the running cosigner remembers; keep the digest that this prints elsewhere, and a later log can be held against it.
    Verify(Connection),
}

#[derive(Args, Debug)]
pub(crate) struct ShowArgs {
    /// Only entries behind this number.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) after: u64,
    /// How many entries at most.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) limit: u16,
    #[command(flatten)]
    pub(crate) connection: Connection,
}
