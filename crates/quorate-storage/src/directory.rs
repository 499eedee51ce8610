//! Directories and files of a store: private to their user, locked by one instance, durable when a call returns.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
};

use crate::store::{Location, StoreError};

/// A directory that this instance, and no other, has open. The lock ends with the value, or with the process.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    location: Location,
    _lock: File,
}

impl Directory {
    /// Makes the directory if it is not there, and locks it.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let location = Location::new(&path.display().to_string());
        let io = |error| StoreError::from_io(&location, "open the directory", error);
        make_private_dir(path).map_err(io)?;
        let lock = private_file(true).open(path.join("lock")).map_err(io)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StoreError::InUse { location }),
            Err(TryLockError::Error(error)) => return Err(StoreError::from_io(&location, "lock the directory", error)),
        }
        sync_dir(path).map_err(io)?;
        Ok(Self { path: path.to_owned(), location, _lock: lock })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) const fn location(&self) -> &Location {
        &self.location
    }
}

/// Makes a directory for this user alone, with its parents, and makes its own entry durable.
pub(crate) fn make_private_dir(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)?;
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).map_or(Ok(()), sync_dir)
}

/// Options for a file that only this user can read. Existing contents stay.
pub(crate) fn private_file(create: bool) -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(create);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Writes a whole file at once: beside it, synced, renamed into place, and the directory synced.
pub(crate) fn write_durably(directory: &Path, name: &str, contents: &[u8]) -> io::Result<()> {
    let beside = directory.join(format!(".{name}.new"));
    let mut file = private_file(true).truncate(true).open(&beside)?;
    file.write_all(contents)?;
    file.sync_all()?;
    fs::rename(&beside, directory.join(name))?;
    sync_dir(directory)
}

/// Writes zeros over a whole file, through to the disk, and removes it. A file that is not there is erased.
#[cfg(feature = "redb")]
pub(crate) fn erase_file(path: &Path) -> io::Result<()> {
    let mut file = match private_file(false).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        opened => opened?,
    };
    let length = file.metadata()?.len();
    io::copy(&mut io::Read::take(io::repeat(0), length), &mut file)?;
    file.sync_all()?;
    fs::remove_file(path)
}

/// Makes the entries of a directory durable. Windows has no such call, and does not need it for renames on NTFS.
pub(crate) fn sync_dir(path: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}
