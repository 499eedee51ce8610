//! Requesters, approvals and freezes on the command line.

use core::time::Duration;
use std::time::Instant;

use serde_json::Value;

use crate::{
    support::{Place, quorate, text},
    wallet::NAMES,
};

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(30), "{what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn requests_are_signed_approved_and_frozen_on_the_command_line() {
    let place = Place::new();
    let key = |name: &str| place.path(&format!("{name}.key"));
    let mut keys = Vec::new();
    for name in ["payroll", "anna", "guard"] {
        let made = quorate(["requester", "new", &text(&key(name))]).succeeds();
        let shown = quorate(["requester", "show", &text(&key(name)), "--json"]).json();
        assert_eq!(shown["key"], made.trim());
        keys.push(made.trim().to_owned());
    }
    quorate(["requester", "new", &text(&key("anna"))]).fails(2, "cannot write");
    // What init wrote ends with [policy] and its payloads.
    let _nodes = place.start_team_configured(
        &NAMES,
        &format!(
            "require_requester = true\nrequesters = {{ payroll = \"{}\" }}\n[policy.approvals]\nneeded = 1\nkeys = {{ anna = \"{}\" }}\n\
         [freeze]\nkeys = [\"{}\"]\n",
            keys[0], keys[1], keys[2]
        ),
    );
    let made = place.at("alice", "keygen treasury --suite ed25519 --json").json();
    let key_id = made[0]["key_id"].as_str().unwrap().to_owned();

    place.at("alice", "sign message treasury hello").fails(4, "the request is not signed");
    let (payroll, anna, guard, request) =
        (text(&key("payroll")), text(&key("anna")), text(&key("guard")), text(&place.path("request.json")));
    let signing = format!("sign message treasury hello --requester {payroll}");
    place.at("alice", &signing).fails(4, "it has 0 of 1 approvals; still possible: anna");
    place.at("alice", &format!("{signing} --save {request}")).succeeds();
    place.at("alice", &format!("sign request {request}")).fails(4, "it has 0 of 1 approvals");
    place.at("bob", &format!("approve {request} --with {anna}")).fails(2, "no terminal to ask on");
    let approved = place.at("bob", &format!("approve {request} --with {anna} --yes"));
    assert!(approved.err.contains("text: hello"), "{}", approved.err);
    approved.succeeds();
    let first = place.at("alice", &format!("sign request {request} --json")).json();
    assert_eq!(place.at("alice", &format!("sign request {request} --json")).json()["signatures"], first["signatures"]);
    let changed = std::fs::read_to_string(&request).unwrap().replace("aGVsbG8=", "aGVsbDA=");
    place.write("changed.json", changed, 0o600);
    place
        .at("carol", &format!("sign request {}", text(&place.path("changed.json"))))
        .fails(2, "did not sign this request as it is");
    place.at("bob", &format!("approve {} --with {anna} --yes", text(&place.path("changed.json")))).fails(2, "did not sign");
    freeze_and_resume(&place, &key_id, [&payroll, &guard], &signing);
}

/// The key with that id signs nothing until two operators have brought it back.
fn freeze_and_resume(place: &Place, key_id: &str, [payroll, guard]: [&str; 2], signing: &str) {
    let guard_key = quorate(["requester", "show", guard]).succeeds();
    let frozen = |name: &str| -> usize {
        place.at(name, "status --json").json()["frozen"]
            .as_array()
            .unwrap()
            .iter()
            .map(|freeze| freeze["frozen_keys"].as_array().unwrap().len())
            .sum()
    };
    quorate(["freeze", key_id, "--credential", payroll, "--reason", "x", "--dir", &text(&place.path("bob"))])
        .fails(2, "not one of a credential");
    let froze = place.at("bob", &format!("freeze {key_id} --credential {guard} --reason robbery --json")).json();
    assert_eq!((froze[0]["by"].as_str(), froze[0]["by_credential"].as_bool()), (Some(guard_key.trim()), Some(true)));
    wait_until("frozen", || ["alice", "bob", "carol"].iter().all(|name| frozen(name) == 1));
    place.at("alice", &format!("{signing} --request-id {}", "07".repeat(32))).fails(4, "robbery");
    let status = place.at("alice", "status").succeeds();
    assert!(status.contains("robbery") && status.contains("credential"), "{status}");
    place.at("alice", "resume --all").fails(2, "there is no such freeze here");
    place.at("alice", "resume treasury").succeeds();
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(frozen("alice"), 1);
    let last: Value = place.at("carol", "resume treasury --json").json();
    assert!(!last[0]["approvals"].as_array().unwrap().is_empty());
    wait_until("thawed", || ["alice", "bob", "carol"].iter().all(|name| frozen(name) == 0));
    place.at("alice", "freeze --all --reason drill").succeeds();
    wait_until("frozen", || ["alice", "bob", "carol"].iter().all(|name| frozen(name) == 1));
    place.at("alice", "freeze --reason nothing").fails(2, "required");
}
