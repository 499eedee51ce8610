//! Messages between cosigners, over wires that nobody has to trust.
//!
//! ```text
//!   your protocol            bytes for a session, to a peer
//!   node::Network            thin asynchronous shell (feature `tcp`)
//!   session::Endpoint        many sessions over one link: fragments, acknowledgements, deadlines; no clock, no I/O
//!   link::Link               Noise_KK_25519_ChaChaPoly_BLAKE2s, explicit nonces, replay window
//!   wire::Wire               carries bytes: perhaps late, twice, never, or out of order
//! ```
//!
//! Whoever runs the wire can delay or drop, and learns sizes, times and who talks to whom. It cannot read, forge, replay or redirect.
//! The sender of a message is always the identity that the link proved, never a field that somebody wrote.
//!
//! # Example
//!
//! Two cosigners over a wire that loses one datagram in ten:
//!
//! ```
//! use std::{sync::Arc, time::Duration};
//! use quorate_core::SessionId;
//! use quorate_transport::{Cosigner, Identity, Network, Roster, wires::memory::{Faults, Hub}};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (alice, bob) = (Identity::generate(&mut getrandom::SysRng)?, Identity::generate(&mut getrandom::SysRng)?);
//! let (alice_id, bob_id) = (alice.peer_id(), bob.peer_id());
//! let roster = Roster::new([
//!     Cosigner::new("alice", alice_id, "127.0.0.1:7001"),
//!     Cosigner::new("bob", bob_id, "127.0.0.1:7002"),
//! ])?;
//!
//! let hub = Hub::new(1, Faults::new(100, 50, 100));
//! let alice = Network::start(alice, &roster, Arc::new(hub.wire(alice_id)))?;
//! let bob = Network::start(bob, &roster, Arc::new(hub.wire(bob_id)))?;
//!
//! let session = SessionId::new([7; 32]);
//! let mut inbox = bob.open(session, Duration::from_secs(30))?;
//! alice.send(session, bob_id, b"round one".to_vec())?;
//! let (from, bytes) = inbox.recv().await.ok_or("the session ended")?;
//! assert_eq!(from, alice_id); // what the link proved, not what somebody wrote
//! assert_eq!(bytes.as_slice(), b"round one");
//! # Ok(()) }
//! ```
//!
//! What this crate does not do: it knows no protocol, keeps nothing on disk and decides nothing. [`Identity`] must be sealed by the
//! caller; a message that could not be delivered before its deadline is reported, and what follows from it is the caller's decision.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::as_conversions, reason = "tests"))]

#[cfg(feature = "tcp")]
pub mod conformance;
mod domain;
pub mod identity;
pub mod link;
pub mod nkey;
#[cfg(feature = "tcp")]
pub mod node;
mod noise;
pub mod roster;
pub mod session;
pub mod wire;
pub mod wires;

pub use identity::{Identity, IdentityError};
pub use link::{Handshake, Link, LinkError, Pair};
#[cfg(feature = "tcp")]
pub use node::{Incoming, Network, NetworkError};
pub use roster::{Cosigner, Roster, RosterError};
pub use session::{Channel, Endpoint, Event, Limits, SendError};
pub use wire::{RelayState, Wire, WireError};
