//! The thief can tell shares of two epochs from shares of one.

use std::sync::Arc;

use quorate::{
    core::{
        ParticipantSet, Threshold,
        danger::{combine, split, unchecked_placement},
        keys::KeyShare,
    },
    danger::AnyKeyShare,
};

use super::*;
use crate::drill::thief::tests::{Scene, scene};

/// Other shares of the same keys, as a reshare deals them.
fn dealt_anew(loot: &[Loot]) -> Vec<Loot> {
    fn again<C: Suite>(loot: &[Loot]) -> Vec<KeyShare<C>> {
        let placement = unchecked_placement(Threshold::new(2, 3).unwrap(), ParticipantSet::first(3).unwrap());
        let (one, two) = (loot[0].share::<C>().unwrap(), loot[1].share::<C>().unwrap());
        let secret = combine::<C>(&[one, two]).unwrap();
        split(&secret, *one.package().chain_code(), &placement, &mut getrandom::SysRng).unwrap()
    }
    let all = again::<Bip340>(loot).into_iter().zip(again::<Ed25519>(loot)).zip(again::<EcdsaSecp256k1>(loot)).zip(HOLDERS);
    let new = all.map(|(((a, b), c), name)| {
        let shares =
            vec![AnyKeyShare::Bip340(Arc::new(a)), AnyKeyShare::Ed25519(Arc::new(b)), AnyKeyShare::EcdsaSecp256k1(Arc::new(c))];
        Loot::new(name, shares, b"sealed".repeat(100))
    });
    new.collect()
}

#[test]
fn shares_of_two_epochs_give_nothing_and_two_of_one_epoch_everything() {
    let Scene { wallet, loot } = scene();
    let fresh = dealt_anew(&loot);
    for new in &fresh[1..] {
        mixed(&wallet, &loot[0], new).unwrap();
        assert!(matches!(mixed(&wallet, &fresh[0], new), Err(Trouble::Stolen { .. })));
    }
    two_new(&wallet, &fresh).unwrap();
    two_new(&wallet, &loot).unwrap();
    let foreign = [loot.into_iter().next().unwrap(), fresh.into_iter().nth(1).unwrap()];
    assert!(matches!(two_new(&wallet, &foreign), Err(Trouble::Control(_))));
}

#[test]
fn share_of_the_old_epoch_that_was_left_somewhere_is_found() {
    let Scene { loot, .. } = scene();
    let fresh = dealt_anew(&loot);
    gone(&loot[0], &fresh).unwrap();
    assert!(matches!(gone(&fresh[0], &fresh), Err(Trouble::Found(_))));
    assert!(matches!(gone(&loot[0], &loot[1..]), Err(Trouble::Found(_))));
}
