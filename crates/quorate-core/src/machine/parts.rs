//! A message's two parts, where they lie in the frame that brought them.

use alloc::vec::Vec;

use zeroize::Zeroizing;

use super::frame::FRAME_OVERHEAD;

/// Bytes that came for a machine.
pub(super) enum Source<'a> {
    /// They stay the caller's: what is kept of them is a copy.
    Lent(&'a [u8]),
    Given(Zeroizing<Vec<u8>>),
}

impl Source<'_> {
    pub(super) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Lent(bytes) => bytes,
            Self::Given(bytes) => bytes,
        }
    }

    fn into_bytes(self) -> Zeroizing<Vec<u8>> {
        match self {
            Self::Lent(bytes) => Zeroizing::new(bytes.to_vec()),
            Self::Given(bytes) => bytes,
        }
    }
}

/// Both parts of one message. They are wiped when they are dropped.
#[doc(hidden)]
pub struct Parts {
    frame: Zeroizing<Vec<u8>>,
    /// The length of the broadcast.
    broadcast: usize,
}

impl Parts {
    /// Of a frame that was found to be one, with a broadcast of this length.
    pub(super) fn of(frame: Source<'_>, broadcast: usize) -> Self {
        Self { frame: frame.into_bytes(), broadcast }
    }

    /// As if they had come in a frame.
    #[cfg(test)]
    pub(crate) fn new(broadcast: &[u8], private: &[u8]) -> Self {
        let frame = [&[0; FRAME_OVERHEAD - 4], broadcast, &[0; 4], private].concat();
        Self { frame: Zeroizing::new(frame), broadcast: broadcast.len() }
    }

    /// What the sender told everyone.
    pub(crate) fn broadcast(&self) -> &[u8] {
        // Before it stand the frame's fields but for the length of the private part, which is between the two.
        self.frame.get(FRAME_OVERHEAD - 4..).and_then(|rest| rest.get(..self.broadcast)).unwrap_or_default()
    }

    /// The whole frame.
    pub(crate) fn into_frame(mut self) -> Zeroizing<Vec<u8>> {
        core::mem::take(&mut self.frame)
    }

    /// What the sender told this participant alone.
    pub(crate) fn private(&self) -> &[u8] {
        self.frame.get(FRAME_OVERHEAD.saturating_add(self.broadcast)..).unwrap_or_default()
    }
}

/// [`Zeroizing`] wipes the elements of a list one by one, and the spare room of an empty one in one piece.
impl Drop for Parts {
    fn drop(&mut self) {
        self.frame.clear();
    }
}

impl core::fmt::Debug for Parts {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Parts({} + {} bytes)", self.broadcast().len(), self.private().len())
    }
}
