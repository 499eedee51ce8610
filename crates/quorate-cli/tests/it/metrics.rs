//! Metrics and probes of running cosigners.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
};

use crate::{
    rejoin::until,
    support::{Place, free_port},
    wallet::NAMES,
};

fn get(port: u16, path: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn cosigner_says_how_it_is_and_nothing_of_its_keys() {
    let place = Place::new();
    let port = free_port();
    let mut nodes = place.start_team_with(&NAMES, |name| {
        if name == "alice" {
            let path = place.path("alice/quorate.toml");
            let section = format!("\n[metrics]\nlisten = \"127.0.0.1:{port}\"\n");
            fs::write(&path, fs::read_to_string(&path).unwrap() + &section).unwrap();
        }
    });
    place.at("alice", "keygen treasury --suite ed25519").succeeds();
    place.at("alice", "sign message treasury hello --suite ed25519").succeeds();
    until("the log has it", || place.at("alice", "audit show"), |said| said.out.contains("signed"));

    assert!(get(port, "/live").starts_with("HTTP/1.1 200"));
    assert!(get(port, "/ready").starts_with("HTTP/1.1 200"));
    let metrics = get(port, "/metrics");
    for line in
        ["quorate_ready 1", "quorate_keys 1", "quorate_peer_connected{peer=\"bob\"} 1", "quorate_events_total{kind=\"signed\"} 1"]
    {
        assert!(metrics.lines().any(|found| found == line), "{line} is not in:\n{metrics}");
    }
    let key = place.at("alice", "keys --json").json()[0]["key_id"].as_str().unwrap().to_owned();
    for secret in ["treasury", key.as_str(), "hello", "cloud-"] {
        assert!(!metrics.contains(secret), "{secret}");
    }
    assert!(get(port, "/v1/keys").starts_with("HTTP/1.1 404"));
    let status = place.at("alice", "status --json").json();
    assert_eq!(status["ready"], true);
    assert!(status["peers"].as_array().unwrap().iter().all(|peer| peer["round_trip_micros"].as_u64().is_some()), "{status}");
    assert!(place.at("alice", "status").succeeds().contains(" ms"));

    // Alone, she signs nothing.
    nodes.truncate(1);
    until("alone", || place.at("alice", "status"), |said| said.out.contains("NOT READY reaches 1 of the 2 cosigners"));
    assert!(get(port, "/ready").starts_with("HTTP/1.1 503"));
    assert!(get(port, "/metrics").contains("quorate_ready 0"));
}
