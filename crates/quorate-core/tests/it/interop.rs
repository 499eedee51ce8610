//! Keys that are shared with another implementation of RFC 9591, and sessions in which both sign: the frost crates of the Zcash
//! Foundation.

use std::collections::BTreeMap;

use frost_core::{self as frost, Ciphersuite};
use quorate_core::{
    Identifier, danger,
    derive::ChainCode,
    frost::{
        Ed25519, FrostSuite, Signature, SignatureShare, SigningCommitments, SigningPackage, Target, aggregate, commit, sign,
    },
    keys::{KeyShare, PublicKeyPackage},
};
use rand::{SeedableRng, rngs::StdRng};
use rand_core_frost::OsRng;

use crate::{
    independent::{Independent, assert_verifies},
    keys::keygen,
    network::{id, set, threshold},
};

const MESSAGE: &[u8] = b"two implementations, one signature";

fn their_id<T: Ciphersuite>(ours: Identifier) -> frost::Identifier<T> {
    ours.to_u16().try_into().unwrap()
}

/// What the other implementation needs of a key of ours.
struct Theirs<T: Ciphersuite> {
    keys: BTreeMap<Identifier, frost::keys::KeyPackage<T>>,
    public: frost::keys::PublicKeyPackage<T>,
}

impl<T: Ciphersuite> Theirs<T> {
    fn export<C: FrostSuite>(shares: &[&KeyShare<C>]) -> Self {
        let package = shares[0].package();
        let key = frost::VerifyingKey::deserialize(package.verifying_key().to_bytes().as_ref()).unwrap();
        let min_signers = package.threshold().min_signers();
        let verifying_share = |id| {
            let share = package.verifying_share(id).unwrap().to_bytes();
            frost::keys::VerifyingShare::deserialize(share.as_ref()).unwrap()
        };
        let keys = shares.iter().map(|share| {
            // Header of three bytes, identifier of two, then the share.
            let record = share.to_secret_bytes();
            let secret = frost::keys::SigningShare::deserialize(&record[5..37]).unwrap();
            assert_eq!(frost::keys::VerifyingShare::from(secret), verifying_share(share.identifier()));
            let their_id = their_id(share.identifier());
            let package = frost::keys::KeyPackage::new(their_id, secret, verifying_share(share.identifier()), key, min_signers);
            (share.identifier(), package)
        });
        let all = package.participants().iter().map(|id| (their_id(id), verifying_share(id))).collect();
        Self { keys: keys.collect(), public: frost::keys::PublicKeyPackage::new(all, key, Some(min_signers)) }
    }
}

fn to_theirs<C: FrostSuite, T: Ciphersuite>(ours: &SigningCommitments<C>) -> frost::round1::SigningCommitments<T> {
    let (hiding, binding) = ours.to_points_bytes();
    let point = |bytes: &[u8]| frost::round1::NonceCommitment::deserialize(bytes).unwrap();
    frost::round1::SigningCommitments::new(point(hiding.as_ref()), point(binding.as_ref()))
}

fn to_ours<C: FrostSuite, T: Ciphersuite>(theirs: &frost::round1::SigningCommitments<T>) -> SigningCommitments<C> {
    let [hiding, binding] = [theirs.hiding(), theirs.binding()].map(|point| point.serialize().unwrap());
    SigningCommitments::from_points_bytes(&hiding, &binding).unwrap()
}

/// One session: `our` participant signs with this crate, `their` participant with the other; either side aggregates.
fn mixed_session<C: Independent, T: Ciphersuite>(our: &KeyShare<C>, their: Identifier, theirs: &Theirs<T>) {
    let key: &PublicKeyPackage<C> = our.package();
    let their_key = &theirs.keys[&their];
    let our_nonces = commit(our, &mut StdRng::seed_from_u64(1)).unwrap();
    let (their_nonces, their_commitments) = frost::round1::commit(their_key.signing_share(), &mut OsRng);

    let our_package = SigningPackage::new(
        BTreeMap::from([(our.identifier(), *our_nonces.commitments()), (their, to_ours(&their_commitments))]),
        MESSAGE,
        Target::default(),
    );
    let our_package = our_package.unwrap();
    let their_package = frost::SigningPackage::new(
        BTreeMap::from([(their_id(our.identifier()), to_theirs(our_nonces.commitments())), (their_id(their), their_commitments)]),
        MESSAGE,
    );

    let our_share = sign(&our_package, our_nonces, our).unwrap();
    let their_share = frost::round2::sign(&their_package, &their_nonces, their_key).unwrap();
    let our_share_there = frost::round2::SignatureShare::<T>::deserialize(&our_share.to_scalar_bytes()).unwrap();
    let their_share_here = SignatureShare::from_scalar_bytes(&their_share.serialize().try_into().unwrap()).unwrap();

    let me = their_id(our.identifier());
    let verifying_share = &theirs.public.verifying_shares()[&me];
    let verifies =
        |share| frost::verify_signature_share(me, verifying_share, share, &their_package, theirs.public.verifying_key());
    verifies(&our_share_there).unwrap();
    verifies(&their_share).unwrap_err();

    let ours = BTreeMap::from([(our.identifier(), our_share), (their, their_share_here)]);
    let signature = aggregate(&our_package, &ours, key).unwrap();
    assert_verifies(&key.verifying_key(), MESSAGE, &signature);
    let theirs_all = BTreeMap::from([(me, our_share_there), (their_id(their), their_share)]);
    let aggregated = frost::aggregate(&their_package, &theirs_all, &theirs.public).unwrap();
    assert_eq!(aggregated.serialize().unwrap(), signature.to_bytes());
    theirs.public.verifying_key().verify(MESSAGE, &aggregated).unwrap();
    assert_eq!(Signature::<C>::from_bytes(&aggregated.serialize().unwrap()), Ok(signature));
}

/// Every pair signs, each of the two on either side.
fn every_mixed_pair_signs<C: Independent, T: Ciphersuite>(shares: &[&KeyShare<C>]) {
    let theirs = Theirs::<T>::export(shares);
    for our in shares {
        for their in shares.iter().map(|share| share.identifier()).filter(|id| *id != our.identifier()) {
            mixed_session(our, their, &theirs);
        }
    }
}

/// A key of our key generation.
fn generated_key_signs_with_the_other_implementation<C: Independent, T: Ciphersuite>() {
    for participants in [[1, 2, 3], [2, 7, 65535]] {
        let shares = keygen::<C>(2, &participants, 200);
        every_mixed_pair_signs::<C, T>(&shares.values().map(AsRef::as_ref).collect::<Vec<_>>());
    }
}

/// A key that the other implementation dealt, put together there and split here.
fn dealt_key_signs_after_it_was_split_again<C: Independent, T: Ciphersuite>() {
    let (dealt, public) =
        frost::keys::generate_with_dealer::<T, _>(3, 2, frost::keys::IdentifierList::Default, &mut OsRng).unwrap();
    let dealt: Vec<_> = dealt.into_values().map(|share| frost::keys::KeyPackage::try_from(share).unwrap()).collect();
    let secret: [u8; 32] = frost::keys::reconstruct(&dealt[1..]).unwrap().serialize().try_into().unwrap();
    let participants = set(&[1, 2, 3]);
    let placement = danger::unchecked_placement(threshold(2, &participants), participants);
    let split = danger::split::<C>(&secret.into(), ChainCode::new([0; 32]), &placement, &mut StdRng::seed_from_u64(2)).unwrap();
    let key = split[0].package().verifying_key();
    assert_eq!(key.to_bytes().as_ref(), public.verifying_key().serialize().unwrap());
    let split: Vec<_> = split.iter().collect();
    every_mixed_pair_signs::<C, T>(&split);
    // And back: what we put together is what they dealt.
    assert_eq!(*danger::combine(&split[..2]).unwrap(), secret);
    assert_eq!(split[2].identifier(), id(3));
}

macro_rules! interop {
    ($($(#[$gate:meta])* $name:ident: $ours:ty, $theirs:ty;)*) => {$(
        $(#[$gate])*
        mod $name {
            #[test]
            fn generated_key_signs_with_the_other_implementation() {
                super::generated_key_signs_with_the_other_implementation::<$ours, $theirs>();
            }

            #[test]
            fn dealt_key_signs_after_it_was_split_again() {
                super::dealt_key_signs_after_it_was_split_again::<$ours, $theirs>();
            }
        }
    )*};
}

interop! {
    ed25519: super::Ed25519, frost_ed25519::Ed25519Sha512;
    #[cfg(feature = "secp256k1")]
    secp256k1: quorate_core::frost::Secp256k1, frost_secp256k1::Secp256K1Sha256;
    #[cfg(feature = "ristretto255")]
    ristretto255: quorate_core::frost::Ristretto255, frost_ristretto255::Ristretto255Sha512;
    #[cfg(feature = "p256")]
    p256: quorate_core::frost::P256, frost_p256::P256Sha256;
}
