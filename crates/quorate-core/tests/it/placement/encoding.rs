//! How a placement is encoded, and what its digest binds.

use quorate_core::{
    DecodeError, ParticipantSet, danger,
    wire::{Encoding, Reader},
};

use super::*;

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
fn a_row_alone_has_one_encoding() {
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
