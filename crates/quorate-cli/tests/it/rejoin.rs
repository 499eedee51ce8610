//! Yesterday's copy of a directory, on real stores: noticed, explained, and brought back.

use core::time::Duration;
use std::{fs, path::Path, time::Instant};

use crate::{
    support::{Node, Place, Said},
    wallet::NAMES,
};

pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Tries until the answer is as it should be. A peer that fell silent is missed after 20 seconds, and busy machines take longer.
#[track_caller]
pub(crate) fn until(what: &str, ask: impl Fn() -> Said, is_so: impl Fn(&Said) -> bool) -> Said {
    let began = Instant::now();
    loop {
        let said = ask();
        if is_so(&said) {
            return said;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{what}: never, and said in the end: {said:?}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Has a cosigner that was restored give up what it has no memory of, and all others accept it; it is the last of these nodes.
pub(crate) fn brought_back(place: &Place, nodes: &mut Vec<Node>, name: &str) {
    place.wait_for_links(&NAMES);
    until("rejoined", || place.at(name, "rejoin"), |said| said.code == 0);
    assert_eq!(nodes.pop().unwrap().stop(), 0);
    nodes.push(place.start(name));
    place.wait_for_links(&NAMES);
    for other in NAMES.iter().filter(|other| **other != name) {
        until("accepted", || place.at(other, &format!("peers --accept-rejoin {name}")), |said| said.code == 0);
    }
}

#[test]
fn directory_of_yesterday_is_noticed_and_brought_back_by_its_operator_and_those_of_its_peers() {
    let place = Place::new();
    let mut nodes = place.start_team(&NAMES);
    place.at("alice", "keygen treasury --suite ed25519").succeeds();
    let bob = nodes.remove(1);
    assert_eq!(bob.stop(), 0);
    copy(&place.path("bob/store"), &place.path("yesterday"));
    let sign = |at: &str, with: &str| place.at(at, &format!("sign message treasury hello --suite ed25519 --signer {with}"));
    let bob = place.start("bob");
    until("signed", || sign("alice", "bob"), |said| said.code == 0);
    // He may be the last to have the signature.
    let log = until("his log says so", || place.at("bob", "audit show"), |said| said.out.contains("signed")).out;
    assert!(log.contains("consented") && log.contains("message of 5 bytes"), "{log}");
    assert!(place.at("bob", "audit verify").succeeds().contains("all as they were written"));
    place.at("bob", "rejoin").fails(2, "nothing to rejoin");
    place.at("alice", "peers --accept-rejoin bob").fails(2, "no alarm");
    // Seen by alice, before the store is put back.
    std::thread::sleep(Duration::from_secs(7));
    assert_eq!(bob.stop(), 0);
    fs::remove_dir_all(place.path("bob/store")).unwrap();
    copy(&place.path("yesterday"), &place.path("bob/store"));

    let bob = place.start("bob");
    until("the alarm", || place.at("alice", "status"), |said| said.out.contains("ALARM"));
    sign("alice", "bob").fails(4, "bob went back in time");
    until("bob knows", || place.at("bob", "status"), |said| said.out.contains("quorate rejoin"));
    sign("bob", "carol").fails(4, "older copy");
    place.at("alice", "sign message treasury hello --suite ed25519").succeeds();
    place.at("alice", "peers --accept-rejoin bob").fails(4, "has not rejoined");
    assert!(place.at("bob", "rejoin").succeeds().contains("Now start it again"));
    sign("bob", "carol").fails(4, "started again");
    assert_eq!(bob.stop(), 0);

    let _bob = place.start("bob");
    let accept = |at: &str| until("accepted", || place.at(at, "peers --accept-rejoin bob"), |said| said.code == 0);
    assert!(accept("alice").err.contains("proved 1 shares"));
    until("signed again", || sign("alice", "bob"), |said| said.code == 0);
    sign("carol", "bob").fails(4, "bob went back in time");
    accept("carol");
    until("by carol, too", || sign("carol", "bob"), |said| said.code == 0);
    let log = place.at("bob", "audit show").succeeds();
    assert!(log.contains("went-back") && log.contains("rejoined"), "{log}");
    assert!(place.at("alice", "audit show --json").json()["entries"].to_string().contains("rejoin-accepted"));
    for name in ["alice", "bob", "carol"] {
        place.at(name, "audit verify").succeeds();
    }
}
