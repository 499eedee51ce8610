//! Epochs of a key among real cosigners: refresh, eviction, repair, consent, and stores that fail in between.

use std::collections::{BTreeMap, BTreeSet};

use quorate_core::{
    PeerId,
    keys::PendingShare,
    reshare::{NewEpoch, Reshare},
};
use quorate_storage::{KeyRef, RecordName, Store as _, Torn, VaultError, vault::VaultInputError};

use super::*;
use crate::{
    cosigner::{ReshareRequest, Reshared, Signed},
    share::{AnyPendingShare, HeldSuite},
};

const ALL: [SuiteId; 3] = [SuiteId::Bip340, SuiteId::Ed25519, SuiteId::EcdsaSecp256k1];

fn refresh() -> ReshareRequest {
    ReshareRequest::refresh(["w".to_owned()])
}

impl Team {
    pub(super) async fn with(size: usize, holders: usize, min_signers: u16, suites: &[SuiteId]) -> Self {
        let team = Self::of(size, size).await;
        let names = NAMES[..holders].iter().map(|name| (*name).to_owned());
        let request = KeygenRequest::new("w", suites.iter().copied(), min_signers).participants(names);
        team.cosigners[0].keygen(request).await.unwrap();
        team
    }

    /// Signs a message with the Ed25519 key.
    pub(super) async fn hello(&self, proposer: usize, signers: &[usize]) -> Result<Signed, CosignerError> {
        let names = signers.iter().map(|index| NAMES[*index].to_owned());
        let request = SignRequest::new("w", message("hello")).suite(SuiteId::Ed25519).signers(names);
        self.cosigners[proposer].sign(request).await
    }

    pub(super) async fn public_key(&self, index: usize, suite: SuiteId) -> Vec<u8> {
        self.cosigners[index].shared().find("w", Some(suite)).await.unwrap().share.public_key()
    }

    /// The epochs of the Ed25519 key's active share, and of pending ones.
    pub(super) async fn epochs(&self, index: usize, key_id: &[u8; 32]) -> (Option<u64>, Vec<u64>) {
        let Ok(summary) = self.vaults[index].summary(key_id).await else { return (None, Vec::new()) };
        (summary.active.map(|slot| slot.epoch), summary.pending.iter().map(|slot| slot.epoch).collect())
    }

    pub(super) async fn key_id(&self, index: usize) -> [u8; 32] {
        *self.cosigners[index].shared().find("w", Some(SuiteId::Ed25519)).await.unwrap().share.key_id().as_bytes()
    }

    pub(super) async fn until_active(&self, index: usize, key_id: &[u8; 32], epoch: Option<u64>) {
        let wait = async {
            while self.epochs(index, key_id).await.0 != epoch {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        assert!(tokio::time::timeout(Duration::from_secs(30), wait).await.is_ok(), "{} stays behind", NAMES[index]);
    }

    pub(super) async fn until_epoch(&self, index: usize, key_id: &[u8; 32], epoch: Option<u64>) {
        let wait = async {
            while self.epochs(index, key_id).await != (epoch, Vec::new()) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let reached = tokio::time::timeout(Duration::from_secs(30), wait).await;
        assert!(reached.is_ok(), "{}: {:?} and not {epoch:?}", NAMES[index], self.epochs(index, key_id).await);
    }

    /// Waits until it knows that all that was before the epoch that it holds is harmless.
    pub(super) async fn until_judged(&self, index: usize, key_id: &[u8; 32]) {
        let judged = async {
            while self.cosigners[index].shared().former(key_id).await.unwrap().is_none_or(|sets| !sets.is_empty()) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        assert!(tokio::time::timeout(Duration::from_secs(20), judged).await.is_ok(), "{} does not know", NAMES[index]);
    }

    /// Stops one, and then starts it again from its store.
    pub(super) async fn start_again(&mut self, index: usize) {
        self.cosigners.remove(index).shutdown().await;
        let cosigner = self.boot(index, |builder| builder).await;
        self.cosigners.insert(index, cosigner);
        for one in &self.cosigners {
            assert!(one.connected(Duration::from_secs(20)).await);
        }
    }

    /// The plan that waits for an operator. The refusal of another one may have come first.
    pub(super) async fn plan_at(&self, index: usize) -> crate::cosigner::PlannedChange {
        let wait = async {
            loop {
                match self.cosigners[index].plans().pop() {
                    Some(plan) => break plan,
                    None => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(20), wait).await.unwrap()
    }

    /// Has everyone but the proposer consent to what the request would do.
    pub(super) async fn agreed(
        &self,
        proposer: usize,
        request: &ReshareRequest,
        consenting: &[usize],
    ) -> Result<Reshared, CosignerError> {
        loop {
            let error = match self.cosigners[proposer].reshare(request.clone()).await {
                Ok(reshared) => return Ok(reshared),
                Err(error) => error,
            };
            let plan = consenting.iter().find_map(|index| Some((index, self.cosigners[*index].plans().first()?.plan)));
            let Some((index, plan)) = plan else { return Err(error) };
            self.cosigners[*index].consent(plan).await.unwrap();
        }
    }
}

fn names(indices: &[usize]) -> Vec<String> {
    indices.iter().map(|index| NAMES[*index].to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn refresh_keeps_every_key_destroys_every_old_share_and_renews_pairings() {
    let team = Team::with(3, 3, 2, &ALL).await;
    let before = [team.public_key(0, ALL[0]).await, team.public_key(0, ALL[1]).await, team.public_key(0, ALL[2]).await];
    team.cosigners[0].sign(SignRequest::new("w", message("x")).suite(ALL[2])).await.unwrap();
    let shared = team.cosigners[0].shared();
    assert!([1, 2].iter().any(|index| shared.pairings.held(team.peer(*index)).is_some()));
    let paired: BTreeSet<_> = [1, 2].iter().filter_map(|i| Some(*shared.pairings.held(team.peer(*i))?.id())).collect();
    for epoch in 1..=3 {
        let reshared = team.cosigners[1].reshare(refresh()).await.unwrap();
        assert_eq!((reshared.keys.len(), reshared.effective), (3, true));
        assert!(reshared.outstanding.is_empty() && reshared.destroyed.len() == 3);
        assert!(reshared.keys.iter().all(|key| key.epoch == epoch));
        for index in 0..3 {
            for key in &reshared.keys {
                assert_eq!(team.epochs(index, &key.key_id).await, (Some(epoch), Vec::new()));
            }
        }
    }
    let after: BTreeSet<_> = [1, 2].iter().filter_map(|i| Some(*shared.pairings.held(team.peer(*i))?.id())).collect();
    assert!(paired.is_disjoint(&after), "a pairing outlived a refresh");
    for (suite, before) in ALL.into_iter().zip(before) {
        assert_eq!(team.public_key(2, suite).await, before);
        for (one, two) in [(0, 1), (1, 2), (2, 0)] {
            let request = SignRequest::new("w", message("hello")).suite(suite).signers(names(&[two]));
            team.cosigners[one].sign(request).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn eviction_needs_the_consent_of_each_holder_and_leaves_the_evicted_nothing() {
    let mut team = Team::with(4, 3, 2, &[SuiteId::Ed25519]).await;
    let (key, id) = (team.public_key(0, SuiteId::Ed25519).await, team.key_id(0).await);
    // Alice's provider is breached: she is switched off before.
    let alice = team.cosigners.remove(0);
    alice.shutdown().await;
    let evict = refresh().without_holder("alice").with_holder("dave");
    let refused = team.cosigners[0].reshare(evict.clone()).await;
    assert!(matches!(&refused, Err(CosignerError::Refused { reason, .. }) if reason.contains("consent")), "{refused:?}");
    let plan = team.plan_at(1).await;
    assert_eq!(plan.proposer, "bob");
    assert_eq!(plan.description, "wallet w: from 2 of 3 to 2 of 3; leaving: alice; joining: dave");
    // Dave knows nothing of the key: only his operator can tell it from another that goes by its name.
    let new = team.plan_at(2).await;
    assert_eq!((new.plan, new.proposer.as_str()), (plan.plan, "bob"));
    let words = "shares for this cosigner of wallet w, of which it has none: 2 of 3; holders: bob, carol, dave";
    assert_eq!(new.description, words);
    team.cosigners[1].consent(plan.plan).await.unwrap();
    let refused = team.cosigners[0].reshare(evict.clone()).await;
    assert!(matches!(&refused, Err(CosignerError::Refused { name, .. }) if name == "dave"), "{refused:?}");
    team.cosigners[2].consent(plan.plan).await.unwrap();
    let reshared = team.cosigners[0].reshare(evict).await.unwrap();
    assert_eq!((reshared.destroyed.clone(), reshared.effective), (names(&[1, 2]), true));
    assert_eq!(reshared.outstanding, names(&[0]));
    for (proposer, other) in [(0, 3), (1, 1), (2, 2)] {
        let signed = team.hello(proposer, &[other]).await.unwrap();
        assert_eq!(signed.key_id, id);
    }
    assert_eq!(team.public_key(2, SuiteId::Ed25519).await, key);
    // Alice comes back with her old share. It is refused, and gone as soon as she hears of the new epoch.
    let alice = team.boot(0, |builder| builder).await;
    team.cosigners.insert(0, alice);
    assert!(team.cosigners[0].connected(Duration::from_secs(20)).await);
    let failed = team.hello(0, &[2]).await;
    assert!(failed.is_err(), "{failed:?}");
    team.until_epoch(0, &id, None).await;
}

impl Team {
    /// A change from carol to dave that the operators of bob and dave consented to, and that was not made yet.
    async fn agreed_eviction(&self) -> ReshareRequest {
        let evict = refresh().without_holder("carol").with_holder("dave");
        for index in [1, 3] {
            self.cosigners[0].reshare(evict.clone()).await.unwrap_err();
            let plan = self.plan_at(index).await.plan;
            self.cosigners[index].consent(plan).await.unwrap();
        }
        evict
    }
}

/// Nobody tells it twice.
#[tokio::test(flavor = "multi_thread")]
async fn store_of_the_evicted_that_fails_once_keeps_nothing() {
    for operation in 0..14 {
        let team = Team::with(4, 3, 2, &[SuiteId::Ed25519]).await;
        let id = team.key_id(0).await;
        let evict = team.agreed_eviction().await;
        team.stores[2].fail_at(operation, Torn::Before);
        team.cosigners[0].reshare(evict).await.unwrap_or_else(|error| panic!("operation {operation}: {error}"));
        team.until_epoch(2, &id, None).await;
        team.until_no_epoch_key(2, &id, 0, &format!("operation {operation}")).await;
    }
}

impl Team {
    /// Puts a store back to before a key. Epoch keys are never put back.
    async fn forget(&self, index: usize, key_id: &[u8; 32]) {
        for shelf in ["keys", "epoch-notes"] {
            let name = RecordName::new(&format!("{shelf}/{}", hex::encode(key_id))).unwrap();
            if let Some(found) = self.memory[index].read(&name).await.unwrap() {
                self.memory[index].delete(&name, &found.version).await.unwrap();
            }
        }
    }

    async fn until_no_epoch_key(&self, index: usize, key_id: &[u8; 32], epoch: u64, words: &str) {
        let left = async {
            while self.vaults[index].has_epoch_key(key_id, epoch).await.unwrap() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        assert!(tokio::time::timeout(Duration::from_secs(30), left).await.is_ok(), "{words}: the key of the epoch stays");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn epoch_key_goes_with_the_key_also_where_a_store_was_put_back_to_before_it() {
    let mut team = Team::with(4, 3, 2, &[SuiteId::Ed25519]).await;
    let id = team.key_id(0).await;
    let carol = team.cosigners.remove(2);
    carol.shutdown().await;
    team.forget(2, &id).await;
    let evict = refresh().without_holder("carol").with_holder("dave");
    // The cosigners are alice, bob and dave.
    team.agreed(0, &evict, &[1, 2]).await.unwrap();
    assert!(team.vaults[2].has_epoch_key(&id, 0).await.unwrap());
    let carol = team.boot(2, |builder| builder).await;
    team.until_no_epoch_key(2, &id, 0, "after a start").await;
    drop(carol);
}

/// Whoever is there is told at once, and nobody tells it twice.
#[tokio::test(flavor = "multi_thread")]
async fn epoch_key_goes_with_the_key_while_its_store_fails_once() {
    for operation in 0..8 {
        let team = Team::with(4, 3, 2, &[SuiteId::Ed25519]).await;
        let id = team.key_id(0).await;
        team.forget(2, &id).await;
        let evict = team.agreed_eviction().await;
        team.stores[2].fail_at(operation, Torn::Before);
        team.cosigners[0].reshare(evict).await.unwrap_or_else(|error| panic!("operation {operation}: {error}"));
        team.until_no_epoch_key(2, &id, 0, &format!("operation {operation}")).await;
    }
}

/// A share of some other key that calls itself by the same name.
struct OfAnotherKey;

impl quorate_storage::Record for OfAnotherKey {
    type Error = core::convert::Infallible;

    fn to_secret_bytes(&self) -> zeroize::Zeroizing<Vec<u8>> {
        zeroize::Zeroizing::default()
    }

    fn print(&self) -> Option<[u8; 32]> {
        Some([9; 32])
    }

    fn from_secret_bytes(_: &[u8], _: Option<&KeyRef>) -> Result<Self, Self::Error> {
        Ok(Self)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn certificate_of_another_key_or_the_same_epoch_destroys_no_epoch_key_of_an_unknown_key() {
    let team = Team::with(4, 3, 2, &[SuiteId::Ed25519]).await;
    let (id, shared) = (team.key_id(0).await, |index: usize| team.cosigners[index].shared());
    let record = async || shared(0).find("w", None).await.unwrap().share.certified_record();
    let key = KeyRef::new(id, 0, Identifier::new(1).unwrap(), SuiteId::Ed25519);
    team.vaults[3].put_pending(&key, &OfAnotherKey).await.unwrap();
    for index in [2, 3] {
        team.forget(index, &id).await;
        crate::cosigner::recover::learn(shared(index), SuiteId::Ed25519, &record().await).await.unwrap();
        assert!(team.vaults[index].has_epoch_key(&id, 0).await.unwrap(), "the store may be put in place again");
    }
    team.agreed(0, &refresh().without_holder("carol"), &[1]).await.unwrap();
    for index in [2, 3] {
        crate::cosigner::recover::learn(shared(index), SuiteId::Ed25519, &record().await).await.unwrap();
        assert_eq!(team.vaults[index].has_epoch_key(&id, 0).await.unwrap(), index == 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lower_threshold_is_nothing_that_one_cosigner_decides() {
    let team = Team::with(3, 3, 3, &[SuiteId::Ed25519]).await;
    let lower = refresh().min_signers(2);
    for _ in 0..2 {
        assert!(matches!(team.cosigners[0].reshare(lower.clone()).await, Err(CosignerError::Refused { .. })));
    }
    // One consent of two is not enough.
    assert!(team.agreed(0, &lower, &[1]).await.is_err());
    assert!(team.hello(1, &[0]).await.is_err());
    team.agreed(0, &lower, &[1, 2]).await.unwrap();
    team.hello(1, &[0]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_share_is_repaired_by_a_refresh() {
    let team = Team::with(3, 3, 2, &[SuiteId::Ed25519]).await;
    let key = team.cosigners[2].shared().find("w", None).await.unwrap();
    team.vaults[2].destroy(&key.share.key_ref()).await.unwrap();
    assert!(team.hello(2, &[0]).await.is_err());
    let reshared = team.cosigners[0].reshare(refresh()).await.unwrap();
    assert!(reshared.effective);
    team.hello(2, &[0]).await.unwrap();
    team.hello(2, &[1]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn refresh_waits_for_every_holder_and_changes_nothing_without_one() {
    let mut team = Team::with(3, 3, 2, &[SuiteId::Ed25519]).await;
    let id = team.key_id(0).await;
    team.cosigners.pop().unwrap().shutdown().await;
    let failed = team.cosigners[0].reshare(refresh()).await;
    assert!(matches!(&failed, Err(error) if error.blamed() == ["carol"]), "{failed:?}");
    for index in 0..3 {
        assert_eq!(team.epochs(index, &id).await, (Some(0), Vec::new()));
    }
    team.hello(0, &[1]).await.unwrap();
}

/// How a store goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    /// One operation fails.
    Fails,
    /// The cosigner dies in it, and is started again.
    Crashes,
}

/// Whatever operation of one store goes wrong in a refresh, before or after it took effect, the key signs, and all come to one epoch by
/// themselves. Gives whether the refresh was done.
async fn refresh_with_a_fault(whose: usize, operation: u64, torn: Torn, wrong: Wrong) -> bool {
    let case = format!("operation {operation} of {} {wrong:?} {torn:?}", NAMES[whose]);
    let mut team = Team::with(3, 3, 2, &[SuiteId::Ed25519]).await;
    let (key, id) = (team.public_key(0, SuiteId::Ed25519).await, team.key_id(0).await);
    match wrong {
        Wrong::Fails => team.stores[whose].fail_at(operation, torn),
        Wrong::Crashes => team.stores[whose].crash_at(operation, torn),
    }
    let done = team.cosigners[0].reshare(refresh()).await.is_ok();
    let crashed = team.stores[whose].crashed();
    team.stores[whose].restart();
    if crashed {
        team.start_again(whose).await;
    }
    // Those that were done teach the one whose store failed.
    let mut epoch = None;
    for index in (0..3).filter(|index| *index != whose) {
        epoch = epoch.max(team.epochs(index, &id).await.0);
    }
    for index in 0..3 {
        team.until_active(index, &id, epoch).await;
    }
    assert_eq!(team.public_key(1, SuiteId::Ed25519).await, key, "{case}");
    for (one, two) in [(0, 1), (1, 2), (2, 0)] {
        team.hello(one, &[two]).await.unwrap_or_else(|error| panic!("{case}: {error}"));
    }
    let again = team.cosigners[1].reshare(refresh()).await.unwrap_or_else(|error| panic!("{case}: {error}"));
    for index in 0..3 {
        // What was pending of an attempt that nobody completed is gone with it.
        team.until_epoch(index, &id, Some(again.keys[0].epoch)).await;
    }
    done
}

/// Each of the operations, by turns before and after it took effect. Gives whether refreshes were done.
async fn refresh_with_every_fault(whose: usize, wrong: Wrong) -> BTreeSet<bool> {
    let mut done = BTreeSet::new();
    for operation in 0..26 {
        let torn = if (operation % 2 == 0) == (wrong == Wrong::Fails) { Torn::Before } else { Torn::After };
        done.insert(refresh_with_a_fault(whose, operation, torn, wrong).await);
    }
    done
}

#[tokio::test(flavor = "multi_thread")]
async fn store_that_fails_once_in_a_refresh_costs_nothing() {
    let done = refresh_with_every_fault(1, Wrong::Fails).await;
    assert_eq!(done.len(), 2, "some fail and some are done, or the faults hit nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn holder_that_crashes_in_a_refresh_costs_nothing() {
    // Who crashes confirms nothing, and refreshes wait for everyone.
    assert!(refresh_with_every_fault(1, Wrong::Crashes).await.contains(&false), "the crashes hit nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn cosigner_that_is_behind_catches_up_when_it_is_asked_to_sign() {
    let team = Team::with(3, 3, 2, &[SuiteId::Ed25519]).await;
    let id = team.key_id(0).await;
    let old = team.cosigners[2].shared().find("w", None).await.unwrap();
    let pending = pending_everywhere(&team, 1).await;
    // Alice and Bob have the certificate; Carol has crashed before she had it, and has not asked yet.
    for index in [0, 1] {
        let confirmations = pending.iter().map(|(id, share)| (*id, share.confirmation_record()));
        let own = &pending[&Identifier::new(u16::try_from(index + 1).unwrap()).unwrap()];
        let share = Ed25519::active(own.complete_with_confirmations(confirmations).unwrap());
        let record = Stored { wallet: "w".to_owned(), peers: old.peers.clone(), since: 0, share };
        team.vaults[index].promote(&record.share.key_ref(), &record).await.unwrap();
    }
    assert_eq!(team.epochs(2, &id).await, (Some(0), vec![1]));
    team.hello(0, &[2]).await.unwrap();
    assert_eq!(team.epochs(2, &id).await, (Some(1), Vec::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn proposer_that_is_behind_catches_up_and_signs() {
    let team = Team::with(3, 3, 2, &[SuiteId::Ed25519]).await;
    let id = team.key_id(0).await;
    let old = team.cosigners[2].shared().find("w", None).await.unwrap();
    let pending = pending_everywhere(&team, 4).await;
    for index in [0, 1] {
        let confirmations = pending.iter().map(|(id, share)| (*id, share.confirmation_record()));
        let own = &pending[&Identifier::new(u16::try_from(index + 1).unwrap()).unwrap()];
        let share = Ed25519::active(own.complete_with_confirmations(confirmations).unwrap());
        let record = Stored { wallet: "w".to_owned(), peers: old.peers.clone(), since: 0, share };
        team.vaults[index].promote(&record.share.key_ref(), &record).await.unwrap();
    }
    team.hello(2, &[0]).await.unwrap();
    assert_eq!(team.epochs(2, &id).await, (Some(4), Vec::new()));
}

/// Everyone crashed right after its confirmation, and nobody has the certificate.
#[tokio::test(flavor = "multi_thread")]
async fn certificate_that_nobody_has_is_put_together_from_everyones_confirmations() {
    let mut team = Team::with(3, 3, 2, &[SuiteId::Ed25519]).await;
    let (key, id) = (team.public_key(0, SuiteId::Ed25519).await, team.key_id(0).await);
    pending_everywhere(&team, 1).await;
    team.hello(0, &[1]).await.unwrap();
    for cosigner in team.cosigners.drain(..) {
        cosigner.shutdown().await;
    }
    for index in 0..3 {
        let cosigner = team.boot(index, |builder| builder).await;
        team.cosigners.push(cosigner);
    }
    for index in 0..3 {
        team.until_epoch(index, &id, Some(1)).await;
        assert_eq!(team.public_key(index, SuiteId::Ed25519).await, key);
    }
    team.hello(2, &[1]).await.unwrap();
}

/// Deals the Ed25519 key anew by hand, and stores every share as pending: where a crash would leave it.
async fn pending_everywhere(team: &Team, epoch: u64) -> BTreeMap<Identifier, Arc<PendingShare<Ed25519>>> {
    let stored = team.cosigners[0].shared().find("w", None).await.unwrap();
    let peers = stored.peers.clone();
    let session = quorate_core::Session::new(SessionId::new([8; 32]), peers.clone());
    let mut machines = BTreeMap::new();
    for index in 0..3 {
        let key = team.cosigners[index].shared().find("w", None).await.unwrap();
        let new = NewEpoch::new(peers.participants().unwrap(), key.share.placement().clone(), epoch);
        let share = Ed25519::held(&key.share).unwrap();
        machines.insert(key.share.identifier(), Reshare::start_dealer(&session, share, new, &mut getrandom::SysRng).unwrap());
    }
    drive_until_pending(&mut machines);
    let mut pending = BTreeMap::new();
    for (index, (identifier, machine)) in machines.iter_mut().enumerate() {
        let share = Arc::clone(machine.pending().unwrap().value().unwrap());
        let record = Stored {
            wallet: "w".to_owned(),
            peers: peers.clone(),
            since: 0,
            share: AnyPendingShare::Ed25519(Arc::clone(&share)),
        };
        team.vaults[index].put_pending(&record.share.key_ref(), &record).await.unwrap();
        pending.insert(*identifier, share);
    }
    pending
}

#[tokio::test(flavor = "multi_thread")]
async fn proposals_that_move_a_number_or_name_a_used_epoch_are_refused() {
    let team = Team::with(4, 3, 2, &[SuiteId::Ed25519]).await;
    let (alice, bob) = (team.cosigners[0].shared(), team.cosigners[1].shared());
    let key = alice.find("w", None).await.unwrap();
    let body = |peers: Vec<(u16, usize)>, new_epoch: u64, dealers: &[u16]| {
        let id = |number: u16| Identifier::new(number).unwrap();
        let placement = peers.iter().fold(Placement::builder(Threshold::new(2, 3).unwrap()), |placement, (number, index)| {
            placement.participant(id(*number), exposure(*index))
        });
        crate::ceremony::message::ReshareProposal {
            keys: vec![crate::ceremony::message::ReshareKey {
                wallet: "w".to_owned(),
                key_id: *key.share.key_id().as_bytes(),
                suite: SuiteId::Ed25519,
                epoch: 0,
                digest: key.share.package_digest(),
                new_epoch,
                old: Vec::new(),
            }],
            dealers: quorate_core::ParticipantSet::new(dealers.iter().map(|number| id(*number))).unwrap(),
            placement: placement.build().unwrap(),
            peers: Peers::new(peers.iter().map(|(number, index)| (id(*number), team.peer(*index)))).unwrap(),
            former: Vec::new(),
        }
    };
    let peer: PeerId = team.peer(0);
    let check = async |body| super::super::reshare::refusal(bob, &body, peer).await;
    assert_eq!(check(body(vec![(1, 0), (2, 1), (3, 2)], 1, &[1, 2])).await, None);
    for (wrong, words) in [
        (body(vec![(1, 0), (2, 1), (3, 3)], 1, &[1, 2]), "would stand for another"),
        (body(vec![(1, 0), (2, 2), (3, 1)], 1, &[1, 2]), "would stand for another"),
        (body(vec![(1, 0), (2, 1), (3, 2)], 0, &[1, 2]), "lacks a free number"),
        (body(vec![(1, 0), (2, 1), (3, 2)], 1, &[1]), "too few"),
        (body(vec![(1, 0), (2, 1), (3, 2)], 1, &[2, 3]), "not among the participants"),
        (body(vec![(1, 0), (2, 1), (4, 3)], 1, &[1, 4]), "too few, or hold no shares"),
    ] {
        let reason = check(wrong).await.unwrap();
        assert!(reason.contains(words), "{reason}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn certificate_of_another_key_or_a_lower_epoch_destroys_nothing() {
    let team = Team::with(3, 3, 2, &[SuiteId::Ed25519]).await;
    team.cosigners[0].keygen(KeygenRequest::new("other", [SuiteId::Ed25519], 2)).await.unwrap();
    let (alice, id) = (team.cosigners[0].shared(), team.key_id(0).await);
    let old = alice.find("w", None).await.unwrap().share.certified_record();
    let other = alice.find("other", None).await.unwrap().share.certified_record();
    team.cosigners[0].reshare(refresh()).await.unwrap();
    let mut broken = alice.find("w", None).await.unwrap().share.certified_record();
    *broken.last_mut().unwrap() ^= 1;
    for record in [old, other, broken, Vec::new()] {
        crate::cosigner::recover::learn(alice, SuiteId::Ed25519, &record).await.unwrap();
        assert_eq!(team.epochs(0, &id).await, (Some(1), Vec::new()));
    }
    let gone = team.vaults[0].load_pending::<Stored<AnyPendingShare>>(&id, 0).await;
    assert!(matches!(gone, Err(VaultError::Input(VaultInputError::NoPendingShare { .. }))));
}

/// Runs an attempt by hand among `members` of the team, from the shares that `dealers` hold, up to the certificate; nothing is stored.
pub(super) async fn certified_elsewhere(
    team: &Team,
    members: &[(u16, usize)],
    dealers: &[usize],
    epoch: u64,
    session: u8,
) -> Vec<u8> {
    let id = |number: u16| Identifier::new(number).unwrap();
    let placement = members.iter().fold(
        Placement::builder(Threshold::new(2, u16::try_from(members.len()).unwrap()).unwrap()),
        |placement, (number, index)| placement.participant(id(*number), exposure(*index)),
    );
    let placement = placement.build().unwrap();
    let mut peers: BTreeMap<_, _> = members.iter().map(|(number, index)| (id(*number), team.peer(*index))).collect();
    let (mut held, mut set) = (Vec::new(), BTreeSet::new());
    for index in dealers {
        let key = team.cosigners[*index].shared().find("w", None).await.unwrap();
        peers.insert(key.share.identifier(), team.peer(*index));
        set.insert(key.share.identifier());
        held.push(key);
    }
    let session = quorate_core::Session::new(SessionId::new([session; 32]), Peers::new(peers.clone()).unwrap());
    let new = NewEpoch::new(quorate_core::ParticipantSet::new(set.iter().copied()).unwrap(), placement, epoch);
    let package = Ed25519::held(&held[0].share).unwrap().package().clone();
    let mut machines = BTreeMap::new();
    for identifier in peers.keys() {
        let own = held.iter().find(|key| key.share.identifier() == *identifier);
        let rng = &mut getrandom::SysRng;
        let machine = match own {
            Some(key) => Reshare::start_dealer(&session, Ed25519::held(&key.share).unwrap(), new.clone(), rng).unwrap(),
            None => Reshare::start_receiver(&session, &package, new.clone(), *identifier, rng).unwrap(),
        };
        machines.insert(*identifier, machine);
    }
    loop {
        let mut sent = Vec::new();
        for (from, machine) in &mut machines {
            if let Some(pending) = machine.pending() {
                pending.stored().unwrap();
            }
            while let Some(message) = machine.next_outgoing() {
                sent.push((*from, message));
            }
        }
        if sent.is_empty() {
            break;
        }
        for (from, message) in sent {
            machines.get_mut(&message.to).unwrap().handle(from, &message.bytes).unwrap();
        }
    }
    let outcome = machines.get_mut(&id(members[0].0)).unwrap().take_output().unwrap();
    let quorate_core::reshare::Outcome::Holds(share) = outcome else { panic!("no share") };
    Ed25519::active(share).certified_record()
}

/// docs/epochs.md, finding 1: two epochs of one number. The one with the higher package wins everywhere, and its shares survive the
/// certificate of the other.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_epochs_of_one_number_the_higher_package_survives() {
    let (mut kept, mut given_up) = (0, 0);
    for session in 0..12 {
        let team = Team::with(4, 4, 2, &[SuiteId::Ed25519]).await;
        let id = team.key_id(0).await;
        // Carol and Dave go on without the others, who do the same.
        let theirs = certified_elsewhere(&team, &[(3, 2), (4, 3)], &[2, 3], 1, session).await;
        let ours = pending_of_two(&team).await;
        let alice = team.cosigners[0].shared();
        let their_digest = crate::share::AnyCertified::from_record(SuiteId::Ed25519, &theirs).unwrap().package_digest();
        crate::cosigner::recover::learn(alice, SuiteId::Ed25519, &theirs).await.unwrap();
        let expected = if ours > their_digest { Some(1) } else { None };
        assert_eq!(team.epochs(0, &id).await.0, expected);
        // Whoever was told keeps the higher certificate to hand it on.
        let known = alice.certificate_from(&id, 1).await.unwrap();
        let known = crate::share::AnyCertified::from_record(SuiteId::Ed25519, &known).unwrap().package_digest();
        assert_eq!(known, ours.max(their_digest));
        if expected.is_some() {
            kept += 1
        } else {
            given_up += 1
        }
        if kept > 0 && given_up > 0 {
            return;
        }
    }
    panic!("{kept} kept and {given_up} given up: both must happen in twelve runs");
}

/// Alice gets an active share of an epoch 1 that she made with Bob alone; gives its package.
async fn pending_of_two(team: &Team) -> [u8; 32] {
    let old = team.cosigners[0].shared().find("w", None).await.unwrap();
    let peers = Peers::new(old.peers.iter().take(2)).unwrap();
    let session = quorate_core::Session::new(SessionId::new([77; 32]), peers.clone());
    let placement =
        peers.iter().zip([0, 1]).fold(Placement::builder(Threshold::new(2, 2).unwrap()), |placement, ((number, _), index)| {
            placement.participant(number, exposure(index))
        });
    let new = NewEpoch::new(peers.participants().unwrap(), placement.build().unwrap(), 1);
    let mut machines = Vec::new();
    for index in 0..2 {
        let key =
            team.vaults[index].load_active::<Stored<crate::share::AnyKeyShare>>(old.share.key_id().as_bytes()).await.unwrap().1;
        let share = Ed25519::held(&key.share).unwrap();
        machines.push((share.identifier(), Reshare::start_dealer(&session, share, new.clone(), &mut getrandom::SysRng).unwrap()));
    }
    let alice = team.cosigners[0].shared();
    loop {
        let mut sent = Vec::new();
        for (from, machine) in &mut machines {
            if let Some(pending) = machine.pending() {
                if *from == old.share.identifier() {
                    let share = AnyPendingShare::Ed25519(Arc::clone(pending.value().unwrap()));
                    alice.hold(&Stored { wallet: "w".to_owned(), peers: peers.clone(), since: 0, share }).await.unwrap();
                }
                pending.stored().unwrap();
            }
            while let Some(message) = machine.next_outgoing() {
                sent.push((*from, message));
            }
        }
        if sent.is_empty() {
            break;
        }
        for (from, message) in sent {
            machines.iter_mut().find(|(me, _)| *me == message.to).unwrap().1.handle(from, &message.bytes).unwrap();
        }
    }
    let Some(quorate_core::reshare::Outcome::Holds(share)) = machines[0].1.take_output() else { panic!("no share") };
    let record = Stored { wallet: "w".to_owned(), peers, since: 0, share: Ed25519::active(share) };
    alice.promote(&record).await.unwrap();
    record.share.package_digest()
}

/// docs/epochs.md, finding 2: who gave up its share has the certificate, also after a restart, and hands it on.
#[tokio::test(flavor = "multi_thread")]
async fn who_gave_up_its_share_keeps_the_certificate() {
    let mut team = Team::with(4, 3, 2, &[SuiteId::Ed25519]).await;
    let id = team.key_id(0).await;
    let record = certified_elsewhere(&team, &[(2, 1), (3, 2), (4, 3)], &[0, 1, 2], 3, 9).await;
    crate::cosigner::recover::learn(team.cosigners[0].shared(), SuiteId::Ed25519, &record).await.unwrap();
    assert_eq!(team.epochs(0, &id).await, (None, Vec::new()));
    team.start_again(0).await;
    assert_eq!(team.cosigners[0].shared().certificate_from(&id, 1).await, Some(record));
    assert_eq!(team.cosigners[0].shared().certificate_from(&id, 4).await, None);
}

/// docs/epochs.md, findings 5 and 6: a number that was promised is never joined again, also without a share, and after a restart.
#[tokio::test(flavor = "multi_thread")]
async fn promise_outlives_a_restart_and_binds_who_has_no_share() {
    let mut team = Team::with(4, 3, 2, &[SuiteId::Ed25519]).await;
    let id = team.key_id(0).await;
    let print = team.cosigners[0].shared().find("w", None).await.unwrap().share.key_print();
    let set = || {
        crate::cosigner::epochs::HolderSet::new(&Peers::new([(Identifier::new(1).unwrap(), PeerId::new([1; 32]))]).unwrap(), 2)
    };
    for index in [0, 3] {
        let attempt = |epoch, refresh| crate::cosigner::epochs::Attempt {
            key_id: &id,
            epoch,
            key_print: print,
            base: None,
            to: set(),
            former: &[],
            refresh,
        };
        team.cosigners[index].shared().promise(attempt(5, true)).await.unwrap();
        team.start_again(index).await;
        let shared = team.cosigners[index].shared();
        for epoch in [0, 4, 5, 6 + (1 << 32)] {
            let refused = shared.promise(attempt(epoch, true)).await;
            let expected = if epoch < 6 { "a free number" } else { "too far above" };
            assert!(refused.as_ref().is_err_and(|error| error.to_string().contains(expected)), "{epoch}: {refused:?}");
        }
        assert!(shared.promise(attempt(6, true)).await.unwrap().unwrap().contains(&set()));
    }
    // And the next attempt of all takes a number above it.
    assert_eq!(team.cosigners[1].reshare(refresh()).await.unwrap().keys[0].epoch, 7);
}

/// docs/epochs.md, finding 4.
#[tokio::test(flavor = "multi_thread")]
async fn word_of_the_evicted_does_not_make_an_eviction_effective() {
    let team = Team::with(3, 3, 2, &[SuiteId::Ed25519]).await;
    // 2 of 3 become 2 of 2; carol leaves, and is there and says so. Her word is heard, and not counted.
    let evict = refresh().without_holder("carol");
    let reshared = team.agreed(0, &evict, &[1]).await.unwrap();
    assert_eq!((reshared.effective, reshared.margin), (true, 0));
    let key_id = team.key_id(0).await;
    team.until_judged(1, &key_id).await;
    let again = team.cosigners[0].reshare(refresh()).await.unwrap();
    // What was before the eviction is judged by the eviction; of the two that are left, one could lie.
    assert_eq!((again.effective, again.margin), (true, 1));
}
