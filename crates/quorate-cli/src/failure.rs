//! What can go wrong, and the exit code that says so to scripts.

use std::path::PathBuf;

use quorate::{
    RequestError,
    backup::{CheckError, RestoreError},
    config::ConfigError,
    control::ClientError,
    core::{DecodeError, InputError, PlacementError},
    node::{MoveError, NodeError},
    payload::{AddressKind, PayloadError},
    transport::RosterError,
};

use crate::{independent::Invalid, passphrase::PassphraseError};

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// A running cosigner said no, or there is none.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The configuration file.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The cosigner that should run in this process.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// The passphrase.
    #[error(transparent)]
    Passphrase(#[from] PassphraseError),
    /// A roster, or the roster that entries would make.
    #[error("{}", path.display())]
    Roster { path: PathBuf, source: RosterError },
    /// Two roster entries that contradict each other.
    #[error(
        "{} names {name} as well, with another {field} than the roster; ask {name}'s operator which is right. Nothing was written",
        path.display()
    )]
    RosterConflict { path: PathBuf, name: String, field: &'static str },
    /// A roster in which this cosigner is not what it should be.
    #[error("{name} is not in the roster {}; add the roster-entry.toml of its directory", path.display())]
    NotInRoster { path: PathBuf, name: String },
    /// A name to remove that the roster does not have.
    #[error("there is no {name} in the roster {}; nothing was written", path.display())]
    NotListed { path: PathBuf, name: String },
    /// A cosigner that would be off its own roster.
    #[error("{name} is this cosigner itself, and stays on its own roster; nothing was written")]
    OwnEntry { name: String },
    /// A roster with another digest than the operators agreed on.
    #[error("the roster's digest is {found}, not {expected}; compare the rosters entry by entry")]
    RosterDigest { found: String, expected: String },
    /// A file that cannot be read or written.
    #[error("cannot {action} {}", path.display())]
    File { action: &'static str, path: PathBuf, source: std::io::Error },
    /// A placement file.
    #[error("{} is not a placement file; `quorate placement explain --help` shows one", path.display())]
    PlacementFile { path: PathBuf, source: Box<toml::de::Error> },
    /// A placement that breaks the rule.
    #[error(transparent)]
    Placement(#[from] PlacementError),
    /// A payload that cannot be signed or read.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// A path, a threshold or a number of participants.
    #[error(transparent)]
    Input(#[from] InputError),
    /// What a cosigner tells of a key does not decode.
    #[error("what the cosigner tells of the key cannot be read; do its version and this program's agree?")]
    KeyInfo(#[from] DecodeError),
    /// Not hexadecimal digits, or not as many as needed.
    #[error("{what} must be {digits}")]
    Hex { what: &'static str, digits: &'static str },
    /// An address of no kind that is known here.
    #[error("{address:?} is neither a Taproot or P2WPKH address nor an Ethereum or Solana address")]
    Address { address: String },
    /// No such key at the cosigner.
    #[error("the cosigner knows no key of the wallet {key:?}{}; `quorate keys` lists what it knows", suite_note(suite.as_deref()))]
    UnknownKey { key: String, suite: Option<String> },
    /// A wallet whose keys have no address of that kind.
    #[error("no key of {key:?} that was asked for has an address of the kind {kind}")]
    NoAddress { key: String, kind: AddressKind },
    /// A name that no chain has.
    #[error("no chain is named {name:?}{}; `quorate chains` lists the names", near_note(near))]
    UnknownChain { name: String, near: Vec<&'static str> },
    /// A wallet whose keys have no accounts on a chain, or none that cosigners sign for.
    #[error("accounts of {chain} have {accepted} keys, and {key:?} has {given}{note}")]
    WrongCurve { chain: &'static str, accepted: String, key: String, given: String, note: &'static str },
    /// A path with steps that hash the private key.
    #[error(
        "no group key can walk the hardened steps of {path}: a hardened step hashes the private key, which is whole nowhere. The wallet's \
         key is the account node itself; ask for {instead}"
    )]
    Hardened { path: String, instead: String },
    /// A path that is none.
    #[error("{path:?} is no path")]
    ChainPath { path: String, source: quorate_chains::PathError },
    /// A chain that has no such address of the key.
    #[error(transparent)]
    ChainAddress(#[from] quorate_chains::AddressError),
    /// A wallet with keys of several suites where one is needed.
    #[error("the wallet {key:?} has keys of several suites; say which with --suite")]
    SeveralKeys { key: String },
    /// A signature that is not one.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// Participants without proof.
    #[error("{missing} of {total} proofs are missing; the table says whose and why")]
    ProofsMissing { missing: usize, total: usize },
    /// A backup that does not stand.
    #[error(transparent)]
    Backup(#[from] CheckError),
    /// A backup that was not restored.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// Something that this build cannot do.
    #[error("{option} needs a build of quorate with the feature `{feature}`")]
    #[cfg_attr(all(feature = "real-drill", feature = "remote"), expect(dead_code, reason = "this build can"))]
    Feature { option: &'static str, feature: &'static str },
    /// Programs that the drill of real providers starts.
    #[cfg(feature = "real-drill")]
    #[error(
        "there is no {programs}: `scripts/services` in the repository installs what is missing, and prints what to put on the PATH"
    )]
    Missing { programs: String },
    /// The files or the address of a cosigner elsewhere.
    #[cfg(feature = "remote")]
    #[error(transparent)]
    Remote(#[from] quorate::control::RemoteError),
    /// A roster that does not tell a NATS server enough.
    #[cfg(feature = "nats")]
    #[error(transparent)]
    Permissions(#[from] quorate::transport::wires::nats::permissions::PermissionsError),
    /// A store is not moved.
    #[error(transparent)]
    Move(#[from] MoveError),
    /// Others could have read the secret key.
    #[error("others can read the key file {} (mode {mode:03o}); run chmod 600", path.display())]
    KeyFileNotPrivate { path: PathBuf, mode: u32 },
    /// A request, a requester's key or a signature that does not fit.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// A file that is no request.
    #[error("{} is not a request that `quorate sign ... --save` wrote", path.display())]
    RequestFile { path: PathBuf },
    /// A file that is no list of keys.
    #[error("{} is not what `quorate keys --json` prints", path.display())]
    KeysFile { path: PathBuf },
    /// A file that has no secret key.
    #[error("{} must have 64 hexadecimal digits and nothing else", path.display())]
    SecretFile { path: PathBuf },
    /// A file that is no key file.
    #[error("{} is not a key file of `quorate requester new`", path.display())]
    RequesterFile { path: PathBuf },
    /// Others could have read it.
    #[error("others can read the key file {} (mode {mode:03o}); make a new one, and have the old one taken off all lists", path.display())]
    NotPrivate { path: PathBuf, mode: u32 },
    /// The system's generator failed.
    #[error("the random generator failed")]
    Randomness,
    /// The person said no.
    #[error("not approved; nothing was written")]
    NotApproved,
    /// The person said no.
    #[error("not signed: nobody was asked for a signature")]
    NotWanted,
    /// A name that the policy does not list.
    #[error("{name} is not listed under [policy.requesters] or [policy.approvals] of this configuration")]
    NotInPolicy { name: String },
    /// Nobody who could say yes.
    #[error("there is no terminal to ask on; look at the request, and use --yes")]
    NobodyToAsk,
    /// A change of holders that another operator has not consented to.
    #[error("{name} takes part only if its operator consents to this change, plan {plan}; nothing has changed")]
    Consent { name: String, plan: String },
    /// A reshare after which old shares may still sign.
    #[error("the keys have new shares, but {} may still have old ones, which can sign together; bring them up to destroy them", outstanding.join(", "))]
    NotEffective { outstanding: Vec<String> },
    /// An eviction that leaves fewer holders than have to sign.
    #[error(transparent)]
    Threshold(Threshold),
    /// Standard output or the answer for programs.
    #[error("cannot write the answer")]
    Output { source: std::io::Error },
    /// The asynchronous runtime did not start.
    #[error("cannot start")]
    Runtime { source: std::io::Error },
    /// The drill found something, or could not be carried out.
    #[error("the drill FAILED at: {step}")]
    Drill { step: String },
}

/// How many holders an eviction leaves, and how many have to sign.
#[derive(Debug, thiserror::Error)]
#[error(
    "the wallet {wallet} would have {left} {}, and {min_signers} have to sign: give {}",
    if *left == 1 { "holder" } else { "holders" }, cure(*left)
)]
pub(crate) struct Threshold {
    pub(crate) wallet: String,
    pub(crate) left: u16,
    pub(crate) min_signers: u16,
}

fn cure(left: u16) -> String {
    let replace = "--replace-with NAME";
    match left {
        0 | 1 => replace.to_owned(),
        2 => format!("{replace}, or --min-signers 2"),
        _ => format!("{replace}, or --min-signers with a number from 2 to {left}"),
    }
}

fn near_note(near: &[&str]) -> String {
    if near.is_empty() { String::new() } else { format!(" (did you mean {}?)", near.join(", ")) }
}

fn suite_note(suite: Option<&str>) -> String {
    suite.map_or_else(String::new, |suite| format!(" for the suite {suite}"))
}

impl Failure {
    /// As `quorate --help` documents.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            #[cfg(feature = "nats")]
            Self::Permissions(_) => 2,
            #[cfg(feature = "remote")]
            Self::Remote(_) => 2,
            #[cfg(feature = "real-drill")]
            Self::Missing { .. } => 2,
            Self::Client(error) => code_of_client(error),
            Self::KeyInfo(_)
            | Self::Invalid(_)
            | Self::ProofsMissing { .. }
            | Self::Backup(_)
            | Self::Restore(RestoreError::Check(_))
            | Self::NotEffective { .. }
            | Self::Output { .. }
            | Self::Runtime { .. }
            | Self::Randomness
            | Self::NotApproved
            | Self::NotWanted
            | Self::Drill { .. } => 1,
            Self::Consent { .. } => 4,
            Self::Config(_)
            | Self::Node(_)
            | Self::Passphrase(_)
            | Self::Restore(_)
            | Self::Move(_)
            | Self::Feature { .. }
            | Self::KeyFileNotPrivate { .. }
            | Self::Roster { .. }
            | Self::RosterConflict { .. }
            | Self::NotInRoster { .. }
            | Self::RosterDigest { .. }
            | Self::NotListed { .. }
            | Self::OwnEntry { .. }
            | Self::File { .. }
            | Self::PlacementFile { .. }
            | Self::Placement(_)
            | Self::Payload(_)
            | Self::Input(_)
            | Self::Hex { .. }
            | Self::Address { .. }
            | Self::UnknownKey { .. }
            | Self::Request(_)
            | Self::RequestFile { .. }
            | Self::KeysFile { .. }
            | Self::RequesterFile { .. }
            | Self::SecretFile { .. }
            | Self::NotPrivate { .. }
            | Self::NobodyToAsk
            | Self::NotInPolicy { .. }
            | Self::NoAddress { .. }
            | Self::UnknownChain { .. }
            | Self::WrongCurve { .. }
            | Self::Hardened { .. }
            | Self::ChainPath { .. }
            | Self::ChainAddress(_)
            | Self::SeveralKeys { .. }
            | Self::Threshold(_) => 2,
        }
    }

    /// Whether the command's answer says it all, so that a program needs no second document.
    pub(crate) const fn was_answered(&self) -> bool {
        matches!(self, Self::ProofsMissing { .. } | Self::NotEffective { .. } | Self::Drill { .. })
    }

    /// The participants to blame, where the cosigner named them.
    pub(crate) fn culprits(&self) -> &[String] {
        if let Self::Consent { name, .. } = self {
            return core::slice::from_ref(name);
        }
        if let Self::NotEffective { outstanding } = self {
            return outstanding;
        }
        if let Self::Client(ClientError::Refused(error)) = self { &error.culprits } else { &[] }
    }

    /// What to do next, for people, where it takes more than a line.
    pub(crate) fn advice(&self) -> Option<String> {
        let Self::Consent { name, plan } = self else { return None };
        Some(format!(
            "At {name}, its operator sees the change in words, and consents if it is what you told them over another way:\n  \
             quorate plans\n  quorate consent {plan}\n\
             Then run this command again. Every holder that stays must have consented; each names the same plan."
        ))
    }

    /// The plan that waits for consent.
    pub(crate) fn plan(&self) -> Option<&str> {
        if let Self::Consent { plan, .. } = self { Some(plan) } else { None }
    }

    /// What happened, with all its causes, in one line.
    pub(crate) fn message(&self) -> String {
        let mut message = self.to_string();
        let mut source = core::error::Error::source(self);
        while let Some(cause) = source {
            let text = cause.to_string();
            // Some errors of other crates repeat their causes.
            if !message.contains(text.trim()) {
                message = format!("{message}: {}", text.trim());
            }
            source = cause.source();
        }
        message
    }
}

fn code_of_client(error: &ClientError) -> u8 {
    match error {
        ClientError::NotRunning { .. } | ClientError::NoAnswer { .. } => 3,
        ClientError::Refused(error) => code_of(&error.code),
        ClientError::Malformed | _ => 1,
    }
}

/// The exit code for an error code of the control API.
fn code_of(code: &str) -> u8 {
    match code {
        "input" | "unknown-key" => 2,
        "unavailable" => 3,
        "denied" | "refused" | "frozen" => 4,
        "fault" => 5,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: &str) -> Failure {
        let error = serde_json::json!({"code": code, "message": "bob broke the protocol", "culprits": ["bob"]});
        ClientError::Refused(serde_json::from_value(error).unwrap()).into()
    }

    #[test]
    fn every_code_of_the_control_api_has_its_exit_code() {
        let codes = [
            ("input", 2),
            ("unknown-key", 2),
            ("unavailable", 3),
            ("denied", 4),
            ("refused", 4),
            ("fault", 5),
            ("internal", 1),
            ("a code of a later version", 1),
        ];
        for (code, exit) in codes {
            assert_eq!(refused(code).exit_code(), exit, "{code}");
        }
        assert_eq!(refused("fault").culprits(), ["bob"]);
        assert_eq!(refused("fault").message(), "bob broke the protocol");
    }

    #[test]
    fn message_names_each_cause_once() {
        let source = std::io::Error::other("the disk is full");
        let failure = Failure::File { action: "write", path: "x".into(), source };
        assert_eq!(failure.message(), "cannot write x: the disk is full");
    }
}
