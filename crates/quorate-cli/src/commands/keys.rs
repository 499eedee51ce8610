//! `quorate keys`.

use std::time::{SystemTime, UNIX_EPOCH};

use quorate::{control::api::KeyInfo, payload::KeyUse};

use super::client;
use crate::{
    args::Connection,
    failure::Failure,
    key::PublicKey,
    output::{Output, row, table},
};

pub(super) fn run(connection: &Connection, output: Output) -> Result<(), Failure> {
    let keys = client(connection)?.keys()?;
    output.answer(&keys, &listing(&keys)?)
}

/// The keys, with their addresses.
pub(super) fn listing(keys: &[KeyInfo]) -> Result<String, Failure> {
    if keys.is_empty() {
        return Ok("no keys yet; `quorate keygen` makes a wallet".to_owned());
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let mut rows = vec![row(["wallet", "suite", "epoch", "age", "threshold", "participants", "address", "key id"])];
    for info in keys {
        let view = PublicKey::try_from(info)?;
        let addresses: Vec<_> = KeyUse::new(&view, &[]).addresses()?.into_iter().map(|(_, address)| address).collect();
        let threshold = format!("{} of {}{}", info.min_signers, info.max_signers, if info.separated { "" } else { " UNCHECKED" });
        let names: Vec<_> = info.participants.iter().map(|participant| participant.name.as_str()).collect();
        rows.push(row([
            &info.wallet,
            &info.suite,
            &info.epoch.to_string(),
            &age(info, now),
            &threshold,
            &names.join(" "),
            &addresses.join(" "),
            &info.key_id,
        ]));
    }
    Ok(table(&rows))
}

/// How old the epoch is, and whether its refresh is overdue.
fn age(info: &KeyInfo, now: u64) -> String {
    let seconds = now.saturating_sub(info.epoch_since);
    let age = match (seconds / 86_400, seconds / 3600) {
        (0, 0) => format!("{} min", seconds / 60),
        (0, hours) => format!("{hours} h"),
        (days, _) => format!("{days} d"),
    };
    if info.refresh_due.is_some_and(|due| due < now) { format!("{age}, REFRESH DUE") } else { age }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn age_is_in_words_and_says_when_a_refresh_is_due() {
        let info = |since: u64, due: Option<u64>| {
            let json = serde_json::json!({
                "wallet": "w", "suite": "ed25519", "key_id": "", "epoch": 0, "epoch_since": since, "refresh_due": due, "public_key": "",
                "chain_code": "", "min_signers": 2, "max_signers": 3, "participant": 1, "participants": [], "placement": "",
                "separated": true,
            });
            serde_json::from_value::<KeyInfo>(json).unwrap()
        };
        assert_eq!(age(&info(1000, None), 1000 + 119), "1 min");
        assert_eq!(age(&info(1000, Some(2_000_000)), 1000 + 7200), "2 h");
        assert_eq!(age(&info(1000, Some(500_000)), 1000 + 10 * 86_400), "10 d, REFRESH DUE");
    }
}
