//! Requests that make keys or deal them anew, asked for again; and refreshes that nobody asks for.

use quorate_core::keys::PendingShare;

use super::*;
use crate::{
    RequestError, ReshareRequest,
    cosigner::{keygen::made_before, reshare::begin},
    share::AnyPendingShare,
};

fn keygen(id: [u8; 32]) -> KeygenRequest {
    KeygenRequest::new("w", [SuiteId::Ed25519, SuiteId::Bip340], 2).request_id(id)
}

/// The shares of a key that all have dealt and nobody has confirmed.
fn pending_shares(body: &KeygenProposal) -> Vec<Arc<PendingShare<Ed25519>>> {
    let session = quorate_core::Session::new(SessionId::new([8; 32]), body.peers.clone());
    let start = |(identifier, _)| {
        let machine = Keygen::<Ed25519>::start(&session, body.placement.clone(), identifier, &mut getrandom::SysRng);
        (identifier, machine.unwrap())
    };
    let mut machines: BTreeMap<_, _> = body.peers.iter().map(start).collect();
    drive_until_pending(&mut machines);
    machines.values_mut().map(|machine| Arc::clone(machine.pending().unwrap().value().unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_made_once_for_an_id_and_given_to_whoever_asks_again() {
    let mut team = Team::start(3).await;
    let made = team.cosigners[0].keygen(keygen([1; 32])).await.unwrap();
    team.start_again(0).await;
    let again = team.cosigners[0].keygen(keygen([1; 32])).await.unwrap();
    let ids = |keys: &[crate::WalletKey]| keys.iter().map(|key| key.share.key_id()).collect::<Vec<_>>();
    assert_eq!((ids(&made), team.cosigners[0].keys().await.unwrap().len()), (ids(&again), 2));
    let other = team.cosigners[0].keygen(keygen([1; 32]).participants([NAMES[0].to_owned(), NAMES[1].to_owned()])).await;
    assert!(matches!(other, Err(CosignerError::Request(RequestError::OtherContent))), "{other:?}");
    // What another request made is not given to this one, however often it asks.
    for _ in 0..2 {
        let exists = team.cosigners[0].keygen(keygen([2; 32])).await;
        assert!(matches!(exists, Err(CosignerError::Request(RequestError::WalletExists { .. }))), "{exists:?}");
    }
    // What it made is given without asking anybody.
    let alone = Team::start(1).await;
    let unavailable = alone.cosigners[0].keygen(keygen([1; 32])).await;
    assert!(matches!(unavailable, Err(CosignerError::Unavailable { .. })), "{unavailable:?}");
    for cosigner in team.cosigners.drain(1..) {
        cosigner.shutdown().await;
    }
    assert_eq!(ids(&team.cosigners[0].keygen(keygen([1; 32])).await.unwrap()), ids(&made));
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_a_request_has_not_made_yet_are_made_when_it_is_asked_again() {
    let team = Team::start(3).await;
    let (id, alice) = ([7; 32], team.cosigners[0].shared());
    // It was cut off when one of two keys was there.
    let one = team.cosigners[0].keygen(KeygenRequest::new("w", [SuiteId::Bip340], 2)).await.unwrap();
    assert!(alice.begin_work(&id, keygen(id).digest(), Vec::new()).await.unwrap().is_none());
    alice.note_key(&id, one[0].share.key_id().as_bytes()).await.unwrap();
    let made = team.cosigners[0].keygen(keygen(id)).await.unwrap();
    assert_eq!((made.len(), made[0].share.suite(), made[1].share.key_id()), (2, SuiteId::Ed25519, one[0].share.key_id()));
    // Keys that are gone since are not made again.
    alice.finish_work(&id, vec![9; 32]).await;
    let gone = team.cosigners[0].keygen(keygen(id)).await;
    assert!(matches!(gone, Err(CosignerError::Request(RequestError::UnknownKey { .. }))), "{gone:?}");
}

/// The proposer dies when its share of a key is stored and not certified: asked again, it makes no second key as long as there may be one.
#[tokio::test(flavor = "multi_thread")]
async fn key_that_may_still_come_about_is_not_made_a_second_time() {
    let mut team = Team::start(3).await;
    let (id, alice) = ([3; 32], Arc::clone(team.cosigners[0].shared()));
    let ProposalBody::Keygen(body) = team.keygen_proposal("w", &[0, 1, 2]).body else { panic!("another kind") };
    assert!(made_before(&alice, &id, keygen(id).digest()).await.unwrap().is_empty());
    assert!(alice.begin_work(&id, keygen(id).digest(), Vec::new()).await.unwrap().is_none());
    // Carol may have confirmed, and is not there.
    for (vault, pending) in team.vaults.iter().zip(pending_shares(&body)).take(2) {
        let share = AnyPendingShare::Ed25519(pending);
        let record = Stored { wallet: "w".to_owned(), peers: body.peers.clone(), since: 0, share };
        alice.note_key(&id, record.share.key_ref().key_id()).await.unwrap();
        vault.put_pending(&record.share.key_ref(), &record).await.unwrap();
    }
    team.cosigners.pop().unwrap().shutdown().await;
    let waits = team.cosigners[0].keygen(keygen(id)).await;
    assert!(matches!(waits, Err(CosignerError::Request(RequestError::WalletInProgress { .. }))), "{waits:?}");
    // She has not: then it came to nothing, and is made anew.
    team.cosigners.push(team.boot(2, |builder| builder).await);
    for cosigner in &team.cosigners {
        assert!(cosigner.connected(Duration::from_secs(20)).await);
    }
    let made = team.cosigners[0].keygen(keygen(id)).await.unwrap();
    assert_eq!((made.len(), team.cosigners[0].keys().await.unwrap().len()), (2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn reshare_that_came_about_is_not_carried_out_again() {
    let mut team = Team::start(3).await;
    team.cosigners[0].keygen(KeygenRequest::new("w", [SuiteId::Ed25519], 2)).await.unwrap();
    let refresh = || ReshareRequest::refresh(["w".to_owned()]).request_id([4; 32]);
    let first = team.cosigners[1].reshare(refresh()).await.unwrap();
    assert_eq!((first.keys[0].epoch, first.effective), (1, true));
    team.start_again(1).await;
    assert_eq!(team.cosigners[1].reshare(refresh()).await.unwrap(), first);
    let other = team.cosigners[1].reshare(refresh().min_signers(3)).await;
    assert!(matches!(other, Err(CosignerError::Request(RequestError::OtherContent))), "{other:?}");
    // One that died between the end of the ceremony and the note of it: the keys say what came about.
    let shared = Arc::clone(team.cosigners[1].shared());
    let begun = || ReshareRequest::refresh(["w".to_owned()]).request_id([5; 32]);
    assert!(begin(&shared, &[5; 32], &begun()).await.unwrap().is_none());
    team.cosigners[0].reshare(ReshareRequest::refresh(["w".to_owned()])).await.unwrap();
    let reshared = team.cosigners[1].reshare(begun()).await.unwrap();
    assert_eq!((reshared.keys[0].epoch, reshared.effective), (2, false));
}

/// Another one's refresh, between the beginning of an eviction and its repetition, is no eviction.
#[tokio::test(flavor = "multi_thread")]
async fn change_that_did_not_come_about_is_carried_out_when_it_is_asked_again() {
    let team = Team::start(3).await;
    team.cosigners[0].keygen(KeygenRequest::new("w", [SuiteId::Ed25519, SuiteId::Bip340], 2)).await.unwrap();
    let (id, alice) = ([6; 32], Arc::clone(team.cosigners[0].shared()));
    let evict = ReshareRequest::refresh(["w".to_owned()]).without_holder("carol").request_id(id);
    assert!(begin(&alice, &id, &evict).await.unwrap().is_none());
    team.cosigners[1].reshare(ReshareRequest::refresh(["w".to_owned()])).await.unwrap();
    // One of its two keys was reached.
    let half = ReshareRequest::refresh(["w".to_owned()]).suite(SuiteId::Bip340).without_holder("carol");
    team.agreed(0, &half, &[1]).await.unwrap();
    let reshared = team.agreed(0, &evict, &[1]).await.unwrap();
    // Attempts that were refused have used up numbers.
    assert!(reshared.keys.len() == 2 && reshared.keys.iter().all(|key| key.epoch >= 2), "{reshared:?}");
    for key in team.cosigners[0].keys().await.unwrap() {
        assert_eq!(key.peers.iter().count(), 2);
    }
    assert_eq!(team.cosigners[0].reshare(evict).await.unwrap(), reshared);
}

#[tokio::test(flavor = "multi_thread")]
async fn key_that_is_old_enough_is_refreshed_by_itself() {
    let mut team = Team::start(3).await;
    let never = KeygenRequest::new("never", [SuiteId::Ed25519], 2);
    let often = KeygenRequest::new("often", [SuiteId::Ed25519, SuiteId::Bip340], 2);
    for request in [never, often] {
        team.cosigners[0].keygen(request).await.unwrap();
    }
    for index in 0..3 {
        team.restart(index, |builder| builder.refresh_every(1).refresh_wallet_every("never", None)).await;
    }
    let epochs = async |wallet: &str, suite| {
        let mut epochs = Vec::new();
        for cosigner in &team.cosigners {
            let key = cosigner.shared().find(wallet, Some(suite)).await.unwrap();
            epochs.push(key.share.epoch());
        }
        epochs
    };
    let refreshed = async {
        while epochs("often", SuiteId::Ed25519).await.contains(&0) || epochs("often", SuiteId::Bip340).await.contains(&0) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), refreshed).await.unwrap();
    assert_eq!(epochs("never", SuiteId::Ed25519).await, [0, 0, 0]);
}
