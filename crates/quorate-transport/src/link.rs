//! An end-to-end encrypted link between two cosigners: `Noise_KK_25519_ChaChaPoly_BLAKE2s` with explicit nonces.
//!
//! ```text
//!   initiator (the smaller PeerId)                     responder
//!        |<- 0 knock: please start a handshake             |     optional, a hint
//!        |-- 1 e, es, ss, boot ------------------------->|     answered once per message
//!        |<- 2 e, ee, se, boot --------------------------|     a candidate link on both sides
//!        |-- 3 frame ----------------------------------->|     proves the initiator: candidate becomes the link
//!        |<- 3 frame ------------------------------------|     proves the responder's promotion
//! ```
//!
//! The smaller [`PeerId`] always initiates, so that two handshakes never cross. Both identities and the protocol version are the
//! prologue. Each handshake carries the `boot` of its sender, 16 random bytes drawn when its process started: a new one tells the peer
//! that everything this cosigner knew in memory is gone.
//!
//! The first handshake message of KK can be replayed. Nothing is given up for it: it makes a *candidate*, and the live link falls
//! only when the first frame under the candidate's keys verifies, which a replay cannot bring about ([`crate::session`] keeps both).
//!
//! Every handshake message carries a gate code, a MAC under a key that only the two cosigners can compute. It proves nothing that
//! Noise does not prove better; it makes garbage cost one hash instead of three multiplications on a curve.
//!
//! There is no rekeying inside a link. A link ends after [`MAX_FRAMES`], and sessions ask for a fresh handshake long before
//! (2²⁴ frames or 15 minutes), which also limits what a stolen key opens.

mod gate;
mod replay;

use core::fmt;

use quorate_core::{DecodeError, PeerId, wire::Reader};
use rand_core::TryCryptoRng;
use sha2::{Digest, Sha256};
use snow::{HandshakeState, StatelessTransportState};
use zeroize::Zeroizing;

use crate::{
    domain,
    identity::{Identity, IdentityError},
    noise::Resolver,
};
use gate::Gate;
use replay::Window;

/// The version that every datagram starts with.
pub const VERSION: u8 = 1;
/// The oldest version that this program still speaks: the one before [`VERSION`], where there is one.
pub const OLDEST_VERSION: u8 = 1;
/// The largest datagram in bytes.
pub const MAX_DATAGRAM: usize = 60 * 1024;
/// The largest plaintext of one frame in bytes.
pub const MAX_PLAINTEXT: usize = MAX_DATAGRAM - HEADER - TAG;
/// After this many frames a link refuses to seal.
pub const MAX_FRAMES: u64 = 1 << 32;

const PATTERN: &str = "Noise_KK_25519_ChaChaPoly_BLAKE2s";
const HEADER: usize = 1 + 1 + 8 + 8;
const TAG: usize = 16;
const NOISE_MESSAGE: usize = 32 + 16 + TAG;

/// The kinds of datagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Knock,
    First,
    Second,
    Frame,
}

impl Kind {
    const fn to_u8(self) -> u8 {
        match self {
            Self::Knock => 0,
            Self::First => 1,
            Self::Second => 2,
            Self::Frame => 3,
        }
    }
}

/// 16 random bytes that a cosigner draws when it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BootId([u8; 16]);

impl BootId {
    /// Draws a new one.
    ///
    /// # Errors
    ///
    /// [`LinkError::Randomness`] if the generator fails.
    pub fn generate(rng: &mut impl TryCryptoRng) -> Result<Self, LinkError> {
        let mut bytes = [0; 16];
        rng.try_fill_bytes(&mut bytes).map_err(|_| LinkError::Randomness)?;
        Ok(Self(bytes))
    }
}

/// Names one link; it stands in front of each frame.
pub(crate) type LinkId = [u8; 8];

/// Why a datagram was not accepted, or could not be made. Nothing here is fatal to a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// The bytes are no datagram of this protocol.
    #[error(transparent)]
    Malformed(#[from] DecodeError),
    /// The peer speaks a version that this program does not.
    #[error("wire version {found} is not spoken here; update the older cosigner")]
    Version {
        /// The version in the datagram.
        found: u8,
    },
    /// A frame of another link, or the answer to another handshake.
    #[error("the datagram belongs to another link")]
    OtherLink,
    /// The frame was received before, or is too old to tell.
    #[error("the frame is a replay or too old")]
    Replayed,
    /// The code or tag does not verify.
    #[error("the datagram does not verify")]
    Forged,
    /// Longer than a frame may be.
    #[error("a frame carries at most {limit} bytes")]
    TooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// The link sealed [`MAX_FRAMES`]. Make a new handshake.
    #[error("the link has sealed its last frame; make a new handshake")]
    Exhausted,
    /// The two identities cannot have a link: one is weak, or they are the same.
    #[error("there is no link with this identity: {reason}")]
    Identity {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The generator of randomness failed; nothing was sent. Try again when it works.
    #[error("the random generator failed")]
    Randomness,
    /// This library is wrong. Please report it.
    #[error("internal error in quorate-transport: {0}")]
    Bug(&'static str),
}

/// Two cosigners, seen from one of them: roles, prologue and gate key.
pub struct Pair {
    local: PeerId,
    remote: PeerId,
    gate: Gate,
}

impl Pair {
    /// Prepares links between `identity` and `remote`.
    ///
    /// # Errors
    ///
    /// [`LinkError::Identity`] if `remote` is ourselves or a weak key.
    pub fn new(identity: &Identity, remote: PeerId) -> Result<Self, LinkError> {
        let local = identity.peer_id();
        if local == remote {
            return Err(LinkError::Identity { reason: "it is our own" });
        }
        let shared = identity.shared_secret(remote).map_err(|error| match error {
            IdentityError::WeakKey => LinkError::Identity { reason: "the key is weak" },
            IdentityError::Randomness => LinkError::Randomness,
        })?;
        Ok(Self { local, remote, gate: Gate::new(&shared)? })
    }

    /// The peer.
    #[must_use]
    pub const fn remote(&self) -> PeerId {
        self.remote
    }

    /// Whether this side starts handshakes: the smaller identity does.
    #[must_use]
    pub fn initiates(&self) -> bool {
        self.local < self.remote
    }

    /// A datagram that asks the peer to start a handshake.
    pub(crate) fn knock(&self, boot: BootId) -> Result<Vec<u8>, LinkError> {
        self.gate.wrap(Kind::Knock, self.local, &[], &boot.0)
    }

    /// Checks a knock.
    pub(crate) fn open_knock(&self, datagram: &[u8]) -> Result<(), LinkError> {
        self.gate.unwrap(Kind::Knock, self.remote, &[], datagram).map(drop)
    }

    fn builder(&self, identity: &Identity, rng: &mut impl TryCryptoRng, initiates: bool) -> Result<HandshakeState, LinkError> {
        if self.initiates() != initiates || identity.peer_id() != self.local {
            return Err(LinkError::Bug("handshake in the wrong role"));
        }
        let mut ephemeral = Zeroizing::new([0; 32]);
        rng.try_fill_bytes(ephemeral.as_mut_slice()).map_err(|_| LinkError::Randomness)?;
        let (smaller, larger) = (self.local.min(self.remote), self.local.max(self.remote));
        let prologue = [domain::LINK, &[VERSION], smaller.as_bytes(), larger.as_bytes()].concat();
        let secret = identity.to_secret_bytes();
        let build = || {
            let params = PATTERN.parse()?;
            let builder = snow::Builder::with_resolver(params, Box::new(Resolver { ephemeral }))
                .local_private_key(secret.as_slice())?
                .remote_public_key(self.remote.as_bytes())?
                .prologue(&prologue)?;
            if initiates { builder.build_initiator() } else { builder.build_responder() }
        };
        build().map_err(|_: snow::Error| LinkError::Bug("noise builder"))
    }
}

impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pair").field("local", &self.local).field("remote", &self.remote).finish_non_exhaustive()
    }
}

/// A handshake that waits for its answer. It consumes itself into a [`Link`].
pub struct Handshake {
    noise: Box<HandshakeState>,
    first: Vec<u8>,
}

impl Handshake {
    /// Starts a handshake and gives the datagram to send; the same datagram may be sent again until the answer comes.
    ///
    /// # Errors
    ///
    /// [`LinkError::Randomness`] if the generator fails, [`LinkError::Bug`] if this side does not initiate.
    pub fn initiate(
        identity: &Identity,
        pair: &Pair,
        boot: BootId,
        rng: &mut impl TryCryptoRng,
    ) -> Result<(Self, Vec<u8>), LinkError> {
        let mut noise = pair.builder(identity, rng, true)?;
        let message = write(&mut noise, boot)?;
        let first = pair.gate.wrap(Kind::First, pair.local, &[], &message)?;
        Ok((Self { noise: Box::new(noise), first: first.clone() }, first))
    }

    /// The datagram that started this handshake.
    #[must_use]
    pub fn first_datagram(&self) -> &[u8] {
        &self.first
    }

    /// Whether a datagram is the peer's answer to this very handshake; anything else must not end it.
    #[must_use]
    pub fn is_answered_by(&self, pair: &Pair, datagram: &[u8]) -> bool {
        pair.gate.unwrap(Kind::Second, pair.remote, &self.first, datagram).is_ok()
    }

    /// Ends the handshake with the peer's answer. Ask [`is_answered_by`](Self::is_answered_by) first: a failed call costs the handshake.
    ///
    /// # Errors
    ///
    /// [`LinkError::Forged`] if the answer does not verify.
    pub fn finish(mut self, pair: &Pair, datagram: &[u8]) -> Result<Link, LinkError> {
        let message = pair.gate.unwrap(Kind::Second, pair.remote, &self.first, datagram)?;
        let remote_boot = read(&mut self.noise, message)?;
        Link::new(*self.noise, pair.remote, remote_boot)
    }

    /// Answers a first datagram: gives the candidate link and the datagram to send back.
    ///
    /// # Security
    ///
    /// `datagram` may be a replay. The link proves its peer only when it opens its first frame.
    ///
    /// # Errors
    ///
    /// [`LinkError::Forged`] if the datagram does not verify, [`LinkError::Randomness`] if the generator fails.
    pub fn respond(
        identity: &Identity,
        pair: &Pair,
        boot: BootId,
        datagram: &[u8],
        rng: &mut impl TryCryptoRng,
    ) -> Result<(Link, Vec<u8>), LinkError> {
        let message = pair.gate.unwrap(Kind::First, pair.remote, &[], datagram)?;
        let mut noise = pair.builder(identity, rng, false)?;
        let remote_boot = read(&mut noise, message)?;
        let answer = write(&mut noise, boot)?;
        let answer = pair.gate.wrap(Kind::Second, pair.local, datagram, &answer)?;
        Ok((Link::new(noise, pair.remote, remote_boot)?, answer))
    }
}

impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshake").finish_non_exhaustive()
    }
}

fn write(noise: &mut HandshakeState, boot: BootId) -> Result<Vec<u8>, LinkError> {
    let mut message = vec![0; NOISE_MESSAGE];
    match noise.write_message(&boot.0, &mut message) {
        Ok(NOISE_MESSAGE) => Ok(message),
        Ok(_) => Err(LinkError::Bug("length of a handshake message")),
        // Only a degenerate Diffie–Hellman result gets here: the peer's key was checked, its ephemeral key was not.
        Err(_) => Err(LinkError::Forged),
    }
}

fn read(noise: &mut HandshakeState, message: &[u8]) -> Result<BootId, LinkError> {
    if message.len() != NOISE_MESSAGE {
        return Err(LinkError::Malformed(DecodeError::InvalidValue("handshake message")));
    }
    let mut payload = [0; NOISE_MESSAGE];
    match noise.read_message(message, &mut payload) {
        Ok(16) => payload.first_chunk().copied().map(BootId).ok_or(LinkError::Bug("length of a handshake payload")),
        Ok(_) | Err(_) => Err(LinkError::Forged),
    }
}

/// One direction each way between two cosigners, encrypted end to end.
///
/// Frames may be lost, repeated and reordered on their way: each carries its nonce, and a window of 1984 nonces refuses repeats.
pub struct Link {
    noise: StatelessTransportState,
    id: LinkId,
    remote: PeerId,
    remote_boot: BootId,
    sealed: u64,
    window: Window,
}

impl Link {
    fn new(noise: HandshakeState, remote: PeerId, remote_boot: BootId) -> Result<Self, LinkError> {
        let digest: [u8; 32] =
            Sha256::new().chain_update(domain::LINK_ID).chain_update(noise.get_handshake_hash()).finalize().into();
        let id = digest.first_chunk().copied().ok_or(LinkError::Bug("length of a hash"))?;
        let noise = noise.into_stateless_transport_mode().map_err(|_| LinkError::Bug("unfinished handshake"))?;
        Ok(Self { noise, id, remote, remote_boot, sealed: 0, window: Window::default() })
    }

    /// The peer at the other end.
    #[must_use]
    pub const fn remote(&self) -> PeerId {
        self.remote
    }

    /// The peer's boot that made this link.
    #[must_use]
    pub const fn remote_boot(&self) -> BootId {
        self.remote_boot
    }

    /// How many frames this side sealed.
    #[must_use]
    pub const fn sealed(&self) -> u64 {
        self.sealed
    }

    pub(crate) const fn id(&self) -> LinkId {
        self.id
    }

    /// Seals a plaintext into a datagram.
    ///
    /// # Errors
    ///
    /// [`LinkError::TooLong`] above [`MAX_PLAINTEXT`], [`LinkError::Exhausted`] after [`MAX_FRAMES`].
    pub fn seal(&mut self, plaintext: &[u8]) -> Result<Vec<u8>, LinkError> {
        if plaintext.len() > MAX_PLAINTEXT {
            return Err(LinkError::TooLong { limit: MAX_PLAINTEXT });
        }
        let nonce = self.sealed;
        if nonce >= MAX_FRAMES {
            return Err(LinkError::Exhausted);
        }
        // Invariant: the counter moves before anything is encrypted, so that no failure can bring a nonce back.
        self.sealed = nonce.saturating_add(1);
        let sealed_length = plaintext.len().saturating_add(TAG);
        let mut datagram = vec![0; sealed_length.saturating_add(HEADER)];
        let (header, body) = datagram.split_at_mut_checked(HEADER).ok_or(LinkError::Bug("length of a header"))?;
        let fields = [VERSION, Kind::Frame.to_u8()].into_iter().chain(self.id).chain(nonce.to_be_bytes());
        header.iter_mut().zip(fields).for_each(|(to, from)| *to = from);
        match self.noise.write_message(nonce, plaintext, body) {
            Ok(length) if length == sealed_length => Ok(datagram),
            Ok(_) | Err(_) => Err(LinkError::Bug("sealing a frame")),
        }
    }

    /// Opens a datagram that the peer sealed.
    ///
    /// # Errors
    ///
    /// [`LinkError`] says why it was not accepted. The link goes on as if the datagram had never come.
    pub fn open(&mut self, datagram: &[u8]) -> Result<Zeroizing<Vec<u8>>, LinkError> {
        if datagram.len() > MAX_DATAGRAM {
            return Err(LinkError::TooLong { limit: MAX_DATAGRAM });
        }
        let mut input = Reader::new(datagram);
        let (kind, id) = (read_kind(&mut input)?, input.array()?);
        if kind != Kind::Frame || id != self.id {
            return Err(LinkError::OtherLink);
        }
        let nonce = input.u64()?;
        if !self.window.is_fresh(nonce) {
            return Err(LinkError::Replayed);
        }
        let sealed = input.rest();
        let mut plaintext = Zeroizing::new(vec![0; sealed.len()]);
        let length = self.noise.read_message(nonce, sealed, &mut plaintext).map_err(|_| LinkError::Forged)?;
        plaintext.truncate(length);
        // Invariant: only a frame that verified moves the window, or a forger could blind it.
        self.window.accept(nonce);
        Ok(plaintext)
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("remote", &self.remote).field("sealed", &self.sealed).finish_non_exhaustive()
    }
}

/// Reads version and kind.
fn read_kind(input: &mut Reader<'_>) -> Result<Kind, LinkError> {
    let version = input.u8()?;
    if !(OLDEST_VERSION..=VERSION).contains(&version) {
        return Err(LinkError::Version { found: version });
    }
    match input.u8()? {
        0 => Ok(Kind::Knock),
        1 => Ok(Kind::First),
        2 => Ok(Kind::Second),
        3 => Ok(Kind::Frame),
        _ => Err(LinkError::Malformed(DecodeError::WrongKind)),
    }
}

/// Tells what a datagram claims to be, and for a frame, of which link.
pub(crate) fn classify(datagram: &[u8]) -> Result<(Kind, Option<LinkId>), LinkError> {
    if datagram.len() > MAX_DATAGRAM {
        return Err(LinkError::TooLong { limit: MAX_DATAGRAM });
    }
    let mut input = Reader::new(datagram);
    let kind = read_kind(&mut input)?;
    let id = if kind == Kind::Frame { Some(input.array()?) } else { None };
    Ok((kind, id))
}
