//! Backups of cosigners that run: what they prove, what they refuse, and what comes back from them.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use quorate::{
    CosignerError, KeygenRequest, RequestError, SignRequest,
    backup::{
        BackupError, BackupReport, BackupRequest, BackupTarget, CheckError, KeyProblem, KeyReport, OpeningKeys, RestoreError,
        RestoreReport, restore_into, verify,
    },
    core::{
        PeerId, PlacementError, SuiteId,
        attest::attest,
        placement::{Backup, Exposure},
        wire::Encoding,
    },
    danger,
    payload::{AnyPayload, Message},
    storage::{
        Faults, MemoryEpochKeys, MemoryStore, Torn, Vault, VaultError,
        backup::{BackupReader, BackupWriter, ChunkContent},
        vault::VaultInputError,
    },
};

use crate::{
    secrets::{leaks, scalar},
    team::{self, Home, Team},
};

/// The key pair of the tests of `quorate-storage`.
const RECIPIENT: &str = include_str!("../../../quorate-storage/tests/data/backup-recipient.txt");
const KEY_FILE: &str = include_str!("../../../quorate-storage/tests/data/backup-key.txt");
const SUITES: [SuiteId; 3] = [SuiteId::Bip340, SuiteId::Ed25519, SuiteId::EcdsaSecp256k1];

fn keys() -> OpeningKeys {
    OpeningKeys::parse(KEY_FILE).unwrap()
}

/// Every cosigner has a backup at a provider of its own, whose key a friend holds.
fn exposure(index: usize) -> Exposure {
    let (location, key) = place(index);
    team::exposure(index).with_backup(Backup::new(location.parse().unwrap()).with_key(key.parse().unwrap()))
}

fn place(index: usize) -> (String, String) {
    (format!("vault-{index}/backups"), format!("friend-{index}"))
}

fn target_at(location: &str, key: &str) -> BackupTarget {
    BackupTarget::new(location.parse().unwrap(), key.parse().unwrap(), RECIPIENT.trim().parse().unwrap())
}

fn target(index: usize) -> BackupTarget {
    let (location, key) = place(index);
    target_at(&location, &key)
}

/// A team whose rows are `exposure`, where each may make the backups that `targets` says.
async fn team(exposure: fn(usize) -> Exposure, targets: fn(usize) -> Vec<BackupTarget>) -> Team {
    let mut team = Team::start().await;
    team.exposure = exposure;
    for index in 0..3 {
        team.stop(index).await;
        let policy = Arc::new(quorate::policy::BuiltinPolicy::documents());
        let add = |builder| targets(index).into_iter().fold(builder, quorate::CosignerBuilder::backup_target);
        team.boot_as(index, |builder| add(builder.policy(policy))).await;
    }
    team.connected().await;
    team
}

async fn declared() -> Team {
    team(exposure, |index| vec![target(index)]).await
}

struct File(tempfile::TempDir);

impl File {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("backup")
    }

    fn bytes(&self) -> Vec<u8> {
        std::fs::read(self.path()).unwrap()
    }

    fn request(&self, target: &BackupTarget) -> BackupRequest {
        BackupRequest::new(&self.path(), target.location().clone(), target.recipient().clone())
    }
}

async fn backup_of(team: &Team, index: usize, with_identity: bool) -> Vec<u8> {
    let file = File::new();
    let request = file.request(&target(index)).with_identity(with_identity);
    let made = team.cosigner(index).backup(request).await.unwrap();
    assert_eq!(made.bytes, file.bytes().len() as u64);
    file.bytes()
}

fn check(bytes: &[u8], keys: Option<&OpeningKeys>) -> Result<(BackupReport, Vec<KeyReport>), CheckError> {
    let mut reports = Vec::new();
    Ok((verify(bytes, keys, |report| reports.push(report))?, reports))
}

/// Storage of a cosigner that lost its own, under the old passphrase.
fn empty(home: &Home) -> (Faults, Arc<MemoryStore>, Arc<MemoryEpochKeys>) {
    let faults = Faults::none();
    let (store, epochs) = (Arc::new(MemoryStore::new(faults.clone())), Arc::new(MemoryEpochKeys::new(faults.clone())));
    for (name, value) in home.store.dump().into_iter().filter(|(name, _)| name.as_str() == "kek/passphrase") {
        store.tamper(&name, value);
    }
    (faults, store, epochs)
}

async fn restore(
    home: &Home,
    (store, epochs): (&Arc<MemoryStore>, &Arc<MemoryEpochKeys>),
    bytes: &[u8],
) -> Result<RestoreReport, RestoreError> {
    let report = check(bytes, Some(&keys())).unwrap().0;
    restore_into(Arc::clone(store) as _, Arc::clone(epochs) as _, Arc::clone(&home.kek) as _, &keys(), report, bytes).await
}

fn message(text: &str) -> AnyPayload {
    AnyPayload::new(Message::new(text).unwrap())
}

/// A restored store is one that went back: the cosigner rejoins, starts again, and each of the others' operators accepts it.
async fn brought_back(team: &mut Team, index: usize) {
    let pause = || tokio::time::sleep(std::time::Duration::from_millis(50));
    team.connected().await;
    for _ in 0..400 {
        if team.cosigner(index).rejoin().await.is_ok() {
            break;
        }
        pause().await;
    }
    team.stop(index).await;
    team.boot(index).await;
    team.connected().await;
    let peer = team.cosigner(index).peer_id();
    for other in (0..3).filter(|other| *other != index) {
        let mut tries = 0;
        while let Err(error) = team.cosigner(other).accept_rejoin(peer, false).await {
            tries += 1;
            assert!(tries < 400, "{other} does not accept it: {error}");
            pause().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_store_comes_back_from_a_backup_with_every_suite_and_signs_on() {
    let mut team = declared().await;
    let file = File::new();
    assert!(matches!(
        team.cosigner(0).backup(file.request(&target(0))).await,
        Err(CosignerError::Request(RequestError::NothingToBackUp))
    ));
    team.cosigner(1).keygen(KeygenRequest::new("treasury", SUITES, 2)).await.unwrap();
    let bytes = backup_of(&team, 0, true).await;

    let (report, public) = check(&bytes, None).unwrap();
    assert_eq!((report.active, report.pending, report.opened, report.preamble.with_identity), (3, 0, false, true));
    assert_eq!((report.preamble.cosigner, report.preamble.location.as_str()), (team.cosigner(0).peer_id(), "vault-0/backups"));
    let (_, opened) = check(&bytes, Some(&keys())).unwrap();
    assert!(public.iter().all(|key| key.wallet.is_none()) && opened.iter().all(|key| key.wallet.as_deref() == Some("treasury")));
    let held: BTreeMap<_, _> =
        team.cosigner(0).keys().await.unwrap().into_iter().map(|key| (*key.share.key_id().as_bytes(), key)).collect();
    assert_eq!(public.iter().map(|key| key.key_id).collect::<Vec<_>>(), held.keys().copied().collect::<Vec<_>>());
    for key in &public {
        let held = &held[&key.key_id];
        assert_eq!((key.suite, key.epoch, &key.public_key), (held.share.suite(), Some(0), &held.share.public_key()));
        assert!(!leaks(&scalar(&held.share), &bytes), "a share is readable in the backup");
    }

    team.stop(0).await;
    let (faults, store, epochs) = empty(&team.homes[0]);
    let restored = restore(&team.homes[0], (&store, &epochs), &bytes).await.unwrap();
    assert_eq!((restored.stored, restored.present, restored.unnamed.len()), (3, 0, 0));
    assert_eq!(restore(&team.homes[0], (&store, &epochs), &bytes).await.unwrap().present, 3, "again changes nothing");
    team.homes[0] = Home { store, epochs, faults, kek: Arc::clone(&team.homes[0].kek), vault: team.homes[0].vault.clone() };
    team.boot(0).await;
    brought_back(&mut team, 0).await;
    for (suite, signer) in SUITES.into_iter().zip([1, 2, 1]) {
        let request = SignRequest::new("treasury", message("restored")).suite(suite).signers([team::NAMES[signer].to_owned()]);
        team.cosigner(0).sign(request).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn backup_that_was_cut_or_changed_anywhere_is_refused_without_the_recipients_key() {
    let team = declared().await;
    team.cosigner(0).keygen(KeygenRequest::new("w", [SuiteId::Ed25519, SuiteId::Bip340], 2)).await.unwrap();
    let bytes = backup_of(&team, 0, false).await;
    // The encrypted part is long, and every byte of it goes into the same digest.
    let sealed = 3000..bytes.len() - 400;
    for at in (0..bytes.len()).filter(|at| !sealed.contains(at) || at % 1021 == 0) {
        let mut changed = bytes.clone();
        changed[at] ^= 1 << (at % 8);
        assert!(check(&changed, None).is_err(), "byte {at} of {}", bytes.len());
        assert!(matches!(check(&bytes[..at], None), Err(CheckError::Format(BackupError::Truncated))), "cut at {at}");
    }
    let other = OpeningKeys::parse("AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX").unwrap();
    assert!(matches!(check(&bytes, Some(&other)), Err(CheckError::Format(BackupError::WrongKey { .. }))));
}

#[tokio::test(flavor = "multi_thread")]
async fn backup_that_is_not_declared_is_not_made() {
    // Alice may make backups at a new provider, and at Bob's.
    let targets = |index| match index {
        0 => vec![target(0), target_at("elsewhere", "friend-0"), target_at("gcp/backups", "gcp/keys")],
        _ => Vec::new(),
    };
    let team = team(exposure, targets).await;
    let alice = team.cosigner(0);
    alice.keygen(KeygenRequest::new("w", [SuiteId::Ed25519], 2)).await.unwrap();
    let file = File::new();
    let ask = async |location: &str, partial: bool| {
        let request = BackupRequest::new(&file.path(), location.parse().unwrap(), RECIPIENT.trim().parse().unwrap());
        alice.backup(request.partial(partial)).await.map_err(|error| match error {
            CosignerError::Request(error) => error,
            other => panic!("{other}"),
        })
    };
    assert!(matches!(ask("nowhere", false).await, Err(RequestError::BackupNotConfigured { .. })));
    let undeclared = ask("elsewhere", false).await.unwrap_err();
    assert!(matches!(undeclared, RequestError::BackupUndeclared { refusal: None, .. }), "{undeclared}");
    assert!(undeclared.to_string().contains("`quorate placement amend`, or reshare the key"), "{undeclared}");
    // Bob's share falls to gcp already; with this backup Alice's would too.
    let refused = ask("gcp/backups", false).await.unwrap_err();
    let RequestError::BackupUndeclared { refusal: Some(refusal), .. } = &refused else { panic!("{refused}") };
    assert!(matches!(&**refusal, PlacementError::OneDomainReachesTheKey { domain, .. } if domain.as_str() == "gcp"));
    assert!(refused.to_string().contains("both would be refused: the placement is refused"), "{refused}");
    assert!(matches!(ask("elsewhere", true).await, Err(RequestError::NothingToBackUp)));
    assert!(!file.path().exists());
    ask("vault-0/backups", false).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn partial_backup_names_what_it_leaves_out() {
    let mut team = declared().await;
    team.cosigner(0).keygen(KeygenRequest::new("declared", [SuiteId::Ed25519], 2)).await.unwrap();
    // A key from a time at which the row named no backup.
    team.exposure = team::exposure;
    for index in 0..3 {
        team.stop(index).await;
        team.boot_as(index, |builder| builder.backup_target(target(index))).await;
    }
    team.connected().await;
    team.cosigner(0).keygen(KeygenRequest::new("older", [SuiteId::Ed25519], 2)).await.unwrap();
    let file = File::new();
    let whole = team.cosigner(0).backup(file.request(&target(0))).await;
    assert!(matches!(whole, Err(CosignerError::Request(RequestError::BackupUndeclared { .. }))));
    let made = team.cosigner(0).backup(file.request(&target(0)).partial(true)).await.unwrap();
    assert_eq!((made.active, made.preamble.keys, made.left_out.len()), (1, 1, 1));
    let older = team.cosigner(0).keys().await.unwrap().into_iter().find(|key| key.wallet == "older").unwrap();
    assert_eq!(made.left_out[0].key, older.share.key_id().to_string());
    // Nothing is written over.
    let again = team.cosigner(0).backup(file.request(&target(0)).partial(true)).await;
    assert!(matches!(again, Err(CosignerError::Backup(BackupError::Io(_)))));
    assert_eq!(check(&file.bytes(), Some(&keys())).unwrap().1[0].wallet.as_deref(), Some("declared"));
}

#[tokio::test(flavor = "multi_thread")]
async fn backups_that_give_one_provider_the_key_are_refused_before_there_is_one() {
    let at_one = |index| {
        let backup = Backup::new("vaults/a".parse().unwrap()).with_key("vaults/keys".parse().unwrap());
        if index < 2 { team::exposure(index).with_backup(backup) } else { team::exposure(index) }
    };
    let team = team(at_one, |_| vec![target_at("vaults/a", "vaults/keys")]).await;
    let made = team.cosigner(0).keygen(KeygenRequest::new("w", [SuiteId::Ed25519], 2)).await;
    assert!(
        matches!(&made, Err(CosignerError::Placement(PlacementError::OneDomainReachesTheKey { domain, .. })) if domain.as_str() == "vaults"),
        "{made:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn restore_survives_a_crash_at_every_operation_and_can_be_done_again() {
    let team = declared().await;
    team.cosigner(0).keygen(KeygenRequest::new("w", [SuiteId::Ed25519, SuiteId::Bip340], 2)).await.unwrap();
    let bytes = backup_of(&team, 0, true).await;
    let home = &team.homes[0];
    for torn in [Torn::Before, Torn::After] {
        for at in 0.. {
            let (faults, store, epochs) = empty(home);
            faults.crash_at(at, torn);
            let done = restore(home, (&store, &epochs), &bytes).await;
            if !faults.crashed() {
                assert_eq!(done.unwrap().stored, 2);
                assert!(at > 20, "the crash must reach every write");
                break;
            }
            assert!(done.is_err());
            faults.restart();
            let report =
                restore(home, (&store, &epochs), &bytes).await.unwrap_or_else(|error| panic!("{at} {torn:?}: {error:?}"));
            assert_eq!(report.stored + report.present, 2);
            let vault = Vault::open(store, epochs, Arc::clone(&home.kek) as _).await.unwrap();
            for suite in ["ed25519", "bip340"] {
                let key = vault.key_of_name(&format!("w.{suite}")).await.unwrap();
                assert!(vault.summary(&key).await.unwrap().active.is_some(), "{at} {torn:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn restore_refuses_other_cosigners_lost_identities_and_epochs_of_the_past() {
    let team = declared().await;
    team.cosigner(0).keygen(KeygenRequest::new("w", [SuiteId::Ed25519], 2)).await.unwrap();
    let (with, without) = (backup_of(&team, 0, true).await, backup_of(&team, 0, false).await);
    let (home, bob) = (&team.homes[0], &team.homes[1]);
    let (_, store, epochs) = empty(home);
    assert!(matches!(restore(home, (&store, &epochs), &without).await, Err(RestoreError::NoIdentity)));
    assert!(matches!(restore(bob, (&bob.store, &bob.epochs), &with).await, Err(RestoreError::OtherCosigner { .. })));
    // The identity of one backup, and then the keys of a newer one without it.
    restore(home, (&store, &epochs), &with).await.unwrap();
    assert_eq!(restore(home, (&store, &epochs), &without).await.unwrap().present, 1);
    let vault = Vault::open(Arc::clone(&store) as _, Arc::clone(&epochs) as _, Arc::clone(&home.kek) as _).await.unwrap();
    let key = *team.cosigner(0).keys().await.unwrap()[0].share.key_id().as_bytes();
    vault.retire(&key, 3).await.unwrap();
    let backwards = restore(home, (&store, &epochs), &with).await;
    assert!(
        matches!(
            &backwards,
            Err(RestoreError::Key { source: VaultError::Input(VaultInputError::EpochNotNew { given: 0, highest: 3 }), .. })
        ),
        "{backwards:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn share_that_waits_for_its_certificate_is_backed_up_and_completes_after_the_restore() {
    for operation in 0..40 {
        let mut team = declared().await;
        team.homes[2].faults.crash_at(operation, Torn::After);
        let made = team.cosigner(0).keygen(KeygenRequest::new("w", [SuiteId::Ed25519], 2)).await;
        for index in 0..3 {
            team.stop(index).await;
        }
        team.homes[2].faults.restart();
        // Carol alone: nobody hands her the certificate.
        team.boot_as(2, |builder| builder.backup_target(target(2))).await;
        if made.is_err() || team.cosigner(2).count_keys().await.unwrap() != (0, 1) {
            continue;
        }
        let bytes = backup_of(&team, 2, true).await;
        let (report, public) = check(&bytes, None).unwrap();
        assert_eq!((report.active, report.pending, public[0].epoch, public[0].pending.clone()), (0, 1, None, vec![0]));
        team.stop(2).await;
        let (faults, store, epochs) = empty(&team.homes[2]);
        assert_eq!(restore(&team.homes[2], (&store, &epochs), &bytes).await.unwrap().stored, 1);
        let (kek, vault) = (Arc::clone(&team.homes[2].kek), team.homes[2].vault.clone());
        team.homes[2] = Home { store, epochs, kek, faults, vault };
        for index in 0..3 {
            team.boot(index).await;
        }
        team.connected().await;
        let completed = tokio::time::timeout(std::time::Duration::from_secs(20), async {
            while team.cosigner(2).keys().await.unwrap().is_empty() {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        });
        completed.await.unwrap();
        brought_back(&mut team, 2).await;
        let request = SignRequest::new("w", message("completed")).signers(["carol".to_owned()]);
        team.cosigner(0).sign(request).await.unwrap();
        return;
    }
    panic!("no operation left a pending share");
}

/// What the documents say is not proved, is not.
#[tokio::test(flavor = "multi_thread")]
async fn proofs_vouch_for_possession_and_not_for_what_is_encrypted() {
    let team = declared().await;
    team.cosigner(0).keygen(KeygenRequest::new("w", [SuiteId::Ed25519], 2)).await.unwrap();
    let bytes = backup_of(&team, 0, false).await;
    let mut reader = BackupReader::new(&bytes[..]).unwrap();
    let (preamble, chunk) = (reader.preamble().clone(), reader.next_chunk().unwrap().unwrap());
    let forge = |record: Vec<u8>, share: &quorate::AnyKeyShare| {
        let mut writer = BackupWriter::new(Vec::new(), &preamble, RECIPIENT.trim().parse().unwrap()).unwrap();
        let mut content = ChunkContent::new(None);
        content.push(chunk.entries()[0].clone(), "w.ed25519", &[record.into()]);
        let sealed = writer.seal(&content).unwrap();
        let quorate::AnyKeyShare::Ed25519(share) = share else { panic!() };
        let verifier = PeerId::new(*sealed.statement());
        let proof = attest(share, verifier, &preamble.id, &mut getrandom::SysRng).unwrap().to_bytes();
        writer.write(&sealed, &[proof]).unwrap();
        writer.finish()
    };
    let share = async |index| team.cosigner(index).keys().await.unwrap().remove(0).share;
    // The holder of the share encrypts nothing of worth: nobody sees it without the recipient's key.
    let empty = forge(b"nothing".to_vec(), &share(0).await);
    assert!(check(&empty, None).is_ok());
    assert!(matches!(check(&empty, Some(&keys())), Err(CheckError::Key { .. })));
    // Another participant, or whoever holds the file, makes no proof for it.
    let opened = chunk.open(&keys()).unwrap();
    let foreign = forge(opened.keys[0].records[0].to_vec(), &share(1).await);
    assert!(matches!(check(&foreign, None), Err(CheckError::Key { source: KeyProblem::Protocol(_), .. })));
    assert!(check(&forge(opened.keys[0].records[0].to_vec(), &share(0).await), Some(&keys())).is_ok());
}

/// The control of the rule: the shares of `min_signers` backups are the key, and of fewer are nothing.
#[tokio::test(flavor = "multi_thread")]
async fn backups_of_min_signers_cosigners_are_the_key() {
    let team = declared().await;
    team.cosigner(0).keygen(KeygenRequest::new("w", [SuiteId::Ed25519], 2)).await.unwrap();
    let mut shares = Vec::new();
    for index in 0..2 {
        let bytes = backup_of(&team, index, false).await;
        let opened = danger::open_backup(&bytes[..], &keys()).unwrap();
        shares.extend(opened.into_iter().map(|share| match share {
            quorate::AnyKeyShare::Ed25519(share) => Arc::into_inner(share).unwrap(),
            _ => panic!("another suite"),
        }));
    }
    let shares: Vec<_> = shares.iter().collect();
    assert!(quorate::core::danger::combine(&shares[..1]).is_err());
    quorate::core::danger::combine(&shares).unwrap();
}
