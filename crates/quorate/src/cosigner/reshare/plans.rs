//! What an operator must consent to, and which keys are being dealt.

use core::time::Duration;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use quorate_core::PeerId;
use tokio::{sync::watch, time::Instant};

use crate::{
    ceremony::{message::ReshareProposal, reshare::Plan},
    cosigner::Shared,
    error::{CosignerError, RequestError},
    share::{AnyKeyShare, Stored},
};

/// How long to wait for another attempt for the same key to end.
const WAIT_FOR_ANOTHER: Duration = Duration::from_secs(3);
/// How long an operator's consent stands.
const CONSENT: Duration = Duration::from_secs(24 * 60 * 60);
/// How long refreshes wait for a change that an operator consented to.
const AWAITED: Duration = Duration::from_secs(60 * 60);
/// How many wallets a description names.
const MAX_NAMED: usize = 16;
/// How many plans that nobody consented to yet are remembered for listing.
const MAX_PLANS: usize = 64;

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
    /// The keys that it changes, as far as they are known here.
    pub(crate) keys: Vec<[u8; 32]>,
}

/// The keys that are being dealt anew, and the plans for others.
#[derive(Default)]
pub(crate) struct Reshares {
    /// Changes of epochs happen one after another.
    pub(in crate::cosigner) changing: tokio::sync::Mutex<()>,
    open: Mutex<BTreeMap<[u8; 32], Arc<Attempt>>>,
    plans: Mutex<Plans>,
}

#[derive(Default)]
pub(super) struct Plans {
    pub(super) proposed: Vec<PlannedChange>,
    pub(super) consented: BTreeMap<Plan, Consented>,
}

/// An operator's consent to a plan.
pub(super) struct Consented {
    pub(super) since: Instant,
    /// The keys that the plan changes; none, if it was not proposed here before.
    pub(super) keys: Vec<[u8; 32]>,
}

impl Reshares {
    fn open(&self) -> MutexGuard<'_, BTreeMap<[u8; 32], Arc<Attempt>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn plans<T>(&self, with: impl FnOnce(&mut Plans) -> T) -> T {
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        plans.consented.retain(|_, consented| consented.since.elapsed() < CONSENT);
        with(&mut plans)
    }

    /// Whether a change of one of these keys is about to come, and goes before a refresh.
    pub(super) fn awaits_change(&self, keys: impl Fn(&[u8; 32]) -> bool) -> bool {
        let is_near = |consented: &Consented| consented.since.elapsed() < AWAITED && consented.keys.iter().any(&keys);
        self.plans(|plans| plans.consented.values().any(is_near))
    }

    pub(in crate::cosigner) fn is_consented(&self, plan: Plan) -> bool {
        self.plans(|plans| plans.consented.contains_key(&plan))
    }

    /// Ends a consent: what it was for has happened.
    pub(in crate::cosigner) fn forget_consent(&self, plan: Plan) {
        self.plans(|plans| plans.consented.remove(&plan));
    }

    /// The holders of a key have changed: whatever was consented to for it is over.
    pub(in crate::cosigner) fn has_changed(&self, key_id: &[u8; 32]) {
        self.plans(|plans| {
            plans.consented.retain(|_, consented| {
                let before = consented.keys.len();
                consented.keys.retain(|key| key != key_id);
                before == 0 || !consented.keys.is_empty()
            });
        });
    }

    /// Remembers a plan for the operator. The oldest one makes room.
    pub(in crate::cosigner) fn remember(&self, change: PlannedChange) {
        self.plans(|plans| {
            plans.proposed.retain(|known| known.plan != change.plan);
            if plans.proposed.len() >= MAX_PLANS {
                plans.proposed.remove(0);
            }
            plans.proposed.push(change);
        });
    }
}

/// An attempt that is under way.
pub(super) struct Attempt {
    /// Whether operators consented to it, so that it goes before one that nobody was asked about.
    consented: bool,
    /// Whether another one came before it.
    off: watch::Sender<bool>,
}

/// Keys that nobody else deals anew meanwhile.
pub(super) struct Opened {
    shared: Arc<Shared>,
    attempt: Arc<Attempt>,
}

impl Opened {
    /// Waits a little for an attempt that is about to end.
    pub(super) async fn wait(shared: &Arc<Shared>, proposal: &ReshareProposal, consented: bool) -> Result<Self, CosignerError> {
        let until = Instant::now() + WAIT_FOR_ANOTHER;
        loop {
            match Self::new(shared, proposal, consented) {
                Err(_) if Instant::now() < until => tokio::time::sleep(WAIT_FOR_ANOTHER / 50).await,
                opened => return opened,
            }
        }
    }

    /// A holder takes part in one attempt for a key at a time. A refresh yields to what operators consented to, at any moment, as if this
    /// cosigner crashed in it: whoever proposes one after the other must not keep out its own eviction.
    fn new(shared: &Arc<Shared>, proposal: &ReshareProposal, consented: bool) -> Result<Self, CosignerError> {
        let mut open = shared.reshares.open();
        let keys = || proposal.keys.iter().map(|key| key.key_id);
        let others: Vec<_> = keys().filter_map(|key| open.get(&key).map(Arc::clone)).collect();
        if others.iter().any(|other| other.consented || !consented) {
            return Err(RequestError::ReshareInProgress.into());
        }
        for other in others {
            other.off.send_replace(true);
            open.retain(|_, attempt| !Arc::ptr_eq(attempt, &other));
        }
        let attempt = Arc::new(Attempt { consented, off: watch::Sender::new(false) });
        open.extend(keys().map(|key| (key, Arc::clone(&attempt))));
        drop(open);
        Ok(Self { shared: Arc::clone(shared), attempt })
    }

    /// Waits until another attempt comes before this one.
    pub(super) async fn yields(&self) -> CosignerError {
        let mut off = self.attempt.off.subscribe();
        if off.wait_for(|off| *off).await.is_err() {
            core::future::pending::<()>().await;
        }
        CosignerError::Denied { reason: "a change that operators consented to came before it".to_owned() }
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.shared.reshares.open().retain(|_, attempt| !Arc::ptr_eq(attempt, &self.attempt));
    }
}

/// Whose keys they are, in words. All of a ceremony have the same holders at the same places.
fn wallets(body: &ReshareProposal) -> String {
    let names: BTreeSet<_> = body.keys.iter().map(|key| key.wallet.as_str()).collect();
    let (shown, more) =
        (names.iter().take(MAX_NAMED).copied().collect::<Vec<_>>().join(", "), names.len().saturating_sub(MAX_NAMED));
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let keys = if body.keys.len() > 1 { format!(" ({} keys)", body.keys.len()) } else { String::new() };
    format!("wallet{} {shown}{more}{keys}", if names.len() > 1 { "s" } else { "" })
}

/// Shares of keys that are new here, in words.
pub(super) fn describe_new(shared: &Shared, body: &ReshareProposal) -> String {
    let threshold = body.placement.threshold();
    let holders = body.receivers().into_iter().flat_map(|peers| peers.iter().map(|(_, peer)| peer).collect::<Vec<_>>());
    format!(
        "shares for this cosigner of {}, of which it has none: {} of {}; holders: {}",
        wallets(body),
        threshold.min_signers(),
        threshold.max_signers(),
        holders.map(|peer| shared.name_of(peer)).collect::<Vec<_>>().join(", "),
    )
}

/// A change in words.
pub(super) fn describe_change(shared: &Shared, body: &ReshareProposal, held: &Stored<AnyKeyShare>) -> String {
    let new = body.receivers();
    let names = |peers: Vec<PeerId>| peers.into_iter().map(|peer| shared.name_of(peer)).collect::<Vec<_>>().join(", ");
    let leaves = held.peers.iter().filter(|(_, peer)| new.as_ref().is_none_or(|new| new.identifier(*peer).is_none()));
    let joins = body.peers.iter().filter(|(_, peer)| held.peers.identifier(*peer).is_none());
    let (before, after) = (held.share.placement().threshold(), body.placement.threshold());
    format!(
        "{}: from {} of {} to {} of {}; leaving: {}; joining: {}",
        wallets(body),
        before.min_signers(),
        before.max_signers(),
        after.min_signers(),
        after.max_signers(),
        names(leaves.map(|(_, peer)| peer).collect()),
        names(joins.map(|(_, peer)| peer).collect()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consent_ends_when_all_keys_that_it_is_for_have_other_holders() {
        let reshares = Reshares::default();
        let consented = |keys: Vec<[u8; 32]>| Consented { since: Instant::now(), keys };
        reshares.plans(|plans| {
            plans.consented.insert([1; 32], consented(vec![[7; 32], [8; 32]]));
            // Given before the plan was proposed here.
            plans.consented.insert([2; 32], consented(Vec::new()));
        });
        reshares.has_changed(&[7; 32]);
        assert!(reshares.is_consented([1; 32]) && reshares.awaits_change(|key| *key == [8; 32]));
        assert!(!reshares.awaits_change(|key| *key == [7; 32]));
        reshares.has_changed(&[8; 32]);
        assert!(!reshares.is_consented([1; 32]) && reshares.is_consented([2; 32]));
    }
}
