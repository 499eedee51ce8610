//! Attestations: for one verifier, one challenge, one participant, one epoch, and never a signature.

use getrandom::SysRng;
use quorate_core::{
    Error, FaultKind, PeerId,
    attest::{Attestation, attest},
    curve::Curve,
    frost::{Bip340, Ed25519, FrostSuite, Signature},
    keys::VerifyingKey,
    wire::Encoding,
};

use super::kit::{id, run, shares, signings};

const CHALLENGE: [u8; 32] = [3; 32];

fn verifier() -> PeerId {
    PeerId::new([8; 32])
}

fn bound<C: Curve>() {
    let (key, other_key) = (shares::<C>(2, 3), shares::<C>(2, 3));
    let attestation = attest(&key[0], verifier(), &CHALLENGE, &mut SysRng).unwrap();
    let package = key[0].package();
    let check = |package, i, peer, challenge| attestation.verify(package, id(i), peer, challenge);
    assert_eq!(check(package, 1, verifier(), &CHALLENGE).unwrap().identifier, id(1));

    let wrong = [
        check(package, 2, verifier(), &CHALLENGE),
        check(package, 1, PeerId::new([9; 32]), &CHALLENGE),
        check(package, 1, verifier(), &[4; 32]),
        check(other_key[0].package(), 1, verifier(), &CHALLENGE),
    ];
    for (case, outcome) in wrong.into_iter().enumerate() {
        let Err(Error::Fault(fault)) = outcome else { panic!("case {case} was accepted") };
        assert_eq!((fault.kind, fault.culprits.len()), (FaultKind::WrongAttestation, 1));
    }
    assert!(matches!(check(package, 4, verifier(), &CHALLENGE), Err(Error::Input(_))));

    let bytes = attestation.to_bytes();
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        let accepted = Attestation::<C>::from_bytes(&changed)
            .is_ok_and(|changed| changed.verify(package, id(1), verifier(), &CHALLENGE).is_ok());
        assert!(!accepted, "byte {at} does not matter");
    }
}

#[test]
fn attestation_for_another_verifier_challenge_participant_or_key_fails() {
    bound::<Ed25519>();
    bound::<Bip340>();
}

/// The bytes of a proof and of a signature, one as the other.
fn never_a_signature<C: FrostSuite>(
    proof_to_signature: impl Fn(&[u8]) -> Vec<u8>,
    signature_to_proof: impl Fn(&[u8]) -> Vec<u8>,
) {
    let key = shares::<C>(2, 2);
    let attestation = attest(&key[0], verifier(), &CHALLENGE, &mut SysRng).unwrap().to_bytes();
    let (header, proof) = attestation.split_at(3);
    let share_key = VerifyingKey::<C>::from_bytes(key[0].verifying_share().to_bytes().as_ref()).unwrap();
    let signature = Signature::<C>::from_bytes(&proof_to_signature(proof)).unwrap();
    // Whoever can choose the challenge would choose what a transaction hashes to.
    let peer = verifier();
    let messages = [&CHALLENGE[..], key[0].package().digest(), peer.as_bytes(), b"", header, proof];
    for message in messages {
        for key in [share_key, key[0].package().verifying_key()] {
            assert!(key.verify(message, &signature).is_err());
        }
    }
    for message in messages {
        let made = run(signings(&key, &[1, 2], message), |packet| vec![packet]).into_values().next().unwrap().done();
        let as_proof = [header, &signature_to_proof(&made.to_bytes())].concat();
        let as_attestation = Attestation::<C>::from_bytes(&as_proof).unwrap();
        assert!(as_attestation.verify(key[0].package(), id(1), verifier(), &CHALLENGE).is_err());
    }
}

#[test]
fn attestation_is_never_a_signature_and_a_signature_never_an_attestation() {
    never_a_signature::<Ed25519>(<[u8]>::to_vec, <[u8]>::to_vec);
    never_a_signature::<Bip340>(|proof| proof[1..].to_vec(), |signature| [&[2], signature].concat());
}

#[test]
fn attestation_twice_on_one_challenge_has_different_nonces() {
    let key = shares::<Ed25519>(2, 2);
    let once = || attest(&key[0], verifier(), &CHALLENGE, &mut SysRng).unwrap().to_bytes();
    assert_ne!(once()[3..35], once()[3..35]);
}
