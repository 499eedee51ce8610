//! The freeze that a cosigner declares by itself, when a key is asked for more than its operator expects.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, PoisonError},
};

use super::Scope;
use crate::{
    cosigner::{Shared, describe},
    error::CosignerError,
};

const HOUR: u64 = 60 * 60;

/// How much a key may be asked for in an hour, since this cosigner started, before it freezes the key.
#[derive(Debug, Default)]
pub(crate) struct Velocity {
    refused_per_hour: Option<u32>,
    signatures_per_hour: Option<u32>,
    rates: Mutex<BTreeMap<[u8; 32], Rates>>,
}

/// When what happened in the last hour.
#[derive(Debug, Default)]
struct Rates {
    refused: VecDeque<u64>,
    signatures: VecDeque<u64>,
}

impl Velocity {
    pub(crate) fn new(refused_per_hour: Option<u32>, signatures_per_hour: Option<u32>) -> Self {
        Self { refused_per_hour, signatures_per_hour, rates: Mutex::default() }
    }

    /// Adds to one of the rates, and says whether it is above the limit then. No more times are kept than that takes.
    fn exceeds(
        &self,
        key_id: &[u8; 32],
        now: u64,
        (limit, count): (u32, usize),
        rate: impl FnOnce(&mut Rates) -> &mut VecDeque<u64>,
    ) -> bool {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        let rate = rate(rates.entry(*key_id).or_default());
        // A time in the future is one before the clock went backwards.
        rate.retain(|time| *time > now || now.saturating_sub(*time) < HOUR);
        rate.extend(core::iter::repeat_n(now, count.min(limit.saturating_add(1))));
        let above = rate.len() > limit;
        if above {
            // Whoever brings the key back begins anew.
            rate.clear();
        }
        above
    }
}

impl Shared {
    /// Counts a request that was refused, of a key that there is.
    pub(crate) async fn count_refusal(&self, key_id: &[u8; 32]) {
        let velocity = &self.freezes.velocity;
        let Some(limit) = velocity.refused_per_hour else { return };
        if velocity.exceeds(key_id, self.clock.now(), (limit, 1), |rates| &mut rates.refused)
            && let Err(error) =
                self.freeze(Scope::Key(*key_id), &format!("more than {limit} refused requests within an hour")).await
        {
            tracing::error!(target: "quorate::audit", reason = describe(&error), "the automatic freeze failed");
        }
    }

    /// Counts signatures that are about to be made, and freezes the key instead if they are too many.
    pub(crate) async fn count_signatures(&self, key_id: &[u8; 32], count: usize) -> Result<(), CosignerError> {
        let velocity = &self.freezes.velocity;
        let Some(limit) = velocity.signatures_per_hour else { return Ok(()) };
        if velocity.exceeds(key_id, self.clock.now(), (limit, count), |rates| &mut rates.signatures) {
            self.freeze(Scope::Key(*key_id), &format!("more than {limit} signatures within an hour")).await?;
            self.refuse_frozen(key_id).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_is_counted_over_an_hour_and_begins_anew_after_an_alarm() {
        let velocity = Velocity::new(Some(2), None);
        let refused = |now| velocity.exceeds(&[1; 32], now, (2, 1), |rates| &mut rates.refused);
        assert_eq!([refused(0), refused(10), refused(3600), refused(3605)], [false, false, false, true]);
        assert!(!refused(3606));
        // Set back, the clock opens nothing.
        assert_eq!([refused(5), refused(5)], [false, true]);
        assert!(!velocity.exceeds(&[2; 32], 5, (2, 2), |rates| &mut rates.refused));
        assert!(velocity.exceeds(&[2; 32], 5, (2, 1_000_000), |rates| &mut rates.signatures));
    }
}
