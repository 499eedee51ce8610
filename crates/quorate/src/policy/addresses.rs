//! Who may, and who must not, get something: lists in the configuration, and in files of others.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use bitcoin::hashes::{Hash as _, sha256};
use serde::Deserialize;

use super::Decision;
use crate::payload::{AddressError, Effect, canonical_address, is_associated};

/// The longest file that is read, in bytes.
const MAX_FILE: u64 = 16 << 20;

/// Lists of addresses of Bitcoin, Ethereum and Solana.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct AddressRules {
    /// Whoever may get coins and tokens, or be allowed to take them; everybody, if absent. What returns to the key is always allowed.
    pub allow: Option<BTreeSet<String>>,
    /// Those who are not to be named at all: as recipients, contracts, owners, or whose code it is; nor the account of such a wallet for
    /// a token of Solana, if the transfer names the mint and it is the associated one.
    pub deny: BTreeSet<String>,
    /// Files with more of them.
    pub deny_files: Vec<AddressFile>,
}

/// A file with addresses, such as those that are attributed to thieves.
///
/// Text, one address a line, and a date: `date 2026-11-30`. Empty lines, and all from a `#` on, say nothing.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct AddressFile {
    /// Where it is, relative to the cosigner's directory.
    pub path: PathBuf,
    /// The SHA-256 that it must have, in hexadecimal digits; any, if absent.
    #[serde(default)]
    pub sha256: Option<String>,
    #[serde(skip)]
    loaded: Option<Loaded>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Loaded {
    date: String,
    digest: String,
    addresses: BTreeSet<String>,
}

/// A file with addresses cannot be used. Whoever wrote or named it must change it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressListError {
    /// It cannot be read, or is above 16 MiB.
    #[error("cannot read {}, or it is not text of at most 16 MiB", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
    },
    /// It is not the one that was meant.
    #[error("the SHA-256 of {} is {found}, and not the one that the policy names", path.display())]
    OtherFile {
        /// The file.
        path: PathBuf,
        /// Its digest.
        found: String,
    },
    /// Not exactly one date.
    #[error("{} needs exactly one line with its date: date 2026-11-30", path.display())]
    Date {
        /// The file.
        path: PathBuf,
    },
    /// A line that is no address.
    #[error("line {line} of {}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        source: AddressError,
    },
}

impl AddressRules {
    /// Gives all addresses the spelling in which descriptions show them.
    pub(super) fn normalize(&mut self) -> Result<(), AddressError> {
        let canonical = |list: &BTreeSet<String>| list.iter().map(|text| canonical_address(text)).collect::<Result<_, _>>();
        self.deny = canonical(&self.deny)?;
        self.allow = self.allow.as_ref().map(canonical).transpose()?;
        Ok(())
    }

    pub(super) fn load(&mut self, directory: &Path) -> Result<(), AddressListError> {
        self.deny_files.iter_mut().try_for_each(|file| file.load(directory))
    }

    /// What is said to those whom an effect names.
    pub(super) fn decide(&self, effect: &Effect, own: Option<&str>) -> Decision {
        let held = self.holders(effect).map(|wallet| self.denied(wallet));
        let denied = effect.addresses().map(|address| self.denied(address)).chain(held).fold(Decision::Allow, Decision::and);
        let gets = match effect {
            Effect::Transfer { to, .. } => Some(to),
            Effect::Approval { spender, .. } => Some(spender),
            Effect::Call { .. }
            | Effect::Delegatecall { .. }
            | Effect::Upgrade { .. }
            | Effect::OwnerChange { .. }
            | Effect::Undecoded { .. } => None,
        };
        match (gets.filter(|to| own != Some(to.as_str())), &self.allow) {
            (Some(to), Some(allow)) if !allow.contains(to) => {
                denied.and(Decision::deny(&format!("{to} is not among those who may get something")).by("addresses.allow"))
            }
            _ => denied,
        }
    }

    /// Those on the lists in whose own account for a token of Solana it goes: transfers name the account and not the wallet.
    fn holders<'a>(&'a self, effect: &'a Effect) -> impl Iterator<Item = &'a str> {
        let to = if let Effect::Transfer { asset, to, .. } = effect { asset.named_mint().map(|mint| (mint, to)) } else { None };
        let loaded = self.deny_files.iter().filter_map(|file| file.loaded.as_ref()).flat_map(|loaded| &loaded.addresses);
        let listed = to.is_some().then(|| self.deny.iter().chain(loaded)).into_iter().flatten().map(String::as_str);
        listed.filter(move |wallet| to.is_some_and(|(mint, to)| is_associated(to, wallet, mint)))
    }

    fn denied(&self, address: &str) -> Decision {
        let mut decision = Decision::Allow;
        if self.deny.contains(address) {
            decision =
                decision.and(Decision::deny(&format!("{address} is on the list of those who get nothing")).by("addresses.deny"));
        }
        for file in &self.deny_files {
            let path = file.path.display();
            decision = decision.and(match &file.loaded {
                None => Decision::deny(&format!("the list {path} was not read")).by("addresses.deny_files"),
                Some(loaded) if loaded.addresses.contains(address) => {
                    let Loaded { date, digest, .. } = loaded;
                    let reason = format!("{address} is on the list {path} of {date}, SHA-256 {digest}");
                    Decision::deny(&reason).by("addresses.deny_files")
                }
                Some(_) => Decision::Allow,
            });
        }
        decision
    }
}

impl AddressFile {
    /// Names a file, and perhaps its digest.
    #[must_use]
    pub const fn new(path: PathBuf, sha256: Option<String>) -> Self {
        Self { path, sha256, loaded: None }
    }

    fn load(&mut self, directory: &Path) -> Result<(), AddressListError> {
        use std::io::Read as _;
        let path = directory.join(&self.path);
        let unreadable = || AddressListError::Unreadable { path: path.clone() };
        let mut bytes = Vec::new();
        let file = std::fs::File::open(&path).map_err(|_| unreadable())?;
        file.take(MAX_FILE.saturating_add(1)).read_to_end(&mut bytes).map_err(|_| unreadable())?;
        if u64::try_from(bytes.len()).is_ok_and(|length| length > MAX_FILE) {
            return Err(unreadable());
        }
        let digest = sha256::Hash::hash(&bytes).to_string();
        if self.sha256.as_ref().is_some_and(|expected| !expected.eq_ignore_ascii_case(&digest)) {
            return Err(AddressListError::OtherFile { path, found: digest });
        }
        let text = String::from_utf8(bytes).map_err(|_| unreadable())?;
        let (date, addresses) = read(&text, &path)?;
        self.loaded = Some(Loaded { date, digest, addresses });
        Ok(())
    }
}

/// The date and the addresses.
fn read(text: &str, path: &Path) -> Result<(String, BTreeSet<String>), AddressListError> {
    let (mut date, mut addresses) = (None, BTreeSet::new());
    let wrong_date = || AddressListError::Date { path: path.to_owned() };
    for (line, text) in (1..).zip(text.lines()) {
        let said = text.split_once('#').map_or(text, |(said, _)| said).trim();
        if let Some(named) = said.strip_prefix("date ") {
            if date.is_some() || !is_date(named.trim()) {
                return Err(wrong_date());
            }
            date = Some(named.trim().to_owned());
        } else if !said.is_empty() {
            let address = canonical_address(said);
            addresses.insert(address.map_err(|source| AddressListError::Line { path: path.to_owned(), line, source })?);
        }
    }
    Ok((date.ok_or_else(wrong_date)?, addresses))
}

/// Whether it is written as 2026-11-30.
fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let digits = |part: &&str, count: usize| part.len() == count && part.bytes().all(|digit| digit.is_ascii_digit());
    let within = |part: &str, most: u8| part.parse::<u8>().is_ok_and(|number| (1..=most).contains(&number));
    match parts.as_slice() {
        [year, month, day] => digits(year, 4) && digits(month, 2) && digits(day, 2) && within(month, 12) && within(day, 31),
        _ => false,
    }
}
