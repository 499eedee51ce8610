//! Message hashes that the signature file has no row for.

use quorate_chains::{Chain, Curve, Message, MessageError, SigningOptions, ZcashRules, chains, message_hash};

fn hash(chain: &str, bytes: &[u8], options: &SigningOptions) -> String {
    hex::encode(message_hash(Chain::named(chain).unwrap(), bytes, options).unwrap().as_bytes())
}

fn usual(chain: &str, bytes: &[u8]) -> String {
    hash(chain, bytes, &SigningOptions::default())
}

#[test]
fn hashes_of_nothing_are_those_that_everybody_knows() {
    for (chain, expected) in [
        ("cosmos-hub", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("bitcoin", "5df6e0e2761359d30a8275058e299fcc0381534545f55cf43e41983f5d4c9456"),
        ("ethereum", "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"),
        ("icon", "a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a"),
        ("tezos", "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8"),
        ("decred", "716f6e863f744b9ac22c97ec7b76ea5f5908bc5b2f67c61510bfc4751384ea7a"),
        ("stacks", "c672b8d1ef56ed28ab87c3622c5114069bdd3ad7b8f9737498d0c01ecef0967a"),
        ("ripple", "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"),
        ("nervos-ckb", "44f4c69744d5f8c55d642062949dcae49bc4e7ef43d388c5a12f42b5633d163e"),
        ("solana", ""),
    ] {
        assert_eq!(usual(chain, b""), expected, "{chain}");
    }
}

#[test]
fn zcash_asks_for_the_rules_and_hashes_by_them() {
    let chain = Chain::named("zcash-transparent").unwrap();
    let missing = message_hash(chain, b"", &SigningOptions::default());
    assert_eq!(missing, Err(MessageError::MissingOption { chain: "zcash-transparent", option: "zcash" }));
    // ZIP-243, test vector 1.
    let preimage = "0400008085202f89d53a633bbecf82fe9e9484d8a0e727c73bb9e68c96e72dec30144f6a84afa136\
        a5f25f01959361ee6eb56a7401210ee268226f6ce764a4f10b7f29e54db37272\
        ab6f7f6c5ad6b56357b5f37e16981723db6c32411753e28c175e15589172194a\
        0000000000000000000000000000000000000000000000000000000000000000\
        3fd9edb96dccf5b9aeb71e3db3710e74be4f1dfb19234c1217af26181f494a36\
        dafece799f638ba7268bf8fe43f02a5112f0bb32a84c4a8c2f508c41ff1c78b5481cdd86b3cc4318442117623ceb050001000000";
    let rules = ZcashRules::V4 { branch_id: 0x76b8_09bb };
    let digest = hash("zcash-transparent", &hex::decode(preimage).unwrap(), &SigningOptions::default().with_zcash(rules));
    assert_eq!(digest, "63d18534de5f2d1c9e169b73f9c783718adbef5c8a7d55b5e7a37affa1dd3ff3");
    let five = SigningOptions::default().with_zcash(ZcashRules::V5 { branch_id: 0x76b8_09bb });
    let other = SigningOptions::default().with_zcash(ZcashRules::V4 { branch_id: 0xc2d6_d0b4 });
    let all = [rules_hash(rules), hash("zcash-transparent", b"", &five), hash("zcash-transparent", b"", &other)];
    assert!(all[0] != all[1] && all[0] != all[2] && all[1] != all[2]);
}

fn rules_hash(rules: ZcashRules) -> String {
    hash("zcash-transparent", b"", &SigningOptions::default().with_zcash(rules))
}

#[test]
fn curves_of_one_chain_hash_differently() {
    let with = |curve| SigningOptions::default().with_curve(curve);
    assert_eq!(hash("hedera", b"x", &with(Curve::Ed25519)), hex::encode("x"));
    assert_eq!(hash("hedera", b"", &with(Curve::Secp256k1)), usual("ethereum", b""));
    assert_eq!(hash("ripple", b"x", &with(Curve::Ed25519)), hex::encode("x"));
    assert_eq!(hash("polkadot", &[7; 256], &with(Curve::Ed25519)).len(), 512);
    assert_eq!(hash("polkadot", &[7; 257], &with(Curve::Ed25519)), usual("tezos", &[7; 257]));
    assert_eq!(hash("polkadot", b"", &with(Curve::Secp256k1)), usual("tezos", b""));
    assert_ne!(hash("kaspa", b"", &with(Curve::Bip340)), hash("kaspa", b"", &with(Curve::Secp256k1)));
    let refused = message_hash(Chain::named("solana").unwrap(), b"", &with(Curve::P256));
    assert_eq!(refused, Err(MessageError::WrongCurve { chain: "solana", given: Curve::P256 }));
}

#[test]
fn ecdsa_and_bip340_always_get_a_digest() {
    let zcash = SigningOptions::default().with_zcash(ZcashRules::V4 { branch_id: 1 });
    let nem = message_hash(Chain::named("nem").unwrap(), b"", &zcash);
    assert_eq!(nem, Err(MessageError::ReceiveOnly { chain: "nem" }));
    for chain in chains().filter(|chain| !chain.is_receive_only()) {
        for curve in chain.curves() {
            let message = message_hash(chain, &[1; 300], &zcash.with_curve(*curve)).unwrap();
            let may_be_whole = matches!(curve, Curve::Ed25519 | Curve::Sr25519);
            assert!(may_be_whole || matches!(message, Message::Digest(_)), "{chain} {curve}");
            assert!(!chain.message_rule().is_empty());
        }
    }
}
