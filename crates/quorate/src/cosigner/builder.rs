//! How a cosigner is made and started.

use core::time::Duration;
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use quorate_core::{
    domain,
    ecdsa::Boot,
    placement::{DomainPath, Exposure},
    transcript::Hash,
};
use quorate_storage::{AuditKind, KeyRef, Vault};
use quorate_transport::{Network, Roster, Wire};
use tokio::{
    sync::{Semaphore, mpsc},
    task::JoinHandle,
};
use zeroize::Zeroizing;

use super::{Cosigner, Shared, answer, consents::Consents, orphans, presign, recover, reshare};
use crate::{
    audit::{self, Audit},
    backup::BackupTarget,
    ceremony::keygen::Accepts,
    clock::Clock,
    error::{CosignerError, RequestError},
    freeze::{self, Freezes, Velocity},
    pairing::Pairings,
    policy::{BuiltinPolicy, Policy},
    pool::{Line, Pool},
    refresh::{Schedule, refresh_all},
    request::{DEFAULT_MAX_REQUESTS, DEFAULT_RETENTION, RequesterKey, Requests, sweep_all},
    share::IdentityRecord,
    witness::Witnesses,
};

/// How many presignatures are kept for a key and a set of signers.
const DEFAULT_PRESIGNATURES: usize = 8;
/// How old a pairing becomes.
const DEFAULT_PAIRING_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// What a cosigner is made of.
pub struct CosignerBuilder {
    name: String,
    roster: Roster,
    wire: Arc<dyn Wire>,
    vault: Vault,
    pub(super) exposure: Exposure,
    policy: Arc<dyn Policy>,
    accepts: Accepts,
    deadline: Duration,
    presignatures: usize,
    pairing_age: Duration,
    backups: Vec<BackupTarget>,
    clock: Clock,
    remember: (Duration, usize),
    freezers: BTreeSet<RequesterKey>,
    velocity: (Option<u32>, Option<u32>),
    schedule: Schedule,
    freeze_on_alarm: bool,
}

impl core::fmt::Debug for CosignerBuilder {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("CosignerBuilder").field("name", &self.name).finish_non_exhaustive()
    }
}

impl CosignerBuilder {
    pub(super) fn new(name: &str, roster: Roster, wire: Arc<dyn Wire>, vault: Vault, exposure: Exposure) -> Self {
        Self {
            name: name.to_owned(),
            roster,
            wire,
            vault,
            exposure,
            policy: Arc::new(BuiltinPolicy::default()),
            accepts: Accepts::default(),
            deadline: Duration::from_secs(60),
            presignatures: DEFAULT_PRESIGNATURES,
            pairing_age: DEFAULT_PAIRING_AGE,
            backups: Vec::new(),
            clock: Clock::default(),
            remember: (DEFAULT_RETENTION, DEFAULT_MAX_REQUESTS),
            freezers: BTreeSet::new(),
            velocity: (None, None),
            schedule: Schedule::default(),
            freeze_on_alarm: false,
        }
    }

    /// Sets what this cosigner signs; by default nothing.
    #[must_use]
    pub fn policy(mut self, policy: Arc<dyn Policy>) -> Self {
        self.policy = policy;
        self
    }

    /// Takes part in key generations that waive this domain. By default a participant refuses every waiver: it weakens the rule that no
    /// domain may reach the key, and that is not the proposer's to decide.
    #[must_use]
    pub fn accept_waiver(mut self, domain: DomainPath) -> Self {
        self.accepts.waivers.insert(domain);
        self
    }

    /// Takes part in key generations with [`Counting::Joint`](quorate_core::placement::Counting::Joint). By default it refuses.
    #[must_use]
    pub const fn accept_joint_counting(mut self, accept: bool) -> Self {
        self.accepts.joint_counting = accept;
        self
    }

    /// Takes part only in key generations whose keys need at least so many signers; by default two, which is the lowest there is.
    #[must_use]
    pub const fn min_signers(mut self, least: u16) -> Self {
        self.accepts.min_signers = least;
        self
    }

    /// Holds at most so many keys; by default 10,000, and never more than 28,000: so many a freeze of all keys can end for one by one. A
    /// wallet has one for each suite. Whatever waits for a certificate counts too.
    #[must_use]
    pub const fn max_keys(mut self, most: usize) -> Self {
        self.accepts.max_keys = if most < freeze::MAX_THAWED { most } else { freeze::MAX_THAWED };
        self
    }

    /// Sets how long a ceremony may take; by default 60 seconds.
    #[must_use]
    pub const fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Sets how many ECDSA presignatures are kept for each key and set of signers that this cosigner has signed with; by default 8, at
    /// most 1024. With zero it holds none at all, also not for the requests of others.
    ///
    /// # Security
    ///
    /// A machine that holds presignatures, is copied while it runs, and goes on twice, gives the key away. Set zero on hosts with live
    /// memory snapshots, suspend to disk, live migration with rollback, or cloning.
    #[must_use]
    pub const fn presignatures(mut self, depth: usize) -> Self {
        self.presignatures = depth;
        self
    }

    /// Sets the age at which a pairing with another cosigner is replaced, and what was made with it dropped; by default 24 hours.
    #[must_use]
    pub const fn pairing_age(mut self, age: Duration) -> Self {
        self.pairing_age = age;
        self
    }

    /// Lets backups be made for this target: see [`Cosigner::backup`]. By default none can be made.
    #[must_use]
    pub fn backup_target(mut self, target: BackupTarget) -> Self {
        self.backups.push(target);
        self
    }

    /// Sets where the time of day comes from; by default the system. Expiry, hours, and limits over time go by it.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Sets how long the ids of requests are remembered, and how many at most; by default 30 days, and 100,000. When there are as many,
    /// new requests are refused. A signed request must expire within that time.
    #[must_use]
    pub const fn remember_requests(mut self, retention: Duration, most: usize) -> Self {
        self.remember = (retention, most);
        self
    }

    /// Takes freezes that this credential signed. It can freeze, and nothing else.
    #[must_use]
    pub fn freeze_credential(mut self, key: RequesterKey) -> Self {
        self.freezers.insert(key);
        self
    }

    /// Freezes a key when more requests for it are refused here within an hour, or more signatures are to be made, than that. By default
    /// nothing freezes by itself. A restart begins to count anew.
    #[must_use]
    pub const fn freeze_above(mut self, refused_per_hour: Option<u32>, signatures_per_hour: Option<u32>) -> Self {
        self.velocity = (refused_per_hour, signatures_per_hour);
        self
    }

    /// Proposes a refresh of every key whose epoch is older than that, in seconds; nothing comes due by default. The other holders take
    /// part as in any refresh.
    #[must_use]
    pub const fn refresh_every(mut self, seconds: u64) -> Self {
        self.schedule.every = Some(seconds);
        self
    }

    /// The same for the keys of one wallet, whatever is said of all; with nothing they never come due.
    #[must_use]
    pub fn refresh_wallet_every(mut self, wallet: &str, seconds: Option<u64>) -> Self {
        self.schedule.wallets.insert(wallet.to_owned(), seconds);
        self
    }

    pub(crate) fn schedule(mut self, schedule: Schedule) -> Self {
        self.schedule = schedule;
        self
    }

    /// Freezes all keys in this cosigner's own name when it raises an alarm: another cosigner, or this one itself, goes on from an older
    /// copy of its store. By default it refuses that cosigner, and the others sign on.
    ///
    /// # Security
    ///
    /// A store that is put back is a theft until somebody knows better. Then again, every restored backup stops all keys until as many
    /// operators as they have signers bring them back.
    #[must_use]
    pub const fn freeze_on_alarm(mut self, freeze: bool) -> Self {
        self.freeze_on_alarm = freeze;
        self
    }

    /// Starts the cosigner. Call it within a tokio runtime.
    ///
    /// # Errors
    ///
    /// [`RequestError::UnknownCosigner`] if the roster does not list the vault's identity under this name, and what the vault and the
    /// network say.
    pub async fn start(self) -> Result<Cosigner, CosignerError> {
        let identity = self.vault.load_identity::<IdentityRecord>().await?;
        let hedge = Zeroizing::new(Hash::new(domain::HEDGE_IDENTITY).field(identity.0.as_slice()).finish());
        let (identity, signer) = (identity.identity(), identity.identity());
        let me = identity.peer_id();
        if self.roster.peer(&self.name).is_none_or(|entry| entry.identity != me) {
            return Err(RequestError::UnknownCosigner { name: self.name }.into());
        }
        let boot = self.vault.begin_boot().await?;
        let audit = Audit::open(&self.vault).await?;
        let this_start = start_of(boot)?;
        let (interrupted, incomplete) = mpsc::unbounded_channel();
        let (wanted, wishes) = mpsc::channel(presign::MAX_WISHES);
        let peers = || self.roster.iter().map(|entry| entry.identity);
        let permits = |count| peers().map(|peer| (peer, Arc::new(Semaphore::new(count)))).collect();
        let (signatures, batches) = (permits(crate::ceremony::sign::MAX_SIGNATURES), permits(presign::MAX_BATCHES));
        let others = || peers().filter(|peer| *peer != me);
        let witness = Witnesses::load(&self.vault, this_start, others()).await?;
        let shared = Arc::new(Shared {
            pairings: Pairings::new(this_start, self.pairing_age, others()),
            me,
            boot,
            wire: Arc::downgrade(&self.wire),
            network: Network::start(identity, &self.roster, self.wire)?,
            name: self.name,
            roster: self.roster,
            vault: self.vault,
            audit,
            witness,
            exposure: self.exposure,
            backups: self.backups,
            policy: self.policy,
            accepts: self.accepts,
            deadline: self.deadline,
            pool: Pool::new(self.presignatures),
            clock: self.clock,
            schedule: self.schedule,
            requests: Requests::new(self.remember.0, self.remember.1),
            freezes: Freezes::new(self.freezers, Velocity::new(self.velocity.0, self.velocity.1), self.freeze_on_alarm),
            wanted,
            hedge,
            identity: signer,
            topics: Mutex::default(),
            looked_at: Mutex::default(),
            signatures,
            consents: Consents::default(),
            batches,
            making: Mutex::default(),
            reshares: reshare::Reshares::default(),
            interrupted,
            #[cfg(any(test, feature = "fuzz-api"))]
            once: super::Once::default(),
        });
        shared.load_freezes().await?;
        shared.finish_retirements().await?;
        shared.sweep_requests().await?;
        tracing::info!(target: "quorate::audit", name = shared.name, peer = %me, boot, "started");
        shared.audit.write(audit::entry(AuditKind::Started).reason(&described(&this_start))).await?;
        Ok(Cosigner { tasks: Mutex::new(in_background(&shared, incomplete, wishes)), shared })
    }
}

/// Unlike that of any other start, so that two copies of a store have different logs from their first entry on.
fn described(start: &Boot) -> String {
    let random: String = start.random.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("start {} ({random}) of version {}", start.counter, env!("CARGO_PKG_VERSION"))
}

/// Tells this start from every other one, also from one of the same number.
fn start_of(number: u64) -> Result<Boot, CosignerError> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|_| CosignerError::Randomness)?;
    Ok(Boot::new(number, random))
}

/// What a cosigner does by itself.
fn in_background(
    shared: &Arc<Shared>,
    incomplete: mpsc::UnboundedReceiver<KeyRef>,
    wishes: mpsc::Receiver<Line>,
) -> Vec<JoinHandle<()>> {
    vec![
        tokio::spawn(answer::answer_all(Arc::clone(shared))),
        tokio::spawn(recover::complete_pending(Arc::clone(shared), incomplete)),
        tokio::spawn(recover::catch_up_with_all(Arc::clone(shared))),
        tokio::spawn(orphans::forget_all(Arc::clone(shared))),
        tokio::spawn(crate::pairing::watch(Arc::clone(shared))),
        tokio::spawn(crate::witness::watch(Arc::clone(shared))),
        tokio::spawn(presign::fill_all(Arc::clone(shared), wishes)),
        tokio::spawn(sweep_all(Arc::clone(shared))),
        tokio::spawn(freeze::tell_all(Arc::clone(shared))),
        tokio::spawn(refresh_all(Arc::clone(shared))),
    ]
}
