//! Keys that every run has alike.

use std::{
    any::{Any, TypeId},
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Waker},
};

use quorate_core::{
    Identifier, ParticipantSet, PeerId, Peers, Placement, Session, SessionId, SuiteId, Threshold, curve::Curve, danger,
    derive::ChainCode, keys::KeyShare,
};
use rand::{SeedableRng, rngs::StdRng};
use zeroize::Zeroizing;

pub(crate) fn rng(seed: u8) -> StdRng {
    StdRng::from_seed([seed; 32])
}

pub(crate) fn id(number: u16) -> Identifier {
    Identifier::new(number).unwrap()
}

/// A placement of `min` of `max` that says nothing about domains.
pub(crate) fn unchecked(min: u16, max: u16) -> Placement {
    danger::unchecked_placement(Threshold::new(min, max).unwrap(), ParticipantSet::first(max).unwrap())
}

/// All shares of one 2-of-3 key, from `fixtures/`: the library's own counter of draws would make another key in each process.
pub(crate) fn shares<C: Curve>() -> &'static [Arc<KeyShare<C>>] {
    cached(|| {
        let records: Vec<Vec<u8>> = match C::SUITE {
            SuiteId::Ed25519 => parts(include_bytes!("../../fixtures/shares-1")),
            SuiteId::Bip340 => parts(include_bytes!("../../fixtures/shares-2")),
            SuiteId::Ristretto255 => parts(include_bytes!("../../fixtures/shares-3")),
            SuiteId::Secp256k1 => parts(include_bytes!("../../fixtures/shares-4")),
            SuiteId::EcdsaSecp256k1 => parts(include_bytes!("../../fixtures/shares-6")),
            _ => parts(include_bytes!("../../fixtures/shares-5")),
        };
        records.iter().map(|record| Arc::new(KeyShare::<C>::from_secret_bytes(record).unwrap())).collect::<Vec<_>>()
    })
}

fn parts(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut parts = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk() {
        let (part, rest) = rest.split_at(u32::from_be_bytes(*length) as usize);
        parts.push(part.to_vec());
        bytes = rest;
    }
    parts
}

/// What is in `fixtures/shares-…`: a new key.
pub(crate) fn new_shares<C: Curve>() -> Vec<u8> {
    let secret = Zeroizing::new(C::encode_scalar(&C::Scalar::from(0x5eed_5eed_u64)));
    let shares = danger::split::<C>(&secret, ChainCode::new([3; 32]), &unchecked(2, 3), &mut rng(1)).unwrap();
    let record = |share: &KeyShare<C>| {
        let record = share.to_secret_bytes();
        [&(record.len() as u32).to_be_bytes()[..], &record].concat()
    };
    shares.iter().flat_map(record).collect()
}

pub(crate) fn session(count: u16) -> Session {
    let peers = (1..=count).map(|number| (id(number), PeerId::new([number as u8; 32])));
    Session::new(SessionId::new([7; 32]), Peers::new(peers).unwrap())
}

/// The one value of a type; made at its first use.
pub(crate) fn cached<T: Any + Send + Sync>(make: impl FnOnce() -> T) -> &'static T {
    static MADE: Mutex<BTreeMap<TypeId, &'static (dyn Any + Send + Sync)>> = Mutex::new(BTreeMap::new());
    let known = || MADE.lock().unwrap_or_else(PoisonError::into_inner);
    let found = known().get(&TypeId::of::<T>()).copied();
    let value = found.unwrap_or_else(|| {
        // Not under the lock: one value may need another.
        let made: &'static T = Box::leak(Box::new(make()));
        *known().entry(TypeId::of::<T>()).or_insert(made)
    });
    value.downcast_ref().unwrap()
}

/// Polls until done.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = Box::pin(future);
    loop {
        if let Poll::Ready(done) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return done;
        }
    }
}
