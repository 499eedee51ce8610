//! The inboxes of threshold ECDSA: a pairing, presignatures, a signature with one, a signature without.
//!
//! Pairings are made by their own protocol, kept for the next input, and made anew when an input ended one.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use quorate_core::{
    Identifier, ParticipantSet, Peers, Session, SessionId, danger,
    derive::ChainCode,
    ecdsa::{
        Boot, EcdsaP256, EcdsaSecp256k1, EcdsaSignature, EcdsaSuite, OnlineSigning, Pair, Pairing, Pairings, Presignature,
        Presigning, Request, Signing,
    },
    keys::KeyShare,
    machine::{Machine, Protocol},
};
use zeroize::Zeroizing;

use crate::{
    cursor::Cursor,
    inbox::attack,
    keys::{cached, id, rng, session, unchecked},
};

type All = BTreeMap<Identifier, Pairings>;

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Both sides of a pairing.
fn pair(a: u16, b: u16) -> BTreeMap<Identifier, Pair> {
    let all = session(3);
    let peers = Peers::new([a, b].map(|number| (id(number), all.peers().peer(id(number)).unwrap()))).unwrap();
    let session = Session::new(SessionId::new([9; 32]), peers);
    let boot = |number: u16| Boot::new(1, [number as u8; 16]);
    let start = |me, other| (id(me), Pairing::start(&session, id(me), [boot(me), boot(other)], &mut rng(me as u8)).unwrap());
    [start(a, b), start(b, a)].into()
}

/// Runs honest machines to their ends.
fn finished<P: Protocol>(mut machines: BTreeMap<Identifier, Machine<P>>) -> BTreeMap<Identifier, P::Output> {
    loop {
        let mut letters = Vec::new();
        for (from, machine) in &mut machines {
            letters.extend(core::iter::from_fn(|| machine.next_outgoing()).map(|letter| (*from, letter)));
        }
        if letters.is_empty() {
            return machines.into_iter().map(|(me, mut machine)| (me, machine.take_output().unwrap())).collect();
        }
        for (from, letter) in letters {
            machines.get_mut(&letter.to).unwrap().handle(from, &letter.bytes).unwrap();
        }
    }
}

/// The pairings of all three, alive.
fn pairings() -> All {
    static KEPT: Mutex<All> = Mutex::new(All::new());
    let mut kept = locked(&KEPT);
    for (a, b) in [(1, 2), (1, 3), (2, 3)] {
        let alive = |me, other| kept.get(&id(me)).and_then(|all| all.get(&id(other))).is_some_and(|pairing| pairing.is_live());
        if !(alive(a, b) && alive(b, a)) {
            for ((me, pairing), other) in finished(pair(a, b)).into_iter().zip([b, a]) {
                kept.entry(me).or_default().insert(id(other), Arc::new(pairing));
            }
        }
    }
    kept.clone()
}

/// All shares of one 2-of-3 key.
fn shares<C: EcdsaSuite>() -> &'static [Arc<KeyShare<C>>] {
    cached(|| {
        let secret = Zeroizing::new(C::encode_scalar(&C::Scalar::from(0x5eed_5eed_u64)));
        let shares = danger::split::<C>(&secret, ChainCode::new([3; 32]), &unchecked(2, 3), &mut rng(1)).unwrap();
        shares.into_iter().map(Arc::new).collect::<Vec<_>>()
    })
}

fn request() -> Request {
    Request::new([0x5d; 32])
}

/// Steps.
pub(crate) fn pairing(data: &[u8]) {
    if let Some((mine, theirs)) = attack(pair(1, 2), Cursor::new(data)) {
        assert!(mine.is_live() && theirs.is_live());
        assert_eq!(
            (mine.peer(), theirs.peer()),
            (session(2).peers().peer(id(2)).unwrap(), session(2).peers().peer(id(1)).unwrap())
        );
    }
}

/// Suite and number of signers, then steps.
fn either(data: &[u8], secp256k1: fn(Cursor<'_>, u16), p256: fn(Cursor<'_>, u16)) {
    let mut input = Cursor::new(data);
    let run = if input.byte() & 1 == 0 { secp256k1 } else { p256 };
    let count = 2 + u16::from(input.byte() & 1);
    run(input, count);
}

pub(crate) fn presign(data: &[u8]) {
    either(data, presign_of::<EcdsaSecp256k1>, presign_of::<EcdsaP256>);
}

pub(crate) fn ecdsa(data: &[u8]) {
    either(data, ecdsa_of::<EcdsaSecp256k1>, ecdsa_of::<EcdsaP256>);
}

pub(crate) fn online(data: &[u8]) {
    either(data, online_of::<EcdsaSecp256k1>, online_of::<EcdsaP256>);
}

fn presigning<C: EcdsaSuite>(count: u16, batch: usize) -> BTreeMap<Identifier, Presigning<C>> {
    let (signers, pairings) = (ParticipantSet::first(count).unwrap(), pairings());
    let start = |(me, share): (Identifier, &Arc<KeyShare<C>>)| {
        (me, Presigning::start(&session(3), share, &signers, &pairings[&me], batch, &mut rng(me.to_u16() as u8)).unwrap())
    };
    signers.iter().zip(shares::<C>()).map(start).collect()
}

fn presign_of<C: EcdsaSuite>(input: Cursor<'_>, count: u16) {
    if let Some((mine, theirs)) = attack(presigning::<C>(count, 2), input) {
        assert_eq!((mine.len(), theirs.len()), (2, 2));
        assert!(mine.iter().all(Presignature::is_live), "presignatures, and a check that failed");
    }
}

fn ecdsa_of<C: EcdsaSuite>(input: Cursor<'_>, count: u16) {
    let (signers, pairings) = (ParticipantSet::first(count).unwrap(), pairings());
    let start = |(me, share): (Identifier, &Arc<KeyShare<C>>)| {
        let rng = &mut rng(me.to_u16() as u8);
        (me, Signing::start(&session(3), share, &signers, &pairings[&me], &request(), rng).unwrap())
    };
    check(attack(signers.iter().zip(shares::<C>()).map(start).collect(), input));
}

/// A presignature of every signer, out of a batch that is made when the last one is used up.
fn presigned<C: EcdsaSuite>(count: u16) -> BTreeMap<Identifier, Presignature<C>> {
    type Kept<C> = Mutex<[BTreeMap<Identifier, Vec<Presignature<C>>>; 2]>;
    let kept = cached(|| Kept::<C>::new([BTreeMap::new(), BTreeMap::new()]));
    let kept = &mut locked(kept)[usize::from(count - 2)];
    if !kept.values().next().is_some_and(|all| all.last().is_some_and(Presignature::is_live)) {
        *kept = finished(presigning::<C>(count, 16));
    }
    kept.iter_mut().map(|(me, all)| (*me, all.pop().unwrap())).collect()
}

fn online_of<C: EcdsaSuite>(input: Cursor<'_>, count: u16) {
    let start = |(me, presignature)| (me, OnlineSigning::<C>::start(&session(3), presignature, &request()).unwrap());
    check(attack(presigned::<C>(count).into_iter().map(start).collect(), input));
}

fn check<C: EcdsaSuite>(signatures: Option<(EcdsaSignature<C>, EcdsaSignature<C>)>) {
    if let Some((mine, theirs)) = signatures {
        let key = shares::<C>()[0].package().verifying_key();
        assert!(key.verify_digest(request().digest(), &mine).is_ok(), "a wrong signature left the machine");
        assert_eq!(mine, theirs);
    }
}
