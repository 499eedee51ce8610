//! The contract of a [`Wire`] as a suite that any wire can run.
//!
//! Give [`check`] two wires that can reach each other, and a third party's identity. It panics nowhere; a [`Violation`] names the
//! promise of [`crate::wire`] that was broken. Wires may lose datagrams, so the suite sends again and waits up to [`PATIENCE`].
//!
//! [`check_sessions`] runs whole networks over wires. Wrapped into [`Faulty`], any wire loses, repeats, delays and alters datagrams as a
//! seed says, and sessions must bring every message all the same.

mod faulty;
mod sessions;

use core::time::Duration;

use quorate_core::PeerId;
use tokio::time::{Instant, timeout};

pub use self::{faulty::Faulty, sessions::check_sessions};
use crate::{
    link::MAX_DATAGRAM,
    wire::{Wire, WireError},
};

/// How long the suite waits for one datagram to arrive.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// How long the suite waits for all messages of a session.
pub const SESSION_PATIENCE: Duration = Duration::from_secs(120);

const PAUSE: Duration = Duration::from_millis(50);

/// A broken promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// Promise 1: something arrived that nobody sent.
    #[error("a datagram arrived that was not sent: cut, joined or changed")]
    Changed,
    /// Promise 2: sending waited.
    #[error("sending took longer than a second")]
    SendWaits,
    /// Promise 3: a dropped `recv` broke the wire.
    #[error("nothing arrives after a recv was dropped while it waited")]
    RecvNotCancelSafe,
    /// Promise 4: the hint names someone who sent nothing.
    #[error("the hint of an honest datagram names someone else")]
    WrongHint,
    /// Promise 5: a datagram never arrived though it was sent again and again.
    #[error("a datagram of {length} bytes did not arrive within {PATIENCE:?}")]
    NeverArrives {
        /// Its length.
        length: usize,
    },
    /// Promise 6: a datagram above the limit was taken.
    #[error("a datagram above the limit was not refused")]
    TooLongTaken,
    /// Sending or receiving failed.
    #[error("the wire gave an error where it must not")]
    Failed,
    /// Sessions: a message did not arrive, although the wires carry.
    #[error("a message of {length} bytes did not arrive within {SESSION_PATIENCE:?}")]
    SessionStalls {
        /// Its length.
        length: usize,
    },
    /// Sessions: a message arrived that this peer did not send, or twice.
    #[error("a message arrived that was not sent, or twice, or from somebody else")]
    SessionChanged,
}

/// One end for the suite: a wire and the identity that it was made for.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct End<'a> {
    wire: &'a dyn Wire,
    peer: PeerId,
}

impl core::fmt::Debug for End<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("End").field("peer", &self.peer).finish_non_exhaustive()
    }
}

impl<'a> End<'a> {
    /// Names a wire's owner.
    #[must_use]
    pub fn new(wire: &'a dyn Wire, peer: PeerId) -> Self {
        Self { wire, peer }
    }
}

/// Checks every promise between two ends, both ways. `unreachable` is a peer that both know and that does not run.
///
/// # Errors
///
/// The first [`Violation`].
pub async fn check(a: End<'_>, b: End<'_>, unreachable: PeerId) -> Result<(), Violation> {
    for (from, to) in [(a, b), (b, a)] {
        for length in [1, 2, 1000, MAX_DATAGRAM] {
            arrives(from, to, length).await?;
        }
        survives_dropped_recv(from, to).await?;
        refuses_too_long(from, to).await?;
        never_waits(from, unreachable).await?;
        arrives(from, to, 77).await?;
    }
    Ok(())
}

fn datagram(length: usize) -> Vec<u8> {
    (0..length).map(|place| place.to_le_bytes().iter().fold(0x5a, |mixed, byte| mixed ^ byte)).collect()
}

/// Promises 1, 4 and 5.
async fn arrives(from: End<'_>, to: End<'_>, length: usize) -> Result<(), Violation> {
    let sent = datagram(length);
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        let sending = timeout(Duration::from_secs(1), from.wire.send(to.peer, sent.clone())).await;
        sending.map_err(|_| Violation::SendWaits)?.map_err(|_| Violation::Failed)?;
        let Ok(received) = timeout(PAUSE, to.wire.recv()).await else { continue };
        let (hint, bytes) = received.map_err(|_| Violation::Failed)?;
        if bytes != datagram(bytes.len()) {
            return Err(Violation::Changed);
        }
        if hint != from.peer {
            return Err(Violation::WrongHint);
        }
        if bytes.len() == length {
            return Ok(());
        }
        // An older datagram. The pause lets time pass also where a runtime's clock only moves while all wait.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Err(Violation::NeverArrives { length })
}

/// Promise 3.
async fn survives_dropped_recv(from: End<'_>, to: End<'_>) -> Result<(), Violation> {
    while timeout(PAUSE, to.wire.recv()).await.is_ok() {}
    for _ in 0..10 {
        let _dropped = timeout(Duration::from_micros(1), to.wire.recv()).await;
    }
    arrives(from, to, 33).await.map_err(|violation| match violation {
        Violation::NeverArrives { .. } => Violation::RecvNotCancelSafe,
        other @ (Violation::Changed
        | Violation::SendWaits
        | Violation::RecvNotCancelSafe
        | Violation::WrongHint
        | Violation::TooLongTaken
        | Violation::SessionStalls { .. }
        | Violation::SessionChanged
        | Violation::Failed) => other,
    })
}

/// Promise 6.
async fn refuses_too_long(from: End<'_>, to: End<'_>) -> Result<(), Violation> {
    match from.wire.send(to.peer, vec![0; MAX_DATAGRAM + 1]).await {
        Err(WireError::TooLong { .. }) => Ok(()),
        Ok(()) | Err(_) => Err(Violation::TooLongTaken),
    }
}

/// Promise 2: also when a peer does not run and much was sent.
async fn never_waits(from: End<'_>, unreachable: PeerId) -> Result<(), Violation> {
    for _ in 0..2000 {
        let sent = timeout(Duration::from_secs(1), from.wire.send(unreachable, vec![7; 1000])).await;
        sent.map_err(|_| Violation::SendWaits)?.map_err(|_| Violation::Failed)?;
    }
    Ok(())
}
