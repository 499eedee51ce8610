//! Requesters, request ids, limits over time, and approvals, in whole ceremonies.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use quorate::{
    Clock, CosignerError, KeygenRequest, RequestError, SignRequest, Signed,
    core::{SuiteId, derive::DerivationPath},
    payload::{AnyPayload, Message, Payload as _},
    policy::BuiltinPolicy,
    request::{Authorization, RequestContent, Requester},
    storage::Torn,
};

use crate::team::Team;

const NOW: u64 = 1_795_429_202; // a Monday, 10:20 UTC
const DAY: u64 = 24 * 60 * 60;

struct Rig {
    team: Team,
    clock: Arc<AtomicU64>,
    key_id: [u8; 32],
    policy: String,
}

fn requester(byte: u8) -> Requester {
    Requester::from_secret_bytes(&[byte; 32].into())
}

/// A policy of messages, with what else it says.
fn policy(text: &str) -> String {
    format!("payloads = [\"message\"]\n{text}")
}

fn requesters() -> String {
    policy(&format!("require_requester = true\nrequesters = {{ wallet = \"{}\" }}\n", requester(1).key()))
}

impl Rig {
    async fn start(policy: &str) -> Self {
        let (team, clock) = (Team::start().await, Arc::new(AtomicU64::new(NOW)));
        let keys = team.cosigner(0).keygen(KeygenRequest::new("w", [SuiteId::Ed25519], 2)).await.unwrap();
        let key_id = *keys[0].share.key_id().as_bytes();
        let mut rig = Self { team, clock, key_id, policy: policy.to_owned() };
        for index in 0..3 {
            rig.reboot(index).await;
        }
        rig
    }

    async fn reboot(&mut self, index: usize) {
        self.reboot_with(index, &self.policy.clone()).await;
    }

    async fn reboot_with(&mut self, index: usize, policy: &str) {
        self.team.stop(index).await;
        self.team.homes[index].faults.restart();
        let policy: BuiltinPolicy = policy.parse().unwrap();
        let clock = Arc::clone(&self.clock);
        let clock = Clock::new(move || clock.load(Ordering::Relaxed));
        let retention = Duration::from_secs(30 * DAY);
        self.team.boot_as(index, |builder| builder.policy(Arc::new(policy)).clock(clock).remember_requests(retention, 8)).await;
        self.team.connected().await;
    }

    fn pass(&self, seconds: u64) {
        self.clock.fetch_add(seconds, Ordering::Relaxed);
    }

    fn authorize(&self, by: &Requester, text: &str, id: u8, expires: u64) -> Authorization {
        self.content(text, id, expires, |content| by.authorize(content).unwrap())
    }

    fn content<T>(&self, text: &str, id: u8, expires: u64, then: impl FnOnce(&RequestContent<'_>) -> T) -> T {
        then(&RequestContent {
            key_id: &self.key_id,
            suite: SuiteId::Ed25519,
            path: &DerivationPath::default(),
            kind: "message",
            payload: text.as_bytes(),
            request_id: &[id; 32],
            expires: Some(expires),
        })
    }

    async fn ask(&self, request: SignRequest) -> Result<Signed, CosignerError> {
        self.team.cosigner(0).sign(request.signers(["bob".to_owned()])).await
    }

    /// A request that the wallet's requester signed.
    async fn signed(&self, text: &str, id: u8) -> Result<Signed, CosignerError> {
        let authorization = self.authorize(&requester(1), text, id, NOW + DAY);
        self.ask(request(text, id).authorization(authorization)).await
    }
}

fn request(text: &str, id: u8) -> SignRequest {
    SignRequest::new("w", AnyPayload::new(Message::new(text).unwrap())).request_id([id; 32])
}

#[track_caller]
fn says<T: std::fmt::Debug>(outcome: &Result<T, CosignerError>, words: &str) {
    let error = outcome.as_ref().unwrap_err().to_string();
    assert!(error.contains(words), "{words:?} is not in: {error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn stolen_cosigner_cannot_ask_without_a_requester_that_the_others_list() {
    let mut rig = Rig::start(&requesters()).await;
    rig.signed("pay", 1).await.unwrap();
    // The thief's own policy does not stand in its way; the others' does.
    rig.reboot_with(0, &policy("")).await;
    says(
        &rig.ask(request("steal", 2)).await,
        "bob refuses: this cosigner's policy denies the request: the request is not signed",
    );
    let forged = rig.authorize(&requester(9), "steal", 3, NOW + DAY);
    says(&rig.ask(request("steal", 3).authorization(forged)).await, "is not listed here");
    // What the requester signed is one request and no other.
    let authorization = rig.authorize(&requester(1), "pay", 4, NOW + DAY);
    let taken = rig.ask(request("steal", 4).authorization(authorization.clone())).await;
    says(&taken, "did not sign this request as it is");
    says(&rig.ask(request("pay", 5).authorization(authorization.clone())).await, "did not sign this request as it is");
    let child = request("pay", 4).authorization(authorization.clone()).path("m/1".parse().unwrap());
    says(&rig.ask(child).await, "did not sign this request as it is");
    let later = Authorization { expires: NOW + DAY + 1, ..authorization };
    says(&rig.ask(request("pay", 4).authorization(later)).await, "did not sign this request as it is");
}

#[tokio::test(flavor = "multi_thread")]
async fn signed_request_expires_within_the_time_that_it_is_remembered() {
    let rig = Rig::start(&requesters()).await;
    let far = rig.authorize(&requester(1), "pay", 1, NOW + 30 * DAY);
    says(&rig.ask(request("pay", 1).authorization(far)).await, "must expire within 30 days");
    let near = rig.authorize(&requester(1), "pay", 2, NOW + 30 * DAY - 1);
    rig.ask(request("pay", 2).authorization(near)).await.unwrap();
    let soon = rig.authorize(&requester(1), "pay", 3, NOW + 10);
    rig.pass(10);
    says(&rig.ask(request("pay", 3).authorization(soon)).await, "expired at 2026-11-23 10:20:12 UTC");
    let nameless = SignRequest::new("w", AnyPayload::new(Message::new("pay").unwrap()));
    let nameless = nameless.authorization(rig.authorize(&requester(1), "pay", 4, NOW + DAY));
    assert!(matches!(rig.ask(nameless).await, Err(CosignerError::Request(RequestError::NoRequestId))));
}

#[tokio::test(flavor = "multi_thread")]
async fn same_id_gives_the_same_signatures_and_other_content_is_refused() {
    let mut rig = Rig::start(&policy("")).await;
    let first = rig.ask(request("hello", 1)).await.unwrap();
    // Nobody else is needed any more.
    rig.team.stop(1).await;
    rig.team.stop(2).await;
    for _ in 0..2 {
        let again = rig.ask(request("hello", 1)).await.unwrap();
        assert_eq!((&again.signatures, &again.document, &again.signers), (&first.signatures, &first.document, &first.signers));
        rig.team.stop(0).await;
        rig.team.boot(0).await;
    }
    let other = rig.ask(request("hell0", 1)).await;
    assert!(matches!(other, Err(CosignerError::Request(RequestError::OtherContent))), "{other:?}");
    let child = rig.ask(request("hello", 1).path("m/1".parse().unwrap())).await;
    assert!(matches!(child, Err(CosignerError::Request(RequestError::OtherContent))), "{child:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_cosigner_remembers_an_id_itself_and_signs_a_repetition_of_another_proposer() {
    let mut rig = Rig::start(&policy("")).await;
    let first = rig.ask(request("hello", 1)).await.unwrap();
    rig.reboot(1).await;
    // Carol knows nothing of it; Bob does, also after a restart.
    let carol = rig.team.cosigner(2);
    let other = carol.sign(request("steal", 1).signers(["bob".to_owned()])).await;
    says(&other, "bob refuses: this request id stands for another request");
    let again = carol.sign(request("hello", 1).signers(["bob".to_owned()])).await.unwrap();
    assert_eq!(again.signers.iter().map(|id| id.to_u16()).collect::<Vec<_>>(), [2, 3]);
    assert_ne!(again.signatures, first.signatures);
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_hold_across_restarts_and_a_repetition_is_free() {
    let mut rig = Rig::start(&policy("[limits]\nper_hour = 2\nper_day = 3")).await;
    rig.ask(request("one", 1)).await.unwrap();
    rig.ask(request("two", 2)).await.unwrap();
    for index in 0..2 {
        rig.reboot(index).await;
    }
    says(
        &rig.ask(request("three", 3)).await,
        "limit of 2 requests in any hour is used up; there is room again at 2026-11-23 11:20:02",
    );
    // Again what was counted, with a cosigner that has no result of it.
    rig.team.cosigner(1).sign(request("two", 2).signers(["alice".to_owned()])).await.unwrap();
    // A proposer whose limits are higher changes nothing.
    rig.reboot_with(0, &policy("")).await;
    says(&rig.ask(request("three", 3)).await, "bob refuses");
    // A clock that is set back opens nothing.
    rig.clock.store(NOW - 5000, Ordering::Relaxed);
    says(&rig.ask(request("three", 3)).await, "bob refuses");
    rig.clock.store(NOW + 3600, Ordering::Relaxed);
    rig.ask(request("three", 3)).await.unwrap();
    says(&rig.ask(request("four", 4)).await, "limit of 3 requests in any day is used up");
    rig.pass(DAY);
    rig.ask(request("four", 4)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn request_that_a_crash_cuts_off_is_counted_once_and_never_less() {
    let (mut signed, mut failed) = (0, 0);
    for torn in [Torn::Before, Torn::After] {
        // In steps, through all that a signature writes and beyond.
        for operation in (0..40).step_by(4) {
            let mut rig = Rig::start(&policy("[limits]\nper_day = 1")).await;
            rig.team.homes[1].faults.crash_at(operation, torn);
            let first = rig.ask(request("one", 1)).await;
            rig.reboot(1).await;
            // Whatever became of it, the same request goes through, ...
            let again = rig.team.cosigner(0).sign(request("one", 1)).await;
            assert!(again.is_ok(), "{operation} {torn:?}: {again:?}");
            let carol = rig.team.cosigner(2).sign(request("one", 1).signers(["bob".to_owned()])).await;
            assert!(carol.is_ok(), "{operation} {torn:?}: {carol:?}");
            // ... and another one does not: Bob consented to this one by now.
            says(&rig.team.cosigner(2).sign(request("two", 2).signers(["bob".to_owned()])).await, "used up");
            if first.is_ok() { signed += 1 } else { failed += 1 }
        }
    }
    assert!(signed > 0 && failed > 0, "{signed} {failed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn hours_are_those_of_each_cosigner() {
    let mut rig = Rig::start(&policy("[hours]\ndays = [\"mon\", \"tue\"]\nfrom = 10\nto = 12")).await;
    rig.reboot_with(0, &policy("")).await;
    rig.ask(request("monday", 1)).await.unwrap();
    rig.pass(2 * 3600);
    says(&rig.ask(request("noon", 2)).await, "considered from 10:00 to 12:00 UTC on Mon, Tue");
    rig.pass(22 * 3600);
    rig.ask(request("tuesday", 3)).await.unwrap();
    rig.pass(DAY);
    says(&rig.ask(request("wednesday", 4)).await, "it is 2026-11-25 10:20:02 UTC");
}

fn approvals(more: &str) -> String {
    let keys: Vec<_> =
        [(11, "anna"), (12, "ben"), (13, "cleo")].map(|(byte, name)| format!("{name} = \"{}\"", requester(byte).key())).into();
    format!("{}\n[approvals]\nneeded = 2\nkeys = {{ {} }}\n{more}", requesters(), keys.join(", "))
}

#[tokio::test(flavor = "multi_thread")]
async fn approvals_are_checked_by_every_cosigner_and_missing_ones_are_named() {
    let mut rig = Rig::start(&approvals("")).await;
    rig.reboot_with(0, &policy("")).await;
    let ask = async |rig: &Rig, id: u8, approvers: &[u8]| {
        let mut authorization = rig.authorize(&requester(1), "pay", id, NOW + DAY);
        for approver in approvers {
            authorization.add(rig.content("pay", id, NOW + DAY, |content| requester(*approver).approve(content).unwrap()));
        }
        rig.ask(request("pay", id).authorization(authorization)).await
    };
    says(
        &ask(&rig, 1, &[]).await,
        "people have to approve it first (it has 0 of 2 approvals; still possible: anna, ben, cleo (rule approvals))",
    );
    says(&ask(&rig, 1, &[12]).await, "it has 1 of 2 approvals; still possible: anna, cleo");
    says(&ask(&rig, 1, &[12, 12]).await, "it has 1 of 2 approvals");
    says(&ask(&rig, 1, &[12, 99]).await, "it has 1 of 2 approvals");
    ask(&rig, 1, &[11, 13]).await.unwrap();
    // Another request's approvals.
    let mut authorization = rig.authorize(&requester(1), "pay", 2, NOW + DAY);
    for approver in [11, 12] {
        authorization.add(rig.content("pay", 1, NOW + DAY, |content| requester(approver).approve(content).unwrap()));
    }
    says(&rig.ask(request("pay", 2).authorization(authorization)).await, "did not approve this request as it is");
}

#[tokio::test(flavor = "multi_thread")]
async fn forgotten_request_stays_refused_although_the_clock_is_set_back() {
    let mut rig = Rig::start(&requesters()).await;
    rig.signed("pay", 1).await.unwrap();
    rig.pass(30 * DAY);
    for index in 0..3 {
        rig.reboot(index).await;
    }
    assert!(
        rig.team.homes.iter().all(|home| home
            .store
            .dump()
            .iter()
            .all(|(name, _)| name.as_str() != format!("requests/{}", "01".repeat(32))))
    );
    rig.clock.store(NOW, Ordering::Relaxed);
    says(&rig.signed("pay", 1).await, "expired");
    let later = rig.authorize(&requester(1), "pay", 2, NOW + 2 * DAY);
    rig.ask(request("pay", 2).authorization(later)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_of_requests_is_bounded_and_a_full_one_refuses() {
    let mut rig = Rig::start(&policy("")).await;
    for id in 0..8 {
        rig.ask(request("x", id)).await.unwrap();
    }
    says(&rig.ask(request("x", 8)).await, "remembers 8 requests, as many as it may");
    rig.ask(request("x", 7)).await.unwrap();
    rig.reboot(0).await;
    says(&rig.ask(request("x", 8)).await, "remembers 8 requests");
    rig.pass(30 * DAY);
    rig.reboot(0).await;
    rig.reboot(1).await;
    rig.ask(request("x", 8)).await.unwrap();
}

#[test]
fn payload_of_a_signed_request_is_what_cosigners_encode() {
    assert_eq!(AnyPayload::new(Message::new("pay").unwrap()).encode(), b"pay");
}
