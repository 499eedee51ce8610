//! Threshold signatures whose key is never whole.
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::as_conversions, clippy::std_instead_of_core, reason = "tests"))]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod curve;
pub mod danger;
pub mod domain;
pub mod error;
pub mod identifier;
pub mod placement;
mod polynomial;
mod randomness;
pub mod secret;
pub mod session;
pub mod suite;
pub mod threshold;
pub mod transcript;
pub mod wire;

pub use error::{DecodeError, Error, Fault, FaultKind, InputError};
pub use identifier::{Identifier, ParticipantSet, PeerId};
pub use placement::{Placement, PlacementError};
pub use secret::Secret;
pub use session::{Peers, Session, SessionId};
pub use suite::SuiteId;
pub use threshold::Threshold;
