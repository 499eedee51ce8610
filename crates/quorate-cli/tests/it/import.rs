//! A key that was whole, in shares.

use std::os::unix::fs::PermissionsExt as _;

use crate::support::Place;

/// The seed and public key of RFC 8032, section 7.1, test 1.
const SEED: &str = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
const PUBLIC_KEY: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

#[test]
fn whole_key_is_imported_by_the_consent_of_all_and_signs_in_shares() {
    let place = Place::new();
    let _nodes = place.start_team(&["alice", "bob", "carol"]);
    let path = place.path("old.key");
    std::fs::write(&path, SEED).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    let import = |public_key: &str| {
        let path = path.display();
        place.at("alice", &format!("import old --suite ed25519 --seed --secret-file {path} --public-key {public_key}"))
    };
    import(&"00".repeat(32)).fails(2, "and not the one that was named");
    import(PUBLIC_KEY).fails(4, "takes part only if its operator consents");
    for name in ["bob", "carol"] {
        let plans = place.plans(name);
        let words =
            format!("IMPORT of a key that was whole: wallet old, ed25519 {PUBLIC_KEY}: 2 of 3; holders: alice, bob, carol");
        assert_eq!(plans[0]["description"], words);
        place.at(name, &format!("consent {}", plans[0]["plan"].as_str().unwrap())).succeeds();
    }
    let done = import(PUBLIC_KEY).succeeds();
    assert!(done.contains("destroy the secret file") && !done.contains(SEED), "{done}");
    let signature = place.at("carol", "sign message old hello --suite ed25519 --signer bob").succeeds();
    let check = format!("verify message hello --wallet old --suite ed25519 --signature {}", signature.trim());
    place.at("alice", &check).succeeds();
    assert_eq!(place.at("bob", "keys --json").json()[0]["public_key"], PUBLIC_KEY);
    assert!(place.at("bob", "audit show").succeeds().contains("key-imported"));
    import(PUBLIC_KEY).fails(2, "there is a wallet old already");
}
