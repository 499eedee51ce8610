//! What a participant checks before it takes part in a signature.

use quorate_core::{
    Identifier, ParticipantSet, PeerId,
    derive::DerivationPath,
    frost::{Taproot as CoreTaproot, Target},
};

use super::message::{RequestId, SignProposal};
use crate::{
    error::CosignerError,
    payload::{AnyPayload, Description, KeyUse, Payload, Taproot, ToSign},
    policy::{Budget, Decision, Limits, Policy, RequestedKey, SignRequestView},
    request::{Content, RequestContent, RequesterKey},
    share::{AnyKeyShare, Stored, key_name},
};

/// A request that this cosigner parsed and allowed.
#[derive(Debug)]
pub(crate) struct Approved {
    pub(crate) payload: AnyPayload,
    pub(crate) path: Vec<u32>,
    pub(crate) description: Description,
    pub(crate) to_sign: Vec<Task>,
    /// Who approved it.
    approvals: Vec<RequesterKey>,
    /// What its id stands for.
    pub(crate) content: Content,
    /// What it counts against.
    pub(crate) charge: Charge,
}

/// What a request counts against, durably, before the first byte of a share leaves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Charge {
    /// How many requests its key may serve over time.
    pub(crate) limits: Limits,
    /// How much of each asset may leave by its key over time.
    pub(crate) budgets: Vec<Budget>,
}

/// Who decides, and when.
#[derive(Clone, Copy)]
pub(crate) struct Judge<'a> {
    pub(crate) policy: &'a dyn Policy,
    /// In seconds of Unix time.
    pub(crate) now: u64,
    /// How many seconds ahead a request may expire.
    pub(crate) longest: u64,
}

/// One signature to be made: what a protocol has to know, all of it worked out by this cosigner itself.
#[derive(Clone, Debug)]
pub(crate) enum Task {
    /// By FROST: a message, and the key that signs it.
    Frost { message: Vec<u8>, target: Target },
    /// By threshold ECDSA: the hash of the document, and the child that signs it.
    Ecdsa { digest: [u8; 32], path: DerivationPath },
}

/// The most signatures of one request, and of all requests of one cosigner at one time. Each has a session of its own, and the network
/// keeps as many early messages of a peer.
pub(crate) const MAX_SIGNATURES: usize = 1024;

/// What the id of a request stands for.
pub(crate) fn content(request: &RequestId, proposal: &SignProposal, key: &Stored<AnyKeyShare>) -> Content {
    let key_id = *key.share.key_id().as_bytes();
    let expires = proposal.authorization.as_ref().map(|authorization| authorization.expires);
    let content = RequestContent {
        key_id: &key_id,
        suite: key.share.suite(),
        path: &proposal.path,
        kind: &proposal.kind,
        payload: &proposal.payload,
        request_id: request,
        expires,
    };
    Content { digest: content.digest(), key_id, expires }
}

/// Checks who signed the request, parses the payload, asks the policy, and works out what is to be signed. Nothing of it is taken from
/// the proposer.
pub(crate) fn approve(
    request: &RequestId,
    proposal: &SignProposal,
    proposer: PeerId,
    key: &Stored<AnyKeyShare>,
    judge: Judge<'_>,
) -> Result<Approved, CosignerError> {
    let content = content(request, proposal, key);
    let mut approvals = Vec::new();
    if let Some(authorization) = &proposal.authorization {
        authorization.check_time(judge.now, judge.longest)?;
        approvals = authorization.verify(&content.digest)?;
    }
    let payload = AnyPayload::decode(&proposal.kind, &proposal.payload)?;
    let path: Vec<u32> = proposal.path.iter().collect();
    let usage = KeyUse::new(&key.share, &path);
    let description = payload.describe(&usage)?;
    let messages = payload.messages(&usage)?;
    if messages.is_empty() || messages.len() > MAX_SIGNATURES {
        return Err(CosignerError::Denied { reason: "the payload needs no signature, or too many".to_owned() });
    }
    let to_sign = messages.into_iter().map(task).collect::<Result<_, _>>()?;
    let charge = Charge::default();
    let approved = Approved { payload, path, description, to_sign, approvals, content, charge };
    let charge = approved.judged(request, proposal, proposer, key, judge)?;
    Ok(Approved { charge, ..approved })
}

impl Approved {
    /// What the policy says to it now, and whether it has expired. The proposer chooses when the ceremony begins, so this is asked once
    /// more then.
    pub(crate) fn judged(
        &self,
        request: &RequestId,
        proposal: &SignProposal,
        proposer: PeerId,
        key: &Stored<AnyKeyShare>,
        judge: Judge<'_>,
    ) -> Result<Charge, CosignerError> {
        let name = key_name(&key.wallet, key.share.suite());
        let key_id = key.share.key_id();
        let requested = RequestedKey::new(&name, key_id.as_bytes(), key.share.suite(), &self.path);
        let request_id = hex::encode(request);
        let mut view = SignRequestView::new(requested, proposer, &request_id, &self.payload, &self.description).at(judge.now);
        if let Some(authorization) = &proposal.authorization {
            authorization.check_time(judge.now, judge.longest)?;
            view = view.signed(authorization.requester, &self.approvals);
        }
        match judge.policy.decide(&view) {
            Decision::Allow => Ok(Charge { limits: judge.policy.limits(&view), budgets: judge.policy.budgets(&view) }),
            Decision::Deny { reason } => Err(CosignerError::Denied { reason }),
            // Whoever approves signs the request; there is nobody to wait for here.
            Decision::Ask { reason } => {
                Err(CosignerError::Denied { reason: format!("people have to approve it first ({reason})") })
            }
        }
    }
}

fn task(to_sign: ToSign) -> Result<Task, CosignerError> {
    let (message, path, taproot) = match to_sign {
        ToSign::Schnorr { message, path, taproot } => (message, path, taproot),
        ToSign::Ecdsa { digest, path } => return Ok(Task::Ecdsa { digest, path: DerivationPath::new(path)? }),
    };
    let target = Target::child(DerivationPath::new(path)?);
    let target = match taproot {
        Taproot::KeyPath { merkle_root: None } => target.taproot(CoreTaproot::KEY_ONLY),
        Taproot::KeyPath { merkle_root: Some(root) } => target.taproot(CoreTaproot::with_scripts(root)),
        Taproot::None => target,
    };
    Ok(Task::Frost { message, target })
}

/// Checks that the proposer and this cosigner are signers of this key, by the table that was fixed at key generation.
pub(crate) fn check_signers(
    (signers, epoch): (&ParticipantSet, u64),
    proposer: PeerId,
    key: &Stored<AnyKeyShare>,
) -> Result<(), &'static str> {
    let proposer: Option<Identifier> = key.peers.identifier(proposer);
    if !proposer.is_some_and(|identifier| signers.contains(identifier)) {
        return Err("you are not among the signers");
    }
    if !signers.contains(key.share.identifier()) {
        return Err("I am not among the signers");
    }
    if epoch != key.share.epoch() {
        return Err("the key has another epoch here");
    }
    if signers.iter().any(|identifier| key.peers.peer(identifier).is_none()) {
        return Err("a signer holds no share of this key");
    }
    if signers.len() < usize::from(key.share.placement().threshold().min_signers()) {
        return Err("these are fewer signers than the key needs");
    }
    Ok(())
}
