//! Seeds of the simulation, as part of every test run.
#![allow(clippy::expect_used, reason = "a test")]

use std::process::{Command, Output};

fn simulate(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_quorate-simulation")).args(arguments).output().expect("the simulation does not start")
}

/// So many seeds, two thousand by default: `scripts/test` runs those itself, beside the other tests.
const SEEDS: &str = "QUORATE_SIMULATION_SEEDS";

#[test]
fn every_key_lives_through_thousands_of_seeds_of_faults() {
    let seeds = std::env::var(SEEDS).unwrap_or_else(|_| "2000".to_owned());
    let output = simulate(&[&seeds]);
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text.lines().last().unwrap_or_default();
    assert!(output.status.success(), "{text}");
    assert!(last.starts_with(&format!("seeds {seeds} ceremonies ")) && last.ends_with(" violations 0"), "{text}");
}

#[test]
fn seed_repeats_its_run() {
    let run = || {
        let output = simulate(&["--seed", "7"]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let result = text.lines().last().unwrap_or_default().to_owned();
        assert!(result.starts_with("RESULT seed 7 "), "{text}");
        // Without a C compiler randomness is the system's, and only the choices repeat.
        let seeded = String::from_utf8_lossy(&output.stderr).is_empty();
        let end = if seeded { " nothing" } else { " trace " };
        result.split(end).next().unwrap_or_default().split(" ceremonies ").collect::<Vec<_>>().join(" ")
    };
    assert_eq!(run(), run());
}
