//! The types of the control API, as JSON has them. Binary values are lower-case hexadecimal, payloads base64.

mod amend;
mod audit;
mod reshare;
mod witness;

use quorate_transport::RelayState;
use serde::{Deserialize, Serialize};

pub use super::people::{Approval, Authorization, FreezeInfo, FreezeRequest, ResumeRequest, SignedFreeze};
pub use amend::{AmendRequest, AmendResult, AmendmentInfo};
pub use audit::{AuditEntries, AuditEntryInfo, AuditRequest, AuditVerified};
pub use reshare::{ConsentRequest, PlanInfo, ReshareRequest, ReshareResult, ResharedKeyInfo};
pub use witness::{AcceptRejoinRequest, AcceptedRejoinInfo, LostShareInfo, RejoinReport, SeenInfo};

/// What a cosigner says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Status {
    /// The cosigner's name in the roster.
    pub name: String,
    /// Its identity key.
    pub peer_id: String,
    /// The version of the program.
    pub version: String,
    /// How often the cosigner has started.
    pub boot: u64,
    /// How many keys it holds shares of.
    pub keys: usize,
    /// Key generations that were cut off before this cosigner had everyone's confirmation.
    pub pending: usize,
    /// Whether it and the peers that it reaches are as many as sign.
    #[serde(default)]
    pub ready: bool,
    /// Why not.
    #[serde(default)]
    pub problem: Option<String>,
    /// Why it takes part in nothing, if so.
    #[serde(default)]
    pub standing_aside: Option<String>,
    /// The server that carries its messages, if one does.
    #[serde(default)]
    pub relay: Option<RelayStatus>,
    /// The other cosigners.
    pub peers: Vec<PeerStatus>,
    /// How many ECDSA presignatures it holds, in memory alone. On a host that is copied while it runs there must be none.
    #[serde(default)]
    pub presignatures: usize,
    /// The freezes that are in force.
    #[serde(default)]
    pub frozen: Vec<FreezeInfo>,
}

impl Status {
    pub(crate) fn new(name: &str, peer_id: String, boot: u64) -> Self {
        Self {
            name: name.to_owned(),
            peer_id,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            boot,
            keys: 0,
            pending: 0,
            ready: false,
            problem: None,
            standing_aside: None,
            relay: None,
            peers: Vec::new(),
            presignatures: 0,
            frozen: Vec::new(),
        }
    }
}

/// What a cosigner knows of another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PeerStatus {
    /// Its name in the roster.
    pub name: String,
    /// Its identity key.
    pub peer_id: String,
    /// Where the roster says that it listens.
    pub address: String,
    /// Whether there is a link to it right now.
    pub connected: bool,
    /// How many microseconds a message takes to it and back, smoothed; nothing before the first one on this link.
    #[serde(default)]
    pub round_trip_micros: Option<u64>,
    /// How many seconds ago it last showed how far it is; nothing if it has not since this cosigner's start.
    #[serde(default)]
    pub witnessed_seconds: Option<u64>,
    /// How often it broke the protocol of pairings; halved for each week without.
    #[serde(default)]
    pub faults: u32,
    /// How many seconds it has to wait for the next pairing.
    #[serde(default)]
    pub wait_seconds: u64,
    /// Why nothing is done with it, if there is an alarm about it.
    #[serde(default)]
    pub alarm: Option<String>,
}

/// The connection to a server that carries messages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RelayStatus {
    /// The server that there is a connection to, if there is one.
    pub server: Option<String>,
    /// Times that a server consented to a connection, since this cosigner's start.
    pub connections: u64,
    /// What the last trouble was.
    pub trouble: Option<String>,
}

impl From<RelayState> for RelayStatus {
    fn from(state: RelayState) -> Self {
        Self { server: state.server, connections: state.connections, trouble: state.trouble }
    }
}

/// Forgets that a cosigner broke the protocol of pairings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "callers build it, with ..Default::default()")]
pub struct ForgiveRequest {
    /// Its name in the roster.
    pub peer: String,
}

impl PeerStatus {
    pub(crate) const fn new(name: String, peer_id: String, address: String, connected: bool) -> Self {
        Self {
            name,
            peer_id,
            address,
            connected,
            round_trip_micros: None,
            witnessed_seconds: None,
            faults: 0,
            wait_seconds: 0,
            alarm: None,
        }
    }
}

/// Asks for a wallet: one new key for each suite.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "callers build it, with ..Default::default()")]
pub struct KeygenRequest {
    /// The wallet's name: lower-case letters, digits, `-` and `_`, at most 40.
    pub wallet: String,
    /// The suites, by name: `bip340`, `ed25519`, `ecdsa-secp256k1`.
    pub suites: Vec<String>,
    /// How many participants sign.
    pub min_signers: u16,
    /// The participants, by their names in the roster, in the order of their numbers; all of the roster, sorted, if empty.
    #[serde(default)]
    pub participants: Vec<String>,
    /// Domains that may reach the key although the rule says otherwise.
    #[serde(default)]
    pub waivers: Vec<WaiverRequest>,
    /// Whether a share counts as fallen only if its store *and* all its key services are breached.
    #[serde(default)]
    pub joint_counting: bool,
    /// Names the request. Sent again, it makes nothing twice: it gives what it made, and makes what it did not. Random if absent.
    #[serde(default)]
    pub request_id: Option<String>,
}

/// Deals a key that was whole. See `Cosigner::import`: prefer a new key.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "callers build it, with ..Default::default()")]
pub struct ImportRequest {
    /// The wallet's name.
    pub wallet: String,
    /// The suite, by name.
    pub suite: String,
    /// The secret key, 64 hexadecimal digits: a scalar in the suite's standard encoding, or a seed.
    pub secret: String,
    /// Whether it is the 32-byte seed of an Ed25519 key.
    #[serde(default)]
    pub seed: bool,
    /// The public key, in hexadecimal digits of the suite's standard encoding: nothing is imported if it is not the secret key's.
    pub public_key: String,
    /// The chain code, 64 hexadecimal digits; derived from the key if absent.
    #[serde(default)]
    pub chain_code: Option<String>,
    /// How many participants sign.
    pub min_signers: u16,
    /// The participants, by their names in the roster, in the order of their numbers; all of the roster, sorted, if empty.
    #[serde(default)]
    pub participants: Vec<String>,
    /// Names the request. Random if absent.
    #[serde(default)]
    pub request_id: Option<String>,
}

impl core::fmt::Debug for ImportRequest {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("ImportRequest")
            .field("wallet", &self.wallet)
            .field("public_key", &self.public_key)
            .finish_non_exhaustive()
    }
}

impl Drop for ImportRequest {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.secret);
    }
}

/// A domain that may reach the key, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "callers build it, with ..Default::default()")]
pub struct WaiverRequest {
    /// The domain's path.
    pub domain: String,
    /// Why.
    pub reason: String,
    /// Since when, as 2026-11-23.
    pub date: String,
}

/// A key, as one of its holders knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct KeyInfo {
    /// The wallet that the key belongs to.
    pub wallet: String,
    /// The suite, by name.
    pub suite: String,
    /// The key's id, 32 bytes.
    pub key_id: String,
    /// The number of its polynomial.
    pub epoch: u64,
    /// Since when this cosigner has its share of that epoch, in seconds of Unix time.
    #[serde(default)]
    pub epoch_since: u64,
    /// When this cosigner proposes the next refresh, in seconds of Unix time; absent if none comes due by itself.
    #[serde(default)]
    pub refresh_due: Option<u64>,
    /// The group's public key, 32 or 33 bytes. For `bip340` it is an internal key; outputs are tweaked.
    pub public_key: String,
    /// The chain code that derivation uses, 32 bytes.
    pub chain_code: String,
    /// How many participants sign.
    pub min_signers: u16,
    /// How many there are.
    pub max_signers: u16,
    /// The number of this cosigner.
    pub participant: u16,
    /// Who holds shares.
    pub participants: Vec<ParticipantInfo>,
    /// The encoded placement, for [`quorate_core::Placement`]'s decoder.
    pub placement: String,
    /// What was amended since the key has this epoch.
    #[serde(default)]
    pub amendments: Vec<AmendmentInfo>,
    /// Whether the placement was checked. A key that was not is for development only.
    pub separated: bool,
}

/// A participant of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ParticipantInfo {
    /// Its number.
    pub identifier: u16,
    /// Its name in this cosigner's roster; its identity key if it is not there any more.
    pub name: String,
    /// Its identity key.
    pub peer_id: String,
}

impl ParticipantInfo {
    pub(crate) const fn new(identifier: u16, name: String, peer_id: String) -> Self {
        Self { identifier, name, peer_id }
    }
}

/// Asks for the signatures that a payload needs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "callers build it, with ..Default::default()")]
pub struct SignRequest {
    /// The key: a wallet's name, or a key id.
    pub key: String,
    /// The suite, if the wallet has several and the payload does not tell.
    #[serde(default)]
    pub suite: Option<String>,
    /// The child's path, `m` if absent.
    #[serde(default)]
    pub path: Option<String>,
    /// What kind of payload: `message`, `digest`, `psbt`, `evm`, `solana`.
    pub kind: String,
    /// The payload, base64.
    pub payload: String,
    /// Who signs, by name; whoever is reachable if empty. This cosigner is always among them.
    #[serde(default)]
    pub signers: Vec<String>,
    /// Names the request. Every cosigner remembers what it stands for: with other content it is refused, and sent again it gives the same
    /// signatures. Random if absent.
    #[serde(default)]
    pub request_id: Option<String>,
    /// Who signed the request, and who approved it. `request_id` must be there then.
    #[serde(default)]
    pub authorization: Option<Authorization>,
}

/// Finished signatures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Signed {
    /// The request's id.
    pub request_id: String,
    /// The key's id.
    pub key_id: String,
    /// Who signed, by number.
    pub signers: Vec<u16>,
    /// What was signed, in words.
    pub description: String,
    /// The signatures, in the payload's order.
    pub signatures: Vec<String>,
    /// The finished document, base64: a signed PSBT, an Ethereum or Solana transaction, or the signature itself.
    pub document: String,
}

impl Signed {
    pub(crate) const fn new(request_id: String, key_id: String) -> Self {
        Self {
            request_id,
            key_id,
            signers: Vec::new(),
            description: String::new(),
            signatures: Vec::new(),
            document: String::new(),
        }
    }
}

/// Asks every participant of a key for proof that it still holds its share.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "callers build it, with ..Default::default()")]
pub struct AttestRequest {
    /// The key: a wallet's name, or a key id.
    pub key: String,
    /// The suite, if the wallet has several; all of them if absent.
    #[serde(default)]
    pub suite: Option<String>,
}

/// One participant's proof, or the lack of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AttestResult {
    /// The key's suite.
    pub suite: String,
    /// The participant's number.
    pub identifier: u16,
    /// Its name in the roster.
    pub name: String,
    /// Whether it proved that it holds its share.
    pub holds_share: bool,
    /// If not, why.
    pub problem: Option<String>,
}

impl AttestResult {
    pub(crate) const fn new(suite: String, identifier: u16, name: String, problem: Option<String>) -> Self {
        Self { suite, identifier, name, holds_share: problem.is_none(), problem }
    }
}

/// Asks for a backup of all keys, in a new file that the cosigner writes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "callers build it, with ..Default::default()")]
pub struct BackupRequest {
    /// The file, as an absolute path. It must not be there yet.
    pub to: String,
    /// The failure domain that it is for, as the configuration has it under `[[backup]]`.
    pub location: String,
    /// For whom it is encrypted, as the configuration has it there.
    pub recipient: String,
    /// Whether the cosigner's identity key goes into it.
    #[serde(default)]
    pub with_identity: bool,
    /// Whether keys that may not or cannot be backed up are left out; otherwise one of them is an error.
    #[serde(default)]
    pub partial: bool,
}

/// A backup that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BackupResult {
    /// Its id, 32 random bytes.
    pub id: String,
    /// When it was made, in seconds of Unix time.
    pub made: u64,
    /// How many keys are in it.
    pub keys: u32,
    /// How many certified shares.
    pub active: usize,
    /// How many shares that wait for their certificate.
    pub pending: usize,
    /// The file's length.
    pub bytes: u64,
    /// Keys that are not in it.
    pub left_out: Vec<LeftOutKey>,
}

/// A key that is not in a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LeftOutKey {
    /// Its id.
    pub key: String,
    /// Why.
    pub problem: String,
}

impl From<&crate::backup::BackupMade> for BackupResult {
    fn from(made: &crate::backup::BackupMade) -> Self {
        let left_out = made.left_out.iter();
        Self {
            id: hex::encode(made.preamble.id),
            made: made.preamble.made,
            keys: made.preamble.keys,
            active: made.active,
            pending: made.pending,
            bytes: made.bytes,
            left_out: left_out.map(|left| LeftOutKey { key: left.key.clone(), problem: left.problem.clone() }).collect(),
        }
    }
}

/// Why a request failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ApiError {
    /// For programs: `input`, `unknown-key`, `denied`, `frozen`, `refused`, `fault`, `unavailable`, `internal`.
    pub code: String,
    /// For people: what happened and what to do.
    pub message: String,
    /// The participants to blame, by name, where that is known.
    #[serde(default)]
    pub culprits: Vec<String>,
}

impl ApiError {
    pub(crate) fn new(code: &str, message: String, culprits: Vec<String>) -> Self {
        Self { code: code.to_owned(), message, culprits }
    }
}
