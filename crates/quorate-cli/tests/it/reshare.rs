//! New shares of the same keys on the command line: refresh, eviction by consent, other thresholds, repair.

use core::time::Duration;

use crate::support::{Place, Said};

fn sign(place: &Place, at: &str, signer: &str) {
    let signature = place.at(at, &format!("sign message treasury hello --suite ed25519 --signer {signer}")).succeeds();
    let check = format!("verify message hello --wallet treasury --suite ed25519 --signature {}", signature.trim());
    place.at(at, &check).succeeds();
}

fn solana(place: &Place, at: &str) -> String {
    place.at(at, "address treasury --kind solana").succeeds()
}

#[test]
fn wallet_is_refreshed_and_rid_of_a_participant_by_the_consent_of_the_others() {
    let place = Place::new();
    let mut nodes = place.start_team(&["alice", "bob", "carol", "dave"]);
    let keygen = "keygen treasury --suite ed25519 --participant alice --participant bob --participant carol";
    place.at("alice", keygen).succeeds();
    let address = solana(&place, "bob");
    let refreshed = place.at("bob", "refresh treasury --json").json();
    assert_eq!((&refreshed["keys"][0]["epoch"], &refreshed["effective"]), (&1.into(), &true.into()));
    assert_eq!(refreshed["destroyed"], serde_json::json!(["alice", "bob", "carol"]));
    let repaired = place.at("bob", "repair treasury").succeeds();
    assert!(repaired.contains("nothing to repair"), "{repaired}");

    // Alice is gone. Carol's operator has not been asked yet.
    drop(nodes.remove(0));
    let evict = "evict treasury --participant alice --replace-with dave";
    let refused = place.at("bob", evict);
    refused.fails(4, "takes part only if its operator consents");
    let plans = place.plans("carol");
    let plan = plans[0]["plan"].as_str().unwrap().to_owned();
    assert!(refused.err.contains(&format!("quorate consent {plan}")), "{}", refused.err);
    let words = "shares for this cosigner of wallet treasury, of which it has none: 2 of 3; holders: bob, carol, dave";
    let new = place.plans("dave");
    assert_eq!((&new[0]["plan"], &new[0]["description"]), (&plan.clone().into(), &words.into()));
    place.at("dave", &format!("consent {plan}")).succeeds();
    let refused = place.at("bob", evict);
    refused.fails(4, "carol takes part only if its operator consents");
    assert!(refused.err.contains("At carol"), "{}", refused.err);
    assert_eq!(plans[0]["description"], "wallet treasury: from 2 of 3 to 2 of 3; leaving: alice; joining: dave");
    let error: serde_json::Value = serde_json::from_str(&place.at("bob", &format!("{evict} --json")).out).unwrap();
    assert_eq!((&error["error"]["plan"], &error["error"]["culprits"][0]), (&plan.clone().into(), &"carol".into()));
    place.at("carol", "consent 00").fails(2, "64 hexadecimal digits");
    assert!(place.at("carol", &format!("consent {plan}")).succeeds().contains("leaving: alice; joining: dave"));
    assert!(place.at("carol", "plans").succeeds().contains("no change waits"));
    let done = place.at("bob", evict).succeeds();
    assert!(
        done.contains("no word of it from:      alice") && done.contains("the old shares that may be left cannot sign"),
        "{done}"
    );
    assert_eq!(solana(&place, "dave"), address);
    sign(&place, "dave", "bob");
    sign(&place, "carol", "dave");

    // Words for what does not fit, before anybody is asked.
    place
        .at("bob", "evict treasury --participant carol --min-signers 3")
        .fails(2, "give --replace-with NAME, or --min-signers 2");
    place.at("bob", "reshare treasury --add mallory").fails(2, "mallory");
    place.at("bob", "evict treasury --participant alice").fails(2, "alice");
}

/// Asks until it is done.
#[track_caller]
fn until(what: &str, ask: impl Fn() -> Said) {
    let began = std::time::Instant::now();
    loop {
        let said = ask();
        if said.code == 0 {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "{what}: {}", said.err);
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn cosigner_that_lost_its_share_with_its_store_is_repaired() {
    let place = Place::new();
    let names = ["alice", "bob", "carol"];
    let mut nodes = place.start_team(&names);
    assert_eq!(nodes.pop().unwrap().stop(), 0);
    let copy = |from: &str, to: &str| {
        let status = std::process::Command::new("cp").arg("-r").arg(place.path(from)).arg(place.path(to)).status().unwrap();
        assert!(status.success());
    };
    copy("carol", "carol-before");
    nodes.push(place.start("carol"));
    place.wait_for_links(&names);
    place.at("alice", "keygen treasury --suite ed25519").succeeds();
    let address = solana(&place, "alice");
    // Carol's disk is lost; all that is left is a copy from before the wallet was made.
    assert_eq!(nodes.pop().unwrap().stop(), 0);
    std::fs::remove_dir_all(place.path("carol")).unwrap();
    copy("carol-before", "carol");
    let carol = place.start("carol");
    place.wait_for_links(&names);
    until("carol knows", || place.at("carol", "rejoin"));
    assert_eq!(carol.stop(), 0);
    nodes.push(place.start("carol"));
    place.wait_for_links(&names);
    for peer in ["alice", "bob"] {
        // It has to have asked her first.
        until("the alarm", || place.at(peer, "peers --accept-rejoin carol --lost-shares"));
    }
    place.at("alice", "attest treasury").fails(1, "1 of 3 proofs are missing");
    // Carol has never heard of the wallet: only her operator can tell it from another of the same name.
    place.at("alice", "repair treasury").fails(4, "carol takes part only if its operator consents");
    let plans = place.plans("carol");
    place.at("carol", &format!("consent {}", plans[0]["plan"].as_str().unwrap())).succeeds();
    let repaired = place.at("alice", "repair treasury").succeeds();
    assert!(repaired.contains("without a share: carol of the ed25519 key") && repaired.contains("proofs: 3 of 3"), "{repaired}");
    place.at("carol", "attest treasury").succeeds();
    assert_eq!(solana(&place, "carol"), address);
    sign(&place, "carol", "bob");
}
