//! Presignatures: once, together, for one request, and only as long as their pairings live.

use alloc::collections::BTreeSet;

use super::{kit::*, *};
use crate::{
    curve::Curve,
    ecdsa::extension,
    error::{Fault, FaultKind, Response},
    stuck::Stuck,
};

type K = EcdsaSecp256k1;
type Made = BTreeMap<Identifier, Vec<Presignature<K>>>;

fn presigned(network: &Network<K>, signers: &[u16], batch: usize) -> Made {
    run(network.presigning(signers, batch), |_, _, _| {}).into_iter().map(|(id, output)| (id, output.unwrap())).collect()
}

/// Every signer's machine, with the presignature and the request that `choose` names.
fn online(mut made: Made, choose: impl Fn(u16) -> (usize, Request)) -> BTreeMap<Identifier, OnlineSigning<K>> {
    let session = session();
    let start = |(me, presignatures): (&Identifier, &mut Vec<_>)| {
        let (which, request) = choose(me.to_u16());
        (*me, OnlineSigning::start(&session, presignatures.remove(which), &request).unwrap())
    };
    made.iter_mut().map(start).collect()
}

fn path(text: &str) -> Request {
    Request::new([7; 32]).at(text.parse().unwrap())
}

#[test]
fn answer_is_written_where_the_peers_last_one_lay() {
    let network = Network::<K>::new(2, 2);
    let places = || {
        let mut places = BTreeMap::new();
        let note = |from, round, message: &mut OutgoingMessage| {
            if round == 2 {
                places.insert(from, message.bytes.as_ptr());
            }
        };
        run(network.presigning(&[1, 2], 2), note).into_values().for_each(|output| assert_eq!(output.unwrap().len(), 2));
        places
    };
    let (before, after) = (places(), places());
    assert_eq!([before[&id(1)], before[&id(2)]], [after[&id(2)], after[&id(1)]]);
}

#[test]
fn signers_of_different_requests_find_out_before_they_combine() {
    let network = Network::<K>::new(2, 3);
    let plain = || Request::new([7; 32]);
    // What signer 2 does otherwise than the others.
    let cases: [(&str, usize, Request); 4] = [
        ("presignature", 1, plain()),
        ("digest", 0, Request::new([8; 32])),
        ("path", 0, path("m/0")),
        ("presignature and digest", 1, Request::new([8; 32])),
    ];
    for signers in [&[1, 2][..], &[1, 2, 3]] {
        for (what, which, request) in &cases {
            let choose = |me| if me == 2 { (*which, request.clone()) } else { (0, plain()) };
            let outputs = run(online(presigned(&network, signers, 2), choose), |_, _, _| {});
            for (me, output) in outputs {
                let Err(Error::Fault(fault)) = output else { panic!("{what}: {me}") };
                let named = if let [one, two] = signers { alloc::vec![id(one + two - me.to_u16())] } else { Vec::new() };
                assert_eq!(fault, Fault { kind: FaultKind::DifferentRequest, culprits: named }, "{what}");
                assert_eq!(fault.response(), Response::Retry);
            }
        }
        let choose = |_| (1, path("m/0"));
        run(online(presigned(&network, signers, 2), choose), |_, _, _| {})
            .into_values()
            .for_each(|output| assert!(output.is_ok()));
    }
}

#[test]
fn signers_without_presignatures_find_out_that_their_requests_differ() {
    let network = Network::<K>::new(2, 3);
    let session = session();
    for (other, signers) in [(Request::new([8; 32]), &[1, 2][..]), (path("m/0"), &[1, 2, 3])] {
        let mut machines = network.signing_in(&session, signers, &Request::new([7; 32]));
        machines.insert(id(2), network.signing_in(&session, signers, &other).remove(&id(2)).unwrap());
        for (_, output) in run(machines, |_, _, _| {}) {
            assert!(matches!(output, Err(Error::Fault(fault)) if fault.kind == FaultKind::DifferentRequest));
        }
    }
}

#[test]
fn presignature_is_gone_with_any_of_its_pairings() {
    for (closer, closed) in [(1, 2), (1, 3), (3, 1)] {
        let network = Network::<K>::new(3, 4);
        let mut made = presigned(&network, &[1, 2, 3], 1);
        assert!(made.values().flatten().all(Presignature::is_live));
        network.pairings[&id(closer)][&id(closed)].close();
        // One that it does not need.
        network.pairings[&id(2)][&id(4)].close();
        for (me, presignatures) in &mut made {
            let presignature = presignatures.pop().unwrap();
            assert_eq!(presignature.is_live(), me.to_u16() != closer);
            let machine = OnlineSigning::start(&session(), presignature, &Request::new([7; 32]));
            let expected = (me.to_u16() == closer).then_some(InputError::NoPairing(id(closed)).into());
            assert_eq!(machine.err(), expected);
        }
    }
}

#[test]
fn pairing_that_ends_under_a_run_ends_the_run() {
    for after in [1, 2] {
        let network = Network::<K>::new(2, 2);
        let mut machines = network.presigning(&[1, 2], 1);
        for _ in 1..after {
            for letter in collect(&mut machines) {
                machines.get_mut(&letter.to).unwrap().handle(letter.from, &letter.bytes()).unwrap();
            }
        }
        let letters = collect(&mut machines);
        network.pairings[&id(1)][&id(2)].close();
        let machine = machines.get_mut(&id(1)).unwrap();
        let letter = letters.iter().find(|letter| letter.to == id(1)).unwrap();
        assert_eq!(machine.handle(id(2), &letter.bytes()), Err(InputError::NoPairing(id(2)).into()));
        assert!(machine.next_outgoing().is_none() && machine.take_output().is_none());
    }
}

#[test]
fn presignature_of_another_session_or_set_does_not_meet_this_one() {
    let network = Network::<K>::new(2, 3);
    // Other signers: another context, so that the frames are foreign and everybody waits.
    let (mut one, mut two) = (presigned(&network, &[1, 2], 1), presigned(&network, &[2, 3], 1));
    let mixed = [(id(1), one.remove(&id(1)).unwrap()), (id(2), two.remove(&id(2)).unwrap())].into();
    let outcomes = run_against(online(mixed, |_| (0, Request::new([7; 32]))), &[], |_, letters| {
        letters.retain(|letter| letter.to.to_u16() < 3);
    });
    assert!(outcomes.values().all(Option::is_none));
    // The same signers, presignatures of two runs.
    let (mut one, mut two) = (presigned(&network, &[1, 2], 1), presigned(&network, &[1, 2], 1));
    let mixed = [(id(1), one.remove(&id(1)).unwrap()), (id(2), two.remove(&id(2)).unwrap())].into();
    for outcome in run_against(online(mixed, |_| (0, Request::new([7; 32]))), &[], |_, _| {}).into_values() {
        assert!(matches!(outcome, Some(Err(Error::Fault(fault))) if fault.kind == FaultKind::DifferentRequest));
    }
}

/// One run of two, and what was said: the extensions, the multiplications, and the openings.
fn spoken(network: &Network<K>, session: &Session, batch: usize) -> (Vec<Presignature<K>>, [Vec<Vec<u8>>; 3]) {
    let signers = ParticipantSet::first(2).unwrap();
    let start = |me| {
        let (share, pairings) = (&network.shares[&me], &network.pairings[&me]);
        (me, Presigning::start(session, share, &signers, pairings, batch, &mut Stuck).unwrap())
    };
    let mut said = [Vec::new(), Vec::new(), Vec::new()];
    let mut outputs = run(signers.iter().map(start).collect(), |from, round, message| {
        let letter = Letter::open(from, message);
        if round == 1 {
            said[0].push(letter.private[32..].to_vec());
        } else {
            said[1].push(letter.private);
            said[2].push(letter.broadcast);
        }
    });
    (outputs.remove(&id(1)).unwrap().unwrap(), said)
}

#[test]
fn repeated_session_id_with_a_stuck_generator_repeats_no_nonce_and_no_pad() {
    let network = Network::<K>::new(2, 2);
    let session = session();
    let (mut nonces, mut blocks, mut values) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut points_seen = BTreeSet::new();
    let (mut block_count, mut value_count, mut point_count) = (0, 0, 0);
    for _ in 0..3 {
        let (presignatures, [extensions, products, openings]) = spoken(&network, &session, 2);
        for presignature in presignatures {
            assert!(nonces.insert(K::encode_point(&presignature.nonce_point)), "R came twice");
        }
        // A pad that came twice would show: a correction is a sum of leaves' blocks, a masked value a difference of two pads and a
        // constant of the run.
        for extension in extensions {
            assert_eq!(extension.len(), extension::message_bytes(2));
            let (chunks, _) = extension.as_chunks::<16>();
            blocks.extend(chunks.iter().copied());
            block_count += chunks.len();
        }
        // R and pk of every presignature, the salt aside: shares of zero do not repeat either.
        for opening in openings {
            let points = opening[32..].chunks_exact(64);
            point_count += points.len();
            points_seen.extend(points.map(<[u8]>::to_vec));
        }
        for product in products {
            let (chunks, _) = product[..416 * 96].as_chunks::<32>();
            values.extend(chunks.iter().copied());
            value_count += chunks.len();
        }
    }
    assert_eq!((nonces.len(), blocks.len(), values.len()), (6, block_count, value_count));
    assert_eq!((points_seen.len(), point_count), (24, 24));
}

#[test]
fn same_request_twice_has_different_nonces() {
    let network = Network::<K>::new(2, 2);
    let (session, request) = (session(), Request::new([7; 32]));
    let nonce = |_| {
        let outputs = run(network.signing_in(&session, &[1, 2], &request), |_, _, _| {});
        outputs.into_values().next().unwrap().unwrap().r()
    };
    let nonces: BTreeSet<_> = (0..4).map(nonce).collect();
    assert_eq!(nonces.len(), 4);
}

/// What signs is R + ε·B, and ε depends on the request and the session: nobody who knows R chooses a message for it (ePrint 2021/1330).
#[test]
fn nonce_of_a_signature_moves_with_session_digest_and_path() {
    let network = Network::<K>::new(2, 2);
    let mut made = presigned(&network, &[1, 2], 1).remove(&id(1)).unwrap();
    let presignature = made.pop().unwrap();
    let again = || Presignature {
        id: presignature.id,
        nonce_point: presignature.nonce_point,
        nonce_bytes: presignature.nonce_bytes,
        phi: Secret::new(*presignature.phi.expose()),
        u: Secret::new(*presignature.u.expose()),
        v: Secret::new(*presignature.v.expose()),
        share: Arc::clone(&presignature.share),
        signers: presignature.signers.clone(),
        bonds: presignature.bonds.again(),
    };
    let (one, two) = (session(), session());
    let requests =
        [(&one, Request::new([7; 32])), (&two, Request::new([7; 32])), (&one, Request::new([8; 32])), (&one, path("m/0"))];
    let mut seen = BTreeSet::new();
    for (session, request) in requests {
        let mut machine = OnlineSigning::start(session, again(), &request).unwrap();
        let letter = Letter::open(id(1), &machine.next_outgoing().unwrap());
        // u′ = u + ε·φ shows ε as nothing else does.
        assert!(seen.insert(letter.broadcast[32..64].to_vec()));
        assert_ne!(letter.broadcast[32..64], K::encode_scalar(presignature.u.expose()));
    }
}
