//! The stores of this crate: in memory for tests, embedded for a single machine.

mod memory;
#[cfg(feature = "redb")]
mod redb;

pub use self::memory::MemoryStore;
#[cfg(feature = "redb")]
pub use self::redb::RedbStore;
