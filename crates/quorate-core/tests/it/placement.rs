//! What a placement refuses, and what it is exempt from. How it is encoded and what it tells is in the modules below.

use quorate_core::{
    Identifier, Placement, PlacementError, Threshold,
    placement::{Backup, Counting, DomainPath, Exposure, MAX_BACKUPS, MAX_KEY_SERVICES, Storage, Waiver},
};

mod encoding;
mod explanation;

fn id(number: u16) -> Identifier {
    Identifier::new(number).unwrap()
}

fn ids(numbers: &[u16]) -> Vec<Identifier> {
    numbers.iter().copied().map(id).collect()
}

fn path(text: &str) -> DomainPath {
    text.parse().unwrap()
}

fn two_of_three() -> Threshold {
    Threshold::new(2, 3).unwrap()
}

fn waiver(domain: &str) -> Waiver {
    Waiver::new(path(domain), "we run every cosigner ourselves", "2026-01-31").unwrap()
}

/// A row as text, so that a test can name one field and leave the others to themselves.
#[derive(Clone)]
struct Row {
    operator: String,
    runtime: String,
    store: String,
    key_services: Vec<String>,
    deployer: Option<String>,
    backups: Vec<(String, Option<String>)>,
    relay: Option<String>,
}

impl Row {
    /// A row that shares nothing with the rows of other numbers.
    fn alone(number: u16) -> Self {
        Self {
            operator: format!("operator-{number}"),
            runtime: format!("cloud-{number}/account/region"),
            store: format!("database-{number}/account"),
            key_services: vec![format!("kms-{number}/account")],
            deployer: None,
            backups: Vec::new(),
            relay: None,
        }
    }

    fn exposure(&self) -> Exposure {
        let storage = Storage::new(path(&self.store), self.key_services.iter().map(|text| path(text))).unwrap();
        let mut row = Exposure::new(path(&self.operator), path(&self.runtime), storage);
        if let Some(deployer) = &self.deployer {
            row = row.with_deployer(path(deployer));
        }
        if let Some(relay) = &self.relay {
            row = row.with_relay(path(relay));
        }
        for (location, key) in &self.backups {
            let backup = Backup::new(path(location));
            row = row.with_backup(key.iter().fold(backup, |backup, key| backup.with_key(path(key))));
        }
        row
    }
}

type Edit = fn(&mut Row, &str);

fn rows(edited: &[u16], edit: Edit) -> Vec<(Identifier, Exposure)> {
    (1..=3)
        .map(|number| {
            let mut row = Row::alone(number);
            if edited.contains(&number) {
                edit(&mut row, &format!("shared/account-{number}/region"));
            }
            (id(number), row.exposure())
        })
        .collect()
}

fn joint(rows: Vec<(Identifier, Exposure)>) -> Result<Placement, PlacementError> {
    let builder = Placement::builder(two_of_three()).counting(Counting::Joint);
    rows.into_iter().fold(builder, |builder, (participant, row)| builder.participant(participant, row)).build()
}

fn assert_refused(placement: Result<Placement, PlacementError>, name: &str, reached: &[u16]) {
    match placement {
        Err(PlacementError::OneDomainReachesTheKey { domain, participants, threshold, .. }) => {
            assert_eq!((domain.as_str(), participants, threshold), (name, ids(reached), two_of_three()));
        }
        other => panic!("{other:?}"),
    }
}

/// Each way to take a share alone, in both countings.
const ALONE: [(&str, Edit); 5] = [
    ("operator", |row, shared| row.operator = shared.into()),
    ("runtime", |row, shared| row.runtime = shared.into()),
    ("deployer", |row, shared| row.deployer = Some(shared.into())),
    ("backup and key", |row, shared| row.backups = vec![(shared.into(), Some(format!("{shared}/key")))]),
    ("store and key services", |row, shared| {
        row.store = shared.into();
        row.key_services = vec![format!("{shared}/one"), format!("{shared}/two")];
    }),
];

/// Each way that counts alone only in the strict counting.
const STRICT: [(&str, Edit); 2] =
    [("store", |row, shared| row.store = shared.into()), ("key service", |row, shared| row.key_services.push(shared.into()))];

#[test]
fn placement_refuses_one_provider_in_any_field_of_two_rows() {
    for (name, edit) in ALONE.into_iter().chain(STRICT) {
        assert_refused(Placement::new(two_of_three(), rows(&[1, 3], edit)), "shared", &[1, 3]);
        assert!(Placement::new(two_of_three(), rows(&[3], edit)).is_ok(), "{name} of one row alone");
    }
    for (_, edit) in ALONE {
        assert_refused(joint(rows(&[1, 3], edit)), "shared", &[1, 3]);
    }
}

#[test]
fn placement_refuses_one_provider_in_different_fields() {
    for (_, first) in ALONE.into_iter().chain(STRICT) {
        for (_, second) in ALONE.into_iter().chain(STRICT) {
            let (mut one, mut two) = (Row::alone(1), Row::alone(2));
            first(&mut one, "shared/1");
            second(&mut two, "shared/2");
            let rows = [(id(1), one.exposure()), (id(2), two.exposure()), (id(3), Row::alone(3).exposure())];
            assert_refused(Placement::new(two_of_three(), rows), "shared", &[1, 2]);
        }
    }
}

#[test]
fn joint_counting_lets_a_store_or_a_key_service_be_shared_but_not_both() {
    for (name, edit) in STRICT {
        assert!(joint(rows(&[1, 2, 3], edit)).is_ok(), "{name}");
    }
    let edit: Edit = |row, shared| {
        row.store = shared.into();
        row.key_services.push(shared.into());
    };
    assert!(joint(rows(&[1, 2, 3], edit)).is_ok(), "a second key service elsewhere keeps the share");
    let strict = Placement::new(two_of_three(), rows(&[2], ALONE[4].1)).unwrap();
    let joint = joint(rows(&[2], ALONE[4].1)).unwrap();
    assert_eq!((strict.counting(), joint.counting()), (Some(Counting::Strict), Some(Counting::Joint)));
    assert_ne!(strict.digest(), joint.digest());
}

#[test]
fn backup_falls_only_with_its_key() {
    let location: Edit = |row, shared| row.backups = vec![(shared.into(), None)];
    assert!(Placement::new(two_of_three(), rows(&[1, 2, 3], location)).is_ok());
    let key: Edit = |row, shared| row.backups = vec![("vault".into(), Some(shared.into()))];
    assert!(Placement::new(two_of_three(), rows(&[1, 2, 3], key)).is_ok());
}

#[test]
fn relay_never_makes_a_share_fall() {
    let relay: Edit = |row, shared| row.relay = Some(shared.into());
    let placement = Placement::new(two_of_three(), rows(&[1, 2, 3], relay)).unwrap();
    assert!(placement.fallen(&[path("shared")]).is_empty());
}

#[test]
fn two_accounts_at_one_cloud_are_one_provider() {
    let runtime: Edit = |row, shared| row.runtime = shared.into();
    let error = Placement::new(two_of_three(), rows(&[2, 3], runtime)).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("whoever controls shared reaches the shares of participants 2 and 3"), "{text}");
    assert!(text.contains("2 shares of this 2-of-3 key are enough to sign"), "{text}");
    assert!(text.contains("move one of these shares away from shared"), "{text}");
    assert!(text.contains("or waive shared with a reason and a date"), "{text}");
}

/// The Mixin breach of 2023: the keys of all signers lay in one cloud provider's database.
#[test]
fn placement_refuses_the_mixin_layout() {
    let database: Edit = |row, _| row.store = "clouddb/mixin/mainnet".into();
    assert_refused(Placement::new(two_of_three(), rows(&[1, 2, 3], database)), "clouddb", &[1, 2, 3]);
    let with_its_keys: Edit = |row, _| {
        row.store = "clouddb/mixin/mainnet".into();
        row.key_services = vec!["clouddb/mixin/keys".into()];
    };
    assert_refused(joint(rows(&[1, 2, 3], with_its_keys)), "clouddb", &[1, 2, 3]);
}

/// The Multichain breach of 2023: one person operated every cosigner, in separate clouds.
#[test]
fn placement_refuses_the_multichain_layout() {
    let operator: Edit = |row, _| row.operator = "ceo".into();
    assert_refused(Placement::new(two_of_three(), rows(&[1, 2, 3], operator)), "ceo", &[1, 2, 3]);
    assert_refused(joint(rows(&[1, 2, 3], operator)), "ceo", &[1, 2, 3]);
}

fn one_company() -> Vec<(Identifier, Exposure)> {
    rows(&[1, 2, 3], |row, _| row.operator = "acme".into())
}

fn waived(rows: Vec<(Identifier, Exposure)>, waivers: &[Waiver]) -> Result<Placement, PlacementError> {
    let builder = rows.into_iter().fold(Placement::builder(two_of_three()), |builder, (id, row)| builder.participant(id, row));
    waivers.iter().cloned().fold(builder, |builder, waiver| builder.waive(waiver)).build()
}

#[test]
fn waiver_exempts_its_domain_and_no_other() {
    let placement = waived(one_company(), &[waiver("acme")]).unwrap();
    assert_eq!(placement.waivers(), [waiver("acme")]);
    assert!(placement.to_string().starts_with("WAIVED acme on 2026-01-31: we run every cosigner ourselves\n"));
    let explanation = placement.explain().to_string();
    assert!(explanation.starts_with("WAIVED acme on 2026-01-31: we run every cosigner ourselves\n"), "{explanation}");
    assert!(explanation.contains("It alone reaches the shares of participants 1, 2 and 3"), "{explanation}");

    let below: Edit = |row, _| row.operator = "acme/ops".into();
    assert_refused(waived(rows(&[1, 2, 3], below), &[waiver("acme")]), "acme/ops", &[1, 2, 3]);
    assert_refused(waived(rows(&[1, 2, 3], below), &[waiver("acme/ops")]), "acme", &[1, 2, 3]);
    assert!(waived(rows(&[1, 2, 3], below), &[waiver("acme"), waiver("acme/ops")]).is_ok());

    let cloud_too: Edit = |row, shared| (row.operator, row.runtime) = ("acme".into(), shared.into());
    assert_refused(waived(rows(&[1, 2, 3], cloud_too), &[waiver("acme")]), "shared", &[1, 2, 3]);
}

#[test]
fn waiver_that_waives_nothing_is_refused() {
    for (domain, reached) in [("cloud-1", vec![1]), ("unheard-of", vec![]), ("acme/ops", vec![])] {
        let refused = waived(one_company(), &[waiver("acme"), waiver(domain)]);
        let expected =
            PlacementError::UselessWaiver { domain: path(domain), participants: ids(&reached), threshold: two_of_three() };
        assert_eq!(refused, Err(expected));
    }
    let twice = waived(one_company(), &[waiver("acme"), waiver("acme")]);
    assert_eq!(twice, Err(PlacementError::DuplicateWaiver { domain: path("acme") }));
}

#[test]
fn placement_needs_one_row_for_each_participant() {
    let row = |number| (id(number), Row::alone(number).exposure());
    let threshold = two_of_three();
    assert_eq!(Placement::new(threshold, [row(1), row(2)]), Err(PlacementError::RowCount { rows: 2, threshold }));
    let endless = (1..).map(row);
    assert_eq!(Placement::new(threshold, endless), Err(PlacementError::RowCount { rows: 4, threshold }));
    let twice = Placement::new(threshold, [row(1), row(2), row(1)]);
    assert_eq!(twice, Err(PlacementError::DuplicateParticipant { participant: id(1) }));
    let storage = Storage::new(path("a"), []);
    assert_eq!(storage, Err(PlacementError::NoKeyService));
    let services = (0..=MAX_KEY_SERVICES).map(|number| path(&format!("k{number}")));
    assert!(matches!(Storage::new(path("a"), services), Err(PlacementError::TooMany { .. })));
    let mut many = Row::alone(1);
    many.backups = (0..=MAX_BACKUPS).map(|number| (format!("b{number}"), None)).collect();
    let refused = Placement::new(threshold, [(id(1), many.exposure()), row(2), row(3)]);
    assert!(matches!(refused, Err(PlacementError::TooMany { limit: MAX_BACKUPS, .. })));
}

/// Three clouds as a company would name them, with a backup each.
fn realistic() -> Placement {
    let row = |operator: &str, cloud: &str, backup: &str| {
        let at = |service: &str| path(&format!("{cloud}/{service}"));
        let storage = Storage::new(at("database"), [at("kms")]).unwrap();
        Exposure::new(path(operator), at("compute"), storage)
            .with_backup(Backup::new(path(backup)))
            .with_relay(path("synadia/ngs"))
    };
    let rows = [
        (id(1), row("acme-wallet/operations", "aws/123456789012/eu-west-1", "backblaze/acme-eu")),
        (id(2), row("custody-partner", "gcp/partner-wallet-prod/europe-west4", "wasabi/partner")),
        (id(3), row("auditor", "hetzner/k0871234/fsn1-dc14", "scaleway/auditor")),
    ];
    Placement::new(two_of_three(), rows).unwrap()
}
