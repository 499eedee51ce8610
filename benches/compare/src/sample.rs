//! Alternating samples and their medians.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use crate::Outcome;

/// How many samples to take.
#[derive(Clone, Copy)]
pub struct Effort {
    /// At least so many of each side,
    pub least: usize,
    /// at most so many,
    pub most: usize,
    /// and none after this much time was measured.
    pub budget: Duration,
}

/// One timed run: what is timed, with its preparation outside the clock.
pub fn time<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let start = Instant::now();
    let result = black_box(work());
    (start.elapsed(), result)
}

/// Medians of two procedures that take turns, in microseconds. Each gives back what it timed.
pub fn alternate(
    effort: Effort,
    mut ours: impl FnMut() -> Outcome<Duration>,
    mut theirs: impl FnMut() -> Outcome<Duration>,
) -> Outcome<(f64, f64)> {
    let mut samples = (Vec::new(), Vec::new());
    let mut spent = Duration::ZERO;
    if effort.least > 1 {
        // Caches, lazily built tables.
        ours()?;
        theirs()?;
    }
    while samples.0.len() < effort.least || (spent < effort.budget && samples.0.len() < effort.most) {
        let (a, b) = (ours()?, theirs()?);
        spent += a + b;
        samples.0.push(a);
        samples.1.push(b);
    }
    Ok((median(samples.0), median(samples.1)))
}

fn median(mut samples: Vec<Duration>) -> f64 {
    samples.sort_unstable();
    samples[samples.len() / 2].as_secs_f64() * 1e6
}
