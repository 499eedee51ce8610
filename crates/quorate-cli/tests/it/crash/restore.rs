//! A backup that is put back by a command that dies, and by the same command again.

use super::cases::{Case, Deed};
use crate::{
    backup::{KEY_FILE, RECIPIENT, declare, make, restore_arguments},
    rejoin::{brought_back, until},
    support::{Node, PASSPHRASE, Place, command, kills_itself, quorate, text},
    wallet::NAMES,
};

/// One team whose alice is put back, again and again; in the end one of them goes on.
pub(super) struct Restores {
    place: Place,
    count: usize,
}

impl Restores {
    /// Makes a wallet and alice's backup of it, and loses alice's machine.
    pub(super) fn new() -> (Self, Vec<Node>) {
        let place = Place::new();
        place.write("key", KEY_FILE, 0o600);
        let mut nodes = place.start_team_with(&NAMES, |name| declare(&place, name));
        place.at("alice", "keygen treasury --suite ed25519 --suite bip340").succeeds();
        make(&place, "backup", "vault-alice/s3", RECIPIENT, "--with-identity").succeeds();
        assert_eq!(nodes.remove(0).stop(), 0);
        std::fs::rename(place.path("alice"), place.path("lost")).unwrap();
        (Self { place, count: 0 }, nodes)
    }

    fn arguments(&self, name: &str) -> Vec<String> {
        let config = text(&self.place.path("lost").join("quorate.toml"));
        restore_arguments(&self.place, name, "backup", &["--config", &config])
    }

    /// Dies at the place, and is done again.
    pub(super) fn crash(&mut self, case: &Case) {
        println!("{} in {:?}", case.point, case.deed);
        assert_eq!(case.deed, Deed::Restore);
        self.count += 1;
        let name = format!("alice{}", self.count);
        let mut child = command().args(self.arguments(&name)).env("QUORATE_CRASH_AT", case.point).spawn().unwrap();
        kills_itself(&mut child).unwrap();
        assert!(!self.place.path(&name).join("quorate.toml").exists(), "half of it passes for a whole cosigner");
        self.place.start_fails(&name, "passphrase").fails(2, "quorate.toml");
        let report = quorate([&self.arguments(&name)[..], &["--json".to_owned()]].concat()).json();
        let there = report["stored"].as_u64().unwrap() + report["present"].as_u64().unwrap();
        assert_eq!((there, &report["unnamed"]), (2, &serde_json::json!([])), "{report}");
        assert_eq!(self.shares(&name), 2);
    }

    /// The last one that was put back takes the place of the one that was lost.
    pub(super) fn goes_on(&self, mut nodes: Vec<Node>) {
        let place = &self.place;
        std::fs::rename(place.path(&format!("alice{}", self.count)), place.path("alice")).unwrap();
        place.add_to_roster("alice", &["lost", "bob", "carol"]).succeeds();
        nodes.push(place.start("alice"));
        brought_back(place, &mut nodes, "alice");
        for suite in ["ed25519", "bip340"] {
            let sign = || place.at("alice", &format!("sign message treasury hello --suite {suite}"));
            until("signed", sign, |said| said.code == 0);
        }
    }

    /// How many shares open in a directory.
    fn shares(&self, name: &str) -> usize {
        let passphrase = PASSPHRASE.to_owned().into();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(quorate::danger::read_shares(&self.place.path(name), passphrase)).unwrap().len()
    }
}
