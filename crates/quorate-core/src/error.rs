//! What can go wrong, and who must act on it: another participant, the caller, the bytes, or us.

use alloc::{boxed::Box, vec, vec::Vec};

use crate::{identifier::Identifier, placement::PlacementError, suite::SuiteId};

/// An error of this crate. Its first word says who must act.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A participant broke the protocol.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The caller gave something that does not fit.
    #[error(transparent)]
    Input(#[from] InputError),
    /// Bytes are not an encoding of what they should be.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// A placement lets one domain reach the key.
    #[error(transparent)]
    Placement(#[from] Box<PlacementError>),
    /// The generator of randomness failed; nothing was sent. Try again when it works.
    #[error("the random generator failed")]
    Randomness,
    /// This library is wrong. Please report it.
    #[error("internal error in quorate-core: {0}")]
    Bug(&'static str),
}

impl From<PlacementError> for Error {
    fn from(error: PlacementError) -> Self {
        Self::Placement(Box::new(error))
    }
}

/// Misbehaviour that a protocol detected, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} (culprits: {culprits:?}; {})", self.response())]
#[non_exhaustive]
pub struct Fault {
    /// Who did it, ascending. Empty where the protocol cannot know.
    pub culprits: Vec<Identifier>,
    /// What they did.
    pub kind: FaultKind,
}

impl Fault {
    pub(crate) fn new(kind: FaultKind, culprits: Vec<Identifier>) -> Self {
        Self { culprits, kind }
    }

    pub(crate) fn by(kind: FaultKind, culprit: Identifier) -> Self {
        Self::new(kind, vec![culprit])
    }

    /// What the caller should do next.
    #[must_use]
    pub fn response(&self) -> Response {
        match (self.kind, self.culprits.is_empty()) {
            (FaultKind::Equivocation, true) => Response::Retry,
            // Whoever proposed different things to the two of us is to blame, and that may be neither.
            (FaultKind::DifferentRequest | FaultKind::DifferentPairing, _) => Response::Retry,
            (
                FaultKind::Equivocation
                | FaultKind::Contradiction
                | FaultKind::WrongOpening
                | FaultKind::WrongDegree
                | FaultKind::WrongProof
                | FaultKind::WrongConstant
                | FaultKind::WrongShare
                | FaultKind::SmallOrderComponent
                | FaultKind::WrongConfirmation
                | FaultKind::WrongSignatureShare
                | FaultKind::WrongAttestation
                | FaultKind::WrongApproval
                | FaultKind::InvalidElement
                | FaultKind::CopiedCommitments
                | FaultKind::WrongNonceProduct,
                _,
            ) => Response::Exclude,
            (FaultKind::WrongPairing | FaultKind::WrongExtension | FaultKind::WrongMultiplication, _) => Response::DropPairing,
            (FaultKind::WrongPublicShares | FaultKind::WrongSignature, true) => Response::Retry,
            (FaultKind::WrongPublicShares | FaultKind::WrongSignature, false) => Response::Exclude,
            (FaultKind::IdentityKey | FaultKind::IdentityNonce, _) => Response::Retry,
        }
    }
}

/// What a participant did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FaultKind {
    /// Participants saw different broadcasts of one sender.
    #[error("participants were told different things")]
    Equivocation,
    /// One sender sent two different messages in one round.
    #[error("two different messages in one round")]
    Contradiction,
    /// A reveal does not open its commitment.
    #[error("a reveal does not open its commitment")]
    WrongOpening,
    /// A polynomial does not have exactly `min_signers` coefficients.
    #[error("a polynomial of the wrong degree")]
    WrongDegree,
    /// A value that is no canonical group element or scalar, or the identity.
    #[error("a value that is no group element or scalar")]
    InvalidElement,
    /// A proof of knowledge does not verify.
    #[error("a proof of knowledge does not verify")]
    WrongProof,
    /// A dealer's constant term is not its share of the key.
    #[error("a dealer did not deal its share of the key")]
    WrongConstant,
    /// A private share does not fit the dealer's commitments.
    #[error("a private share does not fit the commitments")]
    WrongShare,
    /// A commitment has a component outside the prime-order subgroup.
    #[error("a commitment outside the prime-order subgroup")]
    SmallOrderComponent,
    /// The constant terms cancel out: the key would be the identity.
    #[error("the key would be the identity")]
    IdentityKey,
    /// A confirmation does not verify under the sender's verifying share.
    #[error("a confirmation does not verify")]
    WrongConfirmation,
    /// A signature share does not verify under the sender's verifying share.
    #[error("a signature share does not verify")]
    WrongSignatureShare,
    /// An attestation does not verify under the sender's verifying share.
    #[error("an attestation does not verify")]
    WrongAttestation,
    /// An approval of an amendment is missing, or does not verify under the participant's verifying share.
    #[error("an approval of an amendment is missing or does not verify")]
    WrongApproval,
    /// A participant signs another message, key or set than we do.
    #[error("a participant is at work on a different request")]
    DifferentRequest,
    /// A signer sent our own commitments as its own.
    #[error("a participant passes our commitments off as its own")]
    CopiedCommitments,
    /// A signer uses another pairing with us than we do: pair again.
    #[error("a signer uses another pairing than we do, and must pair again")]
    DifferentPairing,
    /// The all-but-one vectors of a pairing are not consistent.
    #[error("the vectors of a pairing are not consistent")]
    WrongPairing,
    /// An oblivious-transfer extension fails its check.
    #[error("an oblivious-transfer extension fails its check")]
    WrongExtension,
    /// A multiplication of shares fails its check.
    #[error("a multiplication of shares fails its check")]
    WrongMultiplication,
    /// What a signer multiplied is not what it committed to.
    #[error("a signer multiplied other values than it committed to")]
    WrongNonceProduct,
    /// The signers' public shares do not add up to the key.
    #[error("the signers' public shares do not add up to the key")]
    WrongPublicShares,
    /// The signers' nonces cancel out.
    #[error("the signers' nonces cancel out")]
    IdentityNonce,
    /// The signature shares do not add up to a signature that verifies.
    #[error("the signature shares do not add up to a signature that verifies")]
    WrongSignature,
}

/// What to do after a [`Fault`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Response {
    /// Run the protocol again, in a new session.
    #[error("retry in a new session")]
    Retry,
    /// Run it again without the culprits, or after they were repaired.
    #[error("exclude the culprits")]
    Exclude,
    /// Run it again without the culprits; the pairing with them is gone, and a new one should wait.
    #[error("exclude the culprits, whose pairing is gone")]
    DropPairing,
}

/// The caller gave something that does not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// Zero is no participant.
    #[error("an identifier must not be zero")]
    ZeroIdentifier,
    /// One identifier twice.
    #[error("participant {0} is listed twice")]
    DuplicateIdentifier(Identifier),
    /// No participants, or too many.
    #[error("a set needs between 1 and 4096 participants")]
    SetSize,
    /// Not 2 ≤ t ≤ n.
    #[error("a threshold of {min_signers} of {max_signers} is not possible: 2 <= min_signers <= max_signers <= 4096")]
    Threshold {
        /// The t that was asked for.
        min_signers: u16,
        /// The n that was asked for.
        max_signers: u16,
    },
    /// A participant that this session or key does not have.
    #[error("participant {0} is not part of this")]
    UnknownParticipant(Identifier),
    /// Two things that must be about the same participants are not.
    #[error("the {0} names other participants")]
    ParticipantsDiffer(&'static str),
    /// Fewer than `min_signers` signers.
    #[error("{given} signers are too few, the key needs {needed}")]
    TooFewSigners {
        /// How many there were.
        given: usize,
        /// How many it takes.
        needed: u16,
    },
    /// The signing package lists other commitments under our identifier than the nonces have.
    #[error("the signing package lists commitments that are not ours under our identifier; nothing was signed, commit afresh")]
    ForeignCommitments,
    /// The signing package does not list this key share.
    #[error("the signing package does not list this participant")]
    NotInSigningSet,
    /// A share, package or message of another key.
    #[error("the {0} belongs to another key or epoch")]
    OtherKey(&'static str),
    /// An epoch at or below one that the key has had. Its number is never used again.
    #[error("epoch {given} is not above epoch {highest} of the key")]
    EpochNotNew {
        /// The epoch that was asked for.
        given: u64,
        /// The highest one known.
        highest: u64,
    },
    /// The session ended before, by its result or by an error.
    #[error("the session is over")]
    SessionOver,
    /// A hardened step needs the whole private key, which is nowhere.
    #[error("hardened derivation step {0}' needs the private key, which never exists; use a non-hardened step")]
    HardenedDerivation(u32),
    /// A path that is not of the form m/0/7, or too long.
    #[error("a derivation path looks like m/0/7 and has at most 255 steps")]
    DerivationPath,
    /// One of 2¹²⁷ unlucky paths or tweaks.
    #[error("this derivation step gives no valid key; use the next index")]
    InvalidTweak,
    /// A tweak that the suite does not have.
    #[error("the suite has no such tweak")]
    UnsupportedTweak,
    /// A signature that does not verify.
    #[error("the signature does not verify")]
    InvalidSignature,
    /// A secret that cannot be a key or share.
    #[error("the secret scalar is zero or does not fit its verifying share")]
    InvalidSecret,
    /// The pairing with a signer is missing, was dropped after a fault, or is of another boot.
    #[error("there is no pairing with participant {0}: pair again")]
    NoPairing(Identifier),
    /// More presignatures in one run than [`crate::ecdsa::MAX_BATCH`], or none.
    #[error("a run makes between 1 and {limit} presignatures")]
    BatchSize {
        /// The limit.
        limit: usize,
    },
    /// A message of more than [`crate::frost::MAX_MESSAGE`] bytes.
    #[error("the message is longer than {limit} bytes")]
    MessageTooLong {
        /// The limit in bytes.
        limit: usize,
    },
}

/// Bytes are not an encoding of what they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes end too early.
    #[error("the bytes end too early")]
    Truncated,
    /// Bytes are left over.
    #[error("bytes are left over")]
    TrailingBytes,
    /// Written by another version of the format.
    #[error("format version {found} is not supported")]
    UnsupportedVersion {
        /// The version in the bytes.
        found: u8,
    },
    /// Another kind of record.
    #[error("these bytes are another kind of record")]
    WrongKind,
    /// A record of another suite.
    #[error("these bytes belong to another suite than {expected}")]
    WrongSuite {
        /// The suite that was asked for.
        expected: SuiteId,
    },
    /// A length above the limit of its place.
    #[error("a length exceeds its limit of {limit}")]
    TooLong {
        /// The limit.
        limit: usize,
    },
    /// The value has another encoding, which is the right one.
    #[error("a value is not in its canonical encoding")]
    NotCanonical,
    /// Not a point, not canonical, or the identity.
    #[error("not a canonical point, or the identity")]
    InvalidPoint,
    /// A scalar not below the group order, or zero where it must not be.
    #[error("not a canonical scalar")]
    InvalidScalar,
    /// A value out of its range.
    #[error("not a valid {0}")]
    InvalidValue(&'static str),
}
