//! A key as its participants hold it: shares, the public package, and the certificate that all of them agree.

use alloc::{collections::BTreeMap, vec::Vec};
use core::fmt;

use ff::Field;
use group::Group;
use zeroize::Zeroizing;

use crate::{
    curve::Curve,
    derive::ChainCode,
    domain,
    error::{DecodeError, Error, Fault, FaultKind, InputError},
    identifier::{Identifier, MAX_PARTICIPANTS, ParticipantSet},
    placement::Placement,
    polynomial,
    randomness::Hedged,
    schnorr::{Proof, batch_coefficients},
    secret::Secret,
    session::Context,
    suite::SuiteId,
    threshold::Threshold,
    transcript::{Hash, HashToScalar},
    wire::{Encoding, Reader, Writer},
};

mod record;
mod share;

pub(crate) use record::{RecordKind, read_header, write_header};
pub use share::{Confirmation, KeyShare, PendingShare};

/// The number of a key's polynomial: 0 after key generation, higher after every reshare.
pub type Epoch = u64;

/// The name of a key: the hash of the context of its key generation. It stays the same through every reshare.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; 32]);

impl KeyId {
    /// Wraps 32 bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    pub(crate) fn of(context: &Context) -> Self {
        Self(Hash::new(domain::KEY_ID).field(context.as_bytes()).finish())
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyId(")?;
        self.0.iter().take(8).try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str("…)")
    }
}

impl Encoding for KeyId {
    fn write(&self, out: &mut Writer) {
        out.raw(&self.0);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.array().map(Self)
    }
}

/// The group's public key: the only thing about a key that the outside world sees.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct VerifyingKey<C: Curve>(pub(crate) C::Point);

impl<C: Curve> VerifyingKey<C> {
    /// Decodes a key: canonical, not the identity, in the prime-order subgroup.
    ///
    /// # Errors
    ///
    /// [`DecodeError::InvalidPoint`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let point = C::decode_point(bytes)?;
        if C::is_prime_order(&point) { Ok(Self(point)) } else { Err(DecodeError::InvalidPoint) }
    }

    /// The standard encoding: 32 bytes on curve25519, 33 (SEC 1 compressed) on secp256k1 and P-256.
    #[must_use]
    pub fn to_bytes(&self) -> C::PointBytes {
        C::encode_point(&self.0)
    }

    /// The point itself, for arithmetic in other crates.
    #[must_use]
    pub const fn to_point(&self) -> C::Point {
        self.0
    }
}

impl<C: Curve> fmt::Debug for VerifyingKey<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({}, ", C::SUITE)?;
        self.to_bytes().as_ref().iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(")")
    }
}

/// A participant's public point: its signing share times the generator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifyingShare<C: Curve>(pub(crate) C::Point);

impl<C: Curve> VerifyingShare<C> {
    /// The standard encoding.
    #[must_use]
    pub fn to_bytes(&self) -> C::PointBytes {
        C::encode_point(&self.0)
    }
}

/// Everything public about a key: what verifies, who holds shares, where they are, and the commitments that every share must fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKeyPackage<C: Curve> {
    key_id: KeyId,
    epoch: Epoch,
    placement: Placement,
    commitments: Vec<C::Point>,
    chain_code: ChainCode,
    /// The first commitment, encoded.
    key_bytes: C::PointBytes,
    digest: [u8; 32],
}

impl<C: Curve> PublicKeyPackage<C> {
    pub(crate) fn new(
        key_id: KeyId,
        epoch: Epoch,
        placement: Placement,
        commitments: Vec<C::Point>,
        chain_code: ChainCode,
    ) -> Result<Self, DecodeError> {
        let degree_fits = commitments.len() == usize::from(placement.threshold().min_signers());
        let group_key_is_sound = commitments.first().is_some_and(|key| !bool::from(key.is_identity()));
        if !degree_fits || !group_key_is_sound {
            return Err(DecodeError::InvalidValue("public key package"));
        }
        let mut hash = Hash::new(domain::PACKAGE)
            .value(&C::SUITE)
            .value(&key_id)
            .number(epoch)
            .field(&placement.digest())
            .value(&placement.threshold())
            .value(placement.participants())
            .field(chain_code.as_bytes())
            .list(commitments.len());
        let encoded = C::encode_points(&commitments);
        encoded.iter().for_each(|point| hash.append(point.as_ref()));
        let key_bytes = *encoded.first().ok_or(DecodeError::InvalidValue("public key package"))?;
        Ok(Self { key_id, epoch, placement, commitments, chain_code, key_bytes, digest: hash.finish() })
    }

    /// The key's name.
    #[must_use]
    pub const fn key_id(&self) -> KeyId {
        self.key_id
    }

    /// The group's public key, encoded: without the inversion that encoding a point takes.
    pub(crate) const fn key_bytes(&self) -> &C::PointBytes {
        &self.key_bytes
    }

    /// The number of the polynomial.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The suite.
    #[must_use]
    pub const fn suite(&self) -> SuiteId {
        C::SUITE
    }

    /// Where the shares are.
    #[must_use]
    pub const fn placement(&self) -> &Placement {
        &self.placement
    }

    /// How many shares sign, of how many.
    #[must_use]
    pub fn threshold(&self) -> Threshold {
        self.placement.threshold()
    }

    /// Who holds shares.
    #[must_use]
    pub fn participants(&self) -> &ParticipantSet {
        self.placement.participants()
    }

    /// The group's public key. A BIP-340 key is an *internal* key: it never appears in an output by itself.
    #[must_use]
    pub fn verifying_key(&self) -> VerifyingKey<C> {
        // Invariant: there are min_signers >= 2 commitments.
        VerifyingKey(self.commitments.first().copied().unwrap_or_else(C::Point::generator))
    }

    /// What BIP-32 and its relatives call the chain code; part of every derivation.
    #[must_use]
    pub const fn chain_code(&self) -> &ChainCode {
        &self.chain_code
    }

    /// The digest that the certificate signs; `P` in docs/protocols.
    #[must_use]
    pub const fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// A participant's public point, from the commitments.
    ///
    /// # Errors
    ///
    /// [`InputError::UnknownParticipant`].
    pub fn verifying_share(&self, identifier: Identifier) -> Result<VerifyingShare<C>, InputError> {
        if !self.participants().contains(identifier) {
            return Err(InputError::UnknownParticipant(identifier));
        }
        Ok(VerifyingShare(polynomial::evaluate_commitments_vartime(&self.commitments, identifier)))
    }

    pub(crate) fn commitments(&self) -> &[C::Point] {
        &self.commitments
    }
}

impl<C: Curve> Encoding for PublicKeyPackage<C> {
    fn write(&self, out: &mut Writer) {
        write_header(out, RecordKind::PublicKeyPackage, C::SUITE);
        self.key_id.write(out);
        out.u64(self.epoch);
        self.placement.write(out);
        C::encode_points(&self.commitments).iter().for_each(|point| out.raw(point.as_ref()));
        self.chain_code.write(out);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        read_header(input, RecordKind::PublicKeyPackage, C::SUITE)?;
        let key_id = KeyId::read(input)?;
        let epoch = input.u64()?;
        let placement = Placement::read(input)?;
        let count = usize::from(placement.threshold().min_signers());
        let encoded = input.raw(count.saturating_mul(C::POINT_BYTES))?;
        #[cfg(quorate_memo)]
        let (_suite, commitments) = crate::memo::remember(encoded, <(C, Vec<_>)>::clone, || {
            read_commitments::<C>(encoded).map(|points| (C::default(), points))
        })?;
        #[cfg(not(quorate_memo))]
        let commitments = read_commitments::<C>(encoded)?;
        Self::new(key_id, epoch, placement, commitments, ChainCode::read(input)?)
    }
}

fn read_commitments<C: Curve>(encoded: &[u8]) -> Result<Vec<C::Point>, DecodeError> {
    let commitments = encoded.chunks_exact(C::POINT_BYTES).map(C::decode_point).collect::<Result<Vec<_>, _>>()?;
    if commitments.iter().all(C::is_prime_order) { Ok(commitments) } else { Err(DecodeError::InvalidPoint) }
}

/// The proof that every participant holds a share that works, and that all saw the same broadcasts.
///
/// Every participant signed the transcript of the dealing and the package's digest with its *new share*.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate<C: Curve> {
    transcript: [u8; 32],
    confirmations: BTreeMap<Identifier, Proof<C>>,
}

impl<C: Curve> Certificate<C> {
    pub(crate) const fn new(transcript: [u8; 32], confirmations: BTreeMap<Identifier, Proof<C>>) -> Self {
        Self { transcript, confirmations }
    }

    /// The hash of all broadcasts of the dealing; `T` in docs/protocols.
    #[must_use]
    pub const fn transcript(&self) -> &[u8; 32] {
        &self.transcript
    }

    /// Checks that every participant of the package confirmed it, with one multi-scalar multiplication; names culprits on failure.
    ///
    /// # Errors
    ///
    /// [`FaultKind::WrongConfirmation`] with everyone whose confirmation is missing or wrong.
    pub fn verify(&self, package: &PublicKeyPackage<C>) -> Result<(), Error> {
        let missing: Vec<_> = package.participants().iter().filter(|id| !self.confirmations.contains_key(id)).collect();
        if !missing.is_empty() || self.confirmations.len() != package.participants().len() {
            return Err(Fault::new(FaultKind::WrongConfirmation, missing).into());
        }
        if self.all_fit(package) {
            return Ok(());
        }
        let culprits = self.confirmations.iter().filter(|(id, proof)| {
            let challenge = confirm_challenge(package, &self.transcript, **id, &C::encode_point(&proof.commitment));
            let share = polynomial::evaluate_commitments_vartime(package.commitments(), **id);
            !proof.verify_vartime(&share, &challenge)
        });
        Err(Fault::new(FaultKind::WrongConfirmation, culprits.map(|(id, _)| *id).collect()).into())
    }

    /// Σ aⱼ·(zⱼ·B − Rⱼ − cⱼ·Yⱼ) = 0. The Yⱼ need not be computed: they are sums of the t commitments, and so are their sums.
    fn all_fit(&self, package: &PublicKeyPackage<C>) -> bool {
        let points: Vec<_> = self.confirmations.values().map(|proof| proof.commitment).collect();
        let encoded = C::encode_points(&points);
        let responses: Vec<_> = self.confirmations.values().map(|proof| C::encode_scalar(&proof.response)).collect();
        let head = [package.digest().as_slice(), &self.transcript];
        let fields = head.into_iter().chain(encoded.iter().map(AsRef::as_ref)).chain(responses.iter().map(<[u8; 32]>::as_slice));
        let weights = batch_coefficients::<C>(fields, points.len());

        let commitments = package.commitments();
        let mut scalars = Vec::with_capacity(1 + points.len() + commitments.len());
        let mut on_generator = C::Scalar::ZERO;
        let mut on_shares = Vec::with_capacity(points.len());
        for (((id, proof), bytes), weight) in self.confirmations.iter().zip(&encoded).zip(&weights) {
            on_generator -= *weight * proof.response;
            let challenge = confirm_challenge(package, &self.transcript, *id, bytes);
            on_shares.push((*id, *weight * challenge));
        }
        scalars.push(on_generator);
        scalars.extend(&weights);
        scalars.extend(polynomial::power_sums::<C>(&on_shares, commitments.len()));
        let all: Vec<_> = core::iter::once(C::Point::generator()).chain(points).chain(commitments.iter().copied()).collect();
        C::multiscalar_mul_vartime(&scalars, &all).is_identity().into()
    }
}

/// A package with the certificate of all its participants: what proves to anybody who knows the key that an epoch is complete.
///
/// Who does not know the key cannot make one for it: the confirmations prove that their makers together know shares of the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertifiedPackage<C: Curve> {
    package: PublicKeyPackage<C>,
    certificate: Certificate<C>,
}

impl<C: Curve> CertifiedPackage<C> {
    /// Puts a package and its certificate together.
    ///
    /// # Errors
    ///
    /// As [`Certificate::verify`].
    pub fn new(package: PublicKeyPackage<C>, certificate: Certificate<C>) -> Result<Self, Error> {
        certificate.verify(&package)?;
        Ok(Self { package, certificate })
    }

    /// Everything public about the key in this epoch.
    #[must_use]
    pub const fn package(&self) -> &PublicKeyPackage<C> {
        &self.package
    }

    /// What all participants of the epoch signed.
    #[must_use]
    pub const fn certificate(&self) -> &Certificate<C> {
        &self.certificate
    }

    /// Checks that this is a later epoch of the same key: whoever holds a share of `old` alone may destroy it.
    ///
    /// # Errors
    ///
    /// [`InputError::OtherKey`] if it is another key, [`InputError::EpochNotNew`] if the epoch is not higher.
    pub fn verify_follows(&self, old: &PublicKeyPackage<C>) -> Result<(), InputError> {
        let new = &self.package;
        if new.key_id() != old.key_id() || new.key_bytes != old.key_bytes || new.chain_code() != old.chain_code() {
            return Err(InputError::OtherKey("certificate"));
        }
        if new.epoch() <= old.epoch() {
            return Err(InputError::EpochNotNew { given: new.epoch(), highest: old.epoch() });
        }
        Ok(())
    }
}

impl<C: Curve> Encoding for CertifiedPackage<C> {
    fn write(&self, out: &mut Writer) {
        self.package.write(out);
        self.certificate.write(out);
    }

    /// Decodes and verifies.
    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (package, certificate) = (PublicKeyPackage::read(input)?, Certificate::read(input)?);
        Self::new(package, certificate).map_err(|_| DecodeError::InvalidValue("certificate"))
    }
}

/// `Hq("dealing/confirm"; R, j, T, P)`. P binds the commitments, so P and j bind the verifying share.
fn confirm_challenge<C: Curve>(
    package: &PublicKeyPackage<C>,
    transcript: &[u8; 32],
    id: Identifier,
    r: &C::PointBytes,
) -> C::Scalar {
    HashToScalar::new(domain::DEALING_CONFIRM)
        .field(r.as_ref())
        .identifier(id)
        .field(transcript)
        .field(package.digest())
        .finish_scalar::<C>()
}

/// One participant's confirmation with its new share.
pub(crate) fn confirm<C: Curve>(
    package: &PublicKeyPackage<C>,
    transcript: &[u8; 32],
    me: Identifier,
    share: &Secret<C::Scalar>,
    hedged: &mut Hedged,
) -> Proof<C> {
    let encoded = Zeroizing::new(C::encode_scalar(share.expose()));
    hedged.bind(encoded.as_slice(), &[transcript, package.digest()]);
    Proof::new(share.expose(), hedged, |r| confirm_challenge(package, transcript, me, r))
}

impl<C: Curve> Encoding for Certificate<C> {
    fn write(&self, out: &mut Writer) {
        write_header(out, RecordKind::Certificate, C::SUITE);
        out.raw(&self.transcript);
        out.length(self.confirmations.len());
        for (identifier, proof) in &self.confirmations {
            identifier.write(out);
            proof.write(out);
        }
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        read_header(input, RecordKind::Certificate, C::SUITE)?;
        let transcript = input.array()?;
        let count = input.length(MAX_PARTICIPANTS)?;
        let mut confirmations = BTreeMap::new();
        for _ in 0..count {
            let identifier = Identifier::read(input)?;
            if confirmations.last_key_value().is_some_and(|(last, _)| *last >= identifier) {
                return Err(DecodeError::NotCanonical);
            }
            confirmations.insert(identifier, Proof::read(input)?);
        }
        Ok(Self { transcript, confirmations })
    }
}
