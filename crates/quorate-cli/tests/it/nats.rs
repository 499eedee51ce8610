//! Cosigners whose messages a NATS server carries, as their operators set them up.

use std::fs;

use quorate_services::{Nats, NatsOperator};

use crate::{
    rejoin::until,
    support::{Node, Place, Said, quorate, text},
    wallet::NAMES,
};

/// `quorate init --nats`, with more arguments.
fn init(place: &Place, name: &str, url: &str, more: &[&str]) -> Said {
    let (directory, passphrase) = (text(&place.path(name)), text(&place.path("passphrase")));
    let [operator, runtime, store, keys] =
        [("ltd", ""), ("cloud", "/vm"), ("cloud", "/disk"), ("safe", "")].map(|(kind, rest)| format!("{kind}-{name}{rest}"));
    let arguments = [
        ["init", "--dir", directory.as_str(), "--name", name, "--nats", url],
        ["--operator", &operator, "--runtime", &runtime, "--store", &store, "--relay=nats/acme"],
    ]
    .concat();
    let rest = ["--key-service", &keys, "--passphrase-file", &passphrase, "--allow", "message"];
    quorate(arguments.iter().chain(&rest).chain(more))
}

/// A server that knows the cosigners by what `quorate nats permissions` prints, and one who operates it.
fn team(place: &Place) -> (Nats, Vec<Node>) {
    let server = Nats::start();
    for name in NAMES {
        init(place, name, &server.url(), &["--nats-subject", "acme.quorate"]).succeeds();
    }
    for name in NAMES {
        place.add_to_roster(name, &NAMES).succeeds();
    }
    let users = place.at("alice", "nats permissions").succeeds();
    assert_eq!(users, place.at("bob", "nats permissions").succeeds());
    let operator = "    { user: \"operator\", password: \"word\" }\n  ]\n}\n";
    let users = format!("{}{operator}", users.trim_end().strip_suffix("  ]\n}").unwrap());
    server.kill();
    server.configure(&users);
    server.go_on();
    (server, place.start_made(&NAMES))
}

#[test]
fn cosigners_behind_nats_make_a_wallet_and_sign_through_the_death_of_the_server() {
    let place = Place::new();
    let (server, mut nodes) = team(&place);
    let operator = NatsOperator::new(&server, Some(("operator", "word")));
    place.at("alice", "keygen treasury --suite ed25519").succeeds();
    let sign = |at: &str, with: &str| place.at(at, &format!("sign message treasury hello --suite ed25519 --signer {with}"));
    sign("bob", "carol").succeeds();
    let heard = operator.heard();
    assert!(heard.iter().all(|message| message.subject.starts_with("acme.quorate.")) && heard.len() > 20);
    // Neither the wallet's name nor the message can be read on the way.
    let raw: Vec<u8> = heard.into_iter().flat_map(|message| message.payload).collect();
    assert!(!raw.windows(8).any(|window| window == b"treasury") && !raw.windows(5).any(|window| window == b"hello"));

    // While the server is down nobody is linked; and it goes on by itself.
    let through = format!("relay     127.0.0.1:{}, connection number 1\n", server.port());
    assert!(place.at("bob", "status").succeeds().contains(&through));
    server.kill();
    until("the server is missed", || place.at("bob", "status"), |said| said.out.contains("relay     NONE: "));
    assert_ne!(place.at("alice", "sign message treasury hello --suite ed25519 --timeout 5").code, 0);
    // A cosigner also starts while it is down.
    assert_eq!(nodes.remove(0).stop(), 0);
    let _alice = place.start("alice");
    server.go_on();
    until("alice signs", || sign("alice", "bob"), |said| said.code == 0);
    until("a second wallet", || place.at("bob", "keygen second --suite ed25519"), |said| said.code == 0);
    for name in NAMES {
        assert_eq!(place.at(name, "keys --json").json().as_array().unwrap().len(), 2, "{name}");
        assert!(place.at(name, "audit verify").succeeds().contains("all as they were written"));
    }
}

/// Runs a command at alice, and kills the server when this many messages have crossed since; the server is back half a second later.
fn through_the_death_of_the_server(place: &Place, server: &Nats, messages: usize, request: &str) -> Said {
    let operator = NatsOperator::new(server, Some(("operator", "word")));
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| place.at("alice", request));
        while operator.heard().len() < messages && !asked.is_finished() {
            std::thread::sleep(core::time::Duration::from_micros(200));
        }
        assert!(!asked.is_finished(), "{request} was over before the server died");
        server.kill();
        std::thread::sleep(core::time::Duration::from_millis(500));
        server.go_on();
        asked.join().unwrap()
    })
}

#[test]
fn server_that_dies_in_the_middle_of_ceremonies_ends_none() {
    let place = Place::new();
    let (server, _nodes) = team(&place);
    through_the_death_of_the_server(&place, &server, 12, "keygen treasury").succeeds();
    for (suite, messages) in [("ed25519", 3), ("ecdsa-secp256k1", 6)] {
        place.wait_for_links(&NAMES);
        let request = format!("sign message treasury hello --suite {suite} --signer bob");
        let signature = through_the_death_of_the_server(&place, &server, messages, &request).succeeds();
        let check = format!("verify message hello --wallet treasury --suite {suite} --signature {}", signature.trim());
        place.at("bob", &check).succeeds();
    }
    let relay = place.at("alice", "status --json").json()["relay"].clone();
    let address = format!("127.0.0.1:{}", server.port());
    assert_eq!((relay["server"].as_str(), relay["connections"].as_u64()), (Some(address.as_str()), Some(4)), "{relay}");
    for name in NAMES {
        assert_eq!(place.at(name, "keys --json").json().as_array().unwrap().len(), 3, "{name}");
        assert!(place.at(name, "audit verify").succeeds().contains("all as they were written"));
    }
}

#[test]
fn seed_is_made_once_and_its_public_half_is_in_the_roster() {
    let place = Place::new();
    let server = Nats::start();
    init(&place, "alice", &server.url(), &["--listen", "127.0.0.1:7001"]).fails(2, "cannot be used with");
    init(&place, "alice", "http://nats.example", &[]).fails(2, "is no NATS server");
    init(&place, "alice", "nats://alice:word@localhost", &[]).fails(2, "without a path, a user or a password");
    assert!(!place.path("alice/quorate.toml").exists());
    init(&place, "alice", &server.url(), &[]).succeeds();
    let entry = fs::read_to_string(place.path("alice/roster-entry.toml")).unwrap();
    let nkey = place.at("alice", "roster add").code;
    assert_eq!(nkey, 2);
    let seed = text(&place.path("alice/nats.seed"));
    let public = quorate(["nats", "key", &seed]).succeeds();
    assert!(entry.contains(&format!("nkey = \"{}\"", public.trim())) && !entry.contains("address"), "{entry}");
    // A seed that is there already, for a cosigner at another directory.
    let elsewhere = text(&place.path("elsewhere.seed"));
    let made = quorate(["nats", "key", &elsewhere]).succeeds();
    assert_eq!(made, quorate(["nats", "key", &elsewhere]).succeeds());
    init(&place, "bob", &server.url(), &["--nats-seed-file", &elsewhere]).succeeds();
    assert!(fs::read_to_string(place.path("bob/roster-entry.toml")).unwrap().contains(made.trim()));
    init(&place, "carol", &server.url(), &["--nats-seed-file", &text(&place.path("passphrase"))]).fails(2, "no nkey seed");
    assert!(!fs::read_to_string(place.path("bob/quorate.toml")).unwrap().contains("listen"));

    // Permissions need everybody's; another nkey for the same cosigner is a contradiction.
    place.add_to_roster("alice", &["alice", "bob"]).succeeds();
    let users = place.at("alice", "nats permissions --account ACME").succeeds();
    assert!(users.contains("accounts {") && users.contains(public.trim()) && users.contains(made.trim()), "{users}");
    let other = fs::read_to_string(place.path("bob/roster-entry.toml")).unwrap().replace(made.trim(), public.trim());
    let other = text(&place.write("other.toml", other, 0o600));
    place.at("alice", &format!("roster add {other}")).fails(2, "with another nkey");
    place.init("dave", crate::support::free_port()).succeeds();
    place.add_to_roster("alice", &["dave"]).succeeds();
    place.at("alice", "nats permissions").fails(2, "no nkey for dave");
}
