//! Three participants make a key that is never whole; any two of them sign with it. Core only: no network, no store, no async.
//!
//! `cargo run --release -p quorate-core --example two_of_three`
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::print_stdout, clippy::std_instead_of_core, reason = "an example")]

use std::{collections::BTreeMap, error::Error, sync::Arc};

use quorate_core::{
    Identifier, PeerId, Peers, Placement, Session, SessionId, Threshold,
    frost::{Bip340, Signing, Target},
    identifier::ParticipantSet,
    keygen::Keygen,
    machine::{Machine, Protocol},
    placement::{Exposure, Storage},
};

fn main() -> Result<(), Box<dyn Error>> {
    // Where each share lives. Change "hetzner" to "aws" and the placement is refused: one provider would reach two shares.
    let placement = Placement::new(
        Threshold::new(2, 3)?,
        [(1, "aws", "vault-a"), (2, "gcp", "vault-b"), (3, "hetzner", "vault-c")].map(|(number, cloud, keys)| {
            let path = |service: &str| format!("{cloud}/{service}").parse();
            let row = || -> Result<_, Box<dyn Error>> {
                let storage = Storage::new(path("disk")?, [keys.parse()?])?;
                Ok((Identifier::new(number)?, Exposure::new(format!("operator-{number}").parse()?, path("vm")?, storage)))
            };
            row().expect("the paths above are well formed")
        }),
    )?;
    println!("{}", placement.explain());

    let everyone = placement.participants().clone();
    let session = session(1, &everyone)?;
    let mut keygens = BTreeMap::new();
    for me in everyone.iter() {
        keygens.insert(me, Keygen::<Bip340>::start(&session, placement.clone(), me, &mut getrandom::SysRng)?);
    }
    let shares: Vec<_> = run(keygens)?.into_values().map(Arc::new).collect();
    let key = shares[0].package().verifying_key();
    for (a, b) in [(0, 1), (0, 2), (1, 2)] {
        let signers = ParticipantSet::new([shares[a].identifier(), shares[b].identifier()])?;
        let session = self::session(2, &signers)?;
        let mut signings = BTreeMap::new();
        for share in [&shares[a], &shares[b]] {
            let target = Target::default();
            let signing = Signing::start(&session, share, &signers, b"hello", &target, &mut getrandom::SysRng)?;
            signings.insert(share.identifier(), signing);
        }
        for signature in run(signings)?.into_values() {
            key.verify(b"hello", &signature)?;
            println!("{signers:?} signed: {signature:?}");
        }
    }
    Ok(())
}

/// A session among participants whose identity keys a real program takes from its roster.
fn session(id: u8, participants: &ParticipantSet) -> Result<Session, Box<dyn Error>> {
    let peer = |number: u16| PeerId::new([u8::try_from(number).expect("three participants"); 32]);
    Ok(Session::new(SessionId::new([id; 32]), Peers::new(participants.iter().map(|i| (i, peer(i.to_u16()))))?))
}

/// Carries messages between machines in one process until each has its output.
fn run<P: Protocol>(mut machines: BTreeMap<Identifier, Machine<P>>) -> Result<BTreeMap<Identifier, P::Output>, Box<dyn Error>> {
    let mut outputs = BTreeMap::new();
    while outputs.len() < machines.len() {
        let mut letters = Vec::new();
        for (from, machine) in &mut machines {
            if let Some(pending) = machine.pending() {
                pending.stored()?; // a real program first writes `pending.value()` to its vault
            }
            letters.extend(std::iter::from_fn(|| machine.next_outgoing()).map(|letter| (*from, letter)));
            outputs.extend(machine.take_output().map(|output| (*from, output)));
        }
        for (from, letter) in letters {
            machines.get_mut(&letter.to).ok_or("no such participant")?.handle(from, &letter.bytes)?;
        }
    }
    Ok(outputs)
}
