//! The store in a bucket, against a real server that speaks S3.

use core::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};
use std::{path::PathBuf, sync::Arc, time::Instant};

use quorate_core::PeerId;
use quorate_services::{Fate, Line};
use quorate_storage::{
    BucketOptions, BucketStore, Faults, MemoryEpochKeys, Passphrase, RecordName, Store, StoreError, Vault, conformance,
    kek::PassphraseParams,
};
use tokio::{net::TcpStream, runtime::Handle, task::block_in_place};

use crate::{
    bucket_server::Server,
    certificates::certified,
    support::{COSIGNER, KEY, Share, key_ref, passphrase},
};

fn name(text: &str) -> RecordName {
    RecordName::new(text).unwrap()
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    block_in_place(|| Handle::current().block_on(future))
}

/// The former instance gives the store back a moment after it is gone.
async fn open_soon(options: &BucketOptions) -> BucketStore {
    tokio::time::sleep(Duration::from_millis(200)).await;
    BucketStore::open(options).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn bucket_store_conforms() {
    let server = Server::start();
    let made = AtomicU32::new(0);
    let fresh = || -> Arc<dyn Store> {
        let options = server.options(&format!("cosigner{}", made.fetch_add(1, Ordering::Relaxed)));
        Arc::new(wait(BucketStore::open(&options)).unwrap())
    };
    conformance::run(fresh).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn bucket_store_keeps_what_returned_when_its_process_is_gone() {
    let server = Server::start();
    let fresh = || -> Arc<dyn Store> { Arc::new(wait(BucketStore::open(&server.options("alice"))).unwrap()) };
    let reopen = |store: Arc<dyn Store>| -> Arc<dyn Store> {
        drop(store);
        Arc::new(wait(open_soon(&server.options("alice"))))
    };
    conformance::run_reopen(fresh, reopen).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn second_instance_is_refused_until_the_first_is_gone() {
    let server = Server::start();
    let options = server.options("alice");
    let first = BucketStore::open(&options).await.unwrap();
    let error = BucketStore::open(&options).await.unwrap_err();
    assert!(matches!(error, StoreError::InUse { .. }), "{error:?}");
    let words = error.to_string();
    assert!(words.contains(&format!("s3://bucket/alice at http://127.0.0.1:{}", server.port)), "{words}");
    first.create(&name("a"), b"1").await.unwrap();
    drop(first);
    open_soon(&options).await;
}

/// It dies with its runtime, and gives nothing back.
fn open_and_die(options: &BucketOptions) -> BucketStore {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let store = runtime.block_on(BucketStore::open(options)).unwrap();
    runtime.block_on(store.create(&name("a"), b"1")).unwrap();
    runtime.shutdown_background();
    store
}

#[test]
fn instance_that_died_is_waited_for_and_cannot_write_if_it_was_only_cut_off() {
    let server = Server::start();
    let options = server.options("alice").lease(Duration::from_secs(2));
    let first = open_and_die(&options);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let began = Instant::now();
        let second = BucketStore::open(&options).await.unwrap();
        assert!(began.elapsed() > Duration::from_secs(2), "{:?}", began.elapsed());
        let seen = second.read(&name("a")).await.unwrap().unwrap();
        for refused in [
            first.create(&name("b"), b"2").await.map(drop),
            first.compare_and_swap(&name("a"), &seen.version, b"2").await.map(drop),
            first.delete(&name("a"), &seen.version).await,
            first.read(&name("a")).await.map(drop),
            first.scan(None, None, 1).await.map(drop),
        ] {
            assert!(matches!(refused, Err(StoreError::InUse { .. })), "{refused:?}");
        }
        assert_eq!(second.read(&name("a")).await.unwrap().unwrap(), seen);
        assert!(second.read(&name("b")).await.unwrap().is_none());
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn second_cosigner_under_one_prefix_is_refused() {
    let server = Server::start();
    let options = server.options("shared");
    let vault = async |peer: PeerId| {
        let store: Arc<dyn Store> = Arc::new(open_soon(&options).await);
        let kek = Passphrase::create(&store, passphrase("x"), PassphraseParams::insecure_fast()).await;
        let kek = kek.map_err(|error| error.to_string())?;
        let vault = Vault::create(store, Arc::new(MemoryEpochKeys::default()), Arc::new(kek), peer).await;
        vault.map_err(|error| error.to_string())
    };
    drop(vault(COSIGNER).await.unwrap());
    let refused = vault(PeerId::new([0xc1; 32])).await.unwrap_err();
    assert!(refused.contains("already"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn vault_lives_in_a_bucket() {
    let server = Server::start();
    let epochs = Arc::new(MemoryEpochKeys::new(Faults::none()));
    let store: Arc<dyn Store> = Arc::new(open_soon(&server.options("alice")).await);
    let kek = Arc::new(Passphrase::create(&store, passphrase("x"), PassphraseParams::insecure_fast()).await.unwrap());
    let vault = Vault::create(store, epochs.clone(), kek.clone(), COSIGNER).await.unwrap();
    vault.put_pending(&key_ref(KEY, 0), &Share::new(0)).await.unwrap();
    vault.promote(&key_ref(KEY, 0), &Share::new(0)).await.unwrap();
    vault.put_pending(&key_ref(KEY, 1), &Share::new(1)).await.unwrap();
    drop(vault);
    let vault = Vault::open(Arc::new(open_soon(&server.options("alice")).await), epochs, kek).await.unwrap();
    vault.promote(&key_ref(KEY, 1), &Share::new(1)).await.unwrap();
    assert_eq!(vault.load_active::<Share>(&KEY).await.unwrap(), (key_ref(KEY, 1), Share::new(1)));
}

/// Many writers compare and swap one record; each change is counted once.
#[tokio::test(flavor = "multi_thread")]
async fn concurrent_swaps_lose_nothing() {
    let server = Server::start();
    let store = Arc::new(open_soon(&server.options("alice")).await);
    let counter = name("counter");
    store.create(&counter, &0_u64.to_be_bytes()).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let (store, counter) = (Arc::clone(&store), counter.clone());
        tasks.spawn(async move {
            let mut done = 0;
            while done < 10 {
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
    assert_eq!(store.read(&counter).await.unwrap().unwrap().value, 60_u64.to_be_bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_go_over_the_pages_of_the_service() {
    let server = Server::start();
    let store = open_soon(&server.options("alice")).await;
    // As the store writes them, three pages of the service.
    let object = |i: u32| [&b"QRO1"[..], &[0; 12], &i.to_be_bytes(), &[1], b"x"].concat();
    for i in 0..2100 {
        server.ask("PUT", &format!("/bucket/alice/records/many/{i:05}"), &object(i));
    }
    store.create(&name("many-others"), b"x").await.unwrap();
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = store.scan(Some(&name("many")), after.as_ref(), 256).await.unwrap();
        after = page.records.last().map(|record| record.name.clone());
        seen.extend(page.records.into_iter().map(|record| record.name.to_string()));
        if !page.more {
            break;
        }
    }
    assert_eq!(seen, (0..2100).map(|i| format!("many/{i:05}")).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_answers_and_requests_are_made_up_for() {
    let server = Server::start();
    let line = Line::to(server.port);
    let store = open_soon(&server.over(line.port(), "alice")).await;
    let unlucky = |fate: Fate| {
        let left = AtomicU32::new(1);
        move |first: &str| {
            let hit = first.starts_with("PUT") && first.contains("/records/");
            let now = hit && left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
            if now { fate } else { Fate::Pass }
        }
    };
    for (i, fate) in [
        Fate::LoseAnswer,
        Fate::LoseRequest,
        Fate::Say(b"HTTP/1.1 500 x\r\nContent-Length: 0\r\n\r\n"),
        Fate::Say(b"HTTP/1.1 503 x\r\nContent-Length: 31\r\n\r\n<Error><Code>SlowDown</Code></E"),
        Fate::Say(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        Fate::Say(b"\x16\x03\x01 no http at all"),
    ]
    .into_iter()
    .enumerate()
    {
        let record = name(&format!("r{i}"));
        line.plan(unlucky(fate));
        let first = store.create(&record, b"1").await.unwrap();
        line.plan(unlucky(fate));
        let second = store.compare_and_swap(&record, &first, b"2").await.unwrap();
        assert_eq!(store.read(&record).await.unwrap().unwrap().version, second, "{fate:?}");
        line.plan(unlucky(fate));
        store.delete(&record, &second).await.unwrap();
        assert!(store.read(&record).await.unwrap().is_none());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn service_that_lies_or_hangs_is_an_error_within_the_deadline() {
    let server = Server::start();
    let line = Line::to(server.port);
    let options = server.over(line.port(), "alice").lease(Duration::from_secs(60));
    let store = open_soon(&options).await;
    store.create(&name("a"), b"1").await.unwrap();
    for fate in [
        Fate::Hang,
        Fate::LoseRequest,
        Fate::Say(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: \"x\"\r\nLast-Modified: Tue, 24 Nov 2026 00:00:00 GMT\r\n\r\nQRO"),
        Fate::Say(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n<a></a>"),
        Fate::SayForEver(b"HTTP/1.1 200 OK\r\nETag: \"x\"\r\nLast-Modified: Tue, 24 Nov 2026 00:00:00 GMT\r\nContent-Length: 18446744073709551615\r\n\r\n"),
        Fate::SayForEver(b"HTTP/1.1 200 OK\r\n\r\n"),
        Fate::SayForEver(b"HTTP/1.1 500 x\r\n\r\n"),
        Fate::SayForEver(b"HTTP/1.1 200 OK\r\nX: "),
        Fate::Say(b"HTTP/1.1 302 x\r\nLocation: http://10.0.0.1/\r\nContent-Length: 0\r\n\r\n"),
        Fate::Say(b"HTTP/1.1 206 x\r\nContent-Range: bytes 0-18446744073709551615/1\r\nContent-Length: 0\r\n\r\n"),
    ] {
        line.plan(move |_| fate);
        let began = Instant::now();
        let record = name("a");
        let (read, scan) = tokio::join!(store.read(&record), store.scan(None, None, 9));
        for error in [read.map(drop).unwrap_err(), scan.map(drop).unwrap_err()] {
            assert!(matches!(error, StoreError::Unavailable { .. } | StoreError::Corrupted { .. }), "{fate:?}: {error:?}");
        }
        assert!(began.elapsed() < Duration::from_secs(70), "{fate:?}: {:?}", began.elapsed());
    }
    line.plan(|_| Fate::Pass);
    assert_eq!(store.read(&name("a")).await.unwrap().unwrap().value, b"1");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_service_says_of_an_error_is_not_repeated() {
    let server = Server::start();
    let line = Line::to(server.port);
    let store = open_soon(&server.over(line.port(), "alice")).await;
    line.plan(|_| Fate::Say(b"HTTP/1.1 403 x\r\nContent-Length: 76\r\n\r\n<Error><Code>SignatureDoesNotMatch</Code><S>security-token:SECRET</S></Error>"));
    let error = store.read(&name("a")).await.unwrap_err();
    let words = format!("{error:?} {error} {:?}", core::error::Error::source(&error).map(ToString::to_string));
    assert!(words.contains("403 SignatureDoesNotMatch") && !words.contains("SECRET"), "{words}");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_server_is_an_error_within_the_deadline() {
    let server = Server::start();
    let store = open_soon(&server.options("alice")).await;
    let version = store.create(&name("a"), b"1").await.unwrap();
    server.kill();
    let began = Instant::now();
    let failed = store.compare_and_swap(&name("a"), &version, b"2").await;
    assert!(matches!(failed, Err(StoreError::Unavailable { .. })), "{failed:?}");
    assert!(began.elapsed() < Duration::from_secs(21), "{:?}", began.elapsed());
    let opened = BucketStore::open(&server.options("alice")).await;
    assert!(matches!(opened, Err(StoreError::Unavailable { .. })), "{opened:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_bucket_is_not_an_empty_one() {
    let server = Server::start();
    let store = open_soon(&server.options("alice")).await;
    let there = name("a");
    for object in ["instance", "probe"] {
        server.ask("DELETE", &format!("/bucket/alice/{object}"), b"");
    }
    server.ask("DELETE", "/bucket", b"");
    let read = store.read(&there).await;
    assert!(matches!(read, Err(StoreError::Unavailable { .. })), "{read:?}");
    let scan = store.scan(None, None, 9).await;
    assert!(matches!(scan, Err(StoreError::Unavailable { .. })), "{scan:?}");
    let opened = BucketStore::open(&server.options("bob")).await;
    assert!(matches!(opened, Err(StoreError::Unavailable { .. })), "{opened:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn secret_key_is_told_to_nobody() {
    let server = Server::start();
    let files = tempfile::tempdir().unwrap();
    let file = files.path().join("credentials");
    let text = "[other]\naws_access_key_id = x\n\n# the one\n[default]\naws_access_key_id = key-of-bob\naws_secret_access_key = word-of-bob\n";
    std::fs::write(&file, text).unwrap();
    let options = server.options("alice").credentials(&file).unwrap();
    let store = open_soon(&options).await;
    server.kill();
    let error = store.read(&name("a")).await.unwrap_err();
    let words = format!("{options:?} {store:?} {error:?} {error}");
    assert!(!words.contains("word-of-bob") && !words.contains("secret-of-alice"), "{words}");
    std::fs::write(&file, "[default]\naws_access_key_id = key-of-bob\n").unwrap();
    assert!(server.options("alice").credentials(&file).is_err());
}

/// A door with a certificate before a server that has none.
async fn door(port: u16, certificate: &str, key: &str) -> u16 {
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
    let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.unwrap().with_no_client_auth().with_single_cert(chain, key).unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut client = acceptor.accept(client).await?;
                let mut server = TcpStream::connect(("127.0.0.1", port)).await?;
                tokio::io::copy_bidirectional(&mut client, &mut server).await
            });
        }
    });
    at
}

#[tokio::test(flavor = "multi_thread")]
async fn service_elsewhere_needs_a_certificate_for_its_name() {
    let server = Server::start();
    let files = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| -> PathBuf {
        let path = files.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    for (host, trusted) in [("localhost", true), ("elsewhere.example", false)] {
        let (root, certificate, key) = certified(host);
        let port = door(server.port, &certificate, &key).await;
        let options = server.options(host).endpoint(&format!("https://localhost:{port}")).unwrap();
        let right = options.clone().roots(&write("right.pem", &root)).unwrap();
        let wrong = options.roots(&write("wrong.pem", &certified(host).0)).unwrap();
        let opened = BucketStore::open(&right).await;
        assert_eq!(opened.is_ok(), trusted, "{host}: {opened:?}");
        let refused = BucketStore::open(&wrong).await;
        assert!(matches!(refused, Err(StoreError::Unavailable { .. })), "{refused:?}");
    }
}
