//! New polynomials of keys, as JSON.

use serde::{Deserialize, Serialize};

/// Asks for new polynomials of keys, perhaps with other holders. Without `min_signers`, `add`, `remove` and `moved` it is a refresh.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "callers build it, with ..Default::default()")]
pub struct ReshareRequest {
    /// The keys: wallets' names, or key ids. All must be held by the same participants at the same places.
    pub keys: Vec<String>,
    /// Only the keys of this suite; all of them if absent.
    #[serde(default)]
    pub suite: Option<String>,
    /// How many sign from now on; as many as before if absent.
    #[serde(default)]
    pub min_signers: Option<u16>,
    /// Who gets a share, by name.
    #[serde(default)]
    pub add: Vec<String>,
    /// Who gets no share any more, by name.
    #[serde(default)]
    pub remove: Vec<String>,
    /// Whether every holder is asked anew which domains can reach its share.
    #[serde(default)]
    pub moved: bool,
    /// Names the request. Random if absent.
    #[serde(default)]
    pub request_id: Option<String>,
}

/// What became of a reshare.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ReshareResult {
    /// The keys that have a new epoch. Their public keys are what they were.
    pub keys: Vec<ResharedKeyInfo>,
    /// The former holders that said that their old shares are destroyed, by name.
    pub destroyed: Vec<String>,
    /// The former holders that did not say so.
    pub outstanding: Vec<String>,
    /// Whether those who did not say so are too few to sign with old shares. Until then, whoever was to be evicted may still count.
    pub effective: bool,
}

/// A key with a new epoch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ResharedKeyInfo {
    /// The wallet.
    pub wallet: String,
    /// The suite, by name.
    pub suite: String,
    /// The key's id, the same as before.
    pub key_id: String,
    /// The epoch that its shares belong to now.
    pub epoch: u64,
}

/// A change of a key's holders that another cosigner proposed, and that the operator of this one has not consented to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PlanInfo {
    /// What to consent to, 32 bytes.
    pub plan: String,
    /// Who proposed it, by name.
    pub proposer: String,
    /// The change in words.
    pub description: String,
}

/// Lets the cosigner take part in one change that another one proposes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "callers build it, with ..Default::default()")]
pub struct ConsentRequest {
    /// The plan, 64 hexadecimal digits.
    pub plan: String,
}
