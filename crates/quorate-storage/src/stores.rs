//! The stores of this crate: in memory for tests, embedded for a single machine, in a database or a bucket of the provider's.

mod memory;
#[cfg(feature = "object-store")]
pub mod object_store;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "redb")]
mod redb;

pub use self::memory::MemoryStore;
#[cfg(feature = "object-store")]
pub use self::object_store::{BucketStore, WriteOnce};
#[cfg(feature = "postgres")]
pub use self::postgres::PostgresStore;
#[cfg(feature = "redb")]
pub use self::redb::RedbStore;
