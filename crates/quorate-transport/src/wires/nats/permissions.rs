//! What a NATS server has to be told, so that no cosigner speaks in another's place or hears another's messages.
//!
//! Each cosigner is a user of the server by its nkey. It may publish `<subject>.*.<itself>` and subscribe `<subject>.<itself>.*`, and nothing
//! else: no requests, no replies, no `JetStream`. The links do not depend on it; what it keeps out is a cosigner, or whoever stole its seed,
//! that floods others in the name of a third one, and that learns the sizes and times of what others say.

use core::fmt::Write as _;

use super::options::{NatsError, check_subject};
use crate::roster::Roster;

/// Why there are no permissions. Whoever keeps the roster has to act.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PermissionsError {
    /// A cosigner that the server cannot know.
    #[error("the roster lists no nkey for {name}; its operator has one by `quorate init --nats` or `quorate nats key`")]
    NoNkey {
        /// Whose is missing.
        name: String,
    },
    /// An account's name that a server would read otherwise.
    #[error("the name of an account has 1 to 32 of A-Z, a-z, 0-9, - and _")]
    Account,
    /// The subject is none.
    #[error(transparent)]
    Subject(#[from] NatsError),
}

/// The users and permissions of a server's configuration: in an account of their own if `account` names one, in the global one otherwise.
///
/// # Errors
///
/// [`PermissionsError`].
pub fn server_configuration(roster: &Roster, subject: &str, account: Option<&str>) -> Result<String, PermissionsError> {
    check_subject(subject)?;
    let digest = roster.digest().iter().fold(String::new(), |mut digits, byte| {
        let _infallible = write!(digits, "{byte:02x}");
        digits
    });
    let (open, close, indent) = match account {
        Some(account) => {
            let plain = account.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
            if !plain || account.is_empty() || account.len() > MAX_ACCOUNT {
                return Err(PermissionsError::Account);
            }
            (format!("accounts {{\n  {account} {{\n"), "  }\n}\n", "    ")
        }
        None => ("authorization {\n".to_owned(), "}\n", "  "),
    };
    let mut text = format!("{HEADER}# Digest of the roster, which leaves the nkeys out: {digest}\n\n{open}{indent}users = [\n");
    let mut cosigners: Vec<_> = roster.iter().collect();
    cosigners.sort_by(|a, b| a.name.cmp(&b.name));
    for cosigner in cosigners {
        let name = &cosigner.name;
        let nkey = cosigner.nkey.as_ref().ok_or_else(|| PermissionsError::NoNkey { name: name.clone() })?;
        let me = cosigner.identity;
        // Names, keys and subjects were checked, and need no escape.
        text.push_str(&format!(
            "{indent}  # {name}\n{indent}  {{\n{indent}    nkey: \"{nkey}\"\n{indent}    permissions: {{\n\
             {indent}      publish: {{ allow: [\"{subject}.*.{me}\"] }}\n\
             {indent}      subscribe: {{ allow: [\"{subject}.{me}.*\"] }}\n{indent}    }}\n{indent}  }}\n"
        ));
    }
    Ok(format!("{text}{indent}]\n{close}"))
}

const MAX_ACCOUNT: usize = 32;
const HEADER: &str = "\
# The users of a NATS server for Quorate, made by `quorate nats permissions`. Make it anew when the roster changes, and reload the server.
# What it says of nkeys no digest of the roster covers: have each cosigner's operator make it, and compare the whole (sha256sum).
# Include it in the server's configuration:   include \"quorate-users.conf\"
# Use TLS towards clients, leafnodes, routes and gateways: docs/transport.md. A leafnode or gateway must let these subjects pass both
# ways; what a leafnode may publish and subscribe is the sum of what the cosigners behind it may.
";
