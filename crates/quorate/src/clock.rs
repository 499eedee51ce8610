//! The time of day, for what expires and what is counted over time; and how people and policies read it.

use core::fmt;
use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

const DAY: u64 = 24 * 60 * 60;

/// Where a cosigner's time comes from, in seconds since 1970 UTC. Clones are one clock.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> u64 + Send + Sync>);

impl Clock {
    /// A clock that a function tells, for tests and simulations.
    pub fn new(now: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// What time it is.
    #[must_use]
    pub fn now(&self) -> u64 {
        (self.0)()
    }
}

impl Default for Clock {
    /// The system's.
    fn default() -> Self {
        Self::new(|| SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs()))
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({})", self.now())
    }
}

/// The day of the week, from 0 for Monday, and the hour, in UTC.
pub(crate) const fn weekday_and_hour(seconds: u64) -> (u64, u64) {
    // The first day of 1970 was a Thursday.
    (((seconds / DAY) + 3) % 7, (seconds % DAY) / 3600)
}

/// A time for people: 2026-11-23 10:20:02 UTC.
#[must_use]
pub fn utc(seconds: u64) -> String {
    let (time, mut days) = (seconds % DAY, seconds / DAY);
    let is_leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    // Whole cycles of 400 years first, so that the loop is short whatever the number is.
    let mut year = 1970_u64.saturating_add((days / 146_097).saturating_mul(400));
    days %= 146_097;
    loop {
        let length = if is_leap(year) { 366 } else { 365 };
        if days < length {
            break;
        }
        days -= length;
        year = year.saturating_add(1);
    }
    let february = if is_leap(year) { 29 } else { 28 };
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    format!("{year}-{month:02}-{:02} {:02}:{:02}:{:02} UTC", days + 1, time / 3600, time / 60 % 60, time % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        assert_eq!(utc(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(utc(951_782_399), "2000-02-28 23:59:59 UTC");
        assert_eq!(utc(951_782_400), "2000-02-29 00:00:00 UTC");
        assert_eq!(utc(1_795_429_202), "2026-11-23 10:20:02 UTC");
        assert_eq!(utc(4_107_542_400), "2100-03-01 00:00:00 UTC");
        assert!(utc(u64::MAX).ends_with("UTC"));
    }

    #[test]
    fn weekdays_begin_on_monday() {
        assert_eq!(weekday_and_hour(0), (3, 0));
        assert_eq!(weekday_and_hour(1_795_429_202), (0, 10));
        assert_eq!(weekday_and_hour(1_795_429_202 + 6 * DAY), (6, 10));
    }
}
