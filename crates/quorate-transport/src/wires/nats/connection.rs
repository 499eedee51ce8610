//! One connection to a NATS server: how it is made, and messages both ways until something breaks or takes too long.

use core::time::Duration;
use std::io;

use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader, ReadHalf, WriteHalf},
    net::TcpStream,
    sync::{Notify, mpsc},
    time::{MissedTickBehavior, interval, timeout},
};

use super::{
    Receiver, Shared,
    chunks::{MIN_PAYLOAD, cut},
    options::{NatsError, Server},
    protocol::{self, Connect, Info, Operation},
};

/// From the first packet to the server's consent.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
const PING_EVERY: Duration = Duration::from_secs(10);
/// Two pings and some.
const SILENT_FOR: Duration = Duration::from_secs(25);
/// How long a message may take from its first byte to its last.
const MESSAGE_WITHIN: Duration = Duration::from_secs(30);

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A datagram on its way out, with the subject that it goes to.
pub(super) struct Outgoing {
    pub(super) subject: String,
    pub(super) datagram: Vec<u8>,
}

/// A connection that the server consented to, with our subscription.
pub(super) struct Connection {
    server: String,
    reader: BufReader<ReadHalf<Box<dyn Stream>>>,
    writer: WriteHalf<Box<dyn Stream>>,
}

impl Connection {
    /// Which one it is, for people.
    pub(super) fn server(&self) -> &str {
        &self.server
    }
}

/// Why there is no connection.
pub(super) enum Trouble {
    /// It may be there another time.
    Away(io::Error),
    /// Somebody has to do something.
    Wrong(NatsError),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Away(error)
    }
}

/// Connects, and waits until the server has consented.
pub(super) async fn connect(shared: &Shared, server: &Server) -> Result<Connection, Trouble> {
    let connecting = timeout(CONNECT_WITHIN, try_to_connect(shared, server)).await;
    connecting.unwrap_or_else(|_| Err(Trouble::Away(io::ErrorKind::TimedOut.into())))
}

async fn try_to_connect(shared: &Shared, server: &Server) -> Result<Connection, Trouble> {
    let stream = TcpStream::connect((server.host.as_str(), server.port)).await?;
    stream.set_nodelay(true)?;
    let mut plain = BufReader::new(stream);
    let info = match protocol::read(&mut plain).await? {
        Operation::Info(info) => *info,
        Operation::Error(said) => return Err(refused(server, said)),
        Operation::Message { .. } | Operation::TooLong | Operation::Ping | Operation::Pong | Operation::Ok => {
            return Err(Trouble::Away(invalid("the server does not say what it is")));
        }
    };
    let tls = server.needs_tls() || info.tls_required;
    let stream: Box<dyn Stream> = if tls { encrypt(shared, server, &info, plain).await? } else { Box::new(plain) };
    let (reader, mut writer) = tokio::io::split(stream);
    let mut reader = BufReader::new(reader);
    let nkey = shared.options.seed.as_ref().map(|seed| (seed.public(), seed.answer(&info.nonce)));
    let hello = serde_json::to_string(&Connect::new(tls, nkey)).map_err(io::Error::other)?;
    let hello = format!("CONNECT {hello}\r\nSUB {} 1\r\nPING\r\n", shared.own_subject);
    writer.write_all(hello.as_bytes()).await.map_err(|error| distrust(server, error))?;
    writer.flush().await.map_err(|error| distrust(server, error))?;
    let mut max_payload = info.max_payload;
    loop {
        match protocol::read(&mut reader).await.map_err(|error| distrust(server, error))? {
            Operation::Pong => break,
            Operation::Error(said) => return Err(refused(server, said)),
            Operation::Info(info) => max_payload = info.max_payload,
            Operation::Message { .. } | Operation::TooLong | Operation::Ping | Operation::Ok => {}
        }
    }
    if !shared.limit(max_payload) {
        return Err(refused(server, format!("its max_payload is {max_payload}, and {MIN_PAYLOAD} is the least that serves")));
    }
    Ok(Connection { server: server.to_string(), reader, writer })
}

async fn encrypt(shared: &Shared, server: &Server, info: &Info, plain: BufReader<TcpStream>) -> Result<Box<dyn Stream>, Trouble> {
    // What came behind INFO was not encrypted: whoever is on the way may have put it there.
    if !(info.tls_required || info.tls_available) || !plain.buffer().is_empty() {
        return Err(untrusted(server, invalid("it does not offer TLS")));
    }
    let Some(connector) = &shared.connector else {
        return Err(refused(server, "it asks for TLS; name it with tls:// and the authorities that vouch for it".to_owned()));
    };
    let name = ServerName::try_from(server.host.clone()).map_err(|_| invalid("the name of a server"))?;
    let stream = connector.connect(name, plain.into_inner()).await.map_err(|error| distrust(server, error))?;
    Ok(Box::new(stream))
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn refused(server: &Server, said: String) -> Trouble {
    Trouble::Wrong(NatsError::Refused { server: server.to_string(), said })
}

fn untrusted(server: &Server, source: io::Error) -> Trouble {
    Trouble::Wrong(NatsError::Untrusted { server: server.to_string(), source })
}

/// Tells what TLS finds from what a network does.
fn distrust(server: &Server, error: io::Error) -> Trouble {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        // With TLS 1.3 the server looks at a certificate when the client thinks that all is done.
        Some(rustls::Error::AlertReceived(alert)) => refused(server, format!("TLS alert {alert:?}")),
        Some(_) => untrusted(server, error),
        None => Trouble::Away(error),
    }
}

/// Carries messages both ways until the connection is of no more use, and says why it is not.
pub(super) async fn carry(connection: Connection, shared: &Shared, queue: &mut mpsc::Receiver<Outgoing>) -> io::Error {
    let pongs = Notify::new();
    let ended = tokio::select! {
        ended = hear(connection.reader, shared, &pongs) => ended,
        ended = speak(connection.writer, shared, queue, &pongs) => ended,
    };
    ended.err().unwrap_or_else(|| invalid("the wire was closed"))
}

async fn hear(mut reader: BufReader<ReadHalf<Box<dyn Stream>>>, shared: &Shared, pongs: &Notify) -> io::Result<()> {
    let mut receiver = Receiver::new(shared);
    loop {
        timeout(SILENT_FOR, reader.fill_buf()).await??;
        match timeout(MESSAGE_WITHIN, protocol::read(&mut reader)).await?? {
            Operation::Message { subject, payload } => receiver.receive(&subject, &payload),
            Operation::TooLong => receiver.malformed(),
            Operation::Ping => pongs.notify_one(),
            Operation::Error(said) => shared.complained(said),
            Operation::Info(info) if !shared.limit(info.max_payload) => return Err(invalid("a limit below the least")),
            Operation::Info(_) | Operation::Pong | Operation::Ok => {}
        }
    }
}

async fn speak(
    mut writer: impl AsyncWrite + Unpin,
    shared: &Shared,
    queue: &mut mpsc::Receiver<Outgoing>,
    pongs: &Notify,
) -> io::Result<()> {
    let mut pings = interval(PING_EVERY);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let bytes = tokio::select! {
            biased;
            () = pongs.notified() => b"PONG\r\n".to_vec(),
            _now = pings.tick() => b"PING\r\n".to_vec(),
            outgoing = queue.recv() => match outgoing {
                Some(outgoing) => messages(shared, &outgoing),
                None => return Ok(()),
            },
        };
        let writing = async {
            writer.write_all(&bytes).await?;
            writer.flush().await
        };
        timeout(MESSAGE_WITHIN, writing).await??;
    }
}

/// A datagram as the server wants it.
fn messages(shared: &Shared, outgoing: &Outgoing) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(outgoing.datagram.len().saturating_add(512));
    for payload in cut(&outgoing.datagram, shared.next_number(), shared.max_payload()) {
        bytes.extend_from_slice(format!("PUB {} {}\r\n", outgoing.subject, payload.len()).as_bytes());
        bytes.extend_from_slice(&payload);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}
