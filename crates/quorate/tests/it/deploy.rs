//! The configurations of examples/deploy, as a node reads them.

use std::path::{Path, PathBuf};

use quorate::{
    config::{Config, StoreConfig, WireConfig},
    core::{Identifier, Placement, Threshold},
};

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/deploy")
}

fn read(path: &Path) -> Config {
    let config = Config::parse(&std::fs::read_to_string(path).unwrap(), path).unwrap_or_else(|error| panic!("{error:?}"));
    config.check_key_services().unwrap();
    config
}

#[test]
fn every_configuration_is_one() {
    let mut found = 0;
    let mut directories = vec![deploy()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "toml") {
                drop(read(&path));
                found += 1;
            }
        }
    }
    assert!(found >= 6, "{found}");
}

#[test]
fn three_providers_are_a_team_of_which_no_domain_reaches_a_key() {
    let [alice, bob, carol] = ["alice", "bob", "carol"].map(|name| {
        let config = read(&deploy().join(format!("three-providers/{name}.toml")));
        assert_eq!(config.name, name);
        config
    });
    assert!(matches!(alice.store, StoreConfig::Postgres(_)) && alice.key_service.pkcs11.is_some());
    assert!(matches!(bob.store, StoreConfig::ObjectStore(_)) && bob.key_service.aws_kms.is_some());
    assert!(matches!(carol.store, StoreConfig::Redb {}) && carol.key_service.passphrase);
    let WireConfig::Nats(wire) = &alice.wire else { panic!("{:?}", alice.wire) };
    for config in [&bob, &carol] {
        assert!(
            matches!(&config.wire, WireConfig::Nats(other) if other.servers == wire.servers && other.subject == wire.subject)
        );
    }
    let rows = [alice, bob, carol].into_iter().zip(1..);
    let rows = rows.map(|(config, number)| (Identifier::new(number).unwrap(), config.placement.exposure().unwrap()));
    let placement = Placement::new(Threshold::new(2, 3).unwrap(), rows.collect::<Vec<_>>()).unwrap();
    assert_eq!(placement.explain().breach().size(), Some(2));
    assert!(placement.waivers().is_empty());
}
