//! Three participants make an ECDSA key that is never whole. Two of them pair, make presignatures ahead, and sign Ethereum digests in one
//! round each, under a child key. Core only: no network, no store, no async.
//!
//! `cargo run --release -p quorate-core --example ecdsa_presign`
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::print_stdout, clippy::std_instead_of_core, reason = "an example")]

use std::{collections::BTreeMap, error::Error, sync::Arc};

use getrandom::SysRng;
use quorate_core::{
    Identifier, ParticipantSet, PeerId, Peers, Session, SessionId, Threshold,
    curve::Curve,
    danger,
    derive::derive,
    ecdsa::{Boot, EcdsaSecp256k1, OnlineSigning, Pairing, Pairings, Presigning, Request},
    keygen::Keygen,
    keys::VerifyingKey,
    machine::{Machine, Protocol},
};

fn main() -> Result<(), Box<dyn Error>> {
    // One process, so no separation: `two_of_three` shows a placement that is checked.
    let placement = danger::unchecked_placement(Threshold::new(2, 3)?, ParticipantSet::first(3)?);
    let everyone = placement.participants().clone();
    let session = session(1, &everyone)?;
    let mut keygens = BTreeMap::new();
    for me in everyone.iter() {
        keygens.insert(me, Keygen::<EcdsaSecp256k1>::start(&session, placement.clone(), me, &mut SysRng)?);
    }
    let shares: BTreeMap<_, _> = run(keygens)?.into_iter().map(|(me, share)| (me, Arc::new(share))).collect();

    // Once for two cosigners and all their keys, in memory only: what they need to multiply without showing each other a factor.
    let signers = ParticipantSet::first(2)?;
    let (one, two) = (Identifier::new(1)?, Identifier::new(2)?);
    let boots = [Boot::new(1, [1; 16]), Boot::new(1, [2; 16])]; // in earnest: a counter that only grows, and random bytes
    let session = self::session(2, &signers)?;
    let pairs = BTreeMap::from([
        (one, Pairing::start(&session, one, boots, &mut SysRng)?),
        (two, Pairing::start(&session, two, [boots[1], boots[0]], &mut SysRng)?),
    ]);
    let mut pairings: BTreeMap<Identifier, Pairings> = BTreeMap::new();
    for (me, pairing) in run(pairs)? {
        pairings.insert(me, BTreeMap::from([(if me == one { two } else { one }, Arc::new(pairing))]));
    }

    // Ahead of any message: four presignatures in two rounds.
    let session = self::session(3, &signers)?;
    let mut presignings = BTreeMap::new();
    for me in signers.iter() {
        presignings.insert(me, Presigning::start(&session, &shares[&me], &signers, &pairings[&me], 4, &mut SysRng)?);
    }
    let mut presignatures = run(presignings)?;

    // Each moves into one signature, one round, under the first address of Ethereum's usual path below the key.
    let package = shares[&one].package();
    let path = "m/0/0".parse()?;
    let child = derive::<EcdsaSecp256k1>(&package.verifying_key().to_point(), package.chain_code(), &path)?;
    let key = VerifyingKey::<EcdsaSecp256k1>::from_bytes(&EcdsaSecp256k1::encode_point(&child.public))?;
    for number in 0..4 {
        let request = Request::new([number; 32]).at(path.clone()); // in earnest: what every signer computes from the transaction
        let session = self::session(10 + number, &signers)?;
        let mut signings = BTreeMap::new();
        for (me, presignatures) in &mut presignatures {
            let presignature = presignatures.pop().expect("four were made");
            signings.insert(*me, OnlineSigning::start(&session, presignature, &request)?);
        }
        for signature in run(signings)?.into_values() {
            key.verify_digest(request.digest(), &signature)?;
            println!("v = {}, {signature:?}", 27 + signature.recovery_id());
        }
    }
    Ok(())
}

/// A session among participants whose identity keys a real program takes from its roster.
fn session(id: u8, participants: &ParticipantSet) -> Result<Session, Box<dyn Error>> {
    let peer = |number: u16| PeerId::new([u8::try_from(number).expect("three participants"); 32]);
    Ok(Session::new(SessionId::new([id; 32]), Peers::new(participants.iter().map(|i| (i, peer(i.to_u16()))))?))
}

/// Carries messages between machines until all are done.
fn run<P: Protocol>(mut machines: BTreeMap<Identifier, Machine<P>>) -> Result<BTreeMap<Identifier, P::Output>, Box<dyn Error>> {
    loop {
        let mut messages = Vec::new();
        for (from, machine) in &mut machines {
            if let Some(pending) = machine.pending() {
                pending.stored()?; // in earnest: into a vault, before anything else is said
            }
            while let Some(message) = machine.next_outgoing() {
                messages.push((*from, message));
            }
        }
        if messages.is_empty() {
            break;
        }
        for (from, message) in messages {
            machines.get_mut(&message.to).expect("everyone is here").handle(from, &message.bytes)?;
        }
    }
    let output = |(me, mut machine): (Identifier, Machine<P>)| (me, machine.take_output().expect("all messages arrived"));
    Ok(machines.into_iter().map(output).collect())
}
