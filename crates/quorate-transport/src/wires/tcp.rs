//! Datagrams over TCP: the wire that needs nothing but addresses.
//!
//! ```text
//! hello   "QRT1" peer-id(32)            once, by the side that dialled; an untrusted hint
//! frame   length(4) datagram            either way, 1 to 61,440 bytes, checked before anything is allocated
//! ```
//!
//! Each cosigner dials every other one at its roster address and sends over that connection; where it cannot dial, it sends over the
//! newest connection that claims to come from the peer, so that a cosigner behind a router needs no open port. Because nothing here
//! is authenticated, an accepted connection never displaces a dialled one. Whatever is full drops: sessions send again.

mod connection;

use core::{
    fmt,
    net::{IpAddr, SocketAddr},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use std::{
    collections::{BTreeMap, VecDeque},
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use quorate_core::PeerId;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::{AbortHandle, JoinHandle},
};

use crate::{
    link::MAX_DATAGRAM,
    roster::Roster,
    wire::{BoxFuture, Wire, WireError},
};

const INBOX: usize = 1024;
const OUTBOX: usize = 256;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// How much a TCP wire takes from strangers, and how long it waits.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TcpLimits {
    /// Accepted connections at one time.
    pub connections: usize,
    /// Accepted connections from one network address.
    pub connections_per_address: usize,
    /// Accepted connections that claim to be one peer; the oldest makes room.
    pub connections_per_peer: usize,
    /// How long a connection may take to be made, and to say hello.
    pub hello_within: Duration,
    /// How long a frame may take from its first byte to its last.
    pub frame_within: Duration,
    /// How long an accepted connection may be silent.
    pub silent_for: Duration,
}

impl Default for TcpLimits {
    fn default() -> Self {
        Self {
            connections: 1024,
            connections_per_address: 64,
            connections_per_peer: 4,
            hello_within: Duration::from_secs(5),
            frame_within: Duration::from_secs(30),
            silent_for: Duration::from_secs(60),
        }
    }
}

/// What we dial with.
struct Dialled {
    address: String,
    queue: mpsc::Sender<Vec<u8>>,
    connected: Arc<AtomicBool>,
}

struct Accepted {
    queue: mpsc::Sender<Vec<u8>>,
    task: AbortHandle,
    number: u64,
}

#[derive(Default)]
struct Strangers {
    next: u64,
    by_address: BTreeMap<IpAddr, usize>,
    by_peer: BTreeMap<PeerId, VecDeque<Accepted>>,
}

struct Shared {
    local: PeerId,
    limits: TcpLimits,
    dialled: BTreeMap<PeerId, Dialled>,
    strangers: Mutex<Strangers>,
    inbox: mpsc::Sender<(PeerId, Vec<u8>)>,
}

impl Shared {
    fn strangers(&self) -> MutexGuard<'_, Strangers> {
        self.strangers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Datagrams over TCP. Dropping it closes every connection and frees the port.
pub struct TcpWire {
    shared: Arc<Shared>,
    inbox: tokio::sync::Mutex<mpsc::Receiver<(PeerId, Vec<u8>)>>,
    tasks: Vec<JoinHandle<()>>,
    listening: SocketAddr,
}

impl fmt::Debug for TcpWire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpWire").field("listening", &self.listening).finish_non_exhaustive()
    }
}

impl TcpWire {
    /// Listens on `listen` and starts to dial every other cosigner of `roster`. Call it within a tokio runtime.
    ///
    /// # Errors
    ///
    /// [`WireError::AddressInUse`] or [`WireError::Listen`], which name the address and what to do.
    pub async fn start(local: PeerId, listen: &str, roster: &Roster, limits: TcpLimits) -> Result<Self, WireError> {
        let address = || listen.to_owned();
        let listener = TcpListener::bind(listen).await.map_err(|source| match source.kind() == io::ErrorKind::AddrInUse {
            true => WireError::AddressInUse { address: address() },
            false => WireError::Listen { address: address(), source },
        })?;
        let listening = listener.local_addr().map_err(|source| WireError::Listen { address: address(), source })?;
        let (sender, inbox) = mpsc::channel(INBOX);
        let (mut dialled, mut queues) = (BTreeMap::new(), Vec::new());
        for cosigner in roster.iter().filter(|cosigner| cosigner.identity != local) {
            let (queue, waiting) = mpsc::channel(OUTBOX);
            let connected = Arc::new(AtomicBool::new(false));
            dialled.insert(cosigner.identity, Dialled { address: cosigner.address.clone(), queue, connected });
            // Without an address it dials, and we do not.
            if !cosigner.address.is_empty() {
                queues.push((cosigner.identity, waiting));
            }
        }
        let shared = Arc::new(Shared { local, limits, dialled, strangers: Mutex::default(), inbox: sender });
        let mut tasks: Vec<_> =
            queues.into_iter().map(|(peer, queue)| tokio::spawn(dial(Arc::clone(&shared), peer, queue))).collect();
        tasks.push(tokio::spawn(listen_on(Arc::clone(&shared), listener)));
        Ok(Self { shared, inbox: tokio::sync::Mutex::new(inbox), tasks, listening })
    }

    /// The address that the wire listens on, with the port that the system chose where port 0 was asked for.
    #[must_use]
    pub const fn listening(&self) -> SocketAddr {
        self.listening
    }

    /// How many accepted connections are open.
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.shared.strangers().by_address.values().sum()
    }
}

impl Drop for TcpWire {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
        let accepted = core::mem::take(&mut self.shared.strangers().by_peer);
        accepted.into_values().flatten().for_each(|accepted| accepted.task.abort());
    }
}

impl Wire for TcpWire {
    fn send(&self, to: PeerId, bytes: Vec<u8>) -> BoxFuture<'_, Result<(), WireError>> {
        Box::pin(async move {
            if bytes.is_empty() || bytes.len() > MAX_DATAGRAM {
                return Err(WireError::TooLong { limit: MAX_DATAGRAM });
            }
            let dialled = self.shared.dialled.get(&to).ok_or(WireError::UnknownPeer { peer: to })?;
            let queue = match dialled.connected.load(Ordering::Acquire) {
                true => Some(dialled.queue.clone()),
                false => {
                    let strangers = self.shared.strangers();
                    strangers.by_peer.get(&to).and_then(VecDeque::back).map(|accepted| accepted.queue.clone())
                }
            };
            // A full queue drops, and so does no connection: the contract of a wire.
            let _dropped = queue.map(|queue| queue.try_send(bytes));
            Ok(())
        })
    }

    fn recv(&self) -> BoxFuture<'_, Result<(PeerId, Vec<u8>), WireError>> {
        Box::pin(async move { self.inbox.lock().await.recv().await.ok_or(WireError::Closed) })
    }
}

/// Keeps one connection to a peer: dials, carries until it breaks, waits, dials again.
async fn dial(shared: Arc<Shared>, peer: PeerId, mut queue: mpsc::Receiver<Vec<u8>>) {
    let Some(dialled) = shared.dialled.get(&peer) else { return };
    let mut pause = FIRST_PAUSE;
    loop {
        let connecting = tokio::time::timeout(shared.limits.hello_within, TcpStream::connect(&dialled.address)).await;
        if let Ok(Ok(stream)) = connecting
            && connection::say_hello(&stream, shared.local).await.is_ok()
        {
            // What was queued for the former connection is stale.
            while queue.try_recv().is_ok() {}
            dialled.connected.store(true, Ordering::Release);
            let started = tokio::time::Instant::now();
            connection::carry(stream, peer, &mut queue, &shared.inbox, &shared.limits, None).await;
            dialled.connected.store(false, Ordering::Release);
            if started.elapsed() > LONGEST_PAUSE {
                pause = FIRST_PAUSE;
            }
        }
        tokio::time::sleep(pause).await;
        pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
    }
}

async fn listen_on(shared: Arc<Shared>, listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, from)) => admit(&shared, stream, from.ip()),
            // Out of file descriptors, mostly: wait until some are free.
            Err(_) => tokio::time::sleep(FIRST_PAUSE).await,
        }
    }
}

/// Takes a connection if there is room for it; otherwise it closes by being dropped.
fn admit(shared: &Arc<Shared>, stream: TcpStream, from: IpAddr) {
    let mut strangers = shared.strangers();
    let total: usize = strangers.by_address.values().sum();
    let count = strangers.by_address.entry(from).or_default();
    if total >= shared.limits.connections || *count >= shared.limits.connections_per_address {
        return;
    }
    *count = count.saturating_add(1);
    let number = strangers.next;
    strangers.next = number.saturating_add(1);
    drop(strangers);
    let place = Place { shared: Arc::downgrade(shared), from, number };
    drop(tokio::spawn(serve(Arc::clone(shared), stream, place)));
}

/// The room that one accepted connection takes; gives it back however its task ends.
struct Place {
    shared: std::sync::Weak<Shared>,
    from: IpAddr,
    number: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(shared) = self.shared.upgrade() else { return };
        let mut strangers = shared.strangers();
        if let Some(count) = strangers.by_address.get_mut(&self.from) {
            *count = count.saturating_sub(1);
        }
        strangers.by_address.retain(|_, count| *count > 0);
        strangers.by_peer.values_mut().for_each(|accepted| accepted.retain(|accepted| accepted.number != self.number));
    }
}

async fn serve(shared: Arc<Shared>, stream: TcpStream, place: Place) {
    let hello = tokio::time::timeout(shared.limits.hello_within, connection::hear_hello(&stream)).await;
    let Ok(Ok(peer)) = hello else { return };
    if !shared.dialled.contains_key(&peer) {
        return;
    }
    let (queue, mut waiting) = mpsc::channel(OUTBOX);
    let (number, limits, inbox) = (place.number, shared.limits.clone(), shared.inbox.clone());
    let silent_for = Some(limits.silent_for);
    let carrying = async move {
        connection::carry(stream, peer, &mut waiting, &inbox, &limits, silent_for).await;
        drop(place);
    };
    let mut strangers = shared.strangers();
    let task = tokio::spawn(carrying).abort_handle();
    let accepted = strangers.by_peer.entry(peer).or_default();
    accepted.push_back(Accepted { queue, task, number });
    let oldest = if accepted.len() > shared.limits.connections_per_peer { accepted.pop_front() } else { None };
    drop(strangers);
    if let Some(oldest) = oldest {
        oldest.task.abort();
    }
}
