//! What the drill's cosigners use: where their shares are, what opens them, and what carries their messages.

use std::path::Path;

use quorate::transport::Roster;

#[cfg(feature = "real-drill")]
use super::real::Services;
use super::{tap::Tape, trouble::Trouble, wires::Wires};
use crate::args::{KeyServiceArgs, NatsArgs, StoreAtArgs};

/// Who they are, and who comes later: name, operator, cloud.
const PROVIDERS: [(&str, &str, &str); 4] = [
    ("alice", "alice-ltd", "aws/111122223333"),
    ("bob", "bob-gmbh", "gcp/wallet-prod"),
    ("carol", "carol-sarl", "hetzner/77"),
    ("dave", "dave-ab", "ovh/1234"),
];

/// One cosigner's row of the placement, and what it uses.
#[derive(Debug)]
pub(super) struct Provider {
    pub(super) name: &'static str,
    pub(super) operator: String,
    pub(super) runtime: String,
    pub(super) store: String,
    pub(super) key_service: String,
    pub(super) relay: Option<String>,
    pub(super) nats: NatsArgs,
    pub(super) at: StoreAtArgs,
    pub(super) opens: KeyServiceArgs,
}

impl Provider {
    /// A machine with a disk at a cloud, and an operator with a passphrase.
    pub(super) fn new(name: &'static str, operator: &str, cloud: &str) -> Self {
        Self {
            name,
            operator: operator.to_owned(),
            runtime: format!("{cloud}/vm"),
            store: format!("{cloud}/disk"),
            key_service: format!("{operator}/safe"),
            relay: None,
            nats: NatsArgs::default(),
            at: StoreAtArgs::default(),
            opens: KeyServiceArgs::default(),
        }
    }
}

/// What all of them use.
#[derive(Debug)]
pub(super) enum Stack {
    /// Files, passphrases, and connections between each two.
    Files,
    /// The services of real providers.
    #[cfg(feature = "real-drill")]
    Real(std::sync::Arc<Services>),
}

impl Stack {
    /// The three who make the wallet, and a fourth.
    #[cfg_attr(not(feature = "real-drill"), expect(unused_variables, reason = "files need none of it"))]
    pub(super) fn providers(&self, base: &Path) -> Result<Vec<Provider>, Trouble> {
        match self {
            Self::Files => Ok(PROVIDERS.map(|(name, operator, cloud)| Provider::new(name, operator, cloud)).into()),
            #[cfg(feature = "real-drill")]
            Self::Real(services) => services.providers(base),
        }
    }

    /// What carries messages between those of this roster, and hears them.
    #[cfg_attr(not(feature = "real-drill"), expect(unused_variables, reason = "files need none of it"))]
    pub(super) fn wires(&self, roster: &Roster) -> Result<Wires, Trouble> {
        match self {
            Self::Files => Ok(Wires::Taps(Tape::default())),
            #[cfg(feature = "real-drill")]
            Self::Real(services) => services.wires(roster),
        }
    }

    /// Puts up a copy of what a cosigner keeps elsewhere than in its directory, which was copied, and gives every byte of it. Whether it keeps
    /// anything elsewhere.
    #[cfg_attr(not(feature = "real-drill"), expect(unused_variables, reason = "files need none of it"))]
    pub(super) fn rob(&self, name: &str, copy: &Path, copies: &str, files: &mut Vec<u8>) -> Result<bool, Trouble> {
        match self {
            Self::Files => Ok(false),
            #[cfg(feature = "real-drill")]
            Self::Real(services) => services.rob(name, copy, copies, files),
        }
    }

    /// Where they are, in words.
    pub(super) const fn described(&self) -> &'static str {
        match self {
            Self::Files => "alice at aws, bob at gcp, carol at hetzner; recording proxies between all of them",
            #[cfg(feature = "real-drill")]
            Self::Real(_) => {
                "alice: PostgreSQL and a PKCS#11 token; bob: S3 and AWS KMS (moto); carol: a file and a passphrase; alice's NATS server between them"
            }
        }
    }

    /// What a thief gets of them, in words.
    pub(super) const fn stolen(&self) -> &'static str {
        match self {
            Self::Files => "files, opened with the passphrases",
            #[cfg(feature = "real-drill")]
            Self::Real(_) => {
                "files, databases, buckets, tokens and all that key services answered; opened by the token with its PIN, the KMS with the credentials, the passphrase"
            }
        }
    }
}
