//! What the life of many keys costs: a refresh per key next to its pure computation, ceremonies over memory and TCP loopback, and the
//! start of a cosigner that holds many keys.
//!
//!     cargo bench -p quorate --bench life -- [KEYS [HELD]]
//!
//! KEYS keys are refreshed in one ceremony (default 1,000), HELD keys are in the vault of the start (default 100,000). Everything is in
//! memory but for the start, which is shown in memory and says so; times are of the wall clock, with all three cosigners in this process.

#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "a benchmark prints figures, and any error ends it"
)]

use core::{error::Error, time::Duration};
use std::{collections::BTreeMap, net::TcpListener, sync::Arc, time::Instant};

use futures_util::future::join_all;
use quorate::{
    Cosigner, KeygenRequest, ReshareRequest,
    core::{
        Identifier, ParticipantSet, PeerId, Peers, Session, SessionId, SuiteId, Threshold, danger,
        derive::ChainCode,
        frost::Ed25519,
        keygen::Keygen,
        keys::KeyShare,
        machine::{Machine, Protocol},
        placement::{Exposure, Storage},
        reshare::{NewEpoch, Outcome, Reshare},
    },
    node::create_vault,
    policy::BuiltinPolicy,
    storage::{
        Faults as StoreFaults, MemoryEpochKeys, MemoryStore, Passphrase, Record, Store, Vault, kek::PassphraseParams,
        vault::KeyRef,
    },
    transport::{
        Cosigner as Entry, Roster, Wire,
        wires::{
            memory::{Faults, Hub},
            tcp::{TcpLimits, TcpWire},
        },
    },
};
use zeroize::Zeroizing;

type Outcomes<T> = Result<T, Box<dyn Error>>;

const NAMES: [&str; 3] = ["alice", "bob", "carol"];
/// How many wallets are made at one time.
const AT_ONCE: usize = 16;

fn main() -> Outcomes<()> {
    let mut numbers = std::env::args().skip(1).filter_map(|argument| argument.parse::<usize>().ok());
    let (keys, held) = (numbers.next().unwrap_or(1000), numbers.next().unwrap_or(100_000));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (keygen, reshare) = pure(100)?;
    println!("pure computation, 2-of-3 Ed25519, all three participants: key generation {keygen:?}, refresh {reshare:?}");
    runtime.block_on(ceremonies(keys, reshare))?;
    runtime.block_on(over_tcp(20, (keygen, reshare)))?;
    runtime.block_on(start(held))
}

fn id(number: u16) -> Identifier {
    Identifier::new(number).expect("not zero")
}

fn everyone() -> Peers {
    Peers::new((1..=3).map(|number| (id(number), PeerId::new([u8::try_from(number).expect("three"); 32])))).expect("three")
}

/// Drives machines against each other, and gives their outputs.
fn drive<P: Protocol>(mut machines: BTreeMap<Identifier, Machine<P>>) -> Vec<P::Output> {
    loop {
        let mut sent = Vec::new();
        for (from, machine) in &mut machines {
            if let Some(pending) = machine.pending() {
                pending.stored().expect("it was pending");
            }
            while let Some(message) = machine.next_outgoing() {
                sent.push((*from, message));
            }
        }
        if sent.is_empty() {
            return machines.values_mut().map(|machine| machine.take_output().expect("the protocol ends")).collect();
        }
        for (from, message) in sent {
            let to = machines.get_mut(&message.to).expect("a participant");
            to.handle(from, &message.bytes).expect("honest participants");
        }
    }
}

/// How long a key generation and a refresh take without links, vaults and audit, on one thread.
fn pure(runs: u32) -> Outcomes<(Duration, Duration)> {
    let (placement, peers) = (danger::unchecked_placement(Threshold::new(2, 3)?, ParticipantSet::first(3)?), everyone());
    let (mut keygen, mut refresh) = (Duration::ZERO, Duration::ZERO);
    for run in 0..runs {
        let session = Session::new(SessionId::new([u8::try_from(run % 251)?; 32]), peers.clone());
        let start = Instant::now();
        let machines = (1..=3).map(|number| {
            Ok((id(number), Keygen::<Ed25519>::start(&session, placement.clone(), id(number), &mut getrandom::SysRng)?))
        });
        let shares = drive(machines.collect::<Outcomes<BTreeMap<_, _>>>()?);
        keygen += start.elapsed();
        let start = Instant::now();
        let new = NewEpoch::new(ParticipantSet::first(3)?, placement.clone(), 1);
        let machines = shares.iter().map(|share: &KeyShare<Ed25519>| {
            Ok((share.identifier(), Reshare::start_dealer(&session, share, new.clone(), &mut getrandom::SysRng)?))
        });
        let outcomes = drive(machines.collect::<Outcomes<BTreeMap<_, _>>>()?);
        assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Holds(_))));
        refresh += start.elapsed();
    }
    Ok((keygen / runs, refresh / runs))
}

async fn vault() -> Outcomes<(Arc<dyn Store>, Vault)> {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new(StoreFaults::none()));
    let kek = Passphrase::create(&store, "bench".to_owned().into(), PassphraseParams::insecure_fast()).await?;
    Ok((Arc::clone(&store), create_vault(store, Arc::new(MemoryEpochKeys::default()), Arc::new(kek)).await?))
}

fn exposure(name: &str) -> Outcomes<Exposure> {
    let storage = Storage::new(format!("cloud-{name}/disk").parse()?, [format!("{name}/passphrase").parse()?])?;
    Ok(Exposure::new(name.parse()?, format!("cloud-{name}/vm").parse()?, storage))
}

/// Three cosigners whose wires `wire` makes.
async fn team(
    addresses: [String; 3],
    wire: impl AsyncFn(PeerId, &str, &Roster) -> Outcomes<Arc<dyn Wire>>,
) -> Outcomes<Vec<Cosigner>> {
    let mut vaults = Vec::new();
    for name in NAMES {
        vaults.push((name, vault().await?.1));
    }
    let entries =
        vaults.iter().zip(&addresses).map(|((name, vault), address)| Entry::new(*name, *vault.cosigner(), address.clone()));
    let roster = Roster::new(entries)?;
    let mut team = Vec::new();
    for ((name, vault), address) in vaults.into_iter().zip(&addresses) {
        let wire = wire(*vault.cosigner(), address, &roster).await?;
        let builder = Cosigner::builder(name, roster.clone(), wire, vault, exposure(name)?);
        team.push(builder.policy(Arc::new(BuiltinPolicy::documents())).start().await?);
    }
    for cosigner in &team {
        assert!(cosigner.connected(Duration::from_secs(20)).await, "no links");
    }
    Ok(team)
}

async fn ceremonies(keys: usize, pure: Duration) -> Outcomes<()> {
    let hub = Hub::new(1, Faults::new(0, 0, 0));
    let addresses = [7001, 7002, 7003].map(|port| format!("127.0.0.1:{port}"));
    let team = team(addresses, async |peer, _, _| Ok(Arc::new(hub.wire(peer)) as Arc<dyn Wire>)).await?;
    let names: Vec<_> = (0..keys).map(|number| format!("w{number}")).collect();
    let start = Instant::now();
    for some in names.chunks(AT_ONCE) {
        let made = some.iter().map(|name| team[0].keygen(KeygenRequest::new(name, [SuiteId::Ed25519], 2)));
        for made in join_all(made).await {
            made?;
        }
    }
    let each = |time: Duration| time.as_secs_f64() * 1e3 / keys as f64;
    println!("{keys} key generations, {AT_ONCE} at one time: {:.2} ms each", each(start.elapsed()));
    for round in 1..=2 {
        let start = Instant::now();
        let done = team[1].reshare(ReshareRequest::refresh(names.iter().cloned())).await?;
        assert!(done.effective && done.keys.len() == keys);
        let time = start.elapsed();
        let ratio = each(time) / (pure.as_secs_f64() * 1e3);
        println!(
            "refresh {round} of {keys} keys in one ceremony: {time:.2?}, {:.2} ms a key, {ratio:.2} of the pure computation on one thread",
            each(time)
        );
    }
    for cosigner in team {
        cosigner.shutdown().await;
    }
    Ok(())
}

async fn over_tcp(runs: u32, (pure_keygen, pure_refresh): (Duration, Duration)) -> Outcomes<()> {
    let mut addresses = Vec::new();
    for _ in NAMES {
        addresses.push(TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string());
    }
    let addresses = <[String; 3]>::try_from(addresses).map_err(|_| "three addresses")?;
    let team = team(addresses, async |peer, address, roster| {
        Ok(Arc::new(TcpWire::start(peer, address, roster, TcpLimits::default()).await?) as Arc<dyn Wire>)
    })
    .await?;
    let start = Instant::now();
    for run in 0..runs {
        team[0].keygen(KeygenRequest::new(&format!("t{run}"), [SuiteId::Ed25519], 2)).await?;
    }
    let keygen = start.elapsed() / runs;
    let start = Instant::now();
    for _ in 0..runs {
        team[0].reshare(ReshareRequest::refresh(["t0".to_owned()])).await?;
    }
    let refresh = start.elapsed() / runs;
    let ratio = |whole: Duration, pure: Duration| whole.as_secs_f64() / pure.as_secs_f64();
    println!(
        "one key over TCP loopback, stores in memory: key generation {keygen:.2?} ({:.1} of pure), refresh {refresh:.2?} ({:.1} of pure)",
        ratio(keygen, pure_keygen),
        ratio(refresh, pure_refresh)
    );
    for cosigner in team {
        cosigner.shutdown().await;
    }
    Ok(())
}

/// A share that is there to be counted, and never opened.
struct Opaque(Vec<u8>);

impl Record for Opaque {
    type Error = core::fmt::Error;

    fn to_secret_bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.0.clone())
    }

    fn from_secret_bytes(bytes: &[u8], _: Option<&KeyRef>) -> Result<Self, Self::Error> {
        Ok(Self(bytes.to_vec()))
    }
}

async fn start(held: usize) -> Outcomes<()> {
    let placement = danger::unchecked_placement(Threshold::new(2, 3)?, ParticipantSet::first(3)?);
    let mut secret = Zeroizing::new([0; 32]);
    secret[0] = 1;
    let shares = danger::split::<Ed25519>(&secret, ChainCode::new([0; 32]), &placement, &mut getrandom::SysRng)?;
    let bytes = shares.first().ok_or("no shares")?.to_secret_bytes().len();
    let ((_store, vault), before) = (vault().await?, resident()?);
    let begin = Instant::now();
    for number in 0..held {
        let mut key_id = [0; 32];
        key_id[..8].copy_from_slice(&u64::try_from(number)?.to_be_bytes());
        let key = KeyRef::new(key_id, 0, id(1), SuiteId::Ed25519);
        let share = Opaque(vec![0; bytes]);
        vault.put_pending(&key, &share).await?;
        vault.promote(&key, &share).await?;
    }
    println!("{held} shares of {bytes} bytes stored: {:.1} µs each", begin.elapsed().as_secs_f64() * 1e6 / held as f64);
    let store = resident()?.saturating_sub(before);
    let roster = Roster::new([Entry::new("alice", *vault.cosigner(), "127.0.0.1:7001")])?;
    let hub = Hub::new(1, Faults::new(0, 0, 0));
    let (wire, loaded, begin) = (Arc::new(hub.wire(*vault.cosigner())), resident()?, Instant::now());
    let cosigner = Cosigner::builder("alice", roster, wire, vault, exposure("alice")?).start().await?;
    let (time, more) = (begin.elapsed(), resident()?.saturating_sub(loaded));
    let (active, _) = cosigner.count_keys().await?;
    assert_eq!(active, held);
    println!(
        "start with {held} keys: {time:.2?}; {more} KiB more in memory, beside {} bytes a key that this store in memory takes itself",
        store * 1024 / held.max(1)
    );
    cosigner.shutdown().await;
    Ok(())
}

/// The resident memory of this process in KiB.
fn resident() -> Outcomes<usize> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no memory in /proc/self/status")?;
    Ok(line.split_whitespace().next().ok_or("no number")?.parse()?)
}
