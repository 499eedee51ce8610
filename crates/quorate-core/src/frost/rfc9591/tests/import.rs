//! A key whose polynomial another implementation dealt: its shares as ours, in sessions with the others as they are.
//!
//! tests/it/interop.rs has the way out and what needs no access to polynomials.

use super::*;
use crate::frost::{SignatureShare, commit};
use frost_core::{self as theirs, Ciphersuite};
use rand_core_frost::OsRng;

struct Dealt<C: Curve, T: Ciphersuite> {
    ours: Vec<crate::keys::KeyShare<C>>,
    theirs: Vec<theirs::keys::KeyPackage<T>>,
    public: theirs::keys::PublicKeyPackage<T>,
}

fn scalar<C: Curve, T: Ciphersuite>(share: &theirs::keys::SecretShare<T>) -> C::Scalar {
    C::decode_scalar(&share.signing_share().serialize().try_into().unwrap()).unwrap()
}

/// The trusted dealer's 2-of-3 key, and the same polynomial dealt by us.
fn dealt<C: FrostSuite, T: Ciphersuite>() -> Dealt<C, T> {
    let all = theirs::keys::IdentifierList::Default;
    let (shares, public) = theirs::keys::generate_with_dealer::<T, _>(3, 2, all, &mut OsRng).unwrap();
    let [first, second] = [1u16, 2].map(|number| scalar::<C, T>(&shares[&number.try_into().unwrap()]));
    let slope = second - first;
    let polynomial = Secret::new(Vec::from([first - slope, slope]));

    let threshold = Threshold::new(2, 3).unwrap();
    let placement = danger::unchecked_placement(threshold, ParticipantSet::first(3).unwrap());
    let mut hedged = Hedged::draw(&mut getrandom::SysRng, b"test", None, &[]).unwrap();
    let (key_id, chain_code) = (KeyId::new([2; 32]), derive::ChainCode::new([0; 32]));
    let ours = danger::deal::<C>(&polynomial, key_id, chain_code, &placement, &mut hedged).unwrap();
    for (ours, theirs) in ours.iter().zip(shares.values()) {
        assert_eq!(*ours.signing_share().expose(), scalar::<C, T>(theirs));
        let commitments = ours.package().commitments().iter().map(|point| C::encode_point(point).as_ref().to_vec());
        assert!(commitments.eq(theirs.commitment().serialize().unwrap()));
    }
    let theirs = shares.into_values().map(|share| share.try_into().unwrap()).collect();
    Dealt { ours, theirs, public }
}

/// Participant `here` signs with its imported share, participant `there` where it was dealt; each side aggregates.
fn imported_share_signs<C: FrostSuite, T: Ciphersuite>(key: &Dealt<C, T>, here: usize, there: usize) {
    let message = b"imported";
    let (our, their) = (&key.ours[here], &key.theirs[there]);
    let [our_id, their_id] = [here, there].map(|index| theirs::Identifier::<T>::try_from(index as u16 + 1).unwrap());
    let nonces = commit(our, &mut getrandom::SysRng).unwrap();
    let (their_nonces, their_commitments) = theirs::round1::commit(their.signing_share(), &mut OsRng);
    let points = [their_commitments.hiding(), their_commitments.binding()].map(|point| point.serialize().unwrap());
    let commitments = BTreeMap::from([
        (our.identifier(), *nonces.commitments()),
        (key.ours[there].identifier(), SigningCommitments::from_points_bytes(&points[0], &points[1]).unwrap()),
    ]);
    let (hiding, binding) = nonces.commitments().to_points_bytes();
    let [hiding, binding] = [hiding, binding].map(|point| theirs::round1::NonceCommitment::deserialize(point.as_ref()).unwrap());
    let our_commitments = theirs::round1::SigningCommitments::new(hiding, binding);
    let package = SigningPackage::new(commitments, message, Target::default()).unwrap();
    let their_package = theirs::SigningPackage::new([(our_id, our_commitments), (their_id, their_commitments)].into(), message);

    let share = sign(&package, nonces, our).unwrap();
    let their_share = theirs::round2::sign(&their_package, &their_nonces, their).unwrap();
    let share_there = theirs::round2::SignatureShare::deserialize(&share.to_scalar_bytes()).unwrap();
    let share_here = SignatureShare::from_scalar_bytes(&their_share.serialize().try_into().unwrap()).unwrap();
    let verifying_share = &key.public.verifying_shares()[&our_id];
    let group_key = key.public.verifying_key();
    theirs::verify_signature_share(our_id, verifying_share, &share_there, &their_package, group_key).unwrap();

    let shares = BTreeMap::from([(our.identifier(), share), (key.ours[there].identifier(), share_here)]);
    let signature = aggregate(&package, &shares, our.package()).unwrap();
    let shares = BTreeMap::from([(our_id, share_there), (their_id, their_share)]);
    let aggregated = theirs::aggregate(&their_package, &shares, &key.public).unwrap();
    assert_eq!(aggregated.serialize().unwrap(), signature.to_bytes());
    our.package().verifying_key().verify(message, &signature).unwrap();
    group_key.verify(message, &aggregated).unwrap();
}

fn every_pair_signs<C: FrostSuite, T: Ciphersuite>() {
    let key = dealt::<C, T>();
    for (here, there) in [(0, 1), (1, 0), (0, 2), (2, 0), (1, 2), (2, 1)] {
        imported_share_signs(&key, here, there);
    }
}

#[test]
fn ed25519_shares_of_another_dealer_sign_on_either_side() {
    every_pair_signs::<Ed25519, frost_ed25519::Ed25519Sha512>();
}

#[cfg(feature = "ristretto255")]
#[test]
fn ristretto255_shares_of_another_dealer_sign_on_either_side() {
    every_pair_signs::<Ristretto255, frost_ristretto255::Ristretto255Sha512>();
}

#[cfg(feature = "secp256k1")]
#[test]
fn secp256k1_shares_of_another_dealer_sign_on_either_side() {
    every_pair_signs::<Secp256k1, frost_secp256k1::Secp256K1Sha256>();
}

#[cfg(feature = "p256")]
#[test]
fn p256_shares_of_another_dealer_sign_on_either_side() {
    every_pair_signs::<P256, frost_p256::P256Sha256>();
}
