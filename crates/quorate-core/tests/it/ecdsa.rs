//! Threshold ECDSA as a program runs it: pairings made by their protocol, presignatures, signatures.

use std::{collections::BTreeMap, sync::Arc};

use getrandom::SysRng;
use quorate_core::{
    Identifier, ParticipantSet, Threshold, danger,
    derive::ChainCode,
    ecdsa::{Boot, EcdsaSecp256k1, EcdsaSignature, EcdsaSuite, OnlineSigning, Pairing, Pairings, Presigning, Request, Signing},
    keys::{KeyShare, VerifyingKey},
};

use zeroize::Zeroizing;

use crate::network::{Network, id, peer, session, set};

/// Pairs all of `participants` with each other, each two in a session of their own.
fn pairings(participants: u16) -> BTreeMap<Identifier, Pairings> {
    let mut all: BTreeMap<Identifier, Pairings> = BTreeMap::new();
    for a in 1..=participants {
        for b in a + 1..=participants {
            let seed = u64::from(a * 100 + b);
            let session = session(&set(&[a, b]), seed);
            let boots = [a, b].map(|number| Boot::new(u64::from(number), [number as u8; 16]));
            let start = |me, boots| (id(me), Pairing::start(&session, id(me), boots, &mut SysRng).unwrap());
            let machines = [start(a, boots), start(b, [boots[1], boots[0]])];
            for (me, pairing) in Network::new(machines, seed).run() {
                let other = if me == id(a) { b } else { a };
                assert_eq!((pairing.peer(), pairing.is_live()), (peer(id(other)), true));
                all.entry(me).or_default().insert(id(other), Arc::new(pairing));
            }
        }
    }
    all
}

struct Team<C: EcdsaSuite> {
    shares: Vec<Arc<KeyShare<C>>>,
    pairings: BTreeMap<Identifier, Pairings>,
}

impl<C: EcdsaSuite> Team<C> {
    fn new(min: u16, max: u16) -> Self {
        let placement = danger::unchecked_placement(Threshold::new(min, max).unwrap(), ParticipantSet::first(max).unwrap());
        let mut secret = Zeroizing::new([0; 32]);
        getrandom::fill(&mut secret[1..]).unwrap();
        let shares = danger::split::<C>(&secret, ChainCode::new([5; 32]), &placement, &mut SysRng).unwrap();
        Self { shares: shares.into_iter().map(Arc::new).collect(), pairings: pairings(max) }
    }

    fn share(&self, me: Identifier) -> &Arc<KeyShare<C>> {
        &self.shares[usize::from(me.to_u16()) - 1]
    }

    fn key(&self, request: &Request) -> VerifyingKey<C> {
        let child = C::child_key(self.shares[0].package(), request.path()).unwrap();
        VerifyingKey::from_bytes(C::encode_point(&child.public).as_ref()).unwrap()
    }

    fn sign(&self, number: u64, signers: &[u16], request: &Request) -> EcdsaSignature<C> {
        let (session, set) = (session(&ParticipantSet::first(self.shares.len() as u16).unwrap(), number), set(signers));
        let start = |me| Signing::start(&session, self.share(me), &set, &self.pairings[&me], request, &mut SysRng).unwrap();
        agreed(Network::new(set.iter().map(|me| (me, start(me))), 1).run())
    }
}

/// What all of them have.
fn agreed<C: EcdsaSuite>(outputs: BTreeMap<Identifier, EcdsaSignature<C>>) -> EcdsaSignature<C> {
    let mut outputs = outputs.into_values();
    let first = outputs.next().unwrap();
    assert!(outputs.all(|other| other == first));
    first
}

fn libsecp256k1_accepts(key: &VerifyingKey<EcdsaSecp256k1>, digest: &[u8; 32], signature: &EcdsaSignature<EcdsaSecp256k1>) {
    let key = secp256k1::PublicKey::from_slice(&key.to_bytes()).unwrap();
    let message = secp256k1::Message::from_digest(*digest);
    secp256k1::ecdsa::Signature::from_der(&signature.to_der()).unwrap().verify(message, &key).unwrap();
}

#[test]
fn pairings_of_the_protocol_sign_for_every_quorum() {
    let team = Team::<EcdsaSecp256k1>::new(2, 3);
    for (number, (signers, path)) in
        (1u64..).zip([(&[1, 2][..], "m"), (&[2, 3], "m/0/7"), (&[3, 1], "m/1"), (&[1, 2, 3], "m/44")])
    {
        let request = Request::new([number as u8; 32]).at(path.parse().unwrap());
        let signature = team.sign(number, signers, &request);
        team.key(&request).verify_digest(request.digest(), &signature).unwrap();
        libsecp256k1_accepts(&team.key(&request), request.digest(), &signature);
    }
}

#[test]
fn presignatures_sign_in_one_round_each() {
    let team = Team::<EcdsaSecp256k1>::new(2, 2);
    let signers = set(&[1, 2]);
    let all = session(&signers, 1);
    let start = |me| Presigning::start(&all, team.share(me), &signers, &team.pairings[&me], 3, &mut SysRng).unwrap();
    let mut made = Network::new(signers.iter().map(|me| (me, start(me))), 2).run();
    assert!(made.values().all(|made| made.len() == 3));
    for number in 0..3u64 {
        let ids: Vec<_> = made.values().map(|made| *made.last().unwrap().id()).collect();
        assert_eq!(ids[0], ids[1]);
        let (online, request) = (session(&signers, 10 + number), Request::new([number as u8; 32]).at("m/3".parse().unwrap()));
        let machines: Vec<_> = made
            .iter_mut()
            .map(|(me, made)| {
                let presignature = made.pop().unwrap();
                assert_eq!((presignature.signers(), presignature.share().identifier()), (&signers, *me));
                (*me, OnlineSigning::start(&online, presignature, &request).unwrap())
            })
            .collect();
        let signature = agreed(Network::new(machines, 3).run());
        libsecp256k1_accepts(&team.key(&request), request.digest(), &signature);
        let read = EcdsaSignature::from_recoverable_bytes(&signature.to_recoverable_bytes()).unwrap();
        assert_eq!((read, read.r(), read.s()), (signature, signature.r(), signature.s()));
    }
}

#[cfg(feature = "p256")]
#[test]
fn one_pairing_signs_for_keys_of_both_suites() {
    let team = Team::<EcdsaSecp256k1>::new(2, 2);
    let other = Team { pairings: team.pairings.clone(), ..Team::<quorate_core::ecdsa::EcdsaP256>::new(2, 2) };
    let request = Request::new([7; 32]);
    let [one, two] = [team.sign(1, &[1, 2], &request), team.sign(1, &[1, 2], &request)];
    assert_ne!(one.r(), two.r());
    let third = other.sign(1, &[1, 2], &request);
    other.key(&request).verify_digest(request.digest(), &third).unwrap();
}
