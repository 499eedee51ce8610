//! One seed in this process.

use std::{
    process::ExitCode,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::{run, script::Script};

static PANICS: AtomicU64 = AtomicU64::new(0);
static FIRST: Mutex<String> = Mutex::new(String::new());

/// Runs a seed and prints its trace, or only what is wrong; the last line is for the program that started this one.
pub(crate) fn run(seed: u64, quiet: bool) -> ExitCode {
    std::panic::set_hook(Box::new(|info| {
        if PANICS.fetch_add(1, Ordering::Relaxed) == 0 {
            *FIRST.lock().unwrap_or_else(PoisonError::into_inner) = info.to_string();
        }
    }));
    let script = Script::new(seed);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let made = match &runtime {
        Ok(runtime) => runtime.block_on(run::run(&script)).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    let mut run = match made {
        Ok(run) => run,
        Err(error) => {
            println!("seed {seed} could not be run: {error}");
            return ExitCode::from(2);
        }
    };
    let panics = PANICS.load(Ordering::Relaxed);
    if panics > 0 {
        let first = FIRST.lock().unwrap_or_else(PoisonError::into_inner).clone();
        run.world.trace.violation(format!("{panics} panic(s), the first: {first}"));
    }
    let wrong = !run.world.trace.violations.is_empty();
    if wrong || !quiet {
        println!("seed {seed}\n{}", run.world.trace.lines());
    }
    let (choices, all) = run.world.trace.hashes();
    let violations = u64::from(wrong);
    println!(
        "RESULT seed {seed} ceremonies {} faults {} violations {violations} choices {choices:016x} trace {all:016x}",
        run.ceremonies, run.faults
    );
    if violations > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
