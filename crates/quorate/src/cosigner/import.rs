//! A key that was whole somewhere, in shares from now on.
//!
//! The owner's cosigner deals it to all participants over their links, and each of them confirms as after a key generation. It is an
//! exception to everything that this library is for, so that every other participant's operator has to consent to it.

use std::sync::Arc;

use quorate_core::{
    Identifier, PeerId, SessionId, SuiteId,
    danger::{self, Import, ImportedKey},
    derive::ChainCode,
    domain,
    ecdsa::EcdsaSecp256k1,
    frost::{Bip340, Ed25519},
    keys::VerifyingKey,
    placement::Counting,
    reshare::Outcome,
    transcript::Hash,
};
use quorate_storage::AuditKind;
use zeroize::Zeroizing;

use super::{
    Cosigner, Shared, WalletKey, answer, fresh,
    keygen::{Confirmed, activate, certify, check, exposures, made_before, participants, placed},
    reshare::PlannedChange,
};
use crate::{
    audit,
    ceremony::{
        keygen::Refusal,
        message::{ImportProposal, KeygenProposal, Proposal, ProposalBody, Random, RequestId},
        run::{Drive, DriveError},
    },
    error::{CosignerError, RequestError},
    share::{HeldSuite, Stored},
};

/// A whole key. It is wiped when it is dropped.
#[derive(Clone)]
pub struct WholeKey {
    suite: SuiteId,
    secret: Zeroizing<[u8; 32]>,
    public: Vec<u8>,
}

impl core::fmt::Debug for WholeKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("WholeKey").field("suite", &self.suite).field("public", &hex::encode(&self.public)).finish_non_exhaustive()
    }
}

impl WholeKey {
    /// A secret scalar in the suite's standard encoding: little endian for Ed25519, big endian on secp256k1.
    ///
    /// # Errors
    ///
    /// [`RequestError::WholeKey`] if it is zero or not below the order of the group, [`RequestError::UnknownSuite`] if cosigners hold no
    /// keys of the suite.
    pub fn scalar(suite: SuiteId, secret: Zeroizing<[u8; 32]>) -> Result<Self, RequestError> {
        let public = match suite {
            SuiteId::Ed25519 => danger::verifying_key::<Ed25519>(&secret).map(|key| key.to_bytes().to_vec()),
            SuiteId::Bip340 => danger::verifying_key::<Bip340>(&secret).map(|key| key.to_bytes().to_vec()),
            SuiteId::EcdsaSecp256k1 => danger::verifying_key::<EcdsaSecp256k1>(&secret).map(|key| key.to_bytes().to_vec()),
            SuiteId::Ristretto255 | SuiteId::Secp256k1 | SuiteId::P256 | SuiteId::EcdsaP256 | _ => {
                return Err(RequestError::UnknownSuite { name: suite.name().to_owned() });
            }
        };
        Ok(Self { suite, public: public.map_err(|_| RequestError::WholeKey)?, secret })
    }

    /// An Ed25519 key as most wallets keep it: the 32-byte seed of RFC 8032.
    ///
    /// # Errors
    ///
    /// None in practice.
    pub fn ed25519_seed(seed: &Zeroizing<[u8; 32]>) -> Result<Self, RequestError> {
        Self::scalar(SuiteId::Ed25519, danger::ed25519_scalar(seed))
    }

    /// A chain code for a key that has none: the same whenever it is asked for, so that the plan that operators consent to is, too.
    fn chain_code(&self) -> [u8; 32] {
        Hash::new(domain::CEREMONY_IMPORT).field(b"chain code").field(self.secret.as_slice()).finish()
    }

    /// The public key that it stands for, in the suite's standard encoding. Compare it with what you know before you import it.
    #[must_use]
    pub fn public_key(&self) -> &[u8] {
        &self.public
    }
}

/// Asks for a key that was whole to be held in shares.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ImportRequest {
    wallet: String,
    key: WholeKey,
    min_signers: u16,
    participants: Vec<String>,
    chain_code: Option<[u8; 32]>,
    request: Option<RequestId>,
}

impl ImportRequest {
    /// A new wallet of that name, or one that has no key of the suite, of which any `min_signers` cosigners of the roster sign.
    #[must_use]
    pub fn new(wallet: &str, key: WholeKey, min_signers: u16) -> Self {
        Self { wallet: wallet.to_owned(), key, min_signers, participants: Vec::new(), chain_code: None, request: None }
    }

    /// Names the participants, in the order of their numbers; without it, all of the roster by name. This cosigner is one of them.
    #[must_use]
    pub fn participants(mut self, names: impl IntoIterator<Item = String>) -> Self {
        self.participants = names.into_iter().collect();
        self
    }

    /// The chain code that the key's children were derived with; one that is derived from the key otherwise.
    #[must_use]
    pub const fn chain_code(mut self, chain_code: [u8; 32]) -> Self {
        self.chain_code = Some(chain_code);
        self
    }

    /// Names the request; random otherwise.
    #[must_use]
    pub const fn request_id(mut self, request: [u8; 32]) -> Self {
        self.request = Some(request);
        self
    }

    /// What its id stands for.
    fn digest(&self) -> [u8; 32] {
        let hash = Hash::new(domain::REQUEST_WORK).field(b"import").field(self.wallet.as_bytes()).value(&self.key.suite);
        let hash = hash.field(&self.key.public).number(self.min_signers.into()).list(self.participants.len());
        let hash = self.participants.iter().fold(hash, |hash, name| hash.field(name.as_bytes()));
        hash.field(self.chain_code.as_ref().map_or(&[], |code| code.as_slice())).finish()
    }
}

impl Cosigner {
    /// Deals a key that was whole to its participants. Every other one's operator has to [`consent`](Self::consent) to it.
    ///
    /// # Security
    ///
    /// The key was whole, and is as safe as the least safe place that it ever was in: this machine's memory is one of them now. Nothing
    /// destroys the copies that there are. Prefer a new key, and a transfer to it.
    ///
    /// # Errors
    ///
    /// As for [`keygen`](Self::keygen); [`CosignerError::Refused`] names whose operator has not consented.
    ///
    /// A request with an id of its own may be made again after whatever became of it, as one for a new key.
    #[tracing::instrument(level = "info", skip_all, fields(wallet = request.wallet))]
    pub async fn import(&self, request: ImportRequest) -> Result<WalletKey, CosignerError> {
        let (shared, digest, id) = (self.shared(), request.digest(), request.request);
        if let Some(id) = &id
            && let Some(made) = made_before(shared, id, digest).await?.pop()
        {
            shared.finish_work(id, made.share.key_id().as_bytes().to_vec()).await;
            return Ok(made);
        }
        let peers = participants(shared, &request.participants)?;
        let me = peers.identifier(shared.me).ok_or(RequestError::NotParticipating)?;
        let others: Vec<_> = peers.iter().filter(|(_, peer)| *peer != shared.me).collect();
        let rows = exposures(shared, me, &others).await?;
        let placement = placed(request.min_signers, rows, Counting::default(), [])?;
        let keygen = KeygenProposal { wallet: request.wallet, suites: vec![request.key.suite], placement, peers };
        let chain_code = request.chain_code.unwrap_or_else(|| request.key.chain_code());
        let body = ImportProposal { keygen, key: request.key.public.clone(), chain_code };
        let (_, _reserved) = check(shared, &body.keygen, shared.me).await?;
        check_alone(shared, &body.key).await?;
        if let Some(id) = &id {
            shared.begin_work(id, digest, Vec::new()).await?;
        }
        let proposal = Proposal { request: id.map_or_else(fresh, Ok)?, body: ProposalBody::Import(body.clone()) };
        let (randoms, mut answers) = answer::propose(shared, &proposal, me, &others, shared.deadline).await?;
        let owner = Owner { secret: request.key.secret, noted: id };
        let key = run(shared, &proposal, &body, (me, me, Some(owner)), &randoms).await?;
        answer::all_done(shared, &mut answers, &others).await;
        if let Some(id) = &id {
            shared.finish_work(id, key.share.key_id().as_bytes().to_vec()).await;
        }
        Ok(key)
    }
}

/// The other participants' side.
pub(super) async fn take_part(
    shared: &Arc<Shared>,
    from: PeerId,
    proposal: &Proposal,
    body: &ImportProposal,
) -> Result<(), CosignerError> {
    let denied = |refusal: Refusal| CosignerError::Denied { reason: refusal.to_string() };
    // One key: whoever consents to a name and a public key must not get another with it.
    if body.keygen.suites.len() != 1 {
        return Err(denied(Refusal::KeyList));
    }
    let (me, _reserved) = check(shared, &body.keygen, from).await?;
    check_alone(shared, &body.key).await?;
    let owner = body.keygen.peers.identifier(from).ok_or_else(|| denied(Refusal::StrangeProposer))?;
    shared.trust_all(body.keygen.peers.iter().map(|(_, peer)| peer).collect()).await?;
    let plan = body.plan();
    if !shared.reshares.is_consented(plan) {
        let description = describe(shared, body);
        shared.reshares.remember(PlannedChange { plan, proposer: shared.name_of(from), description, keys: Vec::new() });
        return Err(denied(Refusal::Consent { plan: hex::encode(plan) }));
    }
    let participants = body.keygen.peers.iter().map(|(identifier, _)| identifier);
    let randoms = answer::accept(shared, from, proposal, me, participants).await?;
    run(shared, proposal, body, (me, owner, None), &randoms).await?;
    shared.reshares.forget_consent(plan);
    Ok(())
}

/// Refuses a key that is held here already, under whatever suite: one secret key signs for one suite alone, and has one set of shares.
async fn check_alone(shared: &Shared, public: &[u8]) -> Result<(), CosignerError> {
    // Keys of BIP-340 and ECDSA are points of one curve; the sign of one makes no other secret.
    let point = |key: &[u8]| key.last_chunk::<32>().copied();
    let mut after = None;
    loop {
        let page = shared.vault.list(after.as_ref(), 256).await?;
        for summary in page.keys.iter().filter(|summary| summary.active.is_some()) {
            let held = shared.load(&summary.key_id).await?;
            if point(&held.share.public_key()) == point(public) {
                return Err(RequestError::KeyHeld { wallet: held.wallet }.into());
            }
        }
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}

/// An import in words.
fn describe(shared: &Shared, body: &ImportProposal) -> String {
    let threshold = body.keygen.placement.threshold();
    let suite = body.keygen.suites.first().map_or_else(String::new, ToString::to_string);
    format!(
        "IMPORT of a key that was whole: wallet {}, {suite} {}: {} of {}; holders: {}",
        body.keygen.wallet,
        hex::encode(&body.key),
        threshold.min_signers(),
        threshold.max_signers(),
        body.keygen.peers.iter().map(|(_, peer)| shared.name_of(peer)).collect::<Vec<_>>().join(", "),
    )
}

/// What the owner alone has: the whole key, and the id under which it remembers what it makes.
struct Owner {
    secret: Zeroizing<[u8; 32]>,
    noted: Option<RequestId>,
}

/// Who takes part as whom: this participant, the key's owner, and what that one has if they are the same.
type Roles = (Identifier, Identifier, Option<Owner>);

async fn run(
    shared: &Arc<Shared>,
    proposal: &Proposal,
    body: &ImportProposal,
    roles: Roles,
    randoms: &[Random],
) -> Result<WalletKey, CosignerError> {
    let id = proposal.session_id(randoms, 0);
    let made = match body.keygen.suites.first() {
        Some(SuiteId::Ed25519) => one::<Ed25519>(shared, body, roles, id).await,
        Some(SuiteId::Bip340) => one::<Bip340>(shared, body, roles, id).await,
        Some(SuiteId::EcdsaSecp256k1) => one::<EcdsaSecp256k1>(shared, body, roles, id).await,
        Some(_) | None => Err(CosignerError::Bug("a suite that was refused before").into()),
    };
    let name = |id| body.keygen.peers.peer(id).map_or_else(|| id.to_string(), |peer| shared.name_of(peer));
    let key = made.map_err(|error| error.named(name))?;
    let entry = audit::entry(AuditKind::KeyImported).key(*key.share.key_id().as_bytes()).request(proposal.request);
    shared.audit.note(entry.reason(&format!("wallet {}", key.wallet))).await;
    Ok(key)
}

/// As a key generation: the share is durable as pending before the confirmation leaves.
async fn one<C: HeldSuite>(
    shared: &Arc<Shared>,
    body: &ImportProposal,
    (me, owner, own): Roles,
    id: SessionId,
) -> Result<WalletKey, DriveError> {
    let KeygenProposal { wallet, placement, peers, .. } = &body.keygen;
    let session = shared.session(id, peers);
    let key = VerifyingKey::<C>::from_bytes(&body.key).map_err(quorate_core::Error::from)?;
    let key = ImportedKey::new(owner, key, ChainCode::new(body.chain_code), placement.clone());
    let rng = &mut getrandom::SysRng;
    let machine = match &own {
        Some(own) => Import::<C>::start_owner(&session, &own.secret, key, rng)?,
        None => Import::<C>::start_receiver(&session, key, me, rng)?,
    };
    let noted = own.and_then(|own| own.noted);
    let mut drive = Drive::open(machine, &shared.network, id, peers, shared.deadline)?;
    let mut confirmed = Confirmed { shared, key: None, noted };
    let stored = |share| Stored { wallet: wallet.clone(), peers: peers.clone(), since: shared.clock.now(), share };
    let Outcome::Holds(share) = certify::<C, _>(shared, &stored, &mut drive, &mut confirmed).await? else {
        return Err(CosignerError::Bug("an owner without a share").into());
    };
    let record = Stored { wallet: wallet.clone(), peers: peers.clone(), since: shared.clock.now(), share: C::active(share) };
    activate(shared, &record).await?;
    confirmed.key = None;
    Ok(record.into())
}
