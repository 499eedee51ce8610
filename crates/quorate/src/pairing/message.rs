//! What two cosigners say to each other about their pairing, before they make it and after it is gone.

use quorate_core::{
    DecodeError, PeerId, SessionId, domain,
    ecdsa::Boot,
    transcript::Hash,
    wire::{Encoding, Reader, Writer},
};

/// A message about pairings. Each says which boot of the sender it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PairMessage {
    /// "I run since this boot." At every new link, and to whoever is of a new boot.
    Hello { boot: Boot },
    /// "Let us pair": from the lower to the higher identity, with a fresh value that names the offer.
    Offer { boot: Boot, random: [u8; 32] },
    /// "I begin", to an offer; the `number`-th of this peer's offers that this boot accepts.
    Accept { offer: [u8; 32], boot: Boot, random: [u8; 32], number: u64 },
    /// "Make me an offer": from the higher to the lower identity, which has accepted so many of them so far.
    Ask { topic: [u8; 32], boot: Boot, accepted: u64 },
}

impl PairMessage {
    /// What a refusal of this message names.
    pub(crate) const fn topic(&self) -> Option<[u8; 32]> {
        match self {
            Self::Offer { random: topic, .. } | Self::Ask { topic, .. } => Some(*topic),
            Self::Hello { .. } | Self::Accept { .. } => None,
        }
    }
}

/// One side of a pairing that is about to begin.
pub(crate) struct Side {
    pub(crate) peer: PeerId,
    pub(crate) boot: Boot,
    pub(crate) random: [u8; 32],
}

/// The session id of a pairing: both identities, boots and fresh values.
pub(crate) fn session_id(lower: &Side, higher: &Side) -> SessionId {
    let side = |hash: Hash, side: &Side| hash.field(side.peer.as_bytes()).value(&side.boot).field(&side.random);
    SessionId::new(side(side(Hash::new(domain::PAIRING_START), lower), higher).finish())
}

impl Encoding for PairMessage {
    fn write(&self, out: &mut Writer) {
        match self {
            Self::Hello { boot } => {
                out.u8(1);
                boot.write(out);
            }
            Self::Offer { boot, random } => {
                out.u8(2);
                boot.write(out);
                out.raw(random);
            }
            Self::Accept { offer, boot, random, number } => {
                out.u8(3);
                out.raw(offer);
                boot.write(out);
                out.raw(random);
                out.u64(*number);
            }
            Self::Ask { topic, boot, accepted } => {
                out.u8(4);
                out.raw(topic);
                boot.write(out);
                out.u64(*accepted);
            }
        }
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match input.u8()? {
            1 => Self::Hello { boot: Boot::read(input)? },
            2 => Self::Offer { boot: Boot::read(input)?, random: input.array()? },
            3 => Self::Accept { offer: input.array()?, boot: Boot::read(input)?, random: input.array()?, number: input.u64()? },
            4 => Self::Ask { topic: input.array()?, boot: Boot::read(input)?, accepted: input.u64()? },
            _ => return Err(DecodeError::InvalidValue("message about pairings")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_is_read_back_and_nothing_else() {
        let boot = Boot::new(3, [4; 16]);
        let messages = [
            PairMessage::Hello { boot },
            PairMessage::Offer { boot, random: [5; 32] },
            PairMessage::Accept { offer: [6; 32], boot, random: [7; 32], number: 8 },
            PairMessage::Ask { topic: [9; 32], boot, accepted: 1 << 40 },
        ];
        for message in messages {
            let bytes = message.to_bytes();
            assert_eq!(PairMessage::from_bytes(&bytes), Ok(message));
            assert!(PairMessage::from_bytes(&bytes[..bytes.len() - 1]).is_err());
        }
        assert!(PairMessage::from_bytes(&[5]).is_err());
    }

    #[test]
    fn session_id_depends_on_everything_and_on_the_order() {
        let side = |peer, counter, random| Side {
            peer: PeerId::new([peer; 32]),
            boot: Boot::new(counter, [0; 16]),
            random: [random; 32],
        };
        let ids = [
            session_id(&side(1, 1, 1), &side(2, 1, 2)),
            session_id(&side(3, 1, 1), &side(2, 1, 2)),
            session_id(&side(1, 2, 1), &side(2, 1, 2)),
            session_id(&side(1, 1, 3), &side(2, 1, 2)),
            session_id(&side(1, 1, 1), &side(2, 2, 2)),
            session_id(&side(1, 1, 1), &side(2, 1, 3)),
            session_id(&side(2, 1, 2), &side(1, 1, 1)),
        ];
        for (index, id) in ids.iter().enumerate() {
            assert!(!ids[index + 1..].contains(id), "{index}");
        }
    }
}
