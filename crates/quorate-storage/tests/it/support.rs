//! What the tests share: an executor of one line, a record that checks itself, and a cosigner's storage in memory.

use core::task::{Context, Poll, Waker};
use std::sync::Arc;

use quorate_core::{Identifier, PeerId, SuiteId};
use quorate_storage::{
    Faults, KeyEncryptionKey, KeyRef, MemoryEpochKeys, MemoryStore, Passphrase, Record, RecordName, Store, Vault, VaultError,
    kek::PassphraseParams,
};
use zeroize::Zeroizing;

pub(crate) const COSIGNER: PeerId = PeerId::new([0xc0; 32]);
pub(crate) const KEY: [u8; 32] = [0x4b; 32];

/// Polls until done. What these tests use is done on the first poll.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = Box::pin(future);
    loop {
        if let Poll::Ready(done) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return done;
        }
    }
}

pub(crate) fn participant(number: u16) -> Identifier {
    Identifier::new(number).unwrap()
}

pub(crate) fn key_ref(key_id: [u8; 32], epoch: u64) -> KeyRef {
    KeyRef::new(key_id, epoch, participant(3), SuiteId::Bip340)
}

pub(crate) fn passphrase(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.to_owned())
}

/// A stand-in for a key share: it names its epoch, and refuses to be another's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Share {
    pub(crate) epoch: u64,
    pub(crate) secret: Vec<u8>,
}

#[derive(Debug, thiserror::Error)]
#[error("the share does not fit its verifying share")]
pub(crate) struct Unfit;

impl Share {
    pub(crate) fn new(epoch: u64) -> Self {
        Self { epoch, secret: vec![0xa5; 692] }
    }
}

impl Record for Share {
    type Error = Unfit;

    fn to_secret_bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new([&self.epoch.to_be_bytes()[..], &self.secret].concat())
    }

    fn print(&self) -> Option<[u8; 32]> {
        Some([self.secret.first().copied().unwrap_or(0); 32])
    }

    fn from_secret_bytes(bytes: &[u8], key: Option<&KeyRef>) -> Result<Self, Unfit> {
        let (epoch, secret) = bytes.split_first_chunk().ok_or(Unfit)?;
        let share = Self { epoch: u64::from_be_bytes(*epoch), secret: secret.to_vec() };
        if key.is_none_or(|key| key.epoch() == share.epoch) { Ok(share) } else { Err(Unfit) }
    }
}

/// One cosigner's storage in memory.
pub(crate) struct Rig {
    pub(crate) faults: Faults,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) epoch_keys: Arc<MemoryEpochKeys>,
    pub(crate) kek: Arc<Passphrase>,
    pub(crate) vault: Vault,
}

impl Rig {
    pub(crate) fn new() -> Self {
        Self::of(COSIGNER)
    }

    pub(crate) fn of(cosigner: PeerId) -> Self {
        let faults = Faults::none();
        let store = Arc::new(MemoryStore::recording(faults.clone()));
        let epoch_keys = Arc::new(MemoryEpochKeys::new(faults.clone()));
        let dyn_store: Arc<dyn Store> = store.clone();
        let params = PassphraseParams::insecure_fast();
        let kek = Arc::new(block_on(Passphrase::create(&dyn_store, passphrase("correct horse"), params)).unwrap());
        let vault = block_on(Vault::create(store.clone(), epoch_keys.clone(), kek.clone(), cosigner)).unwrap();
        Self { faults, store, epoch_keys, kek, vault }
    }

    /// The process starts again on what is durable.
    pub(crate) fn restart(&mut self) {
        self.faults.restart();
        self.vault = self.open().unwrap();
    }

    pub(crate) fn open(&self) -> Result<Vault, VaultError> {
        let kek: Arc<dyn KeyEncryptionKey> = self.kek.clone();
        block_on(Vault::open(self.store.clone(), self.epoch_keys.clone(), kek))
    }

    pub(crate) fn put(&self, epoch: u64) {
        block_on(self.vault.put_pending(&key_ref(KEY, epoch), &Share::new(epoch))).unwrap();
    }

    pub(crate) fn activate(&self, epoch: u64) {
        self.put(epoch);
        block_on(self.vault.promote(&key_ref(KEY, epoch), &Share::new(epoch))).unwrap();
    }

    pub(crate) fn active(&self) -> Result<Share, VaultError> {
        block_on(self.vault.load_active::<Share>(&KEY)).map(|(_, share)| share)
    }

    pub(crate) fn pending(&self, epoch: u64) -> Result<Share, VaultError> {
        block_on(self.vault.load_pending::<Share>(&KEY, epoch)).map(|(_, share)| share)
    }

    pub(crate) fn record(&self, name: &str) -> Option<Vec<u8>> {
        self.store.dump().into_iter().rev().find(|(found, _)| found.as_str() == name).map(|(_, value)| value)
    }

    /// Puts the store back to before a key. Epoch keys are never put back.
    pub(crate) fn forget(&self, key_id: &[u8; 32]) {
        let name = RecordName::new(&key_record_name(key_id)).unwrap();
        let found = block_on(self.store.read(&name)).unwrap().unwrap();
        block_on(self.store.delete(&name, &found.version)).unwrap();
    }

    pub(crate) fn epochs(&self) -> Vec<u64> {
        self.epoch_keys.dump().into_iter().map(|(id, _)| id.epoch()).collect()
    }
}

pub(crate) fn key_record_name(key_id: &[u8; 32]) -> String {
    format!("keys/{}", key_id.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}
