//! Violations that are known, until what causes them is fixed: each names its finding in docs/epochs.md.
//!
//! A seed of this kind is counted and listed, never skipped. When a finding is fixed, its entry goes, and the seeds must be clean.

use crate::run::Run;

/// The finding that explains all violations of a run, if one does.
pub(crate) fn finding(run: &Run) -> Option<&'static str> {
    if run.world.trace.violations.is_empty() {
        // Row 10 of docs/epochs.md destroys at a promotion and at a start: a place for epoch keys that fails once is not asked again before.
        return (!run.notes.is_empty()).then_some("epoch-key-left-until-the-next-start");
    }
    None
}
