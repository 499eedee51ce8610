//! The verification cases of BIP-340.

use quorate_core::{
    frost::{Bip340, Signature},
    keys::VerifyingKey,
};

const VECTORS: &str = include_str!("../../../../vectors/bip340/test-vectors.csv");

/// x-only keys have the point with the even y.
fn accepts(x: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let Ok(key) = VerifyingKey::<Bip340>::from_bytes(&[&[2], x].concat()) else { return false };
    Signature::from_bytes(signature).is_ok_and(|signature| key.verify(message, &signature).is_ok())
}

#[test]
fn verification_meets_every_vector() {
    let mut results = [0, 0];
    for (number, line) in VECTORS.lines().skip(1).enumerate() {
        let fields: Vec<_> = line.splitn(8, ',').collect();
        assert_eq!(fields[0].parse(), Ok(number));
        let [key, message, signature] = [fields[2], fields[4], fields[5]].map(|field| hex::decode(field).unwrap());
        let expected = match fields[6] {
            "TRUE" => true,
            "FALSE" => false,
            other => panic!("case {number} expects {other}"),
        };
        assert_eq!(accepts(&key, &message, &signature), expected, "case {number}: {}", fields[7]);
        results[usize::from(expected)] += 1;
        if expected {
            key_with_odd_y_counts_as_x_only(&key, &message, &signature);
        }
    }
    assert_eq!(results, [10, 9]);
}

fn key_with_odd_y_counts_as_x_only(x: &[u8], message: &[u8], signature: &[u8]) {
    let key = VerifyingKey::<Bip340>::from_bytes(&[&[3], x].concat()).unwrap();
    key.verify(message, &Signature::from_bytes(signature).unwrap()).unwrap();
}
