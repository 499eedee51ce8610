//! What the proof of the trees finds, and what it cannot find.

use super::*;
use crate::secret::Secret;
use base_ot::TRANSFERS;
use seeds::Seed;
use tree::{PROOF, Proofs};

/// Keys that are not random, and the nibbles of a Δ in which every value occurs twice.
struct Dealt {
    keys: [[Seed; 2]; TRANSFERS],
    delta: [u8; TREES],
}

impl Dealt {
    fn new() -> Self {
        let mut keys = [[[0; 16]; 2]; TRANSFERS];
        let mut hedged = Hedged::fixed([9; 32]);
        keys.as_flattened_mut().iter_mut().for_each(|key| key.copy_from_slice(&hedged.bytes()[..16]));
        Self { keys, delta: core::array::from_fn(|tree| (5 * tree % 16) as u8) }
    }

    fn choice(&self, tree: usize, level: usize) -> usize {
        usize::from(self.delta[tree] >> (3 - level) & 1 == 0)
    }

    fn puncture(&self, proofs: &Proofs) -> Option<SenderSeeds> {
        let keys = core::array::from_fn(|transfer| self.keys[transfer][self.choice(transfer / 4, transfer % 4)]);
        tree::puncture(&direction(), Secret::new(self.delta), &keys, proofs)
    }
}

#[test]
fn every_leaf_but_one_is_found_for_every_nibble() {
    let dealt = Dealt::new();
    let (receiver, proofs) = tree::grow(&direction(), &dealt.keys);
    let sender = dealt.puncture(&proofs).unwrap();
    assert_eq!(*sender.delta.expose(), dealt.delta);
    assert_consistent(&sender, &receiver);
    let mut seen = dealt.delta;
    seen.sort_unstable();
    assert!((0..16).all(|nibble| seen.contains(&nibble)));
    // All leaves are distinct.
    let mut leaves = receiver.leaves.expose().as_flattened().to_vec();
    leaves.sort_unstable();
    leaves.dedup();
    assert_eq!(leaves.len(), TREES * LEAVES);
}

#[test]
fn wrong_correction_is_found_exactly_where_it_is_used() {
    // Where the sender did not choose the side that was changed it never looks at it, and no proof can help: what the receiver
    // learns by not being caught is one bit of Δ, at the risk of one half. The pairing's id differs all the same.
    let dealt = Dealt::new();
    let (receiver, proofs) = tree::grow(&direction(), &dealt.keys);
    for tree in 0..TREES {
        for level in 1..4 {
            for side in 0..2 {
                let mut wrong = proofs.clone();
                wrong[tree * PROOF + (level - 1) * 32 + side * 16 + tree % 16] ^= 1 << (tree % 8);
                match dealt.puncture(&wrong) {
                    None => assert_eq!(dealt.choice(tree, level), side, "tree {tree}, level {level}"),
                    Some(sender) => {
                        assert_ne!(dealt.choice(tree, level), side, "tree {tree}, level {level}");
                        assert_consistent(&sender, &receiver);
                    }
                }
            }
        }
    }
}

#[test]
fn wrong_sum_or_hash_is_always_found() {
    let dealt = Dealt::new();
    let (_, proofs) = tree::grow(&direction(), &dealt.keys);
    for tree in 0..TREES {
        for byte in [96, 97 + tree % 30, 127, 128, 129 + tree % 30, 159] {
            let mut wrong = proofs.clone();
            wrong[tree * PROOF + byte] ^= 0x80;
            assert!(dealt.puncture(&wrong).is_none(), "tree {tree}, byte {byte}");
        }
    }
}

#[test]
fn wrong_key_is_found_at_every_level_of_every_tree() {
    for transfer in 0..TRANSFERS {
        let mut dealt = Dealt::new();
        let (_, proofs) = tree::grow(&direction(), &dealt.keys);
        let choice = dealt.choice(transfer / 4, transfer % 4);
        dealt.keys[transfer][choice][transfer % 16] ^= 1;
        assert!(dealt.puncture(&proofs).is_none(), "transfer {transfer}");
    }
}

#[test]
fn trees_of_another_number_or_direction_are_other_trees() {
    let mut dealt = Dealt::new();
    let (first, _) = dealt.keys.split_at(4);
    let first: [[Seed; 2]; 4] = first.try_into().unwrap();
    dealt.keys.as_chunks_mut::<4>().0.iter_mut().for_each(|keys| *keys = first);
    let (receiver, proofs) = tree::grow(&direction(), &dealt.keys);
    let (other, _) = tree::grow(&reversed(direction()), &dealt.keys);
    let mut leaves = receiver.leaves.expose().as_flattened().to_vec();
    leaves.extend(other.leaves.expose().as_flattened());
    leaves.sort_unstable();
    leaves.dedup();
    assert_eq!(leaves.len(), 2 * TREES * LEAVES);
    assert!(dealt.puncture(&proofs).is_some());
    // Same keys, and a proof that was honest in its own place: worth nothing elsewhere.
    let mut moved = proofs;
    let (head, tail) = moved.split_at_mut(PROOF);
    head.swap_with_slice(&mut tail[..PROOF]);
    assert!(dealt.puncture(&moved).is_none());
}
