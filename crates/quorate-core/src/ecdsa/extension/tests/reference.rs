//! The extension once more, bit by bit and by definition, as an oracle; and digests that notice a change of format.

use super::*;
use aes::{
    Aes128,
    cipher::{BlockCipherEncrypt, KeyInit},
};
use sha2::{Digest, Sha256};

type Row = Vec<bool>;

fn bits(bytes: &[u8]) -> Row {
    (0..bytes.len() * 8).map(|index| bit(bytes, index)).collect()
}

fn bytes(row: &[bool]) -> Vec<u8> {
    row.chunks(8).map(|bits| bits.iter().enumerate().map(|(i, bit)| u8::from(*bit) << i).sum()).collect()
}

fn sum(a: &[bool], b: &[bool]) -> Row {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| a ^ b).collect()
}

fn permute(key: &Block, block: &Block) -> Block {
    let mut block = (*block).into();
    Aes128::new(&(*key).into()).encrypt_block(&mut block);
    block.into()
}

fn tmmo(key: &Block, input: &Block, tweak: &Block) -> Block {
    let once = permute(key, input);
    let mut tweaked = once;
    tweaked.iter_mut().zip(tweak).for_each(|(byte, tweak)| *byte ^= tweak);
    let mut twice = permute(key, &tweaked);
    twice.iter_mut().zip(once).for_each(|(byte, once)| *byte ^= once);
    twice
}

/// Block `index` of a leaf: the tweak is the block's number in 4 bytes, lowest first, then x, then the tree.
pub(super) fn prg(key: &Block, leaf: &Block, tree: usize, x: usize, index: usize) -> Block {
    let mut tweak = [0; 16];
    tweak[..4].copy_from_slice(&(index as u32).to_le_bytes());
    (tweak[4], tweak[5]) = (x as u8, tree as u8);
    tmmo(key, leaf, &tweak)
}

/// Nine blocks: the tweak is the column's number in 8 bytes, lowest first, then the block.
fn pad(key: &Block, input: &[bool], column: usize) -> Vec<u8> {
    let input = bytes(input).try_into().unwrap();
    let mut tweak = [0; 16];
    tweak[..8].copy_from_slice(&(column as u64).to_le_bytes());
    (0..9)
        .flat_map(|block| {
            tmmo(key, &input, &{
                tweak[8] = block;
                tweak
            })
        })
        .collect()
}

/// a·b·x^−128 in GF(2)[x] / (x^128 + x^127 + x^126 + x^121 + 1), RFC 8452 section 3.
fn dot(a: &[bool], b: &[bool]) -> Row {
    let mut product = vec![false; 256];
    for i in 0..128 {
        for j in 0..128 {
            product[i + j] ^= a[i] & b[j];
        }
    }
    for low in 0..128 {
        if product[low] {
            [0, 121, 126, 127, 128].iter().for_each(|power| product[low + power] ^= true);
        }
    }
    product.split_off(128)
}

fn polyval(key: &[bool], row: &[bool]) -> Row {
    row.chunks(128).fold(vec![false; 128], |hash, block| dot(&sum(&hash, block), key))
}

/// What both sides come to.
struct Reference {
    message: Vec<u8>,
    choices: Row,
    gamma: Vec<Vec<u8>>,
    alpha: [Vec<Vec<u8>>; 2],
}

fn labelled(label: Label, subject: &Subject<'_>) -> Hash {
    Hash::new(label)
        .field(&CONTEXT)
        .field(&PAIRING)
        .field(&[0, 2])
        .field(&[0, 1])
        .field(&NONCE)
        .field(&(subject.batch as u64).to_be_bytes())
}

fn reference(delta: &[u8; TREES], leaves: &[[Block; LEAVES]; TREES], subject: &Subject<'_>) -> Reference {
    let data_blocks = (416 * subject.batch).div_ceil(128);
    let key: Block = labelled(domain::EXTENSION_PRG, subject).finish()[..16].try_into().unwrap();
    let stretched = |tree: usize, x: usize| -> Row {
        bits(&(0..=data_blocks).flat_map(|index| prg(&key, &leaves[tree][x], tree, x, index)).collect::<Vec<_>>())
    };
    let zero = vec![false; (data_blocks + 1) * 128];
    let all = (0..16).collect::<Vec<usize>>();
    let total = |tree: usize, which: &dyn Fn(usize) -> bool| {
        all.iter().filter(|x| which(**x)).fold(zero.clone(), |row, x| sum(&row, &stretched(tree, *x)))
    };
    let sums: Vec<Row> = (0..32).map(|tree| total(tree, &|_| true)).collect();
    let x = &sums[0];
    let corrections: Vec<Row> = sums.iter().map(|u| sum(u, x)).collect();

    // v = Σ x·r_x, and w = Σ (x ⊕ Δ)·r_x ⊕ Δ·correction, which the missing leaf does not enter.
    let (mut v, mut w) = (Vec::new(), Vec::new());
    for tree in 0..32 {
        let nibble = usize::from(delta[tree]);
        for bit in [8, 4, 2, 1] {
            v.push(total(tree, &|x| x & bit != 0));
            let known = total(tree, &|x| (x ^ nibble) & bit != 0);
            w.push(if nibble & bit != 0 { sum(&known, &corrections[tree]) } else { known });
        }
    }
    let sent: Vec<u8> = corrections[1..].iter().flat_map(|row| bytes(row)).collect();
    let challenge = labelled(domain::EXTENSION_CHECK, subject).field(&sent).finish();
    let chi = bits(&challenge[..16]);
    let hashes: Vec<u8> = v.iter().flat_map(|row| bytes(&polyval(&chi, row))).collect();
    let digest = Hash::new(domain::EXTENSION_ROWS).field(&challenge[..16]).field(&hashes).finish();
    let message = [&NONCE[..], &sent, &bytes(&polyval(&chi, x)), &digest].concat();

    let delta_bits: Row = delta.iter().flat_map(|nibble| [8, 4, 2, 1].map(|bit| nibble & bit != 0)).collect();
    let column = |rows: &[Row], j: usize| -> Row { rows.iter().map(|row| row[j]).collect() };
    let columns = 0..416 * subject.batch;
    let gamma = columns.clone().map(|j| pad(&KEY, &column(&v, j), j)).collect();
    let alpha0 = columns.clone().map(|j| pad(&KEY, &column(&w, j), j)).collect();
    let alpha1 = columns.map(|j| pad(&KEY, &sum(&column(&w, j), &delta_bits), j)).collect();
    Reference { message, choices: x.clone(), gamma, alpha: [alpha0, alpha1] }
}

#[test]
fn schoolbook_polyval_meets_rfc_8452() {
    let read = |text: &str| bits(&hex::decode(text).unwrap());
    let row = [read("4f4f95668c83dfb6401762bb2d01a262"), read("d1a24ddd2721d006bbe45f20d3c9f362")].concat();
    let hash = polyval(&read("25629347589242761d31f826ba4b757b"), &row);
    assert_eq!(hash, read("f7a3b47b846119fae5b7866cf5e5b77e"));
}

#[test]
fn extension_equals_its_definition_bit_by_bit() {
    for batch in [1, 2, 5, 64] {
        let (sender, receiver) = seeds(70 + batch as u64);
        let expected = reference(sender.delta.expose(), receiver.leaves.expose(), &subject(batch));
        let (ours, message) = choose(&receiver, &subject(batch), NONCE);
        assert_eq!(message, expected.message);
        let theirs = check(&sender, &subject(batch), &message).ok().unwrap();
        for k in 0..batch {
            assert_eq!(bits(&*ours.choices(k).unwrap()), expected.choices[416 * k..416 * (k + 1)]);
            ours.pads(k, &KEY, |j, pad| assert_eq!(pad[..], expected.gamma[416 * k + j])).unwrap();
            let check = |j: usize, zero: &[u8; 144], one: &[u8; 144]| {
                assert_eq!([&zero[..], &one[..]], [&expected.alpha[0][416 * k + j][..], &expected.alpha[1][416 * k + j]]);
            };
            theirs.pads(k, &KEY, check).unwrap();
        }
    }
}

#[test]
fn message_and_pads_keep_their_known_digests() {
    for (batch, known) in [
        (
            1,
            [
                "c9880c32aa1bdbfc9fdc02df5b7b04f7ce1522d12a4113a933fc3378301358ee",
                "fe146951bc2079b2ad6077ce04f96627d53d075f0e732dcb9aedb259ed95b2b4",
                "177a649b5089234939f99f76a850874b56b02c3614da5c9a827087f8a23ff312",
            ],
        ),
        (
            64,
            [
                "5bf5f249af84b8c01ed0d4fc1d216c6576fa47c5c84e97938f7b2da000a54369",
                "5c88f596aa213bdb83e55837a828b06aad1e7333a66f227c0d5b64575a1b24a9",
                "169b4b076f16b9046dd26d6d25aa389e7f821bdf283c40ec31a024396ca74e95",
            ],
        ),
    ] {
        let (sender, receiver) = fixed_seeds();
        let (ours, message) = choose(&receiver, &subject(batch), NONCE);
        let theirs = check(&sender, &subject(batch), &message).ok().unwrap();
        let [mut received, mut sent] = [Sha256::new(), Sha256::new()];
        for k in 0..batch {
            received.update(*ours.choices(k).unwrap());
            ours.pads(k, &KEY, |_, pad| received.update(pad)).unwrap();
            theirs.pads(k, &KEY, |_, zero, one| sent.update([*zero, *one].as_flattened())).unwrap();
        }
        let found = [Sha256::digest(&message), received.finalize(), sent.finalize()].map(hex::encode);
        assert_eq!(found.each_ref().map(|digest| digest.as_str()), known);
    }
}

/// Seeds that no generator makes, so that the digests outlive it.
fn fixed_seeds() -> (SenderSeeds, ReceiverSeeds) {
    let delta = core::array::from_fn(|tree| Sha256::digest([b'd', tree as u8])[0] & 15);
    let leaf = |tree: usize, x: usize| Sha256::digest([b'l', tree as u8, x as u8])[..16].try_into().unwrap();
    from_leaves(delta, core::array::from_fn(|tree| core::array::from_fn(|x| leaf(tree, x))))
}
