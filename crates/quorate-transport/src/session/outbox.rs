//! Messages on their way to one peer: numbered, cut into fragments, sent again until they are acknowledged or too late.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use zeroize::Zeroizing;

use super::{
    frame::{Ack, BUSY, Channel, Fragment, WHOLE, fragments, slice},
    limits::{Limits, NUMBER_WINDOW},
};

const FIRST_RTO: Duration = Duration::from_millis(250);
const MIN_RTO: Duration = Duration::from_millis(30);
const MAX_RTO: Duration = Duration::from_secs(10);
const FIRST_HOLD: Duration = Duration::from_millis(20);
const LONGEST_HOLD: Duration = Duration::from_secs(2);

struct Outgoing {
    channel: Channel,
    bytes: Zeroizing<Vec<u8>>,
    deadline: Duration,
    fragments: Vec<State>,
    /// The receiver has no room: wait until then, longer each time.
    held_until: Duration,
    holds: u8,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Unsent,
    InFlight,
    Acknowledged,
}

struct InFlight {
    number: u64,
    index: u16,
    attempt: u8,
    sent: Duration,
    due: Duration,
}

/// Round-trip time as TCP estimates it (RFC 6298). Fragments carry their attempt, so that resent ones give samples too.
#[derive(Default)]
struct RoundTrip {
    smoothed: Option<Duration>,
    variation: Duration,
}

impl RoundTrip {
    fn sample(&mut self, measured: Duration) {
        match self.smoothed {
            None => (self.smoothed, self.variation) = (Some(measured), measured / 2),
            Some(smoothed) => {
                self.variation = self.variation * 3 / 4 + smoothed.abs_diff(measured) / 4;
                self.smoothed = Some(smoothed * 7 / 8 + measured / 8);
            }
        }
    }

    /// How long to wait for an acknowledgement: doubled with each attempt.
    fn timeout(&self, attempt: u8) -> Duration {
        let once = self.smoothed.map_or(FIRST_RTO, |smoothed| smoothed.saturating_add(self.variation.saturating_mul(4)));
        once.max(MIN_RTO).saturating_mul(1 << attempt.min(8)).min(MAX_RTO)
    }
}

#[derive(Default)]
pub(super) struct Outbox {
    next: u64,
    messages: BTreeMap<u64, Outgoing>,
    /// Messages with fragments that are neither acknowledged nor on their way, in turn.
    unsent: VecDeque<u64>,
    in_flight: Vec<InFlight>,
    bytes: usize,
    round_trip: RoundTrip,
}

impl Outbox {
    /// How long a fragment takes to the peer and its acknowledgement back, smoothed; nothing before the first.
    pub(super) const fn round_trip(&self) -> Option<Duration> {
        self.round_trip.smoothed
    }

    /// Takes a message, or says that there is no room.
    pub(super) fn push(
        &mut self,
        channel: Channel,
        bytes: Zeroizing<Vec<u8>>,
        deadline: Duration,
        limits: &Limits,
    ) -> Option<u64> {
        let total = self.bytes.saturating_add(bytes.len());
        let in_window = self.next < self.oldest().saturating_add(NUMBER_WINDOW);
        if total > limits.send_bytes || self.messages.len() >= limits.send_messages || !in_window {
            return None;
        }
        let number = self.next;
        self.next = number.saturating_add(1);
        self.bytes = total;
        let fragments = vec![State::Unsent; usize::from(fragments(bytes.len()))];
        let message = Outgoing { channel, bytes, deadline, fragments, held_until: Duration::ZERO, holds: 0 };
        self.messages.insert(number, message);
        self.unsent.push_back(number);
        Some(number)
    }

    fn oldest(&self) -> u64 {
        self.messages.keys().next().copied().unwrap_or(self.next)
    }

    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// The next fragment to send: one that was not acknowledged in time, or a new one if there is room on the way.
    pub(super) fn next_fragment(&mut self, now: Duration, limits: &Limits) -> Option<Fragment<'_>> {
        let (number, index, attempt) = match self.in_flight.iter_mut().find(|sent| sent.due <= now) {
            Some(late) => {
                late.attempt = late.attempt.saturating_add(1);
                late.sent = now;
                late.due = now.saturating_add(self.round_trip.timeout(late.attempt));
                (late.number, late.index, late.attempt)
            }
            None => self.start_fragment(now, limits)?,
        };
        let oldest = self.oldest();
        let message = self.messages.get(&number)?;
        let bytes = slice(&message.bytes, index);
        Some(Fragment { attempt, number, oldest, channel: message.channel, total: message.bytes.len(), index, bytes })
    }

    fn start_fragment(&mut self, now: Duration, limits: &Limits) -> Option<(u64, u16, u8)> {
        if self.in_flight.len() >= limits.in_flight {
            return None;
        }
        let free = |number: &u64| self.messages.get(number).is_some_and(|message| message.held_until <= now);
        let place = self.unsent.iter().position(free)?;
        let number = self.unsent.remove(place)?;
        // Invariant: a number is in `unsent` exactly while its message has an unsent fragment.
        let message = self.messages.get_mut(&number)?;
        let place = message.fragments.iter().position(|state| *state == State::Unsent)?;
        *message.fragments.get_mut(place)? = State::InFlight;
        if message.fragments.contains(&State::Unsent) {
            self.unsent.push_back(number);
        }
        let index = u16::try_from(place).ok()?;
        let due = now.saturating_add(self.round_trip.timeout(0));
        self.in_flight.push(InFlight { number, index, attempt: 0, sent: now, due });
        Some((number, index, 0))
    }

    /// Takes an acknowledgement; one that fits nothing changes nothing.
    pub(super) fn acknowledge(&mut self, ack: Ack, now: Duration) {
        if ack.index != WHOLE && ack.index & BUSY != 0 {
            return self.hold(ack.number, ack.index & !BUSY, now);
        }
        let fits = |sent: &InFlight| sent.number == ack.number && (ack.index == WHOLE || sent.index == ack.index);
        // An acknowledgement of the whole gives a sample only where it can mean but one fragment.
        let mut fitting = self.in_flight.iter().filter(|sent| fits(sent));
        if let (Some(sent), None) = (fitting.next(), fitting.next())
            && sent.attempt == ack.attempt
        {
            self.round_trip.sample(now.saturating_sub(sent.sent));
        }
        self.in_flight.retain(|sent| !fits(sent));
        let Some(message) = self.messages.get_mut(&ack.number) else { return };
        match message.fragments.get_mut(usize::from(ack.index)) {
            Some(state) if *state == State::InFlight => *state = State::Acknowledged,
            Some(_) | None => {}
        }
        if ack.index == WHOLE || message.fragments.iter().all(|state| *state == State::Acknowledged) {
            self.remove(ack.number);
        }
    }

    /// The receiver has no room: the fragment leaves the road, so that other messages get past it, and tries again later.
    fn hold(&mut self, number: u64, index: u16, now: Duration) {
        let Some(message) = self.messages.get_mut(&number) else { return };
        let Some(state) = message.fragments.get_mut(usize::from(index)).filter(|state| **state == State::InFlight) else {
            return;
        };
        *state = State::Unsent;
        self.in_flight.retain(|sent| sent.number != number || sent.index != index);
        if message.held_until <= now {
            message.held_until = now.saturating_add(FIRST_HOLD.saturating_mul(1 << message.holds.min(8)).min(LONGEST_HOLD));
            message.holds = message.holds.saturating_add(1);
        }
        if !self.unsent.contains(&number) {
            self.unsent.push_back(number);
        }
    }

    fn remove(&mut self, number: u64) -> Option<Channel> {
        let message = self.messages.remove(&number)?;
        self.bytes = self.bytes.saturating_sub(message.bytes.len());
        self.in_flight.retain(|sent| sent.number != number);
        self.unsent.retain(|unsent| *unsent != number);
        Some(message.channel)
    }

    /// Gives up what is past its deadline.
    pub(super) fn expire(&mut self, now: Duration) -> Vec<(u64, Channel)> {
        let late = self.messages.iter().filter(|(_, message)| message.deadline <= now);
        let late: Vec<_> = late.map(|(number, _)| *number).collect();
        late.into_iter().filter_map(|number| self.remove(number).map(|channel| (number, channel))).collect()
    }

    /// The peer forgot everything: all fragments of unfinished messages are new again.
    pub(super) fn restart(&mut self) {
        self.in_flight.clear();
        self.unsent = self.messages.keys().copied().collect();
        for message in self.messages.values_mut() {
            message.fragments.fill(State::Unsent);
        }
    }

    /// A fresh link: what was on its way over the old one may be lost, so send it again now.
    pub(super) fn hurry(&mut self, now: Duration) {
        self.in_flight.iter_mut().for_each(|sent| sent.due = now);
    }

    /// When the next fragment is due, if there is a link.
    pub(super) fn next_due(&self, limits: &Limits) -> Option<Duration> {
        let resend = self.in_flight.iter().map(|sent| sent.due);
        let free = self.in_flight.len() < limits.in_flight;
        let held = self.unsent.iter().filter(|_| free).filter_map(|number| self.messages.get(number));
        resend.chain(held.map(|message| message.held_until)).min()
    }

    pub(super) fn next_deadline(&self) -> Option<Duration> {
        self.messages.values().map(|message| message.deadline).min()
    }
}
