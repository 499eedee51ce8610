//! Messages on their way to one peer: numbered, cut into fragments, sent again until they are acknowledged or too late.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use zeroize::Zeroizing;

use super::{
    frame::{Ack, Channel, Fragment, WHOLE, fragments, slice},
    limits::{Limits, NUMBER_WINDOW},
};

const FIRST_RTO: Duration = Duration::from_millis(250);
const MIN_RTO: Duration = Duration::from_millis(30);
const MAX_RTO: Duration = Duration::from_secs(10);

struct Outgoing {
    channel: Channel,
    bytes: Zeroizing<Vec<u8>>,
    deadline: Duration,
    acked: Vec<bool>,
    /// The next fragment that was never sent.
    next: u16,
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
    /// Messages with fragments that were never sent, in turn.
    unsent: VecDeque<u64>,
    in_flight: Vec<InFlight>,
    bytes: usize,
    round_trip: RoundTrip,
}

impl Outbox {
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
        let acked = vec![false; usize::from(fragments(bytes.len()))];
        self.messages.insert(number, Outgoing { channel, bytes, deadline, acked, next: 0 });
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
        let number = self.unsent.pop_front()?;
        // Invariant: a number leaves `unsent` when its message leaves `messages`.
        let message = self.messages.get_mut(&number)?;
        let index = message.next;
        message.next = index.saturating_add(1);
        if usize::from(message.next) < message.acked.len() {
            self.unsent.push_back(number);
        }
        let due = now.saturating_add(self.round_trip.timeout(0));
        self.in_flight.push(InFlight { number, index, attempt: 0, sent: now, due });
        Some((number, index, 0))
    }

    /// Takes an acknowledgement; one that fits nothing changes nothing.
    pub(super) fn acknowledge(&mut self, ack: Ack, now: Duration) {
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
        match message.acked.get_mut(usize::from(ack.index)) {
            Some(acked) if ack.index < message.next => *acked = true,
            Some(_) | None => {}
        }
        if ack.index == WHOLE || message.acked.iter().all(|acked| *acked) {
            self.remove(ack.number);
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
            message.acked.fill(false);
            message.next = 0;
        }
    }

    /// A fresh link: what was on its way over the old one may be lost, so send it again now.
    pub(super) fn hurry(&mut self, now: Duration) {
        self.in_flight.iter_mut().for_each(|sent| sent.due = now);
    }

    /// When the next fragment is due, if there is a link.
    pub(super) fn next_due(&self) -> Option<Duration> {
        self.in_flight.iter().map(|sent| sent.due).min()
    }

    pub(super) fn next_deadline(&self) -> Option<Duration> {
        self.messages.values().map(|message| message.deadline).min()
    }
}
