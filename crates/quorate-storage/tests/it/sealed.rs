//! A sealed record opens in its own place, with all its keys, unaltered; and in no other case.

use std::sync::Arc;

use quorate_core::{DecodeError, PeerId, Secret, SuiteId, wire::Encoding};
use quorate_storage::{
    Binding, KekError, KeyRef, Kind, Passphrase, RecordName, SealedError, Store, kek::PassphraseParams, sealed::Sealed,
};

use crate::support::{COSIGNER, KEY, Rig, block_on, key_ref, participant, passphrase};

fn name(text: &str) -> RecordName {
    RecordName::new(text).unwrap()
}

fn epoch_key() -> Secret<[u8; 32]> {
    Secret::new([0xee; 32])
}

struct Case {
    kek: Arc<Passphrase>,
    key: KeyRef,
    name: RecordName,
}

impl Case {
    fn new() -> Self {
        Self { kek: Rig::new().kek, key: key_ref(KEY, 7), name: name("keys/x") }
    }

    fn binding(&self) -> Binding<'_> {
        Binding::new(Kind::ActiveShare, &COSIGNER, &self.name, Some(&self.key))
    }

    fn seal(&self, secret: &[u8]) -> Vec<u8> {
        block_on(Sealed::seal(secret, &self.binding(), &*self.kek, Some(&epoch_key()))).unwrap().to_bytes()
    }

    fn open(&self, bytes: &[u8], binding: &Binding<'_>) -> Result<Vec<u8>, SealedError> {
        let sealed = Sealed::from_bytes(bytes)?;
        block_on(sealed.open(binding, &*self.kek, Some(&epoch_key()))).map(|secret| secret.to_vec())
    }
}

#[test]
fn sealed_record_opens_in_its_place() {
    let case = Case::new();
    for secret in [&b""[..], b"s", &[7; 4096]] {
        assert_eq!(case.open(&case.seal(secret), &case.binding()).unwrap(), secret);
    }
}

#[test]
fn sealing_adds_124_bytes() {
    assert_eq!(Case::new().seal(&[1; 700]).len(), 700 + 124);
}

#[test]
fn sealing_twice_shares_no_block() {
    let case = Case::new();
    let (a, b) = (case.seal(&[1; 700]), case.seal(&[1; 700]));
    // After version, kind, fingerprint and length, which are public.
    assert!(a[12..].windows(8).all(|window| !b[12..].windows(8).any(|other| window == other)));
}

#[test]
fn sealed_record_refuses_every_other_place() {
    let case = Case::new();
    let bytes = case.seal(b"secret");
    let (peer, other_name) = (PeerId::new([1; 32]), name("keys/y"));
    let key = case.key;
    let keys = [
        KeyRef::new([0x4c; 32], 7, key.participant(), key.suite()),
        KeyRef::new(KEY, 8, key.participant(), key.suite()),
        KeyRef::new(KEY, 7, participant(4), key.suite()),
        KeyRef::new(KEY, 7, key.participant(), SuiteId::Secp256k1),
    ];
    let mut places: Vec<_> = keys.iter().map(|key| Binding::new(Kind::ActiveShare, &COSIGNER, &case.name, Some(key))).collect();
    places.push(Binding::new(Kind::ActiveShare, &COSIGNER, &case.name, None));
    places.push(Binding::new(Kind::PendingShare, &COSIGNER, &case.name, Some(&key)));
    places.push(Binding::new(Kind::ActiveShare, &peer, &case.name, Some(&key)));
    places.push(Binding::new(Kind::ActiveShare, &COSIGNER, &other_name, Some(&key)));
    for place in &places {
        assert!(matches!(case.open(&bytes, place), Err(SealedError::Misplaced)), "{place:?}");
        // A thief who repairs the public fingerprint and kind gets no further: the encryption binds the place, too.
        let forged = {
            let there = block_on(Sealed::seal(b"x", place, &*case.kek, Some(&epoch_key()))).unwrap().to_bytes();
            [&there[..10], &bytes[10..]].concat()
        };
        assert!(matches!(case.open(&forged, place), Err(SealedError::Kek(KekError::Refused))), "{place:?}");
        // Nor with a seed that was wrapped for that place: the body is bound as well.
        let seed_of_there = {
            let there = block_on(Sealed::seal(b"x", place, &*case.kek, Some(&epoch_key()))).unwrap().to_bytes();
            [&there[..84], &bytes[84..]].concat()
        };
        assert!(matches!(case.open(&seed_of_there, place), Err(SealedError::Altered)), "{place:?}");
    }
}

#[test]
fn sealed_record_refuses_each_flipped_bit() {
    let case = Case::new();
    let bytes = case.seal(b"a secret of some length");
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut altered = bytes.clone();
            altered[at] ^= 1 << bit;
            assert!(case.open(&altered, &case.binding()).is_err(), "byte {at} bit {bit}");
        }
    }
}

#[test]
fn sealed_record_refuses_each_truncation_and_any_extension() {
    let case = Case::new();
    let bytes = case.seal(b"secret");
    for length in 0..bytes.len() {
        assert!(case.open(&bytes[..length], &case.binding()).is_err(), "{length} bytes");
    }
    assert!(matches!(case.open(&[&bytes[..], &[0]].concat(), &case.binding()), Err(SealedError::Altered)));
    assert!(matches!(case.open(&[], &case.binding()), Err(SealedError::Format(DecodeError::Truncated))));
}

#[test]
fn sealed_record_needs_the_epoch_key_and_the_key_encryption_key() {
    let case = Case::new();
    let sealed = Sealed::from_bytes(&case.seal(b"secret")).unwrap();
    let open = |kek: &Passphrase, epoch_key: Option<Secret<[u8; 32]>>| {
        block_on(sealed.open(&case.binding(), kek, epoch_key.as_ref())).map(|secret| secret.to_vec())
    };
    assert!(matches!(open(&case.kek, None), Err(SealedError::Altered)));
    assert!(matches!(open(&case.kek, Some(Secret::new([0xef; 32]))), Err(SealedError::Altered)));
    assert!(matches!(open(&Rig::new().kek, Some(epoch_key())), Err(SealedError::Kek(KekError::Refused))));
    assert_eq!(open(&case.kek, Some(epoch_key())).unwrap(), b"secret");
}

#[test]
fn sealed_record_of_another_version_is_named_as_such() {
    let case = Case::new();
    let mut bytes = case.seal(b"secret");
    bytes[0] = 2;
    let opened = case.open(&bytes, &case.binding());
    assert!(matches!(opened, Err(SealedError::Format(DecodeError::UnsupportedVersion { found: 2 }))));
}

#[test]
fn secret_above_the_limit_is_refused() {
    let case = Case::new();
    let long = vec![0; quorate_storage::sealed::MAX_SECRET + 1];
    let sealed = block_on(Sealed::seal(&long, &case.binding(), &*case.kek, None));
    assert!(matches!(sealed, Err(SealedError::TooLong { .. })));
}

#[test]
fn key_wrapped_in_one_context_is_refused_in_another() {
    use quorate_storage::KeyEncryptionKey;
    let store: Arc<dyn Store> = Arc::new(quorate_storage::MemoryStore::default());
    let kek = block_on(Passphrase::create(&store, passphrase("p"), PassphraseParams::insecure_fast())).unwrap();
    let wrapped = block_on(kek.wrap_key(b"a", &epoch_key())).unwrap();
    assert!(matches!(block_on(kek.unwrap_key(b"b", &wrapped)), Err(KekError::Refused)));
    assert_eq!(block_on(kek.unwrap_key(b"a", &wrapped)).unwrap().expose(), epoch_key().expose());
}

proptest::proptest! {
    #[test]
    fn decoder_accepts_only_what_the_encoder_makes(bytes: Vec<u8>, kind: u8, length in 0..520_u16, rest in proptest::collection::vec(0..=u8::MAX, 0..700)) {
        // Random bytes, and bytes with a plausible head.
        let plausible = [&[1, kind][..], &[0; 8], &length.to_be_bytes(), &rest].concat();
        for bytes in [bytes, plausible] {
            if let Ok(sealed) = Sealed::from_bytes(&bytes) {
                proptest::prop_assert_eq!(sealed.to_bytes(), bytes);
            }
        }
    }
}
