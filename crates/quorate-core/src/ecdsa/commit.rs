//! Round 1: every signer commits to its nonces, and begins a multiplication as Bob with every other signer.

use alloc::{collections::BTreeMap, vec, vec::Vec};

use rand_core::TryCryptoRng;
use zeroize::Zeroizing;

use super::{
    Request, extension,
    multiply::{Inputs, Link, Multiply},
    pairing::Refused,
    run::Run,
    suite::EcdsaSuite,
};
use crate::{
    curve::Curve,
    domain,
    error::{Error, Fault, FaultKind, InputError},
    identifier::Identifier,
    machine::{Arrived, Outbox, Parts},
    polynomial,
    randomness::Hedged,
    secret::Secret,
    session::Context,
    transcript::{Hash, HashToScalar},
};

/// What one signer keeps from its first message to the others' first messages.
pub(crate) struct Commit<C: EcdsaSuite> {
    run: Run<C>,
    /// What everyone wants to sign, hashed; of presignatures, that it is not known.
    request: [u8; 32],
    hedged: Hedged,
    /// rᵢ and φᵢ of each presignature.
    nonces: Vec<Nonce<C>>,
    opening: Opening,
    /// What was begun as Bob with each other signer, and the message that says so.
    begun: BTreeMap<Identifier, (extension::Receiver, Vec<u8>)>,
}

pub(crate) struct Nonce<C: Curve> {
    pub(crate) r: Secret<C::Scalar>,
    pub(crate) phi: Secret<C::Scalar>,
    /// r · B.
    pub(crate) point: C::Point,
}

impl<C: Curve> Nonce<C> {
    fn draw(hedged: &mut Hedged) -> Self {
        let (r, phi) = (Secret::new(hedged.scalar::<C>()), Secret::new(hedged.scalar::<C>()));
        let point = C::mul_generator(r.expose());
        Self { r, phi, point }
    }
}

/// What a commitment hides: all nonce points of the batch.
pub(crate) struct Opening {
    pub(crate) salt: [u8; 32],
    /// Their coordinates, one after the other.
    pub(crate) points: Vec<u8>,
}

impl Opening {
    pub(crate) fn commitment(&self, context: &[u8; 32], signer: Identifier) -> [u8; 32] {
        let hash = Hash::new(domain::ECDSA_COMMIT).field(context).identifier(signer);
        hash.field(&self.salt).field(&self.points).finish()
    }
}

fn subject<'a, C: EcdsaSuite>(
    run: &'a Run<C>,
    pairing: &'a [u8; 32],
    sender: Identifier,
    receiver: Identifier,
) -> extension::Subject<'a> {
    extension::Subject { context: run.context.as_bytes(), pairing, sender, receiver, batch: run.batch }
}

impl<C: EcdsaSuite> Commit<C> {
    /// Begins a run.
    ///
    /// The nonces are hedged with the pairings, which are of this boot, and with the request where there is one: a process that restarts
    /// with a generator that is stuck comes to others.
    pub(crate) fn begin(
        run: Run<C>,
        request: Option<&Request>,
        identity: Option<&[u8]>,
        rng: &mut impl TryCryptoRng,
    ) -> Result<(Self, Outbox), Error> {
        let encoded = Zeroizing::new(C::encode_scalar(run.share.signing_share().expose()));
        let request = request_tag(&run.context, request);
        let mut purpose = vec![run.context.as_bytes().as_slice(), identity.unwrap_or_default(), &request];
        purpose.extend(run.pairings.values().map(|pairing| pairing.id().as_slice()));
        let mut hedged = Hedged::draw(rng, b"ecdsa/presign", Some(encoded.as_slice()), &purpose)?;
        let nonces: Vec<_> = (0..run.batch).map(|_| Nonce::<C>::draw(&mut hedged)).collect();
        let points: Vec<_> = nonces.iter().map(|nonce| nonce.point).collect();
        let points = C::encode_coordinates(&points).concat();
        let opening = Opening { salt: hedged.bytes(), points };
        let mut begun = BTreeMap::new();
        for (peer, pairing) in &run.pairings {
            let subject = subject(&run, pairing.id(), *peer, run.me());
            let (receiver, message) = extension::choose(&pairing.receiver, &subject, hedged.bytes());
            begun.insert(*peer, (receiver, [pairing.id().as_slice(), &message].concat()));
        }
        let outbox = Outbox {
            broadcast: [opening.commitment(run.context.as_bytes(), run.me()), request].concat(),
            private: begun.iter().map(|(peer, (_, message))| (*peer, Zeroizing::new(message.clone()))).collect(),
            receivers: run.others(),
            room: 0,
        };
        Ok((Self { run, request, hedged, nonces, opening, begun }, outbox))
    }

    /// All commitments and extensions are here: checks the extensions, and multiplies as Alice.
    pub(crate) fn advance(mut self, arrived: &Arrived<Parts>) -> Result<(Multiply<C>, Outbox), Error> {
        let own = self.opening.commitment(self.run.context.as_bytes(), self.run.me());
        let mut commitments = BTreeMap::from([(self.run.me(), own)]);
        for (from, message) in &arrived.messages {
            let (commitment, request) =
                message.broadcast().split_first_chunk().ok_or(Error::Bug("a commitment of another length"))?;
            if request != self.request {
                return Err(Fault::by(FaultKind::DifferentRequest, *from).into());
            }
            commitments.insert(*from, *commitment);
        }
        let transcript = transcript(&self.run.context, &commitments);
        let mut links = BTreeMap::new();
        for (peer, (receiver, ours)) in core::mem::take(&mut self.begun) {
            let theirs = arrived.messages.get(&peer).ok_or(Error::Bug("a message is missing"))?;
            links.insert(peer, self.link(peer, receiver, &ours, theirs.private(), &transcript)?);
        }
        // A copied state that meets other messages, private ones too, draws other values.
        let secret = Zeroizing::new(C::encode_scalar(self.run.share.signing_share().expose()));
        let mut met = vec![transcript.as_slice(), &arrived.echo];
        met.extend(links.values().map(|link: &Link<C>| link.context.as_slice()));
        self.hedged.bind(secret.as_slice(), &met);
        let signing_shares = self.signing_shares(&transcript)?;
        let inputs = self.nonces.into_iter().zip(signing_shares).map(|(nonce, sk)| Inputs { nonce, sk }).collect();
        let Self { run, hedged, opening, .. } = self;
        Multiply { run, hedged, inputs, points: Vec::new(), links, commitments, transcript }.begin(&opening)
    }

    /// Checks the peer's extension, under the guard.
    fn link(
        &self,
        peer: Identifier,
        receiver: extension::Receiver,
        ours: &[u8],
        theirs: &[u8],
        transcript: &[u8; 32],
    ) -> Result<Link<C>, Error> {
        let pairing = self.run.pairings.get(&peer).ok_or(InputError::NoPairing(peer))?;
        let subject = subject(&self.run, pairing.id(), self.run.me(), peer);
        // A side that missed the end of a pairing, or made one more, is no cheat, and its message must not meet our Δ.
        let extension = theirs.strip_prefix(pairing.id()).ok_or_else(|| Fault::by(FaultKind::DifferentPairing, peer))?;
        let checked = pairing.guard.check(|| extension::check(&pairing.sender, &subject, extension));
        let sender = checked.map_err(|refused| match refused {
            Refused::Dead => Error::Input(InputError::NoPairing(peer)),
            Refused::Failed(_) => Fault::by(FaultKind::WrongExtension, peer).into(),
        })?;
        // Both first messages, in the order of their senders.
        let (first, second) = if self.run.me() < peer { (ours, theirs) } else { (theirs, ours) };
        let hash = Hash::new(domain::ECDSA_MULTIPLY).field(self.run.context.as_bytes()).field(transcript).field(pairing.id());
        let context = hash.field(first).field(second).finish();
        Ok(Link { receiver, sender: Some(sender), context, products: Vec::new() })
    }

    /// skᵢ = λᵢ·sᵢ + ζᵢ for each presignature, ζᵢ being this signer's share of zero.
    fn signing_shares(&self, transcript: &[u8; 32]) -> Result<Vec<Secret<C::Scalar>>, Error> {
        let me = self.run.me();
        let lambda = polynomial::lagrange_coefficient::<C>(&self.run.signers, me)?;
        let shares = (0..self.run.batch).map(|index| {
            let mut sum = Secret::new(lambda * self.run.share.signing_share().expose());
            for (peer, pairing) in &self.run.pairings {
                let hash = HashToScalar::new(domain::ECDSA_ZERO_SHARE).field(pairing.zero_key.expose()).field(transcript);
                let term = Secret::new(hash.number(index.try_into().unwrap_or(u64::MAX)).finish_scalar::<C>());
                if me < *peer { *sum.expose_mut() += term.expose() } else { *sum.expose_mut() -= term.expose() }
            }
            sum
        });
        Ok(shares.collect())
    }
}

/// What the signers want to sign. They tell each other in the first round, so that a difference costs no signature share.
fn request_tag(context: &Context, request: Option<&Request>) -> [u8; 32] {
    let hash = Hash::new(domain::ECDSA_REQUEST).field(context.as_bytes());
    match request {
        Some(request) => hash.field(request.digest()).value(request.path()).finish(),
        None => hash.absent().finish(),
    }
}

/// The hash of all commitments of the first round.
fn transcript(context: &Context, commitments: &BTreeMap<Identifier, [u8; 32]>) -> [u8; 32] {
    let mut hash = Hash::new(domain::ECDSA_ROUND_1).field(context.as_bytes()).list(commitments.len());
    for (signer, commitment) in commitments {
        hash = hash.identifier(*signer).field(commitment);
    }
    hash.finish()
}

#[cfg(test)]
mod tests {
    use getrandom::SysRng;

    use super::*;
    use crate::{
        ecdsa::{
            EcdsaSecp256k1 as K,
            tests::{Network, id, session},
        },
        identifier::ParticipantSet,
        session::ProtocolId,
    };

    type Sent = BTreeMap<Identifier, Outbox>;

    /// What all but `me` sent, as it arrives.
    fn arrived(me: Identifier, sent: &Sent) -> Arrived<Parts> {
        let message = |outbox: &Outbox| Parts::new(&outbox.broadcast, &outbox.private[&me][outbox.room..]);
        let messages = sent.iter().filter(|(from, _)| **from != me).map(|(from, outbox)| (*from, message(outbox))).collect();
        Arrived { messages, echo: [0; 32] }
    }

    /// What the second signer's nonce is.
    #[derive(PartialEq)]
    enum Second {
        Its,
        TheFirsts,
        TheFirstsNegated,
    }

    /// Runs two signers to the end.
    fn presign(which: Second) -> Vec<Result<usize, Error>> {
        let (network, session, signers) = (Network::<K>::new(2, 2), session(), ParticipantSet::first(2).unwrap());
        let begin = |me: Identifier| {
            let (share, pairings) = (&network.shares[&me], &network.pairings[&me]);
            let run = Run::new(&session, ProtocolId::EcdsaPresign, share, &signers, pairings, 1).unwrap();
            (me, Commit::<K>::begin(run, None, None, &mut SysRng).unwrap())
        };
        let mut begun = BTreeMap::from([begin(id(1)), begin(id(2))]);
        if which != Second::Its {
            let nonce = &begun[&id(1)].0.nonces[0];
            let (r, point) = (*nonce.r.expose(), nonce.point);
            let (r, point) = if which == Second::TheFirstsNegated { (-r, -point) } else { (r, point) };
            let (second, outbox) = begun.get_mut(&id(2)).unwrap();
            (*second.nonces[0].r.expose_mut(), second.nonces[0].point) = (r, point);
            second.opening.points = K::encode_coordinates(&[point]).concat();
            let commitment = second.opening.commitment(second.run.context.as_bytes(), id(2));
            outbox.broadcast = [commitment, second.request].concat();
        }
        let (commits, sent): (Vec<_>, Sent) = begun.into_iter().map(|(me, (commit, sent))| ((me, commit), (me, sent))).unzip();
        let multiply = |(me, commit): (Identifier, Commit<K>)| {
            let (multiply, sent) = commit.advance(&arrived(me, &sent)).unwrap();
            ((me, multiply), (me, sent))
        };
        let (multiplies, sent): (Vec<_>, Sent) = commits.into_iter().map(multiply).unzip();
        let made = multiplies.into_iter().map(|(me, multiply)| multiply.advance(arrived(me, &sent)));
        made.map(|made| made.map(|presignatures| presignatures.len())).collect()
    }

    #[test]
    fn nonces_that_cancel_are_no_signers_fault_and_make_nothing() {
        assert_eq!((presign(Second::Its), presign(Second::TheFirsts)), (vec![Ok(1); 2], vec![Ok(1); 2]));
        let identity = Fault::new(FaultKind::IdentityNonce, Vec::new());
        assert_eq!(presign(Second::TheFirstsNegated), vec![Err(identity.into()); 2]);
    }
}
