//! One machine that drives any protocol, round by round.
//!
//! A protocol is a chain of round structs; each consumes itself in `advance`. The machine gives all of them the same
//! manners, so that no protocol has to think of them again:
//!
//! - messages may come in any order; those of later rounds are kept up to the next one in which this participant sends; beyond that
//!   none can be honest yet, and they are dropped;
//! - a repeat is ignored; two different messages of one sender in one round are a [`FaultKind::Contradiction`] that names it;
//! - what belongs to another session, protocol or version is ignored before it is looked at further;
//! - every message carries the hash of all broadcasts of the round before, so that a participant that told different things to
//!   different peers is found out at no extra round ([`FaultKind::Equivocation`]);
//! - what must be durable before it is spoken is held back until [`Pending::stored`] was called.
//!
//! The machine does no I/O. `from` must be authenticated by whoever calls [`Machine::handle`]: the transport crate takes it from the
//! encrypted link, never from the message.

use alloc::{collections::BTreeMap, collections::VecDeque, vec::Vec};

use zeroize::Zeroizing;

use crate::{
    error::{DecodeError, Error, Fault, FaultKind, InputError},
    identifier::{Identifier, ParticipantSet},
    session::{Context, ProtocolId},
};

mod frame;
mod inbox;
mod parts;

pub(crate) use frame::room;
use frame::{FRAME_OVERHEAD, Frame, broadcast_digest, echo};
use inbox::Inbox;
pub use parts::Parts;
use parts::Source;

/// A protocol as a chain of rounds. Implemented inside this crate only.
pub trait Protocol: sealed::Rounds {}

impl<R: sealed::Rounds> Protocol for R {}

pub(crate) mod sealed {
    use super::{Arrived, DecodeError, Error, Identifier, Next, ParticipantSet, Parts, ProtocolId};

    /// The machine's view of a protocol.
    pub trait Rounds: Sized {
        /// What the protocol ends with.
        type Output;
        /// What the caller must store before the protocol goes on.
        type Held;
        /// A message's parts in structure only; group elements are decoded in `advance`, where a wrong one is a fault with a name.
        type Message;

        /// Which protocol frames are marked with.
        const PROTOCOL: ProtocolId;
        /// The number of rounds.
        const ROUNDS: u8;

        /// The round whose messages are awaited, from 1.
        fn round(&self) -> u8;
        /// This participant.
        fn me(&self) -> Identifier;
        /// Who sends in a round, this participant included if it does.
        fn senders(&self, round: u8) -> &ParticipantSet;
        /// The most bytes of broadcast and private part together that a message of a round can honestly have, plus one more element.
        fn size_limit(&self, round: u8) -> usize;
        /// Takes the parts apart, or keeps them where they are.
        fn parse(&self, round: u8, parts: Parts) -> Result<Self::Message, DecodeError>;
        /// All messages of the round are here.
        fn advance(self, arrived: Arrived<Self::Message>) -> Result<Next<Self>, Error>;
    }
}

/// What `advance` works with.
#[doc(hidden)]
#[derive(Debug)]
pub struct Arrived<M> {
    /// The messages of everyone else, by sender.
    pub(crate) messages: BTreeMap<Identifier, M>,
    /// The hash of all broadcasts of this round.
    pub(crate) echo: [u8; 32],
}

/// What comes after a round.
#[doc(hidden)]
#[expect(missing_debug_implementations, reason = "holds a protocol's secret state")]
#[non_exhaustive]
pub enum Next<P: sealed::Rounds> {
    /// The next round begins with these messages.
    Round(P, Outbox),
    /// The next round begins once the held value is stored.
    Hold(P::Held, P, Outbox),
    /// The protocol is over.
    Done(P::Output),
}

/// What one participant sends in one round.
#[doc(hidden)]
#[derive(Default)]
#[expect(missing_debug_implementations, reason = "holds private shares")]
pub struct Outbox {
    /// The same for all.
    pub(crate) broadcast: Vec<u8>,
    /// For one receiver each.
    pub(crate) private: BTreeMap<Identifier, Zeroizing<Vec<u8>>>,
    /// How many bytes before each private part are free: with the [`room`] of the broadcast the part is sent from where it lies.
    pub(crate) room: usize,
    /// Who receives this round's messages.
    pub(crate) receivers: Vec<Identifier>,
}

/// A message on its way out: encrypt it to `to` and to nobody else.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutgoingMessage {
    /// The receiver.
    pub to: Identifier,
    /// The frame. It may hold a secret for the receiver, and is wiped when it is dropped.
    pub bytes: Zeroizing<Vec<u8>>,
}

/// [`Zeroizing`] wipes the elements of a list one by one, and the spare room of an empty one in one piece.
impl Drop for OutgoingMessage {
    fn drop(&mut self) {
        self.bytes.clear();
    }
}

impl core::fmt::Debug for OutgoingMessage {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "OutgoingMessage(to {:?}, {} bytes)", self.to, self.bytes.len())
    }
}

/// What became of bytes that were handed to the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Handled {
    /// They are part of the protocol.
    Accepted,
    /// They changed nothing.
    Ignored(Ignored),
}

/// Why bytes changed nothing. None of these ends a session: stray packets must not stop a key generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Ignored {
    /// Not a frame of this version, or parts that do not parse.
    Malformed,
    /// A frame of another protocol or session.
    Foreign,
    /// The sender does not take part in this round, or is this participant.
    UnknownSender,
    /// The same message once more.
    Repeated,
    /// Of a round behind one in which this participant has still to send: no honest participant can be there.
    TooEarly,
    /// Larger than any honest message of its round.
    TooLarge,
    /// The session has its result.
    Finished,
}

enum State<P: Protocol> {
    Running(P),
    Held(P::Held, P, Outbox),
    Finished(Option<P::Output>),
    Dead(Error),
}

/// Drives one protocol for one participant.
pub struct Machine<P: Protocol> {
    state: State<P>,
    context: Context,
    echo: [u8; 32],
    now: Inbox<P::Message>,
    /// By round.
    ahead: BTreeMap<u8, Inbox<P::Message>>,
    past: BTreeMap<(u8, Identifier), [u8; 32]>,
    outgoing: VecDeque<OutgoingMessage>,
    ignored: BTreeMap<Ignored, u64>,
}

impl<P: Protocol> core::fmt::Debug for Machine<P> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Machine")
            .field("protocol", &P::PROTOCOL)
            .field("round", &self.round())
            .field("missing", &self.missing())
            .field("ignored", &self.ignored)
            .finish_non_exhaustive()
    }
}

impl<P: Protocol> Machine<P> {
    pub(crate) fn begin(context: Context, first: P, outbox: Outbox) -> Self {
        let mut machine = Self {
            state: State::Finished(None),
            context,
            echo: [0; 32],
            now: Inbox::default(),
            ahead: BTreeMap::new(),
            past: BTreeMap::new(),
            outgoing: VecDeque::new(),
            ignored: BTreeMap::new(),
        };
        machine.release(&first, outbox);
        machine.state = State::Running(first);
        // Where this participant sends alone, nobody else's message would drive it on.
        if let Err(error) = machine.go_on() {
            machine.die(error);
        }
        machine
    }

    /// The next message to send, if there is one. Call it until it answers `None`, and again after every [`handle`](Self::handle).
    pub fn next_outgoing(&mut self) -> Option<OutgoingMessage> {
        self.outgoing.pop_front()
    }

    /// What must be durable before the machine goes on, if it is at that point.
    ///
    /// A driver that never stores it gets no further; that is the point: it would lose a key in a crash.
    pub const fn pending(&mut self) -> Option<Pending<'_, P>> {
        match self.state {
            State::Held(..) => Some(Pending { machine: self }),
            State::Running(_) | State::Finished(_) | State::Dead(_) => None,
        }
    }

    /// The result, once.
    pub const fn take_output(&mut self) -> Option<P::Output> {
        match &mut self.state {
            State::Finished(output) => output.take(),
            State::Running(_) | State::Held(..) | State::Dead(_) => None,
        }
    }

    /// The round whose messages are awaited, from 1; `None` when the session is over.
    pub fn round(&self) -> Option<u8> {
        match &self.state {
            State::Running(rounds) | State::Held(_, rounds, _) => Some(rounds.round()),
            State::Finished(_) | State::Dead(_) => None,
        }
    }

    /// Whose message of this round is not here yet: who to name when a deadline passes.
    pub fn missing(&self) -> Vec<Identifier> {
        match &self.state {
            State::Running(rounds) | State::Held(_, rounds, _) => {
                let awaited = rounds.senders(rounds.round()).iter().filter(|id| *id != rounds.me());
                awaited.filter(|id| !self.now.messages.contains_key(id)).collect()
            }
            State::Finished(_) | State::Dead(_) => Vec::new(),
        }
    }

    /// How many inputs were ignored, by reason.
    pub const fn ignored(&self) -> &BTreeMap<Ignored, u64> {
        &self.ignored
    }

    /// Takes in the bytes that `from` sent. `from` must come from an authenticated link.
    ///
    /// # Errors
    ///
    /// Only when the session is dead, and from then on always the same error: [`Error::Fault`] if someone broke the protocol.
    pub fn handle(&mut self, from: Identifier, bytes: &[u8]) -> Result<Handled, Error> {
        self.take(from, Source::Lent(bytes))
    }

    /// As [`handle`](Self::handle), of bytes that the caller has no more use for: a long message stays where it is and is not copied.
    ///
    /// # Errors
    ///
    /// As [`handle`](Self::handle).
    pub fn handle_owned(&mut self, from: Identifier, bytes: Zeroizing<Vec<u8>>) -> Result<Handled, Error> {
        self.take(from, Source::Given(bytes))
    }

    fn take(&mut self, from: Identifier, source: Source<'_>) -> Result<Handled, Error> {
        let outcome = match &self.state {
            State::Dead(error) => return Err(error.clone()),
            State::Finished(_) => Ok(Handled::Ignored(Ignored::Finished)),
            State::Running(_) | State::Held(..) => self.accept(from, source),
        };
        match outcome {
            Ok(Handled::Ignored(reason)) => {
                let count = self.ignored.entry(reason).or_default();
                *count = count.saturating_add(1);
                Ok(Handled::Ignored(reason))
            }
            // Only here: a packet that changed nothing costs no look at the whole inbox.
            Ok(Handled::Accepted) => match self.go_on() {
                Ok(()) => Ok(Handled::Accepted),
                Err(error) => Err(self.die(error)),
            },
            Err(error) => Err(self.die(error)),
        }
    }

    /// Ends the session. Use it when a deadline passes.
    ///
    /// A session that is over already keeps its result, or the error that says whose fault it was.
    pub fn abort(&mut self) {
        match self.state {
            State::Running(_) | State::Held(..) => {
                self.die(InputError::SessionOver.into());
            }
            State::Finished(_) | State::Dead(_) => {}
        }
    }

    fn die(&mut self, error: Error) -> Error {
        self.outgoing.clear();
        self.now = Inbox::default();
        self.ahead.clear();
        self.state = State::Dead(error.clone());
        error
    }

    fn accept(&mut self, from: Identifier, source: Source<'_>) -> Result<Handled, Error> {
        let bytes = source.as_slice();
        let (State::Running(rounds) | State::Held(_, rounds, _)) = &self.state else {
            return Ok(Handled::Ignored(Ignored::Finished));
        };
        let ignore = |reason| Ok(Handled::Ignored(reason));
        let frame = match Frame::parse::<P>(bytes, &self.context) {
            Ok(frame) => frame,
            Err(reason) => return ignore(reason),
        };
        let current = rounds.round();
        if frame.round == 0 || frame.round > P::ROUNDS {
            return ignore(Ignored::Malformed);
        }
        if from == rounds.me() || !rounds.senders(frame.round).contains(from) {
            return ignore(Ignored::UnknownSender);
        }
        // Nobody honest passes a round in which this participant has still to send.
        if (current.saturating_add(1)..frame.round).any(|round| rounds.senders(round).contains(rounds.me())) {
            return ignore(Ignored::TooEarly);
        }
        // Before anything is hashed.
        if bytes.len() > rounds.size_limit(frame.round).saturating_add(FRAME_OVERHEAD) {
            return ignore(Ignored::TooLarge);
        }
        let broadcast = broadcast_digest(frame.broadcast);
        let fingerprint = frame.fingerprint(&broadcast, &self.context);
        let inbox = if frame.round <= current { &mut self.now } else { self.ahead.entry(frame.round).or_default() };
        let known = if frame.round < current { self.past.get(&(frame.round, from)) } else { inbox.fingerprints.get(&from) };
        match known {
            Some(known) if *known == fingerprint => return ignore(Ignored::Repeated),
            Some(_) => return Err(Fault::by(FaultKind::Contradiction, from).into()),
            None if frame.round < current => return ignore(Ignored::UnknownSender),
            None => {}
        }
        let (round, echo, length) = (frame.round, frame.echo, frame.broadcast.len());
        let Ok(message) = rounds.parse(round, Parts::of(source, length)) else {
            return ignore(Ignored::Malformed);
        };
        inbox.insert(from, message, broadcast, echo, fingerprint);
        Ok(Handled::Accepted)
    }

    /// Advances as long as all messages of the round are here.
    fn go_on(&mut self) -> Result<(), Error> {
        loop {
            self.check_echoes()?;
            if !self.is_complete() {
                return Ok(());
            }
            let State::Running(rounds) = core::mem::replace(&mut self.state, State::Dead(Error::Bug("advance was interrupted")))
            else {
                return Err(Error::Bug("advance without a round"));
            };
            let round = rounds.round();
            let inbox = core::mem::take(&mut self.now);
            self.past.extend(inbox.fingerprints.into_iter().map(|(from, print)| ((round, from), print)));
            self.echo = echo(&self.context, round, &inbox.broadcasts);
            let next = rounds.advance(Arrived { messages: inbox.messages, echo: self.echo })?;
            self.now = self.ahead.remove(&round.saturating_add(1)).unwrap_or_default();
            match next {
                Next::Round(rounds, outbox) => {
                    self.release(&rounds, outbox);
                    self.state = State::Running(rounds);
                }
                Next::Hold(held, rounds, outbox) => {
                    let me = rounds.me();
                    if rounds.senders(rounds.round()).contains(me) {
                        self.now.broadcasts.insert(me, broadcast_digest(&outbox.broadcast));
                    }
                    self.state = State::Held(held, rounds, outbox);
                }
                Next::Done(output) => self.state = State::Finished(Some(output)),
            }
        }
    }

    /// Whether the round runs and all its messages are here. Counting is enough: only its senders' messages were accepted, once each.
    fn is_complete(&self) -> bool {
        match &self.state {
            State::Running(rounds) => {
                let senders = rounds.senders(rounds.round());
                self.now.messages.len() + usize::from(senders.contains(rounds.me())) == senders.len()
            }
            State::Held(..) | State::Finished(_) | State::Dead(_) => false,
        }
    }

    /// Whoever echoes other broadcasts than we saw was told something else, or lies; nobody can be named unless it is the only peer.
    fn check_echoes(&mut self) -> Result<(), Error> {
        let unchecked = core::mem::take(&mut self.now.echoes);
        let Some((from, _)) = unchecked.iter().find(|(_, echo)| **echo != self.echo) else {
            return Ok(());
        };
        // In the first round there is nothing to echo, so that whoever does is making it up. Later it is between this participant and
        // the echoing one only if nobody else sent what is echoed.
        let named = match &self.state {
            State::Running(rounds) | State::Held(_, rounds, _) => match rounds.round().checked_sub(1) {
                None | Some(0) => true,
                Some(before) => rounds.senders(before).iter().all(|id| id == rounds.me() || id == *from),
            },
            State::Finished(_) | State::Dead(_) => false,
        };
        let culprits = if named { alloc::vec![*from] } else { Vec::new() };
        Err(Fault::new(FaultKind::Equivocation, culprits).into())
    }

    fn release(&mut self, rounds: &P, mut outbox: Outbox) {
        if rounds.senders(rounds.round()).contains(rounds.me()) {
            self.now.broadcasts.insert(rounds.me(), broadcast_digest(&outbox.broadcast));
        }
        let public = frame::public_part(P::PROTOCOL, rounds.round(), &self.context, &self.echo, &outbox.broadcast);
        for to in outbox.receivers {
            let (private, room) = outbox.private.remove(&to).map_or_else(Default::default, |private| (private, outbox.room));
            self.outgoing.push_back(OutgoingMessage { to, bytes: frame::around(&public, private, room) });
        }
    }
}

/// A value that must be durable before the machine says anything that depends on it.
#[must_use = "the machine waits until the value is stored"]
pub struct Pending<'m, P: Protocol> {
    machine: &'m mut Machine<P>,
}

impl<P: Protocol> core::fmt::Debug for Pending<'_, P> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Pending")
    }
}

impl<P: Protocol> Pending<'_, P> {
    /// The value to store.
    ///
    /// # Errors
    ///
    /// None in practice: a `Pending` exists only while the machine holds a value.
    pub const fn value(&self) -> Result<&P::Held, Error> {
        match &self.machine.state {
            State::Held(held, ..) => Ok(held),
            State::Running(_) | State::Finished(_) | State::Dead(_) => Err(Error::Bug("nothing is held")),
        }
    }

    /// Says that the value is durable: it survives a crash from now on. Only then the messages that depend on it leave.
    ///
    /// # Errors
    ///
    /// As [`Machine::handle`]: the others' messages may be here already, and one of them wrong.
    pub fn stored(self) -> Result<(), Error> {
        let machine = self.machine;
        let state = core::mem::replace(&mut machine.state, State::Dead(Error::Bug("storing was interrupted")));
        if let State::Held(_, rounds, outbox) = state {
            machine.release(&rounds, outbox);
            machine.state = State::Running(rounds);
        }
        machine.go_on().map_err(|error| machine.die(error))
    }
}
