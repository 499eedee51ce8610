//! The account of a TON wallet: the hash of its contract's code and first data.
//!
//! Spec: TON documentation, "Cell and bag of cells" (representation hash); the code hashes are those of the published contracts.

use alloc::vec::Vec;

use crate::{AddressOptions, Network, TonVersion, TonWallet, hash};

/// Hash and depth of a contract's code cell.
struct Code {
    hash: [u8; 32],
    depth: u16,
}

const V3R2: Code = Code {
    hash: [
        0x84, 0xda, 0xfa, 0x44, 0x9f, 0x98, 0xa6, 0x98, 0x77, 0x89, 0xba, 0x23, 0x23, 0x58, 0x07, 0x2b, 0xc0, 0xf7, 0x6d, 0xc4,
        0x52, 0x40, 0x02, 0xa5, 0xd0, 0x91, 0x8b, 0x9a, 0x75, 0xd2, 0xd5, 0x99,
    ],
    depth: 0,
};
const V4R2: Code = Code {
    hash: [
        0xfe, 0xb5, 0xff, 0x68, 0x20, 0xe2, 0xff, 0x0d, 0x94, 0x83, 0xe7, 0xe0, 0xd6, 0x2c, 0x81, 0x7d, 0x84, 0x67, 0x89, 0xfb,
        0x4a, 0xe5, 0x80, 0xc8, 0x78, 0x86, 0x6d, 0x95, 0x9d, 0xab, 0xd5, 0xc0,
    ],
    depth: 7,
};
const V5R1: Code = Code {
    hash: [
        0x20, 0x83, 0x4b, 0x7b, 0x72, 0xb1, 0x12, 0x14, 0x7e, 0x1b, 0x2f, 0xb4, 0x57, 0xb8, 0x4e, 0x74, 0xd1, 0xa3, 0x0f, 0x04,
        0xf7, 0x37, 0xd4, 0xf6, 0x2a, 0x66, 0x8e, 0x95, 0x52, 0xd2, 0xb7, 0x2f,
    ],
    depth: 6,
};

/// What wallets of versions 3 and 4 are numbered from, plus their workchain.
const WALLET_ID: u32 = 698_983_191;

/// The workchain and the account's hash.
pub(super) fn account(options: &AddressOptions, key: &[u8]) -> Vec<u8> {
    let wallet = &options.ton;
    let (code, data) = match wallet.version {
        TonVersion::V3R2 => (V3R2, data_v3(wallet, key)),
        TonVersion::V4R2 => (V4R2, data_v4(wallet, key)),
        TonVersion::V5R1 => (V5R1, data_v5(options.network, wallet, key)),
    };
    // Two references; five bits: no split depth, not special, code, data, no library; then the completion tag.
    let mut state = Vec::from([2, 1, 0b0011_0100]);
    state.extend(code.depth.to_be_bytes());
    state.extend([0, 0]); // the data has no references
    state.extend(code.hash);
    state.extend(hash::sha256(&data));
    let mut account = wallet.workchain.to_be_bytes().to_vec();
    account.extend(hash::sha256(&state));
    account
}

/// A cell's head: no references; the length in half bytes, as twice the whole bytes, and one more if the last is not.
const WHOLE_BYTES: [u8; 2] = [0, 80];
const SOME_BITS_MORE: [u8; 2] = [0, 81];

/// Number, wallet id, key.
fn data_v3(wallet: &TonWallet, key: &[u8]) -> Vec<u8> {
    let id = wallet.wallet_id.unwrap_or_else(|| WALLET_ID.wrapping_add_signed(wallet.workchain.into()));
    [&WHOLE_BYTES, [0; 4].as_slice(), &id.to_be_bytes(), key].concat()
}

/// The same, and no plugins.
fn data_v4(wallet: &TonWallet, key: &[u8]) -> Vec<u8> {
    let v3 = data_v3(wallet, key);
    [&SOME_BITS_MORE, v3.get(2..).unwrap_or_default(), &[0b0100_0000]].concat()
}

/// Signatures allowed, number, wallet id, key, no extensions: 322 bits, all shifted by the first.
fn data_v5(network: Network, wallet: &TonWallet, key: &[u8]) -> Vec<u8> {
    let id = wallet.wallet_id.unwrap_or_else(|| wallet_id_v5(network, wallet.workchain));
    let bytes = [[0; 4].as_slice(), &id.to_be_bytes(), key, &[0b0100_0000]].concat();
    let mut carried = 0b1000_0000;
    let shifted = bytes.iter().map(|byte| {
        let shifted = carried | byte >> 1;
        carried = byte << 7;
        shifted
    });
    SOME_BITS_MORE.into_iter().chain(shifted).collect()
}

/// The network's number, exclusive or a context: a client's, the workchain, version 0, wallet 0.
///
/// Spec: wallet-contract-v5, "Wallet id".
fn wallet_id_v5(network: Network, workchain: i8) -> u32 {
    let global: u32 = if network == Network::Mainnet { 0xffff_ff11 } else { 0xffff_fffd };
    let [workchain] = workchain.to_be_bytes();
    global ^ (1 << 31 | u32::from(workchain) << 23)
}
