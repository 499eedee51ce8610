//! What the simulation found, is known, and is expected until it is fixed.
//!
//! A seed of this kind is counted and listed by its finding, never skipped, and everything else is still looked at. When a finding is
//! fixed, its place becomes a violation: see `docs/simulation.md`, "Findings".

use crate::run::Run;

/// One of the findings of docs/simulation.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// S1: row 10 of docs/epochs.md destroys epoch keys at a promotion and at a start. A place for epoch keys that failed once is not
    /// asked again before, so that an old epoch key stays for as long as the cosigner runs.
    EpochKeyLeft,
    /// S2: a store that went back names a share whose epoch key is gone. After the rejoin, a reshare that would repair it is refused by
    /// that cosigner itself, because it opens what it has first; no refresh works until it is evicted.
    ShareThatDoesNotOpen,
    /// S3: row 9 of docs/epochs.md: a cosigner that has only a pending share, of an attempt that failed, keeps it when it hears of a
    /// higher epoch without it (`recover::learn` asks for an active share).
    PendingShareLeft,
}

impl Finding {
    const fn name(self) -> &'static str {
        match self {
            Self::EpochKeyLeft => "S1",
            Self::ShareThatDoesNotOpen => "S2",
            Self::PendingShareLeft => "S3",
        }
    }
}

/// The findings of a run that has nothing else wrong, by name.
pub(crate) fn finding(run: &Run) -> Option<String> {
    if !run.world.trace.violations.is_empty() || run.expected.is_empty() {
        return None;
    }
    let mut names: Vec<_> = run.expected.iter().map(|finding| finding.name()).collect();
    names.sort_unstable();
    names.dedup();
    Some(names.join("+"))
}

impl Run {
    /// Writes down something that is known.
    pub(crate) fn expect(&mut self, finding: Finding, text: &str) {
        self.world.trace.saw(&format!("({}) {text}", finding.name()));
        self.expected.push(finding);
    }
}
