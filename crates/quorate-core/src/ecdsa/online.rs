//! The last round: a presignature, a digest, and each signer's two scalars.

use alloc::{collections::BTreeMap, vec::Vec};

use ff::Field;

use super::{
    EcdsaSignature, Presignature,
    multiply::unless_alone,
    signature::nonce_point,
    suite::{EcdsaSuite, NoncePoint, is_high, scalar_of_digest},
};
use crate::{
    curve::Curve,
    derive::DerivationPath,
    domain,
    error::{Error, Fault, FaultKind},
    identifier::{Identifier, ParticipantSet},
    machine::{Outbox, Parts},
    session::Context,
    transcript::{Hash, HashToScalar},
    wire::{Encoding, Writer},
};

/// What is to be signed: a digest, and the child key that signs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    digest: [u8; 32],
    path: DerivationPath,
}

impl Request {
    /// Signs the 32-byte `digest` with the key itself.
    ///
    /// # Security
    ///
    /// Compute the digest from the document that is being approved, on every signer; never take it from somebody else.
    #[must_use]
    pub fn new(digest: [u8; 32]) -> Self {
        Self { digest, path: DerivationPath::default() }
    }

    /// Signs with the child key at `path`.
    #[must_use]
    pub fn at(self, path: DerivationPath) -> Self {
        Self { path, ..self }
    }

    /// The digest.
    #[must_use]
    pub const fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// The way to the key that signs.
    #[must_use]
    pub const fn path(&self) -> &DerivationPath {
        &self.path
    }
}

/// What one signer keeps from its last message to the others' last messages. Nothing of it is secret.
pub(crate) struct Online<C: EcdsaSuite> {
    pub(crate) signers: ParticipantSet,
    pub(crate) me: Identifier,
    /// The key that signs: Y′.
    key: C::Point,
    digest: C::Scalar,
    /// R′, and its x.
    moved: C::Point,
    nonce: NoncePoint<C>,
    own: [C::Scalar; 2],
    tag: [u8; 32],
}

impl<C: EcdsaSuite> Online<C> {
    /// Spends a presignature on a request. From the moment the message leaves, the request counts as signed: a peer that answers with
    /// nonsense still has what it needs for the signature.
    #[expect(clippy::needless_pass_by_value, reason = "the presignature is spent")]
    pub(crate) fn begin(context: &Context, presignature: Presignature<C>, request: &Request) -> Result<(Self, Outbox), Error> {
        let Presignature { nonce_point, phi, u, v, share, signers, bonds, .. } = &presignature;
        let child = C::child_key(share.package(), &request.path)?;
        let key_bytes = match request.path.iter().next() {
            None => *share.package().key_bytes(),
            Some(_) => C::encode_point(&child.public),
        };
        let shift = shift::<C>(context, &presignature, &key_bytes, request);
        let moved = *nonce_point + C::mul_generator_vartime(&shift);
        let nonce = NoncePoint::<C>::of(&moved).ok_or_else(|| unless_alone(FaultKind::IdentityNonce, &[]))?;
        let digest = scalar_of_digest::<C>(&request.digest);
        let w = digest * phi.expose() + nonce.r * (*v.expose() + child.tweak * phi.expose());
        let u = *u.expose() + shift * phi.expose();
        let tag = tag::<C>(&presignature.id, &key_bytes, &child.tweak, request, &shift);
        bonds.all_live()?;
        let mut out = Writer::default();
        out.raw(&C::encode_scalar(&w));
        out.raw(&C::encode_scalar(&u));
        out.raw(&tag);
        let outbox = Outbox { broadcast: out.into_bytes(), receivers: bonds.others(), ..Outbox::default() };
        let (signers, me) = (signers.clone(), share.identifier());
        Ok((Self { signers, me, key: child.public, digest, moved, nonce, own: [w, u], tag }, outbox))
    }

    /// Adds up the signature, and verifies it before anyone sees it.
    pub(crate) fn finish(self, messages: &BTreeMap<Identifier, Parts>) -> Result<EcdsaSignature<C>, Error> {
        let others: Vec<_> = messages.keys().copied().collect();
        let [mut w, mut u] = self.own;
        if messages.values().any(|message| message.broadcast().get(64..) != Some(&self.tag)) {
            return Err(unless_alone(FaultKind::DifferentRequest, &others).into());
        }
        for (from, message) in messages {
            let [their_w, their_u] =
                scalars::<C>(message.broadcast()).ok_or_else(|| Fault::by(FaultKind::InvalidElement, *from))?;
            w += their_w;
            u += their_u;
        }
        let wrong = || unless_alone(FaultKind::WrongSignature, &others);
        // s = w/u and, for the verification, u/w, with one inversion.
        let inverse: Option<C::Scalar> = (w * u).invert().into();
        let inverse = inverse.ok_or_else(wrong)?;
        let (s, s_inverse) = (w.square() * inverse, u.square() * inverse);
        if nonce_point::<C>(&self.key, &self.digest, &self.nonce.r, &s_inverse) != self.moved {
            return Err(wrong().into());
        }
        let NoncePoint { r, recovery_id } = self.nonce;
        let signature = EcdsaSignature { r, s, recovery_id };
        Ok(if is_high::<C>(&s) { EcdsaSignature { s: -s, recovery_id: recovery_id ^ 1, ..signature } } else { signature })
    }
}

/// ε, which moves the nonce: bound to the online session with every signer's fresh value, the presignature, the key, the nonce, the
/// digest and the signers (Groth and Shoup, ePrint 2021/1330). Nobody can choose a message for a nonce that it knows already.
fn shift<C: EcdsaSuite>(context: &Context, presignature: &Presignature<C>, key: &C::PointBytes, request: &Request) -> C::Scalar {
    HashToScalar::new(domain::ECDSA_RERANDOMIZE)
        .field(context.as_bytes())
        .field(&presignature.id)
        .field(key.as_ref())
        .field(presignature.nonce_bytes.as_ref())
        .field(&request.digest)
        .field(&presignature.signers.to_bytes())
        .finish_scalar::<C>()
}

/// What a signature share is for: signers that sign different things find out before they combine.
fn tag<C: EcdsaSuite>(id: &[u8; 32], key: &C::PointBytes, tweak: &C::Scalar, request: &Request, shift: &C::Scalar) -> [u8; 32] {
    Hash::new(domain::ECDSA_ONLINE)
        .field(id)
        .field(key.as_ref())
        .field(&request.digest)
        .field(&C::encode_scalar(tweak))
        .field(&C::encode_scalar(shift))
        .finish()
}

/// w and u′.
fn scalars<C: Curve>(broadcast: &[u8]) -> Option<[C::Scalar; 2]> {
    let (w, rest) = broadcast.split_first_chunk()?;
    Some([C::decode_scalar(w).ok()?, C::decode_scalar(rest.first_chunk()?).ok()?])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ecdsa::{
        EcdsaSecp256k1 as K, OnlineSigning, run,
        tests::{Network, id, run as finish, session},
    };
    use crate::session::ProtocolId;

    #[test]
    fn nonce_that_moves_to_the_identity_is_no_signers_fault() {
        let mut made = finish(Network::<K>::new(2, 2).presigning(&[1, 2], 1), |_, _, _| {});
        let mut presignature = made.remove(&id(1)).unwrap().unwrap().remove(0);
        let (session, request) = (session(), Request::new([7; 32]));
        let context = run::context(&session, ProtocolId::EcdsaOnline, &presignature.share, &presignature.signers);
        let key = *presignature.share.package().key_bytes();
        presignature.nonce_point = -K::mul_generator_vartime(&shift(&context, &presignature, &key, &request));
        let refused = OnlineSigning::start(&session, presignature, &request).err();
        assert_eq!(refused, Some(Fault::new(FaultKind::IdentityNonce, Vec::new()).into()));
    }
}
