//! A cosigner whose shares a key in a PKCS#11 token opens, beside its passphrase.

use std::fs;

use quorate_services::SoftHsm;

use crate::{
    rejoin::until,
    support::{Place, free_port},
    wallet::NAMES,
};

const PIN: &str = "word-of-the-token";

fn with_token(test: &str, body: impl FnOnce()) {
    SoftHsm::serve(&format!("token::{test}"), "safe", PIN, body);
}

/// Has the configuration say something else.
pub(crate) fn reconfigure(place: &Place, from: &str, to: &str) {
    let path = place.path("alice/quorate.toml");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(&path, text.replace(from, to)).unwrap();
}

#[test]
fn cosigner_with_a_token_signs_and_opens_only_with_it_and_the_passphrase() {
    with_token("cosigner_with_a_token_signs_and_opens_only_with_it_and_the_passphrase", || {
        let place = Place::new();
        let pin = place.write("pin", format!("{PIN}\n"), 0o600);
        place.write("wrong-pin", "another word", 0o600);
        place.write("another-passphrase", "not that of alice", 0o600);
        let module = SoftHsm::module().to_str().unwrap();
        let arguments = ["--token-module", module, "--token", "safe", "--token-pin-file", pin.to_str().unwrap()];
        place.init_with("dave", free_port(), &arguments[..2]).fails(2, "--token");
        place.init_with("alice", free_port(), &arguments).succeeds();
        place.init("bob", free_port()).succeeds();
        place.init("carol", free_port()).succeeds();
        let mut nodes = place.start_made(&NAMES);
        place.at("alice", "keygen treasury --suite ed25519").succeeds();
        let sign = || place.at("bob", "sign message treasury hello --suite ed25519 --signer alice");
        until("alice signs", sign, |said| said.code == 0);
        place.at("bob", "refresh treasury").succeeds();
        until("alice signs with her new share", sign, |said| said.code == 0);

        // The keys of her epochs are in no file of hers.
        let files = |name: &str| -> Vec<_> {
            fs::read_dir(place.path(name).join("store")).unwrap().map(|entry| entry.unwrap().file_name()).collect()
        };
        assert!(files("bob").len() > files("alice").len(), "{:?} {:?}", files("bob"), files("alice"));

        // Without the token, the key in it, its PIN, or the passphrase, nothing opens, and nothing is lost by trying.
        assert_eq!(nodes.remove(0).stop(), 0);
        for (from, to, says) in [
            ("token = \"safe\"", "token = \"lost\"", "no token"),
            ("key = \"alice\"", "key = \"mallory\"", "mallory"),
            ("/pin\"", "/wrong-pin\"", "refuses the PIN"),
            ("passphrase = true", "passphrase = false", "key-encryption key"),
        ] {
            reconfigure(&place, from, to);
            place.start_fails("alice", "passphrase").fails(2, says);
            reconfigure(&place, to, from);
        }
        place.start_fails("alice", "another-passphrase").fails(2, "wrong passphrase");
        let alice = place.start("alice");
        place.wait_for_links(&NAMES);
        until("alice signs after a start", sign, |said| said.code == 0);
        drop(alice);
    });
}
