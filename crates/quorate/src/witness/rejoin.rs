//! The way back of a cosigner whose store went back: it gives up what was lost, and each peer's operator accepts it again.

use std::sync::Arc;

use quorate_core::{PeerId, SuiteId};
use quorate_storage::{
    AuditKind,
    vault::{Stamp, Verdict},
};
use tokio::task::JoinSet;

use super::Checked;
use crate::{
    audit,
    cosigner::{Cosigner, Shared, prove_to},
    error::{CosignerError, RequestError},
    share::{AnyKeyShare, Stored},
};

/// How many proofs are asked for at one time.
const AT_ONCE: usize = 16;
/// How far above this cosigner's own number of starts a peer's claim without proof counts: it must not use up the numbers.
const CLAIMED: u64 = 1 << 20;
/// How many keys an error or an entry names.
const NAMED: usize = 4;

/// What a cosigner gave up when it rejoined.
#[derive(Debug)]
#[non_exhaustive]
pub struct Rejoined {
    /// Where it goes on from.
    pub from: Stamp,
    /// How far its peers saw it.
    pub seen: Vec<(PeerId, Stamp)>,
}

/// That a peer is accepted again.
#[derive(Debug)]
#[non_exhaustive]
pub struct AcceptedRejoin {
    /// Where it goes on from.
    pub now: Stamp,
    /// Of how many keys it proved that it holds its share.
    pub proved: usize,
    /// The keys of which it did not.
    pub lost: Vec<LostShare>,
}

/// A share that a peer does not hold any more.
#[derive(Debug)]
#[non_exhaustive]
pub struct LostShare {
    /// The wallet.
    pub wallet: String,
    /// The key's suite.
    pub suite: SuiteId,
    /// The key.
    pub key_id: [u8; 32],
    /// The epoch that it should be of.
    pub epoch: u64,
    /// Why there is no proof.
    pub problem: String,
    /// Whether the other holders are enough to repair it.
    pub repairable: bool,
}

impl core::fmt::Display for LostShare {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let cure = if self.repairable {
            "the other holders can repair it: `quorate repair`"
        } else {
            "it cannot be repaired, since the other holders are fewer than the key needs"
        };
        write!(f, "{} {} of epoch {} ({}; {cure})", self.wallet, self.suite, self.epoch, self.problem)
    }
}

impl Cosigner {
    /// Has this cosigner give up the history that its peers saw and it has no memory of. It must be started again then, so that nothing in
    /// memory outlives it; its next start has a number above all that its peers remember. Each peer's operator accepts it with
    /// [`accept_rejoin`](Self::accept_rejoin).
    ///
    /// # Errors
    ///
    /// [`CosignerError::Unavailable`] if no peer has said yet what it remembers, [`RequestError::InStep`] if none remembers more than this
    /// cosigner shows, [`CosignerError::Vault`]; it may be called again.
    pub async fn rejoin(&self) -> Result<Rejoined, CosignerError> {
        let shared = self.shared();
        shared.hear_all().await;
        let claims: Vec<_> = shared.witness.peers.iter().map(|(peer, entry)| (*peer, entry.state().claim)).collect();
        if claims.iter().all(|(_, claim)| claim.is_none()) {
            return Err(CosignerError::Unavailable { names: claims.iter().map(|(peer, _)| shared.name_of(*peer)).collect() });
        }
        let own = shared.witness.own().behind;
        let known = claims.into_iter().filter_map(|(peer, claim)| claim.flatten().map(|stamp| (peer, stamp)));
        let known: Vec<_> = known.chain(own.map(|evidence| (evidence.peer, evidence.stamp))).collect();
        let (from, mut seen) = (shared.stamp(), Vec::<(PeerId, Stamp)>::new());
        for (peer, stamp) in known {
            if shared.lapse(&stamp).await.is_some() && !seen.iter().any(|(there, _)| *there == peer) {
                seen.push((peer, stamp));
            }
        }
        if seen.is_empty() && own.is_none() {
            return Err(RequestError::InStep.into());
        }
        let highest = from.boot.counter.saturating_add(CLAIMED);
        let counts = |stamp: &Stamp| shared.vault.made(stamp) || stamp.boot.counter <= highest;
        let counters = seen.iter().map(|(_, stamp)| stamp).filter(|stamp| counts(stamp)).map(|stamp| stamp.boot.counter);
        let last = counters.max().unwrap_or_default().max(from.boot.counter);
        let lost: Vec<_> = seen.iter().map(|(peer, stamp)| format!("{} saw {stamp}", shared.name_of(*peer))).collect();
        let reason = format!("goes on from {from}; given up: {}", lost.join(", "));
        shared.audit.write(audit::entry(AuditKind::Rejoined).reason(&reason)).await?;
        // Refused until it is started again, also if the vault fails now.
        shared.witness.own().restart = true;
        self.drop_pairings();
        shared.vault.give_up(last).await?;
        tracing::warn!(target: "quorate::audit", reason, "rejoined");
        Ok(Rejoined { from, seen })
    }

    /// Accepts a peer about which there is an alarm, from where it is now on. For an operator who knows what happened there.
    ///
    /// The peer must have [rejoined](Self::rejoin) and started again, or go on from where it was seen after all. It proves for every key
    /// that both hold that it has its share, of the
    /// epoch that is active here. With `lost_shares` it is accepted without the proofs that it cannot give.
    ///
    /// # Errors
    ///
    /// [`RequestError::UnknownCosigner`], [`RequestError::NoAlarm`], [`CosignerError::Unavailable`], [`CosignerError::Refused`] if it has
    /// not rejoined or lost shares, [`CosignerError::Vault`].
    ///
    /// # Security
    ///
    /// The proofs show that shares were not lost. They do not show who runs the peer: a thief of an old copy has the shares, too. That is
    /// why it takes an operator who asked the peer's operator.
    pub async fn accept_rejoin(&self, peer: PeerId, lost_shares: bool) -> Result<AcceptedRejoin, CosignerError> {
        let (shared, peer) = (self.shared(), self.other(peer)?);
        let name = shared.name_of(peer);
        shared.may_take_part()?;
        let entry = shared.witness.peers.get(&peer).ok_or(CosignerError::Bug("a peer without a place"))?;
        // Whether there is one may not be known yet on the link that there is now.
        match shared.trust(peer).await {
            Ok(()) => return Err(RequestError::NoAlarm { name }.into()),
            Err(CosignerError::WentBack { .. }) => {}
            Err(error) => return Err(error),
        }
        let before = entry.state().witnessed;
        let answer = shared.ask_witness(peer, before.seen).await?;
        let now = answer.now;
        // An operator may have found the right store again: then there is nothing to give up.
        let goes_on = Stamp::judge(before.seen.as_ref(), &now, answer.then.as_ref()) == Verdict::Fine;
        // Its number may be a lower one: what was seen is not of its vault then, or made up, and it is remembered anew from here on.
        let rejoined = |seen: Stamp| answer.given_up >= seen.boot.counter;
        if !goes_on && !before.seen.is_some_and(rejoined) {
            let reason = "it has not rejoined; have its operator run `quorate rejoin` there, and start it again".to_owned();
            return Err(CosignerError::Refused { name, reason });
        }
        let (proved, lost) = proofs(shared, peer).await?;
        if !lost.is_empty() && !lost_shares {
            return Err(CosignerError::Refused { name, reason: format!("it does not prove that it holds: {}", list(&lost)) });
        }
        let seen = before.seen.map(|seen| seen.to_string()).unwrap_or_default();
        let reason = format!("was seen at {seen}, goes on from {now}; {proved} shares proved, not proved: {}", list(&lost));
        shared.audit.write(audit::entry(AuditKind::RejoinAccepted).peer(peer).reason(&reason)).await?;
        let witnessed = shared.vault.accept_again(&peer, now).await?;
        {
            let mut state = entry.state();
            (state.witnessed, state.unsaved, state.checked) = (witnessed, false, Checked::No);
        }
        shared.witness.want(peer);
        tracing::warn!(target: "quorate::audit", name, reason, "accepted again");
        Ok(AcceptedRejoin { now, proved, lost })
    }
}

fn list(lost: &[LostShare]) -> String {
    let mut words: Vec<_> = lost.iter().take(NAMED).map(ToString::to_string).collect();
    if lost.len() > NAMED {
        words.push(format!("and {} more", lost.len().saturating_sub(NAMED)));
    }
    if words.is_empty() { "none".to_owned() } else { words.join("; ") }
}

/// Asks a peer to prove every share that it should hold.
async fn proofs(shared: &Arc<Shared>, peer: PeerId) -> Result<(usize, Vec<LostShare>), CosignerError> {
    let (mut tasks, mut after) = (JoinSet::new(), None);
    let (mut proved, mut lost) = (0_usize, Vec::new());
    let mut count = |outcome: Option<LostShare>| match outcome {
        None => proved = proved.saturating_add(1),
        Some(share) => lost.push(share),
    };
    let panicked = |_| CosignerError::Bug("a question panicked");
    loop {
        let page = shared.vault.list(after.as_ref(), 256).await?;
        for summary in page.keys.iter().filter(|summary| summary.active.is_some()) {
            let key = shared.load(&summary.key_id).await?;
            if key.peers.identifier(peer).is_none() {
                continue;
            }
            if tasks.len() >= AT_ONCE
                && let Some(done) = tasks.join_next().await
            {
                count(done.map_err(panicked)?);
            }
            let shared = Arc::clone(shared);
            tasks.spawn(async move {
                let problem = prove_to(&shared, &key, peer).await;
                problem.map(|problem| lost_share(&key, problem))
            });
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    while let Some(done) = tasks.join_next().await {
        count(done.map_err(panicked)?);
    }
    Ok((proved, lost))
}

fn lost_share(key: &Stored<AnyKeyShare>, problem: String) -> LostShare {
    let threshold = key.share.placement().threshold();
    LostShare {
        wallet: key.wallet.clone(),
        suite: key.share.suite(),
        key_id: *key.share.key_id().as_bytes(),
        epoch: key.share.epoch(),
        problem,
        repairable: threshold.max_signers().saturating_sub(1) >= threshold.min_signers(),
    }
}
