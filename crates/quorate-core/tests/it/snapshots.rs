//! Bytes of wire version 1, which must stay what they are: whoever changes one of them raises the version and keeps these readable.
//!
//! `tests/data/records-v1.txt` was written by `write_the_current_records` below: one key of each suite with everything that is made
//! with it. A file of a past version is never written anew.

use core::fmt::Write;
use std::{collections::BTreeMap, sync::Arc};

use quorate_core::{
    PeerId,
    attest::{Attestation, attest},
    curve::Curve,
    danger,
    frost::{
        Bip340, Ed25519, FrostSuite, SignatureShare, Signing, SigningCommitments, SigningPackage, Target, aggregate, commit, sign,
    },
    keygen::Keygen,
    keys::{Certificate, KeyShare, PendingShare, PublicKeyPackage},
    machine::{Machine, Protocol},
    wire::Encoding,
};
use rand::{SeedableRng, rngs::StdRng};

use crate::network::{Network, id, session, set, threshold};

const V1: &str = include_str!("../data/records-v1.txt");
const PARTICIPANTS: [u16; 3] = [2, 7, 65535];
const VERIFIER: PeerId = PeerId::new([9; 32]);
const CHALLENGE: [u8; 32] = [4; 32];

fn record<C: Curve>(name: &str) -> Vec<u8> {
    let name = format!("{}/{name}", C::SUITE);
    let line = V1.lines().find_map(|line| line.strip_prefix(&name)?.strip_prefix(' '));
    hex::decode(line.unwrap_or_else(|| panic!("no {name}"))).unwrap()
}

fn read<T: Encoding>(bytes: &[u8]) -> T {
    let value = T::from_bytes(bytes).unwrap();
    assert_eq!(value.to_bytes(), bytes);
    value
}

/// The key share's own record holds the certificate, so that reading it repeats the hashes of package and confirmation; the rest
/// repeats those of signing and attesting.
fn records_are_read_and_written_byte_for_byte<C: FrostSuite>() {
    let bytes = record::<C>("key-share-2");
    let share = KeyShare::<C>::from_secret_bytes(&bytes).unwrap();
    assert_eq!(*share.to_secret_bytes(), bytes);
    let package: PublicKeyPackage<C> = read(&record::<C>("package"));
    let certificate: Certificate<C> = read(&record::<C>("certificate"));
    assert_eq!((share.package(), share.certificate()), (&package, &certificate));
    let bytes = record::<C>("pending-share");
    let pending = PendingShare::<C>::from_secret_bytes(&bytes).unwrap();
    assert_eq!(*pending.to_secret_bytes(), bytes);
    assert_eq!(pending.complete(certificate).unwrap().to_secret_bytes(), share.to_secret_bytes());

    let attestation: Attestation<C> = read(&record::<C>("attestation"));
    attestation.verify(&package, id(2), VERIFIER, &CHALLENGE).unwrap();
    let signing: SigningPackage<C> = read(&record::<C>("signing-package"));
    let commitments: SigningCommitments<C> = read(&record::<C>("commitments"));
    assert_eq!(signing.commitments(id(2)), Some(&commitments));
    let signed =
        BTreeMap::from([2, 7].map(|of| (id(of), read::<SignatureShare<C>>(&record::<C>(&format!("signature-share-{of}"))))));
    let signature = aggregate(&signing, &signed, &package).unwrap();
    package.verifying_key().verify(b"message", &signature).unwrap();
}

#[test]
fn records_of_version_1_are_what_they_were() {
    records_are_read_and_written_byte_for_byte::<Ed25519>();
    records_are_read_and_written_byte_for_byte::<Bip340>();
}

/// The first message of a machine, and the lengths of all that it sends: the rest of them is random.
fn frames<P: Protocol>(machines: impl IntoIterator<Item = (quorate_core::Identifier, Machine<P>)>) -> (Vec<u8>, Vec<usize>) {
    let mut network = Network::new(machines, 1);
    let mut sent = Vec::new();
    network.run_with(|wire| {
        if (wire.from, wire.to) == (id(2), id(7)) {
            sent.push(wire.bytes.clone());
        }
        vec![wire]
    });
    sent.sort_by_key(|bytes| bytes[2]);
    (sent[0].clone(), sent.iter().map(Vec::len).collect())
}

/// Up to the echo: what the session's context is made of decides it.
const HEAD: usize = 3 + 16 + 32;

fn keygen_frames<C: Curve>() -> (String, Vec<usize>) {
    let participants = set(&PARTICIPANTS);
    let placement = danger::unchecked_placement(threshold(2, &participants), participants.clone());
    let (session, mut rng) = (session(&participants, 5), StdRng::seed_from_u64(5));
    let start = |me| (me, Keygen::<C>::start(&session, placement.clone(), me, &mut rng).unwrap());
    let (first, lengths) = frames(participants.iter().map(start).collect::<Vec<_>>());
    (hex::encode(&first[..HEAD]), lengths)
}

fn signing_frames<C: FrostSuite>() -> (String, Vec<usize>) {
    let signers = set(&[2, 7]);
    let (session, mut rng) = (session(&signers, 6), StdRng::seed_from_u64(6));
    let start = |of: u16| {
        let share = Arc::new(KeyShare::<C>::from_secret_bytes(&record::<C>(&format!("key-share-{of}"))).unwrap());
        (id(of), Signing::start(&session, &share, &signers, b"message", &Target::default(), &mut rng).unwrap())
    };
    let (first, lengths) = frames([2, 7].map(start));
    // And the digest of the request, with its length before it.
    (hex::encode(&first[..HEAD + 4 + 32]), lengths)
}

#[test]
fn frames_of_version_1_are_what_they_were() {
    let keygen = [keygen_frames::<Ed25519>(), keygen_frames::<Bip340>()];
    let signing = [signing_frames::<Ed25519>(), signing_frames::<Bip340>()];
    let heads = [&keygen[0].0, &keygen[1].0, &signing[0].0, &signing[1].0];
    let no_echo = "00".repeat(32);
    // Version, protocol, round, context; and for signing the length of the broadcast and the digest of the request.
    let expected = [
        ["010101a5f63d9a9d08084dc689eec43fb206d4", &no_echo, ""],
        ["01010105453ce4791440b4df3cf5ec46e88ba5", &no_echo, ""],
        [
            "010301af2439c8bd64f526a8984cf2fb897795",
            &no_echo,
            "000000609370c90beecc586b798b3d8092913ba90386c7c747b756ff9127f2bc2a06e2cf",
        ],
        [
            "010301e4a9beb6a6887463a65667298879ee68",
            &no_echo,
            "0000006217597aa8d44af9b20448f8267ea062f7af4fc92eb8211fd899671b40333cf8ee",
        ],
    ];
    assert_eq!(heads.map(String::clone), expected.map(|parts| parts.concat()));
    let overhead = HEAD + 4 + 4;
    for ((_, lengths), point) in keygen.iter().zip([32, 33]) {
        let (proof, dealt_share) = (point + 32, 32);
        assert_eq!(*lengths, [32, 4 + 2 * point + proof + 32 + 32 + dealt_share, proof].map(|length| overhead + length));
    }
    for ((_, lengths), point) in signing.iter().zip([32, 33]) {
        assert_eq!(*lengths, [32 + 2 * point, 32].map(|length| overhead + length));
    }
}

fn write_records<C: FrostSuite>(out: &mut String) {
    let participants = set(&PARTICIPANTS);
    let placement = danger::unchecked_placement(threshold(2, &participants), participants.clone());
    let (session, mut rng) = (session(&participants, 80), StdRng::seed_from_u64(80));
    let start = |me| (me, Keygen::<C>::start(&session, placement.clone(), me, &mut rng).unwrap());
    let mut network = Network::new(participants.iter().map(start).collect::<Vec<_>>(), 80);
    let mut pending = BTreeMap::new();
    network.run_storing(|machine| {
        let share = machine.pending().unwrap();
        let share = share.value().unwrap();
        pending.insert(share.identifier(), share.to_secret_bytes());
    });
    let shares = [2, 7].map(|of| network.machines.get_mut(&id(of)).unwrap().take_output().unwrap());
    let nonces = shares.each_ref().map(|share| commit(share, &mut rng).unwrap());
    let commitments = shares.iter().zip(&nonces).map(|(share, nonces)| (share.identifier(), *nonces.commitments()));
    let signing = SigningPackage::new(commitments.collect(), b"message", Target::default()).unwrap();
    let mut line = |name: &str, bytes: &[u8]| writeln!(out, "{}/{name} {}", C::SUITE, hex::encode(bytes)).unwrap();
    line("key-share-2", &shares[0].to_secret_bytes());
    line("key-share-7", &shares[1].to_secret_bytes());
    line("pending-share", &pending[&id(2)]);
    line("package", &shares[0].package().to_bytes());
    line("certificate", &shares[0].certificate().to_bytes());
    line("attestation", &attest(&shares[0], VERIFIER, &CHALLENGE, &mut rng).unwrap().to_bytes());
    line("commitments", &nonces[0].commitments().to_bytes());
    line("signing-package", &signing.to_bytes());
    for (share, nonces) in shares.iter().zip(nonces) {
        line(&format!("signature-share-{}", share.identifier().to_u16()), &sign(&signing, nonces, share).unwrap().to_bytes());
    }
}

/// Prints records of the current version. Run it once for a new one: `cargo test write_the_current_records -- --ignored --nocapture`.
#[test]
#[ignore = "writes test data for a new version"]
#[expect(clippy::print_stdout, reason = "its output is the test data")]
fn write_the_current_records() {
    let mut out = String::new();
    write_records::<Ed25519>(&mut out);
    write_records::<Bip340>(&mut out);
    println!("{out}");
}
