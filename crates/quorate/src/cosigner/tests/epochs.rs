//! Cosigners that want epochs to go wrong, and moments at which they could.

use quorate_core::{ParticipantSet, Peers};

use super::*;
use crate::{
    ceremony::message::{ReshareKey, ReshareProposal},
    cosigner::{
        ReshareRequest,
        epochs::{Attempt, HolderSet, SHORT_STEP},
        recover::learn,
    },
};

fn refresh() -> ReshareRequest {
    ReshareRequest::refresh(["w".to_owned()])
}

fn id(number: u16) -> Identifier {
    Identifier::new(number).unwrap()
}

impl Team {
    /// What somebody who holds a share, or says so, would send to deal the wallet's key anew among these.
    async fn proposal(&self, holds: usize, receivers: &[(u16, usize)], new_epoch: u64) -> ReshareProposal {
        let key = self.cosigners[holds].shared().find("w", None).await.unwrap();
        let count = u16::try_from(receivers.len()).unwrap();
        let placement =
            receivers.iter().fold(Placement::builder(Threshold::new(2, count).unwrap()), |placement, (number, index)| {
                placement.participant(id(*number), exposure(*index))
            });
        let mut peers: BTreeMap<_, _> = key.peers.iter().take(2).collect();
        peers.extend(receivers.iter().map(|(number, index)| (id(*number), self.peer(*index))));
        ReshareProposal {
            keys: vec![ReshareKey {
                wallet: "w".to_owned(),
                key_id: *key.share.key_id().as_bytes(),
                suite: SuiteId::Ed25519,
                epoch: key.share.epoch(),
                digest: key.share.package_digest(),
                new_epoch,
                old: key.share.certified_record(),
            }],
            dealers: ParticipantSet::new(key.peers.iter().take(2).map(|(identifier, _)| identifier)).unwrap(),
            placement: placement.build().unwrap(),
            peers: Peers::new(peers).unwrap(),
            former: Vec::new(),
        }
    }
}

/// A certificate that comes while its own ceremony makes the share active gives up nothing: not the active share, and not the pending
/// one that did not open a moment ago.
#[tokio::test(flavor = "multi_thread")]
async fn certificate_of_the_epoch_that_is_held_destroys_nothing() {
    let team = Team::with(3, 3, 2, &[SuiteId::Ed25519]).await;
    let key_id = team.key_id(0).await;
    team.cosigners[0].reshare(refresh()).await.unwrap();
    let alice = team.cosigners[0].shared();
    let record = alice.find("w", None).await.unwrap().share.certified_record();
    let certified = crate::share::AnyCertified::from_record(SuiteId::Ed25519, &record).unwrap();
    // As `learn` does when it looked before the share was active.
    alice.retire(&certified, &record).await.unwrap();
    assert_eq!(team.epochs(0, &key_id).await, (Some(1), Vec::new()));
    assert_eq!(alice.seen(&key_id).await.unwrap(), Some(1));
    team.cosigners[1].reshare(refresh()).await.unwrap();
    // An older one comes late.
    alice.retire(&certified, &record).await.unwrap();
    assert_eq!(team.epochs(0, &key_id).await, (Some(2), Vec::new()));
    team.hello(0, &[1]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn retirement_that_a_crash_cut_short_is_finished_by_the_same_certificate_and_at_the_start() {
    for again in [false, true] {
        let mut team = Team::with(4, 3, 2, &[SuiteId::Ed25519]).await;
        let key_id = team.key_id(0).await;
        let record = reshare::certified_elsewhere(&team, &[(2, 1), (3, 2), (4, 3)], &[1, 2], 1, 7).await;
        let certified = crate::share::AnyCertified::from_record(SuiteId::Ed25519, &record).unwrap();
        let alice = team.cosigners[0].shared();
        alice.note_retired(&certified, &record).await.unwrap();
        assert_eq!(team.epochs(0, &key_id).await, (Some(0), Vec::new()));
        if again {
            learn(alice, SuiteId::Ed25519, &record).await.unwrap();
        } else {
            team.start_again(0).await;
        }
        assert_eq!(team.epochs(0, &key_id).await, (None, Vec::new()));
    }
}

/// Somebody makes up a key of the same name, and asks one who knows nothing of the real one to join.
#[tokio::test(flavor = "multi_thread")]
async fn made_up_key_is_joined_only_with_consent_and_leaves_no_trace_otherwise() {
    let team = Team::with(4, 3, 2, &[SuiteId::Ed25519]).await;
    let (key_id, dave) = (team.key_id(0).await, team.cosigners[3].shared());
    let body = team.proposal(0, &[(2, 1), (3, 2), (4, 3)], 1).await;
    let proposal = Proposal { request: [5; 32], body: ProposalBody::Reshare(body.clone()) };
    let refused = crate::cosigner::reshare::take_part(dave, team.peer(0), &proposal, &body).await;
    assert!(matches!(&refused, Err(CosignerError::Denied { reason }) if reason.contains("consent")), "{refused:?}");
    assert_eq!((dave.seen(&key_id).await.unwrap(), dave.print_of(&key_id).await.unwrap()), (None, None));
    // And a certificate, even the real one, means nothing to who knows nothing of the key.
    team.cosigners[0].reshare(refresh()).await.unwrap();
    let record = team.cosigners[0].shared().find("w", None).await.unwrap().share.certified_record();
    learn(dave, SuiteId::Ed25519, &record).await.unwrap();
    assert_eq!(dave.seen(&key_id).await.unwrap(), None);
    // Whoever held a share knows which key it was, also when nothing of it opens any more.
    let other = Attempt { key_print: [9; 32], ..attempt(&key_id, 9, true) };
    let refused = team.cosigners[0].shared().promise(other).await;
    assert!(matches!(&refused, Err(CosignerError::Denied { reason }) if reason.contains("another key")), "{refused:?}");
}

fn attempt(key_id: &[u8; 32], epoch: u64, refresh: bool) -> Attempt<'_> {
    let peers = Peers::new([(id(1), PeerId::new([1; 32])), (id(2), PeerId::new([2; 32]))]).unwrap();
    Attempt { key_id, epoch, key_print: [0; 32], base: None, to: HolderSet::new(&peers, 2), former: &[], refresh }
}

/// A holder moves another one's numbers up with refreshes that come to nothing. A change that operators consent to gets over it.
#[tokio::test(flavor = "multi_thread")]
async fn wasted_numbers_do_not_keep_out_a_change() {
    let team = Team::with(4, 3, 2, &[SuiteId::Ed25519]).await;
    let (key_id, alice) = (team.key_id(0).await, team.cosigners[0].shared());
    let key = alice.find("w", None).await.unwrap();
    for step in 1..=3 {
        let to = HolderSet::new(&key.peers, 2);
        let wasted = Attempt { key_print: key.share.key_print(), to, ..attempt(&key_id, step * SHORT_STEP, true) };
        alice.promise(wasted).await.unwrap();
    }
    // Bob does not believe the number for a refresh, nor would he join one so far above what he has seen.
    let refused = team.cosigners[1].reshare(refresh()).await;
    assert!(matches!(&refused, Err(CosignerError::Lacking { name, .. }) if name == "alice"), "{refused:?}");
    let refused = team.cosigners[0].reshare(refresh()).await;
    assert!(matches!(&refused, Err(CosignerError::Refused { reason, .. }) if reason.contains("too far above")), "{refused:?}");
    let evict = refresh().without_holder("carol").with_holder("dave");
    let reshared = team.agreed(1, &evict, &[0, 3]).await.unwrap();
    assert!(reshared.keys[0].epoch > 3 * SHORT_STEP && reshared.effective, "{reshared:?}");
    assert_eq!(team.cosigners[3].reshare(refresh()).await.unwrap().keys[0].epoch, reshared.keys[0].epoch + 1);
}

/// A holder that is to be evicted proposes refreshes and never begins them.
#[tokio::test(flavor = "multi_thread")]
async fn refresh_that_nobody_begins_yields_to_the_eviction_of_who_proposed_it() {
    let mut team = Team::with(4, 3, 2, &[SuiteId::Ed25519]).await;
    let evict = refresh().without_holder("carol").with_holder("dave");
    let body = ReshareProposal {
        dealers: ParticipantSet::new([1, 2, 3].map(id)).unwrap(),
        ..team.proposal(0, &[(1, 0), (2, 1), (3, 2)], 1).await
    };
    // Her own cosigner is out of the way; the test speaks for her.
    let dave = team.cosigners.pop().unwrap();
    let carol = team.corrupt_last().await;
    team.cosigners.push(dave);
    for index in [0, 1] {
        let proposal = Proposal { request: [7; 32], body: ProposalBody::Reshare(body.clone()) };
        carol.request(team.peer(index), Message::Propose(proposal).to_bytes()).unwrap();
    }
    let mut accepted = 0;
    while accepted < 2 {
        accepted += usize::from(matches!(heard(&carol).await, Message::Accept { .. }));
    }
    let plan = loop {
        match team.cosigners[0].reshare(evict.clone()).await {
            Err(CosignerError::Refused { .. }) => {}
            other => panic!("{other:?}"),
        }
        let plans = [1, 2].map(|index| team.cosigners[index].plans().pop());
        if let [Some(bob), Some(dave)] = plans {
            assert_eq!(bob.plan, dave.plan);
            break bob.plan;
        }
    };
    for index in [1, 2] {
        team.cosigners[index].consent(plan).await.unwrap();
    }
    // From now on she need not try another one there.
    let body = ReshareProposal {
        dealers: ParticipantSet::new([1, 2, 3].map(id)).unwrap(),
        ..team.proposal(0, &[(1, 0), (2, 1), (3, 2)], 1000).await
    };
    let reason = crate::cosigner::reshare::refusal(team.cosigners[1].shared(), &body, team.peer(2)).await;
    assert!(reason.as_ref().is_some_and(|reason| reason.contains("it comes first")), "{reason:?}");
    // Carol's attempt would stand in the way until the deadline and ten seconds more; that is longer than anything waits for it.
    assert!(team.cosigners[0].reshare(evict).await.unwrap().effective);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_different_holders_or_places_are_not_dealt_together() {
    let team = Team::with(4, 3, 2, &[SuiteId::Ed25519]).await;
    let other = KeygenRequest::new("other", [SuiteId::Ed25519], 3).participants(NAMES[..3].iter().map(|name| (*name).to_owned()));
    team.cosigners[0].keygen(other).await.unwrap();
    let both = ReshareRequest::refresh(["w".to_owned(), "other".to_owned()]);
    let refused = team.cosigners[0].reshare(both).await;
    assert!(matches!(refused, Err(CosignerError::Request(crate::RequestError::OtherHolders))), "{refused:?}");
    // Nor when the proposer does not look.
    let mut body = ReshareProposal {
        dealers: ParticipantSet::new([1, 2, 3].map(id)).unwrap(),
        ..team.proposal(0, &[(1, 0), (2, 1), (3, 2)], 1).await
    };
    let key = team.cosigners[0].shared().find("other", None).await.unwrap();
    body.keys.push(ReshareKey {
        wallet: "other".to_owned(),
        key_id: *key.share.key_id().as_bytes(),
        digest: key.share.package_digest(),
        old: Vec::new(),
        ..body.keys[0].clone()
    });
    body.keys.sort_unstable_by_key(|key| key.key_id);
    let reason = crate::cosigner::reshare::refusal(team.cosigners[1].shared(), &body, team.peer(0)).await.unwrap();
    assert!(reason.contains("not all of the same holders"), "{reason}");
}

/// docs/epochs.md, finding 3 over several epochs: what one eviction left is asked for by the next, until it is harmless.
#[tokio::test(flavor = "multi_thread")]
async fn epoch_that_was_not_effective_is_not_forgotten_by_the_next() {
    let mut team = Team::with(4, 4, 2, &[SuiteId::Ed25519]).await;
    // Two of four leave, and neither says anything.
    for _ in 0..2 {
        team.cosigners.pop().unwrap().shutdown().await;
    }
    let evict = refresh().without_holder("carol").without_holder("dave");
    assert!(!team.agreed(0, &evict, &[1]).await.unwrap().effective);
    // They still have two shares of the first epoch, which is all it takes.
    assert!(!team.cosigners[1].reshare(refresh()).await.unwrap().effective);
    for index in [2, 3] {
        let cosigner = team.boot(index, |builder| builder).await;
        team.cosigners.push(cosigner);
    }
    for cosigner in &team.cosigners {
        assert!(cosigner.connected(Duration::from_secs(20)).await);
    }
    let key_id = team.key_id(0).await;
    for index in [2, 3] {
        team.until_epoch(index, &key_id, None).await;
    }
    assert!(team.cosigners[0].reshare(refresh()).await.unwrap().effective);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_took_part_knows_that_an_epoch_is_effective() {
    let mut team = Team::with(5, 3, 2, &[SuiteId::Ed25519]).await;
    let first = refresh().without_holder("carol").with_holder("dave");
    assert!(team.agreed(0, &first, &[1, 3]).await.unwrap().effective);
    let key_id = team.key_id(0).await;
    team.until_judged(1, &key_id).await;
    // Alice, who proposed it, and carol are gone. Bob has it from the words of the others.
    let carol = team.cosigners.remove(2);
    carol.shutdown().await;
    let alice = team.cosigners.remove(0);
    alice.shutdown().await;
    let second = refresh().without_holder("alice").with_holder(NAMES[4]);
    let reshared = team.agreed(0, &second, &[1, 2]).await.unwrap();
    assert_eq!((reshared.effective, reshared.margin), (true, 0));
}
