//! A line to a server on which things go wrong.

use core::time::Duration;
use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fate {
    /// It is answered.
    Pass,
    /// It is done, and the line goes dead.
    LoseAnswer,
    /// It is not done, and the line goes dead.
    LoseRequest,
    /// Nothing is heard.
    Hang,
    /// The answer is this.
    Say(&'static [u8]),
    /// The answer never ends, after this.
    SayForEver(&'static [u8]),
}

/// Decides by the head of a request.
type Plan = dyn Fn(&str) -> Fate + Send + Sync;

/// A line to a server on this machine that decides what becomes of each request.
#[derive(Clone)]
pub struct Line {
    port: u16,
    plan: Arc<Mutex<Arc<Plan>>>,
}

impl core::fmt::Debug for Line {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Line({})", self.port)
    }
}

impl Line {
    /// Begins to carry requests to a port.
    #[must_use]
    pub fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let pass: Arc<Plan> = Arc::new(|_: &str| Fate::Pass);
        let line = Self { port: listener.local_addr().unwrap().port(), plan: Arc::new(Mutex::new(pass)) };
        let plan = Arc::clone(&line.plan);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let plan = Arc::clone(&plan);
                thread::spawn(move || carry(client, server, &plan));
            }
        });
        line
    }

    /// The port of the loopback that it is reached at.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// What becomes of each request from now on, by its head: its first line and its headers.
    pub fn plan(&self, plan: impl Fn(&str) -> Fate + Send + Sync + 'static) {
        *self.plan.lock().unwrap() = Arc::new(plan);
    }
}

/// Carries one request; the client makes a new connection for the next.
fn carry(mut client: TcpStream, server: u16, plan: &Mutex<Arc<Plan>>) -> Option<()> {
    let request = request(&mut client)?;
    let text = String::from_utf8_lossy(&request);
    let (head, _) = text.split_once("\r\n\r\n")?;
    let plan = Arc::clone(&plan.lock().unwrap());
    match plan(head) {
        Fate::LoseRequest => {}
        Fate::Hang => thread::sleep(Duration::from_secs(60)),
        Fate::Say(words) => client.write_all(words).ok()?,
        Fate::SayForEver(words) => {
            client.write_all(words).ok()?;
            while client.write_all(&[b'x'; 1 << 16]).is_ok() {}
        }
        fate @ (Fate::Pass | Fate::LoseAnswer) => {
            let answer = ask(server, &request)?;
            if fate == Fate::Pass {
                client.write_all(&answer).ok()?;
            }
        }
    }
    Some(())
}

/// Reads a request of HTTP; nothing if the line ends before.
pub fn request(client: &mut TcpStream) -> Option<Vec<u8>> {
    let (mut request, mut chunk) = (Vec::new(), [0; 1 << 16]);
    loop {
        let read = client.read(&mut chunk).ok().filter(|read| *read > 0)?;
        request.extend_from_slice(chunk.get(..read)?);
        let Some(end) = request.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(request.get(..end)?).to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
        if request.len() >= end + 4 + length.unwrap_or(0) {
            return Some(request);
        }
    }
}

fn ask(server: u16, request: &[u8]) -> Option<Vec<u8>> {
    let mut line = TcpStream::connect(("127.0.0.1", server)).ok()?;
    let end = request.iter().position(|byte| *byte == b'\n')? + 1;
    line.write_all(request.get(..end)?).ok()?;
    line.write_all(b"Connection: close\r\n").ok()?;
    line.write_all(request.get(end..)?).ok()?;
    let mut answer = Vec::new();
    line.read_to_end(&mut answer).ok()?;
    Some(answer)
}
