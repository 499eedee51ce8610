//! Freezes: any one cosigner stops a key, or all, at once; only as many operators as sign bring it back.
//!
//! ```text
//! operator of one ──freeze──▶ durable there ──told until acknowledged──▶ durable at every other cosigner of the roster
//! operator of each of min_signers ──resume──▶ durable there ──told until acknowledged──▶ each counts for itself, and thaws
//! ```
//!
//! Frozen means: no signature, no presignature, no use of one, no export. Resharing, attestation and key generation go on, so that a
//! frozen key can be moved away from whoever is not trusted any more. A freeze is one statement of its author about a key or all keys;
//! approvals of its end are bound to it by its id, and come over the authenticated link of the cosigner whose operator gave them.
//! The author's next statement about the same has a higher number, so that nothing old has any effect again. Authors sign what they say, so
//! that everyone tells everyone: also whoever was away while the author was there, and the author itself if its store lost it.
//!
//! docs/freeze.md says who can do what.

use core::fmt;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use quorate_core::{
    DecodeError, PeerId, Peers, domain,
    transcript::Hash,
    wire::{Encoding, Reader, Writer},
};
use quorate_storage::{AuditKind, audit::AuditEntry};
use quorate_transport::{Identity, identity::signed_by};
use tokio::sync::{Notify, watch};

use crate::{
    audit,
    clock::utc,
    error::RequestError,
    request::{Requester, RequesterKey, labelled},
    share::{AnyKeyShare, Stored},
};

mod alarm;
mod state;
mod tell;

pub(crate) use alarm::Velocity;
#[cfg(test)]
pub(crate) use state::Source;
pub(crate) use state::frozen_in;
pub(crate) use tell::{FreezeMessage, tell_all};

/// The longest reason, in bytes.
pub const MAX_REASON: usize = 200;
/// The most cosigners whose approvals are kept: as many as there are on a roster.
const MAX_APPROVERS: usize = quorate_transport::roster::MAX_COSIGNERS;
/// The most keys of one freeze that are remembered as thawed: with all approvals, as many as fit into a record. So no cosigner holds more.
pub(crate) const MAX_THAWED: usize = 28_000;
/// Numbers of cosigners' statements end here, so that there is always a next one.
const LAST_NUMBER: u64 = u64::MAX / 2;
const VERSION: u8 = 1;

/// What a freeze is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "there is nothing between one key and all")]
pub enum Scope {
    /// One key, by its id.
    Key([u8; 32]),
    /// Every key that the cosigner holds a share of, or will.
    All,
}

impl Scope {
    fn covers(self, key_id: &[u8; 32]) -> bool {
        match self {
            Self::Key(key) => key == *key_id,
            Self::All => true,
        }
    }

    /// Begins an audit entry about it; without a key it is about all.
    fn entry(self, kind: AuditKind) -> AuditEntry {
        match self {
            Self::Key(key_id) => audit::entry(kind).key(key_id),
            Self::All => audit::entry(kind),
        }
    }
}

/// Who froze.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Author {
    /// A cosigner: its operator, or an alarm of its own. It counts for the keys of which it holds a share.
    Cosigner(PeerId),
    /// A credential that can freeze and nothing else.
    Credential(RequesterKey),
}

/// What the author of a freeze says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Statement {
    pub(crate) scope: Scope,
    pub(crate) author: Author,
    /// Above that of the author's statement before about the same. The time, in milliseconds of Unix time, where that is above it.
    pub(crate) number: u64,
    pub(crate) reason: String,
}

/// A freeze that a credential signed. Any cosigner that lists the credential takes it, and passes it on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "callers put it together from what they kept; cosigners check it")]
pub struct SignedFreeze {
    /// What is frozen.
    pub scope: Scope,
    /// When it was signed, in milliseconds of Unix time.
    pub number: u64,
    /// Why, for people.
    pub reason: String,
    /// Who signed it.
    pub credential: RequesterKey,
    /// The signature.
    pub signature: [u8; 64],
}

impl Requester {
    /// Signs a freeze, at a time in milliseconds of Unix time. It has an effect where the key is listed under `[freeze]`.
    ///
    /// # Errors
    ///
    /// [`RequestError::Reason`].
    pub fn freeze(&self, scope: Scope, reason: &str, now_ms: u64) -> Result<SignedFreeze, RequestError> {
        let (number, reason) = (now_ms, checked_reason(reason)?);
        let statement = Statement { scope, author: Author::Credential(self.key()), number, reason };
        let signature = self.sign(domain::FREEZE_SIGN, &statement.id());
        Ok(SignedFreeze { scope, number, reason: statement.reason, credential: self.key(), signature })
    }
}

/// A freeze, as a cosigner knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Freeze {
    /// Its id: the hash of all that its author said.
    pub id: [u8; 32],
    /// What it is about.
    pub scope: Scope,
    /// Who froze.
    pub author: Author,
    /// Since when, in seconds of Unix time, as the author says.
    pub since: u64,
    /// Why, in the author's words.
    pub reason: String,
    /// The cosigners whose operators want it to end.
    pub approvals: Vec<PeerId>,
    /// The keys of this cosigner that it freezes.
    pub keys: Vec<[u8; 32]>,
}

impl Freeze {
    /// Who froze since when and why, for people.
    pub(crate) fn describe(&self, name: impl Fn(PeerId) -> String) -> String {
        let who = match self.author {
            Author::Cosigner(peer) => name(peer),
            Author::Credential(key) => format!("the credential {key}"),
        };
        format!("frozen by {who} since {}: {}", utc(self.since), self.reason)
    }
}

/// What a cosigner keeps of the last statement of one author about one scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) statement: Statement,
    /// The author's.
    pub(crate) signature: [u8; 64],
    /// The cosigners whose operators want it to end.
    pub(crate) approvals: BTreeSet<PeerId>,
    /// The keys for which it ended.
    pub(crate) thawed: BTreeSet<[u8; 32]>,
    /// Whether it ended for all keys that this cosigner holds. A key that comes later may open it again.
    pub(crate) over: bool,
}

impl Held {
    /// Remembers that it ended for a key that is here. Keys that are not here any more make room: if they come back, they are frozen.
    fn thaw(&mut self, key_id: [u8; 32], present: &BTreeSet<[u8; 32]>) -> bool {
        if self.thawed.len() >= MAX_THAWED {
            self.thawed.retain(|key_id| present.contains(key_id));
        }
        let room = self.thawed.len() < MAX_THAWED;
        if room {
            self.thawed.insert(key_id);
        }
        room
    }

    /// Whether it freezes this key, as far as can be told without its share.
    fn may_freeze(&self, key_id: &[u8; 32]) -> bool {
        self.statement.scope.covers(key_id) && !self.thawed.contains(key_id)
    }

    /// Whether it freezes this key: its author holds a share of it, or is a credential, and too few participants want it to end.
    fn freezes(&self, key: &Stored<AnyKeyShare>) -> bool {
        let min_signers = usize::from(key.share.placement().threshold().min_signers());
        self.may_freeze(key.share.key_id().as_bytes()) && self.stands(&key.peers, min_signers)
    }

    fn stands(&self, peers: &Peers, min_signers: usize) -> bool {
        let counts = match self.statement.author {
            Author::Cosigner(peer) => peers.identifier(peer).is_some(),
            Author::Credential(_) => true,
        };
        let approvals = self.approvals.iter().filter(|peer| peers.identifier(**peer).is_some()).count();
        counts && approvals < min_signers
    }

    fn freeze(&self, keys: Vec<[u8; 32]>) -> Freeze {
        let Statement { scope, author, number, reason } = self.statement.clone();
        let (id, since) = (self.statement.id(), number.div_euclid(1000));
        Freeze { id, scope, author, since, reason, approvals: self.approvals.iter().copied().collect(), keys }
    }
}

/// The freezes that a cosigner knows. What is here is in the vault.
pub(crate) struct Freezes {
    held: Mutex<BTreeMap<String, Held>>,
    /// The credentials whose freezes are taken.
    credentials: BTreeSet<RequesterKey>,
    /// One change at a time.
    ledger: tokio::sync::Mutex<()>,
    /// Told at every change.
    changed: watch::Sender<()>,
    /// What which peer has answered since it started.
    answers: Mutex<BTreeMap<(PeerId, tell::Topic), tell::Answer>>,
    /// Told at every answer.
    answered: Notify,
    pub(crate) velocity: Velocity,
    /// Whether an alarm of this cosigner freezes everything.
    on_alarm: bool,
}

impl fmt::Debug for Freezes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Freezes({})", self.held().len())
    }
}

impl Freezes {
    pub(crate) fn new(credentials: BTreeSet<RequesterKey>, velocity: Velocity, on_alarm: bool) -> Self {
        let (ledger, changed) = (tokio::sync::Mutex::default(), watch::Sender::new(()));
        let (answers, answered) = (Mutex::default(), Notify::new());
        Self { held: Mutex::default(), credentials, ledger, changed, answers, answered, velocity, on_alarm }
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<String, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answers(&self) -> MutexGuard<'_, BTreeMap<(PeerId, tell::Topic), tell::Answer>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A reason that fits into a line and a message.
pub(crate) fn checked_reason(text: &str) -> Result<String, RequestError> {
    let fits = (1..=MAX_REASON).contains(&text.len()) && !text.chars().any(char::is_control);
    if fits { Ok(text.to_owned()) } else { Err(RequestError::Reason) }
}

impl Statement {
    /// Whether its author signed it.
    fn signed(&self, signature: &[u8; 64]) -> bool {
        match self.author {
            Author::Cosigner(peer) => signed_by(peer, &labelled(domain::FREEZE_SIGN, &self.id()), signature),
            Author::Credential(key) => key.signed(domain::FREEZE_SIGN, &self.id(), signature),
        }
    }

    /// Signs it in a cosigner's name.
    pub(crate) fn sign(&self, identity: &Identity) -> [u8; 64] {
        identity.sign(&labelled(domain::FREEZE_SIGN, &self.id()))
    }

    pub(crate) fn id(&self) -> [u8; 32] {
        let hash = Hash::new(domain::FREEZE_ID).value(&self.scope).value(&self.author);
        hash.number(self.number).field(self.reason.as_bytes()).finish()
    }

    /// The name of its note: one for each author and scope.
    fn note(&self) -> String {
        let author = match self.author {
            Author::Cosigner(peer) => format!("p-{}", hex::encode(peer.as_bytes())),
            Author::Credential(key) => format!("c-{key}"),
        };
        match self.scope {
            Scope::Key(key_id) => format!("{author}.{}", hex::encode(key_id)),
            Scope::All => format!("{author}.all"),
        }
    }
}

impl Encoding for Scope {
    fn write(&self, out: &mut Writer) {
        match self {
            Self::Key(key_id) => {
                out.u8(1);
                out.raw(key_id);
            }
            Self::All => out.u8(2),
        }
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match input.u8()? {
            1 => Ok(Self::Key(input.array()?)),
            2 => Ok(Self::All),
            _ => Err(DecodeError::InvalidValue("scope of a freeze")),
        }
    }
}

impl Encoding for Author {
    fn write(&self, out: &mut Writer) {
        match self {
            Self::Cosigner(peer) => {
                out.u8(1);
                peer.write(out);
            }
            Self::Credential(key) => {
                out.u8(2);
                key.write(out);
            }
        }
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match input.u8()? {
            1 => Ok(Self::Cosigner(PeerId::read(input)?)),
            2 => Ok(Self::Credential(RequesterKey::read(input)?)),
            _ => Err(DecodeError::InvalidValue("author of a freeze")),
        }
    }
}

impl Encoding for Statement {
    fn write(&self, out: &mut Writer) {
        self.scope.write(out);
        self.author.write(out);
        out.u64(self.number);
        out.bytes(self.reason.as_bytes());
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (scope, author, number) = (Scope::read(input)?, Author::read(input)?, input.u64()?);
        let invalid = DecodeError::InvalidValue("reason of a freeze");
        let reason = core::str::from_utf8(input.bytes(MAX_REASON)?).map_err(|_| invalid)?;
        let reason = checked_reason(reason).map_err(|_| invalid)?;
        Ok(Self { scope, author, number, reason })
    }
}

/// A set as its ascending values.
fn write_set<T: Encoding>(set: &BTreeSet<T>, out: &mut Writer) {
    out.length(set.len());
    set.iter().for_each(|value| value.write(out));
}

fn read_set<T: Encoding + Ord>(input: &mut Reader<'_>, limit: usize) -> Result<BTreeSet<T>, DecodeError> {
    let values: Vec<T> = input.sequence(limit, 32)?;
    let ascending = values.is_sorted_by(|one, other| one < other);
    if ascending { Ok(values.into_iter().collect()) } else { Err(DecodeError::NotCanonical) }
}

impl Encoding for Held {
    fn write(&self, out: &mut Writer) {
        out.u8(VERSION);
        self.statement.write(out);
        out.raw(&self.signature);
        write_set(&self.approvals, out);
        write_set(&self.thawed, out);
        out.u8(u8::from(self.over));
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let version = input.u8()?;
        if version != VERSION {
            return Err(DecodeError::UnsupportedVersion { found: version });
        }
        Ok(Self {
            statement: Statement::read(input)?,
            signature: input.array()?,
            approvals: read_set(input, MAX_APPROVERS)?,
            thawed: read_set(input, MAX_THAWED)?,
            over: match input.u8()? {
                0 => false,
                1 => true,
                _ => return Err(DecodeError::NotCanonical),
            },
        })
    }
}

#[cfg(test)]
mod tests;
