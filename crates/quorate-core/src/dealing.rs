//! Verifiable dealing: commit, reveal, confirm. The one engine under key generation and, later, resharing.
//!
//! ```text
//!            dealer i                                     every receiver j
//! 1 commit   H(ctx, i, Aᵢ, proofᵢ, eᵢ, saltᵢ)      ──▶    keeps it
//! 2 reveal   Aᵢ, proofᵢ, eᵢ, saltᵢ                 ──▶    opening, proof, exactly t coefficients, subgroup
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
    keys::{Epoch, KeyId, KeyShare, PendingShare, PublicKeyPackage},
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

pub(crate) use message::{Message, confirm_limit, reveal_limit};
use message::{Reveal, proof_challenge};

/// What a dealing is about; the same for everyone.
pub(crate) struct Terms {
    pub(crate) context: Context,
    pub(crate) me: Identifier,
    pub(crate) placement: Placement,
    pub(crate) key_id: KeyId,
    pub(crate) epoch: Epoch,
}

impl Terms {
    pub(crate) fn participants(&self) -> &ParticipantSet {
        self.placement.participants()
    }

    pub(crate) fn min_signers(&self) -> usize {
        usize::from(self.placement.threshold().min_signers())
    }

    fn others(&self) -> Vec<Identifier> {
        self.participants().iter().filter(|id| *id != self.me).collect()
    }
}

/// Waits for everyone's commitment.
pub(crate) struct CommitRound<C: Curve> {
    pub(crate) terms: Terms,
    polynomial: Polynomial<C>,
    reveal: Reveal,
    hedged: Hedged,
}

impl<C: Curve> CommitRound<C> {
    /// Deals `constant` and says so to nobody yet: the outbox holds a hash.
    pub(crate) fn start(terms: Terms, constant: C::Scalar, mut hedged: Hedged) -> (Self, Outbox) {
        let count = terms.placement.threshold().min_signers();
        let polynomial = Polynomial::<C>::with_constant(constant, count, &mut hedged);
        let commitments = C::encode_points(&polynomial.commit());
        let coefficients: Vec<u8> = commitments.iter().flat_map(|point| point.as_ref().iter().copied()).collect();
        let proof = Proof::<C>::new(&polynomial.constant(), &mut hedged, |r| {
            proof_challenge::<C>(&terms.context, terms.me, &coefficients, r.as_ref())
        });
        let reveal = Reveal { coefficients, proof: proof.to_bytes(), contribution: hedged.bytes(), salt: hedged.bytes() };
        let broadcast = reveal.commitment(&terms.context, terms.me).to_vec();
        let outbox = Outbox { broadcast, private: BTreeMap::new(), receivers: terms.others() };
        (Self { terms, polynomial, reveal, hedged }, outbox)
    }

    pub(crate) fn advance(self, arrived: Arrived<Message>) -> Result<(RevealRound<C>, Outbox), Error> {
        let Self { terms, polynomial, reveal, hedged } = self;
        let commits = arrived.messages.into_iter().map(|(from, message)| Ok((from, message.into_commit()?)));
        let commits = commits.collect::<Result<BTreeMap<_, _>, Error>>()?;
        let mut outbox = Outbox { receivers: terms.others(), ..Outbox::default() };
        let mut out = Writer::default();
        reveal.write(&mut out);
        outbox.broadcast = out.into_bytes();
        for to in terms.others() {
            let share = Zeroizing::new(C::encode_scalar(&polynomial.evaluate(to)));
            outbox.private.insert(to, Zeroizing::new(share.to_vec()));
        }
        let own_share = Secret::new(polynomial.evaluate(terms.me));
        let round = RevealRound { terms, own_share, own_reveal: reveal, commits, commit_echo: arrived.echo, hedged };
        Ok((round, outbox))
    }
}

/// Waits for everyone's opened commitments and this participant's private shares.
pub(crate) struct RevealRound<C: Curve> {
    pub(crate) terms: Terms,
    own_share: Secret<C::Scalar>,
    own_reveal: Reveal,
    commits: BTreeMap<Identifier, [u8; 32]>,
    commit_echo: [u8; 32],
    hedged: Hedged,
}

impl<C: Curve> RevealRound<C> {
    pub(crate) fn advance(self, arrived: Arrived<Message>) -> Result<(PendingShare<C>, Outbox), Error> {
        let Self { terms, own_share, own_reveal, commits, commit_echo, mut hedged } = self;
        let mut reveals = BTreeMap::new();
        let mut shares = BTreeMap::new();
        for (from, message) in arrived.messages {
            let (reveal, share) = message.into_reveal()?;
            reveals.insert(from, reveal);
            shares.insert(from, share);
        }
        // Openings first, then what depends on them, so that nobody honest is blamed.
        check::openings(&terms, &commits, &reveals)?;
        check::degrees::<C>(&terms, &reveals)?;
        reveals.insert(terms.me, own_reveal);
        let (sum, constants) = check::decode_and_sum::<C>(&terms, &reveals)?;
        check::proofs::<C>(&terms, &reveals, &constants)?;
        check::subgroup::<C>(&terms, &reveals, &sum)?;
        let signing_share = check::shares::<C>(&terms, &reveals, &sum, &own_share, &shares)?;

        if sum.first().is_none_or(|key| key.is_identity().into()) || bool::from(signing_share.expose().is_zero()) {
            return Err(Fault::new(FaultKind::IdentityKey, Vec::new()).into());
        }
        let transcript = Hash::new(domain::DEALING_TRANSCRIPT)
            .field(terms.context.as_bytes())
            .field(&commit_echo)
            .field(&arrived.echo)
            .finish();
        let chain_code = chain_code(&terms, &reveals);
        let others = terms.others();
        let me = terms.me;
        let package = PublicKeyPackage::new(terms.key_id, terms.epoch, terms.placement, sum, chain_code)
            .map_err(|_| Error::Bug("a checked dealing gives no package"))?;
        let pending = PendingShare::new(me, signing_share, package, transcript, &mut hedged);
        let broadcast = pending.confirmation().to_bytes();
        Ok((pending, Outbox { broadcast, private: BTreeMap::new(), receivers: others }))
    }
}

/// H over everyone's contribution, so that nobody alone chooses the chain code.
fn chain_code(terms: &Terms, reveals: &BTreeMap<Identifier, Reveal>) -> ChainCode {
    let mut hash = Hash::new(domain::CHAIN_CODE).field(terms.context.as_bytes()).list(reveals.len());
    reveals.values().for_each(|reveal| hash.append(&reveal.contribution));
    ChainCode::new(hash.finish())
}

/// Puts the confirmations together.
pub(crate) fn finish<C: Curve>(pending: &PendingShare<C>, arrived: Arrived<Message>) -> Result<KeyShare<C>, Error> {
    let mut confirmations = BTreeMap::new();
    for (from, message) in arrived.messages {
        let proof = Proof::from_bytes(&message.into_confirm()?).map_err(|_| Fault::by(FaultKind::InvalidElement, from))?;
        confirmations.insert(from, proof);
    }
    pending.complete_with(confirmations)
}

/// An element that does not decode is its sender's fault: the link is authenticated, so nobody else can have sent it.
fn element<T>(from: Identifier, decoded: Result<T, DecodeError>) -> Result<T, Error> {
    decoded.map_err(|_| Fault::by(FaultKind::InvalidElement, from).into())
}

#[cfg(test)]
mod tests;
