//! The roster file, and everything that it refuses.

use quorate_core::PeerId;
use quorate_transport::{Cosigner, Roster, RosterError, nkey::NkeySeed};

use crate::common::{identities, roster};

fn hex(peer: PeerId) -> String {
    peer.to_string()
}

fn file(entries: &[(&str, &str, &str)]) -> String {
    let entries = entries.iter().map(|(name, identity, address)| {
        format!("[[cosigner]]\nname = \"{name}\"\nidentity = \"{identity}\"\naddress = \"{address}\"\n")
    });
    format!("version = 1\n{}", entries.collect::<String>())
}

#[test]
fn roster_survives_its_file() {
    let identities = identities(3, 1);
    let original = roster(&identities);
    let read = Roster::from_toml(&original.to_toml()).unwrap();
    assert_eq!(read, original);
    assert_eq!(read.peer("c1").unwrap().identity, identities[1].peer_id());
    assert_eq!(read.cosigner(identities[2].peer_id()).unwrap().name, "c2");
    assert!(read.peer("c9").is_none() && read.cosigner(PeerId::new([9; 32])).is_none());
}

#[test]
fn digest_depends_on_names_and_identities_and_not_on_order_or_addresses() {
    let ids: Vec<_> = identities(3, 2).iter().map(|identity| identity.peer_id()).collect();
    let make = |entries: [(&str, PeerId, &str); 2]| {
        Roster::new(entries.map(|(name, identity, address)| Cosigner::new(name, identity, address))).unwrap().digest()
    };
    let base = make([("a", ids[0], "h:1"), ("b", ids[1], "h:2")]);
    assert_eq!(base, make([("b", ids[1], "h:9"), ("a", ids[0], "h:1")]));
    assert_ne!(base, make([("a", ids[1], "h:1"), ("b", ids[0], "h:2")]));
    assert_ne!(base, make([("a", ids[0], "h:1"), ("c", ids[1], "h:2")]));
    assert_ne!(base, make([("a", ids[0], "h:1"), ("b", ids[2], "h:2")]));
}

#[test]
fn roster_refuses_entries_that_occur_twice_and_names_them() {
    let ids: Vec<_> = identities(2, 3).iter().map(|identity| hex(identity.peer_id())).collect();
    let cases = [
        (file(&[("a", &ids[0], "h:1"), ("a", &ids[1], "h:2")]), "name"),
        (file(&[("b", &ids[0], "h:1"), ("a", &ids[0], "h:2")]), "identity"),
        (file(&[("b", &ids[0], "h:1"), ("a", &ids[1], "H:1")]), "address"),
    ];
    for (text, field) in cases {
        let error = Roster::from_toml(&text).unwrap_err();
        assert!(
            matches!(&error, RosterError::Duplicate { name, field: found } if *found == field && text.contains(name)),
            "{error}"
        );
    }
}

#[test]
fn roster_refuses_bad_identities_names_and_addresses() {
    let good = hex(identities(1, 4)[0].peer_id());
    let (zero, short) = ("0".repeat(64), &good[..62]);
    for identity in [zero.as_str(), short, "", &format!("{good}00"), &good.replace(&good[..1], "g"), "ü"] {
        let error = Roster::from_toml(&file(&[("alice", identity, "h:1")])).unwrap_err();
        assert_eq!(error, RosterError::Identity { name: "alice".into() }, "{identity}");
        assert!(error.to_string().contains("alice"));
    }
    for name in ["", "Alice", "a b", "ü", &"a".repeat(33)] {
        assert!(
            matches!(Roster::from_toml(&file(&[(name, &good, "h:1")])), Err(RosterError::Name { position: 1, .. })),
            "{name}"
        );
    }
    for address in ["", "h", ":1", "h:", "h:70000", "h h:1", &format!("{}:1", "h".repeat(300))] {
        let error = Roster::from_toml(&file(&[("alice", &good, address)])).unwrap_err();
        assert_eq!(error, RosterError::Address { name: "alice".into() }, "{address}");
    }
    assert!(Roster::from_toml(&file(&[(&"a".repeat(32), &good, "[::1]:7001")])).is_ok());
}

#[test]
fn roster_refuses_unknown_fields_other_versions_and_sizes() {
    let good = hex(identities(1, 5)[0].peer_id());
    let text = file(&[("a", &good, "h:1")]);
    let syntax =
        [format!("{text}weight = 2\n"), format!("owner = 1\n{text}"), text.replace("address", "adress"), "not toml".into()];
    for text in syntax {
        assert!(matches!(Roster::from_toml(&text), Err(RosterError::Syntax { .. })), "{text}");
    }
    assert_eq!(Roster::from_toml(&text.replace("version = 1", "version = 2")), Err(RosterError::Version { found: 2 }));
    assert_eq!(Roster::from_toml("version = 1\n"), Err(RosterError::Size { found: 0 }));
    let many = (0..4097u16).map(|place| Cosigner::new(format!("c{place}"), PeerId::new([0; 32]), "h:1"));
    assert_eq!(Roster::new(many), Err(RosterError::Size { found: 4097 }));
}

#[test]
fn cosigner_behind_nats_needs_no_address_and_its_nkey_is_its_own() {
    let ids: Vec<_> = identities(3, 6).iter().map(|identity| identity.peer_id()).collect();
    let nkey = || NkeySeed::generate(&mut getrandom::SysRng).unwrap().public();
    let (one, other) = (nkey(), nkey());
    let entry = |place: usize, address: &str, nkey: &str| Cosigner::new(format!("c{place}"), ids[place], address).with_nkey(nkey);
    let roster = Roster::new([entry(0, "", &one), entry(1, "", &other), Cosigner::new("c2", ids[2], "h:1")]).unwrap();
    assert!(!roster.to_toml().contains("address = \"\""));
    assert_eq!(Roster::from_toml(&roster.to_toml()).unwrap(), roster);
    let without =
        Roster::new([0, 1, 2].map(|place| Cosigner::new(format!("c{place}"), ids[place], format!("h:{place}")))).unwrap();
    assert_eq!(roster.digest(), without.digest());
    let twice = Roster::new([entry(0, "", &one), entry(1, "h:1", &one)]);
    assert!(matches!(twice, Err(RosterError::Duplicate { field: "nkey", .. })));
    let wrong = Roster::new([entry(0, "h:1", &one[1..])]);
    assert!(matches!(wrong, Err(RosterError::Nkey { name, .. }) if name == "c0"));
    assert!(matches!(Roster::new([Cosigner::new("c0", ids[0], "")]), Err(RosterError::Address { .. })));
}
