//! The embedded store: one directory, one redb file, synced at each commit, open in one instance at a time.
//!
//! redb is blocking, and so is this: a call does its I/O on the thread that polls it, and is finished when it returns. A commit
//! takes two syncs of the disk, some milliseconds; a cosigner writes a record a few times in a ceremony. Who cannot spare the
//! thread runs the vault on one of its own.
//!
//! # Damage
//!
//! The checksum of every page is verified when the store is opened. A file that was changed underneath gives
//! [`StoreError::Corrupted`], never a panic: where redb asserts on damage, the panic is caught here.

use core::{ops::Bound, panic::AssertUnwindSafe};
use std::{panic::catch_unwind, path::Path};

use redb::{Builder, Database, Durability, ReadableDatabase, ReadableTable, Table, TableDefinition};

use crate::{
    crash::{self, Point},
    directory::{Directory, erase_file, sync_dir},
    store::{BoxFuture, Location, Page, RecordName, Store, StoreError, Stored, Version, check_value, scan_range},
};

const FILE: &str = "records.redb";
/// Name to version and value.
const RECORDS: TableDefinition<'static, &str, (u64, &[u8])> = TableDefinition::new("records");
/// One number: how many writes there were, which is where versions come from.
const WRITES: TableDefinition<'static, &str, u64> = TableDefinition::new("writes");
const CACHE_BYTES: usize = 16 << 20;

/// A [`Store`] in one directory of the local disk.
///
/// # Examples
///
/// ```
/// use std::{convert::Infallible, sync::Arc};
///
/// use quorate_core::{Identifier, PeerId, SuiteId};
/// use quorate_storage::{FileEpochKeys, KeyRef, Passphrase, Record, RedbStore, Store, Vault, kek::PassphraseParams};
/// use zeroize::Zeroizing;
///
/// struct Share(Zeroizing<Vec<u8>>);
///
/// impl Record for Share {
///     type Error = Infallible; // a real one checks the share against its verifying share
///     fn to_secret_bytes(&self) -> Zeroizing<Vec<u8>> {
///         self.0.clone()
///     }
///     fn from_secret_bytes(bytes: &[u8], _key: Option<&KeyRef>) -> Result<Self, Infallible> {
///         Ok(Self(Zeroizing::new(bytes.to_vec())))
///     }
/// }
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// # let directory = directory.path();
/// let store: Arc<dyn Store> = Arc::new(RedbStore::open(directory)?);
/// let epoch_keys = Arc::new(FileEpochKeys::open(directory)?);
/// let passphrase = Zeroizing::new("six random words are much better".to_owned());
/// let kek = Arc::new(Passphrase::create(&store, passphrase, PassphraseParams::default()).await?);
/// let vault = Vault::create(store, epoch_keys, kek, PeerId::new([1; 32])).await?;
///
/// let key = KeyRef::new([2; 32], 0, Identifier::new(1)?, SuiteId::Bip340);
/// let share = Share(Zeroizing::new(vec![3; 32]));
/// vault.put_pending(&key, &share).await?; // now the confirmation may leave
/// vault.promote(&key, &share).await?; // now every lower epoch is gone
/// let (found, share) = vault.load_active::<Share>(key.key_id()).await?;
/// assert_eq!((found, &share.0[..]), (key, &[3; 32][..]));
/// # Ok(())
/// # }
/// # let done = Box::pin(example()).as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop()));
/// # assert!(matches!(done, std::task::Poll::Ready(Ok(()))));
/// ```
#[derive(Debug)]
pub struct RedbStore {
    database: Database,
    location: Location,
    // After the database, so that the lock outlives it.
    _directory: Option<Directory>,
}

/// An error inside a transaction: ours, or redb's.
enum Inner {
    Refused(StoreError),
    Engine(Box<redb::Error>),
}

impl<E: Into<redb::Error>> From<E> for Inner {
    fn from(error: E) -> Self {
        Self::Engine(Box::new(error.into()))
    }
}

impl RedbStore {
    /// Opens the store in a directory, or makes it. The directory is made for this user alone if it is not there.
    ///
    /// # Errors
    ///
    /// [`StoreError::InUse`] if another instance has it open, [`StoreError::Corrupted`] if the file was damaged,
    /// [`StoreError::NoSpace`] and [`StoreError::Unavailable`] as the disk says.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        let directory = Directory::open(directory)?;
        let location = directory.location().clone();
        let file = directory.path().join(FILE);
        let database = guard(&location, "open the store", || Ok(builder().create(&file)?))?;
        sync_dir(directory.path()).map_err(|error| StoreError::from_io(&location, "open the store", error))?;
        Self::with_tables(database, location, Some(directory))
    }

    /// Destroys the store in a directory: overwrites its file, removes it, and makes that durable. Whatever else is in the directory
    /// stays. What a disk keeps of an overwritten file is another matter: see [`epoch_key`](crate::epoch_key).
    ///
    /// # Errors
    ///
    /// [`StoreError::InUse`] if an instance has it open, [`StoreError::Unavailable`] as the disk says. Call it again after an error.
    pub fn erase(directory: &Path) -> Result<(), StoreError> {
        let directory = Directory::open(directory)?;
        let erased = erase_file(&directory.path().join(FILE)).and_then(|()| sync_dir(directory.path()));
        erased.map_err(|error| StoreError::from_io(directory.location(), "erase the store", error))
    }

    fn with_tables(database: Database, location: Location, directory: Option<Directory>) -> Result<Self, StoreError> {
        let store = Self { database, location, _directory: directory };
        store.write("open the store", |_, _| Ok(()))?;
        Ok(store)
    }

    fn write<T>(
        &self,
        operation: &'static str,
        change: impl FnOnce(&mut Table<'_, &'static str, (u64, &'static [u8])>, u64) -> Result<T, Inner>,
    ) -> Result<T, StoreError> {
        guard(&self.location, operation, || {
            let mut transaction = self.database.begin_write()?;
            transaction.set_durability(Durability::Immediate)?;
            transaction.set_two_phase_commit(true);
            let done = {
                let mut writes = transaction.open_table(WRITES)?;
                let number = writes.get("")?.map_or(0, |number| number.value()).saturating_add(1);
                writes.insert("", number)?;
                change(&mut transaction.open_table(RECORDS)?, number)?
            };
            crash::point(Point::RedbBeforeCommit);
            transaction.commit()?;
            Ok(done)
        })
    }

    fn read_record(&self, name: &RecordName) -> Result<Option<Stored>, StoreError> {
        guard(&self.location, "read a record", || {
            let table = self.database.begin_read()?.open_table(RECORDS)?;
            Ok(table.get(name.as_str())?.map(|found| {
                let (version, value) = found.value();
                Stored::new(name.clone(), Version::from_number(version), value.to_vec())
            }))
        })
    }

    fn page(&self, range: (Bound<String>, Bound<String>), limit: usize) -> Result<Page, StoreError> {
        guard(&self.location, "scan records", || {
            let table = self.database.begin_read()?.open_table(RECORDS)?;
            let (start, end) = &range;
            let records = table.range::<&str>((start.as_ref().map(String::as_str), end.as_ref().map(String::as_str)))?;
            let page = Page::fill(
                limit,
                records.map(|entry| {
                    let (name, value) = entry.map_err(|error| failure(&self.location, "scan records", error.into()))?;
                    let (version, value) = value.value();
                    Ok(Stored::new(RecordName::new(name.value())?, Version::from_number(version), value.to_vec()))
                }),
            );
            page.map_err(Inner::Refused)
        })
    }
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES).set_check_integrity_on_open(true);
    builder
}

/// Runs `work`, and turns a panic of the engine into an error: a damaged file must not end the process.
fn guard<T>(location: &Location, operation: &'static str, work: impl FnOnce() -> Result<T, Inner>) -> Result<T, StoreError> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(Inner::Refused(error))) => Err(error),
        Ok(Err(Inner::Engine(error))) => Err(failure(location, operation, *error)),
        Err(_panic) => Err(StoreError::Corrupted { location: location.clone(), source: "the storage engine panicked".into() }),
    }
}

fn failure(location: &Location, operation: &'static str, error: redb::Error) -> StoreError {
    if let redb::Error::Io(error) = error {
        return StoreError::from_io(location, operation, error);
    }
    let location = location.clone();
    if matches!(error, redb::Error::DatabaseAlreadyOpen) {
        StoreError::InUse { location }
    } else if is_damage(&error) {
        StoreError::Corrupted { location, source: Box::new(error) }
    } else {
        StoreError::Unavailable { location, operation, source: Box::new(error) }
    }
}

/// Whether the file is not what this crate wrote.
const fn is_damage(error: &redb::Error) -> bool {
    matches!(
        error,
        redb::Error::Corrupted(_)
            | redb::Error::RepairAborted
            | redb::Error::UpgradeRequired(_)
            | redb::Error::TableTypeMismatch { .. }
            | redb::Error::TableIsMultimap(_)
            | redb::Error::TableDoesNotExist(_)
            | redb::Error::TypeDefinitionChanged { .. }
    )
}

fn expect_version(table: &Table<'_, &'static str, (u64, &'static [u8])>, name: &RecordName, seen: &Version) -> Result<(), Inner> {
    let same = table.get(name.as_str())?.is_some_and(|found| Version::from_number(found.value().0) == *seen);
    if same { Ok(()) } else { Err(Inner::Refused(StoreError::Conflict { name: name.clone() })) }
}

impl Store for RedbStore {
    fn location(&self) -> &Location {
        &self.location
    }

    fn create<'a>(&'a self, name: &'a RecordName, value: &'a [u8]) -> BoxFuture<'a, Result<Version, StoreError>> {
        Box::pin(async move {
            check_value(value)?;
            self.write("create a record", |table, number| {
                if table.get(name.as_str())?.is_some() {
                    return Err(Inner::Refused(StoreError::AlreadyExists { name: name.clone() }));
                }
                table.insert(name.as_str(), (number, value))?;
                Ok(Version::from_number(number))
            })
        })
    }

    fn create_all<'a>(&'a self, records: &'a [(RecordName, Vec<u8>)]) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            records.iter().try_for_each(|(_, value)| check_value(value))?;
            self.write("create records", |table, number| {
                for (name, value) in records {
                    // What is there shows only now: who is refused leaves the transaction unfinished.
                    if table.insert(name.as_str(), (number, value.as_slice()))?.is_some() {
                        return Err(Inner::Refused(StoreError::AlreadyExists { name: name.clone() }));
                    }
                }
                Ok(())
            })
        })
    }

    fn read<'a>(&'a self, name: &'a RecordName) -> BoxFuture<'a, Result<Option<Stored>, StoreError>> {
        Box::pin(async move { self.read_record(name) })
    }

    fn compare_and_swap<'a>(
        &'a self,
        name: &'a RecordName,
        seen: &'a Version,
        value: &'a [u8],
    ) -> BoxFuture<'a, Result<Version, StoreError>> {
        Box::pin(async move {
            check_value(value)?;
            self.write("replace a record", |table, number| {
                expect_version(table, name, seen)?;
                table.insert(name.as_str(), (number, value))?;
                Ok(Version::from_number(number))
            })
        })
    }

    fn delete<'a>(&'a self, name: &'a RecordName, seen: &'a Version) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            self.write("delete a record", |table, _| {
                expect_version(table, name, seen)?;
                table.remove(name.as_str())?;
                Ok(())
            })
        })
    }

    fn scan<'a>(
        &'a self,
        under: Option<&'a RecordName>,
        after: Option<&'a RecordName>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, StoreError>> {
        Box::pin(async move {
            let Some(range) = scan_range(under, after) else { return Ok(Page::default()) };
            self.page(range, limit)
        })
    }
}

#[cfg(test)]
mod tests {
    use core::{
        sync::atomic::{AtomicBool, Ordering},
        task::{Context, Poll, Waker},
    };
    use std::{io, sync::Arc};

    use redb::{StorageBackend, backends::InMemoryBackend};

    use super::*;

    /// A disk that can become full.
    #[derive(Debug)]
    struct Disk(InMemoryBackend, Arc<AtomicBool>);

    impl Disk {
        fn room(&self) -> io::Result<()> {
            if self.1.load(Ordering::SeqCst) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
        }
    }

    impl StorageBackend for Disk {
        fn len(&self) -> io::Result<u64> {
            self.0.len()
        }
        fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
            self.0.read(offset, out)
        }
        fn set_len(&self, len: u64) -> io::Result<()> {
            self.room().and_then(|()| self.0.set_len(len))
        }
        fn sync_data(&self) -> io::Result<()> {
            self.0.sync_data()
        }
        fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
            self.room().and_then(|()| self.0.write(offset, data))
        }
    }

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        match Box::pin(future).as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(done) => done,
            Poll::Pending => panic!("redb is blocking"),
        }
    }

    #[test]
    fn full_disk_is_named() {
        let full = Arc::new(AtomicBool::new(false));
        let database = builder().create_with_backend(Disk(InMemoryBackend::new(), Arc::clone(&full))).unwrap();
        let store = RedbStore::with_tables(database, Location::new("a small disk"), None).unwrap();
        let (kept, lost) = (RecordName::new("kept").unwrap(), RecordName::new("lost").unwrap());
        block_on(store.create(&kept, b"1")).unwrap();
        full.store(true, Ordering::SeqCst);
        let error = block_on(store.create(&lost, &vec![0; 1 << 20])).unwrap_err();
        assert!(matches!(error, StoreError::NoSpace { .. }), "{error:?}");
        assert_eq!(error.to_string(), "no space left at a small disk; free some and restart the cosigner");
    }

    #[test]
    fn panic_of_the_engine_becomes_an_error() {
        let caught = guard::<()>(&Location::new("x"), "test", || panic!("an assertion of the engine"));
        assert!(matches!(caught, Err(StoreError::Corrupted { .. })));
    }
}
