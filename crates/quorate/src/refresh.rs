//! Refreshes that come due: how old an epoch becomes before a cosigner proposes the next by itself.
//!
//! Every holder has a schedule of its own. When an epoch is as old as the schedule says, its first holder that has one proposes; the
//! others do a little later, one after the other, if nobody did. Keys of the same holders at the same places are dealt in one ceremony.

use core::time::Duration;
use std::{collections::BTreeMap, sync::Arc};

use quorate_core::Peers;
use serde::Deserialize;

use crate::{
    ceremony::message::MAX_RESHARE_KEYS,
    cosigner::{ReshareRequest, Shared, describe, reshare},
    share::{AnyKeyShare, Stored},
};

const DAY: u64 = 24 * 60 * 60;
/// How often a cosigner looks whether something is due, at least and at most.
const LOOK: (u64, u64) = (1, 60 * 60);

/// When keys are refreshed by themselves: the section `[refresh]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct RefreshConfig {
    /// All keys, when their epoch is so many days old; never if absent.
    pub every_days: Option<u16>,
    /// The keys of these wallets, when their epoch is so many days old; with 0 never.
    pub wallets: BTreeMap<String, u16>,
}

impl RefreshConfig {
    /// What it says, as a schedule.
    pub(crate) fn schedule(&self) -> Schedule {
        let seconds = |days: u16| (days > 0).then(|| u64::from(days).saturating_mul(DAY));
        Schedule {
            every: self.every_days.and_then(seconds),
            wallets: self.wallets.iter().map(|(wallet, days)| (wallet.clone(), seconds(*days))).collect(),
        }
    }
}

/// How old an epoch becomes, in seconds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Schedule {
    pub(crate) every: Option<u64>,
    pub(crate) wallets: BTreeMap<String, Option<u64>>,
}

impl Schedule {
    /// How old the epochs of a wallet's keys become; nothing if they are not refreshed by themselves.
    pub(crate) fn of(&self, wallet: &str) -> Option<u64> {
        self.wallets.get(wallet).copied().unwrap_or(self.every)
    }

    /// How often to look; nothing if nothing ever comes due.
    fn look(&self) -> Option<Duration> {
        let shortest = self.wallets.values().flatten().chain(&self.every).min()?;
        Some(Duration::from_secs((shortest / 20).clamp(LOOK.0, LOOK.1)))
    }
}

/// How much later than the one before it a holder proposes what none before it did.
const fn stagger(every: u64) -> u64 {
    every / 50 + 1
}

/// Proposes what is due, again and again.
pub(crate) async fn refresh_all(shared: Arc<Shared>) {
    let Some(look) = shared.schedule.look() else { return };
    loop {
        tokio::time::sleep(look).await;
        for (wallets, keys) in due(&shared).await {
            for keys in keys.chunks(MAX_RESHARE_KEYS) {
                match reshare(&shared, &ReshareRequest::refresh(keys.iter().cloned())).await {
                    Ok(done) => {
                        tracing::info!(target: "quorate::audit", keys = done.keys.len(), effective = done.effective, "refreshed by schedule")
                    }
                    Err(error) => {
                        let reason = describe(&error);
                        tracing::warn!(target: "quorate::audit", wallets, keys = keys.len(), reason, "a refresh that is due does not come about");
                    }
                }
            }
        }
    }
}

/// Some keys' ids, and the names of their wallets for people.
type Group = (String, Vec<String>);

/// The keys that are due here and now, by who holds them where.
async fn due(shared: &Arc<Shared>) -> Vec<Group> {
    let now = shared.clock.now();
    let mut groups: BTreeMap<[[u8; 32]; 2], Group> = BTreeMap::new();
    let mut after = None;
    loop {
        let page = match shared.vault.list(after.as_ref(), 256).await {
            Ok(page) => page,
            Err(error) => {
                let reason = describe(&error);
                tracing::warn!(target: "quorate::audit", reason, "the vault cannot be listed; what is due waits");
                return Vec::new();
            }
        };
        for summary in page.keys.iter().filter(|summary| summary.active.is_some()) {
            let Ok(key) = shared.load(&summary.key_id).await else { continue };
            if is_due(shared, &key, now) {
                let group = groups.entry([key.peers.digest(), key.share.placement().digest()]).or_default();
                if !group.0.split(' ').any(|wallet| wallet == key.wallet) && group.0.len() < 200 {
                    group.0 = format!("{} {}", group.0, key.wallet).trim_start().to_owned();
                }
                group.1.push(key.share.key_id().to_string());
            }
        }
        after = page.next;
        if after.is_none() {
            return groups.into_values().collect();
        }
    }
}

fn is_due(shared: &Shared, key: &Stored<AnyKeyShare>, now: u64) -> bool {
    let Some(every) = shared.schedule.of(&key.wallet) else { return false };
    let later = rank(&key.peers, shared).saturating_mul(stagger(every));
    now >= key.since.saturating_add(every).saturating_add(later)
}

/// How many holders are before this cosigner.
fn rank(peers: &Peers, shared: &Shared) -> u64 {
    let before = peers.iter().take_while(|(_, peer)| *peer != shared.me).count();
    u64::try_from(before).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedule_of_a_wallet_goes_before_that_of_all() {
        let config: RefreshConfig = toml::from_str("every_days = 30\n[wallets]\nhot = 1\ncold = 0").unwrap();
        let schedule = config.schedule();
        assert_eq!((schedule.of("hot"), schedule.of("cold"), schedule.of("x")), (Some(DAY), None, Some(30 * DAY)));
        assert_eq!(schedule.look(), Some(Duration::from_secs(3600)));
        assert_eq!(Schedule::default().look(), None);
        assert!(toml::from_str::<RefreshConfig>("every_day = 1").is_err());
    }
}
