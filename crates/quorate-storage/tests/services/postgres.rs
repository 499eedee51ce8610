//! The store in PostgreSQL, against a real server.

use core::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};
use std::{path::PathBuf, sync::Arc, time::Instant};

use quorate_core::PeerId;
use quorate_services::Postgres;
use quorate_storage::{
    Faults, MemoryEpochKeys, Passphrase, PostgresOptions, PostgresStore, RecordName, Store, StoreError, Vault, VaultError,
    conformance, kek::PassphraseParams,
};
use tokio::{runtime::Handle, task::block_in_place};

use crate::{
    certificates::certified,
    support::{COSIGNER, KEY, Share, key_ref, passphrase},
};

fn name(text: &str) -> RecordName {
    RecordName::new(text).unwrap()
}

async fn open(url: &str) -> Result<PostgresStore, StoreError> {
    PostgresStore::open(&PostgresOptions::new(url).unwrap()).await
}

/// What a caller of a blocking closure has to wait for.
fn wait<T>(future: impl Future<Output = T>) -> T {
    block_in_place(|| Handle::current().block_on(future))
}

/// The server frees the lock a moment after the connection that held it ended.
async fn open_soon(url: &str) -> PostgresStore {
    let began = Instant::now();
    loop {
        match open(url).await {
            Ok(store) => return store,
            Err(error) => assert!(began.elapsed() < Duration::from_secs(20), "{error:?}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_store_conforms() {
    let server = Postgres::start();
    let made = AtomicU32::new(0);
    let fresh = || -> Arc<dyn Store> {
        let url = server.database(&format!("cosigner{}", made.fetch_add(1, Ordering::Relaxed)));
        Arc::new(wait(open(&url)).unwrap())
    };
    conformance::run(fresh).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_store_keeps_what_returned_when_the_server_is_killed() {
    let server = Postgres::start();
    let fresh = || -> Arc<dyn Store> { Arc::new(wait(open(&server.database("alice"))).unwrap()) };
    let reopen = |store: Arc<dyn Store>| -> Arc<dyn Store> {
        server.kill();
        drop(store);
        server.go_on();
        Arc::new(wait(open_soon(&server.url("alice"))))
    };
    conformance::run_reopen(fresh, reopen).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn second_instance_is_refused_until_the_first_is_gone() {
    let server = Postgres::start();
    let url = server.database("alice");
    let first = open(&url).await.unwrap();
    let error = open(&url).await.unwrap_err();
    assert!(matches!(error, StoreError::InUse { .. }), "{error:?}");
    let words = error.to_string();
    assert!(words.contains(&format!("PostgreSQL 127.0.0.1:{}, database alice", server.port())), "{words}");
    drop(first);
    open_soon(&url).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn second_cosigner_in_one_database_is_refused() {
    let server = Postgres::start();
    let url = server.database("shared");
    let vault = async |peer: PeerId| {
        let store: Arc<dyn Store> = Arc::new(open_soon(&url).await);
        let kek = Passphrase::create(&store, passphrase("x"), PassphraseParams::insecure_fast()).await;
        let kek = match kek {
            Ok(kek) => Arc::new(kek),
            Err(error) => return Err(error.to_string()),
        };
        let vault = Vault::create(store, Arc::new(MemoryEpochKeys::default()), kek, peer).await;
        vault.map_err(|error| error.to_string())
    };
    drop(vault(COSIGNER).await.unwrap());
    let refused = vault(PeerId::new([0xc1; 32])).await.unwrap_err();
    assert!(refused.contains("already"), "{refused}");
}

/// Cuts off the instance that is open, and opens another one before the first, which nobody told, takes its lock again.
async fn take_over(server: &Postgres, url: &str) -> PostgresStore {
    for _ in 0..10 {
        server.administer("alice", "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'");
        if let Ok(second) = open(url).await {
            return second;
        }
    }
    panic!("the first instance is always faster");
}

#[tokio::test(flavor = "multi_thread")]
async fn instance_that_was_cut_off_cannot_write_once_another_has_taken_over() {
    let server = Postgres::start();
    let url = server.database("alice");
    let first = open(&url).await.unwrap();
    let (kept, other) = (name("kept"), name("other"));
    let version = first.create(&kept, b"1").await.unwrap();
    let second = take_over(&server, &url).await;
    for refused in [
        first.create(&other, b"2").await.map(drop),
        first.compare_and_swap(&kept, &version, b"2").await.map(drop),
        first.delete(&kept, &version).await,
        first.read(&kept).await.map(drop),
        first.scan(None, None, 1).await.map(drop),
    ] {
        assert!(matches!(refused, Err(StoreError::InUse { .. })), "{refused:?}");
    }
    assert_eq!(second.read(&kept).await.unwrap().unwrap().value, b"1");
    assert!(second.read(&other).await.unwrap().is_none());
    second.compare_and_swap(&kept, &version, b"2").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_off_instance_notices_by_reading_alone() {
    let server = Postgres::start();
    let url = server.database("alice");
    let first = open(&url).await.unwrap();
    let second = take_over(&server, &url).await;
    let read = first.read(&name("a")).await;
    assert!(matches!(read, Err(StoreError::InUse { .. })), "{read:?}");
    drop(second);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_server_is_an_error_and_the_store_goes_on_when_it_is_back() {
    let server = Postgres::start();
    let url = server.database("alice");
    let store = open(&url).await.unwrap();
    let kept = name("kept");
    let version = store.create(&kept, b"1").await.unwrap();
    server.kill();
    let failed = store.compare_and_swap(&kept, &version, b"2").await;
    assert!(matches!(failed, Err(StoreError::Unavailable { .. })), "{failed:?}");
    server.go_on();
    let began = Instant::now();
    while let Err(error) = store.read(&kept).await {
        assert!(began.elapsed() < Duration::from_secs(20), "{error:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    store.compare_and_swap(&kept, &version, b"2").await.unwrap();
    // And it takes its lock again.
    let locked = async || matches!(open(&url).await, Err(StoreError::InUse { .. }));
    tokio::time::sleep(Duration::from_secs(7)).await;
    assert!(locked().await);
    assert_eq!(store.read(&kept).await.unwrap().unwrap().value, b"2");
}

/// Two writers compare and swap one record; each change is counted once.
#[tokio::test(flavor = "multi_thread")]
async fn concurrent_swaps_lose_nothing() {
    let server = Postgres::start();
    let store = Arc::new(open(&server.database("alice")).await.unwrap());
    let counter = name("counter");
    store.create(&counter, &0_u64.to_be_bytes()).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (store, counter) = (Arc::clone(&store), counter.clone());
        tasks.spawn(async move {
            let mut done = 0;
            while done < 20 {
                let read = store.read(&counter).await.unwrap().unwrap();
                let next = u64::from_be_bytes(read.value.try_into().unwrap()) + 1;
                match store.compare_and_swap(&counter, &read.version, &next.to_be_bytes()).await {
                    Ok(_) => done += 1,
                    Err(StoreError::Conflict { .. }) => {}
                    Err(error) => panic!("{error:?}"),
                }
            }
        });
    }
    tasks.join_all().await;
    assert_eq!(store.read(&counter).await.unwrap().unwrap().value, 160_u64.to_be_bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn vault_lives_in_a_database_and_over_its_death() {
    let server = Postgres::start();
    let url = server.database("alice");
    let epochs = Arc::new(MemoryEpochKeys::new(Faults::none()));
    let store: Arc<dyn Store> = Arc::new(open(&url).await.unwrap());
    let kek = Arc::new(Passphrase::create(&store, passphrase("x"), PassphraseParams::insecure_fast()).await.unwrap());
    let vault = Vault::create(store, epochs.clone(), kek.clone(), COSIGNER).await.unwrap();
    vault.put_pending(&key_ref(KEY, 0), &Share::new(0)).await.unwrap();
    vault.promote(&key_ref(KEY, 0), &Share::new(0)).await.unwrap();
    vault.put_pending(&key_ref(KEY, 1), &Share::new(1)).await.unwrap();
    server.kill();
    let failed = vault.promote(&key_ref(KEY, 1), &Share::new(1)).await;
    assert!(matches!(failed, Err(VaultError::Store(StoreError::Unavailable { .. }))), "{failed:?}");
    drop(vault);
    server.go_on();
    let vault = Vault::open(Arc::new(open_soon(&url).await), epochs, kek).await.unwrap();
    vault.promote(&key_ref(KEY, 1), &Share::new(1)).await.unwrap();
    assert_eq!(vault.load_active::<Share>(&KEY).await.unwrap(), (key_ref(KEY, 1), Share::new(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn server_that_forgets_is_refused() {
    let server = Postgres::start_with("-c fsync=off");
    let error = open(&server.database("alice")).await.unwrap_err();
    assert!(matches!(&error, StoreError::Unavailable { source, .. } if source.to_string().contains("fsync off")), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn schema_of_a_later_version_is_left_alone() {
    let server = Postgres::start();
    let url = server.database("alice");
    drop(open(&url).await.unwrap());
    server.administer("alice", "UPDATE quorate.format SET version = 99");
    let began = Instant::now();
    loop {
        match open(&url).await.unwrap_err() {
            StoreError::InUse { .. } => assert!(began.elapsed() < Duration::from_secs(20)),
            StoreError::Unavailable { source, .. } => break assert!(source.to_string().contains("later version"), "{source}"),
            error => panic!("{error:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn password_is_asked_for_and_told_to_nobody() {
    let server = Postgres::start();
    let url = server.database("alice");
    server.authenticate("local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n");
    let options = PostgresOptions::new(&url).unwrap();
    let with = |word: &str| options.clone().password(&passphrase(word));
    let refused = PostgresStore::open(&options).await.unwrap_err();
    assert!(matches!(refused, StoreError::Unavailable { .. }), "{refused:?}");
    let wrong = PostgresStore::open(&with("guess-of-mallory")).await.unwrap_err();
    assert!(!format!("{wrong:?} {wrong}").contains("guess-of-mallory"), "{wrong:?}");
    let store = PostgresStore::open(&with("word-of-alice")).await.unwrap();
    assert!(!format!("{store:?} {:?}", with("word-of-alice")).contains("word-of-alice"));
    let inside = PostgresOptions::new(&url.replace("alice@", "alice:word-of-alice@")).unwrap_err();
    assert!(!format!("{inside:?}").contains("word-of-alice"), "{inside:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn server_elsewhere_needs_a_certificate_for_its_name() {
    let files = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| -> PathBuf {
        let path = files.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    for (host, trusted) in [("localhost", true), ("elsewhere.example", false)] {
        let server = Postgres::start();
        let _url = server.database("alice");
        let (root, certificate, key) = certified(host);
        let (certificate, key) = (server.give("server.crt", &certificate), server.give("server.key", &key));
        let set = |name: &str, path: &PathBuf| {
            server.administer("postgres", &format!("ALTER SYSTEM SET {name} = '{}'", path.display()))
        };
        set("ssl_cert_file", &certificate);
        set("ssl_key_file", &key);
        server.administer("postgres", "ALTER SYSTEM SET ssl = on");
        server.authenticate("local all all trust\nhostssl all all 127.0.0.1/32 trust\n");
        let url = format!("postgres://alice@localhost:{}/alice?sslmode=require", server.port());
        let options = PostgresOptions::new(&url).unwrap();
        let right = options.clone().roots(&write("right.pem", &root)).unwrap();
        let wrong = options.roots(&write("wrong.pem", &certified(host).0)).unwrap();
        let began = Instant::now();
        // The server takes the new settings in a moment.
        let opened = loop {
            match PostgresStore::open(&right).await {
                Err(_) if trusted && began.elapsed() < Duration::from_secs(10) => {}
                opened => break opened,
            }
        };
        assert_eq!(opened.is_ok(), trusted, "{host}: {opened:?}");
        drop(opened);
        let refused = PostgresStore::open(&wrong).await;
        assert!(matches!(refused, Err(StoreError::Unavailable { .. })), "{refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn erased_store_leaves_no_schema() {
    let server = Postgres::start();
    let url = server.database("alice");
    let store = open(&url).await.unwrap();
    store.create(&name("a"), b"sealed bytes of a share").await.unwrap();
    store.erase().await.unwrap();
    let dump = String::from_utf8(server.dump("alice")).unwrap();
    assert!(!dump.contains("quorate.records") && !dump.to_lowercase().contains("create schema"), "{dump}");
    let store = open_soon(&url).await;
    assert!(quorate_storage::transfer::is_empty(&store).await.unwrap());
}
