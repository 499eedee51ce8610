//! Key generation against dealers and networks that break the rules; see `dealing/tests.rs` for forged polynomials.

use std::collections::BTreeMap;

use quorate_core::{
    DecodeError, Error, FaultKind, Identifier, InputError,
    curve::Curve,
    danger,
    error::Response,
    frost::{Bip340, Ed25519, FrostSuite},
    keys::{Certificate, KeyShare, PendingShare},
    wire::Encoding,
};

use super::{
    kit::{Outcomes, Packet, assert_nobody_else_blamed, id, keygens, run, run_storing, signings},
    signing::flip_last,
};

type Records = BTreeMap<Identifier, Vec<u8>>;

fn run_recording<C: Curve>(t: u16, n: u16, wire: impl FnMut(Packet) -> Vec<Packet>) -> (Outcomes<KeyShare<C>>, Records) {
    let mut records = Records::new();
    let outcomes = run_storing(keygens::<C>(t, n, 1), wire, |me, pending| {
        records.insert(me, pending.to_secret_bytes().to_vec());
    });
    (outcomes, records)
}

fn signs<C: FrostSuite>(shares: Vec<KeyShare<C>>, signers: &[u16]) {
    let shares: Vec<_> = shares.into_iter().map(std::sync::Arc::new).collect();
    let key = shares[0].package().verifying_key();
    for signature in run(signings(&shares, signers, b"pay"), |packet| vec![packet]).into_values() {
        key.verify(b"pay", &signature.done()).unwrap();
    }
}

fn each_last_message_dropped<C: FrostSuite>(t: u16, n: u16) {
    for (from, to) in (1..=n).flat_map(|from| (1..=n).map(move |to| (from, to))).filter(|(from, to)| from != to) {
        let (mut outcomes, records) = run_recording::<C>(t, n, |packet| {
            let dropped = (packet.from, packet.to, packet.round()) == (id(from), id(to), 3);
            if dropped { vec![] } else { vec![packet] }
        });
        let stuck = outcomes.remove(&id(to)).unwrap();
        assert!(matches!(&stuck, super::kit::Outcome::Waiting(missing) if *missing == [id(from)]), "{stuck:?}");
        let mut shares: BTreeMap<_, _> = outcomes.into_iter().map(|(me, outcome)| (me, outcome.done())).collect();
        // The stuck one read its record back after a crash, and asks a peer.
        let certificate = Certificate::from_bytes(&shares[&id(from)].certificate().to_bytes()).unwrap();
        let pending = PendingShare::<C>::from_secret_bytes(&records[&id(to)]).unwrap();
        let completed = pending.complete(certificate).unwrap();
        assert_eq!(completed.package(), shares[&id(from)].package());
        assert_eq!(completed.identifier(), id(to));
        shares.insert(id(to), KeyShare::from_secret_bytes(&completed.to_secret_bytes()).unwrap());
        signs(shares.into_values().collect(), &[from.min(to), from.max(to)]);
    }
}

#[test]
fn each_last_message_dropped_leaves_one_stuck_that_completes_with_a_peers_certificate() {
    each_last_message_dropped::<Ed25519>(2, 3);
    each_last_message_dropped::<Bip340>(2, 2);
}

#[test]
fn confirmation_sent_to_nobody_gives_nobody_else_a_key() {
    let (outcomes, records) =
        run_recording::<Ed25519>(2, 4, |packet| if packet.from == id(1) && packet.round() == 3 { vec![] } else { vec![packet] });
    assert!(outcomes.iter().all(|(me, outcome)| *me == id(1) || !outcome.is_done()));
    // The one that has all confirmations can still hand them on, and then all have the key.
    let certificate = outcomes.into_values().next().unwrap().done().certificate().clone();
    for record in records.values() {
        PendingShare::<Ed25519>::from_secret_bytes(record).unwrap().complete(certificate.clone()).unwrap();
    }
}

#[test]
fn wrong_confirmation_to_one_is_named_and_that_one_still_completes() {
    let (mut outcomes, records) = run_recording::<Ed25519>(2, 3, |packet| {
        let lie = (packet.from, packet.to, packet.round()) == (id(1), id(3), 3);
        vec![if lie { packet.with(|frame| flip_scalar(&mut frame.broadcast)) } else { packet }]
    });
    outcomes[&id(3)].assert_fault(FaultKind::WrongConfirmation, &[1]);
    let certificate = outcomes.remove(&id(2)).unwrap().done().certificate().clone();
    PendingShare::<Ed25519>::from_secret_bytes(&records[&id(3)]).unwrap().complete(certificate).unwrap();
}

/// Changes the proof's response, and keeps it a canonical scalar.
fn flip_scalar(proof: &mut [u8]) {
    proof[32] ^= 1;
}

#[test]
fn confirmation_of_another_participant_is_refused_with_its_sender() {
    let mut of_two = None;
    let outcomes = run(keygens::<Ed25519>(2, 3, 1), |packet| {
        if (packet.from, packet.to, packet.round()) == (id(2), id(3), 3) {
            of_two = Some(packet.with(|_| ()));
        }
        if (packet.from, packet.to, packet.round()) == (id(1), id(3), 3) {
            return vec![];
        }
        let copied = of_two.take().map(|copied| Packet { from: id(1), ..copied });
        std::iter::once(packet).chain(copied).collect()
    });
    outcomes[&id(3)].assert_fault(FaultKind::WrongConfirmation, &[1]);
}

#[test]
fn wrong_private_share_names_the_dealer_and_no_other() {
    let outcomes = run(keygens::<Bip340>(2, 3, 1), |packet| {
        let lie = (packet.from, packet.to, packet.round()) == (id(1), id(2), 2);
        vec![if lie { packet.with(|frame| flip_last(&mut frame.private)) } else { packet }]
    });
    outcomes[&id(2)].assert_fault(FaultKind::WrongShare, &[1]);
    assert_eq!(outcomes[&id(2)].fault().unwrap().response(), Response::Exclude);
    assert_nobody_else_blamed(&outcomes, id(1));
    assert!(!outcomes[&id(3)].is_done(), "the other honest one has a key without a certificate");
}

#[test]
fn share_meant_for_another_receiver_is_refused_with_its_dealer() {
    let mut for_two = None;
    let outcomes = run(keygens::<Ed25519>(2, 3, 1), |packet| {
        if packet.from != id(1) || packet.round() != 2 {
            return vec![packet];
        }
        // The machine sends to #2 before it sends to #3.
        let private = for_two.get_or_insert_with(|| super::kit::Frame::parse(&packet.bytes).private).clone();
        vec![packet.with(|frame| frame.private = private)]
    });
    outcomes[&id(3)].assert_fault(FaultKind::WrongShare, &[1]);
    assert!(!outcomes[&id(2)].is_done());
}

#[test]
fn certificate_is_refused_when_anything_in_it_is_changed_or_missing() {
    let (outcomes, records) = run_recording::<Ed25519>(2, 3, |packet| vec![packet]);
    let share = outcomes.into_values().next().unwrap().done();
    let pending = PendingShare::<Ed25519>::from_secret_bytes(&records[&id(2)]).unwrap();
    let bytes = share.certificate().to_bytes();
    assert!(pending.complete(Certificate::from_bytes(&bytes).unwrap()).is_ok());
    for at in 0..bytes.len() {
        for mask in [1, 0x80] {
            let mut changed = bytes.clone();
            changed[at] ^= mask;
            if let Ok(certificate) = Certificate::from_bytes(&changed) {
                assert!(pending.complete(certificate.clone()).is_err(), "byte {at} does not matter");
                assert!(certificate.verify(share.package()).is_err(), "byte {at} does not matter");
            }
        }
    }
    // Three entries of an identifier and a proof end the record: take one away.
    let mut one_less = bytes[..bytes.len() - 66].to_vec();
    let count = one_less.len() - 2 * 66 - 1;
    one_less[count] -= 1;
    let error = pending.complete(Certificate::from_bytes(&one_less).unwrap()).unwrap_err();
    assert!(matches!(error, Error::Fault(fault) if fault.kind == FaultKind::WrongConfirmation && fault.culprits == [id(3)]));
}

#[test]
fn certificate_of_another_key_generation_is_refused() {
    let (_, records) = run_recording::<Ed25519>(2, 3, |packet| vec![packet]);
    let (others, _) = run_recording::<Ed25519>(2, 3, |packet| vec![packet]);
    let certificate = others.into_values().next().unwrap().done().certificate().clone();
    let pending = PendingShare::<Ed25519>::from_secret_bytes(&records[&id(2)]).unwrap();
    assert_eq!(pending.complete(certificate).unwrap_err(), Error::Input(InputError::OtherKey("certificate")));
}

#[test]
fn record_of_a_share_is_refused_when_any_byte_is_changed() {
    let (outcomes, records) = run_recording::<Ed25519>(2, 2, |packet| vec![packet]);
    let share = outcomes.into_values().next().unwrap().done().to_secret_bytes();
    for at in 0..share.len() {
        let mut changed = share.to_vec();
        changed[at] ^= 1;
        assert!(KeyShare::<Ed25519>::from_secret_bytes(&changed).is_err(), "byte {at} does not matter");
        assert!(KeyShare::<Ed25519>::from_secret_bytes(&share[..at]).is_err());
    }
    let longer = [share.as_slice(), &[0]].concat();
    assert_eq!(KeyShare::<Ed25519>::from_secret_bytes(&longer).unwrap_err(), Error::Decode(DecodeError::TrailingBytes));
    let wrong_kind = KeyShare::<Ed25519>::from_secret_bytes(&records[&id(1)]).unwrap_err();
    assert_eq!(wrong_kind, Error::Decode(DecodeError::WrongKind), "a pending share is no share");
    let wrong_suite = KeyShare::<Bip340>::from_secret_bytes(&share).unwrap_err();
    assert!(matches!(wrong_suite, Error::Decode(DecodeError::WrongSuite { .. })), "a key of one suite is no key of another");
}

#[test]
fn key_has_degree_t_minus_one_over_all_subsets() {
    for (t, n) in [(2, 4), (3, 4), (4, 4)] {
        let outcomes = run(keygens::<Ed25519>(t, n, 1), |packet| vec![packet]);
        let shares: Vec<_> = outcomes.into_values().map(super::kit::Outcome::done).collect();
        let mut keys = std::collections::BTreeSet::new();
        for mask in 1u32..1 << n {
            let chosen: Vec<_> = (0..usize::from(n)).filter(|i| mask >> i & 1 == 1).map(|i| &shares[i]).collect();
            let enough = chosen.len() >= usize::from(t);
            let combined = danger::combine(&chosen);
            assert_eq!(combined.is_ok(), enough);
            keys.extend(combined.ok().map(|key| *key));
        }
        assert_eq!(keys.len(), 1, "all quorums have one key");
    }
}
