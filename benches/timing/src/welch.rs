//! Welch's t, over all times and over those below several percentiles: interrupts hide small differences in the slow tail.

use crate::Class;

/// Mean and variance of what was seen so far (Welford).
#[derive(Clone, Copy, Default)]
struct Moments {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    fn add(&mut self, value: f64) {
        self.count += 1.0;
        let delta = value - self.mean;
        self.mean += delta / self.count;
        self.squares += delta * (value - self.mean);
    }

    fn variance_of_mean(&self) -> f64 {
        self.squares / (self.count - 1.0) / self.count
    }
}

fn sorted(times: &[(Class, f64)]) -> Vec<f64> {
    let mut sorted: Vec<_> = times.iter().map(|(_, time)| *time).collect();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// The middle of all times.
pub(crate) fn median(times: &[(Class, f64)]) -> f64 {
    sorted(times).get(times.len() / 2).copied().unwrap_or_default()
}

/// The largest |t| of all crops.
pub(crate) fn largest_t(times: &[(Class, f64)]) -> f64 {
    let sorted = sorted(times);
    let at = |percent: usize| sorted.get(sorted.len() * percent / 100).copied().unwrap_or(f64::INFINITY);
    let crops = [f64::INFINITY].into_iter().chain([50, 75, 90, 95, 99].map(at));
    crops.map(|limit| t(times, limit)).fold(0.0, f64::max)
}

fn t(times: &[(Class, f64)], limit: f64) -> f64 {
    let (mut a, mut b) = (Moments::default(), Moments::default());
    for (class, time) in times.iter().filter(|(_, time)| *time <= limit) {
        match class {
            Class::A => a.add(*time),
            Class::B => b.add(*time),
        }
    }
    if a.count < 100.0 || b.count < 100.0 {
        return 0.0;
    }
    let spread = (a.variance_of_mean() + b.variance_of_mean()).sqrt();
    if spread > 0.0 { ((a.mean - b.mean) / spread).abs() } else { 0.0 }
}
