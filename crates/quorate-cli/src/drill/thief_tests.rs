//! The thief can tell failure from success: with one provider it fails, with two it succeeds.

use std::sync::Arc;

use quorate::{
    core::{ParticipantSet, Threshold, danger, derive::ChainCode, keys::PublicKeyPackage},
    dev::local_team,
};

use super::*;
use crate::drill::documents::Wallet;

pub(crate) struct Scene {
    pub(crate) wallet: Wallet,
    pub(crate) loot: Vec<Loot>,
}

/// A wallet whose three shares were made in this process.
pub(crate) fn scene() -> Scene {
    let team = local_team(2, 3).unwrap();
    let (bip340, ed25519) = (team.keygen::<Bip340>().unwrap(), team.keygen::<Ed25519>().unwrap());
    let ecdsa = ecdsa_shares();
    let keys = [info(bip340.shares()[0].package()), info(ed25519.shares()[0].package()), info(ecdsa[0].package())];
    let shares = bip340.shares().iter().zip(ed25519.shares()).zip(ecdsa);
    let loot = shares.zip(["alice", "bob", "carol"]).map(|(((a, b), c), name)| {
        let shares = vec![
            AnyKeyShare::Bip340(Arc::clone(a)),
            AnyKeyShare::Ed25519(Arc::clone(b)),
            AnyKeyShare::EcdsaSecp256k1(Arc::new(c)),
        ];
        Loot::new(name, shares, b"sealed".repeat(100))
    });
    Scene { wallet: Wallet::new(&keys).unwrap(), loot: loot.collect() }
}

/// A new key, split in this process.
fn ecdsa_shares() -> Vec<KeyShare<EcdsaSecp256k1>> {
    let placement = danger::unchecked_placement(Threshold::new(2, 3).unwrap(), ParticipantSet::first(3).unwrap());
    let mut secret = Zeroizing::new([0; 32]);
    getrandom::fill(&mut secret[1..]).unwrap();
    danger::split(&secret, ChainCode::new([3; 32]), &placement, &mut getrandom::SysRng).unwrap()
}

fn info<C: Suite>(package: &PublicKeyPackage<C>) -> quorate::control::api::KeyInfo {
    let (suite, public_key) = (C::NAME, hex::encode(package.verifying_key().to_bytes()));
    serde_json::from_value(serde_json::json!({
        "wallet": "test", "suite": suite, "key_id": package.key_id().to_string(), "epoch": 0, "public_key": public_key,
        "chain_code": hex::encode(package.chain_code().as_bytes()), "min_signers": 2, "max_signers": 3, "participant": 1,
        "participants": [], "placement": "", "separated": false,
    }))
    .unwrap()
}

#[test]
fn thief_with_one_provider_fails_and_with_two_succeeds() {
    let Scene { wallet, loot } = scene();
    for one in &loot {
        assert!(!combine_and_forge::<Bip340>(&wallet, &[one]).unwrap(), "{}", one.name);
        assert!(!combine_and_forge::<Ed25519>(&wallet, &[one]).unwrap(), "{}", one.name);
        assert!(!combine_and_forge::<EcdsaSecp256k1>(&wallet, &[one]).unwrap(), "{}", one.name);
    }
    for (a, b) in [(0, 1), (0, 2), (1, 2)] {
        assert!(combine_and_forge::<Bip340>(&wallet, &[&loot[a], &loot[b]]).unwrap());
        assert!(combine_and_forge::<Ed25519>(&wallet, &[&loot[a], &loot[b]]).unwrap());
        assert!(combine_and_forge::<EcdsaSecp256k1>(&wallet, &[&loot[a], &loot[b]]).unwrap());
    }
}

#[test]
fn thief_with_the_same_provider_twice_fails() {
    let Scene { wallet, loot } = scene();
    assert!(!combine_and_forge::<Bip340>(&wallet, &[&loot[0], &loot[0]]).unwrap());
    assert!(!combine_and_forge::<Ed25519>(&wallet, &[&loot[0], &loot[0]]).unwrap());
    assert!(!combine_and_forge::<EcdsaSecp256k1>(&wallet, &[&loot[0], &loot[0]]).unwrap());
}

#[test]
fn positive_control_with_shares_of_another_wallet_fails() {
    let (Scene { wallet, .. }, Scene { loot, .. }) = (scene(), scene());
    assert!(!combine_and_forge::<Bip340>(&wallet, &[&loot[0], &loot[1]]).unwrap());
    assert!(!combine_and_forge::<Ed25519>(&wallet, &[&loot[0], &loot[1]]).unwrap());
    assert!(!combine_and_forge::<EcdsaSecp256k1>(&wallet, &[&loot[0], &loot[1]]).unwrap());
    assert!(matches!(crate::drill::two_robbed(&loot, &wallet), Err(Trouble::Control(_))));
}

#[test]
fn positive_control_with_the_right_shares_passes() {
    let Scene { wallet, loot } = scene();
    crate::drill::two_robbed(&loot, &wallet).unwrap();
}

#[test]
fn attempts_with_one_share_fail() {
    let Scene { wallet, loot } = scene();
    for one in &loot {
        assert!(!guess::<Bip340>(&wallet, one.share().unwrap()).unwrap());
        assert!(!guess::<Ed25519>(&wallet, one.share().unwrap()).unwrap());
        assert!(!guess::<EcdsaSecp256k1>(&wallet, one.share().unwrap()).unwrap());
        assert!(!sign_alone::<Bip340>(&wallet, one.share().unwrap()).unwrap());
        assert!(!sign_alone::<Ed25519>(&wallet, one.share().unwrap()).unwrap());
        assert_eq!(search::<Bip340>(one).unwrap(), Vec::<String>::new());
        assert_eq!(search::<Ed25519>(one).unwrap(), Vec::<String>::new());
        assert_eq!(search::<EcdsaSecp256k1>(one).unwrap(), Vec::<String>::new());
    }
}

#[test]
fn share_in_the_clear_on_disk_or_on_the_wires_is_found() {
    let Scene { loot, .. } = scene();
    let leaked = loot[1].records();
    let careless = Loot::new("alice", loot[0].shares.clone(), leaked.to_vec());
    assert_eq!(search::<Bip340>(&careless).unwrap(), ["the share of participant 2 of the bip340 key"]);
    assert_eq!(search::<Ed25519>(&careless).unwrap(), ["the share of participant 2 of the ed25519 key"]);
    let of_all = ["bip340", "ecdsa-secp256k1", "ed25519"].map(|suite| format!("the share of participant 2 of the {suite} key"));
    assert_eq!(search_wires(&[&loot[0]], &leaked).unwrap(), of_all);
    // One's own share belongs into the opened record, but not onto the disk.
    let own = Loot::new("bob", loot[1].shares.clone(), leaked.to_vec());
    assert_eq!(search::<Ed25519>(&own).unwrap(), ["the share of participant 2 of the ed25519 key"]);
}

#[test]
fn whole_key_is_recognised_by_the_forgery_check() {
    let Scene { wallet, loot } = scene();
    let secret = combine::<Bip340>(&[loot[0].share().unwrap(), loot[2].share().unwrap()]).unwrap();
    assert!(Bip340::is_accepted(&wallet, &secret));
    let mut other = *secret;
    other[31] ^= 1;
    assert!(!Bip340::is_accepted(&wallet, &other));
    let secret = combine::<EcdsaSecp256k1>(&[loot[0].share().unwrap(), loot[2].share().unwrap()]).unwrap();
    assert!(EcdsaSecp256k1::is_accepted(&wallet, &secret));
    let mut other = *secret;
    other[31] ^= 1;
    assert!(!EcdsaSecp256k1::is_accepted(&wallet, &other));
    let secret = combine::<Ed25519>(&[loot[0].share().unwrap(), loot[2].share().unwrap()]).unwrap();
    assert!(Ed25519::is_accepted(&wallet, &secret));
    let mut other = *secret;
    other[0] ^= 1;
    assert!(!Ed25519::is_accepted(&wallet, &other));
}
