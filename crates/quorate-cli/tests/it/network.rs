//! Real cosigners over bad networks: 80 ms away from each other, cut in the middle of ceremonies, and cut off.
//!
//! The lines delay and hold bytes as a network does (`lines`). Where the system lets this process, one case runs in network namespaces, in
//! which packets vanish in the kernel (`namespaces`).
#![allow(clippy::print_stdout, reason = "what was left to chance is told")]

mod lines;
mod namespaces;

use core::time::Duration;
use std::{
    thread,
    time::{SystemTime, UNIX_EPOCH},
};

use self::{lines::Lines, namespaces::Namespaces};
use crate::{
    rejoin::until,
    support::{Node, Place, Said},
    wallet::NAMES,
};

const PAIRS: [(&str, &str); 3] = [("alice", "bob"), ("alice", "carol"), ("bob", "carol")];
/// One way; twice that is a round trip between continents.
const FAR: Duration = Duration::from_millis(40);

/// What can be done to a network.
trait Network {
    /// Nothing arrives between these two any more, and neither of them is told.
    fn cut(&self, one: &str, other: &str);
    /// What they send arrives again.
    fn heal(&self, one: &str, other: &str);
}

/// A team whose cosigners reach each other over lines that delay so much.
fn team(place: &Place, delay: Duration) -> (Vec<Node>, Lines) {
    let lines = Lines::make(place, &NAMES, delay);
    let nodes = NAMES.iter().map(|name| place.start(name)).collect();
    place.wait_for_links(&NAMES);
    (nodes, lines)
}

fn signs(place: &Place, at: &str, with: &str) {
    for suite in ["ed25519", "ecdsa-secp256k1"] {
        let signature = place.at(at, &format!("sign message treasury hello --suite {suite} --signer {with}")).succeeds();
        let check = format!("verify message hello --wallet treasury --suite {suite} --signature {}", signature.trim());
        place.at(at, &check).succeeds();
    }
}

fn all_sign(place: &Place) {
    for (one, other) in PAIRS {
        signs(place, one, other);
    }
}

/// The epochs that each cosigner has of the wallet's keys.
fn epochs(place: &Place) -> Vec<Vec<u64>> {
    let of = |name| {
        place.at(name, "keys --json").json().as_array().unwrap().iter().map(|key| key["epoch"].as_u64().unwrap()).collect()
    };
    NAMES.into_iter().map(of).collect()
}

/// Asks for something, cuts the line between two while it is under way, and heals it later.
fn cut_during(place: &Place, network: &impl Network, (one, other): (&str, &str), at: &str, request: &str) -> Said {
    // When exactly the line is cut is left to chance.
    let chance = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos() % 60;
    println!("{request}: cut after {chance} ms");
    thread::scope(|scope| {
        let asked = scope.spawn(|| place.at(at, request));
        thread::sleep(Duration::from_millis(chance.into()));
        network.cut(one, other);
        thread::sleep(Duration::from_secs(2));
        network.heal(one, other);
        asked.join().unwrap()
    })
}

#[test]
fn ceremonies_at_80_milliseconds_make_keys_sign_and_reshare() {
    let place = Place::new();
    let (_nodes, _lines) = team(&place, FAR);
    place.at("alice", "keygen treasury").succeeds();
    all_sign(&place);
    place.at("bob", "refresh treasury").succeeds();
    all_sign(&place);
    assert_eq!(epochs(&place), vec![vec![1; 3]; 3]);
    let peers = place.at("carol", "status --json").json()["peers"].clone();
    for peer in peers.as_array().unwrap() {
        assert!(peer["round_trip_micros"].as_u64().unwrap() >= 80_000, "the lines do not delay: {peer}");
    }
}

#[test]
fn cut_in_a_ceremony_that_heals_ends_none() {
    let place = Place::new();
    let (_nodes, lines) = team(&place, Duration::from_millis(5));
    let id = "07".repeat(32);
    cut_during(&place, &lines, ("alice", "bob"), "alice", &format!("keygen treasury --request-id {id}")).succeeds();
    cut_during(&place, &lines, ("bob", "carol"), "bob", "sign message treasury hello --suite ed25519 --signer carol").succeeds();
    cut_during(&place, &lines, ("alice", "carol"), "carol", "sign message treasury hello --suite ecdsa-secp256k1 --signer alice")
        .succeeds();
    cut_during(&place, &lines, ("bob", "carol"), "alice", "refresh treasury").succeeds();
    all_sign(&place);
    assert_eq!(epochs(&place), vec![vec![1; 3]; 3]);
}

/// A cosigner that nobody reaches: the others go on where they can, refuse what needs it, and have it back when it is there again.
fn one_is_cut_off(place: &Place, network: &impl Network) {
    place.at("alice", "keygen treasury").succeeds();
    for other in ["alice", "bob"] {
        network.cut("carol", other);
    }
    let links = |are: &[(&str, &str)], connected: bool| {
        for (at, peer) in are {
            let said = |said: &Said| {
                let status: serde_json::Value = serde_json::from_str(&said.out).unwrap();
                status["peers"].as_array().unwrap().iter().any(|other| other["name"] == *peer && other["connected"] == connected)
            };
            until(&format!("{at} and {peer}: {connected}"), || place.at(at, "status --json"), said);
        }
    };
    let carols = [("alice", "carol"), ("bob", "carol"), ("carol", "alice"), ("carol", "bob")];
    links(&carols, false);
    signs(place, "alice", "bob");
    place.at("carol", "sign message treasury hello --suite ed25519").fails(3, "");
    place.at("alice", "refresh treasury").fails(3, "carol");
    assert_eq!(epochs(place), vec![vec![0; 3]; 3]);
    for other in ["alice", "bob"] {
        network.heal("carol", other);
    }
    links(&carols, true);
    until("a refresh", || place.at("alice", "refresh treasury"), |said| said.code == 0);
    all_sign(place);
    // The number of the one that failed may be used up.
    let epochs = epochs(place);
    let epoch = epochs[0][0];
    assert!(epoch > 0 && epochs == vec![vec![epoch; 3]; 3], "{epochs:?}");
}

#[test]
fn cosigner_that_is_cut_off_is_missed_and_comes_back() {
    let place = Place::new();
    let (_nodes, lines) = team(&place, Duration::from_millis(1));
    one_is_cut_off(&place, &lines);
}

#[test]
fn cosigner_whose_packets_vanish_is_missed_and_comes_back() {
    let place = Place::new();
    let Some((network, _nodes)) = Namespaces::start(&place, &NAMES) else {
        println!("not run: making network namespaces takes root and iproute2; the case over lines is the same");
        return;
    };
    one_is_cut_off(&place, &network);
}
