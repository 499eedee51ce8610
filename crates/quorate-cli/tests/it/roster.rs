//! Rosters: entries are merged, and contradictions refused before anything is written.

use crate::support::{Place, text};

/// Canonical X25519 keys of large order.
fn key(number: u8) -> String {
    format!("{number:02x}{}", "11".repeat(31))
}

fn entry(name: &str, key: &str, port: u16) -> String {
    format!("version = 1\n\n[[cosigner]]\nname = \"{name}\"\nidentity = \"{key}\"\naddress = \"127.0.0.1:{port}\"\n")
}

struct Scene {
    place: Place,
}

impl Scene {
    fn new() -> Self {
        let place = Place::new();
        std::fs::create_dir(place.path("alice")).unwrap();
        let scene = Self { place };
        scene.add("a", &entry("alice", &key(1), 7001)).succeeds();
        scene.add("b", &entry("bob", &key(2), 7002)).succeeds();
        scene
    }

    fn add(&self, file: &str, content: &str) -> crate::support::Said {
        let file = text(&self.place.write(file, content, 0o600));
        self.place.at("alice", &format!("roster add {file}"))
    }

    fn roster(&self) -> String {
        std::fs::read_to_string(self.place.path("alice").join("roster.toml")).unwrap()
    }
}

#[test]
fn roster_is_merged_and_the_same_entry_twice_changes_nothing() {
    let scene = Scene::new();
    let before = scene.roster();
    assert!(before.contains("alice") && before.contains("bob"));
    scene.add("again", &entry("bob", &key(2), 7002)).succeeds();
    assert_eq!(scene.roster(), before);
    let shown = scene.place.at("alice", "roster show --json").json();
    assert_eq!(shown["cosigners"].as_array().unwrap().len(), 2);
    assert_eq!(shown["digest"].as_str().unwrap().len(), 64);
}

#[test]
fn roster_with_contradictions_is_refused_and_nothing_is_written() {
    let scene = Scene::new();
    let before = scene.roster();
    scene.add("x", &entry("bob", &key(3), 7002)).fails(2, "names bob as well, with another identity");
    scene.add("x", &entry("bob", &key(2), 7009)).fails(2, "names bob as well, with another address");
    scene.add("x", &entry("mallory", &key(2), 7003)).fails(2, "its identity occurs twice");
    scene.add("x", &entry("mallory", &key(3), 7001)).fails(2, "its address occurs twice");
    scene.add("x", &entry("mallory", &"00".repeat(32), 7003)).fails(2, "not a public key");
    scene.add("x", "version = 2").fails(2, "version 2");
    scene.add("x", "hello").fails(2, "not in its format");
    scene.place.at("alice", "roster add /nonexistent").fails(2, "cannot read /nonexistent");
    assert_eq!(scene.roster(), before);
}

#[test]
fn cosigners_are_taken_off_the_roster_all_or_none_and_never_oneself() {
    let place = Place::new();
    for (name, port) in [("alice", 7001), ("bob", 7002), ("carol", 7003)] {
        place.init(name, port).succeeds();
    }
    place.add_to_roster("alice", &["alice", "bob", "carol"]).succeeds();
    let path = place.path("alice").join("roster.toml");
    let before = std::fs::read_to_string(&path).unwrap();
    place.at("alice", "roster remove bob mallory").fails(2, "there is no mallory in the roster");
    place.at("alice", "roster remove bob alice").fails(2, "alice is this cosigner itself");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), before);
    let left = place.at("alice", "roster remove bob --json").json();
    let names: Vec<_> = left["cosigners"].as_array().unwrap().iter().map(|entry| entry["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["alice", "carol"]);
    place.at("alice", "roster check").succeeds();
}
