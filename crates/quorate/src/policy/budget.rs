//! How much of an asset may leave by a key in an hour and in a day, counted durably and once for each request.
//!
//! An amount is remembered under the digest of the request's whole content, and not under its id: of two requests that come at the same
//! time with one id, the larger must not be taken for a repetition of the smaller.

use std::collections::{BTreeMap, BTreeSet};

use bitcoin::hashes::{Hash as _, sha256};
use quorate_core::{
    DecodeError,
    wire::{Encoding, Reader, Writer},
};
use quorate_storage::vault::{Change, Shelf};

use super::limits::{DAY, HOUR};
use crate::{clock::utc, cosigner::Shared, error::CosignerError, payload::Asset, request::Content};

const VERSION: u8 = 1;
/// How many amounts of one key are remembered: of a day, of all assets with a limit. When there are as many, no more is signed.
const MAX_ENTRIES: usize = 8_000;

/// What a request takes of an asset, and how much of it may leave over time.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Budget {
    /// The asset.
    pub asset: Asset,
    /// What the request takes, in the smallest unit.
    pub amount: u128,
    /// What may leave in any hour.
    pub per_hour: Option<u128>,
    /// What may leave in any 24 hours.
    pub per_day: Option<u128>,
}

impl Budget {
    /// Names them.
    #[must_use]
    pub const fn new(asset: Asset, amount: u128, per_hour: Option<u128>, per_day: Option<u128>) -> Self {
        Self { asset, amount, per_hour, per_day }
    }

    /// One for each asset: the larger amounts, and the lower limits.
    pub(super) fn joined(budgets: impl Iterator<Item = Self>) -> Vec<Self> {
        let lower = |one: Option<u128>, other: Option<u128>| one.into_iter().chain(other).min();
        let mut by_asset = BTreeMap::<Asset, Self>::new();
        for budget in budgets {
            let entry = by_asset.entry(budget.asset.clone()).or_insert_with(|| budget.clone());
            entry.amount = entry.amount.max(budget.amount);
            entry.per_hour = lower(entry.per_hour, budget.per_hour);
            entry.per_day = lower(entry.per_day, budget.per_day);
        }
        by_asset.into_values().collect()
    }

    fn windows(&self) -> impl Iterator<Item = (u128, u64, &'static str)> {
        let hour = self.per_hour.map(|limit| (limit, HOUR, "hour"));
        let day = self.per_day.map(|limit| (limit, DAY, "day"));
        hour.into_iter().chain(day)
    }

    fn id(&self) -> [u8; 32] {
        sha256::Hash::hash(self.asset.as_str().as_bytes()).to_byte_array()
    }
}

/// One amount that left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    time: u64,
    /// The digest of the request's content.
    request: [u8; 32],
    asset: [u8; 32],
    amount: u128,
}

/// What left by a key lately, by ascending time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Spent(Vec<Entry>);

impl Spent {
    /// What still counts at `now`. A time in the future is one before the clock went backwards: it counts from now.
    fn at(&self, now: u64) -> Self {
        let current = self.0.iter().map(|entry| Entry { time: entry.time.min(now), ..*entry });
        Self(current.filter(|entry| entry.time.saturating_add(DAY) > now).collect())
    }

    fn has(&self, request: &[u8; 32], asset: &[u8; 32]) -> bool {
        self.0.iter().any(|entry| entry.request == *request && entry.asset == *asset)
    }

    /// Adds what is not counted yet, if there is room for all of it.
    fn with(mut self, request: &[u8; 32], budgets: &[Budget], now: u64) -> Result<Self, CosignerError> {
        for budget in budgets {
            let asset = budget.id();
            if self.has(request, &asset) {
                continue;
            }
            for (limit, length, window) in budget.windows() {
                self.check(budget, &asset, (limit, length, window), now)?;
            }
            self.0.push(Entry { time: now, request: *request, asset, amount: budget.amount });
        }
        if self.0.len() > MAX_ENTRIES {
            let reason = format!("this key used its assets {MAX_ENTRIES} times in a day, as often as is remembered");
            return Err(CosignerError::Denied { reason });
        }
        Ok(self)
    }

    fn check(
        &self,
        budget: &Budget,
        asset: &[u8; 32],
        (limit, length, window): (u128, u64, &str),
        now: u64,
    ) -> Result<(), CosignerError> {
        let inside = self.0.iter().filter(|entry| entry.asset == *asset && entry.time.saturating_add(length) > now);
        let mut left = inside.clone().fold(0_u128, |sum, entry| sum.saturating_add(entry.amount));
        if left.saturating_add(budget.amount) <= limit {
            return Ok(());
        }
        let Budget { asset, amount, .. } = budget;
        let mut reason = format!(
            "{amount} of {asset} would leave, and {left} left already: above the limit of {limit} in any {window} \
             (rule assets.\"{asset}\".per_{window})"
        );
        // Never, if the request alone is above the limit.
        for entry in inside.filter(|_| *amount <= limit) {
            left = left.saturating_sub(entry.amount);
            if left.saturating_add(*amount) <= limit {
                reason = format!("{reason}; there is room again at {}", utc(entry.time.saturating_add(length)));
                break;
            }
        }
        Err(CosignerError::Denied { reason })
    }
}

impl Shared {
    /// Checks that a key's budgets have room for a request, and counts nothing.
    pub(crate) async fn check_budgets(&self, content: &Content, budgets: &[Budget]) -> Result<(), CosignerError> {
        if budgets.is_empty() {
            return Ok(());
        }
        let spent = read(self.vault.note(Shelf::Limits, &name(&content.key_id)).await?.as_deref())?;
        let now = self.clock.now();
        spent.at(now).with(&content.digest, budgets, now).map(drop)
    }

    /// Counts what a request takes durably, once, if all its budgets have room for it.
    pub(crate) async fn count_amounts(&self, content: &Content, budgets: &[Budget]) -> Result<(), CosignerError> {
        if budgets.is_empty() {
            return Ok(());
        }
        let mut outcome = Ok(());
        let change = |note: Option<&[u8]>| {
            let now = self.clock.now();
            match read(note).and_then(|spent| spent.at(now).with(&content.digest, budgets, now)) {
                Ok(spent) => {
                    outcome = Ok(());
                    Change::Write(spent.to_bytes())
                }
                Err(error) => {
                    outcome = Err(error);
                    Change::Keep
                }
            }
        };
        self.vault.change_note(Shelf::Limits, &name(&content.key_id), change).await?;
        outcome
    }
}

/// The note of a key's amounts. Its count of requests has the key's id alone for a name.
fn name(key_id: &[u8; 32]) -> String {
    format!("{}-amounts", hex::encode(key_id))
}

fn read(note: Option<&[u8]>) -> Result<Spent, CosignerError> {
    let spent = note.map(Spent::from_bytes).transpose();
    Ok(spent.map_err(|error| CosignerError::Protocol(error.into()))?.unwrap_or_default())
}

impl Encoding for Spent {
    fn write(&self, out: &mut Writer) {
        out.u8(VERSION);
        out.length(self.0.len());
        for entry in &self.0 {
            out.u64(entry.time);
            out.raw(&entry.request);
            out.raw(&entry.asset);
            out.raw(&entry.amount.to_be_bytes());
        }
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let version = input.u8()?;
        if version != VERSION {
            return Err(DecodeError::UnsupportedVersion { found: version });
        }
        let count = input.length(MAX_ENTRIES)?;
        let mut entries = Vec::new();
        for _ in 0..count {
            let (time, request, asset) = (input.u64()?, input.array()?, input.array()?);
            entries.push(Entry { time, request, asset, amount: u128::from_be_bytes(input.array()?) });
        }
        let different = entries.iter().map(|entry| (entry.request, entry.asset)).collect::<BTreeSet<_>>().len();
        let ascending = entries.is_sorted_by_key(|entry| entry.time);
        if different == count && ascending { Ok(Self(entries)) } else { Err(DecodeError::NotCanonical) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(amount: u128) -> Budget {
        Budget::new(Asset::bitcoin(), amount, Some(10), Some(15))
    }

    fn spent(amounts: &[(u64, u128)]) -> Spent {
        let asset = budget(0).id();
        let entries = amounts.iter().zip(0_u8..).map(|((time, amount), id)| Entry {
            time: *time,
            request: [id; 32],
            asset,
            amount: *amount,
        });
        Spent(entries.collect())
    }

    fn refused(amounts: &[(u64, u128)], amount: u128, now: u64) -> Option<String> {
        let outcome = spent(amounts).at(now).with(&[99; 32], &[budget(amount)], now);
        outcome.err().map(|error| error.to_string())
    }

    #[test]
    fn amounts_are_summed_in_sliding_windows() {
        assert_eq!(refused(&[], 10, 0), None);
        assert!(refused(&[], 11, 0).is_some_and(|reason| reason.contains("per_hour") && !reason.contains("room again")));
        assert_eq!(refused(&[(100, 4)], 6, 200), None);
        assert!(refused(&[(100, 4)], 7, 200).is_some_and(|reason| reason.contains("room again at 1970-01-01 01:01:40")));
        assert_eq!(refused(&[(100, 10)], 5, 100 + HOUR), None);
        assert!(refused(&[(100, 10)], 6, 100 + HOUR).is_some_and(|reason| reason.contains("in any day")));
        assert_eq!(refused(&[(100, 10), (9_000, 5)], 10, 100 + DAY), None);
        assert!(refused(&[(100, u128::MAX)], 1, 100).is_some());
        // A clock that went backwards.
        assert!(refused(&[(1_000_000, 10)], 1, 50).is_some());
    }

    #[test]
    fn repetition_and_other_assets_take_nothing_and_several_assets_are_one() {
        let full = spent(&[(100, 10)]);
        assert_eq!(full.clone().with(&[0; 32], &[budget(10)], 200).unwrap(), full);
        let other = Budget::new(Asset::solana(), 3, Some(3), None);
        let both = full.clone().with(&[7; 32], core::slice::from_ref(&other), 200).unwrap();
        assert_eq!(both.0.len(), 2);
        // If one asset has no room, nothing of the others is counted.
        assert!(full.with(&[8; 32], &[other, budget(1)], 200).is_err());
    }

    #[test]
    fn amounts_are_read_back_and_nothing_else() {
        let written = spent(&[(1, 5), (5, u128::MAX), (5, 0)]);
        assert_eq!(Spent::from_bytes(&written.to_bytes()), Ok(written));
        let backwards = spent(&[(2, 1), (1, 1)]);
        assert_eq!(Spent::from_bytes(&backwards.to_bytes()), Err(DecodeError::NotCanonical));
        let mut twice = spent(&[(1, 1)]);
        twice.0.push(twice.0[0]);
        assert_eq!(Spent::from_bytes(&twice.to_bytes()), Err(DecodeError::NotCanonical));
    }
}
