//! A running cosigner: identity, links, vault and policy put together, and the handle that wallets use.
//!
//! A cosigner answers others by itself from the moment it is started, and proposes what its own wallet asks for. It opens shares from
//! the vault for each ceremony and drops them afterwards.

use core::time::Duration;
use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use quorate_core::{PeerId, SessionId, SuiteId, placement::Exposure, wire::Encoding};
use quorate_storage::{AuditHead, AuditKind, KeyRef, KeySummary, Vault, VaultError, audit::AuditPage, vault::VaultInputError};
use quorate_transport::{Identity, Network, Roster, Wire};
use tokio::{
    sync::{Semaphore, mpsc},
    task::JoinHandle,
};
use zeroize::Zeroizing;

use crate::{
    audit::{self, Audit},
    backup::BackupTarget,
    ceremony::{keygen::Accepts, message::Message, sign::Judge},
    clock::Clock,
    error::{CosignerError, RequestError},
    freeze::{Freeze, Freezes, Scope, SignedFreeze},
    pairing::Pairings,
    policy::Policy,
    pool::{Line, Pool},
    refresh::Schedule,
    request::Requests,
    share::{AnyKeyShare, Stored, key_name},
    witness::Witnesses,
};

pub(crate) mod amend;
mod answer;
mod answers;
mod attest;
mod builder;
mod consents;
mod ecdsa;
pub(crate) mod epochs;
pub(crate) mod import;
mod keygen;
mod orphans;
mod presign;
mod recover;
mod reshare;
mod sign;
#[cfg(test)]
mod tests;

pub use amend::AmendedKey;
pub(crate) use answer::{describe, describe_whole};
pub(crate) use answers::Answers;
use answers::{Asked, Waiting};
pub use attest::Attested;
pub(crate) use attest::prove_to;
pub use builder::CosignerBuilder;
pub use keygen::{KeygenRequest, WalletKey};
pub(crate) use reshare::reshare;
pub use reshare::{PlannedChange, ReshareRequest, Reshared, ResharedKey};
pub use sign::{SignRequest, Signed};
#[cfg(test)]
pub(crate) use tests::exposure as test_exposure;

/// How long a question to another cosigner may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// A running cosigner. Dropping it stops it.
#[derive(Debug)]
pub struct Cosigner {
    shared: Arc<Shared>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

pub(crate) struct Shared {
    pub(crate) name: String,
    pub(crate) me: PeerId,
    pub(crate) boot: u64,
    pub(crate) roster: Roster,
    pub(crate) network: Network,
    /// What carries the network's datagrams, as long as that runs.
    pub(crate) wire: Weak<dyn Wire>,
    pub(crate) vault: Vault,
    pub(crate) audit: Audit,
    pub(crate) witness: Witnesses,
    pub(crate) exposure: Exposure,
    pub(crate) backups: Vec<BackupTarget>,
    pub(crate) policy: Arc<dyn Policy>,
    pub(crate) accepts: Accepts,
    pub(crate) deadline: Duration,
    pub(crate) pairings: Pairings,
    pub(crate) pool: Pool,
    pub(crate) clock: Clock,
    pub(crate) schedule: Schedule,
    pub(crate) requests: Requests,
    pub(crate) freezes: Freezes,
    /// What presignatures are wanted for.
    wanted: mpsc::Sender<Line>,
    hedge: Zeroizing<[u8; 32]>,
    /// For what others hand on in this cosigner's name.
    pub(crate) identity: Identity,
    topics: Mutex<BTreeMap<Asked, Waiting>>,
    /// The proposals that are looked at, and whether they were called off meanwhile.
    looked_at: Mutex<BTreeMap<Asked, bool>>,
    /// The signatures that may be made at one time for each other cosigner.
    signatures: BTreeMap<PeerId, Arc<Semaphore>>,
    /// Whose requests came to nothing.
    consents: consents::Consents,
    /// The batches of presignatures that may be made at one time for each other cosigner.
    batches: BTreeMap<PeerId, Arc<Semaphore>>,
    /// The wallets that are being made, and how many keys each has.
    making: Mutex<BTreeMap<String, usize>>,
    /// The keys that are being dealt anew, and what the operator consented to.
    reshares: reshare::Reshares,
    /// Shares whose key generation was cut off after this cosigner had confirmed.
    interrupted: mpsc::UnboundedSender<KeyRef>,
    #[cfg(any(test, feature = "fuzz-api"))]
    once: Once,
}

/// What may be used once, as it is used: for tests.
#[cfg(any(test, feature = "fuzz-api"))]
#[derive(Default)]
struct Once {
    /// The ids of presignatures.
    spent: Mutex<Vec<[u8; 32]>>,
    /// Commitments to nonces.
    nonces: Mutex<Vec<Vec<u8>>>,
}

impl core::fmt::Debug for Shared {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Shared").field("name", &self.name).field("me", &self.me).finish_non_exhaustive()
    }
}

impl Cosigner {
    /// Begins with a cosigner's name in the roster, what carries its messages, its vault, and the domains that can reach its shares.
    #[must_use]
    pub fn builder(name: &str, roster: Roster, wire: Arc<dyn Wire>, vault: Vault, exposure: Exposure) -> CosignerBuilder {
        CosignerBuilder::new(name, roster, wire, vault, exposure)
    }

    /// The name in the roster.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// The identity.
    #[must_use]
    pub fn peer_id(&self) -> PeerId {
        self.shared.me
    }

    /// How often the cosigner has started.
    #[must_use]
    pub fn boot(&self) -> u64 {
        self.shared.boot
    }

    /// The roster.
    #[must_use]
    pub fn roster(&self) -> &Roster {
        &self.shared.roster
    }

    /// Whether there is a link to a cosigner right now.
    #[must_use]
    pub fn is_connected(&self, peer: PeerId) -> bool {
        self.shared.network.is_connected(peer)
    }

    /// Waits until there are links to all other cosigners of the roster; `false` if that takes longer than `within`.
    pub async fn connected(&self, within: Duration) -> bool {
        let all = async {
            for peer in self.shared.roster.iter().map(|entry| entry.identity).filter(|peer| *peer != self.shared.me) {
                self.shared.network.connected(peer).await;
            }
        };
        tokio::time::timeout(within, all).await.is_ok()
    }

    /// How many keys this cosigner holds shares of, and how many of its shares wait for a certificate.
    ///
    /// # Errors
    ///
    /// [`CosignerError::Vault`].
    pub async fn count_keys(&self) -> Result<(usize, usize), CosignerError> {
        self.shared.count_keys().await
    }

    /// The ids and suites of a wallet's keys, or of the one key that `key` is the id of.
    ///
    /// # Errors
    ///
    /// [`RequestError::UnknownKey`].
    pub async fn keys_of(&self, key: &str, suite: Option<SuiteId>) -> Result<Vec<(String, SuiteId)>, CosignerError> {
        let found = self.shared.find_all(key, suite).await?;
        Ok(found.iter().map(|stored| (stored.share.key_id().to_string(), stored.share.suite())).collect())
    }

    /// The entries of this cosigner's audit log behind number `after`, at most `limit` of them and 256.
    ///
    /// # Errors
    ///
    /// [`CosignerError::Vault`] if an entry was altered, or the store does not serve.
    pub async fn audit(&self, after: u64, limit: usize) -> Result<AuditPage, CosignerError> {
        Ok(self.shared.vault.audit_page(after, limit).await?)
    }

    /// Reads the whole audit log, checks every entry, and gives how far it goes.
    ///
    /// # Errors
    ///
    /// [`CosignerError::Vault`] with the first entry that was altered, removed or exchanged.
    pub async fn verify_audit(&self) -> Result<AuditHead, CosignerError> {
        Ok(self.shared.vault.verify_audit(Some(self.shared.audit.head())).await?)
    }

    /// Why this cosigner takes part in nothing, if so: its own state is an older one than a peer remembers, or it rejoined and was not
    /// started again.
    #[must_use]
    pub fn standing_aside(&self) -> Option<CosignerError> {
        self.shared.may_take_part().err()
    }

    /// Why this cosigner does nothing with another one, if there is an alarm about it.
    #[must_use]
    pub fn alarm(&self, peer: PeerId) -> Option<CosignerError> {
        self.shared.alarm_about(peer)
    }

    /// Ends all pairings with other cosigners, and drops the presignatures that were made with them. New ones are made when they are
    /// needed.
    ///
    /// A reshare does the same: one who held a peer's memory before a refresh and this cosigner's after it must not find both halves of
    /// one pairing.
    pub fn drop_pairings(&self) {
        self.shared.renew_pairings();
    }

    /// How many faults count against another cosigner, and how long it has to wait for the next pairing with this one. They are halved
    /// for each week without one.
    ///
    /// # Errors
    ///
    /// [`RequestError::UnknownCosigner`] if it is not on the roster, [`CosignerError::Vault`].
    pub async fn faults(&self, peer: PeerId) -> Result<(u32, Duration), CosignerError> {
        self.shared.faults_of(self.other(peer)?).await
    }

    /// Forgets that another cosigner broke the protocol in its pairing with this one, so that it need not wait for the next.
    ///
    /// # Errors
    ///
    /// [`RequestError::UnknownCosigner`] if it is not on the roster, [`CosignerError::Vault`].
    ///
    /// # Security
    ///
    /// Each of these faults may have told that cosigner one bit about a secret, and the wait is what keeps it from trying often. Forgive
    /// only when the cause is known.
    pub async fn forgive(&self, peer: PeerId) -> Result<(), CosignerError> {
        self.shared.forgive(self.other(peer)?).await
    }

    /// Freezes a key, or all: this cosigner signs nothing with it any more from now on, and all others are told until they know.
    ///
    /// # Errors
    ///
    /// [`RequestError::UnknownKey`], [`RequestError::Reason`], [`CosignerError::Vault`]; it may or may not be frozen then.
    pub async fn freeze(&self, scope: Scope, reason: &str) -> Result<Freeze, CosignerError> {
        self.shared.freeze(scope, reason).await
    }

    /// Takes a freeze that a credential signed, and passes it on.
    ///
    /// # Errors
    ///
    /// [`RequestError::FreezeAuthor`] if the credential is not listed here, or did not sign it; [`RequestError::OldFreeze`] if it ended
    /// already; otherwise as [`freeze`](Self::freeze).
    pub async fn take_freeze(&self, freeze: SignedFreeze) -> Result<Freeze, CosignerError> {
        self.shared.take_signed_freeze(freeze).await
    }

    /// Says, in the name of this cosigner's operator, that the freezes of this key, or those of all keys, should end. They do, at each
    /// cosigner, when the operators of as many participants say so as the key needs signers.
    ///
    /// # Errors
    ///
    /// [`RequestError::NotFrozen`], [`CosignerError::Vault`].
    pub async fn resume(&self, scope: Scope) -> Result<Vec<Freeze>, CosignerError> {
        self.shared.approve_resume(scope, |_| true).await
    }

    /// The same for those freezes alone whose ids are named: one that came after the operator looked is not approved unseen.
    ///
    /// # Errors
    ///
    /// As [`resume`](Self::resume).
    pub async fn resume_only(&self, scope: Scope, ids: &[[u8; 32]]) -> Result<Vec<Freeze>, CosignerError> {
        self.shared.approve_resume(scope, |id| ids.contains(id)).await
    }

    /// The freezes that are in force here, and the keys that they freeze.
    ///
    /// # Errors
    ///
    /// [`CosignerError::Vault`].
    pub async fn freezes(&self) -> Result<Vec<Freeze>, CosignerError> {
        self.shared.freezes().await
    }

    /// The ids of the presignatures, and the commitments of the nonces, that this start has used so far: for the simulation of this
    /// repository alone, which looks that none is used twice.
    #[cfg(feature = "fuzz-api")]
    #[doc(hidden)]
    #[must_use]
    pub fn used_once(&self) -> (Vec<[u8; 32]>, Vec<Vec<u8>>) {
        let spent = self.shared.once.spent.lock().unwrap_or_else(PoisonError::into_inner).clone();
        (spent, self.shared.once.nonces.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    pub(crate) fn other(&self, peer: PeerId) -> Result<PeerId, RequestError> {
        let known = peer != self.shared.me && self.shared.roster.cosigner(peer).is_some();
        if known { Ok(peer) } else { Err(RequestError::UnknownCosigner { name: peer.to_string() }) }
    }

    /// Stops the cosigner and waits until it has let go of its wire.
    pub async fn shutdown(self) {
        self.stop().await;
    }

    /// Stops, while others may still hold the handle.
    pub(crate) async fn stop(&self) {
        let tasks = self.abort();
        self.shared.network.shutdown().await;
        for task in tasks {
            // Whatever became of it, it is over.
            let _ended = task.await;
        }
        self.shared.audit.close(audit::entry(AuditKind::Stopped)).await;
        tracing::info!(target: "quorate::audit", name = self.shared.name, "stopped");
    }

    /// Ends what is done for others.
    fn abort(&self) -> Vec<JoinHandle<()>> {
        let tasks = core::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        tasks.iter().for_each(JoinHandle::abort);
        tasks
    }

    pub(crate) const fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

impl Drop for Cosigner {
    fn drop(&mut self) {
        drop(self.abort());
    }
}

impl Shared {
    /// Ends all pairings, and drops the presignatures that were made with them.
    pub(crate) fn renew_pairings(&self) {
        self.pairings.drop_all();
        self.pool.retain_live();
    }

    /// The name of a cosigner for people.
    pub(crate) fn name_of(&self, peer: PeerId) -> String {
        self.roster.cosigner(peer).map_or_else(|| peer.to_string(), |entry| entry.name.clone())
    }

    /// Who decides on requests for signatures.
    pub(crate) fn judge(&self) -> Judge<'_> {
        Judge { policy: &*self.policy, now: self.clock.now(), longest: self.requests.retention }
    }

    pub(crate) fn tell(&self, to: PeerId, message: &Message) -> Result<(), CosignerError> {
        Ok(self.network.request(to, message.to_bytes())?)
    }

    /// Takes a wallet's name until the returned value is dropped, so that no two key generations run for it.
    pub(crate) fn reserve(self: &Arc<Self>, wallet: &str, keys: usize) -> Result<Reserved, RequestError> {
        let wallet = wallet.to_owned();
        match self.making().entry(wallet.clone()) {
            Entry::Occupied(_) => return Err(RequestError::WalletInProgress { wallet }),
            Entry::Vacant(vacant) => drop(vacant.insert(keys)),
        }
        Ok(Reserved { shared: Arc::clone(self), wallet })
    }

    /// How many keys there are if all that is being made comes about; never too few.
    pub(crate) async fn promised_keys(&self) -> Result<usize, CosignerError> {
        // First what is being made: a key that comes about meanwhile is counted twice, and not never.
        let making: usize = self.making().values().sum();
        let (held, _) = self.count(|key| (usize::from(key.active.is_some() || !key.pending.is_empty()), 0)).await?;
        Ok(held.saturating_add(making))
    }

    /// How many shares are active, and how many are pending.
    async fn count_keys(&self) -> Result<(usize, usize), CosignerError> {
        self.count(|key| (usize::from(key.active.is_some()), key.pending.len())).await
    }

    /// Two counts in one pass over all keys.
    async fn count(&self, of: impl Fn(&KeySummary) -> (usize, usize) + Send) -> Result<(usize, usize), CosignerError> {
        let (mut counts, mut after) = ((0usize, 0usize), None);
        loop {
            let page = self.vault.list(after.as_ref(), 256).await?;
            let add = |(a, b): (usize, usize), (c, d): (usize, usize)| (a.saturating_add(c), b.saturating_add(d));
            counts = page.keys.iter().map(&of).fold(counts, add);
            after = page.next;
            if after.is_none() {
                return Ok(counts);
            }
            // A store may never wait, and others want to run.
            tokio::task::yield_now().await;
        }
    }

    fn making(&self) -> MutexGuard<'_, BTreeMap<String, usize>> {
        self.making.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn session(&self, id: SessionId, peers: &quorate_core::Peers) -> quorate_core::Session {
        quorate_core::Session::new(id, peers.clone()).with_identity_secret(self.hedge.clone())
    }

    pub(crate) async fn load(&self, key_id: &[u8; 32]) -> Result<Stored<AnyKeyShare>, CosignerError> {
        Ok(self.vault.load_active::<Stored<AnyKeyShare>>(key_id).await?.1)
    }

    /// All keys of a wallet, or the one of that id; only those of a suite, if it is named. By ascending id.
    pub(crate) async fn find_all(&self, key: &str, suite: Option<SuiteId>) -> Result<Vec<Stored<AnyKeyShare>>, CosignerError> {
        if hex::decode(key).is_ok_and(|bytes| bytes.len() == 32) {
            return Ok(vec![self.find(key, suite).await?]);
        }
        let suites =
            crate::ceremony::keygen::SUITES.into_iter().filter(|candidate| suite.is_none_or(|suite| suite == *candidate));
        let (mut found, mut failed) = (Vec::new(), None);
        for suite in suites {
            match self.find(key, Some(suite)).await {
                Ok(stored) => found.push(stored),
                Err(error) => failed = Some(error),
            }
        }
        found.sort_unstable_by_key(|stored| stored.share.key_id());
        match failed {
            Some(error) if found.is_empty() => Err(error),
            _ => Ok(found),
        }
    }

    /// Finds a key by its id, or by its wallet's name and, where that has several keys, the suite.
    pub(crate) async fn find(&self, key: &str, suite: Option<SuiteId>) -> Result<Stored<AnyKeyShare>, CosignerError> {
        let unknown = || RequestError::UnknownKey { key: key.chars().take(80).collect() };
        let absent =
            |error: &VaultError| matches!(error, VaultError::Input(VaultInputError::UnknownKey | VaultInputError::NoActiveShare));
        let load = async |key_id: [u8; 32]| match self.load(&key_id).await {
            Err(CosignerError::Vault(error)) if absent(&error) => Err(CosignerError::from(unknown())),
            found => found,
        };
        if let Some(key_id) = hex::decode(key).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok()) {
            let stored = load(key_id).await?;
            return if suite.is_none_or(|suite| suite == stored.share.suite()) { Ok(stored) } else { Err(unknown().into()) };
        }
        if !crate::share::is_wallet_name(key) {
            return Err(unknown().into());
        }
        let mut found = Vec::new();
        for candidate in
            crate::ceremony::keygen::SUITES.into_iter().filter(|candidate| suite.is_none_or(|suite| suite == *candidate))
        {
            match self.vault.key_of_name(&key_name(key, candidate)).await {
                Ok(key_id) => found.push(key_id),
                Err(error) if absent(&error) => {}
                Err(error) => return Err(error.into()),
            }
        }
        match found.as_slice() {
            [] => Err(unknown().into()),
            [key_id] => load(*key_id).await,
            [..] => Err(RequestError::AmbiguousSuite { wallet: key.to_owned() }.into()),
        }
    }
}

/// A wallet's name while the wallet is being made.
pub(crate) struct Reserved {
    shared: Arc<Shared>,
    wallet: String,
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.shared.making().remove(&self.wallet);
    }
}

pub(crate) fn fresh() -> Result<[u8; 32], CosignerError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|_| CosignerError::Randomness)?;
    Ok(bytes)
}
