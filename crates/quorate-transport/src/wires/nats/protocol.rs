//! The little of NATS's protocol that a wire needs, read within bounds: a server is no more trusted than the rest of the way.
//!
//! ```text
//! server   INFO {…}   MSG subject sid [reply] length CRLF bytes   PING   PONG   +OK   -ERR 'words'
//! client   CONNECT {…}   SUB subject sid   PUB subject length CRLF bytes   PING   PONG
//! ```
//!
//! A line is at most 64 KiB long, and no payload longer than a whole datagram is kept. Whatever is not of this protocol ends the connection.
//! The subject of a MSG and its reply are bytes that *another client* chose, and a server checks neither of them: nothing that they contain
//! may end it.
//!
//! Spec: [NATS client protocol](https://docs.nats.io/reference/reference-protocols/nats-protocol).

use std::io;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _};

use super::chunks::MAX_PAYLOAD;

/// What one line may have; the list of servers of a large cluster is one line.
const MAX_LINE: usize = 64 * 1024;
/// The longest payload that is read over, as the largest limit that a server can be given.
const MAX_SKIPPED: u64 = 64 * 1024 * 1024;
/// How much of a server's words is kept.
const MAX_WORDS: usize = 200;

/// What a server says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Info {
    pub(super) max_payload: usize,
    pub(super) nonce: String,
    pub(super) tls_required: bool,
    pub(super) tls_available: bool,
}

/// What a client says of itself.
#[derive(Debug, Serialize)]
pub(super) struct Connect<'a> {
    verbose: bool,
    pedantic: bool,
    echo: bool,
    headers: bool,
    protocol: u8,
    lang: &'a str,
    version: &'a str,
    name: &'a str,
    tls_required: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    nkey: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sig: Option<String>,
}

impl<'a> Connect<'a> {
    /// With the public half of an nkey and its answer to the server's nonce, if there is one.
    pub(super) fn new(tls_required: bool, nkey: Option<(String, String)>) -> Self {
        let (nkey, sig) = nkey.unzip();
        Self {
            verbose: false,
            pedantic: false,
            echo: false,
            headers: false,
            protocol: 1,
            lang: "quorate",
            version: env!("CARGO_PKG_VERSION"),
            name: "quorate",
            tls_required,
            nkey,
            sig,
        }
    }
}

/// What a server sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Info(Box<Info>),
    Message {
        /// As another client wrote it: any bytes.
        subject: Vec<u8>,
        payload: Vec<u8>,
    },
    /// A message that is longer than any of ours.
    TooLong,
    Ping,
    Pong,
    Ok,
    /// What it complains of.
    Error(String),
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Reads what the server says next. Not to be dropped while it waits, but with the connection.
pub(super) async fn read(reader: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Operation> {
    let line = read_line(reader).await?;
    let (name, rest) = match line.iter().position(is_blank).and_then(|end| line.split_at_checked(end)) {
        Some((name, rest)) => (name, rest.trim_ascii_start()),
        None => (line.as_slice(), [].as_slice()),
    };
    match name.to_ascii_uppercase().as_slice() {
        b"MSG" => read_message(reader, rest).await,
        b"PING" => Ok(Operation::Ping),
        b"PONG" => Ok(Operation::Pong),
        b"+OK" => Ok(Operation::Ok),
        b"-ERR" => Ok(Operation::Error(printable(&String::from_utf8_lossy(rest)))),
        b"INFO" => {
            let info = serde_json::from_slice(rest).map_err(|_| invalid("the server's INFO cannot be read"))?;
            Ok(Operation::Info(Box::new(info)))
        }
        _ => Err(invalid("the server does not speak NATS")),
    }
}

/// What separates words for a server, and nothing else.
const fn is_blank(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

async fn read_line(reader: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    loop {
        let buffer = reader.fill_buf().await?;
        if buffer.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let part = end.and_then(|end| buffer.get(..end)).unwrap_or(buffer);
        if line.len().saturating_add(part.len()) > MAX_LINE {
            return Err(invalid("the server's line is too long"));
        }
        line.extend_from_slice(part);
        let read = end.map_or(buffer.len(), |end| end.saturating_add(1));
        reader.consume(read);
        if end.is_some() {
            line.pop_if(|byte| *byte == b'\r');
            return Ok(line);
        }
    }
}

async fn read_message(reader: &mut (impl AsyncBufRead + Unpin), arguments: &[u8]) -> io::Result<Operation> {
    let mut words = arguments.split(is_blank).filter(|word| !word.is_empty());
    // What is between the number of the subscription and the length is a reply of the sender's, and no concern of ours.
    let (Some(subject), Some(_sid), Some(length)) = (words.next(), words.next(), words.next_back()) else {
        return Err(invalid("the server's MSG cannot be read"));
    };
    let length = str::from_utf8(length).ok().and_then(|length| length.parse::<u64>().ok());
    let length = length.ok_or_else(|| invalid("the server's MSG has no length"))?;
    if length > MAX_SKIPPED {
        return Err(invalid("the server's MSG is too long"));
    }
    let operation = match usize::try_from(length) {
        Ok(length) if length <= MAX_PAYLOAD => {
            let mut payload = vec![0; length];
            reader.read_exact(&mut payload).await?;
            Operation::Message { subject: subject.to_owned(), payload }
        }
        _ => {
            let skipped = tokio::io::copy(&mut (&mut *reader).take(length), &mut tokio::io::sink()).await?;
            if skipped < length {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            Operation::TooLong
        }
    };
    let mut end = [0; 2];
    reader.read_exact(&mut end).await?;
    if end == *b"\r\n" { Ok(operation) } else { Err(invalid("the server's MSG does not end where it says")) }
}

/// The start of a server's words, without what a terminal would obey.
fn printable(words: &str) -> String {
    words.trim_matches([' ', '\'']).chars().filter(|letter| !letter.is_control()).take(MAX_WORDS).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read_all(mut bytes: &[u8]) -> Vec<Operation> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut operations = Vec::new();
            while let Ok(operation) = read(&mut bytes).await {
                operations.push(operation);
            }
            operations
        })
    }

    #[test]
    fn operations_of_a_server_are_read() {
        let text = "INFO {\"max_payload\":4096,\"nonce\":\"abc\",\"go\":\"x\"}\r\n+OK\r\nPING\r\npong\r\n-ERR 'No\u{7}'\r\n\
            MSG a.b 1 5\r\nhe\r\no\r\nMSG a.b 1 reply 0\r\n\r\n-ERR\r\nPING\r\n";
        let info = Info { max_payload: 4096, nonce: "abc".into(), ..Info::default() };
        let message = |payload: &[u8]| Operation::Message { subject: "a.b".into(), payload: payload.into() };
        let expected = [
            Operation::Info(Box::new(info)),
            Operation::Ok,
            Operation::Ping,
            Operation::Pong,
            Operation::Error("No".into()),
            message(b"he\r\no"),
            message(b""),
            Operation::Error(String::new()),
            Operation::Ping,
        ];
        assert_eq!(read_all(text.as_bytes()), expected);
    }

    #[test]
    fn message_with_any_bytes_as_subject_and_reply_is_read() {
        for subject in [b"\xff".as_slice(), b"a\x0cb", b"a\rb", "ä".as_bytes(), b"a\x00\x1b[2J", b"\x0b"] {
            for [between, end] in [["", ""], [" ", " \t"]] {
                let line = [b"MSG\t", between.as_bytes(), subject, b" 1 ", subject, b" 2", end.as_bytes(), b"\r\nhi\r\nPING\r\n"];
                let message = Operation::Message { subject: subject.into(), payload: b"hi".into() };
                assert_eq!(read_all(&line.concat()), [message, Operation::Ping], "{subject:?}");
            }
        }
        assert_eq!(read_all(b"-ERR '\xff'\r\nPING\r\n"), [Operation::Error("\u{fffd}".into()), Operation::Ping]);
    }

    #[test]
    fn what_is_too_long_is_read_over_or_ends_the_connection() {
        let long = [b"MSG a 1 100000\r\n".as_slice(), &[7; 100_000], b"\r\nPING\r\n"].concat();
        assert_eq!(read_all(&long), [Operation::TooLong, Operation::Ping]);
        for wrong in [
            "MSG a 1 18446744073709551615\r\nPING\r\n".to_owned(),
            "MSG a 1 67108865\r\nPING\r\n".to_owned(),
            "MSG a 1 -1\r\nPING\r\n".to_owned(),
            "MSG a 1\r\nPING\r\n".to_owned(),
            "MSG a 1 b 2 3\r\nPING\r\n".to_owned(),
            "MSG a 1 2\r\nPING\r\nPING\r\n".to_owned(),
            format!("INFO {}\r\nPING\r\n", "x".repeat(MAX_LINE)),
            "INFO {\r\nPING\r\n".to_owned(),
            "HTTP/1.1 200\r\nPING\r\n".to_owned(),
        ] {
            assert_eq!(read_all(wrong.as_bytes()), [], "{:?}", wrong.get(..20));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_do_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200), name in 0_usize..6) {
            let start = ["", "MSG ", "-ERR", "INFO {", "MSG a 1 ", "PING"][name];
            read_all(&[start.as_bytes(), &bytes, b"\r\n"].concat());
        }
    }
}
