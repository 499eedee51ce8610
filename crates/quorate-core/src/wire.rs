//! The one encoding of every message and record: canonical, versioned, bounded before anything is allocated.
//!
//! Integers are big-endian and of fixed width, lengths are `u32`, points and scalars are their standard encodings. Decoding accepts
//! exactly what encoding makes, and whole inputs only. The other crates of the workspace encode their own records with the same
//! [`Writer`] and [`Reader`].

use alloc::vec::Vec;

use zeroize::Zeroize;

use crate::error::DecodeError;

/// The version that every frame and record starts with.
pub const WIRE_VERSION: u8 = 1;

/// A value with exactly one encoding.
pub trait Encoding: Sized {
    /// Appends the value.
    fn write(&self, out: &mut Writer);

    /// Reads the value and leaves the rest.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] if the bytes are not what [`write`](Self::write) makes.
    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError>;

    /// The value's bytes.
    fn to_bytes(&self) -> Vec<u8> {
        let mut out = Writer::default();
        self.write(&mut out);
        out.into_bytes()
    }

    /// Reads a value that is all of `bytes`.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] if the bytes are not what [`to_bytes`](Self::to_bytes) makes, or if any are left over.
    fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut input = Reader::new(bytes);
        let value = Self::read(&mut input)?;
        input.finish()?;
        Ok(value)
    }
}

/// Collects an encoding. When it outgrows its buffer it wipes the old one, so that secrets leave no copies on the way.
#[derive(Default)]
pub struct Writer {
    bytes: Vec<u8>,
}

impl core::fmt::Debug for Writer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Writer({} bytes)", self.bytes.len())
    }
}

impl Writer {
    /// Appends bytes as they are, without a length.
    pub fn raw(&mut self, bytes: &[u8]) {
        let needed = self.bytes.len().saturating_add(bytes.len());
        if needed > self.bytes.capacity() {
            let mut larger = Vec::with_capacity(needed.max(self.bytes.capacity().saturating_mul(2)).max(128));
            larger.extend_from_slice(&self.bytes);
            self.bytes.zeroize();
            self.bytes = larger;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// Appends one byte.
    pub fn u8(&mut self, value: u8) {
        self.raw(&[value]);
    }

    /// Appends two bytes, big-endian.
    pub fn u16(&mut self, value: u16) {
        self.raw(&value.to_be_bytes());
    }

    /// Appends four bytes, big-endian.
    pub fn u32(&mut self, value: u32) {
        self.raw(&value.to_be_bytes());
    }

    /// Appends eight bytes, big-endian.
    pub fn u64(&mut self, value: u64) {
        self.raw(&value.to_be_bytes());
    }

    /// Appends a length. Lengths above `u32::MAX` cannot be in memory on the targets of this crate and saturate.
    pub fn length(&mut self, length: usize) {
        self.u32(u32::try_from(length).unwrap_or(u32::MAX));
    }

    /// Appends a length and the bytes.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.length(bytes.len());
        self.raw(bytes);
    }

    /// Appends a count and the values.
    pub fn sequence<T: Encoding>(&mut self, values: &[T]) {
        self.length(values.len());
        values.iter().for_each(|value| value.write(self));
    }

    /// Appends 0 for nothing, or 1 and the value.
    pub fn option<T: Encoding>(&mut self, value: Option<&T>) {
        self.u8(u8::from(value.is_some()));
        if let Some(value) = value {
            value.write(self);
        }
    }

    /// What was written so far.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The finished bytes.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// Reads an encoding, and never allocates for bytes that are not there.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The bytes not read yet.
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Takes `length` bytes.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Truncated`] if fewer are left.
    pub fn raw(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    /// Takes `N` bytes.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Truncated`] if fewer are left.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(*taken)
    }

    /// Takes one byte.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Truncated`] if none is left.
    pub fn u8(&mut self) -> Result<u8, DecodeError> {
        self.array().map(|[byte]| byte)
    }

    /// Takes one byte that is 0 for no and 1 for yes.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Truncated`] if none is left, [`DecodeError::InvalidValue`] if it is another.
    pub fn flag(&mut self) -> Result<bool, DecodeError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(DecodeError::InvalidValue("flag")),
        }
    }

    /// Takes a big-endian `u16`.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Truncated`] if fewer than two bytes are left.
    pub fn u16(&mut self) -> Result<u16, DecodeError> {
        self.array().map(u16::from_be_bytes)
    }

    /// Takes a big-endian `u32`.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Truncated`] if fewer than four bytes are left.
    pub fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_be_bytes)
    }

    /// Takes a big-endian `u64`.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Truncated`] if fewer than eight bytes are left.
    pub fn u64(&mut self) -> Result<u64, DecodeError> {
        self.array().map(u64::from_be_bytes)
    }

    /// Takes a length of at most `limit`.
    ///
    /// # Errors
    ///
    /// [`DecodeError::TooLong`] above the limit, [`DecodeError::Truncated`] if it is not there.
    pub fn length(&mut self, limit: usize) -> Result<usize, DecodeError> {
        let length = self.u32()?;
        match usize::try_from(length) {
            Ok(length) if length <= limit => Ok(length),
            _ => Err(DecodeError::TooLong { limit }),
        }
    }

    /// Takes a length of at most `limit` and that many bytes.
    ///
    /// # Errors
    ///
    /// As [`length`](Self::length) and [`raw`](Self::raw).
    pub fn bytes(&mut self, limit: usize) -> Result<&'a [u8], DecodeError> {
        let length = self.length(limit)?;
        self.raw(length)
    }

    /// Takes a count of at most `limit` and that many values of at least `smallest` bytes each.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Truncated`] before anything is allocated if the values cannot all be there, or what a value's decoder says.
    pub fn sequence<T: Encoding>(&mut self, limit: usize, smallest: usize) -> Result<Vec<T>, DecodeError> {
        let count = self.length(limit)?;
        if count.saturating_mul(smallest.max(1)) > self.rest.len() {
            return Err(DecodeError::Truncated);
        }
        let mut values = Vec::with_capacity(count);
        for _ in 0..count {
            values.push(T::read(self)?);
        }
        Ok(values)
    }

    /// Takes what [`Writer::option`] wrote.
    ///
    /// # Errors
    ///
    /// [`DecodeError::NotCanonical`] if the first byte is neither 0 nor 1, or what the value's decoder says.
    pub fn option<T: Encoding>(&mut self) -> Result<Option<T>, DecodeError> {
        match self.u8()? {
            0 => Ok(None),
            1 => T::read(self).map(Some),
            _ => Err(DecodeError::NotCanonical),
        }
    }

    /// Ends the reading.
    ///
    /// # Errors
    ///
    /// [`DecodeError::TrailingBytes`] if bytes are left over.
    pub const fn finish(self) -> Result<(), DecodeError> {
        if self.rest.is_empty() { Ok(()) } else { Err(DecodeError::TrailingBytes) }
    }
}

impl Encoding for [u8; 32] {
    fn write(&self, out: &mut Writer) {
        out.raw(self);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.array()
    }
}

impl Encoding for u64 {
    fn write(&self, out: &mut Writer) {
        out.u64(*self);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.u64()
    }
}

impl Encoding for u32 {
    fn write(&self, out: &mut Writer) {
        out.u32(*self);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.u32()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn reader_undoes_writer(a: u8, b: u16, c: u64, d: Vec<u8>, e: Option<u32>) {
            let mut out = Writer::default();
            out.u8(a);
            out.u16(b);
            out.u64(c);
            out.bytes(&d);
            out.option(e.as_ref());
            let bytes = out.into_bytes();
            let mut input = Reader::new(&bytes);
            prop_assert_eq!(input.u8(), Ok(a));
            prop_assert_eq!(input.u16(), Ok(b));
            prop_assert_eq!(input.u64(), Ok(c));
            prop_assert_eq!(input.bytes(d.len()), Ok(&d[..]));
            prop_assert_eq!(input.option::<u32>(), Ok(e));
            prop_assert_eq!(input.finish(), Ok(()));
        }
    }

    #[test]
    fn sequence_of_absent_values_is_refused_before_allocation() {
        let mut input = Reader::new(&[0x00, 0xff, 0xff, 0xff, 1, 2]);
        assert_eq!(input.sequence::<u64>(usize::MAX, 8), Err(DecodeError::Truncated));
    }

    #[test]
    fn option_byte_is_canonical() {
        assert_eq!(Reader::new(&[2, 0, 0, 0, 0]).option::<u32>(), Err(DecodeError::NotCanonical));
    }
}
