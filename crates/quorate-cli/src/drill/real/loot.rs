//! What a thief takes of a provider's services: the whole database or bucket, what the token keeps, and what the key service answered.
//!
//! The copies are put up elsewhere, as a thief would, and opened there by the provider's own key services: the token with its PIN, the KMS
//! with the credentials. What a dump spells in digits is searched as the bytes that it stands for.

use std::path::Path;

use base64::{Engine as _, prelude::BASE64_STANDARD};

use super::{BUCKET, Services};
use crate::drill::{copy_directory, tap::Tape, trouble::Trouble};

impl Services {
    /// Puts up a copy of what a cosigner keeps here, has the copied directory read there, and gives every byte of it. Whether it keeps
    /// anything here.
    pub(in crate::drill) fn rob(&self, name: &str, copy: &Path, copies: &str, files: &mut Vec<u8>) -> Result<bool, Trouble> {
        match name {
            "alice" => self.rob_alice(copy, copies, files).map(|()| true),
            "bob" => self.rob_bob(copy, copies, files).map(|()| true),
            _ => Ok(false),
        }
    }

    fn rob_alice(&self, copy: &Path, copies: &str, files: &mut Vec<u8>) -> Result<(), Trouble> {
        let dump = self.postgres.dump("alice");
        let bytes = bytea(&dump);
        if bytes.len() < 1000 {
            return Err(Trouble::Broken("alice's database holds next to nothing: her shares must be elsewhere"));
        }
        files.extend(bytes);
        files.extend(&dump);
        copy_directory(&self.tokens.tokens(), &copy.join("tokens"), files)?;
        let restored = self.postgres.restore(copies, "alice", &dump);
        // A freeze keeps honest programs from an export.
        self.postgres.administer(copies, "DELETE FROM quorate.records WHERE name = 'freezes' OR name LIKE 'freezes/%'");
        Self::reconfigure(copy, &self.postgres.url("alice"), &restored)
    }

    fn rob_bob(&self, copy: &Path, copies: &str, files: &mut Vec<u8>) -> Result<(), Trouble> {
        let objects = self.moto.objects(BUCKET, "bob/records/");
        if objects.len() < 4 {
            return Err(Trouble::Broken("bob's bucket holds next to nothing: his shares must be elsewhere"));
        }
        for name in objects {
            let object = self.moto.object(BUCKET, &name);
            files.extend(&object);
            // Without freezes, and without the lease of the one whom it was stolen from.
            if let Some(record) = name.strip_prefix("bob/").filter(|record| !record.starts_with("records/freezes")) {
                self.moto.ask("PUT", &format!("/{BUCKET}/{copies}/{record}"), &object);
            }
        }
        let answers = answers(&self.answers);
        if answers.is_empty() {
            return Err(Trouble::Broken("bob's key service was asked for nothing"));
        }
        files.extend(answers);
        Self::reconfigure(copy, &format!("s3://{BUCKET}/bob"), &format!("s3://{BUCKET}/{copies}"))
    }
}

/// The binary values of a dump, which spells them in hexadecimal digits.
fn bytea(dump: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(dump);
    let values = text.split(['\t', '\n']).filter_map(|field| field.strip_prefix("\\\\x"));
    values.filter_map(|digits| hex::decode(digits).ok()).flatten().collect()
}

/// All that a KMS answered: as it crossed the line, and the keys in it.
fn answers(tape: &Tape) -> Vec<u8> {
    let mut all = Vec::new();
    for recording in tape.recordings() {
        let text = String::from_utf8_lossy(&recording.received);
        let keys = text.split("\"Plaintext\": \"").skip(1).filter_map(|rest| rest.split('"').next());
        all.extend(keys.filter_map(|key| BASE64_STANDARD.decode(key).ok()).flatten());
        all.extend(&recording.received);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_a_dump_are_searched_as_bytes() {
        let dump = b"COPY quorate.records (name, version, value) FROM stdin;\nvault\t\\\\x0102\t\\\\xfF00\nodd\t\\\\x1\tx\n\\.\n";
        assert_eq!(bytea(dump), [1, 2, 255, 0]);
    }
}
