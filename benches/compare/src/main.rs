//! Quorate against other libraries: both sides in one process, on one thread, sample by sample in alternation.
//!
//! `compare frost [--json] [--quick] [--large] [--sizes 2-of-3,67-of-100] [--suite ed25519]`; see ../README.md for the method.

mod dealers;
mod frost;
mod ours;
mod report;
mod sample;
mod theirs;

use std::{error::Error, process::ExitCode};

use frost::Options;

type Outcome<T> = Result<T, Box<dyn Error>>;

const USAGE: &str =
    "usage: compare frost [--json] [--quick] [--large] [--sizes 2-of-3,3-of-5,67-of-100] [--suite ed25519|bip340]";

fn main() -> ExitCode {
    match run(std::env::args().skip(1)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("compare: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(mut arguments: impl Iterator<Item = String>) -> Outcome<()> {
    match arguments.next().as_deref() {
        Some("frost") => {}
        Some("ecdsa") => return Err("ecdsa is not measured yet: the protocol is not in quorate-core; try `frost`".into()),
        Some(other) => return Err(format!("unknown subject {other:?}\n{USAGE}").into()),
        None => return Err(USAGE.into()),
    }
    let mut options = Options::default();
    let mut json = false;
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--json" => json = true,
            "--quick" => options.quick = true,
            "--large" => options.sizes.push((667, 1000)),
            "--sizes" => options.sizes = parse_sizes(&arguments.next().ok_or(USAGE)?)?,
            "--suite" => options.suite = Some(arguments.next().ok_or(USAGE)?),
            other => return Err(format!("unknown option {other:?}\n{USAGE}").into()),
        }
    }
    let pinned = pin();
    let rows = frost::measure(&options)?;
    if json { report::json(&rows) } else { report::table(&rows, pinned) }
}

/// "2-of-3,67-of-100" as pairs.
fn parse_sizes(text: &str) -> Outcome<Vec<(u16, u16)>> {
    let size = |size: &str| -> Option<(u16, u16)> {
        let (t, n) = size.split_once("-of-")?;
        Some((t.parse().ok()?, n.parse().ok()?)).filter(|(t, n)| 2 <= *t && t < n && *n <= 1000)
    };
    let sizes = text.split(',').map(|text| size(text).ok_or_else(|| format!("not a size: {text:?}; 2-of-3 is one, t below n")));
    Ok(sizes.collect::<Result<_, _>>()?)
}

/// Pins this thread to the last processor it may run on.
fn pin() -> Option<usize> {
    let allowed = rustix::thread::sched_getaffinity(None).ok()?;
    let last = (0..rustix::thread::CpuSet::MAX_CPU).rev().find(|cpu| allowed.is_set(*cpu))?;
    let mut one = rustix::thread::CpuSet::new();
    one.set(last);
    rustix::thread::sched_setaffinity(None, &one).ok().map(|()| last)
}
