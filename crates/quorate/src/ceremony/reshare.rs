//! What a participant checks before it takes part in a reshare, and what its people must have consented to.
//!
//! A refresh, which leaves holders, threshold and placement as they are, takes nobody's consent: it can only make old shares useless.
//! Nor does the repair of a share that its holder lost.
//! Whatever changes one of them does. A cosigner that an attacker runs could otherwise propose a lower threshold, or evict whom it
//! cannot break; so every holder of a share takes part in a change only when its own operator named the same *plan*. And whoever is to get
//! a share of a key that it knows nothing of cannot tell the key from something that calls itself by its name: its operator can.

use std::collections::BTreeSet;

use quorate_core::{
    Identifier, PeerId, Peers, Placement, domain,
    placement::{AmendedPlacement, Exposure},
    transcript::Hash,
};
use quorate_transport::Roster;

use super::{
    keygen::{Accepts, Refusal, SUITES, admit},
    message::{MAX_RESHARE_KEYS, ReshareKey, ReshareProposal},
};
use crate::share::{AnyCertified, AnyKeyShare, Stored, is_wallet_name};

/// The name of a change: whoever consents to it consents to these keys having these holders there, whoever deals and whenever.
pub(crate) type Plan = [u8; 32];

impl ReshareProposal {
    /// The plan that this is an attempt of, with what stays the same of each key through all its epochs.
    pub(crate) fn plan(&self, prints: &[[u8; 32]]) -> Plan {
        let mut hash = Hash::new(domain::CEREMONY_PLAN).list(self.keys.len());
        for key in &self.keys {
            hash = hash.field(&key.key_id);
        }
        hash = hash.list(prints.len());
        for print in prints {
            hash = hash.field(print);
        }
        hash.value(&self.placement).field(&self.receivers().map_or([0; 32], |peers| peers.digest())).finish()
    }

    /// Who stands behind the identifiers of the new holders. None if there are none.
    pub(crate) fn receivers(&self) -> Option<Peers> {
        let receivers = self.placement.participants();
        Peers::new(self.peers.iter().filter(|(identifier, _)| receivers.contains(*identifier))).ok()
    }
}

/// Checks all of a proposal that is not about a single key, as the participant `me`, who declares `own`. Returns its number.
pub(crate) fn check(
    proposal: &ReshareProposal,
    proposer: PeerId,
    me: PeerId,
    (own, accepts): (&Exposure, &Accepts),
    roster: &Roster,
) -> Result<Identifier, Refusal> {
    let ids: BTreeSet<_> = proposal.keys.iter().map(|key| key.key_id).collect();
    let ascending = proposal.keys.iter().map(|key| key.key_id).eq(ids.iter().copied());
    if ids.is_empty() || !ascending || proposal.keys.len() > MAX_RESHARE_KEYS {
        return Err(Refusal::KeyList);
    }
    let sound = |key: &ReshareKey| SUITES.contains(&key.suite) && is_wallet_name(&key.wallet);
    if !proposal.keys.iter().all(sound) {
        return Err(Refusal::KeyList);
    }
    let proposer = proposal.peers.identifier(proposer).ok_or(Refusal::StrangeProposer)?;
    if !proposal.dealers.contains(proposer) {
        return Err(Refusal::StrangeProposer);
    }
    let identifier = proposal.peers.identifier(me).ok_or(Refusal::NotMe)?;
    if proposal.peers.iter().any(|(_, peer)| roster.cosigner(peer).is_none()) {
        return Err(Refusal::StrangeParticipant);
    }
    let receivers = proposal.placement.participants();
    let everyone: BTreeSet<_> = proposal.dealers.iter().chain(receivers.iter()).collect();
    if !proposal.peers.iter().map(|(identifier, _)| identifier).eq(everyone) {
        return Err(Refusal::OtherParticipants);
    }
    if receivers.contains(identifier) {
        admit(&proposal.placement, identifier, own, accepts)?;
    }
    Ok(identifier)
}

/// Checks one key that this cosigner holds a share of, of the epoch that is to be dealt. Returns whether its holders stay the same.
pub(crate) fn check_held(proposal: &ReshareProposal, key: &ReshareKey, held: &Stored<AnyKeyShare>) -> Result<bool, Refusal> {
    if held.share.suite() != key.suite || held.share.package_digest() != key.digest || held.wallet != key.wallet {
        return Err(Refusal::OtherKey);
    }
    if key.new_epoch <= key.epoch {
        return Err(Refusal::KeyList);
    }
    let old = held.share.placement().participants();
    check_dealers(proposal, old.len(), held.share.placement().threshold().min_signers(), |dealer| old.contains(dealer))?;
    let highest = old.iter().last();
    for (identifier, peer) in proposal.peers.iter() {
        let fits = match held.peers.peer(identifier) {
            Some(known) => known == peer,
            // A number that was another's before could be taken for it; and one cosigner has one number.
            None => Some(identifier) > highest && held.peers.identifier(peer).is_none(),
        };
        if !fits {
            return Err(Refusal::Renumbered(identifier));
        }
    }
    Ok(proposal.receivers().is_some_and(|peers| peers == held.peers))
}

/// Whether a placement is what all have agreed on: that of the key, with any of the rows that its shares have had since. Which of them
/// holds now, each participant says of its own.
pub(crate) fn is_agreed(new: &Placement, amended: &AmendedPlacement) -> bool {
    let base = amended.base();
    let row = |(participant, row): (Identifier, &Exposure)| amended.exposures(participant).any(|known| known == row);
    new.digest() == base.digest()
        || !new.is_unchecked()
            && (new.threshold(), new.counting(), new.participants()) == (base.threshold(), base.counting(), base.participants())
            && new.waivers().iter().all(|waiver| base.waivers().contains(waiver))
            && new.rows().all(row)
}

/// Checks one key that this cosigner holds no share of: it is new to it, or lost its share.
pub(crate) fn check_certified(proposal: &ReshareProposal, key: &ReshareKey, old: &AnyCertified) -> Result<(), Refusal> {
    let same = old.key_id().as_bytes() == &key.key_id && old.epoch() == key.epoch && old.package_digest() == key.digest;
    if !same || key.new_epoch <= key.epoch {
        return Err(Refusal::OtherKey);
    }
    let participants = old.placement().participants();
    let min_signers = old.placement().threshold().min_signers();
    check_dealers(proposal, participants.len(), min_signers, |dealer| participants.contains(dealer))
}

fn check_dealers(
    proposal: &ReshareProposal,
    holders: usize,
    min_signers: u16,
    holds: impl Fn(Identifier) -> bool,
) -> Result<(), Refusal> {
    let enough = (usize::from(min_signers)..=holders).contains(&proposal.dealers.len());
    if enough && proposal.dealers.iter().all(holds) { Ok(()) } else { Err(Refusal::Dealers) }
}
