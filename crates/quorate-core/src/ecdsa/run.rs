//! What the rounds of one run share: the key, the signers, their pairings, and what everything is bound to.

use alloc::{collections::BTreeMap, sync::Arc, vec::Vec};

use super::{MAX_BATCH, Pairing, suite::EcdsaSuite};
use crate::{
    domain,
    error::InputError,
    identifier::{Identifier, ParticipantSet},
    keys::KeyShare,
    session::{Context, ContextFields, ProtocolId, Session},
    transcript::Hash,
};

/// The pairings of this cosigner with the other signers of one key, by their identifiers.
pub type Pairings = BTreeMap<Identifier, Arc<Pairing>>;

/// One run, as one signer sees it.
pub(crate) struct Run<C: EcdsaSuite> {
    pub(crate) share: Arc<KeyShare<C>>,
    pub(crate) signers: ParticipantSet,
    /// The pairings with the other signers, and with nobody else.
    pub(crate) pairings: Pairings,
    /// How many presignatures.
    pub(crate) batch: usize,
    pub(crate) context: [u8; 32],
}

impl<C: EcdsaSuite> Run<C> {
    pub(crate) fn new(
        session: &Session,
        protocol: ProtocolId,
        share: &Arc<KeyShare<C>>,
        signers: &ParticipantSet,
        pairings: &Pairings,
        batch: usize,
    ) -> Result<(Self, Context), InputError> {
        check_signers(session, share, signers)?;
        if batch == 0 || batch > MAX_BATCH {
            return Err(InputError::BatchSize { limit: MAX_BATCH });
        }
        let session_context = context(session, protocol, share, signers);
        let hash = Hash::new(domain::ECDSA_PRESIGN).field(session_context.as_bytes());
        let context = hash.number(batch.try_into().unwrap_or(u64::MAX)).finish();
        let pairings = usable(session, share.identifier(), signers, pairings)?;
        Ok((Self { share: Arc::clone(share), signers: signers.clone(), pairings, batch, context }, session_context))
    }

    pub(crate) fn me(&self) -> Identifier {
        self.share.identifier()
    }

    pub(crate) fn others(&self) -> Vec<Identifier> {
        self.pairings.keys().copied().collect()
    }

    /// Nothing that was made with a pairing leaves once it is gone.
    pub(crate) fn all_live(&self) -> Result<(), InputError> {
        all_live(&self.pairings)
    }
}

pub(crate) fn all_live(pairings: &Pairings) -> Result<(), InputError> {
    match pairings.iter().find(|(_, pairing)| !pairing.is_live()) {
        Some((peer, _)) => Err(InputError::NoPairing(*peer)),
        None => Ok(()),
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
