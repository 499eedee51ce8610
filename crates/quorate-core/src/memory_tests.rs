//! Whether secrets are gone from memory once they are dropped: a search through all of the process's heap.
//!
//! Each test first finds its secret, so that a search that cannot find anything fails. Ed25519 only: a scalar of it stands in memory
//! as it is encoded.

use alloc::{sync::Arc, vec, vec::Vec};

use getrandom::SysRng;
use zeroize::Zeroizing;

use crate::{
    Identifier, ParticipantSet, PeerId, Peers, Secret, Session, SessionId, Threshold,
    curve::{Curve, Ed25519},
    danger,
    frost::{self, SigningPackage, Target},
    keygen::Keygen,
    keys::KeyShare,
    memory_scan::{Needle, alone},
    wire::Writer,
};

type Scalar = <Ed25519 as Curve>::Scalar;

fn id(number: u16) -> Identifier {
    Identifier::new(number).unwrap()
}

fn random() -> Zeroizing<Vec<u8>> {
    let mut secret = Zeroizing::new(vec![0; 32]);
    getrandom::fill(&mut secret).unwrap();
    secret
}

fn needle(secret: &Secret<Scalar>) -> Needle {
    Needle::new(&Ed25519::encode_scalar(secret.expose()))
}

fn assert_held(needles: &[Needle]) {
    needles.iter().for_each(|needle| assert!(needle.hits() > 0, "the search does not find what is there"));
}

fn assert_gone(needles: &[Needle]) {
    let hits: Vec<_> = needles.iter().map(Needle::hits).collect();
    assert!(hits.iter().all(|hits| *hits == 0), "{hits:?} copies left");
}

#[test]
fn search_finds_what_is_dropped_without_being_wiped() {
    alone(|| {
        let secret = random();
        let needle = Needle::new(&secret);
        let mut careless = vec![0; 1000];
        careless[960..992].copy_from_slice(&secret);
        drop(secret);
        assert_held(core::slice::from_ref(&needle));
        drop(careless);
        assert!(needle.hits() > 0);
    });
}

#[test]
fn writer_that_outgrows_its_buffers_leaves_no_copy() {
    alone(|| {
        let secret = random();
        let needle = [Needle::new(&secret)];
        let mut out = Writer::default();
        for _ in 0..200 {
            out.raw(&secret);
        }
        let bytes = Zeroizing::new(out.into_bytes());
        assert_held(&needle);
        drop((bytes, secret));
        assert_gone(&needle);
    });
}

/// Runs a key generation of two; gives the shares, and needles of all that went over the links in private.
fn keygen() -> ([KeyShare<Ed25519>; 2], Vec<Needle>) {
    let everyone = ParticipantSet::first(2).unwrap();
    let placement = danger::unchecked_placement(Threshold::new(2, 2).unwrap(), everyone.clone());
    let peers = Peers::new(everyone.iter().map(|i| (i, PeerId::new([i.to_u16().to_be_bytes()[1]; 32])))).unwrap();
    let session = Session::new(SessionId::new([7; 32]), peers);
    let mut machines = [1, 2].map(|me| Keygen::<Ed25519>::start(&session, placement.clone(), id(me), &mut SysRng).unwrap());
    let mut needles = Vec::new();
    loop {
        for me in 0..2 {
            if let Some(pending) = machines[me].pending() {
                pending.stored().unwrap();
            }
            while let Some(message) = machines[me].next_outgoing() {
                if message.bytes[2] == 2 {
                    needles.push(Needle::new(&message.bytes[message.bytes.len() - 32..]));
                }
                machines[1 - me].handle(id(me as u16 + 1), &message.bytes).unwrap();
            }
        }
        if machines.iter().all(|machine| machine.round().is_none()) {
            let [mut a, mut b] = machines;
            return ([a.take_output().unwrap(), b.take_output().unwrap()], needles);
        }
    }
}

#[test]
fn keygen_leaves_no_share_and_no_dealt_part_of_one() {
    alone(|| {
        let (shares, mut needles) = keygen();
        assert_eq!(needles.len(), 2);
        assert_gone(&needles);
        needles = shares.iter().map(|share| needle(share.signing_share())).collect();
        assert_held(&needles);
        drop(shares);
        assert_gone(&needles);
    });
}

#[test]
fn key_share_leaves_nothing_when_it_is_stored_loaded_and_used() {
    alone(|| {
        let (shares, _) = keygen();
        let needles = shares.each_ref().map(|share| needle(share.signing_share()));
        let shares = shares.map(|share| Arc::new(KeyShare::<Ed25519>::from_secret_bytes(&share.to_secret_bytes()).unwrap()));
        let nonces = shares.each_ref().map(|share| frost::commit(share, &mut SysRng).unwrap());
        let commitments = shares.iter().zip(&nonces).map(|(share, nonces)| (share.identifier(), *nonces.commitments())).collect();
        let package = SigningPackage::new(commitments, b"message", Target::default()).unwrap();
        let of_nonces: Vec<_> = nonces.iter().flat_map(|nonces| [needle(&nonces.hiding), needle(&nonces.binding)]).collect();
        assert_held(&of_nonces);
        for (share, nonces) in shares.iter().zip(nonces) {
            frost::sign(&package, nonces, share).unwrap();
        }
        // Spent: by the signature that they made.
        assert_gone(&of_nonces);
        crate::attest::attest(&shares[0], PeerId::new([1; 32]), &[2; 32], &mut SysRng).unwrap();
        assert_held(&needles);
        drop(shares);
        assert_gone(&needles);
    });
}
