//! What a participant checks before it takes part in a key generation.

use std::collections::BTreeSet;

use quorate_core::{
    Identifier, PeerId, SuiteId,
    placement::{Counting, DomainPath, Exposure},
};
use quorate_transport::Roster;

use super::message::{KeygenProposal, MAX_SUITES};
use crate::{error::RequestError, share::is_wallet_name};

/// The suites that a cosigner holds keys of.
pub(crate) const SUITES: [SuiteId; 3] = [SuiteId::Bip340, SuiteId::Ed25519, SuiteId::EcdsaSecp256k1];

/// Parses a suite's name.
pub(crate) fn suite(name: &str) -> Result<SuiteId, RequestError> {
    let unknown = || RequestError::UnknownSuite { name: name.chars().take(40).collect() };
    SuiteId::from_name(name).filter(|suite| SUITES.contains(suite)).ok_or_else(unknown)
}

/// What weakens the rule of the placement, and a participant takes part in all the same. By default nothing does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Accepts {
    /// The domains that may be waived.
    pub(crate) waivers: BTreeSet<DomainPath>,
    /// Whether a share may count as fallen only if its store and all its key services are breached.
    pub(crate) joint_counting: bool,
}

/// Why a participant does not take part. The words go to the proposer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("you are not among the participants")]
    StrangeProposer,
    #[error("I am not among the participants")]
    NotMe,
    #[error("a participant is not on my roster")]
    StrangeParticipant,
    #[error("the placement is about other participants")]
    OtherParticipants,
    #[error("the placement was not checked")]
    Unchecked,
    #[error("my configuration does not accept a waiver for {0}; its operator must list it under [keygen] accept_waivers")]
    Waiver(DomainPath),
    #[error("my configuration does not accept joint counting; its operator must allow it under [keygen] accept_joint_counting")]
    JointCounting,
    #[error("my row of the placement is not what my configuration says")]
    WrongRow,
    #[error("{0}")]
    Request(#[from] RequestError),
}

/// Checks a proposal as the participant `me`, who declares `own`. Returns its number.
///
/// The placement itself was checked when it was decoded: none can be built that breaks the rule.
pub(crate) fn check(
    proposal: &KeygenProposal,
    proposer: PeerId,
    me: PeerId,
    (own, accepts): (&Exposure, &Accepts),
    roster: &Roster,
) -> Result<Identifier, Refusal> {
    if !is_wallet_name(&proposal.wallet) {
        return Err(RequestError::WalletName.into());
    }
    let distinct: BTreeSet<_> = proposal.suites.iter().collect();
    if distinct.is_empty() || distinct.len() != proposal.suites.len() || distinct.len() > MAX_SUITES {
        return Err(RequestError::Suites.into());
    }
    if let Some(other) = proposal.suites.iter().find(|suite| !SUITES.contains(suite)) {
        return Err(RequestError::UnknownSuite { name: other.name().to_owned() }.into());
    }
    if proposal.peers.identifier(proposer).is_none() {
        return Err(Refusal::StrangeProposer);
    }
    let identifier = proposal.peers.identifier(me).ok_or(Refusal::NotMe)?;
    if proposal.peers.iter().any(|(_, peer)| roster.cosigner(peer).is_none()) {
        return Err(Refusal::StrangeParticipant);
    }
    if proposal.placement.is_unchecked() {
        return Err(Refusal::Unchecked);
    }
    let participants = proposal.peers.iter().map(|(identifier, _)| identifier);
    if !participants.eq(proposal.placement.participants().iter()) {
        return Err(Refusal::OtherParticipants);
    }
    // What weakens the rule is every participant's own decision, not the proposer's.
    if let Some(waiver) = proposal.placement.waivers().iter().find(|waiver| !accepts.waivers.contains(waiver.domain())) {
        return Err(Refusal::Waiver(waiver.domain().clone()));
    }
    if proposal.placement.counting() == Some(Counting::Joint) && !accepts.joint_counting {
        return Err(Refusal::JointCounting);
    }
    // Each participant vouches for its own row and for no other.
    if proposal.placement.exposure(identifier) != Some(own) {
        return Err(Refusal::WrongRow);
    }
    Ok(identifier)
}
