//! The protocol with one thing broken: a property fails, and a way there is printed, without detours.
//!
//! The first five break what the protocol says. The others take away what it had not said, or the vault does not do: see the findings in
//! `docs/epochs.md`.

use stateright::{Checker, HasDiscoveries, Model};

use crate::{
    model::Action,
    properties::{FORGOTTEN, HIGHEST_SIGNS, ORDERED, SETTLES, SIGNS},
    scenario::{Mutation, Scenario},
    state::State,
};

/// Explores until each of the properties has a counterexample.
fn fails(scenario: Scenario, mutation: Mutation, properties: &[&'static str]) {
    let scenario = scenario.broken(mutation);
    let name = scenario.name;
    let wanted = HasDiscoveries::AllOf(properties.iter().copied().collect());
    let checker = scenario.checker().finish_when(wanted).spawn_bfs().join();
    println!("{mutation:?} in {name}: {} states", checker.unique_state_count());
    for property in properties {
        let path = checker.discovery(property).unwrap_or_else(|| panic!("{mutation:?} does not break: {property}"));
        println!("  not so: {property}:");
        shortened(checker.model(), property, path.into_actions()).iter().for_each(|action| println!("    {action:?}"));
    }
}

/// Leaves out what a counterexample does without.
fn shortened(scenario: &Scenario, property: &'static str, mut path: Vec<Action>) -> Vec<Action> {
    let fails = |path: &[Action]| {
        let last = path.iter().try_fold(State::first(scenario), |state, action| {
            let mut possible = Vec::new();
            scenario.actions(&state, &mut possible);
            possible.contains(action).then(|| scenario.next_state(&state, *action))?
        });
        last.is_some_and(|last| !(scenario.property(property).condition)(scenario, &last))
    };
    assert!(fails(&path));
    while let Some(shorter) =
        (0..path.len()).map(|left_out| [&path[..left_out], &path[left_out + 1..]].concat()).find(|path| fails(path))
    {
        path = shorter;
    }
    path
}

fn refresh() -> Scenario {
    Scenario::new("2-of-3, a refresh", 3, &[1, 2, 3], 2).attempt(0, &[1, 2], &[1, 2, 3], 2).deaths(1)
}

fn two_refreshes() -> Scenario {
    Scenario::new("2-of-3, two refreshes", 3, &[1, 2, 3], 2)
        .attempt(0, &[1, 2], &[1, 2, 3], 2)
        .attempt(0, &[3, 2], &[1, 2, 3], 2)
        .deaths(1)
}

#[test]
fn confirmation_before_the_pending_share_is_durable_loses_the_key() {
    fails(refresh(), Mutation::ConfirmBeforePutPending, &[SIGNS, HIGHEST_SIGNS]);
}

#[test]
fn pending_share_dropped_on_timeout_loses_the_key() {
    fails(refresh(), Mutation::DropOnTimeout, &[SIGNS, HIGHEST_SIGNS]);
}

#[test]
fn numbers_used_again_certify_two_attempts_and_lose_the_key() {
    fails(two_refreshes(), Mutation::ReuseNumbers, &[SIGNS, ORDERED, SETTLES]);
}

#[test]
fn lower_certificate_accepted_late_loses_the_key() {
    fails(two_refreshes(), Mutation::AcceptLowerLate, &[SIGNS, HIGHEST_SIGNS]);
}

#[test]
fn promotion_before_the_certificate_is_complete_loses_the_key() {
    fails(refresh(), Mutation::PromoteBeforeCertificate, &[SIGNS, HIGHEST_SIGNS]);
}

#[test]
fn dealer_that_forgets_an_attempt_does_not_name_it() {
    let scenario = Scenario::new("2-of-3, dealers deal to others and then to themselves", 5, &[1, 2, 3], 2)
        .attempt(0, &[1, 2], &[4, 5], 2)
        .attempt(0, &[1, 2], &[1, 2], 2);
    fails(scenario, Mutation::ForgetPromise, &[FORGOTTEN]);
}

#[test]
fn numbers_alone_do_not_order_epochs_and_lose_the_key() {
    let scenario = Scenario::new("2-of-4, both halves reshare", 4, &[1, 2, 3, 4], 2).attempt(0, &[1, 2], &[1, 2], 2).attempt(
        0,
        &[3, 4],
        &[3, 4],
        2,
    );
    fails(scenario, Mutation::OrderByNumberAlone, &[SIGNS, ORDERED, SETTLES]);
}

#[test]
fn member_that_proposes_one_number_to_each_of_two_loses_the_key_where_numbers_alone_order_epochs() {
    let scenario = Scenario::new("2-of-3, 3 deals with 1 and with 2", 5, &[1, 2, 3], 2)
        .attempt(0, &[3, 1], &[1, 3, 4], 2)
        .attempt(0, &[3, 2], &[2, 3, 5], 2)
        .withholding(3);
    fails(scenario, Mutation::OrderByNumberAlone, &[SIGNS]);
}

#[test]
fn word_of_one_without_a_record_does_not_bind_it() {
    let scenario = Scenario::new("2-of-3, 3 deals with 1 and with 2", 5, &[1, 2, 3], 2)
        .attempt(0, &[3, 1], &[1, 3, 4], 2)
        .suspecting(3)
        .attempt(0, &[3, 2], &[2, 3, 5], 2)
        .suspecting(3)
        .withholding(3);
    fails(scenario, Mutation::RetireNoStranger, &[FORGOTTEN]);
}

#[test]
fn certificate_that_is_lost_by_who_retired_loses_the_key() {
    let scenario = Scenario::new("2-of-3, 1 leaves for 4 and deals", 4, &[1, 2, 3], 2).attempt(0, &[1, 2, 3], &[2, 3, 4], 2);
    fails(scenario.deaths(1), Mutation::RetireWithoutCertificate, &[SIGNS]);
}

#[test]
fn holders_of_the_base_alone_do_not_make_an_epoch_effective() {
    let scenario = Scenario::new("2-of-3, first to 1, 3 and 4, then to 1 and 2", 4, &[1, 2, 3], 2)
        .attempt(0, &[1, 2], &[1, 3, 4], 2)
        .attempt(0, &[2, 1], &[1, 2], 2);
    fails(scenario, Mutation::CountBaseOnly, &[FORGOTTEN]);
}

#[test]
fn word_of_the_evicted_does_not_make_an_epoch_effective() {
    let scenario = Scenario::new("2-of-3, 3 is evicted for 4 and lies", 4, &[1, 2, 3], 2)
        .attempt(0, &[1, 2], &[1, 2, 4], 2)
        .suspecting(3)
        .withholding(3);
    fails(scenario, Mutation::CountEvicted, &[FORGOTTEN]);
}
