//! The asynchronous shell around [`Endpoint`]: one task that moves datagrams and keeps time.
//!
//! [`Network`] is what the `quorate` crate drives its protocols over. All decisions are the endpoint's; this module only waits.

use core::{fmt, time::Duration};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use getrandom::SysRng;
use quorate_core::{PeerId, SessionId};
use tokio::{
    sync::{Notify, watch},
    task::JoinHandle,
    time::Instant,
};
use zeroize::Zeroizing;

use crate::{
    identity::Identity,
    link::LinkError,
    roster::Roster,
    session::{Channel, Counters, Endpoint, Event, Limits, SendError, Usage},
    wire::Wire,
};

/// The longest the driver sleeps, so that no clock arithmetic can make it sleep forever.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// Why the network does not serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// The message was not taken, or the session not opened.
    #[error(transparent)]
    Send(#[from] SendError),
    /// The network could not start.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The network was shut down, or its wire closed.
    #[error("the network is shut down")]
    Closed,
}

struct Shared {
    endpoint: Mutex<Endpoint<SysRng>>,
    started: Instant,
    deliver_within: Duration,
    /// Wakes the driver: there may be datagrams to send, or an earlier deadline.
    driver: Notify,
    readers: Mutex<BTreeMap<Channel, Arc<Notify>>>,
    /// Counts changes of reachability; says whether the network runs.
    changes: watch::Sender<u64>,
    running: watch::Sender<bool>,
}

impl Shared {
    fn endpoint(&self) -> MutexGuard<'_, Endpoint<SysRng>> {
        self.endpoint.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn readers(&self) -> MutexGuard<'_, BTreeMap<Channel, Arc<Notify>>> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    fn reader(&self, channel: Channel) -> Arc<Notify> {
        Arc::clone(self.readers().entry(channel).or_default())
    }

    fn wake(&self, channel: Channel) {
        if let Some(reader) = self.readers().get(&channel) {
            reader.notify_one();
        }
    }

    fn dispatch(&self, event: Event) {
        match event {
            Event::Connected { .. } | Event::Disconnected { .. } => {
                self.changes.send_modify(|changes| *changes = changes.wrapping_add(1))
            }
            Event::Readable { channel } => self.wake(channel),
            Event::Expired { session } => self.wake(Channel::Session(session)),
            // The session that it belongs to runs into its own deadline.
            Event::Undelivered { .. } => {}
        }
    }

    async fn next(&self, channel: Channel, reader: &Notify) -> Option<(PeerId, Zeroizing<Vec<u8>>)> {
        let mut running = self.running.subscribe();
        loop {
            let waiting = reader.notified();
            {
                let mut endpoint = self.endpoint();
                if let Some(message) = endpoint.next_message(channel) {
                    // There may be more, and another task may wait for it.
                    reader.notify_one();
                    return Some(message);
                }
                let over = match channel {
                    Channel::Session(session) => !endpoint.is_open(session),
                    Channel::Control => false,
                };
                if over || !*running.borrow_and_update() {
                    return None;
                }
            }
            tokio::select! {
                () = waiting => {}
                _stopped = running.changed() => {}
            }
        }
    }
}

/// All links and sessions of one cosigner over a wire.
pub struct Network {
    shared: Arc<Shared>,
    control: Arc<Notify>,
    driver: Mutex<Option<JoinHandle<()>>>,
}

impl Network {
    /// Starts to connect to all other cosigners of `roster`. Call it within a tokio runtime.
    ///
    /// # Errors
    ///
    /// [`NetworkError::Link`] if the roster does not list this identity or the system's generator of randomness fails.
    pub fn start(identity: Identity, roster: &Roster, wire: Arc<dyn Wire>) -> Result<Self, NetworkError> {
        Self::start_with(identity, roster, wire, Limits::default())
    }

    /// Starts with other limits than the default.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn start_with(identity: Identity, roster: &Roster, wire: Arc<dyn Wire>, limits: Limits) -> Result<Self, NetworkError> {
        let deliver_within = limits.deliver_within;
        let endpoint = Mutex::new(Endpoint::new(identity, roster, limits, SysRng)?);
        let shared = Arc::new(Shared {
            endpoint,
            started: Instant::now(),
            deliver_within,
            driver: Notify::new(),
            readers: Mutex::default(),
            changes: watch::Sender::new(0),
            running: watch::Sender::new(true),
        });
        let control = shared.reader(Channel::Control);
        let driver = tokio::spawn(drive(Arc::clone(&shared), wire));
        Ok(Self { shared, control, driver: Mutex::new(Some(driver)) })
    }

    /// Our own identity.
    #[must_use]
    pub fn peer_id(&self) -> PeerId {
        self.shared.endpoint().peer_id()
    }

    /// Takes a message of a session for a peer; it is resent until the peer has it, for at most two minutes.
    ///
    /// # Errors
    ///
    /// [`NetworkError::Send`]; [`SendError::Backpressure`] asks to wait and try again. [`NetworkError::Closed`] after a shutdown.
    pub fn send(&self, session: SessionId, to: PeerId, bytes: Vec<u8>) -> Result<(), NetworkError> {
        self.push(Channel::Session(session), to, bytes)
    }

    /// Takes a message outside of any session for a peer. An answer, if there is one, comes through [`next_control`](Self::next_control).
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn request(&self, to: PeerId, bytes: Vec<u8>) -> Result<(), NetworkError> {
        self.push(Channel::Control, to, bytes)
    }

    fn push(&self, channel: Channel, to: PeerId, bytes: Vec<u8>) -> Result<(), NetworkError> {
        let bytes = Zeroizing::new(bytes);
        if !*self.shared.running.borrow() {
            return Err(NetworkError::Closed);
        }
        let now = self.shared.now();
        let deadline = now.saturating_add(self.shared.deliver_within);
        self.shared.endpoint().send(channel, to, bytes, deadline, now)?;
        self.shared.driver.notify_one();
        Ok(())
    }

    /// Waits for the next message outside of any session; nothing after a shutdown.
    pub async fn next_control(&self) -> Option<(PeerId, Zeroizing<Vec<u8>>)> {
        self.shared.next(Channel::Control, &self.control).await
    }

    /// Opens a session for `within` from now. What came early for it is there already.
    ///
    /// # Errors
    ///
    /// [`SendError::SessionReused`] and [`SendError::TooManySessions`]; [`NetworkError::Closed`] after a shutdown.
    pub fn open(&self, session: SessionId, within: Duration) -> Result<Incoming, NetworkError> {
        if !*self.shared.running.borrow() {
            return Err(NetworkError::Closed);
        }
        let reader = self.shared.reader(Channel::Session(session));
        let deadline = self.shared.now().saturating_add(within);
        self.shared.endpoint().open(session, deadline)?;
        self.shared.driver.notify_one();
        Ok(Incoming { shared: Arc::clone(&self.shared), session, reader })
    }

    /// Whether there is a proven link with a peer that was heard lately.
    #[must_use]
    pub fn is_connected(&self, peer: PeerId) -> bool {
        self.shared.endpoint().is_connected(peer)
    }

    /// Which link with a peer there is; nothing if there is none. It is another one after every silence and every restart of the peer.
    #[must_use]
    pub fn link(&self, peer: PeerId) -> Option<u64> {
        self.shared.endpoint().link(peer)
    }

    /// Waits until there is a proven link with a peer; `false` after a shutdown. Set a time-out of your own.
    pub async fn connected(&self, peer: PeerId) -> bool {
        self.changed_to(|| self.is_connected(peer)).await
    }

    /// Waits until there is no link with a peer, or another one than this; `false` after a shutdown.
    pub async fn link_ended(&self, peer: PeerId, link: u64) -> bool {
        self.changed_to(|| self.link(peer) != Some(link)).await
    }

    async fn changed_to(&self, reached: impl Fn() -> bool + Send) -> bool {
        let (mut changes, mut running) = (self.shared.changes.subscribe(), self.shared.running.subscribe());
        loop {
            changes.mark_unchanged();
            if !*running.borrow_and_update() {
                return false;
            }
            if reached() {
                return true;
            }
            tokio::select! {
                _changed = changes.changed() => {}
                _stopped = running.changed() => {}
            }
        }
    }

    /// How long a message takes to a peer and its acknowledgement back; nothing where there is no link, or nothing was acknowledged yet.
    #[must_use]
    pub fn round_trip(&self, peer: PeerId) -> Option<Duration> {
        self.shared.endpoint().round_trip(peer)
    }

    /// What was dropped so far, and why.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.shared.endpoint().counters()
    }

    /// What is held at the moment.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.shared.endpoint().usage()
    }

    /// Ends all sessions and lets go of the wire. Messages that were not acknowledged are lost.
    pub async fn shutdown(&self) {
        self.shared.running.send_replace(false);
        let driver = self.driver.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(driver) = driver {
            // It ends by itself; a panic inside it has nothing more to break.
            let _ended = driver.await;
        }
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network").field("peer_id", &self.peer_id()).finish_non_exhaustive()
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.shared.running.send_replace(false);
    }
}

/// The messages of one open session. Dropping it closes the session.
pub struct Incoming {
    shared: Arc<Shared>,
    session: SessionId,
    reader: Arc<Notify>,
}

impl Incoming {
    /// Waits for the next message and gives it with the identity that sent it; nothing after the session's deadline or a shutdown.
    pub async fn recv(&mut self) -> Option<(PeerId, Zeroizing<Vec<u8>>)> {
        self.shared.next(Channel::Session(self.session), &self.reader).await
    }

    /// The next message, if one is there.
    pub fn try_recv(&mut self) -> Option<(PeerId, Zeroizing<Vec<u8>>)> {
        self.shared.endpoint().next_message(Channel::Session(self.session))
    }
}

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming").field("session", &self.session).finish_non_exhaustive()
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        self.shared.endpoint().close(self.session);
        self.shared.readers().remove(&Channel::Session(self.session));
    }
}

async fn drive(shared: Arc<Shared>, wire: Arc<dyn Wire>) {
    let mut running = shared.running.subscribe();
    while *running.borrow_and_update() {
        let (datagrams, events, wakeup) = step(&shared);
        events.into_iter().for_each(|event| shared.dispatch(event));
        for (to, datagram) in datagrams {
            // A wire that cannot carry it now will carry it again.
            let _dropped = wire.send(to, datagram).await;
        }
        let sleep = wakeup.saturating_sub(shared.now()).min(LONGEST_SLEEP);
        tokio::select! {
            received = wire.recv() => match received {
                Ok((hint, datagram)) => shared.endpoint().receive(hint, &datagram, shared.now()),
                Err(_closed) => break,
            },
            () = shared.driver.notified() => {}
            () = tokio::time::sleep(sleep) => {}
            _stopped = running.changed() => {}
        }
    }
    shared.running.send_replace(false);
}

type Work = (Vec<(PeerId, Vec<u8>)>, Vec<Event>, Duration);

fn step(shared: &Shared) -> Work {
    let mut endpoint = shared.endpoint();
    if endpoint.next_wakeup() <= shared.now() {
        endpoint.poll(shared.now());
    }
    let datagrams = core::iter::from_fn(|| endpoint.next_datagram()).collect();
    let events = core::iter::from_fn(|| endpoint.next_event()).collect();
    (datagrams, events, endpoint.next_wakeup())
}
