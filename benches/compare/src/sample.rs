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

/// One long run by the processor time of this thread: key generations last for seconds, in which others want the machine too.
pub fn processor_timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let start = Stopwatch::start();
    let result = black_box(work());
    (start.elapsed(), result)
}

/// The processor time of this thread: what others do on the machine meanwhile does not count, apart from the caches they empty.
/// For work of 100 µs and more; reading this clock takes a third of one.
pub struct Stopwatch(Duration);

impl Stopwatch {
    pub fn start() -> Self {
        Self(processor_time())
    }

    pub fn elapsed(&self) -> Duration {
        processor_time().saturating_sub(self.0)
    }
}

fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// The median of some runs, as one sample: for the quick side where the other is slow.
pub fn several(count: usize, mut procedure: impl FnMut() -> Outcome<Duration>) -> Outcome<Duration> {
    let mut samples = (0..count).map(|_| procedure()).collect::<Outcome<Vec<_>>>()?;
    samples.sort_unstable();
    Ok(samples[samples.len() / 2])
}

/// One side's work: it gives back what it timed.
pub type Procedure<'a> = &'a mut dyn FnMut() -> Outcome<Duration>;

/// Medians of two procedures that take turns, in microseconds.
pub fn alternate(
    effort: Effort,
    mut ours: impl FnMut() -> Outcome<Duration>,
    mut theirs: impl FnMut() -> Outcome<Duration>,
) -> Outcome<(f64, f64)> {
    let [ours, theirs] = turns(effort, [&mut ours, &mut theirs])?;
    Ok((ours, theirs))
}

/// Medians of procedures that take turns, in microseconds.
pub fn turns<const N: usize>(effort: Effort, mut procedures: [Procedure<'_>; N]) -> Outcome<[f64; N]> {
    let mut samples = [const { Vec::new() }; N];
    let mut spent = Duration::ZERO;
    if effort.least > 1 {
        // Caches, lazily built tables.
        procedures.iter_mut().try_for_each(|procedure| procedure().map(|_| ()))?;
    }
    while samples[0].len() < effort.least || (spent < effort.budget && samples[0].len() < effort.most) {
        for (procedure, samples) in procedures.iter_mut().zip(&mut samples) {
            let took = procedure()?;
            spent += took;
            samples.push(took);
        }
    }
    Ok(samples.map(median))
}

fn median(mut samples: Vec<Duration>) -> f64 {
    samples.sort_unstable();
    samples[samples.len() / 2].as_secs_f64() * 1e6
}
