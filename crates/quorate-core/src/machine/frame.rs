//! What stands around every message, and the hashes that the machine takes of messages.
//!
//! ```text
//! version(1) protocol(1) round(1) context(16) echo(32) len(4) broadcast len(4) private
//! ```
//!
//! `context` is the start of the session's context, `echo` the hash of all broadcasts of the round before (zeros in the first).

use alloc::{collections::BTreeMap, vec::Vec};

use zeroize::Zeroizing;

use super::{Ignored, Protocol};
use crate::{
    domain,
    error::DecodeError,
    identifier::Identifier,
    session::{Context, ProtocolId},
    transcript::Hash,
    wire::{Encoding, Reader, WIRE_VERSION, Writer},
};

/// Bytes of a frame besides its two parts.
pub(super) const FRAME_OVERHEAD: usize = 1 + 1 + 1 + 16 + 32 + 4 + 4;

/// A frame up to its private part, the same for all receivers.
pub(super) fn public_part(protocol: ProtocolId, round: u8, context: &Context, echo: &[u8; 32], broadcast: &[u8]) -> Vec<u8> {
    let mut public = Writer::default();
    public.raw(&[WIRE_VERSION, protocol.to_u8(), round]);
    public.raw(&context.prefix());
    public.raw(echo);
    public.bytes(broadcast);
    public.into_bytes()
}

/// The whole frame for one receiver.
pub(super) fn with_private_part(public: &[u8], private: &[u8]) -> Zeroizing<Vec<u8>> {
    // One allocation of the final size: a buffer that grew would leave the private part behind.
    let mut bytes = Vec::with_capacity(public.len().saturating_add(private.len()).saturating_add(4));
    bytes.extend_from_slice(public);
    bytes.extend_from_slice(&u32::try_from(private.len()).unwrap_or(u32::MAX).to_be_bytes());
    bytes.extend_from_slice(private);
    Zeroizing::new(bytes)
}

/// What stands for a broadcast in the next round's echo.
pub(super) fn broadcast_digest(broadcast: &[u8]) -> [u8; 32] {
    Hash::new(domain::MESSAGE).field(broadcast).finish()
}

/// The hash of all broadcasts of a round.
pub(super) fn echo(context: &Context, round: u8, broadcasts: &BTreeMap<Identifier, [u8; 32]>) -> [u8; 32] {
    let mut hash = Hash::new(domain::ECHO).field(context.as_bytes()).field(&[round]).list(broadcasts.len());
    for (from, digest) in broadcasts {
        hash = hash.identifier(*from).field(digest);
    }
    hash.finish()
}

/// A frame taken apart, in structure only.
pub(super) struct Frame<'a> {
    pub(super) round: u8,
    pub(super) echo: [u8; 32],
    pub(super) broadcast: &'a [u8],
    pub(super) private: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Reads a frame of this protocol and session.
    pub(super) fn parse<P: Protocol>(bytes: &'a [u8], context: &Context) -> Result<Self, Ignored> {
        let mut input = Reader::new(bytes);
        let [version, protocol, round] = input.array().map_err(|_| Ignored::Malformed)?;
        if version != WIRE_VERSION {
            return Err(Ignored::Malformed);
        }
        let prefix: [u8; 16] = input.array().map_err(|_| Ignored::Malformed)?;
        if protocol != P::PROTOCOL.to_u8() || prefix != context.prefix() {
            return Err(Ignored::Foreign);
        }
        Self::parse_rest(round, input).map_err(|_| Ignored::Malformed)
    }

    fn parse_rest(round: u8, mut input: Reader<'a>) -> Result<Self, DecodeError> {
        let echo = <[u8; 32]>::read(&mut input)?;
        let broadcast = input.bytes(usize::MAX)?;
        let private = input.bytes(usize::MAX)?;
        input.finish()?;
        Ok(Self { round, echo, broadcast, private })
    }

    /// Tells a repeat from a contradiction.
    pub(super) fn fingerprint(&self, broadcast: &[u8; 32]) -> [u8; 32] {
        Hash::new(domain::MESSAGE).field(&self.echo).field(broadcast).field(self.private).finish()
    }
}
