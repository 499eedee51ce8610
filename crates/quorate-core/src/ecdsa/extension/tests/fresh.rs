//! Nothing comes twice, and everything looks random.

use super::*;
use alloc::collections::BTreeSet;

const OTHER_NONCE: [u8; 32] = [5; 32];

/// Every block of every pad of the sender.
fn pads(sender: &Sender, batch: usize) -> Vec<Block> {
    let mut blocks = Vec::new();
    for k in 0..batch {
        sender.pads(k, &KEY, |_, zero, one| blocks.extend([*zero, *one].as_flattened().as_chunks::<16>().0)).unwrap();
    }
    blocks
}

fn all_distinct(blocks: &[Block]) -> bool {
    blocks.iter().collect::<BTreeSet<_>>().len() == blocks.len()
}

#[test]
fn two_runs_of_one_session_on_one_pairing_share_no_block() {
    let (sender, receiver) = seeds(40);
    let mut sent = Vec::new();
    let mut expanded = Vec::new();
    let mut messages = Vec::new();
    for nonce in [NONCE, OTHER_NONCE] {
        let (_, message) = choose(&receiver, &subject(2), nonce);
        sent.extend(pads(&check(&sender, &subject(2), &message).ok().unwrap(), 2));
        messages.extend(message[32..].as_chunks::<16>().0);
        let key = subject(2).prg_key(&nonce);
        for (tree, leaves) in receiver.leaves.expose().iter().enumerate() {
            for (x, leaf) in leaves.iter().enumerate() {
                expanded.extend((0..blocks(2)).map(|index| reference::prg(&key, leaf, tree, x, index)));
            }
        }
    }
    assert!(all_distinct(&sent) && all_distinct(&expanded) && all_distinct(&messages));
}

/// With one and the same column everywhere two pads are equal just if their tweaks are.
#[test]
fn tweaks_never_repeat_in_the_largest_batch() {
    let rows = Blocks::new(ROWS * blocks(MAX_BATCH));
    let receiver = Receiver { rows, choices: Blocks::new(blocks(MAX_BATCH)) };
    let mut pads: Vec<Block> = Vec::new();
    for k in 0..MAX_BATCH {
        receiver.pads(k, &KEY, |_, pad| pads.extend(pad.as_chunks::<16>().0)).unwrap();
    }
    assert_eq!(pads.len(), 416 * 64 * 9);
    assert!(all_distinct(&pads));
}

/// With equal leaves everywhere two blocks are equal just if their tweaks are.
#[test]
fn equal_leaves_expand_to_different_blocks() {
    let (_, receiver) = from_leaves([0; TREES], [[[6; 16]; LEAVES]; TREES]);
    let (receiver, message) = choose(&receiver, &subject(64), NONCE);
    assert!(all_distinct(&receiver.rows) && all_distinct(message[32..].as_chunks::<16>().0));
}

#[test]
fn each_field_of_the_subject_and_the_nonce_changes_every_choice_block() {
    let (_, seeds) = seeds(41);
    let right = subject(1);
    let other = Identifier::new(3).unwrap();
    let (context, pairing) = ([9; 32], [8; 32]);
    let mut found = Vec::new();
    for subject in [
        right,
        Subject { context: &context, ..right },
        Subject { pairing: &pairing, ..right },
        Subject { sender: other, ..right },
        Subject { receiver: other, ..right },
        Subject { batch: 2, ..right },
    ] {
        for nonce in [NONCE, OTHER_NONCE] {
            found.extend(choose(&seeds, &subject, nonce).0.choices.iter().copied());
        }
    }
    assert!(all_distinct(&found));
}

/// The number of standard deviations by which `ones` of `total` fair coins are off.
fn deviation(ones: usize, total: usize) -> f64 {
    (ones as f64 - total as f64 / 2.0).abs() / (total as f64 / 4.0).sqrt()
}

#[test]
fn choices_are_balanced_and_independent_over_many_runs() {
    const RUNS: usize = 1000;
    let (_, seeds) = seeds(42);
    let mut columns = [0usize; CHOICES];
    let [mut as_neighbour, mut as_before] = [0usize; 2];
    let mut before = [0; CHOICE_BYTES];
    for run in 0..RUNS {
        let mut nonce = NONCE;
        nonce[..8].copy_from_slice(&run.to_le_bytes());
        let choices = *choose(&seeds, &subject(1), nonce).0.choices(0).unwrap();
        columns.iter_mut().enumerate().for_each(|(column, ones)| *ones += usize::from(bit(&choices, column)));
        as_neighbour += (1..CHOICES).filter(|column| bit(&choices, *column) == bit(&choices, column - 1)).count();
        as_before += (0..CHOICES).filter(|column| bit(&choices, *column) == bit(&before, *column)).count();
        before = choices;
    }
    assert!(columns.iter().all(|ones| deviation(*ones, RUNS) < 5.0));
    assert!(deviation(columns.iter().sum(), RUNS * CHOICES) < 5.0);
    assert!(deviation(as_neighbour, RUNS * (CHOICES - 1)) < 5.0);
    assert!(deviation(as_before, RUNS * CHOICES) < 5.0);
}

#[test]
fn pads_are_balanced_and_those_of_a_column_independent() {
    let (sender, receiver) = seeds(43);
    let (_, message) = choose(&receiver, &subject(16), NONCE);
    let sender = check(&sender, &subject(16), &message).ok().unwrap();
    let mut values = [0usize; 256];
    let [mut equal, mut bits] = [0usize; 2];
    for k in 0..16 {
        let count = |_: usize, zero: &[u8; PAD_BYTES], one: &[u8; PAD_BYTES]| {
            zero.iter().chain(one).for_each(|byte| values[usize::from(*byte)] += 1);
            equal += zero.iter().zip(one).map(|(a, b)| (a ^ b).count_zeros() as usize).sum::<usize>();
            bits += 8 * PAD_BYTES;
        };
        sender.pads(k, &KEY, count).unwrap();
    }
    assert!(deviation(equal, bits) < 5.0);
    // Chi-square of 255 degrees of freedom: mean 255, standard deviation 22.6.
    let expected = values.iter().sum::<usize>() as f64 / 256.0;
    let chi_square: f64 = values.iter().map(|count| (*count as f64 - expected).powi(2) / expected).sum();
    assert!((150.0..370.0).contains(&chi_square), "{chi_square}");
}
