//! Epoch keys as files beside the store: `epochs/<key id>/<epoch>`.

use std::{
    fs,
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{EpochKeyId, EpochKeys, MAX_EPOCH_KEY, bounded, hex, key_id_from_hex};
use crate::{
    crash::{self, Point},
    directory::{Directory, make_private_dir, private_file, sync_dir, write_durably},
    store::{BoxFuture, StoreError},
};

/// Epoch keys in a directory of the local disk. [`super`] says what a file system really forgets.
///
/// Calls do their I/O on the thread that polls them.
#[derive(Debug)]
pub struct FileEpochKeys {
    directory: Directory,
    /// One change at a time, so that "create if absent" holds.
    changing: Mutex<()>,
}

impl FileEpochKeys {
    /// Opens `<directory>/epochs`, or makes it.
    ///
    /// # Errors
    ///
    /// [`StoreError::InUse`] if another instance has it open, and those of the disk.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        Ok(Self { directory: Directory::open(&directory.join("epochs"))?, changing: Mutex::new(()) })
    }

    fn of_key(&self, key_id: &[u8; 32]) -> PathBuf {
        self.directory.path().join(hex(key_id))
    }

    fn exclusive(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn io<T>(&self, operation: &'static str, done: io::Result<T>) -> Result<T, StoreError> {
        done.map_err(|error| StoreError::from_io(self.directory.location(), operation, error))
    }

    fn create_now(&self, id: &EpochKeyId, wrapped: &[u8]) -> Result<(), StoreError> {
        const OPERATION: &str = "create an epoch key";
        bounded(wrapped)?;
        let _one = self.exclusive();
        let directory = self.of_key(id.key_id());
        self.io(OPERATION, make_private_dir(&directory))?;
        let name = id.epoch().to_string();
        if self.io(OPERATION, directory.join(&name).try_exists())? {
            return Err(StoreError::AlreadyExists { name: id.name()? });
        }
        crash::point(Point::EpochKeyBeforeFile);
        self.io(OPERATION, write_durably(&directory, &name, wrapped))?;
        crash::point(Point::EpochKeyAfterFile);
        Ok(())
    }

    fn read_now(&self, id: &EpochKeyId) -> io::Result<Option<Vec<u8>>> {
        let file = match fs::File::open(self.of_key(id.key_id()).join(id.epoch().to_string())) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut wrapped = Vec::new();
        let limit = u64::try_from(MAX_EPOCH_KEY).unwrap_or(u64::MAX);
        file.take(limit.saturating_add(1)).read_to_end(&mut wrapped)?;
        if wrapped.len() > MAX_EPOCH_KEY {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "an epoch key file is too long"));
        }
        Ok(Some(wrapped))
    }

    /// The former file keeps a name until it is overwritten, so that a crash leaves nothing that nobody finds any more.
    fn replace_now(&self, id: &EpochKeyId, wrapped: &[u8]) -> Result<bool, StoreError> {
        const OPERATION: &str = "replace an epoch key";
        bounded(wrapped)?;
        let _one = self.exclusive();
        let (directory, name) = (self.of_key(id.key_id()), id.epoch().to_string());
        let Some(found) = self.io(OPERATION, self.read_now(id))? else { return Ok(false) };
        self.io(OPERATION, clear_former(&directory, &name, Some(&found)))?;
        if found != wrapped {
            self.io(OPERATION, fs::hard_link(directory.join(&name), former(&directory, &name)))?;
            self.io(OPERATION, write_durably(&directory, &name, wrapped))?;
            self.io(OPERATION, clear_former(&directory, &name, Some(wrapped)))?;
        }
        self.io(OPERATION, sync_dir(&directory)).map(|()| true)
    }

    fn destroy_now(&self, id: &EpochKeyId) -> io::Result<()> {
        let _one = self.exclusive();
        let directory = self.of_key(id.key_id());
        if !directory.try_exists()? {
            return Ok(());
        }
        let name = id.epoch().to_string();
        clear_former(&directory, &name, None)?;
        let file = directory.join(&name);
        match private_file(false).open(&file) {
            Ok(open) => {
                overwrite(open)?;
                crash::point(Point::EpochKeyAfterOverwrite);
                fs::remove_file(&file)?;
                crash::point(Point::EpochKeyAfterRemoval);
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        // Also when the file was gone: an earlier call may have died before this line.
        sync_dir(&directory)
    }

    fn epochs_now(&self, key_id: &[u8; 32]) -> io::Result<Vec<u64>> {
        let entries = match fs::read_dir(self.of_key(key_id)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut epochs = Vec::new();
        for entry in entries {
            // Names that are no number are files on their way, which never held a key in use.
            epochs.extend(entry?.file_name().to_str().and_then(|name| name.parse::<u64>().ok()));
        }
        epochs.sort_unstable();
        Ok(epochs)
    }

    fn keys_now(&self) -> io::Result<Vec<[u8; 32]>> {
        let names = fs::read_dir(self.directory.path())?.map(|entry| Ok(entry?.file_name()));
        let keys = names.map(|name: io::Result<_>| Ok(name?.to_str().and_then(key_id_from_hex)));
        keys.filter_map(io::Result::transpose).collect()
    }
}

/// What a file is called while another is put in its place.
fn former(directory: &Path, name: &str) -> PathBuf {
    directory.join(format!(".{name}.old"))
}

/// Overwrites and removes what was replaced. Where its content is still the one in use it may be the very same file, and loses its name only.
fn clear_former(directory: &Path, name: &str, in_use: Option<&[u8]>) -> io::Result<()> {
    let path = former(directory, name);
    let mut file = match private_file(false).open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        opened => opened?,
    };
    if let Some(in_use) = in_use {
        let mut content = Vec::new();
        let limit = u64::try_from(MAX_EPOCH_KEY).unwrap_or(u64::MAX);
        Read::by_ref(&mut file).take(limit).read_to_end(&mut content)?;
        if content == in_use {
            return fs::remove_file(&path);
        }
    }
    overwrite(file)?;
    fs::remove_file(&path)
}

/// Writes random bytes over the whole file, then zeros, each through to the disk.
fn overwrite(mut file: fs::File) -> io::Result<()> {
    let length = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX).min(MAX_EPOCH_KEY);
    let mut cover = vec![0; length];
    // Randomness only keeps a drive from compressing; zeros follow in any case.
    if getrandom::fill(&mut cover).is_err() {
        cover.fill(0x55);
    }
    for _ in 0..2 {
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&cover)?;
        file.sync_all()?;
        cover.fill(0);
    }
    Ok(())
}

impl EpochKeys for FileEpochKeys {
    fn create<'a>(&'a self, id: &'a EpochKeyId, wrapped: &'a [u8]) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move { self.create_now(id, wrapped) })
    }

    fn read<'a>(&'a self, id: &'a EpochKeyId) -> BoxFuture<'a, Result<Option<Vec<u8>>, StoreError>> {
        Box::pin(async move { self.io("read an epoch key", self.read_now(id)) })
    }

    fn replace<'a>(&'a self, id: &'a EpochKeyId, wrapped: &'a [u8]) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move { self.replace_now(id, wrapped) })
    }

    fn destroy<'a>(&'a self, id: &'a EpochKeyId) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move { self.io("destroy an epoch key", self.destroy_now(id)) })
    }

    fn epochs<'a>(&'a self, key_id: &'a [u8; 32]) -> BoxFuture<'a, Result<Vec<u64>, StoreError>> {
        Box::pin(async move { self.io("list epoch keys", self.epochs_now(key_id)) })
    }

    fn keys(&self) -> BoxFuture<'_, Result<Vec<[u8; 32]>, StoreError>> {
        Box::pin(async move { self.io("list keys", self.keys_now()) })
    }
}
