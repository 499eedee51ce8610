//! Key generation: a wallet, which is one key for each suite, in one ceremony.

use std::{collections::BTreeSet, sync::Arc};

use quorate_core::{
    Identifier, PeerId, Peers, Placement, SessionId, SuiteId, Threshold, domain,
    ecdsa::EcdsaSecp256k1,
    frost::{Bip340, Ed25519},
    keygen::Keygen,
    keys::PendingShare,
    machine::Protocol,
    placement::{Counting, Exposure, PlacementBuilder, Waiver},
    transcript::Hash,
};
use quorate_storage::{AuditKind, KeyRef, VaultError, vault::VaultInputError};
use tokio::task::JoinSet;

use super::{ANSWER_WITHIN, Cosigner, Reserved, Shared, answer, fresh, recover, reshare::ask_which};
use crate::{
    audit,
    ceremony::{
        keygen as rules,
        message::{KeyEpochs, KeygenProposal, Message, Proposal, ProposalBody, Random, RequestId},
        run::{Drive, DriveError, Stop},
    },
    error::{CosignerError, RequestError},
    share::{AnyKeyShare, AnyPendingShare, HeldSuite, Stored, key_name},
};

/// Asks for a wallet.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct KeygenRequest {
    wallet: String,
    suites: Vec<SuiteId>,
    min_signers: u16,
    participants: Vec<String>,
    waivers: Vec<Waiver>,
    counting: Counting,
    request: Option<RequestId>,
}

impl KeygenRequest {
    /// A wallet of that name with a key for each suite, of which any `min_signers` cosigners of the roster sign.
    #[must_use]
    pub fn new(wallet: &str, suites: impl IntoIterator<Item = SuiteId>, min_signers: u16) -> Self {
        Self {
            wallet: wallet.to_owned(),
            suites: suites.into_iter().collect(),
            min_signers,
            participants: Vec::new(),
            waivers: Vec::new(),
            counting: Counting::default(),
            request: None,
        }
    }

    /// Names the participants, in the order of their numbers; without it, all of the roster by name.
    #[must_use]
    pub fn participants(mut self, names: impl IntoIterator<Item = String>) -> Self {
        self.participants = names.into_iter().collect();
        self
    }

    /// Lets one domain reach the key although the rule says otherwise.
    #[must_use]
    pub fn waive(mut self, waiver: Waiver) -> Self {
        self.waivers.push(waiver);
        self
    }

    /// Chooses what counts as the fall of a share.
    #[must_use]
    pub const fn counting(mut self, counting: Counting) -> Self {
        self.counting = counting;
        self
    }

    /// Names the request; random otherwise.
    #[must_use]
    pub const fn request_id(mut self, request: [u8; 32]) -> Self {
        self.request = Some(request);
        self
    }

    /// What its id stands for.
    pub(super) fn digest(&self) -> [u8; 32] {
        let hash = Hash::new(domain::REQUEST_WORK).field(b"keygen").field(self.wallet.as_bytes()).list(self.suites.len());
        let hash = self.suites.iter().fold(hash, |hash, suite| hash.value(suite)).number(self.min_signers.into());
        let names = self.participants.iter();
        let hash = names.fold(hash.list(self.participants.len()), |hash, name| hash.field(name.as_bytes()));
        let hash = hash.number(u64::from(self.counting == Counting::Joint)).list(self.waivers.len());
        let waived = |hash: Hash, waiver: &Waiver| {
            hash.value(waiver.domain()).field(waiver.reason().as_bytes()).field(waiver.date().to_string().as_bytes())
        };
        self.waivers.iter().fold(hash, waived).finish()
    }
}

/// One key of a wallet, as this cosigner holds it.
#[derive(Debug)]
#[non_exhaustive]
pub struct WalletKey {
    /// The wallet.
    pub wallet: String,
    /// Who stands behind the identifiers.
    pub peers: Peers,
    /// When the share of this epoch came about here, in seconds of Unix time, by this cosigner's clock.
    pub since: u64,
    /// This cosigner's share, with everything public about the key.
    pub share: AnyKeyShare,
}

impl From<Stored<AnyKeyShare>> for WalletKey {
    fn from(stored: Stored<AnyKeyShare>) -> Self {
        Self { wallet: stored.wallet, peers: stored.peers, since: stored.since, share: stored.share }
    }
}

impl Cosigner {
    /// Makes a wallet together with the other participants. The keys are never whole anywhere.
    ///
    /// # Errors
    ///
    /// [`CosignerError::Placement`] if one domain could reach `min_signers` shares, [`CosignerError::Refused`] and
    /// [`CosignerError::Unavailable`] with names, [`CosignerError::Fault`] if a participant broke the protocol,
    /// [`CosignerError::Request`] if the request does not fit.
    ///
    /// A request with an id of its own may be made again after whatever became of it: what it made is not made twice. It gives the keys if
    /// they are there, makes those that are not, and is [`RequestError::WalletInProgress`] as long as one of them may still come about.
    #[tracing::instrument(level = "info", skip_all, fields(wallet = request.wallet))]
    pub async fn keygen(&self, request: KeygenRequest) -> Result<Vec<WalletKey>, CosignerError> {
        let (shared, digest, id) = (self.shared(), request.digest(), request.request);
        let mut made = match &id {
            Some(id) => made_before(shared, id, digest).await?,
            None => Vec::new(),
        };
        let mut suites = request.suites;
        suites.retain(|suite| made.iter().all(|key| key.share.suite() != *suite));
        if !suites.is_empty() || made.is_empty() {
            let peers = participants(shared, &request.participants)?;
            let me = peers.identifier(shared.me).ok_or(RequestError::NotParticipating)?;
            let others: Vec<_> = peers.iter().filter(|(_, peer)| *peer != shared.me).collect();
            let rows = exposures(shared, me, &others).await?;
            let placement = placed(request.min_signers, rows, request.counting, request.waivers)?;
            let body = KeygenProposal { wallet: request.wallet, suites, placement, peers };
            let (_, _reserved) = check(shared, &body, shared.me).await?;
            if let Some(id) = &id {
                // Only now: a request that does not fit has made nothing that it could be answered with.
                shared.begin_work(id, digest, Vec::new()).await?;
            }
            let proposal = Proposal { request: id.map_or_else(fresh, Ok)?, body: ProposalBody::Keygen(body.clone()) };
            let (randoms, mut answers) = answer::propose(shared, &proposal, me, &others, shared.deadline).await?;
            made.extend(run(shared, &proposal, &body, (me, id), &randoms).await?);
            answer::all_done(shared, &mut answers, &others).await;
        }
        if let Some(id) = &id {
            shared.finish_work(id, made.iter().flat_map(|key| *key.share.key_id().as_bytes()).collect()).await;
        }
        made.sort_unstable_by_key(|key| key.share.suite());
        Ok(made)
    }

    /// The keys that this cosigner holds shares of. Shares that do not open are left out and logged.
    ///
    /// # Errors
    ///
    /// [`CosignerError::Vault`].
    pub async fn keys(&self) -> Result<Vec<WalletKey>, CosignerError> {
        let shared = self.shared();
        let mut keys = Vec::new();
        let mut after = None;
        loop {
            let page = shared.vault.list(after.as_ref(), 256).await?;
            for summary in page.keys.iter().filter(|summary| summary.active.is_some()) {
                match shared.load(&summary.key_id).await {
                    Ok(stored) => keys.push(stored.into()),
                    Err(error) => {
                        let reason = answer::describe(&error);
                        tracing::error!(key = hex::encode(summary.key_id), reason, "a share does not open");
                    }
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(keys);
            }
        }
    }
}

/// The keys that a request with this id has made before; none if it is new, or if all its attempts came to nothing.
///
/// # Errors
///
/// [`RequestError::WalletInProgress`] as long as a share waits for its certificate, and nobody says that there will be none: it may be a
/// key soon.
pub(super) async fn made_before(shared: &Arc<Shared>, id: &RequestId, digest: [u8; 32]) -> Result<Vec<WalletKey>, CosignerError> {
    let mut made = Vec::new();
    let Some(work) = shared.work(id, digest).await? else { return Ok(made) };
    for key_id in work.keys() {
        match shared.vault.load_pending::<Stored<AnyPendingShare>>(&key_id, 0).await {
            Ok((key, pending)) => {
                if !recover::complete(shared, &key).await? && !came_to_nothing(shared, &key_id, &pending.peers).await? {
                    return Err(RequestError::WalletInProgress { wallet: pending.wallet }.into());
                }
            }
            Err(VaultError::Input(VaultInputError::UnknownKey | VaultInputError::NoPendingShare { .. })) => {}
            Err(error) => return Err(error.into()),
        }
        match shared.find(&hex::encode(key_id), None).await {
            Ok(stored) => made.push(stored.into()),
            // What was made once is not made a second time, whatever became of it.
            Err(CosignerError::Request(RequestError::UnknownKey { .. })) if !work.done => {}
            Err(error) => return Err(error),
        }
    }
    Ok(made)
}

/// Whether a participant has never stored a share of a new key. It has not confirmed one then, and what the others have stored waits in
/// vain. One that lies makes a second key at most: what is stored stays, for a certificate that comes after all.
async fn came_to_nothing(shared: &Arc<Shared>, key_id: &[u8; 32], peers: &Peers) -> Result<bool, CosignerError> {
    let others = peers.iter().map(|(_, peer)| peer).filter(|peer| *peer != shared.me).collect();
    let epochs = ask_which(shared, (vec![*key_id], false), &others, ANSWER_WITHIN).await?;
    let knows_nothing = |known: &KeyEpochs| known.highest.is_none() && known.lowest.is_none();
    Ok(epochs.iter().any(|(peer, known)| *peer != shared.me && known.iter().all(knows_nothing)))
}

/// Numbers the participants.
pub(super) fn participants(shared: &Shared, names: &[String]) -> Result<Peers, CosignerError> {
    let mut sorted: Vec<_> = shared.roster.iter().map(|entry| entry.name.clone()).collect();
    sorted.sort_unstable();
    let names = if names.is_empty() { &sorted } else { names };
    if names.iter().collect::<BTreeSet<_>>().len() != names.len() {
        return Err(RequestError::DuplicateParticipant.into());
    }
    let mut entries = Vec::new();
    for (number, name) in (1u16..).zip(names) {
        let entry = shared.roster.peer(name).ok_or_else(|| RequestError::UnknownCosigner { name: name.clone() })?;
        entries.push((Identifier::new(number)?, entry.identity));
    }
    Ok(Peers::new(entries)?)
}

/// Who can reach what, from the participants' rows.
pub(super) fn placed(
    min_signers: u16,
    rows: Vec<(Identifier, Exposure)>,
    counting: Counting,
    waivers: impl IntoIterator<Item = Waiver>,
) -> Result<Placement, CosignerError> {
    let count = u16::try_from(rows.len()).map_err(|_| RequestError::DuplicateParticipant)?;
    let placement = Placement::builder(Threshold::new(min_signers, count)?).counting(counting);
    let placement = rows.into_iter().fold(placement, |placement, (identifier, row)| placement.participant(identifier, row));
    Ok(waivers.into_iter().fold(placement, PlacementBuilder::waive).build()?)
}

/// Asks every participant for its own row.
pub(super) async fn exposures(
    shared: &Arc<Shared>,
    me: Identifier,
    others: &[(Identifier, PeerId)],
) -> Result<Vec<(Identifier, Exposure)>, CosignerError> {
    let question = fresh()?;
    let mut answers = shared.expect(shared.me, question, others.iter().map(|(_, peer)| *peer))?;
    answer::tell_all(shared, others, &Message::AskExposure { question })?;
    let mut rows = vec![(me, shared.exposure.clone())];
    let collect = async {
        while rows.len() <= others.len() {
            let Some((from, message)) = answers.next().await else { break };
            let known = others.iter().find(|(_, peer)| *peer == from).map(|(identifier, _)| *identifier);
            if let (Some(identifier), Message::Exposure { exposure, .. }) = (known, message)
                && rows.iter().all(|(there, _)| *there != identifier)
            {
                rows.push((identifier, exposure));
            }
        }
    };
    let complete = tokio::time::timeout(ANSWER_WITHIN, collect).await.is_ok();
    if complete && rows.len() > others.len() {
        return Ok(rows);
    }
    let silent = others.iter().filter(|(identifier, _)| rows.iter().all(|(there, _)| there != identifier));
    Err(CosignerError::Unavailable { names: silent.map(|(_, peer)| shared.name_of(*peer)).collect() })
}

/// This cosigner's own checks, as proposer and as participant alike.
pub(super) async fn check(
    shared: &Arc<Shared>,
    body: &KeygenProposal,
    proposer: PeerId,
) -> Result<(Identifier, Reserved), CosignerError> {
    let refused = |refusal: rules::Refusal| {
        let reason = refusal.to_string();
        if let rules::Refusal::Request(error) = refusal { error.into() } else { CosignerError::Denied { reason } }
    };
    let me = rules::check(body, proposer, shared.me, (&shared.exposure, &shared.accepts), &shared.roster).map_err(refused)?;
    // Before the look into the vault, so that the name is this request's from then on.
    let reserved = shared.reserve(&body.wallet, body.suites.len())?;
    let limit = shared.accepts.max_keys;
    if shared.promised_keys().await? > limit {
        return Err(refused(rules::Refusal::Full { limit }));
    }
    for suite in &body.suites {
        match shared.vault.key_of_name(&key_name(&body.wallet, *suite)).await {
            Err(VaultError::Input(VaultInputError::UnknownKey)) => {}
            Ok(_) => return Err(RequestError::WalletExists { wallet: body.wallet.clone() }.into()),
            Err(error) => return Err(error.into()),
        }
    }
    Ok((me, reserved))
}

/// The other participants' side.
pub(super) async fn take_part(shared: &Arc<Shared>, from: PeerId, proposal: &Proposal) -> Result<(), CosignerError> {
    let ProposalBody::Keygen(body) = &proposal.body else {
        return Err(CosignerError::Bug("a proposal of another kind"));
    };
    let (me, _reserved) = check(shared, body, from).await?;
    shared.trust_all(body.peers.iter().map(|(_, peer)| peer).collect()).await?;
    let participants = body.peers.iter().map(|(identifier, _)| identifier);
    let randoms = answer::accept(shared, from, proposal, me, participants).await?;
    run(shared, proposal, body, (me, None), &randoms).await.map(|_| ())
}

/// All key generations of the wallet, side by side. `noted` is the id under which the proposer remembers what it makes.
async fn run(
    shared: &Arc<Shared>,
    proposal: &Proposal,
    body: &KeygenProposal,
    (me, noted): (Identifier, Option<RequestId>),
    randoms: &[Random],
) -> Result<Vec<WalletKey>, CosignerError> {
    let mut tasks = JoinSet::new();
    for (index, suite) in body.suites.iter().enumerate() {
        let (shared, body, suite) = (Arc::clone(shared), body.clone(), *suite);
        let session = proposal.session_id(randoms, index);
        tasks.spawn(async move {
            let outcome = match suite {
                SuiteId::Ed25519 => one::<Ed25519>(&shared, &body, (me, noted), session).await,
                SuiteId::Bip340 => one::<Bip340>(&shared, &body, (me, noted), session).await,
                SuiteId::EcdsaSecp256k1 => one::<EcdsaSecp256k1>(&shared, &body, (me, noted), session).await,
                SuiteId::Ristretto255 | SuiteId::Secp256k1 | SuiteId::P256 | SuiteId::EcdsaP256 | _ => {
                    Err(CosignerError::Bug("a suite that was refused before").into())
                }
            };
            outcome.map_err(|error| {
                error.named(|id| body.peers.peer(id).map_or_else(|| id.to_string(), |peer| shared.name_of(peer)))
            })
        });
    }
    // All of them to their end, also after a failure: the others may finish the suites that did not fail.
    let (mut keys, mut failed) = (Vec::new(), None);
    while let Some(finished) = tasks.join_next().await {
        match finished.map_err(|_| CosignerError::Bug("a ceremony panicked")).flatten() {
            Ok(key) => keys.push(key),
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    keys.sort_unstable_by_key(|key: &WalletKey| key.share.suite());
    failed.map_or(Ok(keys), Err)
}

/// One key generation: the share is durable as pending before the confirmation leaves, and active before anybody is told.
async fn one<C: HeldSuite>(
    shared: &Arc<Shared>,
    body: &KeygenProposal,
    (me, noted): (Identifier, Option<RequestId>),
    id: SessionId,
) -> Result<WalletKey, DriveError> {
    let session = shared.session(id, &body.peers);
    let machine = Keygen::<C>::start(&session, body.placement.clone(), me, &mut getrandom::SysRng)?;
    let mut drive = Drive::open(machine, &shared.network, id, &body.peers, shared.deadline)?;
    let mut confirmed = Confirmed { shared, key: None, noted };
    let stored = |share| Stored { wallet: body.wallet.clone(), peers: body.peers.clone(), since: shared.clock.now(), share };
    let share = certify::<C, _>(shared, &stored, &mut drive, &mut confirmed).await?;
    let record =
        Stored { wallet: body.wallet.clone(), peers: body.peers.clone(), since: shared.clock.now(), share: C::active(share) };
    activate(shared, &record).await?;
    confirmed.key = None;
    Ok(record.into())
}

/// A pending share whose confirmation may have left. The others may have its certificate, or get it, so that it must not be lost:
/// however its ceremony ends before the share is active, by an error or by being dropped, it is asked for from then on.
pub(super) struct Confirmed<'a> {
    pub(super) shared: &'a Shared,
    pub(super) key: Option<KeyRef>,
    /// The request that remembers the key as its own.
    pub(super) noted: Option<RequestId>,
}

impl Drop for Confirmed<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            // A cosigner that stops finds it at its next start.
            let _stopping = self.shared.interrupted.send(key);
        }
    }
}

/// Drives a dealing to its end; `confirmed` names the pending share from the moment on that it is stored.
pub(super) async fn certify<C: HeldSuite, P: Protocol<Held = Arc<PendingShare<C>>>>(
    shared: &Arc<Shared>,
    stored: &(impl Fn(AnyPendingShare) -> Stored<AnyPendingShare> + Sync),
    drive: &mut Drive<'_, P>,
    confirmed: &mut Confirmed<'_>,
) -> Result<P::Output, DriveError> {
    loop {
        match drive.drive().await? {
            Stop::Done(output) => return Ok(output),
            Stop::Hold => {
                let pending = drive.machine.pending().ok_or(CosignerError::Bug("nothing is held"))?;
                let record = stored(C::pending(Arc::clone(pending.value()?)));
                let key = record.share.key_ref();
                if let Some(request) = &confirmed.noted {
                    shared.note_key(request, key.key_id()).await?;
                }
                shared.hold(&record).await?;
                confirmed.key = Some(key);
                pending.stored()?;
            }
        }
    }
}

/// Names the key of a certified share, and makes the share the active one.
///
/// The name comes first: a crash in between leaves a pending share, which is completed later, and never a key that has no name.
pub(super) async fn activate(shared: &Shared, record: &Stored<AnyKeyShare>) -> Result<(), CosignerError> {
    let key = record.share.key_ref();
    match shared.vault.set_name(key.key_id(), &key_name(&record.wallet, key.suite())).await {
        Err(VaultError::Input(VaultInputError::NameTaken)) => {
            // The share must live all the same; the key is found by its id.
            let (wallet, key) = (&record.wallet, record.share.key_id());
            tracing::error!(target: "quorate::audit", wallet, %key, "another key has this wallet's name; this one goes by its id");
        }
        named => named?,
    }
    let before = shared.load(key.key_id()).await.ok();
    shared.promote(record).await?;
    shared.freeze_new_share(record).await?;
    let threshold = |record: &Stored<AnyKeyShare>| record.share.placement().threshold();
    if before.as_ref().is_none_or(|before| before.peers != record.peers || threshold(before) != threshold(record)) {
        shared.reshares.has_changed(key.key_id());
    }
    // A freeze must not outlast the eviction of who made it, or the two would block each other.
    let evicted =
        before.iter().flat_map(|before| before.peers.iter()).filter(|(_, peer)| record.peers.identifier(*peer).is_none());
    for (_, peer) in evicted {
        shared.lapse_freezes_of(peer, key.key_id()).await?;
    }
    let (wallet, suite) = (&record.wallet, key.suite().name());
    tracing::info!(target: "quorate::audit", wallet, suite, key = %record.share.key_id(), epoch = key.epoch(), "share active");
    let kind = if key.epoch() == 0 { AuditKind::KeyMade } else { AuditKind::EpochActive };
    let made = audit::entry(kind).key(*key.key_id()).epoch(key.epoch());
    shared.audit.note(made.reason(&key_name(wallet, key.suite()))).await;
    // They have come as far: a store that goes back from here should be missed.
    record.peers.iter().map(|(_, peer)| peer).filter(|peer| *peer != shared.me).for_each(|peer| shared.witness.want(peer));
    Ok(())
}
