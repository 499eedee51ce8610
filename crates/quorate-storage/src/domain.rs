//! Every domain-separation label of this crate, and the keyed hash that uses them.
//!
//! All keys are derived by HMAC-SHA-256 over a label and length-framed fields, so that a key for one purpose says nothing about a
//! key for another.

use hmac::{Hmac, KeyInit, Mac};
use quorate_core::{Secret, wire::Writer};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// A domain-separation label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Label(&'static str);

/// The data key of a record that no epoch key protects.
pub(crate) const DATA_KEY: Label = Label("quorate/1/storage/data-key;");
/// The data key of a record that an epoch key protects.
pub(crate) const EPOCH_DATA_KEY: Label = Label("quorate/1/storage/epoch-data-key;");
/// The public fingerprint of what a record is bound to.
pub(crate) const FINGERPRINT: Label = Label("quorate/1/storage/fingerprint;");
/// Authentication of public records.
pub(crate) const PUBLIC_RECORD: Label = Label("quorate/1/storage/public-record;");
/// The key that a passphrase opens the root key with.
pub(crate) const PASSPHRASE_ROOT: Label = Label("quorate/1/storage/passphrase/root;");
/// The key that wraps others, derived from the root key.
pub(crate) const PASSPHRASE_WRAP: Label = Label("quorate/1/storage/passphrase/wrap;");
/// The key that two key-encryption keys open together.
pub(crate) const BOTH_WRAP: Label = Label("quorate/1/storage/kek/both;");
/// One entry of the audit log, bound to all before it.
pub(crate) const AUDIT_ENTRY: Label = Label("quorate/1/storage/audit/entry;");
/// The audit log before its first entry.
pub(crate) const AUDIT_START: Label = Label("quorate/1/storage/audit/start;");
/// What a cosigner shows to others of its own state.
pub(crate) const STAMP: Label = Label("quorate/1/storage/stamp;");
/// The checksum of a passphrase header.
pub(crate) const PASSPHRASE_HEADER: Label = Label("quorate/1/storage/passphrase/header;");
/// The public beginning of a backup.
#[cfg(feature = "backup")]
pub(crate) const BACKUP_PREAMBLE: Label = Label("quorate/1/storage/backup/preamble;");
/// Which keys a backup has.
#[cfg(feature = "backup")]
pub(crate) const BACKUP_KEYS: Label = Label("quorate/1/storage/backup/keys;");
/// The encrypted part of a backup's chunk.
#[cfg(feature = "backup")]
pub(crate) const BACKUP_SEALED: Label = Label("quorate/1/storage/backup/sealed;");
/// What the shares of a backup's chunk vouch for.
#[cfg(feature = "backup")]
pub(crate) const BACKUP_STATEMENT: Label = Label("quorate/1/storage/backup/statement;");

fn frame(label: Label, fields: &[&[u8]]) -> Writer {
    let mut out = Writer::default();
    out.raw(label.0.as_bytes());
    fields.iter().for_each(|field| out.bytes(field));
    out
}

fn mac(label: Label, key: &[u8; 32], fields: &[&[u8]]) -> Hmac<Sha256> {
    // A key of 32 bytes is padded with zeros to HMAC's block of 64 by its definition.
    let mut block = Zeroizing::new([0; 64]);
    block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
    let mut mac = Hmac::<Sha256>::new((&*block).into());
    mac.update(label.0.as_bytes());
    for field in fields {
        // A field above u32::MAX cannot occur: values are bounded far below.
        mac.update(&u32::try_from(field.len()).unwrap_or(u32::MAX).to_be_bytes());
        mac.update(field);
    }
    mac
}

/// Derives a secret key.
pub(crate) fn derive(label: Label, key: &Secret<[u8; 32]>, fields: &[&[u8]]) -> Secret<[u8; 32]> {
    Secret::new(mac(label, key.expose(), fields).finalize().into_bytes().into())
}

/// Authenticates public bytes.
pub(crate) fn tag(label: Label, key: &Secret<[u8; 32]>, fields: &[&[u8]]) -> [u8; 32] {
    mac(label, key.expose(), fields).finalize().into_bytes().into()
}

/// Hashes public bytes without a key.
pub(crate) fn digest(label: Label, fields: &[&[u8]]) -> [u8; 32] {
    Sha256::digest(frame(label, fields).as_bytes()).into()
}

/// Compares without telling by its time where the difference is.
pub(crate) fn equal(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: &[Label] = &[
        DATA_KEY,
        EPOCH_DATA_KEY,
        FINGERPRINT,
        PUBLIC_RECORD,
        PASSPHRASE_ROOT,
        PASSPHRASE_WRAP,
        PASSPHRASE_HEADER,
        AUDIT_ENTRY,
        AUDIT_START,
        STAMP,
        #[cfg(feature = "backup")]
        BACKUP_PREAMBLE,
        #[cfg(feature = "backup")]
        BACKUP_KEYS,
        #[cfg(feature = "backup")]
        BACKUP_SEALED,
        #[cfg(feature = "backup")]
        BACKUP_STATEMENT,
    ];

    #[test]
    fn no_label_is_a_prefix_of_another() {
        for (i, a) in ALL.iter().enumerate() {
            for (j, b) in ALL.iter().enumerate() {
                assert!(i == j || !b.0.starts_with(a.0), "{a:?} is a prefix of {b:?}");
            }
        }
    }

    #[test]
    fn labels_of_storage_begin_as_no_label_of_core_does() {
        // Transport's test says the same of its own labels.
        let ours = b"quorate/1/storage/";
        assert!(ALL.iter().all(|label| label.0.as_bytes().starts_with(ours) && label.0.ends_with(';')));
        for label in quorate_core::domain::ALL {
            assert!(!label.as_bytes().starts_with(ours) && !ours.starts_with(label.as_bytes()), "{label:?}");
        }
    }

    #[test]
    fn moving_a_field_boundary_changes_the_key() {
        let key = Secret::new([1; 32]);
        let derived = |fields: &[&[u8]]| *derive(DATA_KEY, &key, fields).expose();
        assert_ne!(derived(&[b"ab", b"c"]), derived(&[b"a", b"bc"]));
        assert_ne!(derived(&[b"", b"abc"]), derived(&[b"abc"]));
    }
}
