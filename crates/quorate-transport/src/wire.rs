//! What carries datagrams between cosigners, and the little that is asked of it.
//!
//! A wire is hostile and blind. It may lose, repeat, delay and reorder datagrams, and whoever runs it learns sizes and times. Links and
//! sessions do the rest, so that a wire over TCP, a message broker or a USB cable needs to keep only these promises:
//!
//! 1. What arrives is what was sent, whole, if it arrives: a wire does not cut or join datagrams. (Damaged ones do no harm.)
//! 2. [`send`](Wire::send) hands over or drops. It never waits for the peer: a dead peer must not hold up the others.
//! 3. [`recv`](Wire::recv) may be dropped while it waits, without losing a datagram, and allocates nothing that a stranger announced
//!    but did not send.
//! 4. The hint says whose datagram it may be. Nobody has to check it.
//! 5. If a peer can be reached and the same datagram is sent again and again, it arrives some time; also after a peer restarted.
//! 6. Datagrams of up to [`MAX_DATAGRAM`](crate::link::MAX_DATAGRAM) bytes pass; longer ones are refused.
//!
//! The `conformance` module checks these promises for any wire.

use core::pin::Pin;
use std::io;

use quorate_core::PeerId;

/// A boxed future, so that [`Wire`] can be used as `dyn Wire`.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Carries datagrams to peers. See the module for the contract.
pub trait Wire: Send + Sync {
    /// Hands a datagram over, or drops it. Success does not mean that it arrives.
    ///
    /// # Errors
    ///
    /// [`WireError::UnknownPeer`], [`WireError::TooLong`], or [`WireError::Closed`] after which the wire is of no more use.
    fn send(&self, to: PeerId, bytes: Vec<u8>) -> BoxFuture<'_, Result<(), WireError>>;

    /// Waits for the next datagram and gives it with an untrusted hint of its sender.
    ///
    /// # Errors
    ///
    /// [`WireError::Closed`] when nothing can arrive any more.
    fn recv(&self) -> BoxFuture<'_, Result<(PeerId, Vec<u8>), WireError>>;

    /// How the connection to whoever carries the datagrams is, for people; nothing where they go straight to each peer.
    fn relay(&self) -> Option<RelayState> {
        None
    }
}

/// How the connection to a server that carries datagrams is, for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RelayState {
    /// The server that there is a connection to, if there is one.
    pub server: Option<String>,
    /// Times that a server consented to a connection.
    pub connections: u64,
    /// What the last trouble was: why there is no connection or was none, or what the server complained of.
    pub trouble: Option<String>,
}

/// Why a wire does not carry.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// The wire knows no address for this peer.
    #[error("no address is known for {peer}; is it on the roster?")]
    UnknownPeer {
        /// Who was meant.
        peer: PeerId,
    },
    /// The datagram is too long for every wire.
    #[error("a datagram has at most {limit} bytes")]
    TooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// The wire was shut down.
    #[error("the wire is closed")]
    Closed,
    /// Another program, perhaps another copy of this cosigner, listens there.
    #[error("{address} is in use: stop the other program (is this cosigner running already?) or choose another address")]
    AddressInUse {
        /// The address.
        address: String,
    },
    /// Listening failed for another reason.
    #[error("cannot listen on {address}; it must be an address of this machine, and ports below 1024 need privileges")]
    Listen {
        /// The address.
        address: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}
