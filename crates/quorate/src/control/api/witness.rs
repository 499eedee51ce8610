//! Cosigners that went back in time, and their way back, as JSON.

use serde::{Deserialize, Serialize};

/// How far a cosigner was seen by another one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SeenInfo {
    /// Who saw it, by name.
    pub by: String,
    /// The number of the start.
    pub boot: u64,
    /// The number of the last entry of its audit log.
    pub sequence: u64,
}

/// What a cosigner gave up when it rejoined. It has to be started again now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RejoinReport {
    /// The number of the start that it went on from.
    pub boot: u64,
    /// The number of the last entry of its audit log.
    pub sequence: u64,
    /// How far its peers saw it: what is beyond is given up.
    pub seen: Vec<SeenInfo>,
}

/// Accepts a cosigner that rejoined.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "callers build it, with ..Default::default()")]
pub struct AcceptRejoinRequest {
    /// Its name in the roster.
    pub peer: String,
    /// Whether it is accepted although it does not prove all its shares.
    #[serde(default)]
    pub lost_shares: bool,
}

/// That a cosigner was accepted again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AcceptedRejoinInfo {
    /// Of how many keys it proved that it holds its share.
    pub proved: usize,
    /// The keys of which it did not.
    pub lost: Vec<LostShareInfo>,
}

/// A share that a cosigner lost.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LostShareInfo {
    /// The wallet.
    pub wallet: String,
    /// The suite, by name.
    pub suite: String,
    /// The key.
    pub key_id: String,
    /// The epoch that the share should be of.
    pub epoch: u64,
    /// Why there is no proof.
    pub problem: String,
    /// Whether the other holders can repair it.
    pub repairable: bool,
}
