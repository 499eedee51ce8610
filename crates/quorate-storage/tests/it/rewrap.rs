//! A vault under another key-encryption key, and one under two.

use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::{fs, sync::Arc};

use quorate_core::Secret;
use quorate_storage::{
    Both, BoxFuture, EpochKeyId, EpochKeys, FileEpochKeys, KekError, KeyEncryptionKey, MemoryStore, Passphrase, Store, Torn,
    Vault, VaultError, WrappedKey, kek::PassphraseParams,
};

use crate::support::{KEY, Rig, Share, block_on, key_record_name, passphrase};

/// A key service that can be switched off: a passphrase's key in a store of its own.
#[derive(Debug)]
struct Service(Passphrase, AtomicBool);

impl Service {
    fn new() -> Arc<Self> {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
        let key = block_on(Passphrase::create(&store, passphrase("service"), PassphraseParams::insecure_fast())).unwrap();
        Arc::new(Self(key, AtomicBool::new(true)))
    }

    fn switch(&self, on: bool) {
        self.1.store(on, Ordering::SeqCst);
    }

    fn check(&self) -> Result<(), KekError> {
        if self.1.load(Ordering::SeqCst) { Ok(()) } else { Err(KekError::Unavailable { source: "switched off".into() }) }
    }
}

impl KeyEncryptionKey for Service {
    fn wrap_key<'a>(&'a self, context: &'a [u8], key: &'a Secret<[u8; 32]>) -> BoxFuture<'a, Result<WrappedKey, KekError>> {
        Box::pin(async move {
            self.check()?;
            self.0.wrap_key(context, key).await
        })
    }

    fn unwrap_key<'a>(&'a self, context: &'a [u8], wrapped: &'a WrappedKey) -> BoxFuture<'a, Result<Secret<[u8; 32]>, KekError>> {
        Box::pin(async move {
            self.check()?;
            self.0.unwrap_key(context, wrapped).await
        })
    }
}

fn rig() -> Rig {
    let rig = Rig::new();
    rig.activate(0);
    rig.put(3);
    rig.put(5);
    block_on(rig.vault.store_identity(&Share::new(77))).unwrap();
    rig
}

fn open(rig: &Rig, kek: Arc<dyn KeyEncryptionKey>) -> Result<Vault, VaultError> {
    block_on(Vault::open(rig.store.clone(), rig.epoch_keys.clone(), kek))
}

fn holds_everything(vault: &Vault) {
    assert_eq!(block_on(vault.load_active::<Share>(&KEY)).unwrap().1, Share::new(0));
    for epoch in [3, 5] {
        assert_eq!(block_on(vault.load_pending::<Share>(&KEY, epoch)).unwrap().1, Share::new(epoch));
    }
    assert_eq!(block_on(vault.load_identity::<Share>()).unwrap(), Share::new(77));
}

#[test]
fn vault_that_was_wrapped_anew_needs_the_former_key_for_nothing() {
    let rig = rig();
    let service = Service::new();
    let vault = block_on(rig.vault.clone().rewrap(service.clone())).unwrap();
    holds_everything(&vault);
    holds_everything(&open(&rig, service.clone()).unwrap());
    let former = open(&rig, rig.kek.clone()).unwrap_err();
    assert!(matches!(former, VaultError::Kek(KekError::Refused)), "{former:?}");
    // Life goes on under the new one alone.
    let key = crate::support::key_ref(KEY, 5);
    block_on(vault.promote(&key, &Share::new(5))).unwrap();
    assert_eq!(rig.epochs(), [5]);
    service.switch(false);
    let off = open(&rig, service).unwrap_err();
    assert!(matches!(off, VaultError::Kek(KekError::Unavailable { .. })), "{off:?}");
}

#[test]
fn nothing_that_the_former_key_opens_is_left_of_what_is_kept() {
    let rig = rig();
    let old: Vec<Vec<u8>> = rig.epoch_keys.dump().into_iter().map(|(_, wrapped)| wrapped).collect();
    block_on(rig.vault.clone().rewrap(Service::new())).unwrap();
    // What still believes in the former key opens no share, whatever record it looks at.
    let failed = rig.active().unwrap_err();
    assert!(matches!(failed, VaultError::Sealed { .. }), "{failed:?}");
    assert!(rig.epoch_keys.dump().into_iter().all(|(_, wrapped)| !old.contains(&wrapped)));
}

#[test]
fn crash_at_any_operation_is_finished_by_the_same_call() {
    let mut crashes = 0;
    for torn in [Torn::Before, Torn::After] {
        for at in 0.. {
            let mut rig = rig();
            let service = Service::new();
            rig.faults.crash_at(at, torn);
            let done = block_on(rig.vault.clone().rewrap(service.clone()));
            if !rig.faults.crashed() {
                done.unwrap();
                break;
            }
            crashes += 1;
            rig.faults.restart();
            match rig.open() {
                Ok(vault) => {
                    rig.vault = vault;
                    holds_everything(&block_on(rig.vault.clone().rewrap(service.clone())).unwrap());
                }
                // The header was written, and its answer lost.
                Err(VaultError::Kek(KekError::Refused)) => assert_eq!(torn, Torn::After),
                Err(error) => panic!("operation {at} {torn:?}: {error:?}"),
            }
            holds_everything(&open(&rig, service).unwrap());
        }
    }
    assert!(crashes > 24, "the crash must reach reads and writes of both places: {crashes}");
}

#[test]
fn damaged_record_stops_it_and_nothing_is_lost() {
    let rig = rig();
    let name = quorate_storage::RecordName::new(&key_record_name(&[0xff; 32])).unwrap();
    let version = block_on(rig.store.create(&name, b"not of this vault")).unwrap();
    let service = Service::new();
    let error = block_on(rig.vault.clone().rewrap(service.clone())).unwrap_err();
    assert!(matches!(&error, VaultError::Damaged { name: found } if *found == name), "{error:?}");
    block_on(rig.store.delete(&name, &version)).unwrap();
    holds_everything(&block_on(rig.open().unwrap().rewrap(service)).unwrap());
}

/// As a policy of a key in KMS: for whose records it may be used.
#[derive(Debug)]
struct For(Arc<Service>, [u8; 32], AtomicUsize);

impl For {
    fn check(&self, context: &[u8]) -> Result<(), KekError> {
        self.2.fetch_add(1, Ordering::SeqCst);
        // Behind the version and the kind.
        if context.get(2..34) == Some(&self.1) { Ok(()) } else { Err(KekError::Unavailable { source: "denied".into() }) }
    }
}

impl KeyEncryptionKey for For {
    fn wrap_key<'a>(&'a self, context: &'a [u8], key: &'a Secret<[u8; 32]>) -> BoxFuture<'a, Result<WrappedKey, KekError>> {
        Box::pin(async move {
            self.check(context)?;
            self.0.wrap_key(context, key).await
        })
    }

    fn unwrap_key<'a>(&'a self, context: &'a [u8], wrapped: &'a WrappedKey) -> BoxFuture<'a, Result<Secret<[u8; 32]>, KekError>> {
        Box::pin(async move {
            self.check(context)?;
            self.0.unwrap_key(context, wrapped).await
        })
    }
}

#[test]
fn service_is_tried_as_this_cosigners_and_nothing_is_written() {
    let rig = rig();
    let cosigner = *rig.vault.cosigner().as_bytes();
    let dump = || (block_on(rig.store.scan(None, None, 100)).unwrap().records, rig.epoch_keys.dump());
    let before = dump();
    let (service, asked) = (Service::new(), AtomicUsize::new(0));
    let own = For(service.clone(), cosigner, asked);
    block_on(rig.vault.try_key(&own)).unwrap();
    assert_eq!(own.2.load(Ordering::SeqCst), 2);
    let other = block_on(rig.vault.try_key(&For(service.clone(), [9; 32], AtomicUsize::new(0)))).unwrap_err();
    assert!(matches!(other, VaultError::Kek(KekError::Unavailable { .. })), "{other:?}");
    let pair = Both::new(rig.kek.clone(), Arc::new(own));
    block_on(rig.vault.try_key(&pair)).unwrap();
    service.switch(false);
    assert!(block_on(rig.vault.try_key(&pair)).is_err());
    assert_eq!(dump(), before);
}

#[test]
fn service_that_wraps_wrongly_is_found_out_before_anything_is_given_up() {
    #[derive(Debug)]
    struct Liar(Arc<Service>);
    impl KeyEncryptionKey for Liar {
        fn wrap_key<'a>(&'a self, context: &'a [u8], _key: &'a Secret<[u8; 32]>) -> BoxFuture<'a, Result<WrappedKey, KekError>> {
            Box::pin(async move { self.0.wrap_key(context, &Secret::new([9; 32])).await })
        }

        fn unwrap_key<'a>(&'a self, c: &'a [u8], wrapped: &'a WrappedKey) -> BoxFuture<'a, Result<Secret<[u8; 32]>, KekError>> {
            self.0.unwrap_key(c, wrapped)
        }
    }
    let rig = rig();
    let tried = block_on(rig.vault.try_key(&Liar(Service::new())));
    assert!(matches!(tried, Err(VaultError::Kek(KekError::Refused))), "{tried:?}");
    let refused = block_on(rig.vault.clone().rewrap(Arc::new(Liar(Service::new()))));
    assert!(matches!(refused, Err(VaultError::Sealed { .. })), "{refused:?}");
    holds_everything(&rig.vault);
}

#[test]
fn two_services_are_both_needed() {
    let rig = rig();
    let (a, b) = (Service::new(), Service::new());
    let both: Arc<dyn KeyEncryptionKey> = Arc::new(Both::new(a.clone(), b.clone()));
    block_on(rig.vault.clone().rewrap(both.clone())).unwrap();
    holds_everything(&open(&rig, both.clone()).unwrap());
    for service in [&a, &b] {
        service.switch(false);
        let frozen = open(&rig, both.clone()).unwrap_err();
        assert!(matches!(frozen, VaultError::Kek(KekError::Unavailable { .. })), "{frozen:?}");
        service.switch(true);
    }
    for other in [Both::new(a.clone(), a.clone()), Both::new(b, a.clone()), Both::new(a, Service::new())] {
        let refused = open(&rig, Arc::new(other)).unwrap_err();
        assert!(matches!(refused, VaultError::Kek(KekError::Refused)), "{refused:?}");
    }
}

#[test]
fn two_services_refuse_any_altered_byte_another_context_and_mixed_halves() {
    let (a, b) = (Service::new(), Service::new());
    let both = Both::new(a, b);
    let key = Secret::new([7; 32]);
    let wrapped = block_on(both.wrap_key(b"here", &key)).unwrap();
    assert_eq!(block_on(both.unwrap_key(b"here", &wrapped)).unwrap().expose(), key.expose());
    assert!(matches!(block_on(both.unwrap_key(b"there", &wrapped)), Err(KekError::Refused)));
    for at in 0..wrapped.as_bytes().len() {
        let mut altered = wrapped.as_bytes().to_vec();
        altered[at] ^= 1;
        let altered = WrappedKey::new(altered).unwrap();
        assert!(matches!(block_on(both.unwrap_key(b"here", &altered)), Err(KekError::Refused)), "byte {at}");
    }
    let other = block_on(both.wrap_key(b"here", &key)).unwrap();
    let half = wrapped.as_bytes().len() / 3;
    let mixed = [&wrapped.as_bytes()[..half], &other.as_bytes()[half..]].concat();
    assert!(matches!(block_on(both.unwrap_key(b"here", &WrappedKey::new(mixed).unwrap())), Err(KekError::Refused)));
}

const ID: EpochKeyId = EpochKeyId::new([0xab; 32], 7);

#[test]
fn replaced_file_is_overwritten_and_what_a_crash_left_of_it_too() {
    let directory = tempfile::tempdir().unwrap();
    let keys = FileEpochKeys::open(directory.path()).unwrap();
    let file = directory.path().join("epochs").join("ab".repeat(32)).join("7");
    assert!(!block_on(keys.replace(&ID, b"new")).unwrap(), "there is none");
    assert_eq!(block_on(keys.epochs(ID.key_id())).unwrap(), [] as [u64; 0]);
    block_on(keys.create(&ID, b"former one")).unwrap();
    let witness = directory.path().join("witness");
    fs::hard_link(&file, &witness).unwrap();
    assert!(block_on(keys.replace(&ID, b"new")).unwrap());
    assert_eq!(fs::read(&witness).unwrap(), [0; 10]);
    assert_eq!(block_on(keys.read(&ID)).unwrap().unwrap(), b"new");
    // A crash came after the new file was in its place.
    let (left, witness) = (file.with_file_name(".7.old"), directory.path().join("second"));
    fs::write(&left, b"former").unwrap();
    fs::hard_link(&left, &witness).unwrap();
    assert_eq!(block_on(keys.epochs(ID.key_id())).unwrap(), [7]);
    assert!(block_on(keys.replace(&ID, b"new")).unwrap());
    assert_eq!(fs::read(&witness).unwrap(), [0; 6]);
    assert!(!left.exists());
    // A crash came before that: the name is one of the file in use, which must not be overwritten.
    fs::hard_link(&file, &left).unwrap();
    assert!(block_on(keys.replace(&ID, b"new")).unwrap());
    assert_eq!(block_on(keys.read(&ID)).unwrap().unwrap(), b"new");
    assert!(!left.exists());
    fs::hard_link(&file, &left).unwrap();
    assert!(block_on(keys.replace(&ID, b"newer")).unwrap());
    assert_eq!(block_on(keys.read(&ID)).unwrap().unwrap(), b"newer");
    assert!(!left.exists());
    // Destruction leaves nothing of either.
    fs::write(&left, b"former").unwrap();
    let witness = directory.path().join("third");
    fs::hard_link(&left, &witness).unwrap();
    block_on(keys.destroy(&ID)).unwrap();
    assert_eq!(fs::read(&witness).unwrap(), [0; 6]);
    assert!(!left.exists() && !file.exists());
}
