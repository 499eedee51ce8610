//! Many seeds, each in a process of its own, so that one run leaves nothing to the next.

use std::{
    io::Read as _,
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode, Stdio},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// Set in a process that runs one seed: what its randomness begins from.
pub(crate) const ENTROPY: &str = "QUORATE_SIMULATION_ENTROPY";
const SHIM: &str = include_str!("entropy.c");
/// One run takes a second or so. One that takes this long does not end.
const LONGEST: Duration = Duration::from_secs(120);

#[derive(Default)]
struct Totals {
    ceremonies: u64,
    faults: u64,
    violations: u64,
}

/// Compiles what makes randomness and clocks repeat. Without a C compiler runs repeat in their choices only.
fn shim() -> Option<PathBuf> {
    let directory = std::env::temp_dir().join(format!("quorate-simulation-{}", std::process::id()));
    std::fs::create_dir_all(&directory).ok()?;
    let (source, library) = (directory.join("entropy.c"), directory.join("entropy.so"));
    std::fs::write(&source, SHIM).ok()?;
    let compiled = Command::new("cc").args(["-O1", "-shared", "-fPIC", "-o"]).arg(&library).arg(&source).status();
    let compiled = compiled.is_ok_and(|status| status.success());
    if !compiled {
        eprintln!("simulate: no C compiler; a seed repeats its choices, and not every byte");
    }
    compiled.then_some(library)
}

fn child(seed: u64, shim: Option<&Path>) -> std::io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--seed", &seed.to_string()]).env(ENTROPY, seed.to_string()).stdin(Stdio::null());
    shim.map(|shim| command.env("LD_PRELOAD", shim));
    Ok(command)
}

/// Runs one seed as it was run among many, and shows it.
pub(crate) fn replay(seed: u64) -> ExitCode {
    let shim = shim();
    let status = child(seed, shim.as_deref()).and_then(|mut command| command.status());
    clean(shim.as_deref());
    match status {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

fn clean(shim: Option<&Path>) {
    if let Some(directory) = shim.and_then(Path::parent) {
        // A temporary directory that stays is no reason to fail.
        let _removed = std::fs::remove_dir_all(directory);
    }
}

/// Runs seeds on several cores, and prints the trace of each that went wrong.
pub(crate) fn run(from: u64, count: u64, jobs: u64) -> ExitCode {
    let (shim, next, totals) = (shim(), AtomicU64::new(0), Mutex::new(Totals::default()));
    std::thread::scope(|scope| {
        for _ in 0..jobs.clamp(1, 64) {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return;
                    }
                    let seed = from + number;
                    let output = output(seed, shim.as_deref());
                    totals.lock().unwrap_or_else(PoisonError::into_inner).add(seed, &output);
                }
            });
        }
    });
    clean(shim.as_deref());
    let totals = totals.into_inner().unwrap_or_else(PoisonError::into_inner);
    println!("seeds {count} ceremonies {} faults {} violations {}", totals.ceremonies, totals.faults, totals.violations);
    if totals.violations == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What a run printed, or that it did not end.
fn output(seed: u64, shim: Option<&Path>) -> String {
    let spawned = child(seed, shim).and_then(|mut command| command.arg("--quiet").stdout(Stdio::piped()).spawn());
    let Ok(mut child) = spawned else { return "the process could not be started".to_owned() };
    let Some(mut stdout) = child.stdout.take() else { return "the process has no output".to_owned() };
    std::thread::scope(|scope| {
        let reader = scope.spawn(move || {
            let mut text = String::new();
            let read = stdout.read_to_string(&mut text);
            if read.is_err() { "the output cannot be read".to_owned() } else { text }
        });
        let ended = wait(&mut child);
        let text = reader.join().unwrap_or_default();
        if ended { text } else { format!("{text}\nthe run does not end") }
    })
}

fn wait(child: &mut Child) -> bool {
    let began = Instant::now();
    while began.elapsed() < LONGEST {
        match child.try_wait() {
            Ok(Some(_)) => return true,
            Ok(None) => std::thread::sleep(Duration::from_millis(2)),
            Err(_) => break,
        }
    }
    // It may have ended just now.
    let _killed = child.kill();
    let _ended = child.wait();
    false
}

impl Totals {
    fn add(&mut self, seed: u64, output: &str) {
        let result = output.lines().last().filter(|line| line.starts_with("RESULT "));
        let number = |name: &str| {
            let mut words = result?.split(' ').skip_while(|word| *word != name);
            words.nth(1)?.parse::<u64>().ok()
        };
        let (Some(ceremonies), Some(faults), Some(violations)) = (number("ceremonies"), number("faults"), number("violations"))
        else {
            println!("seed {seed}: no result\n{output}");
            self.violations += 1;
            return;
        };
        self.ceremonies += ceremonies;
        self.faults += faults;
        self.violations += violations;
        if violations > 0 {
            println!("{output}\nreplay: scripts/simulate --seed {seed}\n");
        }
    }
}
