//! What an operator must consent to, and which keys are being dealt.

use core::time::Duration;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

use quorate_core::PeerId;
use tokio::time::Instant;

use crate::{
    ceremony::{
        message::{ReshareKey, ReshareProposal},
        reshare::Plan,
    },
    cosigner::Shared,
    error::{CosignerError, RequestError},
    share::{AnyKeyShare, Stored},
};

/// How long to wait for another attempt for the same key to end.
const WAIT_FOR_ANOTHER: Duration = Duration::from_secs(3);
/// How long an operator's consent stands.
const CONSENT: Duration = Duration::from_secs(24 * 60 * 60);
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
}

/// The keys that are being dealt anew, and the plans for others.
#[derive(Default)]
pub(crate) struct Reshares {
    /// Changes of epochs happen one after another.
    pub(in crate::cosigner) changing: tokio::sync::Mutex<()>,
    open: Mutex<BTreeSet<[u8; 32]>>,
    plans: Mutex<Plans>,
}

#[derive(Default)]
pub(super) struct Plans {
    pub(super) proposed: Vec<PlannedChange>,
    pub(super) consented: BTreeMap<Plan, Instant>,
}

impl Reshares {
    pub(super) fn plans<T>(&self, with: impl FnOnce(&mut Plans) -> T) -> T {
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        plans.consented.retain(|_, since| since.elapsed() < CONSENT);
        with(&mut plans)
    }

    /// Remembers a plan for the operator. The oldest one makes room.
    pub(super) fn remember(&self, change: PlannedChange) {
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
pub(super) struct Opened {
    shared: Arc<Shared>,
    keys: Vec<[u8; 32]>,
}

impl Opened {
    /// Waits a little for an attempt that is about to end.
    pub(super) async fn wait(shared: &Arc<Shared>, proposal: &ReshareProposal) -> Result<Self, CosignerError> {
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

/// A share of a key that is new here, in words.
pub(super) fn describe_new(shared: &Shared, body: &ReshareProposal, key: &ReshareKey) -> String {
    let threshold = body.placement.threshold();
    let holders = body.receivers().into_iter().flat_map(|peers| peers.iter().map(|(_, peer)| peer).collect::<Vec<_>>());
    let more = if body.keys.len() > 1 { format!(" and {} more keys", body.keys.len() - 1) } else { String::new() };
    format!(
        "a share for this cosigner of wallet {}{more}, key {} ({}), which is new here: {} of {}; holders: {}",
        key.wallet,
        hex::encode(key.key_id),
        key.suite,
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
