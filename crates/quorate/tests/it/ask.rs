//! One way to ask a cosigner: in this process, over the control API, and one that lies.

use std::{sync::Arc, time::Duration};

use quorate::{
    Cosigner, KeygenRequest, SignRequest,
    ask::{Ask, AskError, KeyHandle, PublicKey},
    control::{Client, serve},
    core::SuiteId,
    dev::local_cosigners,
    payload::{AddressKind, AnyPayload, Digest, Message, PayloadError, Psbt},
    policy::{BuiltinPolicy, Policy},
    request::Requester,
    storage::BoxFuture,
};

const SUITES: [SuiteId; 3] = [SuiteId::Bip340, SuiteId::Ed25519, SuiteId::EcdsaSecp256k1];

async fn team(policy: &str) -> Vec<Arc<Cosigner>> {
    let policy: Arc<dyn Policy> = Arc::new(policy.parse::<BuiltinPolicy>().unwrap());
    let team = local_cosigners([Arc::clone(&policy), Arc::clone(&policy), policy]).await.unwrap();
    team[0].keygen(KeygenRequest::new("treasury", SUITES, 2)).await.unwrap();
    team
}

fn message(text: &str) -> AnyPayload {
    AnyPayload::new(Message::new(text).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_asked_for_in_the_process_and_over_the_control_api_alike() {
    let team = team("payloads = [\"message\"]").await;
    let place = tempfile::tempdir().unwrap();
    let socket = place.path().join("control.sock");
    let _server = serve(Arc::clone(&team[1]), &socket).unwrap();
    let here: Arc<dyn Ask> = team[0].clone();
    let there: Arc<dyn Ask> = Arc::new(Client::new(&socket, Duration::from_secs(30)));
    for (suite, kind) in SUITES.into_iter().zip([AddressKind::Taproot, AddressKind::Solana, AddressKind::Ethereum]) {
        let mut shown = Vec::new();
        for cosigner in [&here, &there] {
            let key =
                KeyHandle::find(Arc::clone(cosigner), "treasury", suite).await.unwrap().at("m/0/7".parse().unwrap()).unwrap();
            let signed = key.sign(message("hello")).await.unwrap();
            // The document was made here, of signatures that were verified here.
            assert_eq!(
                (signed.signatures.len(), signed.document.len()),
                (1, if suite == SuiteId::EcdsaSecp256k1 { 65 } else { 64 })
            );
            shown.push((key.usage().address(kind).unwrap(), key.public_key().unwrap(), key.key().clone()));
        }
        assert_eq!(shown[0], shown[1]);
    }
    // The words of who says no are the same in both places; who cannot sign something asks nobody.
    for cosigner in [here, there] {
        let key = KeyHandle::find(Arc::clone(&cosigner), "treasury", SuiteId::EcdsaSecp256k1).await.unwrap();
        let denied = key.sign(AnyPayload::new(Digest::new([7; 32]))).await.unwrap_err();
        assert!(matches!(denied, AskError::Cosigner(_) | AskError::Client(_)), "{denied:?}");
        assert!(denied.message().contains("raw digests are not allowed"), "{}", denied.message());
        let psbt = Psbt::parse(include_bytes!("../../../../examples/data/transfer-p2wpkh.psbt")).unwrap();
        let foreign = key.sign(AnyPayload::new(psbt)).await.unwrap_err();
        assert!(matches!(foreign, AskError::Payload(PayloadError::Psbt(_))), "{foreign:?}");
        let unknown = KeyHandle::find(cosigner, "petty-cash", SuiteId::Ed25519).await.unwrap_err();
        assert!(matches!(unknown, AskError::UnknownKey { .. }), "{unknown:?}");
    }
    let nobody = Client::new(&place.path().join("nothing.sock"), Duration::from_secs(1));
    let nobody = KeyHandle::find(Arc::new(nobody), "treasury", SuiteId::Ed25519).await.unwrap_err();
    assert!(nobody.message().contains("no cosigner is running at"), "{}", nobody.message());
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_signed_for_policies_that_want_to_know_who_asks() {
    let requester = Arc::new(Requester::generate().unwrap());
    let policy = format!("payloads = [\"message\"]\nrequire_requester = true\n[requesters]\nwallet = \"{}\"", requester.key());
    let team = team(&policy).await;
    let key = KeyHandle::find(team[2].clone(), "treasury", SuiteId::Ed25519).await.unwrap();
    let refused = key.sign(message("hello")).await.unwrap_err().message();
    assert!(refused.contains("(rule require_requester)"), "{refused}");
    let minutes = Duration::from_secs(600);
    let signed = key.clone().requester(requester, minutes).sign(message("hello")).await.unwrap();
    assert_eq!(signed.document.len(), 64);
    let stranger = key.requester(Arc::new(Requester::generate().unwrap()), minutes).sign(message("hello")).await.unwrap_err();
    assert!(stranger.message().contains("is not listed here"), "{}", stranger.message());
}

/// Has something else signed than it is asked for.
struct Liar(Arc<Cosigner>);

impl Ask for Liar {
    fn keys(&self) -> BoxFuture<'_, Result<Vec<PublicKey>, AskError>> {
        Ask::keys(&*self.0)
    }

    fn sign(&self, _request: SignRequest) -> BoxFuture<'_, Result<Vec<Vec<u8>>, AskError>> {
        Box::pin(async {
            let request = SignRequest::new("treasury", message("pay the liar")).suite(SuiteId::Ed25519);
            Ok(Cosigner::sign(&self.0, request).await?.signatures)
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn signature_of_something_else_is_not_handed_on() {
    let team = team("payloads = [\"message\"]").await;
    let key = KeyHandle::find(Arc::new(Liar(Arc::clone(&team[0]))), "treasury", SuiteId::Ed25519).await.unwrap();
    let refused = key.sign(message("pay the gardener")).await.unwrap_err();
    assert!(matches!(refused, AskError::Payload(PayloadError::InvalidSignature { index: 0 })), "{refused:?}");
    assert!(key.sign(message("pay the liar")).await.is_ok());
}
