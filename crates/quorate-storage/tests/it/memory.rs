//! Whether what a vault opens is gone from memory afterwards.

use quorate_storage::{KeyRef, Record};
use zeroize::Zeroizing;

use crate::{
    memory_scan::{Needle, alone},
    support::{KEY, Rig, block_on, key_ref, passphrase},
};

/// A secret that looks at memory while it is plain, and keeps nothing of what it reads.
struct Probe(Zeroizing<Vec<u8>>, Needle);

/// How often the secret stood in memory while the record was read.
struct Seen(usize);

thread_local! {
    static LOOKED_FOR: core::cell::RefCell<Option<Needle>> = const { core::cell::RefCell::new(None) };
}

impl Probe {
    fn new() -> Self {
        let mut secret = Zeroizing::new(vec![0; 700]);
        secret[600..632].copy_from_slice(rand_bytes().as_slice());
        let needle = Needle::new(&secret[600..632]);
        LOOKED_FOR.set(Some(Needle::new(&secret[600..632])));
        Self(secret, needle)
    }
}

/// Bytes that stand nowhere else in memory.
fn rand_bytes() -> Zeroizing<[u8; 32]> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(bytes.as_mut_slice()).unwrap();
    bytes
}

impl Record for Probe {
    type Error = core::convert::Infallible;

    fn to_secret_bytes(&self) -> Zeroizing<Vec<u8>> {
        self.0.clone()
    }

    fn from_secret_bytes(bytes: &[u8], _: Option<&KeyRef>) -> Result<Self, Self::Error> {
        let needle = Needle::new(&bytes[600..632]);
        Ok(Self(Zeroizing::new(Vec::new()), needle))
    }
}

impl Record for Seen {
    type Error = core::convert::Infallible;

    fn to_secret_bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(Vec::new())
    }

    fn from_secret_bytes(_: &[u8], _: Option<&KeyRef>) -> Result<Self, Self::Error> {
        Ok(Self(LOOKED_FOR.with_borrow(|needle| needle.as_ref().map_or(0, Needle::hits))))
    }
}

#[test]
fn vault_leaves_no_plaintext_of_what_it_seals_and_opens() {
    alone(|| {
        let rig = Rig::new();
        let probe = Probe::new();
        let key = key_ref(KEY, 4);
        block_on(rig.vault.put_pending(&key, &probe)).unwrap();
        block_on(rig.vault.promote(&key, &probe)).unwrap();
        let Probe(secret, needle) = probe;
        assert!(needle.hits() > 0, "the search does not find what is there");
        drop(secret);
        assert_eq!(needle.hits(), 0, "sealing leaves copies");
        let (_, seen) = block_on(rig.vault.load_active::<Seen>(&KEY)).unwrap();
        assert!(seen.0 > 0, "the search does not find what is opened");
        assert_eq!(needle.hits(), 0, "opening leaves copies");
        let (_, again) = block_on(rig.vault.load_active::<Probe>(&KEY)).unwrap();
        assert_eq!(again.1.hits(), 0, "opening leaves copies");
    });
}

#[test]
fn passphrase_is_gone_when_its_vault_is_open() {
    alone(|| {
        let secret = rand_bytes().iter().fold(Zeroizing::new(String::with_capacity(64)), |mut text, byte| {
            text.extend([byte >> 4, byte & 15].map(|digit| char::from_digit(u32::from(digit), 16).unwrap()));
            text
        });
        let needle = Needle::new(secret.as_bytes());
        let store: std::sync::Arc<dyn quorate_storage::Store> = std::sync::Arc::new(quorate_storage::MemoryStore::default());
        let params = quorate_storage::kek::PassphraseParams::insecure_fast();
        let copy = || passphrase(&secret);
        drop(block_on(quorate_storage::Passphrase::create(&store, copy(), params)).unwrap());
        let kek = block_on(quorate_storage::Passphrase::open(&store, copy())).unwrap();
        assert!(needle.hits() > 0, "the search does not find what is there");
        drop(secret);
        assert_eq!(needle.hits(), 0);
        drop(kek);
    });
}

/// age wipes neither the buffer that it encrypts from nor what it was given; the zeros behind the content are there for that.
#[cfg(feature = "backup")]
#[test]
fn backup_leaves_no_plaintext_of_what_it_seals_and_opens() {
    use quorate_storage::backup::{BackupReader, BackupWriter, ChunkContent, OpeningKeys, Preamble, keys_digest};
    alone(|| {
        let recipient = include_str!("../data/backup-recipient.txt").trim();
        let preamble = Preamble {
            id: [1; 32],
            cosigner: crate::support::COSIGNER,
            made: 0,
            location: "gcp".parse().unwrap(),
            key: "acme".parse().unwrap(),
            recipient: recipient.to_owned(),
            with_identity: false,
            keys: 1,
            keys_digest: keys_digest([&KEY]),
        };
        let Probe(secret, needle) = Probe::new();
        let mut writer = BackupWriter::new(Vec::new(), &preamble, recipient.parse().unwrap()).unwrap();
        let mut chunk = ChunkContent::new(None);
        let slot = quorate_storage::backup::PublicSlot {
            epoch: 0,
            participant: crate::support::participant(1),
            package: Vec::new(),
            certificate: vec![1],
        };
        let suite = quorate_core::SuiteId::Bip340;
        let entry = quorate_storage::backup::Entry {
            key_id: KEY,
            suite,
            highest_epoch: 0,
            active: Some(slot),
            amendment: Vec::new(),
            pending: Vec::new(),
        };
        chunk.push(entry, "", &[secret]);
        assert!(needle.hits() > 0, "the search does not find what is there");
        let sealed = writer.seal(&chunk).unwrap();
        drop(chunk);
        assert_eq!(needle.hits(), 0, "sealing leaves copies");
        writer.write(&sealed, &[vec![1]]).unwrap();
        let bytes = writer.finish();
        let chunk = BackupReader::new(&bytes[..]).unwrap().next_chunk().unwrap().unwrap();
        let opened = chunk.open(&OpeningKeys::parse(include_str!("../data/backup-key.txt")).unwrap()).unwrap();
        assert!(needle.hits() > 0, "the search does not find what is opened");
        drop(opened);
        assert_eq!(needle.hits(), 0, "opening leaves copies");
    });
}
