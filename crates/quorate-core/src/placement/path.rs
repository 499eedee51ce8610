//! The name of a failure domain: a path with the provider first.

use alloc::{sync::Arc, vec::Vec};
use core::{fmt, iter, str::FromStr};

use crate::{
    error::DecodeError,
    wire::{Encoding, Reader, Writer},
};

/// The longest path in bytes.
pub const MAX_PATH: usize = 160;
/// The longest segment of a path in bytes.
pub const MAX_SEGMENT: usize = 63;
/// The most segments of a path.
pub const MAX_SEGMENTS: usize = 8;

/// A failure domain: a lower-case path, provider first, as in `aws/1234/eu-west-1`.
///
/// What is exposed to a path is exposed to every ancestor of it: whoever owns `aws` owns each account at `aws`. Two names for one
/// provider would defeat the rule, so a path has one spelling only: segments of `a`–`z`, `0`–`9`, `.`, `_`, `-`, joined by `/`.
///
/// ```
/// use quorate_core::placement::DomainPath;
///
/// let region: DomainPath = "aws/1234/eu-west-1".parse()?;
/// assert!(region.is_within(&"aws".parse()?));
/// assert!("AWS/1234".parse::<DomainPath>().is_err());
/// # Ok::<(), quorate_core::placement::DomainPathError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DomainPath(Arc<str>);

impl DomainPath {
    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path itself, then each ancestor, up to the provider.
    pub fn ancestors(&self) -> impl Iterator<Item = Self> + '_ {
        prefixes(&self.0).map(|prefix| Self(prefix.into()))
    }

    /// The first segment: who runs the domain, as far as placement is concerned.
    #[must_use]
    pub fn provider(&self) -> Self {
        Self(self.0.split_once('/').map_or(&*self.0, |(provider, _)| provider).into())
    }

    /// Whether this is `other` or below it.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        is_within(&self.0, &other.0)
    }

    /// Makes a path of text that is known to be a prefix of a path.
    pub(super) fn of_prefix(prefix: &str) -> Self {
        Self(prefix.into())
    }
}

/// `path`, then each ancestor, up to the provider.
pub(super) fn prefixes(path: &str) -> impl Iterator<Item = &str> {
    iter::successors(Some(path), |path| parent(path))
}

/// The path one level up.
pub(super) fn parent(path: &str) -> Option<&str> {
    path.rsplit_once('/').map(|(parent, _)| parent)
}

/// Whether `path` is `ancestor` or below it.
pub(super) fn is_within(path: &str, ancestor: &str) -> bool {
    path.strip_prefix(ancestor).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Why a text is not a [`DomainPath`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DomainPathError {
    /// No text, or nothing before, between or after slashes.
    #[error("a domain path must have a name before, between and after its slashes, as in aws/1234/eu-west-1")]
    EmptySegment,
    /// A character that a path does not have.
    #[error("a domain path has only a-z, 0-9, '.', '_', '-' and '/', but there is {found:?} at byte {position}")]
    Character {
        /// The character.
        found: char,
        /// Where it is, in bytes from 0.
        position: usize,
    },
    /// A segment made of dots alone, which reads like a step up.
    #[error("a segment of a domain path must not be made of dots alone")]
    Dots,
    /// A segment above [`MAX_SEGMENT`].
    #[error("a segment of a domain path has at most {MAX_SEGMENT} bytes")]
    SegmentTooLong,
    /// More than [`MAX_SEGMENTS`].
    #[error("a domain path has at most {MAX_SEGMENTS} segments")]
    TooManySegments,
    /// A path above [`MAX_PATH`].
    #[error("a domain path has at most {MAX_PATH} bytes")]
    TooLong,
}

impl TryFrom<&str> for DomainPath {
    type Error = DomainPathError;

    fn try_from(text: &str) -> Result<Self, DomainPathError> {
        if text.len() > MAX_PATH {
            return Err(DomainPathError::TooLong);
        }
        let allowed = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '.' | '_' | '-' | '/');
        if let Some((position, found)) = text.char_indices().find(|(_, c)| !allowed(*c)) {
            return Err(DomainPathError::Character { found, position });
        }
        if text.split('/').count() > MAX_SEGMENTS {
            return Err(DomainPathError::TooManySegments);
        }
        text.split('/').try_for_each(|segment| match segment {
            "" => Err(DomainPathError::EmptySegment),
            long if long.len() > MAX_SEGMENT => Err(DomainPathError::SegmentTooLong),
            dots if dots.chars().all(|c| c == '.') => Err(DomainPathError::Dots),
            _ => Ok(()),
        })?;
        Ok(Self(text.into()))
    }
}

impl FromStr for DomainPath {
    type Err = DomainPathError;

    fn from_str(text: &str) -> Result<Self, DomainPathError> {
        Self::try_from(text)
    }
}

impl fmt::Display for DomainPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for DomainPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Encoding for DomainPath {
    fn write(&self, out: &mut Writer) {
        write_short(out, self.0.as_bytes());
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let length = input.u8()?;
        from_utf8_path(input.raw(length.into())?)
    }
}

/// Appends one byte of length and at most [`MAX_PATH`] bytes.
fn write_short(out: &mut Writer, bytes: &[u8]) {
    // Invariant: a path is never longer than MAX_PATH.
    out.u8(u8::try_from(bytes.len()).unwrap_or(u8::MAX));
    out.raw(bytes);
}

fn from_utf8_path(bytes: &[u8]) -> Result<DomainPath, DecodeError> {
    let text = core::str::from_utf8(bytes).map_err(|_| DecodeError::InvalidValue("domain path"))?;
    DomainPath::try_from(text).map_err(|_| DecodeError::InvalidValue("domain path"))
}

/// Appends sorted paths, each as the length of the beginning that it shares with the one before, and the rest.
pub(super) fn write_table(out: &mut Writer, paths: &[&DomainPath]) {
    let mut previous: &[u8] = &[];
    for path in paths {
        let bytes = path.0.as_bytes();
        let shared = iter::zip(previous, bytes).take_while(|(a, b)| a == b).count();
        out.u8(u8::try_from(shared).unwrap_or(u8::MAX));
        write_short(out, bytes.get(shared..).unwrap_or_default());
        previous = bytes;
    }
}

/// Takes `count` paths that [`write_table`] wrote. The caller checks order and canonicity by encoding them again.
pub(super) fn read_table(input: &mut Reader<'_>, count: usize) -> Result<Vec<DomainPath>, DecodeError> {
    if count.saturating_mul(3) > input.rest().len() {
        return Err(DecodeError::Truncated);
    }
    let mut paths = Vec::with_capacity(count);
    let mut text: Vec<u8> = Vec::with_capacity(MAX_PATH);
    for _ in 0..count {
        let shared = usize::from(input.u8()?);
        if shared > text.len() {
            return Err(DecodeError::NotCanonical);
        }
        let length = input.u8()?;
        text.truncate(shared);
        text.extend_from_slice(input.raw(length.into())?);
        paths.push(from_utf8_path(&text)?);
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{format, string::ToString, vec};
    use proptest::prelude::*;

    fn path(text: &str) -> DomainPath {
        text.parse().unwrap()
    }

    #[test]
    fn path_refuses_every_second_spelling() {
        use DomainPathError::{Character, Dots, EmptySegment, SegmentTooLong, TooLong, TooManySegments};
        let cases = [
            ("", EmptySegment),
            ("/aws", EmptySegment),
            ("aws/", EmptySegment),
            ("aws//eu", EmptySegment),
            ("AWS", Character { found: 'A', position: 0 }),
            ("aws/eu west", Character { found: ' ', position: 6 }),
            ("aws/é", Character { found: 'é', position: 4 }),
            ("aws/../gcp", Dots),
            ("1/2/3/4/5/6/7/8/9", TooManySegments),
        ];
        for (text, error) in cases {
            assert_eq!(DomainPath::try_from(text), Err(error), "{text}");
        }
        assert_eq!(DomainPath::try_from(&*"a".repeat(64)), Err(SegmentTooLong));
        assert!(DomainPath::try_from(&*"a".repeat(63)).is_ok());
        let longest = format!("{}/{}/{}", "a".repeat(63), "b".repeat(63), "c".repeat(32));
        assert!(DomainPath::try_from(&*longest).is_ok());
        assert_eq!(DomainPath::try_from(&*format!("{longest}c")), Err(TooLong));
        assert!(DomainPath::try_from("1/2/3/4/5/6/7/8").is_ok());
    }

    #[test]
    fn ancestors_go_up_to_the_provider() {
        let all: Vec<_> = path("aws/1/eu").ancestors().map(|p| p.to_string()).collect();
        assert_eq!(all, ["aws/1/eu", "aws/1", "aws"]);
        assert_eq!(path("aws/1/eu").provider(), path("aws"));
    }

    #[test]
    fn within_counts_whole_segments() {
        assert!(path("aws/1").is_within(&path("aws")));
        assert!(path("aws").is_within(&path("aws")));
        assert!(!path("aws").is_within(&path("aws/1")));
        assert!(!path("aws2").is_within(&path("aws")));
        assert!(!path("aws/12").is_within(&path("aws/1")));
    }

    #[test]
    fn path_decoder_refuses_what_the_parser_refuses() {
        assert_eq!(DomainPath::from_bytes(b"\x03aws"), Ok(path("aws")));
        for bad in [&b"\x03AWS"[..], b"\x00", b"\x04aws/", b"\x02\xff\xfe", b"\x04aws", b"\x03aws!"] {
            assert!(DomainPath::from_bytes(bad).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn table_reader_undoes_writer(texts in prop::collection::btree_set("[a-c.]{0,2}[a-c]{1,3}(/[a-c]{1,3}){0,4}", 1..20)) {
            let paths: Vec<DomainPath> = texts.iter().map(|text| path(text)).collect();
            let mut out = Writer::default();
            write_table(&mut out, &paths.iter().collect::<Vec<_>>());
            let bytes = out.into_bytes();
            let mut input = Reader::new(&bytes);
            prop_assert_eq!(read_table(&mut input, paths.len()), Ok(paths));
            prop_assert_eq!(input.finish(), Ok(()));
        }
    }

    #[test]
    fn table_of_absent_paths_is_refused_before_allocation() {
        assert_eq!(read_table(&mut Reader::new(&[0; 8]), usize::MAX), Err(DecodeError::Truncated));
        assert_eq!(read_table(&mut Reader::new(&[5, 1, b'a']), 1), Err(DecodeError::NotCanonical));
        assert_eq!(read_table(&mut Reader::new(&[0, 1, b'a']), 1), Ok(vec![path("a")]));
    }
}
