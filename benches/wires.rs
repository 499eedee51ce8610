//! What a signature of a 2-of-3 cluster costs over each wire, next to its pure computation in the same run.
//!
//!     cargo bench -p quorate --features nats --bench wires -- [SAMPLES [AT_ONCE]]
//!
//! Three cosigners in this process, each with its own links, vault, audit log and policy; the wires are real: TCP over the loopback, and a
//! NATS server that is started for it (`scripts/services` installs one). SAMPLES signatures one at a time, each when the presignatures are
//! made again (default 40), then `AT_ONCE` at one time, round after round (default 16). Times are of the wall clock, medians.
//!
//! The last two columns count processor time, of all threads of this process, so that what else runs on the machine counts little: what a
//! signature takes when `AT_ONCE` are made at one time, presignature and all, and how much of it is the pure computation. Where processors
//! have nothing else to do, that is the share of the pure throughput that a saturated cluster reaches.

#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "a benchmark prints figures, and any error ends it"
)]

use core::{error::Error, time::Duration};
use std::{collections::BTreeMap, net::TcpListener, path::Path, sync::Arc, time::Instant};

use futures_util::future::join_all;
use quorate::{
    Cosigner, KeygenRequest, SignRequest,
    core::{
        Identifier, ParticipantSet, PeerId, Peers, Session, SessionId, SuiteId, Threshold, danger,
        derive::ChainCode,
        ecdsa::{Boot, EcdsaSecp256k1, OnlineSigning, Pairing, Pairings, Presigning, Request},
        frost::{Ed25519, Signing, Target},
        keys::KeyShare,
        machine::{Machine, Protocol},
        placement::{Exposure, Storage},
    },
    node::create_vault,
    payload::{AnyPayload, Message},
    policy::BuiltinPolicy,
    storage::{
        EpochKeys, Faults, FileEpochKeys, MemoryEpochKeys, MemoryStore, Passphrase, RedbStore, Store, kek::PassphraseParams,
    },
    transport::{
        Cosigner as Entry, Roster, Wire, WireError,
        wire::BoxFuture,
        wires::{
            NatsOptions, NatsWire,
            tcp::{TcpLimits, TcpWire},
        },
    },
};
use quorate_services::Nats;

type Outcome<T> = Result<T, Box<dyn Error>>;

const NAMES: [&str; 3] = ["alice", "bob", "carol"];
/// How many presignatures are kept, and how many are made at one time.
const DEPTH: usize = 64;
const BATCH: usize = 16;
/// One way; twice that is a round trip.
const FAR: Duration = Duration::from_millis(40);
const ECDSA: SuiteId = SuiteId::EcdsaSecp256k1;

fn main() -> Outcome<()> {
    let mut numbers = std::env::args().skip(1).filter_map(|argument| argument.parse::<usize>().ok());
    let (samples, at_once) = (numbers.next().unwrap_or(40), numbers.next().unwrap_or(16));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (pure, nats) = (Pure::measure(400)?, Nats::start());
    println!("pure computation of both signers, processor time: {pure:?}\n");
    println!(
        "{:<28} {:>10} {:>10} {:>10} {:>10} {:>10} {:>10}",
        "wire, stores, suite", "round trip", "median", "above pure", "per second", "processor", "of pure"
    );
    for far in [Duration::ZERO, FAR] {
        for wire in ["tcp", "nats"] {
            let place = Place { wire, far, disk: None, server: &nats };
            runtime.block_on(place.measure(samples, at_once, &pure))?;
        }
    }
    let directory = tempfile::tempdir()?;
    let place = Place { wire: "tcp", far: Duration::ZERO, disk: Some(directory.path()), server: &nats };
    runtime.block_on(place.measure(samples, at_once, &pure))
}

/// What a signature takes without links, vaults, audit and policies: both signers, one after the other, on one thread.
#[derive(Debug)]
struct Pure {
    ecdsa_presignature: Duration,
    ecdsa: Duration,
    ed25519: Duration,
}

impl Pure {
    fn measure(runs: usize) -> Outcome<Self> {
        let (one, two, signers) = (id(1), id(2), ParticipantSet::first(2)?);
        let ecdsa: Vec<Arc<KeyShare<EcdsaSecp256k1>>> = split()?;
        let boot = |id: Identifier| Boot::new(1, [id.to_u16().to_be_bytes()[1]; 16]);
        let session = fresh_session()?;
        let pair = BTreeMap::from([
            (one, Pairing::start(&session, one, [boot(one), boot(two)], &mut getrandom::SysRng)?),
            (two, Pairing::start(&session, two, [boot(two), boot(one)], &mut getrandom::SysRng)?),
        ]);
        let paired: Vec<_> = drive(pair)?.into_iter().map(Arc::new).collect();
        let pairings: Vec<Pairings> = [two, one].into_iter().zip(paired).map(|with| BTreeMap::from([with])).collect();
        let (request, frost) = (Request::new([7; 32]), split::<Ed25519>()?);
        // Each a sum over many: the processor's clock is read with the system's ticks.
        let mut ready = Vec::new();
        let ecdsa_presignature = each(runs.div_ceil(BATCH) * BATCH, || {
            for _ in 0..runs.div_ceil(BATCH) {
                let session = fresh_session()?;
                let presigning = [one, two].into_iter().zip(0_usize..).map(|(id, place)| {
                    let (share, pairings) = (&ecdsa[place], &pairings[place]);
                    Ok((id, Presigning::start(&session, share, &signers, pairings, BATCH, &mut getrandom::SysRng)?))
                });
                let made = drive(presigning.collect::<Outcome<BTreeMap<_, _>>>()?)?;
                let [first, second] = <[Vec<_>; 2]>::try_from(made).map_err(|_| "two signers")?;
                ready.extend(first.into_iter().zip(second));
            }
            Ok(())
        })?;
        let ecdsa = each(ready.len(), || {
            for (a, b) in core::mem::take(&mut ready) {
                let session = fresh_session()?;
                let (a, b) = (OnlineSigning::start(&session, a, &request)?, OnlineSigning::start(&session, b, &request)?);
                drive(BTreeMap::from([(one, a), (two, b)]))?;
            }
            Ok(())
        })?;
        let ed25519 = each(runs, || {
            for _ in 0..runs {
                let session = fresh_session()?;
                let signing = [one, two].into_iter().zip(&frost).map(|(id, share)| {
                    let (message, target) = (b"message", Target::default());
                    Ok((id, Signing::start(&session, share, &signers, message, &target, &mut getrandom::SysRng)?))
                });
                drive(signing.collect::<Outcome<BTreeMap<_, _>>>()?)?;
            }
            Ok(())
        })?;
        Ok(Self { ecdsa_presignature, ecdsa, ed25519 })
    }

    /// Between the request and the signature.
    const fn latency(&self, suite: SuiteId) -> Duration {
        if matches!(suite, ECDSA) { self.ecdsa } else { self.ed25519 }
    }

    /// All of a signature, the presignature included.
    fn whole(&self, suite: SuiteId) -> Duration {
        if suite == ECDSA { self.ecdsa + self.ecdsa_presignature } else { self.ed25519 }
    }
}

fn id(number: u16) -> Identifier {
    Identifier::new(number).expect("not zero")
}

fn split<C: quorate::core::curve::Curve>() -> Outcome<Vec<Arc<KeyShare<C>>>> {
    let placement = danger::unchecked_placement(Threshold::new(2, 3)?, ParticipantSet::first(3)?);
    let mut secret = zeroize::Zeroizing::new([0; 32]);
    secret[1] = 1;
    let shares = danger::split::<C>(&secret, ChainCode::new([0; 32]), &placement, &mut getrandom::SysRng)?;
    Ok(shares.into_iter().map(Arc::new).collect())
}

fn fresh_session() -> Outcome<Session> {
    let mut session = [0; 32];
    getrandom::fill(&mut session)?;
    let peers = Peers::new((1..=2).map(|number| (id(number), PeerId::new([number.to_be_bytes()[1]; 32]))))?;
    Ok(Session::new(SessionId::new(session), peers))
}

/// Drives machines against each other, and gives their outputs.
fn drive<P: Protocol>(mut machines: BTreeMap<Identifier, Machine<P>>) -> Outcome<Vec<P::Output>> {
    loop {
        let mut sent = Vec::new();
        for (from, machine) in &mut machines {
            while let Some(message) = machine.next_outgoing() {
                sent.push((*from, message));
            }
        }
        if sent.is_empty() {
            let outputs = machines.values_mut().map(|machine| machine.take_output().ok_or("a machine ended without a result"));
            return Ok(outputs.collect::<Result<_, _>>()?);
        }
        for (from, message) in sent {
            machines.get_mut(&message.to).ok_or("a message to a stranger")?.handle(from, &message.bytes)?;
        }
    }
}

/// The processor time of each of so many.
fn each(count: usize, work: impl FnOnce() -> Outcome<()>) -> Outcome<Duration> {
    let before = processor_time()?;
    work()?;
    Ok(processor_time()?.saturating_sub(before) / u32::try_from(count)?)
}

/// What all threads of this process have run so far.
fn processor_time() -> Outcome<Duration> {
    let mut nanoseconds = 0;
    for task in std::fs::read_dir("/proc/self/task")? {
        let text = std::fs::read_to_string(task?.path().join("schedstat"))?;
        nanoseconds += text.split_whitespace().next().ok_or("no time in schedstat")?.parse::<u64>()?;
    }
    Ok(Duration::from_nanos(nanoseconds))
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// Where three cosigners are.
struct Place<'a> {
    wire: &'static str,
    far: Duration,
    disk: Option<&'a Path>,
    server: &'a Nats,
}

impl Place<'_> {
    async fn measure(&self, samples: usize, at_once: usize, pure: &Pure) -> Outcome<()> {
        let team = self.team().await?;
        team[0].keygen(KeygenRequest::new("bench", [ECDSA, SuiteId::Ed25519], 2)).await?;
        for suite in [ECDSA, SuiteId::Ed25519] {
            let median = self.one_at_a_time(&team[0], suite, samples).await?;
            let (rate, processor) = self.saturated(&team[0], suite, at_once).await?;
            let of_pure = pure.whole(suite).as_secs_f64() / processor.as_secs_f64();
            let above = median.saturating_sub(pure.latency(suite));
            let stores = if self.disk.is_some() { "redb on disk" } else { "in memory" };
            let suite = if suite == ECDSA { "ecdsa" } else { "ed25519" };
            let round_trip = team[0].health().peers.iter().find(|peer| peer.name == "bob").and_then(|bob| bob.round_trip);
            println!(
                "{:<28} {:>7.1} ms {:>7.2} ms {:>7.2} ms {rate:>10.0} {:>7.2} ms {:>8.0} %",
                format!("{}, {stores}, {suite}", self.wire),
                millis(round_trip.unwrap_or_default()),
                millis(median),
                millis(above),
                millis(processor),
                of_pure * 100.0
            );
        }
        for cosigner in team {
            cosigner.shutdown().await;
        }
        Ok(())
    }

    /// The median of signatures each of which finds the presignatures made again.
    async fn one_at_a_time(&self, alice: &Cosigner, suite: SuiteId, samples: usize) -> Outcome<Duration> {
        // The first one says that presignatures are wanted, and pairs the signers.
        sign(alice, suite, 0).await?;
        let mut times = Vec::new();
        for number in 1..=samples {
            let since = Instant::now();
            while suite == ECDSA && alice.health().presignatures < DEPTH && since.elapsed() < Duration::from_secs(20) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            // Until what was begun in the background is over.
            tokio::time::sleep(Duration::from_millis(5)).await;
            let start = Instant::now();
            sign(alice, suite, number).await?;
            times.push(start.elapsed());
        }
        Ok(median(times))
    }

    /// Signatures per second, so many at one time, and the processor time of each.
    async fn saturated(&self, alice: &Cosigner, suite: SuiteId, at_once: usize) -> Outcome<(f64, Duration)> {
        let (rounds, start, before) = (if self.far.is_zero() { 20 } else { 5 }, Instant::now(), processor_time()?);
        let one = async |line: usize| -> Outcome<()> {
            for round in 0..rounds {
                sign(alice, suite, 1_000_000 + line * rounds + round).await?;
            }
            Ok(())
        };
        for done in join_all((0..at_once).map(one)).await {
            done?;
        }
        let signatures = at_once * rounds;
        let processor = processor_time()?.saturating_sub(before) / u32::try_from(signatures)?;
        Ok((signatures as f64 / start.elapsed().as_secs_f64(), processor))
    }

    async fn team(&self) -> Outcome<Vec<Cosigner>> {
        let mut vaults = Vec::new();
        for name in NAMES {
            let disk = self.disk.map(|disk| disk.join(name));
            let store: Arc<dyn Store> = match &disk {
                Some(disk) => Arc::new(RedbStore::open(disk)?),
                None => Arc::new(MemoryStore::new(Faults::none())),
            };
            let epoch_keys: Arc<dyn EpochKeys> = match &disk {
                Some(disk) => Arc::new(FileEpochKeys::open(disk)?),
                None => Arc::new(MemoryEpochKeys::default()),
            };
            let kek = Passphrase::create(&store, "bench".to_owned().into(), PassphraseParams::insecure_fast()).await?;
            vaults.push((name, create_vault(store, epoch_keys, Arc::new(kek)).await?));
        }
        // All of them at one time, or two might get the same.
        let listeners = NAMES.iter().map(|_| TcpListener::bind("127.0.0.1:0")).collect::<Result<Vec<_>, _>>()?;
        let mut entries = Vec::new();
        for ((name, vault), listener) in vaults.iter().zip(&listeners) {
            entries.push(Entry::new(*name, *vault.cosigner(), listener.local_addr()?.to_string()));
        }
        drop(listeners);
        let roster = Roster::new(entries)?;
        let mut team = Vec::new();
        for (name, vault) in vaults {
            let wire = self.start_wire(name, *vault.cosigner(), &roster).await?;
            let builder = Cosigner::builder(name, roster.clone(), wire, vault, exposure(name)?).presignatures(DEPTH);
            team.push(builder.policy(Arc::new(BuiltinPolicy::documents())).start().await?);
        }
        for cosigner in &team {
            if !cosigner.connected(Duration::from_secs(20)).await {
                return Err("no links".into());
            }
        }
        Ok(team)
    }

    async fn start_wire(&self, name: &str, me: PeerId, roster: &Roster) -> Outcome<Arc<dyn Wire>> {
        let address = roster.peer(name).ok_or("not on the roster")?.address.clone();
        let wire: Arc<dyn Wire> = if self.wire == "tcp" {
            Arc::new(TcpWire::start(me, &address, roster, TcpLimits::default()).await?)
        } else {
            Arc::new(NatsWire::start(me, roster, NatsOptions::new(&[self.server.url()])?).await?)
        };
        Ok(if self.far.is_zero() { wire } else { Arc::new(Late { wire, by: self.far }) })
    }
}

fn exposure(name: &str) -> Outcome<Exposure> {
    let storage = Storage::new(format!("cloud-{name}/disk").parse()?, [format!("{name}/passphrase").parse()?])?;
    Ok(Exposure::new(name.parse()?, format!("cloud-{name}/vm").parse()?, storage))
}

async fn sign(alice: &Cosigner, suite: SuiteId, number: usize) -> Outcome<()> {
    let payload = AnyPayload::new(Message::new(format!("message {number}"))?);
    alice.sign(SignRequest::new("bench", payload).suite(suite).signers(["bob".to_owned()])).await?;
    Ok(())
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// A wire on which everything arrives so much later.
struct Late {
    wire: Arc<dyn Wire>,
    by: Duration,
}

impl Wire for Late {
    fn send(&self, to: PeerId, bytes: Vec<u8>) -> BoxFuture<'_, Result<(), WireError>> {
        let (wire, by) = (Arc::clone(&self.wire), self.by);
        drop(tokio::spawn(async move {
            tokio::time::sleep(by).await;
            // What a wire drops is sent again.
            drop(wire.send(to, bytes).await);
        }));
        Box::pin(async { Ok(()) })
    }

    fn recv(&self) -> BoxFuture<'_, Result<(PeerId, Vec<u8>), WireError>> {
        self.wire.recv()
    }
}
