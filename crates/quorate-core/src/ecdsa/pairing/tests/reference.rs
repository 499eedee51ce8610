//! The protocol once more, slowly and from the formulas, with its own framing of hashes; and digests that fix the format.

use alloc::string::String;

use curve25519_dalek::{RistrettoPoint, Scalar, ristretto::CompressedRistretto};
use sha2::{Digest, Sha256, Sha512};

use super::*;

/// A label and fields, each framed by 1 and its length. A list's head is 2 and a count.
struct Bytes(Vec<u8>);

impl Bytes {
    fn new(label: &str) -> Self {
        Self(Vec::new()).field(alloc::format!("quorate/1/{label};").as_bytes())
    }

    fn of(label: &str, direction: &Direction) -> Self {
        let number = |identifier: Identifier| identifier.to_u16().to_be_bytes();
        Self::new(label).field(direction.context.as_bytes()).field(&number(direction.sender)).field(&number(direction.receiver))
    }

    fn field(mut self, bytes: &[u8]) -> Self {
        self.0.push(1);
        self.0.extend((bytes.len() as u32).to_be_bytes());
        self.0.extend(bytes);
        self
    }

    fn list(mut self, count: u32) -> Self {
        self.0.push(2);
        self.0.extend(count.to_be_bytes());
        self
    }

    fn sha256(self) -> [u8; 32] {
        Sha256::digest(self.0).into()
    }

    fn sha512(self) -> [u8; 64] {
        Sha512::digest(self.0).into()
    }
}

fn point(bytes: &[u8; 32]) -> RistrettoPoint {
    CompressedRistretto(*bytes).decompress().unwrap()
}

fn hash_to_point(direction: &Direction, transfer: usize, choice: usize, other: &[u8; 32]) -> RistrettoPoint {
    let bytes = Bytes::of("pairing/point", direction).field(&[transfer as u8, choice as u8]).field(other).sha512();
    RistrettoPoint::from_uniform_bytes(&bytes)
}

fn key(
    direction: &Direction,
    offer: &[u8; 32],
    (transfer, choice): (usize, usize),
    pair: &[[u8; 32]; 2],
    shared: RistrettoPoint,
) -> [u8; 16] {
    let bytes = Bytes::of("pairing/key", direction)
        .field(offer)
        .field(&[transfer as u8, choice as u8])
        .field(&pair[0])
        .field(&pair[1])
        .field(shared.compress().as_bytes());
    bytes.sha256()[..16].try_into().unwrap()
}

/// A node by the bits of its path; the key of the first transfer stands at the top.
fn node(direction: &Direction, tree: usize, keys: &[[[u8; 16]; 2]], path: &[usize]) -> [u8; 16] {
    let (last, above) = path.split_last().unwrap();
    if above.is_empty() {
        return keys[4 * tree][*last];
    }
    let number = above.iter().fold(0, |sum, bit| 2 * sum + bit);
    let parent = node(direction, tree, keys, above);
    let place = [tree as u8, above.len() as u8, number as u8];
    let both = Bytes::of("pairing/tree", direction).field(&place).field(&parent).sha256();
    both[16 * last..16 * last + 16].try_into().unwrap()
}

fn path(number: usize, length: usize) -> Vec<usize> {
    (0..length).rev().map(|shift| number >> shift & 1).collect()
}

/// A leaf, and what it is proved with.
fn leaf(direction: &Direction, tree: usize, keys: &[[[u8; 16]; 2]], number: usize) -> ([u8; 16], [u8; 32]) {
    let place = [tree as u8, 4, number as u8];
    let value = node(direction, tree, keys, &path(number, 4));
    let both = Bytes::of("pairing/tree", direction).field(&place).field(&value).sha512();
    (both[..16].try_into().unwrap(), both[16..48].try_into().unwrap())
}

fn add<const N: usize>(a: [u8; N], b: [u8; N]) -> [u8; N] {
    core::array::from_fn(|i| a[i] ^ b[i])
}

/// What R sends for one tree.
fn proof(direction: &Direction, tree: usize, keys: &[[[u8; 16]; 2]]) -> Vec<u8> {
    let mut out = Vec::new();
    for level in 1..4 {
        for side in 0..2 {
            let nodes = (0..1 << level).map(|above| node(direction, tree, keys, &path(2 * above + side, level + 1)));
            out.extend(nodes.fold(keys[4 * tree + level][side], add));
        }
    }
    let witnesses: Vec<_> = (0..16).map(|number| leaf(direction, tree, keys, number).1).collect();
    out.extend(witnesses.iter().copied().fold([0; 32], add));
    let head = Bytes::of("pairing/proof", direction).field(&[tree as u8]).list(16);
    out.extend(witnesses.iter().fold(head, |bytes, witness| bytes.field(witness)).sha256());
    out
}

fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

#[test]
fn fixed_transfers_match_the_formulas() {
    let (direction, offer) = (direction(), offer(1));
    let (chosen, points) = chosen(&offer, 2);
    let both = offer.keys(&direction, &points).unwrap();
    // The same draws in the same order.
    let a: Scalar = Hedged::fixed([1; 32]).scalar::<crate::curve::Ed25519>();
    assert_eq!(offer.public(), RistrettoPoint::mul_base(&a).compress().as_bytes());
    let mut hedged = Hedged::fixed([2; 32]);
    let delta = hedged.bytes().map(|byte| byte % 16);
    assert_eq!(*chosen.delta.expose(), delta);
    for transfer in 0..128 {
        let choice = usize::from(delta[transfer / 4] >> (3 - transfer % 4) & 1 == 0);
        let random = RistrettoPoint::from_uniform_bytes(&hedged.wide()).compress().to_bytes();
        let y: Scalar = hedged.scalar::<crate::curve::Ed25519>();
        let pair = &points[transfer];
        assert_eq!(pair[1 - choice], random);
        let x = [0, 1].map(|b| point(&pair[b]) + hash_to_point(&direction, transfer, b, &pair[1 - b]));
        assert_eq!(x[choice], RistrettoPoint::mul_base(&y));
        for (b, x) in x.iter().enumerate() {
            assert_eq!(both.expose()[transfer][b], key(&direction, offer.public(), (transfer, b), pair, x * a));
        }
        let shared = point(offer.public()) * y;
        assert_eq!(chosen.keys.expose()[transfer], key(&direction, offer.public(), (transfer, choice), pair, shared));
    }
    let fixed = [
        "6c9e4799b0acf84e4c1791e39a8d83f0df854a97c828af01ca65e328a7342fb6",
        "f52a07b397a36fdfeafcf205039aa8b56fad47887972a1ad5a79926c972a1cb8",
        "06b0d9c072f0cc5fe0a930ad04fb39cdb7d2e950f07b4089862de91b6b89294c",
    ];
    assert_eq!(
        [&offer.public()[..], points.as_flattened().as_flattened(), both.expose().as_flattened().as_flattened()].map(digest),
        fixed
    );
}

#[test]
fn fixed_trees_match_the_formulas() {
    let (direction, offer) = (direction(), offer(1));
    let (chosen, points) = chosen(&offer, 2);
    let both = offer.keys(&direction, &points).unwrap();
    let (receiver, proofs) = tree::grow(&direction, both.expose());
    for tree in 0..TREES {
        for number in 0..LEAVES {
            assert_eq!(receiver.leaves.expose()[tree][number], leaf(&direction, tree, both.expose(), number).0);
        }
        assert_eq!(proofs[160 * tree..160 * (tree + 1)], proof(&direction, tree, both.expose()));
    }
    let Chosen { delta, keys } = chosen;
    let sender = tree::puncture(&direction, delta, keys.expose(), &proofs).unwrap();
    assert_consistent(&sender, &receiver);
    let fixed = [
        "d1aeb10fec73bd3acc993168fd31a0ac9497559161477b9a1cb651cad015fe35",
        "a1d5b2b4fd05c96a79f1583868941543bc029e5734dc2bc571b54cccb71ee15b",
    ];
    assert_eq!([&proofs[..], receiver.leaves.expose().as_flattened().as_flattened()].map(digest), fixed);
}

#[test]
fn id_and_zero_key_match_the_formulas() {
    let mut said = BTreeMap::from([(1, Vec::new()), (2, Vec::new())]);
    let outcome = run([start(1), start(2)], |from, _, bytes| said.get_mut(&from).unwrap().push(bytes[HEADER..].to_vec()));
    let [first, second] = outcome.map(Result::unwrap);
    let context = {
        let roster = [1u16, 2]
            .iter()
            .fold(Bytes::new("roster").list(2), |bytes, number| bytes.field(&number.to_be_bytes()).field(&[*number as u8; 32]));
        let head = Bytes::new("pairing/session").field(&[1, 5]).field(&[7; 32]).field(&roster.sha256()).list(2);
        let sides = [1u16, 2].iter().fold(head, |bytes, number| {
            let boot = [&u64::from(*number).to_be_bytes()[..], &[*number as u8; 16]].concat();
            bytes.field(&number.to_be_bytes()).field(&[*number as u8; 32]).field(&boot)
        });
        sides.sha256()
    };
    let seeds = |bytes: Bytes| bytes.field(&said[&1][0][32..]).field(&said[&2][0][32..]).sha256();
    let mut absent = Bytes::new("pairing/zero");
    absent.0.push(0);
    let mut id = Bytes::new("pairing/id").field(&context).field(&seeds(absent.field(&context)));
    for (number, said) in &said {
        let side = Bytes::new("pairing/id").field(&context).field(&number.to_be_bytes()).list(3);
        id = id.field(&side.field(&said[0][..32]).field(&said[1]).field(&said[2]).sha256());
    }
    let id = id.sha256();
    assert_eq!((first.id, second.id), (id, id));
    assert_eq!(*first.zero_key.expose(), seeds(Bytes::new("pairing/zero").field(&id)));
}
