//! Resharing: the same keys on new polynomials. Refresh, repair of a lost share, eviction, other holders, thresholds and placements.
//!
//! One ceremony deals many keys, each in a session of its own. A share of the new epoch is durable before its confirmation leaves, and
//! active, with every older one destroyed, when its certificate is complete: docs/epochs.md has the states.

use core::time::Duration;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

use quorate_core::{
    Identifier, ParticipantSet, PeerId, Peers, Placement, SessionId, SuiteId, Threshold,
    ecdsa::EcdsaSecp256k1,
    frost::{Bip340, Ed25519},
    keys::PublicKeyPackage,
    reshare::{NewEpoch, Outcome, Reshare},
    wire::Encoding,
};
use quorate_storage::{VaultError, vault::VaultInputError};
use tokio::{sync::Semaphore, task::JoinSet, time::Instant};

use super::{
    ANSWER_WITHIN, Answers, Cosigner, Shared, answer,
    epochs::{Attempt, Former, HolderSet, MAX_SETS},
    fresh,
    keygen::{Confirmed, activate, certify, exposures},
    recover::{self, epochs_of},
};
use crate::{
    ceremony::{
        keygen::Refusal,
        message::{KeyEpochs, Message, Proposal, ProposalBody, Random, RequestId, ReshareKey, ReshareProposal},
        reshare::{self as rules, Plan},
        run::{Drive, DriveError},
    },
    error::{CosignerError, RequestError},
    share::{AnyCertified, AnyKeyShare, HeldSuite, Stored},
};

/// How many keys of one ceremony are dealt at one time.
const AT_ONCE: usize = 64;
/// The most bytes of packages that a proposal carries for those who hold no share.
const MAX_PACKAGES: usize = 2 << 20;
/// How long to wait for this cosigner's own sessions when another one's have failed.
const GRACE: Duration = Duration::from_secs(2);
/// How often those who did not take part are asked whether they destroyed what they had.
const ASK_THE_ABSENT: usize = 2;
/// How long to wait for another attempt for the same key to end.
const WAIT_FOR_ANOTHER: Duration = Duration::from_secs(3);
/// How long an operator's consent stands.
const CONSENT: Duration = Duration::from_secs(24 * 60 * 60);
/// How many plans that nobody consented to yet are remembered for listing.
const MAX_PLANS: usize = 64;

/// Asks for new polynomials of keys, perhaps with other holders.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ReshareRequest {
    keys: Vec<String>,
    suite: Option<SuiteId>,
    min_signers: Option<u16>,
    add: Vec<String>,
    remove: Vec<String>,
    moved: bool,
    request: Option<RequestId>,
}

impl ReshareRequest {
    /// Refreshes keys, by their ids or their wallets' names: the same holders get new shares, and all old ones become useless. All must
    /// be held by the same participants at the same places. One that lost its share gets a new one: it is repaired.
    #[must_use]
    pub fn refresh(keys: impl IntoIterator<Item = String>) -> Self {
        Self {
            keys: keys.into_iter().collect(),
            suite: None,
            min_signers: None,
            add: Vec::new(),
            remove: Vec::new(),
            moved: false,
            request: None,
        }
    }

    /// Only the keys of this suite.
    #[must_use]
    pub const fn suite(mut self, suite: SuiteId) -> Self {
        self.suite = Some(suite);
        self
    }

    /// Gives a share to another cosigner of the roster.
    #[must_use]
    pub fn with_holder(mut self, name: &str) -> Self {
        self.add.push(name.to_owned());
        self
    }

    /// Gives no share to a holder: it is evicted.
    #[must_use]
    pub fn without_holder(mut self, name: &str) -> Self {
        self.remove.push(name.to_owned());
        self
    }

    /// Changes how many sign.
    #[must_use]
    pub const fn min_signers(mut self, min_signers: u16) -> Self {
        self.min_signers = Some(min_signers);
        self
    }

    /// Asks every holder anew which domains can reach its share. Without it, and without other changes, the placement stays.
    #[must_use]
    pub const fn moved(mut self) -> Self {
        self.moved = true;
        self
    }

    /// Names the request; random otherwise.
    #[must_use]
    pub const fn request_id(mut self, request: [u8; 32]) -> Self {
        self.request = Some(request);
        self
    }

    const fn is_refresh(&self) -> bool {
        self.min_signers.is_none() && self.add.is_empty() && self.remove.is_empty() && !self.moved
    }
}

/// What became of a reshare.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reshared {
    /// The keys that have a new epoch.
    pub keys: Vec<ResharedKey>,
    /// The former holders that destroyed their old shares, by name.
    pub destroyed: Vec<String>,
    /// The former holders that have not said so. Any that holds its old share still can use it only together with others of them.
    pub outstanding: Vec<String>,
    /// Whether so many shares of all former epochs are destroyed that the rest cannot sign. Until then, whoever was to be evicted may
    /// still count. The word of one that leaves does not count.
    pub effective: bool,
    /// How many of those whose word counts may have lied, and it would be effective all the same.
    pub margin: usize,
}

/// A key with a new epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResharedKey {
    /// The wallet.
    pub wallet: String,
    /// The key, which is the same as before.
    pub key_id: [u8; 32],
    /// Its suite.
    pub suite: SuiteId,
    /// The epoch that its shares belong to now.
    pub epoch: u64,
}

/// A change of a key's holders that another cosigner proposed, and that this cosigner's operator has not consented to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlannedChange {
    /// What to consent to.
    pub plan: [u8; 32],
    /// Who proposed it, by name.
    pub proposer: String,
    /// The change in words.
    pub description: String,
}

/// The keys that are being dealt anew, and the plans for others.
#[derive(Default)]
pub(crate) struct Reshares {
    /// Changes of epochs happen one after another.
    pub(super) changing: tokio::sync::Mutex<()>,
    open: Mutex<BTreeSet<[u8; 32]>>,
    plans: Mutex<Plans>,
}

#[derive(Default)]
struct Plans {
    proposed: Vec<PlannedChange>,
    consented: BTreeMap<Plan, Instant>,
}

impl Reshares {
    fn plans<T>(&self, with: impl FnOnce(&mut Plans) -> T) -> T {
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        plans.consented.retain(|_, since| since.elapsed() < CONSENT);
        with(&mut plans)
    }

    /// Remembers a plan for the operator. The oldest one makes room.
    fn remember(&self, change: PlannedChange) {
        self.plans(|plans| {
            plans.proposed.retain(|known| known.plan != change.plan);
            if plans.proposed.len() >= MAX_PLANS {
                plans.proposed.remove(0);
            }
            plans.proposed.push(change);
        });
    }
}

/// Keys that nobody else deals anew meanwhile.
struct Opened {
    shared: Arc<Shared>,
    keys: Vec<[u8; 32]>,
}

impl Opened {
    /// Waits a little for an attempt that is about to end.
    async fn wait(shared: &Arc<Shared>, proposal: &ReshareProposal) -> Result<Self, CosignerError> {
        let until = Instant::now() + WAIT_FOR_ANOTHER;
        loop {
            match Self::new(shared, proposal) {
                Err(_) if Instant::now() < until => tokio::time::sleep(WAIT_FOR_ANOTHER / 50).await,
                opened => return opened,
            }
        }
    }

    /// A holder takes part in one attempt for a key at a time.
    fn new(shared: &Arc<Shared>, proposal: &ReshareProposal) -> Result<Self, CosignerError> {
        let mut open = shared.reshares.open.lock().unwrap_or_else(PoisonError::into_inner);
        let keys: Vec<_> = proposal.keys.iter().map(|key| key.key_id).collect();
        if keys.iter().any(|key| open.contains(key)) {
            return Err(RequestError::ReshareInProgress.into());
        }
        open.extend(&keys);
        drop(open);
        Ok(Self { shared: Arc::clone(shared), keys })
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        let mut open = self.shared.reshares.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|key| !self.keys.contains(key));
    }
}

impl Cosigner {
    /// Deals keys anew together with the other holders. Addresses and public keys stay what they are.
    ///
    /// A refresh waits for every holder. A change of holders, threshold or placement needs the consent of the operator of every holder
    /// that takes part: see [`consent`](Self::consent).
    ///
    /// # Errors
    ///
    /// [`CosignerError::Placement`] if one domain could reach `min_signers` shares, [`CosignerError::Refused`] and
    /// [`CosignerError::Unavailable`] with names, [`CosignerError::Fault`] if a participant broke the protocol,
    /// [`CosignerError::Request`] if the request does not fit. Whatever fails, the key signs as before, or as after.
    pub async fn reshare(&self, request: ReshareRequest) -> Result<Reshared, CosignerError> {
        match self.reshare_once(&request).await {
            // This cosigner was behind, and has caught up.
            Err(CosignerError::Request(RequestError::EpochChanged { .. })) => self.reshare_once(&request).await,
            reshared => reshared,
        }
    }

    async fn reshare_once(&self, request: &ReshareRequest) -> Result<Reshared, CosignerError> {
        let shared = self.shared();
        let keys = self.named_keys(request).await?;
        let first = keys.first().ok_or(RequestError::TooFewSigners { needed: 1, given: 0 })?;
        if keys.iter().any(|key| key.peers != first.peers || key.share.placement().digest() != first.share.placement().digest()) {
            return Err(RequestError::OtherHolders.into());
        }
        let (peers, placement) = new_holders(shared, first, request).await?;
        let everyone: BTreeSet<_> = first.peers.iter().chain(peers.iter()).map(|(_, peer)| peer).collect();
        let epochs = ask_epochs(shared, &keys, &everyone).await?;
        let proposal = propose(shared, &keys, (peers, placement), &epochs).await?;
        let request = request.request.map_or_else(fresh, Ok)?;
        deal(shared, request, proposal, &first.peers, first.share.placement().threshold()).await
    }

    /// Lets this cosigner take part in a change of holders, threshold or placement that another one proposes: in this very one, for 24
    /// hours or until it restarts. What it is about, [`plans`](Self::plans) says once it was proposed.
    ///
    /// # Security
    ///
    /// This is what keeps whoever runs one cosigner from lowering the threshold or evicting the others. Compare the plan with what its
    /// proposer's operator says, over another channel.
    pub fn consent(&self, plan: [u8; 32]) {
        self.shared().reshares.plans(|plans| {
            plans.proposed.retain(|known| known.plan != plan);
            plans.consented.insert(plan, Instant::now());
        });
        tracing::info!(target: "quorate::audit", plan = hex::encode(plan), "the operator consents to a change of holders");
    }

    /// The changes that others proposed and that were refused for lack of this operator's consent.
    #[must_use]
    pub fn plans(&self) -> Vec<PlannedChange> {
        self.shared().reshares.plans(|plans| plans.proposed.clone())
    }

    async fn named_keys(&self, request: &ReshareRequest) -> Result<Vec<Stored<AnyKeyShare>>, CosignerError> {
        let mut keys = BTreeMap::new();
        for name in &request.keys {
            for (id, suite) in self.keys_of(name, request.suite).await? {
                let stored = self.shared().find(&id, Some(suite)).await?;
                keys.insert(*stored.share.key_id().as_bytes(), stored);
            }
        }
        Ok(keys.into_values().collect())
    }
}

/// Who will hold shares, and where.
async fn new_holders(
    shared: &Arc<Shared>,
    old: &Stored<AnyKeyShare>,
    request: &ReshareRequest,
) -> Result<(Peers, Placement), CosignerError> {
    let placement = old.share.placement();
    if request.is_refresh() {
        return Ok((old.peers.clone(), placement.clone()));
    }
    let peer = |name: &String| {
        let unknown = || RequestError::UnknownCosigner { name: name.clone() };
        shared.roster.peer(name).map(|entry| entry.identity).ok_or_else(unknown)
    };
    let removed = request.remove.iter().map(peer).collect::<Result<BTreeSet<_>, _>>()?;
    if let Some(stranger) = removed.iter().find(|peer| old.peers.identifier(**peer).is_none()) {
        return Err(RequestError::UnknownCosigner { name: shared.name_of(*stranger) }.into());
    }
    let mut holders: Vec<_> = old.peers.iter().filter(|(_, peer)| !removed.contains(peer)).collect();
    // A number is never another cosigner's again while the key remembers it.
    let highest = old.peers.iter().map(|(identifier, _)| identifier.to_u16()).max().unwrap_or(0);
    for (offset, name) in (1u16..).zip(&request.add) {
        let number = highest.checked_add(offset).ok_or(RequestError::DuplicateParticipant)?;
        holders.push((Identifier::new(number)?, peer(name)?));
    }
    let peers = Peers::new(holders).map_err(|_| RequestError::DuplicateParticipant)?;
    let me = peers.identifier(shared.me).ok_or(RequestError::NotParticipating)?;
    let others: Vec<_> = peers.iter().filter(|(_, peer)| *peer != shared.me).collect();
    let rows = exposures(shared, me, &others).await?;
    let count = u16::try_from(peers.iter().len()).map_err(|_| RequestError::DuplicateParticipant)?;
    let min_signers = request.min_signers.unwrap_or_else(|| placement.threshold().min_signers());
    let mut new = Placement::builder(Threshold::new(min_signers, count)?).counting(placement.counting().unwrap_or_default());
    new = rows.into_iter().fold(new, |new, (identifier, row)| new.participant(identifier, row));
    new = placement.waivers().iter().cloned().fold(new, quorate_core::placement::PlacementBuilder::waive);
    Ok((peers, new.build()?))
}

/// What everyone who can be reached knows of the keys' epochs.
async fn ask_epochs(
    shared: &Arc<Shared>,
    keys: &[Stored<AnyKeyShare>],
    everyone: &BTreeSet<PeerId>,
) -> Result<BTreeMap<PeerId, Vec<KeyEpochs>>, CosignerError> {
    let ids: Vec<_> = keys.iter().map(|key| *key.share.key_id().as_bytes()).collect();
    ask_which(shared, ids, everyone, ANSWER_WITHIN.min(shared.deadline)).await
}

async fn ask_which(
    shared: &Arc<Shared>,
    ids: Vec<[u8; 32]>,
    everyone: &BTreeSet<PeerId>,
    within: Duration,
) -> Result<BTreeMap<PeerId, Vec<KeyEpochs>>, CosignerError> {
    let mut found = BTreeMap::new();
    let mut own = Vec::new();
    for id in &ids {
        own.push(epochs_of(shared, id).await);
    }
    found.insert(shared.me, own);
    let question = fresh()?;
    // Whoever is not there is not waited for.
    let there: Vec<_> =
        everyone.iter().copied().filter(|peer| *peer != shared.me && shared.network.is_connected(*peer)).collect();
    let others = || there.iter().copied();
    let mut answers = shared.expect(shared.me, question, others())?;
    let mut asked = 0usize;
    for peer in others() {
        asked += usize::from(shared.tell(peer, &Message::AskEpochs { question, keys: ids.clone() }).is_ok());
    }
    let collect = async {
        while found.len() <= asked {
            let Some((from, message)) = answers.next().await else { return };
            if let Message::Epochs { epochs, .. } = message
                && epochs.iter().map(|key| key.key_id).eq(ids.iter().copied())
            {
                found.insert(from, epochs);
            }
        }
    };
    // One that is to be evicted need not answer: whoever is needed is missed later.
    let _complete = tokio::time::timeout(within, collect).await;
    Ok(found)
}

/// Puts the proposal together: epochs above all that anybody has seen, and the dealers.
async fn propose(
    shared: &Arc<Shared>,
    keys: &[Stored<AnyKeyShare>],
    (receivers, placement): (Peers, Placement),
    epochs: &BTreeMap<PeerId, Vec<KeyEpochs>>,
) -> Result<ReshareProposal, CosignerError> {
    let mut list = Vec::new();
    let mut has_all: BTreeMap<PeerId, bool> = BTreeMap::new();
    for (index, key) in keys.iter().enumerate() {
        let of = |peer: &PeerId| epochs.get(peer).and_then(|epochs| epochs.get(index));
        for peer in epochs.keys() {
            let active = of(peer).and_then(|epochs| epochs.active);
            if active > Some(key.share.epoch()) {
                // This cosigner is behind. The next request deals the epoch that there is.
                recover::catch_up(shared, key.share.key_id().as_bytes(), key.share.suite(), key.share.epoch() + 1, *peer).await?;
                return Err(RequestError::EpochChanged { key: key.share.key_id().to_string() }.into());
            }
            *has_all.entry(*peer).or_insert(true) &= active == Some(key.share.epoch());
        }
        let highest = epochs.keys().filter_map(|peer| of(peer)?.highest).max().unwrap_or(0).max(key.share.epoch());
        list.push(ReshareKey {
            wallet: key.wallet.clone(),
            key_id: *key.share.key_id().as_bytes(),
            suite: key.share.suite(),
            epoch: key.share.epoch(),
            digest: key.share.package_digest(),
            new_epoch: highest.checked_add(1).ok_or(RequestError::InProgress)?,
            old: Vec::new(),
        });
    }
    let first = keys.first().ok_or(CosignerError::Bug("no keys"))?;
    let holds = |peer: &PeerId| has_all.get(peer).copied().unwrap_or(false);
    let stays = |peer: PeerId| receivers.identifier(peer).is_some();
    // Whoever stays deals; whoever leaves only if there are too few others.
    let mut dealers: Vec<_> = first.peers.iter().filter(|(_, peer)| holds(peer) && stays(*peer)).collect();
    let needed = usize::from(first.share.placement().threshold().min_signers());
    let leaving = first.peers.iter().filter(|(_, peer)| holds(peer) && !stays(*peer));
    dealers.extend(leaving.take(needed.saturating_sub(dealers.len())));
    if dealers.len() < needed {
        return Err(RequestError::TooFewSigners { needed, given: dealers.len() }.into());
    }
    let lacking = receivers.iter().any(|(_, peer)| !holds(&peer));
    if lacking {
        list.iter_mut().zip(keys).for_each(|(item, key)| item.old = key.share.certified_record());
    }
    if list.iter().map(|item| item.old.len()).sum::<usize>() > MAX_PACKAGES {
        return Err(RequestError::TooManyKeys.into());
    }
    let mut former = BTreeSet::new();
    for key in keys {
        former.extend(shared.known_sets(key.share.key_id().as_bytes(), key.share.epoch()).await?);
    }
    if former.len() > MAX_SETS {
        return Err(RequestError::TooManyKeys.into());
    }
    let peers = Peers::new(dealers.iter().copied().filter(|(_, peer)| !stays(*peer)).chain(receivers.iter()))?;
    let dealers = ParticipantSet::new(dealers.into_iter().map(|(identifier, _)| identifier))?;
    Ok(ReshareProposal { keys: list, dealers, placement, peers, former: former.into_iter().collect() })
}

/// The proposer's side: propose, deal, and wait until old shares are destroyed.
async fn deal(
    shared: &Arc<Shared>,
    request: RequestId,
    body: ReshareProposal,
    old: &Peers,
    threshold: Threshold,
) -> Result<Reshared, CosignerError> {
    let _opened = Opened::wait(shared, &body).await?;
    let checked = check(shared, &body, shared.me, Consent::Given).await?;
    let former = promise(shared, &body, &checked).await?;
    let proposal = Proposal { request, body: ProposalBody::Reshare(body.clone()) };
    let others: Vec<_> = body.peers.iter().filter(|(_, peer)| *peer != shared.me).collect();
    let (randoms, mut answers) = answer::propose(shared, &proposal, checked.me, &others, shared.deadline).await?;
    let mut heard = Vec::new();
    let ran = listening(shared, run(shared, &proposal, &body, checked, &randoms), &mut answers, &mut heard).await;
    let keys = ran.inspect_err(|_| {
        // Nobody waits for a session that cannot end well.
        let _told = answer::tell_all(shared, &others, &Message::Cancel { proposal: proposal.digest() });
    })?;
    let mut words = words(shared, (heard, &mut answers), &others).await;
    words.insert(shared.me, former);
    absent(shared, &body, old, &mut words).await;
    Ok(outcome(shared, keys, &body, (old, threshold), words))
}

/// Waits for this cosigner's own sessions, and not for long once another one says that its have failed. Keeps what else is heard.
async fn listening<T>(
    shared: &Shared,
    sessions: impl Future<Output = Result<T, CosignerError>>,
    answers: &mut Answers,
    heard: &mut Vec<(PeerId, Message)>,
) -> Result<T, CosignerError> {
    let mut sessions = core::pin::pin!(sessions);
    loop {
        let (from, message) = tokio::select! {
            ended = &mut sessions => return ended,
            Some(answer) = answers.next() => answer,
        };
        if let Some(no) = answer::No::of(from, &message) {
            let failed = no.named(shared);
            return tokio::time::timeout(GRACE, sessions).await.unwrap_or(Err(failed));
        }
        heard.push((from, message));
    }
}

/// Waits until the others have committed, and gives what each that did says of former holders.
async fn words(
    shared: &Arc<Shared>,
    (heard, answers): (Vec<(PeerId, Message)>, &mut Answers),
    others: &[(Identifier, PeerId)],
) -> BTreeMap<PeerId, Former> {
    let mut open: BTreeSet<_> = others.iter().map(|(_, peer)| *peer).collect();
    let (mut words, mut heard) = (BTreeMap::new(), heard.into_iter());
    let wait = async {
        while !open.is_empty() {
            let next = match heard.next() {
                Some(heard) => Some(heard),
                None => answers.next().await,
            };
            let Some((from, message)) = next else { return };
            if let Message::Destroyed { former, .. } = message {
                open.remove(&from);
                words.insert(from, former.map(|former| former.into_iter().collect()));
            } else if matches!(message, Message::Refuse { .. } | Message::Lacks { .. }) {
                open.remove(&from);
            }
        }
    };
    let _all = tokio::time::timeout(shared.deadline, wait).await;
    words
}

/// What the words amount to: docs/epochs.md, "Effective".
fn outcome(
    shared: &Shared,
    keys: Vec<ResharedKey>,
    body: &ReshareProposal,
    (old, threshold): (&Peers, Threshold),
    words: BTreeMap<PeerId, Former>,
) -> Reshared {
    let leaves =
        |peer: PeerId| old.identifier(peer).is_some() && body.receivers().is_none_or(|new| new.identifier(peer).is_none());
    let trusted: BTreeSet<_> = words.keys().copied().filter(|peer| !leaves(*peer)).collect();
    let mut sets = Some(BTreeSet::from([HolderSet::new(old, threshold.min_signers())]));
    for (_, former) in words.iter().filter(|(peer, _)| trusted.contains(peer)) {
        sets = sets.zip(former.clone()).map(|(mut sets, former)| {
            sets.extend(former);
            sets
        });
    }
    let margin = sets.and_then(|sets| sets.iter().map(|set| set.margin(&trusted)).min().flatten());
    let (gone, left): (Vec<_>, Vec<_>) = old.iter().map(|(_, peer)| peer).partition(|peer| words.contains_key(peer));
    let names = |peers: Vec<PeerId>| peers.into_iter().map(|peer| shared.name_of(peer)).collect();
    Reshared { keys, destroyed: names(gone), outstanding: names(left), effective: margin.is_some(), margin: margin.unwrap_or(0) }
}

/// Tells those who may have a former share and did not take part which epoch the keys have now, so that they destroy what they have; and
/// asks whether they did.
async fn absent(shared: &Arc<Shared>, body: &ReshareProposal, old: &Peers, words: &mut BTreeMap<PeerId, Former>) {
    let of_sets = words.values().flatten().flatten().flat_map(HolderSet::holders);
    let all: BTreeSet<_> = old.iter().map(|(_, peer)| peer).chain(of_sets).collect();
    let absent: BTreeSet<_> =
        all.into_iter().filter(|peer| body.peers.identifier(*peer).is_none() && shared.network.is_connected(*peer)).collect();
    for key in &body.keys {
        let Ok(stored) = shared.load(&key.key_id).await else { continue };
        for peer in &absent {
            // One that cannot be told learns it when it next takes part in anything.
            let _told = shared.tell(*peer, &recover::new_epoch(&stored));
        }
    }
    for _ in 0..ASK_THE_ABSENT {
        let ids: Vec<_> = body.keys.iter().map(|key| key.key_id).collect();
        let open: BTreeSet<_> = absent.iter().copied().filter(|peer| !words.contains_key(peer)).collect();
        if open.is_empty() {
            return;
        }
        let Ok(epochs) = ask_which(shared, ids, &open, ANSWER_WITHIN / 5).await else { return };
        for (peer, epochs) in epochs.into_iter().filter(|(peer, _)| *peer != shared.me) {
            let is_past = |(key, theirs): (&ReshareKey, &KeyEpochs)| {
                theirs.highest >= Some(key.new_epoch) && theirs.lowest.is_none_or(|lowest| lowest >= key.new_epoch)
            };
            if body.keys.iter().zip(&epochs).all(is_past) {
                words.insert(peer, Some(BTreeSet::new()));
            }
        }
    }
}

/// The other participants' side.
pub(super) async fn take_part(
    shared: &Arc<Shared>,
    from: PeerId,
    proposal: &Proposal,
    body: &ReshareProposal,
) -> Result<(), CosignerError> {
    let mut answers = shared.expect(from, proposal.digest(), [from])?;
    let _opened = Opened::wait(shared, body).await?;
    shared.trust_all(body.peers.iter().map(|(_, peer)| peer).collect()).await?;
    let checked = check(shared, body, from, Consent::Needed).await?;
    let former = promise(shared, body, &checked).await?;
    let participants = body.peers.iter().map(|(identifier, _)| identifier);
    let randoms = answer::accept_heard(shared, &mut answers, (from, proposal), checked.me, participants).await?;
    tokio::select! {
        ran = run(shared, proposal, body, checked, &randoms) => drop(ran?),
        // As if this cosigner crashed here: what it confirmed is completed later, or given up for a higher epoch.
        () = cancelled(&mut answers) => return Err(CosignerError::Denied { reason: "the attempt was called off".to_owned() }),
    }
    let former = former.map(|former| former.into_iter().collect());
    // A proposer that cannot be told does not count this cosigner.
    let _told = shared.tell(from, &Message::Destroyed { proposal: proposal.digest(), former });
    Ok(())
}

/// Waits until the proposer calls the attempt off.
async fn cancelled(answers: &mut Answers) {
    while let Some((_, message)) = answers.next().await {
        if matches!(message, Message::Cancel { .. }) {
            return;
        }
    }
    core::future::pending().await
}

/// Joins the attempt for every key, durably. Gives all former holders of them that this cosigner knows of.
async fn promise(shared: &Arc<Shared>, body: &ReshareProposal, checked: &Checked) -> Result<Former, CosignerError> {
    let receivers = body.receivers().ok_or(CosignerError::Bug("nobody receives"))?;
    let to = HolderSet::new(&receivers, body.placement.threshold().min_signers());
    let mut all = Some(BTreeSet::new());
    for (key, source) in body.keys.iter().zip(&checked.sources) {
        let (key_print, base) = match source {
            Source::Held(held) => {
                (held.share.key_print(), Some(HolderSet::new(&held.peers, held.share.placement().threshold().min_signers())))
            }
            Source::Certified(certified) => (certified.key_print(), None),
        };
        let attempt = Attempt {
            key_id: &key.key_id,
            from: key.epoch,
            epoch: key.new_epoch,
            key_print,
            base,
            to: to.clone(),
            former: &body.former,
            refresh: checked.refresh,
        };
        let former = shared.promise(attempt).await?;
        all = all.zip(former).map(|(mut all, former)| {
            all.extend(former);
            all
        });
    }
    Ok(all.filter(|all| all.len() <= MAX_SETS))
}

/// Whether this cosigner's own operator has asked for it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Consent {
    Given,
    Needed,
}

/// What this cosigner has of each key of a proposal.
enum Source {
    Held(Stored<AnyKeyShare>),
    Certified(AnyCertified),
}

struct Checked {
    me: Identifier,
    sources: Vec<Source>,
    /// Whether nothing changes but the polynomials.
    refresh: bool,
}

/// This cosigner's own checks, as proposer and as participant alike.
async fn check(shared: &Arc<Shared>, body: &ReshareProposal, from: PeerId, consent: Consent) -> Result<Checked, CosignerError> {
    let refused = |refusal: Refusal| CosignerError::Denied { reason: refusal.to_string() };
    let me = rules::check(body, from, shared.me, (&shared.exposure, &shared.accepts), &shared.roster).map_err(refused)?;
    let (mut sources, mut change, mut fresh_keys) = (Vec::new(), None, 0usize);
    for key in &body.keys {
        let known = epochs_of(shared, &key.key_id).await;
        if known.highest >= Some(key.new_epoch) {
            return Err(CosignerError::Denied {
                reason: "I have seen that epoch, or a higher one; take a higher number".to_owned(),
            });
        }
        if known.active.is_some() {
            let held = recover::current(shared, &key.key_id, key.epoch, from).await?;
            let refresh = rules::check_held(body, key, &held).map_err(refused)?;
            if !refresh {
                change.get_or_insert_with(|| describe(shared, body, &held));
            }
            sources.push(Source::Held(held));
        } else {
            let unreadable = || refused(Refusal::OtherKey);
            let old = AnyCertified::from_record(key.suite, &key.old).map_err(|_| unreadable())?;
            rules::check_certified(body, key, &old).map_err(refused)?;
            check_name(shared, key).await?;
            fresh_keys = fresh_keys.saturating_add(1);
            sources.push(Source::Certified(old));
        }
    }
    let limit = shared.accepts.max_keys;
    if fresh_keys > 0 && shared.promised_keys().await?.saturating_add(fresh_keys) > limit {
        return Err(refused(Refusal::Full { limit }));
    }
    let (plan, refresh) = (body.plan(), change.is_none());
    if let (Some(description), Consent::Needed) = (change, consent)
        && shared.reshares.plans(|plans| !plans.consented.contains_key(&plan))
    {
        let text = hex::encode(plan);
        shared.reshares.remember(PlannedChange { plan, proposer: shared.name_of(from), description });
        return Err(refused(Refusal::Consent { plan: text }));
    }
    Ok(Checked { me, sources, refresh })
}

/// What this cosigner says to a proposal, if it is not to take part.
#[cfg(test)]
pub(super) async fn refusal(shared: &Arc<Shared>, body: &ReshareProposal, from: PeerId) -> Option<String> {
    check(shared, body, from, Consent::Given).await.err().map(|error| answer::describe(&error))
}

/// A wallet's name that is new here must not be another key's.
async fn check_name(shared: &Shared, key: &ReshareKey) -> Result<(), CosignerError> {
    match shared.vault.key_of_name(&crate::share::key_name(&key.wallet, key.suite)).await {
        Err(VaultError::Input(VaultInputError::UnknownKey)) => Ok(()),
        Ok(known) if known == key.key_id => Ok(()),
        Ok(_) => Err(RequestError::WalletExists { wallet: key.wallet.clone() }.into()),
        Err(error) => Err(error.into()),
    }
}

/// A change in words.
fn describe(shared: &Shared, body: &ReshareProposal, held: &Stored<AnyKeyShare>) -> String {
    let new = body.receivers();
    let names = |peers: Vec<PeerId>| peers.into_iter().map(|peer| shared.name_of(peer)).collect::<Vec<_>>().join(", ");
    let leaves = held.peers.iter().filter(|(_, peer)| new.as_ref().is_none_or(|new| new.identifier(*peer).is_none()));
    let joins = body.peers.iter().filter(|(_, peer)| held.peers.identifier(*peer).is_none());
    let (before, after) = (held.share.placement().threshold(), body.placement.threshold());
    let more = if body.keys.len() > 1 { format!(" and {} more keys", body.keys.len() - 1) } else { String::new() };
    format!(
        "wallet {}{more}: from {} of {} to {} of {}; leaving: {}; joining: {}",
        held.wallet,
        before.min_signers(),
        before.max_signers(),
        after.min_signers(),
        after.max_signers(),
        names(leaves.map(|(_, peer)| peer).collect()),
        names(joins.map(|(_, peer)| peer).collect()),
    )
}

/// All keys, some at a time, in the same order everywhere.
async fn run(
    shared: &Arc<Shared>,
    proposal: &Proposal,
    body: &ReshareProposal,
    checked: Checked,
    randoms: &[Random],
) -> Result<Vec<ResharedKey>, CosignerError> {
    let (me, permits) = (checked.me, Arc::new(Semaphore::new(AT_ONCE)));
    let body = Arc::new(body.clone());
    let mut tasks = JoinSet::new();
    for (index, source) in checked.sources.into_iter().enumerate() {
        let permit = Arc::clone(&permits).acquire_owned().await.map_err(|_| CosignerError::Bug("a semaphore was closed"))?;
        let (shared, body, session) = (Arc::clone(shared), Arc::clone(&body), proposal.session_id(randoms, index));
        tasks.spawn(async move {
            let _permit = permit;
            let Some(key) = body.keys.get(index) else { return Err(CosignerError::Bug("a key without a proposal")) };
            let outcome = match key.suite {
                SuiteId::Ed25519 => one::<Ed25519>(&shared, &body, key, (source, me), session).await,
                SuiteId::Bip340 => one::<Bip340>(&shared, &body, key, (source, me), session).await,
                SuiteId::EcdsaSecp256k1 => one::<EcdsaSecp256k1>(&shared, &body, key, (source, me), session).await,
                SuiteId::Ristretto255 | SuiteId::Secp256k1 | SuiteId::P256 | SuiteId::EcdsaP256 | _ => {
                    Err(CosignerError::Bug("a suite that was refused before").into())
                }
            };
            let name = |id| body.peers.peer(id).map_or_else(|| id.to_string(), |peer| shared.name_of(peer));
            outcome.map_err(|error| error.named(name))?;
            Ok(ResharedKey { wallet: key.wallet.clone(), key_id: key.key_id, suite: key.suite, epoch: key.new_epoch })
        });
    }
    // All of them to their end, also after a failure: the others may finish what did not fail.
    let (mut keys, mut failed) = (Vec::new(), None);
    while let Some(finished) = tasks.join_next().await {
        match finished.map_err(|_| CosignerError::Bug("a ceremony panicked")).flatten() {
            Ok(key) => keys.push(key),
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    // What was paired while the first of these keys were done and the last were not.
    shared.renew_pairings();
    keys.sort_unstable_by_key(|key: &ResharedKey| key.key_id);
    failed.map_or(Ok(keys), Err)
}

/// One key: the new share is durable as pending before its confirmation leaves; when it is active, the old one is destroyed.
async fn one<C: HeldSuite>(
    shared: &Arc<Shared>,
    body: &ReshareProposal,
    key: &ReshareKey,
    (source, me): (Source, Identifier),
    id: SessionId,
) -> Result<(), DriveError> {
    let session = shared.session(id, &body.peers);
    let new = NewEpoch::new(body.dealers.clone(), body.placement.clone(), key.new_epoch);
    let rng = &mut getrandom::SysRng;
    let machine = match &source {
        Source::Held(held) if body.dealers.contains(me) => {
            let share = C::held(&held.share).ok_or(CosignerError::Bug("a share of another suite"))?;
            Reshare::<C>::start_dealer(&session, share, new, rng)?
        }
        Source::Held(_) | Source::Certified(_) => Reshare::<C>::start_receiver(&session, package::<C>(&source)?, new, me, rng)?,
    };
    drop(source);
    let receivers = body.receivers().ok_or(CosignerError::Bug("nobody receives"))?;
    let mut drive = Drive::open(machine, &shared.network, id, &body.peers, shared.deadline)?;
    let mut confirmed = Confirmed { shared, key: None };
    let stored = |share| Stored { wallet: key.wallet.clone(), peers: receivers.clone(), share };
    match certify::<C, _>(shared, &stored, &mut drive, &mut confirmed).await? {
        Outcome::Holds(share) => {
            shared.renew_pairings();
            activate(shared, &Stored { wallet: key.wallet.clone(), peers: receivers, share: C::active(share) }).await?;
            confirmed.key = None;
        }
        Outcome::Left(certified) => {
            shared.renew_pairings();
            let record = certified.to_bytes();
            let certified = C::certified(certified);
            shared.retire(&certified, &record).await?;
            let (key, wallet) = (certified.key_id(), &key.wallet);
            tracing::warn!(target: "quorate::audit", %key, wallet, "the key has moved to other cosigners; the old share is destroyed");
        }
        _ => return Err(CosignerError::Bug("an outcome of another kind").into()),
    }
    Ok(())
}

fn package<C: HeldSuite>(source: &Source) -> Result<&PublicKeyPackage<C>, CosignerError> {
    let package = match source {
        Source::Held(held) => C::held(&held.share).map(|share| share.package()),
        Source::Certified(certified) => C::package(certified),
    };
    package.ok_or(CosignerError::Bug("a package of another suite"))
}
