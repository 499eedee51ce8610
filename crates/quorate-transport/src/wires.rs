//! The wires of this crate.

pub mod memory;
#[cfg(feature = "tcp")]
pub mod tcp;

pub use memory::{Faults, Hub, MemoryWire};
#[cfg(feature = "tcp")]
pub use tcp::{TcpLimits, TcpWire};
