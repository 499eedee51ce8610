//! Drives key generation over a transport of one's own: here, threads and channels that deliver late, twice and out of order.
//!
//! A machine takes bytes in and gives bytes out. All it asks of a transport is confidentiality, and that it knows who sent what.
//!
//! `cargo run --release -p quorate-core --example own_transport`
#![allow(clippy::print_stdout, clippy::std_instead_of_core, reason = "an example")]

use std::{
    collections::BTreeMap,
    error::Error,
    sync::mpsc::{Receiver, Sender, channel},
    thread,
};

use quorate_core::{
    Identifier, ParticipantSet, PeerId, Peers, Placement, Session, SessionId, Threshold, danger,
    frost::Ed25519,
    keygen::Keygen,
    keys::KeyShare,
    machine::{Handled, Ignored},
};

type Letter = (Identifier, Vec<u8>);
type Failure = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    // One machine, no separation: the placement says so wherever it is shown.
    let placement = danger::unchecked_placement(Threshold::new(3, 5)?, ParticipantSet::first(5)?);
    let (mut outboxes, mut inboxes) = (BTreeMap::new(), Vec::new());
    for participant in placement.participants().iter() {
        let (sender, receiver) = channel();
        outboxes.insert(participant, sender);
        inboxes.push((participant, receiver));
    }
    let threads: Vec<_> = inboxes
        .into_iter()
        .map(|(me, inbox)| {
            let (placement, outboxes) = (placement.clone(), outboxes.clone());
            thread::spawn(move || participate(me, placement, &outboxes, &inbox))
        })
        .collect();
    drop(outboxes);

    let mut keys = Vec::new();
    for thread in threads {
        keys.push(thread.join().map_err(|_| "a participant panicked")??);
    }
    let first = keys.first().ok_or("no participants")?;
    assert!(keys.iter().all(|share| share.package() == first.package()), "all hold shares of one key");
    println!("five participants made {:?}", first.package().verifying_key());
    Ok(())
}

fn participate(
    me: Identifier,
    placement: Placement,
    outboxes: &BTreeMap<Identifier, Sender<Letter>>,
    inbox: &Receiver<Letter>,
) -> Result<KeyShare<Ed25519>, Failure> {
    let peers = placement.participants().iter().zip(1..).map(|(id, number)| (id, PeerId::new([number; 32])));
    let session = Session::new(SessionId::new(*b"one id for one run, from all of "), Peers::new(peers)?);
    let mut keygen = Keygen::<Ed25519>::start(&session, placement, me, &mut getrandom::SysRng)?;
    let mut repeats = 0;
    loop {
        if let Some(pending) = keygen.pending() {
            // A real program makes `pending.value()?.to_secret_bytes()` durable before it goes on.
            pending.stored()?;
        }
        while let Some(message) = keygen.next_outgoing() {
            let outbox = outboxes.get(&message.to).ok_or("a message to nobody")?;
            // Everything is sent twice: the machine ignores repeats. A peer that is done already does not listen any more.
            for _ in 0..2 {
                let _gone = outbox.send((me, message.bytes.to_vec()));
            }
        }
        if let Some(key_share) = keygen.take_output() {
            println!("participant {me} is done; {repeats} repeats were ignored");
            return Ok(key_share);
        }
        let (from, bytes) = inbox.recv()?;
        let handled = keygen.handle(from, &bytes)?;
        if handled == Handled::Ignored(Ignored::Repeated) {
            repeats += 1;
        } else {
            assert_eq!(handled, Handled::Accepted);
        }
    }
}
