//! Whatever bytes come: an answer, and no panic.

use proptest::prelude::*;
use quorate::payload::{AnyPayload, KeyUse, Payload as _, kind};

use super::keys::{Bip340Key, Ed25519Key};

/// Decodes, and does with the payload all that a cosigner would.
fn exercise(kind: &str, bytes: &[u8]) {
    let (bip340, ed25519) = (Bip340Key::new(1), Ed25519Key::new(1));
    let Ok(payload) = AnyPayload::decode(kind, bytes) else { return };
    assert_eq!(payload.encode(), bytes);
    for usage in [KeyUse::new(&bip340, &[]), KeyUse::new(&ed25519, &[])] {
        let described = payload.describe(&usage);
        let messages = payload.messages(&usage);
        assert_eq!(described.is_ok(), messages.is_ok());
        if let Ok(messages) = messages {
            assert!(!messages.is_empty());
            assert!(payload.attach(&usage, &vec![vec![0; 65]; messages.len()]).is_err());
        }
    }
}

fn valid(kind: &str) -> Vec<u8> {
    let (bip340, ed25519) = (Bip340Key::new(1), Ed25519Key::new(1));
    match kind {
        kind::PSBT => super::template::filled_psbt(&bip340).encode(),
        _ => super::template::filled_solana(&ed25519).encode(),
    }
}

#[test]
fn valid_documents_survive_the_exercise() {
    for kind in [kind::PSBT, kind::SOLANA] {
        let bytes = valid(kind);
        assert!(AnyPayload::decode(kind, &bytes).is_ok());
        exercise(kind, &bytes);
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(kind in prop::sample::select(vec![kind::MESSAGE, kind::DIGEST, kind::PSBT, kind::SOLANA]), bytes: Vec<u8>) {
        exercise(kind, &bytes);
    }

    #[test]
    fn arbitrary_bytes_after_the_magic_never_panic(bytes: Vec<u8>) {
        exercise(kind::PSBT, &[b"psbt\xff".as_slice(), &bytes].concat());
        exercise(kind::SOLANA, &[[0x80, 1, 0, 0].as_slice(), &bytes].concat());
    }

    #[test]
    fn mutated_documents_never_panic(
        kind in prop::sample::select(vec![kind::PSBT, kind::SOLANA]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = valid(kind);
        for (index, byte) in changes {
            let index = index.index(bytes.len());
            bytes[index] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        exercise(kind, &bytes);
    }
}
