//! Stores that are put back, second copies, and the way back. The team is that of the cosigner's own tests, on stores that can be copied.

use quorate_core::{SuiteId, wire::Encoding as _};
use quorate_storage::{
    AuditKind, Faults as StoreFaults, KeyEncryptionKey, MemoryEpochKeys, MemoryStore, Passphrase, Store, Torn,
    kek::PassphraseParams,
};
use quorate_transport::{
    Cosigner as Entry, Roster,
    wires::memory::{Faults, Hub},
};

use super::*;
use crate::{
    AnyKeyShare, KeygenRequest, RequestError, SignRequest,
    cosigner::{Cosigner, Signed, test_exposure},
    node::create_vault,
    payload::{self, AnyPayload},
    policy::BuiltinPolicy,
};

mod links;

const NAMES: [&str; 3] = ["alice", "bob", "carol"];

/// One cosigner's storage.
struct Home {
    faults: StoreFaults,
    store: Arc<MemoryStore>,
    epochs: Arc<MemoryEpochKeys>,
    kek: Arc<Passphrase>,
    peer: PeerId,
}

/// A copy of all that a home holds.
type Pages = Vec<(quorate_storage::RecordName, Vec<u8>)>;

struct Team {
    hub: Hub,
    roster: Roster,
    homes: Vec<Home>,
    cosigners: Vec<Option<Cosigner>>,
    freeze_on_alarm: bool,
}

async fn new_home() -> Home {
    let faults = StoreFaults::none();
    let store = Arc::new(MemoryStore::new(faults.clone()));
    let epochs = Arc::new(MemoryEpochKeys::default());
    let place: Arc<dyn Store> = store.clone();
    let kek = Passphrase::create(&place, "x".to_owned().into(), PassphraseParams::insecure_fast()).await.unwrap();
    let kek = Arc::new(kek);
    let vault = create_vault(place, epochs.clone(), kek.clone()).await.unwrap();
    Home { faults, store, epochs, kek, peer: *vault.cosigner() }
}

impl Home {
    async fn vault(&self) -> Vault {
        let kek: Arc<dyn KeyEncryptionKey> = self.kek.clone();
        Vault::open(self.store.clone(), self.epochs.clone(), kek).await.unwrap()
    }

    fn copy(&self) -> Pages {
        self.store.dump()
    }

    /// Puts the store back to a copy, as whoever runs the database can. The epoch keys are the same as long as no epoch ended.
    fn put_back(&mut self, copy: &Pages) {
        self.faults = StoreFaults::none();
        self.store = Arc::new(MemoryStore::new(self.faults.clone()));
        copy.iter().for_each(|(name, value)| self.store.tamper(name, value.clone()));
    }
}

impl Team {
    async fn start(size: usize) -> Self {
        let mut homes = Vec::new();
        for _ in 0..size {
            homes.push(new_home().await);
        }
        let entries = NAMES.iter().zip(&homes).zip(7001..);
        let roster = Roster::new(entries.map(|((name, home), port)| Entry::new(*name, home.peer, format!("127.0.0.1:{port}"))));
        let mut team = Self {
            hub: Hub::new(1, Faults::NONE),
            roster: roster.unwrap(),
            homes,
            cosigners: Vec::new(),
            freeze_on_alarm: false,
        };
        for index in 0..size {
            let cosigner = team.boot(index).await;
            team.cosigners.push(Some(cosigner));
        }
        team.connected().await;
        team
    }

    async fn with_wallet(size: usize, suite: SuiteId) -> Self {
        let team = Self::start(size).await;
        team.at(0).keygen(KeygenRequest::new("w", [suite], 2)).await.unwrap();
        team
    }

    async fn boot(&self, index: usize) -> Cosigner {
        let vault = self.homes[index].vault().await;
        let wire = Arc::new(self.hub.wire(*vault.cosigner()));
        let builder = Cosigner::builder(NAMES[index], self.roster.clone(), wire, vault, test_exposure(index));
        let builder = builder.policy(Arc::new(BuiltinPolicy::documents())).deadline(Duration::from_secs(4));
        builder.presignatures(0).freeze_on_alarm(self.freeze_on_alarm).start().await.unwrap()
    }

    async fn stop(&mut self, index: usize) {
        self.cosigners[index].take().unwrap().shutdown().await;
    }

    async fn boot_again(&mut self, index: usize) {
        self.cosigners[index] = Some(self.boot(index).await);
        self.connected().await;
    }

    async fn restart(&mut self, index: usize) {
        self.stop(index).await;
        self.boot_again(index).await;
    }

    async fn connected(&self) {
        for cosigner in self.cosigners.iter().flatten() {
            assert!(cosigner.connected(Duration::from_secs(20)).await);
        }
    }

    fn at(&self, index: usize) -> &Cosigner {
        self.cosigners[index].as_ref().unwrap()
    }

    fn peer(&self, index: usize) -> PeerId {
        self.homes[index].peer
    }

    async fn sign(&self, proposer: usize, signers: &[usize]) -> Result<Signed, CosignerError> {
        let names = signers.iter().map(|index| NAMES[*index].to_owned());
        let message = AnyPayload::new(payload::Message::new("hello").unwrap());
        self.at(proposer).sign(SignRequest::new("w", message).signers(names)).await
    }

    /// Waits until one remembers of another how far it is right now.
    async fn seen(&self, by: usize, whom: usize) {
        let (by, whom) = (self.at(by).shared(), self.at(whom).shared());
        eventually("it is seen", || {
            by.witness.want(whom.me);
            by.witness.peers[&whom.me].state().witnessed.seen.is_some_and(|seen| seen.head == whom.audit.head())
        })
        .await;
    }

    async fn all_seen(&self) {
        for by in 0..self.homes.len() {
            for whom in (0..self.homes.len()).filter(|whom| *whom != by) {
                self.seen(by, whom).await;
            }
        }
    }

    async fn alarmed(&self, by: usize, whom: usize) -> CosignerError {
        let peer = self.peer(whom);
        eventually("the alarm", || self.at(by).alarm(peer).is_some()).await;
        self.at(by).alarm(peer).unwrap()
    }

    async fn kinds(&self, index: usize) -> Vec<AuditKind> {
        let lines = self.homes[index].vault().await.audit_page(0, 256).await.unwrap().lines;
        lines.into_iter().map(|line| line.entry.kind).collect()
    }

    /// A copy of bob's store, and then a life that the copy knows nothing of; bob goes on from the copy.
    async fn bob_went_back(size: usize, suite: SuiteId) -> Self {
        let mut team = Self::with_wallet(size, suite).await;
        team.put_bob_back().await;
        team
    }

    async fn put_bob_back(&mut self) {
        self.all_seen().await;
        let yesterday = self.homes[1].copy();
        self.sign(0, &[1]).await.unwrap();
        self.all_seen().await;
        self.stop(1).await;
        self.homes[1].put_back(&yesterday);
        self.boot_again(1).await;
    }
}

async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let wait = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(20), wait).await.unwrap_or_else(|_| panic!("{what}: never"));
}

#[tokio::test(flavor = "multi_thread")]
async fn store_of_yesterday_is_noticed_by_the_peers_and_by_itself_and_the_others_sign() {
    let team = Team::bob_went_back(3, SuiteId::Ed25519).await;
    for by in [0, 2] {
        let alarm = team.alarmed(by, 1).await;
        let text = alarm.to_string();
        assert!(matches!(alarm, CosignerError::WentBack { name, .. } if name == "bob"));
        assert!(text.contains("quorate rejoin") && text.contains("--accept-rejoin bob"), "{text}");
        let refused = team.sign(by, &[1]).await;
        assert!(matches!(&refused, Err(CosignerError::WentBack { .. })), "{refused:?}");
    }
    // Bob himself is shown his own stamp, and takes part in nothing.
    eventually("he knows", || team.at(1).standing_aside().is_some()).await;
    let own = team.sign(1, &[0]).await;
    assert!(matches!(&own, Err(CosignerError::Behind { .. })), "{own:?}");
    let keygen = team.at(1).keygen(KeygenRequest::new("v", [SuiteId::Ed25519], 2)).await;
    assert!(matches!(&keygen, Err(CosignerError::Behind { .. })), "{keygen:?}");
    // Not named, he is left out, and the other two sign.
    let message = AnyPayload::new(payload::Message::new("hello").unwrap());
    let signed = team.at(0).sign(SignRequest::new("w", message)).await.unwrap();
    assert_eq!(signed.signers.iter().map(quorate_core::Identifier::to_u16).collect::<Vec<_>>(), [1, 3]);
    assert!(team.kinds(0).await.contains(&AuditKind::PeerWentBack));
    assert!(team.kinds(1).await.contains(&AuditKind::WentBack));
}

#[tokio::test(flavor = "multi_thread")]
async fn alarm_and_standing_aside_survive_restarts_and_more_starts_do_not_help() {
    let mut team = Team::bob_went_back(3, SuiteId::Ed25519).await;
    team.alarmed(0, 1).await;
    eventually("he knows", || team.at(1).standing_aside().is_some()).await;
    for _ in 0..3 {
        team.restart(1).await;
        assert!(matches!(team.at(1).standing_aside(), Some(CosignerError::Behind { .. })), "from the first moment on");
    }
    team.restart(0).await;
    assert!(team.at(0).alarm(team.peer(1)).is_some(), "from the first moment on");
    assert!(matches!(team.sign(0, &[1]).await, Err(CosignerError::WentBack { .. })));
    let early = team.at(0).accept_rejoin(team.peer(1), false).await;
    assert!(matches!(&early, Err(CosignerError::Refused { reason, .. }) if reason.contains("quorate rejoin")), "{early:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn right_store_found_again_needs_no_rejoin_and_still_consent() {
    let mut team = Team::with_wallet(3, SuiteId::Ed25519).await;
    team.all_seen().await;
    let yesterday = team.homes[1].copy();
    team.sign(0, &[1]).await.unwrap();
    team.all_seen().await;
    team.stop(1).await;
    let today = team.homes[1].copy();
    team.homes[1].put_back(&yesterday);
    team.boot_again(1).await;
    team.alarmed(0, 1).await;
    team.stop(1).await;
    team.homes[1].put_back(&today);
    team.boot_again(1).await;
    assert!(team.at(1).standing_aside().is_none());
    assert!(matches!(team.sign(0, &[1]).await, Err(CosignerError::WentBack { .. })));
    team.at(0).accept_rejoin(team.peer(1), false).await.unwrap();
    team.sign(0, &[1]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn rejoin_and_the_consent_of_each_peer_bring_it_back() {
    for suite in [SuiteId::Ed25519, SuiteId::EcdsaSecp256k1] {
        let mut team = Team::bob_went_back(3, suite).await;
        let bob = team.peer(1);
        for by in [0, 2] {
            team.alarmed(by, 1).await;
        }
        eventually("he knows", || team.at(1).standing_aside().is_some()).await;
        let refused = team.at(0).accept_rejoin(bob, false).await;
        assert!(
            matches!(&refused, Err(CosignerError::Refused { reason, .. }) if reason.contains("quorate rejoin")),
            "{refused:?}"
        );
        let rejoined = team.at(1).rejoin().await.unwrap();
        assert!(!rejoined.seen.is_empty());
        assert!(matches!(team.at(1).standing_aside(), Some(CosignerError::RestartNeeded)));
        assert!(matches!(team.sign(1, &[0]).await, Err(CosignerError::RestartNeeded)));
        team.restart(1).await;
        assert!(team.at(1).standing_aside().is_none());
        let highest = rejoined.seen.iter().map(|(_, stamp)| stamp.boot.counter).max().unwrap();
        assert!(team.at(1).boot() > highest);
        // Each peer for itself; nobody else's consent counts.
        let refused = team.sign(1, &[0]).await;
        assert!(
            matches!(&refused, Err(CosignerError::Refused { name, reason }) if name == "alice" && reason.contains("went back")),
            "{refused:?}"
        );
        let accepted = team.at(0).accept_rejoin(bob, false).await.unwrap();
        assert_eq!((accepted.proved, accepted.lost.len()), (1, 0));
        team.sign(1, &[0]).await.unwrap();
        team.sign(0, &[1]).await.unwrap();
        assert!(matches!(team.sign(2, &[1]).await, Err(CosignerError::WentBack { .. })));
        team.at(2).accept_rejoin(bob, false).await.unwrap();
        team.sign(2, &[1]).await.unwrap();
        // What was given up is no evidence any more, and the new history is watched like the old one.
        for index in 0..3 {
            team.restart(index).await;
        }
        team.sign(1, &[2]).await.unwrap();
        let nothing = team.at(0).accept_rejoin(bob, false).await;
        assert!(matches!(nothing, Err(CosignerError::Request(RequestError::NoAlarm { .. }))), "{nothing:?}");
        let nothing = team.at(1).rejoin().await;
        assert!(matches!(nothing, Err(CosignerError::Request(RequestError::InStep))), "{nothing:?}");
        assert!(team.kinds(1).await.contains(&AuditKind::Rejoined));
        assert!(team.kinds(0).await.contains(&AuditKind::RejoinAccepted));
        for index in 0..3 {
            team.at(index).verify_audit().await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_of_two_stops_and_comes_back_by_rejoin() {
    let mut team = Team::bob_went_back(2, SuiteId::Ed25519).await;
    team.alarmed(0, 1).await;
    assert!(matches!(team.sign(0, &[1]).await, Err(CosignerError::WentBack { .. })));
    eventually("he knows", || team.at(1).standing_aside().is_some()).await;
    team.at(1).rejoin().await.unwrap();
    team.restart(1).await;
    team.at(0).accept_rejoin(team.peer(1), false).await.unwrap();
    team.sign(0, &[1]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn share_that_was_lost_with_the_history_is_named_and_the_peer_accepted_only_on_demand() {
    for (size, words) in [(2, "cannot be repaired"), (3, "quorate repair")] {
        let mut team = Team::start(size).await;
        team.all_seen().await;
        let yesterday = team.homes[1].copy();
        team.at(0).keygen(KeygenRequest::new("w", [SuiteId::Ed25519], 2)).await.unwrap();
        team.all_seen().await;
        team.stop(1).await;
        team.homes[1].put_back(&yesterday);
        team.boot_again(1).await;
        team.alarmed(0, 1).await;
        eventually("he knows", || team.at(1).standing_aside().is_some()).await;
        team.at(1).rejoin().await.unwrap();
        team.restart(1).await;
        let refused = team.at(0).accept_rejoin(team.peer(1), false).await;
        assert!(matches!(&refused, Err(CosignerError::Refused { reason, .. }) if reason.contains(words)), "{refused:?}");
        assert!(team.at(0).alarm(team.peer(1)).is_some());
        let accepted = team.at(0).accept_rejoin(team.peer(1), true).await.unwrap();
        assert_eq!((accepted.proved, accepted.lost.len(), accepted.lost[0].repairable), (0, 1, size == 3));
        assert!(team.sign(0, &[1]).await.is_err(), "there is no share");
    }
}

/// It knows nothing of the key, so that its operator is asked. From the first try on it looks like a refresh to it.
#[tokio::test(flavor = "multi_thread")]
async fn consent_to_a_share_that_was_lost_is_not_in_the_way_of_a_second_try() {
    let mut team = Team::start(3).await;
    team.all_seen().await;
    let yesterday = team.homes[1].copy();
    let made = team.at(0).keygen(KeygenRequest::new("w", [SuiteId::Ed25519], 2)).await.unwrap();
    team.all_seen().await;
    team.stop(1).await;
    team.homes[1].put_back(&yesterday);
    team.boot_again(1).await;
    eventually("he knows", || team.at(1).standing_aside().is_some()).await;
    team.at(1).rejoin().await.unwrap();
    team.restart(1).await;
    for index in [0, 2] {
        team.alarmed(index, 1).await;
        team.at(index).accept_rejoin(team.peer(1), true).await.unwrap();
    }
    let refresh = || crate::cosigner::ReshareRequest::refresh(["w".to_owned()]);
    let refused = team.at(0).reshare(refresh()).await;
    assert!(matches!(&refused, Err(CosignerError::Refused { reason, .. }) if reason.contains("consent")), "{refused:?}");
    let plan = team.at(1).plans().pop().unwrap().plan;
    team.at(1).consent(plan).await.unwrap();
    let key = team.at(0).shared().load(made[0].share.key_id().as_bytes()).await.unwrap();
    team.at(1).shared().promise_only(&key, 5).await;
    let reshared = team.at(0).reshare(refresh()).await.unwrap();
    assert!(reshared.effective && reshared.keys[0].epoch > 5, "{reshared:?}");
    // It was for this, and what comes then need not wait for it.
    assert!(team.at(2).reshare(refresh()).await.unwrap().effective);
    team.sign(0, &[1]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn second_copy_elsewhere_is_noticed_and_neither_signs_any_more() {
    let mut team = Team::with_wallet(3, SuiteId::Ed25519).await;
    team.all_seen().await;
    // The copy starts where the original is not heard for a moment, with a number of its own.
    let copy = team.homes[1].copy();
    let original = team.cosigners[1].take().unwrap();
    let mut first_home = new_home().await;
    core::mem::swap(&mut first_home, &mut team.homes[1]);
    team.homes[1] =
        Home { peer: first_home.peer, epochs: first_home.epochs.clone(), kek: first_home.kek.clone(), ..new_home().await };
    team.homes[1].put_back(&copy);
    team.boot_again(1).await;
    team.sign(0, &[1]).await.unwrap();
    team.seen(0, 1).await;
    team.seen(2, 1).await;
    // The original is heard again: here, after a start of its own.
    team.stop(1).await;
    original.shutdown().await;
    team.homes[1] = first_home;
    team.boot_again(1).await;
    for by in [0, 2] {
        team.alarmed(by, 1).await;
        assert!(matches!(team.sign(by, &[1]).await, Err(CosignerError::WentBack { .. })));
    }
    eventually("the original is told, under its own tag", || team.at(1).standing_aside().is_some()).await;
    assert!(team.sign(1, &[0]).await.is_err());
    team.sign(0, &[2]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn crash_at_any_operation_between_seeing_and_acting_ends_in_the_alarm() {
    for torn in [Torn::Before, Torn::After] {
        for operation in 0..6 {
            let mut team = Team::with_wallet(3, SuiteId::Ed25519).await;
            team.all_seen().await;
            let yesterday = team.homes[1].copy();
            team.sign(0, &[1]).await.unwrap();
            team.all_seen().await;
            team.stop(1).await;
            team.homes[1].put_back(&yesterday);
            team.homes[0].faults.crash_at(operation, torn);
            team.boot_again(1).await;
            tokio::time::sleep(Duration::from_millis(300)).await;
            assert!(team.sign(0, &[1]).await.is_err(), "operation {operation} {torn:?}");
            drop(team.cosigners[0].take());
            tokio::time::sleep(Duration::from_millis(50)).await;
            team.homes[0].faults.restart();
            team.boot_again(0).await;
            team.alarmed(0, 1).await;
            assert!(matches!(team.sign(0, &[1]).await, Err(CosignerError::WentBack { .. })), "operation {operation} {torn:?}");
            let seen = team.homes[0].vault().await.witnessed(&team.peer(1)).await.unwrap();
            assert!(seen.alarm.is_some(), "operation {operation} {torn:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn peer_that_lies_about_what_it_saw_stops_nobody() {
    let team = Team::with_wallet(3, SuiteId::Ed25519).await;
    let (alice, carol) = (team.at(0).shared(), team.peer(2));
    let entry = &alice.witness.peers[&carol];
    let (boot, head) = (Boot::new(1 << 40, [1; 16]), quorate_storage::AuditHead::new(1 << 40, [2; 32]));
    // Under carol's own tag, and under none.
    let forged = team.at(2).shared().vault.stamp(boot, head);
    let mut altered = alice.stamp().to_bytes();
    altered[7] ^= 0x40;
    for lie in [forged, Stamp::from_bytes(&altered).unwrap()] {
        alice.hear_claim(carol, entry, Some(lie)).await;
        assert!(team.at(0).standing_aside().is_none());
    }
    team.sign(0, &[1]).await.unwrap();
    // The same words under alice's tag are the truth.
    alice.hear_claim(carol, entry, Some(alice.vault.stamp(boot, head))).await;
    assert!(matches!(team.at(0).standing_aside(), Some(CosignerError::Behind { witness, .. }) if witness == "carol"));
    assert!(matches!(team.sign(0, &[1]).await, Err(CosignerError::Behind { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_that_peers_make_up_use_nothing_up_and_lock_nobody_out() {
    let mut team = Team::bob_went_back(3, SuiteId::Ed25519).await;
    let bob = team.peer(1);
    for by in [0, 2] {
        team.alarmed(by, 1).await;
    }
    eventually("he knows", || team.at(1).standing_aside().is_some()).await;
    // Neither is under bob's tag: carol lies, and alice remembers him from a vault that is no more.
    for (by, counter) in [(0, 1 << 60), (2, (1 << 48) - 1)] {
        let boot = Boot::new(counter, [1; 16]);
        let made_up = team.at(by).shared().vault.stamp(boot, quorate_storage::AuditHead::new(1 << 40, [2; 32]));
        let entry = &team.at(by).shared().witness.peers[&bob];
        entry.state().witnessed.seen = Some(made_up);
        eventually("bob is told", || {
            team.at(by).shared().witness.want(bob);
            team.at(1).shared().witness.peers[&team.peer(by)].state().claim == Some(Some(made_up))
        })
        .await;
    }
    team.at(1).rejoin().await.unwrap();
    let early = team.at(0).accept_rejoin(bob, false).await;
    assert!(matches!(early, Err(CosignerError::Refused { .. })), "he has to start again first: {early:?}");
    team.restart(1).await;
    assert!(team.at(1).boot() < 1 << 21, "{}", team.at(1).boot());
    for by in [0, 2] {
        team.at(by).accept_rejoin(bob, false).await.unwrap();
        team.sign(1, &[by]).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn alarm_freezes_all_keys_where_that_is_configured() {
    let mut team = Team::with_wallet(3, SuiteId::Ed25519).await;
    team.freeze_on_alarm = true;
    for index in [0, 1] {
        team.restart(index).await;
    }
    team.put_bob_back().await;
    // Alice, of bob; and bob, of himself. Carol hears it from both.
    let frozen_by = async |at: usize, by: usize| {
        let author = crate::freeze::Author::Cosigner(team.peer(by));
        let freezes = team.at(at).freezes().await.unwrap();
        freezes.into_iter().find(|freeze| freeze.author == author).map(|freeze| freeze.reason)
    };
    for (by, words) in [(0, "bob"), (1, "older copy")] {
        let until = async {
            loop {
                match (frozen_by(by, by).await, frozen_by(2, by).await) {
                    (Some(reason), Some(_)) => break reason,
                    _ => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            }
        };
        let reason = timeout(Duration::from_secs(20), until).await.unwrap();
        assert!(reason.starts_with("alarm: ") && reason.contains(words), "{reason}");
    }
    assert!(matches!(team.sign(2, &[0]).await, Err(CosignerError::Frozen { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn restarts_and_crashes_without_a_loss_raise_no_alarm() {
    let mut team = Team::with_wallet(3, SuiteId::Ed25519).await;
    for index in [1, 0, 2, 1] {
        team.restart(index).await;
        team.sign(index, &[(index + 1) % 3]).await.unwrap();
        // Not in order, too.
        drop(team.cosigners[index].take());
        tokio::time::sleep(Duration::from_millis(200)).await;
        team.boot_again(index).await;
        team.sign((index + 2) % 3, &[index]).await.unwrap();
    }
    team.all_seen().await;
    for by in 0..3 {
        assert!(team.at(by).standing_aside().is_none());
        assert!((0..3).all(|whom| team.at(by).alarm(team.peer(whom)).is_none()));
        team.at(by).verify_audit().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_signed_if_the_audit_log_cannot_be_written() {
    let mut team = Team::with_wallet(3, SuiteId::Ed25519).await;
    team.all_seen().await;
    // Something else writes to bob's log: his next entry has no place.
    let mut other = team.homes[1].vault().await.audit().await.unwrap();
    other.append(&audit::entry(AuditKind::Denied)).await.unwrap();
    let failed = team.sign(0, &[1]).await;
    assert!(failed.is_err(), "bob consented without a record of it");
    let failed = team.sign(1, &[0]).await;
    assert!(matches!(&failed, Err(CosignerError::Vault(_))), "{failed:?}");
    team.sign(0, &[2]).await.unwrap();
    team.stop(1).await;
    let kinds = team.kinds(1).await;
    assert!(!kinds.contains(&AuditKind::Signed) && !kinds.contains(&AuditKind::Consented), "{kinds:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn log_of_each_signer_says_who_asked_for_what_and_what_was_refused() {
    let team = Team::with_wallet(3, SuiteId::Bip340).await;
    let signed = team.sign(0, &[1]).await.unwrap();
    let raw = AnyPayload::new(payload::Digest::new([7; 32]));
    let denied = team.at(0).sign(SignRequest::new("w", raw).request_id([8; 32])).await;
    assert!(matches!(denied, Err(CosignerError::Denied { .. })), "{denied:?}");
    team.at(0).attest("w", None).await.unwrap();
    let key: AnyKeyShare = team.at(0).keys().await.unwrap().remove(0).share;
    for (index, proposer) in [(0, team.peer(0)), (1, team.peer(0))] {
        eventually("it is written", || team.at(index).shared().audit.head().sequence >= 4).await;
        let lines = team.homes[index].vault().await.audit_page(0, 256).await.unwrap().lines;
        let of =
            |kind: AuditKind| lines.iter().map(|line| &line.entry).filter(move |entry| entry.kind == kind).collect::<Vec<_>>();
        assert_eq!((of(AuditKind::Started).len(), of(AuditKind::KeyMade).len()), (1, 1));
        let consented = of(AuditKind::Consented);
        assert_eq!((consented.len(), consented[0].peer, consented[0].request), (1, Some(proposer), Some(signed.request)));
        assert_eq!((consented[0].key_id, consented[0].epoch), (Some(*key.key_id().as_bytes()), Some(0)));
        assert!(consented[0].reason.contains("message of 5 bytes"), "{}", consented[0].reason);
        assert_eq!(of(AuditKind::Signed)[0].request, Some(signed.request));
        let denials = of(AuditKind::Denied);
        assert_eq!(denials.len(), usize::from(index == 0));
        assert!(denials.iter().all(|entry| entry.request == Some([8; 32]) && entry.peer.is_none()));
    }
    let lines = team.homes[1].vault().await.audit_page(0, 256).await.unwrap().lines;
    assert!(lines.iter().any(|line| line.entry.kind == AuditKind::Attested && line.entry.peer == Some(team.peer(0))));
}

/// The two messages, byte for byte.
#[test]
fn messages_of_version_1_stay_what_they_are_and_are_read_back() {
    let stamp = [&3_u64.to_be_bytes()[..], &[4; 16], &5_u64.to_be_bytes(), &[6; 32], &[7; 32]].concat();
    let seen = Stamp::from_bytes(&stamp).unwrap();
    let question = [9; 32];
    let cases = [
        (Message::AskWitness { question, seen: None }, [&[1, 25][..], &question, &[0]].concat()),
        (Message::AskWitness { question, seen: Some(seen) }, [&[1, 25][..], &question, &[1], &stamp].concat()),
        (
            Message::Witness { question, now: seen, then: Some([8; 32]), given_up: 2, seen: None },
            [&[1, 26][..], &question, &stamp, &[1], &[8; 32], &2_u64.to_be_bytes(), &[0]].concat(),
        ),
    ];
    for (message, bytes) in cases {
        assert_eq!(message.to_bytes(), bytes);
        assert_eq!(Message::from_bytes(&bytes), Ok(message));
        assert!(Message::from_bytes(&bytes[..bytes.len() - 1]).is_err());
        assert!(Message::from_bytes(&[&bytes[..], &[0]].concat()).is_err());
    }
}
