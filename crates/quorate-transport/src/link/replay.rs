//! The window that refuses a nonce the second time.

const WORDS: u64 = 32;

/// How many nonces below the highest one are remembered: older ones are refused unseen.
pub(super) const WINDOW: u64 = (WORDS - 1) * 64;

/// A sliding window over the nonces that were accepted.
///
/// The ring has one word more than the window needs: the word that is being filled never holds bits of the window's far end.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// One above the highest accepted nonce; 0 before the first.
    next: u64,
    words: [u64; 32],
}

impl Window {
    /// Whether `nonce` was not accepted yet and is not too old to tell.
    pub(super) fn is_fresh(&self, nonce: u64) -> bool {
        let old = nonce.saturating_add(WINDOW) < self.next;
        let (word, bit) = place(nonce);
        nonce >= self.next || (!old && self.words.get(word).is_some_and(|word| word & bit == 0))
    }

    /// Remembers `nonce`, which verified and was fresh.
    pub(super) fn accept(&mut self, nonce: u64) {
        if nonce >= self.next {
            let (from, to) = ((self.next.saturating_sub(1)) / 64, nonce / 64);
            // Words that come into the window start empty; after a leap that is all of them, once.
            if to.saturating_sub(from) >= WORDS {
                self.words = [0; 32];
            }
            (from..to).take(32).for_each(|word| self.clear(word.saturating_add(1)));
            self.next = nonce.saturating_add(1);
        }
        let (word, bit) = place(nonce);
        if let Some(word) = self.words.get_mut(word) {
            *word |= bit;
        }
    }

    fn clear(&mut self, word: u64) {
        let (place, _) = place(word.saturating_mul(64));
        if let Some(word) = self.words.get_mut(place) {
            *word = 0;
        }
    }
}

fn place(nonce: u64) -> (usize, u64) {
    (usize::try_from((nonce / 64) % WORDS).unwrap_or(0), 1 << (nonce % 64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        /// Against the plain definition: fresh if never accepted and at most `WINDOW` below the highest.
        #[test]
        fn window_agrees_with_a_set(steps in prop::collection::vec((0u64..6000, any::<bool>()), 1..400), base in prop::sample::select(vec![0u64, 1 << 20, u64::MAX - 9000])) {
            let (mut window, mut seen) = (Window::default(), BTreeSet::new());
            let mut highest = None;
            for (step, near) in steps {
                let nonce = base + if near { highest.map_or(step, |h: u64| (h - base).saturating_sub(step % 70)) } else { step };
                let fresh = !seen.contains(&nonce) && highest.is_none_or(|h: u64| nonce + WINDOW > h);
                prop_assert_eq!(window.is_fresh(nonce), fresh, "nonce {} highest {:?}", nonce, highest);
                if fresh {
                    window.accept(nonce);
                    seen.insert(nonce);
                    highest = highest.max(Some(nonce));
                }
            }
        }
    }

    #[test]
    fn window_takes_each_nonce_once_in_any_order() {
        let mut window = Window::default();
        for nonce in (0..WINDOW).rev() {
            assert!(window.is_fresh(nonce));
            window.accept(nonce);
            assert!(!window.is_fresh(nonce));
        }
        window.accept(WINDOW * 5);
        assert!(!window.is_fresh(WINDOW * 4), "too old to tell");
        assert!(window.is_fresh(WINDOW * 4 + 1));
        assert!((0..WINDOW).all(|nonce| !window.is_fresh(nonce)));
    }
}
