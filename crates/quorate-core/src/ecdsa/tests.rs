//! Whole runs with seeds that are made directly, so that the pairing protocol stays out of the way.

use alloc::{collections::BTreeMap, sync::Arc, vec::Vec};

use getrandom::SysRng;
use rand_core::TryRng;
use zeroize::Zeroizing;

use super::{
    pairing::{Boot, LEAVES, Pairing, ReceiverSeeds, SenderSeeds, TREES},
    *,
};
use crate::{
    danger,
    derive::ChainCode,
    error::{Error, InputError},
    identifier::{Identifier, ParticipantSet, PeerId},
    keys::KeyShare,
    machine::{Machine, OutgoingMessage, Protocol},
    secret::Secret,
    session::{Peers, Session, SessionId},
    threshold::Threshold,
};

mod equivocation;
mod inputs;
mod kit;
mod misbehave;
mod network;
mod presignatures;
mod secrets;
mod selective_failure;
mod signatures;
mod vole;

pub(super) use network::{Network, id, random, run, session};

fn sign_with<C: EcdsaSuite>(min: u16, max: u16, signers: &[u16]) {
    let network = Network::<C>::new(min, max);
    let request = Request::new(random());
    let outputs = run(network.signing(signers, &request), |_, _, _| {});
    let signatures: Vec<_> = outputs.into_values().map(Result::unwrap).collect();
    assert_eq!(signatures.len(), signers.len());
    for signature in signatures {
        network.key().verify_digest(request.digest(), &signature).unwrap();
    }
}

#[test]
fn any_quorum_signs() {
    sign_with::<EcdsaSecp256k1>(2, 2, &[1, 2]);
    sign_with::<EcdsaSecp256k1>(2, 3, &[1, 3]);
    sign_with::<EcdsaSecp256k1>(3, 5, &[2, 3, 5]);
    sign_with::<EcdsaSecp256k1>(3, 5, &[1, 2, 3, 5]);
}

#[cfg(feature = "p256")]
#[test]
fn p256_signs() {
    sign_with::<EcdsaP256>(2, 3, &[2, 3]);
}

#[test]
fn batch_of_presignatures_signs_with_children() {
    let network = Network::<EcdsaSecp256k1>::new(2, 3);
    let outputs = run(network.presigning(&[1, 2], 5), |_, _, _| {});
    let mut presignatures: BTreeMap<_, _> = outputs.into_iter().map(|(id, output)| (id, output.unwrap())).collect();
    for path in ["m", "m/0/7", "m/1", "m/44/60/0/0/0", "m"] {
        let request = Request::new(random()).at(path.parse().unwrap());
        let session = session();
        let start = |presignatures: &mut Vec<_>| OnlineSigning::start(&session, presignatures.pop().unwrap(), &request).unwrap();
        let machines = presignatures.iter_mut().map(|(id, presignatures)| (*id, start(presignatures))).collect();
        let child = EcdsaSecp256k1::child_key(network.shares[&id(1)].package(), request.path()).unwrap();
        for signature in run(machines, |_, _, _| {}).into_values() {
            crate::keys::VerifyingKey::<EcdsaSecp256k1>(child.public)
                .verify_digest(request.digest(), &signature.unwrap())
                .unwrap();
        }
    }
}
