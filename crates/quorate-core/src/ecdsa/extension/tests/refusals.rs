//! Messages that are not what an honest receiver sends.

use super::*;
use proptest::prelude::*;

fn run() -> (SenderSeeds, Vec<u8>) {
    let (sender, receiver) = seeds(3);
    let (_, message) = choose(&receiver, &subject(1), NONCE);
    (sender, message)
}

#[test]
fn check_refuses_a_flip_anywhere() {
    let (sender, message) = run();
    assert!(check(&sender, &subject(1), &message).is_ok());
    let correction = |tree: usize, byte: usize| 32 + (tree - 1) * 80 + byte;
    let corrections = [1, 2, 17, 31].map(|tree| [0, 51, 52, 63, 64, 79].map(|byte| correction(tree, byte)));
    let hashes = [2512, 2520, 2527, 2528, 2544, 2559];
    for position in [0, 15, 31].into_iter().chain(corrections.into_iter().flatten()).chain(hashes) {
        for bit in 0..8 {
            let mut changed = message.clone();
            changed[position] ^= 1 << bit;
            assert_eq!(check(&sender, &subject(1), &changed).err(), Some(Refusal::WrongProof), "byte {position}");
        }
    }
}

#[test]
fn check_refuses_every_other_subject() {
    let (sender, message) = run();
    let right = subject(1);
    let other = Identifier::new(3).unwrap();
    let swapped = Subject { sender: right.receiver, receiver: right.sender, ..right };
    let (context, pairing) = ([9; 32], [8; 32]);
    for wrong in [
        Subject { context: &context, ..right },
        Subject { pairing: &pairing, ..right },
        Subject { sender: other, ..right },
        Subject { receiver: other, ..right },
        swapped,
    ] {
        assert_eq!(check(&sender, &wrong, &message).err(), Some(Refusal::WrongProof));
    }
}

#[test]
fn check_refuses_another_pairing_s_seeds() {
    let (_, message) = run();
    let (other, _) = seeds(4);
    assert_eq!(check(&other, &subject(1), &message).err(), Some(Refusal::WrongProof));
}

#[test]
fn check_refuses_every_other_length_and_batch() {
    let (sender, mut message) = run();
    for batch in [0, 2, 64, 65, usize::MAX] {
        assert_eq!(check(&sender, &subject(batch), &message).err(), Some(Refusal::Malformed));
    }
    for length in [0, 1, 31, 32, 33, 48, 80, message.len() - 16, message.len() - 1] {
        assert_eq!(check(&sender, &subject(1), &message[..length]).err(), Some(Refusal::Malformed));
    }
    message.push(0);
    assert_eq!(check(&sender, &subject(1), &message).err(), Some(Refusal::Malformed));
}

#[test]
fn check_refuses_a_challenge_of_zero() {
    let (sender, mut message) = run();
    let length = message.len();
    message[length - 48..length - 32].fill(0);
    message[length - 32..].copy_from_slice(&rows::digest(&[0; 16], &[[0; 16]; ROWS]));
    let message = Message::split(&message).unwrap();
    assert_eq!(decide(&sender, &subject(1), &message, &[0; 16]).err(), Some(Refusal::WrongProof));
}

#[test]
fn message_lengths_are_those_of_the_plan() {
    assert_eq!(message_bytes(1), 32 + 31 * 80 + 16 + 32);
    assert_eq!([1, 2, 3, 4, 16, 64].map(blocks), [5, 8, 11, 14, 53, 209]);
    assert_eq!(message_bytes(64), 32 + 31 * 209 * 16 + 16 + 32);
}

proptest! {
    #[test]
    fn check_never_panics_on_random_bytes(bytes in prop::collection::vec(any::<u8>(), 0..3000), batch in 0usize..70) {
        let (sender, _) = seeds(5);
        prop_assert!(check(&sender, &subject(batch), &bytes).is_err());
    }

    #[test]
    fn check_refuses_random_bytes_of_the_right_length(bytes in prop::collection::vec(any::<u8>(), message_bytes(1)..=message_bytes(1))) {
        let (sender, _) = seeds(5);
        prop_assert_eq!(check(&sender, &subject(1), &bytes).err(), Some(Refusal::WrongProof));
    }

    #[test]
    fn check_refuses_random_changes(changes in prop::collection::vec((0..message_bytes(1), 1u8..), 1..4)) {
        let (sender, message) = run();
        let mut changed = message.clone();
        changes.iter().for_each(|(position, flip)| changed[*position] ^= flip);
        prop_assert_eq!(check(&sender, &subject(1), &changed).is_ok(), changed == message);
    }
}
