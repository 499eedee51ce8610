//! One TCP connection: its hello, and frames both ways until something breaks or takes too long.

use core::time::Duration;
use std::io;

use quorate_core::PeerId;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    sync::mpsc,
    time::timeout,
};

use super::TcpLimits;
use crate::link::MAX_DATAGRAM;

const MAGIC: [u8; 4] = *b"QRT1";

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Writes all of a small message to a stream that is not split yet.
pub(super) async fn say_hello(stream: &TcpStream, local: PeerId) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let hello = [MAGIC.as_slice(), local.as_bytes()].concat();
    let mut rest = hello.as_slice();
    while !rest.is_empty() {
        stream.writable().await?;
        match stream.try_write(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => rest = rest.get(written..).unwrap_or(&[]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Reads the hello and not one byte more.
pub(super) async fn hear_hello(stream: &TcpStream) -> io::Result<PeerId> {
    stream.set_nodelay(true)?;
    let mut hello = [0; 36];
    let mut filled = 0;
    while let Some(rest) = hello.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        stream.readable().await?;
        match stream.try_read(rest) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => filled = filled.saturating_add(read),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    let (magic, peer) = hello.split_first_chunk::<4>().ok_or(invalid("hello"))?;
    let peer: [u8; 32] = peer.try_into().map_err(|_| invalid("hello"))?;
    if *magic == MAGIC { Ok(PeerId::new(peer)) } else { Err(invalid("hello")) }
}

/// Carries frames both ways and returns when the connection is of no more use.
pub(super) async fn carry(
    stream: TcpStream,
    peer: PeerId,
    queue: &mut mpsc::Receiver<Vec<u8>>,
    inbox: &mpsc::Sender<(PeerId, Vec<u8>)>,
    limits: &TcpLimits,
    silent_for: Option<Duration>,
) {
    let (reader, writer) = stream.into_split();
    tokio::select! {
        _ended = read_frames(reader, peer, inbox, limits.frame_within, silent_for) => {}
        _ended = write_frames(writer, queue, limits.frame_within) => {}
    }
}

async fn read_frames(
    mut reader: impl AsyncRead + Unpin,
    peer: PeerId,
    inbox: &mpsc::Sender<(PeerId, Vec<u8>)>,
    frame_within: Duration,
    silent_for: Option<Duration>,
) -> io::Result<()> {
    loop {
        let mut first = [0; 1];
        match silent_for {
            Some(silent_for) => timeout(silent_for, reader.read_exact(&mut first)).await??,
            None => reader.read_exact(&mut first).await?,
        };
        let [first] = first;
        let datagram = timeout(frame_within, read_rest(&mut reader, first)).await??;
        inbox.send((peer, datagram)).await.map_err(|_| invalid("the wire is closed"))?;
    }
}

async fn read_rest(reader: &mut (impl AsyncRead + Unpin), first: u8) -> io::Result<Vec<u8>> {
    let mut rest = [0; 3];
    reader.read_exact(&mut rest).await?;
    let [a, b, c] = rest;
    let length = usize::try_from(u32::from_be_bytes([first, a, b, c])).unwrap_or(usize::MAX);
    if length == 0 || length > MAX_DATAGRAM {
        return Err(invalid("length of a frame"));
    }
    let mut datagram = vec![0; length];
    reader.read_exact(&mut datagram).await?;
    Ok(datagram)
}

async fn write_frames(
    mut writer: impl AsyncWrite + Unpin,
    queue: &mut mpsc::Receiver<Vec<u8>>,
    frame_within: Duration,
) -> io::Result<()> {
    while let Some(datagram) = queue.recv().await {
        let length = u32::try_from(datagram.len()).map_err(|_| invalid("length of a frame"))?;
        let frame = [length.to_be_bytes().as_slice(), &datagram].concat();
        timeout(frame_within, writer.write_all(&frame)).await??;
    }
    Ok(())
}
