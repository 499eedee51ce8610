//! moto, which stands in for AWS: S3 and KMS, in memory. It checks no signatures, unless it is told to, and is run so that it answers one
//! request at a time.

use core::time::Duration;
use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    process::{Child, Command, Stdio},
    sync::{Mutex, PoisonError},
    thread,
    time::Instant,
};

use crate::program::{find, free_port};

pub(crate) const PROGRAM: &str = "moto_server";
const ONE_AT_A_TIME: &str = include_str!("moto.py");

/// Stops when it is dropped, and forgets everything.
#[derive(Debug)]
pub struct Moto {
    child: Mutex<Child>,
    port: u16,
}

impl Moto {
    /// Starts one.
    #[must_use]
    pub fn start() -> Self {
        let port = free_port();
        let mut command = Command::new(python());
        command.args(["-c", ONE_AT_A_TIME, "-H", "127.0.0.1", "-p", &port.to_string()]);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let server = Self { child: Mutex::new(child), port };
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(began.elapsed() < Duration::from_secs(60), "{PROGRAM} does not start");
            thread::sleep(Duration::from_millis(50));
        }
        server
    }

    /// The port of the loopback that it listens on.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Asks for something of S3 or its own, as whoever has the account can, and gives the body of the answer.
    pub fn ask(&self, method: &str, path: &str, body: &[u8]) -> String {
        self.send(method, path, "s3", "", body)
    }

    /// Asks for an operation of a service that speaks JSON.
    pub fn json(&self, service: &str, target: &str, body: &str) -> String {
        let headers = format!("Content-Type: application/x-amz-json-1.1\r\nX-Amz-Target: {target}\r\n");
        self.send("POST", "/", service, &headers, body.as_bytes())
    }

    /// Asks for an operation of a service that speaks forms, with XML for an answer.
    pub fn form(&self, service: &str, body: &str) -> String {
        self.send("POST", "/", service, "Content-Type: application/x-www-form-urlencoded\r\n", body.as_bytes())
    }

    /// The names of all objects of a bucket that begin like this. It has to be less than a page of them.
    #[must_use]
    pub fn objects(&self, bucket: &str, prefix: &str) -> Vec<String> {
        let listed = self.ask("GET", &format!("/{bucket}?list-type=2&prefix={prefix}"), b"");
        assert!(!listed.contains("<IsTruncated>true"), "more objects than one page has");
        let names = listed.split("<Key>").skip(1).filter_map(|rest| rest.split_once("</Key>"));
        names.map(|(name, _)| name.to_owned()).collect()
    }

    /// What an object holds.
    #[must_use]
    pub fn object(&self, bucket: &str, name: &str) -> Vec<u8> {
        self.exchange("GET", &format!("/{bucket}/{name}"), "s3", "", b"")
    }

    fn send(&self, method: &str, path: &str, service: &str, headers: &str, body: &[u8]) -> String {
        String::from_utf8_lossy(&self.exchange(method, path, service, headers, body)).into_owned()
    }

    /// One request, on a connection of its own, and the body of its answer.
    fn exchange(&self, method: &str, path: &str, service: &str, headers: &str, body: &[u8]) -> Vec<u8> {
        let mut line = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let scope = format!("Credential=key/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=00");
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\nAuthorization: AWS4-HMAC-SHA256 {scope}\r\n{headers}Content-Length: {}\r\n\r\n",
            self.port,
            body.len()
        );
        line.write_all(head.as_bytes()).unwrap();
        line.write_all(body).unwrap();
        let mut answer = Vec::new();
        line.read_to_end(&mut answer).unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 2"), "{method} {path}: {}", String::from_utf8_lossy(&answer));
        let body = answer.windows(4).position(|four| four == b"\r\n\r\n").map_or(answer.len(), |end| end + 4);
        answer.split_off(body)
    }

    /// Makes a symmetric key in KMS, and gives its ARN, in the region us-east-1.
    #[must_use]
    pub fn kms_key(&self) -> String {
        let made = self.json("kms", "TrentService.CreateKey", "{}");
        let arn = made.split_once("\"Arn\": \"").and_then(|(_, rest)| rest.split('"').next());
        arn.unwrap_or_else(|| panic!("no key: {made}")).to_owned()
    }

    /// Dies in the middle of whatever it does, if it runs.
    pub fn kill(&self) {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        let _stopped = child.kill();
        let _ended = child.wait();
    }
}

/// The interpreter that moto was installed for, which its program names in its first line.
fn python() -> String {
    let program = std::fs::read_to_string(find(PROGRAM, [])).unwrap();
    let first = program.lines().next().and_then(|line| line.strip_prefix("#!"));
    first.unwrap_or_else(|| panic!("{PROGRAM} is no script")).trim().to_owned()
}

impl Drop for Moto {
    fn drop(&mut self) {
        self.kill();
    }
}
