//! What is signed: whatever decodes encodes to the same bytes, can be described if and only if it can be signed, and takes no wrong
//! signature.

use std::sync::Arc;

use quorate::{
    AnyKeyShare,
    payload::{
        AnyPayload, Asset, Details, Effect, EvmTransaction, KeyUse, Network, Payload, PayloadError, Psbt, SolanaMessage, Taproot,
        ToSign, TypedData, canonical_address, extract_transaction, kind, template as fill,
    },
};
use quorate_core::SuiteId;

use crate::{cursor::Cursor, keys::shares};

pub(crate) const KINDS: [&str; 6] = [kind::MESSAGE, kind::DIGEST, kind::PSBT, kind::SOLANA, kind::EVM, kind::TYPED_DATA];

pub(crate) fn key(suite: SuiteId) -> AnyKeyShare {
    match suite {
        SuiteId::Ed25519 => AnyKeyShare::Ed25519(Arc::clone(&shares()[0])),
        SuiteId::EcdsaSecp256k1 => AnyKeyShare::EcdsaSecp256k1(Arc::clone(&shares()[0])),
        _ => AnyKeyShare::Bip340(Arc::clone(&shares()[0])),
    }
}

/// Kind, path and payload.
pub(crate) fn payload(data: &[u8]) {
    let mut input = Cursor::new(data);
    let kind = KINDS[input.below(6)];
    let path = [0, 7];
    let path = &path[..input.below(3)];
    let bytes = input.rest();
    let Ok(payload) = AnyPayload::decode(kind, bytes) else { return };
    assert_eq!((payload.kind(), payload.encode().as_slice()), (kind, bytes));
    for suite in [SuiteId::Ed25519, SuiteId::Bip340, SuiteId::EcdsaSecp256k1] {
        exercise(&payload, &key(suite), path, suite);
    }
}

fn exercise(payload: &AnyPayload, key: &AnyKeyShare, path: &[u32], suite: SuiteId) {
    let usage = KeyUse::new(key, path).on(Network::Regtest);
    let described = payload.describe(&usage);
    let Ok(messages) = payload.messages(&usage) else {
        assert!(described.is_err());
        return;
    };
    let described = described.unwrap();
    assert!(!messages.is_empty() && !described.to_string().is_empty());
    // No control characters reach a terminal, and what is not decoded is said.
    assert!(!described.lines.iter().any(|line| line.value.chars().any(char::is_control)));
    if let Details::Evm(details) = &described.details {
        let undecoded = described.effects.iter().any(|effect| matches!(effect, Effect::Undecoded { .. }));
        assert!(undecoded || details.is_decoded());
        assert!(described.spends.iter().any(|(asset, _)| !asset.is_token()));
    }
    for to_sign in &messages {
        assert_eq!(to_sign.taproot() == Taproot::None, suite != SuiteId::Bip340);
        assert_eq!(matches!(to_sign, ToSign::Ecdsa { .. }), suite == SuiteId::EcdsaSecp256k1);
        if payload.kind() == kind::MESSAGE {
            // A message is never a transaction of this key.
            let disguised = SolanaMessage::parse(to_sign.message()).is_ok_and(|solana| solana.messages(&usage).is_ok());
            let digest = suite == SuiteId::Bip340 && to_sign.message().len() == 32;
            assert!(!disguised && !digest);
        }
    }
    if matches!(payload.kind(), kind::PSBT | kind::DIGEST | kind::EVM | kind::TYPED_DATA) || suite == SuiteId::EcdsaSecp256k1 {
        assert!(payload.attach(&usage, &vec![vec![1; 64]; messages.len()]).is_err());
        assert!(payload.attach(&usage, &vec![vec![1; 65]; messages.len()]).is_err());
    }
    let miscounted = payload.attach(&usage, &vec![vec![1; 64]; messages.len() + 1]);
    assert!(matches!(miscounted, Err(PayloadError::SignatureCount { .. })), "{miscounted:?}");
}

/// Documents with a placeholder, and signed ones.
pub(crate) fn template(data: &[u8]) {
    let Some((kind, bytes)) = data.split_first() else { return };
    match kind % 4 {
        0 => {
            let key = key(SuiteId::Bip340);
            let usage = KeyUse::new(&key, &[0]);
            if let Ok(filled) = fill::psbt(bytes, &usage) {
                assert!(AnyPayload::decode(kind::PSBT, &filled.encode()).is_ok());
            }
        }
        1 => {
            let key = key(SuiteId::Ed25519);
            let usage = KeyUse::new(&key, &[]);
            if let Ok(filled) = fill::solana(bytes, &usage) {
                assert!(AnyPayload::decode(kind::SOLANA, &filled.encode()).is_ok());
            }
        }
        2 => drop(extract_transaction(bytes)),
        _ => {
            let key = key(SuiteId::EcdsaSecp256k1);
            let usage = KeyUse::new(&key, &[0]);
            if let Ok(filled) = fill::psbt(bytes, &usage) {
                assert!(AnyPayload::decode(kind::PSBT, &filled.encode()).is_ok());
            }
        }
    }
}

/// What people and other programs write: text or binary, PSBTs of version 2, JSON with spaces. Whatever is read travels, and comes back.
pub(crate) fn documents(data: &[u8]) {
    let Some((kind, bytes)) = data.split_first() else { return };
    let read: Result<AnyPayload, PayloadError> = match kind % 4 {
        0 => Psbt::parse(bytes).map(AnyPayload::new),
        1 => EvmTransaction::parse(bytes).map(AnyPayload::new),
        2 => TypedData::parse(bytes).map(AnyPayload::new),
        _ => SolanaMessage::parse(bytes).map(AnyPayload::new),
    };
    match read {
        Ok(payload) => {
            let again = AnyPayload::decode(payload.kind(), &payload.encode()).unwrap();
            assert_eq!(again.encode(), payload.encode());
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// Addresses and names of assets have one spelling, which stands.
pub(crate) fn addresses(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else { return };
    if let Ok(address) = canonical_address(text) {
        assert_eq!(canonical_address(&address).as_ref(), Ok(&address));
    }
    if let Ok(asset) = text.parse::<Asset>() {
        assert_eq!(asset.as_str().parse(), Ok(asset.clone()));
    }
}
