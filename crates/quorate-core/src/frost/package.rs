//! What a signer is asked to sign: message, key, and everyone's commitments.

use alloc::{collections::BTreeMap, vec::Vec};

use super::{Binding, FrostSuite, MAX_MESSAGE, SigningCommitments, Target, TweakedKey};
use crate::{
    curve::Curve,
    error::{DecodeError, InputError},
    identifier::{Identifier, MAX_PARTICIPANTS, ParticipantSet},
    keys::{PublicKeyPackage, RecordKind, read_header, write_header},
    wire::{Encoding, Reader, Writer},
};

/// The message, the target key, and the commitments of every signer. A coordinator makes it; nobody has to trust it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningPackage<C: Curve> {
    signers: ParticipantSet,
    commitments: Vec<SigningCommitments<C>>,
    message: Vec<u8>,
    target: Target,
}

impl<C: Curve> SigningPackage<C> {
    /// Puts a package together.
    ///
    /// # Errors
    ///
    /// [`InputError::SetSize`] without commitments, [`InputError::MessageTooLong`] above [`MAX_MESSAGE`] bytes.
    pub fn new(
        commitments: BTreeMap<Identifier, SigningCommitments<C>>,
        message: &[u8],
        target: Target,
    ) -> Result<Self, InputError> {
        if message.len() > MAX_MESSAGE {
            return Err(InputError::MessageTooLong { limit: MAX_MESSAGE });
        }
        let signers = ParticipantSet::new(commitments.keys().copied())?;
        Ok(Self { signers, commitments: commitments.into_values().collect(), message: message.to_vec(), target })
    }

    /// Who signs.
    #[must_use]
    pub const fn signers(&self) -> &ParticipantSet {
        &self.signers
    }

    /// The message, byte for byte.
    #[must_use]
    pub fn message(&self) -> &[u8] {
        &self.message
    }

    /// Which key signs.
    #[must_use]
    pub const fn target(&self) -> &Target {
        &self.target
    }

    /// One signer's commitments.
    #[must_use]
    pub fn commitments(&self, identifier: Identifier) -> Option<&SigningCommitments<C>> {
        self.commitments.get(self.signers.position(identifier)?)
    }

    pub(crate) fn entries(&self) -> impl ExactSizeIterator<Item = (Identifier, &SigningCommitments<C>)> {
        self.signers.iter().zip(&self.commitments)
    }
}

impl<C: Curve> Encoding for SigningPackage<C> {
    fn write(&self, out: &mut Writer) {
        write_header(out, RecordKind::SigningPackage, C::SUITE);
        self.signers.write(out);
        self.commitments.iter().for_each(|commitments| commitments.write_body(out));
        out.bytes(&self.message);
        self.target.write(out);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        read_header(input, RecordKind::SigningPackage, C::SUITE)?;
        let signers = ParticipantSet::read(input)?;
        debug_assert!(signers.len() <= MAX_PARTICIPANTS);
        let commitments = signers.iter().map(|_| SigningCommitments::read_body(input)).collect::<Result<Vec<_>, _>>()?;
        let message = input.bytes(MAX_MESSAGE)?.to_vec();
        Ok(Self { signers, commitments, message, target: Target::read(input)? })
    }
}

/// Enough signers, and only participants.
pub(super) fn check_signers(signers: &ParticipantSet, needed: u16, participants: &ParticipantSet) -> Result<(), InputError> {
    if signers.len() < usize::from(needed) {
        return Err(InputError::TooFewSigners { given: signers.len(), needed });
    }
    match signers.iter().find(|id| !participants.contains(*id)) {
        Some(stranger) => Err(InputError::UnknownParticipant(stranger)),
        None => Ok(()),
    }
}

/// Everything that signing, checking and aggregating compute alike.
pub(crate) struct SigningValues<C: FrostSuite> {
    pub(crate) key: TweakedKey<C>,
    pub(crate) binding: Binding<C>,
    pub(crate) challenge: C::Scalar,
    /// The nonces enter negated: R has an odd y (BIP-340).
    pub(crate) nonces_negated: bool,
    /// The shares enter negated: Q's and the tweaks' signs together (BIP-340).
    pub(crate) shares_negated: bool,
}

impl<C: FrostSuite> SigningValues<C> {
    /// Checks the signing set against the key and computes ρ, R and c.
    pub(crate) fn new(key: &PublicKeyPackage<C>, package: &SigningPackage<C>) -> Result<Self, InputError> {
        check_signers(package.signers(), key.threshold().min_signers(), key.participants())?;
        let key = C::resolve(key, package.target())?;
        Ok(Self::with_key(key, package))
    }

    pub(crate) fn with_key(key: TweakedKey<C>, package: &SigningPackage<C>) -> Self {
        let binding = C::bind(&key.point, package);
        Self::with_binding(key, binding, package.message())
    }

    pub(crate) fn with_binding(key: TweakedKey<C>, binding: Binding<C>, message: &[u8]) -> Self {
        let challenge = C::challenge(&binding.group_commitment, &key.point, message);
        Self {
            nonces_negated: C::is_negated(&binding.group_commitment),
            shares_negated: C::is_negated(&key.point) != key.negated,
            key,
            binding,
            challenge,
        }
    }

    /// c·λ with the sign that the shares enter with.
    pub(crate) fn share_factor(&self, lambda: &C::Scalar) -> C::Scalar {
        let factor = self.challenge * lambda;
        if self.shares_negated { -factor } else { factor }
    }

    /// What the aggregate adds for the tweak: c·(±offset).
    pub(crate) fn tweak_term(&self) -> C::Scalar {
        let term = self.challenge * self.key.offset;
        if C::is_negated(&self.key.point) { -term } else { term }
    }
}
