//! How often a wire misbehaves, and the dice that a seed repeats.

/// How often a wire misbehaves, in thousandths of all datagrams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Faults {
    /// How many are lost.
    pub drop: u16,
    /// How many arrive twice.
    pub duplicate: u16,
    /// How many arrive after some that were sent later.
    pub delay: u16,
    /// How many arrive with one bit flipped.
    pub corrupt: u16,
}

impl Faults {
    /// No faults.
    pub const NONE: Self = Self { drop: 0, duplicate: 0, delay: 0, corrupt: 0 };

    /// Makes faults from their rates in thousandths.
    #[must_use]
    pub const fn new(drop: u16, duplicate: u16, delay: u16) -> Self {
        Self { drop, duplicate, delay, corrupt: 0 }
    }

    /// The same with bits that flip on the way.
    #[must_use]
    pub const fn corrupting(self, corrupt: u16) -> Self {
        Self { corrupt, ..self }
    }
}

/// Dice that a seed repeats: `SplitMix64`, good enough, and the same everywhere.
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below.max(1)
    }

    pub(crate) fn happens(&mut self, thousandths: u16) -> bool {
        self.roll(1000) < u64::from(thousandths)
    }

    /// How many others pass one that is late.
    pub(crate) fn passes(&mut self) -> u64 {
        self.roll(8).saturating_add(1)
    }

    /// Flips one bit in so many of a thousand.
    pub(crate) fn corrupt(&mut self, thousandths: u16, bytes: &mut [u8]) {
        if thousandths > 0 && self.happens(thousandths) {
            let bits = u64::try_from(bytes.len()).unwrap_or(0).saturating_mul(8);
            let bit = self.roll(bits);
            if let Some(byte) = usize::try_from(bit / 8).ok().and_then(|place| bytes.get_mut(place)) {
                *byte ^= 1 << (bit % 8);
            }
        }
    }
}
