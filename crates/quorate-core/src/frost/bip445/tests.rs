//! The official vectors of BIP-445, every case of every file, through the functions that sign.
//!
//! The draft numbers signers from 0 and this crate from 1; [`group::id`] is the one place that maps them. Groups with a threshold of
//! 1 are in the files and can be no key of ours, so that every case runs through functions below the [`Threshold`]; where it is 2 or
//! more, it runs through [`sign`] and [`KeyShare`] as well.

use super::super::{
    SignatureShare, SigningCommitments, SigningNonces, SigningPackage,
    aggregate::{Search, check_senders, sum},
    package::{SigningValues, check_signers},
    sign,
    sign::share_of,
};
use super::*;
use crate::{danger, error::Error, identifier::ParticipantSet, keys::KeyShare, polynomial, secret::Secret, threshold::Threshold};
use alloc::collections::BTreeMap;
use group::{Group as Vectors, bytes, id, ids, list, numbers, text};
use serde_json::Value;
use std::fs;

mod group;
mod refusals;

/// One file's cases by number, so that none can be left out.
#[derive(Default)]
struct Seen(Vec<u64>);

impl Seen {
    fn note(&mut self, case: &Value) {
        self.0.push(case["tc_id"].as_u64().unwrap());
    }

    fn assert_all(mut self, count: u64) {
        self.0.sort_unstable();
        assert_eq!(self.0, (1..=count).collect::<Vec<_>>());
    }
}

fn file(name: &str) -> Value {
    let path = std::format!("{}/../../vectors/bip445/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// The first entry that does not decode: its place in the list, and why.
fn first_refused<T>(decoded: impl IntoIterator<Item = Result<T, DecodeError>>) -> Option<(u64, DecodeError)> {
    (0..).zip(decoded).find_map(|(index, decoded)| decoded.err().map(|error| (index, error)))
}

fn assert_culprit(case: &Value, contribution: &str, found: Option<(u64, DecodeError)>, expected: DecodeError) {
    assert_eq!(text(&case["error"]["contrib"]), contribution);
    assert_eq!(found, Some((case["error"]["signer_index"].as_u64().unwrap(), expected)));
}

#[test]
fn nonce_generation_meets_the_vectors() {
    let file = file("nonce_gen_vectors.json");
    let mut seen = Seen::default();
    for case in list(&file["valid_tests"]) {
        let optional = |name: &str| (!case[name].is_null()).then(|| bytes(&case[name]));
        let [share, verifying_share, key, message, extra] =
            ["secshare", "pubshare", "thresh_pk", "msg", "extra_in"].map(optional);
        let share: Option<[u8; 32]> = share.map(|share| share.try_into().unwrap());
        let inputs = NonceInputs {
            share: share.as_ref(),
            verifying_share: verifying_share.as_deref().unwrap_or_default(),
            key: key.as_deref().unwrap_or_default(),
            message: message.as_deref(),
            extra: extra.as_deref().unwrap_or_default(),
        };
        let nonces = nonce_gen(&bytes(&case["rand_"]).try_into().unwrap(), &inputs);
        assert_eq!(nonces.map(|nonce| Bip340::encode_scalar(&nonce)).concat(), bytes(&case["expected"][0]));
        let commitments = nonces.map(|nonce| Bip340::encode_point(&Bip340::mul_generator(&nonce)));
        assert_eq!(commitments.concat(), bytes(&case["expected"][1]));
        seen.note(case);
    }
    seen.assert_all(5);
}

#[test]
fn nonce_aggregation_meets_the_vectors_and_finds_the_culprits() {
    let file = file("nonce_agg_vectors.json");
    let mut seen = Seen::default();
    let all: Vec<_> = list(&file["pubnonces"]).iter().map(|value| group::commitments(&bytes(value))).collect();
    let chosen = |case: &Value| numbers(&case["pubnonce_indices"]).into_iter().map(|index| all[index]).collect::<Vec<_>>();
    for case in list(&file["valid_tests"]) {
        let commitments = (0..).map(id).zip(chosen(case).into_iter().map(Result::unwrap)).collect();
        let package = SigningPackage::<Bip340>::new(commitments, &[], Target::default()).unwrap();
        assert_eq!(Bip340::encode_points(&aggregate_nonces(&package)).concat(), bytes(&case["expected"]));
        seen.note(case);
    }
    for case in list(&file["error_tests"]) {
        assert_culprit(case, "pubnonce", first_refused(chosen(case)), DecodeError::InvalidPoint);
        seen.note(case);
    }
    seen.assert_all(5);
}

#[test]
fn signing_and_share_verification_meet_the_vectors() {
    let file = file("sign_verify_vectors.json");
    let mut seen = Seen::default();
    for group in list(&file["test_groups"]) {
        let vectors = Vectors::new(group);
        for case in list(&group["valid_tests"]) {
            vectors.check_signing(case);
            seen.note(case);
        }
        for case in list(&group["sign_error_tests"]) {
            refusals::signing(&vectors, case);
            seen.note(case);
        }
        for case in list(&group["verify_fail_tests"]) {
            refusals::wrong_share(&vectors, case);
            seen.note(case);
        }
        for case in list(&group["verify_error_tests"]) {
            refusals::verification(&vectors, case);
            seen.note(case);
        }
    }
    seen.assert_all(93);
}

#[test]
fn tweaked_signing_meets_the_vectors() {
    let file = file("tweak_vectors.json");
    let mut seen = Seen::default();
    for group in list(&file["test_groups"]) {
        let vectors = Vectors::new(group);
        for case in list(&group["valid_tests"]) {
            vectors.check_signing(case);
            seen.note(case);
        }
        for case in list(&group["error_tests"]) {
            refusals::tweak(&vectors, case);
            seen.note(case);
        }
    }
    seen.assert_all(44);
}

#[test]
fn aggregation_meets_the_vectors_and_finds_the_culprits() {
    let file = file("sig_agg_vectors.json");
    let mut seen = Seen::default();
    for group in list(&file["test_groups"]) {
        let vectors = Vectors::new(group);
        for case in list(&group["valid_tests"]) {
            let signers = ParticipantSet::new(ids(case)).unwrap();
            let shares: Vec<_> = list(&case["psigs"]).iter().map(|psig| group::share(psig).unwrap()).collect();
            let values = vectors.values_from_aggregate(case, &signers);
            let signature = sum(&values, shares.iter());
            assert_eq!(signature.to_bytes(), bytes(&case["expected"]));
            values.key.verifying_key().verify(&bytes(&case["msg"]), &signature).unwrap();
            seen.note(case);
        }
        for case in list(&group["error_tests"]) {
            refusals::aggregation(case);
            seen.note(case);
        }
    }
    seen.assert_all(22);
}
