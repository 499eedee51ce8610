//! The directory of a node, from its making to its end.

use std::{os::unix::fs::PermissionsExt as _, path::Path, time::Duration};

use quorate::{
    control::Client,
    danger,
    node::{NodeError, init, run},
    transport::{Cosigner as Entry, Identity, Roster},
};
use zeroize::Zeroizing;

fn passphrase() -> Zeroizing<String> {
    Zeroizing::new("a passphrase of a node".to_owned())
}

fn config(listen: &str) -> String {
    format!(
        "name = \"alice\"\nlisten = \"{listen}\"\n[placement]\noperator = \"alice\"\nruntime = \"aws/vm\"\n\
         store = \"aws/disk\"\nkey_services = [\"alice/passphrase\"]\n"
    )
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

#[tokio::test(flavor = "multi_thread")]
async fn init_follows_no_link_and_leaves_nothing_for_others_to_read() {
    let place = tempfile::tempdir().unwrap();
    let (directory, elsewhere) = (place.path().join("alice"), place.path().join("elsewhere"));
    std::fs::create_dir(&directory).unwrap();
    std::os::unix::fs::symlink(&elsewhere, directory.join("quorate.toml")).unwrap();
    let refused = init(&directory, &config("127.0.0.1:0"), passphrase()).await;
    assert!(matches!(refused, Err(NodeError::Exists { .. })), "{refused:?}");
    assert!(!elsewhere.exists());
    std::fs::remove_file(directory.join("quorate.toml")).unwrap();
    init(&directory, &config("127.0.0.1:0"), passphrase()).await.unwrap();
    assert_eq!((mode(&directory), mode(&directory.join("quorate.toml"))), (0o700, 0o600));
}

#[tokio::test(flavor = "multi_thread")]
async fn node_that_was_asked_to_stop_lets_go_of_its_store() {
    let place = tempfile::tempdir().unwrap();
    let directory = place.path().join("alice");
    let me = init(&directory, &config("127.0.0.1:0"), passphrase()).await.unwrap();
    let other = Identity::generate(&mut getrandom::SysRng).unwrap().peer_id();
    let roster = Roster::new([Entry::new("alice", me, "127.0.0.1:7001"), Entry::new("bob", other, "127.0.0.1:1")]).unwrap();
    std::fs::write(directory.join("roster.toml"), roster.to_toml()).unwrap();
    let (ready, is_ready) = tokio::sync::oneshot::channel();
    let running = directory.clone();
    let node = tokio::spawn(async move { run(&running, passphrase(), std::future::pending(), || ready.send(()).unwrap()).await });
    is_ready.await.unwrap();
    let socket = directory.join("control.sock");
    assert_eq!(mode(&socket), 0o600);
    // A client that stays connected and says nothing.
    let idle = std::os::unix::net::UnixStream::connect(&socket).unwrap();
    let client = Client::new(&socket, Duration::from_secs(10));
    tokio::task::spawn_blocking(move || client.shutdown().unwrap()).await.unwrap();
    node.await.unwrap().unwrap();
    drop(idle);
    assert!(!socket.exists());
    assert!(danger::read_shares(&directory, passphrase()).await.unwrap().is_empty());
}
