//! Resharing: the same keys on new polynomials. Refresh, repair of a lost share, eviction, other holders, thresholds and placements.
//!
//! One ceremony deals many keys, each in a session of its own. A share of the new epoch is durable before its confirmation leaves, and
//! active, with every older one destroyed, when its certificate is complete: docs/epochs.md has the states.

use std::{collections::BTreeMap, sync::Arc};

use quorate_core::{Identifier, PeerId, Peers, Threshold, wire::Encoding};
use quorate_storage::AuditKind;
use tokio::time::Instant;

#[cfg(test)]
pub(super) use self::join::refusal;
pub(crate) use self::plans::Reshares;
pub(super) use self::propose::ask_which;
use self::request::Bases;
use self::{
    join::{Consent, check, promise, run},
    outcome::{absent, judge, listening, outcome, words},
    plans::{Consented, Opened},
    propose::{ask_epochs, latest, new_holders, propose},
};
pub use self::{
    plans::PlannedChange,
    request::{ReshareRequest, Reshared, ResharedKey},
};
use super::{Answers, Cosigner, Shared, answer, epochs::Former, fresh};
use crate::{
    audit,
    ceremony::message::{Message, Proposal, ProposalBody, RequestId, ReshareProposal},
    error::{CosignerError, Lack, RequestError},
    request::Work,
    share::{AnyKeyShare, Stored},
};

/// How often a proposer tries again when somebody joined another attempt meanwhile, or when it was behind itself.
const TRIES: usize = 3;

mod join;
mod outcome;
mod plans;
mod propose;
mod request;

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
    ///
    /// A request with an id of its own may be made again after whatever became of it: if it came about, it says so and does nothing more.
    #[tracing::instrument(level = "info", skip_all)]
    pub async fn reshare(&self, request: ReshareRequest) -> Result<Reshared, CosignerError> {
        reshare(self.shared(), &request).await
    }

    /// Lets this cosigner take part in a change of holders, threshold or placement that another one proposes: in this very one, for 24
    /// hours or until it restarts. What it is about, [`plans`](Self::plans) says once it was proposed. For an hour, or until the change is
    /// there, this cosigner joins no refresh of these keys: whoever is to be evicted must not come before it.
    ///
    /// # Security
    ///
    /// This is what keeps whoever runs one cosigner from lowering the threshold or evicting the others. Compare the plan with what its
    /// proposer's operator says, over another channel.
    ///
    /// # Errors
    ///
    /// [`CosignerError::Vault`] if the audit log cannot take it; nothing is consented to then.
    pub async fn consent(&self, plan: [u8; 32]) -> Result<(), CosignerError> {
        let known = self.plans().into_iter().find(|known| known.plan == plan);
        let keys = known.as_ref().map_or_else(Vec::new, |known| known.keys.clone());
        let words = known.map_or_else(String::new, |known| format!(", proposed by {}: {}", known.proposer, known.description));
        let text = hex::encode(plan);
        self.shared().audit.write(audit::entry(AuditKind::PlanConsented).reason(&format!("plan {text}{words}"))).await?;
        self.shared().reshares.plans(|plans| {
            plans.proposed.retain(|known| known.plan != plan);
            plans.consented.insert(plan, Consented { since: Instant::now(), keys });
        });
        tracing::info!(target: "quorate::audit", plan = text, "the operator consents to a change of holders");
        Ok(())
    }

    /// The changes that others proposed and that were refused for lack of this operator's consent.
    #[must_use]
    pub fn plans(&self) -> Vec<PlannedChange> {
        self.shared().reshares.plans(|plans| plans.proposed.clone())
    }
}

/// Deals keys anew; a request with an id of its own that came about before is not carried out again.
pub(crate) async fn reshare(shared: &Arc<Shared>, request: &ReshareRequest) -> Result<Reshared, CosignerError> {
    let Some(id) = &request.request else { return attempts(shared, request).await };
    let reshared = match begin(shared, id, request).await? {
        Some(work) if work.done => {
            return Reshared::from_bytes(&work.what).map_err(|error| CosignerError::Protocol(error.into()));
        }
        Some(work) => {
            let before = Bases::from_bytes(&work.what).map_err(|error| CosignerError::Protocol(error.into()))?;
            the_rest(shared, &before, request).await?
        }
        None => attempts(shared, request).await?,
    };
    shared.finish_work(id, reshared.to_bytes()).await;
    Ok(reshared)
}

/// Remembers from which epochs a request begins; gives how far it came if it is a repetition.
pub(super) async fn begin(shared: &Shared, id: &RequestId, request: &ReshareRequest) -> Result<Option<Work>, CosignerError> {
    let keys = named(shared, request).await?;
    let bases = Bases(keys.iter().map(|key| (*key.share.key_id().as_bytes(), key.share.epoch())).collect());
    shared.begin_work(id, request.digest(), bases.to_bytes()).await
}

/// Carries out what an attempt left undone whose end nobody saw. Whether it is effective for the keys that it reached, a refresh will
/// tell.
async fn the_rest(shared: &Arc<Shared>, before: &Bases, request: &ReshareRequest) -> Result<Reshared, CosignerError> {
    let (mut keys, mut open) = (Vec::new(), Vec::new());
    for (key_id, epoch) in &before.0 {
        let key = shared.load(key_id).await?;
        if key.share.epoch() > *epoch && has_what_it_asks_for(shared, &key, request) {
            keys.push(ResharedKey { wallet: key.wallet, key_id: *key_id, suite: key.share.suite(), epoch: key.share.epoch() });
        } else {
            open.push(hex::encode(key_id));
        }
    }
    if open.is_empty() {
        return Ok(Reshared { keys, destroyed: Vec::new(), outstanding: Vec::new(), effective: false, margin: 0 });
    }
    let mut rest = attempts(shared, &request.clone().of(open)).await?;
    if !keys.is_empty() {
        (rest.effective, rest.margin) = (false, 0);
        rest.keys.append(&mut keys);
        rest.keys.sort_unstable_by_key(|key| key.key_id);
    }
    Ok(rest)
}

/// Whether a key with a later epoch is as the request wants it: another one's refresh may have come in between. A change of places
/// alone is asked for again, which changes nothing where it was made.
fn has_what_it_asks_for(shared: &Shared, key: &Stored<AnyKeyShare>, request: &ReshareRequest) -> bool {
    let holds = |name: &String| key.peers.iter().any(|(_, peer)| peer.to_string() == *name || shared.name_of(peer) == *name);
    let signs = |min_signers| key.share.placement().threshold().min_signers() == min_signers;
    let only_moved = request.moved && request.keeps_holders();
    !only_moved && request.add.iter().all(holds) && !request.remove.iter().any(holds) && request.min_signers.is_none_or(signs)
}

/// Tries again where somebody was behind.
async fn attempts(shared: &Arc<Shared>, request: &ReshareRequest) -> Result<Reshared, CosignerError> {
    for _ in 0..TRIES {
        match reshare_once(shared, request).await {
            // This cosigner was behind, and has caught up; or somebody joined another attempt meanwhile.
            Err(
                CosignerError::Request(RequestError::EpochChanged { .. }) | CosignerError::Lacking { lack: Lack::Number, .. },
            ) => {}
            reshared => return reshared,
        }
    }
    reshare_once(shared, request).await
}

/// The keys that a request names, by ascending id.
async fn named(shared: &Shared, request: &ReshareRequest) -> Result<Vec<Stored<AnyKeyShare>>, CosignerError> {
    let mut keys = BTreeMap::new();
    for name in &request.keys {
        for stored in shared.find_all(name, request.suite).await? {
            keys.insert(*stored.share.key_id().as_bytes(), stored);
        }
    }
    Ok(keys.into_values().collect())
}

async fn reshare_once(shared: &Arc<Shared>, request: &ReshareRequest) -> Result<Reshared, CosignerError> {
    let keys = named(shared, request).await?;
    let first = keys.first().ok_or(RequestError::NoKeys)?;
    if keys.iter().any(|key| key.peers != first.peers || key.share.placement().digest() != first.share.placement().digest()) {
        return Err(RequestError::OtherHolders.into());
    }
    let (peers, placement) = new_holders(shared, first, request).await?;
    if request.is_refresh() {
        for key in &keys {
            if latest(shared, key).await? != placement {
                return Err(RequestError::OtherHolders.into());
            }
        }
    }
    let epochs = ask_epochs(shared, &keys, (&first.peers, &peers)).await?;
    let proposal = propose(shared, &keys, (peers, placement), !request.is_refresh(), &epochs).await?;
    let request = request.request.map_or_else(fresh, Ok)?;
    deal(shared, request, proposal, &first.peers, first.share.placement().threshold()).await
}

/// The proposer's side: propose, deal, and wait until old shares are destroyed.
async fn deal(
    shared: &Arc<Shared>,
    request: RequestId,
    body: ReshareProposal,
    old: &Peers,
    threshold: Threshold,
) -> Result<Reshared, CosignerError> {
    let change = !check(shared, &body, shared.me, Consent::Given).await?.refresh;
    let opened = Opened::wait(shared, &body, change).await?;
    // Another attempt may have ended meanwhile.
    let checked = check(shared, &body, shared.me, Consent::Given).await?;
    let former = promise(shared, &body, &checked).await?;
    note_joined(shared, request, &body, None).await;
    let proposal = Proposal { request, body: ProposalBody::Reshare(body.clone()) };
    let others: Vec<_> = body.peers.iter().filter(|(_, peer)| *peer != shared.me).collect();
    let (randoms, mut answers) = answer::propose(shared, &proposal, checked.me, &others, shared.deadline).await?;
    let mut heard = Vec::new();
    let ran = tokio::select! {
        ran = listening(shared, run(shared, &proposal, &body, checked, &randoms), &mut answers, &mut heard) => ran,
        yielded = opened.yields() => Err(yielded),
    };
    let keys = ran.inspect_err(|_| {
        // Nobody waits for a session that cannot end well.
        let _told = answer::tell_all(shared, &others, &Message::Cancel { proposal: proposal.digest() });
    })?;
    tell_destroyed(shared, (shared.me, &proposal), &others, &former);
    let mut words = words(shared, (heard, &mut answers), &others).await;
    words.insert(shared.me, former);
    absent(shared, &body, old, &mut words).await;
    let reshared = outcome(shared, keys, &body, (old, threshold), words).await;
    let (destroyed, outstanding) = (reshared.destroyed.join(", "), reshared.outstanding.join(", "));
    let words = format!("effective: {}; destroyed: {destroyed}; outstanding: {outstanding}", reshared.effective);
    shared.audit.note(audit::entry(AuditKind::EpochJudged).request(request).reason(&words)).await;
    Ok(reshared)
}

/// Notes that this cosigner joined an attempt.
async fn note_joined(shared: &Shared, request: RequestId, body: &ReshareProposal, from: Option<PeerId>) {
    let threshold = body.placement.threshold();
    let words = format!("{} keys, {} of {}", body.keys.len(), threshold.min_signers(), threshold.max_signers());
    let mut entry = audit::entry(AuditKind::EpochJoined).request(request).reason(&words);
    if let [key] = body.keys.as_slice() {
        entry = entry.key(key.key_id).epoch(key.new_epoch);
    }
    shared.audit.note(from.into_iter().fold(entry, |entry, peer| entry.peer(peer))).await;
}

/// The other participants' side.
pub(super) async fn take_part(
    shared: &Arc<Shared>,
    from: PeerId,
    proposal: &Proposal,
    body: &ReshareProposal,
) -> Result<(), CosignerError> {
    let others: Vec<_> = body.peers.iter().filter(|(_, peer)| *peer != shared.me).collect();
    let mut answers = shared.expect(from, proposal.digest(), others.iter().map(|(_, peer)| *peer))?;
    shared.trust_all(body.peers.iter().map(|(_, peer)| peer).collect()).await?;
    // It keeps other attempts away, and so is opened only for one that this cosigner would join; which may be another matter when it is.
    let asked = check(shared, body, from, Consent::Needed).await?;
    let change = !asked.refresh || shared.reshares.is_consented(asked.plan);
    let opened = Opened::wait(shared, body, change).await?;
    let checked = check(shared, body, from, Consent::Needed).await?;
    let former = promise(shared, body, &checked).await?;
    note_joined(shared, proposal.request, body, Some(from)).await;
    let participants = body.peers.iter().map(|(identifier, _)| identifier);
    let (me, plan) = (checked.me, checked.plan);
    let accepted = answer::accept_heard(shared, &mut answers, (from, proposal), me, participants);
    let randoms = tokio::select! {
        randoms = accepted => randoms?,
        yielded = opened.yields() => return Err(yielded),
    };
    let mut heard = Vec::new();
    tokio::select! {
        ran = run(shared, proposal, body, checked, &randoms) => drop(ran?),
        // As if this cosigner crashed here: what it confirmed is completed later, or given up for a higher epoch.
        () = cancelled(&mut answers, from, &mut heard) => {
            return Err(CosignerError::Denied { reason: "the attempt was called off".to_owned() });
        }
        yielded = opened.yields() => return Err(yielded),
    }
    drop(opened);
    // The operator said yes to this, and not to the same again after something else.
    shared.reshares.forget_consent(plan);
    tell_destroyed(shared, (from, proposal), &others, &former);
    let mut words = words(shared, (heard, &mut answers), &others).await;
    words.insert(shared.me, former);
    judge(shared, body, &words).await;
    Ok(())
}

/// Tells all participants that this cosigner has committed.
fn tell_destroyed(shared: &Shared, (proposer, proposal): (PeerId, &Proposal), others: &[(Identifier, PeerId)], former: &Former) {
    let former = former.clone().map(|former| former.into_iter().collect());
    // Who cannot be told does not count this cosigner.
    let _told = answer::tell_all(shared, others, &Message::Destroyed { proposer, proposal: proposal.digest(), former });
}

/// Waits until the proposer calls the attempt off. Keeps what else is heard.
async fn cancelled(answers: &mut Answers, proposer: PeerId, heard: &mut Vec<(PeerId, Message)>) {
    while let Some((from, message)) = answers.next().await {
        if from == proposer && matches!(message, Message::Cancel { .. }) {
            return;
        }
        heard.push((from, message));
    }
    core::future::pending().await
}
