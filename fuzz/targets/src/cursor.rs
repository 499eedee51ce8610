//! Takes an input apart: it never ends, it only gives zeros and nothing.

pub(crate) struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    pub(crate) fn new(data: &'a [u8]) -> Self {
        Self(data)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or(0)
    }

    pub(crate) fn number(&mut self) -> usize {
        usize::from(self.byte()) << 8 | usize::from(self.byte())
    }

    /// A number below `bound`, which is not zero.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        if bound <= 256 { usize::from(self.byte()) % bound } else { self.number() % bound }
    }

    pub(crate) fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// A length of one byte and that many bytes.
    pub(crate) fn short(&mut self) -> &'a [u8] {
        let length = self.byte().into();
        self.take(length)
    }

    /// A length of two bytes and that many bytes.
    pub(crate) fn long(&mut self) -> &'a [u8] {
        let length = self.number();
        self.take(length)
    }

    pub(crate) fn rest(&mut self) -> &'a [u8] {
        self.take(usize::MAX)
    }

    /// Changes bytes: some flips, perhaps a cut, perhaps bytes behind.
    pub(crate) fn mutate(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..self.byte() % 4 {
            if !bytes.is_empty() {
                let at = self.below(bytes.len());
                bytes[at] ^= self.byte();
            }
        }
        match self.byte() {
            1 => bytes.truncate(self.below(bytes.len() + 1)),
            2 => bytes.extend_from_slice(self.short()),
            3 => {
                let at = self.below(bytes.len() + 1);
                let tail = bytes.split_off(at);
                bytes.extend_from_slice(self.short());
                bytes.extend(tail);
            }
            _ => {}
        }
    }
}
