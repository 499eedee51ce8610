//! Real cosigners that are killed at each step that is durable, and started again: docs/crash.md.
//!
//! Every cosigner has its redb store and its epoch keys in a directory, and speaks TCP. The victim kills itself with SIGKILL when it
//! comes to a named place in the storage crate.
#![allow(clippy::print_stdout, reason = "which case it was, where one fails")]

mod back;
mod cases;
mod deeds;
mod restore;
mod team;

use std::{collections::BTreeSet, time::Instant};

use cases::{ALL, Case, Deed, Role, step};
use quorate::storage::CRASH_POINTS;
use restore::Restores;
use team::Team;

/// Set by `scripts/crash-test`: all cases, not only those of every test run.
fn is_full() -> bool {
    std::env::var_os("QUORATE_CRASH_TEST").is_some_and(|value| value == "all")
}

fn chosen(deeds: &[Deed], role: Role) -> impl Iterator<Item = &'static Case> {
    ALL.iter().filter(move |case| deeds.contains(&case.deed) && case.role == role && (case.always || is_full()))
}

fn timed(case: &Case, crash: impl FnOnce()) {
    let began = Instant::now();
    crash();
    println!("{} ({:?}, {:?}): {} ms", case.point, case.deed, case.role, began.elapsed().as_millis());
}

const BOTH: [Role; 2] = [Role::Participant, Role::Proposer];

/// One team for these, since it takes longer to make one than to kill one of it.
fn run(suite: &'static str, deeds: &[Deed]) {
    let mut team = Team::new(suite);
    for case in BOTH.iter().flat_map(|role| chosen(deeds, *role)) {
        timed(case, || team.crash(case));
    }
}

#[test]
fn cosigner_killed_while_it_starts_or_a_key_is_made_comes_back_and_signs() {
    run("ed25519", &[Deed::Start, Deed::Keygen]);
}

#[test]
fn cosigner_killed_in_a_refresh_comes_back_and_signs() {
    run("ed25519", &[Deed::Refresh]);
}

#[test]
fn cosigner_killed_in_a_signature_a_freeze_or_an_amendment_comes_back_and_signs() {
    run("ed25519", &[Deed::Sign, Deed::Freeze, Deed::Amend]);
}

#[test]
fn cosigner_killed_while_it_gives_up_its_share_or_gets_its_first_one_does_so_after_its_restart() {
    run("ed25519", &[Deed::Leave, Deed::Join]);
}

#[test]
fn cosigner_killed_in_an_import_comes_back_and_signs_with_the_key_that_was_whole() {
    run("ed25519", &[Deed::Import]);
}

#[test]
fn cosigner_killed_while_it_rejoins_signs_nothing_before_it_is_back() {
    run("ed25519", &[Deed::Rejoin]);
}

#[test]
fn cosigner_killed_while_it_raises_an_alarm_or_ends_it_refuses_the_other_until_it_accepts_it() {
    run("ed25519", &[Deed::Accept]);
}

#[test]
fn presignatures_of_a_cosigner_that_is_killed_are_gone_everywhere() {
    run("ecdsa-secp256k1", &[Deed::Presign]);
}

#[test]
fn restore_that_is_killed_is_finished_by_the_same_restore() {
    let (mut restores, nodes) = Restores::new();
    for case in chosen(&[Deed::Restore], Role::Participant) {
        timed(case, || restores.crash(case));
    }
    restores.goes_on(nodes);
}

#[test]
fn every_crash_point_has_a_case() {
    let cases: BTreeSet<_> = ALL.iter().filter_map(|case| case.point.split(':').next()).collect();
    let points: BTreeSet<_> = CRASH_POINTS.iter().copied().collect();
    assert_eq!(cases, points);
    let always: BTreeSet<_> = ALL.iter().filter(|case| case.always).map(Case::step).collect();
    let steps: BTreeSet<_> = CRASH_POINTS.iter().map(|point| step(point)).collect();
    assert_eq!(always, steps, "every step is cut off in every test run, if not at every moment and in every role");
}
