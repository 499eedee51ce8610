//! Addresses that others write, and keys and signatures of any bytes, on every chain.

use quorate_chains::{
    Address, AddressOptions, Chain, EcdsaSignature, Family, Network, Signature, SigningOptions, VerifyingKey, address, chains,
    encode_signature,
};

/// A chain's name, a line's end, a digit for the network, and a text. What was read has one canonical text.
pub(crate) fn chain_address(data: &[u8]) {
    let Some((chain, text)) = chain_of(data) else { return };
    let Some((network, Ok(text))) = text.split_first().map(|(network, text)| (network, core::str::from_utf8(text))) else {
        return;
    };
    let network = Network::ALL.into_iter().nth(usize::from(network % 3)).unwrap_or_default();
    let options = AddressOptions::on(network);
    match Address::parse(chain, text, &options) {
        Ok(read) => assert_eq!(Address::parse(chain, read.as_str(), &options), Ok(read)),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// Whether it is an address of the main network.
pub(crate) fn reads(data: &[u8]) -> bool {
    let text = chain_of(data).and_then(|(chain, text)| Some((chain, core::str::from_utf8(text.split_first()?.1).ok()?)));
    text.is_some_and(|(chain, text)| Address::parse(chain, text, &AddressOptions::default()).is_ok())
}

/// The chain that the first line names, and what follows it.
fn chain_of(data: &[u8]) -> Option<(Chain, &[u8])> {
    let end = data.iter().position(|byte| *byte == b'\n')?;
    let (name, rest) = data.split_at(end);
    Some((core::str::from_utf8(name).ok()?.parse().ok()?, rest.split_first()?.1))
}

/// A chain's name, a line's end, 65 bytes of key, and 65 of signature.
pub(crate) fn chain_key(data: &[u8]) {
    let Some((chain, rest)) = chain_of(data) else { return };
    let (key, signature) = rest.split_at_checked(65).unwrap_or((rest, &[]));
    for curve in chain.curves() {
        for length in [32, 33, 65] {
            let Some(Ok(key)) = key.get(..length).map(|key| VerifyingKey::new(*curve, key)) else { continue };
            let options = AddressOptions::default().with_stake_key([1; 32]);
            let Ok(made) = address(chain, &key, &options) else { continue };
            assert_eq!(Address::parse(chain, made.as_str(), &options), Ok(made));
        }
    }
    signatures(chain, signature);
}

fn signatures(chain: Chain, bytes: &[u8]) {
    let Ok(bytes) = <&[u8; 65]>::try_from(bytes) else { return };
    let [numbers @ .., id] = bytes;
    let Some((r, s)) = numbers.split_first_chunk::<32>() else { return };
    let s = s.try_into().unwrap_or([0; 32]);
    let both = [EcdsaSignature::secp256k1(*r, s, Some(*id)), EcdsaSignature::p256(*r, s, Some(*id))];
    let ecdsa = both.into_iter().flatten().map(Signature::from);
    for signature in ecdsa.chain([Signature::Ed25519(*numbers), Signature::Bip340(*numbers)]) {
        if let Ok(encoded) = encode_signature(chain, &signature, &SigningOptions::default()) {
            assert!(encoded.as_bytes().len() >= 8 && !encoded.as_text().is_empty());
        }
    }
}

/// An address of each family and of each chain that is one of its own.
pub(crate) fn addresses() -> Vec<(String, Vec<u8>)> {
    let short = [&[3], &GENERATOR[..32]].concat();
    let of = |chain: Chain| {
        let options = AddressOptions::default().with_stake_key([1; 32]);
        let key = |curve| VerifyingKey::new(curve, &short).or_else(|_| VerifyingKey::new(curve, &GENERATOR[..32])).ok();
        let made = chain.curves().iter().find_map(|curve| address(chain, &key(*curve)?, &options).ok())?;
        Some((chain.name().to_owned(), format!("{chain}\n0{made}").into_bytes()))
    };
    let names = [
        "bitcoin",
        "bitcoin-p2pkh",
        "bitcoin-p2tr",
        "bitcoin-cash",
        "decred",
        "kaspa",
        "ethereum",
        "cosmos-hub",
        "eos",
        "polkadot",
    ];
    let wanted = |chain: &Chain| chain.family() == Family::Own || names.contains(&chain.name());
    chains().filter(wanted).filter_map(of).collect()
}

/// A key and a signature for some chains.
pub(crate) fn keys() -> Vec<(String, Vec<u8>)> {
    let of = |name: &str| (name.to_owned(), [name.as_bytes(), b"\n\x04", &GENERATOR, &[0x01; 65]].concat());
    ["bitcoin", "ethereum", "eos", "ripple", "tezos", "kaspa"].map(of).into()
}

/// x and y of secp256k1's generator.
const GENERATOR: [u8; 64] = [
    0x79, 0xbe, 0x66, 0x7e, 0xf9, 0xdc, 0xbb, 0xac, 0x55, 0xa0, 0x62, 0x95, 0xce, 0x87, 0x0b, 0x07, 0x02, 0x9b, 0xfc, 0xdb, 0x2d,
    0xce, 0x28, 0xd9, 0x59, 0xf2, 0x81, 0x5b, 0x16, 0xf8, 0x17, 0x98, 0x48, 0x3a, 0xda, 0x77, 0x26, 0xa3, 0xc4, 0x65, 0x5d, 0xa4,
    0xfb, 0xfc, 0x0e, 0x11, 0x08, 0xa8, 0xfd, 0x17, 0xb4, 0x48, 0xa6, 0x85, 0x54, 0x19, 0x9c, 0x47, 0xd0, 0x8f, 0xfb, 0x10, 0xd4,
    0xb8,
];
