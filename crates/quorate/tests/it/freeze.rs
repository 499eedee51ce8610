//! Freezes and their end, among three cosigners.

use std::{sync::Arc, time::Duration};

use quorate::{
    CosignerError, KeygenRequest, RequestError, SignRequest, Signed,
    core::SuiteId,
    freeze::{Author, Scope},
    payload::{AnyPayload, Message},
    policy::BuiltinPolicy,
    request::Requester,
    storage::Torn,
};

use crate::team::Team;

const NOBODY: [bool; 3] = [false; 3];
const ALL: [bool; 3] = [true; 3];

async fn keygen(team: &Team, wallet: &str) -> [u8; 32] {
    let keys = team.cosigner(0).keygen(KeygenRequest::new(wallet, [SuiteId::Ed25519], 2)).await.unwrap();
    *keys[0].share.key_id().as_bytes()
}

async fn sign(team: &Team, asked: usize, wallet: &str) -> Result<Signed, CosignerError> {
    team.cosigner(asked).sign(SignRequest::new(wallet, AnyPayload::new(Message::new("hello").unwrap()))).await
}

/// Which of the cosigners that run have this key frozen.
async fn frozen(team: &Team, key: [u8; 32]) -> [bool; 3] {
    let mut frozen = NOBODY;
    for (index, cosigner) in team.cosigners.iter().enumerate() {
        if let Some(cosigner) = cosigner {
            frozen[index] = cosigner.freezes().await.unwrap().iter().any(|freeze| freeze.keys.contains(&key));
        }
    }
    frozen
}

async fn until(team: &Team, key: [u8; 32], wanted: [bool; 3]) {
    let waited = tokio::time::timeout(Duration::from_secs(40), async {
        while frozen(team, key).await != wanted {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    assert!(waited.await.is_ok(), "{:?} and not {wanted:?}", frozen(team, key).await);
}

/// Long enough for everybody to have been told.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(1500)).await;
}

async fn reboot(team: &mut Team, index: usize) {
    if team.cosigners[index].is_some() {
        team.stop(index).await;
    }
    team.homes[index].faults.restart();
    team.boot(index).await;
    team.connected().await;
}

fn says<T: std::fmt::Debug>(outcome: &Result<T, CosignerError>, words: &str) {
    let error = outcome.as_ref().unwrap_err().to_string();
    assert!(error.contains(words), "{words:?} is not in: {error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn frozen_key_signs_nowhere_until_as_many_operators_as_sign_bring_it_back() {
    let mut team = Team::start().await;
    let (hot, cold) = (keygen(&team, "hot").await, keygen(&team, "cold").await);
    let freeze = team.cosigner(1).freeze(Scope::Key(hot), "the office was robbed").await.unwrap();
    assert_eq!((freeze.author, freeze.keys.as_slice()), (Author::Cosigner(team.cosigner(1).peer_id()), &[hot][..]));
    until(&team, hot, ALL).await;
    for asked in 0..3 {
        let refused = sign(&team, asked, "hot").await;
        assert!(matches!(refused, Err(CosignerError::Frozen { .. })), "{refused:?}");
        says(&refused, "frozen by bob since");
        says(&refused, "the office was robbed");
    }
    sign(&team, 0, "cold").await.unwrap();
    assert_eq!(frozen(&team, cold).await, NOBODY);
    let attested = team.cosigner(0).attest("hot", None).await.unwrap();
    assert!(attested.iter().all(|attested| attested.problem.is_none()));
    // Restarts change nothing, and neither do the approvals of one operator less than it takes.
    for index in 0..3 {
        reboot(&mut team, index).await;
    }
    assert_eq!(frozen(&team, hot).await, ALL);
    assert!(matches!(team.cosigner(0).resume(Scope::All).await, Err(CosignerError::Request(RequestError::NotFrozen))));
    assert!(matches!(team.cosigner(0).resume(Scope::Key(cold)).await, Err(CosignerError::Request(RequestError::NotFrozen))));
    for _ in 0..3 {
        let approved = team.cosigner(0).resume(Scope::Key(hot)).await.unwrap();
        assert_eq!((approved[0].id, approved[0].approvals.len()), (freeze.id, 1));
    }
    settle().await;
    assert_eq!(frozen(&team, hot).await, ALL);
    reboot(&mut team, 0).await;
    team.cosigner(2).resume(Scope::Key(hot)).await.unwrap();
    until(&team, hot, NOBODY).await;
    sign(&team, 0, "hot").await.unwrap();
    for index in 0..3 {
        reboot(&mut team, index).await;
    }
    assert_eq!(frozen(&team, hot).await, NOBODY);
    // The next freeze is another one: what was said about the first does not count.
    assert_ne!(team.cosigner(1).freeze(Scope::Key(hot), "again").await.unwrap().id, freeze.id);
    until(&team, hot, ALL).await;
    settle().await;
    assert_eq!(frozen(&team, hot).await, ALL);
}

#[tokio::test(flavor = "multi_thread")]
async fn cosigner_that_was_down_hears_of_the_freeze_and_of_its_end() {
    let mut team = Team::start().await;
    let key = keygen(&team, "w").await;
    team.stop(1).await;
    team.stop(2).await;
    team.cosigner(0).freeze(Scope::Key(key), "alone").await.unwrap();
    // Nobody heard it; it is told after the restart of the one who knows.
    team.stop(0).await;
    team.boot(1).await;
    team.boot(2).await;
    team.connected_pair(1, 2).await;
    sign(&team, 1, "w").await.unwrap();
    team.boot(0).await;
    until(&team, key, ALL).await;
    team.cosigner(1).resume(Scope::Key(key)).await.unwrap();
    settle().await;
    team.stop(1).await;
    team.stop(0).await;
    team.cosigner(2).resume(Scope::Key(key)).await.unwrap();
    assert_eq!(frozen(&team, key).await, NOBODY);
    team.boot(0).await;
    team.boot(1).await;
    until(&team, key, NOBODY).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn freeze_of_all_keys_holds_new_ones_too_and_each_key_counts_its_own_participants() {
    let team = Team::start().await;
    let everyone = keygen(&team, "everyone").await;
    let pair = KeygenRequest::new("pair", [SuiteId::Ed25519], 2).participants(["alice".to_owned(), "bob".to_owned()]);
    let pair = *team.cosigner(0).keygen(pair).await.unwrap()[0].share.key_id().as_bytes();
    team.cosigner(0).freeze(Scope::All, "look at the logs").await.unwrap();
    until(&team, everyone, ALL).await;
    until(&team, pair, [true, true, false]).await;
    let new = keygen(&team, "new").await;
    says(&sign(&team, 1, "new").await, "frozen by alice");
    team.cosigner(1).resume(Scope::All).await.unwrap();
    team.cosigner(2).resume(Scope::All).await.unwrap();
    until(&team, everyone, NOBODY).await;
    until(&team, new, NOBODY).await;
    // Carol holds no share of this one, so that her operator's word does not count for it.
    settle().await;
    assert_eq!(frozen(&team, pair).await, [true, true, false]);
    says(&sign(&team, 1, "pair").await, "frozen by alice");
    team.cosigner(0).resume(Scope::All).await.unwrap();
    until(&team, pair, NOBODY).await;
    sign(&team, 1, "pair").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn credential_freezes_and_can_do_nothing_else() {
    let mut team = Team::start().await;
    let key = keygen(&team, "w").await;
    let (guard, thief) = (Requester::generate().unwrap(), Requester::generate().unwrap());
    for index in 0..3 {
        team.stop(index).await;
        let policy: BuiltinPolicy = "payloads = [\"message\"]".parse().unwrap();
        team.boot_as(index, |builder| builder.policy(Arc::new(policy)).freeze_credential(guard.key())).await;
    }
    team.connected().await;
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis() as u64;
    let freeze = |by: &Requester, number| by.freeze(Scope::Key(key), "seen something", number).unwrap();
    let refused = |outcome| assert!(matches!(outcome, Err(CosignerError::Request(RequestError::FreezeAuthor))), "{outcome:?}");
    refused(team.cosigner(0).take_freeze(freeze(&thief, now)).await);
    let mut forged = freeze(&thief, now);
    forged.credential = guard.key();
    refused(team.cosigner(0).take_freeze(forged).await);
    let mut wider = freeze(&guard, now);
    wider.scope = Scope::All;
    refused(team.cosigner(0).take_freeze(wider).await);
    // A time that would leave none for later.
    refused(team.cosigner(0).take_freeze(freeze(&guard, now + 2 * 24 * 3600 * 1000)).await);
    let unknown = guard.freeze(Scope::Key([9; 32]), "which?", now).unwrap();
    says(&team.cosigner(0).take_freeze(unknown).await, "holds no share of a key 0909");
    assert_eq!(frozen(&team, key).await, NOBODY);

    let signed = freeze(&guard, now);
    team.cosigner(2).take_freeze(signed.clone()).await.unwrap();
    until(&team, key, ALL).await;
    says(&sign(&team, 0, "w").await, &format!("frozen by the credential {}", guard.key()));
    team.cosigner(0).resume(Scope::Key(key)).await.unwrap();
    team.cosigner(1).resume(Scope::Key(key)).await.unwrap();
    until(&team, key, NOBODY).await;
    // What was signed before is over, wherever it is handed in again; what is signed later is not.
    for index in 0..3 {
        for old in [signed.clone(), freeze(&guard, now - 1000)] {
            let over = team.cosigner(index).take_freeze(old).await;
            assert!(matches!(over, Err(CosignerError::Request(RequestError::OldFreeze))), "{over:?}");
        }
    }
    settle().await;
    assert_eq!(frozen(&team, key).await, NOBODY);
    team.cosigner(1).take_freeze(freeze(&guard, now + 1)).await.unwrap();
    until(&team, key, ALL).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn credential_freezes_all_keys_at_every_cosigner() {
    let mut team = Team::start().await;
    let keys = [keygen(&team, "w").await, keygen(&team, "v").await];
    let guard = Requester::generate().unwrap();
    for index in 0..3 {
        team.stop(index).await;
        let policy: BuiltinPolicy = "payloads = [\"message\"]".parse().unwrap();
        team.boot_as(index, |builder| builder.policy(Arc::new(policy)).freeze_credential(guard.key())).await;
    }
    team.connected().await;
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis() as u64;
    team.cosigner(1).take_freeze(guard.freeze(Scope::All, "a breach", now).unwrap()).await.unwrap();
    for (key, wallet) in keys.into_iter().zip(["w", "v"]) {
        until(&team, key, ALL).await;
        for index in 0..3 {
            says(&sign(&team, index, wallet).await, "frozen by the credential");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn freeze_and_resume_survive_a_crash_at_every_step() {
    for torn in [Torn::Before, Torn::After] {
        for operation in 0..6 {
            let mut team = Team::start().await;
            let key = keygen(&team, "w").await;
            settle().await;
            team.homes[1].faults.crash_at(operation, torn);
            team.cosigner(0).freeze(Scope::Key(key), "crash").await.unwrap();
            tokio::time::sleep(Duration::from_millis(300)).await;
            reboot(&mut team, 1).await;
            until(&team, key, ALL).await;
            // Bob's operator approves, and may not hear that it worked.
            team.homes[1].faults.crash_at(operation, torn);
            let said = team.cosigner(1).resume(Scope::Key(key)).await;
            reboot(&mut team, 1).await;
            team.cosigner(2).resume(Scope::Key(key)).await.unwrap();
            if said.is_err() {
                // He says it again; if it was stored after all, there is nothing left to say.
                let _again = team.cosigner(1).resume(Scope::Key(key)).await;
            }
            until(&team, key, NOBODY).await;
            reboot(&mut team, 1).await;
            assert_eq!(frozen(&team, key).await, NOBODY, "{operation} {torn:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_refusals_or_signatures_freeze_the_key() {
    let mut team = Team::start().await;
    let key = keygen(&team, "w").await;
    let other = keygen(&team, "x").await;
    team.stop(1).await;
    let policy: BuiltinPolicy = "payloads = [\"message\"]\n[keys.\"w.ed25519\"]\npayloads = []".parse().unwrap();
    team.boot_as(1, |builder| builder.policy(Arc::new(policy)).freeze_above(Some(3), Some(3))).await;
    team.connected().await;
    for _ in 0..3 {
        says(&sign(&team, 1, "w").await, "payloads of kind message are not allowed");
    }
    assert_eq!(frozen(&team, key).await, NOBODY);
    says(&sign(&team, 1, "w").await, "payloads of kind message are not allowed");
    until(&team, key, ALL).await;
    says(&sign(&team, 0, "w").await, "frozen by bob");
    says(&sign(&team, 0, "w").await, "more than 3 refused requests within an hour");
    for _ in 0..3 {
        sign(&team, 1, "x").await.unwrap();
    }
    says(&sign(&team, 1, "x").await, "more than 3 signatures within an hour");
    until(&team, other, ALL).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reasons_that_do_not_fit_are_refused() {
    let team = Team::start().await;
    for reason in ["", "two\nlines", &"x".repeat(201)] {
        let refused = team.cosigner(0).freeze(Scope::All, reason).await;
        assert!(matches!(refused, Err(CosignerError::Request(RequestError::Reason))));
    }
    assert!(matches!(team.cosigner(0).freeze(Scope::Key([1; 32]), "x").await, Err(CosignerError::Request(_))));
}
