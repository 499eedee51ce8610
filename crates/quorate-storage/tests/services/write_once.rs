//! Objects that are written once, in a bucket and in a directory.

use core::sync::atomic::{AtomicU32, Ordering};

use quorate_services::{Fate, Line};
use quorate_storage::{AuditHead, BucketOptions, BucketStore, RecordName, StoreError, WriteOnce};

use crate::bucket_server::Server;

fn name(text: &str) -> RecordName {
    RecordName::new(text).unwrap()
}

fn directory(path: &std::path::Path) -> WriteOnce {
    WriteOnce::new(&BucketOptions::new(&format!("file://{}", path.display())).unwrap()).unwrap()
}

async fn is_written_once(place: &WriteOnce) {
    let backup = vec![7; 5 << 20];
    assert!(place.get(&name("backups/1")).await.unwrap().is_none());
    assert!(place.list(None, None, 9).await.unwrap().is_empty());
    place.put_new(&name("backups/1"), &backup).await.unwrap();
    assert_eq!(place.get(&name("backups/1")).await.unwrap().unwrap(), backup);
    let other = place.put_new(&name("backups/1"), b"another").await;
    assert!(matches!(&other, Err(StoreError::AlreadyExists { name }) if name.as_str() == "backups/1"), "{other:?}");
    place.put_new(&name("backups/1"), &backup).await.unwrap();
    assert_eq!(place.get(&name("backups/1")).await.unwrap().unwrap(), backup);
    place.put_new(&name("empty"), b"").await.unwrap();
    assert_eq!(place.get(&name("empty")).await.unwrap().unwrap(), b"");
    for (time, sequence) in [(30, 3), (10, 1), (20, 2)] {
        let head = AuditHead::new(sequence, [9; 32]);
        let bytes = [&head.sequence.to_be_bytes()[..], &head.digest].concat();
        place.put_new(&name(&format!("anchors/{time:020}")), &bytes).await.unwrap();
    }
    let anchors = |times: &[u64]| times.iter().map(|time| name(&format!("anchors/{time:020}"))).collect::<Vec<_>>();
    let under = name("anchors");
    assert_eq!(place.list(Some(&under), None, 2).await.unwrap(), anchors(&[10, 20]));
    let after = anchors(&[20]);
    assert_eq!(place.list(Some(&under), after.first(), 9).await.unwrap(), anchors(&[30]));
    assert_eq!(place.list(None, None, 99).await.unwrap().len(), 5);
    let large = place.put_new(&name("large"), &vec![0; WriteOnce::LONGEST + 1]).await;
    assert!(matches!(large, Err(StoreError::Unavailable { .. })), "{large:?}");
    assert!(place.get(&name("large")).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn object_in_a_bucket_is_written_once() {
    let server = Server::start();
    is_written_once(&WriteOnce::new(&server.options("backups")).unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn object_in_a_directory_is_written_once() {
    let place = tempfile::tempdir().unwrap();
    is_written_once(&directory(&place.path().join("made"))).await;
    std::fs::write(place.path().join("made/Not A Name"), b"x").unwrap();
    assert_eq!(directory(&place.path().join("made")).list(None, None, 99).await.unwrap().len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn object_whose_answer_is_lost_is_recognised() {
    let server = Server::start();
    let line = Line::to(server.port);
    let place = WriteOnce::new(&server.over(line.port(), "backups")).unwrap();
    let left = AtomicU32::new(1);
    line.plan(move |first| {
        let hit = first.starts_with("PUT") && left.fetch_min(0, Ordering::SeqCst) == 1;
        if hit { Fate::LoseAnswer } else { Fate::Pass }
    });
    place.put_new(&name("a"), b"1").await.unwrap();
    assert_eq!(place.get(&name("a")).await.unwrap().unwrap(), b"1");
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_not_kept_in_a_directory() {
    let place = tempfile::tempdir().unwrap();
    let options = BucketOptions::new(&format!("file://{}", place.path().display())).unwrap();
    let refused = BucketStore::open(&options).await;
    assert!(matches!(refused, Err(StoreError::Unavailable { .. })), "{refused:?}");
}
