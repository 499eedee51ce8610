//! What every protocol inherits from the machine: sessions, echoes, repeats, floods.

use proptest::prelude::*;
use quorate_core::{
    Error, FaultKind, InputError,
    frost::Ed25519,
    keygen::KeygenRounds,
    machine::{Handled, Ignored, Machine},
};

use super::kit::{Frame, Machines, Packet, assert_nobody_else_blamed, id, keygens, run, run_storing};

type Keygens = Machines<KeygenRounds<Ed25519>>;

/// The first packet from `from` to `to`.
fn first_packet(machines: &mut Keygens, from: u16, to: u16) -> Packet {
    let machine = machines.get_mut(&id(from)).unwrap();
    let found = std::iter::from_fn(|| machine.next_outgoing()).find(|message| message.to == id(to)).unwrap();
    Packet { from: id(from), to: id(to), bytes: found.bytes.to_vec() }
}

/// Everything that #1 to #n say to each other in an honest run.
fn recorded(n: u16, number: u8) -> Vec<Packet> {
    let mut packets = Vec::new();
    let outcomes = run(keygens::<Ed25519>(2, n, number), |packet| {
        packets.push(packet.clone());
        vec![packet]
    });
    assert!(outcomes.values().all(|outcome| outcome.is_done()));
    packets
}

#[test]
fn equivocating_commitment_gives_no_honest_output_at_two_to_five() {
    for n in 2..=5 {
        for victim in 2..=n {
            let outcomes = run(keygens::<Ed25519>(2, n, 1), |packet| {
                let lie = packet.from == id(1) && packet.to == id(victim) && packet.round() == 1;
                vec![if lie { packet.with(|frame| frame.broadcast[0] ^= 1) } else { packet }]
            });
            assert_nobody_else_blamed(&outcomes, id(1));
            for (me, outcome) in outcomes.iter().filter(|(me, _)| **me != id(1)) {
                assert!(!outcome.is_done(), "{me} of {n} has a key");
                if n == 2 {
                    outcome.assert_fault(FaultKind::Equivocation, &[1]);
                }
            }
            let noticed = outcomes.iter().filter(|(me, _)| **me != id(1)).filter_map(|(_, outcome)| outcome.fault());
            assert!(noticed.filter(|fault| fault.kind == FaultKind::Equivocation).count() > 0);
        }
    }
}

#[test]
fn equivocating_reveal_names_the_dealer_at_two_to_five() {
    for n in 2..=5 {
        let outcomes = run(keygens::<Ed25519>(2, n, 1), |packet| {
            let lie = packet.from == id(1) && packet.to == id(2) && packet.round() == 2;
            vec![if lie { packet.with(|frame| *frame.broadcast.last_mut().unwrap() ^= 1) } else { packet }]
        });
        outcomes[&id(2)].assert_fault(FaultKind::WrongOpening, &[1]);
        assert!(outcomes.iter().all(|(me, outcome)| *me == id(1) || !outcome.is_done()));
        assert_nobody_else_blamed(&outcomes, id(1));
    }
}

#[test]
fn false_echo_is_an_equivocation_that_names_only_who_must_be_lying() {
    for (n, round, culprits) in [(2, 2, &[1][..]), (3, 2, &[]), (3, 3, &[]), (3, 1, &[1]), (5, 1, &[1])] {
        let outcomes = run(keygens::<Ed25519>(2, n, 1), |packet| {
            let lie = packet.from == id(1) && packet.round() == round;
            vec![if lie { packet.with(|frame| frame.echo[7] ^= 0x10) } else { packet }]
        });
        outcomes[&id(2)].assert_fault(FaultKind::Equivocation, culprits);
    }
}

#[test]
fn two_different_messages_in_one_round_name_their_sender_whenever_the_second_comes() {
    for round in 1..=3 {
        for change in [|frame: &mut Frame| frame.broadcast[3] ^= 1, |frame: &mut Frame| frame.echo[3] ^= 1] {
            // The second one right after the first, or when the round is past.
            for late in [false, true] {
                let mut kept = None;
                let outcomes = run(keygens::<Ed25519>(2, 3, 1), |packet| {
                    if packet.from == id(1) && packet.to == id(2) {
                        if packet.round() == round {
                            kept = Some(packet.with(change));
                        }
                        let now = (packet.round() == round) != late;
                        return std::iter::once(packet).chain(kept.take_if(|_| now)).collect();
                    }
                    vec![packet]
                });
                if round < 3 {
                    outcomes[&id(2)].assert_fault(FaultKind::Contradiction, &[1]);
                }
                assert_nobody_else_blamed(&outcomes, id(1));
            }
        }
    }
}

#[test]
fn repeats_are_ignored_in_every_round_and_long_after() {
    let mut all: Vec<Packet> = Vec::new();
    let outcomes = run(keygens::<Ed25519>(2, 3, 1), |packet| {
        all.push(packet.clone());
        let old = all.iter().filter(|old| (old.from, old.to) == (packet.from, packet.to)).cloned();
        old.chain([packet.clone(), packet.clone()]).collect()
    });
    assert!(outcomes.values().all(|outcome| outcome.is_done()));
}

#[test]
fn foreign_frames_and_strangers_are_ignored_and_counted() {
    let mut machines = keygens::<Ed25519>(2, 3, 1);
    let honest = first_packet(&mut machines, 1, 2);
    let machine = machines.get_mut(&id(2)).unwrap();
    let mut expect = |from: u16, change: &dyn Fn(&mut Frame), reason| {
        let bytes = honest.with(|frame| change(frame)).bytes;
        assert_eq!(machine.handle(id(from), &bytes), Ok(Handled::Ignored(reason)));
    };
    expect(1, &|frame| frame.version = 2, Ignored::Malformed);
    expect(1, &|frame| frame.protocol = 3, Ignored::Foreign);
    expect(1, &|frame| frame.prefix[15] ^= 1, Ignored::Foreign);
    expect(1, &|frame| frame.round = 0, Ignored::Malformed);
    expect(1, &|frame| frame.round = 4, Ignored::Malformed);
    expect(1, &|frame| frame.round = 3, Ignored::TooEarly);
    expect(1, &|frame| frame.broadcast.push(0), Ignored::TooLarge);
    expect(1, &|frame| frame.broadcast.truncate(31), Ignored::Malformed);
    expect(1, &|frame| (frame.broadcast.truncate(31), frame.private.push(0)).1, Ignored::Malformed);
    expect(2, &|_| (), Ignored::UnknownSender); // its own frame, reflected
    expect(4, &|_| (), Ignored::UnknownSender); // not a participant
    for length in 0..honest.bytes.len() {
        assert_eq!(machine.handle(id(1), &honest.bytes[..length]), Ok(Handled::Ignored(Ignored::Malformed)));
    }
    assert_eq!(machine.missing(), [id(1), id(3)]);
    assert_eq!(machine.ignored()[&Ignored::Foreign], 2);
    assert_eq!(machine.ignored()[&Ignored::UnknownSender], 2);
    assert_eq!(machine.handle(id(1), &honest.bytes), Ok(Handled::Accepted));
    assert_eq!(machine.missing(), [id(3)]);
}

#[test]
fn frames_of_another_session_among_the_same_cosigners_change_nothing() {
    let old = recorded(3, 1);
    let mut sent = 0;
    let outcomes = run(keygens::<Ed25519>(2, 3, 2), |packet| {
        sent += 1;
        let replayed = old.iter().filter(|old| old.to == packet.to && old.from == packet.from).cloned();
        replayed.chain([packet.clone()]).collect()
    });
    assert_eq!(sent, old.len());
    assert!(outcomes.values().all(|outcome| outcome.is_done()));
}

#[test]
fn frame_passed_on_under_another_senders_number_names_nobody_honest() {
    // #1 cannot say that it is #3: the link says who it is. It can only repeat #3's words as its own.
    let mut of_three = None;
    let outcomes = run(keygens::<Ed25519>(2, 3, 1), |packet| {
        if (packet.from, packet.to, packet.round()) == (id(3), id(2), 1) {
            of_three = Some(Packet { from: id(1), ..packet.clone() });
        }
        if (packet.from, packet.to, packet.round()) == (id(1), id(2), 1) {
            return vec![];
        }
        std::iter::once(packet).chain(of_three.take()).collect()
    });
    assert!(outcomes.iter().all(|(me, outcome)| *me == id(1) || !outcome.is_done()));
    assert_nobody_else_blamed(&outcomes, id(1));
}

#[test]
fn messages_of_the_next_round_are_kept_whatever_the_order() {
    // #3 hears everything from #1 and #2 of round 2 before #1's word of round 1.
    let mut delayed = None;
    let outcomes = run(keygens::<Ed25519>(2, 3, 1), |packet| {
        if (packet.from, packet.to) == (id(1), id(3)) && packet.round() == 1 {
            delayed = Some(packet);
            return vec![];
        }
        if (packet.from, packet.to) == (id(2), id(3)) && packet.round() == 2 {
            return std::iter::once(packet).chain(delayed.take()).collect();
        }
        vec![packet]
    });
    assert!(outcomes.values().all(|outcome| outcome.is_done()));
}

#[test]
fn flood_of_a_million_packets_is_counted_and_the_session_still_finishes() {
    const FLOOD: u64 = 1_000_000;
    let mut flooded = false;
    let outcomes = {
        let mut machines = keygens::<Ed25519>(2, 3, 1);
        let honest = first_packet(&mut machines, 1, 2);
        let machine = machines.get_mut(&id(2)).unwrap();
        assert_eq!(machine.handle(id(1), &honest.bytes), Ok(Handled::Accepted));
        flood(machine, &honest, FLOOD);
        assert_eq!(machine.ignored().values().sum::<u64>(), FLOOD);
        assert_eq!(machine.ignored().len(), 6, "one counter for each reason: {:?}", machine.ignored());
        assert!(machine.ignored().values().all(|count| *count >= FLOOD / 10));
        assert_eq!(machine.missing(), [id(3)]);
        // #1's round-1 messages were taken above; hand the one to #3 over as well.
        let to_three = Packet { to: id(3), ..honest };
        run(machines, |packet| {
            let extra = (!std::mem::replace(&mut flooded, true)).then(|| to_three.clone());
            extra.into_iter().chain([packet]).collect()
        })
    };
    assert!(outcomes.values().all(|outcome| outcome.is_done()));
}

fn flood(machine: &mut Machine<KeygenRounds<Ed25519>>, honest: &Packet, count: u64) {
    let packets = [
        (1, vec![0xa5; 300]),
        (1, honest.bytes.clone()),
        (1, honest.with(|frame| frame.round = 3).bytes),
        (1, honest.with(|frame| frame.broadcast = vec![0; 1 << 20]).bytes),
        (3, honest.with(|frame| frame.private = vec![0; 1 << 20]).bytes),
        (3, honest.with(|frame| frame.prefix[0] ^= 1).bytes),
        (3, honest.with(|frame| frame.round = 255).bytes),
        (7, honest.bytes.clone()),
        (3, vec![]),
    ];
    for (from, bytes) in packets.iter().cycle().take(usize::try_from(count).unwrap()) {
        assert!(matches!(machine.handle(id(*from), bytes), Ok(Handled::Ignored(_))));
    }
}

#[test]
fn dead_session_says_the_same_error_for_ever_and_sends_nothing() {
    let mut machines = keygens::<Ed25519>(2, 3, 1);
    let honest = first_packet(&mut machines, 1, 2);
    let machine = machines.get_mut(&id(2)).unwrap();
    assert!(machine.handle(id(1), &honest.bytes).is_ok());
    let error = machine.handle(id(1), &honest.with(|frame| frame.broadcast[0] ^= 1).bytes).unwrap_err();
    assert_eq!(machine.handle(id(3), &honest.bytes), Err(error.clone()));
    machine.abort();
    assert_eq!(machine.handle(id(3), &honest.bytes), Err(error), "an abort must not cover up whose fault it was");
    assert!(machine.next_outgoing().is_none() && machine.take_output().is_none() && machine.round().is_none());
}

#[test]
fn abort_after_the_end_keeps_the_result() {
    let mut machines = keygens::<Ed25519>(2, 2, 1);
    let mut packets = Vec::new();
    loop {
        for (from, machine) in &mut machines {
            if let Some(pending) = machine.pending() {
                pending.stored().unwrap();
            }
            packets.extend(std::iter::from_fn(|| machine.next_outgoing()).map(|message| (*from, message)));
        }
        if packets.is_empty() {
            break;
        }
        for (from, message) in packets.drain(..) {
            machines.get_mut(&message.to).unwrap().handle(from, &message.bytes).unwrap();
        }
    }
    let machine = machines.get_mut(&id(1)).unwrap();
    machine.abort();
    assert!(machine.take_output().is_some());
    assert!(machine.take_output().is_none(), "the result is there once");
}

#[test]
fn aborted_session_is_over() {
    let mut machines = keygens::<Ed25519>(2, 2, 1);
    let packet = first_packet(&mut machines, 1, 2);
    let machine = machines.get_mut(&id(2)).unwrap();
    machine.abort();
    assert_eq!(machine.handle(id(1), &packet.bytes), Err(Error::Input(InputError::SessionOver)));
}

#[test]
fn nothing_leaves_before_the_pending_share_is_stored() {
    let mut confirmed_too_soon = false;
    let mut stored = std::collections::BTreeSet::new();
    let log = std::cell::RefCell::new(&mut stored);
    let outcomes = run_storing(
        keygens::<Ed25519>(2, 3, 1),
        |packet| {
            confirmed_too_soon |= packet.round() == 3 && !log.borrow().contains(&packet.from);
            vec![packet]
        },
        |me, _| {
            log.borrow_mut().insert(me);
        },
    );
    assert!(outcomes.values().all(|outcome| outcome.is_done()) && !confirmed_too_soon);
}

#[test]
fn machine_that_never_stores_gets_no_further() {
    let packets = recorded(2, 1);
    assert_eq!(packets.iter().filter(|packet| packet.round() == 3).count(), 2);
    let mut machines = keygens::<Ed25519>(2, 2, 1);
    for _ in 0..4 {
        let mut queue = Vec::new();
        for (from, machine) in &mut machines {
            queue.extend(std::iter::from_fn(|| machine.next_outgoing()).map(|message| (*from, message)));
        }
        for (from, message) in queue {
            assert!(message.bytes[2] < 3, "a confirmation left");
            machines.get_mut(&message.to).unwrap().handle(from, &message.bytes).unwrap();
        }
    }
    assert!(machines.values_mut().all(|machine| machine.pending().is_some() && machine.take_output().is_none()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    #[test]
    fn any_byte_of_any_keygen_message_changed_blames_nobody_honest_and_splits_no_key(
        round in 1u8..=3, victim in 2u16..=3, to_all: bool, at: prop::sample::Index, mask in 1u8..,
    ) {
        let outcomes = run(keygens::<Ed25519>(2, 3, 1), |mut packet| {
            if packet.from == id(1) && packet.round() == round && (to_all || packet.to == id(victim)) {
                let at = at.index(packet.bytes.len());
                packet.bytes[at] ^= mask;
            }
            vec![packet]
        });
        assert_nobody_else_blamed(&outcomes, id(1));
        let honest: Vec<_> = outcomes.iter().filter(|(me, _)| **me != id(1)).collect();
        if round < 3 {
            // Whatever it was, #victim did not accept it; or it went to all alike and changed nothing that counts.
            prop_assert!(honest.iter().all(|(_, outcome)| !outcome.is_done()), "{outcomes:?}");
        }
        for (_, outcome) in honest {
            if let super::kit::Outcome::Done(share) = outcome {
                prop_assert_eq!(share.certificate().verify(share.package()), Ok(()));
            }
        }
    }
}
