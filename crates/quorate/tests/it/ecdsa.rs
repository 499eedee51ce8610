//! ECDSA keys of a whole team, and signatures that others verify.

use std::sync::Arc;

use quorate::{
    AnyKeyShare, Cosigner, KeygenRequest, SignRequest,
    core::{
        SuiteId,
        ecdsa::{EcdsaSecp256k1, EcdsaSignature},
    },
    payload::{AnyPayload, Digest},
    policy::BuiltinPolicy,
    transport::wires::memory::Faults,
};

use crate::team::Team;

async fn team(presignatures: usize, faults: Faults) -> Team {
    let mut team = Team::with(faults, 11).await;
    let policy: BuiltinPolicy = r#"allow_raw_digest = ["treasury.ecdsa-secp256k1"]"#.parse().unwrap();
    for index in 0..3 {
        team.stop(index).await;
        team.boot_as(index, |builder| builder.policy(Arc::new(policy.clone())).presignatures(presignatures)).await;
    }
    team.connected().await;
    team.cosigner(0).keygen(KeygenRequest::new("treasury", [SuiteId::EcdsaSecp256k1], 2)).await.unwrap();
    team
}

/// Has a digest signed, and checks the signature with the library and with libsecp256k1.
async fn sign(cosigner: &Cosigner, with: &str, digest: u8) {
    let request = SignRequest::new("treasury", AnyPayload::new(Digest::new([digest; 32]))).signers([with.to_owned()]);
    let signed = cosigner.sign(request).await.unwrap();
    let keys = cosigner.keys().await.unwrap();
    let AnyKeyShare::EcdsaSecp256k1(share) = &keys[0].share else { panic!("another suite") };
    let bytes: [u8; 65] = signed.signatures[0].as_slice().try_into().unwrap();
    let signature = EcdsaSignature::<EcdsaSecp256k1>::from_recoverable_bytes(&bytes).unwrap();
    share.package().verifying_key().verify_digest(&[digest; 32], &signature).unwrap();
    let theirs = bitcoin::secp256k1::ecdsa::Signature::from_compact(&bytes[..64]).unwrap();
    let key = bitcoin::secp256k1::PublicKey::from_slice(&keys[0].share.public_key()).unwrap();
    let message = bitcoin::secp256k1::Message::from_digest([digest; 32]);
    bitcoin::secp256k1::Secp256k1::verification_only().verify_ecdsa(&message, &theirs, &key).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_pair_signs_with_and_without_presignatures_over_a_bad_wire() {
    for presignatures in [0, 4] {
        let team = team(presignatures, Faults::new(50, 50, 100)).await;
        for round in 0..2 {
            for (asked, with) in [(0, "bob"), (1, "carol"), (2, "alice"), (1, "alice")] {
                sign(team.cosigner(asked), with, 1 + round).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn restart_of_one_costs_no_signature() {
    let mut team = team(4, Faults::NONE).await;
    sign(team.cosigner(0), "bob", 1).await;
    for (stopped, asked, with) in [(1, 0, "bob"), (0, 1, "alice")] {
        team.stop(stopped).await;
        let policy: BuiltinPolicy = r#"allow_raw_digest = ["treasury.ecdsa-secp256k1"]"#.parse().unwrap();
        team.boot_as(stopped, |builder| builder.policy(Arc::new(policy))).await;
        team.connected().await;
        for digest in 2..5 {
            sign(team.cosigner(asked), with, digest).await;
        }
    }
}
