//! The link with one peer over time: handshakes, candidates, promotion, silence.
//!
//! A completed handshake makes a candidate. The link in use falls only when a frame under the candidate's keys verifies; until then a
//! replayed or abandoned handshake costs nothing but one of [`CANDIDATES`] places. The link that fell still opens what was on its way
//! for [`LINGER`], unless the peer restarted.

use core::time::Duration;
use std::collections::VecDeque;

use rand_core::TryCryptoRng;
use zeroize::Zeroizing;

use super::{
    frame::Frame,
    limits::{Counters, Limits, count},
};
use crate::{
    identity::Identity,
    link::{BootId, Handshake, Kind, Link, LinkError, LinkId, Pair},
};

/// Candidates kept at one time; the oldest makes room.
const CANDIDATES: usize = 4;
/// How long a candidate may take to prove itself.
const CANDIDATE_FOR: Duration = Duration::from_secs(10);
const LINGER: Duration = Duration::from_secs(10);
/// How long one first message is resent before a new handshake starts.
const HANDSHAKE_FOR: Duration = Duration::from_secs(30);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
const PROOF_PAUSE: Duration = Duration::from_millis(250);
/// The shortest time between two handshakes that a knock can bring about.
const KNOCK_PAUSE: Duration = Duration::from_millis(500);
/// First messages answered at once, and the time that gives room for one more.
const ANSWERS: u32 = 32;
const ANSWER_PAUSE: Duration = Duration::from_millis(250);

/// Our side of the handshakes: who we are, and since which start.
pub(super) struct Local<R> {
    pub(super) identity: Identity,
    pub(super) boot: BootId,
    pub(super) rng: R,
}

struct Live {
    link: Link,
    since: Duration,
    heard: Duration,
    asked: Duration,
}

struct Candidate {
    link: Link,
    /// The first message that made it, and our answer; empty where we initiated.
    first: Vec<u8>,
    answer: Vec<u8>,
    since: Duration,
    next_proof: Duration,
}

/// What an opened frame did to the connection.
pub(super) struct Opened {
    pub(super) plaintext: Zeroizing<Vec<u8>>,
    pub(super) change: Change,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    None,
    /// A candidate became the link.
    Promoted {
        /// There was no link before.
        connected: bool,
        /// The peer has another boot than before.
        restarted: bool,
    },
}

pub(super) struct Connection {
    pair: Pair,
    live: Option<Live>,
    previous: Option<(Link, Duration)>,
    candidates: VecDeque<Candidate>,
    pending: Option<(Handshake, Duration)>,
    /// The first message of the link in use, so that its repeats make no candidates.
    promoted: Vec<u8>,
    remote_boot: Option<BootId>,
    /// Counts the links after a silence or a restart of the peer.
    links: u64,
    next_attempt: Duration,
    pause: Duration,
    knocked: bool,
    answers: u32,
    answers_since: Duration,
    out: Vec<Vec<u8>>,
}

impl Connection {
    pub(super) const fn new(pair: Pair) -> Self {
        Self {
            pair,
            live: None,
            previous: None,
            candidates: VecDeque::new(),
            pending: None,
            promoted: Vec::new(),
            remote_boot: None,
            links: 0,
            next_attempt: Duration::ZERO,
            pause: FIRST_PAUSE,
            knocked: false,
            answers: ANSWERS,
            answers_since: Duration::ZERO,
            out: Vec::new(),
        }
    }

    pub(super) const fn is_live(&self) -> bool {
        self.live.is_some()
    }

    /// Which link it is; nothing if there is none.
    pub(super) fn number(&self) -> Option<u64> {
        self.live.as_ref().map(|_| self.links)
    }

    /// Datagrams to send.
    pub(super) fn take_out(&mut self) -> Vec<Vec<u8>> {
        core::mem::take(&mut self.out)
    }

    pub(super) fn seal(&mut self, plaintext: &[u8]) -> Option<Vec<u8>> {
        self.live.as_mut()?.link.seal(plaintext).ok()
    }

    /// Takes a handshake datagram or a knock.
    pub(super) fn handshake<R: TryCryptoRng>(
        &mut self,
        kind: Kind,
        datagram: &[u8],
        now: Duration,
        local: &mut Local<R>,
        counters: &mut Counters,
    ) -> Result<(), LinkError> {
        match (kind, self.pair.initiates()) {
            (Kind::Knock, true) => {
                self.pair.open_knock(datagram)?;
                self.knocked = true;
                Ok(())
            }
            (Kind::Second, true) => self.take_answer(datagram, now),
            (Kind::First, false) => self.answer(datagram, now, local, counters),
            (Kind::Knock | Kind::First, _) | (Kind::Second, false) | (Kind::Frame, _) => Err(LinkError::OtherLink),
        }
    }

    fn take_answer(&mut self, datagram: &[u8], now: Duration) -> Result<(), LinkError> {
        let is_answer = self.pending.as_ref().is_some_and(|(handshake, _)| handshake.is_answered_by(&self.pair, datagram));
        let Some((handshake, _)) = self.pending.take_if(|_| is_answer) else {
            return Err(LinkError::OtherLink);
        };
        let link = handshake.finish(&self.pair, datagram)?;
        self.add_candidate(link, Vec::new(), Vec::new(), now);
        self.prove(now);
        Ok(())
    }

    fn answer<R: TryCryptoRng>(
        &mut self,
        datagram: &[u8],
        now: Duration,
        local: &mut Local<R>,
        counters: &mut Counters,
    ) -> Result<(), LinkError> {
        if datagram == self.promoted {
            return Err(LinkError::Replayed);
        }
        if let Some(known) = self.candidates.iter().find(|candidate| candidate.first == datagram) {
            self.out.push(known.answer.clone());
            return Ok(());
        }
        self.refill_answers(now);
        if self.answers == 0 {
            count(&mut counters.refused);
            return Ok(());
        }
        let (link, answer) = Handshake::respond(&local.identity, &self.pair, local.boot, datagram, &mut local.rng)?;
        self.answers = self.answers.saturating_sub(1);
        self.out.push(answer.clone());
        self.add_candidate(link, datagram.to_vec(), answer, now);
        Ok(())
    }

    fn refill_answers(&mut self, now: Duration) {
        while self.answers < ANSWERS && self.answers_since.saturating_add(ANSWER_PAUSE) <= now {
            self.answers = self.answers.saturating_add(1);
            self.answers_since = self.answers_since.saturating_add(ANSWER_PAUSE);
        }
        if self.answers == ANSWERS {
            self.answers_since = now;
        }
    }

    fn add_candidate(&mut self, link: Link, first: Vec<u8>, answer: Vec<u8>, now: Duration) {
        if self.candidates.len() >= CANDIDATES {
            self.candidates.pop_front();
        }
        self.candidates.push_back(Candidate { link, first, answer, since: now, next_proof: now });
    }

    /// Opens a frame under whichever link it names.
    pub(super) fn open(&mut self, id: LinkId, datagram: &[u8], now: Duration) -> Result<Opened, LinkError> {
        if let Some(live) = self.live.as_mut().filter(|live| live.link.id() == id) {
            let plaintext = live.link.open(datagram)?;
            live.heard = now;
            return Ok(Opened { plaintext, change: Change::None });
        }
        if let Some((link, _)) = self.previous.as_mut().filter(|(link, _)| link.id() == id) {
            return Ok(Opened { plaintext: link.open(datagram)?, change: Change::None });
        }
        let place = self.candidates.iter().position(|candidate| candidate.link.id() == id).ok_or(LinkError::OtherLink)?;
        let candidate = self.candidates.get_mut(place).ok_or(LinkError::OtherLink)?;
        let plaintext = candidate.link.open(datagram)?;
        let candidate = self.candidates.remove(place).ok_or(LinkError::Bug("a candidate vanished"))?;
        Ok(Opened { plaintext, change: self.promote(candidate, now) })
    }

    fn promote(&mut self, candidate: Candidate, now: Duration) -> Change {
        let boot = candidate.link.remote_boot();
        let restarted = self.remote_boot.is_some_and(|known| known != boot);
        self.remote_boot = Some(boot);
        let live = Live { link: candidate.link, since: now, heard: now, asked: now };
        let former = self.live.replace(live);
        let connected = former.is_none();
        self.links = self.links.wrapping_add(u64::from(connected || restarted));
        // Frames of a former boot carry numbers that mean something else now.
        self.previous = former.filter(|_| !restarted).map(|live| (live.link, now.saturating_add(LINGER)));
        self.candidates.clear();
        self.pending = None;
        self.promoted = candidate.first;
        self.knocked = false;
        self.pause = FIRST_PAUSE;
        self.next_attempt = now.saturating_add(KNOCK_PAUSE);
        // The peer learns by this that its candidate was proved.
        self.ping();
        Change::Promoted { connected, restarted }
    }

    fn ping(&mut self) {
        let ping = self.seal(&Frame::Ping.to_bytes());
        self.out.extend(ping);
    }

    /// Sends frames under our candidates, which prove us to the peer.
    fn prove(&mut self, now: Duration) {
        for candidate in self.candidates.iter_mut().filter(|candidate| candidate.first.is_empty() && candidate.next_proof <= now)
        {
            candidate.next_proof = now.saturating_add(PROOF_PAUSE);
            self.out.extend(candidate.link.seal(&Frame::Ping.to_bytes()).ok());
        }
    }

    fn wants_link(&self, now: Duration, limits: &Limits) -> bool {
        self.knocked
            || self.pending.is_some()
            || self.live.as_ref().is_none_or(|live| {
                live.since.saturating_add(limits.rekey_after) <= now || live.link.sealed() >= limits.rekey_after_frames
            })
    }

    /// Does what time asks for; says whether the peer just fell silent.
    pub(super) fn poll<R: TryCryptoRng>(
        &mut self,
        now: Duration,
        local: &mut Local<R>,
        limits: &Limits,
        counters: &mut Counters,
    ) -> bool {
        self.candidates.retain(|candidate| candidate.since.saturating_add(CANDIDATE_FOR) > now);
        self.previous.take_if(|(_, until)| *until <= now);
        let silent = self.live.take_if(|live| live.heard.saturating_add(limits.dead_after) <= now).is_some();
        self.ask(now, limits);
        self.prove(now);
        if self.wants_link(now, limits) && self.candidates.is_empty() && self.next_attempt <= now {
            if self.attempt(now, local).is_err() {
                count(&mut counters.randomness);
            }
            self.next_attempt = now.saturating_add(self.pause);
            self.pause = self.pause.saturating_mul(2).min(LONGEST_PAUSE);
        }
        silent
    }

    fn ask(&mut self, now: Duration, limits: &Limits) {
        let Some(live) = self.live.as_mut().filter(|live| live.heard.max(live.asked).saturating_add(limits.keepalive) <= now)
        else {
            return;
        };
        live.asked = now;
        self.ping();
    }

    fn attempt<R: TryCryptoRng>(&mut self, now: Duration, local: &mut Local<R>) -> Result<(), LinkError> {
        if !self.pair.initiates() {
            self.out.push(self.pair.knock(local.boot)?);
            return Ok(());
        }
        self.pending.take_if(|(_, since)| since.saturating_add(HANDSHAKE_FOR) <= now);
        match &self.pending {
            Some((handshake, _)) => self.out.push(handshake.first_datagram().to_vec()),
            None => {
                let (handshake, first) = Handshake::initiate(&local.identity, &self.pair, local.boot, &mut local.rng)?;
                self.pending = Some((handshake, now));
                self.knocked = false;
                self.out.push(first);
            }
        }
        Ok(())
    }

    /// When [`poll`](Self::poll) has something to do.
    pub(super) fn next_wakeup(&self, limits: &Limits) -> Duration {
        let proofs = self.candidates.iter().map(|candidate| {
            let end = candidate.since.saturating_add(CANDIDATE_FOR);
            if candidate.first.is_empty() { end.min(candidate.next_proof) } else { end }
        });
        let asks = self.live.iter().flat_map(|live| {
            let rekey = live.since.saturating_add(limits.rekey_after).max(self.next_attempt);
            let rekey = Some(rekey).filter(|_| self.candidates.is_empty());
            let silence =
                [live.heard.max(live.asked).saturating_add(limits.keepalive), live.heard.saturating_add(limits.dead_after)];
            silence.into_iter().chain(rekey)
        });
        let attempt = (self.live.is_none() || self.knocked || self.pending.is_some()).then_some(self.next_attempt);
        let attempt = attempt.filter(|_| self.candidates.is_empty());
        let previous = self.previous.iter().map(|(_, until)| *until);
        proofs.chain(asks).chain(attempt).chain(previous).min().unwrap_or(Duration::MAX)
    }
}
