//! Verifiable dealing: commit, reveal, confirm. The one engine under key generation, resharing and import.
//!
//! Dealers D hand new shares to receivers N; in a key generation both are everyone. Whoever is in D or N follows all rounds: a dealer
//! that leaves the key gets no share, and learns from the certificate that it may destroy its old one.
//!
//! ```text
//!            dealer i                                     every receiver j
//! 1 commit   H(ctx, i, Aᵢ, proofᵢ, eᵢ, saltᵢ)      ──▶    keeps it
//! 2 reveal   Aᵢ, proofᵢ, eᵢ, saltᵢ                 ──▶    opening, proof, exactly t coefficients, subgroup,
//!                                                         what is known of Aᵢ₀: in a reshare, λᵢ(D)·Yᵢ
//!            fᵢ(j)                     (private)   ──▶    Σ fᵢ(j)·B = Σₖ jᵏ Σᵢ Aᵢₖ
//!                                                         stores its new share (pending), then
//! 3 confirm  Schnorr signature by the new share    ◀──▶   all n verify: the certificate
//!            on (transcript, package)
//! ```
//!
//! Who learns what: the broadcasts are public to the group; a share goes to its receiver alone. t−1 colluding participants see t−1
//! points of a polynomial of degree t−1, and every polynomial of an honest dealer is independent of what they chose, because all
//! commitments are fixed before any is revealed. Each message is bound to the session's context and its sender; each frame echoes
//! the broadcasts of the round before.

use alloc::{collections::BTreeMap, vec::Vec};

use ff::Field;
use group::Group;
use zeroize::Zeroizing;

use crate::{
    curve::Curve,
    derive::ChainCode,
    domain,
    error::{DecodeError, Error, Fault, FaultKind},
    identifier::{Identifier, ParticipantSet},
    keys::{Certificate, CertifiedPackage, Epoch, KeyId, KeyShare, PendingShare, PublicKeyPackage},
    machine::{Arrived, Outbox},
    placement::Placement,
    polynomial::Polynomial,
    randomness::Hedged,
    schnorr::Proof,
    secret::Secret,
    session::Context,
    transcript::Hash,
    wire::{Encoding, Writer},
};

mod check;
mod message;
mod rounds;

pub(crate) use message::Message;
use message::{Reveal, proof_challenge};
pub use rounds::Outcome;
pub(crate) use rounds::{DealingRounds, Purpose};

/// What a dealing is about; the same for everyone.
pub(crate) struct Terms {
    pub(crate) context: Context,
    pub(crate) me: Identifier,
    /// Who deals.
    pub(crate) dealers: ParticipantSet,
    /// Who receives, and where.
    pub(crate) placement: Placement,
    pub(crate) key_id: KeyId,
    pub(crate) epoch: Epoch,
    /// Nothing if the key is new.
    pub(crate) known: Option<Known>,
}

/// What everyone knows of a key that exists already.
pub(crate) struct Known {
    /// Each dealer's `A_{i,0}`, encoded. Encodings are canonical, so that equal points are equal bytes.
    pub(crate) constants: BTreeMap<Identifier, Vec<u8>>,
    pub(crate) chain_code: ChainCode,
}

impl Terms {
    pub(crate) fn receivers(&self) -> &ParticipantSet {
        self.placement.participants()
    }

    fn receives(&self) -> bool {
        self.receivers().contains(self.me)
    }

    pub(crate) fn min_signers(&self) -> usize {
        usize::from(self.placement.threshold().min_signers())
    }

    /// All who follow the dealing, but for this one.
    fn others(&self) -> Vec<Identifier> {
        let leaving = self.dealers.iter().filter(|id| !self.receivers().contains(*id));
        self.receivers().iter().chain(leaving).filter(|id| *id != self.me).collect()
    }
}

/// Waits for every dealer's commitment.
pub(crate) struct CommitRound<C: Curve> {
    pub(crate) terms: Terms,
    /// What this participant deals, if it does.
    dealt: Option<Dealt<C>>,
    hedged: Hedged,
}

struct Dealt<C: Curve> {
    polynomial: Polynomial<C>,
    reveal: Reveal,
}

impl<C: Curve> Dealt<C> {
    fn new(terms: &Terms, constant: C::Scalar, hedged: &mut Hedged) -> Self {
        let count = terms.placement.threshold().min_signers();
        let polynomial = Polynomial::<C>::with_constant(constant, count, hedged);
        let commitments = C::encode_points(&polynomial.commit());
        let coefficients: Vec<u8> = commitments.iter().flat_map(|point| point.as_ref().iter().copied()).collect();
        let proof = Proof::<C>::new(&polynomial.constant(), hedged, |r| {
            proof_challenge::<C>(&terms.context, terms.me, &coefficients, r.as_ref())
        });
        let reveal = Reveal { coefficients, proof: proof.to_bytes(), contribution: hedged.bytes(), salt: hedged.bytes() };
        Self { polynomial, reveal }
    }
}

impl<C: Curve> CommitRound<C> {
    /// Deals `constant`, if there is one, and says so to nobody yet: the outbox holds a hash.
    pub(crate) fn start(terms: Terms, constant: Option<C::Scalar>, mut hedged: Hedged) -> (Self, Outbox) {
        let dealt = constant.map(|constant| Dealt::new(&terms, constant, &mut hedged));
        let mut outbox = Outbox::default();
        if let Some(dealt) = &dealt {
            outbox.broadcast = dealt.reveal.commitment(&terms.context, terms.me).to_vec();
            outbox.receivers = terms.others();
        }
        (Self { terms, dealt, hedged }, outbox)
    }

    pub(crate) fn advance(self, arrived: Arrived<Message>) -> Result<(RevealRound<C>, Outbox), Error> {
        let Self { terms, dealt, hedged } = self;
        let commits = arrived.messages.into_iter().map(|(from, message)| Ok((from, message.into_commit()?)));
        let commits = commits.collect::<Result<BTreeMap<_, _>, Error>>()?;
        let mut outbox = Outbox::default();
        let mut own = None;
        if let Some(Dealt { polynomial, reveal }) = dealt {
            let mut out = Writer::default();
            reveal.write(&mut out);
            outbox.broadcast = out.into_bytes();
            outbox.receivers = terms.others();
            for to in terms.receivers().iter().filter(|id| *id != terms.me) {
                let share = Zeroizing::new(C::encode_scalar(&polynomial.evaluate(to)));
                outbox.private.insert(to, Zeroizing::new(share.to_vec()));
            }
            own = Some((reveal, Secret::new(polynomial.evaluate(terms.me))));
        }
        Ok((RevealRound { terms, own, commits, commit_echo: arrived.echo, hedged }, outbox))
    }
}

/// Waits for every dealer's opened commitments, and for this participant's private shares.
pub(crate) struct RevealRound<C: Curve> {
    pub(crate) terms: Terms,
    /// This participant's own reveal and its own private share, if it deals.
    own: Option<(Reveal, Secret<C::Scalar>)>,
    commits: BTreeMap<Identifier, [u8; 32]>,
    commit_echo: [u8; 32],
    hedged: Hedged,
}

/// What a participant has when all reveals are checked.
pub(crate) enum Checked<C: Curve> {
    /// A share, and the confirmation of it.
    Share(PendingShare<C>, Outbox),
    /// Only what is public: this dealer leaves the key.
    Leaving(Leaving<C>),
}

/// A dealer that leaves the key and waits for the certificate.
pub(crate) struct Leaving<C: Curve> {
    pub(crate) me: Identifier,
    pub(crate) package: PublicKeyPackage<C>,
    transcript: [u8; 32],
}

impl<C: Curve> RevealRound<C> {
    pub(crate) fn advance(self, arrived: Arrived<Message>) -> Result<Checked<C>, Error> {
        let Self { terms, own, commits, commit_echo, mut hedged } = self;
        let mut reveals = BTreeMap::new();
        let mut shares = BTreeMap::new();
        for (from, message) in arrived.messages {
            let (reveal, share) = message.into_reveal()?;
            reveals.insert(from, reveal);
            shares.extend(share.map(|share| (from, share)));
        }
        // Openings first, then what depends on them, so that nobody honest is blamed.
        check::openings(&terms, &commits, &reveals)?;
        check::degrees::<C>(&terms, &reveals)?;
        check::constants::<C>(&terms, &reveals)?;
        let own_share = own.map(|(reveal, share)| {
            reveals.insert(terms.me, reveal);
            share
        });
        let (sum, constants) = check::decode_and_sum::<C>(&terms, &reveals)?;
        check::proofs::<C>(&terms, &reveals, &constants)?;
        check::subgroup::<C>(&terms, &reveals, &sum)?;
        let identity = || Error::from(Fault::new(FaultKind::IdentityKey, Vec::new()));
        if sum.first().is_none_or(|key| key.is_identity().into()) {
            return Err(identity());
        }
        let share =
            terms.receives().then(|| check::shares::<C>(&terms, &reveals, &sum, own_share.as_ref(), &shares)).transpose()?;
        if share.as_ref().is_some_and(|share| share.expose().is_zero().into()) {
            return Err(identity());
        }

        let transcript = Hash::new(domain::DEALING_TRANSCRIPT)
            .field(terms.context.as_bytes())
            .field(&commit_echo)
            .field(&arrived.echo)
            .finish();
        let chain_code = chain_code(&terms, &reveals);
        let (me, others) = (terms.me, terms.others());
        let package = PublicKeyPackage::new(terms.key_id, terms.epoch, terms.placement, sum, chain_code)
            .map_err(|_| Error::Bug("a checked dealing gives no package"))?;
        let Some(share) = share else {
            return Ok(Checked::Leaving(Leaving { me, package, transcript }));
        };
        let pending = PendingShare::new(me, share, package, transcript, &mut hedged);
        let broadcast = pending.confirmation().to_bytes();
        Ok(Checked::Share(pending, Outbox { broadcast, receivers: others, ..Outbox::default() }))
    }
}

/// The key's own; for a new key H over everyone's contribution, so that nobody alone chooses it.
fn chain_code(terms: &Terms, reveals: &BTreeMap<Identifier, Reveal>) -> ChainCode {
    if let Some(known) = &terms.known {
        return known.chain_code;
    }
    let mut hash = Hash::new(domain::CHAIN_CODE).field(terms.context.as_bytes()).list(reveals.len());
    reveals.values().for_each(|reveal| hash.append(&reveal.contribution));
    ChainCode::new(hash.finish())
}

/// Puts the confirmations together.
pub(crate) fn finish<C: Curve>(pending: &PendingShare<C>, arrived: Arrived<Message>) -> Result<KeyShare<C>, Error> {
    pending.complete_with(confirmations(arrived)?)
}

impl<C: Curve> Leaving<C> {
    pub(crate) fn finish(self, arrived: Arrived<Message>) -> Result<CertifiedPackage<C>, Error> {
        CertifiedPackage::new(self.package, Certificate::new(self.transcript, confirmations(arrived)?))
    }
}

fn confirmations<C: Curve>(arrived: Arrived<Message>) -> Result<BTreeMap<Identifier, Proof<C>>, Error> {
    let proofs = arrived
        .messages
        .into_iter()
        .map(|(from, message)| Ok((from, element(from, Proof::from_bytes(&message.into_confirm()?))?)));
    proofs.collect()
}

/// An element that does not decode is its sender's fault: the link is authenticated, so nobody else can have sent it.
fn element<T>(from: Identifier, decoded: Result<T, DecodeError>) -> Result<T, Error> {
    decoded.map_err(|_| Fault::by(FaultKind::InvalidElement, from).into())
}

#[cfg(test)]
mod tests;
