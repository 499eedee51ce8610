//! Shares that move within their epoch: everyone agrees, old places count, and the next epoch forgets them.

use quorate_core::{PlacementError, placement::Backup};

use super::*;
use crate::{ReshareRequest, cosigner::amend::KnownAmendment};

/// A row of this cosigner with its store elsewhere.
fn moved(index: usize, store: &str) -> Exposure {
    let before = exposure(index);
    let key_services = before.storage().key_services().iter().cloned();
    let storage = Storage::new(store.parse().unwrap(), key_services).unwrap();
    Exposure::new(before.operator().clone(), before.runtime().clone(), storage)
}

impl Team {
    /// The cosigner comes back with another row in its configuration.
    async fn configured(&mut self, index: usize, row: Exposure) {
        self.restart(index, |mut builder| {
            builder.exposure = row;
            builder
        })
        .await;
    }

    async fn store_of(&self, seen_by: usize, participant: u16) -> String {
        let key = self.cosigners[seen_by].shared().find("w", Some(SuiteId::Ed25519)).await.unwrap();
        let placement = self.cosigners[seen_by].amended_placement(&key.share).await.unwrap();
        placement.exposure(Identifier::new(participant).unwrap()).unwrap().storage().store().to_string()
    }
}

async fn team() -> Team {
    let team = Team::start(3).await;
    team.cosigners[0].keygen(KeygenRequest::new("w", [SuiteId::Ed25519, SuiteId::Bip340], 2)).await.unwrap();
    team
}

fn refresh() -> ReshareRequest {
    ReshareRequest::refresh(["w".to_owned()])
}

#[tokio::test(flavor = "multi_thread")]
async fn moved_share_is_approved_by_all_and_the_next_epoch_knows_its_place() {
    let mut team = team().await;
    assert_eq!(team.cosigners[0].amend("w", None).await.unwrap()[0].number, None);
    team.configured(0, moved(0, "aws/disk")).await;
    // Her share is not where the key says: nobody deals on this before all have agreed.
    let refused = team.cosigners[1].reshare(refresh()).await;
    assert!(matches!(refused, Err(CosignerError::Refused { ref name, .. }) if name == "alice"), "{refused:?}");
    let amended = team.cosigners[0].amend("w", None).await.unwrap();
    assert_eq!(amended.iter().map(|key| key.number).collect::<Vec<_>>(), [Some(1), Some(1)]);
    assert_eq!(team.cosigners[0].amend("w", None).await.unwrap()[1].number, None);
    for index in 0..3 {
        assert_eq!(team.store_of(index, 1).await, "aws/disk");
    }
    // Nobody's operator is asked for a refresh, and the old place is forgotten with it.
    team.start_again(1).await;
    let heard = async {
        while !team.cosigners[1].reshare(refresh()).await.is_ok_and(|reshared| reshared.effective) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), heard).await.unwrap();
    let key = team.cosigners[2].shared().find("w", Some(SuiteId::Ed25519)).await.unwrap();
    let placement = team.cosigners[2].amended_placement(&key.share).await.unwrap();
    assert_eq!(placement.exposures(Identifier::new(1).unwrap()).count(), 1);
    assert_eq!(team.store_of(2, 1).await, "aws/disk");
    let hello = SignRequest::new("w", message("hello")).suite(SuiteId::Ed25519).signers(["carol".to_owned()]);
    team.cosigners[0].sign(hello).await.unwrap();
}

/// So that it may stop right behind the answer, as operators do who move a store then.
#[tokio::test(flavor = "multi_thread")]
async fn others_have_heard_that_all_approved_when_the_answer_comes() {
    let mut team = team().await;
    team.configured(0, moved(0, "aws/disk")).await;
    team.cosigners[0].amend("w", Some(SuiteId::Ed25519)).await.unwrap();
    for cosigner in &team.cosigners {
        let key = cosigner.shared().find("w", Some(SuiteId::Ed25519)).await.unwrap();
        let known = cosigner.shared().amendments(key.share.key_id().as_bytes(), &key.share.package_digest()).await.unwrap();
        assert_eq!(known.approved().count(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_that_break_the_rule_together_are_not_both_approved() {
    let mut team = team().await;
    for (index, store) in [(0, "aws/1"), (1, "aws/2")] {
        team.configured(index, moved(index, store)).await;
    }
    let (one, other) = tokio::join!(team.cosigners[0].amend("w", None), team.cosigners[1].amend("w", None));
    assert!(one.is_err() || other.is_err(), "{one:?} {other:?}");
    // Whoever came second hears of the first, and that it is aws.
    let again = [team.cosigners[0].amend("w", None).await, team.cosigners[1].amend("w", None).await];
    assert!(again.iter().any(|amended| amended.is_err()), "{again:?}");
    for refused in again.iter().filter_map(|amended| amended.as_ref().err()) {
        let reason = crate::cosigner::describe(refused);
        assert!(reason.contains("whoever controls aws reaches the shares of participants 1 and 2"), "{reason}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everyone_must_approve_and_the_same_may_be_asked_again() {
    let mut team = team().await;
    team.configured(0, moved(0, "aws/disk")).await;
    let carol = team.cosigners.pop().unwrap();
    carol.shutdown().await;
    let alone = team.cosigners[0].amend("w", Some(SuiteId::Ed25519)).await;
    assert!(matches!(alone, Err(CosignerError::Unavailable { ref names }) if names == &["carol"]), "{alone:?}");
    // Another attempt died when all had remembered the row, and nobody had heard that all approve. It counts for the rule alone.
    team.cosigners.push(team.boot(2, |builder| builder).await);
    let key = team.cosigners[0].shared().find("w", Some(SuiteId::Ed25519)).await.unwrap();
    for cosigner in &team.cosigners {
        let tried = KnownAmendment { amendment: key.share.amendment(1, moved(0, "aws/disk")), record: Vec::new() };
        let held = cosigner.shared().find("w", Some(SuiteId::Ed25519)).await.unwrap();
        cosigner.shared().remember_amendment(&held, tried).await.unwrap();
    }
    let known = team.cosigners[0].shared().amendments(key.share.key_id().as_bytes(), &key.share.package_digest()).await.unwrap();
    assert_eq!((known.iter().count(), known.approved().count()), (1, 0));
    assert_eq!(known.agreed(key.share.placement()).exposures(key.share.identifier()).count(), 1);
    team.configured(0, moved(0, "aws/disk")).await;
    let amended = team.cosigners[0].amend("w", Some(SuiteId::Ed25519)).await.unwrap();
    assert_eq!(amended[0].number, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_and_runtimes_are_not_amended_nor_the_rows_of_others() {
    let mut team = team().await;
    let row = exposure(0);
    let elsewhere = Exposure::new(row.operator().clone(), "aws/vm".parse().unwrap(), row.storage().clone());
    team.configured(0, elsewhere.clone()).await;
    let refused = team.cosigners[0].amend("w", None).await;
    assert!(matches!(refused, Err(CosignerError::Placement(PlacementError::NeedsReshare { .. }))), "{refused:?}");
    // What she would send if she were not honest.
    let bob = Arc::clone(team.cosigners[1].shared());
    let (alice, carol) = (team.peer(0), team.peer(2));
    let key = team.cosigners[0].shared().find("w", Some(SuiteId::Ed25519)).await.unwrap();
    let id = *key.share.key_id().as_bytes();
    for (from, amendment) in [(alice, key.share.amendment(1, elsewhere)), (carol, key.share.amendment(1, moved(0, "aws/disk")))] {
        assert!(crate::cosigner::amend::approve(&bob, from, &id, amendment, Vec::new()).await.is_err());
    }
    // An approval that not all have given is none.
    let amendment = key.share.amendment(1, moved(0, "aws/disk"));
    let own = BTreeMap::from([(key.share.identifier(), key.share.approve(&amendment).unwrap())]);
    assert!(key.share.approved(amendment, &own).is_err());
    assert_eq!(team.store_of(1, 1).await, "alice-cloud/disk");
}

/// A backup that the key does not declare is approved first, and counts against the rule like a store.
#[tokio::test(flavor = "multi_thread")]
async fn backup_is_declared_by_an_amendment() {
    let mut team = team().await;
    let with = |index| exposure(index).with_backup(Backup::new("ice/1".parse().unwrap()).with_key("ice/keys".parse().unwrap()));
    for index in [0, 1] {
        team.configured(index, with(index)).await;
    }
    team.cosigners[0].amend("w", None).await.unwrap();
    let second = team.cosigners[1].amend("w", None).await;
    let reason = crate::cosigner::describe(&second.unwrap_err());
    assert!(reason.contains("whoever controls ice reaches the shares of participants 1 and 2"), "{reason}");
}
