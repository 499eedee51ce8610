//! Room for the next long message to a peer, which is that of the last one from it.
//!
//! What goes back to the operating system comes again page by page, each filled with zeros. For the 0.6 MB of an answer of 16
//! multiplications that took up to a tenth of a run.

use alloc::vec::Vec;

use zeroize::{Zeroize, Zeroizing};

use super::lock;

/// The most that is kept, in bytes.
const LARGEST: usize = 1 << 20;

/// Wiped memory, or none.
#[derive(Default)]
pub(crate) struct Room(lock::Mutex<Vec<u8>>);

impl Room {
    /// An empty list with room for so many bytes, in one allocation.
    pub(crate) fn take(&self, bytes: usize) -> Zeroizing<Vec<u8>> {
        let kept = core::mem::take(&mut *lock::lock(&self.0));
        Zeroizing::new(if kept.capacity() < bytes { Vec::with_capacity(bytes) } else { kept })
    }

    /// Wipes what is not needed any more, and keeps its memory.
    pub(crate) fn give(&self, mut bytes: Zeroizing<Vec<u8>>) {
        bytes.clear();
        // All of it, in one piece.
        bytes.spare_capacity_mut().zeroize();
        let mut kept = lock::lock(&self.0);
        if (kept.capacity()..=LARGEST).contains(&bytes.capacity()) {
            *kept = core::mem::take(&mut *bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_used_again_if_it_is_enough_and_not_too_much() {
        let room = Room::default();
        let mut first = room.take(1000);
        first.resize(1000, 7);
        let place = first.as_ptr();
        room.give(first);
        let again = room.take(900);
        assert!(again.is_empty() && again.as_ptr() == place);
        room.give(again);
        let larger = room.take(2000);
        assert!(larger.capacity() >= 2000);
        // It went with what was too small.
        assert_eq!(room.take(0).capacity(), 0);
        room.give(Zeroizing::new(Vec::with_capacity(LARGEST + 1)));
        assert_eq!(room.take(0).capacity(), 0);
        room.give(larger);
        room.give(Zeroizing::new(Vec::with_capacity(10)));
        assert!(room.take(0).capacity() >= 2000);
    }
}
