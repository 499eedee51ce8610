//! The store over what Google Cloud Storage and Azure speak: a stand-in that keeps objects in memory and honours their conditions as
//! their documents say. It checks no signature; that the real ones agree is not shown by this.

use core::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};
use std::{
    collections::{BTreeMap, HashMap},
    io::Write as _,
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use quorate_services::request;
use quorate_storage::{BucketOptions, BucketStore, RecordName, Store, StoreError, conformance};
use tokio::{runtime::Handle, task::block_in_place};
use zeroize::Zeroizing;

const DATE: &str = "Tue, 24 Nov 2026 00:00:00 GMT";
/// Small, so that a listing has several pages.
const PAGE: usize = 20;

#[derive(Default)]
struct Objects {
    /// The path below the bucket, with the generation.
    objects: BTreeMap<String, (u64, Vec<u8>)>,
    writes: u64,
}

struct Asked {
    method: String,
    path: String,
    query: HashMap<String, String>,
    headers: HashMap<String, String>,
    body: Vec<u8>,
}

/// Starts one, and gives its port.
fn start() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let objects = Arc::new(Mutex::new(Objects::default()));
    thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let objects = Arc::clone(&objects);
            thread::spawn(move || serve(&mut client, &objects));
        }
    });
    port
}

fn serve(client: &mut TcpStream, objects: &Mutex<Objects>) -> Option<()> {
    while let Some(bytes) = request(client) {
        let (status, headers, body) = objects.lock().unwrap().answer(&parse(&bytes)?);
        let head = format!("HTTP/1.1 {status} x\r\nContent-Length: {}\r\n{headers}\r\n", body.len());
        client.write_all(&[head.as_bytes(), &body].concat()).ok()?;
    }
    Some(())
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let two = (byte == b'%').then(|| [rest.next().unwrap(), rest.next().unwrap()]);
        bytes.push(two.map_or(byte, |two| u8::from_str_radix(core::str::from_utf8(&two).unwrap(), 16).unwrap()));
    }
    String::from_utf8(bytes).unwrap()
}

fn parse(bytes: &[u8]) -> Option<Asked> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = core::str::from_utf8(&bytes[..end]).ok()?;
    let (first, lines) = head.split_once("\r\n")?;
    let (method, target) = first.split_once(' ')?;
    let target = target.split(' ').next()?;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let headers = lines.lines().filter_map(|line| line.split_once(": "));
    Some(Asked {
        method: method.to_owned(),
        path: decode(path).trim_start_matches('/').split_once('/').map(|(_, path)| path.to_owned()).unwrap_or_default(),
        query: pairs.map(|(name, value)| (name.to_owned(), decode(value))).collect(),
        headers: headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect(),
        body: bytes[end + 4..].to_vec(),
    })
}

type Answer = (u16, String, Vec<u8>);

impl Objects {
    fn answer(&mut self, asked: &Asked) -> Answer {
        let there = self.objects.get(&asked.path).map(|(generation, body)| (*generation, body.clone()));
        let labels =
            |generation: u64| format!("ETag: \"0x{generation}\"\r\nx-goog-generation: {generation}\r\nLast-Modified: {DATE}\r\n");
        match &*asked.method {
            "GET" if asked.path.is_empty() => (200, String::new(), self.list(asked).into_bytes()),
            "GET" => match there {
                Some((generation, body)) => (200, labels(generation), body),
                None => (404, String::new(), b"<Error><Code>NoSuchKey</Code></Error>".to_vec()),
            },
            "PUT" => {
                let generation = there.map_or(0, |(generation, _)| generation);
                let header = |name: &str| asked.headers.get(name).map(String::as_str);
                let holds = header("x-goog-if-generation-match").is_none_or(|wanted| wanted == generation.to_string())
                    && header("if-none-match").is_none_or(|_| generation == 0)
                    && header("if-match").is_none_or(|wanted| wanted == format!("\"0x{generation}\""));
                if !holds {
                    return (412, String::new(), Vec::new());
                }
                self.writes += 1;
                self.objects.insert(asked.path.clone(), (self.writes, asked.body.clone()));
                (201, labels(self.writes), Vec::new())
            }
            _ => (405, String::new(), Vec::new()),
        }
    }

    fn list(&self, asked: &Asked) -> String {
        let query = |name: &str| asked.query.get(name).map(String::as_str);
        let azure = query("comp") == Some("list");
        let prefix = query("prefix").unwrap_or_default();
        let after = query("continuation-token").or_else(|| query("start-after")).unwrap_or_default();
        let from = query("marker").or_else(|| query("startFrom")).unwrap_or_default();
        let listed = |name: &str| name.starts_with(prefix) && (after.is_empty() || name > after) && name >= from;
        let found: Vec<_> = self.objects.iter().filter(|(name, _)| listed(name)).take(PAGE + 1).collect();
        let page = &found[..found.len().min(PAGE)];
        let item = |(name, (generation, body)): &(&String, &(u64, Vec<u8>))| {
            let length = body.len();
            if azure {
                format!(
                    "<Blob><Name>{name}</Name><Properties><Last-Modified>{DATE}</Last-Modified><Etag>0x{generation}</Etag>\
                     <Content-Length>{length}</Content-Length><Content-Type>x</Content-Type></Properties></Blob>"
                )
            } else {
                format!(
                    "<Contents><Key>{name}</Key><Size>{length}</Size><LastModified>2026-11-24T00:00:00Z</LastModified>\
                     <ETag>\"0x{generation}\"</ETag></Contents>"
                )
            }
        };
        let items: String = page.iter().map(item).collect();
        let (more, last) = (found.len() > PAGE, page.last().map_or("", |(name, _)| name));
        if azure {
            let next = found.get(PAGE).map_or("", |(name, _)| name);
            return format!("<EnumerationResults><Blobs>{items}</Blobs><NextMarker>{next}</NextMarker></EnumerationResults>");
        }
        let next = if more { format!("<NextContinuationToken>{last}</NextContinuationToken>") } else { String::new() };
        format!("<ListBucketResult>{items}{next}</ListBucketResult>")
    }
}

fn google(port: u16, prefix: &str) -> BucketOptions {
    let file = tempfile::NamedTempFile::new().unwrap();
    let account = r#"{"private_key":"x","private_key_id":"x","client_email":"x","disable_oauth":true}"#;
    std::fs::write(file.path(), account).unwrap();
    let options = BucketOptions::new(&format!("gs://bucket/{prefix}")).unwrap().credentials(file.path()).unwrap();
    options.endpoint(&format!("http://127.0.0.1:{port}")).unwrap().lease(Duration::from_secs(6))
}

fn azure(port: u16, prefix: &str) -> BucketOptions {
    let options = BucketOptions::new(&format!("az://container/{prefix}")).unwrap();
    let options = options.key("account-of-alice", &Zeroizing::new("c2VjcmV0".to_owned()));
    options.endpoint(&format!("http://127.0.0.1:{port}")).unwrap().lease(Duration::from_secs(6))
}

async fn conforms(options: impl Fn(u16, &str) -> BucketOptions) {
    let port = start();
    let made = AtomicU32::new(0);
    let open =
        |prefix: String| block_in_place(|| Handle::current().block_on(BucketStore::open(&options(port, &prefix)))).unwrap();
    let fresh = || -> Arc<dyn Store> { Arc::new(open(format!("cosigner{}", made.fetch_add(1, Ordering::Relaxed)))) };
    conformance::run(fresh).await.unwrap();
    let second = BucketStore::open(&options(port, "cosigner0")).await;
    assert!(second.is_ok(), "{second:?}");
    let third = BucketStore::open(&options(port, "cosigner0")).await;
    assert!(matches!(third, Err(StoreError::InUse { .. })), "{third:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bucket_store_over_what_google_speaks_conforms() {
    conforms(google).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bucket_store_over_what_azure_speaks_conforms() {
    conforms(azure).await;
    let store = BucketStore::open(&azure(start(), "alice")).await.unwrap();
    let refused = store.create(&RecordName::new("a./b").unwrap(), b"1").await;
    assert!(matches!(refused, Err(StoreError::InvalidName)), "{refused:?}");
}
