//! Receivers that cheat: what they can learn, and two attacks on weaker checks.

use super::*;

/// A receiver that uses x ⊕ error in one tree, and believes to know that tree's nibble of Δ.
struct Cheat {
    tree: usize,
    error: Vec<Block>,
    guess: u8,
}

/// Its message under the challenge that `challenge` makes of the corrections: the most consistent one that there is.
fn forge(seeds: &ReceiverSeeds, cheats: &[Cheat], challenge: impl Fn(&[u8]) -> Block) -> Vec<u8> {
    let (subject, blocks) = (subject(1), blocks(1));
    let (receiver, honest) = choose(seeds, &subject, NONCE);
    let mut corrections = honest[32..honest.len() - 48].to_vec();
    for cheat in cheats {
        let error = cheat.error.as_flattened();
        corrections[(cheat.tree - 1) * blocks * 16..].iter_mut().zip(error).for_each(|(byte, error)| *byte ^= error);
    }
    let challenge = challenge(&corrections);
    let mut hashes = rows::hash_all(&challenge, &receiver.rows);
    for cheat in cheats {
        let error = rows::hash_one(&challenge, &cheat.error);
        for (level, row) in hashes[4 * cheat.tree..4 * cheat.tree + 4].iter_mut().enumerate() {
            if cheat.guess >> (3 - level) & 1 == 1 {
                *row = xor(row, &error);
            }
        }
    }
    let hashed_choices = rows::hash_one(&challenge, &receiver.choices);
    [&NONCE[..], &corrections, &hashed_choices, &rows::digest(&challenge, &hashes)].concat()
}

fn bound(corrections: &[u8]) -> Block {
    subject(1).challenge(&NONCE, corrections)
}

fn one_bit() -> Vec<Block> {
    let mut error = vec![[0; 16]; blocks(1)];
    error[0][0] = 1;
    error
}

/// This is why the pairing has a guard: each check that may be tried again tells a nibble of Δ after 8 attempts on average.
#[test]
fn a_changed_correction_passes_only_with_the_right_guess_of_the_nibble() {
    let (sender, receiver) = seeds(11);
    for tree in [1, 8, 31] {
        let passing: Vec<u8> = (0..16)
            .filter(|guess| {
                let message = forge(&receiver, &[Cheat { tree, error: one_bit(), guess: *guess }], bound);
                check(&sender, &subject(1), &message).is_ok()
            })
            .collect();
        assert_eq!(passing, [sender.delta.expose()[tree]]);
    }
}

#[test]
fn two_changed_corrections_need_both_nibbles() {
    let (sender, receiver) = seeds(12);
    let delta = sender.delta.expose();
    for (first, second) in [(0, 0), (0, 1), (5, 0), (9, 15)] {
        let cheat = |tree: usize, off: u8| Cheat { tree, error: one_bit(), guess: delta[tree] ^ off };
        let message = forge(&receiver, &[cheat(3, first), cheat(4, second)], bound);
        assert_eq!(check(&sender, &subject(1), &message).is_ok(), (first, second) == (0, 0));
    }
}

/// An error of two blocks whose hash is zero at a given challenge: one bit, and what cancels it a block later.
fn invisible(challenge: &Block) -> Vec<Block> {
    let mut error = one_bit();
    error[1] = rows::hash_one(challenge, &error[..1]);
    assert_eq!(rows::hash_one(challenge, &error), [0; 16]);
    error
}

/// If the challenge were known before the corrections are fixed, any Δ would accept different choices in different trees.
#[test]
fn an_error_of_low_weight_passes_an_unbound_challenge_and_fails_the_real_one() {
    let unbound = subject(1).challenge(&NONCE, &[]);
    for seed in 20..30 {
        let (sender, receiver) = seeds(seed);
        let wrong_guess = sender.delta.expose()[6] ^ 1;
        let cheat = |error: Vec<Block>| [Cheat { tree: 6, error, guess: wrong_guess }];

        let error = invisible(&unbound);
        let weight: u32 = error.as_flattened().iter().map(|byte| byte.count_ones()).sum();
        assert!(weight < 100);
        let message = forge(&receiver, &cheat(error.clone()), |_| unbound);
        let split = Message::split(&message).unwrap();
        assert!(decide(&sender, &subject(1), &split, &unbound).is_ok());

        // Against the real check: with the unbound challenge, with the one of the honest corrections, and with the right one.
        let (_, honest) = choose(&receiver, &subject(1), NONCE);
        let honest = bound(&honest[32..honest.len() - 48]);
        for (error, forged) in [
            (error.clone(), message),
            (error.clone(), forge(&receiver, &cheat(error.clone()), bound)),
            (invisible(&honest), forge(&receiver, &cheat(invisible(&honest)), bound)),
        ] {
            assert!(error.len() == 5);
            assert_eq!(check(&sender, &subject(1), &forged).err(), Some(Refusal::WrongProof));
        }
    }
}

/// The rank over GF(2) of what the hash makes of single bits.
fn rank(challenge: &Block, positions: impl Iterator<Item = usize>) -> usize {
    let mut basis = [0u128; 128];
    for position in positions {
        let mut row = [[0u8; 16]; 5];
        row.as_flattened_mut()[position / 8] = 1 << (position % 8);
        let mut image = u128::from_le_bytes(rows::hash_one(challenge, &row));
        while image != 0 {
            let lead = image.ilog2() as usize;
            if basis[lead] == 0 {
                basis[lead] = image;
                break;
            }
            image ^= basis[lead];
        }
    }
    basis.iter().filter(|row| **row != 0).count()
}

#[test]
fn mask_alone_in_its_block_hides_every_bit_of_the_hash() {
    let mut rng = StdRng::seed_from_u64(31);
    let mut packed = 0;
    for _ in 0..200 {
        let challenge = random_block(&mut rng);
        assert_eq!(rank(&challenge, 512..640), 128);
        packed += usize::from(rank(&challenge, 416..544) < 128);
    }
    // Packed behind bit 416 it would leave some sum of x̂'s bits unmasked for a good part of all challenges.
    assert!((50..200).contains(&packed), "{packed} of 200 singular");
}
