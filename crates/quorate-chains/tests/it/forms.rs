//! How signatures are written: each form, what it needs, and what it refuses.

use quorate_chains::{
    Chain, Curve, EcdsaSignature, Signature, SignatureError, SignatureForm, SigningOptions, VerifyingKey, chains,
    encode_signature,
};

use crate::roundtrip::key;

const R: [u8; 32] = [0x41; 32];
const S: [u8; 32] = [0x42; 32];

fn ecdsa(recovery_id: Option<u8>) -> Signature {
    EcdsaSignature::secp256k1(R, S, recovery_id).unwrap().into()
}

fn encode(chain: &str, signature: &Signature, options: &SigningOptions) -> Result<String, SignatureError> {
    encode_signature(Chain::named(chain).unwrap(), signature, options).map(|encoded| hex::encode(encoded.as_bytes()))
}

fn usual(chain: &str, signature: &Signature) -> String {
    encode(chain, signature, &SigningOptions::default()).unwrap()
}

#[test]
fn every_family_has_its_form() {
    let (r, s) = (hex::encode(R), hex::encode(S));
    let der = format!("30440220{r}0220{s}");
    let odd = ecdsa(Some(1));
    for (chain, expected) in [
        ("bitcoin", format!("{der}01")),
        ("bitcoin-cash", format!("{der}41")),
        ("bitcoin-sv", format!("{der}41")),
        ("ripple", der.clone()),
        ("handshake", format!("{r}{s}01")),
        ("ethereum", format!("{r}{s}01")),
        ("tron", format!("{r}{s}01")),
        ("stacks", format!("01{r}{s}")),
        ("eos", format!("20{r}{s}")),
        ("bitshares", format!("20{r}{s}")),
        ("cosmos-hub", format!("{r}{s}")),
        ("internet-computer", format!("{r}{s}")),
        ("polkadot", format!("02{r}{s}01")),
        ("kaspa", format!("{r}{s}01")),
    ] {
        assert_eq!(usual(chain, &odd), expected, "{chain}");
    }
    let ed = Signature::Ed25519([0x43; 64]);
    let ed_hex = "43".repeat(64);
    for (chain, expected) in [("solana", ed_hex.clone()), ("ripple", ed_hex.clone()), ("polkadot", format!("00{ed_hex}"))] {
        assert_eq!(usual(chain, &ed), expected, "{chain}");
    }
    assert_eq!(usual("polkadot", &Signature::Sr25519([0x43; 64])), format!("01{ed_hex}"));
    assert_eq!(usual("bitcoin-p2tr", &Signature::Bip340([0x43; 64])), ed_hex);
    assert_eq!(usual("kaspa", &Signature::Bip340([0x43; 64])), format!("{ed_hex}01"));
}

#[test]
fn v_is_parity_27_or_35_and_twice_the_chain_by_form() {
    let v = |chain: &str, form, id| {
        let options = SigningOptions::default().with_form(form);
        encode_signature(Chain::named(chain).unwrap(), &ecdsa(Some(id)), &options).unwrap().v()
    };
    assert_eq!(v("ethereum", SignatureForm::Recoverable, 1), Some(1));
    assert_eq!(v("ethereum", SignatureForm::Recoverable27, 1), Some(28));
    assert_eq!(v("ethereum", SignatureForm::Eip155, 0), Some(37));
    assert_eq!(v("ethereum-classic", SignatureForm::Eip155, 1), Some(158));
    assert_eq!(v("aurora", SignatureForm::Eip155, 1), Some(2_626_323_144));
    assert_eq!(v("bitcoin-p2pkh", SignatureForm::BitcoinMessage, 1), Some(32));
    assert_eq!(v("tron", SignatureForm::Recoverable27, 0), Some(27));
    let aurora = encode("aurora", &ecdsa(Some(1)), &SigningOptions::default().with_form(SignatureForm::Eip155)).unwrap();
    assert!(aurora.ends_with(&hex::encode(2_626_323_144_u32.to_be_bytes())) && aurora.len() == 136);
    let mut own = SigningOptions::default().with_form(SignatureForm::Eip155);
    own.chain_id = Some(u64::MAX);
    assert_eq!(encode("ethereum", &ecdsa(Some(1)), &own), Err(SignatureError::NoRecoveryId));
}

#[test]
fn a_high_s_is_replaced_and_flips_the_recovery_id() {
    // order − S, worked out by hand: S is 0x42…42.
    let order = hex::decode("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141").unwrap();
    let mut high = [0_u8; 32];
    let mut borrow = 0_i16;
    for i in (0..32).rev() {
        let digit = i16::from(order[i]) - i16::from(S[i]) - borrow;
        borrow = i16::from(digit < 0);
        high[i] = digit.rem_euclid(256).try_into().unwrap();
    }
    let signature = EcdsaSignature::secp256k1(R, high, Some(0)).unwrap();
    assert_eq!(signature.into_low_s(), EcdsaSignature::secp256k1(R, S, Some(1)).unwrap());
    assert_eq!(usual("ethereum", &signature.into()), usual("ethereum", &ecdsa(Some(1))));
    // P-256 chains take either; Sui takes the low one.
    let p256 = EcdsaSignature::p256(R, [0xf0; 32], Some(0)).unwrap();
    assert!(usual("neo-n3", &p256.into()).ends_with(&"f0".repeat(32)));
    let options = SigningOptions::default().with_key(key(Curve::P256, [5; 32]));
    assert!(!encode("sui", &p256.into(), &options).unwrap().contains(&"f0".repeat(32)));
}

#[test]
fn the_eos_family_refuses_what_is_not_canonical_and_says_what_to_do() {
    let chains = ["eos", "bitshares", "wax", "fio"];
    let with = |first: u8, second: u8| {
        let mut r = R;
        (r[0], r[1]) = (first, second);
        Signature::from(EcdsaSignature::secp256k1(r, S, Some(0)).unwrap())
    };
    for chain in chains {
        for (first, second, accepted) in [(0x7f, 0, true), (0x80, 0, false), (0, 0x80, true), (0, 0x7f, false), (1, 0, true)] {
            let encoded = encode(chain, &with(first, second), &SigningOptions::default());
            assert_eq!(encoded.is_ok(), accepted, "{chain} {first:02x}{second:02x}");
        }
        let refused = encode(chain, &with(0x80, 0), &SigningOptions::default()).unwrap_err();
        assert!(refused.to_string().contains("next presignature"));
    }
    // The same numbers are good elsewhere.
    assert!(encode("ethereum", &with(0x80, 0), &SigningOptions::default()).is_ok());
}

#[test]
fn sighash_types_are_the_chains_or_the_callers() {
    let options = SigningOptions::default().with_sighash(0x83);
    assert!(encode("bitcoin", &ecdsa(None), &options).unwrap().ends_with("83"));
    assert!(encode("bitcoin-p2tr", &Signature::Bip340([1; 64]), &options).unwrap().ends_with("0183"));
    assert_eq!(
        encode("bitcoin-p2tr", &Signature::Bip340([1; 64]), &SigningOptions::default().with_sighash(0)).unwrap().len(),
        128
    );
}

#[test]
fn der_integers_are_short_and_not_negative() {
    let der = |r: [u8; 32], s: [u8; 32]| hex::encode(EcdsaSignature::secp256k1(r, s, None).unwrap().to_der());
    let one = {
        let mut one = [0; 32];
        one[31] = 1;
        one
    };
    assert_eq!(der(one, one), "3006020101020101");
    let mut high = [0; 32];
    high[31] = 0x80;
    assert_eq!(der(high, one), "300702020080020101");
    assert!(der([0x80; 32], one).starts_with("302602210080"));
}

#[test]
fn signatures_that_carry_a_key_ask_for_it_and_check_its_curve() {
    let ed = Signature::Ed25519([7; 64]);
    let public = key(Curve::Ed25519, [5; 32]);
    let missing = Err(SignatureError::MissingOption { option: "key" });
    assert_eq!(encode("sui", &ed, &SigningOptions::default()), missing);
    assert_eq!(encode("sui", &ed, &SigningOptions::default().with_key(key(Curve::Secp256k1, [5; 32]))), missing);
    let with = SigningOptions::default().with_key(public);
    assert_eq!(encode("sui", &ed, &with).unwrap(), format!("00{}{}", "07".repeat(64), hex::encode(public.as_bytes())));
    let decorated = encode("stellar", &ed, &with.with_form(SignatureForm::Decorated)).unwrap();
    assert_eq!(decorated, format!("{}00000040{}", hex::encode(&public.as_bytes()[28..]), "07".repeat(64)));
    let borsh = encode("near", &ed, &SigningOptions::default().with_form(SignatureForm::Borsh)).unwrap();
    assert_eq!(borsh, format!("00{}", "07".repeat(64)));
}

#[test]
fn texts_of_signatures_are_the_chains_own() {
    let text = |chain: &str, signature: &Signature| {
        encode_signature(Chain::named(chain).unwrap(), signature, &SigningOptions::default()).unwrap().as_text().to_owned()
    };
    // eosio's and Tezos' prefixes; the hexadecimal of all others.
    assert!(text("eos", &ecdsa(Some(0))).starts_with("SIG_K1_"));
    assert!(text("tezos", &Signature::Ed25519([9; 64])).starts_with("edsig"));
    assert!(text("tezos", &ecdsa(Some(0))).starts_with("spsig1"));
    assert!(text("tezos", &EcdsaSignature::p256(R, S, None).unwrap().into()).starts_with("p2sig"));
    assert_eq!(text("icon", &ecdsa(Some(0))).len(), 88);
    assert_eq!(text("solana", &Signature::Ed25519([9; 64])), "09".repeat(64));
}

#[test]
fn numbers_that_are_none_are_refused() {
    assert_eq!(EcdsaSignature::secp256k1([0; 32], S, None), Err(SignatureError::Scalar { curve: Curve::Secp256k1 }));
    assert_eq!(EcdsaSignature::secp256k1(R, [0xff; 32], None), Err(SignatureError::Scalar { curve: Curve::Secp256k1 }));
    assert_eq!(EcdsaSignature::p256(R, [0xff; 32], None), Err(SignatureError::Scalar { curve: Curve::P256 }));
    assert_eq!(EcdsaSignature::secp256k1(R, S, Some(4)), Err(SignatureError::RecoveryId));
    assert_eq!(encode("ethereum", &ecdsa(None), &SigningOptions::default()), Err(SignatureError::NoRecoveryId));
    assert_eq!(encode("ethereum", &ecdsa(Some(2)), &SigningOptions::default()), Err(SignatureError::NoRecoveryId));
}

#[test]
fn every_chain_refuses_other_schemes_and_writes_its_own() {
    let p256 = EcdsaSignature::p256(R, S, Some(0)).unwrap();
    let all = [ecdsa(Some(0)), p256.into(), Signature::Bip340([1; 64]), Signature::Ed25519([1; 64]), Signature::Sr25519([1; 64])];
    for chain in chains() {
        for signature in all {
            let curve = signature.curve();
            let options = SigningOptions::default().with_key(any_key(curve));
            let encoded = encode_signature(chain, &signature, &options);
            if chain.is_receive_only() {
                assert_eq!(encoded, Err(SignatureError::ReceiveOnly { chain: "nem" }));
                continue;
            }
            match chain.curves().contains(&curve) {
                true => assert!(encoded.is_ok(), "{chain} {curve}: {encoded:?}"),
                false => assert_eq!(encoded, Err(SignatureError::WrongScheme { chain: chain.name(), given: curve })),
            }
        }
    }
}

fn any_key(curve: Curve) -> VerifyingKey {
    key(curve, [4; 32])
}
