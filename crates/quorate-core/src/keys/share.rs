//! A participant's secret and its public context, before and after everyone confirmed it.

use alloc::collections::BTreeMap;

use ff::Field;
use zeroize::Zeroizing;

use super::{Certificate, KeyId, PublicKeyPackage, RecordKind, VerifyingShare, confirm, read_header, write_header};
use crate::{
    curve::Curve,
    error::{DecodeError, Error, InputError},
    identifier::Identifier,
    polynomial,
    randomness::Hedged,
    schnorr::Proof,
    secret::Secret,
    wire::{Encoding, Reader, Writer},
};

/// A participant's secret share of a key, with the public package and the certificate without which it cannot exist.
///
/// It has no `Clone`: put it in an `Arc` to use it from several places.
#[derive(Debug)]
pub struct KeyShare<C: Curve> {
    identifier: Identifier,
    signing_share: Secret<C::Scalar>,
    package: PublicKeyPackage<C>,
    certificate: Certificate<C>,
}

impl<C: Curve> KeyShare<C> {
    pub(crate) fn new(
        identifier: Identifier,
        signing_share: Secret<C::Scalar>,
        package: PublicKeyPackage<C>,
        certificate: Certificate<C>,
    ) -> Result<Self, Error> {
        check_share(&package, identifier, &signing_share)?;
        certificate.verify(&package)?;
        Ok(Self { identifier, signing_share, package, certificate })
    }

    /// This participant's number.
    #[must_use]
    pub const fn identifier(&self) -> Identifier {
        self.identifier
    }

    /// The key's name.
    #[must_use]
    pub const fn key_id(&self) -> KeyId {
        self.package.key_id
    }

    /// Everything public about the key.
    #[must_use]
    pub const fn package(&self) -> &PublicKeyPackage<C> {
        &self.package
    }

    /// The evidence that every participant holds a working share.
    #[must_use]
    pub const fn certificate(&self) -> &Certificate<C> {
        &self.certificate
    }

    /// This participant's public point.
    #[must_use]
    pub fn verifying_share(&self) -> VerifyingShare<C> {
        VerifyingShare(C::mul_generator(self.signing_share.expose()))
    }

    pub(crate) const fn signing_share(&self) -> &Secret<C::Scalar> {
        &self.signing_share
    }

    /// The record to seal and store. It contains the share: nothing but an encrypted vault should see it.
    #[must_use]
    pub fn to_secret_bytes(&self) -> Zeroizing<alloc::vec::Vec<u8>> {
        let mut out = Writer::default();
        write_header(&mut out, RecordKind::KeyShare, C::SUITE);
        self.identifier.write(&mut out);
        out.raw(Zeroizing::new(C::encode_scalar(self.signing_share.expose())).as_slice());
        self.package.write(&mut out);
        self.certificate.write(&mut out);
        Zeroizing::new(out.into_bytes())
    }

    /// Reads a record, and checks the share against its verifying share and the certificate against the package.
    ///
    /// # Errors
    ///
    /// [`Error::Decode`] if it is not a record of this suite, [`InputError::InvalidSecret`] if the share does not fit, and a
    /// [`Fault`](crate::Fault) if the certificate does not.
    pub fn from_secret_bytes(bytes: &[u8]) -> Result<Self, Error> {
        #[cfg(quorate_memo)]
        return crate::memo::remember(bytes, Self::copy, || Self::read(bytes));
        #[cfg(not(quorate_memo))]
        Self::read(bytes)
    }

    #[cfg(quorate_memo)]
    fn copy(&self) -> Self {
        let signing_share = Secret::new(*self.signing_share.expose());
        let (package, certificate) = (self.package.clone(), self.certificate.clone());
        Self { identifier: self.identifier, signing_share, package, certificate }
    }

    fn read(bytes: &[u8]) -> Result<Self, Error> {
        let mut input = Reader::new(bytes);
        read_header(&mut input, RecordKind::KeyShare, C::SUITE)?;
        let identifier = Identifier::read(&mut input)?;
        let signing_share = read_scalar::<C>(&mut input)?;
        let package = PublicKeyPackage::read(&mut input)?;
        let certificate = Certificate::read(&mut input)?;
        input.finish()?;
        Self::new(identifier, signing_share, package, certificate)
    }
}

/// A share that this participant checked and stored, but that not everyone confirmed yet. It cannot sign.
///
/// It must be durable before this participant's confirmation leaves: once all have confirmed, the others may rely on it. A
/// participant that crashed in between completes it with a peer's [`Certificate`].
#[derive(Debug)]
pub struct PendingShare<C: Curve> {
    identifier: Identifier,
    signing_share: Secret<C::Scalar>,
    package: PublicKeyPackage<C>,
    transcript: [u8; 32],
    confirmation: Proof<C>,
}

impl<C: Curve> PendingShare<C> {
    pub(crate) fn new(
        identifier: Identifier,
        signing_share: Secret<C::Scalar>,
        package: PublicKeyPackage<C>,
        transcript: [u8; 32],
        hedged: &mut Hedged,
    ) -> Self {
        let confirmation = confirm(&package, &transcript, identifier, &signing_share, hedged);
        Self { identifier, signing_share, package, transcript, confirmation }
    }

    /// This participant's number.
    #[must_use]
    pub const fn identifier(&self) -> Identifier {
        self.identifier
    }

    /// Everything public about the key to be.
    #[must_use]
    pub const fn package(&self) -> &PublicKeyPackage<C> {
        &self.package
    }

    /// This participant's confirmation, for a peer that lacks it: the machine sends the same one.
    ///
    /// # Security
    ///
    /// Only when the share is durable: whoever has everyone's confirmation has the certificate, and then the share must not be lost.
    #[must_use]
    pub fn confirmation_record(&self) -> Confirmation<C> {
        Confirmation { transcript: self.transcript, proof: self.confirmation }
    }

    /// Makes the share usable with everyone's confirmations, where a crash cut the machines off before any had them all. This
    /// participant's own need not be among them.
    ///
    /// # Errors
    ///
    /// [`InputError::OtherKey`] if one is about another dealing, and a [`Fault`](crate::Fault) that names whose is missing or wrong.
    pub fn complete_with_confirmations(
        &self,
        confirmations: impl IntoIterator<Item = (Identifier, Confirmation<C>)>,
    ) -> Result<KeyShare<C>, Error> {
        let mut proofs = BTreeMap::new();
        for (from, confirmation) in confirmations {
            if confirmation.transcript != self.transcript {
                return Err(InputError::OtherKey("confirmation").into());
            }
            proofs.insert(from, confirmation.proof);
        }
        self.complete_with(proofs)
    }

    pub(crate) const fn signing_share(&self) -> &Secret<C::Scalar> {
        &self.signing_share
    }

    pub(crate) const fn confirmation(&self) -> &Proof<C> {
        &self.confirmation
    }

    #[cfg(test)]
    pub(crate) const fn transcript(&self) -> &[u8; 32] {
        &self.transcript
    }

    /// Makes the share usable with the certificate of a peer that has it. The pending share stays as it is.
    ///
    /// # Errors
    ///
    /// A [`Fault`](crate::Fault) if the certificate is not one for this package; [`InputError::OtherKey`] if it is about another
    /// dealing.
    pub fn complete(&self, certificate: Certificate<C>) -> Result<KeyShare<C>, Error> {
        if *certificate.transcript() != self.transcript {
            return Err(InputError::OtherKey("certificate").into());
        }
        let signing_share = Secret::new(*self.signing_share.expose());
        KeyShare::new(self.identifier, signing_share, self.package.clone(), certificate)
    }

    pub(crate) fn complete_with(&self, mut confirmations: BTreeMap<Identifier, Proof<C>>) -> Result<KeyShare<C>, Error> {
        confirmations.insert(self.identifier, self.confirmation);
        let certificate = Certificate::new(self.transcript, confirmations);
        // The share was checked when this value was built; only the certificate is new.
        certificate.verify(&self.package)?;
        let signing_share = Secret::new(*self.signing_share.expose());
        Ok(KeyShare { identifier: self.identifier, signing_share, package: self.package.clone(), certificate })
    }

    /// The record to seal and store before the confirmation leaves.
    #[must_use]
    pub fn to_secret_bytes(&self) -> Zeroizing<alloc::vec::Vec<u8>> {
        let mut out = Writer::default();
        write_header(&mut out, RecordKind::PendingShare, C::SUITE);
        self.identifier.write(&mut out);
        out.raw(Zeroizing::new(C::encode_scalar(self.signing_share.expose())).as_slice());
        self.package.write(&mut out);
        out.raw(&self.transcript);
        self.confirmation.write(&mut out);
        Zeroizing::new(out.into_bytes())
    }

    /// Reads a record and checks the share against its verifying share.
    ///
    /// # Errors
    ///
    /// As [`KeyShare::from_secret_bytes`].
    pub fn from_secret_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let mut input = Reader::new(bytes);
        read_header(&mut input, RecordKind::PendingShare, C::SUITE)?;
        let identifier = Identifier::read(&mut input)?;
        let signing_share = read_scalar::<C>(&mut input)?;
        let package = PublicKeyPackage::read(&mut input)?;
        let transcript = input.array()?;
        let confirmation = Proof::read(&mut input)?;
        input.finish()?;
        check_share(&package, identifier, &signing_share)?;
        Ok(Self { identifier, signing_share, package, transcript, confirmation })
    }
}

/// One participant's signature, with its new share, on the transcript of a dealing and its package. A certificate is made of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Confirmation<C: Curve> {
    transcript: [u8; 32],
    proof: Proof<C>,
}

impl<C: Curve> Encoding for Confirmation<C> {
    fn write(&self, out: &mut Writer) {
        write_header(out, RecordKind::Confirmation, C::SUITE);
        out.raw(&self.transcript);
        self.proof.write(out);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        read_header(input, RecordKind::Confirmation, C::SUITE)?;
        Ok(Self { transcript: input.array()?, proof: Proof::read(input)? })
    }
}

fn read_scalar<C: Curve>(input: &mut Reader<'_>) -> Result<Secret<C::Scalar>, DecodeError> {
    let bytes = Zeroizing::new(input.array()?);
    C::decode_scalar(&bytes).map(Secret::new)
}

fn check_share<C: Curve>(package: &PublicKeyPackage<C>, id: Identifier, share: &Secret<C::Scalar>) -> Result<(), InputError> {
    if !package.participants().contains(id) {
        return Err(InputError::UnknownParticipant(id));
    }
    let sound = !bool::from(share.expose().is_zero()) && polynomial::share_fits::<C>(share.expose(), package.commitments(), id);
    if sound { Ok(()) } else { Err(InputError::InvalidSecret) }
}
