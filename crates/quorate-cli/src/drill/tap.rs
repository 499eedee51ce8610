//! A TCP proxy between two cosigners that keeps every byte: what a relay, a provider's network or a wiretap sees.

use core::net::SocketAddr;
use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

/// What crossed one connection, in both directions.
#[derive(Clone, Debug)]
pub(super) struct Recording {
    /// Who opened the connection.
    pub(super) from: &'static str,
    /// Who accepted it.
    pub(super) to: &'static str,
    /// What the opener sent.
    pub(super) sent: Vec<u8>,
    /// What came back.
    pub(super) received: Vec<u8>,
}

/// All recordings of all proxies.
#[derive(Clone, Debug, Default)]
pub(super) struct Tape(Arc<Mutex<Vec<Recording>>>);

impl Tape {
    /// A copy of everything so far.
    pub(super) fn recordings(&self) -> Vec<Recording> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Recording>> {
        // The lists are whole after every statement.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self, from: &'static str, to: &'static str) -> usize {
        let mut list = self.lock();
        list.push(Recording { from, to, sent: Vec::new(), received: Vec::new() });
        list.len() - 1
    }

    fn keep(&self, place: usize, direction: Direction, bytes: &[u8]) {
        if let Some(recording) = self.lock().get_mut(place) {
            match direction {
                Direction::Sent => recording.sent.extend(bytes),
                Direction::Received => recording.received.extend(bytes),
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Direction {
    Sent,
    Received,
}

/// Starts a proxy from one cosigner to another, and gives the address where it listens. It runs until the program ends.
pub(super) fn start(tape: &Tape, from: &'static str, to: &'static str, target: SocketAddr) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let tape = tape.clone();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            // A cosigner that is down refuses: so does its proxy.
            if let Ok(server) = TcpStream::connect(target) {
                // A connection that cannot be carried is dropped, as a network would.
                drop(carry(&tape, from, to, client, server));
            }
        }
    });
    Ok(address)
}

fn carry(tape: &Tape, from: &'static str, to: &'static str, client: TcpStream, server: TcpStream) -> std::io::Result<()> {
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let place = tape.open(from, to);
    let back = (server.try_clone()?, client.try_clone()?);
    let (there, tape_back) = (tape.clone(), tape.clone());
    thread::spawn(move || pump(&client, &server, |bytes| there.keep(place, Direction::Sent, bytes)));
    thread::spawn(move || pump(&back.0, &back.1, |bytes| tape_back.keep(place, Direction::Received, bytes)));
    Ok(())
}

/// Carries bytes until either end closes, and then closes both.
fn pump(mut from: &TcpStream, mut to: &TcpStream, keep: impl Fn(&[u8])) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        let bytes = buffer.get(..length).unwrap_or_default();
        keep(bytes);
        if to.write_all(bytes).is_err() {
            break;
        }
    }
    // Both may be closed already.
    drop(from.shutdown(Shutdown::Both));
    drop(to.shutdown(Shutdown::Both));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tap_carries_both_directions_and_keeps_them() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let tape = Tape::default();
        let tap = start(&tape, "alice", "bob", server.local_addr().unwrap()).unwrap();
        let mut client = TcpStream::connect(tap).unwrap();
        let (mut accepted, _) = server.accept().unwrap();
        client.write_all(b"question").unwrap();
        let mut question = [0; 8];
        accepted.read_exact(&mut question).unwrap();
        accepted.write_all(b"answer").unwrap();
        drop(accepted);
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).unwrap();
        let [recording] = &tape.recordings()[..] else { panic!("one connection") };
        assert_eq!((&question[..], &answer[..]), (&b"question"[..], &b"answer"[..]));
        assert_eq!((&recording.sent[..], &recording.received[..]), (&b"question"[..], &b"answer"[..]));
        assert_eq!((recording.from, recording.to), ("alice", "bob"));
    }
}
