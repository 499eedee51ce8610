//! The three messages of a dealing, in structure only.

use alloc::vec::Vec;

use zeroize::Zeroizing;

use crate::{
    curve::Curve,
    domain,
    error::{DecodeError, Error},
    identifier::Identifier,
    session::Context,
    transcript::{Hash, HashToScalar},
    wire::{Reader, Writer},
};

/// A dealer's opened commitment, group elements still encoded.
#[derive(Debug)]
pub(crate) struct Reveal {
    /// `A_{i,0} ‖ … ‖ A_{i,t−1}`.
    pub(crate) coefficients: Vec<u8>,
    /// Proof of knowledge of the constant term.
    pub(crate) proof: Vec<u8>,
    /// `e_i`, for the chain code.
    pub(crate) contribution: [u8; 32],
    /// Hides the commitment.
    pub(crate) salt: [u8; 32],
}

impl Reveal {
    pub(crate) fn write(&self, out: &mut Writer) {
        out.bytes(&self.coefficients);
        out.raw(&self.proof);
        out.raw(&self.contribution);
        out.raw(&self.salt);
    }

    fn parse<C: Curve>(broadcast: &[u8], limit: usize) -> Result<Self, DecodeError> {
        let mut input = Reader::new(broadcast);
        let coefficients = input.bytes(limit)?.to_vec();
        if !coefficients.len().is_multiple_of(C::POINT_BYTES) {
            return Err(DecodeError::InvalidValue("coefficient list"));
        }
        let proof = input.raw(C::POINT_BYTES + 32)?.to_vec();
        let reveal = Self { coefficients, proof, contribution: input.array()?, salt: input.array()? };
        input.finish()?;
        Ok(reveal)
    }

    /// `H("dealing/commit"; ctx, i, A_i, proof_i, e_i, salt_i)`.
    pub(crate) fn commitment(&self, context: &Context, dealer: Identifier) -> [u8; 32] {
        Hash::new(domain::DEALING_COMMIT)
            .field(context.as_bytes())
            .identifier(dealer)
            .field(&self.coefficients)
            .field(&self.proof)
            .field(&self.contribution)
            .field(&self.salt)
            .finish()
    }
}

/// `Hq("dealing/proof"; ctx, i, A_i, R)`.
pub(crate) fn proof_challenge<C: Curve>(context: &Context, dealer: Identifier, coefficients: &[u8], r: &[u8]) -> C::Scalar {
    HashToScalar::new(domain::DEALING_PROOF)
        .field(context.as_bytes())
        .identifier(dealer)
        .field(coefficients)
        .field(r)
        .finish_scalar::<C>()
}

/// A message of any of the three rounds.
#[derive(Debug)]
pub enum Message {
    #[doc(hidden)]
    Commit([u8; 32]),
    #[doc(hidden)]
    Reveal(RevealMessage),
    #[doc(hidden)]
    Confirm(Vec<u8>),
}

/// A reveal with its receiver's private share.
#[doc(hidden)]
pub struct RevealMessage {
    reveal: Reveal,
    share: PrivateShare,
}

/// Nothing for a dealer that leaves the key.
type PrivateShare = Option<Zeroizing<[u8; 32]>>;

impl core::fmt::Debug for RevealMessage {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("RevealMessage")
    }
}

impl Message {
    /// Takes a message apart. The private part of a reveal is there exactly if its receiver is to have a share.
    pub(crate) fn parse<C: Curve>(
        round: u8,
        (broadcast, private): (&[u8], &[u8]),
        min_signers: usize,
        receives: bool,
    ) -> Result<Self, DecodeError> {
        let exact = |bytes: &[u8]| <[u8; 32]>::try_from(bytes).map_err(|_| DecodeError::Truncated);
        let no_private = if private.is_empty() { Ok(()) } else { Err(DecodeError::TrailingBytes) };
        match round {
            1 => no_private.and_then(|()| exact(broadcast)).map(Self::Commit),
            2 => {
                let reveal = Reveal::parse::<C>(broadcast, coefficients_limit::<C>(min_signers))?;
                let share = if receives { Some(Zeroizing::new(exact(private)?)) } else { no_private.map(|()| None)? };
                Ok(Self::Reveal(RevealMessage { reveal, share }))
            }
            _ if broadcast.len() == C::POINT_BYTES + 32 => no_private.map(|()| Self::Confirm(broadcast.to_vec())),
            _ => Err(DecodeError::Truncated),
        }
    }

    pub(crate) fn into_commit(self) -> Result<[u8; 32], Error> {
        match self {
            Self::Commit(commitment) => Ok(commitment),
            Self::Reveal(_) | Self::Confirm(_) => Err(Error::Bug("a message of another round")),
        }
    }

    pub(crate) fn into_reveal(self) -> Result<(Reveal, PrivateShare), Error> {
        match self {
            Self::Reveal(RevealMessage { reveal, share }) => Ok((reveal, share)),
            Self::Commit(_) | Self::Confirm(_) => Err(Error::Bug("a message of another round")),
        }
    }

    pub(crate) fn into_confirm(self) -> Result<Vec<u8>, Error> {
        match self {
            Self::Confirm(proof) => Ok(proof),
            Self::Commit(_) | Self::Reveal(_) => Err(Error::Bug("a message of another round")),
        }
    }
}

/// One coefficient more than honest: so that an oversized polynomial is a fault with a name, and no more than that is kept.
fn coefficients_limit<C: Curve>(min_signers: usize) -> usize {
    min_signers.saturating_add(1).saturating_mul(C::POINT_BYTES)
}

/// The most bytes of a reveal.
pub(crate) fn reveal_limit<C: Curve>(min_signers: usize) -> usize {
    coefficients_limit::<C>(min_signers).saturating_add(4 + C::POINT_BYTES + 32 * 4)
}

/// The most bytes of a confirmation.
pub(crate) const fn confirm_limit<C: Curve>() -> usize {
    C::POINT_BYTES + 32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::curve::{Bip340, Ed25519};

    fn reveal<C: Curve>(min_signers: u8) -> Reveal {
        let points = (1..=min_signers).map(|k| C::mul_generator(&C::Scalar::from(u64::from(k))));
        let coefficients = points.flat_map(|point| C::encode_point(&point).as_ref().to_vec()).collect();
        Reveal { coefficients, proof: [5].repeat(C::POINT_BYTES + 32), contribution: [6; 32], salt: [7; 32] }
    }

    fn written<C: Curve>() -> Vec<u8> {
        let mut out = Writer::default();
        reveal::<C>(2).write(&mut out);
        out.into_bytes()
    }

    /// Whoever changes one of these changes the wire: raise the version. Commitment and confirmation are a hash and a proof, alone.
    #[test]
    fn reveal_of_version_1_is_what_it_was() {
        let tail = ["06".repeat(32), "07".repeat(32)].concat();
        // B and 2·B of each curve.
        let ed25519 = [
            "00000040",
            "5866666666666666666666666666666666666666666666666666666666666666",
            "c9a3f86aae465f0e56513864510f3997561fa2c9e85ea21dc2292309f3cd6022",
            &"05".repeat(64),
            &tail,
        ];
        let bip340 = [
            "00000042",
            "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
            "02c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5",
            &"05".repeat(65),
            &tail,
        ];
        assert_eq!(hex::encode(written::<Ed25519>()), ed25519.concat());
        assert_eq!(hex::encode(written::<Bip340>()), bip340.concat());
        let read = Message::parse::<Bip340>(2, (&written::<Bip340>(), &[8; 32]), 2, true).unwrap().into_reveal().unwrap();
        let mut again = Writer::default();
        read.0.write(&mut again);
        assert_eq!((again.as_bytes(), *read.1.unwrap()), (written::<Bip340>().as_slice(), [8; 32]));
    }
}
