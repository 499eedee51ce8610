//! Looks for a secret at every place of a heap of bytes, by its public point.
//!
//! A secret that fits no window is not there in the clear. The thief does not know the secret but its public point, so each window of
//! 32 bytes, read as a number w, is multiplied with the generator B. Neighbouring windows share 31 bytes, which makes that cheap:
//!
//! ```text
//!   w' = 256·(w − first·2²⁴⁸) + next        w'·B = 2⁸·(w·B − first·2²⁴⁸·B) + next·B        (tables for both terms)
//! ```
//!
//! Windows with fewer than [`DISTINCT`] different bytes are left out: a random share has as few with a probability below 2⁻⁴⁰.

use std::collections::BTreeMap;

use group::Group as _;
use quorate::core::curve::Curve;

use super::trouble::Trouble;

const WINDOW: usize = 32;
/// The fewest different bytes of a window that is looked at.
const DISTINCT: usize = 20;
/// The most windows of one search; some tens of seconds of work.
pub(super) const MAX_WINDOWS: usize = 4_000_000;
/// Points that are encoded together, with one inversion.
const BATCH: usize = 512;

/// What is looked for: encoded points, each with its name.
#[derive(Clone, Debug)]
pub(super) struct Targets<C: Curve> {
    points: BTreeMap<Vec<u8>, String>,
    suite: core::marker::PhantomData<C>,
}

impl<C: Curve> Targets<C> {
    pub(super) const fn new() -> Self {
        Self { points: BTreeMap::new(), suite: core::marker::PhantomData }
    }

    /// Looks for the secret of this point, and for its negative.
    pub(super) fn insert(&mut self, point: &C::Point, name: &str) {
        for point in [*point, -*point] {
            self.points.insert(C::encode_point(&point).as_ref().to_vec(), name.to_owned());
        }
    }

    /// The names of all secrets that stand in `bytes`, in either byte order.
    pub(super) fn search(&self, bytes: &[u8]) -> Result<Vec<String>, Trouble> {
        let windows = interesting(bytes).filter(|is| *is).count();
        if windows > MAX_WINDOWS {
            return Err(Trouble::TooMuch { windows, limit: MAX_WINDOWS });
        }
        let reversed: Vec<u8> = bytes.iter().rev().copied().collect();
        let (mut found, more) = std::thread::scope(|scope| {
            let other = scope.spawn(|| self.scan(&reversed));
            (self.scan(bytes), other.join())
        });
        found.extend(more.map_err(|_| Trouble::Broken("the search stopped half-way"))?);
        found.sort();
        found.dedup();
        Ok(found)
    }

    /// Big-endian windows, from the first to the last.
    fn scan(&self, bytes: &[u8]) -> Vec<String> {
        let tables = Tables::<C>::new();
        let (mut found, mut batch) = (Vec::new(), Vec::with_capacity(BATCH));
        let mut point = None;
        for ((window, before), is_interesting) in bytes.windows(WINDOW).zip(before_each(bytes)).zip(interesting(bytes)) {
            point = is_interesting.then(|| match (point, before, window.last()) {
                (Some(last), Some(first), Some(next)) => tables.step(last, first, *next),
                _ => tables.whole(window),
            });
            batch.extend(point);
            if batch.len() >= BATCH {
                self.look_up(&mut batch, &mut found);
            }
        }
        self.look_up(&mut batch, &mut found);
        found
    }

    fn look_up(&self, batch: &mut Vec<C::Point>, found: &mut Vec<String>) {
        found.extend(C::encode_points(batch).iter().filter_map(|encoded| self.points.get(encoded.as_ref())).cloned());
        batch.clear();
    }
}

/// The byte before each window.
fn before_each(bytes: &[u8]) -> impl Iterator<Item = Option<u8>> + '_ {
    core::iter::once(None).chain(bytes.iter().copied().map(Some))
}

/// Whether each window has enough different bytes.
fn interesting(bytes: &[u8]) -> impl Iterator<Item = bool> + '_ {
    let mut counts = [0u8; 256];
    let mut distinct = 0usize;
    let head = bytes.iter().take(WINDOW - 1);
    let mut add = move |incoming: Option<u8>, outgoing: Option<u8>| {
        for (byte, grows) in incoming.map(|byte| (byte, true)).into_iter().chain(outgoing.map(|byte| (byte, false))) {
            if let Some(count) = counts.get_mut(usize::from(byte)) {
                let before = *count;
                *count = if grows { before.saturating_add(1) } else { before.saturating_sub(1) };
                match (before, *count) {
                    (0, 1) => distinct += 1,
                    (1, 0) => distinct -= 1,
                    _ => {}
                }
            }
        }
        distinct >= DISTINCT
    };
    head.for_each(|byte| {
        add(Some(*byte), None);
    });
    bytes.windows(WINDOW).zip(before_each(bytes)).map(move |(window, before)| add(window.last().copied(), before))
}

/// b·B and b·2²⁴⁸·B for every byte b.
struct Tables<C: Curve> {
    low: Vec<C::Point>,
    high: Vec<C::Point>,
}

impl<C: Curve> Tables<C> {
    fn new() -> Self {
        let multiples = |unit: C::Point| {
            core::iter::successors(Some(C::Point::identity()), |point| Some(*point + unit)).take(256).collect::<Vec<_>>()
        };
        let generator = C::Point::generator();
        Self { low: multiples(generator), high: multiples((0..248).fold(generator, |point, _| point.double())) }
    }

    fn step(&self, last: C::Point, first: u8, next: u8) -> C::Point {
        let shared = last - entry::<C>(&self.high, first);
        (0..8).fold(shared, |point, _| point.double()) + entry::<C>(&self.low, next)
    }

    fn whole(&self, window: &[u8]) -> C::Point {
        window.iter().fold(C::Point::identity(), |point, byte| {
            (0..8).fold(point, |point, _| point.double()) + entry::<C>(&self.low, *byte)
        })
    }
}

/// Invariant: tables have 256 entries.
fn entry<C: Curve>(table: &[C::Point], byte: u8) -> C::Point {
    table.get(usize::from(byte)).copied().unwrap_or_else(C::Point::identity)
}

#[cfg(test)]
mod tests {
    use quorate::core::frost::{Bip340, Ed25519};

    use super::*;

    fn noise(length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        getrandom::fill(&mut bytes).unwrap();
        bytes
    }

    fn search_finds_what_is_there_and_nothing_else<C: Curve>() {
        let secret = C::scalar_from_wide(&noise(64).try_into().unwrap());
        let mut targets = Targets::<C>::new();
        targets.insert(&C::mul_generator(&secret), "the secret");
        let heap = [noise(300), vec![0; 500], b"text that nobody needs to look at ".repeat(9), noise(77)].concat();
        assert_eq!(targets.search(&heap).unwrap(), Vec::<String>::new());
        let mut encoded = C::encode_scalar(&secret);
        let negative = C::encode_scalar(&-secret);
        for planted in [encoded, negative] {
            for place in [0, 100, heap.len()] {
                let planted = [&heap[..place], &planted, &heap[place..]].concat();
                assert_eq!(targets.search(&planted).unwrap(), ["the secret"], "at {place}");
            }
        }
        encoded.reverse();
        assert_eq!(targets.search(&[&heap[..333], &encoded, &heap[333..]].concat()).unwrap(), ["the secret"]);
        encoded[7] ^= 1;
        assert_eq!(targets.search(&[&heap[..333], &encoded, &heap[333..]].concat()).unwrap(), Vec::<String>::new());
        assert_eq!(targets.search(&encoded[..31]).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn search_finds_a_share_anywhere_in_either_order_and_sign() {
        search_finds_what_is_there_and_nothing_else::<Ed25519>();
        search_finds_what_is_there_and_nothing_else::<Bip340>();
    }

    #[test]
    fn search_that_would_take_too_long_is_refused() {
        let targets = Targets::<Ed25519>::new();
        assert!(matches!(targets.search(&noise(MAX_WINDOWS + 100)), Err(Trouble::TooMuch { .. })));
        assert!(targets.search(&vec![0; MAX_WINDOWS * 2]).unwrap().is_empty());
    }
}
