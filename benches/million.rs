//! A million keys in one vault, on the embedded store and on PostgreSQL: import, start, look-ups, pages, refreshes, memory.
//!
//!     cargo bench -p quorate --features postgres --bench million -- [KEYS [SAMPLE]]
//!
//! KEYS sealed shares (default 1,000,000) are brought into the vault of a 2-of-3 cosigner as a store that is moved brings them, beside
//! SAMPLE keys (default 256) that it made with two others. Then each store is served by a process of its own, whose memory is counted.
//!
//! What is a sample: the shares that are counted are sealed as all others are, and no key of two others fits them; they are looked up and
//! listed, and only those of SAMPLE keys are opened, signed with and refreshed. The keys of their epochs are files; those of the shares
//! that are only counted are thrown away, since a file for each would measure the file system. The database is on this machine, and so
//! are the two others, with embedded stores.

#![expect(
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "a benchmark prints figures, and any error ends it"
)]

use core::{error::Error, time::Duration};
use std::{net::TcpListener, path::Path, process::Command, sync::Arc, time::Instant};

use futures_util::future::join_all;
use quorate::{
    Cosigner, KeygenRequest, ReshareRequest,
    core::{
        Identifier, ParticipantSet, PeerId, SuiteId, Threshold, danger,
        derive::ChainCode,
        frost::Ed25519,
        placement::{Exposure, Storage},
    },
    node::create_vault,
    policy::BuiltinPolicy,
    storage::{
        Faults, FileEpochKeys, MemoryEpochKeys, MemoryStore, Passphrase, PostgresOptions, PostgresStore, Record, RecordName,
        RedbStore, Store, Vault, kek::PassphraseParams, store::MAX_PAGE, transfer, vault::KeyRef,
    },
    transport::{
        Cosigner as Entry, Roster,
        wires::tcp::{TcpLimits, TcpWire},
    },
};
use quorate_services::Postgres;
use zeroize::Zeroizing;

type Outcome<T> = Result<T, Box<dyn Error>>;

const NAMES: [&str; 3] = ["alice", "bob", "carol"];
const PASSPHRASE: &str = "bench";
/// How many shares are sealed and imported at one time.
const AT_ONCE: usize = 10_000;
/// How many keys are refreshed in one ceremony.
const BATCH: usize = 64;
/// What says that this process serves a store, and which.
const SERVE: &str = "--serve";

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if let [serve, url, base, keys, sample] = arguments.as_slice()
        && serve == SERVE
    {
        return runtime.block_on(served(url, Path::new(base), keys.parse()?, sample.parse()?));
    }
    let mut numbers = arguments.iter().filter_map(|argument| argument.parse::<usize>().ok());
    let (keys, sample) = (numbers.next().unwrap_or(1_000_000), numbers.next().unwrap_or(256));
    let (directory, server) = (tempfile::tempdir()?, Postgres::start());
    let (redb, postgres) = (directory.path().join("redb"), directory.path().join("postgres"));
    let url = server.database("alice");
    println!("{keys} keys, of which {sample} are opened; stores on this machine's disk");
    runtime.block_on(async {
        made(&redb, sample).await?;
        copied(&redb, &postgres, &url).await?;
        imported(&redb, &url, keys).await
    })?;
    // Nothing of what was imported is in the memory of whoever serves it.
    for (url, base) in [("redb", &redb), (url.as_str(), &postgres)] {
        let mut serve = Command::new(std::env::current_exe()?);
        serve.arg(SERVE).arg(url).arg(base).arg((keys + sample).to_string()).arg(sample.to_string());
        if !serve.status()?.success() {
            return Err("the process that serves a store failed".into());
        }
    }
    let file = std::fs::metadata(redb.join("alice").join("records.redb"))?.len();
    println!("\nredb: {:.0} bytes of file a key", file as f64 / keys as f64);
    Ok(())
}

/// A team with embedded stores, and its keys. How fast it is while it has no others is printed.
async fn made(base: &Path, sample: usize) -> Outcome<()> {
    std::fs::create_dir(base)?;
    // All of them at one time, or two might get the same.
    let listeners = NAMES.iter().map(|_| TcpListener::bind("127.0.0.1:0")).collect::<Result<Vec<_>, _>>()?;
    let mut entries = Vec::new();
    for (name, listener) in NAMES.iter().zip(&listeners) {
        let store: Arc<dyn Store> = Arc::new(RedbStore::open(&base.join(name))?);
        let kek = Passphrase::create(&store, PASSPHRASE.to_owned().into(), PassphraseParams::insecure_fast()).await?;
        let vault = create_vault(Arc::clone(&store), Arc::new(FileEpochKeys::open(&base.join(name))?), Arc::new(kek)).await?;
        entries.push(Entry::new(*name, *vault.cosigner(), listener.local_addr()?.to_string()));
    }
    drop(listeners);
    std::fs::write(base.join("roster.toml"), Roster::new(entries)?.to_toml())?;
    let team = team(base, "redb").await?;
    let names = wallets(sample);
    for some in names.chunks(16) {
        let made = some.iter().map(|name| team[0].keygen(KeygenRequest::new(name, [SuiteId::Ed25519], 2)));
        for made in join_all(made).await {
            made?;
        }
    }
    println!("\nbefore the import, {sample} keys, embedded stores");
    refreshed(&team[0], &names).await?;
    stopped(team).await;
    let vault = vault(base, NAMES[0], "redb").await?;
    looked_up(&vault, sample).await
}

fn wallets(sample: usize) -> Vec<String> {
    (0..sample).map(|number| format!("w{number}")).collect()
}

/// The same team once more, for the other store: a cosigner that comes back from it is the same.
async fn copied(from: &Path, to: &Path, url: &str) -> Outcome<()> {
    let copied = Command::new("cp").arg("-r").arg(from).arg(to).status()?.success();
    let source = RedbStore::open(&to.join(NAMES[0]))?;
    let target = PostgresStore::open(&PostgresOptions::new(url)?).await?;
    transfer::copy(&source, &target).await?;
    target.close().await?;
    if copied { Ok(()) } else { Err("the directories were not copied".into()) }
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

/// The id of a key that is counted. They are spread over all ids, as hashes are.
fn key_id(number: usize) -> Outcome<[u8; 32]> {
    let mut id = [0xab; 32];
    id[..8].copy_from_slice(&u64::try_from(number)?.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    Ok(id)
}

/// Seals shares in memory under the key of a vault, and brings them into both stores.
async fn imported(redb: &Path, url: &str, keys: usize) -> Outcome<()> {
    let stores: [(&str, Box<dyn Store>); 2] = [
        ("redb", Box::new(RedbStore::open(&redb.join(NAMES[0]))?)),
        ("PostgreSQL", Box::new(PostgresStore::open(&PostgresOptions::new(url)?).await?)),
    ];
    let placement = danger::unchecked_placement(Threshold::new(2, 3)?, ParticipantSet::first(3)?);
    let mut secret = Zeroizing::new([0; 32]);
    secret[0] = 1;
    let shares = danger::split::<Ed25519>(&secret, ChainCode::new([0; 32]), &placement, &mut getrandom::SysRng)?;
    let share = Opaque(shares.first().ok_or("no shares")?.to_secret_bytes().to_vec());
    let (mut sealing, mut creating) = (Duration::ZERO, [Duration::ZERO; 2]);
    for first in (0..keys).step_by(AT_ONCE) {
        let start = Instant::now();
        let records = sealed(&*stores[0].1, first..keys.min(first + AT_ONCE), &share).await?;
        sealing += start.elapsed();
        for ((_, store), time) in stores.iter().zip(&mut creating) {
            let start = Instant::now();
            store.create_all(&records).await?;
            *time += start.elapsed();
        }
    }
    let each = |time: Duration| time.as_secs_f64() * 1e6 / keys as f64;
    println!("\nimport of {keys} sealed shares: sealed in {:.1} µs each", each(sealing));
    for ((name, store), time) in stores.iter().zip(creating) {
        println!("  {name}: created in {:.1} µs each, {time:.1?} in all", each(time));
        store.close().await?;
    }
    Ok(())
}

/// The records of some keys, sealed with the header of a vault that has none of them.
async fn sealed(header: &dyn Store, numbers: core::ops::Range<usize>, share: &Opaque) -> Outcome<Vec<(RecordName, Vec<u8>)>> {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new(Faults::none()));
    for record in header.scan(None, None, MAX_PAGE).await?.records {
        if record.name.as_str() == "vault" || record.name.as_str().starts_with("kek/") {
            store.create(&record.name, &record.value).await?;
        }
    }
    // They may be behind the first page.
    for name in ["vault", "kek/passphrase"] {
        let name = RecordName::new(name)?;
        if let (None, Some(record)) = (store.read(&name).await?, header.read(&name).await?) {
            store.create(&name, &record.value).await?;
        }
    }
    let vault = open_vault(Arc::clone(&store), Arc::new(MemoryEpochKeys::default())).await?;
    for number in numbers {
        let key = KeyRef::new(key_id(number)?, 0, Identifier::new(1)?, SuiteId::Ed25519);
        vault.put_pending(&key, share).await?;
        vault.promote(&key, share).await?;
    }
    let (keys, mut after, mut records) = (RecordName::new("keys")?, None, Vec::new());
    loop {
        let page = store.scan(Some(&keys), after.as_ref(), MAX_PAGE).await?;
        after = page.records.last().map(|record| record.name.clone());
        records.extend(page.records.into_iter().map(|record| (record.name, record.value)));
        if !page.more {
            return Ok(records);
        }
    }
}

async fn open_vault(store: Arc<dyn Store>, epoch_keys: Arc<dyn quorate::storage::EpochKeys>) -> Outcome<Vault> {
    let kek = Passphrase::open(&store, PASSPHRASE.to_owned().into()).await?;
    Ok(Vault::open_at_once(store, epoch_keys, Arc::new(kek)).await?)
}

/// A cosigner's vault; alice's is where the URL says.
async fn vault(base: &Path, name: &str, url: &str) -> Outcome<Vault> {
    let store: Arc<dyn Store> = if name == NAMES[0] && url != "redb" {
        Arc::new(PostgresStore::open(&PostgresOptions::new(url)?).await?)
    } else {
        Arc::new(RedbStore::open(&base.join(name))?)
    };
    open_vault(store, Arc::new(FileEpochKeys::open(&base.join(name))?)).await
}

async fn started(base: &Path, name: &str, vault: Vault) -> Outcome<Cosigner> {
    let roster = Roster::from_toml(&std::fs::read_to_string(base.join("roster.toml"))?)?;
    let me: PeerId = *vault.cosigner();
    let address = roster.peer(name).ok_or("not on the roster")?.address.clone();
    let wire = Arc::new(TcpWire::start(me, &address, &roster, TcpLimits::default()).await?);
    let storage = Storage::new(format!("cloud-{name}/disk").parse()?, [format!("{name}/passphrase").parse()?])?;
    let exposure = Exposure::new(name.parse()?, format!("cloud-{name}/vm").parse()?, storage);
    let builder = Cosigner::builder(name, roster, wire, vault, exposure);
    Ok(builder.policy(Arc::new(BuiltinPolicy::documents())).start().await?)
}

async fn team(base: &Path, url: &str) -> Outcome<Vec<Cosigner>> {
    let mut team = Vec::new();
    for name in NAMES {
        team.push(started(base, name, vault(base, name, url).await?).await?);
    }
    linked(&team).await?;
    Ok(team)
}

async fn linked(team: &[Cosigner]) -> Outcome<()> {
    for cosigner in team {
        if !cosigner.connected(Duration::from_secs(20)).await {
            return Err("no links".into());
        }
    }
    Ok(())
}

async fn stopped(team: Vec<Cosigner>) {
    for cosigner in team {
        cosigner.shutdown().await;
    }
}

/// What a process does that has many keys.
async fn served(url: &str, base: &Path, keys: usize, sample: usize) -> Outcome<()> {
    let begin = Instant::now();
    let mine = vault(base, NAMES[0], url).await?;
    let alice = started(base, NAMES[0], mine.clone()).await?;
    let name = if url == "redb" { "redb" } else { "PostgreSQL" };
    println!("\n{name}, {keys} keys\n  start-up {:.2?}, {} MB resident", begin.elapsed(), resident()?);
    let start = Instant::now();
    let counted = alice.count_keys().await?.0;
    println!("  all keys counted, page by page, in {:.1?}; {} MB resident", start.elapsed(), resident()?);
    if counted != keys {
        return Err(format!("{counted} keys are there, and {keys} should be").into());
    }
    let start = Instant::now();
    let mut after = mine.finish_destructions(None).await?;
    while after.is_some() {
        after = mine.finish_destructions(after.as_ref()).await?;
    }
    drop(mine);
    println!("  what a crash cut short looked for, beside everything else, in {:.1?}", start.elapsed());
    let mut team = vec![alice];
    for name in &NAMES[1..] {
        team.push(started(base, name, vault(base, name, url).await?).await?);
    }
    linked(&team).await?;
    refreshed(&team[0], &wallets(sample)).await?;
    stopped(team).await;
    looked_up(&vault(base, NAMES[0], url).await?, keys).await?;
    println!("  {} MB resident, with the two others in the same process", resident()?);
    Ok(())
}

/// Refreshes keys batch by batch.
async fn refreshed(alice: &Cosigner, names: &[String]) -> Outcome<()> {
    let start = Instant::now();
    for some in names.chunks(BATCH) {
        let done = alice.reshare(ReshareRequest::refresh(some.iter().cloned())).await?;
        if !done.effective {
            return Err("a refresh is not effective".into());
        }
    }
    let time = start.elapsed();
    println!("  refresh in batches of {BATCH}: {:.2} ms a key", time.as_secs_f64() * 1e3 / names.len() as f64);
    Ok(())
}

/// Times of single look-ups and pages, over all places of the vault.
async fn looked_up(vault: &Vault, keys: usize) -> Outcome<()> {
    let mut ids = Vec::new();
    let pages = 200.min(keys / 256).max(1);
    let start = Instant::now();
    for number in 0..pages {
        let page = vault.list(Some(&key_id(number.wrapping_mul(7919))?), 256).await?;
        ids.extend(page.keys.into_iter().step_by(8).map(|key| key.key_id));
    }
    let page = start.elapsed() / u32::try_from(pages)?;
    let start = Instant::now();
    for id in &ids {
        drop(vault.summary(id).await?);
    }
    let one = start.elapsed() / u32::try_from(ids.len().max(1))?;
    println!("  page of 256 keys {page:.1?}; one key looked up {one:.1?} ({} of them)", ids.len());
    Ok(())
}

/// The resident memory of this process in MB.
fn resident() -> Outcome<usize> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no memory in /proc/self/status")?;
    Ok(line.split_whitespace().next().ok_or("no number")?.parse::<usize>()? * 1024 / 1_000_000)
}
