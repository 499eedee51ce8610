//! What a cosigner checks and promises before it takes part, and how it deals.

use std::{collections::BTreeSet, sync::Arc};

use quorate_core::{
    Identifier, PeerId, Peers, Placement, SessionId, SuiteId,
    ecdsa::EcdsaSecp256k1,
    frost::{Bip340, Ed25519},
    keys::PublicKeyPackage,
    reshare::{NewEpoch, Outcome, Reshare},
    wire::Encoding,
};
use quorate_storage::{VaultError, vault::VaultInputError};
use tokio::{sync::Semaphore, task::JoinSet};

use super::{
    ResharedKey,
    plans::{PlannedChange, describe_change, describe_new},
};
use crate::{
    ceremony::{
        keygen::Refusal,
        message::{Proposal, Random, ReshareKey, ReshareProposal},
        reshare::{self as rules, Plan},
        run::{Drive, DriveError},
    },
    cosigner::{
        Shared,
        epochs::{Attempt, Former, HolderSet, MAX_SETS},
        keygen::{Confirmed, activate, certify},
        recover::{self, epochs_of},
    },
    error::{CosignerError, Lack, RequestError},
    share::{AnyCertified, AnyKeyShare, HeldSuite, Stored},
};

/// How many keys of one ceremony are dealt at one time.
const AT_ONCE: usize = 64;

/// Joins the attempt for every key, durably. Gives all former holders of them that this cosigner knows of.
pub(super) async fn promise(shared: &Arc<Shared>, body: &ReshareProposal, checked: &Checked) -> Result<Former, CosignerError> {
    let receivers = body.receivers().ok_or(CosignerError::Bug("nobody receives"))?;
    let to = HolderSet::new(&receivers, body.placement.threshold().min_signers());
    let mut all = Some(BTreeSet::new());
    // Hearsay: a cosigner joins nothing with those that it does not know, and what it joined it knows itself.
    let known = |peer| shared.roster.cosigner(peer).is_some();
    let former: Vec<_> = body.former.iter().filter(|set| set.are_among(known)).cloned().collect();
    for (key, source) in body.keys.iter().zip(&checked.sources) {
        let base = match source {
            Source::Held { held, .. } => Some(HolderSet::new(&held.peers, held.share.placement().threshold().min_signers())),
            Source::Certified { .. } => None,
        };
        let attempt = Attempt {
            key_id: &key.key_id,
            epoch: key.new_epoch,
            key_print: source.key_print(),
            base,
            to: to.clone(),
            former: &former,
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
pub(super) enum Consent {
    Given,
    Needed,
}

/// What this cosigner has of each key of a proposal.
pub(super) enum Source {
    Held {
        held: Stored<AnyKeyShare>,
        refresh: bool,
    },
    /// It has no share. Whether it knows the key all the same: it had one, or promised to take one.
    Certified {
        certified: AnyCertified,
        known: bool,
        /// Whether the placement stays what all have agreed on.
        agreed: bool,
    },
}

impl Source {
    fn key_print(&self) -> [u8; 32] {
        match self {
            Self::Held { held, .. } => held.share.key_print(),
            Self::Certified { certified, .. } => certified.key_print(),
        }
    }

    fn placement(&self) -> &Placement {
        match self {
            Self::Held { held, .. } => held.share.placement(),
            Self::Certified { certified, .. } => certified.placement(),
        }
    }
}

pub(super) struct Checked {
    pub(super) me: Identifier,
    sources: Vec<Source>,
    /// Whether nothing changes but the polynomials.
    pub(super) refresh: bool,
    /// What its operator consented to, if anything does.
    pub(super) plan: Plan,
}

/// This cosigner's own checks, as proposer and as participant alike.
pub(super) async fn check(
    shared: &Arc<Shared>,
    body: &ReshareProposal,
    from: PeerId,
    consent: Consent,
) -> Result<Checked, CosignerError> {
    let me = rules::check(body, from, shared.me, (&shared.exposure, &shared.accepts), &shared.roster).map_err(refused)?;
    let mut sources = Vec::new();
    for key in &body.keys {
        sources.push(source(shared, body, key, from).await?);
    }
    let limit = shared.accepts.max_keys;
    let fresh_keys = sources.iter().filter(|source| matches!(source, Source::Certified { .. })).count();
    if fresh_keys > 0 && shared.promised_keys().await?.saturating_add(fresh_keys) > limit {
        return Err(refused(Refusal::Full { limit }));
    }
    let (plan, change) = (body.plan(&sources.iter().map(Source::key_print).collect::<Vec<_>>()), change(shared, body, &sources)?);
    let refresh = change.is_none();
    if let (Some(description), Consent::Needed) = (change, consent)
        && !shared.reshares.is_consented(plan)
    {
        let text = hex::encode(plan);
        let keys = body.keys.iter().map(|key| key.key_id).collect();
        shared.reshares.remember(PlannedChange { plan, proposer: shared.name_of(from), description, keys });
        return Err(refused(Refusal::Consent { plan: text }));
    }
    // One that has no share, and joined a try before, knows the key by now: what its operator consented to looks like any refresh.
    let is_other = refresh && from != shared.me && !shared.reshares.is_consented(plan);
    if is_other && shared.reshares.awaits_change(|id| body.keys.iter().any(|key| key.key_id == *id)) {
        return Err(refused(Refusal::Awaited));
    }
    Ok(Checked { me, sources, refresh, plan })
}

fn refused(refusal: Refusal) -> CosignerError {
    CosignerError::Denied { reason: refusal.to_string() }
}

/// Checks one key of a proposal.
async fn source(shared: &Arc<Shared>, body: &ReshareProposal, key: &ReshareKey, from: PeerId) -> Result<Source, CosignerError> {
    let known = epochs_of(shared, &key.key_id).await;
    if known.highest >= Some(key.new_epoch) {
        return Err(CosignerError::Lacking { name: shared.name.clone(), lack: Lack::Number });
    }
    if known.active.is_some() {
        let held = recover::current(shared, &key.key_id, key.epoch, from).await?;
        let same_holders = rules::check_held(body, key, &held).map_err(refused)?;
        let known = shared.amendments(&key.key_id, &key.digest).await?;
        let refresh = same_holders && rules::is_agreed(&body.placement, &known.all(held.share.placement()));
        return Ok(Source::Held { held, refresh });
    }
    let certified = AnyCertified::from_record(key.suite, &key.old).map_err(|_| refused(Refusal::OtherKey))?;
    rules::check_certified(body, key, &certified).map_err(refused)?;
    check_name(shared, key).await?;
    let known = is_known(shared, &key.key_id, certified.key_print()).await?;
    let amendments = shared.amendments(&key.key_id, &key.digest).await?;
    let agreed = rules::is_agreed(&body.placement, &amendments.all(certified.placement()));
    Ok(Source::Certified { certified, known, agreed })
}

/// What a proposal changes, in words; nothing if it is a mere refresh, or gives back what this cosigner lost.
///
/// # Errors
///
/// [`CosignerError::Denied`] unless what is true of one key is true of all: whoever reads of one of them consents to all.
fn change(shared: &Shared, body: &ReshareProposal, sources: &[Source]) -> Result<Option<String>, CosignerError> {
    let first = sources.first().ok_or_else(|| refused(Refusal::KeyList))?;
    let held = sources.iter().find_map(|source| if let Source::Held { held, .. } = source { Some(held) } else { None });
    let unknown = |source: &&Source| matches!(source, Source::Certified { known: false, .. });
    let strangers = sources.iter().filter(unknown).count();
    let alike = sources.iter().all(|source| {
        let peers = if let Source::Held { held, .. } = source { Some(&held.peers) } else { None };
        source.placement().digest() == first.placement().digest() && (peers.is_none() || peers == held.map(|held| &held.peers))
    });
    if !alike || strangers > 0 && strangers < sources.len() {
        return Err(refused(Refusal::UnequalKeys));
    }
    let refresh = sources.iter().all(|source| match source {
        Source::Held { refresh, .. } => *refresh,
        Source::Certified { known, agreed, .. } => *known && *agreed,
    });
    if refresh {
        return Ok(None);
    }
    Ok(Some(held.map_or_else(|| describe_new(shared, body), |held| describe_change(shared, body, held))))
}

/// Whether this cosigner knows that a key of this name has this print.
///
/// # Errors
///
/// [`CosignerError::Denied`] if it knows the key by another one.
async fn is_known(shared: &Shared, key_id: &[u8; 32], print: [u8; 32]) -> Result<bool, CosignerError> {
    match shared.print_of(key_id).await? {
        Some(known) if known == print => Ok(true),
        // What was promised under this name was never held: the operator may have been shown something else then.
        Some(_) if !shared.has_record(key_id).await? => Ok(false),
        Some(_) => Err(CosignerError::Denied { reason: Refusal::OtherKey.to_string() }),
        None => Ok(false),
    }
}

/// What this cosigner says to a proposal, if it is not to take part.
#[cfg(test)]
pub(in crate::cosigner) async fn refusal(shared: &Arc<Shared>, body: &ReshareProposal, from: PeerId) -> Option<String> {
    check(shared, body, from, Consent::Given).await.err().map(|error| crate::cosigner::describe(&error))
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

/// All keys, some at a time, in the same order everywhere.
pub(super) async fn run(
    shared: &Arc<Shared>,
    proposal: &Proposal,
    body: &ReshareProposal,
    checked: Checked,
    randoms: &[Random],
) -> Result<Vec<ResharedKey>, CosignerError> {
    let receivers: Vec<_> = body.receivers().iter().flat_map(Peers::iter).map(|(_, peer)| peer).collect();
    let held = checked.sources.iter().filter_map(|source| match source {
        Source::Held { held, .. } => Some(*held.share.key_id().as_bytes()),
        Source::Certified { .. } => None,
    });
    shared.freezes_known(&held.collect::<Vec<_>>(), &receivers).await?;
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
        Source::Held { held, .. } if body.dealers.contains(me) => {
            let share = C::held(&held.share).ok_or(CosignerError::Bug("a share of another suite"))?;
            Reshare::<C>::start_dealer(&session, share, new, rng)?
        }
        Source::Held { .. } | Source::Certified { .. } => {
            Reshare::<C>::start_receiver(&session, package::<C>(&source)?, new, me, rng)?
        }
    };
    drop(source);
    let receivers = body.receivers().ok_or(CosignerError::Bug("nobody receives"))?;
    let mut drive = Drive::open(machine, &shared.network, id, &body.peers, shared.deadline)?;
    let mut confirmed = Confirmed { shared, key: None, noted: None };
    let stored = |share| Stored { wallet: key.wallet.clone(), peers: receivers.clone(), since: shared.clock.now(), share };
    match certify::<C, _>(shared, &stored, &mut drive, &mut confirmed).await? {
        Outcome::Holds(share) => {
            shared.renew_pairings();
            activate(
                shared,
                &Stored { wallet: key.wallet.clone(), peers: receivers, since: shared.clock.now(), share: C::active(share) },
            )
            .await?;
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
        Source::Held { held, .. } => C::held(&held.share).map(|share| share.package()),
        Source::Certified { certified, .. } => C::package(certified),
    };
    package.ok_or(CosignerError::Bug("a package of another suite"))
}
