//! Limits of assets over time, in whole ceremonies; and that cosigners compute what they sign from the bytes that travel.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};

use ed25519_dalek::{Signature, VerifyingKey};
use quorate::{
    Clock, CosignerError, KeygenRequest, SignRequest, Signed,
    core::SuiteId,
    payload::{AnyPayload, Description, Digest, KeyUse, KeyView as _, Payload, PayloadError, SolanaMessage, ToSign, kind},
    policy::{BuiltinPolicy, Decision, Policy, SignRequestView},
};

use crate::{payload::solana::transfer, team::Team};

const NOW: u64 = 1_795_429_202;
const DAY: u64 = 24 * 60 * 60;
/// What a transfer of a million lamports takes, with its fee.
const EACH: u64 = 1_005_000;

struct Rig {
    team: Team,
    clock: Arc<AtomicU64>,
    public: [u8; 32],
    policy: String,
}

impl Rig {
    async fn start(policy: &str) -> Self {
        let (team, clock) = (Team::start().await, Arc::new(AtomicU64::new(NOW)));
        let keys = team.cosigner(0).keygen(KeygenRequest::new("w", [SuiteId::Ed25519], 2)).await.unwrap();
        let public = keys[0].share.child_public_key(&[]).unwrap().try_into().unwrap();
        let mut rig = Self { team, clock, public, policy: policy.to_owned() };
        for index in 0..3 {
            rig.reboot(index).await;
        }
        rig
    }

    async fn reboot(&mut self, index: usize) {
        self.team.stop(index).await;
        let policy: BuiltinPolicy = self.policy.parse().unwrap();
        let clock = Arc::clone(&self.clock);
        let clock = Clock::new(move || clock.load(Ordering::Relaxed));
        self.team.boot_as(index, |builder| builder.policy(Arc::new(policy)).clock(clock)).await;
        self.team.connected().await;
    }

    fn payload(&self, lamports: u64) -> SolanaMessage {
        SolanaMessage::parse(&transfer(&self.public, lamports)).unwrap()
    }

    /// Pays, through Alice with Bob. Each request has an id, and so another amount.
    async fn pay(&self, id: u8, lamports: u64) -> Result<Signed, CosignerError> {
        let request = SignRequest::new("w", AnyPayload::new(self.payload(lamports))).request_id([id; 32]);
        self.team.cosigner(0).sign(request.signers(["bob".to_owned()])).await
    }
}

fn policy(limits: &str) -> String {
    format!("payloads = [\"solana\"]\n[assets.solana]\n{limits}")
}

#[track_caller]
fn says<T: std::fmt::Debug>(outcome: &Result<T, CosignerError>, words: &str) {
    let error = outcome.as_ref().unwrap_err().to_string();
    assert!(error.contains(words), "{words:?} is not in: {error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn amounts_are_counted_when_the_share_leaves_and_survive_restarts() {
    let mut rig = Rig::start(&policy(&format!("per_hour = {}\nper_day = {}", 2 * EACH, 3 * EACH))).await;
    rig.pay(1, 1_000_000).await.unwrap();
    rig.pay(2, 1_000_000).await.unwrap();
    for index in 0..2 {
        rig.reboot(index).await;
    }
    says(
        &rig.pay(3, 1_000_000).await,
        "2010000 left already: above the limit of 2010000 in any hour (rule assets.\"solana\".per_hour)",
    );
    // A repetition takes nothing, at a cosigner that has no result of it too.
    let again = SignRequest::new("w", AnyPayload::new(rig.payload(1_000_000))).request_id([2; 32]);
    rig.team.cosigner(1).sign(again.signers(["alice".to_owned()])).await.unwrap();
    // What has no room is not counted: less has room still when an hour has passed.
    rig.clock.store(NOW + 3_600, Ordering::Relaxed);
    says(&rig.pay(4, 2_000_000).await, "per_day");
    rig.pay(5, 1_000_000).await.unwrap();
    says(&rig.pay(6, 1).await, "in any day");
    // A clock that is set back opens nothing.
    rig.clock.store(NOW - DAY, Ordering::Relaxed);
    says(&rig.pay(6, 1).await, "left already");
    rig.clock.store(NOW + 3 * DAY, Ordering::Relaxed);
    rig.pay(6, 1).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_requests_at_once_take_no_more_than_the_limit() {
    const ROOM: usize = 5;
    let mut rig = Rig::start(&policy(&format!("per_day = {}", 5 * EACH))).await;
    // One alone has room. Of those that race for the rest it may be none: each of the two may count what the other one refuses.
    rig.pay(99, 1_000_000).await.unwrap();
    let handle = tokio::runtime::Handle::current();
    let shared = &rig;
    let outcomes: Vec<_> = tokio::task::block_in_place(|| {
        std::thread::scope(|scope| {
            let started: Vec<_> = (0..64)
                .map(|id| {
                    scope.spawn({
                        let handle = handle.clone();
                        move || handle.block_on(shared.pay(id, 1_000_000))
                    })
                })
                .collect();
            started.into_iter().map(|thread| thread.join().unwrap()).collect()
        })
    });
    let signed = 1 + outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert!((1..=ROOM).contains(&signed), "{signed} were signed");
    // What others refused after one of the two counted it is counted all the same; then the limit is used up, and stays so.
    let mut later = 0;
    while rig.pay(100 + u8::try_from(later).unwrap(), 1_000_000).await.is_ok() {
        later += 1;
    }
    assert!(signed + later <= ROOM, "{signed} and {later} were signed");
    rig.reboot(1).await;
    says(&rig.pay(200, 1_000_000).await, "(rule assets.\"solana\".per_day)");
}

/// A payload that travels as one transaction and says that it is another.
#[derive(Debug)]
struct Lie {
    shown: SolanaMessage,
    meant: SolanaMessage,
}

impl Payload for Lie {
    fn kind(&self) -> &'static str {
        kind::SOLANA
    }

    fn encode(&self) -> Vec<u8> {
        self.shown.encode()
    }

    fn describe(&self, usage: &KeyUse<'_>) -> Result<Description, PayloadError> {
        self.shown.describe(usage)
    }

    fn messages(&self, usage: &KeyUse<'_>) -> Result<Vec<ToSign>, PayloadError> {
        self.meant.messages(usage)
    }

    fn attach(&self, usage: &KeyUse<'_>, signatures: &[Vec<u8>]) -> Result<Vec<u8>, PayloadError> {
        self.meant.attach(usage, signatures)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn payload_that_means_another_transaction_than_it_travels_as_is_signed_as_it_travels() {
    let rig = Rig::start(&policy("max = 2_000_000")).await;
    let (shown, meant) = (rig.payload(1_000_000), rig.payload(9_000_000));
    let lie = || AnyPayload::new(Lie { shown: shown.clone(), meant: meant.clone() });
    // What every cosigner signs, it computed itself from the bytes that it was shown.
    let signed = rig.team.cosigner(0).sign(SignRequest::new("w", lie()).suite(SuiteId::Ed25519)).await.unwrap();
    let key = VerifyingKey::from_bytes(&rig.public).unwrap();
    let signature = Signature::from_slice(&signed.signatures[0]).unwrap();
    assert!(key.verify_strict(&shown.encode(), &signature).is_ok());
    assert!(key.verify_strict(&meant.encode(), &signature).is_err());
    // Sent as it is, the other is refused by each of them; a digest of it has no place at all.
    let meant = || AnyPayload::new(meant.clone());
    for index in 0..3 {
        says(&rig.team.cosigner(index).sign(SignRequest::new("w", meant())).await, "(rule assets.\"solana\".max)");
    }
    let digest = SignRequest::new("w", AnyPayload::new(Digest::new([7; 32]))).suite(SuiteId::Ed25519);
    assert!(rig.team.cosigner(0).sign(digest).await.is_err());
}

/// Allows everything, and keeps what it was shown.
#[derive(Default)]
struct Shown(Mutex<Vec<String>>);

impl Policy for Shown {
    fn decide(&self, request: &SignRequestView<'_>) -> Decision {
        self.0.lock().unwrap().push(format!("{} {:?}", request.description, request.description.effects));
        Decision::Allow
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_cosigner_shows_its_policy_the_same_description() {
    let mut rig = Rig::start(&policy("")).await;
    let shown: [Arc<Shown>; 3] = Default::default();
    for (index, policy) in shown.iter().enumerate() {
        rig.team.stop(index).await;
        rig.team.boot_with(index, Arc::clone(policy) as _).await;
    }
    rig.team.connected().await;
    let signers = ["bob".to_owned(), "carol".to_owned()];
    let request = SignRequest::new("w", AnyPayload::new(rig.payload(1_000_000))).signers(signers);
    let signed = rig.team.cosigner(0).sign(request).await.unwrap();
    let expected = format!("{} {:?}", signed.description, signed.description.effects);
    for policy in &shown {
        let seen = policy.0.lock().unwrap();
        assert!(!seen.is_empty() && seen.iter().all(|seen| *seen == expected), "{seen:?}");
    }
    assert!(expected.contains("Transfer of 0.001000000 SOL"), "{expected}");
}
