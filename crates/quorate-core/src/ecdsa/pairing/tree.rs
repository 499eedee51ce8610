//! From two keys a level to sixteen leaves a tree, of which the other side gets fifteen: the all-but-one vectors of `SoftSpokenOT`
//! (ePrint 2022/192, figures 13 and 14) with k = 4.
//!
//! R grows each tree from the keys of its first transfer. For each further level it sends the sum of all left and of all right children,
//! each hidden under one key of that level's transfer. S knows all nodes of a level but one; with the key that it chose it finds that
//! node's one child that is not on the way to Δ. Every leaf is made with 32 further bytes, and R proves that it grew all trees by the
//! rules: it sends the sum of the 32-byte values of a tree and their hash, so that S can find the missing value and compare.
//!
//! A wrong correction fails S's check, or not, depending on Δ; so S never says which tree failed, and a failure ends this Δ.

use alloc::{boxed::Box, vec};

use sha2::{Sha256, Sha512};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use zeroize::Zeroizing;

use super::{
    base_ot::{TRANSFERS, bits},
    direction::Direction,
    seeds::{LEAVES, ReceiverSeeds, Seed, SenderSeeds, TREES},
};
use crate::{domain, secret::Secret, transcript::Hash};

/// Levels of a tree below its root.
pub(super) const LEVELS: usize = 4;
/// Bytes that R sends for one tree: two corrections a level but the first, the sum, the hash.
pub(super) const PROOF: usize = (LEVELS - 1) * 2 * 16 + 32 + 32;
/// What R sends for all trees.
pub(super) type Proofs = [u8; TREES * PROOF];

/// One level of nodes, or the leaves; those beyond its width stay zero.
type Nodes = Secret<[Seed; LEAVES]>;
/// What a leaf is proved with.
type Witness = [u8; 32];

/// The leaves of a tree and their witnesses.
struct Leaves {
    seeds: Nodes,
    witnesses: Secret<[Witness; LEAVES]>,
}

/// One tree of one direction: where its hashes are.
struct Tree {
    direction: Direction,
    number: u8,
}

/// What R sends for one tree, in order: corrections from the second level down, each for the left and the right children; the sum of
/// the witnesses; their hash.
#[derive(Clone, Copy)]
struct Proof {
    corrections: [[Seed; 2]; LEVELS - 1],
    sum: Witness,
    hash: [u8; 32],
}

/// R's side: all trees from both keys of all transfers, and what S needs.
pub(super) fn grow(direction: &Direction, keys: &[[Seed; 2]; TRANSFERS]) -> (ReceiverSeeds, Box<Proofs>) {
    let mut leaves = Secret::new([[Seed::default(); LEAVES]; TREES]);
    let mut proofs = zero_proofs();
    let outputs = leaves.expose_mut().iter_mut().zip(proofs.as_chunks_mut::<PROOF>().0);
    for ((number, keys), (leaves, bytes)) in (0..).zip(keys.as_chunks::<LEVELS>().0).zip(outputs) {
        let (grown, proof) = Tree { direction: *direction, number }.grow(keys);
        leaves.copy_from_slice(grown.seeds.expose());
        *bytes = proof.to_bytes();
    }
    (ReceiverSeeds { leaves }, proofs)
}

/// S's side: fifteen leaves of each tree from the keys that it chose, or `None` if R did not grow the trees by the rules. Then `delta`
/// is gone, as it must be.
pub(super) fn puncture(
    direction: &Direction,
    delta: Secret<[u8; TREES]>,
    keys: &[Seed; TRANSFERS],
    proofs: &Proofs,
) -> Option<SenderSeeds> {
    let mut leaves = Secret::new([[Seed::default(); LEAVES]; TREES]);
    let mut consistent = Choice::from(1);
    let choices: Zeroizing<[u8; TRANSFERS]> = choices(delta.expose());
    let inputs = keys.as_chunks::<LEVELS>().0.iter().zip(choices.as_chunks::<LEVELS>().0).zip(proofs.as_chunks::<PROOF>().0);
    for ((number, leaves), ((keys, choices), bytes)) in (0..).zip(leaves.expose_mut()).zip(inputs) {
        let tree = Tree { direction: *direction, number };
        let (known, valid) = tree.puncture(keys, choices, &Proof::from_bytes(bytes));
        leaves.copy_from_slice(known.expose());
        consistent &= valid;
    }
    bool::from(consistent).then_some(SenderSeeds { delta, leaves })
}

/// Room for the proofs of one direction.
pub(super) fn zero_proofs() -> Box<Proofs> {
    // The conversion cannot fail: the vector has this length.
    vec![0; TREES * PROOF].into_boxed_slice().try_into().unwrap_or_else(|_| Box::new([0; TREES * PROOF]))
}

/// The choices of all transfers, 0 or 1: NOT the bits of Δ.
fn choices(delta: &[u8; TREES]) -> Zeroizing<[u8; TRANSFERS]> {
    let mut choices = Zeroizing::new([0; TRANSFERS]);
    choices.iter_mut().zip(bits(delta)).for_each(|(choice, bit)| *choice = (!bit).unwrap_u8());
    choices
}

impl Tree {
    fn grow(&self, keys: &[[Seed; 2]; LEVELS]) -> (Leaves, Proof) {
        let [first, keys @ ..] = keys;
        let mut nodes: Nodes = Secret::new([Seed::default(); LEAVES]);
        nodes.expose_mut().iter_mut().zip(first).for_each(|(node, key)| *node = *key);
        let mut corrections = [[Seed::default(); 2]; LEVELS - 1];
        for (level, (pair, keys)) in (1..).zip(corrections.iter_mut().zip(keys)) {
            nodes = self.children(level, &nodes, NONE_MISSING);
            *pair = *sums(&nodes);
            pair.iter_mut().zip(keys).for_each(|(sum, key)| xor(sum, key, Choice::from(1)));
        }
        let leaves = self.leaves(&nodes, NONE_MISSING);
        let proof = Proof { corrections, sum: *leaves.sum(), hash: self.hash(leaves.witnesses.expose()) };
        (leaves, proof)
    }

    fn puncture(&self, keys: &[Seed; LEVELS], choices: &[u8; LEVELS], proof: &Proof) -> (Nodes, Choice) {
        let mut nodes: Nodes = Secret::new([Seed::default(); LEAVES]);
        // The root is the one node of its level, and it is missing.
        let mut missing = Zeroizing::new(0);
        // The first level needs no correction: its keys are its nodes.
        let none = [Seed::default(); 2];
        let corrections = core::iter::once(&none).chain(&proof.corrections);
        for (level, ((key, choice), correction)) in (0..).zip(keys.iter().zip(choices).zip(corrections)) {
            nodes = self.children(level, &nodes, *missing);
            // The missing node's child on the side of the choice: correction, minus the key, minus all others of that side.
            let mut child = Zeroizing::new(*key);
            for (side, (sum, correction)) in (0..).zip(sums(&nodes).iter().zip(correction)) {
                let chosen = choice.ct_eq(&side);
                xor(&mut child, sum, chosen);
                xor(&mut child, correction, chosen);
            }
            let place = 2 * *missing + choice;
            (0..).zip(nodes.expose_mut()).for_each(|(index, node)| xor(node, &child, place.ct_eq(&index)));
            *missing = 2 * *missing + (1 - choice);
        }
        let mut leaves = self.leaves(&nodes, *missing);
        let mut witness = leaves.sum();
        xor(&mut witness, &proof.sum, Choice::from(1));
        (0..).zip(leaves.witnesses.expose_mut()).for_each(|(index, one)| xor(one, &witness, missing.ct_eq(&index)));
        let valid = self.hash(leaves.witnesses.expose()).ct_eq(&proof.hash);
        (leaves.seeds, valid)
    }

    /// The nodes of `level` from those above: two for each, zero below the missing one. Level 0 has none above.
    fn children(&self, level: u8, parents: &Nodes, missing: u8) -> Nodes {
        let mut children: Nodes = Secret::new([Seed::default(); LEAVES]);
        let width = if level == 0 { 0 } else { 1 << level };
        for ((node, parent), pair) in (0..).zip(parents.expose()).zip(children.expose_mut().as_chunks_mut::<2>().0).take(width) {
            let hash = self.direction.transcript::<Sha256>(domain::PAIRING_TREE).field(&[self.number, level, node]).field(parent);
            let wide = Zeroizing::new(hash.finish());
            let known = !missing.ct_eq(&node);
            pair.iter_mut().zip(wide.as_chunks().0).for_each(|(child, half)| xor(child, half, known));
        }
        children
    }

    /// Seeds and witnesses from the lowest nodes; zero where one is missing.
    fn leaves(&self, nodes: &Nodes, missing: u8) -> Leaves {
        let seeds = Secret::new([Seed::default(); LEAVES]);
        let mut leaves = Leaves { seeds, witnesses: Secret::new([Witness::default(); LEAVES]) };
        let outputs = leaves.seeds.expose_mut().iter_mut().zip(leaves.witnesses.expose_mut());
        for ((node, value), (seed, witness)) in (0..).zip(nodes.expose()).zip(outputs) {
            let hash = self.direction.transcript::<Sha512>(domain::PAIRING_TREE).field(&[self.number, DEPTH, node]).field(value);
            let wide = Zeroizing::new(hash.finish_wide());
            let known = !missing.ct_eq(&node);
            let (head, tail) = wide.split_at(seed.len());
            seed.iter_mut().zip(head).for_each(|(seed, byte)| seed.conditional_assign(byte, known));
            witness.iter_mut().zip(tail).for_each(|(witness, byte)| witness.conditional_assign(byte, known));
        }
        leaves
    }

    fn hash(&self, witnesses: &[Witness; LEAVES]) -> [u8; 32] {
        let mut hash: Hash = self.direction.transcript(domain::PAIRING_PROOF).field(&[self.number]).list(LEAVES);
        witnesses.iter().for_each(|witness| hash.append(witness));
        hash.finish()
    }
}

/// The level number that leaves are hashed with.
const DEPTH: u8 = 4;
/// No node has this number.
const NONE_MISSING: u8 = u8::MAX;

impl Leaves {
    fn sum(&self) -> Zeroizing<Witness> {
        let mut sum = Zeroizing::new(Witness::default());
        self.witnesses.expose().iter().for_each(|witness| xor(&mut sum, witness, Choice::from(1)));
        sum
    }
}

/// The sum of all left and of all right children.
fn sums(children: &Nodes) -> Zeroizing<[Seed; 2]> {
    let mut sums = Zeroizing::new([Seed::default(); 2]);
    for pair in children.expose().as_chunks::<2>().0 {
        sums.iter_mut().zip(pair).for_each(|(sum, child)| xor(sum, child, Choice::from(1)));
    }
    sums
}

/// Adds `b` to `a` if `choice` is set, in constant time.
fn xor<const N: usize>(a: &mut [u8; N], b: &[u8; N], choice: Choice) {
    let zero = 0;
    a.iter_mut().zip(b).for_each(|(a, b)| *a ^= u8::conditional_select(&zero, b, choice));
}

impl Proof {
    fn to_bytes(self) -> [u8; PROOF] {
        let mut bytes = [0; PROOF];
        let fields = self.corrections.as_flattened().as_flattened().iter().chain(&self.sum).chain(&self.hash);
        bytes.iter_mut().zip(fields).for_each(|(byte, field)| *byte = *field);
        bytes
    }

    fn from_bytes(bytes: &[u8; PROOF]) -> Self {
        let mut proof = Self { corrections: [[Seed::default(); 2]; LEVELS - 1], sum: [0; 32], hash: [0; 32] };
        let corrections = proof.corrections.as_flattened_mut().as_flattened_mut().iter_mut();
        corrections.chain(&mut proof.sum).chain(&mut proof.hash).zip(bytes).for_each(|(field, byte)| *field = *byte);
        proof
    }
}
