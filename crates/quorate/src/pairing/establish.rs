//! The making of a pairing, from either side.

use core::time::Duration;
use std::sync::Arc;

use getrandom::SysRng;
use quorate_core::{
    Error, Identifier, PeerId, Peers, SessionId,
    ecdsa::{Boot, Pairing, PairingRounds},
};
use tokio::{sync::Notify, time::Instant};

use super::{
    Last, Peer, State,
    message::{PairMessage, Side, session_id},
};
use crate::{
    ceremony::{
        message::Message,
        run::{Drive, DriveError, Stop},
    },
    cosigner::{Shared, fresh},
    error::{CosignerError, Lack},
};

/// How long an attempt may take.
const WITHIN: Duration = Duration::from_secs(5);
/// The pause between the beginnings of two attempts of this side with one peer.
const PAUSE: Duration = Duration::from_secs(1);
/// The pause between the answers to two offers of one peer. Its own pause is longer, unless it restarts.
const ANSWER_PAUSE: Duration = Duration::from_millis(500);
/// How many attempts are made where the peer restarts, or pairings are dropped, in the middle of one.
const ATTEMPTS: u32 = 3;
/// How many offers of one peer wait for that.
const MAX_WAITING: u32 = 4;

/// An attempt that is about to begin.
struct Attempt {
    peer: PeerId,
    boot: Boot,
    session: SessionId,
    peers: Peers,
    generation: u64,
    number: u64,
}

impl Shared {
    /// The pairing with a peer; if there is none that can be used, it is made now.
    pub(crate) async fn pairing(self: &Arc<Self>, peer: PeerId) -> Result<Arc<Pairing>, CosignerError> {
        let entry = self.pairings.peer(peer)?;
        let usable = || entry.state().usable(self.pairings.max_age);
        if let Some(pairing) = usable() {
            return Ok(pairing);
        }
        let asked = Instant::now();
        let mut last = entry.attempt.lock().await;
        // Another task may have made it meanwhile, or tried to.
        if let Some(pairing) = usable() {
            return Ok(pairing);
        }
        if last.failed.is_some_and(|began| began >= asked) {
            return Err(self.silent(peer));
        }
        entry.state().failed = None;
        for _ in 1..ATTEMPTS {
            match self.attempt(peer, entry, &mut last).await {
                Err(error) if error.lack() == Some(Lack::Pairing) => {
                    tracing::debug!(peer = self.name_of(peer), "it restarted, or pairings were dropped, while one was made");
                }
                made => return made,
            }
        }
        self.attempt(peer, entry, &mut last).await
    }

    /// One attempt of this side.
    async fn attempt(self: &Arc<Self>, peer: PeerId, entry: &Peer, last: &mut Last) -> Result<Arc<Pairing>, CosignerError> {
        self.admit(peer).await?;
        if let Some(began) = last.began {
            // The peer may make the next attempt before it is this side's turn, and be found out in it.
            let made = entry.until(|state| self.success_or_fault(state));
            if let Ok(made) = tokio::time::timeout_at(began + PAUSE, made).await {
                return made;
            }
        }
        let began = Instant::now();
        last.began = Some(began);
        let within = self.pairing_within().saturating_mul(2);
        let attempt = async {
            if self.me < peer {
                self.offer(peer, entry).await
            } else {
                self.unless_outdated(peer, entry, self.ask(peer, entry)).await
            }
        };
        let made = tokio::time::timeout(within, attempt).await.unwrap_or_else(|_| Err(self.silent(peer)));
        if made.is_err() {
            last.failed = Some(began);
        }
        made
    }

    fn pairing_within(&self) -> Duration {
        WITHIN.min(self.deadline)
    }

    fn silent(&self, peer: PeerId) -> CosignerError {
        CosignerError::Unavailable { names: vec![self.name_of(peer)] }
    }

    /// Pairings were dropped, or the peer restarted, while one was made: the next is as good as the first.
    fn outdated(&self, peer: PeerId) -> CosignerError {
        CosignerError::Lacking { name: self.name_of(peer), lack: Lack::Pairing }
    }

    /// Ends an attempt when nothing can come of it any more.
    async fn unless_outdated<T>(
        &self,
        peer: PeerId,
        entry: &Peer,
        attempt: impl Future<Output = Result<T, CosignerError>>,
    ) -> Result<T, CosignerError> {
        tokio::select! {
            made = attempt => made,
            () = entry.outdated() => Err(self.outdated(peer)),
        }
    }

    fn refused(&self, peer: PeerId, reason: String) -> CosignerError {
        CosignerError::Refused { name: self.name_of(peer), reason }
    }

    /// The lower side: makes an offer, and pairs once it is accepted.
    async fn offer(self: &Arc<Self>, peer: PeerId, entry: &Peer) -> Result<Arc<Pairing>, CosignerError> {
        let (random, generation) = (fresh()?, entry.state().generation);
        let mut answers = self.expect(self.me, random, [peer])?;
        self.tell(peer, &Message::Pair(PairMessage::Offer { boot: self.pairings.boot, random }))?;
        let answer = async {
            match answers.next().await {
                Some((_, Message::Pair(PairMessage::Accept { boot, random, number, .. }))) => Ok((boot, random, number)),
                Some((_, Message::Refuse { reason, .. })) => Err(self.refused(peer, reason)),
                _ => Err(self.silent(peer)),
            }
        };
        let answer = self.unless_outdated(peer, entry, answer);
        let accepted = tokio::time::timeout(self.pairing_within(), answer).await;
        let (boot, their_random, number) = accepted.unwrap_or_else(|_| Err(self.silent(peer)))?;
        self.learn_boot(peer, boot);
        let (mine, theirs) = self.sides(peer, random, (boot, their_random));
        let attempt =
            Attempt { peer, boot, session: session_id(&mine, &theirs), peers: peers(&mine, &theirs)?, generation, number };
        let drive = self.begin(&attempt)?;
        self.unless_outdated(peer, entry, self.finish(drive, entry, &attempt)).await
    }

    /// The higher side: asks for an offer, and waits for what becomes of it.
    async fn ask(self: &Arc<Self>, peer: PeerId, entry: &Peer) -> Result<Arc<Pairing>, CosignerError> {
        let topic = fresh()?;
        let mut answers = self.expect(self.me, topic, [peer])?;
        {
            let mut state = entry.state();
            // A fault is the end of it, whichever offer it was found in; why else an earlier one failed is of no interest any more.
            if let Some(outcome) = self.success_or_fault(&mut state) {
                return outcome;
            }
            state.failed = None;
        }
        // While an offer is being answered, the other side may have the pairing already: a question would end it.
        let asked = entry.until(|state| match self.outcome(state) {
            None if state.answering.is_none() => Some(Err(state.accepted)),
            outcome => outcome.map(Ok),
        });
        let made = async {
            let accepted = match asked.await {
                Ok(outcome) => return outcome,
                Err(accepted) => accepted,
            };
            self.tell(peer, &Message::Pair(PairMessage::Ask { topic, boot: self.pairings.boot, accepted }))?;
            let refused = async {
                loop {
                    match answers.next().await {
                        Some((_, Message::Refuse { reason, .. })) => return self.refused(peer, reason),
                        Some(_) => {}
                        None => return self.silent(peer),
                    }
                }
            };
            tokio::select! {
                outcome = entry.until(|state| self.outcome(state)) => outcome,
                refused = refused => Err(refused),
            }
        };
        // The other side has its own pause before it makes the offer.
        let within = self.pairing_within().saturating_add(PAUSE);
        tokio::time::timeout(within, made).await.unwrap_or_else(|_| Err(self.silent(peer)))
    }

    /// What came of the last answer to an offer, for whoever asked for the offer.
    fn outcome(&self, state: &mut State) -> Option<Result<Arc<Pairing>, CosignerError>> {
        state.usable(self.pairings.max_age).map(Ok).or_else(|| state.failed.take().map(Err))
    }

    /// The same, where only a fault counts as a failure.
    fn success_or_fault(&self, state: &mut State) -> Option<Result<Arc<Pairing>, CosignerError>> {
        let fault = |state: &mut State| state.failed.take_if(|error| matches!(error, CosignerError::Fault { .. })).map(Err);
        state.usable(self.pairings.max_age).map(Ok).or_else(|| fault(state))
    }

    /// The lower side: is asked for an offer.
    pub(crate) async fn asked_to_pair(self: &Arc<Self>, from: PeerId, topic: [u8; 32], accepted: u64) {
        let Ok(entry) = self.pairings.peer(from) else { return };
        if self.me > from || core::mem::replace(&mut entry.state().asked, true) {
            return;
        }
        // A question may be older than what came of the last offer.
        let stale = |state: &State| state.held.as_ref().is_some_and(|held| held.number > accepted);
        {
            let mut state = entry.state();
            if !stale(&state) {
                state.close();
            }
        }
        let made = self.pairing(from).await;
        entry.state().asked = false;
        if let Err(error) = made {
            let _told = self.tell(from, &Message::Refuse { proposal: topic, reason: crate::cosigner::describe(&error) });
        }
    }

    /// The higher side: answers an offer.
    pub(crate) async fn answer_offer(self: &Arc<Self>, from: PeerId, random: [u8; 32]) {
        let Ok(entry) = self.pairings.peer(from) else { return };
        if self.me < from {
            return;
        }
        let replaced = Arc::new(Notify::new());
        let answered = tokio::select! {
            answered = self.unless_outdated(from, entry, self.accept_offer(from, random, entry, &replaced)) => answered,
            () = replaced.notified() => Err(CosignerError::Denied { reason: "another offer came".to_owned() }),
        };
        if let Err(error) = &answered {
            let reason = crate::cosigner::describe(error);
            tracing::warn!(target: "quorate::audit", peer = self.name_of(from), reason, "no pairing");
            let _told = self.tell(from, &Message::Refuse { proposal: random, reason });
        }
        let mut state = entry.state();
        // Whoever waits, waits for the last offer.
        if state.answering.as_ref().is_some_and(|last| Arc::ptr_eq(last, &replaced)) {
            state.answering = None;
            state.failed = answered.err();
            drop(state);
            entry.changed.notify_waiters();
        }
    }

    async fn accept_offer(
        self: &Arc<Self>,
        peer: PeerId,
        offer: [u8; 32],
        entry: &Peer,
        replaced: &Arc<Notify>,
    ) -> Result<(), CosignerError> {
        self.admit(peer).await?;
        let turn = {
            let mut state = entry.state();
            let now = Instant::now();
            let turn = state.answered.map_or(now, |last| now.max(last + ANSWER_PAUSE));
            if turn.duration_since(now) > ANSWER_PAUSE * MAX_WAITING {
                return Err(CosignerError::Denied { reason: "too many offers; one pairing is enough".to_owned() });
            }
            state.answered = Some(turn);
            if let Some(former) = state.answering.replace(Arc::clone(replaced)) {
                former.notify_one();
            }
            turn
        };
        tokio::time::sleep_until(turn).await;
        let (boot, generation, number) = {
            let mut state = entry.state();
            // Whoever makes an offer has no pairing any more.
            state.close();
            state.accepted = state.accepted.wrapping_add(1);
            (state.boot.ok_or(CosignerError::Bug("an offer without a boot"))?, state.generation, state.accepted)
        };
        let random = fresh()?;
        let (mine, theirs) = self.sides(peer, random, (boot, offer));
        let session = session_id(&theirs, &mine);
        let attempt = Attempt { peer, boot, session, peers: peers(&theirs, &mine)?, generation, number };
        let drive = self.begin(&attempt)?;
        let accept = PairMessage::Accept { offer, boot: self.pairings.boot, random, number };
        self.tell(peer, &Message::Pair(accept))?;
        self.finish(drive, entry, &attempt).await.map(|_| ())
    }

    fn sides(&self, peer: PeerId, random: [u8; 32], (boot, theirs): (Boot, [u8; 32])) -> (Side, Side) {
        (Side { peer: self.me, boot: self.pairings.boot, random }, Side { peer, boot, random: theirs })
    }

    fn begin<'a>(&'a self, attempt: &'a Attempt) -> Result<Drive<'a, PairingRounds>, CosignerError> {
        let session = self.session(attempt.session, &attempt.peers);
        let me = attempt.peers.identifier(self.me).ok_or(CosignerError::Bug("a pairing of others"))?;
        let machine = Pairing::start(&session, me, [self.pairings.boot, attempt.boot], &mut SysRng);
        let machine = machine.map_err(CosignerError::Protocol)?;
        Drive::open(machine, &self.network, attempt.session, &attempt.peers, self.pairing_within())
    }

    /// Runs the three rounds. A fault is counted, whatever it was: each costs the peer nothing else.
    async fn finish(
        self: &Arc<Self>,
        mut drive: Drive<'_, PairingRounds>,
        entry: &Peer,
        attempt: &Attempt,
    ) -> Result<Arc<Pairing>, CosignerError> {
        let error = match drive.drive().await {
            Ok(Stop::Done(pairing)) => {
                let installed = entry.install(pairing, attempt.generation, attempt.number);
                if installed.is_some() {
                    tracing::info!(target: "quorate::audit", peer = self.name_of(attempt.peer), "paired");
                }
                return installed.ok_or_else(|| self.outdated(attempt.peer));
            }
            Ok(Stop::Hold) => return Err(CosignerError::Bug("a pairing holds nothing")),
            Err(error) => error,
        };
        if let DriveError::Protocol(Error::Fault(_)) = &error {
            self.count_fault(attempt.peer).await;
        }
        Err(error.named(|_| self.name_of(attempt.peer)))
    }
}

/// The two of a session: the lower identity is the first.
fn peers(lower: &Side, higher: &Side) -> Result<Peers, CosignerError> {
    Ok(Peers::new([(Identifier::new(1)?, lower.peer), (Identifier::new(2)?, higher.peer)])?)
}
