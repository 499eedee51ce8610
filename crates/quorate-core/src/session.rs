//! One run of a protocol: its id, who takes part, and the context that every hash and proof of the run binds.

use alloc::{collections::BTreeMap, vec::Vec};
use core::fmt;

use zeroize::Zeroizing;

use crate::{
    domain,
    error::{DecodeError, InputError},
    identifier::{Identifier, MAX_PARTICIPANTS, ParticipantSet, PeerId},
    secret::Secret,
    suite::SuiteId,
    threshold::Threshold,
    transcript::Hash,
    wire::{Encoding, Reader, WIRE_VERSION, Writer},
};

/// The id of one run. Use a new one for every run: the session layer derives it from the proposal and fresh randomness of everyone.
///
/// No protocol of this crate breaks when an id repeats; each binds randomness of its own as well.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId([u8; 32]);

impl SessionId {
    /// Wraps 32 bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionId(")?;
        self.0.iter().take(8).try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str("…)")
    }
}

impl Encoding for SessionId {
    fn write(&self, out: &mut Writer) {
        out.raw(&self.0);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.array().map(Self)
    }
}

/// The protocols that a frame can belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ProtocolId {
    /// A fresh key.
    Keygen,
    /// The same key on a new polynomial.
    Reshare,
    /// A FROST signature.
    Frost,
    /// A threshold ECDSA signature in three rounds.
    Ecdsa,
    /// Oblivious-transfer state of two cosigners.
    Pairing,
    /// ECDSA presignatures, ahead of the messages they will sign.
    EcdsaPresign,
    /// An ECDSA signature with a presignature, in one round.
    EcdsaOnline,
    /// A key that was whole, in shares.
    Import,
}

impl ProtocolId {
    /// The number on the wire.
    #[must_use]
    pub const fn to_u8(self) -> u8 {
        match self {
            Self::Keygen => 1,
            Self::Reshare => 2,
            Self::Frost => 3,
            Self::Ecdsa => 4,
            Self::Pairing => 5,
            Self::EcdsaPresign => 6,
            Self::EcdsaOnline => 7,
            Self::Import => 8,
        }
    }
}

/// Which cosigner stands behind which identifier of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peers(BTreeMap<Identifier, PeerId>);

impl Peers {
    /// Makes the table.
    ///
    /// # Errors
    ///
    /// [`InputError::DuplicateIdentifier`] if an identifier is there twice or two identifiers share a cosigner: one cosigner with two
    /// shares would be one place with two shares. [`InputError::SetSize`] if the table is empty or too large.
    pub fn new(entries: impl IntoIterator<Item = (Identifier, PeerId)>) -> Result<Self, InputError> {
        let mut peers = BTreeMap::new();
        for (identifier, peer) in entries.into_iter().take(MAX_PARTICIPANTS + 1) {
            if peers.values().any(|known| *known == peer) || peers.insert(identifier, peer).is_some() {
                return Err(InputError::DuplicateIdentifier(identifier));
            }
        }
        if peers.is_empty() || peers.len() > MAX_PARTICIPANTS { Err(InputError::SetSize) } else { Ok(Self(peers)) }
    }

    /// The identity of one participant.
    #[must_use]
    pub fn peer(&self, identifier: Identifier) -> Option<PeerId> {
        self.0.get(&identifier).copied()
    }

    /// The participant behind an identity.
    #[must_use]
    pub fn identifier(&self, peer: PeerId) -> Option<Identifier> {
        self.iter().find_map(|(identifier, known)| (known == peer).then_some(identifier))
    }

    /// All entries, by identifier.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (Identifier, PeerId)> + '_ {
        self.0.iter().map(|(identifier, peer)| (*identifier, *peer))
    }

    /// The participants.
    ///
    /// # Errors
    ///
    /// None in practice: a table is a valid set.
    pub fn participants(&self) -> Result<ParticipantSet, InputError> {
        ParticipantSet::new(self.0.keys().copied())
    }

    /// The digest that contexts bind.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let mut hash = Hash::new(domain::ROSTER).list(self.0.len());
        for (identifier, peer) in self.iter() {
            hash = hash.identifier(identifier).field(peer.as_bytes());
        }
        hash.finish()
    }
}

impl Encoding for Peers {
    fn write(&self, out: &mut Writer) {
        out.length(self.0.len());
        for (identifier, peer) in self.iter() {
            identifier.write(out);
            peer.write(out);
        }
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let count = input.length(MAX_PARTICIPANTS)?;
        let mut entries: Vec<(Identifier, PeerId)> = Vec::new();
        for _ in 0..count {
            entries.push((Identifier::read(input)?, PeerId::read(input)?));
        }
        if !entries.is_sorted_by(|(a, _), (b, _)| a < b) {
            return Err(DecodeError::NotCanonical);
        }
        Self::new(entries).map_err(|_| DecodeError::InvalidValue("peer table"))
    }
}

/// One run of a protocol among known cosigners.
#[derive(Debug)]
pub struct Session {
    id: SessionId,
    peers: Peers,
    identity_secret: Option<Secret<[u8; 32]>>,
}

impl Session {
    /// Opens a session for the participants of `peers`.
    #[must_use]
    pub const fn new(id: SessionId, peers: Peers) -> Self {
        Self { id, peers, identity_secret: None }
    }

    /// Adds a secret of this cosigner that hedges the protocol's randomness against a broken generator.
    #[must_use]
    pub fn with_identity_secret(mut self, secret: Zeroizing<[u8; 32]>) -> Self {
        self.identity_secret = Some(Secret::new(*secret));
        self
    }

    /// The session's id.
    #[must_use]
    pub const fn id(&self) -> SessionId {
        self.id
    }

    /// Who stands behind the identifiers.
    #[must_use]
    pub const fn peers(&self) -> &Peers {
        &self.peers
    }

    pub(crate) fn identity_secret(&self) -> Option<&[u8]> {
        self.identity_secret.as_ref().map(|secret| secret.expose().as_slice())
    }

    pub(crate) fn context(&self, fields: &ContextFields<'_>) -> Context {
        let old_threshold = fields.old_threshold.map(|threshold| threshold.to_bytes());
        let hash = Hash::new(domain::SESSION)
            .field(&[WIRE_VERSION, fields.protocol.to_u8(), fields.suite.to_u8()])
            .field(self.id.as_bytes())
            .field(&self.peers.digest())
            .value(fields.senders)
            .value(fields.receivers)
            .optional(old_threshold.as_deref())
            .value(&fields.threshold)
            .optional(fields.package.map(<[u8; 32]>::as_slice))
            .optional(fields.placement.map(<[u8; 32]>::as_slice))
            .optional(fields.key_id.map(<[u8; 32]>::as_slice))
            .number(fields.epoch);
        Context(hash.finish())
    }
}

/// What a session is about; absent fields are hashed as absent.
pub(crate) struct ContextFields<'a> {
    pub(crate) protocol: ProtocolId,
    pub(crate) suite: SuiteId,
    pub(crate) senders: &'a ParticipantSet,
    pub(crate) receivers: &'a ParticipantSet,
    /// Only where there is a key already whose shares are dealt anew.
    pub(crate) old_threshold: Option<Threshold>,
    pub(crate) threshold: Threshold,
    pub(crate) package: Option<&'a [u8; 32]>,
    pub(crate) placement: Option<&'a [u8; 32]>,
    pub(crate) key_id: Option<&'a [u8; 32]>,
    pub(crate) epoch: u64,
}

/// The digest of everything that a session is about; `ctx` in docs/protocols.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Context([u8; 32]);

impl Context {
    /// Takes the hash of everything that a session without a key is about.
    pub(crate) fn of(hash: Hash) -> Self {
        Self(hash.finish())
    }

    pub(crate) const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// What the frame does not carry of the context.
    pub(crate) fn suffix(&self) -> [u8; 16] {
        self.0.last_chunk().copied().unwrap_or([0; 16])
    }

    /// The part of the context that every frame carries.
    pub(crate) fn prefix(&self) -> [u8; 16] {
        self.0.first_chunk().copied().unwrap_or([0; 16])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(byte: u8) -> PeerId {
        PeerId::new([byte; 32])
    }

    #[test]
    fn one_cosigner_cannot_stand_behind_two_identifiers() {
        let (a, b) = (Identifier::new(1).unwrap(), Identifier::new(2).unwrap());
        assert!(Peers::new([(a, peer(1)), (b, peer(1))]).is_err());
        assert!(Peers::new([(a, peer(1)), (a, peer(2))]).is_err());
        let peers = Peers::new([(b, peer(2)), (a, peer(1))]).unwrap();
        assert_eq!(Peers::from_bytes(&peers.to_bytes()), Ok(peers.clone()));
        assert_eq!(peers.identifier(peer(2)), Some(b));
    }

    #[test]
    fn context_depends_on_every_field() {
        let (two, three) = (ParticipantSet::first(2).unwrap(), ParticipantSet::first(3).unwrap());
        let peers = |byte| Peers::new(three.iter().map(|i| (i, peer(byte + i.to_u16() as u8)))).unwrap();
        let session = |id, byte| Session::new(SessionId::new([id; 32]), peers(byte));
        let fields = || ContextFields {
            protocol: ProtocolId::Keygen,
            suite: SuiteId::Ed25519,
            senders: &three,
            receivers: &three,
            old_threshold: None,
            threshold: Threshold::new(2, 3).unwrap(),
            package: None,
            placement: None,
            key_id: None,
            epoch: 0,
        };
        let contexts = [
            session(1, 1).context(&fields()),
            session(2, 1).context(&fields()),
            session(1, 2).context(&fields()),
            session(1, 1).context(&ContextFields { protocol: ProtocolId::Frost, ..fields() }),
            session(1, 1).context(&ContextFields { suite: SuiteId::Bip340, ..fields() }),
            session(1, 1).context(&ContextFields { senders: &two, ..fields() }),
            session(1, 1).context(&ContextFields { receivers: &two, ..fields() }),
            session(1, 1).context(&ContextFields { threshold: Threshold::new(3, 3).unwrap(), ..fields() }),
            session(1, 1).context(&ContextFields { old_threshold: Some(Threshold::new(2, 3).unwrap()), ..fields() }),
            session(1, 1).context(&ContextFields { package: Some(&[0; 32]), ..fields() }),
            session(1, 1).context(&ContextFields { placement: Some(&[0; 32]), ..fields() }),
            session(1, 1).context(&ContextFields { key_id: Some(&[0; 32]), ..fields() }),
            session(1, 1).context(&ContextFields { epoch: 1, ..fields() }),
        ];
        for (i, a) in contexts.iter().enumerate() {
            assert!(contexts[i + 1..].iter().all(|b| a != b), "context {i}");
        }
    }
}
