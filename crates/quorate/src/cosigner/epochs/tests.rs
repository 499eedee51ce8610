use super::*;

fn peer(number: u8) -> PeerId {
    PeerId::new([number; 32])
}

fn set(min_signers: u16, holders: &[u8]) -> HolderSet {
    HolderSet { min_signers, holders: holders.iter().map(|number| peer(*number)).collect() }
}

#[test]
fn old_shares_are_harmless_only_when_fewer_than_min_signers_are_left() {
    let gone = |holders: &[u8]| holders.iter().map(|number| peer(*number)).collect::<BTreeSet<_>>();
    let two_of_three = set(2, &[1, 2, 3]);
    assert_eq!(two_of_three.margin(&gone(&[])), None);
    assert_eq!(two_of_three.margin(&gone(&[1])), None);
    assert_eq!(two_of_three.margin(&gone(&[1, 9])), None);
    assert_eq!(two_of_three.margin(&gone(&[1, 2])), Some(0));
    assert_eq!(two_of_three.margin(&gone(&[1, 2, 3])), Some(1));
    assert_eq!(set(3, &[1, 2, 3]).margin(&gone(&[2])), Some(0));
}

#[test]
fn note_comes_back_whole_and_only_in_one_encoding() {
    let retired = Retired { epoch: 7, digest: [3; 32], record: vec![1, 2, 3] };
    let sets = [(set(2, &[1, 2, 3]), 8), (set(3, &[1, 2, 4]), 9)].into();
    let note = EpochNote {
        promised: Some(9),
        sets,
        effective: Some(6),
        key_print: Some([5; 32]),
        overflowed: false,
        retired: Some(retired),
    };
    let bytes = note.to_bytes();
    assert_eq!(EpochNote::from_bytes(&bytes), Ok(note));
    for cut in 0..bytes.len() {
        assert!(EpochNote::from_bytes(&bytes[..cut]).is_err());
    }
    let mut swapped = bytes;
    // The first holder set's two first holders.
    swapped[1 + 9 + 33 + 9 + 1 + 4 + 8 + 6..][..64].rotate_left(32);
    assert_eq!(EpochNote::from_bytes(&swapped), Err(DecodeError::NotCanonical));
}

#[test]
fn sets_beyond_the_limit_are_not_forgotten_silently() {
    let mut note = EpochNote::default();
    for number in 0..u8::try_from(MAX_SETS).unwrap() {
        note.add(set(2, &[number, 255]), 5);
        note.add(set(2, &[number, 255]), 4);
    }
    assert!(!note.overflowed);
    note.add(set(2, &[254, 255]), 6);
    assert!(note.overflowed && note.sets.len() == MAX_SETS);
    note.add(set(2, &[0, 255]), 6);
    note.forget_through(5);
    assert!(note.overflowed && note.sets.len() == 1);
    note.forget_through(6);
    assert!(!note.overflowed && note.sets.is_empty());
}

#[test]
fn sets_that_leave_no_room_for_a_certificate_are_counted_as_too_many() {
    let large = |first: u16| HolderSet {
        min_signers: 2,
        holders: (0..1000u16)
            .map(|number| PeerId::new([(first + number).to_be_bytes(); 16].concat().try_into().unwrap()))
            .collect(),
    };
    let mut note = EpochNote::default();
    for first in 0..9 {
        note.add(large(first * 1000), 5);
    }
    assert!(note.overflowed && note.sets.len() == 4, "{}", note.sets.len());
    assert!(note.to_bytes().len() < MAX_SET_BYTES + 100);
}
