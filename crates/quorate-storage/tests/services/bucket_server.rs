//! A server that speaks S3, of a test's own, and a line to it on which things go wrong. `scripts/test` installs what it needs.

use core::time::Duration;
use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::Instant,
};

use quorate_services::{find, free_port};
use quorate_storage::BucketOptions;
use zeroize::Zeroizing;

const PROGRAM: &str = "moto_server";

/// Stops when it is dropped, and forgets everything.
pub(crate) struct Server {
    child: Mutex<Child>,
    pub(crate) port: u16,
}

impl Server {
    /// Starts a server with the bucket `bucket`.
    pub(crate) fn start() -> Self {
        let port = free_port();
        let mut command = Command::new(find(PROGRAM, []));
        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let server = Self { child: Mutex::new(child), port };
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(began.elapsed() < Duration::from_secs(60), "{PROGRAM} does not start");
            thread::sleep(Duration::from_millis(50));
        }
        server.ask("PUT", "/bucket", b"");
        server
    }

    /// Asks past the store, as whoever has the bucket can.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &[u8]) -> String {
        let mut line = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let scope = "Credential=key/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=00";
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\nAuthorization: AWS4-HMAC-SHA256 {scope}\r\nContent-Length: {}\r\n\r\n",
            self.port,
            body.len()
        );
        line.write_all(head.as_bytes()).unwrap();
        line.write_all(body).unwrap();
        let mut answer = Vec::new();
        line.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8_lossy(&answer).into_owned();
        assert!(answer.starts_with("HTTP/1.1 2"), "{method} {path}: {answer}");
        answer
    }

    pub(crate) fn kill(&self) {
        let mut child = self.child.lock().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// How a prefix of the bucket is reached over some port of this machine.
    pub(crate) fn over(&self, port: u16, prefix: &str) -> BucketOptions {
        let options = BucketOptions::new(&format!("s3://bucket/{prefix}")).unwrap().region("us-east-1");
        let options = options.endpoint(&format!("http://127.0.0.1:{port}")).unwrap().lease(Duration::from_secs(6));
        options.key("key-of-alice", &Zeroizing::new("secret-of-alice".to_owned()))
    }

    pub(crate) fn options(&self, prefix: &str) -> BucketOptions {
        self.over(self.port, prefix)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Ok(mut child) = self.child.lock() {
            let _stopped = child.kill();
            let _ended = child.wait();
        }
    }
}

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fate {
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

type Plan = dyn Fn(&str) -> Fate + Send + Sync;

/// A line to a server on this machine that decides what becomes of each request by its first line.
#[derive(Clone)]
pub(crate) struct Line {
    pub(crate) port: u16,
    plan: Arc<Mutex<Arc<Plan>>>,
}

impl Line {
    pub(crate) fn to(server: u16) -> Self {
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

    pub(crate) fn plan(&self, plan: impl Fn(&str) -> Fate + Send + Sync + 'static) {
        *self.plan.lock().unwrap() = Arc::new(plan);
    }
}

/// Carries one request; the client makes a new connection for the next.
fn carry(mut client: TcpStream, server: u16, plan: &Mutex<Arc<Plan>>) -> Option<()> {
    let request = request(&mut client)?;
    let text = String::from_utf8_lossy(&request);
    let plan = Arc::clone(&plan.lock().unwrap());
    match plan(text.lines().next()?) {
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

pub(crate) fn request(client: &mut TcpStream) -> Option<Vec<u8>> {
    let (mut request, mut chunk) = (Vec::new(), [0; 1 << 16]);
    loop {
        let read = client.read(&mut chunk).ok().filter(|read| *read > 0)?;
        request.extend_from_slice(&chunk[..read]);
        let Some(end) = request.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&request[..end]).to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
        if request.len() >= end + 4 + length.unwrap_or(0) {
            return Some(request);
        }
    }
}

fn ask(server: u16, request: &[u8]) -> Option<Vec<u8>> {
    let mut line = TcpStream::connect(("127.0.0.1", server)).ok()?;
    let end = request.iter().position(|byte| *byte == b'\n')? + 1;
    line.write_all(&request[..end]).ok()?;
    line.write_all(b"Connection: close\r\n").ok()?;
    line.write_all(&request[end..]).ok()?;
    let mut answer = Vec::new();
    line.read_to_end(&mut answer).ok()?;
    Some(answer)
}
