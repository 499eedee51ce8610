//! The three rounds in which two cosigners pair. Everything travels in the private part of the messages.

use alloc::{boxed::Box, collections::BTreeMap, sync::Arc, vec};

use rand_core::TryCryptoRng;
use zeroize::Zeroizing;

use super::{
    Boot, Pairing, ReceiverSeeds,
    base_ot::{Chosen, Offer, PointBytes, Points, TRANSFERS, zero_points},
    direction::Direction,
    guard::Guard,
    room::Room,
    seeds::TREES,
    tree::{self, PROOF, Proofs, zero_proofs},
};
use crate::{
    domain,
    error::{DecodeError, Error, Fault, FaultKind, InputError},
    identifier::{Identifier, ParticipantSet, PeerId},
    machine::{Arrived, Machine, Next, Outbox, Parts, sealed::Rounds},
    randomness::Hedged,
    secret::Secret,
    session::{Context, ProtocolId, Session},
    transcript::Hash,
    wire::{Reader, WIRE_VERSION, Writer},
};

/// A pairing in the making, for one of the two cosigners. It holds nothing that must be stored.
pub type Pair = Machine<PairingRounds>;

/// The rounds of a pairing.
#[expect(missing_debug_implementations, reason = "secret seeds")]
pub struct PairingRounds {
    terms: Terms,
    round: Round,
}

/// One of the two.
#[derive(Clone, Copy)]
struct Side {
    identifier: Identifier,
    peer: PeerId,
    boot: Boot,
}

/// What both sides know before they begin, and what this side drew at the start.
struct Terms {
    context: Context,
    participants: ParticipantSet,
    me: Side,
    peer: Side,
    offer: Offer,
    zero_seed: Secret<[u8; 32]>,
}

/// What was said so far.
struct Said {
    /// The public parts of this side's messages, and of the peer's.
    mine: Hash,
    theirs: Hash,
    /// The peer's half of the key for shares of zero.
    zero_seed: Secret<[u8; 32]>,
}

enum Round {
    Offer(Hedged),
    Choose(Said, Chosen),
    Prove(Said, Chosen, ReceiverSeeds),
}

/// A message, in structure only.
pub enum Message {
    /// The point of the base transfers, and a seed for shares of zero.
    Offer {
        /// A.
        point: PointBytes,
        /// Half of what the key for shares of zero is made of.
        zero_seed: Secret<[u8; 32]>,
    },
    /// The points of the base transfers.
    Choose(Box<Points>),
    /// Corrections and proofs of the trees.
    Prove(Box<Proofs>),
}

impl core::fmt::Debug for Message {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Message")
    }
}

/// Bytes of each round's message.
const SIZES: [usize; 3] = [32 + 32, TRANSFERS * 2 * 32, TREES * PROOF];

impl Pairing {
    /// Starts to pair participant `me` with the other one of `session`, which has these two and nobody else.
    ///
    /// `boots` are this cosigner's own and the peer's, as the peer told it over the authenticated link: a side that believes in another
    /// boot is in another session. When the machine dies of a [`Fault`], everything it drew is gone. Count the faults of a peer durably
    /// and let it wait before the next try: each failure may have told it one bit about a Δ, though one that is never used again.
    ///
    /// # Errors
    ///
    /// [`InputError::UnknownParticipant`] if `me` is not in the session, [`InputError::ParticipantsDiffer`] if the session does not have
    /// exactly two participants, [`Error::Randomness`] if the generator fails.
    pub fn start(session: &Session, me: Identifier, boots: [Boot; 2], rng: &mut impl TryCryptoRng) -> Result<Pair, Error> {
        let [my_boot, peer_boot] = boots;
        let own = session.peers().peer(me).ok_or(InputError::UnknownParticipant(me))?;
        let mut others = session.peers().iter().filter(|(identifier, _)| *identifier != me);
        let (Some((identifier, peer)), None) = (others.next(), others.next()) else {
            return Err(InputError::ParticipantsDiffer("session of a pairing").into());
        };
        let me = Side { identifier: me, peer: own, boot: my_boot };
        let peer = Side { identifier, peer, boot: peer_boot };
        let context = context(session, &ordered(&me, &peer, me, peer));
        let hedge_context = [context.as_bytes().as_slice(), &me.identifier.to_u16().to_be_bytes()];
        let mut hedged = Hedged::draw(rng, b"pairing", session.identity_secret(), &hedge_context)?;
        let offer = Offer::draw(&mut hedged);
        let zero_seed = Secret::new(hedged.bytes());
        let terms = Terms { context, participants: session.peers().participants()?, me, peer, offer, zero_seed };
        let outbox = terms.outbox(&[terms.offer.public(), terms.zero_seed.expose()]);
        Ok(Machine::begin(context, PairingRounds { terms, round: Round::Offer(hedged) }, outbox))
    }
}

/// Two values in the order of the identifiers, so that both sides come to the same.
fn ordered<T>(me: &Side, peer: &Side, mine: T, theirs: T) -> [T; 2] {
    if me.identifier < peer.identifier { [mine, theirs] } else { [theirs, mine] }
}

fn context(session: &Session, sides: &[Side; 2]) -> Context {
    let mut hash = Hash::new(domain::PAIRING_SESSION)
        .field(&[WIRE_VERSION, ProtocolId::Pairing.to_u8()])
        .field(session.id().as_bytes())
        .field(&session.peers().digest())
        .list(sides.len());
    for side in sides {
        hash = hash.identifier(side.identifier).field(side.peer.as_bytes()).value(&side.boot);
    }
    Context::of(hash)
}

impl Terms {
    /// Where this side extends as the sender.
    const fn sending(&self) -> Direction {
        Direction { context: self.context, sender: self.me.identifier, receiver: self.peer.identifier }
    }

    /// Where this side extends as the receiver.
    const fn receiving(&self) -> Direction {
        Direction { context: self.context, sender: self.peer.identifier, receiver: self.me.identifier }
    }

    fn outbox(&self, parts: &[&[u8]]) -> Outbox {
        let mut out = Writer::default();
        parts.iter().for_each(|part| out.raw(part));
        let private = BTreeMap::from([(self.peer.identifier, Zeroizing::new(out.into_bytes()))]);
        Outbox { private, receivers: vec![self.peer.identifier], ..Outbox::default() }
    }

    fn fault(&self, kind: FaultKind) -> Error {
        Fault::by(kind, self.peer.identifier).into()
    }

    /// The hash of one side's messages, at its beginning.
    fn said(&self, side: &Side) -> Hash {
        Hash::new(domain::PAIRING_ID).field(self.context.as_bytes()).identifier(side.identifier).list(SIZES.len())
    }

    /// Round 1: the peer's offer is here; choose from it.
    fn choose(&self, mut hedged: Hedged, point: &PointBytes, zero_seed: Secret<[u8; 32]>) -> Result<(Round, Outbox), Error> {
        // Keys bind their direction, so that our own point would be of no use to the peer; but nobody honest sends it.
        if point == self.offer.public() {
            return Err(self.fault(FaultKind::CopiedCommitments));
        }
        // A process that is copied now, and goes on with another offer, draws another Δ.
        hedged.bind(self.zero_seed.expose(), &[point, zero_seed.expose()]);
        let drawn = Chosen::draw(&self.sending(), point, &mut hedged);
        let (chosen, points) = drawn.ok_or_else(|| self.fault(FaultKind::InvalidElement))?;
        let bytes = points.as_flattened().as_flattened();
        let mine = self.said(&self.me).field(self.offer.public()).field(bytes);
        let said = Said { mine, theirs: self.said(&self.peer).field(point), zero_seed };
        Ok((Round::Choose(said, chosen), self.outbox(&[bytes])))
    }

    /// Round 2: the peer chose from our offer; grow the trees.
    fn grow(&self, mut said: Said, chosen: Chosen, points: &Points) -> Result<(Round, Outbox), Error> {
        said.theirs.append(points.as_flattened().as_flattened());
        let direction = self.receiving();
        let keys = self.offer.keys(&direction, points).ok_or_else(|| self.fault(FaultKind::InvalidElement))?;
        let (receiver, proofs) = tree::grow(&direction, keys.expose());
        said.mine.append(proofs.as_slice());
        Ok((Round::Prove(said, chosen, receiver), self.outbox(&[proofs.as_slice()])))
    }

    /// Round 3: the peer's trees are here.
    fn finish(self, mut said: Said, chosen: Chosen, receiver: ReceiverSeeds, proofs: &Proofs) -> Result<Pairing, Error> {
        said.theirs.append(proofs);
        let Chosen { delta, keys } = chosen;
        let sender = tree::puncture(&self.sending(), delta, keys.expose(), proofs);
        let sender = sender.ok_or_else(|| self.fault(FaultKind::WrongPairing))?;
        let Said { mine, theirs, zero_seed } = said;
        let seeds = ordered(&self.me, &self.peer, &self.zero_seed, &zero_seed);
        // The id is no secret, and the seeds are: it binds them by their hash, so that sides with different seeds have different ids.
        let seeds_hash = zero_hash(Hash::new(domain::PAIRING_ZERO).absent().field(self.context.as_bytes()), seeds);
        let mut id = Hash::new(domain::PAIRING_ID).field(self.context.as_bytes()).field(&seeds_hash);
        for said in ordered(&self.me, &self.peer, mine, theirs) {
            id.append(&said.finish());
        }
        let id = id.finish();
        let zero_key = Secret::new(zero_hash(Hash::new(domain::PAIRING_ZERO).field(&id), seeds));
        Ok(Pairing {
            id,
            peers: [self.me.peer, self.peer.peer],
            boots: [self.me.boot, self.peer.boot],
            sender,
            receiver,
            zero_key,
            guard: Arc::new(Guard::default()),
            room: Room::default(),
        })
    }
}

fn zero_hash(hash: Hash, seeds: [&Secret<[u8; 32]>; 2]) -> [u8; 32] {
    seeds.iter().fold(hash, |hash, seed| hash.field(seed.expose())).finish()
}

impl Rounds for PairingRounds {
    type Output = Pairing;
    type Held = ();
    type Message = Message;

    const PROTOCOL: ProtocolId = ProtocolId::Pairing;
    const ROUNDS: u8 = 3;

    fn round(&self) -> u8 {
        match &self.round {
            Round::Offer(..) => 1,
            Round::Choose(..) => 2,
            Round::Prove(..) => 3,
        }
    }

    fn me(&self) -> Identifier {
        self.terms.me.identifier
    }

    fn senders(&self, _round: u8) -> &ParticipantSet {
        &self.terms.participants
    }

    fn size_limit(&self, round: u8) -> usize {
        let [offer, choose, prove] = SIZES;
        match round {
            1 => offer,
            2 => choose,
            _ => prove,
        }
    }

    fn parse(&self, round: u8, parts: Parts) -> Result<Message, DecodeError> {
        Reader::new(parts.broadcast()).finish()?;
        let mut input = Reader::new(parts.private());
        let message = match round {
            1 => Message::Offer { point: input.array()?, zero_seed: Secret::new(input.array()?) },
            2 => {
                let mut points = zero_points();
                for point in points.as_flattened_mut() {
                    *point = input.array()?;
                }
                Message::Choose(points)
            }
            _ => {
                let mut proofs = zero_proofs();
                for proof in proofs.as_chunks_mut::<PROOF>().0 {
                    *proof = input.array()?;
                }
                Message::Prove(proofs)
            }
        };
        input.finish()?;
        Ok(message)
    }

    fn advance(self, arrived: Arrived<Message>) -> Result<Next<Self>, Error> {
        let Self { terms, round } = self;
        let message = arrived.messages.into_values().next();
        let (round, outbox) = match (round, message) {
            (Round::Offer(hedged), Some(Message::Offer { point, zero_seed })) => terms.choose(hedged, &point, zero_seed)?,
            (Round::Choose(said, chosen), Some(Message::Choose(points))) => terms.grow(said, chosen, &points)?,
            (Round::Prove(said, chosen, receiver), Some(Message::Prove(proofs))) => {
                return terms.finish(said, chosen, receiver, &proofs).map(Next::Done);
            }
            (Round::Offer(..) | Round::Choose(..) | Round::Prove(..), _) => return Err(Error::Bug("a message of another round")),
        };
        Ok(Next::Round(Self { terms, round }, outbox))
    }
}
