use quorate_core::Identifier;
use zeroize::Zeroizing;

use super::*;

const KEY: [u8; 32] = [7; 32];

fn credential(byte: u8) -> Requester {
    Requester::from_secret_bytes(&Zeroizing::new([byte; 32]))
}

fn statement(author: Author) -> Statement {
    Statement { scope: Scope::Key(KEY), author, number: 1_795_429_202_123, reason: "carol's laptop is gone".to_owned() }
}

fn peer(byte: u8) -> PeerId {
    PeerId::new([byte; 32])
}

fn held(approvals: &[u8]) -> Held {
    let approvals = approvals.iter().map(|byte| peer(*byte)).collect();
    Held { statement: statement(Author::Cosigner(peer(1))), signature: [8; 64], approvals, thawed: BTreeSet::new(), over: false }
}

fn peers(bytes: &[u8]) -> Peers {
    Peers::new(bytes.iter().zip(1..).map(|(byte, number)| (Identifier::new(number).unwrap(), peer(*byte)))).unwrap()
}

#[test]
fn statement_and_signature_are_those_of_version_1() {
    let freeze = credential(3).freeze(Scope::All, "why", 1000).unwrap();
    let statement =
        Statement { scope: Scope::All, author: Author::Credential(freeze.credential), number: 1000, reason: "why".to_owned() };
    assert_eq!(hex::encode(statement.id()), "f83a5ba257eb5980063873d5ea1175a05db75ec8f64f50cd397af3ee250a57d7");
    assert_eq!(
        hex::encode(freeze.signature),
        concat!(
            "b6da388390deef7beee2f4066e9368e83bca668ba72b7e8263d9fd0e5e6d1407",
            "9b94b27e86d669fd89ef90597308145372cca2cc547d208eb95e0cf69fb7040c"
        )
    );
}

#[test]
fn id_and_note_depend_on_everything_that_they_must() {
    let plain = statement(Author::Cosigner(peer(1)));
    let others = [
        Statement { scope: Scope::Key([8; 32]), ..plain.clone() },
        Statement { scope: Scope::All, ..plain.clone() },
        Statement { author: Author::Cosigner(peer(2)), ..plain.clone() },
        Statement { author: Author::Credential(credential(1).key()), ..plain.clone() },
        Statement { number: 5, ..plain.clone() },
        Statement { reason: "other".to_owned(), ..plain.clone() },
    ];
    let ids: BTreeSet<_> = others.iter().map(Statement::id).chain([plain.id()]).collect();
    assert_eq!(ids.len(), 7);
    // A record for each author and scope, and no more.
    let notes: BTreeSet<_> = others.iter().map(Statement::note).chain([plain.note()]).collect();
    assert_eq!(notes.len(), 5);
}

#[test]
fn freeze_stands_until_enough_participants_want_its_end() {
    let of_three = peers(&[1, 2, 3]);
    assert!(held(&[]).stands(&of_three, 2));
    assert!(held(&[1]).stands(&of_three, 2));
    assert!(held(&[1, 9]).stands(&of_three, 2), "nine holds no share");
    assert!(!held(&[2, 3]).stands(&of_three, 2));
    assert!(held(&[2, 3]).stands(&of_three, 3));
    // Its author was evicted.
    assert!(!held(&[]).stands(&peers(&[2, 3, 4]), 2));
    let mut credentials = held(&[]);
    credentials.statement.author = Author::Credential(credential(1).key());
    assert!(credentials.stands(&peers(&[2, 3, 4]), 2));
    let mut thawed = held(&[]);
    thawed.thawed.insert(KEY);
    assert!(!thawed.may_freeze(&KEY) && held(&[]).may_freeze(&KEY) && !held(&[]).may_freeze(&[8; 32]));
}

#[test]
fn record_is_read_back_and_nothing_else() {
    let mut whole = held(&[3, 1]);
    whole.signature = [9; 64];
    whole.thawed.extend([[1; 32], [2; 32]]);
    for record in [held(&[]), whole] {
        let bytes = record.to_bytes();
        assert_eq!(Held::from_bytes(&bytes), Ok(record));
        for length in 0..bytes.len() {
            assert!(Held::from_bytes(&bytes[..length]).is_err(), "{length}");
        }
    }
    assert_eq!(Held::from_bytes(&[2]), Err(DecodeError::UnsupportedVersion { found: 2 }));
}

#[test]
fn messages_are_read_back_and_nothing_else() {
    use crate::ceremony::message::Message;
    let signature = [9; 64];
    let messages = [
        FreezeMessage::Freeze { statement: statement(Author::Cosigner(peer(1))), signature },
        FreezeMessage::Freeze { statement: statement(Author::Credential(credential(1).key())), signature },
        FreezeMessage::Known { id: [1; 32], stands: true },
        FreezeMessage::Known { id: [1; 32], stands: false },
        FreezeMessage::Resume { id: [2; 32] },
        FreezeMessage::Noted { id: [3; 32] },
    ];
    for (message, number) in messages.into_iter().zip([20, 20, 21, 21, 22, 23]) {
        let bytes = Message::Freeze(message.clone()).to_bytes();
        assert_eq!(bytes[..2], [1, number]);
        assert_eq!(Message::from_bytes(&bytes), Ok(Message::Freeze(message)));
        assert!(Message::from_bytes(&bytes[..bytes.len() - 1]).is_err());
    }
    assert!(Message::from_bytes(&[[1, 24].as_slice(), &[0; 32]].concat()).is_err());
}

#[test]
fn fullest_record_is_stored_and_read_back_and_more_keys_find_no_room() {
    let number = |number: usize| {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        bytes
    };
    let mut full = held(&[]);
    full.statement.scope = Scope::All;
    full.statement.reason = "x".repeat(MAX_REASON);
    full.approvals = (0..MAX_APPROVERS).map(|one| PeerId::new(number(one))).collect();
    let mut present = BTreeSet::new();
    for one in 0..MAX_THAWED {
        present.insert(number(one));
        assert!(full.thaw(number(one), &present));
    }
    assert!(!full.thaw(number(MAX_THAWED), &present) && full.thawed.len() == MAX_THAWED);
    let bytes = full.to_bytes();
    // The vault's tag is behind it.
    assert!(bytes.len() + 64 <= quorate_storage::store::MAX_VALUE, "{}", bytes.len());
    assert_eq!(Held::from_bytes(&bytes), Ok(full.clone()));
    // A key that is not here any more makes room.
    present.remove(&number(0));
    assert!(full.thaw(number(MAX_THAWED), &present) && full.may_freeze(&number(0)));
    assert_eq!(Held::from_bytes(&full.to_bytes()), Ok(full));
}

#[test]
fn reasons_are_one_short_line() {
    for wrong in ["", "two\nlines", &"x".repeat(201)] {
        assert_eq!(checked_reason(wrong), Err(RequestError::Reason));
    }
    assert!(checked_reason(&"x".repeat(200)).is_ok());
}
