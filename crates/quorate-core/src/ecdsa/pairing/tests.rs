//! Two cosigners pair in memory; the tests see what both of them hold.

use alloc::{collections::BTreeMap, vec::Vec};

use getrandom::SysRng;

use super::{
    base_ot::{Chosen, Offer},
    direction::Direction,
    seeds::{LEAVES, TREES},
    *,
};
use crate::{
    domain,
    error::{Error, Fault, FaultKind, InputError, Response},
    identifier::Identifier,
    machine::{Handled, Ignored},
    randomness::Hedged,
    session::{Context, Peers, Session, SessionId},
    stuck::Stuck,
    transcript::Hash,
};

mod misbehave;
mod reference;
mod transfers;
mod trees;

/// Bytes of a frame before the private part, when nothing is broadcast.
const HEADER: usize = 1 + 1 + 1 + 16 + 32 + 4 + 4;

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

/// A direction with nothing random in it, from participant 1 to participant 2.
fn direction() -> Direction {
    Direction { context: Context::of(Hash::new(domain::PAIRING_SESSION).field(b"test")), sender: id(1), receiver: id(2) }
}

fn reversed(direction: Direction) -> Direction {
    Direction { context: direction.context, sender: direction.receiver, receiver: direction.sender }
}

fn offer(seed: u8) -> Offer {
    Offer::draw(&mut Hedged::fixed([seed; 32]))
}

fn chosen(offer: &Offer, seed: u8) -> (Chosen, alloc::boxed::Box<base_ot::Points>) {
    Chosen::draw(&direction(), offer.public(), &mut Hedged::fixed([seed; 32])).unwrap()
}

#[test]
fn pairs_of_one_session_differ_even_if_the_generator_is_stuck() {
    let stuck = |me| Pairing::start(&session(7), id(me), [boot(me), boot(3 - me)], &mut Stuck).unwrap();
    let [(a, _), (b, _)] = [0, 1].map(|_| {
        let [a, b] = run([stuck(1), stuck(2)], |_, _, _| ()).map(Result::unwrap);
        assert_consistent(&a.sender, &b.receiver);
        (a, b)
    });
    assert_ne!(a.id, b.id);
    assert_ne!(a.zero_key.expose(), b.zero_key.expose());
    assert_ne!(a.sender.delta.expose(), b.sender.delta.expose());
    assert_ne!(a.receiver.leaves.expose(), b.receiver.leaves.expose());
}

#[test]
fn start_refuses_a_session_of_other_than_two() {
    for count in [1, 3] {
        let peers = (1..=count).map(|number| (id(number), PeerId::new([number as u8; 32])));
        let session = Session::new(SessionId::new([7; 32]), Peers::new(peers).unwrap());
        let refused = Pairing::start(&session, id(1), [boot(1), boot(2)], &mut SysRng).err();
        assert_eq!(refused, Some(InputError::ParticipantsDiffer("session of a pairing").into()), "{count}");
    }
    let refused = Pairing::start(&session(7), id(3), [boot(1), boot(2)], &mut SysRng).err();
    assert_eq!(refused, Some(InputError::UnknownParticipant(id(3)).into()));
}

#[test]
fn frames_of_another_session_boot_or_peer_are_foreign() {
    let other = |peer: u8, session: u8, boots| {
        let peers = Peers::new([(id(1), PeerId::new([1; 32])), (id(2), PeerId::new([peer; 32]))]).unwrap();
        Pairing::start(&Session::new(SessionId::new([session; 32]), peers), id(2), boots, &mut SysRng).unwrap()
    };
    let next = |machine: &mut Pair| machine.next_outgoing().unwrap().bytes.clone();
    let mut machine = start(1);
    for mut foreign in [
        other(3, 7, [boot(2), boot(1)]),
        other(2, 8, [boot(2), boot(1)]),
        other(2, 7, [boot(3), boot(1)]),
        other(2, 7, [boot(2), boot(3)]),
        other(2, 7, [boot(1), boot(2)]),
        other(2, 7, [Boot::new(2, [3; 16]), boot(1)]),
        other(2, 7, [Boot::new(3, [2; 16]), boot(1)]),
    ] {
        assert_eq!(machine.handle(id(2), &next(&mut foreign)), Ok(Handled::Ignored(Ignored::Foreign)));
    }
    assert_eq!(machine.handle(id(2), &next(&mut other(2, 7, [boot(2), boot(1)]))), Ok(Handled::Accepted));
}

#[test]
fn messages_of_any_other_size_are_refused() {
    let (mut a, mut b) = (start(1), start(2));
    for size in [64, 8192, 5120] {
        let honest = b.next_outgoing().unwrap().bytes.clone();
        assert_eq!(honest.len(), HEADER + size);
        let resized = |length: usize| {
            let mut bytes = honest[..HEADER + length.min(size)].to_vec();
            bytes.resize(HEADER + length, 7);
            bytes[HEADER - 4..HEADER].copy_from_slice(&u32::try_from(length).unwrap().to_be_bytes());
            bytes
        };
        for (length, reason) in [(0, Ignored::Malformed), (size - 1, Ignored::Malformed), (size + 1, Ignored::TooLarge)] {
            assert_eq!(a.handle(id(2), &resized(length)), Ok(Handled::Ignored(reason)), "{size} {length}");
        }
        // A byte of the private part moved into the broadcast.
        let mut moved = honest.to_vec();
        moved.remove(HEADER);
        moved[HEADER - 5] = 1;
        moved.insert(HEADER - 4, 7);
        moved[HEADER - 3..=HEADER].copy_from_slice(&u32::try_from(size - 1).unwrap().to_be_bytes());
        assert_eq!(a.handle(id(2), &moved), Ok(Handled::Ignored(Ignored::Malformed)));
        let mine = a.next_outgoing().unwrap().bytes.clone();
        assert_eq!(a.handle(id(2), &honest), Ok(Handled::Accepted));
        assert_eq!(b.handle(id(1), &mine), Ok(Handled::Accepted));
    }
    assert!(a.take_output().is_some() && b.take_output().is_some());
}

#[test]
fn delta_is_balanced_and_the_points_do_not_show_it() {
    let offer = offer(1);
    let mut hedged = Hedged::draw(&mut SysRng, b"test", None, &[]).unwrap();
    let (mut ones, mut agreeing, mut samples) = (0u32, [0u32; 16], 0u32);
    for _ in 0..32 {
        let (chosen, points) = Chosen::draw(&direction(), offer.public(), &mut hedged).unwrap();
        for (bit, [zero, one]) in base_ot::bits(chosen.delta.expose()).zip(points.iter()) {
            samples += 1;
            ones += u32::from(bit.unwrap_u8());
            for (place, count) in agreeing.iter_mut().enumerate() {
                *count += u32::from((zero[place] ^ one[2 * place % 31]) >> 1 & 1 == bit.unwrap_u8());
            }
        }
    }
    // Six standard deviations of 4096 fair coins.
    let fair = |count: u32| count.abs_diff(samples / 2) < 192;
    assert!(samples == 4096 && fair(ones), "{ones} of {samples}");
    assert!(agreeing.iter().all(|count| fair(*count)), "{agreeing:?}");
}

#[test]
fn debug_shows_no_secret() {
    let [a, _] = honest();
    assert_eq!(alloc::format!("{a:?}"), "Pairing { peer: PeerId(02020202…), live: true, .. }");
}
