//! A backup's life on the command line: made by a running cosigner, checked by anybody, and all that is left of it in the end.

use serde_json::Value;

use crate::{
    rejoin::{brought_back, until},
    support::{Place, Said, quorate, text},
    wallet::NAMES,
};

/// The key pair of the tests of `quorate-storage`.
pub(crate) const RECIPIENT: &str = include_str!("../../../quorate-storage/tests/data/backup-recipient.txt");
pub(crate) const KEY_FILE: &str = include_str!("../../../quorate-storage/tests/data/backup-key.txt");
/// A recipient that no configuration names.
const OTHER: &str = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";

/// Declares a backup of `name` in its configuration.
pub(crate) fn declare(place: &Place, name: &str) {
    let path = place.path(name).join("quorate.toml");
    let config = std::fs::read_to_string(&path).unwrap();
    let row = format!("[placement]\nbackups = [{{ location = \"vault-{name}/s3\", key = \"{name}-friend\" }}]\n");
    let config = config.replace("[placement]\n", &row);
    let target =
        format!("\n[[backup]]\nlocation = \"vault-{name}/s3\"\nkey = \"{name}-friend\"\nrecipient = \"{}\"\n", RECIPIENT.trim());
    std::fs::write(path, config + &target).unwrap();
}

pub(crate) fn make(place: &Place, file: &str, location: &str, recipient: &str, more: &str) -> Said {
    let to = text(&place.path(file));
    place.at("alice", &format!("backup make --to {to} --location {location} --recipient {} {more}", recipient.trim()))
}

fn verify(place: &Place, file: &str, more: &[&str]) -> Said {
    quorate([&["backup", "verify", &text(&place.path(file))], more].concat())
}

/// `quorate backup restore` with the key of these tests.
pub(crate) fn restore_arguments(place: &Place, name: &str, file: &str, more: &[&str]) -> Vec<String> {
    let [file, key, dir, passphrase] = [file, "key", name, "passphrase"].map(|name| text(&place.path(name)));
    let args = ["backup", "restore", &file, "--identity", &key, "--dir", &dir, "--passphrase-file", &passphrase];
    args.iter().chain(more).map(|arg| (*arg).to_owned()).collect()
}

fn restore(place: &Place, name: &str, file: &str, more: &[&str]) -> Said {
    quorate(restore_arguments(place, name, file, more))
}

#[test]
fn cosigner_comes_back_from_its_backup_on_the_command_line() {
    let place = Place::new();
    place.write("key", KEY_FILE, 0o600);
    let mut nodes = place.start_team_with(&NAMES, |name| declare(&place, name));
    make(&place, "b0", "vault-alice/s3", RECIPIENT, "").fails(2, "no key here that this backup may hold");
    place.at("alice", "keygen treasury").succeeds();

    make(&place, "b1", "vault-bob/s3", RECIPIENT, "").fails(2, "has no [[backup]] with the location vault-bob/s3");
    make(&place, "b1", "vault-alice/s3", OTHER, "").fails(2, "has no [[backup]] with the location vault-alice/s3");
    make(&place, "b1", "vault-alice/s3", "age1nothing", "").fails(2, "a recipient is an age public key");
    assert!(!place.path("b1").exists());
    let made = make(&place, "b1", "vault-alice/s3", RECIPIENT, "--with-identity --json").json();
    assert_eq!((&made["keys"], &made["active"], made["left_out"].as_array().unwrap().len()), (&3.into(), &3.into(), 0));
    make(&place, "b1", "vault-alice/s3", RECIPIENT, "").fails(2, "cannot be read or written");
    make(&place, "b2", "vault-alice/s3", RECIPIENT, "").succeeds();

    let said = verify(&place, "b1", &[]).succeeds();
    assert!(said.contains("NOT checked") && said.contains("less than a day ago") && !said.contains("treasury"), "{said}");
    let said = verify(&place, "b1", &["--identity", &text(&place.path("key"))]).succeeds();
    assert!(said.contains("every share in it fits its key") && said.contains("treasury"), "{said}");
    let value: Value = verify(&place, "b1", &["--json"]).json();
    assert_eq!((&value["with_identity"], &value["opened"], &value["keys"][0]["epoch"]), (&true.into(), &false.into(), &0.into()));
    place.write("open-key", KEY_FILE, 0o644);
    verify(&place, "b1", &["--identity", &text(&place.path("open-key"))]).fails(2, "others can read the key file");
    verify(&place, "b1", &["--identity", &text(&place.path("passphrase"))]).fails(1, "holds no age secret key");
    let bytes = std::fs::read(place.path("b1")).unwrap();
    place.write("cut", &bytes[..bytes.len() - 9], 0o600);
    verify(&place, "cut", &[]).fails(1, "ends too early");
    restore(&place, "new", "cut", &[]).fails(1, "ends too early");
    assert!(!place.path("new").exists());

    assert_eq!(nodes.remove(0).stop(), 0);
    restore(&place, "bob", "b1", &[]).fails(2, "in use by another running instance");
    std::fs::rename(place.path("alice"), place.path("lost")).unwrap();
    let config = text(&place.path("lost").join("quorate.toml"));
    restore(&place, "alice", "b1", &[]).fails(2, "--config");
    restore(&place, "alice", "b2", &["--config", &config]).fails(2, "without its identity key");
    let said = restore(&place, "alice", "b1", &["--config", &config]).succeeds();
    assert!(said.contains("Restored 3 keys") && said.contains("quorate rejoin"), "{said}");
    let again = restore(&place, "alice", "b2", &["--json"]).json();
    assert_eq!((&again["stored"], &again["present"]), (&0.into(), &3.into()));
    place.add_to_roster("alice", &["lost", "bob", "carol"]).succeeds();
    nodes.push(place.start("alice"));
    // A store that was restored went back: the others do nothing with it until it rejoined and their operators accept it.
    brought_back(&place, &mut nodes, "alice");
    let sign = || place.at("alice", "sign message treasury hello --suite ed25519");
    until("signed", sign, |said| said.code == 0);
}

#[test]
fn backup_that_a_key_does_not_declare_is_made_after_an_amendment() {
    let place = Place::new();
    place.write("key", KEY_FILE, 0o600);
    let mut nodes = place.start_team(&NAMES);
    place.at("alice", "keygen treasury --suite ed25519").succeeds();
    assert_eq!(nodes.remove(0).stop(), 0);
    declare(&place, "alice");
    nodes.push(place.start("alice"));
    place.wait_for_links(&NAMES);
    make(&place, "b1", "vault-alice/s3", RECIPIENT, "").fails(2, "quorate placement amend");
    let bob = nodes.remove(0);
    assert_eq!(bob.stop(), 0);
    place.at("alice", "placement amend treasury").fails(3, "bob");
    nodes.push(place.start("bob"));
    place.wait_for_links(&NAMES);
    let said = until("amended", || place.at("alice", "placement amend treasury"), |said| said.code == 0).succeeds();
    assert!(said.contains("amended (number 1)"), "{said}");
    assert!(place.at("alice", "placement amend treasury").succeeds().contains("said so already"));
    make(&place, "b1", "vault-alice/s3", RECIPIENT, "").succeeds();
    verify(&place, "b1", &[]).succeeds();
    let said = place.at("carol", "placement explain treasury").succeeds();
    assert!(said.contains("Amended") && said.contains("vault-alice/s3"), "{said}");
    assert!(place.at("carol", "audit show").succeeds().contains("placement-amended"));
    place.at("bob", "refresh treasury").succeeds();
    let said = place.at("carol", "placement explain treasury").succeeds();
    assert!(!said.contains("Amended") && said.contains("vault-alice/s3"), "{said}");
}

#[test]
fn frozen_key_is_backed_up_and_not_exported() {
    let place = Place::new();
    let mut nodes = place.start_team_with(&NAMES, |name| declare(&place, name));
    place.at("alice", "keygen treasury --suite ed25519").succeeds();
    place.at("bob", "freeze treasury --reason breach").succeeds();
    until("alice knows", || place.at("alice", "status"), |said| said.out.contains("breach"));
    place.at("alice", "sign message treasury hello --suite ed25519").fails(4, "breach");
    make(&place, "b1", "vault-alice/s3", RECIPIENT, "").succeeds();
    place.at("alice", "attest treasury --suite ed25519").succeeds();
    // What opens a cosigner's vault from outside respects it, too.
    let export = |name: &str| {
        let passphrase = crate::support::PASSPHRASE.to_owned().into();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(quorate::danger::read_shares(&place.path(name), passphrase)).map(|shares| shares.len())
    };
    let alice = nodes.remove(0);
    assert_eq!(alice.stop(), 0);
    let refused = export("alice").unwrap_err().to_string();
    assert!(refused.contains("frozen") && refused.contains("breach"), "{refused}");
    let alice = place.start("alice");
    place.wait_for_links(&NAMES);
    for name in ["alice", "carol"] {
        place.at(name, "resume treasury").succeeds();
    }
    until("alice knows", || place.at("alice", "status"), |said| !said.out.contains("breach"));
    assert_eq!(alice.stop(), 0);
    assert_eq!(export("alice").unwrap(), 1);
}
