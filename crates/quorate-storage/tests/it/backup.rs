//! The format of backups: what is read is what was written, and everything else is refused or changes the statement.

use quorate_core::{PeerId, SuiteId, wire::Encoding};
use quorate_storage::backup::{
    BackupError, BackupReader, BackupWriter, ChunkContent, Entry, MAX_CHUNK_KEYS, OpenedChunk, OpeningKeys, Preamble, PublicSlot,
    keys_digest,
};
use zeroize::Zeroizing;

use crate::support::participant;

/// A key pair of age, made for these tests.
const RECIPIENT: &str = include_str!("../data/backup-recipient.txt");
const KEY_FILE: &str = include_str!("../data/backup-key.txt");
/// Written by `write_the_current_format` below.
const V1: &[u8] = include_bytes!("../data/backup-v1.bin");
const V2: &[u8] = include_bytes!("../data/backup-v2.bin");
const MARK: &[u8] = b"the secret of a share, found by its words";

fn keys() -> OpeningKeys {
    OpeningKeys::parse(KEY_FILE).unwrap()
}

fn slot(epoch: u64, certified: bool) -> PublicSlot {
    let certificate = if certified { b"a certificate".to_vec() } else { Vec::new() };
    PublicSlot { epoch, participant: participant(3), package: b"a public key package".to_vec(), certificate }
}

fn key_id(number: u32) -> [u8; 32] {
    let mut id = [0; 32];
    id[..4].copy_from_slice(&number.to_be_bytes());
    id
}

fn entry(number: u32) -> Entry {
    let pending = if number % 2 == 1 { vec![slot(6, false), slot(7, false)] } else { Vec::new() };
    Entry {
        key_id: key_id(number),
        suite: SuiteId::Bip340,
        highest_epoch: 9,
        active: Some(slot(4, true)),
        amendment: b"an amendment".to_vec(),
        pending,
    }
}

fn record(number: u32, place: usize) -> Vec<u8> {
    [MARK, format!(" {number} {place}").as_bytes()].concat()
}

fn preamble(count: u32, with_identity: bool) -> Preamble {
    let ids: Vec<_> = (0..count).map(key_id).collect();
    Preamble {
        id: [0x1d; 32],
        cosigner: PeerId::new([0xc0; 32]),
        made: 1_795_000_000,
        location: "gcp/backup".parse().unwrap(),
        key: "acme-keys/backup".parse().unwrap(),
        recipient: RECIPIENT.trim().to_owned(),
        with_identity,
        keys: count,
        keys_digest: keys_digest(&ids),
    }
}

/// A backup whose proofs are the statements themselves.
fn backup(preamble: &Preamble, numbers: impl IntoIterator<Item = u32>, per_chunk: usize) -> Vec<u8> {
    let mut writer = BackupWriter::new(Vec::new(), preamble, RECIPIENT.trim().parse().unwrap()).unwrap();
    let numbers: Vec<_> = numbers.into_iter().collect();
    for (place, numbers) in numbers.chunks(per_chunk).enumerate() {
        let identity = [0x77; 32];
        let mut chunk = ChunkContent::new(Some(&identity).filter(|_| preamble.with_identity && place == 0));
        let mut shares = 0;
        for number in numbers {
            let records: Vec<_> = (0..entry(*number).slots().count()).map(|at| Zeroizing::new(record(*number, at))).collect();
            shares += records.len();
            chunk.push(entry(*number), &format!("wallet-{number}"), &records);
        }
        let sealed = writer.seal(&chunk).unwrap();
        let proof = sealed.statement().to_vec();
        writer.write(&sealed, &vec![proof; shares]).unwrap();
    }
    writer.finish()
}

/// Reads all of it, checks the stand-ins for proofs, and decrypts it.
fn read(bytes: &[u8]) -> Result<(Vec<Entry>, Vec<OpenedChunk>), BackupError> {
    let mut reader = BackupReader::new(bytes)?;
    let (mut entries, mut opened) = (Vec::new(), Vec::new());
    while let Some(chunk) = reader.next_chunk()? {
        assert_eq!(chunk.proofs().len(), chunk.entries().iter().flat_map(Entry::slots).count());
        if chunk.proofs().iter().any(|proof| proof != chunk.statement()) {
            return Err(BackupError::OtherKeys);
        }
        entries.extend(chunk.entries().to_vec());
        opened.push(chunk.open(&keys())?);
    }
    Ok((entries, opened))
}

#[test]
fn reader_undoes_writer_over_several_chunks() {
    let bytes = backup(&preamble(5, true), 0..5, 2);
    let (entries, opened) = read(&bytes).unwrap();
    assert_eq!(entries, (0..5).map(entry).collect::<Vec<_>>());
    let identities: Vec<_> = opened.iter().map(|chunk| chunk.identity.as_ref().map(|identity| **identity)).collect();
    assert_eq!(identities, [Some([0x77; 32]), None, None], "the identity is in the first chunk");
    for (number, key) in (0..).zip(opened.iter().flat_map(|chunk| &chunk.keys)) {
        assert_eq!(key.name, format!("wallet-{number}"));
        let records: Vec<_> = key.records.iter().map(|record| record.to_vec()).collect();
        assert_eq!(records, (0..entry(number).slots().count()).map(|at| record(number, at)).collect::<Vec<_>>());
    }
}

#[test]
fn public_part_shows_no_byte_of_a_share_and_nothing_is_encrypted_twice_alike() {
    let bytes = backup(&preamble(3, true), 0..3, 2);
    for secret in [MARK, b"wallet-", &[0x77; 8]] {
        assert!(secret.windows(7).all(|window| !bytes.windows(7).any(|found| found == window)));
    }
    assert_ne!(bytes, backup(&preamble(3, true), 0..3, 2));
}

#[test]
fn backup_that_was_cut_anywhere_is_refused() {
    let bytes = backup(&preamble(3, false), 0..3, 2);
    for end in 0..bytes.len() {
        // The encrypted parts are long, and every cut in them is the same.
        if end < 1200 || end % 4093 == 0 || end + 600 > bytes.len() {
            assert!(matches!(read(&bytes[..end]), Err(BackupError::Truncated)), "{end} of {}", bytes.len());
        }
    }
    assert!(matches!(read(&[&bytes[..], b"x"].concat()), Err(BackupError::Damaged(_))));
}

#[test]
fn backup_that_was_changed_anywhere_is_refused() {
    let bytes = backup(&preamble(3, true), 0..3, 2);
    for at in 0..bytes.len() {
        if at < 1200 || at % 257 == 0 || at + 600 > bytes.len() {
            for bit in [1, 0x80] {
                let mut changed = bytes.clone();
                changed[at] ^= bit;
                assert!(read(&changed).is_err(), "bit {bit} of byte {at} of {}", bytes.len());
            }
        }
    }
}

#[test]
fn chunks_left_out_added_swapped_or_of_another_backup_are_refused() {
    let whole = preamble(4, false);
    assert!(read(&backup(&whole, 0..4, 2)).is_ok());
    assert!(read(&backup(&whole, 0..3, 1)).is_err(), "one key is missing");
    assert!(read(&backup(&whole, 0..5, 1)).is_err(), "one key too many");
    assert!(matches!(read(&backup(&whole, [0, 1, 2, 7], 1)), Err(BackupError::OtherKeys)), "another key in its place");
    assert!(matches!(read(&backup(&whole, [1, 0, 2, 3], 1)), Err(BackupError::Damaged(_))));
    assert!(read(&backup(&whole, [0, 0, 2, 3], 2)).is_err());
    // The chunks of one backup behind the beginning of another.
    let (one, other) = (backup(&whole, 0..4, 4), backup(&Preamble { id: [2; 32], ..whole.clone() }, 0..4, 4));
    let head = 16 + 4 + whole.to_bytes().len();
    assert!(read(&[&one[..head], &other[head..]].concat()).is_err());
    assert!(matches!(BackupReader::new(&backup(&Preamble { keys: 0, ..whole }, [], 1)[..]), Err(BackupError::Damaged(_))));
}

#[test]
fn other_files_and_later_versions_are_told_apart() {
    assert!(matches!(BackupReader::new(&b"age-encryption.org/v1\n"[..]), Err(BackupError::NotABackup)));
    let mut later = backup(&preamble(1, false), 0..1, 1);
    later[15] = 3;
    assert!(matches!(BackupReader::new(&later[..]), Err(BackupError::UnsupportedVersion { found: 3 })));
}

#[test]
fn lengths_beyond_the_bounds_are_refused_before_anything_is_read() {
    let head = backup(&preamble(1, false), [], 1);
    for length in [(4_u32 << 20) + 1, u32::MAX] {
        let bytes = [&head[..], &length.to_be_bytes()].concat();
        assert!(matches!(read(&bytes), Err(BackupError::Damaged(_))));
    }
    // A length within the bounds makes room only for what comes.
    assert!(matches!(read(&[&head[..], &(4_u32 << 20).to_be_bytes()].concat()), Err(BackupError::Truncated)));
}

#[test]
fn chunk_is_full_by_number_and_by_size() {
    let mut chunk = ChunkContent::new(None);
    (0..MAX_CHUNK_KEYS - 1).for_each(|_| chunk.push(entry(0), "", &[vec![1; 10].into()]));
    assert!(!chunk.is_full());
    chunk.push(entry(0), "", &[vec![1; 10].into()]);
    assert!(chunk.is_full());
    let mut chunk = ChunkContent::new(None);
    chunk.push(entry(0), "", &[vec![1; 1 << 20].into()]);
    assert!(chunk.is_full());
}

#[test]
fn another_key_does_not_open_a_backup_and_the_right_one_among_several_does() {
    let bytes = backup(&preamble(1, false), 0..1, 1);
    let chunk = BackupReader::new(&bytes[..]).unwrap().next_chunk().unwrap().unwrap();
    let other = age::x25519::Identity::generate();
    let other = age::secrecy::ExposeSecret::expose_secret(&other.to_string()).to_owned();
    let wrong = OpeningKeys::parse(&other).unwrap();
    assert!(matches!(chunk.open(&wrong), Err(BackupError::WrongKey { recipient }) if recipient == RECIPIENT.trim()));
    let both = OpeningKeys::parse(&format!("# two\n{other}\n\n{KEY_FILE}")).unwrap();
    assert_eq!(chunk.open(&both).unwrap().keys.len(), 1);
}

#[test]
fn key_files_and_recipients_that_are_none_are_refused() {
    for bad in ["", "# nothing\n", RECIPIENT, "AGE-SECRET-KEY-1QQQ", &KEY_FILE.repeat(65)] {
        assert!(matches!(OpeningKeys::parse(bad), Err(BackupError::KeyFile)), "{bad}");
    }
    assert!(!format!("{:?}", keys()).contains("AGE-SECRET"));
    for bad in ["", "age1", "age1qqqq", KEY_FILE.trim()] {
        assert!(bad.parse::<quorate_storage::backup::Recipient>().is_err(), "{bad}");
    }
}

#[test]
fn backups_of_all_versions_still_open() {
    // Version 1 knew of no amendments.
    for (bytes, amendment) in [(V1, &b""[..]), (V2, b"an amendment")] {
        let (entries, opened) = read(bytes).unwrap();
        assert_eq!(entries, (0..3).map(|number| Entry { amendment: amendment.to_vec(), ..entry(number) }).collect::<Vec<_>>());
        assert_eq!(**opened[0].identity.as_ref().unwrap(), [0x77; 32]);
        assert_eq!(*opened[0].keys[2].records[0], record(2, 0));
    }
}

/// What is not encrypted is the same byte for byte, and so are the statements.
#[test]
fn clear_parts_of_version_2_keep_their_bytes() {
    let now = backup(&preamble(3, true), 0..3, 3);
    let clear = |bytes: &[u8]| {
        let mut reader = BackupReader::new(bytes).unwrap();
        let chunk = reader.next_chunk().unwrap().unwrap();
        (reader.preamble().to_bytes(), reader.preamble().digest(), chunk.entries().to_vec())
    };
    assert_eq!(clear(V2), clear(&now));
    let length = u32::from_be_bytes(now[16 + 4 + preamble(3, true).to_bytes().len()..][..4].try_into().unwrap());
    let public = 16 + 4 + preamble(3, true).to_bytes().len() + 4 + usize::try_from(length).unwrap();
    assert_eq!(V2[..public], now[..public]);
}

/// Writes the current format. Run it once for a new version: `cargo test write_the_current_backup -- --ignored`.
#[test]
#[ignore = "writes test data for a new format version"]
fn write_the_current_backup() {
    std::fs::write("tests/data/backup-v2.bin", backup(&preamble(3, true), 0..3, 3)).unwrap();
}

#[test]
#[ignore = "writes the key pair of the tests"]
fn write_a_key_pair() {
    let key = age::x25519::Identity::generate();
    std::fs::write("tests/data/backup-recipient.txt", format!("{}\n", key.to_public())).unwrap();
    let secret = age::secrecy::ExposeSecret::expose_secret(&key.to_string()).to_owned();
    std::fs::write("tests/data/backup-key.txt", format!("# of the tests of backups\n{secret}\n")).unwrap();
}
