//! Cosigners remember how far each other is, and refuse whoever comes back as an older copy of itself.
//!
//! ```text
//! bob                                             alice
//!   ask-witness(question, what I saw of you)  ──▶   has she no memory of that, and is it under her tag: she stands aside
//!                                             ◀──   witness(question, my start and my log's head, my log at the place you saw,
//!   remembers it, durably; or the alarm                     what I saw of you)
//! ```
//!
//! Each asks each at every new link, which every restart of the other makes, when an epoch becomes active, after a signature, and
//! every few seconds. Until a peer has answered on the link that there is, and while there is an alarm about it, this cosigner does
//! nothing with it: see [`Shared::trust`]. Only an answer to a fresh question is judged, one at a time for each peer, so that nothing
//! that was late on the way can look like the past.
//!
//! What this means, and what it cannot notice, is in docs/witness.md.

use core::time::Duration;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use quorate_core::{PeerId, ecdsa::Boot};
use quorate_storage::{
    AuditKind, Vault,
    vault::{Alarm, Evidence, Lapse, Stamp, Verdict, Witnessed},
};
use tokio::{
    sync::Notify,
    task::JoinSet,
    time::{Instant, timeout, timeout_at},
};

use crate::{
    audit,
    ceremony::message::Message,
    cosigner::{Shared, fresh},
    error::CosignerError,
};

mod rejoin;
#[cfg(test)]
mod tests;

pub use rejoin::{AcceptedRejoin, LostShare, Rejoined};

/// How long a ceremony waits for the first answer, if its own deadline is not shorter.
const WITHIN: Duration = Duration::from_secs(10);
/// How often a question is repeated that is not answered, and how often it is asked at most.
const REPEAT: Duration = Duration::from_secs(1);
const ASKED: usize = 5;
/// How often a peer is asked if nothing else is a reason.
const PERIOD: Duration = Duration::from_secs(5);
/// The shortest time between two questions to one peer.
const PAUSE: Duration = Duration::from_secs(1);

/// What is known of all other cosigners of the roster, and of this one.
pub(crate) struct Witnesses {
    boot: Boot,
    peers: BTreeMap<PeerId, Peer>,
    own: Mutex<Own>,
}

#[derive(Default)]
struct Peer {
    state: Mutex<State>,
    /// Wakes whoever asks this peer.
    wanted: Notify,
    /// Wakes those who wait for its answer.
    judged: Notify,
}

#[derive(Default)]
struct State {
    /// What is durable, but for an alarm that the vault has not taken yet.
    witnessed: Witnessed,
    unsaved: bool,
    checked: Checked,
    /// When the peer last showed that it goes on from what was seen.
    shown: Option<Instant>,
    /// What the peer remembers of this cosigner, as it said last; nothing before it said anything.
    claim: Option<Option<Stamp>>,
}

/// What a peer showed last.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Checked {
    #[default]
    No,
    /// That it goes on from what was seen; over this link, and it says nothing of whoever is behind another one.
    Fine(u64),
    Unshown,
}

/// How this cosigner itself stands.
struct Own {
    behind: Option<Evidence>,
    given_up: u64,
    /// It rejoined, and has to be started again.
    restart: bool,
}

/// An answer to a fresh question.
struct Answer {
    now: Stamp,
    then: Option<[u8; 32]>,
    given_up: u64,
    claim: Option<Stamp>,
}

impl State {
    /// Whether there is nothing to hurry for.
    fn is_settled(&self, link: u64) -> bool {
        self.checked == Checked::Fine(link) || self.witnessed.alarm.is_some()
    }
}

impl Peer {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Witnesses {
    /// Loads what is remembered.
    pub(crate) async fn load(vault: &Vault, boot: Boot, peers: impl Iterator<Item = PeerId>) -> Result<Self, CosignerError> {
        let standing = vault.standing().await?;
        let own = Own { behind: standing.behind, given_up: standing.given_up, restart: false };
        let mut loaded = BTreeMap::new();
        for peer in peers {
            let state = State { witnessed: vault.witnessed(&peer).await?, ..State::default() };
            loaded.insert(peer, Peer { state: Mutex::new(state), ..Peer::default() });
        }
        Ok(Self { boot, peers: loaded, own: Mutex::new(own) })
    }

    /// How long ago a peer last showed that it goes on from what was seen.
    pub(crate) fn shown_ago(&self, peer: PeerId) -> Option<Duration> {
        self.peers.get(&peer)?.state().shown.map(|shown| shown.elapsed())
    }

    fn own(&self) -> MutexGuard<'_, Own> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has a peer asked soon.
    pub(crate) fn want(&self, peer: PeerId) {
        if let Some(entry) = self.peers.get(&peer) {
            entry.wanted.notify_one();
        }
    }
}

/// Asks all peers, again and again. Runs until the network is shut down, or it is aborted.
pub(crate) async fn watch(shared: Arc<Shared>) {
    let mut links = JoinSet::new();
    for peer in shared.witness.peers.keys().copied() {
        let shared = Arc::clone(&shared);
        links.spawn(async move {
            let Some(entry) = shared.witness.peers.get(&peer) else { return };
            while shared.network.connected(peer).await {
                if let Some(link) = shared.network.link(peer) {
                    shared.look_again(peer, entry, link).await;
                }
            }
        });
    }
    while links.join_next().await.is_some() {}
}

impl Shared {
    /// Refuses to take part in anything while this cosigner's own state is known to be an older one.
    pub(crate) fn may_take_part(&self) -> Result<(), CosignerError> {
        let own = self.witness.own();
        if own.restart {
            return Err(CosignerError::RestartNeeded);
        }
        match own.behind {
            None => Ok(()),
            Some(evidence) => {
                Err(CosignerError::Behind { witness: self.name_of(evidence.peer), was: evidence.stamp.to_string() })
            }
        }
    }

    /// Refuses a peer that went back in time, and one that does not show where it is; waits a moment for one that was not asked yet.
    pub(crate) async fn trust(&self, peer: PeerId) -> Result<(), CosignerError> {
        self.trust_all(vec![peer]).await
    }

    /// The same for several; all that do not show where they are are named. This cosigner itself may be among them.
    pub(crate) async fn trust_all(&self, peers: Vec<PeerId>) -> Result<(), CosignerError> {
        self.may_take_part()?;
        let until = Instant::now() + WITHIN.min(self.deadline);
        let mut names = Vec::new();
        for peer in peers.into_iter().filter(|peer| *peer != self.me) {
            let known = match self.witness.peers.get(&peer) {
                Some(entry) => timeout_at(until, self.known(peer, entry)).await.unwrap_or(Ok(false))?,
                None => false,
            };
            if !known {
                names.push(self.name_of(peer));
            }
        }
        // What the peers said may have been about this cosigner.
        self.may_take_part()?;
        if names.is_empty() { Ok(()) } else { Err(CosignerError::Unavailable { names }) }
    }

    /// Waits a moment until all peers that are there have said what they saw of this cosigner.
    async fn hear_all(&self) {
        let until = Instant::now() + WITHIN.min(self.deadline);
        for (peer, entry) in self.witness.peers.iter().filter(|(peer, _)| self.network.is_connected(**peer)) {
            // What it says is wanted, and not whether it is fine.
            let _known = timeout_at(until, self.known(*peer, entry)).await;
        }
    }

    async fn known(&self, peer: PeerId, entry: &Peer) -> Result<bool, CosignerError> {
        loop {
            let mut judged = core::pin::pin!(entry.judged.notified());
            judged.as_mut().enable();
            {
                let state = entry.state();
                if let Some(alarm) = state.witnessed.alarm {
                    return Err(self.went_back(peer, &state.witnessed, alarm));
                }
                if let Checked::Fine(link) = state.checked
                    && self.network.link(peer) == Some(link)
                {
                    return Ok(true);
                }
            }
            judged.await;
        }
    }

    fn went_back(&self, peer: PeerId, witnessed: &Witnessed, alarm: Alarm) -> CosignerError {
        let seen = witnessed.seen.map(|seen| seen.to_string()).unwrap_or_default();
        CosignerError::WentBack { name: self.name_of(peer), seen, shown: alarm.shown.to_string(), lapse: alarm.lapse }
    }

    /// Why nothing is done with a peer, if there is an alarm about it.
    pub(crate) fn alarm_about(&self, peer: PeerId) -> Option<CosignerError> {
        let state = self.witness.peers.get(&peer)?.state();
        state.witnessed.alarm.map(|alarm| self.went_back(peer, &state.witnessed, alarm))
    }

    fn stamp(&self) -> Stamp {
        self.vault.stamp(self.witness.boot, self.audit.head())
    }

    /// Tells another cosigner how far this one is, after a look at what it saw.
    pub(crate) async fn show_witness(&self, from: PeerId, question: [u8; 32], seen: Option<Stamp>) {
        let Some(entry) = self.witness.peers.get(&from) else { return };
        let now = self.stamp();
        let then = match seen {
            Some(seen) if seen.head.sequence <= now.head.sequence => match self.vault.audit_digest(seen.head.sequence).await {
                Ok(then) => then,
                Err(error) => {
                    let reason = crate::cosigner::describe(&error);
                    tracing::error!(target: "quorate::audit", reason, "the audit log cannot be shown");
                    None
                }
            },
            _ => None,
        };
        let mine = entry.state().witnessed.seen;
        let given_up = self.given_up(seen.as_ref());
        let _told = self.tell(from, &Message::Witness { question, now, then, given_up, seen: mine });
        self.hear_claim(from, entry, seen).await;
    }

    /// Up to which start the history is given up, for whoever saw this stamp. Once this cosigner has rejoined, a stamp that is not under
    /// its tag is of no history that it could go on from, whatever number it has: it is given up too, or it could not be accepted again.
    fn given_up(&self, seen: Option<&Stamp>) -> u64 {
        let own = self.witness.own();
        let foreign = seen.filter(|stamp| own.given_up > 0 && !own.restart && !self.vault.made(stamp));
        foreign.map_or(own.given_up, |stamp| own.given_up.max(stamp.boot.counter))
    }

    async fn ask_witness(self: &Arc<Self>, peer: PeerId, seen: Option<Stamp>) -> Result<Answer, CosignerError> {
        let question = fresh()?;
        let mut answers = self.expect(self.me, question, [peer])?;
        for _ in 0..ASKED {
            self.tell(peer, &Message::AskWitness { question, seen })?;
            if let Ok(Some((_, Message::Witness { now, then, given_up, seen: claim, .. }))) =
                timeout(REPEAT, answers.next()).await
            {
                return Ok(Answer { now, then, given_up, claim });
            }
        }
        Err(CosignerError::Unavailable { names: vec![self.name_of(peer)] })
    }

    /// Asks a peer, as long as there is this link with it. Whoever is behind the next one is asked at once, whatever this one still owed.
    async fn look_again(self: &Arc<Self>, peer: PeerId, entry: &Peer, link: u64) {
        while self.network.link(peer) == Some(link) {
            let asked = Instant::now();
            self.look(peer, entry, link).await;
            let known = { entry.state().is_settled(link) };
            let pause = async {
                // Nobody wanting it is a reason too, after a while.
                let _wanted = timeout(if known { PERIOD } else { PAUSE }, entry.wanted.notified()).await;
                tokio::time::sleep_until(asked + PAUSE).await;
            };
            tokio::select! {
                () = pause => {}
                _ended = self.network.link_ended(peer, link) => tokio::time::sleep_until(asked + PAUSE / 10).await,
            }
        }
    }

    /// Asks a peer, and draws the conclusions.
    async fn look(self: &Arc<Self>, peer: PeerId, entry: &Peer, link: u64) {
        let before = entry.state().witnessed;
        let answer = tokio::select! {
            answer = self.ask_witness(peer, before.seen) => answer,
            _ended = self.network.link_ended(peer, link) => return,
        };
        // Whoever does not answer stays what it was.
        let Ok(answer) = answer else { return };
        self.hear_claim(peer, entry, answer.claim).await;
        if let Err(error) = self.weigh((peer, link), entry, before, &answer).await {
            let (name, reason) = (self.name_of(peer), crate::cosigner::describe(&error));
            tracing::error!(target: "quorate::audit", name, reason, "what was seen of a cosigner cannot be stored");
        }
        entry.judged.notify_waiters();
    }

    async fn weigh(
        &self,
        (peer, link): (PeerId, u64),
        entry: &Peer,
        before: Witnessed,
        answer: &Answer,
    ) -> Result<(), CosignerError> {
        if before.alarm.is_some() {
            let unsaved = before.alarm.filter(|_| entry.state().unsaved);
            return if let Some(alarm) = unsaved { self.save_alarm(peer, entry, before, alarm).await } else { Ok(()) };
        }
        match Stamp::judge(before.seen.as_ref(), &answer.now, answer.then.as_ref()) {
            Verdict::Fine => {
                let witnessed = self.vault.remember(&peer, answer.now).await?;
                let mut state = entry.state();
                if state.witnessed == before {
                    (state.witnessed, state.checked) = (witnessed, Checked::Fine(link));
                    state.shown = Some(Instant::now());
                }
                Ok(())
            }
            Verdict::Behind(lapse) => {
                let alarm = Alarm::new(audit::now(), lapse, answer.now);
                {
                    let mut state = entry.state();
                    if state.witnessed != before {
                        return Ok(());
                    }
                    // Refused from here on, and durably so as soon as the vault takes it.
                    (state.witnessed.alarm, state.unsaved, state.checked) = (Some(alarm), true, Checked::No);
                }
                self.pairings.drop_one(peer);
                self.pool.retain_live();
                self.save_alarm(peer, entry, before, alarm).await
            }
            Verdict::Unshown | _ => {
                entry.state().checked = Checked::Unshown;
                Ok(())
            }
        }
    }

    async fn save_alarm(&self, peer: PeerId, entry: &Peer, before: Witnessed, alarm: Alarm) -> Result<(), CosignerError> {
        let reason = crate::cosigner::describe(&self.went_back(peer, &before, alarm));
        tracing::error!(target: "quorate::audit", name = self.name_of(peer), reason, "ALARM");
        let entry_of_log = audit::entry(AuditKind::PeerWentBack).peer(peer).reason(&reason);
        // First, so that a crash in between leaves an alarm that is raised again.
        self.freeze_for_alarm(&format!("alarm: {reason}")).await?;
        self.vault.raise_alarm(&peer, alarm).await?;
        entry.state().unsaved = false;
        self.audit.write(entry_of_log).await.map(|_| ())
    }

    /// Takes note of what a peer remembers of this cosigner. If this cosigner has no memory of it, and its own tag is on it, then its store
    /// went back: nobody but a holder of this very store could have made that tag, so that one peer's word is enough, and no peer can lie.
    async fn hear_claim(&self, peer: PeerId, entry: &Peer, claim: Option<Stamp>) {
        entry.state().claim = Some(claim);
        let Some(stamp) = claim.filter(|stamp| self.vault.made(stamp)) else { return };
        if stamp.boot.counter <= self.witness.own().given_up || self.lapse(&stamp).await.is_none() {
            return;
        }
        let evidence = Evidence::new(audit::now(), peer, stamp);
        {
            let mut own = self.witness.own();
            if own.restart || own.behind.is_some() {
                return;
            }
            own.behind = Some(evidence);
        }
        self.pairings.drop_all();
        self.pool.retain_live();
        let reason = format!("it is at {}, and {} saw it at {stamp}", self.stamp(), self.name_of(peer));
        tracing::error!(target: "quorate::audit", reason, "ALARM: this cosigner goes on from an older copy of its store");
        let why = format!("alarm: this cosigner goes on from an older copy of its store: {reason}");
        if let Err(error) = self.freeze_for_alarm(&why).await {
            tracing::error!(reason = crate::cosigner::describe(&error), "the automatic freeze failed");
        }
        if let Err(error) = self.vault.stand_aside(evidence).await {
            // The next start is told again.
            tracing::error!(reason = crate::cosigner::describe(&error), "that could not be stored");
        }
        self.audit.note(audit::entry(AuditKind::WentBack).peer(peer).reason(&reason)).await;
    }

    /// In what this cosigner is behind a stamp of itself.
    async fn lapse(&self, stamp: &Stamp) -> Option<Lapse> {
        let then = self.vault.audit_digest(stamp.head.sequence).await.ok().flatten();
        match Stamp::judge(Some(stamp), &self.stamp(), then.as_ref()) {
            Verdict::Behind(lapse) => Some(lapse),
            Verdict::Fine | Verdict::Unshown | _ => None,
        }
    }
}
