//! Signing: all the signatures that a payload needs, in one ceremony.

use std::{collections::BTreeMap, sync::Arc};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use quorate_core::{
    Identifier, ParticipantSet, PeerId, Peers, SessionId, SuiteId,
    derive::DerivationPath,
    ecdsa::Request,
    frost::{FrostSuite, Signing, Target},
    keys::KeyShare,
};
use quorate_storage::AuditKind;
use tokio::task::JoinSet;

use super::{
    ANSWER_WITHIN, Cosigner, Shared, answer,
    consents::Consent,
    ecdsa::{self, Material},
    fresh, recover,
};
use crate::{
    audit,
    ceremony::{
        message::{Proposal, ProposalBody, Random, RequestId, SignProposal},
        run::{Drive, DriveError, Stop},
        sign::{self as rules, Approved, Task},
    },
    error::{CosignerError, Lack, RequestError},
    payload::{AnyPayload, Description, KeyUse, Payload, format_path},
    request::{Authorization, Finished},
    share::{AnyKeyShare, Stored},
};

/// Asks for the signatures that a payload needs.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SignRequest {
    key: String,
    payload: AnyPayload,
    suite: Option<SuiteId>,
    path: DerivationPath,
    signers: Vec<String>,
    request: Option<RequestId>,
    authorization: Option<Authorization>,
}

impl SignRequest {
    /// Has `payload` signed with a key, by its id or its wallet's name.
    #[must_use]
    pub fn new(key: &str, payload: AnyPayload) -> Self {
        let suite = payload.suite();
        let (path, signers) = (DerivationPath::default(), Vec::new());
        Self { key: key.to_owned(), payload, suite, path, signers, request: None, authorization: None }
    }

    /// Chooses the suite, where the wallet has several and the payload does not tell.
    #[must_use]
    pub const fn suite(mut self, suite: SuiteId) -> Self {
        self.suite = Some(suite);
        self
    }

    /// Signs with the child at `path`.
    #[must_use]
    pub fn path(mut self, path: DerivationPath) -> Self {
        self.path = path;
        self
    }

    /// Names the signers; this cosigner is always one. Without it, whoever is reachable signs.
    #[must_use]
    pub fn signers(mut self, names: impl IntoIterator<Item = String>) -> Self {
        self.signers = names.into_iter().collect();
        self
    }

    /// Names the request; random otherwise. The same id stands for the same request: with other content it is refused, and again it gives
    /// the same signatures.
    #[must_use]
    pub const fn request_id(mut self, request: [u8; 32]) -> Self {
        self.request = Some(request);
        self
    }

    /// Adds a requester's signature, and approvals. They cover the request's id, so name that too.
    #[must_use]
    pub fn authorization(mut self, authorization: Authorization) -> Self {
        self.authorization = Some(authorization);
        self
    }
}

impl From<&SignRequest> for crate::control::api::SignRequest {
    /// As it goes over the control API.
    fn from(request: &SignRequest) -> Self {
        Self {
            key: request.key.clone(),
            suite: request.suite.map(|suite| suite.name().to_owned()),
            path: Some(format_path(&request.path.iter().collect::<Vec<_>>())),
            kind: request.payload.kind().to_owned(),
            payload: BASE64_STANDARD.encode(request.payload.encode()),
            signers: request.signers.clone(),
            request_id: request.request.map(hex::encode),
            authorization: request.authorization.as_ref().map(Into::into),
        }
    }
}

/// Finished signatures, each verified before it came here.
#[derive(Debug)]
#[non_exhaustive]
pub struct Signed {
    /// The request.
    pub request: [u8; 32],
    /// The key.
    pub key_id: [u8; 32],
    /// Who signed.
    pub signers: ParticipantSet,
    /// What was signed, in words and as data.
    pub description: Description,
    /// The signatures, in the payload's order.
    pub signatures: Vec<Vec<u8>>,
    /// The finished document: a signed PSBT, an Ethereum or Solana transaction, or the signature itself.
    pub document: Vec<u8>,
}

impl Cosigner {
    /// Has a payload signed together with other cosigners. A payload with many inputs is one approval.
    ///
    /// If the signers are not named, others step in for those who do not answer or refuse, until there are too few. A request that this
    /// cosigner finished before, by its id, is answered with the same signatures, and signs nothing.
    ///
    /// # Errors
    ///
    /// [`CosignerError::Denied`] and [`CosignerError::Refused`] by policies, [`CosignerError::Payload`] if the key cannot sign this,
    /// [`CosignerError::Unavailable`], [`CosignerError::Fault`], [`CosignerError::Request`].
    #[tracing::instrument(level = "info", skip_all, fields(key = request.key))]
    pub async fn sign(&self, request: SignRequest) -> Result<Signed, CosignerError> {
        let shared = self.shared();
        let key = shared.find(&request.key, request.suite).await?;
        if request.authorization.is_some() && request.request.is_none() {
            return Err(RequestError::NoRequestId.into());
        }
        let id = request.request.map_or_else(fresh, Ok)?;
        if let Some(signed) = repeated(shared, &key, &request, id).await? {
            return Ok(signed);
        }
        match sign_once(shared, &request, id, &key).await {
            // The key moved on while this cosigner was away: once more, with the share of the epoch that the others have.
            Err(CosignerError::Lacking { name, lack: Lack::Epoch }) => {
                if let Some(peer) = shared.roster.peer(&name).map(|entry| entry.identity) {
                    let next = key.share.epoch().saturating_add(1);
                    recover::catch_up(shared, key.share.key_id().as_bytes(), key.share.suite(), next, peer).await?;
                }
                let key = shared.find(&request.key, request.suite).await?;
                sign_once(shared, &request, id, &key).await
            }
            signed => signed,
        }
    }
}

async fn sign_once(
    shared: &Arc<Shared>,
    request: &SignRequest,
    id: RequestId,
    key: &Stored<AnyKeyShare>,
) -> Result<Signed, CosignerError> {
    if !request.signers.is_empty() {
        let signers = named_signers(shared, key, &request.signers)?;
        return attempt(shared, key, request, id, signers).await;
    }
    let mut candidates = candidates(shared, key);
    loop {
        let signers = choose(key, &candidates)?;
        let error = match attempt(shared, key, request, id, signers.clone()).await {
            Ok(signed) => return Ok(signed),
            Err(error) => error,
        };
        // The nonces of the failed attempt are gone, but its shares may have left: whoever had them all may hold a valid signature. So
        // the attempt counts as signed, and what follows is for the same payload only. Go on without those who are to blame.
        if matches!(error, CosignerError::Lacking { lack: Lack::Epoch, .. }) {
            return Err(error);
        }
        if error.is_unnamed_fault() {
            return without_each(shared, key, request, id, (&candidates, &signers), error).await;
        }
        let blamed = error.blamed();
        let before = candidates.len();
        candidates.retain(|(_, peer)| !blamed.contains(&shared.name_of(*peer)));
        if candidates.len() == before || choose(key, &candidates).is_err() {
            return Err(error);
        }
        tracing::warn!(target: "quorate::audit", request = hex::encode(id), ?blamed, "another set of signers is tried");
    }
}

/// The signatures that this cosigner has of the same request.
async fn repeated(
    shared: &Arc<Shared>,
    key: &Stored<AnyKeyShare>,
    request: &SignRequest,
    id: RequestId,
) -> Result<Option<Signed>, CosignerError> {
    let me = ParticipantSet::new([key.share.identifier()])?;
    let content = rules::content(&id, &body(key, request, me), key);
    let Some(Finished { signers, signatures }) = shared.finished(&id, &content).await? else { return Ok(None) };
    let path: Vec<u32> = request.path.iter().collect();
    let usage = KeyUse::new(&key.share, &path);
    let description = request.payload.describe(&usage)?;
    let document = request.payload.attach(&usage, &signatures)?;
    tracing::info!(target: "quorate::audit", request = hex::encode(id), "asked for again; the same signatures are given");
    Ok(Some(Signed { request: id, key_id: content.key_id, signers, description, signatures, document }))
}

/// The most sets of signers that are tried after a fault that names nobody.
const MAX_SUSPECTS: usize = 8;

/// Tries the sets without each suspect in turn, after a fault that names nobody.
async fn without_each(
    shared: &Arc<Shared>,
    key: &Stored<AnyKeyShare>,
    request: &SignRequest,
    id: RequestId,
    (candidates, signers): (&[(Identifier, PeerId)], &ParticipantSet),
    mut error: CosignerError,
) -> Result<Signed, CosignerError> {
    for (suspect, _) in candidates.iter().filter(|(candidate, _)| signers.contains(*candidate)).take(MAX_SUSPECTS) {
        let others: Vec<_> = candidates.iter().filter(|(candidate, _)| candidate != suspect).copied().collect();
        let Ok(signers) = choose(key, &others) else { break };
        tracing::warn!(target: "quorate::audit", request = hex::encode(id), %suspect, "the signers without one suspect are tried");
        match attempt(shared, key, request, id, signers).await {
            Ok(signed) => return Ok(signed),
            Err(failed) => error = failed,
        }
    }
    Err(error)
}

fn min_signers(key: &Stored<AnyKeyShare>) -> usize {
    usize::from(key.share.placement().threshold().min_signers())
}

/// The other holders of the key, connected ones first.
fn candidates(shared: &Shared, key: &Stored<AnyKeyShare>) -> Vec<(Identifier, PeerId)> {
    let mut others: Vec<_> = key.peers.iter().filter(|(_, peer)| *peer != shared.me).collect();
    others.retain(|(_, peer)| shared.roster.cosigner(*peer).is_some());
    others.sort_by_key(|(identifier, peer)| (!shared.network.is_connected(*peer), *identifier));
    others
}

fn choose(key: &Stored<AnyKeyShare>, candidates: &[(Identifier, PeerId)]) -> Result<ParticipantSet, CosignerError> {
    let needed = min_signers(key);
    if candidates.len() + 1 < needed {
        return Err(RequestError::TooFewSigners { needed, given: candidates.len() + 1 }.into());
    }
    let others = candidates.iter().take(needed.saturating_sub(1)).map(|(identifier, _)| *identifier);
    Ok(ParticipantSet::new(others.chain([key.share.identifier()]))?)
}

fn named_signers(shared: &Shared, key: &Stored<AnyKeyShare>, names: &[String]) -> Result<ParticipantSet, CosignerError> {
    let mut signers = std::collections::BTreeSet::from([key.share.identifier()]);
    for name in names {
        let entry = shared.roster.peer(name).ok_or_else(|| RequestError::UnknownCosigner { name: name.clone() })?;
        let identifier = key.peers.identifier(entry.identity);
        signers.insert(identifier.ok_or_else(|| RequestError::UnknownCosigner { name: name.clone() })?);
    }
    let needed = min_signers(key);
    if signers.len() < needed {
        return Err(RequestError::TooFewSigners { needed, given: signers.len() }.into());
    }
    Ok(ParticipantSet::new(signers)?)
}

/// Whether this cosigner would sign: the key is not frozen, the policy allows the request, its id is not another's, and limits have room.
async fn decide(
    shared: &Shared,
    id: &RequestId,
    body: &SignProposal,
    proposer: PeerId,
    key: &Stored<AnyKeyShare>,
) -> Result<Approved, CosignerError> {
    shared.refuse_frozen(&body.key_id).await?;
    let decided = async {
        let approved = rules::approve(id, body, proposer, key, shared.judge())?;
        shared.admit_request(id, &approved.content, &approved.charge).await?;
        Ok(approved)
    };
    let decided = decided.await;
    if matches!(decided, Err(CosignerError::Denied { .. } | CosignerError::Request(_) | CosignerError::Payload(_))) {
        shared.count_refusal(&body.key_id).await;
    }
    decided
}

/// One ceremony with one set of signers.
async fn attempt(
    shared: &Arc<Shared>,
    key: &Stored<AnyKeyShare>,
    request: &SignRequest,
    id: RequestId,
    signers: ParticipantSet,
) -> Result<Signed, CosignerError> {
    let body = body(key, request, signers);
    let made = async {
        let approved = decide(shared, &id, &body, shared.me, key).await?;
        let signatures = match &key.share {
            AnyKeyShare::EcdsaSecp256k1(_) => ecdsa::sign(shared, id, &body, key, &approved).await?,
            AnyKeyShare::Ed25519(_) | AnyKeyShare::Bip340(_) => propose(shared, id, &body, key, &approved).await?,
        };
        Ok((approved, signatures))
    };
    let (approved, signatures) = match made.await {
        Ok(made) => made,
        Err(error) => {
            shared.audit.refused(id, Some(body.key_id), None, &error).await;
            return Err(error);
        }
    };
    let document = approved.payload.attach(&KeyUse::new(&key.share, &approved.path), &signatures)?;
    let finished = Finished { signers: body.signers.clone(), signatures: signatures.clone() };
    shared.keep_result(&id, &approved.content, &finished).await;
    Ok(Signed {
        request: id,
        key_id: body.key_id,
        signers: body.signers,
        description: approved.description,
        signatures,
        document,
    })
}

fn body(key: &Stored<AnyKeyShare>, request: &SignRequest, signers: ParticipantSet) -> SignProposal {
    SignProposal {
        key_id: *key.share.key_id().as_bytes(),
        epoch: key.share.epoch(),
        signers,
        path: request.path.clone(),
        kind: request.payload.kind().to_owned(),
        payload: request.payload.encode(),
        presignatures: Vec::new(),
        attempt: 0,
        authorization: request.authorization.clone(),
    }
}

/// The ceremony of a Schnorr suite.
async fn propose(
    shared: &Arc<Shared>,
    id: RequestId,
    body: &SignProposal,
    key: &Stored<AnyKeyShare>,
    approved: &Approved,
) -> Result<Vec<Vec<u8>>, CosignerError> {
    let me = key.share.identifier();
    let others: Vec<_> = key.peers.iter().filter(|(other, _)| *other != me && body.signers.contains(*other)).collect();
    let proposal = Proposal { request: id, body: ProposalBody::Sign(body.clone()) };
    let consent = consent(shared, &proposal, body, approved, shared.me).await;
    let (randoms, mut answers) = answer::propose(shared, &proposal, me, &others, ANSWER_WITHIN.min(shared.deadline)).await?;
    let agreed = Agreed { proposal: &proposal, body, key, approved, randoms: &randoms, consent };
    ecdsa::unless_refused(shared, run(shared, agreed, Material::default()), &mut answers).await
}

/// The other signers' side.
pub(super) async fn take_part(shared: &Arc<Shared>, from: PeerId, proposal: &Proposal) -> Result<(), CosignerError> {
    let ProposalBody::Sign(body) = &proposal.body else {
        return Err(CosignerError::Bug("a proposal of another kind"));
    };
    let key = recover::current(shared, &body.key_id, body.epoch, from).await?;
    let refuse = |reason: &str| CosignerError::Denied { reason: reason.to_owned() };
    rules::check_signers((&body.signers, body.epoch), from, &key).map_err(refuse)?;
    shared.trust_all(ecdsa::others(&key, &body.signers)).await?;
    let approved = decide(shared, &proposal.request, body, from, &key).await?;
    let signatures = u32::try_from(approved.to_sign.len()).map_err(|_| CosignerError::Bug("more signatures than allowed"))?;
    let permits = shared.signatures.get(&from).and_then(|permits| permits.try_acquire_many(signatures).ok());
    let _permits = permits.ok_or_else(|| refuse("too many signatures are being made for you; wait for them"))?;
    let is_ecdsa = matches!(key.share, AnyKeyShare::EcdsaSecp256k1(_));
    if !is_ecdsa && !body.presignatures.is_empty() {
        return Err(refuse("only ECDSA keys have presignatures"));
    }
    if is_ecdsa {
        ecdsa::prepare(shared, from, body, &key, &approved).await?;
    }
    let consent = consent(shared, proposal, body, &approved, from).await;
    let randoms = answer::accept(shared, from, proposal, key.share.identifier(), body.signers.iter()).await?;
    let material = if is_ecdsa { ecdsa::take(shared, from, body, &key).await? } else { Material::default() };
    run(shared, Agreed { proposal, body, key: &key, approved: &approved, randoms: &randoms, consent }, material).await.map(|_| ())
}

/// A request that every signer accepted.
pub(super) struct Agreed<'a> {
    pub(super) proposal: &'a Proposal,
    pub(super) body: &'a SignProposal,
    pub(super) key: &'a Stored<AnyKeyShare>,
    pub(super) approved: &'a Approved,
    pub(super) randoms: &'a [Random],
    /// The entry of the audit log that must be durable before anything is signed.
    pub(super) consent: Consent<'a>,
}

/// Begins to write into the audit log that this cosigner consents, and to what.
pub(super) async fn consent<'a>(
    shared: &'a Shared,
    proposal: &Proposal,
    body: &SignProposal,
    approved: &Approved,
    proposer: PeerId,
) -> Consent<'a> {
    let entry = audit::entry(AuditKind::Consented).key(body.key_id).epoch(body.epoch).request(proposal.request).peer(proposer);
    Consent::to(shared, proposer, entry.reason(&approved.description.to_string())).await
}

/// All signatures of the payload, side by side.
pub(super) async fn run(
    shared: &Arc<Shared>,
    Agreed { proposal, body, key, approved, randoms, consent }: Agreed<'_>,
    material: Material,
) -> Result<Vec<Vec<u8>>, CosignerError> {
    shared.refuse_frozen_share(key)?;
    // The proposer may have let time pass since it was allowed.
    approved.judged(&proposal.request, body, consent.proposer, key, shared.judge())?;
    // Whoever sees all shares but its own has a signature, also if this ceremony then fails: it counts as signed from here on. What
    // cannot be written down is not signed.
    consent.durable().await?;
    shared.consent(&proposal.request, &approved.content, &approved.charge).await?;
    shared.count_signatures(&body.key_id, approved.to_sign.len()).await?;
    // What was acknowledged as frozen while these were written is not signed.
    shared.refuse_frozen_share(key)?;
    let (request, key_id, kind) = (hex::encode(proposal.request), hex::encode(body.key_id), &body.kind);
    let count = approved.to_sign.len();
    tracing::info!(target: "quorate::audit", request, key = key_id, kind, signatures = count, signers = ?body.signers, "consented and signing");
    let (pairings, mut presignatures) = (Arc::new(material.pairings), material.presignatures.into_iter());
    let mut tasks = JoinSet::new();
    for (index, task) in approved.to_sign.iter().enumerate() {
        let material = (Arc::clone(&pairings), presignatures.next());
        let (shared, share, peers) = (Arc::clone(shared), key.share.clone(), key.peers.clone());
        let (signers, task) = (body.signers.clone(), task.clone());
        let session = proposal.session_id(randoms, index);
        tasks.spawn(async move {
            let signed = match (&share, &task) {
                (AnyKeyShare::Ed25519(share), Task::Frost { message, target }) => {
                    frost(&shared, share, &peers, &signers, (message, target), session).await
                }
                (AnyKeyShare::Bip340(share), Task::Frost { message, target }) => {
                    frost(&shared, share, &peers, &signers, (message, target), session).await
                }
                (AnyKeyShare::EcdsaSecp256k1(share), Task::Ecdsa { digest, path }) => {
                    let request = Request::new(*digest).at(path.clone());
                    ecdsa::one(&shared, (share, &peers), &signers, &request, (&material.0, material.1), session).await
                }
                (AnyKeyShare::Ed25519(_) | AnyKeyShare::Bip340(_), Task::Ecdsa { .. })
                | (AnyKeyShare::EcdsaSecp256k1(_), Task::Frost { .. }) => {
                    Err(CosignerError::Bug("a payload for keys of another scheme").into())
                }
            };
            (index, signed.map_err(|error| error.named(|id| ecdsa::name(&shared, &peers, id))))
        });
    }
    let mut signatures = BTreeMap::new();
    let all = async {
        while let Some(finished) = tasks.join_next().await {
            let (index, signature) = finished.map_err(|_| CosignerError::Bug("a ceremony panicked"))?;
            signatures.insert(index, signature?);
        }
        Ok(())
    };
    // A freeze ends what is under way.
    tokio::select! {
        biased;
        frozen = shared.until_share_frozen(key) => Err(frozen),
        all = all => all,
    }?;
    tracing::info!(target: "quorate::audit", request, key = key_id, kind, signatures = signatures.len(), signers = ?body.signers, "signed");
    let entry = audit::entry(AuditKind::Signed).key(body.key_id).epoch(body.epoch).request(proposal.request);
    shared.audit.note(entry.reason(&format!("{} {kind} with signers {:?}", signatures.len(), body.signers))).await;
    ecdsa::others(key, &body.signers).into_iter().for_each(|peer| shared.witness.want(peer));
    Ok(signatures.into_values().collect())
}

/// One signature by FROST.
async fn frost<C: FrostSuite>(
    shared: &Arc<Shared>,
    share: &Arc<KeyShare<C>>,
    peers: &Peers,
    signers: &ParticipantSet,
    (message, target): (&[u8], &Target),
    id: SessionId,
) -> Result<Vec<u8>, DriveError> {
    let session = shared.session(id, peers);
    let machine = Signing::start(&session, share, signers, message, target, &mut getrandom::SysRng)?;
    let mut drive = Drive::open(machine, &shared.network, id, peers, shared.deadline)?;
    #[cfg(any(test, feature = "fuzz-api"))]
    drive.note_nonces(&shared.once.nonces);
    match drive.drive().await? {
        Stop::Done(signature) => Ok(signature.to_bytes()),
        Stop::Hold => Err(CosignerError::Bug("a signature holds nothing").into()),
    }
}
