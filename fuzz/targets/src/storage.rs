//! Records at rest: decoders, sealed records that were altered, and a whole vault one of whose records was.

use std::sync::Arc;

use quorate_core::{Identifier, PeerId, Secret, SuiteId};
use quorate_storage::{
    Binding, EpochKeyId, EpochKeys, KeyRef, Kind, MemoryEpochKeys, MemoryStore, Passphrase, Record, RecordName, Store, Vault,
    VaultError, sealed::Sealed, vault::fuzz_api::Hidden,
};
use zeroize::Zeroizing;

use crate::{
    cursor::Cursor,
    keys::{block_on, cached},
    records::same,
};

/// A vault of format version 1: see `crates/quorate-storage/tests/it/formats.rs`.
const VAULT: &str = include_str!("../../../crates/quorate-storage/tests/data/vault-v1.txt");
const KEY: [u8; 32] = [0x4b; 32];

/// Its records and epoch keys, by name.
pub(crate) fn fixture() -> Vec<(&'static str, Vec<u8>)> {
    let byte = |hex: &str, at: usize| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap();
    let line = |line: &'static str| line.split_once(' ').unwrap();
    VAULT.lines().map(line).map(|(name, hex)| (name, (0..hex.len() / 2).map(|at| byte(hex, at)).collect())).collect()
}

/// Decoders; the first byte says which.
pub(crate) fn storage_records(data: &[u8]) {
    let Some((kind, data)) = data.split_first() else { return };
    match Hidden::ALL.get(usize::from(*kind)) {
        None => drop(same::<Sealed>(data)),
        Some(hidden) => {
            if let Some(again) = hidden.reencode(data) {
                assert_eq!(again, data, "a second encoding was accepted");
            }
        }
    }
}

/// The one record of the vault's shares.
#[derive(Debug, PartialEq)]
struct Share(u64, Vec<u8>);

impl Record for Share {
    type Error = core::fmt::Error;

    fn to_secret_bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new([&self.0.to_be_bytes()[..], &self.1].concat())
    }

    fn from_secret_bytes(bytes: &[u8], _: Option<&KeyRef>) -> Result<Self, Self::Error> {
        let (epoch, secret) = bytes.split_first_chunk().ok_or(core::fmt::Error)?;
        Ok(Self(u64::from_be_bytes(*epoch), secret.to_vec()))
    }
}

/// Which record, and what becomes of it: changed, replaced, or another one's bytes in its place.
pub(crate) fn vault(data: &[u8]) {
    let mut input = Cursor::new(data);
    let mut records = fixture();
    let (at, other) = (input.below(records.len()), input.below(records.len()));
    let before = records[at].1.clone();
    match input.byte() % 3 {
        0 => input.mutate(&mut records[at].1),
        1 => records[at].1 = records[other].1.clone(),
        _ => records[at].1 = input.rest().to_vec(),
    }
    let same = records[at].1 == before;
    let opened = open(records);
    assert!(opened.is_ok() || !same, "{opened:?}");
    let Ok(vault) = opened else { return };
    let share = |epoch| Share(epoch, b"a share of the past".to_vec());
    let right = [
        block_on(vault.load_identity::<Share>()).map(|identity| assert_eq!(identity, share(0))),
        block_on(vault.load_active::<Share>(&KEY)).map(|(key, found)| assert_eq!((key.epoch(), found), (4, share(4)))),
        block_on(vault.load_pending::<Share>(&KEY, 6)).map(|(key, found)| assert_eq!((key.epoch(), found), (6, share(6)))),
        block_on(vault.key_of_name("treasury")).map(|key| assert_eq!(key, KEY)),
        block_on(vault.summary(&KEY)).map(|key| assert_eq!((key.highest_epoch, key.pending.len()), (6, 1))),
        block_on(vault.list(None, 10)).map(|page| assert_eq!(page.keys.len() + page.damaged.len(), 1)),
        block_on(vault.begin_boot()).map(|boot| assert_eq!(boot, 2)),
    ];
    assert_eq!(right.iter().all(Result::is_ok), same, "an altered record was used, or a good one refused: {right:?}");
}

fn open(records: Vec<(&str, Vec<u8>)>) -> Result<Vault, VaultError> {
    let (store, epochs) = (Arc::new(MemoryStore::default()), Arc::new(MemoryEpochKeys::default()));
    for (name, value) in records {
        match name.strip_prefix("epoch/") {
            Some(epoch) => block_on(epochs.create(&EpochKeyId::new(KEY, epoch.parse().unwrap()), &value))?,
            None => store.tamper(&RecordName::new(name)?, value),
        }
    }
    let store: Arc<dyn Store> = store;
    let kek = block_on(Passphrase::open(&store, Zeroizing::new("correct horse".to_owned())))?;
    block_on(Vault::open(store, epochs, Arc::new(kek)))
}

/// Two records, sealed for two places under the keys of one process. (These keys are random: what the input does to the bytes is not.)
struct Desk {
    kek: Passphrase,
    records: [Vec<u8>; 2],
    names: [RecordName; 2],
}

const OWNER: PeerId = PeerId::new([0xc0; 32]);
const SECRET: &[u8] = b"a secret of some length";

/// Changes to a sealed record: it opens if and only if there are none.
pub(crate) fn sealed(data: &[u8]) {
    let key = KeyRef::new(KEY, 7, Identifier::new(3).unwrap(), SuiteId::Bip340);
    let epoch_key = Secret::new([0xee; 32]);
    let desk = cached(|| {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
        fixture().into_iter().filter(|(name, _)| name.starts_with("kek/")).for_each(|(name, value)| {
            block_on(store.create(&RecordName::new(name).unwrap(), &value)).map(drop).unwrap();
        });
        let kek = block_on(Passphrase::open(&store, Zeroizing::new("correct horse".to_owned()))).unwrap();
        let names = ["keys/x", "keys/y"].map(|name| RecordName::new(name).unwrap());
        let records = [0, 1].map(|which| {
            let binding = Binding::new(Kind::ActiveShare, &OWNER, &names[which], Some(&key));
            quorate_core::wire::Encoding::to_bytes(&block_on(Sealed::seal(SECRET, &binding, &kek, Some(&epoch_key))).unwrap())
        });
        Desk { kek, records, names }
    });
    let mut input = Cursor::new(data);
    let mut bytes = desk.records[0].clone();
    match input.byte() % 3 {
        0 => input.mutate(&mut bytes),
        1 => {
            // Part of the one, and the rest of the other.
            let at = input.below(bytes.len());
            bytes.splice(at.., desk.records[1][at..].iter().copied());
        }
        _ => bytes = input.rest().to_vec(),
    }
    let Some(sealed) = same::<Sealed>(&bytes) else { return };
    let binding = Binding::new(Kind::ActiveShare, &OWNER, &desk.names[0], Some(&key));
    let opened = block_on(sealed.open(&binding, &desk.kek, Some(&epoch_key)));
    assert_eq!(opened.is_ok(), bytes == desk.records[0], "an altered record opened");
    assert!(opened.is_err() || opened.is_ok_and(|secret| secret.as_slice() == SECRET));
}
