//! Honest runs.

use super::*;
use crate::{
    ecdsa::pairing::{LEAVES, TREES},
    secret::Secret,
};
use rand::{Rng, SeedableRng, rngs::StdRng};

mod attacks;
mod fresh;
mod reference;
mod refusals;

const CONTEXT: [u8; 32] = [1; 32];
const PAIRING: [u8; 32] = [2; 32];
const KEY: Block = [3; 16];
const NONCE: [u8; 32] = [4; 32];

fn subject(batch: usize) -> Subject<'static> {
    let (sender, receiver) = (Identifier::new(1).unwrap(), Identifier::new(2).unwrap());
    Subject { context: &CONTEXT, pairing: &PAIRING, sender, receiver, batch }
}

fn random_block(rng: &mut StdRng) -> Block {
    let mut block = [0; 16];
    rng.fill_bytes(&mut block);
    block
}

/// What a pairing leaves on both sides.
fn seeds(seed: u64) -> (SenderSeeds, ReceiverSeeds) {
    let mut rng = StdRng::seed_from_u64(seed);
    let delta = core::array::from_fn(|_| rng.next_u32() as u8 & 15);
    from_leaves(delta, core::array::from_fn(|_| core::array::from_fn(|_| random_block(&mut rng))))
}

fn from_leaves(delta: [u8; TREES], all: [[Block; LEAVES]; TREES]) -> (SenderSeeds, ReceiverSeeds) {
    let mut all_but_one = all;
    all_but_one.iter_mut().zip(delta).for_each(|(tree, nibble)| tree[usize::from(nibble)] = [0; 16]);
    (SenderSeeds { delta: Secret::new(delta), leaves: Secret::new(all_but_one) }, ReceiverSeeds { leaves: Secret::new(all) })
}

fn bit(bytes: &[u8], index: usize) -> bool {
    bytes[index / 8] >> (index % 8) & 1 == 1
}

#[test]
fn receiver_gets_the_pad_that_it_chose_in_every_batch_size() {
    for batch in [1, 2, 3, 16, 64] {
        let (sender, receiver) = seeds(batch as u64);
        let (receiver, message) = choose(&receiver, &subject(batch), NONCE);
        assert_eq!(message.len(), message_bytes(batch));
        let sender = check(&sender, &subject(batch), &message).ok().unwrap();
        for k in 0..batch {
            let choices = receiver.choices(k).unwrap();
            let mut pads = Vec::new();
            sender
                .pads(k, &KEY, |column, zero, one| {
                    assert_eq!(column, pads.len());
                    assert_ne!(zero, one);
                    pads.push([*zero, *one]);
                })
                .unwrap();
            let mut count = 0;
            receiver
                .pads(k, &KEY, |column, pad| {
                    assert_eq!(column, count);
                    assert_eq!(*pad, pads[column][usize::from(bit(&*choices, column))]);
                    count += 1;
                })
                .unwrap();
            assert_eq!((count, pads.len()), (CHOICES, CHOICES));
        }
        assert!(receiver.pads(batch, &KEY, |_, _| ()).is_err() && receiver.choices(batch).is_err());
    }
}
