//! One field of one message changed on its way, and messages sent back to where they came from.

use curve25519_dalek::{RistrettoPoint, Scalar};

use super::*;

/// Runs a pair in which `change` works on the private part of what participant 1 says in `round`.
fn run_changed(round: u8, mut change: impl FnMut(&mut [u8])) -> [Result<Pairing, Error>; 2] {
    run([start(1), start(2)], |from, now, bytes| {
        if (from, now) == (1, round) {
            change(&mut bytes[HEADER..]);
        }
    })
}

#[track_caller]
fn assert_fault(outcome: &Result<Pairing, Error>, kind: FaultKind, culprit: u16) {
    match outcome {
        Err(Error::Fault(fault)) => {
            assert_eq!((fault.kind, fault.culprits.as_slice()), (kind, &[id(culprit)][..]));
            let expected = if kind == FaultKind::WrongPairing { Response::DropPairing } else { Response::Exclude };
            assert_eq!(fault.response(), expected);
        }
        other => panic!("{other:?}"),
    }
}

fn another_point(seed: u8) -> [u8; 32] {
    RistrettoPoint::mul_base(&Scalar::from(u64::from(seed) + 2)).compress().to_bytes()
}

#[test]
fn changed_offer_is_a_fault_of_its_sender() {
    // Another point: the peer's keys belong to the point that it sent.
    let [_, second] = run_changed(1, |private| private[..32].copy_from_slice(&another_point(1)));
    assert_fault(&second, FaultKind::WrongPairing, 1);
    for wrong in transfers::wrong_encodings() {
        let [_, second] = run_changed(1, |private| private[..32].copy_from_slice(&wrong));
        assert_fault(&second, FaultKind::InvalidElement, 1);
    }
    for byte in 0..32 {
        let [_, second] = run_changed(1, |private| private[byte] ^= 2);
        assert!(matches!(&second, Err(Error::Fault(fault)) if fault.culprits == [id(1)]), "{byte}: {second:?}");
    }
}

#[test]
fn changed_zero_seed_shows_in_the_id() {
    // Nothing in these three rounds depends on it. Sides with different seeds have different ids, and every session binds the id.
    for byte in [32, 63] {
        let [first, second] = run_changed(1, |private| private[byte] ^= 1).map(Result::unwrap);
        assert_consistent(&first.sender, &second.receiver);
        assert!(first.id != second.id && first.zero_key.expose() != second.zero_key.expose());
    }
}

#[test]
fn changed_points_are_found_on_either_branch() {
    // The receiver of the points has nothing to compare them with. It is their sender that finds both keys to be others: keys bind
    // both points, so it makes no difference which of the two was changed.
    for (transfer, branch) in [(0, 0), (0, 1), (63, 0), (63, 1), (127, 0), (127, 1)] {
        let place = (2 * transfer + branch) * 32;
        let [first, second] = run_changed(2, |private| private[place..place + 32].copy_from_slice(&another_point(9)));
        assert_fault(&first, FaultKind::WrongPairing, 2);
        assert!(second.is_ok());
        let [_, second] = run_changed(2, |private| private[place..place + 32].fill(0));
        assert_fault(&second, FaultKind::InvalidElement, 1);
    }
    let [first, _] = run_changed(2, |private| private[64..192].rotate_left(64));
    assert_fault(&first, FaultKind::WrongPairing, 2);
}

#[test]
fn changed_proof_is_a_fault_of_its_sender() {
    // Sum and hash of the first and the last tree; of a correction's two sides, the one that the sender chose.
    for byte in [96, 127, 128, 159, 31 * 160 + 96, 32 * 160 - 1] {
        let [first, second] = run_changed(3, |private| private[byte] ^= 1);
        assert_fault(&second, FaultKind::WrongPairing, 1);
        assert!(first.is_ok());
    }
    for level in 0..3 {
        let [_, second] = run_changed(3, |private| (0..32).for_each(|byte| private[level * 32 + byte] ^= 1));
        assert_fault(&second, FaultKind::WrongPairing, 1);
    }
}

#[test]
fn correction_that_is_not_used_shows_in_the_id() {
    // One side of every correction is not used. Change one at a time until both cases were seen.
    let (mut found, mut missed) = (false, false);
    while !(found && missed) {
        match run_changed(3, |private| private[0] ^= 1) {
            [Ok(first), Ok(second)] => {
                missed = true;
                assert_consistent(&second.sender, &first.receiver);
                assert_ne!(first.id, second.id);
            }
            [_, second] => {
                found = true;
                assert_fault(&second, FaultKind::WrongPairing, 1);
            }
        }
    }
}

#[test]
fn our_own_point_sent_back_is_a_fault() {
    let mut machine = start(1);
    let own = machine.next_outgoing().unwrap().bytes.clone();
    // The frame says nothing of its sender: context and echo are the same on both sides.
    let fault = Fault::by(FaultKind::CopiedCommitments, id(2));
    assert_eq!(machine.handle(id(2), &own), Err(fault.into()));
}

#[test]
fn our_own_points_and_proofs_sent_back_are_worth_nothing() {
    let (mut machine, mut peer) = (start(1), start(2));
    machine.next_outgoing().unwrap();
    assert_eq!(machine.handle(id(2), &peer.next_outgoing().unwrap().bytes), Ok(Handled::Accepted));
    let points = machine.next_outgoing().unwrap().bytes.clone();
    assert_eq!(machine.handle(id(2), &points), Ok(Handled::Accepted));
    let proofs = machine.next_outgoing().unwrap().bytes.clone();
    assert_eq!(machine.handle(id(2), &proofs), Err(Fault::by(FaultKind::WrongPairing, id(2)).into()));
    assert!(machine.take_output().is_none());
}

#[test]
fn proofs_sent_back_fail_even_for_the_same_offer_and_points() {
    // One key pair for both directions, one set of points: the direction alone makes the trees others.
    let offer = offer(1);
    let (chosen, points) = chosen(&offer, 2);
    let honest = offer.keys(&direction(), &points).unwrap();
    let backwards = offer.keys(&reversed(direction()), &points).unwrap();
    let puncture = |proofs: &tree::Proofs| {
        let delta = Secret::new(*chosen.delta.expose());
        tree::puncture(&direction(), delta, chosen.keys.expose(), proofs).is_some()
    };
    assert!(puncture(&tree::grow(&direction(), honest.expose()).1));
    assert!(!puncture(&tree::grow(&reversed(direction()), honest.expose()).1));
    assert!(!puncture(&tree::grow(&direction(), backwards.expose()).1));
    assert!(!puncture(&tree::grow(&reversed(direction()), backwards.expose()).1));
}
