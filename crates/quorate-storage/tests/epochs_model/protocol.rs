//! The protocol as it should be: every property holds in every state.

use stateright::{Checker, Expectation, Model};

use crate::{
    properties::{self, COMPLETES, LEAVES, OUTLIVES, SUPERSEDES},
    scenario::Scenario,
};

/// Explores all of a scenario, and wants to see what it names.
fn check(scenario: Scenario, possible: &[&str]) {
    let name = scenario.name;
    let start = std::time::Instant::now();
    let checker = scenario.checker().spawn_bfs().join();
    let states = checker.unique_state_count();
    println!("{name}: {states} states, depth {}, {:.1} s", checker.max_depth(), start.elapsed().as_secs_f64());
    let discoveries = checker.discoveries();
    for property in properties::all() {
        let found = discoveries.get(property.name);
        if property.expectation == Expectation::Always {
            assert!(found.is_none(), "{name}: not so: {}: {:#?}", property.name, found.map(|path| path.clone().into_actions()));
        } else {
            assert_eq!(found.is_some(), possible.contains(&property.name), "{name}: {}", property.name);
        }
    }
}

/// Larger ones run where they are asked for.
fn check_wide(scenario: Scenario, possible: &[&str]) {
    if std::env::var_os("EPOCHS_MODEL").is_some_and(|bound| bound == "wide") {
        check(scenario, possible);
    } else {
        println!("{}: left out without EPOCHS_MODEL=wide", scenario.name);
    }
}

#[test]
fn refresh_of_two_of_three() {
    let scenario = Scenario::new("2-of-3, a refresh", 3, &[1, 2, 3], 2).attempt(0, &[1, 2], &[1, 2, 3], 2);
    check(scenario.deaths(1), &[COMPLETES, OUTLIVES]);
}

#[test]
fn two_proposers_refresh_two_of_three_at_once() {
    let scenario = Scenario::new("2-of-3, two refreshes at once", 3, &[1, 2, 3], 2).attempt(0, &[1, 2], &[1, 2, 3], 2).attempt(
        0,
        &[3, 2],
        &[1, 2, 3],
        2,
    );
    check(scenario.deaths(1), &[COMPLETES, OUTLIVES, SUPERSEDES]);
}

#[test]
fn refresh_of_a_refresh() {
    let scenario = Scenario::new("2-of-3, a refresh of a refresh", 3, &[1, 2, 3], 2).attempt(0, &[1, 2], &[1, 2, 3], 2).attempt(
        1,
        &[2, 3],
        &[1, 2, 3],
        2,
    );
    check(scenario.deaths(1), &[COMPLETES, OUTLIVES, SUPERSEDES]);
}

#[test]
fn two_of_two_refresh_at_once() {
    let scenario = Scenario::new("2-of-2, two refreshes at once", 2, &[1, 2], 2).attempt(0, &[1, 2], &[1, 2], 2).attempt(
        0,
        &[2, 1],
        &[1, 2],
        2,
    );
    check(scenario, &[COMPLETES, SUPERSEDES]);
}

#[test]
fn refresh_of_three_of_four() {
    let scenario = Scenario::new("3-of-4, a refresh", 4, &[1, 2, 3, 4], 3).attempt(0, &[1, 2, 3], &[1, 2, 3, 4], 3);
    check(scenario.deaths(1), &[COMPLETES, OUTLIVES]);
}

#[test]
fn two_proposers_refresh_three_of_four_at_once() {
    let scenario = Scenario::new("3-of-4, two refreshes at once", 4, &[1, 2, 3, 4], 3)
        .attempt(0, &[1, 2, 3], &[1, 2, 3, 4], 3)
        .attempt(0, &[4, 3, 2], &[1, 2, 3, 4], 3);
    check_wide(scenario.deaths(1), &[COMPLETES, OUTLIVES, SUPERSEDES]);
}

#[test]
fn changed_threshold() {
    let scenario = Scenario::new("2-of-3 becomes 3-of-4", 4, &[1, 2, 3], 2).attempt(0, &[1, 3], &[1, 2, 3, 4], 3);
    check(scenario.deaths(1), &[COMPLETES, OUTLIVES]);
    let scenario = Scenario::new("3-of-4 becomes 2-of-3", 4, &[1, 2, 3, 4], 3).attempt(0, &[1, 3, 4], &[1, 2, 3], 2);
    check(scenario.deaths(1), &[COMPLETES, OUTLIVES]);
}

#[test]
fn eviction_to_a_fourth_whose_evicted_deals_too() {
    let scenario = Scenario::new("2-of-3, 1 leaves for 4 and deals", 4, &[1, 2, 3], 2).attempt(0, &[1, 2, 3], &[2, 3, 4], 2);
    check(scenario.deaths(1), &[COMPLETES, OUTLIVES]);
}

#[test]
fn eviction_of_one_that_completed_the_attempt_before() {
    let scenario = Scenario::new("2-of-3, a refresh, and an eviction to a fourth", 4, &[1, 2, 3], 2)
        .attempt(0, &[1, 2], &[1, 2, 3], 2)
        .attempt(0, &[2, 1], &[1, 2, 4], 2);
    check(scenario.deaths(1), &[COMPLETES, OUTLIVES, SUPERSEDES]);
}

#[test]
fn eviction_of_one_that_withholds_its_confirmation() {
    let scenario = Scenario::new("2-of-3, 3 withholds and is evicted for 4", 4, &[1, 2, 3], 2)
        .attempt(0, &[1, 2], &[1, 2, 3], 2)
        .attempt(0, &[2, 1], &[1, 2, 4], 2)
        .suspecting(3)
        .withholding(3);
    check(scenario, &[COMPLETES, SUPERSEDES, LEAVES]);
}

#[test]
fn eviction_of_one_that_deals_and_withholds() {
    let scenario = Scenario::new("2-of-3, 3 deals, withholds and is evicted for 4", 4, &[1, 2, 3], 2)
        .attempt(0, &[1, 3], &[1, 2, 3], 2)
        .attempt(1, &[1, 2], &[1, 2, 4], 2)
        .suspecting(3)
        .withholding(3);
    check(scenario, &[COMPLETES, SUPERSEDES, LEAVES]);
}

#[test]
fn halves_that_do_not_know_of_each_other() {
    let scenario = Scenario::new("2-of-4, both halves reshare", 4, &[1, 2, 3, 4], 2).attempt(0, &[1, 2], &[1, 2], 2).attempt(
        0,
        &[3, 4],
        &[3, 4],
        2,
    );
    check(scenario, &[COMPLETES, SUPERSEDES]);
}

#[test]
fn old_holders_go_on_while_the_new_ones_do_too() {
    let scenario = || {
        Scenario::new("2-of-2, dealt to others, and both halves go on", 4, &[1, 2], 2)
            .attempt(0, &[1, 2], &[3, 4], 2)
            .attempt(1, &[3, 4], &[3, 4], 2)
            .attempt(0, &[1, 2], &[1, 2], 2)
    };
    check(scenario(), &[COMPLETES, SUPERSEDES]);
    check_wide(scenario().earlier_wins(), &[COMPLETES, SUPERSEDES]);
}

#[test]
fn dealers_without_a_new_share_deal_again() {
    let scenario = Scenario::new("2-of-3, dealers deal to others and then to themselves", 5, &[1, 2, 3], 2)
        .attempt(0, &[1, 2], &[4, 5], 2)
        .attempt(0, &[1, 2], &[1, 2], 2);
    check(scenario, &[COMPLETES, SUPERSEDES]);
}

#[test]
fn member_that_proposes_one_number_to_each_of_two() {
    let scenario = || {
        Scenario::new("2-of-3, 3 deals with 1 and with 2", 5, &[1, 2, 3], 2)
            .attempt(0, &[3, 1], &[1, 3, 4], 2)
            .suspecting(3)
            .attempt(0, &[3, 2], &[2, 3, 5], 2)
            .suspecting(3)
            .withholding(3)
    };
    check(scenario(), &[SUPERSEDES]);
    check_wide(scenario().earlier_wins(), &[SUPERSEDES]);
}

#[test]
fn attempts_to_different_holders() {
    let scenario = Scenario::new("2-of-3, first to 1, 3 and 4, then to 1 and 2", 4, &[1, 2, 3], 2)
        .attempt(0, &[1, 2], &[1, 3, 4], 2)
        .attempt(0, &[2, 1], &[1, 2], 2);
    check(scenario, &[COMPLETES, SUPERSEDES]);
}

#[test]
fn three_attempts_of_which_one_builds_on_another() {
    let scenario = Scenario::new("2-of-3, three attempts, two bases", 3, &[1, 2, 3], 2)
        .attempt(0, &[1, 2], &[1, 2, 3], 2)
        .attempt(0, &[3, 2], &[2, 3], 2)
        .attempt(1, &[1, 3], &[1, 3], 2);
    check_wide(scenario, &[COMPLETES, SUPERSEDES]);
}
