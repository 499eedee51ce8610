//! The life of a key under faults, from one seed.
//!
//! ```text
//! quorate-simulation SEEDS [--from N] [--jobs N]    runs so many seeds, each in a process of its own
//! quorate-simulation --seed N                       replays one seed, and prints what happened
//! ```
//!
//! docs/simulation.md says what a run does and what must be true of it.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that reports")]
#![allow(
    clippy::indexing_slicing,
    clippy::needless_range_loop,
    reason = "cosigners are numbers here, and a panic is a finding too"
)]
#![allow(clippy::std_instead_of_core, reason = "a program, never without std")]

mod check;
mod evidence;
mod gate;
mod one;
mod operate;
mod run;
mod script;
mod seeds;
mod trace;
mod wallet;
mod world;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1)?.parse::<u64>().ok()
    };
    if let Some(seed) = number("--seed") {
        let quiet = arguments.iter().any(|argument| argument == "--quiet");
        return if std::env::var_os(seeds::ENTROPY).is_some() { one::run(seed, quiet) } else { seeds::replay(seed) };
    }
    let Some(count) = arguments.first().and_then(|first| first.parse().ok()) else {
        eprintln!("usage: quorate-simulation SEEDS [--from N] [--jobs N] | --seed N");
        return ExitCode::from(2);
    };
    let cores = std::thread::available_parallelism().map_or(1, |cores| u64::try_from(cores.get()).unwrap_or(1));
    seeds::run(number("--from").unwrap_or(0), count, number("--jobs").unwrap_or(cores))
}
