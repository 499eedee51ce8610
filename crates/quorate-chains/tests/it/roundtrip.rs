//! Properties of everything that encodes: it decodes to the same, and no text makes a decoder panic.

use proptest::{collection, prelude::*, sample};
use quorate_chains::{
    Address, AddressError, AddressOptions, Chain, Curve, Network, Role, TonVersion, TonWallet, VerifyingKey, address, chains,
};

/// A key of that curve, from any 32 bytes.
pub(crate) fn key(curve: Curve, seed: [u8; 32]) -> VerifyingKey {
    let scalar = |seed: [u8; 32]| {
        let mut scalar = seed;
        scalar[0] = 0; // below every order
        scalar[31] |= 1; // not zero
        scalar
    };
    match curve {
        Curve::Secp256k1 | Curve::Bip340 => {
            let secret = k256::SecretKey::from_slice(&scalar(seed)).unwrap();
            VerifyingKey::new(curve, &secret.public_key().to_sec1_bytes()).unwrap()
        }
        Curve::P256 => {
            let secret = p256::SecretKey::from_slice(&scalar(seed)).unwrap();
            VerifyingKey::new(curve, &secret.public_key().to_sec1_bytes()).unwrap()
        }
        Curve::Ed25519 => VerifyingKey::ed25519(ed25519_dalek::SigningKey::from_bytes(&seed).verifying_key().as_bytes()).unwrap(),
        _ => VerifyingKey::sr25519(&seed).unwrap(),
    }
}

fn any_options() -> impl Strategy<Value = AddressOptions> {
    let versions = sample::select(vec![TonVersion::V3R2, TonVersion::V4R2, TonVersion::V5R1]);
    let ton = (versions, any::<bool>(), sample::select(vec![0_i8, -1]), proptest::option::of(any::<u32>()));
    let networks = sample::select(Network::ALL.to_vec());
    (networks, any::<[u8; 32]>(), any::<[u8; 32]>(), ton, any::<bool>()).prop_map(|(network, stake, subaccount, ton, eip1191)| {
        let mut wallet = TonWallet::new(ton.0);
        (wallet.bounceable, wallet.workchain, wallet.wallet_id) = (ton.1, ton.2, ton.3);
        let mut options = AddressOptions::on(network).with_stake_key(stake).with_ton(wallet);
        (options.subaccount, options.eip1191) = (subaccount, eip1191);
        options
    })
}

fn any_chain() -> impl Strategy<Value = Chain> {
    sample::select(chains().collect::<Vec<_>>())
}

/// Addresses that are the same text on all networks say nothing about the network.
fn reads_back(made: &Address, options: &AddressOptions) {
    let read = Address::parse(made.chain(), made.as_str(), options).unwrap();
    assert_eq!(&read, made);
    assert_eq!((read.role(), read.payload()), (Role::Key, made.payload()));
}

#[test]
fn every_chain_encodes_every_curve_it_names_and_decodes_it() {
    let mut made = 0;
    for chain in chains() {
        for curve in chain.curves() {
            for network in Network::ALL {
                let options = AddressOptions::on(network).with_stake_key([7; 32]);
                match address(chain, &key(*curve, [0x5a; 32]), &options) {
                    Ok(address) => reads_back(&address, &options),
                    Err(AddressError::NoNetwork { .. }) => {
                        assert!(network != Network::Mainnet && !chain.has_network(network), "{chain}")
                    }
                    Err(error) => panic!("{chain}: {error}"),
                }
                made += 1;
            }
        }
    }
    assert!(made > 450, "{made}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_address_of_any_key_reads_back(chain in any_chain(), seed: [u8; 32], options in any_options()) {
        let curve = chain.curves()[usize::from(seed[0]) % chain.curves().len()];
        match address(chain, &key(curve, seed), &options) {
            Ok(made) => reads_back(&made, &options),
            Err(error) => assert!(matches!(error, AddressError::NoNetwork { .. }), "{chain}: {error}"),
        }
    }

    #[test]
    fn a_changed_letter_is_refused_or_reads_as_what_it_says(chain in any_chain(), seed: [u8; 32], at: usize, letter in "[ -~]") {
        let options = AddressOptions::default().with_stake_key(seed);
        let made = address(chain, &key(chain.curves()[0], seed), &options).unwrap();
        let at = at % made.as_str().len();
        let changed: String = made.as_str().char_indices().map(|(i, old)| if i == at { letter.chars().next().unwrap() } else { old }).collect();
        if let Ok(read) = Address::parse(chain, &changed, &options) {
            // Whatever was accepted has one canonical text, which reads as the same.
            assert_eq!(Address::parse(chain, read.as_str(), &options), Ok(read.clone()));
            let has_checksum = !matches!(chain.name(), "solana" | "iost" | "near" | "aptos" | "sui" | "starcoin" | "icon" | "hedera");
            let same = read == made;
            assert!(same || !has_checksum || is_evm(chain), "{chain}: {changed} reads as another address than {made}");
        }
    }

    #[test]
    fn no_text_makes_a_decoder_panic(chain in any_chain(), options in any_options(), text in "\\PC{0,80}", prefix in 0_usize..6) {
        let made = address(chain, &key(chain.curves()[0], [3; 32]), &AddressOptions::default().with_stake_key([1; 32])).unwrap();
        let start: String = made.as_str().chars().take(prefix).collect();
        if let Ok(read) = Address::parse(chain, &format!("{start}{text}"), &options) {
            assert_eq!(Address::parse(chain, read.as_str(), &options), Ok(read));
        }
    }

    #[test]
    fn no_bytes_make_a_key_panic(bytes in collection::vec(any::<u8>(), 0..70), curve in 0_usize..5) {
        let curves = [Curve::Secp256k1, Curve::Bip340, Curve::Ed25519, Curve::P256, Curve::Sr25519];
        if let Ok(key) = VerifyingKey::new(curves[curve], &bytes) {
            assert_eq!(VerifyingKey::new(key.curve(), key.as_bytes()).unwrap().as_bytes(), key.as_bytes());
        }
    }
}

/// A changed letter of one case has no checksum in it if the rest has no letter of the other case; and `0x` may stand for a prefix.
fn is_evm(chain: Chain) -> bool {
    chain.kind().contains("EIP-55")
}
