//! Every record there and back, and no mutation of one accepted.

use quorate_core::{
    Error, PeerId,
    attest::{Attestation, attest, attest_pending},
    curve::Curve,
    danger,
    frost::{Bip340, Ed25519, FrostSuite, SignatureShare, SigningCommitments, SigningPackage, Taproot, Target, commit, sign},
    keygen::Keygen,
    keys::{Certificate, KeyShare, PendingShare, PublicKeyPackage},
    wire::Encoding,
};
use rand::{SeedableRng, rngs::StdRng};

use crate::{
    keys::keygen,
    network::{Network, id, session, set, threshold},
};

/// Decoding gives the value back, refuses every shorter and longer record, and accepts of all others those that encoding makes.
fn assert_there_and_back<T: Encoding + PartialEq + core::fmt::Debug>(value: &T) {
    let bytes = value.to_bytes();
    assert_eq!(&T::from_bytes(&bytes).unwrap(), value);
    for length in 0..bytes.len() {
        assert!(T::from_bytes(&bytes[..length]).is_err(), "{length} of {} bytes", bytes.len());
    }
    assert!(T::from_bytes(&[bytes.as_slice(), &[0]].concat()).is_err());
    for (position, mask) in (0..bytes.len()).flat_map(|position| [1, 2, 0x80, 0xff].map(|mask| (position, mask))) {
        let mut mutated = bytes.clone();
        mutated[position] ^= mask;
        if let Ok(other) = T::from_bytes(&mutated) {
            assert_eq!(other.to_bytes(), mutated, "byte {position} with mask {mask:#x}");
        }
    }
}

fn public_records<C: FrostSuite>(target: &Target) {
    let shares = keygen::<C>(2, &[2, 7, 65535], 70);
    let (first, second) = (&shares[&id(2)], &shares[&id(65535)]);
    let mut rng = StdRng::seed_from_u64(71);
    assert_there_and_back::<PublicKeyPackage<C>>(first.package());
    assert_there_and_back::<Certificate<C>>(first.certificate());

    let nonces = [first, second].map(|share| commit(share, &mut rng).unwrap());
    assert_there_and_back::<SigningCommitments<C>>(nonces[0].commitments());
    let commitments = [first, second].map(|share| share.identifier()).into_iter().zip(nonces.iter().map(|n| *n.commitments()));
    let package = SigningPackage::new(commitments.collect(), b"message", target.clone()).unwrap();
    assert_there_and_back::<SigningPackage<C>>(&package);
    let [nonces, _] = nonces;
    assert_there_and_back::<SignatureShare<C>>(&sign(&package, nonces, first).unwrap());
    let (verifier, challenge) = (PeerId::new([9; 32]), [4; 32]);
    let attestation = attest(first, verifier, &challenge, &mut rng).unwrap();
    attestation.verify(first.package(), id(2), verifier, &challenge).unwrap();
    assert_there_and_back::<Attestation<C>>(&attestation);
}

#[test]
fn public_records_come_back_whole_and_only_whole() {
    let child = Target::child("m/1/2".parse().unwrap());
    public_records::<Ed25519>(&child);
    public_records::<Bip340>(&child.clone().taproot(Taproot::with_scripts([3; 32])));
    public_records::<Bip340>(&child.taproot(Taproot::KEY_ONLY));
    #[cfg(feature = "ristretto255")]
    public_records::<quorate_core::frost::Ristretto255>(&Target::default());
    #[cfg(feature = "secp256k1")]
    public_records::<quorate_core::frost::Secp256k1>(&Target::default());
    #[cfg(feature = "p256")]
    public_records::<quorate_core::frost::P256>(&Target::default());
}

/// Runs a key generation as far as everyone's pending share, and completes these with a finished peer's certificate.
fn pending_shares<C: Curve>() {
    let participants = set(&[1, 2, 3]);
    let placement = danger::unchecked_placement(threshold(2, &participants), participants.clone());
    let (session, mut rng) = (session(&participants, 80), StdRng::seed_from_u64(80));
    let start = |me| (me, Keygen::<C>::start(&session, placement.clone(), me, &mut rng).unwrap());
    let mut network = Network::new(participants.iter().map(start).collect::<Vec<_>>(), 80);
    let mut records = Vec::new();
    network.run_storing(|machine| records.push(machine.pending().unwrap().value().unwrap().to_secret_bytes()));
    assert_eq!(records.len(), 3);
    let finished = network.machines.get_mut(&id(1)).unwrap().take_output().unwrap();
    for record in records {
        let pending = PendingShare::<C>::from_secret_bytes(&record).unwrap();
        assert_eq!(pending.to_secret_bytes(), record);
        assert!((0..record.len()).all(|length| PendingShare::<C>::from_secret_bytes(&record[..length]).is_err()));
        let (me, verifier) = (pending.identifier(), PeerId::new([9; 32]));
        let proof = attest_pending(&pending, verifier, &[7; 32], &mut StdRng::seed_from_u64(81)).unwrap();
        assert_eq!(proof.verify(pending.package(), me, verifier, &[7; 32]).unwrap().identifier, me);
        assert!(proof.verify(pending.package(), me, verifier, &[8; 32]).is_err());
        let share = pending.complete(finished.certificate().clone()).unwrap();
        assert_eq!((share.identifier(), share.package()), (pending.identifier(), finished.package()));
        // A record of one kind is none of the other.
        assert!(KeyShare::<C>::from_secret_bytes(&record).is_err());
        assert!(PendingShare::<C>::from_secret_bytes(&share.to_secret_bytes()).is_err());
    }
}

#[test]
fn pending_shares_survive_a_restart_and_complete_with_a_peers_certificate() {
    pending_shares::<Ed25519>();
    pending_shares::<Bip340>();
}

/// Flips every bit, and every byte at once, of a share's record.
fn mutations_are_refused<C: Curve>() {
    let shares = keygen::<C>(2, &[1, 2, 3], 90);
    let record = shares[&id(3)].to_secret_bytes();
    let share = KeyShare::<C>::from_secret_bytes(&record).unwrap();
    assert_eq!(share.to_secret_bytes(), record);
    assert!(record.len() < 1024, "{} bytes", record.len());
    for position in 0..record.len() {
        for mask in (0..8).map(|bit| 1 << bit).chain([0xff]) {
            let mut mutated = record.clone();
            mutated[position] ^= mask;
            let refused = KeyShare::<C>::from_secret_bytes(&mutated);
            assert!(refused.is_err(), "byte {position} of {} with mask {mask:#x}", record.len());
        }
        assert!(matches!(KeyShare::<C>::from_secret_bytes(&record[..position]), Err(Error::Decode(_))));
    }
    assert!(KeyShare::<C>::from_secret_bytes(&[record.as_slice(), &[0]].concat()).is_err());
}

#[test]
fn key_share_records_refuse_every_mutation_ed25519() {
    mutations_are_refused::<Ed25519>();
}

#[test]
fn key_share_records_refuse_every_mutation_bip340() {
    mutations_are_refused::<Bip340>();
}

#[test]
fn records_of_one_suite_are_none_of_another() {
    let shares = keygen::<Ed25519>(2, &[1, 2], 95);
    let share = &shares[&id(1)];
    assert!(KeyShare::<Bip340>::from_secret_bytes(&share.to_secret_bytes()).is_err());
    assert!(PublicKeyPackage::<Bip340>::from_bytes(&share.package().to_bytes()).is_err());
}
