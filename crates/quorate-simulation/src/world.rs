//! The cosigners of a run: their stores, which outlive them, and the wire between them.

use core::time::Duration;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, atomic::AtomicU64},
};

use quorate::{
    Clock, Cosigner,
    core::{
        PeerId,
        placement::{Exposure, Storage},
    },
    node::create_vault,
    policy::BuiltinPolicy,
    storage::{Faults as StoreFaults, MemoryEpochKeys, MemoryStore, Passphrase, Store, Vault, kek::PassphraseParams},
    transport::{
        Cosigner as Entry, Roster,
        wires::memory::{Faults, Hub},
    },
};
use tokio::time::Instant;

use crate::{
    gate::{Fault, Gate, GatedKeys, GatedStore, GatedWire},
    trace::Trace,
};

pub(crate) const NAMES: [&str; 7] = ["alice", "bob", "carol", "dave", "erin", "frank", "grace"];
/// How long a ceremony may take.
pub(crate) const DEADLINE: Duration = Duration::from_secs(4);
/// No call takes longer than this, whatever fails.
pub(crate) const LIMIT: Duration = Duration::from_secs(300);
pub(crate) const PASSPHRASE: &str = "x";

/// What a run cannot go on without.
pub(crate) type Fatal = Box<dyn core::error::Error>;

/// One cosigner, whether it runs or not.
pub(crate) struct Node {
    pub(crate) peer: PeerId,
    pub(crate) records: Arc<MemoryStore>,
    pub(crate) keys: Arc<MemoryEpochKeys>,
    /// Looks at what is durable, past every fault.
    pub(crate) vault: Vault,
    pub(crate) running: Option<Running>,
    /// Its store went back to an older copy at some time.
    pub(crate) lost: bool,
    /// Its operator had it rejoin since; whoever sees an alarm about it may accept it.
    pub(crate) rejoined: bool,
    /// An older copy of its store.
    pub(crate) copy: Option<MemoryStore>,
    /// Every copy that was ever made of its store: whoever made them has them to the end.
    pub(crate) copies: Vec<MemoryStore>,
    pub(crate) time: Time,
    /// The presignatures and nonces that its earlier starts used.
    pub(crate) used: BTreeSet<Vec<u8>>,
}

/// How a cosigner's clock goes wrong.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Time {
    /// By how many seconds it is wrong at the beginning.
    pub(crate) ahead: i64,
    /// How many seconds it shows in a hundred.
    pub(crate) pace: u64,
}

/// One start of a cosigner.
#[derive(Clone)]
pub(crate) struct Running {
    pub(crate) cosigner: Arc<Cosigner>,
    pub(crate) gate: Arc<Gate>,
}

/// See the module.
pub(crate) struct World {
    pub(crate) hub: Hub,
    pub(crate) roster: Roster,
    pub(crate) nodes: Vec<Node>,
    pub(crate) trace: Trace,
    /// The longest time that a datagram and an operation of a store take, in milliseconds.
    slow: (u64, u64),
    /// How many presignatures each cosigner makes ahead.
    depth: usize,
    entropy: u64,
    began: Instant,
    /// How many operations of stores failed, or killed, as planned.
    pub(crate) hits: Arc<AtomicU64>,
}

fn exposure(index: usize) -> Result<Exposure, Fatal> {
    let name = NAMES[index];
    let storage = Storage::new(format!("{name}-cloud/disk").parse()?, [format!("{name}/passphrase").parse()?])?;
    Ok(Exposure::new(name.parse()?, format!("{name}-cloud/vm").parse()?, storage))
}

/// A copy of a store.
pub(crate) fn copied(store: &MemoryStore) -> MemoryStore {
    let copy = MemoryStore::new(StoreFaults::none());
    store.dump().into_iter().for_each(|(name, value)| copy.tamper(&name, value));
    copy
}

impl World {
    pub(crate) async fn new(times: &[Time], slow: (u64, u64), entropy: u64, depth: usize) -> Result<Self, Fatal> {
        let mut nodes = Vec::new();
        for time in times.iter().copied() {
            let (records, keys) = (Arc::new(MemoryStore::new(StoreFaults::none())), Arc::new(MemoryEpochKeys::default()));
            let store: Arc<dyn Store> = records.clone();
            let kek = Passphrase::create(&store, PASSPHRASE.to_owned().into(), PassphraseParams::insecure_fast()).await?;
            let vault = create_vault(store, keys.clone(), Arc::new(kek)).await?;
            let peer = *vault.cosigner();
            let (copy, copies, used) = (None, Vec::new(), BTreeSet::new());
            nodes.push(Node {
                peer,
                records,
                keys,
                vault,
                running: None,
                lost: false,
                rejoined: false,
                copy,
                copies,
                time,
                used,
            });
        }
        let entry = |(index, node): (usize, &Node)| Entry::new(NAMES[index], node.peer, format!("127.0.0.1:{}", 7001 + index));
        let roster = Roster::new(nodes.iter().enumerate().map(entry))?;
        let hub = Hub::new(entropy, Faults::NONE);
        let hits = Arc::new(AtomicU64::new(0));
        Ok(Self { hub, roster, nodes, trace: Trace::new(), slow, depth, entropy, began: Instant::now(), hits })
    }

    /// Starts a cosigner from its store; it may die of `fault` while it starts.
    pub(crate) async fn start(&mut self, index: usize, fault: Option<Fault>) {
        self.entropy = self.entropy.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        let gate = Gate::new(self.entropy, self.slow, Arc::clone(&self.hits));
        if let Some(fault) = fault {
            gate.plan(fault);
        }
        let started = tokio::time::timeout(LIMIT, self.boot(index, &gate)).await;
        let name = NAMES[index];
        match started {
            Ok(Ok(cosigner)) => {
                self.nodes[index].running = Some(Running { cosigner: Arc::new(cosigner), gate });
                self.reap().await;
            }
            Ok(Err(error)) => {
                let planned = fault.is_some();
                gate.kill();
                if planned {
                    self.trace.saw(&format!("{name} does not start: {error}"));
                } else {
                    self.trace.violation(format!("{name} does not start: {}", chain(&*error)));
                }
            }
            Err(_elapsed) => self.trace.violation(format!("the start of {name} hangs")),
        }
    }

    async fn boot(&self, index: usize, gate: &Arc<Gate>) -> Result<Cosigner, Fatal> {
        let node = &self.nodes[index];
        let store: Arc<dyn Store> = Arc::new(GatedStore(Arc::clone(&node.records), Arc::clone(gate)));
        let keys = Arc::new(GatedKeys(Arc::clone(&node.keys), Arc::clone(gate), store.location().clone()));
        let kek = Passphrase::open(&store, PASSPHRASE.to_owned().into()).await?;
        let vault = Vault::open(store, keys, Arc::new(kek)).await?;
        let wire = Arc::new(GatedWire(Arc::new(self.hub.wire(node.peer)), Arc::clone(gate)));
        let began = self.began;
        let Time { ahead, pace } = node.time;
        let clock = Clock::new(move || 1_795_400_000_u64.saturating_add_signed(ahead) + began.elapsed().as_secs() * pace / 100);
        let builder = Cosigner::builder(NAMES[index], self.roster.clone(), wire, vault, exposure(index)?);
        let builder = builder.policy(Arc::new(BuiltinPolicy::documents())).deadline(DEADLINE).clock(clock);
        let builder = builder.presignatures(self.depth);
        Ok(builder.start().await?)
    }

    /// Stops a cosigner as its operator would.
    pub(crate) async fn stop(&mut self, index: usize) {
        if let Some(running) = self.nodes[index].running.take() {
            self.end(index, running).await;
        }
    }

    /// Puts away those that crashed.
    pub(crate) async fn reap(&mut self) {
        for index in 0..self.nodes.len() {
            if let Some(running) = self.nodes[index].running.take_if(|running| running.gate.is_dead()) {
                self.trace.saw(&format!("{} has crashed", NAMES[index]));
                self.end(index, running).await;
            }
        }
    }

    async fn end(&mut self, index: usize, running: Running) {
        let Running { cosigner, gate } = running;
        self.use_up(index, &cosigner);
        match Arc::try_unwrap(cosigner) {
            Ok(cosigner) => {
                if tokio::time::timeout(LIMIT, cosigner.shutdown()).await.is_err() {
                    self.trace.violation(format!("the shutdown of {} hangs", NAMES[index]));
                }
            }
            Err(_shared) => self.trace.violation("the simulation holds a cosigner that it stops".to_owned()),
        }
        gate.kill();
    }

    /// Looks that nothing that a start used had been used before, in it or by any earlier one.
    fn use_up(&mut self, index: usize, cosigner: &Cosigner) {
        let (presignatures, nonces) = cosigner.used_once();
        for once in presignatures.iter().map(|id| id.to_vec()).chain(nonces) {
            if !self.nodes[index].used.insert(once) {
                self.trace.violation(format!("{} uses a presignature or a nonce twice", NAMES[index]));
            }
        }
    }

    /// Copies a store as it is now.
    pub(crate) fn copy(&mut self, index: usize) {
        let node = &mut self.nodes[index];
        node.copies.push(copied(&node.records));
    }

    /// Puts the store of a stopped cosigner back to its copy.
    pub(crate) async fn restore(&mut self, index: usize) -> Result<(), Fatal> {
        let node = &mut self.nodes[index];
        let Some(copy) = node.copy.take() else { return Ok(()) };
        node.records = Arc::new(copy);
        let store: Arc<dyn Store> = node.records.clone();
        let kek = Arc::new(Passphrase::open(&store, PASSPHRASE.to_owned().into()).await?);
        node.vault = Vault::open(store, node.keys.clone(), kek).await?;
        (node.lost, node.rejoined) = (true, false);
        Ok(())
    }

    pub(crate) fn cosigner(&self, index: usize) -> Option<Running> {
        self.nodes.get(index)?.running.clone()
    }

    pub(crate) fn is_up(&self, index: usize) -> bool {
        self.nodes[index].running.is_some()
    }

    pub(crate) fn index_of(&self, peer: PeerId) -> Option<usize> {
        self.nodes.iter().position(|node| node.peer == peer)
    }

    /// Ends everything that was done to the network.
    pub(crate) fn heal(&self) {
        for (index, one) in self.nodes.iter().enumerate() {
            self.nodes.iter().skip(index + 1).for_each(|other| self.hub.heal(one.peer, other.peer));
        }
        self.hub.set_faults(Faults::NONE);
    }

    /// What every store holds of a key.
    pub(crate) async fn holdings(&self, key_id: &[u8; 32]) -> BTreeMap<usize, Holding> {
        let mut found = BTreeMap::new();
        for (index, node) in self.nodes.iter().enumerate() {
            let Ok(summary) = node.vault.summary(key_id).await else { continue };
            let keys = node.keys.dump();
            let epoch_keys = keys.iter().filter(|(id, _)| id.key_id() == key_id).map(|(id, _)| id.epoch()).collect();
            let pending = summary.pending.iter().map(|slot| slot.epoch).collect();
            let active = summary.active.map(|slot| slot.epoch);
            found.insert(index, Holding { active, pending, highest: summary.highest_epoch, epoch_keys });
        }
        found
    }
}

/// What a store holds of a key: epochs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Holding {
    pub(crate) active: Option<u64>,
    pub(crate) pending: Vec<u64>,
    pub(crate) highest: u64,
    pub(crate) epoch_keys: Vec<u64>,
}

impl Holding {
    /// Pending shares and epoch keys. An epoch key above all that the record knows is of an attempt that ended before there was a share to
    /// open with it: it opens nothing.
    pub(crate) fn kept(&self) -> impl Iterator<Item = u64> + '_ {
        let keys = self.epoch_keys.iter().filter(|epoch| **epoch <= self.highest);
        self.pending.iter().chain(keys).copied()
    }

    /// The shares that can be opened.
    pub(crate) fn open(&self) -> impl Iterator<Item = u64> + '_ {
        self.active.iter().chain(&self.pending).copied().filter(|epoch| self.epoch_keys.contains(epoch))
    }
}

/// An error with all that is behind it.
pub(crate) fn chain(error: &dyn core::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}
