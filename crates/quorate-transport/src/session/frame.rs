//! What stands inside a link's frames: pings, fragments of messages, acknowledgements.
//!
//! ```text
//! 0 ping      1 pong
//! 2 fragment  attempt(1) number(8) oldest(8) channel(1, or 1 + 32) total(4) index(2) bytes
//! 3 acks      count(4), each number(8) index(2) attempt(1); index 0xffff acknowledges the whole message,
//!                             and 0x8000 added to an index says that there is no room for this fragment now
//! ```

use quorate_core::{
    DecodeError, SessionId,
    wire::{Encoding, Reader, Writer},
};

use super::limits::{FRAGMENT, MAX_MESSAGE};

/// Acknowledges all of a message.
pub(crate) const WHOLE: u16 = u16::MAX;
/// Says that there is no room for the fragment now; the sender holds it back.
pub(crate) const BUSY: u16 = 1 << 15;
/// The most acknowledgements in one frame.
pub(crate) const MAX_ACKS: usize = 256;

/// Where a message belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Channel {
    /// Outside of any session: proposals and answers. Always open.
    Control,
    /// One protocol session.
    Session(SessionId),
}

impl Channel {
    const fn session(&self) -> Option<&SessionId> {
        match self {
            Self::Control => None,
            Self::Session(session) => Some(session),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fragment<'a> {
    pub(crate) attempt: u8,
    pub(crate) number: u64,
    /// The sender has no unfinished message below this number.
    pub(crate) oldest: u64,
    pub(crate) channel: Channel,
    /// The length of the whole message.
    pub(crate) total: usize,
    pub(crate) index: u16,
    pub(crate) bytes: &'a [u8],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ack {
    pub(crate) number: u64,
    pub(crate) index: u16,
    pub(crate) attempt: u8,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Frame<'a> {
    Ping,
    Pong,
    Fragment(Fragment<'a>),
    Acks(Vec<Ack>),
}

/// How many fragments a message of `total` bytes has; an empty message has one.
pub(crate) fn fragments(total: usize) -> u16 {
    u16::try_from(total.div_ceil(FRAGMENT).max(1)).unwrap_or(WHOLE)
}

/// The bytes of one fragment.
pub(crate) fn slice(message: &[u8], index: u16) -> &[u8] {
    message.chunks(FRAGMENT).nth(usize::from(index)).unwrap_or(&[])
}

impl Encoding for Ack {
    fn write(&self, out: &mut Writer) {
        out.u64(self.number);
        out.u16(self.index);
        out.u8(self.attempt);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { number: input.u64()?, index: input.u16()?, attempt: input.u8()? })
    }
}

impl<'a> Frame<'a> {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut out = Writer::default();
        match self {
            Self::Ping => out.u8(0),
            Self::Pong => out.u8(1),
            Self::Fragment(fragment) => {
                out.u8(2);
                out.u8(fragment.attempt);
                out.u64(fragment.number);
                out.u64(fragment.oldest);
                out.option(fragment.channel.session());
                out.length(fragment.total);
                out.u16(fragment.index);
                out.raw(fragment.bytes);
            }
            Self::Acks(acks) => {
                out.u8(3);
                out.sequence(acks);
            }
        }
        out.into_bytes()
    }

    pub(crate) fn from_bytes(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut input = Reader::new(bytes);
        match input.u8()? {
            0 => input.finish().map(|()| Self::Ping),
            1 => input.finish().map(|()| Self::Pong),
            2 => read_fragment(input).map(Self::Fragment),
            3 => {
                let acks = input.sequence(MAX_ACKS, 11)?;
                input.finish().map(|()| Self::Acks(acks))
            }
            _ => Err(DecodeError::WrongKind),
        }
    }
}

fn read_fragment(mut input: Reader<'_>) -> Result<Fragment<'_>, DecodeError> {
    let fragment = Fragment {
        attempt: input.u8()?,
        number: input.u64()?,
        oldest: input.u64()?,
        channel: input.option()?.map_or(Channel::Control, Channel::Session),
        total: input.length(MAX_MESSAGE)?,
        index: input.u16()?,
        bytes: input.rest(),
    };
    let start = usize::from(fragment.index).saturating_mul(FRAGMENT);
    let length = fragment.total.saturating_sub(start).min(FRAGMENT);
    if fragment.index >= fragments(fragment.total) || fragment.oldest > fragment.number || fragment.bytes.len() != length {
        return Err(DecodeError::InvalidValue("fragment"));
    }
    Ok(fragment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_survive_their_encoding() {
        let channel = Channel::Session(SessionId::new([7; 32]));
        let whole = vec![5; FRAGMENT + 3];
        let fragment = |index| Fragment {
            attempt: 1,
            number: 9,
            oldest: 4,
            channel,
            total: whole.len(),
            index,
            bytes: slice(&whole, index),
        };
        let acks = vec![Ack { number: 3, index: WHOLE, attempt: 2 }; 3];
        for frame in [Frame::Ping, Frame::Pong, Frame::Fragment(fragment(0)), Frame::Fragment(fragment(1)), Frame::Acks(acks)] {
            assert_eq!(Frame::from_bytes(&frame.to_bytes()), Ok(frame));
        }
        assert!(Frame::from_bytes(&Frame::Fragment(fragment(2)).to_bytes()).is_err());
    }

    /// Whoever changes one of these changes the wire: raise the version.
    #[test]
    fn frames_of_version_1_are_what_they_were() {
        let fragment = |channel| Fragment { attempt: 1, number: 9, oldest: 4, channel, total: 3, index: 0, bytes: b"abc" };
        let acks = Frame::Acks(vec![Ack { number: 3, index: WHOLE, attempt: 2 }, Ack { number: 4, index: BUSY | 1, attempt: 0 }]);
        let numbers = [0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 4];
        let control = [&[2, 1][..], &numbers, &[0, 0, 0, 0, 3, 0, 0], b"abc"].concat();
        let session = [&[2, 1][..], &numbers, &[1], &[7; 32], &[0, 0, 0, 3, 0, 0], b"abc"].concat();
        let three = [0, 0, 0, 0, 0, 0, 0, 3, 0xff, 0xff, 2];
        let four = [0, 0, 0, 0, 0, 0, 0, 4, 0x80, 0x01, 0];
        for (frame, bytes) in [
            (Frame::Ping, vec![0]),
            (Frame::Pong, vec![1]),
            (Frame::Fragment(fragment(Channel::Control)), control),
            (Frame::Fragment(fragment(Channel::Session(SessionId::new([7; 32])))), session),
            (acks, [&[3, 0, 0, 0, 2][..], &three, &four].concat()),
        ] {
            assert_eq!(frame.to_bytes(), bytes);
            assert_eq!(Frame::from_bytes(&bytes), Ok(frame));
        }
    }

    #[test]
    fn fragments_of_wrong_length_or_order_are_refused() {
        let fragment =
            Fragment { attempt: 0, number: 1, oldest: 0, channel: Channel::Control, total: 4, index: 0, bytes: b"four" };
        let refused = [
            Fragment { bytes: b"thr", ..fragment.clone() },
            Fragment { bytes: b"fiver", ..fragment.clone() },
            Fragment { oldest: 2, ..fragment.clone() },
            Fragment { index: 1, bytes: b"", ..fragment.clone() },
            Fragment { total: MAX_MESSAGE + 1, ..fragment.clone() },
        ];
        assert!(Frame::from_bytes(&Frame::Fragment(fragment).to_bytes()).is_ok());
        for fragment in refused {
            assert!(Frame::from_bytes(&Frame::Fragment(fragment).to_bytes()).is_err());
        }
    }

    #[test]
    fn counts_of_absent_acknowledgements_allocate_nothing() {
        assert!(Frame::from_bytes(&[3, 0xff, 0xff, 0xff, 0xff]).is_err());
        assert!(Frame::from_bytes(&[3, 0, 0, 1, 0, 1]).is_err());
        assert!(Frame::from_bytes(&[0, 0]).is_err() && Frame::from_bytes(&[]).is_err() && Frame::from_bytes(&[9]).is_err());
    }
}
