//! `quorate keys`.

use quorate::{control::api::KeyInfo, payload::KeyUse};

use super::client;
use crate::{
    args::Connection,
    failure::Failure,
    key::PublicKey,
    output::{Output, row, table},
};

pub(super) fn run(connection: &Connection, output: Output) -> Result<(), Failure> {
    let keys = client(connection).keys()?;
    output.answer(&keys, &listing(&keys)?)
}

/// The keys, with their addresses.
pub(super) fn listing(keys: &[KeyInfo]) -> Result<String, Failure> {
    if keys.is_empty() {
        return Ok("no keys yet; `quorate keygen` makes a wallet".to_owned());
    }
    let mut rows = vec![row(["wallet", "suite", "epoch", "threshold", "participants", "address", "key id"])];
    for info in keys {
        let view = PublicKey::new(info)?;
        let addresses: Vec<_> = KeyUse::new(&view, &[]).addresses()?.into_iter().map(|(_, address)| address).collect();
        let threshold = format!("{} of {}{}", info.min_signers, info.max_signers, if info.separated { "" } else { " UNCHECKED" });
        let names: Vec<_> = info.participants.iter().map(|participant| participant.name.as_str()).collect();
        rows.push(row([
            &info.wallet,
            &info.suite,
            &info.epoch.to_string(),
            &threshold,
            &names.join(" "),
            &addresses.join(" "),
            &info.key_id,
        ]));
    }
    Ok(table(&rows))
}
