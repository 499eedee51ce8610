//! Derivation paths of wallets, and what of them a group key can walk.

use alloc::{
    string::{String, ToString as _},
    vec::Vec,
};
use core::{fmt, str::FromStr};

/// The hardened bit of BIP-32.
const HARDENED: u32 = 1 << 31;
/// No path is deeper; BIP-32's own limit is the depth's byte.
const MAX_STEPS: usize = 255;

/// A path as wallets write it, split where a group key stands.
///
/// A hardened step hashes the private key, which a group never has whole. So a group's key *is* the account node: the hardened steps in
/// front say only which account it is the key of, and the steps after them are derived from it, as `m/…`. Of Ed25519 wallets' paths, in
/// which every step is hardened, nothing is left, and each account is a key of its own.
///
/// # Examples
///
/// ```
/// use quorate_chains::AccountPath;
///
/// let path: AccountPath = "m/84'/0'/0'/0/7".parse()?;
/// assert_eq!(path.account(), "m/84'/0'/0'");
/// assert_eq!(path.derivable(), "m/0/7");
/// assert!("m/44'/0/0'".parse::<AccountPath>().is_err());
/// # Ok::<(), quorate_chains::PathError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountPath {
    account: Vec<u32>,
    children: Vec<u32>,
}

/// A path that is none, or that no group key can walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    /// Something else than `m`, `/`, numbers below 2³¹ and `'`.
    #[error("a path is written as m/44'/0'/0'/0/0")]
    Syntax,
    /// Too many steps.
    #[error("a path has at most {MAX_STEPS} steps")]
    TooLong,
    /// A hardened step after one that is not: below the group's key.
    #[error("step {step} is hardened, below one that is not: no group key can walk it")]
    HardenedBelow {
        /// Which one, from 1.
        step: usize,
    },
}

impl AccountPath {
    /// The hardened steps in front.
    #[must_use]
    pub fn account(&self) -> String {
        spell(&self.account, "'")
    }

    /// The steps that are derived from the group's key.
    #[must_use]
    pub fn derivable(&self) -> String {
        spell(&self.children, "")
    }

    /// The same steps, as numbers.
    pub fn steps(&self) -> impl Iterator<Item = u32> {
        self.children.iter().copied()
    }
}

fn spell(steps: &[u32], mark: &str) -> String {
    let mut text = String::from("m");
    for step in steps {
        text.push('/');
        text.push_str(&step.to_string());
        text.push_str(mark);
    }
    text
}

impl FromStr for AccountPath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        let mut path = Self { account: Vec::new(), children: Vec::new() };
        let steps = match text.strip_prefix('m').ok_or(PathError::Syntax)? {
            "" => return Ok(path),
            rest => rest.strip_prefix('/').ok_or(PathError::Syntax)?,
        };
        for (before, step) in steps.split('/').enumerate() {
            if before >= MAX_STEPS {
                return Err(PathError::TooLong);
            }
            let hardened = step.strip_suffix(['\'', 'h', 'H']);
            let digits = hardened.unwrap_or(step);
            if !digits.bytes().all(|digit| digit.is_ascii_digit()) {
                return Err(PathError::Syntax);
            }
            let index: u32 = digits.parse().map_err(|_| PathError::Syntax)?;
            match (hardened, path.children.is_empty()) {
                _ if index >= HARDENED => return Err(PathError::Syntax),
                (None, _) => path.children.push(index),
                (Some(_), true) => path.account.push(index),
                (Some(_), false) => return Err(PathError::HardenedBelow { step: before + 1 }),
            }
        }
        Ok(path)
    }
}

impl fmt::Display for AccountPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let children = self.derivable();
        write!(f, "{}{}", self.account(), children.strip_prefix('m').unwrap_or_default())
    }
}
