//! The configuration of one cosigner: one TOML file, `quorate.toml`, in its directory.
//!
//! ```toml
//! name = "alice"                       # as in the roster
//! listen = "127.0.0.1:7001"            # for other cosigners; not with [wire] kind = "nats"
//!
//! [wire]                               # what carries messages to them; connections between each two, if absent
//! kind = "nats"                        # or "tcp"; needs the feature `nats`, see docs/transport.md
//! servers = ["tls://nats.example:4222"]
//! seed_file = "nats.seed"              # by which the server knows this cosigner
//! ca_file = "nats-ca.pem"              # who vouches for the server; the authorities of the system, if absent
//!
//! [placement]                          # which domains can reach this cosigner's shares
//! operator = "acme/alice"
//! runtime = "aws/111122223333/eu-west-1"
//! store = "aws/111122223333/ebs"
//! key_services = ["acme-keys/alice"]   # all of them are needed to open the store
//!
//! [store]                              # where sealed shares are kept; in a file of the directory, if absent
//! kind = "postgres"                    # or "redb", or "object-store"; each a feature but the first, see docs/stores.md
//! url = "postgres://alice@db.example/quorate"
//! password_file = "/run/secrets/database"
//! ca_file = "database-ca.pem"          # who vouches for the server; the authorities of the system, if absent
//!
//! [key_service]                        # what opens them, all of it needed; the passphrase alone, if absent; see docs/key-services.md
//! passphrase = true                    # the default
//!
//! [key_service.pkcs11]                 # a key in a token; needs the feature `pkcs11`
//! module = "/usr/lib/softhsm/libsofthsm2.so"
//! token = "wallets"
//! key = "alice"
//! pin_file = "/run/secrets/pin"
//!
//! [key_service.aws_kms]                # a key in AWS KMS; needs the feature `aws-kms`
//! key = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
//! credentials_file = "/run/secrets/aws" # the environment or the machine's role, if absent
//!
//! [policy]                             # what this cosigner signs, nothing by default; see quorate::policy
//! payloads = ["message", "psbt", "evm", "typed-data", "solana"]
//!
//! [keygen]                             # which key generations this cosigner takes part in
//! min_signers = 2                      # the lowest threshold; 2 by default
//! max_keys = 10000                     # how many keys it holds at most; 10000 by default, and at most 28000
//! accept_waivers = ["acme"]            # what weakens a placement and is accepted all the same, nothing by default
//! accept_joint_counting = false
//!
//! [requests]                           # what is remembered of requests
//! remember_days = 30                   # for how long; signed requests must expire sooner
//! max = 100000                         # how many at most; more are refused
//!
//! [refresh]                            # see docs/resharing.md; nothing comes due by itself by default
//! every_days = 30
//! wallets = { hot = 7, archive = 0 }   # by wallet; 0 is never
//!
//! [freeze]                             # see docs/freeze.md
//! keys = ["d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"] # credentials that can freeze, and nothing else
//! refused_per_hour = 100               # more refused requests for a key freeze it; no limit by default
//! signatures_per_hour = 1000           # and so do more signatures
//! on_alarm = false                     # whether a cosigner that went back in time freezes all keys; see docs/witness.md
//!
//! [control]                            # where programs on other machines ask; needs the feature `remote`, see docs/control-api.md
//! listen = "0.0.0.0:7443"
//! certificate = "control.pem"
//! key = "control.key"
//! client_ca_file = "requesters-ca.pem" # who vouches for those who may ask
//!
//! [metrics]                            # for Prometheus, and probes; needs the feature `metrics`, see docs/metrics.md
//! listen = "127.0.0.1:9464"
//!
//! [ecdsa]                              # what is kept in memory for ECDSA signatures
//! presignatures = 8                    # for each key and set of signers; 0 on hosts with live snapshots, suspend to disk or cloning
//! pairing_hours = 24                   # the age at which what two cosigners share is made anew
//!
//! [[backup]]                           # for whom backups are encrypted; location and key as in [placement] backups
//! location = "gcp/backup"
//! key = "acme-keys/backup"             # the operator if absent
//! recipient = "age1…"                  # the public key whose secret half is there
//! ```

mod control;
mod key_service;
mod store;
mod wire;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use quorate_core::{
    PlacementError,
    placement::{Backup, DomainPath, DomainPathError, Exposure, Storage},
};
use quorate_storage::backup::BackupError;
use serde::Deserialize;

use crate::{
    backup::BackupTarget,
    ceremony::keygen::DEFAULT_MAX_KEYS,
    freeze::MAX_THAWED,
    policy::{BuiltinPolicy, ConfigError as PolicyError},
    refresh::RefreshConfig,
    request::{DEFAULT_MAX_REQUESTS, RequesterKey},
};

pub use self::{
    control::{ControlConfig, MetricsConfig},
    key_service::{AwsKmsConfig, KeyServiceConfig, Pkcs11Config},
    store::{BucketConfig, ClientCertificate, PostgresConfig, StoreConfig},
    wire::{NatsConfig, WireConfig},
};

/// The configuration file's name.
pub const CONFIG_FILE: &str = "quorate.toml";
/// The roster file's name.
pub const ROSTER_FILE: &str = "roster.toml";
/// The control socket's name.
pub const SOCKET_FILE: &str = "control.sock";
/// The store's directory.
pub const STORE_DIRECTORY: &str = "store";

/// What a cosigner reads at its start.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// The cosigner's name in the roster.
    pub name: String,
    /// Where it listens for other cosigners, host and port; empty if its wire does not listen.
    #[serde(default)]
    pub listen: String,
    /// What carries messages to them; connections between each two, if absent.
    #[serde(default)]
    pub wire: WireConfig,
    /// Which domains can reach its shares.
    pub placement: PlacementConfig,
    /// Where its sealed shares are kept; in a file of its directory, if absent.
    #[serde(default)]
    pub store: StoreConfig,
    /// What opens them; the passphrase alone, if absent.
    #[serde(default)]
    pub key_service: KeyServiceConfig,
    /// What it signs; nothing, if absent.
    #[serde(default)]
    pub policy: BuiltinPolicy,
    /// Which key generations it takes part in; without waivers, if absent.
    #[serde(default)]
    pub keygen: KeygenConfig,
    /// What it keeps in memory for ECDSA signatures.
    #[serde(default)]
    pub ecdsa: EcdsaConfig,
    /// For whom backups are encrypted.
    #[serde(default)]
    pub backup: Vec<BackupTargetConfig>,
    /// What it remembers of requests.
    #[serde(default)]
    pub requests: RequestsConfig,
    /// When its keys are refreshed by themselves.
    #[serde(default)]
    pub refresh: RefreshConfig,
    /// What freezes its keys.
    #[serde(default)]
    pub freeze: FreezeConfig,
    /// Where programs on other machines ask; nowhere, if absent.
    #[serde(default)]
    pub control: Option<ControlConfig>,
    /// Where metrics and probes are served; nowhere, if absent.
    #[serde(default)]
    pub metrics: Option<MetricsConfig>,
    /// How long a ceremony may take, in seconds.
    #[serde(default = "default_deadline")]
    pub deadline_seconds: u64,
}

const fn default_deadline() -> u64 {
    60
}

/// What freezes a cosigner's keys, beside its operator and the other cosigners.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct FreezeConfig {
    /// The credentials that can freeze, and nothing else.
    pub keys: BTreeSet<RequesterKey>,
    /// More requests for one key than that, refused within an hour, freeze it.
    pub refused_per_hour: Option<u32>,
    /// More signatures of one key than that within an hour freeze it.
    pub signatures_per_hour: Option<u32>,
    /// Whether an alarm about a cosigner that went back in time, or this one itself, freezes all keys.
    pub on_alarm: bool,
}

impl FreezeConfig {
    /// Checks the numbers.
    fn check(&self) -> Result<(), ConfigError> {
        let wrong = |field| Err(ConfigError::Number { section: "freeze", field, limit: "between 1 and 1000000" });
        let fits = |limit: Option<u32>| limit.is_none_or(|limit| (1..=1_000_000).contains(&limit));
        match (fits(self.refused_per_hour), fits(self.signatures_per_hour)) {
            (false, _) => wrong("refused_per_hour"),
            (_, false) => wrong("signatures_per_hour"),
            (true, true) => Ok(()),
        }
    }
}

/// What a cosigner remembers of requests for signatures.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct RequestsConfig {
    /// For how many days. A signed request must expire within that time.
    pub remember_days: u16,
    /// How many at most. When there are as many, new ones are refused.
    pub max: usize,
}

impl Default for RequestsConfig {
    fn default() -> Self {
        Self { remember_days: 30, max: DEFAULT_MAX_REQUESTS }
    }
}

impl RequestsConfig {
    /// Checks the numbers.
    fn check(&self) -> Result<(), ConfigError> {
        let wrong = |field, limit| Err(ConfigError::Number { section: "requests", field, limit });
        match (self.remember_days, self.max) {
            (0 | 3651.., _) => wrong("remember_days", "between 1 and 3650"),
            (_, 0) => wrong("max", "at least 1"),
            _ => Ok(()),
        }
    }
}

/// What a cosigner keeps in memory for ECDSA signatures.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct EcdsaConfig {
    /// How many presignatures, for each key and set of signers that this cosigner signs with. Zero, none for anybody: for hosts with live
    /// memory snapshots, suspend to disk or cloning, where one that is used twice gives the key away.
    pub presignatures: u16,
    /// The age in hours at which the pairing with another cosigner is made anew.
    pub pairing_hours: u16,
}

impl Default for EcdsaConfig {
    fn default() -> Self {
        Self { presignatures: 8, pairing_hours: 24 }
    }
}

impl EcdsaConfig {
    /// Checks the numbers.
    fn check(&self) -> Result<(), ConfigError> {
        let wrong = |field, limit| Err(ConfigError::Number { section: "ecdsa", field, limit });
        match (self.presignatures, self.pairing_hours) {
            (1025.., _) => wrong("presignatures", "between 0 and 1024"),
            (_, 0 | 8761..) => wrong("pairing_hours", "between 1 and 8760"),
            _ => Ok(()),
        }
    }
}

/// Which key generations a cosigner takes part in, its own proposals included.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct KeygenConfig {
    /// The lowest threshold, at least 2.
    pub min_signers: u16,
    /// How many keys it holds at most; a wallet has one for each suite.
    pub max_keys: usize,
    /// Domains for which a waiver is accepted.
    pub accept_waivers: Vec<String>,
    /// Whether joint counting is accepted.
    pub accept_joint_counting: bool,
}

impl Default for KeygenConfig {
    fn default() -> Self {
        Self { min_signers: 2, max_keys: DEFAULT_MAX_KEYS, accept_waivers: Vec::new(), accept_joint_counting: false }
    }
}

impl KeygenConfig {
    /// The accepted domains.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Domain`].
    pub fn waivers(&self) -> Result<Vec<DomainPath>, ConfigError> {
        self.accept_waivers.iter().map(|path| domain("keygen", "accept_waivers", path)).collect()
    }
}

/// One cosigner's own row of every placement.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct PlacementConfig {
    /// Who operates the cosigner.
    pub operator: String,
    /// Where it runs.
    pub runtime: String,
    /// Where its store is.
    pub store: String,
    /// What opens the store; all of them are needed.
    pub key_services: Vec<String>,
    /// Who can install software on it; the operator if absent.
    #[serde(default)]
    pub deployer: Option<String>,
    /// What relays its messages, for availability.
    #[serde(default)]
    pub relay: Option<String>,
    /// Where backups are, and where their keys are.
    #[serde(default)]
    pub backups: Vec<BackupConfig>,
}

/// One backup.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct BackupConfig {
    /// Where it is.
    pub location: String,
    /// Where its key is; with the operator if absent.
    #[serde(default)]
    pub key: Option<String>,
}

/// For whom a backup that the placement declares is encrypted.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct BackupTargetConfig {
    /// Where it is.
    pub location: String,
    /// Where the recipient's key is; with the operator if absent.
    #[serde(default)]
    pub key: Option<String>,
    /// The recipient: an age public key of the kind X25519.
    pub recipient: String,
}

/// Why a configuration cannot be used. Fix the file and start again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}; is this a cosigner's directory? `quorate init` makes one", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not the TOML that is expected.
    #[error("{} is not a valid configuration", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// A domain's path is malformed.
    #[error("in [{section}], {field} = \"{value}\" is no domain")]
    Domain {
        /// The section of the file.
        section: &'static str,
        /// The field.
        field: &'static str,
        /// What it says.
        value: String,
        /// What is wrong with it.
        source: DomainPathError,
    },
    /// No key needs fewer than two signers.
    #[error("in [keygen], min_signers is {min_signers}; it is at least 2")]
    MinSigners {
        /// What the file says.
        min_signers: u16,
    },
    /// No address to listen on, or one that nobody listens on.
    #[error("say where to listen for other cosigners: listen = \"127.0.0.1:7001\"; with [wire] kind = \"nats\" leave it out")]
    Listen,
    /// A number out of its range.
    #[error("in [{section}], {field} must be {limit}")]
    Number {
        /// The section of the file.
        section: &'static str,
        /// The field.
        field: &'static str,
        /// What it may be.
        limit: &'static str,
    },
    /// Nothing that would open the shares.
    #[error("[key_service] names nothing: it needs the passphrase, [key_service.pkcs11] or [key_service.aws_kms]")]
    NoKeyService,
    /// More is said to be needed than is.
    #[error(
        "[placement] key_services names {domains} domains, and [key_service] needs {needed}: every key service that is needed is at one \
         domain, so name only those of what is needed, or add the key services that are missing"
    )]
    KeyServiceDomains {
        /// How many domains are named.
        domains: usize,
        /// How many key services are needed.
        needed: usize,
    },
    /// The row cannot be built.
    #[error("the [placement] of the configuration does not stand")]
    Placement(#[source] Box<PlacementError>),
    /// A recipient that is none.
    #[error("in [[backup]], recipient = \"{value}\" does not serve")]
    Recipient {
        /// What it says.
        value: String,
        /// Why not.
        source: Box<BackupError>,
    },
    /// A backup that the row does not declare.
    #[error("[[backup]] names {location} with its key at {key}, which [placement] backups does not declare")]
    UndeclaredBackup {
        /// Its location.
        location: DomainPath,
        /// Where its key is.
        key: DomainPath,
    },
    /// The policy contradicts itself.
    #[error("the [policy] of the configuration does not stand")]
    Policy(#[source] PolicyError),
}

impl Config {
    /// Reads the configuration in a cosigner's directory.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Unreadable`], and those of [`parse`](Self::parse).
    pub fn load(directory: &Path) -> Result<Self, ConfigError> {
        let path = directory.join(CONFIG_FILE);
        let text = std::fs::read_to_string(&path).map_err(|source| ConfigError::Unreadable { path: path.clone(), source })?;
        let mut config = Self::parse(&text, &path)?;
        config.policy.load_lists(directory).map_err(|error| ConfigError::Policy(error.into()))?;
        Ok(config)
    }

    /// Makes sure that the placement does not say that more key services are needed than are: then fewer domains reach the share than
    /// everybody is told. For a cosigner that is made; later the placement is ahead while other key services take over.
    ///
    /// # Errors
    ///
    /// [`ConfigError::KeyServiceDomains`].
    pub fn check_key_services(&self) -> Result<(), ConfigError> {
        self.key_service.check_domains(&self.placement.key_services)
    }

    /// Parses a configuration; `path` is for error messages.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Malformed`], [`ConfigError::Domain`], [`ConfigError::Number`], [`ConfigError::Placement`], [`ConfigError::Policy`],
    /// [`ConfigError::Listen`], [`ConfigError::MinSigners`], [`ConfigError::NoKeyService`].
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let malformed = |source| ConfigError::Malformed { path: path.to_owned(), source: Box::new(source) };
        let mut config: Self = toml::from_str(text).map_err(malformed)?;
        config.policy = config.policy.checked().map_err(ConfigError::Policy)?;
        config.placement.exposure()?;
        config.keygen.waivers()?;
        config.store.check()?;
        config.key_service.check()?;
        config.ecdsa.check()?;
        if config.keygen.max_keys > MAX_THAWED {
            return Err(ConfigError::Number { section: "keygen", field: "max_keys", limit: "at most 28000" });
        }
        config.backup_targets()?;
        config.requests.check()?;
        config.freeze.check()?;
        if config.wire.listens() == config.listen.is_empty() {
            return Err(ConfigError::Listen);
        }
        match config.keygen.min_signers {
            min_signers @ ..2 => Err(ConfigError::MinSigners { min_signers }),
            2.. => Ok(config),
        }
    }
}

impl Config {
    /// For whom backups are encrypted. Each is declared in the row.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Domain`], [`ConfigError::Recipient`], [`ConfigError::UndeclaredBackup`].
    pub fn backup_targets(&self) -> Result<Vec<BackupTarget>, ConfigError> {
        let row = self.placement.exposure()?;
        let target = |config: &BackupTargetConfig| {
            let key = config.key.as_ref().unwrap_or(&self.placement.operator);
            let (location, key) = (domain("backup", "location", &config.location)?, domain("backup", "key", key)?);
            let wrong = |source| ConfigError::Recipient { value: config.recipient.clone(), source: Box::new(source) };
            let target = BackupTarget::new(location, key, config.recipient.parse().map_err(wrong)?);
            let (location, key) = (target.location().clone(), target.key().clone());
            if target.is_declared(&row) { Ok(target) } else { Err(ConfigError::UndeclaredBackup { location, key }) }
        };
        self.backup.iter().map(target).collect()
    }
}

impl PlacementConfig {
    /// The row itself.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Domain`], [`ConfigError::Placement`].
    pub fn exposure(&self) -> Result<Exposure, ConfigError> {
        let refused = |error: PlacementError| ConfigError::Placement(Box::new(error));
        let key_services =
            self.key_services.iter().map(|path| domain("placement", "key_services", path)).collect::<Result<Vec<_>, _>>()?;
        let storage = Storage::new(domain("placement", "store", &self.store)?, key_services).map_err(refused)?;
        let mut exposure = Exposure::new(
            domain("placement", "operator", &self.operator)?,
            domain("placement", "runtime", &self.runtime)?,
            storage,
        );
        if let Some(deployer) = &self.deployer {
            exposure = exposure.with_deployer(domain("placement", "deployer", deployer)?);
        }
        if let Some(relay) = &self.relay {
            exposure = exposure.with_relay(domain("placement", "relay", relay)?);
        }
        for backup in &self.backups {
            let mut row = Backup::new(domain("placement", "backups.location", &backup.location)?);
            if let Some(key) = &backup.key {
                row = row.with_key(domain("placement", "backups.key", key)?);
            }
            exposure = exposure.with_backup(row);
        }
        Ok(exposure)
    }
}

fn domain(section: &'static str, field: &'static str, value: &str) -> Result<DomainPath, ConfigError> {
    value.parse().map_err(|source| ConfigError::Domain { section, field, value: value.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"
        name = "alice"
        listen = "127.0.0.1:7001"
        [placement]
        operator = "acme/alice"
        runtime = "aws/1/eu"
        store = "aws/1/ebs"
        key_services = ["acme-keys/alice"]
        backups = [{ location = "gcp/backup", key = "acme-keys/backup" }]
    "#;

    fn parse(text: &str) -> Result<Config, ConfigError> {
        Config::parse(text, Path::new("quorate.toml"))
    }

    #[test]
    fn examples_are_read() {
        let config = parse(include_str!("../../../examples/deploy/database.toml")).unwrap();
        assert!(matches!(config.store, StoreConfig::Postgres(_)) && config.control.is_some() && config.metrics.is_some());
        assert_eq!(config.backup_targets().unwrap().len(), 1);
        let config = parse(include_str!("../../../examples/deploy/nats.toml")).unwrap();
        assert!(matches!(config.wire, WireConfig::Nats(_)) && config.listen.is_empty());
        let config = parse(include_str!("../../../examples/deploy/bucket.toml")).unwrap();
        let opens = config.key_service;
        assert!(matches!(config.store, StoreConfig::ObjectStore(_)) && opens.aws_kms.is_some() && opens.pkcs11.is_some());
    }

    #[test]
    fn a_whole_configuration_is_read() {
        let config = parse(WHOLE).unwrap();
        assert_eq!(config.deadline_seconds, 60);
        assert_eq!(config.placement.exposure().unwrap().backups().len(), 1);
        assert_eq!((config.keygen.min_signers, config.keygen.max_keys), (2, 10_000));
        let limited = parse(&[WHOLE, "[keygen]\nmin_signers = 3\nmax_keys = 7\n"].concat()).unwrap().keygen;
        assert_eq!((limited.min_signers, limited.max_keys, limited.accept_joint_counting), (3, 7, false));
    }

    #[test]
    fn presignatures_and_pairings_have_defaults_and_limits() {
        let ecdsa = |text: &str| parse(&format!("{WHOLE}\n[ecdsa]\n{text}")).map(|config| config.ecdsa);
        assert!(matches!(ecdsa(""), Ok(EcdsaConfig { presignatures: 8, pairing_hours: 24 })));
        assert!(matches!(ecdsa("presignatures = 0"), Ok(EcdsaConfig { presignatures: 0, pairing_hours: 24 })));
        assert!(matches!(ecdsa("presignatures = 1025"), Err(ConfigError::Number { field: "presignatures", .. })));
        assert!(matches!(ecdsa("pairing_hours = 0"), Err(ConfigError::Number { field: "pairing_hours", .. })));
        assert!(matches!(ecdsa("presignature = 1"), Err(ConfigError::Malformed { .. })));
    }

    #[test]
    fn backups_need_a_recipient_and_a_row_that_declares_them() {
        const RECIPIENT: &str = "age15ezgrug7j2sh9ej0psp2wvtne94tadsencqsxt8cr3kwyg6tsv5qyt80nk";
        let backup = |location: &str, key: &str, recipient: &str| {
            parse(&format!("{WHOLE}\n[[backup]]\nlocation = \"{location}\"\nrecipient = \"{recipient}\"\n{key}\n"))
        };
        let key = "key = \"acme-keys/backup\"";
        let targets = backup("gcp/backup", key, RECIPIENT).unwrap().backup_targets().unwrap();
        assert_eq!((targets[0].location().as_str(), targets[0].recipient().to_string()), ("gcp/backup", RECIPIENT.to_owned()));
        assert!(matches!(backup("gcp/other", key, RECIPIENT), Err(ConfigError::UndeclaredBackup { .. })));
        assert!(
            matches!(backup("gcp/backup", "", RECIPIENT), Err(ConfigError::UndeclaredBackup { key, .. }) if key.as_str() == "acme/alice")
        );
        assert!(matches!(backup("gcp/backup", key, "age1x"), Err(ConfigError::Recipient { .. })));
        assert!(matches!(backup("GCP", key, RECIPIENT), Err(ConfigError::Domain { section: "backup", .. })));
    }

    #[test]
    fn key_services_are_all_that_are_named_and_at_least_one() {
        let services = |text: &str| parse(&format!("{WHOLE}\n{text}")).map(|config| config.key_service);
        let token = "[key_service.pkcs11]\nmodule = \"m\"\ntoken = \"t\"\nkey = \"k\"\npin_file = \"p\"\n";
        let kms = "[key_service.aws_kms]\nkey = \"k\"\n";
        let none = "[key_service]\npassphrase = false\n";
        for (text, expected) in [
            (String::new(), (true, false, false)),
            (token.to_owned(), (true, true, false)),
            (kms.to_owned(), (true, false, true)),
            ([none, token].concat(), (false, true, false)),
            ([none, kms].concat(), (false, false, true)),
            ([none, token, kms].concat(), (false, true, true)),
            ([token, kms].concat(), (true, true, true)),
        ] {
            let found = services(&text).unwrap();
            assert_eq!((found.passphrase, found.pkcs11.is_some(), found.aws_kms.is_some()), expected, "{text}");
            assert_eq!(toml::from_str::<KeyServiceConfig>(&toml::to_string(&found).unwrap()).unwrap(), found);
        }
        assert!(matches!(services(none), Err(ConfigError::NoKeyService)));
        assert!(matches!(services("[store]\nkind = \"redb\"\nurl = \"x\"\n"), Err(ConfigError::Malformed { .. })));
        assert_eq!(parse(&format!("{WHOLE}\n[store]\nkind = \"redb\"\n")).unwrap().store, StoreConfig::default());
        assert!(matches!(services("[key_service]\nkind = \"pkcs11\"\n"), Err(ConfigError::Malformed { .. })));
        let bucket = parse(&format!("{WHOLE}\n[store]\nkind = \"object-store\"\nurl = \"s3://b/p\"\nregion = \"eu-west-1\"\n"));
        assert!(
            matches!(bucket.unwrap().store, StoreConfig::ObjectStore(bucket) if bucket.region.as_deref() == Some("eu-west-1"))
        );
    }

    #[test]
    fn placement_that_names_more_key_services_than_are_needed_is_found_out() {
        let with = |domains: &str, text: &str| {
            parse(&format!("{}\n{text}", WHOLE.replace(r#"["acme-keys/alice"]"#, domains))).unwrap().check_key_services()
        };
        let kms = "[key_service.aws_kms]\nkey = \"k\"\n";
        let alone = ["[key_service]\npassphrase = false\n", kms].concat();
        assert!(with(r#"["a", "a"]"#, "").is_ok() && with(r#"["a"]"#, kms).is_ok() && with(r#"["a", "b"]"#, kms).is_ok());
        for (domains, text, expected) in
            [(r#"["a", "b"]"#, "", (2, 1)), (r#"["a", "b", "c"]"#, kms, (3, 2)), (r#"["a", "b"]"#, &alone, (2, 1))]
        {
            let refused = with(domains, text);
            assert!(
                matches!(refused, Err(ConfigError::KeyServiceDomains { domains, needed }) if (domains, needed) == expected),
                "{refused:?}"
            );
        }
        for example in
            [include_str!("../../../examples/deploy/database.toml"), include_str!("../../../examples/deploy/bucket.toml")]
        {
            parse(example).unwrap().check_key_services().unwrap();
        }
    }

    #[test]
    fn memory_of_requests_has_defaults_and_limits() {
        let requests = |text: &str| parse(&format!("{WHOLE}\n[requests]\n{text}")).map(|config| config.requests);
        assert!(matches!(requests(""), Ok(RequestsConfig { remember_days: 30, max: 100_000 })));
        assert!(matches!(requests("remember_days = 0"), Err(ConfigError::Number { field: "remember_days", .. })));
        assert!(matches!(requests("max = 0"), Err(ConfigError::Number { field: "max", .. })));
        let freeze = |text: &str| parse(&format!("{WHOLE}\n[freeze]\n{text}")).map(|config| config.freeze);
        let key = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
        assert_eq!(freeze(&format!("keys = [\"{key}\"]")).unwrap().keys.first().unwrap().to_string(), key);
        assert!(matches!(freeze("refused_per_hour = 0"), Err(ConfigError::Number { field: "refused_per_hour", .. })));
        assert!(matches!(freeze("signatures_per_hour = 0"), Err(ConfigError::Number { field: "signatures_per_hour", .. })));
    }

    #[test]
    fn wire_is_nats_or_listens() {
        let nats = "[wire]\nkind = \"nats\"\nservers = [\"nats://localhost\"]\n";
        let silent = WHOLE.replace("listen = \"127.0.0.1:7001\"", "");
        let config = parse(&format!("{silent}{nats}seed_file = \"nats.seed\"\n")).unwrap();
        let expected = NatsConfig { seed_file: Some("nats.seed".into()), ..NatsConfig::new(vec!["nats://localhost".into()]) };
        assert_eq!(config.wire, WireConfig::Nats(expected));
        assert!(matches!(parse(&format!("{WHOLE}[wire]\nkind = \"tcp\"\n")).unwrap().wire, WireConfig::Tcp));
        assert!(matches!(parse(&silent), Err(ConfigError::Listen)));
        assert!(matches!(parse(&format!("{WHOLE}{nats}")), Err(ConfigError::Listen)));
        for wrong in ["kind = \"smoke\"", "kind = \"nats\"", "kind = \"nats\"\nservers = []\nserver = 1"] {
            assert!(matches!(parse(&format!("{silent}[wire]\n{wrong}\n")), Err(ConfigError::Malformed { .. })), "{wrong}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        assert!(matches!(parse("name = 1"), Err(ConfigError::Malformed { .. })));
        assert!(matches!(parse(&WHOLE.replace("aws/1/eu", "AWS")), Err(ConfigError::Domain { field: "runtime", .. })));
        assert!(matches!(parse(&WHOLE.replace(r#"["acme-keys/alice"]"#, "[]")), Err(ConfigError::Placement(_))));
        let one = [WHOLE, "[keygen]\nmin_signers = 1\n"].concat();
        assert!(matches!(parse(&one), Err(ConfigError::MinSigners { min_signers: 1 })));
        assert!(matches!(parse(&WHOLE.replace("listen", "lisen")), Err(ConfigError::Malformed { .. })));
    }
}
