//! A whole team in one process, for a first try. **Not separated**: every listing says so.
//!
//! ```
//! use quorate::core::frost::Bip340;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let team = quorate::dev::local_team(2, 3)?; // one process, no separation: says so
//! let key = team.keygen::<Bip340>()?;
//! let signature = key.sign(b"hello")?;
//! key.verifying_key().verify(b"hello", &signature)?;
//! println!("{}", key.placement().explain());
//! # Ok(()) }
//! ```
//!
//! Keys for ECDSA sign digests:
//!
//! ```
//! use quorate::core::ecdsa::{EcdsaSecp256k1, Request};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let key = quorate::dev::local_team(2, 3)?.keygen::<EcdsaSecp256k1>()?;
//! let signature = key.sign_digest(&Request::new([7; 32]))?;
//! key.verifying_key().verify_digest(&[7; 32], &signature)?;
//! # Ok(()) }
//! ```

mod cosigners;

use std::{collections::BTreeMap, sync::Arc};

use quorate_core::{
    Error, Identifier, InputError, ParticipantSet, PeerId, Peers, Placement, Session, SessionId, Threshold,
    curve::Curve,
    danger,
    ecdsa::{self, Boot, EcdsaSignature, EcdsaSuite, Pairing, Request},
    frost::{FrostSuite, Signature, Signing, Target},
    keygen::Keygen,
    keys::{KeyShare, VerifyingKey},
    machine::{Machine, Protocol},
};

pub use cosigners::local_cosigners;

/// Several participants in one process. Whoever owns the process owns the keys.
#[derive(Debug)]
pub struct LocalTeam {
    placement: Placement,
}

/// A key of a [`LocalTeam`]: all its shares, in one process.
#[derive(Debug)]
pub struct LocalKey<C: Curve> {
    shares: Vec<Arc<KeyShare<C>>>,
}

/// Makes a team of `max_signers` participants of which any `min_signers` sign.
///
/// # Errors
///
/// [`InputError::Threshold`] unless 2 ≤ `min_signers` ≤ `max_signers`.
pub fn local_team(min_signers: u16, max_signers: u16) -> Result<LocalTeam, InputError> {
    let threshold = Threshold::new(min_signers, max_signers)?;
    Ok(LocalTeam { placement: danger::unchecked_placement(threshold, ParticipantSet::first(max_signers)?) })
}

impl LocalTeam {
    /// Runs a key generation among all participants.
    ///
    /// # Errors
    ///
    /// [`Error::Randomness`].
    pub fn keygen<C: Curve>(&self) -> Result<LocalKey<C>, Error> {
        let everyone = self.placement.participants();
        let session = local_session(everyone)?;
        let start = |me| Ok((me, Keygen::<C>::start(&session, self.placement.clone(), me, &mut getrandom::SysRng)?));
        let machines = everyone.iter().map(start).collect::<Result<_, Error>>()?;
        Ok(LocalKey { shares: run(machines)?.into_values().map(Arc::new).collect() })
    }
}

impl<C: FrostSuite> LocalKey<C> {
    /// Signs with the first `min_signers` participants.
    ///
    /// # Errors
    ///
    /// [`InputError::MessageTooLong`], [`Error::Randomness`].
    pub fn sign(&self, message: &[u8]) -> Result<Signature<C>, Error> {
        self.sign_for(message, &Target::default())
    }

    /// Signs with a child key or a Taproot output key.
    ///
    /// # Errors
    ///
    /// As [`sign`](Self::sign), and what resolving the target says.
    pub fn sign_for(&self, message: &[u8], target: &Target) -> Result<Signature<C>, Error> {
        let signers = ParticipantSet::new(self.signers().map(|share| share.identifier()))?;
        let session = local_session(&signers)?;
        let start = |share: &Arc<KeyShare<C>>| {
            let machine = Signing::start(&session, share, &signers, message, target, &mut getrandom::SysRng)?;
            Ok((share.identifier(), machine))
        };
        let machines = self.signers().map(start).collect::<Result<_, Error>>()?;
        run(machines)?.into_values().next().ok_or(Error::Bug("no signer has a signature"))
    }
}

impl<C: EcdsaSuite> LocalKey<C> {
    /// Signs a digest with the first `min_signers` participants: pairs them, and runs the three rounds.
    ///
    /// # Errors
    ///
    /// [`Error::Randomness`], and what the request's derivation says.
    pub fn sign_digest(&self, request: &Request) -> Result<EcdsaSignature<C>, Error> {
        let signers = ParticipantSet::new(self.signers().map(|share| share.identifier()))?;
        let session = local_session(&signers)?;
        let mut pairings = pair_all(&signers, session.peers())?;
        let mut start = |share: &Arc<KeyShare<C>>| {
            let me = share.identifier();
            let pairings = pairings.remove(&me).unwrap_or_default();
            let machine = ecdsa::Signing::start(&session, share, &signers, &pairings, request, &mut getrandom::SysRng)?;
            Ok((me, machine))
        };
        let machines = self.signers().map(&mut start).collect::<Result<_, Error>>()?;
        run(machines)?.into_values().next().ok_or(Error::Bug("no signer has a signature"))
    }
}

impl<C: Curve> LocalKey<C> {
    /// The participants that sign.
    fn signers(&self) -> impl Iterator<Item = &Arc<KeyShare<C>>> {
        self.shares.iter().take(usize::from(self.placement().threshold().min_signers()))
    }

    /// The group's public key.
    #[must_use]
    pub fn verifying_key(&self) -> VerifyingKey<C> {
        self.package().verifying_key()
    }

    /// Where the shares are: nowhere but here.
    #[must_use]
    pub fn placement(&self) -> &Placement {
        self.package().placement()
    }

    /// The participants' shares.
    #[must_use]
    pub fn shares(&self) -> &[Arc<KeyShare<C>>] {
        &self.shares
    }

    #[expect(clippy::indexing_slicing, reason = "a team has at least two participants")]
    fn package(&self) -> &quorate_core::keys::PublicKeyPackage<C> {
        self.shares[0].package()
    }
}

fn local_session(participants: &ParticipantSet) -> Result<Session, Error> {
    let mut id = [0; 32];
    getrandom::fill(&mut id).map_err(|_| Error::Randomness)?;
    let peers = participants.iter().map(|identifier| {
        let mut name = [0; 32];
        name.iter_mut().zip(identifier.to_u16().to_be_bytes()).for_each(|(to, from)| *to = from);
        (identifier, PeerId::new(name))
    });
    Ok(Session::new(SessionId::new(id), Peers::new(peers)?))
}

/// Pairs each participant with each other one, and gives everyone's own ends.
fn pair_all(signers: &ParticipantSet, peers: &Peers) -> Result<BTreeMap<Identifier, ecdsa::Pairings>, Error> {
    let boot = Boot::new(1, [0; 16]);
    let mut pairings = BTreeMap::<_, ecdsa::Pairings>::new();
    let table: Vec<_> = peers.iter().filter(|(identifier, _)| signers.contains(*identifier)).collect();
    for (index, first) in table.iter().enumerate() {
        for second in table.iter().skip(index.saturating_add(1)) {
            let mut id = [0; 32];
            getrandom::fill(&mut id).map_err(|_| Error::Randomness)?;
            let session = Session::new(SessionId::new(id), Peers::new([*first, *second])?);
            let start =
                |(me, _): &(Identifier, PeerId)| Ok((*me, Pairing::start(&session, *me, [boot; 2], &mut getrandom::SysRng)?));
            let machines = [first, second].into_iter().map(start).collect::<Result<_, Error>>()?;
            for (me, pairing) in run(machines)? {
                let peer = if me == first.0 { second.0 } else { first.0 };
                pairings.entry(me).or_default().insert(peer, Arc::new(pairing));
            }
        }
    }
    Ok(pairings)
}

/// Carries messages between machines of one process until each has its output.
fn run<P: Protocol>(mut machines: BTreeMap<Identifier, Machine<P>>) -> Result<BTreeMap<Identifier, P::Output>, Error> {
    let mut outputs = BTreeMap::new();
    while outputs.len() < machines.len() {
        let mut letters = Vec::new();
        for (from, machine) in &mut machines {
            if let Some(pending) = machine.pending() {
                // The process is the store here: it lives exactly as long as the key.
                pending.stored()?;
            }
            letters.extend(core::iter::from_fn(|| machine.next_outgoing()).map(|letter| (*from, letter)));
            outputs.extend(machine.take_output().map(|output| (*from, output)));
        }
        if letters.is_empty() && outputs.len() < machines.len() {
            return Err(Error::Bug("the machines wait for each other"));
        }
        for (from, letter) in letters {
            let machine = machines.get_mut(&letter.to).ok_or(InputError::UnknownParticipant(letter.to))?;
            machine.handle(from, &letter.bytes)?;
        }
    }
    Ok(outputs)
}
