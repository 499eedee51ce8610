//! What the rounds of one run share: the key, the signers, their pairings, and what everything is bound to.

use alloc::{collections::BTreeMap, sync::Arc, vec::Vec};

use super::{MAX_BATCH, Pairing, pairing::Guard, suite::EcdsaSuite};
use crate::{
    domain,
    error::InputError,
    identifier::{Identifier, ParticipantSet, PeerId},
    keys::KeyShare,
    session::{Context, ContextFields, ProtocolId, Session},
    transcript::Hash,
};

/// The pairings of this cosigner with the other signers of one key, by their identifiers.
pub type Pairings = BTreeMap<Identifier, Arc<Pairing>>;

/// The most multiplications of one run: presignatures times other signers.
const MAX_MULTIPLICATIONS: usize = 1024;

/// One run, as one signer sees it.
pub(crate) struct Run<C: EcdsaSuite> {
    pub(crate) share: Arc<KeyShare<C>>,
    pub(crate) signers: ParticipantSet,
    /// The pairings with the other signers, and with nobody else.
    pub(crate) pairings: Pairings,
    /// How many presignatures.
    pub(crate) batch: usize,
    /// The session and the size of the batch.
    pub(crate) context: Context,
}

impl<C: EcdsaSuite> Run<C> {
    pub(crate) fn new(
        session: &Session,
        protocol: ProtocolId,
        share: &Arc<KeyShare<C>>,
        signers: &ParticipantSet,
        pairings: &Pairings,
        batch: usize,
    ) -> Result<Self, InputError> {
        check_signers(session, share, signers)?;
        // What a run holds in memory, about 45 KB for each presignature and peer, is bounded.
        let limit = MAX_BATCH.min(MAX_MULTIPLICATIONS / signers.len().saturating_sub(1).max(1)).max(1);
        if batch == 0 || batch > limit {
            return Err(InputError::BatchSize { limit });
        }
        let session_context = context(session, protocol, share, signers);
        let hash = Hash::new(domain::ECDSA_PRESIGN).field(session_context.as_bytes());
        let context = Context::of(hash.number(batch.try_into().unwrap_or(u64::MAX)));
        let pairings = usable(session, share.identifier(), signers, pairings)?;
        Ok(Self { share: Arc::clone(share), signers: signers.clone(), pairings, batch, context })
    }

    pub(crate) fn me(&self) -> Identifier {
        self.share.identifier()
    }

    pub(crate) fn others(&self) -> Vec<Identifier> {
        self.pairings.keys().copied().collect()
    }

    /// Nothing that was made with a pairing leaves once it is gone.
    pub(crate) fn all_live(&self) -> Result<(), InputError> {
        match self.pairings.iter().find(|(_, pairing)| !pairing.is_live()) {
            Some((peer, _)) => Err(InputError::NoPairing(*peer)),
            None => Ok(()),
        }
    }

    pub(crate) fn bonds(&self) -> Bonds {
        let bond = |pairing: &Arc<Pairing>| Bond { peer: pairing.peer(), guard: Arc::clone(&pairing.guard) };
        Bonds(self.pairings.iter().map(|(identifier, pairing)| (*identifier, bond(pairing))).collect())
    }
}

/// What a presignature keeps of the pairings that made it: with whom they were, and whether they are still there. Not the pairings
/// themselves, whose Δ must not outlive them in memory.
pub(crate) struct Bonds(BTreeMap<Identifier, Bond>);

struct Bond {
    peer: PeerId,
    guard: Arc<Guard>,
}

impl Bonds {
    #[cfg(test)]
    pub(crate) fn again(&self) -> Self {
        let bond = |bond: &Bond| Bond { peer: bond.peer, guard: Arc::clone(&bond.guard) };
        Self(self.0.iter().map(|(identifier, known)| (*identifier, bond(known))).collect())
    }

    /// The other signers.
    pub(crate) fn others(&self) -> Vec<Identifier> {
        self.0.keys().copied().collect()
    }

    pub(crate) fn all_live(&self) -> Result<(), InputError> {
        match self.0.iter().find(|(_, bond)| !bond.guard.is_live()) {
            Some((identifier, _)) => Err(InputError::NoPairing(*identifier)),
            None => Ok(()),
        }
    }

    /// The session is with the cosigners with whom the presignature was made.
    pub(crate) fn check_session(&self, session: &Session, me: Identifier) -> Result<(), InputError> {
        let same = self.0.iter().all(|(identifier, bond)| session.peers().peer(*identifier) == Some(bond.peer));
        if same && session.peers().peer(me).is_some() { Ok(()) } else { Err(InputError::ParticipantsDiffer("session")) }
    }
}

pub(crate) fn context<C: EcdsaSuite>(
    session: &Session,
    protocol: ProtocolId,
    share: &KeyShare<C>,
    signers: &ParticipantSet,
) -> Context {
    let package = share.package();
    session.context(&ContextFields {
        protocol,
        suite: C::SUITE,
        senders: signers,
        receivers: signers,
        old_threshold: None,
        threshold: package.threshold(),
        package: Some(package.digest()),
        placement: Some(&package.placement().digest()),
        key_id: Some(package.key_id().as_bytes()),
        epoch: package.epoch(),
    })
}

/// At least `min_signers` participants of the key, this one among them, all with a peer in the session.
fn check_signers<C: EcdsaSuite>(session: &Session, share: &KeyShare<C>, signers: &ParticipantSet) -> Result<(), InputError> {
    let package = share.package();
    let needed = package.threshold().min_signers();
    if signers.len() < usize::from(needed) {
        return Err(InputError::TooFewSigners { given: signers.len(), needed });
    }
    if let Some(stranger) = signers.iter().find(|id| !package.participants().contains(*id)) {
        return Err(InputError::UnknownParticipant(stranger));
    }
    if !signers.contains(share.identifier()) {
        return Err(InputError::NotInSigningSet);
    }
    if signers.iter().any(|id| session.peers().peer(id).is_none()) {
        return Err(InputError::ParticipantsDiffer("session"));
    }
    Ok(())
}

/// The pairings that this run needs: live, and with the cosigners that the session names.
fn usable(session: &Session, me: Identifier, signers: &ParticipantSet, all: &Pairings) -> Result<Pairings, InputError> {
    let mut pairings = Pairings::new();
    for peer in signers.iter().filter(|id| *id != me) {
        let expected = [session.peers().peer(me), session.peers().peer(peer)];
        let found = all.get(&peer).filter(|pairing| pairing.is_live() && pairing.peers.map(Some) == expected);
        pairings.insert(peer, Arc::clone(found.ok_or(InputError::NoPairing(peer))?));
    }
    Ok(pairings)
}
