//! How many requests a key may serve in an hour and in a day, counted durably and once for each request id.

use std::collections::BTreeSet;

use quorate_core::{
    DecodeError,
    wire::{Encoding, Reader, Writer},
};
use quorate_storage::vault::{Change, Shelf};
use serde::Deserialize;

use crate::{ceremony::message::RequestId, clock::utc, cosigner::Shared, error::CosignerError};

pub(super) const HOUR: u64 = 60 * 60;
pub(super) const DAY: u64 = 24 * HOUR;
const VERSION: u8 = 1;
/// The highest limit. A count has room for as many requests.
pub(crate) const MAX_LIMIT: u32 = 20_000;

/// How many requests one key may serve over time, on one cosigner. Absent limits do not limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Limits {
    /// In any hour.
    pub per_hour: Option<u32>,
    /// In any 24 hours.
    pub per_day: Option<u32>,
}

impl Limits {
    /// Limits of an hour and of a day.
    #[must_use]
    pub const fn new(per_hour: Option<u32>, per_day: Option<u32>) -> Self {
        Self { per_hour, per_day }
    }

    /// Both: the lower ones.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let lower = |one: Option<u32>, other: Option<u32>| one.into_iter().chain(other).min();
        Self { per_hour: lower(self.per_hour, other.per_hour), per_day: lower(self.per_day, other.per_day) }
    }

    pub(crate) fn is_valid(self) -> bool {
        [self.per_hour, self.per_day].into_iter().flatten().all(|limit| (1..=MAX_LIMIT).contains(&limit))
    }

    /// Each limit with its window and the words for it.
    fn windows(self) -> impl Iterator<Item = (u32, u64, &'static str)> {
        let hour = self.per_hour.map(|limit| (limit.min(MAX_LIMIT), HOUR, "hour"));
        let day = self.per_day.map(|limit| (limit.min(MAX_LIMIT), DAY, "day"));
        hour.into_iter().chain(day)
    }
}

/// The requests that a key served lately, by ascending time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Count(Vec<(u64, RequestId)>);

/// A limit that is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct UsedUp {
    limit: u32,
    window: &'static str,
    /// When there is room again; never, if the limit is zero.
    again: Option<u64>,
}

impl Count {
    /// What still counts at `now`. A time in the future is one before the clock went backwards: it counts from now.
    fn at(&self, now: u64, longest: u64) -> Self {
        let current = self.0.iter().map(|(time, id)| ((*time).min(now), *id));
        Self(current.filter(|(time, _)| time.saturating_add(longest) > now).collect())
    }

    /// Whether one more fits. One that was counted already does.
    fn admits(&self, id: &RequestId, limits: Limits, now: u64) -> Result<(), UsedUp> {
        if self.0.iter().any(|(_, counted)| counted == id) {
            return Ok(());
        }
        for (limit, length, window) in limits.windows() {
            let inside: Vec<u64> =
                self.0.iter().map(|(time, _)| *time).filter(|time| time.saturating_add(length) > now).collect();
            let room = usize::try_from(limit).unwrap_or(usize::MAX);
            if inside.len() >= room {
                let last = inside.len().checked_sub(room).and_then(|index| inside.get(index));
                return Err(UsedUp { limit, window, again: last.map(|time| time.saturating_add(length)) });
            }
        }
        Ok(())
    }

    fn with(mut self, id: &RequestId, now: u64) -> Self {
        if self.0.iter().all(|(_, counted)| counted != id) {
            self.0.push((now, *id));
        }
        self
    }
}

impl Shared {
    /// Checks that a key's limits have room for a request, and counts nothing.
    pub(crate) async fn check_limits(&self, key_id: &[u8; 32], id: &RequestId, limits: Limits) -> Result<(), CosignerError> {
        if limits == Limits::default() {
            return Ok(());
        }
        let count = read(self.vault.note(Shelf::Limits, &hex::encode(key_id)).await?.as_deref())?;
        let now = self.clock.now();
        count.at(now, DAY).admits(id, limits, now).map_err(UsedUp::denied)
    }

    /// Counts a request durably, once for each id, if the key's limits have room for it.
    pub(crate) async fn count_request(&self, key_id: &[u8; 32], id: &RequestId, limits: Limits) -> Result<(), CosignerError> {
        if limits == Limits::default() {
            return Ok(());
        }
        let longest = if limits.per_day.is_some() { DAY } else { HOUR };
        let mut outcome = Ok(());
        let change = |note: Option<&[u8]>| {
            let now = self.clock.now();
            let counted = read(note).map(|count| count.at(now, longest)).and_then(|count| {
                count.admits(id, limits, now).map_err(UsedUp::denied)?;
                Ok(count.with(id, now))
            });
            match counted {
                Ok(count) => {
                    outcome = Ok(());
                    Change::Write(count.to_bytes())
                }
                Err(error) => {
                    outcome = Err(error);
                    Change::Keep
                }
            }
        };
        self.vault.change_note(Shelf::Limits, &hex::encode(key_id), change).await?;
        outcome
    }
}

fn read(note: Option<&[u8]>) -> Result<Count, CosignerError> {
    let count = note.map(Count::from_bytes).transpose();
    Ok(count.map_err(|error| CosignerError::Protocol(error.into()))?.unwrap_or_default())
}

impl UsedUp {
    fn denied(self) -> CosignerError {
        let Self { limit, window, again } = self;
        let again = again.map_or_else(String::new, |again| format!("; there is room again at {}", utc(again)));
        CosignerError::Denied {
            reason: format!("this key's limit of {limit} requests in any {window} is used up{again} (rule limits.per_{window})"),
        }
    }
}

impl Encoding for Count {
    fn write(&self, out: &mut Writer) {
        out.u8(VERSION);
        out.length(self.0.len());
        for (time, id) in &self.0 {
            out.u64(*time);
            out.raw(id);
        }
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let version = input.u8()?;
        if version != VERSION {
            return Err(DecodeError::UnsupportedVersion { found: version });
        }
        let count = input.length(usize::try_from(MAX_LIMIT).unwrap_or(usize::MAX))?;
        let mut entries = Vec::new();
        for _ in 0..count {
            entries.push((input.u64()?, input.array()?));
        }
        let ids: BTreeSet<&RequestId> = entries.iter().map(|(_, id)| id).collect();
        let ascending = entries.is_sorted_by_key(|(time, _)| *time);
        if ids.len() == count && ascending { Ok(Self(entries)) } else { Err(DecodeError::NotCanonical) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { per_hour: Some(2), per_day: Some(3) };

    fn count(times: &[u64]) -> Count {
        Count(times.iter().zip(0u8..).map(|(time, id)| (*time, [id; 32])).collect())
    }

    fn admits(times: &[u64], now: u64) -> Result<(), Option<u64>> {
        let count = count(times).at(now, DAY);
        count.admits(&[99; 32], LIMITS, now).map_err(|used| used.again)
    }

    #[test]
    fn limits_are_sliding_windows() {
        assert_eq!(admits(&[], 0), Ok(()));
        assert_eq!(admits(&[100], 200), Ok(()));
        assert_eq!(admits(&[100, 150], 200), Err(Some(100 + HOUR)));
        assert_eq!(admits(&[100, 150], 100 + HOUR - 1), Err(Some(100 + HOUR)));
        assert_eq!(admits(&[100, 150], 100 + HOUR), Ok(()));
        assert_eq!(admits(&[100, 9_000, 20_000], 40_000), Err(Some(100 + DAY)));
        assert_eq!(admits(&[100, 9_000, 20_000], 100 + DAY), Ok(()));
        // A limit that was lowered since.
        assert_eq!(admits(&[100, 110, 120, 130], 200), Err(Some(120 + HOUR)));
    }

    #[test]
    fn clock_that_went_backwards_opens_no_limit() {
        assert_eq!(admits(&[1_000_000, 1_000_001], 50), Err(Some(50 + HOUR)));
        assert_eq!(count(&[70, 80]).at(75, DAY), count(&[70, 75]));
    }

    #[test]
    fn repetition_is_free_also_when_the_limit_is_used_up() {
        let full = count(&[100, 150, 160]);
        assert_eq!(full.admits(&[1; 32], LIMITS, 200), Ok(()));
        assert_eq!(full.clone().with(&[1; 32], 200), full);
        assert!(full.admits(&[3; 32], LIMITS, 200).is_err());
    }

    #[test]
    fn count_is_read_back_and_nothing_else() {
        let count = count(&[1, 5, 5]);
        assert_eq!(Count::from_bytes(&count.to_bytes()), Ok(count));
        let twice = Count(vec![(1, [0; 32]), (2, [0; 32])]);
        assert_eq!(Count::from_bytes(&twice.to_bytes()), Err(DecodeError::NotCanonical));
        let backwards = Count(vec![(2, [0; 32]), (1, [1; 32])]);
        assert_eq!(Count::from_bytes(&backwards.to_bytes()), Err(DecodeError::NotCanonical));
    }

    #[test]
    fn both_of_two_limits_are_the_lower_ones() {
        let (one, other) = (Limits::new(Some(5), None), Limits::new(Some(3), Some(9)));
        assert_eq!(one.and(other), Limits::new(Some(3), Some(9)));
        assert!(one.is_valid() && !Limits::new(Some(0), None).is_valid() && !Limits::new(None, Some(MAX_LIMIT + 1)).is_valid());
    }
}
