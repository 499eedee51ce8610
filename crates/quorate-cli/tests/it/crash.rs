//! Real cosigners that are killed at each step that is durable, and started again: docs/crash.md.
//!
//! Every cosigner has its redb store and its epoch keys in a directory, and speaks TCP. The victim kills itself with SIGKILL when it
//! comes to a named place in the storage crate.
#![allow(clippy::print_stdout, reason = "which case it was, where one fails")]

mod cases;
mod team;

use std::collections::BTreeSet;

use cases::{ALL, Case, Deed, Role};
use quorate::storage::CRASH_POINTS;
use team::Team;

/// Set by `scripts/crash-test`: all cases, not only those of every test run.
fn is_full() -> bool {
    std::env::var_os("QUORATE_CRASH_TEST").is_some_and(|value| value == "all")
}

fn run(deeds: &[Deed], role: Role) {
    let chosen: Vec<&Case> =
        ALL.iter().filter(|case| deeds.contains(&case.deed) && case.role == role && (case.always || is_full())).collect();
    let mut team = Team::new();
    for case in chosen {
        let began = std::time::Instant::now();
        team.crash(case);
        println!("{} ({:?}, {:?}): {} ms", case.point, case.deed, case.role, began.elapsed().as_millis());
    }
}

#[test]
fn participant_killed_while_a_key_is_made_comes_back_and_signs() {
    run(&[Deed::Start, Deed::Keygen], Role::Participant);
}

#[test]
fn proposer_killed_while_a_key_is_made_comes_back_and_signs() {
    run(&[Deed::Keygen], Role::Proposer);
}

#[test]
fn participant_killed_in_a_refresh_or_a_signature_comes_back_and_signs() {
    run(&[Deed::Refresh, Deed::Sign, Deed::Freeze, Deed::Amend], Role::Participant);
}

#[test]
fn proposer_killed_in_a_refresh_or_a_signature_comes_back_and_signs() {
    run(&[Deed::Refresh, Deed::Sign, Deed::Freeze, Deed::Amend], Role::Proposer);
}

#[test]
fn cosigner_killed_while_it_gives_up_its_share_gives_it_up_after_its_restart() {
    run(&[Deed::Leave], Role::Participant);
}

#[test]
fn every_crash_point_has_a_case() {
    let cases: BTreeSet<_> = ALL.iter().map(|case| case.point).collect();
    let points: BTreeSet<_> = CRASH_POINTS.iter().copied().collect();
    assert_eq!(cases, points);
    let always: BTreeSet<_> = ALL.iter().filter(|case| case.always).map(|case| case.point).collect();
    assert_eq!(always, points, "every place is reached in every test run, if not in every role");
}
