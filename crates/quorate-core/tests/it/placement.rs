//! What a placement refuses, shows, hashes and encodes.

use quorate_core::{
    DecodeError, Identifier, ParticipantSet, Placement, PlacementError, Threshold, danger,
    placement::{Backup, Counting, DomainPath, Exposure, MAX_BACKUPS, MAX_KEY_SERVICES, Storage, Waiver},
    wire::{Encoding, Reader},
};

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
fn breach_number_is_told_with_and_without_waived_domains() {
    let explanation = waived(one_company(), &[waiver("acme")]).unwrap().explain();
    assert_eq!(explanation.breach().size(), Some(1));
    assert_eq!(explanation.breach().sets(), [vec![path("acme")]]);
    assert_eq!(explanation.breach_without_waived().size(), Some(2));
    let text = explanation.to_string();
    assert!(text.contains(
        "With waived domains, taking the key needs 1 domain breached together, and one set of them does it:\n  acme\n"
    ));
    assert!(
        text.contains("Without waived domains, taking the key needs 2 domains breached together, and 27 such sets do it:\n"),
        "{text}"
    );
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

/// Every field of a row, changed one at a time.
fn variants() -> Vec<Placement> {
    const EDITS: [Edit; 12] = [
        |_, _| (),
        |row, _| row.operator = "other".into(),
        |row, _| row.runtime = "other".into(),
        |row, _| row.store = "other".into(),
        |row, _| row.key_services = vec!["other".into()],
        |row, _| row.key_services.push("other".into()),
        |row, _| row.deployer = Some("other".into()),
        |row, _| row.relay = Some("other".into()),
        |row, _| row.backups = vec![("other".into(), None)],
        |row, _| row.backups = vec![("other".into(), Some("another".into()))],
        |row, _| row.backups = vec![("another".into(), Some("other".into()))],
        |row, _| row.backups = vec![("other".into(), None), ("another".into(), None)],
    ];
    let mut all: Vec<_> = EDITS.iter().map(|edit| Placement::new(two_of_three(), rows(&[2], *edit)).unwrap()).collect();
    let three = Threshold::new(3, 3).unwrap();
    all.push(Placement::new(three, rows(&[], EDITS[0])).unwrap());
    all.push(joint(rows(&[], EDITS[0])).unwrap());
    let moved = rows(&[], EDITS[0]).into_iter().map(|(participant, row)| (id(participant.to_u16() + 1), row));
    all.push(Placement::new(two_of_three(), moved).unwrap());
    let mut swapped = rows(&[], EDITS[0]);
    (swapped[0].0, swapped[1].0) = (id(2), id(1));
    all.push(Placement::new(two_of_three(), swapped).unwrap());
    for (reason, date) in
        [("a", "2026-01-31"), ("b", "2026-01-31"), ("a", "2027-01-31"), ("a", "2026-02-01"), ("a", "2026-01-30")]
    {
        all.push(waived(one_company(), &[Waiver::new(path("acme"), reason, date).unwrap()]).unwrap());
    }
    all.push(danger::unchecked_placement(two_of_three(), ParticipantSet::first(3).unwrap()));
    all
}

#[test]
fn digest_depends_on_every_field() {
    let all = variants();
    for (place, a) in all.iter().enumerate() {
        for b in &all[place + 1..] {
            assert_ne!(a.digest(), b.digest(), "{a:?}\n{b:?}");
            assert_ne!(a, b);
        }
    }
}

#[test]
fn decoder_undoes_encoder_and_accepts_no_other_bytes() {
    for placement in variants() {
        let bytes = placement.to_bytes();
        assert_eq!(Placement::from_bytes(&bytes), Ok(placement));
        for length in 0..bytes.len() {
            assert!(Placement::from_bytes(&bytes[..length]).is_err(), "{length} bytes");
        }
        for position in 0..bytes.len() {
            for flip in [0x01, 0x02, 0x80, 0xff] {
                let mut changed = bytes.clone();
                changed[position] ^= flip;
                if let Ok(other) = Placement::from_bytes(&changed) {
                    assert_eq!(other.to_bytes(), changed, "byte {position}");
                }
            }
        }
    }
}

#[test]
fn decoder_reads_a_placement_in_the_middle_of_a_record() {
    let mut bytes = realistic().to_bytes();
    let length = bytes.len();
    bytes.extend([7, 7]);
    assert_eq!(Placement::from_bytes(&bytes), Err(DecodeError::TrailingBytes));
    let mut input = Reader::new(&bytes);
    assert_eq!(Placement::read(&mut input), Ok(realistic()));
    assert_eq!(input.rest().len(), bytes.len() - length);
}

#[test]
fn decoder_refuses_a_placement_that_breaks_the_rule() {
    let mut bytes = joint(rows(&[1, 2, 3], STRICT[0].1)).unwrap().to_bytes();
    assert_eq!(bytes[0], 2);
    bytes[0] = 1; // the same rows under the strict counting
    assert_eq!(Placement::from_bytes(&bytes), Err(DecodeError::InvalidValue("placement: one domain reaches the key")));

    let mut bytes = waived(one_company(), &[waiver("acme")]).unwrap().to_bytes();
    let waivers = bytes.len() - waiver("acme").reason().len() - 8;
    assert_eq!(bytes[waivers], 1);
    bytes.truncate(waivers);
    bytes.push(0); // the same rows without the waiver
    assert_eq!(Placement::from_bytes(&bytes), Err(DecodeError::InvalidValue("placement: one domain reaches the key")));
}

#[test]
fn decoder_bounds_every_length_before_it_allocates() {
    let claims = [
        &[1, 0, 2, 0x10, 0, 0xff, 0xff][..],         // 65,535 paths
        &[1, 0, 2, 0x10, 0, 0, 1, 0, 1, b'a', 0, 1], // 4,096 rows
        &[0, 0, 2, 0, 3, 0, 0, 0x10, 0, 0, 1],       // an unchecked placement of 4,096 participants
    ];
    for bytes in claims {
        assert_eq!(Placement::from_bytes(bytes), Err(DecodeError::Truncated));
    }
    assert!(Placement::from_bytes(&[3, 0, 2, 0, 3]).is_err());
}

#[test]
fn explicit_defaults_order_and_repeats_make_no_difference() {
    let plain = |row: Exposure| {
        Placement::new(two_of_three(), [(id(1), row), rows(&[], |_, _| ()).remove(1), rows(&[], |_, _| ()).remove(2)])
    };
    let storage = |services: [&str; 2]| Storage::new(path("s"), services.map(path)).unwrap();
    let backup = |location| Backup::new(path(location));
    let row = |services| Exposure::new(path("o"), path("r"), storage(services));
    let one = row(["k", "l"]).with_backup(backup("a")).with_backup(backup("b"));
    let two = row(["l", "k"]).with_backup(backup("b")).with_backup(backup("a").with_key(path("o")));
    let two = two.with_backup(backup("a")).with_deployer(path("d")).with_deployer(path("o"));
    assert_eq!(one, two);
    let (one, two) = (plain(one).unwrap(), plain(two).unwrap());
    assert_eq!((one.to_bytes(), one.digest()), (two.to_bytes(), two.digest()));
    let mut reversed: Vec<_> = rows(&[], |_, _| ());
    reversed.reverse();
    assert_eq!(Placement::new(two_of_three(), reversed), Placement::new(two_of_three(), rows(&[], |_, _| ())));
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

#[test]
fn encoding_of_a_realistic_placement_is_compact() {
    let length = realistic().to_bytes().len();
    assert!(length <= 350, "{length} bytes");
}

/// Digests are bound into keys: these bytes can never change.
#[test]
fn encoding_and_digest_stay_what_they_are() {
    let bytes = concat!(
        "01000200030010001661636d652d77616c6c65742f6f7065726174696f6e730106756469746f72012177732f3132333435363738393031322f65752d",
        "776573742d312f636f6d707574651b0864617461626173651b036b6d7300116261636b626c617a652f61636d652d6575000f637573746f64792d7061",
        "72746e6572002c6763702f706172746e65722d77616c6c65742d70726f642f6575726f70652d77657374342f636f6d70757465250864617461626173",
        "6525036b6d7300226865747a6e65722f6b303837313233342f66736e312d646331342f636f6d707574651b0864617461626173651b036b6d73001073",
        "63616c657761792f61756469746f72010a796e616469612f6e6773000e7761736162692f706172746e657200010200020301040e0105000002020607",
        "0801090e010f00000302010a0b010c0e010d0000",
    );
    assert_eq!(hex::encode(realistic().to_bytes()), bytes);
    assert_eq!(hex::encode(realistic().digest()), "d6bde00d742bfc57b3ff6473029cfed182d0c1f763638861b639cc23fab53c63");
    let unchecked = danger::unchecked_placement(two_of_three(), ParticipantSet::first(3).unwrap());
    assert_eq!(hex::encode(unchecked.to_bytes()), "000002000300000003000100020003");
}

#[test]
fn share_is_unavailable_without_any_of_what_it_needs() {
    const NEEDED: [Edit; 4] = [
        |row, shared| row.operator = shared.into(),
        |row, shared| row.runtime = shared.into(),
        |row, shared| row.store = shared.into(),
        |row, shared| row.key_services.push(shared.into()),
    ];
    const NOT_NEEDED: [Edit; 2] = [
        |row, shared| row.deployer = Some(shared.into()),
        |row, shared| row.backups = vec![(shared.into(), Some(shared.into()))],
    ];
    let losses = |edit| Placement::new(two_of_three(), rows(&[2], edit)).unwrap().explain();
    for edit in NEEDED {
        let explanation = losses(edit);
        let loss = explanation.losses().iter().find(|loss| loss.domain() == &path("shared")).unwrap();
        assert_eq!((loss.unavailable(), loss.cut_off(), loss.remaining()), (&ids(&[2])[..], &[][..], 2));
    }
    for edit in NOT_NEEDED {
        assert!(losses(edit).losses().iter().all(|loss| loss.domain() != &path("shared")));
    }
}

#[test]
fn explanation_tells_the_facts_in_words() {
    let text = realistic().explain().to_string();
    for fact in [
        "A 2-of-3 key. A store or a key service alone counts as the share (strict).",
        "Taking the key needs 2 domains breached together, and 12 such sets do it:",
        "  acme-wallet + gcp\n",
        "If aws is lost: participant 1 cannot sign, 2 of 3 shares remain.",
        "If synadia is lost: every share can still sign; participants 1, 2 and 3 lose their message relay until another one is set up.",
    ] {
        assert!(text.contains(fact), "{fact:?} is not in:\n{text}");
    }
    assert!(!text.contains("WARNING"), "{text}");
    assert!(!text.contains("aws/"), "levels below a provider that lose the same shares are noise:\n{text}");
    assert!(!text.contains("backblaze is lost"), "a backup is not needed to sign:\n{text}");
}

#[test]
fn explanation_warns_where_too_few_shares_remain() {
    let explanation = waived(one_company(), &[waiver("acme")]).unwrap().explain();
    let loss = explanation.losses().first().unwrap();
    assert_eq!((loss.domain(), loss.remaining(), loss.can_sign()), (&path("acme"), 0, false));
    assert_eq!(loss.unavailable(), ids(&[1, 2, 3]));
    assert!(loss.to_string().contains("0 of 3 shares remain. WARNING: signing needs 2"), "{loss}");
    assert!(explanation.losses()[1..].iter().all(|loss| loss.can_sign() && loss.remaining() == 2));
}

#[test]
fn losses_go_down_to_the_level_where_participants_differ() {
    let cloud: Edit = |row, shared| row.runtime = shared.into();
    let explanation = waived(rows(&[1, 2, 3], cloud), &[waiver("shared")]).unwrap().explain();
    let below: Vec<_> =
        explanation.losses().iter().map(|loss| loss.domain().as_str()).filter(|name| name.starts_with("shared")).collect();
    assert_eq!(below, ["shared", "shared/account-1", "shared/account-2", "shared/account-3"]);
    let breach = explanation.breach_without_waived();
    assert_eq!((breach.size(), breach.set_count(), breach.sets().len()), (Some(2), Some(48), 32));
    assert!(breach.sets().contains(&vec![path("database-1"), path("shared/account-2")]), "{breach:?}");
    assert!(explanation.to_string().contains("\n  and 16 more\n"));
}

#[test]
fn table_shows_every_field_of_a_row() {
    let mut row = Row::alone(2);
    row.deployer = Some("ci".into());
    row.relay = Some("nats".into());
    row.backups = vec![("vault".into(), None)];
    let rows = [(id(1), Row::alone(1).exposure()), (id(2), row.exposure()), (id(3), Row::alone(3).exposure())];
    let text = Placement::new(two_of_three(), rows).unwrap().to_string();
    let line = text.lines().nth(3).unwrap();
    let words: Vec<_> = line.split_whitespace().collect();
    let all = "2 operator-2 cloud-2/account/region database-2/account kms-2/account deployer ci; backup vault under the key of operator-2; relay nats";
    assert_eq!(words, all.split(' ').collect::<Vec<_>>(), "{text}");
    assert!(text.starts_with("placement of a 2-of-3 key, strict counting\nparticipant  operator"), "{text}");
}

#[test]
fn unchecked_placement_says_so_everywhere_and_passes_for_no_other() {
    let unchecked = danger::unchecked_placement(two_of_three(), ParticipantSet::first(3).unwrap());
    assert!(unchecked.is_unchecked());
    let explanation = unchecked.explain();
    assert!(explanation.is_unchecked());
    assert_eq!(explanation.breach().size(), Some(1), "one machine is enough");
    for text in [format!("{unchecked:?}"), format!("{unchecked:#?}"), unchecked.to_string(), explanation.to_string()] {
        assert!(text.contains("UNCHECKED"), "{text}");
    }
    let read = Placement::from_bytes(&unchecked.to_bytes()).unwrap();
    assert!(read.is_unchecked());
    assert_eq!(read.digest(), unchecked.digest());
    assert_eq!((unchecked.exposure(id(1)), unchecked.counting(), unchecked.rows().count()), (None, None, 0));
    assert_eq!(unchecked.fallen(&[]), ids(&[1, 2, 3]));

    let checked = realistic();
    assert!(!checked.is_unchecked() && !format!("{checked:?}{checked}{}", checked.explain()).contains("UNCHECKED"));
    for kind in [1, 2] {
        let mut bytes = unchecked.to_bytes();
        bytes[0] = kind;
        assert!(Placement::from_bytes(&bytes).is_err());
    }
}

#[test]
fn breach_number_beyond_the_exact_search_is_labelled_as_a_bound() {
    let number_of_rows = 9;
    let rows = (1..=number_of_rows).map(|number| {
        let mut row = Row::alone(number);
        if number <= 3 {
            (row.operator, row.runtime) = ("first".into(), "second".into());
        }
        (id(number), row.exposure())
    });
    let explanation = Placement::new(Threshold::new(5, number_of_rows).unwrap(), rows).unwrap().explain();
    let breach = explanation.breach();
    assert_eq!((breach.size(), breach.is_exact(), breach.at_least(), breach.set_count()), (Some(3), false, 2, None));
    let text = explanation.to_string();
    assert!(
        text.contains("needs at most 3 domains (an upper bound; 2 for certain) breached together, for instance these:"),
        "{text}"
    );
}

#[test]
fn largest_placement_is_checked_and_explained() {
    let rows = |shared: u16| {
        (1..=4096).map(move |number| {
            let mut row = Row::alone(number);
            row.relay = Some("relay".into());
            if number <= shared {
                row.store = format!("cloud/{number}");
            }
            (id(number), row.exposure())
        })
    };
    let threshold = Threshold::new(2049, 4096).unwrap();
    let placement = Placement::new(threshold, rows(2048)).unwrap();
    assert_eq!(Placement::from_bytes(&placement.to_bytes()), Ok(placement.clone()));
    let explanation = placement.explain();
    assert_eq!((explanation.breach().size(), explanation.breach().is_exact()), (Some(2), true));
    let first = &explanation.losses()[0];
    assert_eq!((first.domain().as_str(), first.remaining(), first.can_sign()), ("cloud", 2048, false));
    assert!(explanation.to_string().lines().count() < 128);
    match Placement::new(threshold, rows(2049)) {
        Err(PlacementError::OneDomainReachesTheKey { domain, participants, .. }) => {
            assert_eq!((domain.as_str(), participants.len()), ("cloud", 2049));
        }
        other => panic!("{}", other.is_ok()),
    }
}

/// Many participants over few providers: the search gives up on time instead of hanging.
#[test]
fn breach_search_over_many_different_rows_ends() {
    let mut state = 1u32;
    let mut provider = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        format!("provider-{}", (state >> 16) % 24)
    };
    let rows: Vec<_> = (1..=4096)
        .map(|number| {
            let storage = Storage::new(path(&provider()), [path(&provider()), path(&provider())]).unwrap();
            (id(number), Exposure::new(path(&provider()), path(&provider()), storage))
        })
        .collect();
    for (counting, min_signers) in [(Counting::Strict, 4096), (Counting::Joint, 3500)] {
        let builder = Placement::builder(Threshold::new(min_signers, 4096).unwrap()).counting(counting);
        let builder = rows.iter().fold(builder, |builder, (participant, row)| builder.participant(*participant, row.clone()));
        let breach = builder.build().unwrap().explain();
        let (size, at_least) = (breach.breach().size().unwrap(), breach.breach().at_least());
        assert!(1 < at_least && at_least <= size && size <= 24, "{at_least} <= {size}");
        assert!(!breach.breach().is_exact());
        let set = &breach.breach().sets()[0];
        assert_eq!(set.len(), size);
    }
}

#[test]
fn explanation_says_so_if_only_waived_domains_take_the_key() {
    let everything: Edit = |row, _| {
        (row.operator, row.runtime, row.store) = ("acme".into(), "acme".into(), "acme".into());
        row.key_services = vec!["acme".into()];
    };
    let explanation = waived(rows(&[1, 2, 3], everything), &[waiver("acme")]).unwrap().explain();
    assert_eq!((explanation.breach().size(), explanation.breach_without_waived().size()), (Some(1), None));
    let text = explanation.to_string();
    assert!(text.contains("No other domains take the key: every way to 2 shares needs a waived one.\n"), "{text}");
    assert!(text.contains("until acme is back or shares are restored from backups"), "{text}");
}

#[test]
fn a_row_alone_has_one_encoding() {
    use quorate_core::wire::Encoding;
    let path = |text: &str| text.parse::<DomainPath>().unwrap();
    let storage = Storage::new(path("aws/1/disk"), [path("kms/b"), path("kms/a")]).unwrap();
    let row = Exposure::new(path("acme"), path("aws/1/vm"), storage)
        .with_deployer(path("acme-ci"))
        .with_relay(path("nats"))
        .with_backup(Backup::new(path("gcp")).with_key(path("acme/vault")));
    let bytes = row.to_bytes();
    assert_eq!(Exposure::from_bytes(&bytes), Ok(row));
    for at in 0..bytes.len() {
        assert!(Exposure::from_bytes(&bytes[..at]).is_err());
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        if let Ok(other) = Exposure::from_bytes(&changed) {
            assert_eq!(other.to_bytes(), changed);
        }
    }
}
