//! The keys that a cosigner tells of. Children are derived on this machine.

use quorate::{
    control::{Client, api::KeyInfo},
    core::derive::DerivationPath,
};

use crate::failure::Failure;

pub(crate) use quorate::ask::PublicKey;

/// The keys of a wallet, or the key of that id.
pub(crate) fn find(client: &Client, key: &str, suite: Option<&str>) -> Result<Vec<KeyInfo>, Failure> {
    let mut keys = client.keys()?;
    keys.retain(|info| (info.wallet == key || info.key_id == key) && suite.is_none_or(|suite| info.suite == suite));
    if keys.is_empty() {
        return Err(Failure::UnknownKey { key: key.to_owned(), suite: suite.map(str::to_owned) });
    }
    Ok(keys)
}

/// The one key that is meant.
pub(crate) fn find_one(client: &Client, key: &str, suite: Option<&str>) -> Result<KeyInfo, Failure> {
    let mut keys = find(client, key, suite)?;
    match (keys.pop(), keys.is_empty()) {
        (Some(info), true) => Ok(info),
        _ => Err(Failure::SeveralKeys { key: key.to_owned() }),
    }
}

/// The steps of a path.
pub(crate) fn steps(path: &str) -> Result<Vec<u32>, Failure> {
    Ok(path.parse::<DerivationPath>()?.iter().collect())
}
