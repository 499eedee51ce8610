//! When requests are considered, and whose approval they need.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::{ConfigError, Decision, SignRequestView};
use crate::{
    clock::{utc, weekday_and_hour},
    request::{MAX_APPROVALS, RequesterKey},
};

/// The hours of a week in which requests are considered, in UTC.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Hours {
    /// The days.
    pub days: BTreeSet<Day>,
    /// From this hour on.
    pub from: u8,
    /// Until this hour; 24 is the end of the day.
    pub to: u8,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "weekdays")]
#[expect(clippy::exhaustive_enums, reason = "a week has seven days")]
pub enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

impl Day {
    const ALL: [Self; 7] = [Self::Mon, Self::Tue, Self::Wed, Self::Thu, Self::Fri, Self::Sat, Self::Sun];

    const fn number(self) -> u64 {
        match self {
            Self::Mon => 0,
            Self::Tue => 1,
            Self::Wed => 2,
            Self::Thu => 3,
            Self::Fri => 4,
            Self::Sat => 5,
            Self::Sun => 6,
        }
    }
}

impl Default for Hours {
    /// Always.
    fn default() -> Self {
        Self { days: Day::ALL.into(), from: 0, to: 24 }
    }
}

impl Hours {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let valid = !self.days.is_empty() && self.from < self.to && self.to <= 24;
        if valid { Ok(()) } else { Err(ConfigError::Hours) }
    }

    pub(super) fn decide(&self, request: &SignRequestView<'_>) -> Decision {
        let Some(now) = request.now else {
            return Decision::deny("nobody says what time it is, and requests are considered at some hours alone");
        };
        let (weekday, hour) = weekday_and_hour(now);
        let open = (u64::from(self.from)..u64::from(self.to)).contains(&hour);
        if open && self.days.iter().any(|day| day.number() == weekday) {
            return Decision::Allow;
        }
        let days: Vec<_> = self.days.iter().map(|day| format!("{day:?}")).collect();
        let (days, from, to) = (days.join(", "), self.from, self.to);
        Decision::deny(&format!("it is {}; requests are considered from {from}:00 to {to}:00 UTC on {days}", utc(now)))
    }
}

/// Whose approval requests need.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Approvals {
    /// How many. The requester's own does not count.
    pub needed: usize,
    /// Of these people, by name.
    pub keys: BTreeMap<String, RequesterKey>,
    /// For which requests.
    #[serde(default)]
    pub when: When,
}

/// Which requests need approvals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum When {
    /// All.
    #[default]
    Always,
    /// Those about which a person is asked.
    Asked,
}

impl Approvals {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if !(1..=self.keys.len().min(MAX_APPROVALS)).contains(&self.needed) {
            return Err(ConfigError::Approvals);
        }
        let different = self.keys.values().collect::<BTreeSet<_>>().len();
        if different == self.keys.len() { Ok(()) } else { Err(ConfigError::SameKey) }
    }

    /// What becomes of what the rest of the policy says: enough approvals turn a question into consent, and nothing else.
    ///
    /// They count for a request that a requester signed who is `listed` here. Else whoever approves could ask with a key that was made
    /// for that, and so approve what is its own.
    ///
    /// It takes `least` of them where another rule says so, although less are needed elsewhere.
    pub(super) fn decide(&self, request: &SignRequestView<'_>, listed: bool, least: usize, decision: Decision) -> Decision {
        let needed = self.needed.max(least);
        let question = match (decision, self.when) {
            (denied @ Decision::Deny { .. }, _) => return denied,
            (Decision::Allow, When::Asked) => return Decision::Allow,
            (Decision::Allow, When::Always) => None,
            (Decision::Ask { reason }, _) => Some(reason),
        };
        let counts = |key: &RequesterKey| listed && request.approvals.contains(key) && request.requester != Some(*key);
        let (given, missing): (Vec<_>, Vec<_>) = self.keys.iter().partition(|(_, key)| counts(key));
        if given.len() >= needed {
            return Decision::Allow;
        }
        let missing: Vec<_> = missing.into_iter().map(|(name, _)| name.as_str()).collect();
        let (given, missing) = (given.len(), missing.join(", "));
        let why = question.map_or_else(String::new, |reason| format!("{reason}; "));
        if !listed {
            let reason = format!("{why}it needs {needed} approvals, which count for requests of requesters that are listed here");
            return Decision::Ask { reason }.by("approvals");
        }
        Decision::Ask { reason: format!("{why}it has {given} of {needed} approvals; still possible: {missing}") }.by("approvals")
    }
}
