//! Cosigners whose sealed shares are in PostgreSQL databases, beside one with a file.

use std::{fs, path::Path};

use quorate_services::Postgres;

use crate::{
    rejoin::until,
    support::{Node, Place, free_port},
    wallet::NAMES,
};

/// Makes alice and carol, each with a database at a server of its own, and bob with a file.
fn team(place: &Place) -> ([Postgres; 2], Vec<Node>) {
    let servers = [Postgres::start(), Postgres::start()];
    for (server, name) in servers.iter().zip(["alice", "carol"]) {
        let url = server.database(name);
        server.authenticate("local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n");
        let password = place.write(&format!("{name}-password"), format!("word-of-{name}\n"), 0o600);
        let arguments = ["--database", &url, "--database-password-file", password.to_str().unwrap()];
        place.init_with(name, free_port(), &arguments).succeeds();
    }
    place.init("bob", free_port()).succeeds();
    // What a ceremony waits for that others have left, they wait for less long than these tests.
    for name in NAMES {
        let path = place.path(&format!("{name}/quorate.toml"));
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("deadline_seconds = 20\n{text}")).unwrap();
    }
    (servers, place.start_made(&NAMES))
}

#[test]
fn cosigners_with_databases_sign_and_go_on_after_a_database_died_in_the_middle() {
    let place = Place::new();
    let (servers, mut nodes) = team(&place);
    place.at("alice", "keygen treasury --suite ed25519").succeeds();
    let sign = |at: &str, with: &str| place.at(at, &format!("sign message treasury hello --suite ed25519 --signer {with}"));
    sign("bob", "alice").succeeds();
    // The key is in no file of hers.
    let files: Vec<_> = fs::read_dir(place.path("alice/store")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(files.iter().all(|file| file != "records.redb"), "{files:?}");

    // Her database is down: she signs nothing, since she cannot write down that she does; the others go on.
    servers[0].kill();
    let said = sign("alice", "bob");
    assert!(said.code != 0 && said.err.contains("PostgreSQL"), "{}", said.err);
    assert_ne!(sign("bob", "alice").code, 0);
    sign("bob", "carol").succeeds();
    // A new key waits for her, and comes to nothing.
    assert_ne!(place.at("bob", "keygen second --suite ed25519").code, 0);

    // It is back: she goes on by herself, and what came to nothing is made.
    servers[0].go_on();
    until("alice signs", || sign("alice", "bob"), |said| said.code == 0);
    // What bob took for a failure may have come to its end without him.
    until(
        "a second key",
        || place.at("bob", "keygen second --suite ed25519"),
        |said| said.code == 0 || said.err.contains("there is a wallet"),
    );
    for name in NAMES {
        assert_eq!(place.at(name, "keys --json").json().as_array().unwrap().len(), 2, "{name}");
        assert!(place.at(name, "audit verify").succeeds().contains("all as they were written"));
    }
    // Another start takes the same store, once the one before has stopped.
    assert_eq!(nodes.remove(0).stop(), 0);
    let alice = place.start("alice");
    place.wait_for_links(&NAMES);
    until("alice signs after a start", || sign("alice", "carol"), |said| said.code == 0);
    drop(alice);
}

#[test]
fn database_dies_while_a_key_is_made_and_nothing_is_half_made() {
    let place = Place::new();
    let (servers, _nodes) = team(&place);
    for round in 0..3 {
        let mut wallet = format!("wallet{round}");
        std::thread::scope(|scope| {
            let made = scope.spawn(|| place.at("bob", &format!("keygen {wallet} --suite ed25519 --suite bip340")));
            std::thread::sleep(core::time::Duration::from_millis(60 * round));
            servers[usize::from(round == 1)].kill();
            std::thread::sleep(core::time::Duration::from_millis(300));
            servers[usize::from(round == 1)].go_on();
            made.join().unwrap()
        });
        // Whatever became of it, the wallet is there in the end: at once, or by another try.
        let make = |wallet: &str| place.at("bob", &format!("keygen {wallet} --suite ed25519 --suite bip340"));
        let said = until("the wallet", || make(&wallet), |said| said.code == 0 || said.err.contains("there is a wallet"));
        let keys = || place.at("bob", "keys").succeeds();
        if said.code != 0 && !keys().contains(&wallet) {
            std::thread::sleep(core::time::Duration::from_secs(20));
            // Or others hold shares of a key that can never be complete, since bob gave up his before he confirmed it: then nobody has the
            // key, its name is taken, and another one is not.
            if !keys().contains(&wallet) {
                let others = place.at("alice", &format!("sign message {wallet} hello --suite ed25519 --signer carol"));
                assert!(others.code != 0 && others.err.contains("holds no share"), "half made: {others:?}");
                wallet.push_str("-again");
                make(&wallet).succeeds();
            }
        }
        let sign = |with: &str| place.at("bob", &format!("sign message {wallet} hello --suite ed25519 --signer {with}"));
        until("alice signs", || sign("alice"), |said| said.code == 0);
        until("carol signs", || sign("carol"), |said| said.code == 0);
    }
}

#[test]
fn database_dies_while_a_signature_is_made_and_the_same_request_is_signed_in_the_end() {
    let place = Place::new();
    let (servers, _nodes) = team(&place);
    place.at("bob", "keygen treasury --suite ecdsa-secp256k1").succeeds();
    for (round, after) in (1..=3).zip([5, 25, 60]) {
        let id = format!("{round:02x}").repeat(32);
        let request = format!("sign message treasury hello{round} --suite ecdsa-secp256k1 --signer alice --request-id {id}");
        std::thread::scope(|scope| {
            let asked = scope.spawn(|| place.at("bob", &request));
            std::thread::sleep(core::time::Duration::from_millis(after));
            servers[0].kill();
            std::thread::sleep(core::time::Duration::from_millis(300));
            servers[0].go_on();
            asked.join().unwrap()
        });
        // Whatever became of it: the same request is signed in the end, and gives the same signature ever after.
        let again = || place.at("bob", &request);
        until("the signature", again, |said| said.code == 0);
        let signature = again().succeeds();
        assert_eq!(signature, again().succeeds());
        let signature = signature.trim();
        let check = format!("verify message hello{round} --wallet treasury --suite ecdsa-secp256k1 --signature {signature}");
        place.at("bob", &check).succeeds();
    }
    for name in NAMES {
        assert!(place.at(name, "audit verify").succeeds().contains("all as they were written"));
    }
}

#[test]
fn database_serves_one_cosigner_and_its_password_is_not_in_the_configuration() {
    let place = Place::new();
    let server = Postgres::start();
    let url = server.database("alice");
    place.init_with("alice", free_port(), &["--database", &url]).succeeds();
    place.init_with("bob", free_port(), &["--database", &url]).fails(2, "in use");
    assert!(!place.path("bob/quorate.toml").exists());
    let with_password = url.replace("alice@", "alice:word-of-alice@");
    place.init_with("carol", free_port(), &["--database", &with_password]).fails(2, "password");
    let missing = format!("{}/none", server.url("alice").rsplit_once('/').unwrap().0);
    place.init_with("dave", free_port(), &["--database", &missing]).fails(2, "none");
}

/// Has the configuration say that the store is at this domain.
pub(crate) fn say_where(directory: &Path, domain: &str) {
    let path = directory.join("quorate.toml");
    let text = fs::read_to_string(&path).unwrap();
    let lines = text.lines().map(|line| {
        if line.starts_with("store = ") { format!("store = \"{domain}\" # written by hand") } else { line.to_owned() }
    });
    fs::write(&path, lines.collect::<Vec<_>>().join("\n") + "\n").unwrap();
}

/// Arguments of `quorate store move`.
pub(crate) fn moved(place: &Place, name: &str, domain: &str, to: &[&str]) -> crate::support::Said {
    let (directory, passphrase) = (place.path(name), place.path("passphrase"));
    let arguments = [
        "store",
        "move",
        "--dir",
        directory.to_str().unwrap(),
        "--domain",
        domain,
        "--passphrase-file",
        passphrase.to_str().unwrap(),
    ];
    crate::support::quorate(arguments.iter().chain(to))
}

#[test]
fn store_moves_to_a_database_and_back_and_leaves_nothing_behind() {
    let place = Place::new();
    let server = Postgres::start();
    let url = server.database("alice");
    let to_database = ["--database", url.as_str()];
    let mut nodes = place.start_team(&NAMES);
    place.at("alice", "keygen treasury --suite ed25519").succeeds();
    let alice = nodes.remove(0);
    moved(&place, "alice", "cloud-alice/disk", &to_database).fails(2, "in use");
    assert_eq!(alice.stop(), 0);

    // Neither before the configuration says it, nor before the key's participants agree.
    moved(&place, "alice", "other-cloud/sql", &to_database).fails(2, "[placement] store is cloud-alice/disk");
    say_where(&place.path("alice"), "other-cloud/sql");
    moved(&place, "alice", "other-cloud/sql", &to_database).fails(2, "quorate placement amend");
    let alice = place.start("alice");
    place.wait_for_links(&NAMES);
    place.at("alice", "placement amend treasury").succeeds();
    assert_eq!(alice.stop(), 0);
    // What is somebody else's is left alone.
    let bobs = server.database("bob");
    place.init_with("stranger", free_port(), &["--database", &bobs]).succeeds();
    moved(&place, "alice", "other-cloud/sql", &["--database", &bobs]).fails(2, "must be empty");
    moved(&place, "alice", "other-cloud/sql", &["--file"]).fails(2, "there already");
    assert!(!place.path("alice/moving.toml").exists());

    let said = moved(&place, "alice", "other-cloud/sql", &to_database).succeeds();
    assert!(said.contains("destroyed the old store"), "{said}");
    assert!(!place.path("alice/store/records.redb").exists() && !place.path("alice/moving.toml").exists());
    assert!(fs::read_to_string(place.path("alice/quorate.toml")).unwrap().contains("written by hand"));
    let alice = place.start("alice");
    place.wait_for_links(&NAMES);
    let sign = |with: &str| place.at("alice", &format!("sign message treasury hello --suite ed25519 --signer {with}"));
    until("alice signs", || sign("bob"), |said| said.code == 0);
    place.at("alice", "refresh treasury").succeeds();
    assert_eq!(alice.stop(), 0);

    // Back to a file; the database keeps nothing.
    moved(&place, "alice", "other-cloud/sql", &["--file"]).succeeds();
    let dump = String::from_utf8(server.dump("alice")).unwrap();
    assert!(!dump.contains("quorate"), "{dump}");
    let _alice = place.start("alice");
    place.wait_for_links(&NAMES);
    until("alice signs", || sign("carol"), |said| said.code == 0);
    assert!(place.at("alice", "audit verify").succeeds().contains("all as they were written"));
}

#[test]
fn move_that_was_cut_off_keeps_the_cosigner_from_starting_and_goes_on() {
    let place = Place::new();
    let server = Postgres::start();
    let url = server.database("alice");
    let (domain, to) = ("cloud-alice/disk", ["--database", url.as_str()]);
    place.init("alice", free_port()).succeeds();
    place.add_to_roster("alice", &["alice"]).succeeds();
    let old = fs::read_to_string(place.path("alice/quorate.toml")).unwrap();
    let journal = |phase: &str| {
        let text = format!(
            "phase = \"{phase}\"\n[from]\nkind = \"redb\"\n[to]\nkind = \"postgres\"\nurl = \"{url}\"\nconnections = 4\n"
        );
        place.write("alice/moving.toml", text, 0o600);
    };
    // Cut off while it copied.
    journal("copy");
    place.start_fails("alice", "passphrase").fails(2, "is being moved");
    moved(&place, "alice", domain, &["--file"]).fails(2, "postgres://alice@");
    moved(&place, "alice", domain, &to).succeeds();
    assert_eq!(place.start("alice").stop(), 0);

    // Cut off behind the new configuration, with the old store as it was.
    moved(&place, "alice", domain, &["--file"]).succeeds();
    journal("copy");
    let new = format!("{old}\n[store]\nkind = \"postgres\"\nurl = \"{url}\"\n");
    place.write("alice/quorate.toml", new, 0o600);
    moved(&place, "alice", domain, &to).succeeds();

    // Cut off while the old store was erased, or just behind that.
    journal("erase");
    place.start_fails("alice", "passphrase").fails(2, "is being moved");
    moved(&place, "alice", domain, &to).succeeds();
    assert_eq!(place.start("alice").stop(), 0);
}
