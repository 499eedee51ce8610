//! Whatever bytes come: an answer, and no panic.

use proptest::prelude::*;
use quorate::payload::{AnyPayload, KeyUse, Payload as _, kind};

use super::keys::{Bip340Key, EcdsaKey, Ed25519Key};

/// Decodes, and does with the payload all that a cosigner would.
fn exercise(kind: &str, bytes: &[u8]) {
    let (bip340, ed25519, ecdsa) = (Bip340Key::new(1), Ed25519Key::new(1), EcdsaKey::new(1));
    let Ok(payload) = AnyPayload::decode(kind, bytes) else { return };
    assert_eq!(payload.encode(), bytes);
    for usage in [KeyUse::new(&bip340, &[]), KeyUse::new(&ed25519, &[]), KeyUse::new(&ecdsa, &[])] {
        let described = payload.describe(&usage);
        let messages = payload.messages(&usage);
        assert_eq!(described.is_ok(), messages.is_ok());
        if let Ok(messages) = messages {
            assert!(!messages.is_empty());
            assert!(payload.attach(&usage, &vec![vec![0; 65]; messages.len()]).is_err());
            assert!(payload.attach(&usage, &vec![vec![1; 65]; messages.len()]).is_err());
        }
    }
}

/// The documents of every kind.
const DOCUMENTS: [(&str, u8); 9] = [
    (kind::PSBT, 0),
    (kind::PSBT, 1),
    (kind::EVM, 0),
    (kind::EVM, 1),
    (kind::EVM, 2),
    (kind::EVM, 3),
    (kind::TYPED_DATA, 0),
    (kind::TYPED_DATA, 1),
    (kind::SOLANA, 0),
];

fn valid((kind, variant): (&str, u8)) -> Vec<u8> {
    match (kind, variant) {
        (kind::PSBT, 0) => super::template::filled_psbt(&Bip340Key::new(1)).encode(),
        (kind::PSBT, _) => super::template::filled_wpkh(&EcdsaKey::new(1)).encode(),
        (kind::EVM, 0) => super::evm::transfer(),
        (kind::EVM, 1) => super::evm::call(),
        (kind::EVM, 2) => alloy_consensus::SignableTransaction::encoded_for_signing(&super::evm::blob()),
        (kind::EVM, _) => {
            let inner = super::calls::data_of("upgradeToAndCall");
            super::calls::calling(&super::calls::safe(super::calls::CONTRACT, &inner, 1, 1))
        }
        (kind::TYPED_DATA, variant) => {
            let document = super::typed::document(if variant == 0 { "lists" } else { "safe call" });
            quorate::payload::TypedData::parse(document.to_string().as_bytes()).unwrap().encode()
        }
        _ => super::template::filled_solana(&Ed25519Key::new(1)).encode(),
    }
}

#[test]
fn valid_documents_survive_the_exercise() {
    for document in DOCUMENTS {
        let bytes = valid(document);
        assert!(AnyPayload::decode(document.0, &bytes).is_ok());
        exercise(document.0, &bytes);
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(kind in prop::sample::select(vec![kind::MESSAGE, kind::DIGEST, kind::PSBT, kind::EVM, kind::TYPED_DATA, kind::SOLANA]), bytes: Vec<u8>) {
        exercise(kind, &bytes);
    }

    #[test]
    fn arbitrary_bytes_after_the_magic_never_panic(bytes: Vec<u8>) {
        exercise(kind::PSBT, &[b"psbt\xff".as_slice(), &bytes].concat());
        exercise(kind::SOLANA, &[[0x80, 1, 0, 0].as_slice(), &bytes].concat());
        exercise(kind::EVM, &[[2, 0xf8, bytes.len() as u8].as_slice(), &bytes].concat());
    }

    #[test]
    fn mutated_documents_never_panic(
        document in prop::sample::select(DOCUMENTS.to_vec()),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = valid(document);
        for (index, byte) in changes {
            let index = index.index(bytes.len());
            bytes[index] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        exercise(document.0, &bytes);
    }
}
