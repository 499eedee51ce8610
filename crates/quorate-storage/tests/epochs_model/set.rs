//! Small sets of small numbers: cosigners, attempts.

use core::{
    fmt,
    ops::{Index, IndexMut},
};

/// A set of numbers below 8.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Set(u8);

impl Set {
    pub(crate) const EMPTY: Self = Self(0);

    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (0..=u8::MAX).map(Self)
    }

    pub(crate) fn of(items: &[u8]) -> Self {
        items.iter().fold(Self::EMPTY, |set, item| set.with(*item))
    }

    pub(crate) const fn has(self, item: u8) -> bool {
        self.0 & (1 << item) != 0
    }

    pub(crate) const fn with(self, item: u8) -> Self {
        Self(self.0 | (1 << item))
    }

    pub(crate) const fn without(self, item: u8) -> Self {
        Self(self.0 & !(1 << item))
    }

    pub(crate) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(crate) const fn minus(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(crate) const fn covers(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = u8> {
        (0..8).filter(move |item| self.has(*item))
    }
}

impl fmt::Debug for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// A table of a few rows, by small numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Table<T, const ROWS: usize>(pub(crate) [T; ROWS]);

impl<T, const ROWS: usize> Index<u8> for Table<T, ROWS> {
    type Output = T;
    fn index(&self, row: u8) -> &T {
        &self.0[usize::from(row)]
    }
}

impl<T, const ROWS: usize> IndexMut<u8> for Table<T, ROWS> {
    fn index_mut(&mut self, row: u8) -> &mut T {
        &mut self.0[usize::from(row)]
    }
}
