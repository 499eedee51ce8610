//! Who may, and who must not, get something: lists in the configuration, and in files of others.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use bitcoin::hashes::{Hash as _, sha256};
use serde::Deserialize;

use super::Decision;
use crate::payload::{AddressError, Effect, HoldingAccount, canonical_address, solana_bytes};

/// The longest file that is read, in bytes.
const MAX_FILE: u64 = 16 << 20;
/// How often it is looked, for one request, whether an account is a listed wallet's: each takes some 20 µs, and whoever may ask chooses the
/// accounts.
const MAX_LOOKUPS: usize = 100_000;

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
        let denied = effect.addresses().map(|address| self.denied(address)).fold(Decision::Allow, Decision::and);
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

    /// What is said to those in whose own accounts for tokens of Solana something goes: transfers name the accounts and not the wallets.
    pub(super) fn decide_holders<'a>(&self, effects: &'a [Effect]) -> Decision {
        let named = |effect: &'a Effect| match effect {
            Effect::Transfer { asset, to, .. } => Some((to, asset.named_mint()?)),
            Effect::Approval { .. }
            | Effect::Call { .. }
            | Effect::Delegatecall { .. }
            | Effect::Upgrade { .. }
            | Effect::OwnerChange { .. }
            | Effect::Undecoded { .. } => None,
        };
        let accounts: BTreeSet<_> = effects.iter().filter_map(named).collect();
        let accounts: Vec<_> = accounts.into_iter().filter_map(|(to, mint)| HoldingAccount::new(to, mint)).collect();
        if accounts.is_empty() {
            return Decision::Allow;
        }
        let loaded = self.deny_files.iter().filter_map(|file| file.loaded.as_ref()).flat_map(|loaded| &loaded.addresses);
        let wallets: Vec<_> = self.deny.iter().chain(loaded).filter_map(|listed| Some((listed, solana_bytes(listed)?))).collect();
        if wallets.len().saturating_mul(accounts.len()) > MAX_LOOKUPS {
            let reason = format!(
                "whether {} accounts are those of {} listed wallets is too much to look up",
                accounts.len(),
                wallets.len()
            );
            return Decision::deny(&format!("{reason}; split the transaction")).by("addresses.deny");
        }
        let gets = |(_, wallet): &&(&String, [u8; 32])| accounts.iter().any(|account| account.is_of(wallet));
        wallets.iter().filter(gets).map(|(listed, _)| self.denied(listed)).fold(Decision::Allow, Decision::and)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::Asset;

    /// Transfers of a named token to so many accounts that programs derived.
    fn transfers(count: usize) -> Vec<Effect> {
        let mint = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v";
        let addresses =
            (0_u32..).map(|number| bs58::encode(sha256::Hash::hash(&number.to_be_bytes()).to_byte_array()).into_string());
        let accounts = addresses.filter(|address| HoldingAccount::new(address, mint).is_some());
        let asset: Asset = format!("solana/token:{mint}").parse().unwrap();
        accounts.take(count).map(|to| Effect::Transfer { asset: asset.clone(), to, amount: 1 }).collect()
    }

    #[test]
    fn accounts_and_wallets_that_are_too_many_are_denied_and_not_looked_up() {
        let wallets = (1..=20_001_u32).map(|number| {
            let mut wallet = [9; 32];
            wallet[..4].copy_from_slice(&number.to_be_bytes());
            bs58::encode(wallet).into_string()
        });
        let rules = AddressRules { deny: wallets.collect(), ..AddressRules::default() };
        let five = transfers(5);
        let denied = rules.decide_holders(&five);
        assert!(matches!(&denied, Decision::Deny { reason, .. } if reason.contains("split the transaction")), "{denied:?}");
        // One account as often as one likes is one.
        assert!(!matches!(rules.decide_holders(&vec![five[0].clone(); 50]), Decision::Deny { .. }));
        let none = AddressRules::default();
        assert!(!matches!(none.decide_holders(&transfers(50)), Decision::Deny { .. }));
    }
}
