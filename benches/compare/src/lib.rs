//! Quorate against other libraries: both sides in one process, on one thread, sample by sample in alternation.
//!
//! See ../README.md for the method.

mod dealers;
pub mod ecdsa;
mod frost;
mod host;
pub mod memory;
mod ours;
mod report;
mod sample;
mod theirs;

use std::error::Error;

pub type Outcome<T> = Result<T, Box<dyn Error>>;

/// Threshold and number of participants.
pub type Size = (u16, u16);

const USAGE: &str = "usage: compare frost [--json] [--quick] [--large] [--sizes 2-of-3,3-of-5,67-of-100] [--suite ed25519|bip340]
       compare ecdsa [--json] [--quick] [--cggmp] [--sizes 2-of-2,2-of-3,5-of-9]";

/// The program, without its name.
///
/// # Errors
///
/// Whatever went wrong on either side: a figure from a run that failed would be worth nothing.
pub fn run(mut arguments: impl Iterator<Item = String>) -> Outcome<()> {
    match arguments.next().as_deref() {
        Some("frost") => run_frost(arguments),
        Some("ecdsa") => run_ecdsa(arguments),
        Some(other) => Err(format!("unknown subject {other:?}\n{USAGE}").into()),
        None => Err(USAGE.into()),
    }
}

fn run_frost(mut arguments: impl Iterator<Item = String>) -> Outcome<()> {
    let mut options = frost::Options::default();
    let mut json = false;
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--json" => json = true,
            "--quick" => options.quick = true,
            "--large" => options.sizes.push((667, 1000)),
            "--sizes" => options.sizes = parse_sizes(&arguments.next().ok_or(USAGE)?, frost::possible)?,
            "--suite" => options.suite = Some(arguments.next().ok_or(USAGE)?),
            other => return Err(format!("unknown option {other:?}\n{USAGE}").into()),
        }
    }
    let pinned = pin();
    let rows = frost::measure(&options)?;
    if json { report::json(&rows) } else { report::table(&rows, pinned) }
}

fn run_ecdsa(mut arguments: impl Iterator<Item = String>) -> Outcome<()> {
    let mut options = ecdsa::Options::default();
    let mut json = false;
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--json" => json = true,
            "--quick" => options.quick = true,
            "--cggmp" => options.cggmp = true,
            "--sizes" => options.sizes = parse_sizes(&arguments.next().ok_or(USAGE)?, ecdsa::possible)?,
            other => return Err(format!("unknown option {other:?}\n{USAGE}").into()),
        }
    }
    // Before pinning, which leaves one processor.
    let mut host = host::Host::here();
    host.pinned_to = pin();
    let rows = ecdsa::measure(&options)?;
    let report = ecdsa::report::Report { host, rows };
    if json { report.json() } else { report.table() }
}

/// Sizes at which key generation can be compared.
#[must_use]
pub fn keygen_possible(size: Size) -> bool {
    frost::possible(size)
}

/// "2-of-3,67-of-100" as pairs.
///
/// # Errors
///
/// If one is not a size, or not a possible one.
pub fn parse_sizes(text: &str, possible: impl Fn(Size) -> bool) -> Outcome<Vec<Size>> {
    let size = |size: &str| -> Option<Size> {
        let (t, n) = size.split_once("-of-")?;
        Some((t.parse().ok()?, n.parse().ok()?)).filter(|size| possible(*size))
    };
    let sizes =
        text.split(',').map(|text| size(text).ok_or_else(|| format!("not a size that can be measured: {text:?}; 2-of-3 is one")));
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
