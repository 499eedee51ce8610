//! A PKCS#11 token. Each test is a process of its own: which tokens there are is read from the environment when a module starts.

use std::sync::Arc;

use quorate_core::Secret;
use quorate_services::SoftHsm;
use quorate_storage::{
    Both, EpochKeyId, EpochKeys, KekError, KeyEncryptionKey, MemoryStore, Pkcs11, Pkcs11EpochKeys, Token, TokenOptions, Vault,
    VaultError, conformance, pkcs11::Pkcs11Error,
};

use crate::support::{COSIGNER, KEY, Rig, Share, block_on, key_ref, passphrase};

const PIN: &str = "word-of-the-token";
const CONFIGURATION: &str = "SOFTHSM2_CONF";

/// Runs the body in a process that has a token `alice`.
fn with_token(test: &str, body: impl FnOnce()) {
    SoftHsm::serve(&format!("pkcs11::{test}"), "alice", PIN, body);
}

fn open(label: &str, pin: &str) -> Result<Arc<Token>, Pkcs11Error> {
    block_on(Token::open(TokenOptions::new(SoftHsm::module(), label, passphrase(pin))))
}

fn token() -> Arc<Token> {
    open("alice", PIN).unwrap()
}

#[test]
fn key_in_a_token_passes_the_suite_and_is_found_again() {
    with_token("key_in_a_token_passes_the_suite_and_is_found_again", || {
        let kek = block_on(Pkcs11::create(token(), "wallets")).unwrap();
        block_on(conformance::run_key_encryption_key(&kek)).unwrap();
        let key = Secret::new([7; 32]);
        let wrapped = block_on(kek.wrap_key(b"c", &key)).unwrap();
        let again = block_on(Pkcs11::open(token(), "wallets")).unwrap();
        assert_eq!(block_on(again.unwrap_key(b"c", &wrapped)).unwrap().expose(), key.expose());
        let other = block_on(Pkcs11::create(token(), "others")).unwrap();
        let refused = block_on(other.unwrap_key(b"c", &wrapped));
        assert!(matches!(refused, Err(KekError::Refused)), "{refused:?}");
    });
}

#[test]
fn epoch_keys_in_a_token_pass_the_suite_and_are_gone_when_destroyed() {
    with_token("epoch_keys_in_a_token_pass_the_suite_and_are_gone_when_destroyed", || {
        block_on(conformance::run_epoch_keys(&Pkcs11EpochKeys::new(token(), "alice"))).unwrap();
        let keys = Pkcs11EpochKeys::new(token(), "alice");
        let id = EpochKeyId::new([8; 32], 1);
        let secret = b"an epoch key, wrapped or not";
        block_on(keys.create(&id, secret)).unwrap();
        let elsewhere = Pkcs11EpochKeys::new(token(), "bob");
        assert_eq!(block_on(elsewhere.read(&id)).unwrap(), None, "labels are apart");
        // A crash came between the new object and the end of the former one.
        put_beside(&format!("quorate/alice/{}", "08".repeat(32)), "1", &[&[0, 0, 0, 1], &b"newer"[..]].concat());
        assert_eq!(block_on(keys.read(&id)).unwrap().unwrap(), b"newer");
        assert_eq!(block_on(keys.epochs(id.key_id())).unwrap(), [1]);
        let count = files();
        assert!(block_on(keys.replace(&id, b"newer")).unwrap());
        assert!(files() < count, "the former one is gone");
        assert!(block_on(keys.replace(&id, b"newest")).unwrap());
        assert_eq!(block_on(keys.read(&id)).unwrap().unwrap(), b"newest");
        let count = files();
        block_on(keys.destroy(&id)).unwrap();
        assert!(files() < count, "the token keeps no file of it");
    });
}

/// How many files the token has.
fn files() -> usize {
    let configuration = std::fs::read_to_string(std::env::var_os(CONFIGURATION).unwrap()).unwrap();
    let tokens = configuration.lines().find_map(|line| line.strip_prefix("directories.tokendir = ")).unwrap();
    let token = std::fs::read_dir(tokens).unwrap().next().unwrap().unwrap().path();
    std::fs::read_dir(token).unwrap().count()
}

#[test]
fn what_is_not_there_or_not_safe_is_named() {
    with_token("what_is_not_there_or_not_safe_is_named", || {
        let nowhere = block_on(Token::open(TokenOptions::new("/nowhere.so".as_ref(), "alice", passphrase(PIN)))).unwrap_err();
        assert!(matches!(nowhere, Pkcs11Error::Module { .. }), "{nowhere:?}");
        let wrong = open("alice", "wrong").unwrap_err();
        assert!(matches!(wrong, Pkcs11Error::Pin { .. }), "{wrong:?}");
        assert!(!format!("{wrong:?} {wrong}").contains("wrong\""), "{wrong:?}");
        let none = open("bob", PIN).unwrap_err();
        assert!(matches!(none, Pkcs11Error::NoToken { .. }), "{none:?}");
        let token = token();
        let none = block_on(Pkcs11::open(token.clone(), "wallets")).unwrap_err();
        assert!(matches!(none, Pkcs11Error::NoKey { .. }), "{none:?}");
        block_on(Pkcs11::create(token.clone(), "wallets")).unwrap();
        let twice = block_on(Pkcs11::create(token.clone(), "wallets")).unwrap_err();
        assert!(matches!(twice, Pkcs11Error::KeyExists { .. }), "{twice:?}");
        make_extractable_key("loose");
        let loose = block_on(Pkcs11::open(token, "loose")).unwrap_err();
        assert!(matches!(loose, Pkcs11Error::WeakKey { .. }), "{loose:?}");
        let shown = format!("{:?}", TokenOptions::new(SoftHsm::module(), "alice", passphrase(PIN)));
        assert!(!shown.contains(PIN), "{shown}");
    });
}

/// A session of the test's own, as an administrator has it.
fn administer<T>(act: impl FnOnce(&cryptoki::session::Session) -> T) -> T {
    use cryptoki::{context::Pkcs11 as Module, session::UserType};
    // The module was started by the code under test.
    let module = Module::new(SoftHsm::module()).unwrap();
    let slot = module.get_slots_with_initialized_token().unwrap()[0];
    let session = module.open_rw_session(slot).unwrap();
    let _already = session.login(UserType::User, Some(&PIN.into()));
    act(&session)
}

fn make_extractable_key(label: &str) {
    use cryptoki::{mechanism::Mechanism, object::Attribute};
    administer(|session| {
        let template = [
            Attribute::Token(true),
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(true),
            Attribute::Encrypt(true),
            Attribute::Decrypt(true),
            Attribute::ValueLen(32_u64.into()),
            Attribute::Label(label.as_bytes().to_vec()),
        ];
        session.generate_key(&Mechanism::AesKeyGen, &template).unwrap();
    });
}

fn put_beside(application: &str, label: &str, value: &[u8]) {
    use cryptoki::object::{Attribute, ObjectClass};
    administer(|session| {
        let template = [
            Attribute::Class(ObjectClass::DATA),
            Attribute::Token(true),
            Attribute::Private(true),
            Attribute::Application(application.as_bytes().to_vec()),
            Attribute::Label(label.as_bytes().to_vec()),
            Attribute::Value(value.to_vec()),
        ];
        session.create_object(&template).unwrap();
    });
}

fn allow(label: &str, use_it: bool) {
    use cryptoki::object::Attribute;
    administer(|session| {
        let key = session.find_objects(&[Attribute::Label(label.as_bytes().to_vec())]).unwrap()[0];
        session.update_attributes(key, &[Attribute::Decrypt(use_it)]).unwrap();
    });
}

#[test]
fn vault_lives_in_a_token_and_freezes_when_the_key_is_disabled() {
    with_token("vault_lives_in_a_token_and_freezes_when_the_key_is_disabled", || {
        let token = token();
        let kek = Arc::new(block_on(Pkcs11::create(token.clone(), "wallets")).unwrap());
        let keys = Arc::new(Pkcs11EpochKeys::new(token, "wallets"));
        let store = Arc::new(MemoryStore::default());
        let vault = block_on(Vault::create(store.clone(), keys.clone(), kek.clone(), COSIGNER)).unwrap();
        for epoch in [0, 1] {
            block_on(vault.put_pending(&key_ref(KEY, epoch), &Share::new(epoch))).unwrap();
            block_on(vault.promote(&key_ref(KEY, epoch), &Share::new(epoch))).unwrap();
        }
        assert_eq!(block_on(keys.epochs(&KEY)).unwrap(), [1], "the former epoch's key is destroyed in the token");
        allow("wallets", false);
        let frozen = block_on(vault.load_active::<Share>(&KEY)).unwrap_err();
        assert!(
            matches!(&frozen, VaultError::Sealed { source: quorate_storage::SealedError::Kek(KekError::Unavailable { .. }), .. }),
            "{frozen:?}"
        );
        let frozen = block_on(Vault::open(store.clone(), keys.clone(), kek.clone())).unwrap_err();
        assert!(matches!(frozen, VaultError::Kek(KekError::Unavailable { .. })), "{frozen:?}");
        allow("wallets", true);
        let vault = block_on(Vault::open(store, keys, kek)).unwrap();
        assert_eq!(block_on(vault.load_active::<Share>(&KEY)).unwrap().1, Share::new(1));
    });
}

#[test]
fn vault_moves_from_a_passphrase_to_a_passphrase_and_a_token() {
    with_token("vault_moves_from_a_passphrase_to_a_passphrase_and_a_token", || {
        let rig = Rig::new();
        rig.activate(0);
        let token = block_on(Pkcs11::create(token(), "wallets")).unwrap();
        let both: Arc<dyn KeyEncryptionKey> = Arc::new(Both::new(rig.kek.clone(), Arc::new(token)));
        block_on(conformance::run_key_encryption_key(&*both)).unwrap();
        block_on(rig.vault.clone().rewrap(both.clone())).unwrap();
        let vault = block_on(Vault::open(rig.store.clone(), rig.epoch_keys.clone(), both)).unwrap();
        assert_eq!(block_on(vault.load_active::<Share>(&KEY)).unwrap().1, Share::new(0));
        assert!(rig.open().is_err(), "the passphrase alone opens nothing any more");
    });
}
