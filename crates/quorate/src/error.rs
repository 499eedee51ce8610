//! What can go wrong in a ceremony, and who must act: the requester, an operator, another participant, or us.

use quorate_core::{Error, Fault, FaultKind, InputError, PlacementError, placement::DomainPath};
use quorate_storage::{AuditError, VaultError, backup::BackupError, vault::Lapse};
use quorate_transport::{NetworkError, RosterError};

use crate::{clock::utc, payload::PayloadError, request::RequesterKey};

/// An error of a cosigner.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CosignerError {
    /// The request does not fit.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The payload cannot, or must not, be signed.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// A placement lets one domain reach the key.
    #[error(transparent)]
    Placement(#[from] PlacementError),
    /// This cosigner's own policy says no.
    #[error("this cosigner's policy denies the request: {reason}")]
    Denied {
        /// The policy's words.
        reason: String,
    },
    /// The key is frozen here. Operators of as many cosigners as sign bring it back: `quorate resume` at each.
    #[error("the key is {why}")]
    Frozen {
        /// Who froze it, since when, and why.
        why: String,
    },
    /// A record of a freeze is not what this vault wrote.
    #[error("the record of the freeze {name} is damaged; restore it from a backup")]
    DamagedFreeze {
        /// Its name.
        name: String,
    },
    /// Another cosigner says no.
    #[error("{name} refuses: {reason}")]
    Refused {
        /// Its name.
        name: String,
        /// Its words.
        reason: String,
    },
    /// Another cosigner does not have what a signature needs. It was asked again already.
    #[error("{name} lacks {lack}; ask again")]
    Lacking {
        /// Its name.
        name: String,
        /// What it lacks.
        lack: Lack,
    },
    /// Another cosigner broke the protocol of pairings, and has to wait before it gets another chance.
    #[error("{name} broke the protocol in its pairing; the next one is made in {seconds} s, or when an operator forgives it")]
    BackOff {
        /// Its name.
        name: String,
        /// For how long.
        seconds: u64,
    },
    /// Another cosigner came back as an older copy of itself, or twice.
    #[error(
        "{name} went back in time: it was seen at {seen}, and showed {shown} ({lapse}); its store was put back, or a second copy of it runs. \
         Nothing is done with it until its operator ran `quorate rejoin` there and it was accepted here: `quorate peers --accept-rejoin {name}`"
    )]
    WentBack {
        /// Its name.
        name: String,
        /// How far it was.
        seen: String,
        /// How far it said that it is.
        shown: String,
        /// In what it is behind.
        lapse: Lapse,
    },
    /// This cosigner itself came back as an older copy of itself.
    #[error(
        "this cosigner goes on from an older copy of its store: {witness} saw it at {was}, of which it has no memory. It takes part in \
         nothing until `quorate rejoin`; make sure first that no other copy of it runs"
    )]
    Behind {
        /// Who proved it.
        witness: String,
        /// How far it was.
        was: String,
    },
    /// This cosigner rejoined, and still runs.
    #[error("this cosigner rejoined, and has to be started again before it takes part in anything")]
    RestartNeeded,
    /// Participants do not answer. Start them, or look at the network; nothing was made or signed.
    #[error("no answer from {}; are they running, and does the network reach them?", names.join(", "))]
    Unavailable {
        /// Their names.
        names: Vec<String>,
    },
    /// A participant broke the protocol.
    #[error("{}{fault}", if names.is_empty() { String::new() } else { format!("{}: ", names.join(", ")) })]
    Fault {
        /// Who, by name, where that is known.
        names: Vec<String>,
        /// What.
        fault: Fault,
    },
    /// The protocol library says that something does not fit.
    #[error("the protocol could not run")]
    Protocol(#[source] Error),
    /// The vault does not serve.
    #[error("the vault does not serve")]
    Vault(#[from] VaultError),
    /// A backup cannot be written.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// The network does not serve.
    #[error("the network does not serve")]
    Network(#[from] NetworkError),
    /// The roster does not stand.
    #[error(transparent)]
    Roster(#[from] RosterError),
    /// The system's generator of randomness failed.
    #[error("the random generator failed")]
    Randomness,
    /// This program is wrong. Please report it.
    #[error("internal error in quorate: {0}")]
    Bug(&'static str),
}

impl CosignerError {
    /// What has to be there before the same is tried again, if that is all that was in the way.
    pub(crate) fn lack(&self) -> Option<Lack> {
        let pairing = matches!(self, Self::Protocol(Error::Input(InputError::NoPairing(_))))
            || matches!(self, Self::Fault { fault, .. } if fault.kind == FaultKind::DifferentPairing);
        if let Self::Lacking { lack, .. } = self { Some(*lack) } else { pairing.then_some(Lack::Pairing) }
    }

    /// Whether somebody broke the protocol, and nobody can tell who.
    pub(crate) fn is_unnamed_fault(&self) -> bool {
        matches!(self, Self::Fault { names, .. } if names.is_empty())
    }

    /// The other cosigners that are to blame, by name. Empty if none is, or nobody can tell.
    #[must_use]
    pub fn blamed(&self) -> Vec<String> {
        match self {
            Self::Unavailable { names } | Self::Fault { names, .. } => names.clone(),
            Self::Refused { name, .. }
            | Self::Lacking { name, .. }
            | Self::BackOff { name, .. }
            | Self::WentBack { name, .. } => vec![name.clone()],
            Self::Request(_)
            | Self::Payload(_)
            | Self::Placement(_)
            | Self::Denied { .. }
            | Self::Behind { .. }
            | Self::RestartNeeded
            | Self::Frozen { .. }
            | Self::DamagedFreeze { .. }
            | Self::Protocol(_)
            | Self::Vault(_)
            | Self::Backup(_)
            | Self::Network(_)
            | Self::Roster(_)
            | Self::Randomness
            | Self::Bug(_) => Vec::new(),
        }
    }
}

/// What a cosigner lacks for a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Lack {
    /// It does not hold the presignatures that the proposal names: it restarted, or dropped them.
    #[error("presignatures")]
    Presignatures,
    /// Its pairing with a signer is gone, or is another than that signer has.
    #[error("a pairing")]
    Pairing,
    /// It does not hold a share of the epoch that the proposal names, but of a later one.
    #[error("shares of that epoch, because the key has a later one")]
    Epoch,
    /// The number that the proposal gives the new epoch: it has joined an attempt with this one or a higher one.
    #[error("a free number for the new epoch: it has joined a later attempt meanwhile")]
    Number,
}

impl From<AuditError> for CosignerError {
    fn from(error: AuditError) -> Self {
        VaultError::from(error).into()
    }
}

impl From<InputError> for CosignerError {
    fn from(error: InputError) -> Self {
        Self::Protocol(error.into())
    }
}

/// What is wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// No such wallet or key here.
    #[error("this cosigner holds no share of a key {key}; `quorate keys` lists what it holds")]
    UnknownKey {
        /// What was asked for.
        key: String,
    },
    /// A wallet with several suites, and nothing that tells which.
    #[error("the wallet {wallet} has several keys; name the suite")]
    AmbiguousSuite {
        /// The wallet.
        wallet: String,
    },
    /// A name that no cosigner of the roster has.
    #[error("{name} is not on the roster")]
    UnknownCosigner {
        /// The name.
        name: String,
    },
    /// A suite that a cosigner cannot hold.
    #[error("there is no suite {name} here; choose bip340, ed25519 or ecdsa-secp256k1")]
    UnknownSuite {
        /// The name.
        name: String,
    },
    /// No suites, too many, or one twice.
    #[error("name between one and eight different suites")]
    Suites,
    /// A name that cannot be a wallet's.
    #[error("a wallet's name has 1 to 40 of a-z, 0-9, - and _")]
    WalletName,
    /// The name is in use here.
    #[error("there is a wallet {wallet} already; choose another name")]
    WalletExists {
        /// The name.
        wallet: String,
    },
    /// The wallet is being made at this moment, by this or another request.
    #[error("a wallet {wallet} is being made right now; wait for it, or choose another name")]
    WalletInProgress {
        /// The name.
        wallet: String,
    },
    /// This cosigner is not among the participants.
    #[error("this cosigner is not among the participants")]
    NotParticipating,
    /// The same participant twice.
    #[error("a participant is named twice")]
    DuplicateParticipant,
    /// Fewer signers than the key needs.
    #[error("the key needs {needed} signers, and only {given} can take part")]
    TooFewSigners {
        /// How many it takes.
        needed: usize,
        /// How many there are.
        given: usize,
    },
    /// A request id that is not 32 bytes of hexadecimal.
    #[error("a request id is 64 hexadecimal digits")]
    RequestId,
    /// A plan that is not 32 bytes of hexadecimal.
    #[error("a plan is 64 hexadecimal digits; `quorate plans` lists those that wait for consent")]
    Plan,
    /// A path that is none.
    #[error(transparent)]
    Path(InputError),
    /// The waiver does not stand.
    #[error("the waiver for {domain} does not stand: {problem}")]
    Waiver {
        /// The domain.
        domain: String,
        /// Why.
        problem: String,
    },
    /// Keys of different holders, or at different places.
    #[error("the keys are not all held by the same cosigners at the same places; name those that are, one group at a time")]
    OtherHolders,
    /// A whole key that is none.
    #[error(
        "this is no secret key of the suite: it must be between one and the order of the group, in the suite's standard encoding"
    )]
    WholeKey,
    /// A key that there are shares of already.
    #[error(
        "this key is held in shares already, in the wallet {wallet}; one secret key signs for one suite alone, and has one set of shares"
    )]
    KeyHeld {
        /// The wallet.
        wallet: String,
    },
    /// A public key that is not the secret key's.
    #[error("the secret key's public key is {public_key}, and not the one that was named; nothing was imported")]
    OtherPublicKey {
        /// The secret key's.
        public_key: String,
    },
    /// A chain code that is none.
    #[error("a chain code is 64 hexadecimal digits")]
    ChainCode,
    /// A request about keys that names none.
    #[error("name at least one key or wallet")]
    NoKeys,
    /// All numbers of epochs that there are have been used.
    #[error("the key {key} has no further epochs: all numbers up to 2^64 - 1 are used; move the funds to a new key")]
    NoMoreEpochs {
        /// The key's id.
        key: String,
    },
    /// Packages of so many keys do not fit into one proposal.
    #[error("these are too many keys for one ceremony with new holders; name fewer at a time")]
    TooManyKeys,
    /// The others have a later epoch than this cosigner had.
    #[error("key {key} has moved on to a later epoch meanwhile; this cosigner has caught up, ask again")]
    EpochChanged {
        /// The key's id.
        key: String,
    },
    /// A location that is no domain.
    #[error("the backup's location is no domain: {problem}")]
    BackupLocation {
        /// Why.
        problem: String,
    },
    /// A file that the cosigner could not find where the caller means it.
    #[error("the backup's file must be an absolute path")]
    BackupPath,
    /// No backup of this kind is configured.
    #[error(
        "the configuration has no [[backup]] with the location {location} and this recipient; declare both, in [placement] too, and restart"
    )]
    BackupNotConfigured {
        /// The location that was asked for.
        location: DomainPath,
    },
    /// A key was made without this backup in its placement.
    #[error(
        "the placement of the key {key} does not declare a backup at {location} with its key at {key_domain}: have all participants \
         approve it with `quorate placement amend`, or reshare the key{}", refusal_note(refusal.as_deref())
    )]
    BackupUndeclared {
        /// The key's id.
        key: String,
        /// The backup's location.
        location: DomainPath,
        /// Where the recipient's key is.
        key_domain: DomainPath,
        /// Why no placement may declare it, if it breaks the rule.
        refusal: Option<Box<PlacementError>>,
    },
    /// Nothing to back up.
    #[error("there is no key here that this backup may hold")]
    NothingToBackUp,
    /// A key changed while it was backed up.
    #[error("the key {key} changed while the backup was made; make it again")]
    BackupOutrun {
        /// The key's id.
        key: String,
    },
    /// There is no alarm about this cosigner.
    #[error("there is no alarm about {name}; there is nothing to accept")]
    NoAlarm {
        /// The name.
        name: String,
    },
    /// No peer remembers more of this cosigner than it shows.
    #[error(
        "no peer remembers more of this cosigner than it shows; there is nothing to rejoin. A peer that refuses it has to accept it"
    )]
    InStep,
    /// Another attempt for the same key is not over.
    #[error("the key is being dealt anew right now, or an attempt to do so is not over yet; ask again in a minute")]
    ReshareInProgress,
    /// The same request is being worked on.
    #[error("a request with this id is in progress")]
    InProgress,
    /// The id was used for something else.
    #[error("this request id stands for another request; take a new one")]
    OtherContent,
    /// A signed request without an id.
    #[error("a signed request names its id; give the one that was signed")]
    NoRequestId,
    /// A request that is to be signed, or approved, without a time at which it expires.
    #[error("a signed request says when it expires")]
    NoExpiry,
    /// A signed request whose time is over.
    #[error("the signed request expired at {}; sign it again, with a new id", utc(*.at))]
    Expired {
        /// When.
        at: u64,
    },
    /// A signed request that would be valid for longer than it is remembered.
    #[error("a signed request must expire within {days} days here; choose an earlier time")]
    ExpiresTooLate {
        /// How long requests are remembered.
        days: u64,
    },
    /// A signature that is not one of this request.
    #[error("the requester {key} did not sign this request as it is")]
    RequesterSignature {
        /// Whose it should be.
        key: RequesterKey,
    },
    /// An approval that is not one of this request.
    #[error("{key} did not approve this request as it is")]
    Approval {
        /// Whose it should be.
        key: RequesterKey,
    },
    /// Not a key with which anybody signs.
    #[error("a requester's key is an Ed25519 public key of large order: 64 hexadecimal digits, or base64")]
    RequesterKey,
    /// A reason that does not fit into a line.
    #[error("give a reason of 1 to 200 bytes, without control characters")]
    Reason,
    /// A freeze in the name of somebody who did not say it, or may not.
    #[error("the freeze is not one of a credential that is listed here under [freeze], or not signed by it, or from the future")]
    FreezeAuthor,
    /// A freeze that is over, or that its author replaced.
    #[error("this freeze ended already; sign a new one")]
    OldFreeze,
    /// There is nothing to resume.
    #[error("there is no such freeze here; `quorate status` shows what is frozen, and by what")]
    NotFrozen,
    /// A signature that is not 64 bytes of hexadecimal, or more approvals than there may be.
    #[error("a signature is 128 hexadecimal digits, and a request has at most 32 approvals")]
    SignatureEncoding,
    /// A key, or all keys: neither, or both.
    #[error("name a key, or say that all are meant; not both, and a suite only with a key")]
    KeyOrAll,
    /// The payload is not base64.
    #[error("the payload is not base64")]
    PayloadEncoding,
}

fn refusal_note(refusal: Option<&PlacementError>) -> String {
    refusal.map_or_else(String::new, |refusal| format!(", and both would be refused: {refusal}"))
}
