//! What a participant checks before it takes part in a key generation.

use std::collections::BTreeSet;

use quorate_core::{
    Identifier, PeerId, Placement, SuiteId,
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

/// How many keys a cosigner holds at most, unless its configuration says otherwise.
pub(crate) const DEFAULT_MAX_KEYS: usize = 10_000;

/// What a participant takes part in. By default nothing may weaken the rule of the placement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Accepts {
    /// The lowest threshold.
    pub(crate) min_signers: u16,
    /// How many keys it holds at most, those included that wait for a certificate or are being made.
    pub(crate) max_keys: usize,
    /// The domains that may be waived.
    pub(crate) waivers: BTreeSet<DomainPath>,
    /// Whether a share may count as fallen only if its store and all its key services are breached.
    pub(crate) joint_counting: bool,
}

impl Default for Accepts {
    fn default() -> Self {
        Self { min_signers: 2, max_keys: DEFAULT_MAX_KEYS, waivers: BTreeSet::new(), joint_counting: false }
    }
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
    #[error(
        "{given} signers are too few for my configuration, which takes part from {least} on; propose more, or its operator must lower \
         [keygen] min_signers"
    )]
    Threshold { given: u16, least: u16 },
    #[error("I hold as many keys as my configuration allows, {limit}; its operator must raise [keygen] max_keys")]
    Full { limit: usize },
    #[error("my row of the placement is not what my configuration says")]
    WrongRow,
    #[error("the keys of the proposal are none, too many, in disorder, or not of kinds that I hold")]
    KeyList,
    #[error("a key of the proposal is not what I know of it")]
    OtherKey,
    #[error(
        "its keys are not all of the same holders at the same places, or I know some of them and others not; propose them apart"
    )]
    UnequalKeys,
    #[error("my operator has consented to a change of these keys; it comes first")]
    Awaited,
    #[error("the dealers are too few, or hold no shares")]
    Dealers,
    #[error(
        "participant {0} would stand for another cosigner than before; new cosigners take new numbers, above all that the key has"
    )]
    Renumbered(Identifier),
    #[error("this changes who holds the key, and my operator has not consented: `quorate consent {plan}` here, if it is meant")]
    Consent { plan: String },
    #[error("{0}")]
    Request(#[from] RequestError),
}

/// What every participant decides about a placement for itself: the threshold, what weakens the rule, and its own row.
pub(crate) fn admit(placement: &Placement, me: Identifier, own: &Exposure, accepts: &Accepts) -> Result<(), Refusal> {
    if placement.is_unchecked() {
        return Err(Refusal::Unchecked);
    }
    let given = placement.threshold().min_signers();
    if given < accepts.min_signers {
        return Err(Refusal::Threshold { given, least: accepts.min_signers });
    }
    if let Some(waiver) = placement.waivers().iter().find(|waiver| !accepts.waivers.contains(waiver.domain())) {
        return Err(Refusal::Waiver(waiver.domain().clone()));
    }
    if placement.counting() == Some(Counting::Joint) && !accepts.joint_counting {
        return Err(Refusal::JointCounting);
    }
    // Each participant vouches for its own row and for no other.
    if placement.exposure(me) == Some(own) { Ok(()) } else { Err(Refusal::WrongRow) }
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
    let participants = proposal.peers.iter().map(|(identifier, _)| identifier);
    if !participants.eq(proposal.placement.participants().iter()) {
        return Err(Refusal::OtherParticipants);
    }
    admit(&proposal.placement, identifier, own, accepts)?;
    Ok(identifier)
}
