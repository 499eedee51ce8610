//! The wires of this crate.

pub(crate) mod faults;
pub mod memory;
#[cfg(feature = "nats")]
pub mod nats;
#[cfg(feature = "tcp")]
pub mod tcp;

pub use faults::Faults;
pub use memory::{Hub, MemoryWire};
#[cfg(feature = "nats")]
pub use nats::{NatsError, NatsOptions, NatsWire};
#[cfg(feature = "tcp")]
pub use tcp::{TcpLimits, TcpWire};
