//! The store over objects in memory, and over a service that loses requests and answers.

use core::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt as _,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result as Done, memory::InMemory, path::Path,
};
use tokio::{runtime::Handle, task::block_in_place};

use super::{
    BucketOptions, BucketStore,
    bucket::{Bucket, Failed},
};
use crate::{
    conformance,
    http::{Heard, note},
    store::{Location, RecordName, Store, StoreError},
};

/// What goes wrong with a write of a record.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    /// It happens, and nobody hears of it.
    Answer,
    /// It does not happen.
    Request,
    /// It happens later, when the test says so.
    Late,
    /// It happens, and so does another write behind it, before the next request.
    Overwritten,
    /// The condition is ignored.
    Unconditional,
}

type Write = (Path, PutPayload, PutOptions);

#[derive(Debug, Default)]
struct Service {
    objects: InMemory,
    plan: Mutex<VecDeque<Fault>>,
    late: Mutex<Vec<Write>>,
    puts: AtomicU32,
    /// Faults hit what has this in its path.
    place: &'static str,
}

impl Service {
    fn new(place: &'static str) -> Arc<Self> {
        Arc::new(Self { place, ..Self::default() })
    }

    fn plan(&self, faults: &[Fault]) {
        *self.plan.lock().unwrap() = faults.iter().copied().collect();
    }

    /// Lets the writes that were late happen now, and says how many of them did.
    async fn land(&self) -> usize {
        let late: Vec<Write> = self.late.lock().unwrap().drain(..).collect();
        let mut landed = 0;
        for (path, payload, options) in late {
            landed += usize::from(self.objects.put_opts(&path, payload, options).await.is_ok());
        }
        landed
    }
}

impl core::fmt::Display for Service {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("unreliable")
    }
}

fn silence() -> Error {
    note(Heard::Nothing("the line went dead".to_owned()));
    Error::Generic { store: "unreliable", source: "the line went dead".into() }
}

#[async_trait]
impl ObjectStore for Service {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Done<PutResult> {
        let here = path.as_ref().contains(self.place);
        let fault = if here { self.plan.lock().unwrap().pop_front().unwrap_or(Fault::None) } else { Fault::None };
        self.puts.fetch_add(u32::from(here), Ordering::SeqCst);
        match fault {
            Fault::None => self.objects.put_opts(path, payload, options).await,
            Fault::Answer => {
                self.objects.put_opts(path, payload, options).await?;
                Err(silence())
            }
            Fault::Request => Err(silence()),
            Fault::Late => {
                self.late.lock().unwrap().push((path.clone(), payload, options));
                Err(silence())
            }
            Fault::Overwritten => {
                self.objects.put_opts(path, payload, options).await?;
                let other = super::object::value(b"of another").unwrap().1;
                self.objects.put(path, other.into()).await?;
                Err(silence())
            }
            Fault::Unconditional => self.objects.put(path, payload).await,
        }
    }

    async fn put_multipart_opts(&self, path: &Path, options: PutMultipartOptions) -> Done<Box<dyn MultipartUpload>> {
        self.objects.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Done<GetResult> {
        self.objects.get_opts(path, options).await
    }

    fn delete_stream(&self, paths: BoxStream<'static, Done<Path>>) -> BoxStream<'static, Done<Path>> {
        self.objects.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Done<ObjectMeta>> {
        self.objects.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Done<ListResult> {
        self.objects.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Done<()> {
        self.objects.copy_opts(from, to, options).await
    }
}

async fn open(service: Arc<dyn ObjectStore>) -> Result<BucketStore, Failed> {
    let options = BucketOptions::new("s3://bucket/alice").unwrap().lease(Duration::from_secs(3));
    let bucket =
        Bucket { service, prefix: "alice/".to_owned(), generations: false, ordered: true, longest: super::object::LONGEST };
    BucketStore::over(bucket, Location::new("memory"), &options).await
}

fn name(text: &str) -> RecordName {
    RecordName::new(text).unwrap()
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    block_in_place(|| Handle::current().block_on(future))
}

async fn value(store: &BucketStore, record: &str) -> Option<Vec<u8>> {
    store.read(&name(record)).await.unwrap().map(|record| record.value)
}

#[tokio::test(flavor = "multi_thread")]
async fn store_over_objects_in_memory_conforms() {
    let fresh = || -> Arc<dyn Store> { Arc::new(wait(open(Arc::new(InMemory::new()))).unwrap()) };
    conformance::run(fresh).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn store_over_objects_in_memory_outlives_its_process() {
    let service = Arc::new(Mutex::new(Arc::new(InMemory::new())));
    let fresh = || -> Arc<dyn Store> {
        *service.lock().unwrap() = Arc::new(InMemory::new());
        Arc::new(wait(open(service.lock().unwrap().clone())).unwrap())
    };
    let reopen = |store: Arc<dyn Store>| -> Arc<dyn Store> {
        drop(store);
        Arc::new(wait(open(service.lock().unwrap().clone())).unwrap())
    };
    conformance::run_reopen(fresh, reopen).await.unwrap();
}

#[tokio::test]
async fn write_whose_answer_is_lost_is_recognised() {
    let service = Service::new("records/");
    let store = open(service.clone()).await.unwrap();
    service.plan(&[Fault::Answer]);
    let first = store.create(&name("a"), b"1").await.unwrap();
    service.plan(&[Fault::Request, Fault::Answer]);
    let second = store.compare_and_swap(&name("a"), &first, b"2").await.unwrap();
    assert_eq!(store.read(&name("a")).await.unwrap().unwrap().version, second);
    service.plan(&[Fault::Answer]);
    store.delete(&name("a"), &second).await.unwrap();
    service.plan(&[Fault::Answer]);
    store.create(&name("a"), b"3").await.unwrap();
    assert_eq!(value(&store, "a").await.unwrap(), b"3");
}

#[tokio::test]
async fn write_that_may_have_happened_is_never_called_refused() {
    let service = Service::new("records/");
    let store = open(service.clone()).await.unwrap();
    service.plan(&[Fault::Overwritten]);
    let created = store.create(&name("a"), b"1").await;
    assert!(matches!(created, Err(StoreError::Unavailable { .. })), "{created:?}");
    let seen = store.read(&name("a")).await.unwrap().unwrap();
    assert_eq!(seen.value, b"of another");
    service.plan(&[Fault::Overwritten]);
    let swapped = store.compare_and_swap(&name("a"), &seen.version, b"2").await;
    assert!(matches!(swapped, Err(StoreError::Unavailable { .. })), "{swapped:?}");
}

#[tokio::test]
async fn write_that_was_given_up_cannot_land_after_a_read() {
    let service = Service::new("records/");
    let store = open(service.clone()).await.unwrap();
    let kept = store.create(&name("kept"), b"1").await.unwrap();
    service.plan(&[Fault::Late; 5]);
    let failed = store.compare_and_swap(&name("kept"), &kept, b"2").await;
    assert!(matches!(failed, Err(StoreError::Unavailable { .. })), "{failed:?}");
    service.plan(&[Fault::Late; 5]);
    let failed = store.create(&name("absent"), b"2").await;
    assert!(matches!(failed, Err(StoreError::Unavailable { .. })), "{failed:?}");
    assert_eq!(value(&store, "kept").await.unwrap(), b"1");
    assert_eq!(value(&store, "absent").await, None);
    assert_eq!(service.land().await, 0, "a write that was lost takes effect after a read");
    assert_eq!(value(&store, "kept").await.unwrap(), b"1");
    assert_eq!(value(&store, "absent").await, None);
    // Without such a read it may land, and is seen.
    service.plan(&[Fault::Late; 5]);
    store.create(&name("other"), b"3").await.unwrap_err();
    assert_eq!(service.land().await, 1);
    assert_eq!(value(&store, "other").await.unwrap(), b"3");
}

#[tokio::test]
async fn write_whose_caller_went_away_cannot_land_after_a_scan() {
    let service = Service::new("records/");
    let store = open(service.clone()).await.unwrap();
    service.plan(&[Fault::Late; 5]);
    let given_up = tokio::time::timeout(Duration::from_millis(20), store.create(&name("a"), b"1")).await;
    assert!(given_up.is_err());
    service.plan(&[]);
    assert!(store.scan(None, None, 9).await.unwrap().records.is_empty());
    assert_eq!(service.land().await, 0);
}

#[tokio::test]
async fn service_that_ignores_conditions_is_refused() {
    for plan in [vec![Fault::None, Fault::Unconditional], vec![Fault::None, Fault::None, Fault::None, Fault::Unconditional]] {
        let service = Service::new("probe");
        service.plan(&plan);
        let refused = open(service).await;
        assert!(matches!(refused, Err(Failed::Odd(words)) if words.contains("ignores conditions")), "{refused:?}");
    }
}

#[tokio::test]
async fn live_instance_is_not_displaced_and_a_dead_one_is() {
    let objects = Arc::new(InMemory::new());
    let first = open(objects.clone()).await.unwrap();
    let version = first.create(&name("a"), b"1").await.unwrap();
    assert!(matches!(open(objects.clone()).await, Err(Failed::TakenOver)));
    // It stops without a word.
    first.renewal.abort();
    let began = std::time::Instant::now();
    let second = open(objects.clone()).await.unwrap();
    assert!(began.elapsed() >= Duration::from_secs(3), "a lease was not waited for: {:?}", began.elapsed());
    // And comes back.
    for refused in [
        first.create(&name("b"), b"2").await.map(drop),
        first.compare_and_swap(&name("a"), &version, b"2").await.map(drop),
        first.delete(&name("a"), &version).await,
        first.read(&name("a")).await.map(drop),
        first.scan(None, None, 1).await.map(drop),
    ] {
        assert!(matches!(refused, Err(StoreError::InUse { .. })), "{refused:?}");
    }
    assert_eq!(value(&second, "a").await.unwrap(), b"1");
    assert_eq!(value(&second, "b").await, None);
    // An orderly stop is not waited for.
    second.release().await.unwrap();
    let began = std::time::Instant::now();
    open(objects).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
}

#[tokio::test]
async fn store_is_not_given_back_while_a_change_could_land() {
    let service = Service::new("records/");
    let store = open(service.clone()).await.unwrap();
    service.plan(&[Fault::Late; 5]);
    store.create(&name("a"), b"1").await.unwrap_err();
    let released = store.release().await;
    assert!(matches!(released, Err(StoreError::Unavailable { .. })), "{released:?}");
    let began = std::time::Instant::now();
    drop(store);
    let next = open(service.clone()).await.unwrap();
    assert!(began.elapsed() >= Duration::from_secs(3), "{:?}", began.elapsed());
    drop(next);
    // Also not while it is on its way.
    let service = Service::new("records/");
    let store = open(service.clone()).await.unwrap();
    service.plan(&[Fault::Request]);
    let record = name("a");
    let (created, released) = futures_util::future::join(store.create(&record, b"1"), store.release()).await;
    assert!(matches!(released, Err(StoreError::Unavailable { .. })), "{released:?}");
    assert!(matches!(created, Err(StoreError::InUse { .. })), "{created:?}");
}

#[tokio::test]
async fn instance_whose_lease_ended_writes_nothing() {
    let service = Service::new("records/");
    let store = open(service.clone()).await.unwrap();
    store.renewal.abort();
    tokio::time::sleep(Duration::from_millis(3100)).await;
    let before = service.puts.load(Ordering::SeqCst);
    let late = store.create(&name("a"), b"1").await;
    assert!(matches!(late, Err(StoreError::Unavailable { .. })), "{late:?}");
    assert_eq!(service.puts.load(Ordering::SeqCst), before);
}

#[tokio::test]
async fn change_during_which_the_store_was_lost_is_not_called_done() {
    let service = Service::new("records/");
    let store = open(service.clone()).await.unwrap();
    // The request leaves, its answer is lost, and another instance has the store when it is looked for.
    let instance = Path::from("alice/instance");
    let other = super::object::Instance { token: [7; 16], held: true, lease: Duration::from_secs(3) };
    service.plan(&[Fault::Request; 2]);
    let (record, objects) = (name("a"), service.clone());
    let create = store.create(&record, b"1");
    let steal = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        objects.objects.put(&instance, other.object().unwrap().1.into()).await.unwrap();
    };
    let (created, ()) = futures_util::future::join(create, steal).await;
    assert!(matches!(created, Err(StoreError::InUse { .. })), "{created:?}");
}

#[tokio::test]
async fn copy_of_a_running_machine_is_noticed() {
    let objects = Arc::new(InMemory::new());
    let store = open(objects.clone()).await.unwrap();
    // Its copy has the same token, and renews.
    let path = Path::from("alice/instance");
    let read = super::bucket::Object {
        tag: super::bucket::Tag::new("x").unwrap(),
        bytes: objects.get(&path).await.unwrap().bytes().await.unwrap().to_vec(),
        modified: 0,
    };
    let (_, instance) = super::object::Instance::read(&read).unwrap();
    objects.put(&path, instance.object().unwrap().1.into()).await.unwrap();
    let refused = store.create(&name("a"), b"1").await;
    assert!(matches!(refused, Err(StoreError::InUse { .. })), "{refused:?}");
}

#[tokio::test]
async fn removed_instance_object_is_an_error() {
    let objects = Arc::new(InMemory::new());
    let store = open(objects.clone()).await.unwrap();
    objects.delete(&Path::from("alice/instance")).await.unwrap();
    let read = store.read(&name("a")).await;
    assert!(matches!(read, Err(StoreError::Unavailable { .. })), "{read:?}");
}

#[tokio::test]
async fn foreign_objects_are_named_and_not_read() {
    let objects = Arc::new(InMemory::new());
    let store = open(objects.clone()).await.unwrap();
    store.create(&name("a"), b"1").await.unwrap();
    for (path, bytes) in [
        ("alice/records/b", vec![0; (2 << 20) + 1]),
        ("alice/records/b", b"a note that somebody put here".to_vec()),
        ("alice/records/b", [&b"QRO1"[..], &[0; 16], &[9], b"x"].concat()),
        ("alice/records/Not A Name", vec![0; 100]),
    ] {
        let large = bytes.len() > super::object::LONGEST;
        objects.put(&Path::from(path), bytes.into()).await.unwrap();
        let scanned = store.scan(None, None, 9).await;
        assert!(matches!(scanned, Err(StoreError::Corrupted { .. })), "{path}: {scanned:?}");
        if path.ends_with('b') {
            let read = store.read(&name("b")).await;
            assert!(matches!(read, Err(StoreError::Corrupted { .. })), "{path}: {read:?}");
            assert_eq!(format!("{read:?}").contains("is larger than"), large, "{read:?}");
        }
        objects.delete(&Path::from(path)).await.unwrap();
    }
    objects.put(&Path::from("alice/records/b"), [&b"QRO2"[..], &[0; 40]].concat().into()).await.unwrap();
    let later = store.read(&name("b")).await.unwrap_err();
    assert!(
        matches!(&later, StoreError::Unavailable { source, .. } if source.to_string().contains("later version")),
        "{later:?}"
    );
    assert_eq!(value(&store, "a").await.unwrap(), b"1");
}

#[tokio::test]
async fn deleted_records_are_swept_when_they_rested() {
    let objects = Arc::new(InMemory::new());
    let store = open(objects.clone()).await.unwrap();
    for record in ["a", "b"] {
        let version = store.create(&name(record), b"1").await.unwrap();
        if record == "a" {
            store.delete(&name(record), &version).await.unwrap();
        }
    }
    // Deleted just now.
    let (store, removed) = store.swept(9).await.unwrap();
    assert_eq!(removed, 0);
    assert_eq!(store.sweep_at(9, i64::MAX).await.unwrap(), 1);
    assert!(objects.head(&Path::from("alice/records/a")).await.is_err());
    assert_eq!(value(&store, "b").await.unwrap(), b"1");
    store.create(&name("a"), b"2").await.unwrap();
}

#[tokio::test]
async fn ten_thousand_records_are_paged() {
    let objects = Arc::new(InMemory::new());
    let store = open(objects.clone()).await.unwrap();
    for i in 0..10_000 {
        let object = super::object::value(format!("{i}").as_bytes()).unwrap().1;
        objects.put(&Path::from(format!("alice/records/many/{i:05}")), object.into()).await.unwrap();
    }
    let (mut seen, mut after, mut pages) = (0, None, 0);
    loop {
        let page = store.scan(Some(&name("many")), after.as_ref(), 256).await.unwrap();
        for record in &page.records {
            assert_eq!(record.name, name(&format!("many/{seen:05}")));
            assert_eq!(record.value, format!("{seen}").as_bytes());
            seen += 1;
        }
        pages += 1;
        after = page.records.last().map(|record| record.name.clone());
        if !page.more {
            break;
        }
    }
    assert_eq!((seen, pages), (10_000, 40));
}
