//! Whole ceremonies among three cosigners.

use std::{sync::Arc, time::Duration};

use quorate::{
    AnyKeyShare, CosignerError, KeygenRequest, RequestError, SignRequest, WalletKey,
    core::{SuiteId, frost::Ed25519, frost::Signature, keys::VerifyingKey, placement::Counting, placement::Waiver},
    payload::{AnyPayload, Digest, EvmTransaction, KeyUse, KeyView as _, Message},
    policy::{BuiltinPolicy, Decision, Policy, SignRequestView},
    transport::wires::memory::Faults,
};

use crate::team::{Team, exposure_of_one_operator};

fn message(text: &str) -> AnyPayload {
    AnyPayload::new(Message::new(text).unwrap())
}

fn wallet() -> KeygenRequest {
    KeygenRequest::new("treasury", [SuiteId::Bip340, SuiteId::Ed25519], 2)
}

fn sign(text: &str) -> SignRequest {
    SignRequest::new("treasury", message(text)).suite(SuiteId::Ed25519)
}

#[tokio::test(flavor = "multi_thread")]
async fn wallet_is_made_and_every_cosigner_can_ask_for_a_signature() {
    let team = Team::with(Faults::new(100, 50, 100), 7).await;
    let keys = team.cosigner(0).keygen(wallet()).await.unwrap();
    assert_eq!(keys.len(), 2);
    for asked in 0..3 {
        let signed = team.cosigner(asked).sign(sign("hello")).await.unwrap();
        let ours = team.cosigner(asked).keys().await.unwrap();
        let key = ours.iter().find(|key| key.share.suite() == SuiteId::Ed25519).unwrap();
        let verifying = VerifyingKey::<Ed25519>::from_bytes(&key.share.public_key()).unwrap();
        verifying.verify(b"hello", &Signature::from_bytes(&signed.signatures[0]).unwrap()).unwrap();
        assert_eq!(
            key.share.public_key(),
            keys.iter().find(|key| key.share.suite() == SuiteId::Ed25519).unwrap().share.public_key()
        );
    }
    let attested = team.cosigner(2).attest("treasury", Some(SuiteId::Bip340)).await.unwrap();
    assert_eq!(attested.iter().filter(|attested| attested.problem.is_none()).count(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_sign_while_the_third_is_down_and_one_alone_cannot() {
    let mut team = Team::start().await;
    team.cosigner(0).keygen(wallet()).await.unwrap();
    team.stop(1).await;
    team.cosigner(0).sign(sign("without bob")).await.unwrap();
    let named = team.cosigner(0).sign(sign("with bob").signers(["bob".to_owned()])).await;
    assert!(matches!(named, Err(CosignerError::Unavailable { names }) if names == ["bob"]));
    team.stop(2).await;
    let alone = team.cosigner(0).sign(sign("alone")).await;
    assert!(matches!(alone, Err(CosignerError::Unavailable { .. } | CosignerError::Request(RequestError::TooFewSigners { .. }))));
    team.boot(1).await;
    team.cosigner(0).connected(Duration::from_millis(100)).await;
    tokio::time::timeout(Duration::from_secs(20), async {
        while team.cosigner(0).sign(sign("bob is back").signers(["bob".to_owned()])).await.is_err() {}
    })
    .await
    .unwrap();
}

struct Nothing;
impl Policy for Nothing {
    fn decide(&self, _: &SignRequestView<'_>) -> Decision {
        Decision::deny("never on a sunday")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_policy_decides_for_itself_and_another_signer_steps_in() {
    let mut team = Team::start().await;
    team.cosigner(0).keygen(wallet()).await.unwrap();
    team.stop(1).await;
    team.boot_with(1, Arc::new(Nothing)).await;
    team.connected().await;
    let refused = team.cosigner(0).sign(sign("x").signers(["bob".to_owned()])).await;
    assert!(matches!(refused, Err(CosignerError::Refused { name, reason }) if name == "bob" && reason.contains("sunday")));
    let signed = team.cosigner(0).sign(sign("x")).await.unwrap();
    assert_eq!(signed.signers.iter().map(|id| id.to_u16()).collect::<Vec<_>>(), [1, 3]);
    let own = team.cosigner(1).sign(sign("x")).await;
    assert!(matches!(own, Err(CosignerError::Denied { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn raw_digest_is_denied_unless_the_key_is_named() {
    let mut team = Team::start().await;
    team.cosigner(0).keygen(wallet()).await.unwrap();
    let digest = || SignRequest::new("treasury", AnyPayload::new(Digest::from_slice(&[7; 32]).unwrap())).suite(SuiteId::Bip340);
    assert!(matches!(team.cosigner(0).sign(digest()).await, Err(CosignerError::Denied { .. })));
    // The proposer alone cannot wave it through.
    let lax: BuiltinPolicy = r#"allow_raw_digest = ["treasury.bip340"]"#.parse().unwrap();
    team.stop(0).await;
    team.boot_with(0, Arc::new(lax.clone())).await;
    team.connected().await;
    assert!(matches!(team.cosigner(0).sign(digest()).await, Err(CosignerError::Refused { .. })));
    team.stop(2).await;
    team.boot_with(2, Arc::new(lax)).await;
    team.connected().await;
    team.cosigner(0).sign(digest()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn participants_that_are_doubled_or_unknown_are_refused_before_anything_is_made() {
    let team = Team::start().await;
    let single = KeygenRequest::new("one", [SuiteId::Ed25519], 2).participants(["alice".to_owned(), "alice".to_owned()]);
    assert!(matches!(team.cosigner(0).keygen(single).await, Err(CosignerError::Request(RequestError::DuplicateParticipant))));
    let strangers = KeygenRequest::new("two", [SuiteId::Ed25519], 2).participants(["alice".to_owned(), "mallory".to_owned()]);
    assert!(matches!(
        team.cosigner(0).keygen(strangers).await,
        Err(CosignerError::Request(RequestError::UnknownCosigner { name })) if name == "mallory"
    ));
    assert!(team.cosigner(0).keys().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn same_wallet_name_twice_is_refused() {
    let team = Team::start().await;
    team.cosigner(0).keygen(wallet()).await.unwrap();
    let again = team.cosigner(1).keygen(wallet()).await;
    assert!(matches!(again, Err(CosignerError::Request(RequestError::WalletExists { .. }))));
    let bad = KeygenRequest::new("Tréasury", [SuiteId::Ed25519], 2);
    assert!(matches!(team.cosigner(1).keygen(bad).await, Err(CosignerError::Request(RequestError::WalletName))));
}

#[tokio::test(flavor = "multi_thread")]
async fn wallet_that_two_ask_for_at_once_is_the_same_key_everywhere() {
    let team = Team::start().await;
    let request = || KeygenRequest::new("w", [SuiteId::Ed25519], 2);
    let made = tokio::join!(team.cosigner(0).keygen(request()), team.cosigner(1).keygen(request()));
    assert!(made.0.is_err() || made.1.is_err(), "two wallets have one name");
    for index in 0..3 {
        assert!(team.cosigner(index).keys().await.unwrap().len() <= 1, "cosigner {index} holds two");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cosigner_cut_off_after_its_confirmation_completes_from_a_peer() {
    let mut cuts = tokio::task::JoinSet::new();
    for operation in 0..24 {
        cuts.spawn(cut_off_at(operation));
    }
    while let Some(cut) = cuts.join_next().await {
        cut.unwrap();
    }
}

/// Carol's store fails at an operation of the key generation. Whoever asked and got no key may get it after all, when she is back and
/// everyone's confirmations are put together; asked again under the same id, there is one key, and everybody has it.
async fn cut_off_at(operation: u64) {
    let mut team = Team::start().await;
    let home = &team.homes[2];
    home.faults.crash_at(operation, quorate::storage::Torn::After);
    let request = || KeygenRequest::new("w", [SuiteId::Ed25519], 2).request_id([7; 32]);
    let made = team.cosigner(0).keygen(request()).await;
    team.stop(2).await;
    team.homes[2].faults.restart();
    team.boot(2).await;
    team.connected().await;
    let pause = || tokio::time::sleep(Duration::from_millis(50));
    let recovered = tokio::time::timeout(Duration::from_secs(40), async {
        while team.cosigner(0).keygen(request()).await.is_err() {
            pause().await;
        }
        while team.cosigner(1).keys().await.unwrap().is_empty() || team.cosigner(2).keys().await.unwrap().is_empty() {
            pause().await;
        }
    });
    recovered.await.unwrap_or_else(|_| panic!("operation {operation}: the share was lost"));
    let key = team.cosigner(0).keys().await.unwrap().remove(0).share.key_id();
    assert!(made.is_err() || made.is_ok_and(|made| made[0].share.key_id() == key), "operation {operation}: another key");
    for index in 1..3 {
        let keys = team.cosigner(index).keys().await.unwrap();
        assert!(keys.iter().map(|key| key.share.key_id()).eq([key]), "operation {operation}: other keys");
    }
    let request = SignRequest::new("w", message("recovered")).signers(["carol".to_owned()]);
    team.cosigner(0).sign(request).await.unwrap();
    // She knows it by its name too.
    let request = SignRequest::new("w", message("recovered")).signers(["alice".to_owned()]);
    team.cosigner(2).sign(request).await.unwrap_or_else(|error| panic!("operation {operation}: {error}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_weakens_the_rule_is_every_participants_own_decision() {
    let mut team = Team::start().await;
    // Another name each time: whoever accepted a refused proposal keeps its name until it hears of the end.
    let joint = |name| KeygenRequest::new(name, [SuiteId::Ed25519], 2).counting(Counting::Joint);
    // Not even the proposer's own configuration accepts it; then its own does, and the others' still do not.
    assert!(matches!(team.cosigner(0).keygen(joint("w")).await, Err(CosignerError::Denied { .. })));
    for (index, name, refused) in [(0, "x", true), (1, "y", true), (2, "z", false)] {
        team.stop(index).await;
        team.boot_as(index, |builder| builder.accept_joint_counting(true)).await;
        team.connected().await;
        let made = team.cosigner(0).keygen(joint(name)).await;
        match made {
            Err(CosignerError::Refused { reason, .. }) => {
                assert!(refused && reason.contains("accept_joint_counting"), "{reason}")
            }
            other => assert!(!refused && other.is_ok(), "{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn waiver_is_refused_by_every_participant_that_does_not_list_its_domain() {
    let mut team = Team::start().await;
    team.exposure = exposure_of_one_operator;
    let none: [&str; 0] = [];
    for index in 0..3 {
        team.reboot_with_waivers(index, &none).await;
    }
    // The rule itself refuses it without a waiver.
    let plain = KeygenRequest::new("v", [SuiteId::Ed25519], 2);
    assert!(matches!(team.cosigner(0).keygen(plain).await, Err(CosignerError::Placement(_))));
    let waiver = Waiver::new("acme".parse().unwrap(), "we run all of them", "2026-11-23").unwrap();
    let waived = |name| KeygenRequest::new(name, [SuiteId::Ed25519], 2).waive(waiver.clone());
    let refused_by = |made: Result<Vec<WalletKey>, CosignerError>| match made {
        Err(CosignerError::Denied { reason }) => ("alice".to_owned(), reason),
        Err(CosignerError::Refused { name, reason }) => (name, reason),
        other => panic!("{other:?}"),
    };
    // Another name each time: whoever accepted a refused proposal keeps its name until it hears of the end.
    let (name, reason) = refused_by(team.cosigner(0).keygen(waived("w")).await);
    assert!(name == "alice" && reason.contains("waiver for acme"), "{name}: {reason}");
    team.reboot_with_waivers(0, &["acme"]).await;
    team.reboot_with_waivers(1, &["acme"]).await;
    // Carol lists others: neither a domain below nor another one is the one that is waived.
    team.reboot_with_waivers(2, &["acme/carol", "aws"]).await;
    let (name, reason) = refused_by(team.cosigner(0).keygen(waived("x")).await);
    assert!(name == "carol" && reason.contains("waiver for acme") && reason.contains("accept_waivers"), "{name}: {reason}");
    assert!(team.cosigner(1).keys().await.unwrap().is_empty());
    team.reboot_with_waivers(2, &["acme"]).await;
    let made = team.cosigner(0).keygen(waived("y")).await.unwrap();
    assert_eq!(made[0].share.placement().waivers().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn threshold_below_a_participants_lowest_is_refused() {
    let mut team = Team::start().await;
    team.stop(2).await;
    team.boot_as(2, |builder| builder.min_signers(3)).await;
    team.connected().await;
    let wallet = |name, min_signers| KeygenRequest::new(name, [SuiteId::Ed25519], min_signers);
    let refused = team.cosigner(0).keygen(wallet("x", 2)).await;
    assert!(
        matches!(&refused, Err(CosignerError::Refused { name, reason }) if name == "carol" && reason.contains("[keygen] min_signers")),
        "{refused:?}"
    );
    // Nor does she propose one.
    assert!(matches!(team.cosigner(2).keygen(wallet("y", 2)).await, Err(CosignerError::Denied { .. })));
    assert!(team.cosigner(0).keys().await.unwrap().is_empty());
    team.cosigner(0).keygen(wallet("z", 3)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn key_more_than_a_participant_holds_is_refused() {
    let mut team = Team::start().await;
    team.stop(2).await;
    team.boot_as(2, |builder| builder.max_keys(3)).await;
    team.connected().await;
    let single = |name| KeygenRequest::new(name, [SuiteId::Ed25519], 2);
    team.cosigner(0).keygen(wallet()).await.unwrap();
    // Two keys where one has room.
    let full = team.cosigner(0).keygen(KeygenRequest::new("x", [SuiteId::Bip340, SuiteId::Ed25519], 2)).await;
    assert!(
        matches!(&full, Err(CosignerError::Refused { name, reason }) if name == "carol" && reason.contains("[keygen] max_keys")),
        "{full:?}"
    );
    team.cosigner(0).keygen(single("y")).await.unwrap();
    assert!(matches!(team.cosigner(2).keygen(single("z")).await, Err(CosignerError::Denied { .. })));
    assert_eq!(team.cosigner(2).count_keys().await.unwrap(), (3, 0));
    // Without her there is room.
    team.cosigner(0).keygen(single("w").participants(["alice".to_owned(), "bob".to_owned()])).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn cosigner_without_a_policy_signs_nothing() {
    let mut team = Team::start().await;
    team.cosigner(0).keygen(wallet()).await.unwrap();
    team.stop(1).await;
    team.boot_as(1, |builder| builder).await;
    team.connected().await;
    let asked = team.cosigner(0).sign(sign("x").signers(["bob".to_owned()])).await;
    assert!(matches!(asked, Err(CosignerError::Refused { reason, .. }) if reason.contains("nothing is allowed")));
    assert!(matches!(team.cosigner(1).sign(sign("x")).await, Err(CosignerError::Denied { .. })));
}

const ECDSA: SuiteId = SuiteId::EcdsaSecp256k1;

#[tokio::test(flavor = "multi_thread")]
async fn ecdsa_key_is_made_held_over_a_restart_derived_and_attested() {
    let mut team = Team::start().await;
    let wallet = KeygenRequest::new("treasury", [SuiteId::Ed25519, ECDSA], 2);
    let made = team.cosigner(0).keygen(wallet).await.unwrap();
    let public = made.iter().find(|key| key.share.suite() == ECDSA).unwrap().share.public_key();
    team.stop(1).await;
    team.boot(1).await;
    team.connected().await;
    let mut addresses = Vec::new();
    for index in 0..3 {
        let keys = team.cosigner(index).keys().await.unwrap();
        let share = &keys.iter().find(|key| key.share.suite() == ECDSA).unwrap().share;
        assert!(matches!(share, AnyKeyShare::EcdsaSecp256k1(_)));
        assert_eq!((keys.len(), share.public_key()), (2, public.clone()));
        addresses.push(KeyUse::new(share, &[0, 7]).addresses().unwrap());
    }
    assert!(addresses.iter().all(|of_one| *of_one == addresses[0] && of_one.len() == 2));
    // The child that we derive is the one that another library derives from the same public key and chain code.
    let share = &team.cosigner(1).keys().await.unwrap().into_iter().find(|key| key.share.suite() == ECDSA).unwrap().share;
    let root = bitcoin::bip32::Xpub {
        network: bitcoin::NetworkKind::Main,
        depth: 0,
        parent_fingerprint: Default::default(),
        child_number: bitcoin::bip32::ChildNumber::from(0),
        public_key: bitcoin::secp256k1::PublicKey::from_slice(&public).unwrap(),
        chain_code: share.chain_code().as_bytes().into(),
    };
    let steps = [0, 7].map(bitcoin::bip32::ChildNumber::from);
    let child = root.derive_pub(&bitcoin::secp256k1::Secp256k1::new(), &steps).unwrap().public_key;
    assert_eq!(share.child_public_key(&[0, 7]).unwrap(), child.serialize());
    let attested = team.cosigner(2).attest("treasury", Some(ECDSA)).await.unwrap();
    assert_eq!(attested.iter().filter(|attested| attested.suite == ECDSA && attested.problem.is_none()).count(), 3);
    let again = team.cosigner(1).keygen(KeygenRequest::new("treasury", [ECDSA], 2)).await;
    assert!(matches!(again, Err(CosignerError::Request(RequestError::WalletExists { .. }))));
}

#[tokio::test(flavor = "multi_thread")]
async fn ecdsa_key_of_a_cosigner_that_was_cut_off_completes_from_a_peer() {
    let (mut completed, mut operation) = (0, 0);
    // The last operations of a key generation are those after the confirmation left.
    while completed == 0 && operation < 24 {
        let mut team = Team::start().await;
        team.homes[2].faults.crash_at(operation, quorate::storage::Torn::After);
        let made = team.cosigner(0).keygen(KeygenRequest::new("w", [ECDSA], 2)).await;
        team.stop(2).await;
        team.homes[2].faults.restart();
        team.boot(2).await;
        let pending = team.cosigner(2).count_keys().await.unwrap().1;
        operation += 1;
        if made.is_err() || pending == 0 {
            continue;
        }
        team.connected().await;
        let recovered = tokio::time::timeout(Duration::from_secs(20), async {
            while team.cosigner(2).keys().await.unwrap().is_empty() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        recovered.await.unwrap_or_else(|_| panic!("the share was lost"));
        completed += 1;
    }
    assert_eq!(completed, 1, "no operation left a pending share");
}

#[tokio::test(flavor = "multi_thread")]
async fn ecdsa_documents_are_signed_if_the_policies_allow_it() {
    let mut team = Team::start().await;
    team.cosigner(0).keygen(KeygenRequest::new("treasury", [SuiteId::Bip340, SuiteId::Ed25519, ECDSA], 2)).await.unwrap();
    let share = team.cosigner(0).keys().await.unwrap().into_iter().find(|key| key.share.suite() == ECDSA).unwrap().share;
    let psbt = crate::payload::template::filled_wpkh_for(&KeyUse::new(&share, &[]));
    let evm = EvmTransaction::parse(&crate::payload::evm::transfer()).unwrap();
    // The payloads themselves tell which of the wallet's keys is meant.
    for payload in [AnyPayload::new(psbt), AnyPayload::new(evm)] {
        // The payload checks the signatures before it puts them into the document.
        let signed = team.cosigner(0).sign(SignRequest::new("treasury", payload)).await.unwrap();
        assert_eq!(signed.key_id, *share.key_id().as_bytes());
    }
    let hello = || SignRequest::new("treasury", message("hello")).suite(ECDSA).signers(["bob".to_owned()]);
    team.cosigner(0).sign(hello()).await.unwrap();
    let digest = AnyPayload::new(Digest::from_slice(&[7; 32]).unwrap());
    let denied = team.cosigner(0).sign(SignRequest::new("treasury", digest).suite(ECDSA)).await;
    assert!(matches!(denied, Err(CosignerError::Denied { reason }) if reason.contains("treasury.ecdsa-secp256k1")));
    team.stop(1).await;
    team.boot_with(1, Arc::new(Nothing)).await;
    team.connected().await;
    let refused = team.cosigner(0).sign(hello()).await;
    assert!(matches!(refused, Err(CosignerError::Refused { name, .. }) if name == "bob"));
}
