//! The hash functions and checksums of all chains, each under the name that chains use for it.

use blake2::{
    Blake2b, Blake2b512, Blake2bMac,
    digest::{FixedOutput as _, Update, consts},
};
use ripemd::Ripemd160;
use sha2::{Digest, Sha224, Sha256, Sha512, Sha512_256};
use sha3::{Keccak256, Sha3_256};

mod blake256;

pub(crate) use blake256::blake256;

const CRC16_XMODEM: crc::Crc<u16> = crc::Crc::<u16>::new(&crc::CRC_16_XMODEM);
const CRC32: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC);

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// SHA-256 twice.
pub(crate) fn sha256d(bytes: &[u8]) -> [u8; 32] {
    sha256(&sha256(bytes))
}

pub(crate) fn sha224(parts: &[&[u8]]) -> [u8; 28] {
    let mut hash = Sha224::new();
    parts.iter().for_each(|part| Digest::update(&mut hash, part));
    hash.finalize().into()
}

/// The first half of SHA-512.
pub(crate) fn sha512_half(bytes: &[u8]) -> [u8; 32] {
    first(&<[u8; 64]>::from(Sha512::digest(bytes)))
}

/// SHA-512/256 of FIPS 180-4; not the first half of SHA-512.
pub(crate) fn sha512_256(bytes: &[u8]) -> [u8; 32] {
    Sha512_256::digest(bytes).into()
}

/// BIP-340's tagged hash.
pub(crate) fn tagged(tag: &str, parts: &[&[u8]]) -> [u8; 32] {
    let tag = sha256(tag.as_bytes());
    let mut hash = Sha256::new().chain_update(tag).chain_update(tag);
    parts.iter().for_each(|part| Digest::update(&mut hash, part));
    hash.finalize().into()
}

/// Keccak-256 with its original padding, as Ethereum has it; not SHA3-256.
pub(crate) fn keccak256(bytes: &[u8]) -> [u8; 32] {
    Keccak256::digest(bytes).into()
}

pub(crate) fn sha3_256(bytes: &[u8]) -> [u8; 32] {
    Sha3_256::digest(bytes).into()
}

pub(crate) fn ripemd160(bytes: &[u8]) -> [u8; 20] {
    Ripemd160::digest(bytes).into()
}

/// RIPEMD-160 of SHA-256.
pub(crate) fn hash160(bytes: &[u8]) -> [u8; 20] {
    ripemd160(&sha256(bytes))
}

pub(crate) fn blake2b_32(bytes: &[u8]) -> [u8; 4] {
    Blake2b::<consts::U4>::digest(bytes).into()
}

pub(crate) fn blake2b_160(bytes: &[u8]) -> [u8; 20] {
    Blake2b::<consts::U20>::digest(bytes).into()
}

pub(crate) fn blake2b_224(bytes: &[u8]) -> [u8; 28] {
    Blake2b::<consts::U28>::digest(bytes).into()
}

pub(crate) fn blake2b_256(bytes: &[u8]) -> [u8; 32] {
    Blake2b::<consts::U32>::digest(bytes).into()
}

pub(crate) fn blake2b_512(parts: &[&[u8]]) -> [u8; 64] {
    let mut hash = Blake2b512::new();
    parts.iter().for_each(|part| Digest::update(&mut hash, part));
    hash.finalize().into()
}

/// BLAKE2b-256 with a key, or with a personalisation of at most 16 bytes; nothing if they are too long.
pub(crate) fn blake2b_256_with(key: Option<&[u8]>, personal: &[u8], bytes: &[u8]) -> Option<[u8; 32]> {
    let mut hash = Blake2bMac::<consts::U32>::new_with_salt_and_personal(key, &[], personal).ok()?;
    Update::update(&mut hash, bytes);
    Some(hash.finalize_fixed().into())
}

/// Nervos' hash.
pub(crate) fn ckb(bytes: &[u8]) -> [u8; 32] {
    blake2b_256_with(None, b"ckb-default-hash", bytes).unwrap_or_default() // the personalisation has 16 bytes
}

pub(crate) fn crc16(bytes: &[u8]) -> u16 {
    CRC16_XMODEM.checksum(bytes)
}

pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    CRC32.checksum(bytes)
}

/// The first bytes of a hash.
pub(crate) fn first<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.first_chunk().copied().unwrap_or([0; N]) // hashes are long enough
}

/// The last bytes of a hash.
pub(crate) fn last<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.last_chunk().copied().unwrap_or([0; N]) // hashes are long enough
}
