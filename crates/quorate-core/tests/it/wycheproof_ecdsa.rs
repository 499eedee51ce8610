//! ECDSA over secp256k1 as Wycheproof has it.
//!
//! A verifying key checks a digest, r, s and recovery id. What the vectors have besides is done here: SHA-256, the two encodings, and
//! the recovery id, which no vector has: a signature is accepted if it is with one of the four.

use quorate_core::{
    ecdsa::{EcdsaSecp256k1, EcdsaSignature},
    keys::VerifyingKey,
};
use serde_json::Value;
use sha2::{Digest, Sha256};

const BITCOIN: &str = include_str!("../../../../vectors/wycheproof/ecdsa_secp256k1_sha256_bitcoin_test.json");
const P1363: &str = include_str!("../../../../vectors/wycheproof/ecdsa_secp256k1_sha256_p1363_test.json");

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

/// One DER integer that is positive and as short as it can be, as 32 bytes; and what is behind it.
fn integer(bytes: &[u8]) -> Option<([u8; 32], &[u8])> {
    let (&[0x02, length], rest) = bytes.split_first_chunk::<2>()? else { return None };
    let (digits, rest) = rest.split_at_checked(length.into())?;
    let digits = match digits {
        [0, second, ..] if *second >= 0x80 => &digits[1..],
        [first, ..] if *first == 0 || *first >= 0x80 => return None,
        [] => return None,
        _ => digits,
    };
    let mut number = [0; 32];
    number[32_usize.checked_sub(digits.len())?..].copy_from_slice(digits);
    Some((number, rest))
}

/// r ‖ s of a strict DER encoding.
fn from_der(bytes: &[u8]) -> Option<[u8; 64]> {
    let (&[0x30, length], body) = bytes.split_first_chunk::<2>()? else { return None };
    let (r, rest) = integer(body)?;
    let (s, rest) = integer(rest)?;
    (rest.is_empty() && usize::from(length) == body.len()).then(|| [r, s].concat().try_into().unwrap())
}

fn accepts(key: &VerifyingKey<EcdsaSecp256k1>, message: &[u8], compact: &[u8; 64]) -> bool {
    let digest: [u8; 32] = Sha256::digest(message).into();
    (0..4u8).any(|id| {
        let signature = EcdsaSignature::from_recoverable_bytes(&[&compact[..], &[id]].concat().try_into().unwrap());
        signature.is_ok_and(|signature| {
            let accepted = key.verify_digest(&digest, &signature).is_ok();
            assert!(!accepted || from_der(&signature.to_der()) == Some(*compact), "the encoder and this test differ");
            accepted
        })
    })
}

/// Every case of a file, and how many were accepted.
fn check(text: &str, decode: impl Fn(&[u8]) -> Option<[u8; 64]>) -> [usize; 2] {
    let file: Value = serde_json::from_str(text).unwrap();
    let mut counts = [0, 0];
    for group in file["testGroups"].as_array().unwrap() {
        let point = bytes(&group["publicKey"]["uncompressed"]);
        let compressed = [&[2 + (point[64] & 1)][..], &point[1..33]].concat();
        let key = VerifyingKey::<EcdsaSecp256k1>::from_bytes(&compressed).unwrap();
        for test in group["tests"].as_array().unwrap() {
            let signature = decode(&bytes(&test["sig"]));
            let accepted = signature.is_some_and(|compact| accepts(&key, &bytes(&test["msg"]), &compact));
            assert_eq!(accepted, test["result"] == "valid", "case {}: {}", test["tcId"], test["comment"]);
            counts[usize::from(accepted)] += 1;
        }
    }
    assert_eq!(file["numberOfTests"], counts[0] + counts[1]);
    counts
}

/// DER, and Bitcoin's rule: a high s is none.
#[test]
fn ecdsa_verification_meets_every_vector_in_der() {
    assert_eq!(check(BITCOIN, from_der), [301, 162]);
}

/// r ‖ s, where a high s is allowed: it is made low, as this library would.
#[test]
fn ecdsa_verification_meets_every_vector_in_p1363() {
    use k256::{Scalar, elliptic_curve::PrimeField as _};
    let low = |signature: &[u8]| {
        let compact: [u8; 64] = signature.try_into().ok()?;
        let (r, s) = compact.split_at(32);
        let s: [u8; 32] = s.try_into().unwrap();
        let negated = Option::<Scalar>::from(Scalar::from_repr(s.into())).map(|s| <[u8; 32]>::from((-s).to_repr()));
        let s = negated.filter(|negated| *negated < s).unwrap_or(s);
        Some([r, &s].concat().try_into().unwrap())
    };
    assert_eq!(check(P1363, low), [85, 167]);
}
