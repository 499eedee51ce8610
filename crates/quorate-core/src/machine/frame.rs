//! What stands around every message, and the hashes that the machine takes of messages.
//!
//! ```text
//! version(1) protocol(1) round(1) context(16) echo(32) len(4) broadcast len(4) private
//! ```
//!
//! `context` is the start of the session's context, `echo` the hash of all broadcasts of the round before (zeros in the first).

use alloc::{collections::BTreeMap, vec::Vec};

use polyval::{Polyval, universal_hash::UniversalHash};
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

/// Private parts above this length are told apart by POLYVAL, ten times as fast as the hash.
const LONG: usize = 1024;

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

/// How many bytes of a frame stand before its private part, of which the last four are the part's length.
pub(crate) const fn room(broadcast: usize) -> usize {
    FRAME_OVERHEAD.saturating_add(broadcast)
}

/// The whole frame for one receiver. A private part that lies behind `room` for what comes before it stays where it is.
pub(super) fn around(public: &[u8], mut private: Zeroizing<Vec<u8>>, room: usize) -> Zeroizing<Vec<u8>> {
    let length = u32::try_from(private.len().saturating_sub(room)).unwrap_or(u32::MAX).to_be_bytes();
    match private.get_mut(..room).and_then(<[u8]>::split_last_chunk_mut) {
        Some((head, place)) if head.len() == public.len() => {
            head.copy_from_slice(public);
            *place = length;
            private
        }
        _ => with_private_part(public, private.get(room..).unwrap_or_default()),
    }
}

fn with_private_part(public: &[u8], private: &[u8]) -> Zeroizing<Vec<u8>> {
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

    /// Tells a repeat from a contradiction. A sender that finds two long messages with one POLYVAL gains nothing: the second is ignored as
    /// a repeat, whatever it says, and the first one counts.
    pub(super) fn fingerprint(&self, broadcast: &[u8; 32], context: &Context) -> [u8; 32] {
        let hash = Hash::new(domain::MESSAGE).field(&self.echo).field(broadcast);
        if self.private.len() <= LONG {
            return hash.field(self.private).finish();
        }
        let mut sum = Polyval::new(&context.suffix().into());
        sum.update_padded(self.private);
        let sum: [u8; 16] = sum.finalize().into();
        hash.number(self.private.len().try_into().unwrap_or(u64::MAX)).field(&sum).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        curve::Ed25519,
        identifier::{ParticipantSet, PeerId},
        keygen::KeygenRounds,
        session::{ContextFields, Peers, Session, SessionId},
        suite::SuiteId,
        threshold::Threshold,
    };

    fn context() -> Context {
        let everyone = ParticipantSet::first(2).unwrap();
        let peers = Peers::new(everyone.iter().map(|id| (id, PeerId::new([u8::try_from(id.to_u16()).unwrap(); 32])))).unwrap();
        Session::new(SessionId::new([7; 32]), peers).context(&ContextFields {
            protocol: ProtocolId::Keygen,
            suite: SuiteId::Ed25519,
            senders: &everyone,
            receivers: &everyone,
            old_threshold: None,
            threshold: Threshold::new(2, 2).unwrap(),
            package: None,
            placement: None,
            key_id: None,
            epoch: 0,
        })
    }

    /// Whoever changes one of these changes the wire: raise the version.
    #[test]
    fn frame_of_version_1_is_what_it_was() {
        let context = context();
        let public = public_part(ProtocolId::Keygen, 2, &context, &[9; 32], b"to all");
        let bytes = with_private_part(&public, b"to one");
        let roomy = |room| Zeroizing::new([&[0; 200][..room], b"to one"].concat());
        for room in [0, 3, 4, room(6), 200] {
            assert_eq!(around(&public, roomy(room), room), bytes);
        }
        let parts = [
            // Version, protocol, round, context.
            "010102db380c058b4359dd57c630d002286f55",
            &"09".repeat(32),
            "00000006746f20616c6c",
            "00000006746f206f6e65",
        ];
        assert_eq!(hex::encode(&*bytes), parts.concat());
        let frame = Frame::parse::<KeygenRounds<Ed25519>>(&bytes, &context).unwrap();
        assert_eq!((frame.round, frame.echo, frame.broadcast, frame.private), (2, [9; 32], &b"to all"[..], &b"to one"[..]));
        assert_eq!(bytes.len(), FRAME_OVERHEAD + 12);
    }

    #[test]
    fn hashes_of_messages_are_what_they_were() {
        let context = context();
        let digest = broadcast_digest(b"to all");
        assert_eq!(hex::encode(digest), "8cbde95d6e629a7dba6e0900ac6a8ebd6f859cfd9a0a08280d8e5fd349c22bd1");
        let of = |number| Identifier::new(number).unwrap();
        let broadcasts = BTreeMap::from([(of(1), digest), (of(2), [3; 32])]);
        assert_eq!(
            hex::encode(echo(&context, 1, &broadcasts)),
            "c8af7f27bf04f140f6d98ad0748ce62274993c0b0036328acaddf056f8e96be8"
        );
    }
}
