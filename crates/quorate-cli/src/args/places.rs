//! Where sealed shares are kept and what opens them, and moves from one such place to another.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use quorate::config::{AwsKmsConfig, BucketConfig, ConfigError, KeyServiceConfig, Pkcs11Config, PostgresConfig, StoreConfig};

use super::PassphraseArgs;

/// Paths of the configuration begin in the cosigner's directory, those of the command line where it was given.
fn path(file: &PathBuf) -> PathBuf {
    std::path::absolute(file).unwrap_or_else(|_| file.clone())
}

/// A store elsewhere than in the cosigner's directory.
#[derive(Args, Debug, Default)]
pub(crate) struct StoreAtArgs {
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
    #[command(flatten)]
    pub(crate) bucket: BucketArgs,
}

impl StoreAtArgs {
    /// The section of the configuration that says this.
    pub(crate) fn store(&self) -> Option<StoreConfig> {
        self.database.store().or_else(|| self.bucket.store())
    }
}

/// A store in a database.
#[derive(Args, Debug, Default)]
pub(crate) struct DatabaseArgs {
    /// The PostgreSQL database that keeps its sealed shares, and serves no other cosigner. In a file of its directory if absent.
    #[arg(long, value_name = "postgres://ROLE@HOST/DATABASE", conflicts_with = "bucket", help_heading = "Store")]
    pub(crate) database: Option<String>,
    /// The file with the role's password.
    #[arg(long, value_name = "FILE", requires = "database", help_heading = "Store")]
    pub(crate) database_password_file: Option<PathBuf>,
    /// The file with the certificates of the authorities that vouch for the server; those of the system if absent.
    #[arg(long, value_name = "FILE", requires = "database", help_heading = "Store")]
    pub(crate) database_ca_file: Option<PathBuf>,
}

impl DatabaseArgs {
    fn store(&self) -> Option<StoreConfig> {
        let mut config = PostgresConfig::new(self.database.as_deref()?);
        config.password_file = self.database_password_file.as_ref().map(path);
        config.ca_file = self.database_ca_file.as_ref().map(path);
        Some(StoreConfig::Postgres(config))
    }
}

/// A store in a bucket.
#[derive(Args, Debug, Default)]
pub(crate) struct BucketArgs {
    /// The prefix in a bucket that keeps its sealed shares, and serves no other cosigner: s3://, gs:// or az://.
    #[arg(long, value_name = "s3://BUCKET/PREFIX", help_heading = "Store")]
    pub(crate) bucket: Option<String>,
    /// The region of an S3 bucket; that of the environment if absent.
    #[arg(long, value_name = "REGION", requires = "bucket", help_heading = "Store")]
    pub(crate) bucket_region: Option<String>,
    /// Another service that speaks the same protocol.
    #[arg(long, value_name = "URL", requires = "bucket", help_heading = "Store")]
    pub(crate) bucket_endpoint: Option<String>,
    /// The storage account of an Azure container.
    #[arg(long, value_name = "NAME", requires = "bucket", help_heading = "Store")]
    pub(crate) bucket_account: Option<String>,
    /// The file with the credentials, as the provider's tools have it; those of the environment or of the machine's role if absent.
    #[arg(long, value_name = "FILE", requires = "bucket", help_heading = "Store")]
    pub(crate) bucket_credentials_file: Option<PathBuf>,
    /// The file with the certificates of the authorities that vouch for the service; those of the system if absent.
    #[arg(long, value_name = "FILE", requires = "bucket", help_heading = "Store")]
    pub(crate) bucket_ca_file: Option<PathBuf>,
}

impl BucketArgs {
    fn store(&self) -> Option<StoreConfig> {
        let mut config = BucketConfig::new(self.bucket.as_deref()?);
        config.region.clone_from(&self.bucket_region);
        config.endpoint.clone_from(&self.bucket_endpoint);
        config.account.clone_from(&self.bucket_account);
        config.credentials_file = self.bucket_credentials_file.as_ref().map(path);
        config.ca_file = self.bucket_ca_file.as_ref().map(path);
        Some(StoreConfig::ObjectStore(config))
    }
}

/// What opens the shares. All that is named is needed.
#[derive(Args, Debug, Default)]
pub(crate) struct KeyServiceArgs {
    /// Need no passphrase, but the token or the key of AWS KMS alone.
    #[arg(long, help_heading = "Key service")]
    pub(crate) no_passphrase: bool,
    #[command(flatten)]
    pub(crate) token: TokenArgs,
    #[command(flatten)]
    pub(crate) kms: KmsArgs,
}

impl KeyServiceArgs {
    /// The section of the configuration that says this, for a cosigner of this name.
    pub(crate) fn key_service(&self, name: &str) -> Result<KeyServiceConfig, ConfigError> {
        KeyServiceConfig::new(!self.no_passphrase, self.token.config(name), self.kms.config())
    }
}

/// A key in a token.
#[derive(Args, Debug, Default)]
pub(crate) struct TokenArgs {
    /// The PKCS#11 module of a token with a key that is needed.
    #[arg(long, value_name = "FILE", requires_all = ["token", "token_pin_file"], help_heading = "Key service")]
    pub(crate) token_module: Option<PathBuf>,
    /// The token's label.
    #[arg(long, value_name = "LABEL", requires = "token_module", help_heading = "Key service")]
    pub(crate) token: Option<String>,
    /// The key's label in the token, which serves no other cosigner; it is made if there is none. The cosigner's name if absent.
    #[arg(long, value_name = "LABEL", requires = "token_module", help_heading = "Key service")]
    pub(crate) token_key: Option<String>,
    /// The file with the token's PIN.
    #[arg(long, value_name = "FILE", requires = "token_module", help_heading = "Key service")]
    pub(crate) token_pin_file: Option<PathBuf>,
}

impl TokenArgs {
    fn config(&self, name: &str) -> Option<Pkcs11Config> {
        let (module, pin_file) = (self.token_module.as_ref().map(path)?, self.token_pin_file.as_ref().map(path)?);
        let key = self.token_key.clone().unwrap_or_else(|| name.to_owned());
        Some(Pkcs11Config::new(module, self.token.clone()?, key, pin_file))
    }
}

/// A key in AWS KMS.
#[derive(Args, Debug, Default)]
pub(crate) struct KmsArgs {
    /// The id or ARN of a symmetric key in AWS KMS that is needed. No alias: it can be moved to another key.
    #[arg(long, value_name = "ID", help_heading = "Key service")]
    pub(crate) kms_key: Option<String>,
    /// Its region; that of the ARN or of the environment if absent.
    #[arg(long, value_name = "REGION", requires = "kms_key", help_heading = "Key service")]
    pub(crate) kms_region: Option<String>,
    /// Another endpoint than that of the region.
    #[arg(long, value_name = "URL", requires = "kms_key", help_heading = "Key service")]
    pub(crate) kms_endpoint: Option<String>,
    /// The file with the credentials, as the tools of AWS have it; those of the environment or of the machine's role if absent.
    #[arg(long, value_name = "FILE", requires = "kms_key", help_heading = "Key service")]
    pub(crate) kms_credentials_file: Option<PathBuf>,
    /// The file with the certificates of the authorities that vouch for the service; those of the system if absent.
    #[arg(long, value_name = "FILE", requires = "kms_key", help_heading = "Key service")]
    pub(crate) kms_ca_file: Option<PathBuf>,
}

impl KmsArgs {
    fn config(&self) -> Option<AwsKmsConfig> {
        let mut config = AwsKmsConfig::new(self.kms_key.clone()?);
        config.region.clone_from(&self.kms_region);
        config.endpoint.clone_from(&self.kms_endpoint);
        config.credentials_file = self.kms_credentials_file.as_ref().map(path);
        config.ca_file = self.kms_ca_file.as_ref().map(path);
        Some(config)
    }
}

#[derive(Args, Debug)]
pub(crate) struct StoreArgs {
    #[command(subcommand)]
    pub(crate) command: StoreCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// Move a cosigner's sealed shares to another store, and destroy the old one. The cosigner must not be running.
    ///
    /// First say under [placement] in its quorate.toml where the new store is, start the cosigner, and have every key agree with
    /// `quorate placement amend`. Then stop it and run this. What was cut off goes on with the same command.
    Move(Box<MoveArgs>),
}

#[derive(Args, Debug)]
pub(crate) struct MoveArgs {
    /// The cosigner's directory.
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// The domain of the new store, as [placement] says it: gcp/acme-alice/sql.
    #[arg(long, value_name = "DOMAIN")]
    pub(crate) domain: String,
    /// Move into a file of the cosigner's directory.
    #[arg(long, conflicts_with_all = ["database", "bucket"], required_unless_present_any = ["database", "bucket"], help_heading = "Store")]
    pub(crate) file: bool,
    #[command(flatten)]
    pub(crate) at: StoreAtArgs,
    #[command(flatten)]
    pub(crate) passphrase: PassphraseArgs,
}

#[derive(Args, Debug)]
pub(crate) struct KeyServiceCommandArgs {
    #[command(subcommand)]
    pub(crate) command: KeyServiceCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeyServiceCommand {
    /// Have other key services open a cosigner's sealed shares, so that no share that is kept opens with the former ones. The cosigner must not
    /// be running.
    ///
    /// First say under [placement] in its quorate.toml what the key services are, start the cosigner, and have every key agree with
    /// `quorate placement amend`. Then stop it and run this with all that is needed from then on. What was cut off goes on with the same
    /// command. Both the former and the new key services have to answer. Refresh the keys behind it: until then the former ones count.
    /// Of the cosigner's identity the store may keep an older copy that they open, until `quorate store move` brings it to a fresh one.
    Move(Box<KeyServiceMoveArgs>),
}

#[derive(Args, Debug)]
pub(crate) struct KeyServiceMoveArgs {
    /// The cosigner's directory.
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// The domain of what opens the shares from now on, as [placement] lists it among the key services. Repeat it for all of them.
    #[arg(long = "domain", value_name = "DOMAIN", required = true)]
    pub(crate) domains: Vec<String>,
    #[command(flatten)]
    pub(crate) opens: KeyServiceArgs,
    #[command(flatten)]
    pub(crate) passphrase: PassphraseArgs,
}
