//! Keys that were whole, in shares.

use zeroize::Zeroizing;

use super::*;
use crate::{
    ceremony::message::ImportProposal,
    cosigner::import::take_part,
    danger::{ImportRequest, WholeKey},
};

fn scalar(suite: SuiteId) -> WholeKey {
    number(suite, if suite == SuiteId::Bip340 { 8 } else { 7 })
}

fn number(suite: SuiteId, number: u8) -> WholeKey {
    let mut secret = Zeroizing::new([0; 32]);
    let place = if suite == SuiteId::Ed25519 { 0 } else { 31 };
    secret[place] = number;
    WholeKey::scalar(suite, secret).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn whole_key_is_dealt_by_consent_signs_in_shares_and_is_refreshed() {
    let team = Team::start(3).await;
    for suite in [SuiteId::Ed25519, SuiteId::Bip340, SuiteId::EcdsaSecp256k1] {
        let key = scalar(suite);
        let public = key.public_key().to_vec();
        let request = || ImportRequest::new("old", key.clone(), 2);
        let named = || request().request_id([suite.to_u8(); 32]);
        let refused = team.cosigners[0].import(request()).await;
        assert!(matches!(&refused, Err(CosignerError::Refused { reason, .. }) if reason.contains("consent")), "{refused:?}");
        let plans = [team.plan_at(1).await, team.plan_at(2).await];
        assert!(plans[0].plan == plans[1].plan && plans[0].description.starts_with("IMPORT"), "{plans:?}");
        for index in [1, 2] {
            team.cosigners[index].consent(plans[0].plan).await.unwrap();
        }
        let made = team.cosigners[0].import(named()).await.unwrap();
        assert_eq!(made.share.public_key(), public);
        let hello = SignRequest::new("old", message("hello")).suite(suite).signers([NAMES[2].to_owned()]);
        team.cosigners[1].sign(hello).await.unwrap();
        // The consent was for this import; the next of the same name is refused before that, for its name.
        let again = team.cosigners[0].import(request()).await;
        assert!(matches!(again, Err(CosignerError::Request(crate::RequestError::WalletExists { .. }))), "{again:?}");
        let repeated = team.cosigners[0].import(named()).await.unwrap();
        assert_eq!(repeated.share.key_id(), made.share.key_id());
        assert!(!team.cosigners[1].shared().reshares.is_consented(plans[0].plan));
    }
    // One secret for two suites, or with two sets of shares, is refused by everyone that holds it.
    for key in [number(SuiteId::EcdsaSecp256k1, 8), number(SuiteId::Ed25519, 7)] {
        for importer in 0..3 {
            let twice = team.cosigners[importer].import(ImportRequest::new("twice", key.clone(), 2)).await;
            let held = matches!(&twice, Err(CosignerError::Request(crate::RequestError::KeyHeld { wallet })) if wallet == "old");
            assert!(held, "{twice:?}");
        }
    }
    let refresh = crate::ReshareRequest::refresh(["old".to_owned()]);
    assert!(team.cosigners[2].reshare(refresh).await.unwrap().effective);
    let key = team.cosigners[0].shared().find("old", Some(SuiteId::Ed25519)).await.unwrap();
    assert_eq!((key.share.epoch(), key.share.public_key()), (1, scalar(SuiteId::Ed25519).public_key().to_vec()));
}

/// Whoever consents to one key must not get two.
#[tokio::test(flavor = "multi_thread")]
async fn import_of_several_keys_under_one_public_key_is_refused() {
    let team = Team::start(3).await;
    let proposal = team.keygen_proposal("old", &[0, 1, 2]);
    let ProposalBody::Keygen(mut keygen) = proposal.body else { panic!("another kind") };
    keygen.suites = vec![SuiteId::Ed25519, SuiteId::Bip340];
    let body = ImportProposal { keygen, key: scalar(SuiteId::Ed25519).public_key().to_vec(), chain_code: [0; 32] };
    let proposal = Proposal { request: [1; 32], body: ProposalBody::Import(body.clone()) };
    let bob = team.cosigners[1].shared();
    team.cosigners[1].consent(body.plan()).await.unwrap();
    let refused = take_part(bob, team.peer(0), &proposal, &body).await;
    assert!(matches!(&refused, Err(CosignerError::Denied { reason }) if reason.contains("keys of the proposal")), "{refused:?}");
}

#[test]
fn secret_that_is_none_is_refused() {
    for suite in [SuiteId::Ed25519, SuiteId::Bip340, SuiteId::EcdsaSecp256k1] {
        for bytes in [[0; 32], [0xff; 32]] {
            assert!(matches!(WholeKey::scalar(suite, Zeroizing::new(bytes)), Err(crate::RequestError::WholeKey)), "{suite}");
        }
    }
    assert!(WholeKey::scalar(SuiteId::P256, Zeroizing::new([1; 32])).is_err());
    let shown = format!("{:?}", scalar(SuiteId::Ed25519));
    assert!(shown.contains("public") && !shown.contains("07000000"), "{shown}");
}
