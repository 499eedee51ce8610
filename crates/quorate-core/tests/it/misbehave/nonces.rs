//! What a generator that is stuck does to nonces, across a restart: the counter that tells two draws apart starts at zero again.

use std::{process::Command, sync::Arc};

use quorate_core::{
    curve::Curve,
    danger,
    derive::ChainCode,
    frost::{Bip340, Ed25519, FrostSuite, Signing, Target, commit},
};
use zeroize::Zeroizing;

use super::kit::{Frame, placement, session, set};
use crate::stuck::Stuck;

const CHILD: &str = "QUORATE_STUCK_CHILD";

/// The first broadcast of one signature in this process, with a generator that is stuck.
fn first_broadcast<C: FrostSuite>(message: &[u8], number: u8) -> Vec<u8> {
    let secret = Zeroizing::new(std::array::from_fn(|i| u8::from(i == 15)));
    let shares = danger::split::<C>(&secret, ChainCode::new([5; 32]), &placement(2, 2), &mut Stuck).unwrap();
    let share = Arc::new(shares.into_iter().next().unwrap());
    let mut signing = Signing::start(&session(number, 2), &share, &set(1..=2), message, &Target::default(), &mut Stuck).unwrap();
    Frame::parse(&signing.next_outgoing().unwrap().bytes).broadcast
}

#[test]
fn child_process_that_the_test_below_starts() {
    let Ok(request) = std::env::var(CHILD) else { return };
    let (number, message) = request.split_once(':').unwrap();
    let (number, message) = (number.parse().unwrap(), message.as_bytes());
    // The request's digest comes first; the two commitments follow.
    let (ed25519, bip340) = (first_broadcast::<Ed25519>(message, number), first_broadcast::<Bip340>(message, number));
    println!("COMMITMENTS {} {}", hex::encode(&ed25519[32..]), hex::encode(&bip340[32..]));
}

fn in_a_fresh_process(request: &str) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "misbehave::nonces::child_process_that_the_test_below_starts", "--nocapture", "--test-threads=1"])
        .env(CHILD, request)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let found = text.lines().find_map(|line| line.split_once("COMMITMENTS ")).unwrap_or_else(|| panic!("{text}"));
    found.1.to_owned()
}

#[test]
fn stuck_generator_after_a_restart_gives_other_nonces_for_another_message_or_session() {
    let first = in_a_fresh_process("1:pay 1");
    // Without this one the test would prove nothing: all that differs between two processes is the request.
    assert_eq!(first, in_a_fresh_process("1:pay 1"));
    let others = [in_a_fresh_process("1:pay 2"), in_a_fresh_process("2:pay 1")];
    for (suite, first) in first.split(' ').enumerate() {
        let others: Vec<_> = others.iter().map(|other| other.split(' ').nth(suite).unwrap()).collect();
        assert!(first.len() >= 128 && !others.contains(&first) && others[0] != others[1], "suite {suite}");
    }
}

fn distinct<C: FrostSuite + Curve>() {
    let secret = Zeroizing::new(std::array::from_fn(|i| u8::from(i == 15)));
    let shares = danger::split::<C>(&secret, ChainCode::new([5; 32]), &placement(2, 2), &mut Stuck).unwrap();
    let mut points = std::collections::BTreeSet::new();
    for share in shares.iter().cycle().take(8) {
        let nonces = commit(share, &mut Stuck).unwrap();
        let (hiding, binding) = nonces.commitments().to_points_bytes();
        assert!(points.insert(hiding) && points.insert(binding), "a nonce came twice");
    }
}

#[test]
fn stuck_generator_gives_distinct_nonces_within_a_process() {
    distinct::<Ed25519>();
    distinct::<Bip340>();
}
