//! Pairings, presignatures, and cosigners that break the protocol of either.

use std::collections::BTreeSet;

use quorate_core::{ParticipantSet, ecdsa::Boot, session::ProtocolId};

use super::*;
use crate::{
    ceremony::run::cheat,
    cosigner::{RequestError, Signed},
    pool::Line,
};

const SUITE: SuiteId = SuiteId::EcdsaSecp256k1;
/// The last byte of the last message of a pairing, of an extension, and of a multiplication before ψ and Γ.
const IN_PAIRING: cheat::Cheat = (ProtocolId::Pairing, 3, 1);
const IN_EXTENSION: cheat::Cheat = (ProtocolId::Ecdsa, 1, 1);
const IN_MULTIPLICATION: cheat::Cheat = (ProtocolId::Ecdsa, 2, 32 + 33 + 1);
/// The last byte of w, before u′, the tag, and the length of an empty private part.
const IN_LAST_ROUND: cheat::Cheat = (ProtocolId::Ecdsa, 3, 4 + 32 + 32 + 1);

impl Team {
    async fn with_wallet(size: usize, min_signers: u16) -> Self {
        let team = Self::of(size, size).await;
        team.cosigners[0].keygen(KeygenRequest::new("w", [SUITE], min_signers)).await.unwrap();
        team
    }

    async fn sign(&self, proposer: usize, signers: &[usize]) -> Result<Signed, CosignerError> {
        let names = signers.iter().map(|index| NAMES[*index].to_owned());
        self.cosigners[proposer].sign(SignRequest::new("w", message("hello")).signers(names)).await
    }

    fn shared(&self, index: usize) -> &Arc<crate::cosigner::Shared> {
        self.cosigners[index].shared()
    }

    async fn line(&self, proposer: usize, signers: &[usize]) -> Line {
        let key = self.shared(proposer).find("w", None).await.unwrap();
        let identifiers = signers.iter().map(|index| key.peers.identifier(self.peer(*index)).unwrap());
        self.shared(proposer).own_line(&key, &ParticipantSet::new(identifiers).unwrap())
    }

    async fn filled(&self, line: &Line, signers: &[usize], count: usize) {
        eventually("presignatures", || signers.iter().all(|index| self.shared(*index).pool.count(line) == count)).await;
    }

    pub(super) async fn restart(&mut self, index: usize, change: impl FnOnce(CosignerBuilder) -> CosignerBuilder) {
        // First the old one: two on one store must not run.
        self.cosigners[index].stop().await;
        self.cosigners[index] = self.boot(index, change).await;
        for other in &self.cosigners {
            assert!(other.connected(Duration::from_secs(20)).await);
        }
        // A link that ended may count as one until that is noticed.
        let boot = self.shared(index).pairings.boot;
        let knows = |other: usize| other == index || self.shared(other).pairings.boot_of(self.peer(index)) == Some(boot);
        eventually("all know the new boot", || (0..self.cosigners.len()).all(knows)).await;
    }

    async fn faults(&self, of: usize, at: usize) -> u32 {
        self.vaults[at].faults(&self.peer(of), u64::MAX >> 1).await.unwrap().count
    }
}

async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let wait = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait).await.unwrap_or_else(|_| panic!("{what}: never"));
}

#[tokio::test(flavor = "multi_thread")]
async fn presignatures_are_made_after_the_first_signature_and_each_is_spent_once() {
    let team = Team::with_wallet(3, 2).await;
    let line = team.line(0, &[0, 1]).await;
    assert_eq!(team.shared(0).pool.count(&line), 0);
    team.sign(0, &[1]).await.unwrap();
    assert!(team.shared(0).once.spent.lock().unwrap().is_empty());
    team.filled(&line, &[0, 1], 8).await;
    assert_eq!(team.shared(2).pool.count(&line), 0);
    for signed in 1..=3 {
        team.sign(0, &[1]).await.unwrap();
        let spent: Vec<_> = [0, 1].map(|index| team.shared(index).once.spent.lock().unwrap().clone()).into();
        assert_eq!((spent[0].len(), &spent[0]), (signed, &spent[1]));
        assert_eq!(spent[0].iter().collect::<BTreeSet<_>>().len(), signed);
        assert!(spent[0].iter().all(|id| !team.shared(1).pool.holds(&line, &[*id])));
        team.filled(&line, &[0, 1], 8).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_proposers_with_twenty_requests_at_once_never_spend_one_twice() {
    let team = Team::with_wallet(3, 2).await;
    for (proposer, other) in [(0, 1), (1, 0)] {
        team.sign(proposer, &[other]).await.unwrap();
        team.filled(&team.line(proposer, &[0, 1]).await, &[0, 1], 8).await;
    }
    let mut requests = Vec::new();
    let team = &team;
    for number in 0..20 {
        requests.push(async move { team.sign(number % 2, &[1 - number % 2]).await });
    }
    let mut signatures = BTreeSet::new();
    for signed in futures_join(requests).await {
        assert!(signatures.insert(signed.unwrap().signatures));
    }
    for index in 0..2 {
        let spent = team.shared(index).once.spent.lock().unwrap().clone();
        assert!(spent.len() >= 16, "only {} were spent", spent.len());
        assert_eq!(spent.iter().collect::<BTreeSet<_>>().len(), spent.len());
    }
}

/// All of them at once.
async fn futures_join<T>(futures: Vec<impl Future<Output = T>>) -> Vec<T> {
    let mut futures: Vec<_> = futures.into_iter().map(Box::pin).collect();
    let mut done: Vec<Option<T>> = futures.iter().map(|_| None).collect();
    core::future::poll_fn(|context| {
        for (future, done) in futures.iter_mut().zip(&mut done).filter(|(_, done)| done.is_none()) {
            if let core::task::Poll::Ready(value) = future.as_mut().poll(context) {
                *done = Some(value);
            }
        }
        if done.iter().all(Option::is_some) { core::task::Poll::Ready(()) } else { core::task::Poll::Pending }
    })
    .await;
    done.into_iter().flatten().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn restart_of_one_drops_its_pairings_and_presignatures_at_the_others_and_signing_goes_on() {
    let mut team = Team::with_wallet(3, 2).await;
    for other in [1, 2] {
        team.sign(0, &[other]).await.unwrap();
        team.filled(&team.line(0, &[0, other]).await, &[0, other], 8).await;
    }
    let (bob, carol) = (team.peer(1), team.peer(2));
    let (with_bob, with_carol) = (team.line(0, &[0, 1]).await, team.line(0, &[0, 2]).await);
    let (former, kept) = (team.shared(0).pairings.held(bob).unwrap(), team.shared(0).pairings.held(carol).unwrap());
    let made = |line: &Line| team.shared(0).pool.reserve(line, 8).unwrap().ids();
    let (made_with_bob, made_with_carol) = (made(&with_bob), made(&with_carol));
    team.restart(1, |builder| builder).await;
    eventually("the pairing ends", || !former.is_live()).await;
    // The two pair again as soon as they can: there may be another pairing already, never this one.
    assert!(team.shared(0).pairings.held(bob).is_none_or(|pairing| pairing.id() != former.id()));
    assert_eq!(team.shared(0).pairings.held(carol).unwrap().id(), kept.id());
    assert!(made_with_bob.iter().all(|id| !team.shared(0).pool.holds(&with_bob, &[*id])));
    assert!(team.shared(0).pool.holds(&with_carol, &made_with_carol));
    team.sign(0, &[1]).await.unwrap();
    team.sign(1, &[2]).await.unwrap();
    team.filled(&with_bob, &[0, 1], 8).await;
    assert_ne!(team.shared(0).pairings.held(bob).unwrap().id(), former.id());
}

#[tokio::test(flavor = "multi_thread")]
async fn signer_that_lacks_a_presignature_says_so_and_signs_without() {
    let team = Team::with_wallet(3, 2).await;
    team.sign(0, &[1]).await.unwrap();
    let line = team.line(0, &[0, 1]).await;
    team.filled(&line, &[0, 1], 8).await;
    let reserved = team.shared(1).pool.reserve(&line, 8).unwrap();
    team.sign(0, &[1]).await.unwrap();
    drop(reserved.spend());
    assert!(team.shared(0).once.spent.lock().unwrap().is_empty());
    // The proposer's own went with it: the next request does not name it again.
    eventually("one is gone", || team.shared(0).pool.count(&line) >= 8).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn host_of_no_depth_holds_no_presignature_for_anybody() {
    let mut team = Team::with_wallet(3, 2).await;
    team.restart(1, |builder| builder.presignatures(0)).await;
    for (proposer, other) in [(0, 1), (1, 0), (0, 2)] {
        team.sign(proposer, &[other]).await.unwrap();
    }
    team.filled(&team.line(0, &[0, 2]).await, &[0, 2], 8).await;
    for line in [team.line(0, &[0, 1]).await, team.line(1, &[0, 1]).await] {
        assert_eq!([0, 1].map(|index| team.shared(index).pool.count(&line)), [0, 0]);
    }
    team.sign(0, &[1]).await.unwrap();
    assert!(team.shared(1).once.spent.lock().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn pairings_end_by_age_and_on_request_and_are_made_anew() {
    let mut team = Team::with_wallet(3, 2).await;
    team.restart(0, |builder| builder.pairing_age(Duration::from_secs(3))).await;
    team.sign(0, &[1]).await.unwrap();
    let (bob, line) = (team.peer(1), team.line(0, &[0, 1]).await);
    let first = team.shared(0).pairings.held(bob).unwrap();
    eventually("the pairing ends by age", || !first.is_live()).await;
    eventually("its presignatures too", || team.shared(0).pool.count(&line) == 0).await;
    team.sign(0, &[1]).await.unwrap();
    let second = team.shared(0).pairings.held(bob).unwrap();
    assert_ne!(first.id(), second.id());
    team.cosigners[0].drop_pairings();
    assert!(!second.is_live());
    // Bob still has his half: the two find out, and pair again.
    team.sign(1, &[0]).await.unwrap();
    team.sign(0, &[1]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn cosigners_pair_when_a_link_comes_up_and_after_a_restart() {
    let mut team = Team::start(3).await;
    let all = |team: &Team| {
        let held = |a: usize, b: usize| a == b || team.shared(a).pairings.held(team.peer(b)).is_some();
        (0..3).all(|a| (0..3).all(|b| held(a, b)))
    };
    eventually("all have paired, and nobody has a key yet", || all(&team)).await;
    team.restart(1, |builder| builder).await;
    eventually("the one that restarted too", || all(&team)).await;
    team.restart(2, |builder| builder.presignatures(0)).await;
    team.restart(0, |builder| builder.presignatures(0)).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(team.shared(0).pairings.held(team.peer(2)).is_none(), "they keep nothing ahead");
}

#[tokio::test(flavor = "multi_thread")]
async fn cheat_in_a_pairing_is_named_counted_for_good_and_waits() {
    let mut team = Team::with_wallet(3, 2).await;
    // Without presignatures they pair when they must, and the test knows when that is.
    for index in 0..3 {
        team.restart(index, |builder| builder.presignatures(0)).await;
    }
    let carol = team.peer(2);
    eventually("what was paired before the restarts is gone", || team.shared(0).pairings.held(carol).is_none()).await;
    cheat::set(carol, Some(IN_PAIRING));
    // The first attempt finds out that Carol is of another boot than was thought, and her offer is answered all the same.
    team.shared(0).learn_boot(carol, Boot::new(0, [0; 16]));
    let failed = team.sign(0, &[2]).await;
    assert!(matches!(&failed, Err(CosignerError::Fault { names, .. }) if names == &["carol"]), "{failed:?}");
    assert_eq!((team.faults(2, 0).await, team.faults(1, 0).await), (1, 0));
    cheat::set(carol, None);
    let waits = team.sign(0, &[2]).await;
    assert!(matches!(&waits, Err(CosignerError::BackOff { name, seconds: 1..=60 }) if name == "carol"), "{waits:?}");
    team.restart(0, |builder| builder.presignatures(0)).await;
    assert!(matches!(team.sign(0, &[2]).await, Err(CosignerError::BackOff { .. })));
    // Not at her own request either, and the others sign.
    let refused = team.sign(2, &[0]).await;
    let by_alice = |name: &str, reason: &str| name == "alice" || reason.contains("alice refuses");
    assert!(matches!(&refused, Err(CosignerError::Refused { name, reason }) if by_alice(name, reason)), "{refused:?}");
    team.sign(0, &[]).await.unwrap();
    team.sign(2, &[1]).await.unwrap();
    team.cosigners[0].forgive(carol).await.unwrap();
    team.sign(0, &[2]).await.unwrap();
    let stranger = team.cosigners[0].forgive(PeerId::new([9; 32])).await;
    assert!(matches!(stranger, Err(CosignerError::Request(RequestError::UnknownCosigner { .. }))));
}

#[tokio::test(flavor = "multi_thread")]
async fn cheat_in_a_signature_costs_the_pairing_and_others_sign() {
    for cheat in [IN_EXTENSION, IN_MULTIPLICATION] {
        let team = Team::with_wallet(3, 2).await;
        team.sign(0, &[1]).await.unwrap();
        let pairing = team.shared(0).pairings.held(team.peer(1)).unwrap();
        let line = team.line(0, &[0, 1]).await;
        team.filled(&line, &[0, 1], 8).await;
        drop(team.shared(1).pool.reserve(&line, 8).unwrap().spend());
        cheat::set(team.peer(1), Some(cheat));
        // Bob comes first, and is found out; then Alice signs with Carol.
        let signed = team.sign(0, &[]).await.unwrap();
        assert_eq!(signed.signers.iter().map(Identifier::to_u16).collect::<Vec<_>>(), [1, 3]);
        assert!(!pairing.is_live(), "{cheat:?}");
        assert_eq!((team.faults(1, 0).await, team.shared(0).pool.count(&line)), (1, 0), "{cheat:?}");
        assert!(matches!(team.sign(0, &[1]).await, Err(CosignerError::BackOff { .. })));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cheat_that_nobody_can_name_is_found_by_signing_without_each_suspect() {
    let team = Team::with_wallet(4, 3).await;
    cheat::set(team.peer(1), Some(IN_LAST_ROUND));
    let signed = team.sign(0, &[]).await.unwrap();
    assert_eq!(signed.signers.iter().map(Identifier::to_u16).collect::<Vec<_>>(), [1, 3, 4]);
    assert_eq!(team.faults(1, 0).await, 0, "no pairing was lost");
}

#[tokio::test(flavor = "multi_thread")]
async fn offers_are_answered_twice_a_second_at_most() {
    // Whoever has the lower identity makes the offers.
    let (team, carol, honest) = loop {
        let mut team = Team::start(3).await;
        let carol = team.peer(2);
        if let Some(honest) = (0..2).find(|index| carol < team.peer(*index)) {
            let carol = team.corrupt_last().await;
            break (team, carol, honest);
        }
    };
    let (boot, began) = (Boot::new(1, [7; 16]), std::time::Instant::now());
    for random in 0..20 {
        let offer = PairMessage::Offer { boot, random: [random; 32] };
        carol.request(team.peer(honest), Message::Pair(offer).to_bytes()).unwrap();
    }
    let (mut accepted, mut refused) = (0, 0);
    while accepted + refused < 20 {
        let answer = heard(&carol).await;
        accepted += usize::from(matches!(answer, Message::Pair(PairMessage::Accept { .. })));
        refused += usize::from(matches!(answer, Message::Refuse { .. }));
    }
    let turns = 1 + usize::try_from(began.elapsed().as_millis() / 500).unwrap();
    assert!((1..=turns).contains(&accepted), "{accepted} of 20 offers were accepted in {turns} turns");
}
