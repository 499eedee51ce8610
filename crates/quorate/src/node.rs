//! A cosigner as a program: its directory, from the first `init` to the running node.
//!
//! ```text
//! DIR/quorate.toml     configuration, see crate::config
//! DIR/roster.toml      the cosigners, see quorate_transport::roster
//! DIR/store/           the epoch keys, and the sealed shares unless `[store]` says another place
//! DIR/nats.seed        the nkey by which a NATS server knows the cosigner, if `init` made one
//! DIR/moving.toml      there while the store is moved
//! DIR/rewrapping.toml  there while another key service takes over
//! DIR/control.sock     the control API while the node runs
//! ```

use core::time::Duration;
use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use quorate_core::PeerId;
use quorate_storage::{EpochKeys, KekError, KeyEncryptionKey, RecordName, Store, StoreError, Vault, VaultError};
use quorate_transport::{Identity, IdentityError, Roster, RosterError, WireError};
use tokio::task::JoinHandle;
use zeroize::Zeroizing;

use crate::{
    config::{CONFIG_FILE, Config, ConfigError, ROSTER_FILE, SOCKET_FILE, STORE_DIRECTORY},
    control::serve,
    cosigner::{Cosigner, CosignerBuilder},
    error::CosignerError,
    freeze::frozen_in,
    share::{AnyKeyShare, IdentityRecord, Stored},
};

mod journal;
mod keys;
mod kms;
mod moving;
mod remote;
mod rewrapping;
mod stores;
mod token;
mod wire;

pub(crate) use keys::KeyService;
pub use moving::{MOVING_FILE, MoveError, MoveReport, move_store};
pub use rewrapping::{KeyServiceReport, REWRAPPING_FILE, move_key_service};
pub(crate) use stores::{close_store, open_store};
pub use wire::NKEY_FILE;
#[cfg(feature = "nats")]
pub use wire::{make_nkey, public_nkey};

/// How long a cosigner that stops waits for what is in the middle of a step.
const STOP_WITHIN: Duration = Duration::from_secs(10);
/// How long a start waits for destructions that a crash cut short.
const AT_ONCE: Duration = Duration::from_millis(500);

/// Why a node cannot be made, or cannot run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// There is a cosigner in this directory already.
    #[error("{} holds a cosigner already; choose another directory", directory.display())]
    Exists {
        /// The directory.
        directory: PathBuf,
    },
    /// A file of the directory does not serve.
    #[error("cannot use {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The configuration does not stand.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The roster does not stand.
    #[error("the roster {} does not stand", path.display())]
    Roster {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<RosterError>,
    },
    /// The roster lists another identity under this cosigner's name, or does not list the name.
    #[error("the roster does not list {name} with the identity {identity}; add this cosigner's own entry to it")]
    NotOnRoster {
        /// The name in the configuration.
        name: String,
        /// The identity in the vault.
        identity: PeerId,
    },
    /// The store does not open.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The configuration names metrics that this build has not.
    #[error("[metrics] needs a build of quorate with the feature `metrics`")]
    NoMetrics,
    /// The metrics cannot be served there.
    #[error("cannot serve metrics on {address}; it must be an address of this machine that no other program uses")]
    Metrics {
        /// The address.
        address: String,
        /// What the system said.
        source: io::Error,
    },
    /// The configuration names a control API that this build has not.
    #[error("[control] needs a build of quorate with the feature `remote`")]
    NoRemoteControl,
    /// The control API does not listen.
    #[cfg(feature = "remote")]
    #[error(transparent)]
    Remote(#[from] crate::control::RemoteError),
    /// The configuration names a store that this build cannot open.
    #[error("[store] kind = \"{kind}\" needs a build of quorate with the feature `{kind}`")]
    NoSuchStore {
        /// Its kind.
        kind: &'static str,
    },
    /// The configuration names a key service that this build has not.
    #[error("[key_service.{section}] needs a build of quorate with the feature `{feature}`")]
    NoSuchKeyService {
        /// Its section of the configuration.
        section: &'static str,
        /// The feature.
        feature: &'static str,
    },
    /// The token of the configuration does not serve.
    #[cfg(feature = "pkcs11")]
    #[error(transparent)]
    Token(#[from] quorate_storage::pkcs11::Pkcs11Error),
    /// The configuration names a wire that this build has not.
    #[error("[wire] kind = \"{kind}\" needs a build of quorate with the feature `{kind}`")]
    NoSuchWire {
        /// Its kind.
        kind: &'static str,
    },
    /// The NATS servers of the configuration do not serve.
    #[cfg(feature = "nats")]
    #[error(transparent)]
    Nats(#[from] quorate_transport::wires::NatsError),
    /// The file of an nkey seed does not serve.
    #[cfg(feature = "nats")]
    #[error("cannot use {}", path.display())]
    Nkey {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: quorate_transport::nkey::NkeyError,
    },
    /// What the configuration says of KMS does not serve.
    #[cfg(feature = "aws-kms")]
    #[error(transparent)]
    Kms(#[from] quorate_storage::aws_kms::AwsKmsError),
    /// A move to another store was cut off.
    #[error("the store of {} is being moved; finish that with the same `quorate store move` as before", directory.display())]
    Moving {
        /// The directory.
        directory: PathBuf,
    },
    /// A move to another key service was cut off.
    #[error("the shares of {} are being wrapped by another key service; finish that with the same `quorate key-service move` as before", directory.display())]
    Rewrapping {
        /// The directory.
        directory: PathBuf,
    },
    /// The key-encryption key does not open.
    #[error(transparent)]
    Kek(#[from] KekError),
    /// The vault does not open.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The identity cannot be made.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The address cannot be listened on.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// The cosigner does not start.
    #[error(transparent)]
    Cosigner(#[from] CosignerError),
}

/// The store of a directory with what opens it.
pub(crate) struct Opened {
    pub(crate) vault: Vault,
    /// To see when nobody else uses the store any more, and to close it then.
    pub(crate) store: Arc<dyn Store>,
}

/// Makes a cosigner in `directory`: store, key-encryption key, vault and identity. Returns its identity. `passphrase` is not looked at
/// if the configuration needs none.
///
/// # Errors
///
/// [`NodeError::Exists`] if there is one; otherwise as the parts say. A directory that was left half made can be removed.
pub async fn init(directory: &Path, config_text: &str, passphrase: Zeroizing<String>) -> Result<PeerId, NodeError> {
    let path = directory.join(CONFIG_FILE);
    let config = Config::parse(config_text, &path)?;
    config.check_key_services()?;
    make_private(directory)?;
    // A link counts, wherever it leads.
    if [CONFIG_FILE, STORE_DIRECTORY].iter().any(|name| directory.join(name).symlink_metadata().is_ok()) {
        return Err(NodeError::Exists { directory: directory.to_owned() });
    }
    wire::prepare(directory, &config.wire)?;
    let store = open_store(directory, &config.store).await?;
    let made = make_vault(directory, &config, &store, passphrase).await;
    close_store(store).await;
    let peer = made?;
    // Last of all: a directory with a configuration is complete.
    write_new(directory, CONFIG_FILE, config_text).map_err(|source| NodeError::File { path, source })?;
    Ok(peer)
}

async fn make_vault(
    directory: &Path,
    config: &Config,
    store: &Arc<dyn Store>,
    passphrase: Zeroizing<String>,
) -> Result<PeerId, NodeError> {
    let keys = KeyService::create(directory, &config.key_service).await?;
    let kek = keys.lock(store, passphrase).await?;
    Ok(*create_vault(Arc::clone(store), keys.epoch_keys(), kek).await?.cosigner())
}

/// Refuses a cosigner whose store is being moved, or wrapped by another key service.
pub(crate) fn check_not_moving(directory: &Path) -> Result<(), NodeError> {
    if journal::is_there(directory, MOVING_FILE)? {
        return Err(NodeError::Moving { directory: directory.to_owned() });
    }
    if journal::is_there(directory, REWRAPPING_FILE)? {
        return Err(NodeError::Rewrapping { directory: directory.to_owned() });
    }
    Ok(())
}

/// Writes a file that is not there yet, for this user alone: whole and durable when this returns, and whole or not there after a crash.
/// The caller has the directory for itself.
pub(crate) fn write_new(directory: &Path, name: &str, text: &str) -> io::Result<()> {
    if directory.join(name).symlink_metadata().is_ok() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    journal::replace(directory, name, text)
}

/// Makes the vault of a new cosigner in an empty store, with a fresh identity in it. For cosigners that are not nodes.
///
/// # Errors
///
/// [`NodeError::Identity`], [`NodeError::Vault`].
pub async fn create_vault(
    store: Arc<dyn Store>,
    epoch_keys: Arc<dyn EpochKeys>,
    kek: Arc<dyn KeyEncryptionKey>,
) -> Result<Vault, NodeError> {
    let identity = Identity::generate(&mut getrandom::SysRng)?;
    let vault = Vault::create(store, epoch_keys, kek, identity.peer_id()).await?;
    vault.store_identity(&IdentityRecord(identity.to_secret_bytes())).await?;
    Ok(vault)
}

/// What a file says, without the line feed that editors end files with.
#[cfg(any(feature = "nats", feature = "pkcs11", feature = "postgres"))]
fn secret_file(path: &Path) -> Result<Zeroizing<String>, NodeError> {
    let read = std::fs::read_to_string(path).map(Zeroizing::new);
    let text = read.map_err(|source| NodeError::File { path: path.to_owned(), source })?;
    Ok(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned()))
}

pub(crate) fn make_private(directory: &Path) -> Result<(), NodeError> {
    use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
    let failed = |source| NodeError::File { path: directory.to_owned(), source };
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(failed)?;
    std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o700)).map_err(failed)
}

pub(crate) async fn open(directory: &Path, config: &Config, passphrase: Zeroizing<String>) -> Result<Opened, NodeError> {
    let place = directory.join(STORE_DIRECTORY);
    if !place.is_dir() {
        let source = io::Error::new(io::ErrorKind::NotFound, "there is no store; `quorate init` makes a cosigner");
        return Err(NodeError::File { path: place, source });
    }
    check_not_moving(directory)?;
    let store = open_store(directory, &config.store).await?;
    let opened = async {
        // Once more: from here on nobody else has the store, and a move may have begun before.
        check_not_moving(directory)?;
        open_vault(directory, config, &store, passphrase).await
    };
    match opened.await {
        Ok(vault) => Ok(Opened { vault, store }),
        Err(error) => {
            close_store(store).await;
            Err(error)
        }
    }
}

async fn open_vault(
    directory: &Path,
    config: &Config,
    store: &Arc<dyn Store>,
    passphrase: Zeroizing<String>,
) -> Result<Vault, NodeError> {
    let keys = KeyService::open(directory, &config.key_service).await?;
    let kek = keys.unlock(store, passphrase).await?;
    Ok(Vault::open_at_once(Arc::clone(store), keys.epoch_keys(), kek).await?)
}

/// Reads the roster of a directory.
///
/// # Errors
///
/// [`NodeError::File`], [`NodeError::Roster`].
pub fn read_roster(directory: &Path) -> Result<Roster, NodeError> {
    let path = directory.join(ROSTER_FILE);
    let text = std::fs::read_to_string(&path).map_err(|source| NodeError::File { path: path.clone(), source })?;
    Roster::from_toml(&text).map_err(|source| NodeError::Roster { path, source: Box::new(source) })
}

/// Runs the cosigner of `directory` until `shutdown` resolves or a client of its control API asks for it. Calls `ready` when it
/// listens to other cosigners and to clients. `passphrase` is not looked at if the configuration needs none.
///
/// # Errors
///
/// [`NodeError`] if it cannot start: a wrong passphrase, a second instance, a busy port, a roster without it.
pub async fn run(
    directory: &Path,
    passphrase: Zeroizing<String>,
    shutdown: impl Future<Output = ()> + Send,
    ready: impl FnOnce() + Send,
) -> Result<(), NodeError> {
    let config = Config::load(directory)?;
    let roster = read_roster(directory)?;
    let opened = open(directory, &config, passphrase).await?;
    let sweep = match finish_destructions(&opened.vault).await {
        Ok(sweep) => sweep,
        Err(error) => {
            drop(opened.vault);
            close_store(opened.store).await;
            return Err(error.into());
        }
    };
    let done = work(directory, config, roster, opened.vault, shutdown, ready).await;
    if let Some(sweep) = sweep {
        sweep.abort();
    }
    // Tasks that were told to stop may be in the middle of a step; whoever opens the store next must find it closed.
    let closed = async {
        while Arc::strong_count(&opened.store) > 1 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    if tokio::time::timeout(STOP_WITHIN, closed).await.is_err() {
        tracing::warn!("the store is still in use although the cosigner has stopped; it is closed when the process ends");
        return done;
    }
    drop(tokio::time::timeout(STOP_WITHIN, close_store(opened.store)).await);
    done
}

/// Finishes the destructions that a crash cut short: first of all where that is done at once, and beside everything else in a vault of very
/// many keys.
async fn finish_destructions(vault: &Vault) -> Result<Option<JoinHandle<()>>, VaultError> {
    let start = Instant::now();
    let mut after = vault.finish_destructions(None).await?;
    while after.is_some() {
        if start.elapsed() > AT_ONCE {
            return Ok(Some(tokio::spawn(finish_the_rest(vault.clone(), after))));
        }
        after = vault.finish_destructions(after.as_ref()).await?;
    }
    Ok(None)
}

async fn finish_the_rest(vault: Vault, mut after: Option<RecordName>) {
    while after.is_some() {
        // A store may never wait, and others want to run.
        tokio::task::yield_now().await;
        match vault.finish_destructions(after.as_ref()).await {
            Ok(next) => after = next,
            Err(error) => {
                let reason = crate::cosigner::describe(&CosignerError::from(error));
                tracing::error!(reason, "destructions that a crash cut short are not all finished; they are at the next start");
                return;
            }
        }
    }
}

/// Runs the cosigner over its vault.
async fn work(
    directory: &Path,
    config: Config,
    roster: Roster,
    vault: Vault,
    shutdown: impl Future<Output = ()> + Send,
    ready: impl FnOnce() + Send,
) -> Result<(), NodeError> {
    let me = *vault.cosigner();
    if roster.peer(&config.name).is_none_or(|entry| entry.identity != me) {
        return Err(NodeError::NotOnRoster { name: config.name, identity: me });
    }
    let wire = wire::start(directory, &config, me, &roster).await?;
    let exposure = config.placement.exposure()?;
    let waivers = config.keygen.waivers()?;
    let backups = config.backup_targets()?;
    let builder = Cosigner::builder(&config.name, roster, wire, vault, exposure)
        .policy(Arc::new(config.policy))
        .min_signers(config.keygen.min_signers)
        .max_keys(config.keygen.max_keys)
        .accept_joint_counting(config.keygen.accept_joint_counting)
        .remember_requests(Duration::from_secs(u64::from(config.requests.remember_days) * 24 * 3600), config.requests.max)
        .schedule(config.refresh.schedule())
        .freeze_above(config.freeze.refused_per_hour, config.freeze.signatures_per_hour)
        .freeze_on_alarm(config.freeze.on_alarm)
        .presignatures(config.ecdsa.presignatures.into())
        .pairing_age(Duration::from_secs(u64::from(config.ecdsa.pairing_hours) * 3600))
        .deadline(Duration::from_secs(config.deadline_seconds.clamp(1, 3600)));
    let builder = config.freeze.keys.into_iter().fold(builder, CosignerBuilder::freeze_credential);
    let builder = waivers.into_iter().fold(builder, CosignerBuilder::accept_waiver);
    let builder = backups.into_iter().fold(builder, CosignerBuilder::backup_target);
    let cosigner = Arc::new(builder.start().await?);
    let socket = directory.join(SOCKET_FILE);
    let control = serve(Arc::clone(&cosigner), &socket).map_err(|source| NodeError::File { path: socket, source })?;
    let remote = remote::start(directory, config.control.as_ref(), &cosigner).await?;
    let metrics = remote::metrics(config.metrics.as_ref(), &cosigner).await?;
    ready();
    tokio::select! {
        () = shutdown => {}
        () = control.stop_requested() => {
            // Let the answer to the request leave.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    // First the requests and then the links; the requests that are still open end with these.
    control.close();
    remote::stop_metrics(metrics);
    remote::close(remote).await;
    cosigner.stop().await;
    control.closed().await;
    Ok(())
}

pub(crate) async fn read_shares(directory: &Path, passphrase: Zeroizing<String>) -> Result<Vec<AnyKeyShare>, NodeError> {
    let Opened { vault, store } = open(directory, &Config::load(directory)?, passphrase).await?;
    let shares = shares_of(&vault).await;
    drop(vault);
    close_store(store).await;
    shares
}

async fn shares_of(vault: &Vault) -> Result<Vec<AnyKeyShare>, NodeError> {
    let mut shares = Vec::new();
    let mut after = None;
    loop {
        let page = vault.list(after.as_ref(), 256).await?;
        for summary in page.keys.iter().filter(|summary| summary.active.is_some()) {
            let key = vault.load_active::<Stored<AnyKeyShare>>(&summary.key_id).await?.1;
            if let Some(freeze) = frozen_in(vault, &key).await? {
                return Err(CosignerError::Frozen { why: freeze.describe(|peer| peer.to_string()) }.into());
            }
            shares.push(key.share);
        }
        after = page.next;
        if after.is_none() {
            return Ok(shares);
        }
    }
}
