//! Shares of any suite, and the records in which a vault keeps them.

use std::{collections::BTreeMap, sync::Arc};

use quorate_core::{
    DecodeError, Error, Identifier, PeerId, Peers, Placement, SuiteId,
    attest::{attest, attest_pending},
    curve::Curve,
    derive::{self, ChainCode, Derivable, DerivationPath},
    domain,
    ecdsa::EcdsaSecp256k1,
    frost::{Bip340, Ed25519},
    keys::{CertifiedPackage, Confirmation, KeyId, KeyShare, PendingShare, PublicKeyPackage},
    transcript::Hash,
    wire::{Encoding, Reader, Writer},
};
use quorate_storage::{KeyRef, Record};
use quorate_transport::Identity;
use zeroize::Zeroizing;

use crate::payload::{KeyView, PayloadError};

/// The longest name of a wallet, in bytes.
pub(crate) const MAX_WALLET: usize = 40;
const MAX_SHARE_RECORD: usize = 1 << 20;

/// A key share of any suite that a cosigner can hold.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum AnyKeyShare {
    /// Ed25519: Solana and others.
    Ed25519(Arc<KeyShare<Ed25519>>),
    /// BIP-340: the internal key of Taproot outputs.
    Bip340(Arc<KeyShare<Bip340>>),
    /// ECDSA over secp256k1: Ethereum, and Bitcoin outputs of the kind P2WPKH.
    EcdsaSecp256k1(Arc<KeyShare<EcdsaSecp256k1>>),
}

/// A share that not everyone has confirmed yet, of any suite.
#[derive(Debug)]
pub(crate) enum AnyPendingShare {
    Ed25519(Arc<PendingShare<Ed25519>>),
    Bip340(Arc<PendingShare<Bip340>>),
    EcdsaSecp256k1(Arc<PendingShare<EcdsaSecp256k1>>),
}

/// The same expression for whatever suite a value has.
macro_rules! for_any {
    ($kind:ident, $any:expr, $share:ident => $body:expr) => {
        match $any {
            $kind::Ed25519($share) => $body,
            $kind::Bip340($share) => $body,
            $kind::EcdsaSecp256k1($share) => $body,
        }
    };
}

mod amend;

/// What stays the same of a key through all its epochs: name, suite, public key and chain code.
fn key_print<C: Curve>(package: &PublicKeyPackage<C>) -> [u8; 32] {
    Hash::new(domain::CEREMONY_KEY)
        .value(&C::SUITE)
        .value(&package.key_id())
        .field(package.verifying_key().to_bytes().as_ref())
        .field(package.chain_code().as_bytes())
        .finish()
}

impl AnyKeyShare {
    /// What stays the same of the key through all its epochs.
    pub(crate) fn key_print(&self) -> [u8; 32] {
        for_any!(Self, self, share => key_print(share.package()))
    }

    /// The suite.
    #[must_use]
    pub const fn suite(&self) -> SuiteId {
        match self {
            Self::Ed25519(_) => SuiteId::Ed25519,
            Self::Bip340(_) => SuiteId::Bip340,
            Self::EcdsaSecp256k1(_) => SuiteId::EcdsaSecp256k1,
        }
    }

    /// The key's name.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        for_any!(Self, self, share => share.key_id())
    }

    /// The number of the key's polynomial.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        for_any!(Self, self, share => share.package().epoch())
    }

    /// The participant whose share it is.
    #[must_use]
    pub fn identifier(&self) -> Identifier {
        for_any!(Self, self, share => share.identifier())
    }

    /// Where the key's shares are.
    #[must_use]
    pub fn placement(&self) -> &Placement {
        for_any!(Self, self, share => share.package().placement())
    }

    /// The group's public key, encoded.
    #[must_use]
    pub fn public_key(&self) -> Vec<u8> {
        for_any!(Self, self, share => share.package().verifying_key().to_bytes().to_vec())
    }

    /// The key's chain code.
    #[must_use]
    pub fn chain_code(&self) -> ChainCode {
        for_any!(Self, self, share => *share.package().chain_code())
    }

    /// The package and its certificate: what everybody may know of the key in this epoch. [`AnyCertified`] reads it.
    pub(crate) fn certified_record(&self) -> Vec<u8> {
        for_any!(Self, self, share => [share.package().to_bytes(), share.certificate().to_bytes()].concat())
    }

    /// The digest of the package, which names key, epoch, placement and commitments.
    pub(crate) fn package_digest(&self) -> [u8; 32] {
        for_any!(Self, self, share => *share.package().digest())
    }

    pub(crate) fn certificate_record(&self) -> Vec<u8> {
        for_any!(Self, self, share => share.certificate().to_bytes())
    }

    pub(crate) fn package_record(&self) -> Vec<u8> {
        for_any!(Self, self, share => share.package().to_bytes())
    }

    /// Proves possession of the share.
    pub(crate) fn prove(&self, verifier: PeerId, challenge: &[u8; 32]) -> Result<Vec<u8>, Error> {
        Ok(for_any!(Self, self, share => attest(share, verifier, challenge, &mut getrandom::SysRng)?.to_bytes()))
    }

    pub(crate) fn key_ref(&self) -> KeyRef {
        KeyRef::new(*self.key_id().as_bytes(), self.epoch(), self.identifier(), self.suite())
    }
}

/// The child's public key, encoded.
fn child<C: Derivable>(root: &C::Point, chain_code: &ChainCode, path: &[u32]) -> Result<Vec<u8>, PayloadError> {
    let path = DerivationPath::new(path.iter().copied())?;
    let child = derive::derive::<C>(root, chain_code, &path)?;
    Ok(C::encode_point(&child.public).as_ref().to_vec())
}

impl KeyView for AnyKeyShare {
    fn suite(&self) -> SuiteId {
        Self::suite(self)
    }

    fn child_public_key(&self, path: &[u32]) -> Result<Vec<u8>, PayloadError> {
        match self {
            Self::Ed25519(share) => {
                child::<Ed25519>(&share.package().verifying_key().to_point(), share.package().chain_code(), path)
            }
            Self::Bip340(share) => {
                child::<Bip340>(&share.package().verifying_key().to_point(), share.package().chain_code(), path)
            }
            Self::EcdsaSecp256k1(share) => {
                child::<EcdsaSecp256k1>(&share.package().verifying_key().to_point(), share.package().chain_code(), path)
            }
        }
    }
}

impl AnyPendingShare {
    /// What stays the same of the key through all its epochs.
    pub(crate) fn key_print(&self) -> [u8; 32] {
        for_any!(Self, self, share => key_print(share.package()))
    }

    pub(crate) fn key_ref(&self) -> KeyRef {
        let suite = match self {
            Self::Ed25519(_) => SuiteId::Ed25519,
            Self::Bip340(_) => SuiteId::Bip340,
            Self::EcdsaSecp256k1(_) => SuiteId::EcdsaSecp256k1,
        };
        for_any!(Self, self, share => {
            KeyRef::new(*share.package().key_id().as_bytes(), share.package().epoch(), share.identifier(), suite)
        })
    }

    pub(crate) fn placement(&self) -> &Placement {
        for_any!(Self, self, share => share.package().placement())
    }

    pub(crate) fn package_record(&self) -> Vec<u8> {
        for_any!(Self, self, share => share.package().to_bytes())
    }

    /// Proves possession of the share.
    pub(crate) fn prove(&self, verifier: PeerId, challenge: &[u8; 32]) -> Result<Vec<u8>, Error> {
        Ok(for_any!(Self, self, share => attest_pending(share, verifier, challenge, &mut getrandom::SysRng)?.to_bytes()))
    }

    /// Completes the share with a peer's package and certificate.
    pub(crate) fn complete(&self, record: &[u8]) -> Result<AnyKeyShare, Error> {
        fn certificate<C: Curve>(record: &[u8]) -> Result<quorate_core::keys::Certificate<C>, Error> {
            let mut input = Reader::new(record);
            PublicKeyPackage::<C>::read(&mut input)?;
            let certificate = quorate_core::keys::Certificate::read(&mut input)?;
            input.finish()?;
            Ok(certificate)
        }
        Ok(match self {
            Self::Ed25519(share) => AnyKeyShare::Ed25519(Arc::new(share.complete(certificate(record)?)?)),
            Self::Bip340(share) => AnyKeyShare::Bip340(Arc::new(share.complete(certificate(record)?)?)),
            Self::EcdsaSecp256k1(share) => AnyKeyShare::EcdsaSecp256k1(Arc::new(share.complete(certificate(record)?)?)),
        })
    }

    /// The digest of the package, which names key, epoch, placement and commitments.
    pub(crate) fn package_digest(&self) -> [u8; 32] {
        for_any!(Self, self, share => *share.package().digest())
    }

    /// This participant's own confirmation, which may have left before.
    pub(crate) fn confirmation(&self) -> Vec<u8> {
        for_any!(Self, self, share => share.confirmation_record().to_bytes())
    }

    /// Completes the share with everyone's confirmations.
    pub(crate) fn complete_with(&self, confirmations: &BTreeMap<Identifier, Vec<u8>>) -> Result<AnyKeyShare, Error> {
        fn all<C: Curve>(records: &BTreeMap<Identifier, Vec<u8>>) -> Result<Vec<(Identifier, Confirmation<C>)>, Error> {
            records.iter().map(|(from, record)| Ok((*from, Confirmation::from_bytes(record)?))).collect()
        }
        let records = confirmations;
        Ok(match self {
            Self::Ed25519(share) => AnyKeyShare::Ed25519(Arc::new(share.complete_with_confirmations(all(records)?)?)),
            Self::Bip340(share) => AnyKeyShare::Bip340(Arc::new(share.complete_with_confirmations(all(records)?)?)),
            Self::EcdsaSecp256k1(share) => {
                AnyKeyShare::EcdsaSecp256k1(Arc::new(share.complete_with_confirmations(all(records)?)?))
            }
        })
    }
}

/// What everybody may know of a key in one epoch, with everyone's confirmation: verified when it was decoded.
#[derive(Clone, Debug)]
pub(crate) enum AnyCertified {
    Ed25519(Box<CertifiedPackage<Ed25519>>),
    Bip340(Box<CertifiedPackage<Bip340>>),
    EcdsaSecp256k1(Box<CertifiedPackage<EcdsaSecp256k1>>),
}

impl AnyCertified {
    /// Decodes a record and verifies its certificate.
    pub(crate) fn from_record(suite: SuiteId, record: &[u8]) -> Result<Self, Error> {
        match suite {
            SuiteId::Ed25519 => Ok(Self::Ed25519(Box::new(Encoding::from_bytes(record)?))),
            SuiteId::Bip340 => Ok(Self::Bip340(Box::new(Encoding::from_bytes(record)?))),
            SuiteId::EcdsaSecp256k1 => Ok(Self::EcdsaSecp256k1(Box::new(Encoding::from_bytes(record)?))),
            SuiteId::Ristretto255 | SuiteId::Secp256k1 | SuiteId::P256 | SuiteId::EcdsaP256 | _ => Err(unsupported()),
        }
    }

    pub(crate) fn key_id(&self) -> KeyId {
        for_any!(Self, self, certified => certified.package().key_id())
    }

    pub(crate) fn epoch(&self) -> u64 {
        for_any!(Self, self, certified => certified.package().epoch())
    }

    pub(crate) const fn suite(&self) -> SuiteId {
        match self {
            Self::Ed25519(_) => SuiteId::Ed25519,
            Self::Bip340(_) => SuiteId::Bip340,
            Self::EcdsaSecp256k1(_) => SuiteId::EcdsaSecp256k1,
        }
    }

    pub(crate) fn placement(&self) -> &Placement {
        for_any!(Self, self, certified => certified.package().placement())
    }

    pub(crate) fn package_digest(&self) -> [u8; 32] {
        for_any!(Self, self, certified => *certified.package().digest())
    }

    /// What stays the same of the key through all its epochs.
    pub(crate) fn key_print(&self) -> [u8; 32] {
        for_any!(Self, self, certified => key_print(certified.package()))
    }
}

/// What a suite needs so that a cosigner can hold its keys.
pub(crate) trait HeldSuite: Curve {
    fn active(share: KeyShare<Self>) -> AnyKeyShare;
    fn pending(share: Arc<PendingShare<Self>>) -> AnyPendingShare;
    fn held(share: &AnyKeyShare) -> Option<&KeyShare<Self>>;
    fn package(certified: &AnyCertified) -> Option<&PublicKeyPackage<Self>>;
    fn certified(package: CertifiedPackage<Self>) -> AnyCertified;
}

macro_rules! held_suite {
    ($($suite:ident),*) => {$(
        impl HeldSuite for $suite {
            fn active(share: KeyShare<Self>) -> AnyKeyShare {
                AnyKeyShare::$suite(Arc::new(share))
            }

            fn pending(share: Arc<PendingShare<Self>>) -> AnyPendingShare {
                AnyPendingShare::$suite(share)
            }

            fn held(share: &AnyKeyShare) -> Option<&KeyShare<Self>> {
                if let AnyKeyShare::$suite(share) = share { Some(share) } else { None }
            }

            fn package(certified: &AnyCertified) -> Option<&PublicKeyPackage<Self>> {
                if let AnyCertified::$suite(certified) = certified { Some(certified.package()) } else { None }
            }

            fn certified(package: CertifiedPackage<Self>) -> AnyCertified {
                AnyCertified::$suite(Box::new(package))
            }
        }
    )*};
}

held_suite!(Ed25519, Bip340, EcdsaSecp256k1);

/// What a vault keeps of a share: the wallet's name, who stands behind the identifiers, and the share's own record.
#[derive(Debug)]
pub(crate) struct Stored<T> {
    pub(crate) wallet: String,
    pub(crate) peers: Peers,
    /// When the share came about here, in seconds of Unix time, by this cosigner's clock.
    pub(crate) since: u64,
    pub(crate) share: T,
}

/// A share's own record.
pub(crate) trait ShareRecord: Sized {
    fn to_record(&self) -> Zeroizing<Vec<u8>>;
    fn from_record(suite: SuiteId, bytes: &[u8]) -> Result<Self, Error>;
    fn names(&self) -> KeyRef;
    fn print_of_key(&self) -> [u8; 32];
}

impl ShareRecord for AnyKeyShare {
    fn to_record(&self) -> Zeroizing<Vec<u8>> {
        for_any!(Self, self, share => share.to_secret_bytes())
    }

    fn from_record(suite: SuiteId, bytes: &[u8]) -> Result<Self, Error> {
        match suite {
            SuiteId::Ed25519 => Ok(Self::Ed25519(Arc::new(KeyShare::from_secret_bytes(bytes)?))),
            SuiteId::Bip340 => Ok(Self::Bip340(Arc::new(KeyShare::from_secret_bytes(bytes)?))),
            SuiteId::EcdsaSecp256k1 => Ok(Self::EcdsaSecp256k1(Arc::new(KeyShare::from_secret_bytes(bytes)?))),
            SuiteId::Ristretto255 | SuiteId::Secp256k1 | SuiteId::P256 | SuiteId::EcdsaP256 | _ => Err(unsupported()),
        }
    }

    fn names(&self) -> KeyRef {
        self.key_ref()
    }

    fn print_of_key(&self) -> [u8; 32] {
        self.key_print()
    }
}

impl ShareRecord for AnyPendingShare {
    fn to_record(&self) -> Zeroizing<Vec<u8>> {
        for_any!(Self, self, share => share.to_secret_bytes())
    }

    fn from_record(suite: SuiteId, bytes: &[u8]) -> Result<Self, Error> {
        match suite {
            SuiteId::Ed25519 => Ok(Self::Ed25519(Arc::new(PendingShare::from_secret_bytes(bytes)?))),
            SuiteId::Bip340 => Ok(Self::Bip340(Arc::new(PendingShare::from_secret_bytes(bytes)?))),
            SuiteId::EcdsaSecp256k1 => Ok(Self::EcdsaSecp256k1(Arc::new(PendingShare::from_secret_bytes(bytes)?))),
            SuiteId::Ristretto255 | SuiteId::Secp256k1 | SuiteId::P256 | SuiteId::EcdsaP256 | _ => Err(unsupported()),
        }
    }

    fn names(&self) -> KeyRef {
        self.key_ref()
    }

    fn print_of_key(&self) -> [u8; 32] {
        self.key_print()
    }
}

fn unsupported() -> Error {
    DecodeError::InvalidValue("suite of a cosigner's key").into()
}

impl<T: ShareRecord> Record for Stored<T> {
    type Error = Error;

    fn to_secret_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut out = Writer::default();
        out.bytes(self.wallet.as_bytes());
        self.peers.write(&mut out);
        out.u64(self.since);
        out.bytes(&self.share.to_record());
        Zeroizing::new(out.into_bytes())
    }

    fn print(&self) -> Option<[u8; 32]> {
        Some(self.share.print_of_key())
    }

    /// Checks the share against its verifying share, and that the record is the one that was asked for.
    fn from_secret_bytes(bytes: &[u8], key: Option<&KeyRef>) -> Result<Self, Error> {
        let key = key.ok_or(DecodeError::InvalidValue("record of a share"))?;
        let mut input = Reader::new(bytes);
        let wallet = core::str::from_utf8(input.bytes(MAX_WALLET)?).map_err(|_| DecodeError::InvalidValue("wallet name"))?;
        let (peers, since) = (Peers::read(&mut input)?, input.u64()?);
        let share = T::from_record(key.suite(), input.bytes(MAX_SHARE_RECORD)?)?;
        input.finish()?;
        if share.names() != *key {
            return Err(DecodeError::InvalidValue("record of this share").into());
        }
        Ok(Self { wallet: wallet.to_owned(), peers, since, share })
    }
}

/// The record of a cosigner's identity key.
pub(crate) struct IdentityRecord(pub(crate) Zeroizing<[u8; 32]>);

impl IdentityRecord {
    pub(crate) fn identity(&self) -> Identity {
        Identity::from_secret_bytes(&self.0)
    }
}

impl Record for IdentityRecord {
    type Error = DecodeError;

    fn to_secret_bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.0.to_vec())
    }

    fn from_secret_bytes(bytes: &[u8], _: Option<&KeyRef>) -> Result<Self, DecodeError> {
        let bytes = <[u8; 32]>::try_from(bytes).map_err(|_| DecodeError::Truncated)?;
        Ok(Self(Zeroizing::new(bytes)))
    }
}

/// Whether a wallet may have this name: it is part of record names and of file names.
pub(crate) fn is_wallet_name(name: &str) -> bool {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    (1..=MAX_WALLET).contains(&name.len()) && name.chars().all(good)
}

/// The vault's name for one key of a wallet.
pub(crate) fn key_name(wallet: &str, suite: SuiteId) -> String {
    format!("{wallet}.{suite}")
}
