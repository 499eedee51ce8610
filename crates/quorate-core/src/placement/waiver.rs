//! A waiver: someone says, with a reason and a date, that one domain may break the rule.

use alloc::string::String;
use core::{fmt, str::FromStr};

use super::{PlacementError, path::DomainPath};

/// The longest reason of a waiver in bytes.
pub const MAX_REASON: usize = 500;

/// Exempts exactly one domain from the rule that no domain may reach `min_signers` shares.
///
/// The domain's ancestors and descendants stay under the rule. A waiver is part of the placement's digest, and so of the key, and it is
/// printed first wherever the placement is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiver {
    domain: DomainPath,
    reason: String,
    date: Date,
}

impl Waiver {
    /// Waives the rule for one domain. The date is of the form `2026-01-31`.
    ///
    /// # Errors
    ///
    /// [`PlacementError::InvalidReason`] if the reason is blank, longer than [`MAX_REASON`] bytes, or has characters that could disguise
    /// what follows it in a listing. [`PlacementError::InvalidDate`] if the date is not a day of the calendar.
    pub fn new(domain: DomainPath, reason: &str, date: &str) -> Result<Self, PlacementError> {
        Self::with_date(domain, reason, date.parse()?)
    }

    pub(super) fn with_date(domain: DomainPath, reason: &str, date: Date) -> Result<Self, PlacementError> {
        let fits = !reason.trim().is_empty() && reason.len() <= MAX_REASON && !reason.chars().any(disguises);
        if fits { Ok(Self { domain, reason: reason.into(), date }) } else { Err(PlacementError::InvalidReason) }
    }

    /// The one domain that is exempt.
    #[must_use]
    pub const fn domain(&self) -> &DomainPath {
        &self.domain
    }

    /// Why.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Since when.
    #[must_use]
    pub const fn date(&self) -> Date {
        self.date
    }
}

impl fmt::Display for Waiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WAIVED {} on {}: {}", self.domain, self.date, self.reason)
    }
}

/// Control characters, line separators, and marks that reverse or hide text.
fn disguises(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(c, '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// A day of the Gregorian calendar, `YYYY-MM-DD`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

impl Date {
    /// Makes a date if the calendar has it.
    ///
    /// # Errors
    ///
    /// [`PlacementError::InvalidDate`] if it does not, or if the year is not of 1 to 9999.
    pub const fn new(year: u16, month: u8, day: u8) -> Result<Self, PlacementError> {
        let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let days = match month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 if leap => 29,
            2 => 28,
            _ => 0,
        };
        if 1 <= year && year <= 9999 && 1 <= day && day <= days {
            Ok(Self { year, month, day })
        } else {
            Err(PlacementError::InvalidDate)
        }
    }

    /// Year, month from 1, day from 1.
    #[must_use]
    pub const fn to_parts(self) -> (u16, u8, u8) {
        (self.year, self.month, self.day)
    }
}

impl FromStr for Date {
    type Err = PlacementError;

    fn from_str(text: &str) -> Result<Self, PlacementError> {
        let digit = |byte: u8| byte.is_ascii_digit().then(|| u16::from(byte - b'0')).ok_or(PlacementError::InvalidDate);
        let two = |a: u8, b: u8| Ok::<u16, PlacementError>(digit(a)? * 10 + digit(b)?);
        let narrow = |number: u16| u8::try_from(number).map_err(|_| PlacementError::InvalidDate);
        match *text.as_bytes() {
            [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] => {
                Self::new(two(y1, y2)? * 100 + two(y3, y4)?, narrow(two(m1, m2)?)?, narrow(two(d1, d2)?)?)
            }
            _ => Err(PlacementError::InvalidDate),
        }
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl fmt::Debug for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn date_accepts_days_of_the_calendar_only() {
        for good in ["2026-01-31", "2024-02-29", "2000-02-29", "0001-12-31"] {
            assert_eq!(good.parse::<Date>().unwrap().to_string(), good);
        }
        let bad = ["2026-02-29", "1900-02-29", "2026-13-01", "2026-00-10", "2026-04-31", "2026-01-00", "0000-01-01", "2026-1-01"];
        for bad in bad.into_iter().chain(["26-01-01", "2026/01/01", "2026-01-0a", "+026-01-01", "", "2026-01-011"]) {
            assert_eq!(bad.parse::<Date>(), Err(PlacementError::InvalidDate), "{bad}");
        }
    }

    #[test]
    fn reason_refuses_blank_long_and_disguising_text() {
        let waiver = |reason: &str| Waiver::new("acme".parse().unwrap(), reason, "2026-01-31");
        assert!(waiver("we run every cosigner ourselves – for now").is_ok());
        assert!(waiver(&"x".repeat(MAX_REASON)).is_ok());
        for bad in ["", "  ", "a\nb", "a\u{1b}[2Jb", "a\u{202e}b", "a\u{2028}b", "a\u{200b}b", &"x".repeat(MAX_REASON + 1)] {
            assert_eq!(waiver(bad), Err(PlacementError::InvalidReason), "{bad:?}");
        }
    }
}
