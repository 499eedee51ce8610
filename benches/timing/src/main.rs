//! Whether the time that secret operations take depends on the secrets, after "Dude, is my code constant time?" (Reparaz, Balasch,
//! Verbauwhede 2017): two classes of inputs, drawn in random order, and Welch's t-test of their times.
//!
//! `timing [SAMPLES] [CASE…]`; docs/timing.md says what the numbers mean. A new case is one type with [`Case`] in `cases.rs` and one
//! line in [`cases::all`].

mod cases;
mod welch;

use std::{error::Error, hint::black_box, process::ExitCode, time::Instant};

use rand::{RngExt, SeedableRng, rngs::StdRng};

pub(crate) type Outcome<T> = Result<T, Box<dyn Error>>;

/// The two classes that are held against each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// The same secret each time, or a tag that is wrong in its first byte.
    A,
    /// Another secret each time, or a tag that is wrong in its last byte.
    B,
}

/// What a measurement should find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// No difference between the classes.
    Constant,
    /// A difference: the control that shows that this harness would see one, or an outcome that is public anyway.
    Different,
}

/// One operation, with inputs of either class.
pub(crate) trait Case {
    fn name(&self) -> &'static str;

    fn expected(&self) -> Expected {
        Expected::Constant
    }

    /// Prepares one call outside of the clock. Both classes must reach memory in the same way: as many objects, as recently touched.
    fn prepare<'a>(&'a self, class: Class, rng: &mut StdRng) -> Outcome<Box<dyn FnOnce() + 'a>>;
}

/// The times of one case, in nanoseconds and in the order of the calls.
fn measure(case: &dyn Case, samples: usize, rng: &mut StdRng) -> Outcome<Vec<(Class, f64)>> {
    let mut times = Vec::with_capacity(samples);
    for _ in 0..samples {
        let class = if rng.random::<bool>() { Class::A } else { Class::B };
        let call = case.prepare(class, rng)?;
        let start = Instant::now();
        black_box(call)();
        times.push((class, start.elapsed().as_secs_f64() * 1e9));
    }
    // What is measured first pays for cold caches and for the processor's clock.
    times.drain(..samples / 20);
    Ok(times)
}

fn run(mut arguments: impl Iterator<Item = String>) -> Outcome<bool> {
    let samples = arguments.next().map_or(Ok(100_000), |text| text.parse())?;
    let wanted: Vec<_> = arguments.collect();
    let mut rng = StdRng::try_from_rng(&mut getrandom::SysRng)?;
    println!("{:44} {:>9} {:>12} {:>8}  verdict", "operation", "samples", "median, ns", "max |t|");
    let mut sound = true;
    for case in cases::all()? {
        if !wanted.is_empty() && !wanted.iter().any(|part| case.name().contains(part.as_str())) {
            continue;
        }
        let times = measure(&*case, samples, &mut rng)?;
        let t = welch::largest_t(&times);
        let verdict = match (case.expected(), t) {
            (Expected::Constant, ..4.5) => "no difference found",
            (Expected::Constant, ..10.0) => "look again with more samples",
            (Expected::Constant, _) => "DIFFERENT",
            (Expected::Different, 10.0..) => "different, as it should be",
            (Expected::Different, _) => "NOT SEEN: the harness is blind here",
        };
        sound &= verdict.chars().next().is_some_and(char::is_lowercase);
        println!("{:44} {:>9} {:>12.0} {t:>8.2}  {verdict}", case.name(), times.len(), welch::median(&times));
    }
    Ok(sound)
}

fn main() -> ExitCode {
    match run(std::env::args().skip(1)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("timing: {error}");
            ExitCode::FAILURE
        }
    }
}
