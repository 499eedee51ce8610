//! Backups: the public part of a file, the proofs in it, and the parser of what is encrypted.

use quorate::backup::{Preamble, verify};
use quorate_core::{
    PeerId, SuiteId,
    attest::attest,
    frost::Ed25519,
    wire::{Encoding, Writer},
};
use quorate_storage::backup::{BackupReader, Entry, OpeningKeys, PublicSlot, keys_digest};

use crate::{
    keys::{id, rng, shares},
    records::same,
};

const KEY_FILE: &str = include_str!("../../../crates/quorate-storage/tests/data/backup-key.txt");

/// Whatever is read encodes to the same bytes, and nothing opens: no encrypted part is one.
pub(crate) fn backup(data: &[u8]) {
    let keys = OpeningKeys::parse(KEY_FILE).unwrap();
    assert!(verify(data, Some(&keys), |_| ()).is_err());
    let _ = verify(data, None, |_| ());
    let _ = same::<Preamble>(data);
    let _ = same::<Entry>(data);
    let Ok(mut reader) = BackupReader::new(data) else { return };
    let preamble = same::<Preamble>(&reader.preamble().to_bytes());
    assert_eq!(preamble.as_ref(), Some(reader.preamble()));
    while let Ok(Some(chunk)) = reader.next_chunk() {
        assert_eq!(chunk.proofs().len(), chunk.entries().iter().flat_map(Entry::slots).count());
        chunk.entries().iter().for_each(|entry| drop(same::<Entry>(&entry.to_bytes())));
        assert!(chunk.open(&keys).is_err());
    }
}

/// A beginning, a key in it, and a file whose proof is right and whose encrypted part is empty.
pub(crate) fn examples() -> [(&'static str, Vec<u8>); 3] {
    let share = &shares::<Ed25519>()[0];
    let key_id = *share.key_id().as_bytes();
    let (package, certificate) = (share.package().to_bytes(), share.certificate().to_bytes());
    let active = Some(PublicSlot { epoch: 0, participant: id(1), package, certificate });
    let entry = Entry { key_id, suite: SuiteId::Ed25519, highest_epoch: 0, active, amendment: Vec::new(), pending: Vec::new() };
    let preamble = Preamble {
        id: [1; 32],
        cosigner: PeerId::new([2; 32]),
        made: 1_795_000_000,
        location: "gcp/backup".parse().unwrap(),
        key: "friend".parse().unwrap(),
        recipient: "age1".to_owned(),
        with_identity: false,
        keys: 1,
        keys_digest: keys_digest([&key_id]),
    };
    let file = |proof: &[u8]| {
        let (mut public, mut out) = (Writer::default(), Writer::default());
        public.sequence(std::slice::from_ref(&entry));
        out.raw(b"quorate-backup\n\x01");
        [&preamble.to_bytes(), public.as_bytes(), b"age-encryption.org/v1\n", proof].into_iter().for_each(|part| out.bytes(part));
        out.into_bytes()
    };
    let blank = file(&[]);
    let chunk = BackupReader::new(&blank[..]).unwrap().next_chunk().unwrap().unwrap();
    let proof = attest(share, PeerId::new(*chunk.statement()), &preamble.id, &mut rng(7)).unwrap();
    [("preamble", preamble.to_bytes()), ("entry", entry.to_bytes()), ("whole", file(&proof.to_bytes()))]
}
