//! Messages that arrive from one peer: put together, delivered once, and bounded before they are kept.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use quorate_core::SessionId;
use zeroize::Zeroizing;

use super::{
    frame::{Ack, BUSY, Channel, Fragment, WHOLE, fragments},
    limits::{Counters, Limits, NUMBER_WINDOW, count},
};

pub(super) type Bytes = Zeroizing<Vec<u8>>;

struct Partial {
    channel: Channel,
    total: usize,
    fragments: Vec<Option<Bytes>>,
    touched: Duration,
}

struct Early {
    session: SessionId,
    bytes: Bytes,
    since: Duration,
}

/// What the endpoint knows about a message's channel.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Open,
    NotYet,
    Over,
}

#[derive(Default)]
pub(super) struct Inbox {
    /// Every number below is finished.
    floor: u64,
    /// Finished numbers from the floor on.
    finished: BTreeSet<u64>,
    partial: BTreeMap<u64, Partial>,
    reserved: usize,
    early: VecDeque<Early>,
    early_bytes: usize,
    /// Delivered to mailboxes and not taken yet.
    ready_messages: usize,
    ready_bytes: usize,
    acks: Vec<Ack>,
}

impl Inbox {
    /// Takes a fragment and gives the message that it completes, if its channel is open.
    pub(super) fn accept(
        &mut self,
        fragment: &Fragment<'_>,
        standing: Standing,
        now: Duration,
        limits: &Limits,
        counters: &mut Counters,
    ) -> Option<Bytes> {
        self.raise_floor(fragment.oldest);
        let number = fragment.number;
        if number < self.floor || self.finished.contains(&number) {
            count(&mut counters.repeated);
            self.acknowledge(fragment, WHOLE);
            return None;
        }
        if number >= self.floor.saturating_add(NUMBER_WINDOW) {
            count(&mut counters.refused);
            return None;
        }
        if standing == Standing::Over {
            count(&mut counters.stale);
            self.finish(fragment);
            return None;
        }
        self.keep(fragment, now, limits, counters)?;
        let fits = standing == Standing::NotYet || self.has_room(fragment, limits);
        if !fits {
            // The sender brings this fragment again when the application may have made room.
            self.forget(fragment);
            self.acknowledge(fragment, fragment.index | BUSY);
            count(&mut counters.refused);
            return None;
        }
        let bytes = self.take_complete(number)?;
        self.finish(fragment);
        match fragment.channel {
            Channel::Session(session) if standing == Standing::NotYet => {
                self.keep_early(Early { session, bytes, since: now }, limits, counters);
                None
            }
            Channel::Session(_) | Channel::Control => {
                self.ready_messages = self.ready_messages.saturating_add(1);
                self.ready_bytes = self.ready_bytes.saturating_add(bytes.len());
                Some(bytes)
            }
        }
    }

    /// Stores one fragment; `None` if the message is not complete after it.
    fn keep(&mut self, fragment: &Fragment<'_>, now: Duration, limits: &Limits, counters: &mut Counters) -> Option<()> {
        if !self.partial.contains_key(&fragment.number) {
            // The whole message is paid for at its first fragment, so that whatever was begun can be finished.
            let reserved = self.reserved.saturating_add(fragment.total);
            if reserved > limits.reassembly_bytes || self.partial.len() >= limits.reassembly_messages {
                count(&mut counters.refused);
                self.acknowledge(fragment, fragment.index | BUSY);
                return None;
            }
            self.reserved = reserved;
            let fragments = (0..fragments(fragment.total)).map(|_| None).collect();
            let partial = Partial { channel: fragment.channel, total: fragment.total, fragments, touched: now };
            self.partial.insert(fragment.number, partial);
        }
        let partial = self.partial.get_mut(&fragment.number)?;
        if partial.channel != fragment.channel || partial.total != fragment.total {
            count(&mut counters.malformed);
            return None;
        }
        partial.touched = now;
        let place = partial.fragments.get_mut(usize::from(fragment.index))?;
        match place {
            Some(_) => count(&mut counters.repeated),
            None => *place = Some(Zeroizing::new(fragment.bytes.to_vec())),
        }
        if partial.fragments.iter().all(Option::is_some) {
            return Some(());
        }
        self.acknowledge(fragment, fragment.index);
        None
    }

    fn forget(&mut self, fragment: &Fragment<'_>) {
        let Some(partial) = self.partial.get_mut(&fragment.number) else { return };
        if let Some(place) = partial.fragments.get_mut(usize::from(fragment.index)) {
            *place = None;
        }
        if partial.fragments.iter().all(Option::is_none) {
            self.drop_partial(fragment.number);
        }
    }

    fn take_complete(&mut self, number: u64) -> Option<Bytes> {
        let mut partial = self.drop_partial(number)?;
        if let [Some(only)] = partial.fragments.as_mut_slice() {
            return Some(core::mem::take(only));
        }
        let mut bytes = Zeroizing::new(Vec::with_capacity(partial.total));
        partial.fragments.iter().flatten().for_each(|fragment| bytes.extend_from_slice(fragment));
        Some(bytes)
    }

    fn drop_partial(&mut self, number: u64) -> Option<Partial> {
        let partial = self.partial.remove(&number)?;
        self.reserved = self.reserved.saturating_sub(partial.total);
        Some(partial)
    }

    fn finish(&mut self, fragment: &Fragment<'_>) {
        self.drop_partial(fragment.number);
        self.finished.insert(fragment.number);
        while self.finished.remove(&self.floor) {
            self.floor = self.floor.saturating_add(1);
        }
        self.acknowledge(fragment, WHOLE);
    }

    fn raise_floor(&mut self, oldest: u64) {
        if oldest <= self.floor {
            return;
        }
        self.floor = oldest;
        self.finished = self.finished.split_off(&oldest);
        let given_up: Vec<u64> = self.partial.range(..oldest).map(|(number, _)| *number).collect();
        given_up.into_iter().for_each(|number| drop(self.drop_partial(number)));
        while self.finished.remove(&self.floor) {
            self.floor = self.floor.saturating_add(1);
        }
    }

    fn acknowledge(&mut self, fragment: &Fragment<'_>, index: u16) {
        self.acks.push(Ack { number: fragment.number, index, attempt: fragment.attempt });
    }

    fn keep_early(&mut self, early: Early, limits: &Limits, counters: &mut Counters) {
        self.early_bytes = self.early_bytes.saturating_add(early.bytes.len());
        self.early.push_back(early);
        while self.early.len() > limits.early_messages || self.early_bytes > limits.early_bytes {
            count(&mut counters.evicted);
            self.drop_oldest_early();
        }
    }

    fn drop_oldest_early(&mut self) {
        if let Some(oldest) = self.early.pop_front() {
            self.early_bytes = self.early_bytes.saturating_sub(oldest.bytes.len());
        }
    }

    /// Gives what came for a session before it was opened here.
    pub(super) fn take_early(&mut self, session: SessionId) -> Vec<Bytes> {
        let (taken, kept): (Vec<Early>, Vec<Early>) =
            core::mem::take(&mut self.early).into_iter().partition(|early| early.session == session);
        self.early = kept.into();
        let taken: Vec<Bytes> = taken.into_iter().map(|early| early.bytes).collect();
        let bytes = taken.iter().map(|bytes| bytes.len()).sum::<usize>();
        self.early_bytes = self.early_bytes.saturating_sub(bytes);
        self.ready_messages = self.ready_messages.saturating_add(taken.len());
        self.ready_bytes = self.ready_bytes.saturating_add(bytes);
        taken
    }

    /// Control has a quarter more room than sessions, so that a session nobody reads does not shut it out.
    fn has_room(&self, fragment: &Fragment<'_>, limits: &Limits) -> bool {
        let (messages, bytes) = (limits.inbox_messages, limits.inbox_bytes);
        let (messages, bytes) = match fragment.channel {
            Channel::Control => (messages.saturating_add(messages / 4), bytes.saturating_add(bytes / 4)),
            Channel::Session(_) => (messages, bytes),
        };
        self.ready_messages < messages && self.ready_bytes.saturating_add(fragment.total) <= bytes
    }

    /// The application took a message of this peer, or its mailbox closed.
    pub(super) const fn taken(&mut self, bytes: usize) {
        self.ready_messages = self.ready_messages.saturating_sub(1);
        self.ready_bytes = self.ready_bytes.saturating_sub(bytes);
    }

    pub(super) fn expire(&mut self, now: Duration, limits: &Limits, counters: &mut Counters) {
        while self.early.front().is_some_and(|early| early.since.saturating_add(limits.early_for) <= now) {
            count(&mut counters.evicted);
            self.drop_oldest_early();
        }
        let idle = |partial: &Partial| partial.touched.saturating_add(limits.reassemble_within) <= now;
        let idle: Vec<u64> = self.partial.iter().filter(|(_, partial)| idle(partial)).map(|(number, _)| *number).collect();
        idle.into_iter().for_each(|number| drop(self.drop_partial(number)));
    }

    pub(super) fn next_expiry(&self, limits: &Limits) -> Option<Duration> {
        let early = self.early.front().map(|early| early.since.saturating_add(limits.early_for));
        let partial = self.partial.values().map(|partial| partial.touched.saturating_add(limits.reassemble_within)).min();
        early.into_iter().chain(partial).min()
    }

    /// The peer restarted: its numbers begin again. What was delivered or kept early stays.
    pub(super) fn restart(&mut self) {
        self.floor = 0;
        self.finished.clear();
        self.partial.clear();
        self.reserved = 0;
        self.acks.clear();
    }

    pub(super) fn acks(&mut self) -> &mut Vec<Ack> {
        &mut self.acks
    }

    /// Bytes and messages held for this peer: unfinished, early, and not taken.
    pub(super) fn held(&self) -> (usize, usize) {
        let messages = self.partial.len().saturating_add(self.early.len()).saturating_add(self.ready_messages);
        (self.reserved.saturating_add(self.early_bytes).saturating_add(self.ready_bytes), messages)
    }
}
