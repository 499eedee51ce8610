//! TCP proxies between cosigners that delay what passes, and hold it while they are cut.

use core::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use std::{
    collections::BTreeMap,
    io::{Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, mpsc},
    thread,
    time::Instant,
};

use super::Network;
use crate::support::{Place, free_port};

/// How often a held line looks whether it is cut.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Whether a line is cut, for all connections between two.
type Cut = Arc<AtomicBool>;

/// The lines between all pairs of a team.
pub(super) struct Lines(BTreeMap<[String; 2], Cut>);

fn pair(one: &str, other: &str) -> [String; 2] {
    let mut pair = [one.to_owned(), other.to_owned()];
    pair.sort();
    pair
}

impl Lines {
    /// Makes cosigners that reach each other over lines. None runs yet.
    pub(super) fn make(place: &Place, names: &[&str], delay: Duration) -> Self {
        let ports: Vec<_> = names.iter().map(|name| (*name, free_port())).collect();
        for (name, port) in &ports {
            place.init(name, *port).succeeds();
        }
        let mut lines = Self(BTreeMap::new());
        for (from, _) in &ports {
            place.add_to_roster(from, names).succeeds();
            let path = place.path(from).join("roster.toml");
            let mut roster = std::fs::read_to_string(&path).unwrap();
            for (to, port) in ports.iter().filter(|(to, _)| to != from) {
                let cut = lines.0.entry(pair(from, to)).or_default();
                let line = start(*port, delay, cut);
                roster = roster.replace(&format!("127.0.0.1:{port}\""), &format!("127.0.0.1:{line}\""));
            }
            std::fs::write(&path, roster).unwrap();
        }
        lines
    }
}

impl Network for Lines {
    fn cut(&self, one: &str, other: &str) {
        self.0[&pair(one, other)].store(true, Ordering::SeqCst);
    }

    fn heal(&self, one: &str, other: &str) {
        self.0[&pair(one, other)].store(false, Ordering::SeqCst);
    }
}

/// Starts a line to a port, and gives its own. It lasts as long as the test.
fn start(target: u16, delay: Duration, cut: &Cut) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let cut = Arc::clone(cut);
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let cut = Arc::clone(&cut);
            thread::spawn(move || {
                hold(&cut);
                // A cosigner that is down refuses: so does its line.
                if let Ok(server) = TcpStream::connect(("127.0.0.1", target)) {
                    let there = (client.try_clone().unwrap(), server.try_clone().unwrap(), Arc::clone(&cut));
                    thread::spawn(move || carry(&there.0, there.1, delay, there.2));
                    carry(&server, client, delay, cut);
                }
            });
        }
    });
    port
}

fn hold(cut: &AtomicBool) {
    while cut.load(Ordering::SeqCst) {
        thread::sleep(LOOK_EVERY);
    }
}

/// Carries bytes until either end closes: each so much later than it came, and none while the line is cut.
fn carry(mut from: &TcpStream, mut to: TcpStream, delay: Duration, cut: Cut) {
    to.set_nodelay(true).unwrap();
    // Bounded, so that a line that is held holds up who sends.
    let (sender, arrived) = mpsc::sync_channel::<(Instant, Vec<u8>)>(1024);
    let late = thread::spawn(move || {
        for (at, bytes) in arrived {
            thread::sleep((at + delay).saturating_duration_since(Instant::now()));
            hold(&cut);
            if to.write_all(&bytes).is_err() {
                break;
            }
        }
        hold(&cut);
        // Both ends may be closed already.
        drop(to.shutdown(Shutdown::Both));
    });
    let mut buffer = vec![0; 64 << 10];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        if sender.send((Instant::now(), buffer[..length].to_vec())).is_err() {
            break;
        }
    }
    drop(sender);
    late.join().unwrap();
    drop(from.shutdown(Shutdown::Both));
}
