//! What an address encodes of a key: the key itself, a hash of it, or of a script or contract around it.

use alloc::vec::Vec;

use crate::{AddressOptions, Curve, VerifyingKey, chain::Row, error::AddressError, hash, taproot, text::filecoin};

mod ton;

/// How a chain makes the bytes of an address.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Payload {
    /// HASH160 of the key as it was given.
    Hash160,
    /// HASH160 of the compressed key, the only one that can spend.
    Hash160Compressed,
    /// The script of P2SH around P2WPKH.
    NestedWitness,
    Ripple,
    Taproot,
    /// RIPEMD-160 of BLAKE-256.
    Decred,
    /// BLAKE2b-160 of the compressed key.
    Handshake,
    /// The last 20 bytes of Keccak-256 of the coordinates.
    Evm,
    /// The last 20 bytes of SHA3-256 of the coordinates.
    Icon,
    /// RIPEMD-160 of SHA3-256 of the uncompressed key.
    Nebulas,
    Filecoin,
    FilecoinEvm,
    /// The key.
    Key,
    /// RIPEMD-160 of the key.
    Ripemd,
    Tezos,
    Nervos,
    Kaspa,
    Aptos,
    Sui,
    Starcoin,
    SiaConditions,
    SiaPolicy,
    IcAccount,
    IcPrincipal,
    Nem,
    /// HASH160 of a script: what stands before the key in it, and after.
    NeoScript(&'static [u8], &'static [u8]),
    Cardano,
    CardanoBase,
    Hedera,
    Oasis,
    /// The first 20 bytes of BLAKE2b-256.
    Nimiq,
    /// RIPEMD-160 of BLAKE2b-256.
    Pactus,
    Substrate,
    Ton,
}

/// `secp256k1_blake160_sighash_all` by the hash of its type, as a full address begins. Spec: RFC 24 of Nervos.
pub(crate) const NERVOS_LOCK: [u8; 34] = [
    0x00, 0x9b, 0xd7, 0xe0, 0x6f, 0x3e, 0xcf, 0x4b, 0xe0, 0xf2, 0xfc, 0xd2, 0x18, 0x8b, 0x23, 0xf1, 0xb9, 0xfc, 0xc8, 0x8e, 0x5d,
    0x4b, 0x65, 0xa8, 0x63, 0x7b, 0x17, 0x72, 0x3b, 0xbd, 0xa3, 0xcc, 0xe8, 0x01,
];

/// Keys in DER: RFC 5480 and RFC 8410, up to the key itself.
const DER_SECP256K1: &[u8] = &[
    0x30, 0x56, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a, 0x03,
    0x42, 0x00,
];
const DER_P256: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03,
    0x01, 0x07, 0x03, 0x42, 0x00,
];
const DER_ED25519: &[u8] = &[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// Hedera's own short form of an ECDSA key.
const DER_HEDERA_ECDSA: &[u8] = &[0x30, 0x2d, 0x30, 0x07, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a, 0x03, 0x22, 0x00];
/// What stands before the keys that Hedera knows.
pub(crate) const HEDERA_PREFIXES: &[&[u8]] = &[DER_ED25519, DER_HEDERA_ECDSA];

impl Payload {
    /// The bytes that the text codec spells.
    pub(crate) fn of(self, row: &Row, options: &AddressOptions, key: &VerifyingKey) -> Result<Vec<u8>, AddressError> {
        let bytes = key.as_bytes();
        if key.as_given().len() == 65 && matches!(self, Self::Hash160Compressed | Self::NestedWitness) {
            return Err(AddressError::Uncompressed { chain: row.name });
        }
        Ok(match self {
            Self::Hash160 => hash::hash160(key.as_given()).to_vec(),
            Self::Hash160Compressed => hash::hash160(bytes).to_vec(),
            Self::NestedWitness => hash::hash160(&[&[0x00, 0x14], hash::hash160(bytes).as_slice()].concat()).to_vec(),
            // XRP Ledger: an Ed25519 key has a byte in front that no other key begins with.
            Self::Ripple if key.curve() == Curve::Ed25519 => hash::hash160(&tagged(0xed, bytes)).to_vec(),
            Self::Ripple => hash::hash160(bytes).to_vec(),
            Self::Taproot => taproot_output(bytes)?,
            Self::Decred => hash::ripemd160(&hash::blake256(bytes)).to_vec(),
            Self::Handshake => hash::blake2b_160(bytes).to_vec(),
            Self::Evm => evm(key).to_vec(),
            Self::Icon => hash::last::<20>(&hash::sha3_256(key.coordinates())).to_vec(),
            Self::Nebulas => hash::ripemd160(&hash::sha3_256(key.as_uncompressed())).to_vec(),
            Self::Filecoin => tagged(1, &hash::blake2b_160(key.as_uncompressed())),
            Self::FilecoinEvm => delegated(10, &evm(key)),
            Self::Key => bytes.to_vec(),
            Self::Ripemd => hash::ripemd160(bytes).to_vec(),
            Self::Tezos => tezos(key),
            Self::Nervos => [NERVOS_LOCK.as_slice(), &hash::first::<20>(&hash::ckb(bytes))].concat(),
            Self::Kaspa => tagged(u8::from(key.curve() == Curve::Secp256k1), bytes),
            Self::Aptos => hash::sha3_256(&[bytes, &[0]].concat()).to_vec(),
            Self::Sui => hash::blake2b_256(&tagged(sui_flag(key.curve()), bytes)).to_vec(),
            Self::Starcoin => hash::last::<16>(&hash::sha3_256(&[bytes, &[0]].concat())).to_vec(),
            Self::SiaConditions => sia_conditions(bytes).to_vec(),
            Self::SiaPolicy => hash::blake2b_256(&[b"sia/address|\x01\x03", bytes].concat()).to_vec(),
            Self::IcAccount => hash::sha224(&[b"\x0aaccount-id", &principal(key), &options.subaccount]).to_vec(),
            Self::IcPrincipal => principal(key),
            Self::Nem => hash::ripemd160(&hash::keccak256(bytes)).to_vec(),
            Self::NeoScript(before, after) => hash::hash160(&[before, bytes, after].concat()).to_vec(),
            Self::Cardano => hash::blake2b_224(bytes).to_vec(),
            Self::CardanoBase => {
                let stake = options.stake_key.ok_or(AddressError::MissingOption { chain: row.name, option: "stake_key" })?;
                [hash::blake2b_224(bytes), hash::blake2b_224(&stake)].concat()
            }
            Self::Hedera => [if key.curve() == Curve::Ed25519 { DER_ED25519 } else { DER_HEDERA_ECDSA }, bytes].concat(),
            Self::Oasis => {
                let hashed = hash::sha512_256(&[b"oasis-core/address: staking\x00", bytes].concat());
                tagged(0, &hash::first::<20>(&hashed))
            }
            Self::Nimiq => hash::first::<20>(&hash::blake2b_256(bytes)).to_vec(),
            Self::Pactus => hash::ripemd160(&hash::blake2b_256(bytes)).to_vec(),
            Self::Substrate if key.curve() == Curve::Secp256k1 => hash::blake2b_256(bytes).to_vec(),
            Self::Substrate => bytes.to_vec(),
            Self::Ton => ton::account(options, bytes),
        })
    }
}

fn tagged(tag: u8, bytes: &[u8]) -> Vec<u8> {
    [&[tag], bytes].concat()
}

fn evm(key: &VerifyingKey) -> [u8; 20] {
    hash::last(&hash::keccak256(key.coordinates()))
}

fn taproot_output(key: &[u8]) -> Result<Vec<u8>, AddressError> {
    let key = key.try_into().map_err(|_| AddressError::NoOutputKey)?;
    Ok(taproot::output_key(key).ok_or(AddressError::NoOutputKey)?.to_vec())
}

/// Filecoin's protocol 4 under the actor of that number; 10 is the Ethereum address manager.
fn delegated(actor: u64, address: &[u8]) -> Vec<u8> {
    let mut payload = Vec::from([4]);
    filecoin::write_number(actor, &mut payload);
    payload.extend_from_slice(address);
    payload
}

/// tz1, tz2 or tz3, by curve.
fn tezos(key: &VerifyingKey) -> Vec<u8> {
    let last = match key.curve() {
        Curve::Secp256k1 | Curve::Bip340 => 0xa1,
        Curve::P256 => 0xa4,
        Curve::Ed25519 | Curve::Sr25519 => 0x9f,
    };
    [&[0x06, 0xa1, last], hash::blake2b_160(key.as_bytes()).as_slice()].concat()
}

/// The number of a scheme on Sui.
pub(crate) const fn sui_flag(curve: Curve) -> u8 {
    match curve {
        Curve::Secp256k1 | Curve::Bip340 => 1,
        Curve::P256 => 2,
        Curve::Ed25519 | Curve::Sr25519 => 0,
    }
}

/// A principal that authenticates itself: a hash of its key in DER, and a 2. Spec: IC interface specification, "Principals".
fn principal(key: &VerifyingKey) -> Vec<u8> {
    let der = match key.curve() {
        Curve::Secp256k1 | Curve::Bip340 => DER_SECP256K1,
        Curve::P256 => DER_P256,
        Curve::Ed25519 | Curve::Sr25519 => DER_ED25519,
    };
    [hash::sha224(&[der, key.as_uncompressed()]).as_slice(), &[2]].concat()
}

/// The Merkle root of Sia's unlock conditions: no time lock, one key, one signature.
fn sia_conditions(key: &[u8]) -> [u8; 32] {
    let leaf = |parts: &[&[u8]]| hash::blake2b_256(&[&[&[0_u8][..]], parts].concat().concat());
    let node = |left: [u8; 32], right: [u8; 32]| hash::blake2b_256(&[&[1], left.as_slice(), right.as_slice()].concat());
    let key = leaf(&[b"ed25519\0\0\0\0\0\0\0\0\0", &32_u64.to_le_bytes(), key]);
    node(node(leaf(&[&0_u64.to_le_bytes()]), key), leaf(&[&1_u64.to_le_bytes()]))
}
