//! A NATS server, and whoever operates it.

use core::time::Duration;
use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use tempfile::TempDir;

use crate::program::{find, free_port};

pub(crate) const PROGRAM: &str = "nats-server";
const START_WITHIN: Duration = Duration::from_secs(20);

/// Where distributions put it.
pub(crate) fn elsewhere() -> [PathBuf; 1] {
    [PathBuf::from("/usr/sbin")]
}

/// A NATS server.
#[derive(Debug)]
pub struct Nats {
    directory: TempDir,
    port: u16,
    process: Mutex<Option<Child>>,
}

impl Nats {
    /// Makes and starts one that anybody may use.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with("")
    }

    /// The same with more lines in its configuration.
    #[must_use]
    pub fn start_with(settings: &str) -> Self {
        let server = Self { directory: tempfile::tempdir().unwrap(), port: free_port(), process: Mutex::new(None) };
        server.configure(settings);
        server.go_on();
        server
    }

    /// The port of the loopback that it listens on.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Where clients without TLS reach it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Has it read other lines from its next start on.
    pub fn configure(&self, settings: &str) {
        std::fs::write(self.path("conf"), format!("listen: \"127.0.0.1:{}\"\n{settings}\n", self.port)).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Dies in the middle of whatever it does.
    pub fn kill(&self) {
        if let Some(mut process) = self.process.lock().unwrap_or_else(PoisonError::into_inner).take() {
            drop(process.kill());
            drop(process.wait());
        }
    }

    /// Starts again.
    pub fn go_on(&self) {
        let mut command = Command::new(find(PROGRAM, elsewhere()));
        command.arg("-c").arg(self.path("conf")).arg("-l").arg(self.path("log"));
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        *self.process.lock().unwrap_or_else(PoisonError::into_inner) = Some(process);
        let start = Instant::now();
        while !self.answers() {
            assert!(start.elapsed() < START_WITHIN, "the NATS server does not start: {}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn answers(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) else { return false };
        let mut start = [0; 5];
        stream.set_read_timeout(Some(START_WITHIN)).unwrap();
        stream.read_exact(&mut start).is_ok() && &start == b"INFO "
    }

    /// What it logged.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// Where its files are.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        self.kill();
    }
}

/// One message as it crossed a server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NatsMessage {
    /// Its subject.
    pub subject: String,
    /// Its content.
    pub payload: Vec<u8>,
}

/// Whoever operates a NATS server: hears all that crosses it, and says anything in anybody's name.
#[derive(Debug)]
pub struct NatsOperator {
    stream: TcpStream,
    heard: Arc<Mutex<Vec<NatsMessage>>>,
}

impl NatsOperator {
    /// Connects to a server without TLS, as this user and password if it asks for one.
    #[must_use]
    pub fn new(server: &Nats, user: Option<(&str, &str)>) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
        stream.set_nodelay(true).unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let user = user.map(|(user, password)| format!("\"user\":\"{user}\",\"pass\":\"{password}\",")).unwrap_or_default();
        let mut operator = Self { stream, heard: Arc::default() };
        let hello = format!("CONNECT {{{user}\"verbose\":false,\"pedantic\":false,\"echo\":false}}\r\nSUB > 1\r\nPING\r\n");
        operator.stream.write_all(hello.as_bytes()).unwrap();
        let mut line = String::new();
        while line != "PONG\r\n" {
            line.clear();
            assert!(
                reader.read_line(&mut line).unwrap() > 0 && !line.starts_with('-'),
                "the server refuses its operator: {line}"
            );
        }
        let (heard, pongs) = (Arc::clone(&operator.heard), operator.stream.try_clone().unwrap());
        drop(std::thread::spawn(move || hear(reader, &heard, pongs)));
        operator
    }

    /// Puts a message on the wire.
    pub fn publish(&mut self, subject: &str, payload: &[u8]) {
        let head = format!("PUB {subject} {}\r\n", payload.len());
        self.stream.write_all(&[head.as_bytes(), payload, b"\r\n"].concat()).unwrap();
    }

    /// All that crossed so far, in its order.
    #[must_use]
    pub fn heard(&self) -> Vec<NatsMessage> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for NatsOperator {
    fn drop(&mut self) {
        drop(self.stream.shutdown(std::net::Shutdown::Both));
    }
}

/// Until the server is gone.
fn hear(mut reader: BufReader<TcpStream>, heard: &Mutex<Vec<NatsMessage>>, mut pongs: TcpStream) {
    let mut line = String::new();
    while reader.read_line(&mut line).is_ok_and(|read| read > 0) {
        let words: Vec<_> = line.split_ascii_whitespace().collect();
        match words.as_slice() {
            ["PING"] => drop(pongs.write_all(b"PONG\r\n")),
            ["MSG", subject, .., length] => {
                let mut payload = vec![0; length.parse::<usize>().unwrap() + 2];
                if reader.read_exact(&mut payload).is_err() {
                    return;
                }
                payload.truncate(payload.len() - 2);
                let message = NatsMessage { subject: (*subject).to_owned(), payload };
                heard.lock().unwrap_or_else(PoisonError::into_inner).push(message);
            }
            _ => {}
        }
        line.clear();
    }
}
