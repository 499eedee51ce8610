//! Datagrams over NATS: for cosigners that cannot reach each other, and for teams that one machine or one data centre cannot carry.
//!
//! ```text
//! subject   <subject>.<to>.<from>     "quorate", and two identities of 64 hexadecimal digits
//! payload   a chunk of a datagram     no longer than the server takes
//! ```
//!
//! A cosigner listens to its own inbox, `<subject>.<itself>.*`, and speaks into others' with its own identity as the last word, so that a
//! server can be told to let nobody speak in another's place or hear another's messages ([`permissions`]). Links need none of that: to them
//! the server and all its users are the way, and the way is hostile. The server's operator can delay and drop, and learns sizes, times and
//! who talks to whom; so does whoever breaks into it.
//!
//! The wire connects by itself, again and again, to one of the servers that it was given, and to none that a server names. What is sent
//! while there is no connection is dropped: sessions send again. It speaks the core of NATS's protocol and no more of it; what a server
//! sends is read within bounds (`protocol`).

mod chunks;
mod connection;
mod options;
pub mod permissions;
mod protocol;

use core::{
    fmt,
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
    time::Duration,
};
use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use getrandom::SysRng;
use quorate_core::PeerId;
use rand_core::TryRng as _;
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::{Instant, sleep},
};
use tokio_rustls::TlsConnector;

use crate::{
    link::MAX_DATAGRAM,
    roster::Roster,
    wire::{BoxFuture, RelayState, Wire, WireError},
};
use chunks::{Assemblies, MIN_PAYLOAD};
use connection::{Connection, Outgoing, Trouble};
pub use options::{DEFAULT_SUBJECT, NatsError, NatsOptions, check_subject};

/// Datagrams that wait for the connection; more are dropped.
const OUTBOX: usize = 256;
/// Datagrams of one peer that wait to be taken; more are dropped.
const INBOX: usize = 64;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What a NATS wire dropped, and why. Counters never go back and saturate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NatsCounters {
    /// Times that the server consented to a connection.
    pub connections: u64,
    /// Datagrams that were not sent: there was no connection, or too many waited for it.
    pub unsent: u64,
    /// Messages that are not of a peer on the roster, or not for us.
    pub foreign: u64,
    /// Payloads that no honest peer sends.
    pub malformed: u64,
    /// Datagrams that lost a chunk and made room for newer ones.
    pub incomplete: u64,
    /// Datagrams that were dropped because too many of the same peer waited to be taken.
    pub crowded: u64,
    /// Complaints of the server, mostly about permissions.
    pub complaints: u64,
}

/// What is known of a peer.
struct Peer {
    /// Where it hears us.
    subject: String,
    /// How many of its datagrams wait to be taken.
    waiting: AtomicUsize,
}

struct Shared {
    options: NatsOptions,
    connector: Option<TlsConnector>,
    /// Where we hear others.
    own_subject: String,
    peers: BTreeMap<PeerId, Peer>,
    /// Peers by the subjects that they speak to us on.
    speakers: BTreeMap<Vec<u8>, PeerId>,
    max_payload: AtomicUsize,
    next_number: AtomicU64,
    state: watch::Sender<RelayState>,
    counters: Mutex<NatsCounters>,
    inbox: mpsc::UnboundedSender<(PeerId, Vec<u8>)>,
}

impl Shared {
    fn count(&self, counter: impl FnOnce(&mut NatsCounters) -> &mut u64) {
        let mut counters = lock(&self.counters);
        let counter = counter(&mut counters);
        *counter = counter.saturating_add(1);
    }

    /// Takes note of what the server takes, and says whether that serves.
    fn limit(&self, max_payload: usize) -> bool {
        self.max_payload.store(max_payload.min(self.options.max_payload), Ordering::Relaxed);
        max_payload >= MIN_PAYLOAD
    }

    fn max_payload(&self) -> usize {
        self.max_payload.load(Ordering::Relaxed)
    }

    /// The number of the next datagram.
    fn next_number(&self) -> u64 {
        self.next_number.fetch_add(1, Ordering::Relaxed)
    }

    fn complaints(&self) -> u64 {
        lock(&self.counters).complaints
    }

    fn complained(&self, said: String) {
        self.count(|counters| &mut counters.complaints);
        self.troubled(said);
    }

    /// Says the same thing once.
    fn troubled(&self, trouble: String) {
        self.state.send_if_modified(|state| {
            let is_new = state.trouble.as_ref() != Some(&trouble);
            state.trouble = Some(trouble);
            is_new
        });
    }

    fn connected(&self, server: &str) {
        self.count(|counters| &mut counters.connections);
        self.state.send_modify(|state| {
            state.server = Some(server.to_owned());
            state.connections = state.connections.saturating_add(1);
        });
    }

    /// What a server said last is mostly why it broke off.
    fn lost(&self, error: &io::Error, complained: bool) {
        self.state.send_modify(|state| {
            let server = state.server.take().unwrap_or_default();
            let said = state.trouble.take().filter(|_| complained).map(|said| format!("; it had said: {said}"));
            state.trouble = Some(format!("lost {server}: {error}{}", said.unwrap_or_default()));
        });
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Puts together what comes over one connection.
struct Receiver<'a> {
    shared: &'a Shared,
    assemblies: Assemblies,
}

impl<'a> Receiver<'a> {
    fn new(shared: &'a Shared) -> Self {
        Self { shared, assemblies: Assemblies::default() }
    }

    fn malformed(&self) {
        self.shared.count(|counters| &mut counters.malformed);
    }

    fn receive(&mut self, subject: &[u8], payload: &[u8]) {
        let speaker = self.shared.speakers.get(subject);
        let Some((speaker, peer)) = speaker.and_then(|speaker| Some((*speaker, self.shared.peers.get(speaker)?))) else {
            return self.shared.count(|counters| &mut counters.foreign);
        };
        let taken = self.assemblies.take(speaker, payload);
        for _ in 0..core::mem::take(&mut self.assemblies.forgotten) {
            self.shared.count(|counters| &mut counters.incomplete);
        }
        match taken {
            Ok(None) => {}
            Err(chunks::Malformed) => self.malformed(),
            // Each peer has room of its own: nobody crowds out another.
            Ok(Some(_)) if peer.waiting.load(Ordering::Acquire) >= INBOX => self.shared.count(|counters| &mut counters.crowded),
            Ok(Some(datagram)) => {
                peer.waiting.fetch_add(1, Ordering::AcqRel);
                // It only fails when the wire is gone.
                let _gone = self.shared.inbox.send((speaker, datagram));
            }
        }
    }
}

/// Datagrams over NATS. Dropping it closes the connection.
pub struct NatsWire {
    shared: Arc<Shared>,
    queue: mpsc::Sender<Outgoing>,
    inbox: tokio::sync::Mutex<mpsc::UnboundedReceiver<(PeerId, Vec<u8>)>>,
    task: JoinHandle<()>,
}

impl fmt::Debug for NatsWire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsWire").field("options", &self.shared.options).field("connected", &self.is_connected()).finish()
    }
}

impl NatsWire {
    /// Connects the cosigner `local` to one of the servers, and stays connected. Servers that cannot be reached are tried again, also the first
    /// time. Call it within a tokio runtime.
    ///
    /// # Errors
    ///
    /// [`NatsError::Refused`] and [`NatsError::Untrusted`] of the last server, if none can be used and one of them said why, and what is wrong
    /// with the options.
    pub async fn start(local: PeerId, roster: &Roster, options: NatsOptions) -> Result<Self, NatsError> {
        let connector = options.connector()?;
        let others = || roster.iter().map(|cosigner| cosigner.identity).filter(|identity| *identity != local);
        let subject = &options.subject;
        let peer = |peer: PeerId| (peer, Peer { subject: format!("{subject}.{peer}.{local}"), waiting: AtomicUsize::new(0) });
        let peers = others().map(peer).collect();
        let speakers = others().map(|peer| (format!("{subject}.{local}.{peer}").into_bytes(), peer)).collect();
        let own_subject = format!("{subject}.{local}.*");
        let (sender, inbox) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            options,
            connector,
            own_subject,
            peers,
            speakers,
            max_payload: AtomicUsize::new(MIN_PAYLOAD),
            // Another start must not go on with the chunks of the last; a clash would cost one datagram.
            next_number: AtomicU64::new(SysRng.try_next_u64().unwrap_or_default()),
            state: watch::Sender::default(),
            counters: Mutex::default(),
            inbox: sender,
        });
        let connection = match connect_to_one(&shared, 0).await {
            Err(Trouble::Wrong(error)) => return Err(error),
            Err(Trouble::Away(_)) => None,
            Ok(connection) => Some(connection),
        };
        let (queue, waiting) = mpsc::channel(OUTBOX);
        let task = tokio::spawn(run(Arc::clone(&shared), waiting, connection));
        Ok(Self { shared, queue, inbox: tokio::sync::Mutex::new(inbox), task })
    }

    /// Whether there is a connection at the moment.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.shared.state.borrow().server.is_some()
    }

    /// What the last trouble was, for people.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        self.shared.state.borrow().trouble.clone()
    }

    /// How the connection is from now on. It ends with the wire.
    #[must_use]
    pub fn states(&self) -> watch::Receiver<RelayState> {
        self.shared.state.subscribe()
    }

    /// What was dropped so far, and why.
    #[must_use]
    pub fn counters(&self) -> NatsCounters {
        *lock(&self.shared.counters)
    }
}

impl Drop for NatsWire {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Wire for NatsWire {
    fn send(&self, to: PeerId, bytes: Vec<u8>) -> BoxFuture<'_, Result<(), WireError>> {
        Box::pin(async move {
            if bytes.is_empty() || bytes.len() > MAX_DATAGRAM {
                return Err(WireError::TooLong { limit: MAX_DATAGRAM });
            }
            let peer = self.shared.peers.get(&to).ok_or(WireError::UnknownPeer { peer: to })?;
            let outgoing = Outgoing { subject: peer.subject.clone(), datagram: bytes };
            if !self.is_connected() || self.queue.try_send(outgoing).is_err() {
                self.shared.count(|counters| &mut counters.unsent);
            }
            Ok(())
        })
    }

    fn recv(&self) -> BoxFuture<'_, Result<(PeerId, Vec<u8>), WireError>> {
        Box::pin(async move {
            let (from, datagram) = self.inbox.lock().await.recv().await.ok_or(WireError::Closed)?;
            if let Some(peer) = self.shared.peers.get(&from) {
                peer.waiting.fetch_sub(1, Ordering::AcqRel);
            }
            Ok((from, datagram))
        })
    }

    fn relay(&self) -> Option<RelayState> {
        Some(self.shared.state.borrow().clone())
    }
}

/// The first server that consents, of all from one place of the list on. What is wrong with one counts before that another is away.
async fn connect_to_one(shared: &Shared, first: usize) -> Result<Connection, Trouble> {
    let servers = &shared.options.servers;
    let mut trouble = Trouble::Wrong(NatsError::NoServer);
    for (server, tried) in servers.iter().cycle().skip(first).take(servers.len()).zip(0_usize..) {
        match connection::connect(shared, server).await {
            Ok(connection) => return Ok(connection),
            Err(Trouble::Away(_)) if tried > 0 && matches!(trouble, Trouble::Wrong(_)) => {}
            Err(Trouble::Away(error)) => trouble = Trouble::Away(io::Error::new(error.kind(), format!("{server}: {error}"))),
            Err(wrong @ Trouble::Wrong(_)) => trouble = wrong,
        }
    }
    shared.troubled(match &trouble {
        Trouble::Away(error) => error.to_string(),
        // What TLS found is in the source.
        Trouble::Wrong(error) => {
            core::error::Error::source(error).map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
        }
    });
    Err(trouble)
}

/// Keeps one connection: carries until it breaks, waits, connects again.
async fn run(shared: Arc<Shared>, mut queue: mpsc::Receiver<Outgoing>, mut connection: Option<Connection>) {
    let mut pause = FIRST_PAUSE;
    let mut first = 0_usize;
    loop {
        if let Some(connection) = connection.take() {
            // What was queued for the former connection is stale.
            while queue.try_recv().is_ok() {}
            shared.connected(connection.server());
            let (started, complaints) = (Instant::now(), shared.complaints());
            let broken = connection::carry(connection, &shared, &mut queue).await;
            shared.lost(&broken, shared.complaints() > complaints);
            // One that consents and then breaks off must not keep us from the others.
            first = first.saturating_add(1).checked_rem(shared.options.servers.len()).unwrap_or(0);
            if started.elapsed() > LONGEST_PAUSE {
                pause = FIRST_PAUSE;
            }
        }
        sleep(shortened(pause, SysRng.try_next_u32().unwrap_or_default())).await;
        pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
        connection = connect_to_one(&shared, first).await.ok();
    }
}

/// A pause, up to half shorter by chance: cosigners whose server died must not all come back at one moment.
fn shortened(pause: Duration, chance: u32) -> Duration {
    let half = pause.checked_div(2).unwrap_or(pause);
    let parts = u16::MAX;
    let off = half.checked_div(u32::from(parts)).unwrap_or_default().saturating_mul(chance & u32::from(parts));
    pause.saturating_sub(off)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pause_is_shortened_by_half_at_most() {
        assert_eq!(shortened(LONGEST_PAUSE, 0), LONGEST_PAUSE);
        let shortest = shortened(LONGEST_PAUSE, u32::MAX);
        assert!(shortest >= LONGEST_PAUSE / 2 && shortest < LONGEST_PAUSE * 51 / 100, "{shortest:?}");
    }
}
