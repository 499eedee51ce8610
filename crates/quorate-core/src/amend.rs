//! Amendments: a share that moves to another store, is wrapped by other key services, or is backed up, within its epoch.
//!
//! ```text
//! participant j                          everyone else
//! amendment: key, epoch, j, number, row ──▶ checks the rule over all rows that it knows of, remembers the row, signs with its share
//!                                       ◀── approval
//! approved amendment: n approvals        ──▶ kept beside the certificate
//! ```
//!
//! An amendment is bound to the epoch's public key package, and counts when all participants have approved it. Each has remembered the
//! row before it signs, so that of two amendments that break the rule together, everyone refuses the one that it sees later.

use alloc::{collections::BTreeMap, vec::Vec};

use rand_core::TryCryptoRng;
use zeroize::Zeroizing;

use crate::{
    curve::Curve,
    domain,
    error::{DecodeError, Error, Fault, FaultKind, InputError},
    identifier::Identifier,
    keys::{KeyShare, PublicKeyPackage, RecordKind, VerifyingShare, read_header, write_header},
    placement::Exposure,
    randomness::Hedged,
    schnorr::Proof,
    transcript::{Hash, HashToScalar},
    wire::{Encoding, Reader, Writer},
};

/// One participant's new row, for one epoch of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Amendment {
    package: [u8; 32],
    epoch: u64,
    participant: Identifier,
    number: u32,
    row: Exposure,
}

impl Amendment {
    /// The row that `participant` has from now on. Numbers ascend; gaps mean nothing.
    #[must_use]
    pub const fn new<C: Curve>(package: &PublicKeyPackage<C>, participant: Identifier, number: u32, row: Exposure) -> Self {
        Self { package: *package.digest(), epoch: package.epoch(), participant, number, row }
    }

    /// The digest of the public key package of the epoch that it is for.
    #[must_use]
    pub const fn package_digest(&self) -> &[u8; 32] {
        &self.package
    }

    /// Whether it is for this epoch of this key.
    #[must_use]
    pub fn is_of<C: Curve>(&self, package: &PublicKeyPackage<C>) -> bool {
        self.package == *package.digest() && self.epoch == package.epoch()
    }

    /// Whose row it is.
    #[must_use]
    pub const fn participant(&self) -> Identifier {
        self.participant
    }

    /// Its number among the participant's amendments of the epoch.
    #[must_use]
    pub const fn number(&self) -> u32 {
        self.number
    }

    /// The row.
    #[must_use]
    pub const fn row(&self) -> &Exposure {
        &self.row
    }

    fn digest(&self) -> [u8; 32] {
        Hash::new(domain::AMENDMENT).field(&self.to_bytes()).finish()
    }
}

impl Encoding for Amendment {
    fn write(&self, out: &mut Writer) {
        out.raw(&self.package);
        out.u64(self.epoch);
        self.participant.write(out);
        out.u32(self.number);
        self.row.write(out);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (package, epoch) = (input.array()?, input.u64()?);
        Ok(Self { package, epoch, participant: Identifier::read(input)?, number: input.u32()?, row: Exposure::read(input)? })
    }
}

/// A participant's consent to an amendment, by its share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Approval<C: Curve> {
    proof: Proof<C>,
}

/// `Hq("amend"; R, Y_j, j, amendment)`; the amendment names the package and the epoch.
fn challenge_hash<C: Curve>(
    r: &C::PointBytes,
    share: &VerifyingShare<C>,
    identifier: Identifier,
    amendment: &Amendment,
) -> C::Scalar {
    HashToScalar::new(domain::AMEND)
        .field(r.as_ref())
        .field(share.to_bytes().as_ref())
        .identifier(identifier)
        .field(&amendment.digest())
        .finish_scalar::<C>()
}

/// Approves an amendment with a share.
///
/// # Security
///
/// Whoever approves one must have remembered its row durably, and have found it in order together with all that it has approved before:
/// see [`AmendedPlacement::amend`](crate::placement::AmendedPlacement::amend).
///
/// # Errors
///
/// [`InputError::OtherKey`] if it is not for the share's key and epoch, [`Error::Randomness`].
pub fn approve<C: Curve>(share: &KeyShare<C>, amendment: &Amendment, rng: &mut impl TryCryptoRng) -> Result<Approval<C>, Error> {
    if !amendment.is_of(share.package()) {
        return Err(InputError::OtherKey("amendment").into());
    }
    let secret = share.signing_share().expose();
    let encoded = Zeroizing::new(C::encode_scalar(secret));
    let digest = amendment.digest();
    let mut hedged = Hedged::draw(rng, b"amend", Some(encoded.as_slice()), &[&digest])?;
    let public = VerifyingShare::<C>(C::mul_generator(secret));
    let proof = Proof::new(secret, &mut hedged, |r| challenge_hash(r, &public, share.identifier(), amendment));
    Ok(Approval { proof })
}

impl<C: Curve> Approval<C> {
    /// Checks that participant `identifier` approves the amendment.
    ///
    /// # Errors
    ///
    /// [`FaultKind::WrongApproval`] that names the participant;
    /// [`InputError`] if the key has no such participant, or the amendment is for another one.
    pub fn verify(&self, package: &PublicKeyPackage<C>, identifier: Identifier, amendment: &Amendment) -> Result<(), Error> {
        if !amendment.is_of(package) {
            return Err(InputError::OtherKey("amendment").into());
        }
        let share = package.verifying_share(identifier)?;
        let expected = challenge_hash(&C::encode_point(&self.proof.commitment), &share, identifier, amendment);
        if self.proof.verify_vartime(&share.0, &expected) {
            Ok(())
        } else {
            Err(Fault::by(FaultKind::WrongApproval, identifier).into())
        }
    }
}

impl<C: Curve> Encoding for Approval<C> {
    fn write(&self, out: &mut Writer) {
        write_header(out, RecordKind::Approval, C::SUITE);
        self.proof.write(out);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        read_header(input, RecordKind::Approval, C::SUITE)?;
        Proof::read(input).map(|proof| Self { proof })
    }
}

/// An amendment that all participants of the key have approved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approved<C: Curve> {
    amendment: Amendment,
    /// In the order of the participants.
    approvals: Vec<Approval<C>>,
}

impl<C: Curve> Approved<C> {
    /// Puts the approvals together.
    ///
    /// # Errors
    ///
    /// As [`Approval::verify`]; [`FaultKind::WrongApproval`] that names who has not approved.
    pub fn new(
        package: &PublicKeyPackage<C>,
        amendment: Amendment,
        approvals: &BTreeMap<Identifier, Approval<C>>,
    ) -> Result<Self, Error> {
        let of = |identifier| approvals.get(&identifier).copied().ok_or(Fault::by(FaultKind::WrongApproval, identifier));
        let approvals = package.participants().iter().map(of).collect::<Result<_, _>>()?;
        let approved = Self { amendment, approvals };
        approved.verify(package)?;
        Ok(approved)
    }

    /// What was approved.
    #[must_use]
    pub const fn amendment(&self) -> &Amendment {
        &self.amendment
    }

    /// The record, to be kept and handed on.
    #[must_use]
    pub fn to_record(&self) -> Vec<u8> {
        let mut out = Writer::default();
        write_header(&mut out, RecordKind::ApprovedAmendment, C::SUITE);
        self.amendment.write(&mut out);
        self.approvals.iter().for_each(|approval| approval.proof.write(&mut out));
        out.into_bytes()
    }

    /// Reads a record, and checks every approval.
    ///
    /// # Errors
    ///
    /// [`Error::Decode`], and as [`new`](Self::new).
    pub fn from_record(record: &[u8], package: &PublicKeyPackage<C>) -> Result<Self, Error> {
        let mut input = Reader::new(record);
        read_header(&mut input, RecordKind::ApprovedAmendment, C::SUITE)?;
        let amendment = Amendment::read(&mut input)?;
        let proofs = package.participants().iter().map(|_| Proof::read(&mut input).map(|proof| Approval { proof }));
        let approved = Self { amendment, approvals: proofs.collect::<Result<_, _>>()? };
        input.finish()?;
        approved.verify(package)?;
        Ok(approved)
    }

    fn verify(&self, package: &PublicKeyPackage<C>) -> Result<(), Error> {
        let approvals = package.participants().iter().zip(&self.approvals);
        approvals.into_iter().try_for_each(|(identifier, approval)| approval.verify(package, identifier, &self.amendment))
    }
}
