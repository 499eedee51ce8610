//! Two cosigners pair in memory; the tests see what both of them hold.

use alloc::{collections::BTreeMap, vec::Vec};

use getrandom::SysRng;

use super::*;
use crate::{
    error::Error,
    identifier::Identifier,
    session::{Peers, Session, SessionId},
};

fn id(number: u16) -> Identifier {
    Identifier::new(number).unwrap()
}

fn boot(number: u16) -> Boot {
    Boot::new(u64::from(number), [number as u8; 16])
}

fn session(byte: u8) -> Session {
    let peers = [1, 2].map(|number| (id(number), PeerId::new([number as u8; 32])));
    Session::new(SessionId::new([byte; 32]), Peers::new(peers).unwrap())
}

fn start(me: u16) -> Pair {
    Pairing::start(&session(7), id(me), [boot(me), boot(3 - me)], &mut SysRng).unwrap()
}

/// Runs two machines against each other; `tamper` may change what is under way.
fn run(mut machines: [Pair; 2], mut tamper: impl FnMut(u16, u8, &mut Vec<u8>)) -> [Result<Pairing, Error>; 2] {
    let mut errors: BTreeMap<u16, Error> = BTreeMap::new();
    for round in 1..=3 {
        let mut wires = Vec::new();
        for (me, machine) in (1..).zip(&mut machines) {
            while let Some(message) = machine.next_outgoing() {
                let mut bytes = message.bytes.to_vec();
                tamper(me, round, &mut bytes);
                wires.push((id(me), message.to, bytes));
            }
        }
        for (from, to, bytes) in wires {
            if let Err(error) = machines[usize::from(to.to_u16()) - 1].handle(from, &bytes) {
                errors.insert(to.to_u16(), error);
            }
        }
    }
    let mut number = 0;
    machines.map(|mut machine| {
        number += 1;
        machine.take_output().ok_or_else(|| errors.remove(&number).unwrap_or(Error::Bug("no output")))
    })
}

fn honest() -> [Pairing; 2] {
    run([start(1), start(2)], |_, _, _| ()).map(Result::unwrap)
}

fn assert_consistent(sender: &SenderSeeds, receiver: &ReceiverSeeds) {
    for tree in 0..TREES {
        let missing = usize::from(sender.delta.expose()[tree]);
        for leaf in 0..LEAVES {
            let (mine, theirs) = (sender.leaves.expose()[tree][leaf], receiver.leaves.expose()[tree][leaf]);
            assert_ne!(theirs, [0; 16]);
            assert_eq!(mine, if leaf == missing { [0; 16] } else { theirs }, "tree {tree}, leaf {leaf}");
        }
    }
}

use seeds::{LEAVES, TREES};

#[test]
fn honest_pair_agrees_on_everything_but_the_missing_leaves() {
    let [a, b] = honest();
    assert_eq!((a.id, a.zero_key.expose()), (b.id, b.zero_key.expose()));
    assert_consistent(&a.sender, &b.receiver);
    assert_consistent(&b.sender, &a.receiver);
    assert_ne!(a.sender.delta.expose(), b.sender.delta.expose());
    assert_eq!((a.peer(), b.peer()), (PeerId::new([2; 32]), PeerId::new([1; 32])));
    assert_eq!((a.boots, b.boots), ([boot(1), boot(2)], [boot(2), boot(1)]));
    assert!(a.is_live() && b.is_live());
}
