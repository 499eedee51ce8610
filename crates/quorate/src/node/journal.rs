//! Files that say what was begun, and changes of the configuration; each replaced at once and durably.

use std::{
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
};

use serde::{Serialize, de::DeserializeOwned};

use super::NodeError;
use crate::config::{CONFIG_FILE, Config, ConfigError};

/// Whether something was begun. A link counts, wherever it leads.
pub(super) fn is_there(directory: &Path, name: &str) -> Result<bool, NodeError> {
    let path = directory.join(name);
    match path.symlink_metadata() {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(NodeError::File { path, source }),
    }
}

pub(super) fn read<T: DeserializeOwned>(directory: &Path, name: &str) -> Result<Option<T>, NodeError> {
    let path = directory.join(name);
    match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(NodeError::File { path, source }),
        Ok(text) => match toml::from_str(&text) {
            Ok(journal) => Ok(Some(journal)),
            Err(error) => Err(ConfigError::Malformed { path, source: Box::new(error) }.into()),
        },
    }
}

pub(super) fn write<T: Serialize>(directory: &Path, name: &str, journal: &T) -> Result<(), NodeError> {
    let failed = |source| NodeError::File { path: directory.join(name), source };
    let text = toml::to_string(journal).map_err(|error| failed(io::Error::other(error)))?;
    replace(directory, name, &text).map_err(failed)
}

pub(super) fn remove(directory: &Path, name: &str) -> Result<(), NodeError> {
    let path = directory.join(name);
    let removed = fs::remove_file(&path).and_then(|()| fs::File::open(directory)?.sync_all());
    removed.map_err(|source| NodeError::File { path, source })
}

/// A section of the configuration as text, without its header.
pub(super) fn section<T: Serialize>(value: &T) -> Result<String, NodeError> {
    // Strings, numbers and tables of them always have a TOML form.
    toml::to_string(value).map_err(|error| NodeError::File { path: PathBuf::from(CONFIG_FILE), source: io::Error::other(error) })
}

/// Has the configuration say something else in a section. All else in the file stays as it is, comments included. What was written
/// must read back as `says` wants it.
pub(super) fn configure<T: Serialize>(
    directory: &Path,
    name: &str,
    value: &T,
    says: impl FnOnce(&Config) -> bool,
) -> Result<(), NodeError> {
    let path = directory.join(CONFIG_FILE);
    let failed = |source| NodeError::File { path: path.clone(), source };
    let text = fs::read_to_string(&path).map_err(failed)?;
    let mut document: toml_edit::DocumentMut = text.parse().map_err(|error| failed(io::Error::other(error)))?;
    let section: toml_edit::DocumentMut = section(value)?.parse().map_err(|error| failed(io::Error::other(error)))?;
    document.insert(name, toml_edit::Item::Table(section.as_table().clone()));
    let text = document.to_string();
    if !says(&Config::parse(&text, &path)?) {
        return Err(failed(io::Error::other(format!(
            "the section [{name}] cannot be replaced; write it in the usual form, [{name}], and try again"
        ))));
    }
    replace(directory, CONFIG_FILE, &text).map_err(failed)
}

/// Replaces a file at once and durably, readable by this user alone.
pub(super) fn replace(directory: &Path, name: &str, text: &str) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let beside = directory.join(format!(".{name}.new"));
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&beside, directory.join(name))?;
    fs::File::open(directory)?.sync_all()
}
