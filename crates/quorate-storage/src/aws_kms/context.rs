//! The encryption context: what a wrapped key is for, as KMS is told.
//!
//! KMS opens a wrapped key under the very context that it was wrapped with, so that these entries belong to the format. The whole context
//! is one of them; the rest say the same in words, for policies of the key (`kms:EncryptionContext:quorate-cosigner`) and for
//! whoever reads the log of its uses.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use quorate_core::{
    DecodeError, PeerId,
    wire::{Encoding as _, Reader},
};

use crate::{epoch_key::hex, vault::KeyRef};

/// The format of the entries, in front of the context.
const VERSION: &str = "1:";

/// The entries for a context.
pub(super) fn entries(context: &[u8]) -> BTreeMap<&'static str, String> {
    // A binding that does not read as one, which vaults do not make, has no words.
    let mut entries = words(context).unwrap_or_default();
    entries.insert("quorate-context", format!("{VERSION}{}", STANDARD.encode(context)));
    entries
}

/// What a binding says (docs/storage-format.md).
fn words(context: &[u8]) -> Result<BTreeMap<&'static str, String>, DecodeError> {
    let mut input = Reader::new(context);
    let (_version, _kind) = (input.u8()?, input.u8()?);
    let cosigner = PeerId::read(&mut input)?;
    let name = core::str::from_utf8(input.bytes(context.len())?).map_err(|_| DecodeError::InvalidValue("record name"))?;
    let key: Option<KeyRef> = input.option()?;
    input.finish()?;
    let mut words = BTreeMap::from([("quorate-cosigner", hex(cosigner.as_bytes())), ("quorate-record", name.to_owned())]);
    if let Some(key) = key {
        words.insert("quorate-key", hex(key.key_id()));
        words.insert("quorate-epoch", key.epoch().to_string());
        words.insert("quorate-participant", key.participant().to_string());
        words.insert("quorate-suite", key.suite().to_string());
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use quorate_core::{Identifier, SuiteId};

    use super::*;
    use crate::{
        sealed::{Binding, Kind},
        store::RecordName,
    };

    /// What is wrapped today must open tomorrow: these entries never change.
    #[test]
    fn entries_say_whose_record_it_is_and_of_which_share() {
        let (cosigner, name) = (PeerId::new([0xab; 32]), RecordName::new("keys/x").unwrap());
        let key = KeyRef::new([7; 32], 12, Identifier::new(3).unwrap(), SuiteId::Ed25519);
        let binding = Binding::new(Kind::ActiveShare, &cosigner, &name, Some(&key)).to_bytes();
        let entries = entries(&binding);
        let expected = [
            ("quorate-context", format!("1:{}", STANDARD.encode(&binding))),
            ("quorate-cosigner", "ab".repeat(32)),
            ("quorate-epoch", "12".to_owned()),
            ("quorate-key", "07".repeat(32)),
            ("quorate-participant", "3".to_owned()),
            ("quorate-record", "keys/x".to_owned()),
            ("quorate-suite", "ed25519".to_owned()),
        ];
        assert_eq!(entries.into_iter().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn context_that_is_no_binding_is_bound_all_the_same() {
        for context in [&b""[..], b"c", &[0xff; 512]] {
            let all: Vec<_> = entries(context).into_iter().collect();
            assert_eq!(all, [("quorate-context", format!("1:{}", STANDARD.encode(context)))]);
        }
    }
}
