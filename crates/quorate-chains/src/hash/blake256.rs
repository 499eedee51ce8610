//! BLAKE-256, the SHA-3 finalist that Decred hashes with; BLAKE2 is another function.
//!
//! Written from "SHA-3 proposal BLAKE", version 1.4, section 2.1, because the one crate that has it is of another generation. It is
//! tested with the submission's own vectors.

const IV: [u32; 8] = [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// The first digits of π.
const CONSTANTS: [u32; 16] = [
    0x243f_6a88,
    0x85a3_08d3,
    0x1319_8a2e,
    0x0370_7344,
    0xa409_3822,
    0x299f_31d0,
    0x082e_fa98,
    0xec4e_6c89,
    0x4528_21e6,
    0x38d0_1377,
    0xbe54_66cf,
    0x34e9_0c6c,
    0xc0ac_29b7,
    0xc97c_50dd,
    0x3f84_d5b5,
    0xb547_0917,
];

const SIGMA: [[usize; 16]; 10] = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
    [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
    [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
    [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
    [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
    [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
    [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
    [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
    [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
];

/// Columns, then diagonals.
const LANES: [[usize; 4]; 8] =
    [[0, 4, 8, 12], [1, 5, 9, 13], [2, 6, 10, 14], [3, 7, 11, 15], [0, 5, 10, 15], [1, 6, 11, 12], [2, 7, 8, 13], [3, 4, 9, 14]];

pub(crate) fn blake256(bytes: &[u8]) -> [u8; 32] {
    let mut state = IV;
    let (blocks, rest) = bytes.as_chunks::<64>();
    let mut hashed: u64 = 0;
    for block in blocks {
        hashed = hashed.wrapping_add(512);
        state = compress(&state, block, hashed);
    }
    let bits = hashed.wrapping_add(u64::try_from(rest.len()).unwrap_or_default().wrapping_mul(8));
    for (block, counter) in last_blocks(rest, bits) {
        state = compress(&state, &block, counter);
    }
    let mut digest = [0; 32];
    digest.iter_mut().zip(state.iter().flat_map(|word| word.to_be_bytes())).for_each(|(to, from)| *to = from);
    digest
}

/// §2.1.3: a one bit, zeros, a one bit, the length; in one block or two. A block without bits of the message has the counter 0.
fn last_blocks(rest: &[u8], bits: u64) -> impl Iterator<Item = ([u8; 64], u64)> {
    let fits = rest.len() < 56;
    let mut first = [0; 64];
    let mut last = [0; 64];
    first.iter_mut().zip(rest.iter().chain(&[0x80])).for_each(|(to, from)| *to = *from);
    let end = if fits { &mut first } else { &mut last };
    end.iter_mut().skip(55).zip([0x01].into_iter().chain(bits.to_be_bytes())).for_each(|(to, from)| *to |= from);
    let counter = if rest.is_empty() { 0 } else { bits };
    [Some((first, counter)), (!fits).then_some((last, 0))].into_iter().flatten()
}

/// §2.1.2, with the salt zero.
#[allow(clippy::indexing_slicing, reason = "the paper's own indices, all below 16, into arrays of 16")]
fn compress(state: &[u32; 8], block: &[u8; 64], counter: u64) -> [u32; 8] {
    let (words, _) = block.as_chunks::<4>();
    let mut message = [0; 16];
    message.iter_mut().zip(words).for_each(|(to, word)| *to = u32::from_be_bytes(*word));
    let [low, high] = [counter & 0xffff_ffff, counter >> 32].map(|half| u32::try_from(half).unwrap_or_default());

    let mut v = [0; 16];
    v.iter_mut().zip(state.iter().chain(&CONSTANTS)).for_each(|(to, from)| *to = *from);
    (v[12], v[13], v[14], v[15]) = (v[12] ^ low, v[13] ^ low, v[14] ^ high, v[15] ^ high);
    for sigma in SIGMA.iter().cycle().take(14) {
        for ([a, b, c, d], i) in LANES.into_iter().zip((0..16).step_by(2)) {
            let (j, k) = (sigma[i], sigma[i + 1]);
            v[a] = v[a].wrapping_add(v[b]).wrapping_add(message[j] ^ CONSTANTS[k]);
            v[d] = (v[d] ^ v[a]).rotate_right(16);
            v[c] = v[c].wrapping_add(v[d]);
            v[b] = (v[b] ^ v[c]).rotate_right(12);
            v[a] = v[a].wrapping_add(v[b]).wrapping_add(message[k] ^ CONSTANTS[j]);
            v[d] = (v[d] ^ v[a]).rotate_right(8);
            v[c] = v[c].wrapping_add(v[d]);
            v[b] = (v[b] ^ v[c]).rotate_right(7);
        }
    }
    let mut out = *state;
    for (i, word) in out.iter_mut().enumerate() {
        *word ^= v[i] ^ v[i + 8];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::blake256;

    #[test]
    fn blake256_gives_what_its_submission_prints() {
        assert_eq!(hex::encode(blake256(&[0])), "0ce8d4ef4dd7cd8d62dfded9d4edb0a774ae6a41929a74da23109e8f11139c87");
        assert_eq!(hex::encode(blake256(&[0; 72])), "d419bad32d504fb7d44d460c42c5593fe544fa4c135dec31e21bd9abdcc22d41");
    }

    #[test]
    fn blake256_pads_every_length_as_another_implementation_does() {
        // Of the bytes 0, 1, 2, …; made with the crate blake-hash 0.4.1, on both sides of each case of the padding.
        for (length, digest) in [
            (0, "716f6e863f744b9ac22c97ec7b76ea5f5908bc5b2f67c61510bfc4751384ea7a"),
            (1, "0ce8d4ef4dd7cd8d62dfded9d4edb0a774ae6a41929a74da23109e8f11139c87"),
            (54, "6df0b232d9b4e86db83389705549c7f562b0700f7832d8a45062c7a87f550b59"),
            (55, "d7ec78bc615d99e41d371cf6401449969144b5f789bde014a9aeafd8987257f2"),
            (56, "26ca422697c9fabc642129b1a5669be07fb0a3c31f14f1c7859e048ad5958e44"),
            (63, "cfce445066d35322557b432540bd2f0af4caf9f426568236d9944426a5df792a"),
            (64, "4432b2c1e983b0c326583516920f3949c2acf5d85a99353601228cab40c867bc"),
            (72, "51560c88358e235e718827f3432082b96eb5f7d83f22047dd5bf74d952565f46"),
            (119, "7271691baf3f4ea7795006522897316eccd614816fa4fe10c546c11e882ac016"),
            (120, "6b4831d9c2ab2403b17ce7063f804ce559db6951563678294acd9a0a418bab35"),
            (128, "70a7b33d6d251c06757362fa717d0b19ceb0ebdccf48300a98156b5bb6b8c9a5"),
            (300, "6dbebe14b631d0f5d2e2bac3960d28e82587250fe809b7df815038ccda7f8841"),
        ] {
            let bytes: Vec<u8> = (0..=255).cycle().take(length).collect();
            assert_eq!(hex::encode(blake256(&bytes)), digest, "{length}");
        }
    }
}
