//! Backups: made by a running cosigner, checked anywhere, restored where no cosigner runs.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Connection, PassphraseArgs};

#[derive(Args, Debug)]
pub(crate) struct BackupArgs {
    #[command(subcommand)]
    pub(crate) command: BackupCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BackupCommand {
    /// Have a running cosigner write a backup of all its shares, encrypted to a recipient that its configuration names.
    Make(BackupMakeArgs),
    /// Check a backup: that it is whole, and that its maker held every share; with the recipient's key, every share in it as well.
    ///
    /// Needs no cosigner. Without --identity it does not tell whether the encrypted part holds the shares: only the recipient's key does.
    /// Nothing tells when a backup was made or by whom but its maker's own word.
    Verify(BackupVerifyArgs),
    /// Put the shares of a backup back into the directory of the cosigner that made it. It must not be running there.
    ///
    /// What was cut short is finished by the same command. Shares of an epoch that the directory has gone beyond are refused.
    Restore(BackupRestoreArgs),
}

#[derive(Args, Debug)]
pub(crate) struct BackupMakeArgs {
    /// The file to write; it must not be there yet. The cosigner writes it, so that it needs the right to.
    #[arg(long, value_name = "FILE")]
    pub(crate) to: PathBuf,
    /// The failure domain that the backup is for, as under [[backup]] in quorate.toml.
    #[arg(long, value_name = "DOMAIN")]
    pub(crate) location: String,
    /// For whom it is encrypted, as it is there.
    #[arg(long, value_name = "AGE1...")]
    pub(crate) recipient: String,
    /// Put the cosigner's identity key into it as well, encrypted. Whoever opens such a backup can run this cosigner in its name; without
    /// one, a cosigner whose directory is lost cannot be restored.
    #[arg(long)]
    pub(crate) with_identity: bool,
    /// Leave out keys whose placement does not declare this backup, and keys that do not open, and list them.
    #[arg(long)]
    pub(crate) partial: bool,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Args, Debug)]
pub(crate) struct BackupVerifyArgs {
    /// The backup.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The recipient's secret key, a file as age-keygen writes it that only you can read; - for standard input.
    #[arg(long, value_name = "FILE")]
    pub(crate) identity: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct BackupRestoreArgs {
    /// The backup.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The recipient's secret key, a file as age-keygen writes it that only you can read; - for standard input.
    #[arg(long, value_name = "FILE")]
    pub(crate) identity: PathBuf,
    /// The cosigner's directory. A new one is made if the backup has the identity key.
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// The quorate.toml for a new directory.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) passphrase: PassphraseArgs,
}
