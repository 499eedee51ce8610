//! What the keys of the base transfers are bound to.

use curve25519_dalek::{RistrettoPoint, Scalar};

use super::*;
use base_ot::{TRANSFERS, decode};

type Keys = [[seeds::Seed; 2]; TRANSFERS];

fn keys(offer: &Offer, direction: &Direction, points: &base_ot::Points) -> Keys {
    *offer.keys(direction, points).unwrap().expose()
}

/// Which transfers have other keys, by choice.
fn changed(before: &Keys, after: &Keys) -> Vec<(usize, [bool; 2])> {
    let both = before.iter().zip(after).map(|(a, b)| [a[0] != b[0], a[1] != b[1]]);
    both.enumerate().filter(|(_, changed)| *changed != [false; 2]).collect()
}

#[test]
fn chosen_key_is_the_one_that_delta_does_not_name() {
    let offer = offer(1);
    let (chosen, points) = chosen(&offer, 2);
    let both = keys(&offer, &direction(), &points);
    for (transfer, bit) in base_ot::bits(chosen.delta.expose()).enumerate() {
        let (delta, choice) = (usize::from(bit.unwrap_u8()), usize::from((!bit).unwrap_u8()));
        assert_eq!(chosen.keys.expose()[transfer], both[transfer][choice]);
        assert_ne!(chosen.keys.expose()[transfer], both[transfer][delta]);
    }
    // Nibble by nibble, from the most significant bit.
    let nibble = base_ot::bits(chosen.delta.expose()).skip(4).take(4).fold(0, |sum, bit| 2 * sum + bit.unwrap_u8());
    assert_eq!(nibble, chosen.delta.expose()[1]);
}

#[test]
fn keys_of_swapped_or_repeated_transfers_differ() {
    let offer = offer(1);
    let (_, points) = chosen(&offer, 2);
    let honest = keys(&offer, &direction(), &points);
    let mut swapped = points.clone();
    swapped.swap(3, 100);
    let after = keys(&offer, &direction(), &swapped);
    assert_eq!(changed(&honest, &after), [(3, [true; 2]), (100, [true; 2])]);
    for (a, b) in [(3, 100), (100, 3)] {
        assert!(!after[a].iter().any(|key| honest[b].contains(key)), "a key moved with its points");
    }
    let mut repeated = points.clone();
    repeated[3] = repeated[100];
    let after = keys(&offer, &direction(), &repeated);
    assert!(!after[3].iter().any(|key| after[100].contains(key)), "one message twice gives the same key");
}

#[test]
fn keys_bind_both_points_the_offer_and_the_direction() {
    let offer = offer(1);
    let (_, points) = chosen(&offer, 2);
    let honest = keys(&offer, &direction(), &points);
    let double = |bytes: &[u8; 32]| (decode(bytes).unwrap() * Scalar::from(2u8)).compress().to_bytes();
    for branch in [0, 1] {
        let mut other = points.clone();
        other[5][branch] = double(&other[5][branch]);
        assert_eq!(changed(&honest, &keys(&offer, &direction(), &other)), [(5, [true; 2])], "{branch}");
    }
    let mut exchanged = points.clone();
    exchanged[5].reverse();
    let after = keys(&offer, &direction(), &exchanged);
    assert!(!after[5].iter().any(|key| honest[5].contains(key)));
    let all = (0..TRANSFERS).map(|transfer| (transfer, [true; 2])).collect::<Vec<_>>();
    assert_eq!(changed(&honest, &keys(&offer, &reversed(direction()), &points)), all);
    assert_eq!(changed(&honest, &keys(&super::offer(3), &direction(), &points)), all);
}

/// Points of one transfer whose first shared point has the logarithm `y`, around any second point.
fn pair_around(transfer: u8, one: [u8; 32], y: Scalar) -> [[u8; 32]; 2] {
    let hash = direction().transcript::<sha2::Sha512>(domain::PAIRING_POINT).field(&[transfer, 0]).field(&one);
    let hash = RistrettoPoint::from_uniform_bytes(&hash.finish_wide());
    [(RistrettoPoint::mul_base(&y) - hash).compress().to_bytes(), one]
}

#[test]
fn shared_point_alone_does_not_make_the_key() {
    // A sender that arranges for the same shared point in other transfers, or around other points, still gets other keys.
    let (offer, y) = (offer(1), Scalar::from(77u8));
    let (_, points) = chosen(&offer, 2);
    let ones = [points[8][1], points[9][1]];
    let mut seen = Vec::new();
    for (eight, nine) in [(ones[0], ones[1]), (ones[1], ones[0])] {
        let mut points = points.clone();
        (points[8], points[9]) = (pair_around(8, eight, y), pair_around(9, nine, y));
        let both = keys(&offer, &direction(), &points);
        seen.extend([both[8][0], both[9][0]]);
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 4);
}

/// Encodings that nobody honest makes.
pub(super) fn wrong_encodings() -> [[u8; 32]; 6] {
    let mut prime = [0xff; 32];
    (prime[0], prime[31]) = (0xed, 0x7f);
    let mut prime_and_two = prime;
    prime_and_two[0] = 0xef;
    let (mut negative, mut not_on_curve) = ([0; 32], [0; 32]);
    (negative[0], not_on_curve[0]) = (1, 2);
    let mut high_bit = RistrettoPoint::mul_base(&Scalar::from(5u8)).compress().to_bytes();
    high_bit[31] |= 0x80;
    assert!((decode(&high_bit), decode(&not_on_curve)) == (None, None));
    // The identity, zero and two as they must not be written, a negative number, a number that is no point, a bit too many.
    [[0; 32], prime, prime_and_two, negative, not_on_curve, high_bit]
}

#[test]
fn identity_and_encodings_that_are_not_canonical_are_refused() {
    let offer = offer(1);
    let (_, points) = chosen(&offer, 2);
    for wrong in wrong_encodings() {
        assert!(decode(&wrong).is_none(), "{wrong:?}");
        assert!(Chosen::draw(&direction(), &wrong, &mut Hedged::fixed([2; 32])).is_none());
        for (transfer, branch) in [(0, 0), (0, 1), (127, 0), (127, 1)] {
            let mut points = points.clone();
            points[transfer][branch] = wrong;
            assert!(offer.keys(&direction(), &points).is_none());
        }
    }
    let basepoint = RistrettoPoint::mul_base(&Scalar::ONE);
    assert_eq!(decode(&basepoint.compress().to_bytes()), Some(basepoint));
}
