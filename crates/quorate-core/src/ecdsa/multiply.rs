//! Round 2: every signer multiplies its nonce and its signing share, as Alice, with every other signer's factor; and what it makes of
//! the others' answers.

use alloc::{collections::BTreeMap, sync::Arc, vec::Vec};

use group::Group;
use zeroize::Zeroizing;

use super::{
    Presignature,
    check::{self, Answer, Answers, Claim, Part},
    commit::{Nonce, Opening},
    extension,
    message::Lengths,
    pairing::Refused,
    run::Run,
    suite::{COORDINATES, EcdsaSuite},
    vole::{self, Rejected, Shares, Theta},
};
use crate::{
    curve::Curve,
    domain,
    error::{Error, Fault, FaultKind, InputError},
    identifier::Identifier,
    machine::{self, Arrived, Outbox, Parts},
    randomness::Hedged,
    secret::Secret,
    transcript::Hash,
    wire::Writer,
};

/// One presignature's secrets of one signer.
pub(crate) struct Inputs<C: Curve> {
    pub(crate) nonce: Nonce<C>,
    pub(crate) sk: Secret<C::Scalar>,
}

/// What goes on with one other signer.
pub(crate) struct Link<C: Curve> {
    pub(crate) receiver: extension::Receiver,
    /// Until the answer is made.
    pub(crate) sender: Option<extension::Sender>,
    /// ctx′ but for the index.
    pub(crate) context: [u8; 32],
    /// For each presignature Bob's factor χ, and Alice's shares cᵘ and cᵛ.
    pub(crate) products: Vec<Product<C>>,
}

pub(crate) struct Product<C: Curve> {
    pub(crate) chi: Secret<C::Scalar>,
    pub(crate) c: Shares<C>,
}

impl<C: Curve> Link<C> {
    /// ctx′ of one multiplication.
    pub(crate) fn context(&self, index: usize) -> [u8; 32] {
        Hash::new(domain::ECDSA_MULTIPLY).field(&self.context).number(index.try_into().unwrap_or(u64::MAX)).finish()
    }
}

/// What one signer keeps from its second message to the others' second messages.
pub(crate) struct Multiply<C: EcdsaSuite> {
    pub(super) run: Run<C>,
    pub(super) hedged: Hedged,
    pub(super) inputs: Vec<Inputs<C>>,
    /// Rᵢ and pkᵢ of each presignature, once they are sent.
    pub(super) points: Vec<[C::Point; 2]>,
    pub(super) links: BTreeMap<Identifier, Link<C>>,
    pub(super) commitments: BTreeMap<Identifier, [u8; 32]>,
    pub(super) transcript: [u8; 32],
}

impl<C: EcdsaSuite> Multiply<C> {
    /// Multiplies with every other signer, and opens the commitment.
    pub(crate) fn begin(mut self, opening: &Opening) -> Result<(Self, Outbox), Error> {
        let pks: Vec<C::Point> = self.inputs.iter().map(|input| C::mul_generator(input.sk.expose())).collect();
        self.points = self.inputs.iter().zip(&pks).map(|(input, pk)| [input.nonce.point, *pk]).collect();
        let mut broadcast = Writer::default();
        broadcast.raw(&opening.salt);
        for (nonce_point, pk) in opening.points.chunks(COORDINATES).zip(C::encode_coordinates(&pks)) {
            broadcast.raw(nonce_point);
            broadcast.raw(&pk);
        }
        let broadcast = broadcast.into_bytes();
        let (mut private, mut gammas) = (BTreeMap::new(), Vec::with_capacity(self.links.len()));
        for (peer, link) in &mut self.links {
            let (answer, gamma) = answer(&self.run, *peer, link, &self.inputs, &broadcast, &mut self.hedged)?;
            private.insert(*peer, answer);
            gammas.push(gamma);
        }
        // All encodings with one inversion.
        for (message, gamma) in private.values_mut().zip(C::encode_points(&gammas)) {
            message.extend_from_slice(gamma.as_ref());
        }
        // Nothing that depends on an extension leaves when its pairing is gone by now.
        self.run.all_live()?;
        let room = machine::room(broadcast.len());
        let outbox = Outbox { broadcast, private, room, receivers: self.run.others() };
        Ok((self, outbox))
    }
}

impl<C: EcdsaSuite> Multiply<C> {
    /// Drops what the answers were made from: it takes memory, and knows Δ.
    pub(crate) fn without_senders(mut self) -> Self {
        self.links.values_mut().for_each(|link| link.sender = None);
        self
    }

    /// All answers are here: checks them, and adds up the presignatures.
    pub(crate) fn advance(mut self, arrived: Arrived<Parts>) -> Result<Vec<Presignature<C>>, Error> {
        let mut points = BTreeMap::new();
        for (peer, message) in &arrived.messages {
            points.insert(*peer, self.opened(*peer, message.broadcast())?);
        }
        let mut received = BTreeMap::new();
        for (peer, message) in &arrived.messages {
            received.insert(*peer, self.received(*peer, message)?);
        }
        self.check_products(&points, &received)?;
        points.insert(self.run.me(), core::mem::take(&mut self.points));
        self.run.all_live()?;
        let sums = self.sums(&points)?;
        let encoded = C::encode_points(&sums);
        let nonces = sums.into_iter().zip(encoded).enumerate();
        let made = nonces.map(|(index, nonce)| self.presignature(index, nonce, &received, &arrived.echo)).collect();
        for (peer, message) in arrived.messages {
            let pairing = self.run.pairings.get(&peer).ok_or(Error::Bug("a pairing is missing"))?;
            pairing.room.give(message.into_frame());
        }
        made
    }

    /// Checks a signer's opening and takes its points, Rⱼ and pkⱼ of each presignature.
    fn opened(&self, peer: Identifier, broadcast: &[u8]) -> Result<Vec<[C::Point; 2]>, Error> {
        let (salt, rest) = broadcast.split_first_chunk::<32>().ok_or(Error::Bug("an opening of another length"))?;
        let mut opening = Opening { salt: *salt, points: Vec::with_capacity(self.run.batch * COORDINATES) };
        let mut points = Vec::with_capacity(self.run.batch);
        let invalid = |_| Fault::by(FaultKind::InvalidElement, peer);
        for pair in rest.chunks_exact(2 * COORDINATES) {
            let (nonce_point, pk) = pair.split_at(COORDINATES);
            let decoded = [C::decode_coordinates(nonce_point).map_err(invalid)?, C::decode_coordinates(pk).map_err(invalid)?];
            opening.points.extend_from_slice(nonce_point);
            points.push(decoded);
        }
        if self.commitments.get(&peer) == Some(&opening.commitment(self.run.context.as_bytes(), peer)) {
            Ok(points)
        } else {
            Err(Fault::by(FaultKind::WrongOpening, peer).into())
        }
    }

    /// Checks a signer's multiplications for us, under the guard.
    fn received(&self, peer: Identifier, message: &Parts) -> Result<Received<C>, Error> {
        let link = self.links.get(&peer).ok_or(Error::Bug("a link is missing"))?;
        let pairing = self.run.pairings.get(&peer).ok_or(Error::Bug("a pairing is missing"))?;
        // All that is wrong without regard to our secrets, before the first check that depends on them.
        let Answers { each, gamma } =
            Answers::<C>::decode(message.private(), self.run.batch).map_err(|_| Fault::by(FaultKind::InvalidElement, peer))?;
        let me = self.run.me();
        let accept = |(index, answer): (usize, &Answer<'_, C>)| {
            let context = link.context(index);
            vole::accept::<C>(&link.receiver, &vole::Subject { context: &context, alice: peer, bob: me, index }, &answer.product)
        };
        // The guard decides whether anyone learns the outcome.
        let outcome: Result<Vec<_>, _> = each.iter().enumerate().map(accept).collect();
        let products = pairing.guard.check(|| outcome).map_err(|refused| match refused {
            Refused::Dead => Error::Input(InputError::NoPairing(peer)),
            Refused::Failed(Rejected::Error(error)) => error,
            Refused::Failed(Rejected::Wrong) => Fault::by(FaultKind::WrongMultiplication, peer).into(),
        })?;
        let thetas = products.iter().map(|(_, theta)| theta);
        let between = check::between::<C>(&link.context, [peer, me], thetas, message.broadcast());
        let shares = each.into_iter().zip(products).map(|(answer, (d, _))| Share { d, psi: answer.psi }).collect();
        Ok(Received { shares, gamma, between })
    }

    /// Checks that what the others multiplied are their Rⱼ and pkⱼ: all at once, and only if that fails one by one, to say who did not.
    fn check_products(
        &mut self,
        points: &BTreeMap<Identifier, Vec<[C::Point; 2]>>,
        received: &BTreeMap<Identifier, Received<C>>,
    ) -> Result<(), Error> {
        let mut claims = Vec::with_capacity(received.len());
        for (peer, received) in received {
            let products = &self.links.get(peer).ok_or(Error::Bug("a link is missing"))?.products;
            let points = points.get(peer).ok_or(Error::Bug("points are missing"))?;
            if [received.shares.len(), points.len(), products.len()] != [self.run.batch; 3] {
                return Err(Error::Bug("an answer is missing"));
            }
            let parts = received.shares.iter().zip(points).zip(products);
            let parts = parts.map(|((Share { d, .. }, points), Product { chi, .. })| Part::<C> {
                points: *points,
                chi: chi.expose(),
                d: d.expose(),
            });
            claims.push(Claim { between: received.between, gamma: received.gamma, parts: parts.collect() });
        }
        if check::hold(&claims, &mut self.hedged) {
            return Ok(());
        }
        let wrong = claims.chunks(1).zip(received.keys()).filter(|(claim, _)| !check::hold(claim, &mut self.hedged));
        Err(Fault::new(FaultKind::WrongNonceProduct, wrong.map(|(_, peer)| *peer).collect()).into())
    }

    /// R of each presignature; and the signers' public shares must add up to the key.
    fn sums(&self, points: &BTreeMap<Identifier, Vec<[C::Point; 2]>>) -> Result<Vec<C::Point>, Error> {
        let mut sums = Vec::with_capacity(self.run.batch);
        for index in 0..self.run.batch {
            let mut sum = [C::Point::identity(); 2];
            for points in points.values() {
                let points = points.get(index).ok_or(Error::Bug("points are missing"))?;
                sum.iter_mut().zip(points).for_each(|(sum, point)| *sum += point);
            }
            let [nonce_point, key] = sum;
            if key != self.run.share.package().verifying_key().to_point() {
                return Err(unless_alone(FaultKind::WrongPublicShares, &self.run.others()).into());
            }
            if bool::from(nonce_point.is_identity()) {
                return Err(Fault::new(FaultKind::IdentityNonce, Vec::new()).into());
            }
            sums.push(nonce_point);
        }
        Ok(sums)
    }

    fn presignature(
        &self,
        index: usize,
        (nonce_point, nonce_bytes): (C::Point, C::PointBytes),
        received: &BTreeMap<Identifier, Received<C>>,
        echo: &[u8; 32],
    ) -> Result<Presignature<C>, Error> {
        let input = self.inputs.get(index).ok_or(Error::Bug("an input is missing"))?;
        let mut factor = Secret::new(*input.nonce.phi.expose());
        let mut shares = Secret::new([C::Scalar::from(0); 2]);
        for (peer, link) in &self.links {
            let received = received.get(peer).and_then(|all| all.shares.get(index)).ok_or(Error::Bug("an answer is missing"))?;
            let product = link.products.get(index).ok_or(Error::Bug("a product is missing"))?;
            *factor.expose_mut() += received.psi.expose();
            let terms = product.c.expose().iter().zip(received.d.expose());
            shares.expose_mut().iter_mut().zip(terms).for_each(|(sum, (c, d))| *sum += *c + d);
        }
        let [u, v] = shares.expose();
        Ok(Presignature {
            id: self.id(index, &nonce_bytes, echo),
            nonce_point,
            nonce_bytes,
            phi: Secret::new(*input.nonce.phi.expose()),
            u: Secret::new(*input.nonce.r.expose() * factor.expose() + u),
            v: Secret::new(*input.sk.expose() * factor.expose() + v),
            share: Arc::clone(&self.run.share),
            signers: self.run.signers.clone(),
            bonds: self.run.bonds(),
        })
    }

    /// Binds everything that all signers saw: both rounds' broadcasts. Signers that saw different ones come to different ids.
    fn id(&self, index: usize, nonce_bytes: &C::PointBytes, echo: &[u8; 32]) -> [u8; 32] {
        Hash::new(domain::ECDSA_PRESIGNATURE)
            .field(self.run.context.as_bytes())
            .field(&self.transcript)
            .field(echo)
            .number(index.try_into().unwrap_or(u64::MAX))
            .field(nonce_bytes.as_ref())
            .finish()
    }
}

/// What came of one signer's answers.
struct Received<C: Curve> {
    /// For each presignature.
    shares: Vec<Share<C>>,
    gamma: C::Point,
    /// w.
    between: C::Scalar,
}

struct Share<C: Curve> {
    d: Shares<C>,
    psi: Secret<C::Scalar>,
}

/// A fault that only the sum shows: it names nobody, unless there is only one other signer.
pub(crate) fn unless_alone(kind: FaultKind, others: &[Identifier]) -> Fault {
    match others {
        [other] => Fault::by(kind, *other),
        _ => Fault::new(kind, Vec::new()),
    }
}

/// The private part for one other signer but for Γ, behind room for the rest of the frame: for each presignature the multiplication as
/// Alice, and ψ. And Γ = Σ (cᵘ + w·cᵛ)·B.
fn answer<C: EcdsaSuite>(
    run: &Run<C>,
    peer: Identifier,
    link: &mut Link<C>,
    inputs: &[Inputs<C>],
    broadcast: &[u8],
    hedged: &mut Hedged,
) -> Result<(Zeroizing<Vec<u8>>, C::Point), Error> {
    let (me, room) = (run.me(), machine::room(broadcast.len()));
    let sender = link.sender.as_ref().ok_or(Error::Bug("an extension is gone"))?;
    let length = Lengths::multiply::<C>(run.batch).private;
    let pairing = run.pairings.get(&peer).ok_or(Error::Bug("a pairing is missing"))?;
    let mut out = pairing.room.take(room.saturating_add(length));
    out.resize(room, 0);
    let mut thetas: Vec<Theta> = Vec::with_capacity(run.batch);
    link.products = Vec::with_capacity(run.batch);
    for (index, input) in inputs.iter().enumerate() {
        let context = link.context(index);
        let subject = vole::Subject { context: &context, alice: me, bob: peer, index };
        let factors = [input.nonce.r.expose(), input.sk.expose()];
        let (c, theta) = vole::multiply::<C>(sender, &subject, factors, hedged, &mut out)?;
        let chi = vole::factor::<C>(&link.receiver, index)?;
        let psi = Zeroizing::new(*input.nonce.phi.expose() - chi.expose());
        out.extend_from_slice(Zeroizing::new(C::encode_scalar(&psi)).as_slice());
        link.products.push(Product { chi, c });
        thetas.push(theta);
    }
    let between = check::between::<C>(&link.context, [me, peer], thetas.iter(), broadcast);
    let mut sum = Zeroizing::new(C::Scalar::from(0));
    for [c_u, c_v] in link.products.iter().map(|product| product.c.expose()) {
        *sum += *c_u + between * c_v;
    }
    Ok((out, C::mul_generator(&sum)))
}
