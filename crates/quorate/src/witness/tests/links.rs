//! What was found out about a peer holds for the link on which it answered, and each start has a history of its own.

use super::*;

impl Team {
    /// How one stands with another.
    fn checked(&self, by: usize, whom: usize) -> (Option<u64>, Checked) {
        let (shared, whom) = (self.at(by).shared(), self.peer(whom));
        (shared.network.link(whom), shared.witness.peers[&whom].state().checked)
    }

    async fn fine(&self, by: usize, whom: usize) {
        eventually("it is fine", || matches!(self.checked(by, whom), (Some(link), Checked::Fine(on)) if link == on)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn trust_in_a_peer_ends_with_the_link_on_which_it_answered() {
    let mut team = Team::start(2).await;
    team.fine(0, 1).await;
    let (first, _) = team.checked(0, 1);
    // Nothing is heard of the link that ended: the memory wire does not break, and bob is back before he is missed.
    // Until he is heard anew, the link that ended is the one there is, and what was found out on it holds.
    team.restart(1).await;
    eventually("there is another link", || team.checked(0, 1).0.is_some_and(|link| Some(link) != first)).await;
    team.fine(0, 1).await;
    let (shared, bob) = (team.at(0).shared(), team.peer(1));
    // A look that ends in between judges it anew, on the link that is.
    let mut waits = false;
    for _ in 0..100 {
        shared.witness.peers[&bob].state().checked = Checked::Fine(first.unwrap());
        let trusted = timeout(Duration::ZERO, shared.trust(bob)).await.is_ok();
        if shared.witness.peers[&bob].state().checked == Checked::Fine(first.unwrap()) {
            assert!(!trusted, "it is another link");
            waits = true;
            break;
        }
    }
    assert!(waits, "there is always another look");
    shared.witness.want(bob);
    shared.trust(bob).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn peer_that_was_not_judged_yet_is_judged_before_an_operator_is_answered() {
    let mut team = Team::bob_went_back(2, SuiteId::Ed25519).await;
    // Neither asks whether the other has been heard yet.
    team.at(1).rejoin().await.unwrap();
    team.restart(1).await;
    team.at(0).accept_rejoin(team.peer(1), false).await.unwrap();
    let fine = team.at(0).accept_rejoin(team.peer(1), false).await;
    assert!(matches!(fine, Err(CosignerError::Request(RequestError::NoAlarm { .. }))), "{fine:?}");
    let fine = team.at(1).rejoin().await;
    assert!(matches!(fine, Err(CosignerError::Request(RequestError::InStep))), "{fine:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_of_one_store_that_start_within_a_second_have_different_logs() {
    let mut team = Team::start(2).await;
    team.stop(1).await;
    let before = team.homes[1].copy();
    let mut digests = Vec::new();
    for _ in 0..2 {
        team.homes[1].put_back(&before);
        let bob = team.boot(1).await;
        digests.push(bob.shared().audit.head());
        bob.shutdown().await;
    }
    assert_eq!(digests[0].sequence, digests[1].sequence);
    assert_ne!(digests[0].digest, digests[1].digest);
}
