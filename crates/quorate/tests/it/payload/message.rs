//! Plain messages and raw digests.

use quorate::payload::{
    AddressKind, AnyPayload, Details, Digest, EvmTransaction, KeyUse, MAX_PAYLOAD, Message, Payload, PayloadError, Taproot,
    ToSign, kind,
};
use quorate_core::SuiteId;

use super::keys::{Bip340Key, EcdsaKey, Ed25519Key, PlainKey};

#[test]
fn message_is_signed_byte_for_byte_under_the_bip86_output_key() {
    let key = Bip340Key::new(1);
    let to_sign = Message::new(*b"hello").unwrap().messages(&KeyUse::new(&key, &[0, 7])).unwrap();
    assert_eq!(to_sign.len(), 1);
    assert_eq!(to_sign[0].message(), b"hello");
    assert_eq!(to_sign[0].path(), [0, 7]);
    assert_eq!(to_sign[0].taproot(), Taproot::KeyPath { merkle_root: None });
}

#[test]
fn message_under_an_ed25519_key_is_signed_untweaked() {
    let key = Ed25519Key::new(1);
    let usage = KeyUse::new(&key, &[]);
    for bytes in [Vec::new(), vec![7; 32], vec![7; MAX_PAYLOAD]] {
        let message = Message::new(bytes.clone()).unwrap();
        let to_sign = message.messages(&usage).unwrap();
        assert_eq!((to_sign[0].message(), to_sign[0].taproot()), (bytes.as_slice(), Taproot::None));
        let signature = key.sign(&to_sign[0]);
        assert_eq!(message.attach(&usage, core::slice::from_ref(&signature)).unwrap(), signature);
    }
}

#[test]
fn message_above_one_mebibyte_is_refused() {
    assert!(matches!(Message::new(vec![0; MAX_PAYLOAD + 1]), Err(PayloadError::TooLong { limit: MAX_PAYLOAD })));
    let decoded = AnyPayload::decode(kind::MESSAGE, &vec![0; MAX_PAYLOAD + 1]);
    assert!(matches!(decoded, Err(PayloadError::TooLong { limit: MAX_PAYLOAD })));
}

#[test]
fn message_that_could_be_a_taproot_signature_hash_is_refused() {
    let key = Bip340Key::new(1);
    let usage = KeyUse::new(&key, &[]);
    let disguised = Message::new([9; 32]).unwrap();
    assert!(matches!(disguised.messages(&usage), Err(PayloadError::MessageCouldBeDigest)));
    assert!(matches!(disguised.describe(&usage), Err(PayloadError::MessageCouldBeDigest)));
    assert!(matches!(disguised.attach(&usage, &[vec![0; 64]]), Err(PayloadError::MessageCouldBeDigest)));
    for length in [31, 33] {
        assert!(Message::new(vec![9; length]).unwrap().messages(&usage).is_ok());
    }
}

#[test]
fn message_that_could_be_a_solana_transaction_is_refused() {
    let key = Ed25519Key::new(1);
    let usage = KeyUse::new(&key, &[]);
    let transaction = super::solana::transfer(&key.public(), 5);
    let disguised = Message::new(transaction).unwrap();
    assert!(matches!(disguised.messages(&usage), Err(PayloadError::MessageCouldBeTransaction)));
    assert!(matches!(disguised.describe(&usage), Err(PayloadError::MessageCouldBeTransaction)));
    // Another key's transaction is no transaction of ours.
    let foreign = Message::new(super::solana::transfer(&Ed25519Key::new(2).public(), 5)).unwrap();
    assert!(foreign.messages(&usage).is_ok());
}

#[test]
fn message_description_shows_text_and_hides_nothing_behind_control_characters() {
    let key = Ed25519Key::new(1);
    let usage = KeyUse::new(&key, &[]);
    let tricky = "pay \"me\"\n\u{1b}[2Knothing \u{202e}gnp.exe";
    let description = Message::new(tricky.as_bytes()).unwrap().describe(&usage).unwrap();
    let text = description.lines.iter().find(|line| line.label == "text").unwrap();
    assert_eq!(text.value, "pay \"me\"\\n\\u{1b}[2Knothing \\u{202e}gnp.exe");
    assert_eq!(description.details, Details::Opaque);
    let binary = Message::new([0xff, 0x00, 0xab]).unwrap().describe(&usage).unwrap();
    assert!(binary.to_string().contains("ff00ab"), "{binary}");
    assert!(binary.to_string().contains("message of 3 bytes"), "{binary}");
    let long = Message::new("é".repeat(100_000)).unwrap().describe(&usage).unwrap();
    assert!(long.to_string().len() < 2_000);
}

#[test]
fn message_attach_refuses_wrong_counts_and_lengths() {
    let key = Ed25519Key::new(1);
    let usage = KeyUse::new(&key, &[]);
    let message = Message::new(*b"hello").unwrap();
    assert!(matches!(message.attach(&usage, &[]), Err(PayloadError::SignatureCount { given: 0, needed: 1 })));
    assert!(matches!(
        message.attach(&usage, &[vec![0; 64], vec![0; 64]]),
        Err(PayloadError::SignatureCount { given: 2, needed: 1 })
    ));
    assert!(matches!(message.attach(&usage, &[vec![0; 63]]), Err(PayloadError::InvalidSignature { index: 0 })));
}

#[test]
fn digest_is_signed_by_bip340_and_ecdsa_keys_alone() {
    let bip340 = Bip340Key::new(1);
    let to_sign = Digest::new([3; 32]).messages(&KeyUse::new(&bip340, &[4])).unwrap();
    assert_eq!(to_sign[0].message(), [3; 32]);
    assert_eq!(to_sign[0].path(), [4]);
    assert_eq!(to_sign[0].taproot(), Taproot::KeyPath { merkle_root: None });
    let ecdsa = EcdsaKey::new(1);
    let to_sign = Digest::new([3; 32]).messages(&KeyUse::new(&ecdsa, &[4])).unwrap();
    assert_eq!(to_sign, [ToSign::Ecdsa { digest: [3; 32], path: vec![4] }]);
    for suite in SuiteId::ALL.into_iter().filter(|suite| !matches!(suite, SuiteId::Bip340 | SuiteId::EcdsaSecp256k1)) {
        let key = PlainKey { suite, public: vec![2; 32] };
        let refused = Digest::new([3; 32]).messages(&KeyUse::new(&key, &[]));
        assert!(matches!(refused, Err(PayloadError::UnsupportedSuite { kind: kind::DIGEST, suite: found }) if found == suite));
    }
}

#[test]
fn digest_of_another_length_is_refused() {
    for length in [0, 31, 33] {
        let decoded = AnyPayload::decode(kind::DIGEST, &vec![0; length]);
        assert!(matches!(decoded, Err(PayloadError::DigestLength { length: found }) if found == length));
    }
}

#[test]
fn digest_attach_verifies_the_signature() {
    let key = Bip340Key::new(1);
    let usage = KeyUse::new(&key, &[4]);
    let digest = Digest::new([3; 32]);
    let signature = key.sign(&digest.messages(&usage).unwrap()[0]);
    assert_eq!(digest.attach(&usage, core::slice::from_ref(&signature)).unwrap(), signature);
    assert!(matches!(Digest::new([4; 32]).attach(&usage, &[signature]), Err(PayloadError::InvalidSignature { index: 0 })));
}

#[test]
fn digest_attach_verifies_an_ecdsa_signature_its_low_s_and_its_recovery_id() {
    let key = EcdsaKey::new(1);
    let usage = KeyUse::new(&key, &[4]);
    let digest = Digest::new([3; 32]);
    let signature = key.sign(&digest.messages(&usage).unwrap()[0]);
    assert_eq!(digest.attach(&usage, core::slice::from_ref(&signature)).unwrap(), signature);
    let mut other_recovery = signature.clone();
    other_recovery[64] ^= 1;
    // The same signature with n - s and the other parity: a valid signature to many, and another one to the network.
    let order = hex::decode("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141").unwrap();
    let mut high = signature.clone();
    let mut borrow = 0;
    for (place, order) in (32..64).zip(order).rev() {
        let difference = i32::from(order) - i32::from(signature[place]) - borrow;
        borrow = i32::from(difference < 0);
        high[place] = (difference & 0xff) as u8;
    }
    high[64] ^= 1;
    let parts = [&signature[..64], &[4]].concat();
    for wrong in [other_recovery, high, parts, signature[..64].to_vec(), [&signature[..], &[0]].concat(), vec![0; 65]] {
        let refused = digest.attach(&usage, &[wrong]);
        assert!(matches!(refused, Err(PayloadError::InvalidSignature { index: 0 })), "{refused:?}");
    }
    assert!(Digest::new([4; 32]).attach(&usage, core::slice::from_ref(&signature)).is_err());
    assert!(digest.attach(&KeyUse::new(&key, &[5]), &[signature]).is_err());
}

#[test]
fn any_payload_round_trips_and_knows_its_kinds() {
    for (kind, bytes) in [(kind::MESSAGE, b"hello".to_vec()), (kind::DIGEST, vec![1; 32])] {
        let payload = AnyPayload::decode(kind, &bytes).unwrap();
        assert_eq!((payload.kind(), payload.encode()), (kind, bytes));
    }
    assert!(matches!(AnyPayload::decode("Message", b"hello"), Err(PayloadError::UnknownKind)));
}

#[test]
fn message_under_an_ecdsa_key_is_what_ethereum_wallets_sign() {
    // The example in the documentation of web3.js, `web3.eth.accounts.sign`.
    let key = EcdsaKey::with_secret("4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318");
    let usage = KeyUse::new(&key, &[]);
    assert_eq!(usage.address(AddressKind::Ethereum).unwrap(), "0x2c7536E3605D9C16a7a3D7b1898e529396a65c23");
    let message = Message::new(*b"Some data").unwrap();
    let to_sign = message.messages(&usage).unwrap();
    assert_eq!(hex::encode(to_sign[0].message()), "1da44b586eb0729ff70a73c326926f6ed5a25f5b056e7f47fbc6e58d86871655");
    let signature = key.sign(&to_sign[0]);
    assert_eq!(
        hex::encode(message.attach(&usage, core::slice::from_ref(&signature)).unwrap()),
        "b91467e570a6466aa9e9876cbcd013baba02900b8979d43fe208a4a4f339f5fd6007e74cd82e037b800186422fc2da167c747ef045e5d18a5f5d4300f8e1a0291c"
    );
    assert!(message.describe(&usage).unwrap().title.contains("EIP-191"));
    let other = Message::new(*b"Some date").unwrap();
    assert!(matches!(other.attach(&usage, &[signature]), Err(PayloadError::InvalidSignature { index: 0 })));
}

#[test]
fn message_under_an_ecdsa_key_is_never_the_hash_of_a_transaction() {
    // Whatever the bytes are, a transaction or its hash: what is signed is the hash of something else.
    let key = EcdsaKey::new(1);
    let usage = KeyUse::new(&key, &[]);
    let transaction = super::evm::transfer();
    let hash = EvmTransaction::parse(&transaction).unwrap().messages(&usage).unwrap()[0].message().to_vec();
    for bytes in [transaction, hash.clone()] {
        let signed = Message::new(bytes.clone()).unwrap().messages(&usage).unwrap();
        assert_ne!(signed[0].message(), hash);
        assert_ne!(signed[0].message(), bytes);
        let prefixed = [b"\x19Ethereum Signed Message:\n".as_slice(), bytes.len().to_string().as_bytes(), &bytes].concat();
        assert_eq!(signed[0].message(), alloy_primitives::keccak256(&prefixed).as_slice());
        assert!(EvmTransaction::parse(&prefixed).is_err());
    }
}
