//! What a cosigner remembers beside its shares.

use quorate_storage::{
    Store as _, StoreError, Torn, VaultError,
    store::MAX_VALUE,
    vault::{Change, Shelf},
};

use crate::support::{Rig, block_on};

fn write(rig: &Rig, name: &str, text: &[u8]) -> Result<Option<Vec<u8>>, VaultError> {
    block_on(rig.vault.change_note(Shelf::Requests, name, |_| Change::Write(text.to_vec())))
}

fn read(rig: &Rig, name: &str) -> Result<Option<Vec<u8>>, VaultError> {
    block_on(rig.vault.note(Shelf::Requests, name))
}

#[test]
fn note_survives_a_restart_and_is_gone_when_deleted() {
    let mut rig = Rig::new();
    assert_eq!(read(&rig, "a").unwrap(), None);
    write(&rig, "a", b"one").unwrap();
    rig.restart();
    let changed = block_on(rig.vault.change_note(Shelf::Requests, "a", |note| Change::Write([note.unwrap(), b" two"].concat())));
    assert_eq!(changed.unwrap().unwrap(), b"one two");
    let kept = block_on(rig.vault.change_note(Shelf::Requests, "a", |_| Change::Keep)).unwrap();
    assert_eq!(kept.unwrap(), b"one two");
    assert_eq!(block_on(rig.vault.note(Shelf::Limits, "a")).unwrap(), None, "shelves are apart");
    block_on(rig.vault.change_note(Shelf::Requests, "a", |_| Change::Delete)).unwrap();
    rig.restart();
    assert_eq!(read(&rig, "a").unwrap(), None);
}

#[test]
fn change_that_a_crash_cuts_off_happened_as_a_whole_or_not_at_all() {
    for torn in [Torn::Before, Torn::After] {
        for at in 0..3 {
            let mut rig = Rig::new();
            write(&rig, "a", b"old").unwrap();
            rig.faults.crash_at(at, torn);
            let said = write(&rig, "a", b"new");
            rig.restart();
            let there = read(&rig, "a").unwrap().unwrap();
            assert!(there == b"new" || said.is_err() && there == b"old", "{at} {torn:?}");
        }
    }
}

#[test]
fn note_that_was_moved_or_altered_is_damaged_and_hides_no_other() {
    let rig = Rig::new();
    write(&rig, "a", b"about a").unwrap();
    write(&rig, "c", b"about c").unwrap();
    let name = |name: &str| quorate_storage::RecordName::new(&format!("requests/{name}")).unwrap();
    let moved = block_on(rig.store.read(&name("a"))).unwrap().unwrap();
    block_on(rig.store.create(&name("b"), &moved.value)).unwrap();
    assert!(matches!(read(&rig, "b"), Err(VaultError::Damaged { .. })));
    assert!(matches!(write(&rig, "b", b"x"), Err(VaultError::Damaged { .. })));
    let page = block_on(rig.vault.notes(Shelf::Requests, None)).unwrap();
    assert_eq!(page.notes, [("a".to_owned(), b"about a".to_vec()), ("c".to_owned(), b"about c".to_vec())]);
    assert_eq!((page.damaged, page.next), (vec!["b".to_owned()], None));
}

#[test]
fn shelf_of_many_notes_is_listed_whole() {
    let rig = Rig::new();
    for number in 0..600 {
        write(&rig, &format!("{number:04}"), b"x").unwrap();
    }
    let (mut names, mut after) = (Vec::new(), None);
    loop {
        let page = block_on(rig.vault.notes(Shelf::Requests, after.as_deref())).unwrap();
        names.extend(page.notes.into_iter().map(|(name, _)| name));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(names, (0..600).map(|number| format!("{number:04}")).collect::<Vec<_>>());
}

#[test]
fn note_that_is_too_long_is_refused_and_the_old_one_stays() {
    let rig = Rig::new();
    write(&rig, "a", b"old").unwrap();
    let long = write(&rig, "a", &vec![0; MAX_VALUE - 31]);
    assert!(matches!(long, Err(VaultError::Store(StoreError::ValueTooLarge { .. }))));
    assert_eq!(read(&rig, "a").unwrap().unwrap(), b"old");
    write(&rig, "a", &vec![0; MAX_VALUE - 32]).unwrap();
}
