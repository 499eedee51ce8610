//! Many protocol sessions over one link per peer: a state machine without clock, I/O or threads.
//!
//! A message of up to 4 MiB is cut into fragments; each is sent again, with growing pauses, until it is acknowledged or the message's
//! deadline has passed. A message is delivered at most once per start of the receiver; messages may overtake each other. Messages for a
//! session that is not open here yet are kept for a while, so that a peer that begins earlier is not lost. Everything that is held for
//! a peer is bounded by [`Limits`]; what exceeds a bound is dropped before it is acknowledged, so that an honest sender brings it again.
//!
//! The driver hands in datagrams and the time since some start of its own, and takes out datagrams and events:
//!
//! ```text
//! receive(hint, datagram, now)   poll(now)   send(…, now)   open(…)   close(…)
//!        next_datagram()   next_event()   next_message(channel)   next_wakeup()
//! ```
//!
//! A hint only says whose keys to try. The sender of a message is the identity that the link proved.

mod connection;
mod frame;
mod inbox;
mod limits;
mod outbox;

use core::{fmt, time::Duration};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use quorate_core::{PeerId, SessionId};
use rand_core::TryCryptoRng;
use zeroize::Zeroizing;

use crate::{
    identity::Identity,
    link::{BootId, Kind, LinkError, Pair, classify},
    roster::Roster,
};
use connection::{Change, Connection, Local};
pub use frame::Channel;
use frame::{Ack, Frame, MAX_ACKS};
use inbox::{Inbox, Standing};
use limits::count;
pub use limits::{Counters, FRAGMENT, Limits, MAX_MESSAGE, NUMBER_WINDOW};
use outbox::Outbox;

const ACK_PAUSE: Duration = Duration::from_millis(5);
const MAX_OUT: usize = 4096;
const MAX_EVENTS: usize = 16_384;
const MAX_CLOSED: usize = 4096;

/// Why a message was not taken, or a session not opened. The caller must act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The roster does not list this identity.
    #[error("{peer} is not on the roster")]
    UnknownPeer {
        /// Who was meant.
        peer: PeerId,
    },
    /// Too much waits for this peer. Wait until it took some, or give up the session.
    #[error("too much is waiting to be sent to {peer}; wait, then send again")]
    Backpressure {
        /// Who is slow.
        peer: PeerId,
    },
    /// More than [`MAX_MESSAGE`] bytes.
    #[error("a message has at most {limit} bytes")]
    TooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// The session is open already, or was before: a session id names one run.
    #[error("this session was opened before; every run needs an id of its own")]
    SessionReused,
    /// Too many sessions are open.
    #[error("{limit} sessions are open; close some first")]
    TooManySessions {
        /// The limit.
        limit: usize,
    },
}

/// What the driver should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// There is a proven link with a peer.
    Connected {
        /// Who.
        peer: PeerId,
        /// The peer was started anew since its last link: what it held in memory is gone.
        restarted: bool,
    },
    /// A peer fell silent. Messages for it are kept until their deadlines.
    Disconnected {
        /// Who.
        peer: PeerId,
    },
    /// [`Endpoint::next_message`] has something for this channel.
    Readable {
        /// Where.
        channel: Channel,
    },
    /// A message was not acknowledged before its deadline. The peer may have received it all the same.
    Undelivered {
        /// To whom.
        peer: PeerId,
        /// Where.
        channel: Channel,
        /// The number that [`Endpoint::send`] gave.
        number: u64,
    },
    /// A session's deadline has passed; it is closed.
    Expired {
        /// Which.
        session: SessionId,
    },
}

struct Peer {
    connection: Connection,
    outbox: Outbox,
    inbox: Inbox,
    acks_due: Option<Duration>,
}

#[derive(Default)]
struct Mailbox {
    deadline: Option<Duration>,
    messages: VecDeque<(PeerId, Zeroizing<Vec<u8>>)>,
}

/// How much an endpoint holds, for tests and for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// Bytes of messages that wait for acknowledgement.
    pub outgoing_bytes: usize,
    /// Messages that wait for acknowledgement.
    pub outgoing_messages: usize,
    /// Bytes of messages that arrive, came early, or were not taken.
    pub incoming_bytes: usize,
    /// Messages that arrive, came early, or were not taken.
    pub incoming_messages: usize,
    /// Datagrams and events that wait for the driver.
    pub queued: usize,
}

/// All links and sessions of one cosigner.
pub struct Endpoint<R> {
    local: Local<R>,
    limits: Limits,
    counters: Counters,
    peers: BTreeMap<PeerId, Peer>,
    mailboxes: BTreeMap<Channel, Mailbox>,
    closed: BTreeSet<SessionId>,
    closed_order: VecDeque<SessionId>,
    out: VecDeque<(PeerId, Vec<u8>)>,
    events: VecDeque<Event>,
}

impl<R: TryCryptoRng> Endpoint<R> {
    /// Makes the endpoint of `identity` for all other cosigners of `roster`.
    ///
    /// # Errors
    ///
    /// [`LinkError::Identity`] if the roster does not list our own identity, [`LinkError::Randomness`] if the generator fails.
    pub fn new(identity: Identity, roster: &Roster, limits: Limits, mut rng: R) -> Result<Self, LinkError> {
        if roster.cosigner(identity.peer_id()).is_none() {
            return Err(LinkError::Identity { reason: "the roster does not list our own key" });
        }
        let mut peers = BTreeMap::new();
        for peer in roster.iter().map(|cosigner| cosigner.identity).filter(|peer| *peer != identity.peer_id()) {
            let connection = Connection::new(Pair::new(&identity, peer)?);
            peers.insert(peer, Peer { connection, outbox: Outbox::default(), inbox: Inbox::default(), acks_due: None });
        }
        let boot = BootId::generate(&mut rng)?;
        Ok(Self {
            local: Local { identity, boot, rng },
            limits,
            counters: Counters::default(),
            peers,
            mailboxes: BTreeMap::from([(Channel::Control, Mailbox::default())]),
            closed: BTreeSet::new(),
            closed_order: VecDeque::new(),
            out: VecDeque::new(),
            events: VecDeque::new(),
        })
    }

    /// Our own identity.
    #[must_use]
    pub const fn peer_id(&self) -> PeerId {
        self.local.identity.peer_id()
    }

    /// Takes a datagram that a wire brought. Whatever is wrong with it is counted and never fatal.
    pub fn receive(&mut self, hint: PeerId, datagram: &[u8], now: Duration) {
        if let Err(error) = self.try_receive(hint, datagram, now) {
            let counters = &mut self.counters;
            count(match error {
                LinkError::Version { .. } => &mut counters.version,
                LinkError::OtherLink => &mut counters.other_link,
                LinkError::Replayed => &mut counters.replayed,
                LinkError::Forged => &mut counters.forged,
                LinkError::Randomness => &mut counters.randomness,
                LinkError::Malformed(_)
                | LinkError::TooLong { .. }
                | LinkError::Exhausted
                | LinkError::Identity { .. }
                | LinkError::Bug(_) => &mut counters.malformed,
            });
        }
        self.flush(hint, now);
    }

    fn try_receive(&mut self, hint: PeerId, datagram: &[u8], now: Duration) -> Result<(), LinkError> {
        let Some(peer) = self.peers.get_mut(&hint) else {
            count(&mut self.counters.foreign);
            return Ok(());
        };
        let (kind, id) = classify(datagram)?;
        let Some(id) = id else {
            return peer.connection.handshake(kind, datagram, now, &mut self.local, &mut self.counters);
        };
        debug_assert_eq!(kind, Kind::Frame, "only frames have link ids");
        let opened = peer.connection.open(id, datagram, now)?;
        if let Change::Promoted { connected, restarted } = opened.change {
            if restarted {
                peer.inbox.restart();
                peer.outbox.restart();
            }
            peer.outbox.hurry(now);
            if connected || restarted {
                self.push_event(Event::Connected { peer: hint, restarted });
            }
        }
        match Frame::from_bytes(&opened.plaintext)? {
            Frame::Ping => self.queue_frame(hint, &Frame::Pong),
            Frame::Pong => {}
            Frame::Acks(acks) => self.take_acks(hint, &acks, now),
            Frame::Fragment(fragment) => self.take_fragment(hint, &fragment, now),
        }
        Ok(())
    }

    fn take_acks(&mut self, from: PeerId, acks: &[Ack], now: Duration) {
        if let Some(peer) = self.peers.get_mut(&from) {
            acks.iter().for_each(|ack| peer.outbox.acknowledge(*ack, now));
        }
    }

    fn take_fragment(&mut self, from: PeerId, fragment: &frame::Fragment<'_>, now: Duration) {
        let standing = match fragment.channel {
            Channel::Session(session) if self.closed.contains(&session) => Standing::Over,
            channel if self.mailboxes.contains_key(&channel) => Standing::Open,
            Channel::Session(_) | Channel::Control => Standing::NotYet,
        };
        let Some(peer) = self.peers.get_mut(&from) else { return };
        let message = peer.inbox.accept(fragment, standing, now, &self.limits, &mut self.counters);
        peer.acks_due = peer.acks_due.or(Some(now.saturating_add(ACK_PAUSE)));
        if peer.inbox.acks().len() >= MAX_ACKS / 4 {
            peer.acks_due = Some(now);
        }
        if let Some(bytes) = message {
            self.deliver(fragment.channel, from, bytes);
        }
    }

    fn deliver(&mut self, channel: Channel, from: PeerId, bytes: Zeroizing<Vec<u8>>) {
        let Some(mailbox) = self.mailboxes.get_mut(&channel) else { return };
        mailbox.messages.push_back((from, bytes));
        if mailbox.messages.len() == 1 {
            self.push_event(Event::Readable { channel });
        }
    }

    /// Does what time asks for: handshakes, resends, acknowledgements, deadlines.
    pub fn poll(&mut self, now: Duration) {
        let ids: Vec<PeerId> = self.peers.keys().copied().collect();
        for id in ids {
            let Some(peer) = self.peers.get_mut(&id) else { continue };
            peer.inbox.expire(now, &self.limits, &mut self.counters);
            let late = peer.outbox.expire(now);
            let silent = peer.connection.poll(now, &mut self.local, &self.limits, &mut self.counters);
            if silent {
                self.push_event(Event::Disconnected { peer: id });
            }
            late.into_iter().for_each(|(number, channel)| self.push_event(Event::Undelivered { peer: id, channel, number }));
            self.flush(id, now);
        }
        let due = |mailbox: &Mailbox| mailbox.deadline.is_some_and(|deadline| deadline <= now);
        let expired: Vec<Channel> =
            self.mailboxes.iter().filter(|(_, mailbox)| due(mailbox)).map(|(channel, _)| *channel).collect();
        for channel in expired {
            if let Channel::Session(session) = channel {
                self.close(session);
                self.push_event(Event::Expired { session });
            }
        }
    }

    /// When [`poll`](Self::poll) should be called next, if nothing else happens before.
    #[must_use]
    pub fn next_wakeup(&self) -> Duration {
        let sessions = self.mailboxes.values().filter_map(|mailbox| mailbox.deadline);
        let peers = self.peers.values().map(|peer| {
            let connection = peer.connection.next_wakeup(&self.limits);
            let live = peer.connection.is_live();
            let sending = [peer.outbox.next_due(&self.limits), peer.acks_due].into_iter().flatten().filter(|_| live);
            let deadlines = [peer.outbox.next_deadline(), peer.inbox.next_expiry(&self.limits)].into_iter().flatten();
            sending.chain(deadlines).fold(connection, Duration::min)
        });
        sessions.chain(peers).min().unwrap_or(Duration::MAX)
    }

    /// Takes a message for a peer. It is sent, and sent again, until the peer has it or `deadline` has passed.
    ///
    /// # Errors
    ///
    /// [`SendError`]; nothing was taken then.
    pub fn send(
        &mut self,
        channel: Channel,
        to: PeerId,
        bytes: Zeroizing<Vec<u8>>,
        deadline: Duration,
        now: Duration,
    ) -> Result<u64, SendError> {
        let peer = self.peers.get_mut(&to).ok_or(SendError::UnknownPeer { peer: to })?;
        if bytes.len() > MAX_MESSAGE {
            return Err(SendError::TooLong { limit: MAX_MESSAGE });
        }
        let number = peer.outbox.push(channel, bytes, deadline, &self.limits).ok_or(SendError::Backpressure { peer: to })?;
        self.flush(to, now);
        Ok(number)
    }

    /// Opens a session until `deadline`; what came early for it becomes readable.
    ///
    /// # Errors
    ///
    /// [`SendError::SessionReused`], [`SendError::TooManySessions`].
    pub fn open(&mut self, session: SessionId, deadline: Duration) -> Result<(), SendError> {
        let channel = Channel::Session(session);
        if self.closed.contains(&session) || self.mailboxes.contains_key(&channel) {
            return Err(SendError::SessionReused);
        }
        if self.mailboxes.len() > self.limits.sessions {
            return Err(SendError::TooManySessions { limit: self.limits.sessions });
        }
        self.mailboxes.insert(channel, Mailbox { deadline: Some(deadline), messages: VecDeque::new() });
        let early = self.peers.iter_mut().map(|(id, peer)| (*id, peer.inbox.take_early(session)));
        let early: Vec<_> = early.flat_map(|(id, messages)| messages.into_iter().map(move |bytes| (id, bytes))).collect();
        early.into_iter().for_each(|(id, bytes)| self.deliver(channel, id, bytes));
        Ok(())
    }

    /// Ends a session here: what still arrives for it is dropped. What was sent in it goes on until its deadline, for others may need it.
    pub fn close(&mut self, session: SessionId) {
        let Some(mailbox) = self.mailboxes.remove(&Channel::Session(session)) else { return };
        for (from, bytes) in mailbox.messages {
            if let Some(peer) = self.peers.get_mut(&from) {
                peer.inbox.taken(bytes.len());
            }
        }
        if self.closed.insert(session) {
            self.closed_order.push_back(session);
        }
        if self.closed_order.len() > MAX_CLOSED
            && let Some(oldest) = self.closed_order.pop_front()
        {
            self.closed.remove(&oldest);
        }
    }

    /// Whether a session is open.
    #[must_use]
    pub fn is_open(&self, session: SessionId) -> bool {
        self.mailboxes.contains_key(&Channel::Session(session))
    }

    /// The next message of a channel, with the identity that sent it.
    pub fn next_message(&mut self, channel: Channel) -> Option<(PeerId, Zeroizing<Vec<u8>>)> {
        let (from, bytes) = self.mailboxes.get_mut(&channel)?.messages.pop_front()?;
        if let Some(peer) = self.peers.get_mut(&from) {
            peer.inbox.taken(bytes.len());
        }
        Some((from, bytes))
    }

    /// The next datagram to hand to the wire.
    pub fn next_datagram(&mut self) -> Option<(PeerId, Vec<u8>)> {
        self.out.pop_front()
    }

    /// The next event.
    pub fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Whether there is a proven link with a peer that was heard lately.
    #[must_use]
    pub fn is_connected(&self, peer: PeerId) -> bool {
        self.peers.get(&peer).is_some_and(|peer| peer.connection.is_live())
    }

    /// Which link with a peer there is, counted from one; nothing if there is none. It stays the same while keys are renewed, and is
    /// another one after every silence and every restart of the peer: what was found out about it then is no longer of the one there.
    #[must_use]
    pub fn link(&self, peer: PeerId) -> Option<u64> {
        self.peers.get(&peer)?.connection.number()
    }

    /// How long a message takes to a peer and its acknowledgement back, smoothed (RFC 6298); nothing where there is no link, or nothing
    /// was acknowledged yet.
    #[must_use]
    pub fn round_trip(&self, peer: PeerId) -> Option<Duration> {
        self.peers.get(&peer).filter(|peer| peer.connection.is_live())?.outbox.round_trip()
    }

    /// What was dropped so far, and why.
    #[must_use]
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// What is held at the moment.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let queued = self.out.len().saturating_add(self.events.len());
        self.peers.values().fold(Usage { queued, ..Usage::default() }, |usage, peer| {
            let (bytes, messages) = peer.inbox.held();
            Usage {
                outgoing_bytes: usage.outgoing_bytes.saturating_add(peer.outbox.bytes()),
                outgoing_messages: usage.outgoing_messages.saturating_add(peer.outbox.len()),
                incoming_bytes: usage.incoming_bytes.saturating_add(bytes),
                incoming_messages: usage.incoming_messages.saturating_add(messages),
                ..usage
            }
        })
    }

    /// Queues what is due for one peer: handshakes, acknowledgements, fragments.
    fn flush(&mut self, to: PeerId, now: Duration) {
        let Some(peer) = self.peers.get_mut(&to) else { return };
        let mut datagrams = peer.connection.take_out();
        if peer.connection.is_live() {
            if peer.acks_due.take_if(|due| *due <= now).is_some() {
                for acks in core::mem::take(peer.inbox.acks()).chunks(MAX_ACKS) {
                    datagrams.extend(peer.connection.seal(&Frame::Acks(acks.to_vec()).to_bytes()));
                }
            }
            while let Some(fragment) = peer.outbox.next_fragment(now, &self.limits) {
                let plaintext = Zeroizing::new(Frame::Fragment(fragment).to_bytes());
                datagrams.extend(peer.connection.seal(&plaintext));
            }
        }
        datagrams.into_iter().for_each(|datagram| self.queue(to, datagram));
    }

    fn queue_frame(&mut self, to: PeerId, frame: &Frame<'_>) {
        let sealed = self.peers.get_mut(&to).and_then(|peer| peer.connection.seal(&frame.to_bytes()));
        if let Some(datagram) = sealed {
            self.queue(to, datagram);
        }
    }

    fn queue(&mut self, to: PeerId, datagram: Vec<u8>) {
        if self.out.len() < MAX_OUT { self.out.push_back((to, datagram)) } else { count(&mut self.counters.overflow) }
    }

    fn push_event(&mut self, event: Event) {
        if self.events.len() < MAX_EVENTS { self.events.push_back(event) } else { count(&mut self.counters.overflow) }
    }
}

impl<R> fmt::Debug for Endpoint<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("identity", &self.local.identity)
            .field("peers", &self.peers.len())
            .finish_non_exhaustive()
    }
}
